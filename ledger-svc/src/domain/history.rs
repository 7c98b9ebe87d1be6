//! The history of a case, read back from what is kept of its lines.
//!
//! Guaranteed: the account and the facts are handed out only when every line is there, is the one in the log, and is
//! understood; a line that is not is handed out as far as it can be read, and said to be wrong. Left to others: whether
//! the tiles, whose entries the lines are held against, are those that a checkpoint covers ([`super::coverage`]).

use std::collections::BTreeSet;

use data_encoding::HEXLOWER;
use huying_platform::ids::CaseId;

use super::{
    account::Account,
    discrepancy::{Discrepancy, Subject},
    facts::Facts,
    leaf::{Leaf, Salt, Told, Unreadable, commitment},
    merkle::{Hash, leaf_hash},
};

/// What is kept of a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptLine {
    /// Place in the log, from 0.
    pub leaf_index: u64,
    /// Version of the case.
    pub case_version: u64,
    /// The leaf.
    pub leaf: Vec<u8>,
    /// SHA-256(0x00 || leaf).
    pub hash: Hash,
    /// The hash that the tile has at its place, if it has one.
    pub entry: Option<Hash>,
}

impl KeptLine {
    /// A line, hashed.
    pub fn new(leaf_index: u64, case_version: u64, leaf: Vec<u8>, entry: Option<Hash>) -> Self {
        let hash = leaf_hash(&leaf);
        Self { leaf_index, case_version, leaf, hash, entry }
    }

    /// Does the tile have another hash at its place, or none?
    pub fn is_suspect(&self) -> bool {
        self.entry != Some(self.hash)
    }
}

/// A line as it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadLine {
    /// Place in the log, from 0.
    pub leaf_index: u64,
    /// Version of the case.
    pub case_version: u64,
    /// The leaf as it is kept; bytes that are no UTF-8 are replaced.
    pub json: String,
    /// The leaf, if it can be read.
    pub leaf: Option<Leaf<'static>>,
    /// It is the line that is in the log.
    pub genuine: bool,
}

/// Why a history makes no account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Untold {
    /// A line is missing, or is not the one in the log.
    Damaged,
    /// A line is of a type, or a format, that this version does not know.
    Unknown,
}

/// A history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct History {
    /// Its lines, by version.
    pub lines: Vec<ReadLine>,
    /// What is wrong with them; all of it about leaves.
    pub discrepancies: Vec<Discrepancy>,
    /// How the case stands after them, and what they mean for those who had to do with it.
    pub told: Result<(Account, Facts), Untold>,
}

impl History {
    /// Reads the lines of a case, which are by version. `changed` are the places of those that are not in the log.
    pub fn read(case_id: CaseId, kept: Vec<KeptLine>, changed: &BTreeSet<u64>) -> Self {
        let mut fold = Fold { told: None, untold: None };
        let mut discrepancies = Vec::new();
        let mut lines = Vec::with_capacity(kept.len());
        let mut expected = 1;
        for line in kept {
            let version = line.case_version;
            if version > expected {
                let what = match version - expected {
                    1 => "the line is missing".to_owned(),
                    count => format!("{count} lines from here on are missing"),
                };
                discrepancies.push(Discrepancy::of_line(expected, Subject::Leaf, what));
                fold.untold = Some(Untold::Damaged);
            }
            expected = version + 1;
            let leaf = serde_json::from_slice::<Leaf<'static>>(&line.leaf).ok();
            let wrong = fault(case_id, &line, leaf.as_ref(), changed);
            let genuine = wrong.is_none();
            match (&leaf, wrong) {
                (Some(leaf), None) => {
                    if let Err(unreadable) = fold.follow(leaf) {
                        let detail = format!("the leaf {unreadable}");
                        discrepancies.push(Discrepancy::of_line(version, Subject::Leaf, detail));
                    }
                }
                (_, wrong) => {
                    fold.untold = Some(Untold::Damaged);
                    let wrong = wrong.unwrap_or("the leaf cannot be read");
                    discrepancies.push(Discrepancy::of_line(version, Subject::Leaf, wrong));
                }
            }
            let json = String::from_utf8(line.leaf)
                .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned());
            lines.push(ReadLine { leaf_index: line.leaf_index, case_version: version, json, leaf, genuine });
        }
        Self { lines, discrepancies, told: fold.end() }
    }
}

