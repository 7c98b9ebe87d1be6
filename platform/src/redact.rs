//! Masks personal data in text that others will read.
//!
//! Digits are masked by "*" but for the first, separators and surrounding words stay, so a reader still sees that a
//! phone number stood there. It errs on the side of masking; what it cannot know is names of persons in running text.
//!
//! Forms: mobile numbers (11 digits from 13 to 19, MIIT numbering plan), landline numbers with area code, identity
//! numbers (GB 11643, 18 characters), bank cards (ISO/IEC 7812, 16 to 19 digits), e-mail addresses, WeChat and QQ
//! numbers, licence plates (GA 36), and unit and room numbers of addresses.

/// Masks what could identify or reach the writer of a citizen's text, landlines and addresses included.
#[must_use]
pub fn citizen_text(text: &str) -> String {
    mask(text, Scope::Citizen)
}

/// Masks personal numbers in the text of an office or a department; landlines and hotlines stay, being public.
#[must_use]
pub fn official_text(text: &str) -> String {
    mask(text, Scope::Official)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Scope {
    Citizen,
    Official,
}

/// Longest number looked at: a bank card with a country prefix before a phone is not longer.
const DIGITS_MAX: usize = 19;
/// How far before a short number a word such as 电话 still speaks of it.
const PHONE_WORD_REACH: usize = 8;

fn mask(text: &str, scope: Scope) -> String {
    let chars: Vec<char> = text.chars().collect();
    // One form for comparing: full-width letters and digits become ASCII; the length stays.
    let plain: Vec<char> = chars.iter().map(|&c| to_ascii(c)).collect();
    let mut masked = vec![false; chars.len()];

    mask_numbers(&plain, scope, &mut masked);
    mask_emails(&plain, scope, &mut masked);
    if scope == Scope::Citizen {
        mask_accounts(&plain, &mut masked);
        mask_plates(&plain, &mut masked);
        mask_rooms(&plain, &mut masked);
    }
    chars.iter().zip(&masked).map(|(&c, &hide)| if hide { '*' } else { c }).collect()
}

fn to_ascii(c: char) -> char {
    match c {
        '\u{ff01}'..='\u{ff5e}' => char::from_u32(u32::from(c) - 0xfee0).unwrap_or(c),
        '—' | '–' | '﹣' | '−' | '‐' => '-',
        '\u{3000}' | '\u{a0}' | '\t' => ' ',
        other => other,
    }
}

fn is_separator(c: char) -> bool {
    matches!(c, ' ' | '-' | '(' | ')' | '.' | '·')
}

fn mask_numbers(plain: &[char], scope: Scope, masked: &mut [bool]) {
    let mut at = 0;
    while at < plain.len() {
        if !plain[at].is_ascii_digit() {
            at += 1;
            continue;
        }
        let positions = digits_from(plain, at);
        let digits: Vec<u8> =
            positions.iter().map(|&p| u8::try_from(plain[p]).unwrap_or(b'X').to_ascii_uppercase()).collect();
        let length = personal_length(plain, at, &positions, &digits, scope);
        if length > 0 {
            for &position in &positions[1..length] {
                masked[position] = true;
            }
            at = positions[length - 1] + 1;
        } else {
            // Go on behind this unbroken run: what begins inside a longer number is not a number of its own.
            while at < plain.len() && plain[at].is_ascii_digit() {
                at += 1;
            }
        }
    }
}

/// Positions of the digits from `start` on, single separators between them allowed, and of a final X.
fn digits_from(plain: &[char], start: usize) -> Vec<usize> {
    let mut positions = Vec::with_capacity(DIGITS_MAX + 1);
    let mut at = start;
    while at < plain.len() && positions.len() <= DIGITS_MAX {
        if plain[at].is_ascii_digit() || (positions.len() == 17 && plain[at].eq_ignore_ascii_case(&'x')) {
            positions.push(at);
            at += 1;
        } else if is_separator(plain[at]) && plain.get(at + 1).is_some_and(char::is_ascii_digit) {
            at += 1;
        } else if is_separator(plain[at])
            && plain.get(at + 1).is_some_and(|&c| is_separator(c))
            && plain.get(at + 2).is_some_and(char::is_ascii_digit)
        {
            at += 2;
        } else {
            break;
        }
    }
    positions
}

/// How many of the digits are a personal number; 0 when none.
fn personal_length(plain: &[char], start: usize, positions: &[usize], digits: &[u8], scope: Scope) -> usize {
    // A number ends where its unbroken run of digits ends.
    let ends_at = |length: usize| {
        positions.len() >= length
            && plain.get(positions[length - 1] + 1).is_none_or(|next| !next.is_ascii_digit())
    };
    if ends_at(18) && is_identity(&digits[..18]) {
        return 18;
    }
    if let Some(length) =
        (16..=DIGITS_MAX).rev().find(|&length| ends_at(length) && is_card(&digits[..length]))
    {
        return length;
    }
    for (prefix, length) in [(&b""[..], 11), (b"86", 13), (b"0086", 15)] {
        if ends_at(length) && digits.starts_with(prefix) && is_mobile(&digits[prefix.len()..length]) {
            return length;
        }
    }
    if scope == Scope::Official {
        return 0;
    }
    if digits[0] == b'0'
        && digits.get(1) != Some(&b'0')
        && let Some(length) = (10..=12).rev().find(|&length| ends_at(length))
    {
        return length;
    }
    let run = positions.windows(2).take_while(|pair| pair[1] == pair[0] + 1).count() + 1;
    if matches!(run, 7 | 8) && follows_phone_word(plain, start) { run } else { 0 }
}

fn is_mobile(digits: &[u8]) -> bool {
    digits.len() == 11 && digits[0] == b'1' && (b'3'..=b'9').contains(&digits[1])
}

fn is_identity(digits: &[u8]) -> bool {
    let number = |from: usize, to: usize| {
        digits[from..to].iter().fold(0_u32, |sum, &digit| sum * 10 + u32::from(digit.saturating_sub(b'0')))
    };
    digits[0] != b'0'
        && (1900..=2100).contains(&number(6, 10))
        && (1..=12).contains(&number(10, 12))
        && (1..=31).contains(&number(12, 14))
}

/// Bank cards begin with 3 to 6 and satisfy the Luhn formula, or begin with 62 (UnionPay).
fn is_card(digits: &[u8]) -> bool {
    if !digits.iter().all(u8::is_ascii_digit) {
        return false;
    }
    let luhn: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(place, &digit)| {
            let value = u32::from(digit - b'0') << (place % 2);
            if value > 9 { value - 9 } else { value }
        })
        .sum();
    digits.starts_with(b"62") || ((b'3'..=b'6').contains(&digits[0]) && luhn.is_multiple_of(10))
}

