//! Chinese text as words, for the search.
//!
//! Text is folded first: each character to its compatibility form (Unicode NFKC, character by character, so that full-width
//! letters are the same as others) and to lower case. Whatever is neither letter nor digit separates. Traditional and
//! simplified characters stay as they are.
//!
//! Chinese has no spaces, and two segmenters, or one in two contexts, do not cut alike. So what the search looks up does
//! not depend on where a text was cut: [`lexemes`] has every pair of neighbouring characters of a text, and every longer
//! word of jieba's dictionary that stands anywhere in it (jieba's full mode). A word of a query ([`lookups`]) is then one
//! lexeme if the dictionary has it, and the pairs of its characters otherwise: either is in every text that has the word.
//! Where jieba cuts a text in its context ([`segment`]) matters for the ranking alone: 上海 counts less in 晚上|海边.
//!
//! Words of other scripts are runs of letters and digits. They are found whole, and by their letters and digits apart
//! (`a12` also by `12`).

use std::{collections::HashSet, sync::LazyLock};

use jieba_rs::Jieba;
use unicode_normalization::UnicodeNormalization as _;

/// Number of the rules of this file and of the search document. Texts are indexed anew when it is raised, which a new
/// version of the dictionary asks for as well.
pub const FORMAT: i32 = 2;

/// Longest run of letters and digits that is told from others, in characters. PostgreSQL takes lexemes of 2,046 bytes.
const RUN_MAX_CHARS: usize = 64;

/// What stands between two words of a segmented text that stood side by side.
pub const BETWEEN_WORDS: char = ' ';

/// What stands where something separated the words.
pub const BETWEEN_RUNS: char = '\n';

/// The dictionary: some 33 MB, read once, in a quarter of a second, when first needed.
static JIEBA: LazyLock<Jieba> = LazyLock::new(Jieba::new);

/// How often the dictionary's texts have a character that everybody reads and writes: some 3,500 characters have as many,
/// which is how many a school teaches.
const COMMON_TIMES: usize = 300;

/// Reads the dictionary now rather than with the first search.
pub fn warm_up() {
    LazyLock::force(&JIEBA);
}

/// What kind of characters a run is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Script {
    /// Chinese characters.
    Han,
    /// Letters of other scripts, and digits.
    Other,
}

/// Characters of one kind that stand side by side, folded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    /// What they are.
    pub script: Script,
    /// The characters.
    pub text: String,
    /// For each of them: where the character that it was folded from begins in the text, in bytes.
    pub origins: Vec<usize>,
    /// Nothing stood between the run before and this one.
    pub touches_previous: bool,
}

/// The runs of a text, in order.
pub fn runs(text: &str) -> Vec<Run> {
    let mut runs: Vec<Run> = Vec::new();
    let mut touches = false;
    for (origin, character) in text.char_indices() {
        let folded = fold(character);
        if folded.stands_alone {
            touches = false;
        }
        for &character in folded.characters() {
            let Some(script) = script(character) else {
                touches = false;
                continue;
            };
            match runs.last_mut() {
                Some(run) if touches && run.script == script => {
                    run.text.push(character);
                    run.origins.push(origin);
                }
                _ => runs.push(Run {
                    script,
                    text: character.into(),
                    origins: vec![origin],
                    touches_previous: touches,
                }),
            }
            touches = true;
        }
        if folded.stands_alone {
            touches = false;
        }
    }
    runs
}

/// A text as words: those that stood side by side with [`BETWEEN_WORDS`] in between, others with [`BETWEEN_RUNS`]. At most
/// about `chars_max` characters of it.
pub fn segment(text: &str, chars_max: usize) -> String {
    let mut segmented = String::with_capacity(text.len() + text.len() / 4);
    let mut chars = 0;
    for run in runs(text) {
        if chars >= chars_max {
            break;
        }
        if !segmented.is_empty() {
            segmented.push(if run.touches_previous { BETWEEN_WORDS } else { BETWEEN_RUNS });
        }
        let kept = start_of_chars(&run.text, chars_max - chars);
        chars += kept.chars().count();
        for (place, word) in words(run.script, kept).into_iter().enumerate() {
            if place > 0 {
                segmented.push(BETWEEN_WORDS);
            }
            segmented.push_str(word);
        }
    }
    segmented
}

