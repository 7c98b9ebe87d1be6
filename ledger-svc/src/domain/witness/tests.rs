use proptest::prelude::*;

use super::*;
use crate::domain::{
    merkle::{Edge, Tiles, consistency_path, leaf_hash},
    note::{Signer, sign},
};

const ORIGIN: &str = "ledger.example.cn/150800";

fn signer() -> Signer {
    Signer::from_seed(ORIGIN, &[1; 32]).unwrap()
}

fn logs() -> WitnessedLogs {
    WitnessedLogs::parse(&format!("# neighbours\n\n{}\n", signer().verifier_key())).unwrap()
}

/// The tiles and the root of a tree of so many leaves, of which those from `forked_at` on are others.
fn tree(tree_size: u64, forked_at: u64) -> (Tiles, Hash) {
    let mut edge = Edge::default();
    let leaf =
        |index: u64| leaf_hash(&[index.to_be_bytes(), u64::from(index >= forked_at).to_be_bytes()].concat());
    let hashes: Vec<_> = (0..tree_size).map(leaf).collect();
    let mut tiles = Tiles::default();
    for tile in edge.append(&hashes) {
        tiles.insert(tile);
    }
    (tiles, edge.root())
}

fn note(tree_size: u64, root: Hash) -> String {
    Checkpoint { origin: ORIGIN.to_owned(), tree_size, root }.sign(&[signer()]).unwrap()
}

fn submit(seen: &Seen, old_size: u64, path: Vec<Hash>, note: &str) -> Result<Seen, Refusal> {
    let body = AddCheckpoint { old_size, path, note }.write();
    seen.advance(&open(&logs(), AddCheckpoint::parse(&body)?)?)
}

#[test]
fn a_witness_follows_a_log_that_only_grows() {
    let mut seen = Seen::default();
    for (old_size, tree_size) in [(0, 1), (1, 1), (1, 5), (5, 256), (256, 300), (300, 300)] {
        let (tiles, root) = tree(tree_size, u64::MAX);
        let path = consistency_path(old_size, tree_size, &tiles).unwrap();
        seen = submit(&seen, old_size, path, &note(tree_size, root)).unwrap();
        assert_eq!(seen, Seen { tree_size, root });
    }
}

#[test]
fn a_witness_does_not_follow_a_log_with_two_histories() {
    let seen = Seen { tree_size: 100, root: tree(100, u64::MAX).1 };
    let (tiles, root) = tree(120, 99);
    let path = consistency_path(100, 120, &tiles).unwrap();
    assert_eq!(submit(&seen, 100, path.clone(), &note(120, root)), Err(Refusal::NotConsistent));
    assert_eq!(submit(&seen, 90, path, &note(120, root)), Err(Refusal::OtherSize(100)));
    let (_, other) = tree(100, 99);
    assert_eq!(submit(&seen, 100, vec![], &note(100, other)), Err(Refusal::OtherRoot(100)));
    assert_eq!(submit(&seen, 100, vec![[0; 32]], &note(100, seen.root)), Err(Refusal::NotConsistent));
    assert_eq!(submit(&seen, 60, vec![], &note(50, root)), Err(Refusal::OldSizeTooLarge));
    assert_eq!(submit(&seen, 50, vec![], &note(50, root)), Err(Refusal::OtherSize(100)));
}

#[test]
fn the_first_checkpoint_has_no_proof() {
    let (_, root) = tree(9, u64::MAX);
    assert!(submit(&Seen::default(), 0, vec![], &note(9, root)).is_ok());
    assert_eq!(submit(&Seen::default(), 0, vec![root], &note(9, root)), Err(Refusal::NotConsistent));
    assert_eq!(submit(&Seen::default(), 0, vec![], &note(0, root)), Err(Refusal::OtherRoot(0)));
    assert!(submit(&Seen::default(), 0, vec![], &note(0, empty_root())).is_ok());
}

