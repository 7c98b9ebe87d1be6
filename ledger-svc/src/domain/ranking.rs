//! How well a case matches a query.
//!
//! Guaranteed: the score is a function of the query and the document alone, and of no statistics over all cases, so that
//! it does not change from one page of a list to the next.
//!
//! It is the logarithm of the chance to draw the words of the query, one after the other and at random, from the words of
//! the case: many hits in a short text beat few in a long one. What the title says counts [`TITLE_WEIGHT`] times, and what
//! was said later, by offices mostly and in much the same words, [`SAID_WEIGHT`] times. Measured on 2,000 real messages with
//! three words of each: it finds the message as well as BM25 or PostgreSQL's `ts_rank_cd` with rare words, and better than
//! either with common ones.

use memchr::memmem::Finder;

use super::{
    search_query::{SearchQuery, Word},
    segmentation::{BETWEEN_RUNS, BETWEEN_WORDS, Script},
};

const TITLE_WEIGHT: f64 = 3.0;
const SAID_WEIGHT: f64 = 0.5;

/// What a hit counts that lies across words, as 上海 in 晚上|海边. It counts only where the word is nowhere else.
const CROSSING_WEIGHT: f64 = 0.2;

/// What counts as hits where there is none: the word was found by its pairs, and not in one piece.
const HITS_MIN: f64 = 0.1;

/// What a phrase that stands in the case as it was typed adds, in powers of e.
const PHRASE_WEIGHT: f64 = 0.7;

/// Added to the length of a text, in characters, so that a message of five words is not the best match for each of them.
const LENGTH_OFFSET: f64 = 20.0;

/// Hits of one word that are counted in one text; more make no difference.
const HITS_MAX: usize = 200;

/// How well a document matches, in millionths; more is better. Of documents that have all the words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Score(pub i64);

/// Scores documents for one query.
#[derive(Debug)]
pub struct Scorer {
    words: Vec<Sought>,
    phrases: Vec<Finder<'static>>,
}

/// A word and how it may stand in a segmented text.
#[derive(Debug)]
struct Sought {
    script: Script,
    text: String,
    /// As one word or as part of one, and as several, the way jieba cuts it by itself.
    forms: Vec<Finder<'static>>,
}

impl Scorer {
    /// For a query.
    pub fn new(query: &SearchQuery) -> Self {
        let finder = |text: &String| Finder::new(text.as_bytes()).into_owned();
        Self {
            words: query.words().iter().map(Sought::of).collect(),
            phrases: query.phrases().iter().map(finder).collect(),
        }
    }

    /// The score of a document, of which these are the fields, segmented: title, body and what was said later.
    pub fn score(&self, fields: [&str; 3]) -> Score {
        let [title, body, said] = fields;
        let fields = [(title, TITLE_WEIGHT), (body, 1.0), (said, SAID_WEIGHT)];
        // A title is short, and its weight is not to be taken back by its length.
        let lengths = fields.iter().map(|(text, weight)| weight.min(1.0) * length(text) as f64);
        let length = LENGTH_OFFSET + lengths.sum::<f64>();
        let weighted = |count: &dyn Fn(&str) -> usize| -> f64 {
            fields.iter().map(|(text, weight)| weight * count(text) as f64).sum()
        };
        let drawn: f64 = self
            .words
            .iter()
            .map(|word| {
                let mut hits = weighted(&|text| word.hits(text));
                if hits == 0.0 && word.script == Script::Han {
                    hits = CROSSING_WEIGHT * weighted(&|text| word.hits_across(text));
                }
                hits.max(HITS_MIN).ln() - length.ln()
            })
            .sum();
        let phrased: f64 = self
            .phrases
            .iter()
            .map(|phrase| {
                let hits = weighted(&|text| phrase.find_iter(text.as_bytes()).take(HITS_MAX).count());
                PHRASE_WEIGHT * hits.ln_1p()
            })
            .sum();
        // At most some thousand in magnitude, so it fits.
        Score(((drawn + phrased) * 1_000_000.0).round() as i64)
    }
}

impl Sought {
    fn of(word: &Word) -> Self {
        let mut forms = vec![word.cut.as_str()];
        if word.cut != word.text {
            forms.push(&word.text);
        }
        Self {
            script: word.script,
            text: word.text.clone(),
            forms: forms.into_iter().map(|form| Finder::new(form.as_bytes()).into_owned()).collect(),
        }
    }

    /// Hits in a segmented text. Of letters and digits only whole words count: 12 is not in 2012.
    fn hits(&self, text: &str) -> usize {
        let bytes = text.as_bytes();
        let is_edge = |byte: Option<&u8>| {
            byte.is_none_or(|byte| [BETWEEN_WORDS, BETWEEN_RUNS].contains(&char::from(*byte)))
        };
        let is_hit = |form: &Finder<'_>, start: usize| match self.script {
            Script::Han => true,
            Script::Other => {
                let before = start.checked_sub(1).and_then(|before| bytes.get(before));
                is_edge(before) && is_edge(bytes.get(start + form.needle().len()))
            }
        };
        let hits = |form: &Finder<'static>| {
            form.find_iter(bytes).filter(|start| is_hit(form, *start)).take(HITS_MAX).count()
        };
        self.forms.iter().map(hits).sum()
    }

    /// Hits wherever the text is cut.
    fn hits_across(&self, text: &str) -> usize {
        let plain = text.replace(BETWEEN_WORDS, "");
        Finder::new(self.text.as_bytes()).find_iter(plain.as_bytes()).take(HITS_MAX).count()
    }
}

/// Characters of a segmented text, without what stands between its words.
fn length(text: &str) -> usize {
    let is_counted = |byte: &u8| char::from(*byte) != BETWEEN_WORDS && (*byte & 0xC0) != 0x80;
    text.as_bytes().iter().filter(|byte| is_counted(byte)).count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::segmentation;

    fn score(query: &str, title: &str, body: &str, said: &str) -> Score {
        let segment = |text: &str| segmentation::segment(text, usize::MAX);
        let (title, body, said) = (segment(title), segment(body), segment(said));
        Scorer::new(&SearchQuery::parse(query).unwrap()).score([&title, &body, &said])
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
            // A name that the dictionary does not have, in one piece.
            (score("罘罳村", "事", "住在罘罳村", ""), score("罘罳村", "事", "住在罘罳，罳村", "")),
            // Whole numbers.
            (score("12", "事", "12号楼", ""), score("12", "事", "2012年", "")),
        ] {
            assert!(better > worse, "{better:?} {worse:?}");
        }
    }
}
