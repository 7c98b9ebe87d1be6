//! Who the writer is: known from the form they filled in, or announced by a word such as 姓名.

use super::plain::{Plain, is_han};

/// Words that announce a name. 我是 is not among them: 我是一名教师.
const ANNOUNCING: [&str; 3] = ["我叫", "姓名", "联系人"];
/// Most characters between the word and the name, such as 是：.
const FILLER_MAX: usize = 4;
/// Most characters of a name in running text, and behind a colon; Mongolian names are the longer ones.
const NAME_MAX: usize = 4;
const WRITTEN_NAME_MAX: usize = 8;
/// Words that end a name, and are none.
const NEXT_WORDS: [&str; 13] =
    ["电话", "手机", "联系", "身份", "家住", "住", "今年", "是", "姓名", "方式", "地址", "信息", "号码"];

/// What people write in place of a name; hiding it would hide the matter.
const STAND_INS: [&str; 12] =
    ["群众", "居民", "村民", "市民", "业主", "住户", "网友", "家长", "学生", "匿名", "本人", "保密"];
/// Fewest characters of an address's last part that is searched for by itself.
const PART_MIN: usize = 4;

/// Hides the occurrences of what the writer is known by; see [`super::citizen_text_about`].
pub(super) fn hide_known(plain: &mut Plain, known: &str) {
    let known = known.trim();
    if STAND_INS.contains(&known) {
        return;
    }
    let known = Plain::of(known);
    let known: Vec<char> = known.from(0).iter().copied().filter(|&letter| letter != ' ').collect();
    if is_area(&known) {
        return;
    }
    hide_occurrences(plain, &known);
    if let Some(cut) = known.iter().rposition(|letter| matches!(letter, '街' | '路' | '村' | '区')) {
        let part = &known[cut + 1..];
        // 街道 is one word.
        let part = part.strip_prefix(&['道']).unwrap_or(part);
        let is_building = part.last().is_some_and(|letter| matches!(letter, '楼' | '栋' | '幢'));
        if part.len() >= PART_MIN && part.iter().any(char::is_ascii_digit) && !is_building {
            hide_occurrences(plain, part);
        }
    }
}

/// Whether an address ends where no home is: 临河区, 双河镇进步村. A name of up to four characters can end in 镇 or 路.
fn is_area(known: &[char]) -> bool {
    if known.iter().any(char::is_ascii_digit) {
        return false;
    }
    known.last().is_some_and(|letter| match letter {
        '省' | '市' | '县' | '区' | '街' => true,
        '道' => known.ends_with(&['街', '道']),
        '旗' | '镇' | '乡' | '村' | '路' => known.len() > NAME_MAX,
        _ => false,
    })
}

/// Hides each occurrence but for its first character; blanks in the text do not matter (Knuth, Morris, Pratt).
fn hide_occurrences(plain: &mut Plain, known: &[char]) {
    if known.len() < 2 {
        return;
    }
    let borders = borders(known);
    // Where in the text each of the characters matched last was found.
    let mut places = vec![0; known.len()];
    let (mut matched, mut seen) = (0, 0);
    for at in 0..plain.len() {
        let letter = plain[at];
        if letter == ' ' {
            continue;
        }
        while matched > 0 && known[matched] != letter {
            matched = borders[matched - 1];
        }
        places[seen % known.len()] = at;
        seen += 1;
        matched += usize::from(known[matched] == letter);
        if matched < known.len() {
            continue;
        }
        matched = 0;
        let first = places[(seen - known.len()) % known.len()];
        if is_whole(plain, first, at) {
            for place in first + 1..=at {
                if plain[place] != ' ' {
                    plain.hide(place);
                }
            }
        }
    }
}

/// For each prefix, the length of the longest proper one that it also ends with.
fn borders(known: &[char]) -> Vec<usize> {
    let mut borders = vec![0; known.len()];
    let mut length = 0;
    for at in 1..known.len() {
        while length > 0 && known[at] != known[length] {
            length = borders[length - 1];
        }
        length += usize::from(known[at] == known[length]);
        borders[at] = length;
    }
    borders
}

/// Whether no letter or digit goes on beyond either end: li is not in lining, 2单元 not in 12单元.
fn is_whole(plain: &Plain, first: usize, last: usize) -> bool {
    let joins = |one: char, other: Option<char>| {
        one.is_ascii_alphanumeric() && other.is_some_and(|other| other.is_ascii_alphanumeric())
    };
    !joins(plain[first], plain.before(first)) && !joins(plain[last], plain.get(last + 1))
}

/// Hides the name behind an announcing word that begins here, but for its first character.
pub(super) fn hide_announced(plain: &mut Plain, at: usize) {
    let Some(word) = ANNOUNCING.iter().find(|word| plain.has_word(at, word)) else { return };
    let behind = at + word.chars().count();
    let filler = plain.count_from(behind, FILLER_MAX, |letter| matches!(letter, ':' | '是' | '为' | ' '));
    let from = behind + filler;
    let is_written = plain.from(behind)[..filler].contains(&':');
    // 修改姓名 相关流程: a blank alone announces a name behind 联系人, but not behind 姓名.
    if *word == "姓名" && filler > 0 && plain.from(behind)[..filler].iter().all(|letter| *letter == ' ') {
        return;
    }
    let length = name_length(plain, from, if is_written { WRITTEN_NAME_MAX } else { NAME_MAX });
    if length >= 2 {
        plain.hide_all(from + 1..from + length);
    }
}

/// How many Han characters from `from` on end at something that is not a name; 0 when they do not, or are no name.
fn name_length(plain: &Plain, from: usize, most: usize) -> usize {
    // 联系人员, 姓名不详, 我叫了 and the like.
    let is_no_surname = |letter: char| {
        matches!(
            letter,
            '了' | '过'
                | '着'
                | '不'
                | '没'
                | '未'
                | '你'
                | '您'
                | '他'
                | '她'
                | '它'
                | '们'
                | '员'
                | '很'
                | '都'
                | '也'
                | '的'
                | '在'
                | '给'
                | '保'
                | '和'
                | '及'
                | '与'
        )
    };
    if plain.get(from).is_some_and(is_no_surname) {
        return 0;
    }
    (0..=most)
        .find(|&length| {
            let end = from + length;
            plain.get(end).is_none_or(|letter| !is_han(letter) && letter != '·')
                || NEXT_WORDS.iter().any(|word| plain.has_word(end, word))
        })
        .unwrap_or(0)
}
