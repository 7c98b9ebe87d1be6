//! What somebody looks for: words, which have to be in a case.
//!
//! Some things are looked for without being asked of a case: pairs of common characters that are between words and are no
//! word that anybody knows, such as 灯坏 in 楼道灯坏; whatever comes after the first [`LOOKUPS_MAX`] lexemes; and single
//! characters after the first. Cases that have them are better matches ([`super::ranking`]).
//!
//! What a query costs is bounded by what it may look for, since anybody may ask: of many words [`WORDS_MAX`] count, and
//! what is in every text is not looked for at all.
//!
//! Words are told apart by whatever is neither letter nor digit, and where a piece of Chinese is longer than a word, by
//! jieba. Operators, quotes and signs mean nothing; there is no syntax that could be wrong.

use std::cmp::Reverse;

use super::segmentation::{self, BETWEEN_RUNS, BETWEEN_WORDS, Lookup, Run, Script};

/// Longest query, in characters.
pub const QUERY_MAX_CHARS: usize = 200;

/// What is looked up in the index at most: more would hardly narrow what is found, and each costs time.
const LOOKUPS_MAX: usize = 24;

/// Single characters among these: each is looked up as the beginning of many lexemes, and costs as much as all the others.
const BEGINNINGS_MAX: usize = 1;

/// Words that count, and phrases: each is looked for in all texts that are ranked and in all that are shown.
pub const WORDS_MAX: usize = 12;

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
    /// Nothing but a single character that is in every text.
    #[error("has only a character that is in every text; a word beside it, such as 供暖, would be right")]
    OnlyParticles,
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
    /// A case has to have it.
    pub is_required: bool,
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
        if runs.is_empty() {
            return Err(InvalidQuery::NoWord);
        }
        let mut words = foremost(words(&runs));
        if words.is_empty() {
            return Err(InvalidQuery::OnlyParticles);
        }
        let lookups = lookups(&mut words);
        Ok(Self { text: text.to_owned(), phrases: phrases(text), words, lookups })
    }

    /// What was typed, without white space around it.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The words, each once, in the order in which they were typed. At least one, and at most [`WORDS_MAX`]; at least one is
    /// required.
    pub fn words(&self) -> &[Word] {
        &self.words
    }

    /// What was typed in one piece and is more than one word, segmented; the first [`WORDS_MAX`]. A case that has it so is a
    /// better match.
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
            Script::Other => add(&mut words, Script::Other, &run.text, true),
            Script::Han => {
                let touches_next = runs.get(number + 1).is_some_and(|next| next.touches_previous);
                let typed_alone = run.text.chars().count() == 1 && !run.touches_previous && !touches_next;
                for piece in pieces(&run.text) {
                    if typed_alone || piece.text.chars().count() > 1 {
                        add(&mut words, Script::Han, &piece.text, !piece.is_chance);
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
            add(&mut words, Script::Han, single.encode_utf8(&mut [0; 4]), true);
        }
    }
    if words.is_empty() {
        for run in runs.iter().filter(|run| run.text.chars().count() > 1).take(1) {
            add(&mut words, run.script, &run.text, true);
        }
    }
    // Where there is nothing else, chance pairs are what is looked for.
    if !words.iter().any(|word| word.is_required) {
        words.iter_mut().for_each(|word| word.is_required = true);
    }
    words
}

/// A word of a piece of Chinese.
struct Piece {
    text: String,
    /// Its characters stand side by side in this query, and that is all that makes a word of them.
    is_chance: bool,
}

/// The words of a piece of Chinese. Characters that the dictionary knows only singly, such as those of a village's name,
/// are one word when they stand side by side.
fn pieces(run: &str) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut unknown = String::new();
    let mut take = |text: String| {
        // Who types it alone means it as a word.
        let is_chance = text != run && is_chance(&text);
        if !text.is_empty() {
            pieces.push(Piece { text, is_chance });
        }
    };
    for word in segmentation::words(Script::Han, run) {
        let is_single = word.chars().count() == 1;
        if is_single && !PARTICLES.contains(word) {
            unknown.push_str(word);
            continue;
        }
        take(std::mem::take(&mut unknown));
        if !is_single {
            take(word.to_owned());
        }
    }
    take(unknown);
    pieces
}

/// Is it a pair that the dictionary does not have, or more around a particle, of characters that are in every text? It is
/// what is said of something, as 灯坏 and 灯不坏, where another text has 灯又坏了; names are of rarer characters, or longer.
fn is_chance(text: &str) -> bool {
    let is_pair = text.chars().count() == 2;
    (is_pair || text.chars().any(|character| PARTICLES.contains(character)))
        && !segmentation::is_known(text)
        && text.chars().all(segmentation::is_common)
}

fn add(words: &mut Vec<Word>, script: Script, text: &str, is_required: bool) {
    if let Some(known) = words.iter_mut().find(|word| word.script == script && word.text == text) {
        known.is_required |= is_required;
        return;
    }
    let cut = segmentation::segment(text, usize::MAX);
    words.push(Word { script, text: text.to_owned(), cut, is_required });
}

