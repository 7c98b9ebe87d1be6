//! Numbers that name or reach a person: mobiles, landlines, identities, bank cards.
//!
//! A number is read as groups of digits with separators between. Which groups make a number is listed for each form;
//! that, and not the mere count of digits, keeps readings, dates and amounts apart from phones.

use super::{
    Scope,
    plain::{Plain, is_day, is_han, wide_digit},
};

/// Most digits looked at; the longest form has 19.
const DIGITS_MAX: usize = 20;
/// Most groups looked at: a country's prefix and eleven single digits.
const GROUPS_MAX: usize = 12;
/// Longest separator: a mark, or a few, with blanks about it.
const SEPARATOR_MAX_CHARS: usize = 6;
/// Fewest digits that Han digits must stand among to be digits; fewer are words such as 一 and 三五.
const HAN_RUN_MIN: usize = 7;

/// How far before a short number a word such as 电话 still speaks of it.
const PHONE_WORD_REACH: usize = 16;
const PHONE_WORDS: [&str; 12] =
    ["电话", "手机", "座机", "固话", "联系", "致电", "来电", "回电", "号码", "拨打", "拨通", "tel"];
/// How far before a long number a word still says what it is.
const KIND_WORD_REACH: usize = 8;
const IDENTITY_WORDS: [&str; 3] = ["身份证", "身份号", "证件"];
const CARD_WORDS: [&str; 5] = ["卡", "账号", "帐号", "账户", "银行"];

/// How people write the eleven digits of a mobile number. The first three are so common that nothing can unmake them.
const MOBILE_GROUPS: [&[usize]; 7] = [&[11], &[3, 4, 4], &[1; 11], &[3, 3, 5], &[4, 4, 3], &[3, 8], &[7, 4]];
const MOBILE_SURE: usize = 3;
const MOBILE_PREFIXES: [&[u8]; 4] = [b"", b"86", b"0086", b"0"];
const IDENTITY_GROUPS: [&[usize]; 3] = [&[18], &[6, 8, 4], &[6, 4, 4, 4]];
/// Longest first: the first sixteen digits of a longer card are not a card.
const CARD_GROUPS: [&[usize]; 12] = [
    &[19],
    &[4, 4, 4, 4, 3],
    &[6, 13],
    &[18],
    &[4, 4, 4, 4, 2],
    &[6, 12],
    &[17],
    &[4, 4, 4, 4, 1],
    &[6, 11],
    &[16],
    &[4, 4, 4, 4],
    &[6, 10],
];
/// How the local part of a landline is written.
const LOCAL_GROUPS: [&[usize]; 4] = [&[8], &[7], &[4, 4], &[3, 4]];

pub(super) fn hide_numbers(plain: &mut Plain, scope: Scope) {
    let mut at = 0;
    while at < plain.len() {
        let is_ascii = plain[at].is_ascii_digit();
        if !is_ascii && wide_digit(plain[at]).is_none() {
            at += 1;
            continue;
        }
        if let Some(end) = hide_number_at(plain, at, scope) {
            at = end;
            continue;
        }
        // Go on behind this run: what begins inside a longer number is not a number of its own.
        while plain.get(at).is_some_and(|letter| {
            letter.is_ascii_digit() == is_ascii && (is_ascii || wide_digit(letter).is_some())
        }) {
            at += 1;
        }
    }
}