fn follows_phone_word(plain: &[char], start: usize) -> bool {
    let before: String = plain[start.saturating_sub(PHONE_WORD_REACH)..start].iter().collect();
    ["电话", "手机", "座机", "联系", "致电", "号码", "拨打", "Tel", "tel", "TEL"]
        .iter()
        .any(|word| before.contains(word))
}

fn mask_emails(plain: &[char], scope: Scope, masked: &mut [bool]) {
    if scope == Scope::Official {
        return;
    }
    let part = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | '+');
    for at in (0..plain.len()).filter(|&at| plain[at] == '@') {
        let before = plain[..at].iter().rev().take_while(|c| part(c)).count();
        let after = plain[at + 1..].iter().take_while(|c| part(c)).count();
        if before > 0 && plain[at + 1..at + 1 + after].contains(&'.') {
            for hide in &mut masked[at - before..at] {
                *hide = true;
            }
        }
    }
}

/// WeChat and QQ accounts: the word, up to four characters such as 号：, then the account.
fn mask_accounts(plain: &[char], masked: &mut [bool]) {
    for word in ["微信", "QQ", "qq", "Qq", "扣扣", "vx", "VX", "wx"] {
        let word: Vec<char> = word.chars().collect();
        for at in occurrences(plain, &word) {
            let from = at + word.len();
            let filler = plain[from..]
                .iter()
                .take(4)
                .take_while(|c| matches!(c, '号' | '码' | ':' | '是' | '为' | ' ' | '(' | '群'))
                .count();
            let account = plain[from + filler..]
                .iter()
                .take_while(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-'))
                .count();
            if (5..=20).contains(&account) {
                for hide in &mut masked[from + filler + 1..from + filler + account] {
                    *hide = true;
                }
            }
        }
    }
}

/// A province's letter, a city's, and five or six letters and digits.
fn mask_plates(plain: &[char], masked: &mut [bool]) {
    const PROVINCES: &str = "京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼";
    for at in 0..plain.len() {
        if !PROVINCES.contains(plain[at]) || !plain.get(at + 1).is_some_and(char::is_ascii_uppercase) {
            continue;
        }
        let dot = usize::from(plain.get(at + 2).is_some_and(|c| matches!(c, '·' | '•' | '.' | ' ' | '-')));
        let from = at + 2 + dot;
        let number = plain[from.min(plain.len())..]
            .iter()
            .take_while(|c| c.is_ascii_digit() || c.is_ascii_uppercase())
            .count();
        let has_digit = plain[from.min(plain.len())..].iter().take(number).any(char::is_ascii_digit);
        if matches!(number, 5 | 6) && has_digit {
            for hide in &mut masked[from..from + number] {
                *hide = true;
            }
        }
    }
}

/// The numbers before 单元, 室 and 房: a building may be named in a public text, a home may not.
fn mask_rooms(plain: &[char], masked: &mut [bool]) {
    for word in ["单元", "室", "房间", "号房"] {
        let word: Vec<char> = word.chars().collect();
        for at in occurrences(plain, &word) {
            let digits = plain[..at].iter().rev().take(5).take_while(|c| c.is_ascii_digit()).count();
            for hide in &mut masked[at - digits..at] {
                *hide = true;
            }
        }
    }
}

fn occurrences<'a>(plain: &'a [char], word: &'a [char]) -> impl Iterator<Item = usize> + 'a {
    plain.windows(word.len()).enumerate().filter(move |(_, window)| *window == word).map(|(at, _)| at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_that_reach_or_name_a_person_are_masked() {
        for (text, expected) in [
            ("打我手机13812345678吧", "打我手机1**********吧"),
            ("138 1234 5678", "1** **** ****"),
            ("＋８６-１３８-１２３４-５６７８。", "＋８*-***-****-****。"),
            ("身份证152801199003071234", "身份证1*****************"),
            ("身份证15280119900307123x", "身份证1*****************"),
            ("卡号6222 0212 3456 7890 123", "卡号6*** **** **** **** ***"),
            ("座机0478-8212345", "座机0***-*******"),
            ("座机（0478）8212345", "座机（0***）*******"),
            ("电话是8212345", "电话是8******"),
            ("邮箱li.ming@example.com", "邮箱*******@example.com"),
            ("微信号：liming_1988", "微信号：l**********"),
            ("QQ12345678", "QQ1*******"),
            ("车牌蒙L·A1234", "车牌蒙L·*****"),
            ("3号楼2单元401室", "3号楼*单元***室"),
            ("13812345678，13987654321", "1**********，1**********"),
            ("13812345678 13987654321", "1********** 1**********"),
        ] {
            assert_eq!(citizen_text(text), expected);
        }
    }

    #[test]
    fn numbers_that_are_about_the_matter_stay() {
        for text in [
            "2018-09-26 10:15:45 反映",
            "110国道K823+500处",
            "欠款12345678元",
            "12345热线",
            "300户没水",
            "20230915",
            "订单号2023091512345",
            "面积1200.50平方米",
            "5号楼漏水",
            "",
        ] {
            assert_eq!(citizen_text(text), text);
        }
    }

    #[test]
    fn an_official_text_keeps_public_numbers_and_loses_personal_ones() {
        assert_eq!(official_text("请致电0478-8212345或12345"), "请致电0478-8212345或12345");
        assert_eq!(official_text("已联系您13812345678"), "已联系您1**********");
    }

    #[test]
    fn masking_twice_changes_nothing_more() {
        let once = citizen_text("微信liming_1988，电话13812345678，2单元401室");
        assert_eq!(citizen_text(&once), once);
    }
}
