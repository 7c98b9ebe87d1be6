//! The title of a case where it stands in a list, held against what the log has committed to.
//!
//! Left to others: whether the leaf is as it was written, which the page of the case tells, and the audit.

use std::{borrow::Cow, collections::BTreeMap};

use serde::Deserialize;

use super::history::matches_commitment;

/// A title as it is kept, beside what it is held against.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptTitle {
    /// The title.
    pub text: String,
    /// Key of its commitment.
    pub salt: Vec<u8>,
    /// The leaf of the case's submission, if there is one: canonical JSON.
    pub leaf: Option<Vec<u8>>,
}

/// A title for a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ListedTitle {
    /// The one that the log has committed to.
    AsCommitted(String),
    /// What is kept is not what the log has committed to, so it is not shown.
    Otherwise,
}

/// The part of a leaf that a title is held against.
#[derive(Deserialize)]
struct Committing<'a> {
    #[serde(borrow)]
    commitments: BTreeMap<Cow<'a, str>, Cow<'a, str>>,
}

impl KeptTitle {
    /// What is to be listed.
    pub fn listed(self) -> ListedTitle {
        let leaf = self.leaf.as_deref().unwrap_or_default();
        let committed = serde_json::from_slice(leaf).is_ok_and(|Committing { commitments }| {
            let commitment = commitments.get("title");
            commitment.is_some_and(|commitment| matches_commitment(&self.text, &self.salt, commitment))
        });
        if committed { ListedTitle::AsCommitted(self.text) } else { ListedTitle::Otherwise }
    }
}

#[cfg(test)]
mod tests {
    use data_encoding::HEXLOWER;

    use super::*;
    use crate::domain::leaf::commitment;

    #[test]
    fn a_title_is_listed_as_the_log_has_committed_to_it_or_not_at_all() {
        let committed = HEXLOWER.encode(&commitment(&[7; 32], "供暖"));
        let leaf = format!("{{\"commitments\":{{\"title\":\"{committed}\"}},\"type\":\"CaseSubmitted\"}}");
        let listed = |text: &str, salt: u8, leaf: Option<&str>| {
            let leaf = leaf.map(|leaf| leaf.as_bytes().to_vec());
            KeptTitle { text: text.to_owned(), salt: vec![salt; 32], leaf }.listed()
        };
        assert_eq!(listed("供暖", 7, Some(&leaf)), ListedTitle::AsCommitted("供暖".to_owned()));
        for (text, salt, leaf) in [
            ("供电", 7, Some(leaf.as_str())),
            ("供暖", 8, Some(&leaf)),
            ("供暖", 7, None),
            ("供暖", 7, Some("{\"commitments\":{}}")),
            ("供暖", 7, Some("\u{1}")),
        ] {
            assert_eq!(listed(text, salt, leaf), ListedTitle::Otherwise);
        }
    }
}