#[test]
fn strangers_and_what_the_log_did_not_sign_are_refused() {
    let (_, root) = tree(9, u64::MAX);
    let refused = |note: &str| submit(&Seen::default(), 0, vec![], note).unwrap_err();
    let text = |origin: &str| Checkpoint { origin: origin.to_owned(), tree_size: 9, root };
    assert_eq!(refused(&text("other.example").sign(&[signer()]).unwrap()), Refusal::UnknownLog);
    let stranger = Signer::from_seed(ORIGIN, &[2; 32]).unwrap();
    let by_stranger = text(ORIGIN).sign(std::slice::from_ref(&stranger)).unwrap();
    assert_eq!(refused(&by_stranger), Refusal::NotSigned(NoteError::NotSigned));
    let changed = note(9, root).replacen("\n9\n", "\n8\n", 1);
    assert_eq!(refused(&changed), Refusal::NotSigned(NoteError::BadSignature));
    let both = text(ORIGIN).sign(&[stranger, signer()]).unwrap();
    assert!(submit(&Seen::default(), 0, vec![], &both).is_ok());
}

#[test]
fn what_is_no_request_is_refused() {
    let (_, root) = tree(9, u64::MAX);
    let note = note(9, root);
    let hash = BASE64.encode([0; 32]);
    for body in [
        String::new(),
        "old 0\n".to_owned(),
        format!("old 00\n\n{note}"),
        format!("old +1\n\n{note}"),
        format!("old -1\n\n{note}"),
        format!("old 9223372036854775808\n\n{note}"),
        format!("new 0\n\n{note}"),
        format!("old 0\r\n\r\n{note}"),
        format!("old 0\nAAAA\n\n{note}"),
        format!("old 0\n{hash} \n\n{note}"),
        format!("old 0\n{}\n{note}", format!("{hash}\n").repeat(64)),
        format!("old 0\n\n{}", "x".repeat(REQUEST_MAX_BYTES)),
    ] {
        assert!(matches!(AddCheckpoint::parse(&body), Err(Refusal::Malformed(_))), "{body:?}");
    }
    assert!(AddCheckpoint::parse(&format!("old 0\n{}\n{note}", format!("{hash}\n").repeat(63))).is_ok());
    let refused = |note: &str| open(&logs(), AddCheckpoint { old_size: 0, path: vec![], note }).unwrap_err();
    assert!(matches!(refused("x\n"), Refusal::NotANote(_)));
    assert!(matches!(refused(&sign("x\n", &[signer()]).unwrap()), Refusal::NotACheckpoint(_)));
    let text = format!("{ORIGIN}\n9\n{}\n\nmore\n", BASE64.encode(root));
    assert!(matches!(refused(&sign(&text, &[signer()]).unwrap()), Refusal::Malformed(_)));
    let extended = format!("{ORIGIN}\n9\n{}\nmore\n", BASE64.encode(root));
    let extended = sign(&extended, &[signer()]).unwrap();
    assert!(open(&logs(), AddCheckpoint { old_size: 0, path: vec![], note: &extended }).is_ok());
}

#[test]
fn a_file_of_logs_with_anything_else_is_refused() {
    let error = WitnessedLogs::parse("# one\nledger.example.cn\n").unwrap_err();
    assert!(matches!(error, WitnessedLogsError::Line { line: 2, .. }));
    let many = format!("{}\n", signer().verifier_key()).repeat(WITNESSED_KEYS_MAX + 1);
    assert_eq!(WitnessedLogs::parse(&many).unwrap_err(), WitnessedLogsError::TooMany);
    assert_eq!(logs().origins().collect::<Vec<_>>(), [ORIGIN]);
}

proptest! {
    #[test]
    fn requests_read_back(
        old_size in 0..=TREE_SIZE_MAX,
        path in proptest::collection::vec(any::<Hash>(), 0..=PATH_MAX),
        note in "\\PC{1,200}",
    ) {
        let request = AddCheckpoint { old_size, path, note: &note };
        let body = request.write();
        prop_assert_eq!(AddCheckpoint::parse(&body), Ok(request));
    }

    #[test]
    fn any_body_is_refused_or_is_a_request(body in "(old [0-9]{1,3}\n)?[A-Za-z=\n]{0,60}\n\n\\PC{0,60}") {
        prop_assert!(AddCheckpoint::parse(&body).map_or(true, |request| request.write() == body));
    }
}
