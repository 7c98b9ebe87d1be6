//! What the search keeps of a case, and how well that matches a query.
//!
//! Guaranteed: a document has nothing but what [`Account::publicity`] shows; a case that shows nothing has none. The score
//! is a function of the query and the document alone, and of no statistics over all cases, so that it does not change
//! from one page of a list to the next.
//!
//! The score is the logarithm of the chance to draw the words of the query, one after the other and at random, from the
//! words of the case: many hits in a short text beat few in a long one. What the title says counts [`TITLE_WEIGHT`] times,
//! and what was said later, by offices mostly and in much the same words, [`SAID_WEIGHT`] times. Measured on 2,000 real
//! messages with three words of each: it finds the message as well as BM25 or PostgreSQL's `ts_rank_cd` with rare words,
//! and better than either with common ones.

use std::fmt::Write as _;

use sha2::{Digest as _, Sha256};

use super::{
    account::{Account, Publicity},
    leaf::PICTURE_NAME,
    search_query::{SearchQuery, Word},
    segmentation::{self, BETWEEN_RUNS, BETWEEN_WORDS, Script},
};

/// How much of a case is searched, in characters: title and text of the submission, then what was said last. More than
/// nearly all cases have, and it keeps a document within the megabyte that PostgreSQL allows for its lexemes.
pub const DOCUMENT_MAX_CHARS: usize = 60_000;

const TITLE_WEIGHT: f64 = 3.0;
const SAID_WEIGHT: f64 = 0.5;

/// What a hit counts that begins or ends within a word, as 上海 in 晚上|海边.
const CROSSING_WEIGHT: f64 = 0.2;

/// What counts as hits where there is none: the word was found by its pairs, and not in one piece.
const HITS_MIN: f64 = 0.1;

/// What a phrase that stands in the case as it was typed adds, in powers of e.
const PHRASE_WEIGHT: f64 = 0.7;

/// Added to the length of a text, in characters, so that a message of five words is not the best match for each of them.
const LENGTH_OFFSET: f64 = 20.0;

/// Hits of one word that are counted in one text; more make no difference.
const HITS_MAX: u32 = 200;

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

    /// The document as one text, as [`Self::parse`] reads it.
    pub fn joined(&self) -> String {
        [self.title.as_str(), &self.body, &self.said].join(FIELD_SEPARATOR)
    }

    /// Reads [`Self::joined`].
    pub fn parse(joined: &str) -> Self {
        let mut fields = joined.splitn(3, FIELD_SEPARATOR).map(str::to_owned);
        let mut field = || fields.next().unwrap_or_default();
        Self { title: field(), body: field(), said: field() }
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

/// How well a document matches, in millionths; more is better. Of documents that have all the words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Score(pub i64);

/// Scores documents for one query.
#[derive(Debug)]
pub struct Scorer<'a> {
    query: &'a SearchQuery,
    plain: String,
    /// Places in `plain` where a word ends or begins.
    boundaries: Vec<bool>,
}

impl<'a> Scorer<'a> {
    /// For a query.
    pub fn new(query: &'a SearchQuery) -> Self {
        Self { query, plain: String::new(), boundaries: Vec::new() }
    }

    /// The score of a document.
    pub fn score(&mut self, document: &SearchDocument) -> Score {
        let words = self.query.words();
        let phrases = self.query.phrases();
        let mut hits = vec![0.0; words.len()];
        let mut phrase_hits = vec![0.0; phrases.len()];
        let mut length = LENGTH_OFFSET;
        let fields = [(&document.title, TITLE_WEIGHT), (&document.body, 1.0), (&document.said, SAID_WEIGHT)];
        for (text, weight) in fields {
            self.read(text);
            // A title is short, and its weight is not to be taken back by its length.
            length += weight.min(1.0) * self.plain.chars().count() as f64;
            for (hits, word) in hits.iter_mut().zip(words) {
                *hits += weight * self.hits(word);
            }
            for (hits, phrase) in phrase_hits.iter_mut().zip(phrases) {
                *hits += weight * self.plain.matches(phrase.as_str()).take(HITS_MAX as usize).count() as f64;
            }
        }
        let drawn: f64 = hits.iter().map(|hits| hits.max(HITS_MIN).ln() - length.ln()).sum();
        let phrased: f64 = phrase_hits.iter().map(|hits: &f64| PHRASE_WEIGHT * hits.ln_1p()).sum();
        // At most some thousand in magnitude, so it fits.
        Score(((drawn + phrased) * 1_000_000.0).round() as i64)
    }

