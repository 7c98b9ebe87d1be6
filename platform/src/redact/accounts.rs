//! E-mail addresses, and accounts of WeChat and QQ.

use super::plain::{HIDDEN, Plain, is_day};

/// Longest local part and host of an address, RFC 5321, 4.5.3.1.
const LOCAL_PART_MAX: usize = 64;
const HOST_MAX: usize = 255;

const ACCOUNT_WORDS: [&str; 11] =
    ["微信", "薇信", "威信", "v信", "vx", "wx", "qq", "扣扣", "加v", "加q", "加微"];
/// Most characters between the word and the account, such as 号是：.
const FILLER_MAX: usize = 6;
/// Shortest account. QQ once gave five digits, but five digits are a hotline more often.
const ACCOUNT_MIN: usize = 5;
const DIGITS_MIN: usize = 6;
/// Longest account, that of WeChat.
const ACCOUNT_MAX: usize = 20;

/// Hides what is before an @ if behind it is a host. The host stays.
pub(super) fn hide_email(plain: &mut Plain, at: usize) {
    let is_part =
        |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '.' | '_' | '-' | '+' | HIDDEN);
    let before = plain.count_before(at, LOCAL_PART_MAX, is_part);
    let after = plain.count_from(at + 1, HOST_MAX, is_part);
    if plain.from(at + 1)[..after].contains(&'.') {
        plain.hide_all(at - before..at);
    }
}

/// Hides the account behind a word that begins here, but for its first character.
pub(super) fn hide_account(plain: &mut Plain, at: usize) {
    let Some(word) = ACCOUNT_WORDS.iter().find(|word| plain.has_word(at, word)) else { return };
    if plain[at].is_ascii() && plain.before(at).is_some_and(|before| before.is_ascii_alphabetic()) {
        return;
    }
    let behind = at + word.chars().count();
    let is_filler = |letter: char| {
        matches!(letter, '号' | '码' | ':' | '是' | '为' | ' ' | '(' | ')' | '群' | '同' | '我' | '-' | '=')
    };
    let from = behind + plain.count_from(behind, FILLER_MAX, is_filler);
    let length = account_length(plain, from);
    if length > 0 {
        plain.hide_all(from + 1..from + length);
    }
}

/// How long the account is that begins here; 0 when none does.
fn account_length(plain: &Plain, from: usize) -> usize {
    let is_part = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '_' | '-' | '.');
    let length = plain.count_from(from, ACCOUNT_MAX + 1, is_part);
    let account = &plain.from(from)[..length];
    let length = account.iter().rposition(|letter| letter.is_ascii_alphanumeric()).map_or(0, |last| last + 1);
    if account.iter().any(char::is_ascii_alphabetic) {
        let is_link = plain.has_word(from, "http") || plain.has_word(from, "www.");
        return if (ACCOUNT_MIN..=ACCOUNT_MAX).contains(&length) && !is_link { length } else { 0 };
    }
    // Digits with marks between are dates and the like; numbers of phones have been hidden before.
    let length = plain.count_from(from, ACCOUNT_MAX + 1, |letter| letter.is_ascii_digit());
    let mut day = [0; 8];
    for (digit, &letter) in day.iter_mut().zip(plain.from(from)) {
        *digit = u8::try_from(letter).unwrap_or_default();
    }
    let is_other = plain.has_unit(from + length) || (length == day.len() && is_day(&day));
    if (DIGITS_MIN..=ACCOUNT_MAX).contains(&length) && !is_other { length } else { 0 }
}