/// Of many words those that narrow most: required ones, and longer ones.
fn foremost(words: Vec<Word>) -> Vec<Word> {
    let mut numbered: Vec<(usize, Word)> = words.into_iter().enumerate().collect();
    numbered.sort_by_key(|(_, word)| Reverse((word.is_required, word.text.chars().count())));
    numbered.truncate(WORDS_MAX);
    numbered.sort_by_key(|(number, _)| *number);
    numbered.into_iter().map(|(_, word)| word).collect()
}

/// Pieces without a gap that have more than one word, each once.
fn phrases(text: &str) -> Vec<String> {
    let segmented = segmentation::segment(text, usize::MAX);
    let mut phrases: Vec<String> = Vec::new();
    for piece in segmented.split(BETWEEN_RUNS).filter(|piece| piece.contains(BETWEEN_WORDS)) {
        if phrases.len() < WORDS_MAX && phrases.iter().all(|known| known != piece) {
            phrases.push(piece.to_owned());
        }
    }
    phrases
}

/// Longer words first: they narrow most. Words for which no room is left are required no more.
fn lookups(words: &mut [Word]) -> Vec<Lookup> {
    let mut by_length: Vec<&mut Word> = words.iter_mut().filter(|word| word.is_required).collect();
    by_length.sort_by_key(|word| Reverse(word.text.chars().count()));
    let mut lookups = Vec::new();
    let mut beginnings = 0;
    for word in by_length {
        word.is_required = false;
        for lookup in segmentation::lookups(word.script, &word.text) {
            let allowed = match lookup {
                Lookup::Lexeme(_) => true,
                Lookup::Beginning(_) => beginnings < BEGINNINGS_MAX,
            };
            let is_known = lookups.contains(&lookup);
            if allowed && !is_known && lookups.len() < LOOKUPS_MAX {
                beginnings += usize::from(matches!(lookup, Lookup::Beginning(_)));
                lookups.push(lookup);
                word.is_required = true;
            }
            word.is_required |= is_known;
        }
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
        assert_eq!(SearchQuery::parse("的"), Err(InvalidQuery::OnlyParticles));
        assert_eq!(SearchQuery::parse("的 了，在"), Err(InvalidQuery::OnlyParticles));
        assert_eq!(words_of("罘罳村"), ["罘罳村"]);
    }

    #[test]
    fn a_pair_that_chance_put_together_is_not_asked_of_a_case() {
        let required = |text: &str| -> Vec<String> {
            let words = SearchQuery::parse(text).unwrap().words;
            words.into_iter().filter(|word| word.is_required).map(|word| word.text).collect()
        };
        assert_eq!(words_of("楼道灯坏"), ["楼道", "灯坏"]);
        assert_eq!(required("楼道灯坏"), ["楼道"]);
        assert_eq!(required("楼道灯不坏"), ["楼道"]);
        assert_eq!(required("灯坏"), ["灯坏"]);
        // Whoever types it as a word means it.
        assert_eq!(required("楼道 灯坏"), ["楼道", "灯坏"]);
        assert_eq!(required("楼道灯坏 灯坏"), ["楼道", "灯坏"]);
        // Names are of rare characters, or of more than two.
        assert_eq!(required("罘罳 供暖"), ["罘罳", "供暖"]);
        assert_eq!(required("罘罳村供暖"), ["罘罳村", "供暖"]);
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

    #[test]
    fn of_many_words_the_longest_count_and_of_single_characters_the_first_is_looked_up() {
        let singles: String = "水电路桥灯树车船米油盐茶书".chars().flat_map(|single| [single, ' ']).collect();
        let query = SearchQuery::parse(&singles).unwrap();
        assert_eq!(query.words().len(), WORDS_MAX);
        assert_eq!(query.lookups(), [Lookup::Beginning("水".to_owned())]);
        let required = query.words().iter().filter(|word| word.is_required);
        assert_eq!(required.map(|word| word.text.as_str()).collect::<Vec<_>>(), ["水"]);

        let query = SearchQuery::parse(&format!("{singles}小区 供暖")).unwrap();
        assert_eq!(query.words().last().unwrap().text, "供暖");
        assert_eq!(query.words().len(), WORDS_MAX);
        assert_eq!(SearchQuery::parse(&"a1 b2 ".repeat(30)).unwrap().phrases(), ["a 1", "b 2"]);
    }

    proptest! {
        #[test]
        fn what_is_looked_up_is_bounded(text in "\\PC{0,200}") {
            if let Ok(query) = SearchQuery::parse(&text) {
                prop_assert!((1..=LOOKUPS_MAX).contains(&query.lookups().len()));
                prop_assert!((1..=WORDS_MAX).contains(&query.words().len()));
                prop_assert!(query.words().iter().any(|word| word.is_required));
                prop_assert!(query.phrases().len() <= WORDS_MAX);
            }
        }
    }
}