/// What a segmented text is found by, separated by spaces, each once.
pub fn lexemes<'a>(segmented: impl IntoIterator<Item = &'a str>) -> String {
    let plain: String = segmented
        .into_iter()
        .flat_map(|text| text.chars().chain([BETWEEN_RUNS]))
        .filter(|character| *character != BETWEEN_WORDS)
        .collect();
    let mut lexemes = HashSet::new();
    for run in split_at_scripts(&plain) {
        match run.chars().next().and_then(script) {
            None => {}
            Some(Script::Han) => {
                lexemes.extend(pairs(run));
                lexemes.extend(last_char(run));
                lexemes.extend(dictionary_words(run).filter(|word| word.chars().nth(2).is_some()));
            }
            Some(Script::Other) => {
                lexemes.insert(start_of_chars(run, RUN_MAX_CHARS));
                lexemes
                    .extend(words(Script::Other, run).into_iter().map(|w| start_of_chars(w, RUN_MAX_CHARS)));
            }
        }
    }
    let mut listed = String::with_capacity(lexemes.iter().map(|lexeme| lexeme.len() + 1).sum());
    for lexeme in lexemes {
        if !listed.is_empty() {
            listed.push(' ');
        }
        listed.push_str(lexeme);
    }
    listed
}

/// What has to be among the [`lexemes`] of a text for a word to be in it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Lookup {
    /// This lexeme.
    Lexeme(String),
    /// A lexeme that begins so.
    Beginning(String),
}

/// How a word is looked up: all of these have to be there. The word is a run or a part of one.
pub fn lookups(script: Script, word: &str) -> Vec<Lookup> {
    let lexeme = |text: &str| Lookup::Lexeme(text.to_owned());
    match script {
        Script::Other => vec![lexeme(start_of_chars(word, RUN_MAX_CHARS))],
        Script::Han => match word.chars().count() {
            0 => vec![],
            // Within a run it begins a pair, and at its end it is a lexeme by itself.
            1 => vec![Lookup::Beginning(word.to_owned())],
            2 => vec![lexeme(word)],
            _ if dictionary_words(word).any(|known| known == word) => vec![lexeme(word)],
            _ => pairs(word).map(lexeme).collect(),
        },
    }
}

/// The words of a run, as jieba cuts it, or as letters and digits alternate.
pub fn words(script: Script, run: &str) -> Vec<&str> {
    match script {
        Script::Han => JIEBA.cut(run, true).into_iter().map(|token| token.word).collect(),
        Script::Other => split_where(run, |before, after| before.is_numeric() != after.is_numeric()),
    }
}

/// Is this one of the characters that are in every text, and not one of a name?
pub fn is_common(character: char) -> bool {
    // For a single character it is how often the dictionary's texts have it, give or take one.
    JIEBA.suggest_freq(character.encode_utf8(&mut [0; 4])) >= COMMON_TIMES
}

/// Does the dictionary have the word?
pub fn is_known(word: &str) -> bool {
    JIEBA.has_word(word)
}

/// What a character is folded to.
struct Folded {
    characters: Vec<char>,
    single: char,
    /// It is a sign of its own, such as ㎡ or ①, and does not belong to the word before or after.
    stands_alone: bool,
}

impl Folded {
    fn one(single: char) -> Self {
        Self { characters: Vec::new(), single, stands_alone: false }
    }

    fn characters(&self) -> &[char] {
        if self.characters.is_empty() { std::slice::from_ref(&self.single) } else { &self.characters }
    }
}

