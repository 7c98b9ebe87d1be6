use super::*;
use serde_json::{Value, json};

pub(crate) const CASE: &str = "0197a3f0-5d1e-7c3a-8000-00000000000a";

/// A leaf with these details, canonical.
#[allow(clippy::needless_pass_by_value)] // Tests write both as literals.
pub(crate) fn leaf(event_type: &str, version: u32, standing: Value, details: Value) -> Value {
    json!({
        "actor": { "code": "150802-housing", "role": "department" },
        "addressee": { "code": "r-1", "kind": "representative" },
        "case_id": CASE,
        "case_version": version,
        "category": "城乡建设/供热",
        "commitments": {},
        "details": details,
        "event_id": "0197a3f0-5d1e-7c3a-8000-0000000000ff",
        "kind": "message",
        "occurred_at": "2026-03-02T02:01:00.000000Z",
        "publication": "public",
        "region": { "district": "150802", "municipal": "150800", "township": "150802001" },
        "standing": standing,
        "submitted_at": "2026-03-01T02:01:00.000000Z",
        "type": event_type,
        "v": 1,
    })
}

pub(crate) fn standing(state: &str) -> Value {
    json!({
        "deadline_at": null,
        "holder_office": "150802-office",
        "overdue": false,
        "responsible_unit": "150802-housing",
        "state": state,
    })
}

#[test]
fn a_leaf_is_understood() {
    let told = leaf("CaseReplied", 4, standing("replied"), json!({ "unit": "150802-housing" }));
    let told = Told::parse(&told.to_string()).unwrap();
    assert_eq!(case_id_text(told.case_id), CASE);
    assert_eq!(told.what, What::Replied { unit: "150802-housing".into(), by_representative: false });
    assert_eq!((told.version, told.is_public, told.representative.as_str()), (4, true, ""));
    assert_eq!(told.occurred_at.to_string(), "2026-03-02T02:01:00Z");
    assert_eq!(told.occurred_at.seconds_since(told.submitted_at), 86_400);
    assert_eq!(told.submitted_at.seconds_since(told.occurred_at), 0);
    let standing = told.standing.unwrap();
    assert_eq!((standing.state, standing.petitioner_count), (State::Replied, 1));
}

#[test]
fn a_representative_acts_when_the_event_or_the_token_names_one() {
    let named = json!({ "representative_code": "r-1", "unit": "u" });
    let mut replied = leaf("CaseReplied", 4, standing("replied"), named.clone());
    assert_eq!(Told::parse(&replied.to_string()).unwrap().representative, "r-1");
    replied["details"] = json!({ "unit": "u" });
    replied["actor"] = json!({ "code": "r-2", "role": "representative" });
    let told = Told::parse(&replied.to_string()).unwrap();
    assert_eq!(told.representative, "r-2");
    assert_eq!(told.what, What::Replied { unit: "u".into(), by_representative: false });
    replied["type"] = json!("CaseUrged");
    replied["details"] = named;
    let told = Told::parse(&replied.to_string()).unwrap();
    assert_eq!(
        (told.representative.as_str(), told.what),
        ("r-2", What::Urged { unit: "u".into(), by_representative: true })
    );
}

#[test]
fn what_makes_no_sense_is_said() {
    let good = leaf("CaseClosed", 4, standing("closed"), json!({}));
    assert!(Told::parse(&good.to_string()).is_ok());
    for (place, value, reason) in [
        ("/v", json!(2), "format 2"),
        ("/type", json!("CaseForgotten"), "CaseForgotten of format 1"),
        ("/type", json!("CaseSubmitted"), "CaseSubmitted as version 4"),
        ("/type", json!("CaseReturned"), "details.unit"),
        ("/type", json!("CaseRated"), "no rating"),
        ("/type", json!("CaseUrged"), "details.unit"),
        ("/type", json!("DeadlineExpired"), "details.kind"),
        ("/type", json!("CaseDelegated"), "no way"),
        ("/type", json!("CaseClaimed"), "representative_code"),
        ("/case_version", json!(1), "CaseClosed as version 1"),
        ("/case_version", json!(0), "version 0"),
        ("/case_version", json!(-1), "form"),
        ("/case_id", json!("0197A3F0-5d1e-7c3a-8000-00000000000a"), "case_id"),
        ("/standing", json!(null), "standing"),
        ("/standing/state", json!("done"), "standing.state"),
        ("/standing/deadline_at", json!("soon"), "standing.deadline_at"),
        ("/occurred_at", json!("2026-13-01T00:00:00Z"), "occurred_at"),
        ("/publication", json!("maybe"), "publication"),
        ("/kind", json!("gossip"), "kind"),
        ("/actor/role", json!("god"), "actor.role"),
        ("/addressee/kind", json!("mayor"), "addressee.kind"),
        ("/region/municipal", json!(""), "region.municipal"),
        ("/commitments", json!({ "body": "AB" }), "commitments"),
        ("/category", json!(7), "form"),
    ] {
        let mut wrong = good.clone();
        *wrong.pointer_mut(place).unwrap() = value;
        let error = Told::parse(&wrong.to_string()).unwrap_err();
        assert!(error.contains(reason), "{place}: {error}");
    }
}