/// Hides the number that begins here but for its first digit, and tells where it ends.
fn hide_number_at(plain: &mut Plain, at: usize, scope: Scope) -> Option<usize> {
    // First as it is usual: 13812345678一直打不通 has eleven digits and not twelve.
    for alphabet in [Alphabet::Ascii, Alphabet::Mixed] {
        let Some(digits) = Digits::read(plain, at, alphabet) else { continue };
        let length = personal_length(plain, &digits, scope);
        if length > 0 {
            for &place in &digits.places[1..length] {
                plain.hide(place);
            }
            return Some(digits.places[length - 1] + 1);
        }
    }
    None
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Alphabet {
    Ascii,
    /// With Han and circled digits.
    Mixed,
}

impl Alphabet {
    fn digit(self, letter: char) -> Option<u8> {
        match self {
            Self::Ascii | Self::Mixed if letter.is_ascii_digit() => u8::try_from(letter).ok(),
            Self::Ascii => None,
            Self::Mixed => wide_digit(letter).map(|digit| b'0' + digit),
        }
    }
}

/// Digits in groups, from one place of a text on.
struct Digits {
    /// ASCII digits, and a last `X` of an identity number.
    values: [u8; DIGITS_MAX],
    places: [usize; DIGITS_MAX],
    lengths: [usize; GROUPS_MAX],
    /// The separator before each group; that of the first means nothing.
    marks: [char; GROUPS_MAX],
    groups: usize,
}

impl Digits {
    /// Reads complete groups only. None if there is no group, or if the mixed alphabet reads what ASCII does.
    fn read(plain: &Plain, start: usize, alphabet: Alphabet) -> Option<Self> {
        let mut digits = Self {
            values: [0; DIGITS_MAX],
            places: [0; DIGITS_MAX],
            lengths: [0; GROUPS_MAX],
            marks: [' '; GROUPS_MAX],
            groups: 0,
        };
        let (mut at, mut count, mut has_wide) = (start, 0, false);
        loop {
            let (first, mut has_han) = (count, false);
            while let Some(letter) = plain.get(at)
                && let Some(value) = alphabet.digit(letter)
            {
                if count == DIGITS_MAX {
                    return digits.if_right(alphabet, has_wide);
                }
                (digits.values[count], digits.places[count]) = (value, at);
                has_wide |= !letter.is_ascii();
                has_han |= is_han(letter);
                count += 1;
                at += 1;
            }
            if count == 17
                && plain.get(at) == Some('x')
                && !plain.get(at + 1).is_some_and(|next| next.is_ascii_alphanumeric())
            {
                (digits.values[count], digits.places[count]) = (b'X', at);
                count += 1;
                at += 1;
            }
            if count == first || (has_han && count - first < HAN_RUN_MIN) {
                return digits.if_right(alphabet, has_wide);
            }
            digits.lengths[digits.groups] = count - first;
            digits.groups += 1;
            if digits.groups == GROUPS_MAX {
                return digits.if_right(alphabet, has_wide);
            }
            let Some((mark, length)) = separator(plain, at) else {
                return digits.if_right(alphabet, has_wide);
            };
            digits.marks[digits.groups] = mark;
            at += length;
        }
    }

    fn if_right(self, alphabet: Alphabet, has_wide: bool) -> Option<Self> {
        (self.groups > 0 && has_wide == (alphabet == Alphabet::Mixed)).then_some(self)
    }

    /// The separator within these groups from the group `from` on, the first without its first `cut` digits; ' ' for
    /// a single group. None if the digits are not in such groups, or their separators differ.
    fn grouped(&self, from: usize, cut: usize, groups: &[usize]) -> Option<char> {
        let lengths = self.lengths[..self.groups].get(from..from + groups.len())?;
        let (first, rest) = lengths.split_first()?;
        if first.checked_sub(cut) != Some(groups[0]) || rest != &groups[1..] {
            return None;
        }
        let marks = &self.marks[from + 1..from + groups.len()];
        let mark = marks.first().copied().unwrap_or(' ');
        marks.iter().all(|&other| other == mark).then_some(mark)
    }

    /// Where the text goes on behind so many digits.
    fn end(&self, length: usize) -> usize {
        self.places[length - 1] + 1
    }
}

/// A mark with blanks about it, or blanks alone; its kind and how many characters it takes.
fn separator(plain: &Plain, at: usize) -> Option<(char, usize)> {
    let mut kind = ' ';
    for (length, &letter) in plain.from(at).iter().take(SEPARATOR_MAX_CHARS + 1).enumerate() {
        let mark = match letter {
            ' ' => continue,
            '(' | ')' | '[' | ']' | '{' | '}' | '<' | '>' | '【' | '】' => '(',
            '。' | '.' => '.',
            '-' | '_' | '~' | '/' | '\\' | '|' | ',' | '、' | ':' | ';' | '+' | '=' | '#' | '·' | '\''
            | '"' => letter,
            // Han's one looks like a dash, and where it is a digit it was read as one.
            '一' => '-',
            _ => return (length > 0).then_some((kind, length)),
        };
        if kind != ' ' && kind != mark {
            return None;
        }
        kind = mark;
    }
    None
}

/// How many of the digits are a personal number; 0 when none.
fn personal_length(plain: &Plain, digits: &Digits, scope: Scope) -> usize {
    identity_length(plain, digits)
        .or_else(|| card_length(plain, digits))
        .or_else(|| mobile_length(plain, digits))
        .or_else(|| old_identity_length(digits))
        .or_else(|| (scope == Scope::Citizen).then(|| landline_length(digits)).flatten())
        .or_else(|| (scope == Scope::Citizen).then(|| local_length(plain, digits)).flatten())
        .unwrap_or(0)
}

fn identity_length(plain: &Plain, digits: &Digits) -> Option<usize> {
    let is_written = |groups: &&[usize]| digits.grouped(0, 0, groups).is_some_and(|mark| mark != '.');
    IDENTITY_GROUPS.iter().find(|groups| is_written(groups))?;
    let identity = &digits.values[..18];
    let is_one =
        is_identity(identity) || plain.has_word_before(digits.places[0], KIND_WORD_REACH, &IDENTITY_WORDS);
    is_one.then_some(18)
}

/// GB 11643: a province, a day of birth, and the check digit of ISO 7064 MOD 11-2.
fn is_identity(digits: &[u8]) -> bool {
    const CHECK_DIGITS: &[u8; 11] = b"10X98765432";
    let sum: usize = digits[..17]
        .iter()
        .enumerate()
        // The weight of a place is a power of two; modulo 11 they repeat after ten.
        .map(|(place, &digit)| usize::from(digit - b'0') * ((1 << ((17 - place) % 10)) % 11))
        .sum();
    is_province_code(digits) && is_day(&digits[6..14]) && digits[17] == CHECK_DIGITS[sum % 11]
}

/// GB/T 2260: the first two digits of a region.
fn is_province_code(digits: &[u8]) -> bool {
    let code = (digits[0] - b'0') * 10 + (digits[1] - b'0');
    matches!(code, 11..=15 | 21..=23 | 31..=37 | 41..=46 | 50..=54 | 61..=65 | 71 | 81..=83)
}

/// Those of 15 digits were given until 1999. Years before 30 are left out: such digits are of a case number.
fn old_identity_length(digits: &Digits) -> Option<usize> {
    digits.grouped(0, 0, &[15])?;
    let mut day = *b"19000000";
    day[2..].copy_from_slice(&digits.values[6..12]);
    (is_province_code(&digits.values) && day[2] >= b'3' && is_day(&day)).then_some(15)
}

fn card_length(plain: &Plain, digits: &Digits) -> Option<usize> {
    let is_written = |groups: &[usize]| {
        digits.grouped(0, 0, groups).is_some_and(|mark| matches!(mark, ' ' | '-' | '_' | '·'))
    };
    let mut is_said = None;
    for groups in CARD_GROUPS {
        let length = groups.iter().sum();
        // Eighteen characters may end in X.
        if !is_written(groups) || !digits.values[..length].iter().all(u8::is_ascii_digit) {
            continue;
        }
        let is_said = *is_said
            .get_or_insert_with(|| plain.has_word_before(digits.places[0], KIND_WORD_REACH, &CARD_WORDS));
        if is_said || is_card(&digits.values[..length]) {
            return Some(length);
        }
    }
    None
}

/// Bank cards begin with 3 to 6 and satisfy the Luhn formula.
fn is_card(digits: &[u8]) -> bool {
    let luhn: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(place, &digit)| {
            let value = u32::from(digit - b'0') << (place % 2);
            if value > 9 { value - 9 } else { value }
        })
        .sum();
    (b'3'..=b'6').contains(&digits[0]) && luhn.is_multiple_of(10)
}

