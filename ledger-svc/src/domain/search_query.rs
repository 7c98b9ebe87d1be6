//! What somebody looks for: words, all of which have to be in a case.
//!
//! Words are told apart by whatever is neither letter nor digit, and where a piece of Chinese is longer than a word, by
//! jieba. Operators, quotes and signs mean nothing; there is no syntax that could be wrong.

use super::segmentation::{self, BETWEEN_RUNS, BETWEEN_WORDS, Lookup, Run, Script};

/// Longest query, in characters.
pub const QUERY_MAX_CHARS: usize = 200;

/// What is looked up in the index at most: more would hardly narrow what is found, and each costs time.
const LOOKUPS_MAX: usize = 24;

/// Single characters among these: each is looked up as the beginning of many lexemes.
const BEGINNINGS_MAX: usize = 4;

/// Single characters that hold a sentence together and are in every text. They are not looked for in a longer query.
const PARTICLES: &str = "的了着过地得之是在有和与及或就都也又还很不没个这那我你您他她它们吗呢吧啊呀把被让给对从到为以于而但若则其所等上下中里";

/// Why a text is no query.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidQuery {
    /// Too long.
    #[error("has {0} characters; at most {QUERY_MAX_CHARS} would be right")]
    TooLong(usize),
    /// Nothing to look for.
    #[error("has no word to look for; Chinese characters, letters or digits would be right")]
    NoWord,
}

/// A query, understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SearchQuery {
    text: String,
    words: Vec<Word>,
    phrases: Vec<String>,
    lookups: Vec<Lookup>,
}

/// A word that is looked for, folded.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Word {
    /// What it is made of.
    pub script: Script,
    /// The word.
    pub text: String,
    /// The same as it stands in a segmented text, where it is cut as it is by itself.
    pub cut: String,
}

impl SearchQuery {
    /// Reads what somebody typed.
    ///
    /// # Errors
    /// [`InvalidQuery`], which says what would be right.
    pub fn parse(text: &str) -> Result<Self, InvalidQuery> {
        let text = text.trim();
        let chars = text.chars().count();
        if chars > QUERY_MAX_CHARS {
            return Err(InvalidQuery::TooLong(chars));
        }
        let runs = segmentation::runs(text);
        let words = words(&runs);
        if words.is_empty() {
            return Err(InvalidQuery::NoWord);
        }
        let lookups = lookups(&words);
        Ok(Self { text: text.to_owned(), phrases: phrases(text), words, lookups })
    }

    /// What was typed, without white space around it.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The words, each once, in the order in which they were typed. At least one.
    pub fn words(&self) -> &[Word] {
        &self.words
    }

    /// What was typed in one piece and is more than one word, segmented. A case that has it so is a better match.
    pub fn phrases(&self) -> &[String] {
        &self.phrases
    }

    /// What has to be among the lexemes of a case. At least one.
    pub fn lookups(&self) -> &[Lookup] {
        &self.lookups
    }
}

fn words(runs: &[Run]) -> Vec<Word> {
    let mut words = Vec::new();
    let mut singles = Vec::new();
    for (number, run) in runs.iter().enumerate() {
        let before = words.len();
        match run.script {
            Script::Other => add(&mut words, Script::Other, &run.text),
            Script::Han => {
                let touches_next = runs.get(number + 1).is_some_and(|next| next.touches_previous);
                let typed_alone = run.text.chars().count() == 1 && !run.touches_previous && !touches_next;
                for piece in pieces(&run.text) {
                    if typed_alone || piece.chars().count() > 1 {
                        add(&mut words, Script::Han, &piece);
                    }
                }
            }
        }
        if words.len() == before {
            singles.extend(run.text.chars().filter(|character| !PARTICLES.contains(*character)));
        }
    }
    // Single characters that jieba left over say little. Where there is nothing else, they are what is looked for.
    if words.is_empty() {
        for single in singles {
            add(&mut words, Script::Han, single.encode_utf8(&mut [0; 4]));
        }
    }
    if words.is_empty() {
        for run in runs.iter().take(1) {
            add(&mut words, run.script, &run.text);
        }
    }
    words
}

