//! What is kept and is not what was logged: changed by somebody who did not go through the log.

use std::fmt;

/// What was changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Subject {
    /// A leaf: one line of a case.
    Leaf,
    /// The tree over the leaves: a tile, or the signed checkpoint.
    Tile,
    /// A text beside a leaf.
    Text,
    /// How the case stands.
    Account,
    /// What the figures count of the case.
    Figures,
    /// What the case is found by.
    Search,
}

impl Subject {
    /// The word that the contract has for it.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Leaf => "leaf",
            Self::Tile => "tile",
            Self::Text => "text",
            Self::Account => "account",
            Self::Figures => "figures",
            Self::Search => "search",
        }
    }
}

/// One thing that is not what was logged.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Discrepancy {
    /// Version of the line; 0 for what is drawn from, or holds, several of them.
    pub case_version: u64,
    /// What was changed.
    pub subject: Subject,
    /// What is wrong with it, in a sentence of plain English without anything that people wrote.
    pub detail: String,
}

impl Discrepancy {
    /// Something about one line.
    pub fn of_line(case_version: u64, subject: Subject, detail: impl fmt::Display) -> Self {
        Self { case_version, subject, detail: detail.to_string() }
    }

    /// Something about the case, or the log, as a whole.
    pub fn of_whole(subject: Subject, detail: impl fmt::Display) -> Self {
        Self::of_line(0, subject, detail)
    }
}
