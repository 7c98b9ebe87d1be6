//! What a leaf says of its case, and whether what is shown beside it is what it committed to.

use std::collections::BTreeMap;

use data_encoding::{HEXLOWER, HEXLOWER_PERMISSIVE};
use hmac::{Hmac, Mac as _};
use jiff::Timestamp;
use serde_json::Value;
use sha2::Sha256;

use super::canonical;

/// What verification needs of a leaf.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Leaf {
    /// The case.
    pub(crate) case_id: String,
    /// Version of the case.
    pub(crate) case_version: u64,
    /// Name of the event.
    pub(crate) event_type: String,
    /// When it was decided.
    pub(crate) occurred_at: Timestamp,
    /// Word of the role of whoever caused it.
    pub(crate) actor_role: String,
    /// Unit or representative code of whoever caused it; may be empty.
    pub(crate) actor_code: String,
    /// Code of the smallest region in which the matter is; empty when the leaf has none.
    pub(crate) region: String,
    /// Hex commitments by the name of the text.
    pub(crate) commitments: BTreeMap<String, String>,
}

/// Reads a leaf; says what is wrong with it otherwise. A leaf in another form than the canonical one is refused,
/// because two forms of one content would be two leaves.
pub(crate) fn parse(text: &str) -> Result<Leaf, String> {
    canonical::check(text).map_err(|reason| format!("the leaf is not canonical JSON: {reason}"))?;
    let value: Value =
        serde_json::from_str(text).map_err(|error| format!("the leaf is not JSON: {error}"))?;
    let word = |place: &str| {
        let found = value.pointer(place).and_then(Value::as_str);
        found.map(str::to_owned).ok_or_else(|| format!("the leaf has no text at {place}"))
    };
    let occurred_at = word("/occurred_at")?;
    let mut commitments = BTreeMap::new();
    if let Some(listed) = value.get("commitments") {
        let listed = listed.as_object().ok_or("the leaf's \"commitments\" are no object")?;
        for (name, commitment) in listed {
            let commitment =
                commitment.as_str().ok_or_else(|| format!("the commitment to {name} is no text"))?;
            commitments.insert(name.clone(), commitment.to_owned());
        }
    }
    Ok(Leaf {
        case_id: word("/case_id")?,
        case_version: value["case_version"].as_u64().ok_or("the leaf has no \"case_version\" as number")?,
        event_type: word("/type")?,
        occurred_at: occurred_at
            .parse()
            .map_err(|_| format!("the leaf's \"occurred_at\" is not of RFC 3339: {occurred_at}"))?,
        actor_role: word("/actor/role")?,
        actor_code: word("/actor/code")?,
        region: ["/region/township", "/region/district", "/region/municipal"]
            .into_iter()
            .filter_map(|place| value.pointer(place)?.as_str())
            .find(|code| !code.is_empty())
            .unwrap_or_default()
            .to_owned(),
        commitments,
    })
}

/// A text as it is shown beside a leaf.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ShownText<'a> {
    /// Name in the leaf's commitments.
    pub(crate) name: &'a str,
    /// The text.
    pub(crate) text: &'a str,
    /// Hex of the commitment that is shown with it.
    pub(crate) commitment: &'a str,
    /// Hex of the salt; empty when the text is not public.
    pub(crate) salt: &'a str,
}

/// Checks one shown text against its leaf. `Ok(true)` when the text itself was checked, `Ok(false)` when it is not
/// public and there is the commitment alone.
pub(crate) fn check_text(leaf: &Leaf, shown: ShownText<'_>) -> Result<bool, String> {
    let name = shown.name;
    let committed = leaf
        .commitments
        .get(name)
        .ok_or_else(|| format!("the leaf has no commitment to the text \"{name}\""))?;
    if !committed.eq_ignore_ascii_case(shown.commitment) {
        return Err(format!("the commitment shown with \"{name}\" is not the one in the leaf"));
    }
    if shown.salt.is_empty() {
        if shown.text.is_empty() {
            return Ok(false);
        }
        return Err(format!("the text \"{name}\" is shown without the salt that would prove it"));
    }
    let salt = HEXLOWER_PERMISSIVE
        .decode(shown.salt.as_bytes())
        .ok()
        .filter(|salt| salt.len() == 32)
        .ok_or_else(|| format!("the salt of \"{name}\" is not hex of 32 bytes"))?;
    if !committed.eq_ignore_ascii_case(&HEXLOWER.encode(&commitment(&salt, shown.text))) {
        return Err(format!("the text \"{name}\" is not the one that the leaf committed to"));
    }
    Ok(true)
}

/// Finds the commitment to a text that somebody has with its salt; its name.
pub(crate) fn find_text<'a>(leaf: &'a Leaf, text: &str, salt: &[u8]) -> Option<&'a str> {
    let made = HEXLOWER.encode(&commitment(salt, text));
    let (name, _) = leaf.commitments.iter().find(|(_, committed)| committed.eq_ignore_ascii_case(&made))?;
    Some(name)
}

/// HMAC-SHA256 over a text, with the salt as key.
pub(crate) fn commitment(salt: &[u8], text: &str) -> [u8; 32] {
    // RFC 2104 defines HMAC for keys of every length.
    let mac = Hmac::<Sha256>::new_from_slice(salt).expect("HMAC takes keys of any length");
    mac.chain_update(text.as_bytes()).finalize().into_bytes().into()
}

