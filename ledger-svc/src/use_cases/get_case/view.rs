//! A case as the public may see it.

use huying_platform::ids::CaseId;

use crate::domain::{
    account::Account,
    discrepancy::Discrepancy,
    leaf::{Leaf, PICTURE_NAME},
    title::ListedTitle,
};

/// A case as the public may see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CaseView {
    /// How it stands.
    pub account: Account,
    /// All its lines are those of the log, and say that it stands like this. Otherwise that is what is kept beside them.
    pub is_proven: bool,
    /// Its title, where public.
    pub title: Option<String>,
    /// What is kept of the title, and what is wrong with that; `None` when the line it belongs to cannot be read.
    pub kept_title: Option<TextView>,
    /// Codes of the representatives who follow it, in the order of their claims, by its genuine lines.
    pub followers: Vec<String>,
    /// The case it goes on as part of, or was closed with.
    pub merged_into: Option<RelatedCase>,
    /// The first [`super::ABSORBED_MAX`] of the cases that go on as part of it.
    pub absorbed: Vec<RelatedCase>,
    /// Its lines by version, from the one wanted; without those that cannot be read.
    pub lines: Vec<LineView>,
    /// Lines among these that cannot be read.
    pub damaged: Vec<DamagedLine>,
    /// Version of the first line after these; `None` when these are the last.
    pub next_version: Option<u64>,
    /// What is not as it was logged, of the case as a whole and of the lines wanted, by version. What is wrong with the
    /// case as a whole (version 0) comes first.
    pub discrepancies: Vec<Discrepancy>,
    /// How it stands, and what the figures count of it, was held against its lines. It cannot be while the tables are drawn
    /// anew.
    pub is_checked: bool,
}

/// Another case that this one goes on with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RelatedCase {
    /// Which.
    pub case_id: CaseId,
    /// Its title, where public.
    pub title: Option<ListedTitle>,
}

/// One leaf and the texts beside it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LineView {
    /// Version of the case.
    pub case_version: u64,
    /// Place in the tree, from 0.
    pub leaf_index: u64,
    /// The leaf, byte for byte.
    pub json: String,
    /// The leaf, read.
    pub leaf: Leaf<'static>,
    /// It is the leaf that the log has. Of one that is not, no text is shown as true.
    pub genuine: bool,
    /// The texts it commits to, in the order of their names.
    pub texts: Vec<TextView>,
}

/// A line whose leaf cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DamagedLine {
    /// Version of the case.
    pub case_version: u64,
    /// Place in the tree, from 0.
    pub leaf_index: u64,
    /// What is kept in place of the leaf; bytes that are no UTF-8 are replaced.
    pub kept: String,
}

/// A text or the id of a picture, or its commitment alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TextView {
    /// Its name.
    pub name: String,
    /// Hex.
    pub commitment: String,
    /// Text and salt, where they are public and the log has a commitment to them.
    pub shown: Option<ShownText>,
    /// What is kept in place of a public text and does not match any commitment in the log. Not to be shown as true.
    pub unproven: Option<String>,
    /// Text and salt have been deleted for good.
    pub erased: bool,
}

/// A public text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShownText {
    /// The text.
    pub text: String,
    /// Key of the commitment, 32 bytes.
    pub salt: Vec<u8>,
}

impl TextView {
    /// Is it the id of a picture?
    pub fn is_picture(&self) -> bool {
        self.name.starts_with(PICTURE_NAME)
    }
}

impl LineView {
    /// A text of the line, if public.
    pub fn text(&self, name: &str) -> Option<&str> {
        let text = self.texts.iter().find(|text| text.name == name)?;
        text.shown.as_ref().map(|shown| shown.text.as_str())
    }
}
