//! A log that grows: while it is audited, between two audits, and under the eyes of witnesses. And keys.

use super::*;

#[tokio::test]
async fn a_log_that_grows_while_it_is_audited_has_no_discrepancy() {
    let mut ledger = Ledger::honest();
    // The files were made when the log had 9 + 300 leaves, before and after the audit began.
    let before = STORY + FILLERS - 40;
    ledger.leaves.extend((FILLERS..FILLERS + 50).map(filler));
    let rated_again = ledger.leaves[7].replace("\"case_version\":6", "\"case_version\":7");
    let declined = with(
        leaf("CaseDeclined", 4, standing("declined"), json!({})),
        &[("/case_id", json!(CASE_B)), ("/publication", json!("status_only"))],
    );
    ledger.leaves.extend([rated_again, declined]);
    ledger.notes = vec![ledger.note(before), ledger.note(ledger.leaves.len())];
    assert_eq!(ledger.findings().await, [""; 0]);
}

#[tokio::test]
async fn texts_whose_publicity_changes_during_the_audit_are_shown_or_not() {
    let erased = with(
        leaf("PrivatePartErased", 7, standing("closed"), json!({})),
        &[
            ("/occurred_at", json!("2026-11-12T00:00:00.000000Z")),
            ("/submitted_at", json!("2026-10-31T15:00:00.000000Z")),
        ],
    );
    let mut growing = Ledger::honest();
    growing.leaves.push(erased.clone());
    growing.notes = vec![growing.note(STORY + FILLERS), growing.note(growing.leaves.len())];
    assert_eq!(growing.clone().findings().await, [""; 0], "read before the erasure");
    growing.texts.drain(..2);
    assert_eq!(growing.clone().findings().await, [""; 0], "read after it");

    // When the erasure was there before, they must be gone.
    let mut done = Ledger::honest();
    done.leaves.push(erased);
    let (place, row) =
        ("/texts.jsonl case 0197a3f0-5d1e-7c3a-8000-00000000000a version 1", STORY + FILLERS - 8);
    done.cases[row]["case_version"] = json!(7);
    done.cases[row]["updated_at"] = json!("2026-11-12T00:00:00Z");
    done.cases[row]["erased_before_version"] = json!(7);
    done.cases[row]["title"] = json!(null);
    done.units.iter_mut().chain(&mut done.regions).chain(&mut done.representatives).for_each(|row| {
        row["tree_size"] = json!(STORY + FILLERS + 1);
    });
    let found = done.clone().findings().await;
    assert_eq!(found.len(), 2, "{found:#?}");
    for (found, name) in found.iter().zip(["body", "title"]) {
        assert!(
            found.contains(&format!("{place} {name}: expected nothing, found a text that is not public"))
        );
    }
    done.texts.drain(..2);
    assert_eq!(done.findings().await, [""; 0]);
}

#[tokio::test]
async fn an_audit_remembers_what_the_next_one_must_find_again() {
    let folder = Folder::new("remember");
    let file = folder.0.join("last.checkpoint");
    let remember = |arguments: &mut AuditArgs| arguments.remember = Some(file.clone());
    let mut wrong = Ledger::honest();
    wrong.regions[0]["received"] = json!(9);
    assert!(wrong.audit(remember).await.is_err());
    assert!(!file.exists(), "nothing is remembered of a ledger with discrepancies");

    let mut shorter = Ledger::honest();
    let size = shorter.leaves.len();
    shorter.audit(remember).await.unwrap();
    assert_eq!(std::fs::read_to_string(&file).unwrap(), Ledger::honest().note(size));
    shorter = Ledger::honest();
    shorter.audit(|arguments| arguments.since = vec![file.clone()]).await.unwrap();

    // Another tree, and one that has lost leaves: with everything else as if it were so.
    let mut other = Ledger::honest();
    other.leaves.swap(100, 101);
    let findings = |found: Result<(), Failure>| found.unwrap_err().in_one_line();
    let found = findings(other.audit(|arguments| arguments.since = vec![file.clone()]).await);
    assert!(found.starts_with("1 discrepancy"), "{found}");
    let mut lost = Ledger::honest();
    lost.leaves.pop();
    let found = lost.findings_of(|arguments| arguments.since = vec![file.clone()]).await;
    let line = format!("checkpoint  {}: expected 309 leaves or more, found 308 leaves", file.display());
    assert!(found.contains(&line), "{found:#?}");
}