fn mobile_length(plain: &Plain, digits: &Digits) -> Option<usize> {
    for prefix in MOBILE_PREFIXES {
        let length = prefix.len() + 11;
        let number = &digits.values[prefix.len()..length];
        if !digits.values.starts_with(prefix) || number[0] != b'1' || !(b'3'..=b'9').contains(&number[1]) {
            continue;
        }
        // The prefix is a group of its own, or written together with what follows.
        let (from, cut) = if digits.lengths[0] == prefix.len() { (1, 0) } else { (0, prefix.len()) };
        for (common, groups) in MOBILE_GROUPS.iter().enumerate() {
            let Some(mark) = digits.grouped(from, cut, groups) else { continue };
            let is_sure = common < MOBILE_SURE;
            let is_amount = !is_sure && plain.has_unit(digits.end(length));
            let is_date = *groups == [3, 8] && is_day(&number[3..]);
            let is_decimal = mark == '.' && *groups != [3, 4, 4];
            if !is_amount && !is_date && !is_decimal {
                return Some(length);
            }
        }
        if prefix.is_empty() && is_read_aloud(plain, digits) {
            return Some(length);
        }
    }
    None
}

/// Eleven digits with another in Han right behind, as in 一三八一二三四五六七八九点以后打.
fn is_read_aloud(plain: &Plain, digits: &Digits) -> bool {
    digits.lengths[0] > 11 && is_han(plain[digits.places[10]]) && is_han(plain[digits.places[11]])
}