/// Checks that a case's lines are its versions from 1 on without gaps, and lie in the tree in this order.
/// `lines` are version and leaf index, in the order in which they were shown.
pub(crate) fn check_versions(lines: &[(u64, u64)]) -> Result<(), String> {
    if lines.is_empty() {
        return Err("the case has no lines".to_owned());
    }
    for (expected, (version, _)) in (1..).zip(lines) {
        if *version != expected {
            return Err(format!("version {expected} of the case is missing; {version} stands in its place"));
        }
    }
    for pair in lines.windows(2) {
        if let [(version, earlier), (_, later)] = pair
            && earlier >= later
        {
            return Err(format!("the leaf after version {version} does not come later in the tree"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const SALT: &str = "0101010101010101010101010101010101010101010101010101010101010101";

    fn leaf(text: &str) -> (Leaf, String) {
        let commitment = HEXLOWER.encode(&commitment(&[1; 32], text));
        let json = format!(
            r#"{{"actor":{{"code":"","role":"system"}},"case_id":"c","case_version":1,"commitments":{{"body":"{commitment}"}},"occurred_at":"2026-03-01T02:01:00.000000Z","type":"CaseSubmitted"}}"#
        );
        (parse(&json).unwrap(), commitment)
    }

    #[test]
    fn the_commitment_is_that_of_rfc_4231() {
        let expected = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
        assert_eq!(HEXLOWER.encode(&commitment(b"Jefe", "what do ya want for nothing?")), expected);
    }

    #[test]
    fn a_text_is_what_its_leaf_committed_to() {
        let (leaf, commitment) = leaf("暖气不热");
        let shown = ShownText { name: "body", text: "暖气不热", commitment: &commitment, salt: SALT };
        assert_eq!(check_text(&leaf, shown), Ok(true));
        assert_eq!(check_text(&leaf, ShownText { text: "", salt: "", ..shown }), Ok(false), "not public");
        assert_eq!(find_text(&leaf, "暖气不热", &[1; 32]), Some("body"));
        assert_eq!(find_text(&leaf, "暖气不热", &[2; 32]), None);
        for wrong in [
            ShownText { text: "暖气很热", ..shown },
            ShownText { salt: &SALT.replace("01", "02"), ..shown },
            ShownText { salt: "01", ..shown },
            ShownText { salt: "", ..shown },
            ShownText { name: "title", ..shown },
            ShownText { commitment: "00", ..shown },
        ] {
            assert!(check_text(&leaf, wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn tasks_and_pictures_are_what_their_leaf_committed_to() {
        let (task, picture) = ("请说明管网情况", "ab".repeat(32));
        let [of_task, of_picture] = [task, &picture].map(|text| HEXLOWER.encode(&commitment(&[1; 32], text)));
        let json = format!(
            r#"{{"actor":{{"code":"u","role":"office"}},"case_id":"c","case_version":3,"commitments":{{"picture_1":"{of_picture}","task_12":"{of_task}"}},"details":{{"parts":[{{"deadline_at":"2026-03-20T09:46:40.000000Z","part_number":12,"unit":"w"}}],"pictures":[{{"media_type":"image/png"}}],"trace":{{"candidates":[{{"category":"","confidence_percent":60,"unit":"w"}}],"conclusion":"","considered":[],"directory_revision":7,"matched_keywords":["暖气"]}}}},"occurred_at":"2026-03-01T02:01:00.000000Z","type":"CaseAssigned"}}"#
        );
        let leaf = parse(&json).unwrap();
        let shown = ShownText { name: "task_12", text: task, commitment: &of_task, salt: SALT };
        assert_eq!(check_text(&leaf, shown), Ok(true));
        let shown = ShownText { name: "picture_1", text: &picture, commitment: &of_picture, salt: SALT };
        assert_eq!(check_text(&leaf, shown), Ok(true));
        let other = "cd".repeat(32);
        assert!(check_text(&leaf, ShownText { text: &other, ..shown }).is_err(), "another picture");
        assert!(check_text(&leaf, ShownText { name: "task_12", ..shown }).is_err(), "under another name");
        assert!(parse(&json.replace("[{\"media_type\"", "[ {\"media_type\"")).is_err(), "not canonical");
    }

    #[test]
    fn a_leaf_must_be_canonical_and_complete() {
        let good = r#"{"actor":{"code":"u","role":"office"},"case_id":"c","case_version":2,"occurred_at":"2026-03-01T02:01:00.000000Z","type":"CaseClosed"}"#;
        let read = parse(good).unwrap();
        assert_eq!((read.actor_code.as_str(), read.actor_role.as_str()), ("u", "office"));
        assert_eq!(read.occurred_at.to_string(), "2026-03-01T02:01:00Z");
        for (part, other) in [
            (r#""case_id":"c","case_version":2"#, r#""case_version":2,"case_id":"c""#),
            (r#""case_id":"c""#, r#""case_id": "c""#),
            (r#""case_version":2"#, r#""case_version":2,"case_version":2"#),
            (r#""case_version":2"#, r#""case_version":"2""#),
            (r#""case_version":2,"#, ""),
            (r#""case_id":"c""#, r#""case_id":"\u0063""#),
            (r#""type":"CaseClosed""#, r#""type":7"#),
            ("2026-03-01T", "soon"),
            (r#"}"#, ""),
        ] {
            let wrong = good.replace(part, other);
            assert_ne!(wrong, good);
            assert!(parse(&wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn versions_have_no_gaps_and_keep_their_order_in_the_tree() {
        assert_eq!(check_versions(&[(1, 4), (2, 9), (3, 10)]), Ok(()));
        assert!(check_versions(&[]).is_err());
        assert!(check_versions(&[(2, 4)]).unwrap_err().contains("version 1"));
        assert!(check_versions(&[(1, 4), (3, 5)]).unwrap_err().contains("version 2"));
        assert!(check_versions(&[(1, 4), (2, 4)]).is_err());
        assert!(check_versions(&[(1, 4), (1, 5)]).is_err());
    }
}
