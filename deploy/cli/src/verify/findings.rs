//! What an audit finds to be otherwise than it should be.

use std::{collections::BinaryHeap, fmt};

use serde_json::{Value, json};

use crate::text;

/// Most that are kept to be told; those beyond are counted. Whoever changes one thing often changes everything after it.
const KEPT_MAX: usize = 1_000;
/// What somebody else wrote is shown up to here.
const SHOWN_CHARS_MAX: usize = 200;

/// What is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Subject {
    /// A checkpoint, its keys and signatures.
    Checkpoint,
    /// What a witness vouches for.
    Witness,
    /// A tile of hashes.
    Tile,
    /// A leaf, or where it stands.
    Leaf,
    /// How a case stands.
    Case,
    /// A text beside a leaf.
    Text,
    /// A figure.
    Figures,
    /// A file that is not whole, or not in its form.
    Export,
}

impl Subject {
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Checkpoint => "checkpoint",
            Self::Witness => "witness",
            Self::Tile => "tile",
            Self::Leaf => "leaf",
            Self::Case => "case",
            Self::Text => "text",
            Self::Figures => "figures",
            Self::Export => "export",
        }
    }
}

/// Something that is otherwise than it should be.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Discrepancy {
    pub(crate) subject: Subject,
    /// Where.
    pub(crate) place: String,
    pub(crate) expected: String,
    pub(crate) found: String,
}

impl Discrepancy {
    pub(crate) fn new(
        subject: Subject,
        place: impl Into<String>,
        expected: impl Into<String>,
        found: impl Into<String>,
    ) -> Self {
        Self { subject, place: place.into(), expected: expected.into(), found: clipped(found.into()) }
    }

    pub(crate) fn to_json(&self) -> Value {
        json!({
            "subject": self.subject.word(),
            "place": self.place,
            "expected": self.expected,
            "found": self.found,
        })
    }
}

impl fmt::Display for Discrepancy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = |text: &str| if text.is_empty() { "nothing".to_owned() } else { text::line(text) };
        write!(
            f,
            "{:<10}  {}: expected {}, found {}",
            self.subject.word(),
            text::line(&self.place),
            shown(&self.expected),
            shown(&self.found)
        )
    }
}

/// As much of what somebody else wrote as is shown.
pub(crate) fn clipped(text: String) -> String {
    match text.char_indices().nth(SHOWN_CHARS_MAX) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

/// All of it.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    /// The first [`KEPT_MAX`].
    pub(crate) kept: Vec<Discrepancy>,
    /// How many there are.
    pub(crate) count: u64,
}

impl Findings {
    pub(crate) fn add(&mut self, discrepancy: Discrepancy) {
        self.count += 1;
        if self.kept.len() < KEPT_MAX {
            self.kept.push(discrepancy);
        }
    }
}

/// What is found in no order, and told in the order of subject and place.
#[derive(Debug, Default)]
pub(crate) struct Unordered {
    /// The [`KEPT_MAX`] that come first; the last of them on top.
    first: BinaryHeap<Discrepancy>,
    count: u64,
}

impl Unordered {
    pub(crate) fn add(&mut self, discrepancy: Discrepancy) {
        self.count += 1;
        self.first.push(discrepancy);
        if self.first.len() > KEPT_MAX {
            self.first.pop();
        }
    }

    /// Adds all of it, the first first.
    pub(crate) fn add_to(self, findings: &mut Findings) {
        findings.count += self.count;
        let room = KEPT_MAX.saturating_sub(findings.kept.len());
        findings.kept.extend(self.first.into_sorted_vec().into_iter().take(room));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_discrepancy_is_one_line_whatever_was_found() {
        let found = format!("a\nb\u{1b}[31m{}", "长".repeat(300));
        let discrepancy = Discrepancy::new(Subject::Text, "case 1", "", found);
        let line = discrepancy.to_string();
        assert!(line.starts_with("text        case 1: expected nothing, found a b [31m"), "{line}");
        assert!(!line.contains(['\n', '\u{1b}']) && line.ends_with('…'));
    }

    #[test]
    fn more_than_can_be_told_is_counted() {
        let mut findings = Findings::default();
        for number in 0..2_000 {
            findings.add(Discrepancy::new(Subject::Leaf, number.to_string(), "", ""));
        }
        assert_eq!((findings.count, findings.kept.len()), (2_000, KEPT_MAX));
    }

    #[test]
    fn what_is_found_in_no_order_is_told_in_order_and_not_all_of_it_is_kept() {
        let mut unordered = Unordered::default();
        for number in (0..5_000).rev() {
            unordered.add(Discrepancy::new(Subject::Leaf, format!("{number:04}"), "", ""));
        }
        let mut findings = Findings::default();
        findings.add(Discrepancy::new(Subject::Tile, "before", "", ""));
        unordered.add_to(&mut findings);
        assert_eq!((findings.count, findings.kept.len()), (5_001, KEPT_MAX));
        let places: Vec<&str> = findings.kept.iter().take(3).map(|kept| kept.place.as_str()).collect();
        assert_eq!(places, ["before", "0000", "0001"]);
    }
}