/// What is wrong with a line, if anything is.
fn fault(
    case_id: CaseId,
    line: &KeptLine,
    leaf: Option<&Leaf<'_>>,
    changed: &BTreeSet<u64>,
) -> Option<&'static str> {
    if changed.contains(&line.leaf_index) {
        return Some("the leaf is not the one that the log has at its place");
    }
    let Some(leaf) = leaf else { return Some("the leaf cannot be read") };
    if leaf.case_id.parse() != Ok(case_id) || leaf.case_version != line.case_version {
        return Some("the leaf is that of another line");
    }
    if !is_canonical(&line.leaf) {
        return Some("the leaf is not canonical JSON");
    }
    None
}

/// Sorted keys and no white space: what the writer of a map makes, whose keys and numbers are those of leaves.
fn is_canonical(leaf: &[u8]) -> bool {
    let value: Option<serde_json::Value> = serde_json::from_slice(leaf).ok();
    value.and_then(|value| serde_json::to_vec(&value).ok()).is_some_and(|canonical| canonical == leaf)
}

/// Is this the text, with its salt, that a leaf has this commitment to, in hex?
pub fn matches_commitment(text: &str, salt: &[u8], hex: &str) -> bool {
    Salt::try_from(salt).is_ok_and(|salt| HEXLOWER.encode(&commitment(&salt, text)) == hex)
}

/// The account so far.
struct Fold {
    told: Option<(Account, Facts)>,
    untold: Option<Untold>,
}

impl Fold {
    /// Goes on by a line; with an error when the line makes no sense.
    fn follow(&mut self, leaf: &Leaf<'_>) -> Result<(), Unreadable> {
        match (Told::of(leaf), &mut self.told) {
            (Ok(told), Some((account, facts))) => account.follow(&told, facts),
            (Ok(told), None) => {
                let mut facts = Facts::default();
                self.told = Some((Account::open(&told, &mut facts), facts));
            }
            (Err(Unreadable::Unknown(..)), _) => {
                self.untold.get_or_insert(Untold::Unknown);
            }
            (Err(error @ Unreadable::Field(_)), _) => {
                self.untold = Some(Untold::Damaged);
                return Err(error);
            }
        }
        Ok(())
    }