/// The words of a piece of Chinese. Characters that the dictionary knows only singly, such as those of a village's name,
/// are one word when they stand side by side.
fn pieces(run: &str) -> Vec<String> {
    let mut pieces = Vec::new();
    let mut unknown = String::new();
    for word in segmentation::words(Script::Han, run) {
        let is_single = word.chars().count() == 1;
        if is_single && !PARTICLES.contains(word) {
            unknown.push_str(word);
            continue;
        }
        pieces.extend((!unknown.is_empty()).then(|| std::mem::take(&mut unknown)));
        if !is_single {
            pieces.push(word.to_owned());
        }
    }
    pieces.extend((!unknown.is_empty()).then_some(unknown));
    pieces
}

fn add(words: &mut Vec<Word>, script: Script, text: &str) {
    let word = Word { script, text: text.to_owned(), cut: segmentation::segment(text, usize::MAX) };
    if !words.contains(&word) {
        words.push(word);
    }
}

/// Pieces without a gap that have more than one word.
fn phrases(text: &str) -> Vec<String> {
    let segmented = segmentation::segment(text, usize::MAX);
    let pieces = segmented.split(BETWEEN_RUNS).filter(|piece| piece.contains(BETWEEN_WORDS));
    pieces.map(str::to_owned).collect()
}

/// Longer words first: they narrow most.
fn lookups(words: &[Word]) -> Vec<Lookup> {
    let mut by_length: Vec<&Word> = words.iter().collect();
    by_length.sort_by_key(|word| std::cmp::Reverse(word.text.chars().count()));
    let mut lookups = Vec::new();
    let mut beginnings = 0;
    for lookup in by_length.iter().flat_map(|word| segmentation::lookups(word.script, &word.text)) {
        let allowed = match lookup {
            Lookup::Lexeme(_) => true,
            Lookup::Beginning(_) => beginnings < BEGINNINGS_MAX,
        };
        if !allowed || lookups.len() == LOOKUPS_MAX || lookups.contains(&lookup) {
            continue;
        }
        beginnings += usize::from(matches!(lookup, Lookup::Beginning(_)));
        lookups.push(lookup);
    }
    lookups
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn words_of(text: &str) -> Vec<String> {
        SearchQuery::parse(text).unwrap().words.into_iter().map(|word| word.text).collect()
    }

    #[test]
    fn a_query_is_its_words() {
        assert_eq!(words_of("小区 供暖"), ["小区", "供暖"]);
        assert_eq!(words_of("小区供暖问题"), ["小区", "供暖", "问题"]);
        assert_eq!(words_of("  Ｇ６高速，Ａ8县 2019  "), ["g6", "高速", "a8", "2019"]);
        assert_eq!(words_of("供暖 供暖 供暖"), ["供暖"]);
    }

    #[test]
    fn signs_and_operators_mean_nothing() {
        for query in [
            "供暖 & !小区",
            "'供暖' | (小区)",
            "供暖:* <-> 小区",
            "\"供暖 小区\"",
            "供暖\\'; -- 小区",
            "供暖\0小区",
        ] {
            assert_eq!(words_of(query), ["供暖", "小区"], "{query}");
        }
    }

    #[test]
    fn particles_and_left_over_characters_are_looked_for_only_where_there_is_nothing_else() {
        assert_eq!(words_of("我的小区"), ["小区"]);
        assert_eq!(words_of("水 电"), ["水", "电"]);
        assert_eq!(words_of("我的家"), ["家"]);
        assert_eq!(words_of("的"), ["的"]);
        assert_eq!(words_of("罘罳村"), ["罘罳村"]);
    }

    #[test]
    fn what_is_typed_in_one_piece_is_a_phrase() {
        assert_eq!(SearchQuery::parse("小区供暖 问题").unwrap().phrases(), ["小区 供暖"]);
        assert_eq!(SearchQuery::parse("A8县市").unwrap().phrases(), ["a 8 县市"]);
    }

    #[test]
    fn a_query_has_a_word_and_an_end() {
        for empty in ["", "   ", "？！……", "&|!()<->:*'\"\\", "\0"] {
            assert_eq!(SearchQuery::parse(empty), Err(InvalidQuery::NoWord), "{empty:?}");
        }
        assert!(SearchQuery::parse(&"暖".repeat(200)).is_ok());
        assert_eq!(SearchQuery::parse(&"暖".repeat(201)), Err(InvalidQuery::TooLong(201)));
    }

    proptest! {
        #[test]
        fn what_is_looked_up_is_bounded(text in "\\PC{0,200}") {
            if let Ok(query) = SearchQuery::parse(&text) {
                prop_assert!((1..=LOOKUPS_MAX).contains(&query.lookups().len()));
                prop_assert!(!query.words().is_empty());
            }
        }
    }
}