fn fold(character: char) -> Folded {
    match character {
        // Nearly all that a Chinese text is made of: ideographs, ASCII and its full-width forms, and punctuation.
        '\u{4E00}'..='\u{9FFF}' => Folded::one(character),
        '\0'..='\u{7F}' => Folded::one(character.to_ascii_lowercase()),
        '\u{FF01}'..='\u{FF5E}' => {
            let narrow = char::from_u32(u32::from(character) - 0xFEE0).unwrap_or(character);
            Folded::one(narrow.to_ascii_lowercase())
        }
        '\u{2010}'..='\u{2027}' | '\u{3000}'..='\u{3003}' | '\u{3008}'..='\u{3020}' => Folded::one(character),
        _ => {
            let characters: Vec<char> =
                std::iter::once(character).nfkc().flat_map(char::to_lowercase).collect();
            let unchanged = characters.iter().copied().eq(character.to_lowercase());
            let is_ideograph = characters.iter().all(|folded| is_han(*folded));
            Folded { characters, single: character, stands_alone: !unchanged && !is_ideograph }
        }
    }
}

fn script(character: char) -> Option<Script> {
    if is_han(character) {
        Some(Script::Han)
    } else if character.is_alphanumeric() {
        Some(Script::Other)
    } else {
        None
    }
}

/// Unified and compatibility ideographs, 〇, and the sign that repeats one.
fn is_han(character: char) -> bool {
    matches!(character,
        '\u{4E00}'..='\u{9FFF}' | '\u{3005}' | '\u{3007}' | '\u{3400}'..='\u{4DBF}' | '\u{F900}'..='\u{FAFF}'
        | '\u{20000}'..='\u{3FFFF}')
}

/// Every word of the dictionary that stands in a run, wherever it would be cut.
fn dictionary_words(run: &str) -> impl Iterator<Item = &str> {
    JIEBA.cut_all(run).into_iter().map(|token| token.word)
}

fn pairs(run: &str) -> impl Iterator<Item = &str> {
    let starts = || run.char_indices().map(|(start, _)| start);
    let ends = starts().skip(2).chain([run.len()]);
    // A run of one character has no pair.
    let count = run.chars().count().saturating_sub(1);
    starts().zip(ends).take(count).map(|(start, end)| &run[start..end])
}

fn last_char(run: &str) -> Option<&str> {
    run.char_indices().next_back().map(|(start, _)| &run[start..])
}

fn split_at_scripts(text: &str) -> Vec<&str> {
    split_where(text, |before, after| script(before) != script(after))
}

/// Cuts wherever `apart` says so of two neighbouring characters.
fn split_where(text: &str, apart: impl Fn(char, char) -> bool) -> Vec<&str> {
    let mut parts = Vec::new();
    let (mut start, mut before) = (0, None);
    for (place, character) in text.char_indices() {
        if before.is_some_and(|before| apart(before, character)) {
            parts.push(&text[start..place]);
            start = place;
        }
        before = Some(character);
    }
    if start < text.len() {
        parts.push(&text[start..]);
    }
    parts
}

