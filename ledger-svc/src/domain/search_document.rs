//! What the search keeps of a case.
//!
//! Guaranteed: a document has nothing but what [`Account::publicity`] shows; a case that shows nothing has none.

use std::fmt::Write as _;

use sha2::{Digest as _, Sha256};

use super::{
    account::{Account, Publicity},
    leaf::PICTURE_NAME,
    segmentation::{self, BETWEEN_RUNS},
};

/// How much of a case is searched, in characters: title and text of the submission, then what was said last. More than
/// nearly all cases have, and it keeps a document within the megabyte that PostgreSQL allows for its lexemes.
pub const DOCUMENT_MAX_CHARS: usize = 60_000;

/// How much of what was said after the submission a document is drawn from, in bytes, the latest first: as much as it can
/// have, for a Chinese character has three bytes, and some more for the punctuation, which it leaves out.
pub const LATER_MAX_BYTES: usize = DOCUMENT_MAX_CHARS * 4;

/// Between title, body and the rest where a document is one text. No segmented text has it.
const FIELD_SEPARATOR: &str = "\u{1f}";

/// A text of a case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CaseText {
    /// Version whose leaf commits to it.
    pub case_version: u64,
    /// Its name there.
    pub name: String,
    /// The text.
    pub text: String,
}

impl CaseText {
    /// May the public read it, and find it?
    pub fn is_findable(&self, account: &Account) -> bool {
        account.publicity().shows(&self.name)
            && !account.is_erased(self.case_version, &self.name)
            && !self.name.starts_with(PICTURE_NAME)
    }
}

/// What of a case is found: its public texts as words ([`segmentation::segment`]).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SearchDocument {
    /// The title.
    pub title: String,
    /// What the citizen wrote first.
    pub body: String,
    /// What was said later, the latest first.
    pub said: String,
}

impl SearchDocument {
    /// The document of a case; `None` where nothing of it is public.
    pub fn of(account: &Account, texts: &[CaseText]) -> Option<Self> {
        if account.publicity() == Publicity::Nothing {
            return None;
        }
        let mut findable: Vec<&CaseText> = texts.iter().filter(|text| text.is_findable(account)).collect();
        findable.sort_by(|a, b| b.case_version.cmp(&a.case_version).then_with(|| a.name.cmp(&b.name)));
        let mut document = Self::default();
        let mut left = DOCUMENT_MAX_CHARS;
        let mut take = |text: &str| {
            let segmented = segmentation::segment(text, left);
            left = left.saturating_sub(segmented.chars().count());
            segmented
        };
        let (first, later): (Vec<&CaseText>, Vec<&CaseText>) =
            findable.into_iter().partition(|text| text.case_version == 1);
        for text in first.into_iter().rev() {
            match text.name.as_str() {
                "title" => document.title = take(&text.text),
                _ => document.body = take(&text.text),
            }
        }
        for text in later {
            let segmented = take(&text.text);
            if !document.said.is_empty() && !segmented.is_empty() {
                document.said.push(BETWEEN_RUNS);
            }
            document.said.push_str(&segmented);
        }
        Some(document)
    }

    /// The document as one text, as [`Self::fields`] reads it.
    pub fn joined(&self) -> String {
        [self.title.as_str(), &self.body, &self.said].join(FIELD_SEPARATOR)
    }

    /// Title, body and what was said later, of what [`Self::joined`] wrote.
    pub fn fields(joined: &str) -> [&str; 3] {
        let mut fields = joined.splitn(3, FIELD_SEPARATOR);
        [(); 3].map(|()| fields.next().unwrap_or_default())
    }

    /// What it is found by ([`segmentation::lexemes`]).
    pub fn lexemes(&self) -> String {
        segmentation::lexemes([self.title.as_str(), &self.body, &self.said])
    }
}

/// What a document is made from, in short: where it is the same, the document is.
pub fn digest(account: &Account, texts: &[CaseText]) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update(segmentation::FORMAT.to_be_bytes());
    hash.update(account.erased_before.to_be_bytes());
    hash.update([publicity_number(account.publicity())]);
    let mut head = String::new();
    for text in texts.iter().filter(|text| text.is_findable(account)) {
        head.clear();
        // Writing to a string does not fail.
        write!(head, "{} {} {} {} ", text.case_version, text.name.len(), text.name, text.text.len()).ok();
        hash.update(head.as_bytes());
        hash.update(text.text.as_bytes());
    }
    hash.finalize().into()
}

