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
    let address = lost.serve().await;
    let arguments = AuditArgs {
        url: Some(address),
        vkey: None,
        witness: vec![],
        since: vec![file.clone()],
        remember: None,
    };
    let audited = audit(&context(), &arguments).await.unwrap();
    let line = format!("checkpoint  {}: expected 309 leaves or more, found 308 leaves", file.display());
    assert!(audited.findings.kept.iter().any(|found| found.to_string() == line), "{:#?}", audited.findings);
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

#[tokio::test]
async fn what_a_witness_has_cosigned_is_compared() {
    let witness = witness_key("w.example").to_text();
    let demand = |arguments: &mut AuditArgs| arguments.witness = vec![witness.clone()];
    let honest = Ledger::honest();
    let size = honest.leaves.len();
    let mut ledger = Ledger::honest();
    ledger.notes = vec![cosigned(&honest.note(size), "w.example", 1_700_000_000)];
    ledger.audit(demand).await.unwrap();

    // In a busy log the latest checkpoint is never cosigned; the receipt of the oldest case comes with one that is.
    let leaves: Vec<&str> = honest.leaves[..100].iter().map(String::as_str).collect();
    let proof = proof_of(0, &leaves);
    let receipt = format!("/cases/{CASE_A}/receipt.tlog-proof");
    let mut ledger = Ledger::honest();
    ledger.instead.insert(receipt.clone(), Ok(proof_with_cosignature(&proof).into_bytes()));
    ledger.audit(demand).await.unwrap();

    let forked = proof_of(0, &[leaves[0], leaves[2]]);
    let mut ledger = Ledger::honest();
    ledger.instead.insert(receipt, Ok(proof_with_cosignature(&forked).into_bytes()));
    let failure = ledger.audit(demand).await.unwrap_err();
    assert!(failure.in_one_line().starts_with("1 discrepancy"), "{failure:?}");
}

fn proof_with_cosignature(proof: &str) -> String {
    let (head, note) = proof.split_once("\n\n").unwrap();
    format!("{head}\n\n{}", cosigned(note, "w.example", 1_700_000_000))
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