    fn end(self) -> Result<(Account, Facts), Untold> {
        match self.untold {
            Some(untold) => Err(untold),
            None => self.told.ok_or(Untold::Damaged),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{
        account::tests::told,
        event::{
            CaseEvent,
            tests::{assigned, case_id, registered, submitted},
        },
        leaf::write,
    };

    fn kept() -> Vec<KeptLine> {
        let events = [submitted(1), registered(1, 2), assigned(1, 3, "150802001-general")];
        (7..)
            .zip(events)
            .map(|(leaf_index, event)| {
                let event = CaseEvent::parse(event).unwrap();
                let leaf = write(&event, || [1; 32]).unwrap().bytes;
                let hash = leaf_hash(&leaf);
                KeptLine::new(leaf_index, event.version, leaf, Some(hash))
            })
            .collect()
    }

    fn read(kept: Vec<KeptLine>) -> History {
        let changed = kept.iter().filter(|line| line.is_suspect()).map(|line| line.leaf_index).collect();
        History::read(case_id(1), kept, &changed)
    }

    fn faults(history: &History) -> Vec<(u64, &str)> {
        history.discrepancies.iter().map(|found| (found.case_version, found.detail.as_str())).collect()
    }

    /// The line with its bytes changed by somebody who also changed the tile.
    fn rewritten(line: &KeptLine, from: &str, to: &str) -> KeptLine {
        let leaf = String::from_utf8(line.leaf.clone()).unwrap().replace(from, to).into_bytes();
        let hash = leaf_hash(&leaf);
        KeptLine::new(line.leaf_index, line.case_version, leaf, Some(hash))
    }

    #[test]
    fn a_genuine_history_tells_what_its_events_told() {
        let history = read(kept());
        let events = vec![submitted(1), registered(1, 2), assigned(1, 3, "150802001-general")];
        assert_eq!(history.told, Ok(told(events)));
        assert!(history.discrepancies.is_empty());
        assert!(history.lines.iter().all(|line| line.genuine && line.leaf.is_some()));
    }

    #[test]
    fn a_changed_line_is_named_and_makes_no_account() {
        for byte in [0, 1, 400] {
            let mut lines = kept();
            let mut leaf = lines[1].leaf.clone();
            leaf[byte] ^= 0x80;
            lines[1] = KeptLine::new(8, 2, leaf, lines[1].entry);
            let history = read(lines);
            assert_eq!(faults(&history), [(2, "the leaf is not the one that the log has at its place")]);
            assert_eq!(history.told, Err(Untold::Damaged));
            assert_eq!(
                history.lines.iter().map(|line| line.genuine).collect::<Vec<_>>(),
                [true, false, true]
            );
        }
    }

    #[test]
    fn a_missing_line_is_named() {
        let mut lines = kept();
        lines.remove(1);
        let history = read(lines);
        assert_eq!(faults(&history), [(2, "the line is missing")]);
        assert_eq!(history.told, Err(Untold::Damaged));
        let history = read(kept().split_off(2));
        assert_eq!(faults(&history), [(1, "2 lines from here on are missing")]);
        assert_eq!(read(Vec::new()).told, Err(Untold::Damaged));
    }

    #[test]
    fn a_leaf_that_is_of_another_line_or_no_leaf_is_named() {
        let cases = [
            (
                "000000001\",\"case_version\":2",
                "000000002\",\"case_version\":2",
                "the leaf is that of another line",
            ),
            ("\"case_version\":2", "\"case_version\":9", "the leaf is that of another line"),
            ("{\"actor", "{ \"actor", "the leaf is not canonical JSON"),
            ("{\"actor", "\"actor", "the leaf cannot be read"),
            ("2026-03-01T02:02", "2026-13-01T02:02", "the leaf has no occurred_at that makes sense"),
        ];
        for (from, to, fault) in cases {
            let mut lines = kept();
            lines[1] = rewritten(&lines[1], from, to);
            let history = read(lines);
            assert_eq!(faults(&history), [(2, fault)]);
            assert_eq!(history.told, Err(Untold::Damaged));
        }
    }

    #[test]
    fn a_type_of_later_versions_is_no_fault_and_makes_no_account() {
        let mut lines = kept();
        lines[2] = rewritten(&lines[2], "CaseAssigned", "CaseFramed");
        let history = read(lines);
        assert!(history.discrepancies.is_empty() && history.lines[2].genuine);
        assert_eq!(history.told, Err(Untold::Unknown));
    }

    #[test]
    fn a_text_matches_its_commitment_by_every_byte() {
        let hex = HEXLOWER.encode(&commitment(&[7; 32], "暖气不热"));
        assert!(matches_commitment("暖气不热", &[7; 32], &hex));
        assert!(!matches_commitment("暖气不热 ", &[7; 32], &hex));
        assert!(!matches_commitment("暖气不热", &[8; 32], &hex));
        assert!(!matches_commitment("暖气不热", &[7; 31], &hex));
        assert!(!matches_commitment("暖气不热", &[7; 32], &hex.to_uppercase()));
    }
}
