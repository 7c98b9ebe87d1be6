//! Which texts of the log are shown, and whether they may be.

use data_encoding::HEXLOWER;

use super::{Auditor, Case};
use crate::verify::{
    exported::TextKey,
    findings::{Discrepancy, Subject, Unordered},
    names::Name,
    told::{Told, case_id_text},
};

/// The texts of one case that were found shown, or should perhaps have been.
#[derive(Debug, Default)]
pub(super) struct TextMarks {
    marks: Vec<TextMark>,
    /// What may be shown changed while texts were downloaded, so that they may be shown or not.
    pub(super) restless: bool,
}

#[derive(Debug)]
struct TextMark {
    version: u32,
    name: Name,
    is_shown: bool,
}

impl TextMarks {
    /// Bytes of memory behind it.
    pub(super) fn held_bytes(&self) -> u64 {
        (self.marks.capacity() * size_of::<TextMark>()) as u64
    }

    pub(super) fn mark(&mut self, version: u32, name: Name, is_shown: bool) {
        self.marks.push(TextMark { version, name, is_shown });
    }
}

/// A text that is not the one committed to.
pub(super) fn another_text(told: &Told, name: &str, committed: &[u8], shown: &[u8]) -> Discrepancy {
    Discrepancy::new(
        Subject::Text,
        place(told.case_id, told.version, name),
        format!("the text that the leaf commits to as {}", HEXLOWER.encode(committed)),
        format!("one that would be {}", HEXLOWER.encode(shown)),
    )
}

fn place(case_id: u128, version: u32, name: &str) -> String {
    format!("/texts.jsonl case {} version {version} {name}", case_id_text(case_id))
}

impl Auditor {
    /// Texts that are shown and must not be, that are not and must be, and that no leaf commits to.
    pub(super) fn judge_texts(&mut self, last: &mut Unordered) {
        let differs = |case_id, version, name: &str, expected: &str, found: &str| {
            Discrepancy::new(Subject::Text, place(case_id, version, name), expected, found)
        };
        let names = &self.exported.names;
        let mut withheld = 0;
        for (case_id, case) in &self.cases {
            let Case { history, texts, .. } = case;
            withheld += texts.marks.iter().filter(|mark| !mark.is_shown).count() as u64;
            if texts.restless {
                continue;
            }
            for mark in &texts.marks {
                let name = names.text(mark.name);
                match (history.account.shows(mark.version, name), mark.is_shown) {
                    (true, false) => last.add(differs(*case_id, mark.version, name, "the public text", "")),
                    (false, true) => {
                        last.add(differs(*case_id, mark.version, name, "", "a text that is not public"));
                    }
                    (true, true) | (false, false) => {}
                }
            }
        }
        self.checked.withheld = withheld;
        for case_id in &self.exported.with_two_titles {
            last.add(differs(*case_id, 1, "title", "the title that /cases.jsonl has", "another one"));
        }
        for TextKey { case_id, version, name } in self.exported.texts.keys() {
            let name = names.text(*name);
            last.add(differs(*case_id, *version, name, "", "a text that no leaf commits to"));
        }
    }
}