#[tokio::test]
async fn what_was_remembered_is_compared_before_it_is_replaced() {
    let folder = Folder::new("replace");
    let size = STORY + FILLERS;
    let kept = Ledger::honest().note(size);
    let file = folder.write("last.checkpoint", &kept);
    let remember = |arguments: &mut AuditArgs| arguments.remember = Some(file.clone());
    let mut forked = Ledger::honest();
    forked.leaves.swap(100, 101);
    let found = forked.clone().findings_of(remember).await;
    assert!(found.len() == 1 && found[0].contains("last.checkpoint, 309 leaves"), "{found:#?}");
    forked.audit(remember).await.unwrap_err();
    assert_eq!(std::fs::read_to_string(&file).unwrap(), kept, "the evidence is still there");

    let mut grown = Ledger::honest();
    grown.leaves.push(filler(FILLERS));
    grown.notes = vec![grown.note(size), grown.note(size + 1)];
    let note = grown.note(size + 1);
    grown.audit(remember).await.unwrap();
    assert_eq!(std::fs::read_to_string(&file).unwrap(), note);

    let other = folder.write("other", "no checkpoint");
    let failure =
        Ledger::honest().audit(|arguments| arguments.remember = Some(other.clone())).await.unwrap_err();
    assert_eq!(failure.exit(), Exit::Usage);
    assert_eq!(std::fs::read_to_string(&other).unwrap(), "no checkpoint");
}

#[tokio::test]
async fn a_proof_that_somebody_kept_is_a_checkpoint_to_hold_the_log_against() {
    let folder = Folder::new("since");
    let honest = Ledger::honest();
    let leaves: Vec<&str> = honest.leaves[..5].iter().map(String::as_str).collect();
    let kept = folder.write("receipt.tlog-proof", &proof_of(0, &leaves));
    let since = |path: &Path| {
        let path = path.to_owned();
        move |arguments: &mut AuditArgs| arguments.since = vec![path]
    };
    Ledger::honest().audit(since(&kept)).await.unwrap();
    let forked = folder.write("forked.tlog-proof", &proof_of(0, &[leaves[0], leaves[2]]));
    let failure = Ledger::honest().audit(since(&forked)).await.unwrap_err();
    assert_eq!(failure.exit(), Exit::VerificationFailed);

    let stranger = honest.note(5).replace(ORIGIN, "other.example");
    for (name, text) in [("stranger", stranger.as_str()), ("nothing", "")] {
        let failure = Ledger::honest().audit(since(&folder.write(name, text))).await.unwrap_err();
        assert_eq!(failure.exit(), Exit::Usage, "{name}");
    }
    let missing = folder.0.join("missing");
    let failure = Ledger::honest().audit(since(&missing)).await.unwrap_err();
    assert!(failure.for_people().contains("--remember"), "{failure:?}");
}

const LONG_AGO: u64 = 1_700_000_000;

/// The path and the proof of the receipt of the oldest case, in the tree of so many leaves of a ledger.
fn cosigned_receipt(ledger: &Ledger, size: usize, seconds: u64) -> (String, Result<Vec<u8>, StatusCode>) {
    let leaves: Vec<&str> = ledger.leaves[..size].iter().map(String::as_str).collect();
    let proof = proof_of(0, &leaves);
    let (head, note) = proof.split_once("\n\n").unwrap();
    let proof = format!("{head}\n\n{}", cosigned(note, "w.example", seconds));
    (format!("/cases/{CASE_A}/receipt.tlog-proof"), Ok(proof.into_bytes()))
}

#[tokio::test]
async fn what_a_witness_has_cosigned_is_compared() {
    let demand = |arguments: &mut AuditArgs| arguments.witness = vec![witness_key("w.example").to_text()];
    let honest = Ledger::honest();
    let size = honest.leaves.len();
    let mut ledger = honest.clone();
    ledger.notes = vec![cosigned(&honest.note(size), "w.example", LONG_AGO)];
    ledger.audit(demand).await.unwrap();

    // In a busy log the latest checkpoint is never cosigned; the receipt of the oldest case comes with one that is, and that
    // has all that there was when the audit began.
    let mut busy = honest.clone();
    busy.leaves.extend((FILLERS..FILLERS + 20).map(filler));
    busy.notes = vec![busy.note(size), busy.note(size + 20)];
    busy.instead.extend([cosigned_receipt(&busy, size + 10, LONG_AGO)]);
    busy.clone().audit(demand).await.unwrap();

    let mut forked = busy.clone();
    forked.leaves.swap(100, 101);
    busy.instead.extend([cosigned_receipt(&forked, size + 10, LONG_AGO)]);
    let found = busy.findings_of(demand).await;
    assert!(found.len() == 1 && found[0].contains("that w.example has cosigned, 319 leaves"), "{found:#?}");
}