fn start_of_chars(text: &str, chars_max: usize) -> &str {
    text.char_indices().nth(chars_max).map_or(text, |(end, _)| &text[..end])
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn lexemes_of(text: &str) -> BTreeSet<String> {
        lexemes([segment(text, usize::MAX).as_str()]).split(' ').map(str::to_owned).collect()
    }

    fn is_found(text: &str, word: &str) -> bool {
        let lexemes = lexemes_of(text);
        let mut lookups = runs(word).into_iter().flat_map(|run| lookups(run.script, &run.text));
        lookups.all(|lookup| match lookup {
            Lookup::Lexeme(lexeme) => lexemes.contains(&lexeme),
            Lookup::Beginning(beginning) => lexemes.iter().any(|lexeme| lexeme.starts_with(&beginning)),
        })
    }

    #[test]
    fn a_text_is_cut_into_words_and_keeps_where_something_stood_between_them() {
        assert_eq!(segment("今天晚上，海边停水（A8县）", 100), "今天 晚上\n海边 停水\na 8 县");
        assert_eq!(segment("", 100), "");
        assert_eq!(segment("……！？ \t", 100), "");
    }

    #[test]
    fn a_text_is_segmented_no_further_than_it_may() {
        assert_eq!(segment("今天晚上停水", 4), "今天 晚上");
        assert_eq!(segment("今天晚上停水", 0), "");
    }

    #[test]
    fn forms_of_a_character_are_one() {
        assert_eq!(segment("Ａ８ＢＣ", 100), segment("a8bc", 100));
        assert_eq!(segment("ⅫＫＭ", 100), "xii\nkm");
        // What a sign stands for does not run into its neighbours.
        assert!(is_found("面积100㎡", "100") && is_found("面积100㎡", "m2") && is_found("①号楼", "1"));
        assert!(is_found("12①", "12"));
        // A compatibility ideograph is the unified one.
        assert!(is_found("\u{F9E4}", "理"));
    }

    #[test]
    fn a_word_is_found_wherever_the_text_is_cut() {
        for (text, word) in [
            ("流沙河镇罘罳村石塘组", "罘罳村"),
            ("流沙河镇罘罳村石塘组", "沙河镇"),
            ("今天晚上海边", "上海"),
            ("巴彦淖尔市人大代表", "人大代表"),
            ("巴彦淖尔市人大代表", "大代表"),
            ("供暖", "供暖"),
            ("停水", "水"),
            ("停水", "停"),
            ("Ａ8县市A00036135号", "a00036135"),
            ("13QQ群", "qq"),
            ("3.5万", "5"),
            ("ᠮᠣᠩᠭᠣᠯ", "ᠮᠣᠩᠭᠣᠯ"),
        ] {
            assert!(is_found(text, word), "{word} in {text}: {:?}", lexemes_of(text));
        }
    }

    #[test]
    fn what_is_not_in_a_text_is_not_found() {
        for (text, word) in
            [("停水", "停电"), ("供，暖", "供暖"), ("2012年", "12"), ("abcd", "bc"), ("水", "水管")]
        {
            assert!(!is_found(text, word), "{word} in {text}: {:?}", lexemes_of(text));
        }
    }

    #[test]
    fn longer_words_of_the_dictionary_are_looked_up_at_once_and_others_by_their_pairs() {
        let lexeme = |text: &str| Lookup::Lexeme(text.to_owned());
        assert_eq!(lookups(Script::Han, "人大代表"), [lexeme("人大代表")]);
        assert_eq!(lookups(Script::Han, "罘罳村"), [lexeme("罘罳"), lexeme("罳村")]);
        assert_eq!(lookups(Script::Han, "水"), [Lookup::Beginning("水".to_owned())]);
    }

    #[test]
    fn no_lexeme_is_longer_than_postgresql_takes() {
        let endless = "𠀀".repeat(5_000) + &"Ｘ9".repeat(5_000) + &"𝔘".repeat(5_000);
        assert!(lexemes_of(&endless).iter().all(|lexeme| lexeme.len() <= 2_046));
        assert!(is_found(&endless, &"x9".repeat(5_000)));
    }

    proptest! {
        #[test]
        fn whatever_stands_in_one_piece_is_found(
            text in "[一-三供暖停水小区物业人大代表巴彦淖尔市a-c0-2，。\n①Ａ]{1,40}",
            start in 0_usize..40,
            length in 1_usize..8,
        ) {
            // A word from anywhere in the text, as long as it does not begin or end within letters and digits.
            let characters: Vec<char> = text.chars().collect();
            let start = start % characters.len();
            let end = (start + length).min(characters.len());
            let is_edge = |place: usize| {
                place == 0 || place == characters.len()
                    || script(fold(characters[place - 1]).characters()[0]) != Some(Script::Other)
                    || script(fold(characters[place]).characters()[0]) != Some(Script::Other)
            };
            prop_assume!(is_edge(start) && is_edge(end));
            let word: String = characters[start..end].iter().collect();
            prop_assert!(is_found(&text, &word), "{word} in {text}");
        }

        #[test]
        fn nothing_breaks_it(text in any::<String>(), chars_max in 0_usize..50) {
            let segmented = segment(&text, chars_max);
            let lexemes = lexemes([segmented.as_str()]);
            prop_assert!(lexemes.chars().all(|c| c == ' ' || c.is_alphanumeric()), "{lexemes}");
            prop_assert!(!lexemes.split(' ').any(str::is_empty) || lexemes.is_empty());
            for run in runs(&text) {
                prop_assert_eq!(run.text.chars().count(), run.origins.len());
                prop_assert!(run.origins.iter().all(|origin| text.is_char_boundary(*origin)));
            }
        }
    }
}