/// An area code (010, 02x, 0xxx) and seven or eight digits, of which the first is none of 0 and 1.
fn landline_length(digits: &Digits) -> Option<usize> {
    let (prefix, zero) = if digits.values[0] == b'0' && digits.values[1] != b'0' {
        (0, 1)
    } else if digits.values.starts_with(b"86") && digits.lengths[0] == 2 {
        (2, 0)
    } else if digits.values.starts_with(b"0086") && digits.lengths[0] == 4 {
        (4, 0)
    } else {
        return None;
    };
    let from = usize::from(prefix > 0);
    let values = &digits.values[prefix..];
    let area = zero
        + match (values[zero], values[zero + 1]) {
            (b'1', b'0') | (b'2', _) => 2,
            (b'3'..=b'9', _) => 3,
            _ => return None,
        };
    if !(b'2'..=b'9').contains(&values[area]) {
        return None;
    }
    for local in LOCAL_GROUPS {
        let together = digits.grouped(from, area, local);
        let apart = (digits.lengths[from] == area).then(|| digits.grouped(from + 1, 0, local)).flatten();
        let is_written = together.or(apart).is_some_and(|mark| mark != '.');
        if is_written && (together.is_some() || digits.marks[from + 1] != '.') {
            return Some(prefix + area + local.iter().sum::<usize>());
        }
    }
    None
}

/// Seven or eight digits without an area code are a number only where a word says so.
fn local_length(plain: &Plain, digits: &Digits) -> Option<usize> {
    let (groups, mark) =
        LOCAL_GROUPS.iter().find_map(|groups| Some((groups, digits.grouped(0, 0, groups)?)))?;
    let length = groups.iter().sum();
    let number = &digits.values[..length];
    let is_year = |digits: &[u8]| digits.starts_with(b"19") || digits.starts_with(b"20");
    if groups.len() == 2 {
        // Not from 0830 to 1030, and not from 2019 to 2023.
        let is_span = matches!(number[0], b'0' | b'1') || (is_year(number) && is_year(&number[groups[0]..]));
        if is_span || !matches!(mark, ' ' | '-') {
            return None;
        }
    }
    // 第2019-1728号 is a document, whatever stands before it.
    let is_amount = plain.has_unit(digits.end(length)) || plain.before(digits.places[0]) == Some('第');
    let is_said = || plain.has_word_before(digits.places[0], PHONE_WORD_REACH, &PHONE_WORDS);
    (!is_amount && !is_day(number) && is_said()).then_some(length)
}
