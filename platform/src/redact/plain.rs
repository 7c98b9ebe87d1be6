//! The plain form of a text: what recognisers read, and where they leave their marks.
//!
//! One entry a visible character, in order. Full-width forms become ASCII, letters lower case, decimal digits of other
//! scripts and of mathematics ASCII digits, all blanks and line breaks ' ', all dashes '-'. Han and circled digits stay
//! what they are, being words more often than digits: [`wide_digit`] reads them.

use std::ops::{Index, Range};

/// What stands for a hidden character, in the plain form and in the text.
pub(super) const HIDDEN: char = '*';

pub(super) struct Plain {
    letters: Vec<char>,
    hidden: usize,
}

impl Plain {
    pub(super) fn of(text: &str) -> Self {
        // Three bytes a character is what Han takes.
        let mut letters = Vec::with_capacity(text.len() / 3 + 16);
        letters.extend(text.chars().filter(|&letter| !is_invisible(letter)).map(to_plain));
        Self { letters, hidden: 0 }
    }

    /// The text with what was hidden replaced.
    pub(super) fn shown(&self, text: &str) -> String {
        if self.hidden == 0 {
            return text.to_owned();
        }
        let mut shown = String::with_capacity(text.len());
        let mut letters = self.letters.iter();
        for written in text.chars() {
            let hide = !is_invisible(written) && letters.next() == Some(&HIDDEN);
            shown.push(if hide { HIDDEN } else { written });
        }
        shown
    }

    pub(super) fn len(&self) -> usize {
        self.letters.len()
    }

    /// How many characters were hidden so far.
    pub(super) const fn hidden(&self) -> usize {
        self.hidden
    }

    pub(super) fn get(&self, at: usize) -> Option<char> {
        self.letters.get(at).copied()
    }

    pub(super) fn before(&self, at: usize) -> Option<char> {
        at.checked_sub(1).and_then(|at| self.get(at))
    }

    /// The letters from `at` on.
    pub(super) fn from(&self, at: usize) -> &[char] {
        self.letters.get(at..).unwrap_or_default()
    }

    pub(super) fn hide(&mut self, at: usize) {
        if self.letters[at] != HIDDEN {
            self.letters[at] = HIDDEN;
            self.hidden += 1;
        }
    }

    pub(super) fn hide_all(&mut self, range: Range<usize>) {
        for at in range {
            self.hide(at);
        }
    }

    pub(super) fn has_word(&self, at: usize, word: &str) -> bool {
        let mut letters = self.from(at).iter();
        word.chars().all(|letter| letters.next() == Some(&letter))
    }

    /// Whether one of the words stands in the `reach` characters before `at`, in the same sentence.
    pub(super) fn has_word_before(&self, at: usize, reach: usize, words: &[&str]) -> bool {
        let sentence = self.letters[..at]
            .iter()
            .rev()
            .take(reach)
            .take_while(|letter| !matches!(letter, '。' | '!' | '?' | ';'))
            .count();
        (at - sentence..at).any(|from| words.iter().any(|word| self.has_word(from, word)))
    }

    /// How many letters before `at` satisfy, counted up to `most`.
    pub(super) fn count_before(&self, at: usize, most: usize, right: impl Fn(char) -> bool) -> usize {
        self.letters[..at].iter().rev().take(most).take_while(|&&letter| right(letter)).count()
    }

    /// How many letters from `at` on satisfy, counted up to `most`.
    pub(super) fn count_from(&self, at: usize, most: usize, right: impl Fn(char) -> bool) -> usize {
        self.from(at).iter().take(most).take_while(|&&letter| right(letter)).count()
    }

    /// Whether a unit stands at `at`: what is before it is an amount, and reaches nobody.
    pub(super) fn has_unit(&self, at: usize) -> bool {
        let at = at + usize::from(self.get(at) == Some(' '));
        self.get(at).is_some_and(|letter| {
            matches!(letter, '元' | '户' | '年' | '吨' | '亩' | '米' | '斤' | '万' | '块')
        })
    }
}

impl Index<usize> for Plain {
    type Output = char;

    fn index(&self, at: usize) -> &char {
        &self.letters[at]
    }
}