/// A publicity as the search notes it beside a document.
pub fn publicity_number(publicity: Publicity) -> u8 {
    match publicity {
        Publicity::Nothing => 0,
        Publicity::Everything => 1,
        Publicity::ExplanationOnly => 2,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{
        account::tests::told,
        event::tests::{registered, submitted},
    };

    fn text(case_version: u64, name: &str, text: &str) -> CaseText {
        CaseText { case_version, name: name.to_owned(), text: text.to_owned() }
    }

    fn texts() -> Vec<CaseText> {
        vec![
            text(1, "body", "暖气不热"),
            text(1, "picture_1", "0123456789abcdef"),
            text(1, "title", "供暖"),
            text(4, "text", "现场查看"),
            text(6, "text", "已修好"),
        ]
    }

    #[test]
    fn a_document_is_the_public_texts_the_latest_first() {
        let (account, _) = told(vec![submitted(1), registered(1, 2)]);
        let document = SearchDocument::of(&account, &texts()).unwrap();
        assert_eq!(document.title, "供暖");
        assert_eq!(document.body, "暖气 不热");
        assert_eq!(document.said, "已 修好\n现场 查看");
        let lexemes = document.lexemes();
        assert!(lexemes.split(' ').any(|lexeme| lexeme == "修好") && !lexemes.contains("abc"), "{lexemes}");
    }

    #[test]
    fn what_is_not_public_or_erased_is_in_no_document() {
        let (waiting, _) = told(vec![submitted(1)]);
        assert_eq!(SearchDocument::of(&waiting, &texts()), None);
        let (mut erased, _) = told(vec![submitted(1), registered(1, 2)]);
        erased.erased_before = 5;
        let document = SearchDocument::of(&erased, &texts()).unwrap();
        assert_eq!((document.title.as_str(), document.body.as_str()), ("", ""));
        assert!(document.said.contains("现场"));
    }

    #[test]
    fn a_document_ends_where_it_has_become_too_long() {
        let (account, _) = told(vec![submitted(1), registered(1, 2)]);
        let texts: Vec<CaseText> = (1..=20)
            .map(|version| text(version, "text", &format!("第{version}次{}", "答复".repeat(2_500))))
            .collect();
        let document = SearchDocument::of(&account, &texts).unwrap();
        let length =
            document.title.chars().count() + document.body.chars().count() + document.said.chars().count();
        assert!((DOCUMENT_MAX_CHARS..DOCUMENT_MAX_CHARS * 2).contains(&length), "{length}");
        assert!(document.said.starts_with("第 20 次"), "{}", &document.said[..30]);
    }

    /// Whoever reads a case draws its document again and holds it against the one that is kept. Where this fails, documents
    /// are drawn otherwise than before: raise [`segmentation::FORMAT`], and write the new digest here.
    #[test]
    fn documents_of_one_format_are_drawn_alike() {
        let (account, _) = told(vec![submitted(1), registered(1, 2)]);
        let document = SearchDocument::of(&account, &texts()).unwrap();
        let lexemes = document.lexemes();
        let mut sorted: Vec<&str> = lexemes.split(' ').collect();
        sorted.sort_unstable();
        let sample = "流沙河镇罘罳村Ａ8县，楼道灯不亮！巴彦淖尔市人大代表①㎡ ᠮᠣᠩᠭᠣᠯ 2026年";
        let mut sampled: Vec<String> = segmentation::lexemes([segmentation::segment(sample, 100).as_str()])
            .split(' ')
            .map(str::to_owned)
            .collect();
        sampled.sort_unstable();
        let drawn = format!("{}\n{}\n{}", document.joined(), sorted.join(" "), sampled.join(" "));
        let digest = data_encoding::HEXLOWER.encode(&Sha256::digest(drawn)[..8]);
        assert_eq!((segmentation::FORMAT, digest.as_str()), (2, "bd3a156cd6b532d7"));
    }

    #[test]
    fn a_digest_tells_what_a_document_is_drawn_from() {
        let (account, _) = told(vec![submitted(1), registered(1, 2)]);
        let digest_of = |texts: &[CaseText]| digest(&account, texts);
        assert_eq!(digest_of(&texts()), digest_of(&texts()));
        for change in [
            |texts: &mut Vec<CaseText>| texts[0].text.push('。'),
            |texts: &mut Vec<CaseText>| texts[3].case_version = 3,
            |texts: &mut Vec<CaseText>| drop(texts.pop()),
        ] {
            let mut changed = texts();
            change(&mut changed);
            assert_ne!(digest_of(&changed), digest_of(&texts()));
        }
        let mut erased = account.clone();
        erased.erased_before = 1;
        assert_ne!(digest(&erased, &texts()), digest_of(&texts()));
    }
}