#[tokio::test]
async fn a_witness_that_vouches_for_less_than_there_is_does_not_do() {
    let demand = |arguments: &mut AuditArgs| arguments.witness = vec![witness_key("w.example").to_text()];
    let mut ledger = Ledger::honest();
    // A fork after these leaves would be consistent with them.
    ledger.instead.extend([cosigned_receipt(&ledger, 5, LONG_AGO)]);
    let found = ledger.clone().findings_of(demand).await;
    assert!(
        found.len() == 1
            && found[0].starts_with("witness     w.example: expected a cosignature of w.example+")
            && found[0]
                .ends_with("over 309 leaves or more, found one over 5 leaves, of 2023-11-14T22:13:20Z"),
        "{found:#?}"
    );

    // It may be enough for somebody, as long as it is young.
    let recently = |arguments: &mut AuditArgs| {
        demand(arguments);
        arguments.witness_age_max = Some(std::time::Duration::from_secs(3_600));
    };
    let found = ledger.clone().findings_of(recently).await;
    assert!(
        found.len() == 1 && found[0].contains("or one not older than 1h, found one over 5"),
        "{found:#?}"
    );
    let seconds = u64::try_from(jiff::Timestamp::now().as_second()).unwrap() - 1_800;
    ledger.instead.extend([cosigned_receipt(&ledger, 5, seconds)]);
    ledger.clone().audit(recently).await.unwrap();
    let found = ledger.findings_of(demand).await;
    assert_eq!(found.len(), 1, "{found:#?}");
}

#[tokio::test]
async fn a_witness_that_has_not_cosigned_is_told() {
    let witness = witness_key("w.example").to_text();
    let failure = Ledger::honest().audit(|arguments| arguments.witness = vec![witness]).await.unwrap_err();
    assert_eq!(failure.exit(), Exit::VerificationFailed);
}

#[tokio::test]
async fn keys_must_be_those_of_the_log_and_have_signed() {
    use crate::verify::keys::{KeyKind, VerifierKey};
    let other = ed25519_dalek::SigningKey::from_bytes(&[8; 32]);
    let other_key = VerifierKey::of(KeyKind::Log, ORIGIN, other.verifying_key()).to_text();

    // A new key beside the old one: both have signed.
    let honest = Ledger::honest();
    let note = honest.note(honest.leaves.len());
    let text = &note[..=note.rfind("\n\n").unwrap()];
    let second = signed(text, &other, ORIGIN).lines().last().unwrap().to_owned();
    let mut rotating = Ledger::honest();
    rotating.vkeys = format!("{}\n{other_key}\n", verifier_key().to_text());
    rotating.notes = vec![format!("{note}{second}\n")];
    assert_eq!(rotating.clone().findings().await, [""; 0]);
    rotating.audit(|arguments| arguments.vkey = Some(other_key.clone())).await.unwrap();

    // The ledger shows a key that has not signed, and one that is not ours.
    let mut unsigned = Ledger::honest();
    unsigned.vkeys = format!("{}\n{other_key}\n", verifier_key().to_text());
    let found = unsigned.findings().await;
    assert!(
        found.len() == 1 && found[0].contains(&format!("a signature of {other_key}, found none")),
        "{found:?}"
    );
    let mut hidden = Ledger::honest();
    hidden.vkeys = format!("{other_key}\n");
    let found = hidden.findings().await;
    assert!(found[0].starts_with("checkpoint  /log/vkey: expected huying.example/150800+"), "{found:?}");

    // A checkpoint that our key has not signed is no checkpoint.
    let failure = Ledger::honest().audit(|arguments| arguments.vkey = Some(other_key)).await.unwrap_err();
    assert_eq!(failure.exit(), Exit::VerificationFailed);
    assert!(failure.in_one_line().contains("no signature of the key"), "{failure:?}");
}