    fn read(&mut self, segmented: &str) {
        self.plain.clear();
        self.boundaries.clear();
        let mut apart = true;
        for character in segmented.chars() {
            if character == BETWEEN_WORDS {
                apart = true;
                continue;
            }
            let separates = character == BETWEEN_RUNS;
            self.boundaries.push(apart || separates);
            // Only where a character begins can there be a boundary.
            self.boundaries.resize(self.boundaries.len() + character.len_utf8() - 1, false);
            self.plain.push(character);
            apart = separates;
        }
        self.boundaries.push(true);
    }

    fn hits(&self, word: &Word) -> f64 {
        let found = self.plain.match_indices(word.text.as_str()).take(HITS_MAX as usize);
        found.map(|(start, text)| self.hit_weight(word.script, start, start + text.len())).sum()
    }

    /// Whole words count fully, and so do parts of a longer word; what crosses from one word into the next does not. Of
    /// letters and digits only whole words count: 12 is not in 2012.
    fn hit_weight(&self, script: Script, start: usize, end: usize) -> f64 {
        let is_whole = self.boundaries[start] && self.boundaries[end];
        match script {
            Script::Other if is_whole => 1.0,
            Script::Other => 0.0,
            Script::Han if is_whole || !self.boundaries[start + 1..end].contains(&true) => 1.0,
            Script::Han => CROSSING_WEIGHT,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{
        account::tests::told,
        event::tests::{registered, submitted},
    };

    fn score(query: &str, title: &str, body: &str, said: &str) -> Score {
        let segment = |text: &str| segmentation::segment(text, usize::MAX);
        let document = SearchDocument { title: segment(title), body: segment(body), said: segment(said) };
        Scorer::new(&SearchQuery::parse(query).unwrap()).score(&document)
    }

    #[test]
    fn what_matches_better_comes_first() {
        let filler = "请有关部门尽快处理这件事情谢谢";
        for (better, worse) in [
            // In the title rather than in the text.
            (score("供暖", "供暖问题", filler, ""), score("供暖", "民生问题", &format!("供暖{filler}"), "")),
            // In the citizen's words rather than in the office's.
            (score("供暖", "事", "供暖不热", "已收悉"), score("供暖", "事", "已收悉", "供暖不热")),
            // Oftener.
            (score("供暖", "事", "供暖不热，供暖太晚", ""), score("供暖", "事", "供暖不热，停水太晚", "")),
            // In a shorter text.
            (score("供暖", "事", "供暖不热", ""), score("供暖", "事", &format!("供暖不热{filler}"), "")),
            // As a word rather than across two.
            (score("上海", "事", "我在上海边", ""), score("上海", "事", "今天晚上海边", "")),
            // In one piece.
            (score("小区供暖", "事", "小区供暖不热", ""), score("小区供暖", "事", "供暖的小区不热", "")),
            // Whole numbers.
            (score("12", "事", "12号楼", ""), score("12", "事", "2012年", "")),
        ] {
            assert!(better > worse, "{better:?} {worse:?}");
        }
    }

    #[test]
    fn a_score_is_the_same_each_time() {
        let query = SearchQuery::parse("小区供暖 a8").unwrap();
        let document = SearchDocument { title: "小区 供暖\na 8".into(), ..SearchDocument::default() };
        let mut scorer = Scorer::new(&query);
        let first = scorer.score(&document);
        scorer.score(&SearchDocument::default());
        assert_eq!(scorer.score(&document), first);
    }

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