/// The value of a digit written in Han or in a circle.
pub(super) const fn wide_digit(letter: char) -> Option<u8> {
    Some(match letter {
        '〇' | '零' | '○' | '⓪' => 0,
        '一' | '壹' | '幺' => 1,
        '二' | '贰' => 2,
        '三' | '叁' => 3,
        '四' | '肆' => 4,
        '五' | '伍' => 5,
        '六' | '陆' => 6,
        '七' | '柒' => 7,
        '八' | '捌' => 8,
        '九' | '玖' => 9,
        // ①, ⑴, ⒈, ⓵, ❶, ➀ and ➊, each from 1 to 9.
        '\u{2460}'..='\u{2468}' => offset(letter, '\u{2460}') + 1,
        '\u{2474}'..='\u{247c}' => offset(letter, '\u{2474}') + 1,
        '\u{2488}'..='\u{2490}' => offset(letter, '\u{2488}') + 1,
        '\u{24f5}'..='\u{24fd}' => offset(letter, '\u{24f5}') + 1,
        '\u{2776}'..='\u{277e}' => offset(letter, '\u{2776}') + 1,
        '\u{2780}'..='\u{2788}' => offset(letter, '\u{2780}') + 1,
        '\u{278a}'..='\u{2792}' => offset(letter, '\u{278a}') + 1,
        _ => return None,
    })
}

/// A Han digit as it stands in room numbers and in numbers read aloud.
pub(super) const fn is_han_digit(letter: char) -> bool {
    is_han(letter) && wide_digit(letter).is_some()
}

pub(super) const fn is_han(letter: char) -> bool {
    matches!(letter, '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' | '〇')
}

/// Whether eight digits are a day of 1900 to 2099, written yyyymmdd.
pub(super) fn is_day(digits: &[u8]) -> bool {
    let number = |from: usize, to: usize| {
        digits[from..to].iter().fold(0_u32, |sum, &digit| sum * 10 + u32::from(digit.saturating_sub(b'0')))
    };
    digits.len() == 8
        && (1900..=2099).contains(&number(0, 4))
        && (1..=12).contains(&number(4, 6))
        && (1..=31).contains(&number(6, 8))
}

const fn to_plain(letter: char) -> char {
    match letter {
        '\0'..='\u{7f}' => match letter {
            '\t'..='\r' => ' ',
            other => other.to_ascii_lowercase(),
        },
        // The common case, early.
        '\u{4e00}'..='\u{9fff}' => letter,
        // A full-width asterisk is the writer's own and stays.
        '\u{ff0a}' => letter,
        '\u{ff01}'..='\u{ff5e}' => ascii(offset(letter, '\u{ff01}') + b'!').to_ascii_lowercase(),
        '\u{2010}'..='\u{2015}'
        | '\u{2043}'
        | '\u{2212}'
        | '\u{2500}'
        | '\u{2501}'
        | '\u{2e3a}'
        | '\u{2e3b}'
        | '\u{30fc}'
        | '\u{fe58}'
        | '\u{fe63}' => '-',
        '\u{85}'
        | '\u{a0}'
        | '\u{1680}'
        | '\u{2000}'..='\u{200a}'
        | '\u{2028}'
        | '\u{2029}'
        | '\u{202f}'
        | '\u{205f}'
        | '\u{3000}' => ' ',
        '•' | '・' | '‧' | '･' => '·',
        '〜' | '∼' => '~',
        // Digits of Arabic, of Persian, of Mongolian, and the five alphabets of mathematics.
        '\u{660}'..='\u{669}' => ascii(b'0' + offset(letter, '\u{660}')),
        '\u{6f0}'..='\u{6f9}' => ascii(b'0' + offset(letter, '\u{6f0}')),
        '\u{1810}'..='\u{1819}' => ascii(b'0' + offset(letter, '\u{1810}')),
        '\u{1d7ce}'..='\u{1d7ff}' => ascii(b'0' + offset(letter, '\u{1d7ce}') % 10),
        other => other,
    }
}

/// Format characters and variation selectors: they take no room, and hide in numbers.
const fn is_invisible(letter: char) -> bool {
    !letter.is_ascii()
        && matches!(letter,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}'
            | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{20e3}' | '\u{fe00}'..='\u{fe0f}'
            | '\u{feff}' | '\u{e0000}'..='\u{e01ef}')
}

/// How far a letter is from the first of its range; ranges here are shorter than 256.
#[expect(clippy::cast_possible_truncation, reason = "the ranges are shorter than 256")]
const fn offset(letter: char, first: char) -> u8 {
    (letter as u32 - first as u32) as u8
}

const fn ascii(byte: u8) -> char {
    byte as char
}
