//! Licence plates, and the unit and room numbers of homes.

use super::plain::{HIDDEN, Plain, is_han_digit};

/// Most digits of a room or unit.
const ROOM_MAX: usize = 5;
/// Fewest Han digits that are a room's: 一室 is a part of 一室一厅, 四零一室 is a home.
const HAN_ROOM_MIN: usize = 3;

/// The first letter of a plate.
pub(super) const fn is_province(letter: char) -> bool {
    matches!(
        letter,
        '京' | '津'
            | '沪'
            | '渝'
            | '冀'
            | '豫'
            | '云'
            | '辽'
            | '黑'
            | '湘'
            | '皖'
            | '鲁'
            | '新'
            | '苏'
            | '浙'
            | '赣'
            | '鄂'
            | '桂'
            | '甘'
            | '晋'
            | '蒙'
            | '陕'
            | '吉'
            | '闽'
            | '贵'
            | '粤'
            | '青'
            | '藏'
            | '川'
            | '宁'
            | '琼'
    )
}

/// A province's letter, a city's, and five or six letters and digits, or four and 挂. The first two stay.
pub(super) fn hide_plate(plain: &mut Plain, at: usize) {
    // 京藏 and 京新 are motorways, and what follows is a place on them.
    if plain.before(at).is_some_and(is_province) {
        return;
    }
    let is_gap = |letter: char| matches!(letter, ' ' | '·' | '.' | '-');
    let city = at + 1 + plain.count_from(at + 1, 1, is_gap);
    if !plain.get(city).is_some_and(|letter| letter.is_ascii_lowercase()) {
        return;
    }
    let from = city + 1 + plain.count_from(city + 1, 1, is_gap);
    let length = plain.count_from(from, 7, |letter| letter.is_ascii_alphanumeric());
    let letters = plain.from(from)[..length].iter().filter(|letter| letter.is_ascii_alphabetic()).count();
    let is_special = length == 4
        && plain
            .get(from + length)
            .is_some_and(|last| matches!(last, '挂' | '学' | '警' | '港' | '澳' | '领' | '使'));
    // GA 36 allows two letters among them; more are a word.
    if (matches!(length, 5 | 6) || is_special) && letters <= 2 {
        plain.hide_all(from..from + length);
    }
}

/// Hides the number before 单元, 室, 房间 or 号房 that stands here, and the room behind 单元.
pub(super) fn hide_room(plain: &mut Plain, at: usize) {
    if plain.has_word(at, "单元") {
        let unit = number_before(plain, at, 1);
        plain.hide_all(at - unit..at);
        let gap = plain.count_from(at + 2, 1, |letter| matches!(letter, ' ' | '-' | ','));
        let from = at + 2 + gap;
        let length = room_behind(plain, from);
        plain.hide_all(from..from + length);
    } else if plain[at] == '室' {
        // 3室2厅 is a plan, 室温 a temperature.
        let is_other = plain.get(at + 1).is_some_and(|next| {
            matches!(next, '温' | '内' | '外' | '两') || next.is_ascii_digit() || is_han_digit(next)
        });
        if !is_other {
            hide_before(plain, at);
        }
    } else if plain.has_word(at, "房间") || plain.has_word(at, "号房") {
        hide_before(plain, at);
    }
}

/// 3-2-401: a building, a unit and a room; `at` is the first dash.
pub(super) fn hide_dashed_room(plain: &mut Plain, at: usize) {
    let is_digit = |letter: char| letter.is_ascii_digit();
    let building = plain.count_before(at, 3, is_digit);
    let unit = plain.count_from(at + 1, 3, is_digit);
    let second = at + 1 + unit;
    let room = plain.count_from(second + 1, 5, is_digit);
    if !matches!((building, unit, room), (1 | 2, 1 | 2, 3 | 4)) || plain[second] != '-' {
        return;
    }
    let (start, end) = (at - building, second + 1 + room);
    let is_joint = |letter: char| matches!(letter, '-' | '.' | '/' | ':' | '+') || letter == HIDDEN;
    let goes_on = plain.get(end).is_some_and(|next| is_joint(next) || next == '年')
        && plain
            .get(end + 1)
            .is_none_or(|next| next.is_ascii_digit() || next == HIDDEN || plain[end] == '年');
    let is_inside =
        plain.before(start).is_some_and(|before| is_joint(before) || before.is_ascii_alphabetic());
    let is_year = room == 4 && (plain.has_word(second + 1, "19") || plain.has_word(second + 1, "20"));
    if goes_on || is_inside || is_year {
        return;
    }
    for place in (start..end).filter(|&place| place != at && place != second) {
        plain.hide(place);
    }
}

/// Hides a room's number and the numbers joined to it by dashes, as in 2-401室.
fn hide_before(plain: &mut Plain, at: usize) {
    let fewest_han = if behind_unit(plain, at) { 1 } else { HAN_ROOM_MIN };
    let mut end = at;
    for _ in 0..3 {
        let length = number_before(plain, end, fewest_han);
        plain.hide_all(end - length..end);
        if length == 0 || plain.before(end - length) != Some('-') {
            return;
        }
        end -= length + 1;
    }
}

/// Whether the Han digits before `at` follow 单元.
fn behind_unit(plain: &Plain, at: usize) -> bool {
    let start = at - plain.count_before(at, ROOM_MAX, is_room_digit);
    start >= 2 && plain.has_word(start - 2, "单元")
}

/// How many characters before `end` are a room's or unit's number.
fn number_before(plain: &Plain, end: usize, fewest_han: usize) -> usize {
    let ascii = plain.count_before(end, ROOM_MAX, |letter| letter.is_ascii_digit());
    if ascii > 0 {
        return ascii;
    }
    let han = plain.count_before(end, ROOM_MAX, is_room_digit);
    if han >= fewest_han { han } else { 0 }
}

/// How many characters from `from` on are a room's number: 401, 四零一, but not the 12 of 12户.
fn room_behind(plain: &Plain, from: usize) -> usize {
    let ascii = plain.count_from(from, ROOM_MAX, |letter| letter.is_ascii_digit());
    let is_counted = |at: usize| {
        plain.get(at).is_some_and(|letter| {
            matches!(
                letter,
                '户' | '家'
                    | '人'
                    | '个'
                    | '层'
                    | '楼'
                    | '部'
                    | '名'
                    | '台'
                    | '位'
                    | '天'
                    | '点'
                    | '月'
                    | '年'
                    | '元'
                    | '次'
                    | '盏'
                    | '.'
                    | ':'
            )
        })
    };
    let length = if ascii > 0 { ascii } else { plain.count_from(from, ROOM_MAX, is_room_digit) };
    let fewest = if ascii > 0 { 1 } else { HAN_ROOM_MIN };
    if (fewest..ROOM_MAX).contains(&length) && !is_counted(from + length) { length } else { 0 }
}

const fn is_room_digit(letter: char) -> bool {
    is_han_digit(letter) || matches!(letter, '十' | '百')
}
