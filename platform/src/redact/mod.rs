//! Masks personal data in text that others will read.
//!
//! Digits are masked by "*" but for the first, separators and surrounding words stay, so a reader still sees that a
//! phone number stood there. Every recogniser reads one plain form of the text (`plain`), in which full-width,
//! mathematical and Mongolian digits are digits, all blanks and dashes are one, and invisible characters are gone.
//!
//! - `numbers`: mobile numbers (11 digits from 13 to 19, MIIT numbering plan), landlines, identity numbers (GB 11643,
//!   18 characters, and the 15 digits of before 1999), bank cards (ISO/IEC 7812, 16 to 19 digits).
//! - `accounts`: e-mail addresses, WeChat and QQ.
//! - `places`: licence plates (GA 36), unit and room numbers. A building may be named in a public text, a home may not.
//! - `persons`: what the petitioner is known by, and names that a form's word such as 姓名 announces.
//!
//! What it guarantees: masking twice changes nothing more, the number of characters stays, and the work is linear in
//! the text. For the last, nothing here searches the rest of a text: every look ahead or back has a bound of at most a
//! few dozen characters, given by a constant or a `take` beside it, and runs that are longer are stepped over once. An
//! address's local part and host are bounded by RFC 5321, and the search for known words (Knuth, Morris, Pratt) never
//! goes back in the text. Left to others: names of third persons in running text, which no rule here can know.

mod accounts;
mod numbers;
mod persons;
mod places;
mod plain;
#[cfg(test)]
mod tests;

use plain::Plain;

/// Masks what could identify or reach the writer of a citizen's text, landlines and addresses included.
#[must_use]
pub fn citizen_text(text: &str) -> String {
    citizen_text_about(text, &[])
}

/// As [`citizen_text`], and masks what the writer is known by: their name and their address.
///
/// Of each known text all occurrences are masked but for the first character; blanks and the case of letters do not
/// matter. Not searched for are single characters, stand-ins for a name such as 群众, and addresses that name an area
/// and no home (临河区). Of an address, the part behind the last 街, 路, 村 or 区 is masked by itself too, if it has
/// four characters or more, a digit among them, and does not end at the building: 2单元401室 and 128号, but not 12号楼.
#[must_use]
pub fn citizen_text_about(text: &str, known: &[&str]) -> String {
    let mut plain = Plain::of(text);
    for words in known {
        persons::hide_known(&mut plain, words);
    }
    hide(&mut plain, Scope::Citizen);
    plain.shown(text)
}

/// Masks personal numbers, accounts, plates and rooms in the text of an office or a department.
///
/// What departments publish of themselves stays: landlines, hotlines, e-mail addresses and names.
#[must_use]
pub fn official_text(text: &str) -> String {
    let mut plain = Plain::of(text);
    hide(&mut plain, Scope::Official);
    plain.shown(text)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Scope {
    Citizen,
    Official,
}

/// A masked number can make its neighbour readable as another one; more than two such steps were never seen.
const ROUNDS_MAX: usize = 4;

/// Hides until a round finds nothing, which makes a second masking a silent one. Most texts take one round.
fn hide(plain: &mut Plain, scope: Scope) {
    for _ in 0..ROUNDS_MAX {
        let before = plain.hidden();
        numbers::hide_numbers(plain, scope);
        hide_words(plain, scope);
        if plain.hidden() == before {
            return;
        }
    }
}

/// Goes once through the text and hands each character that can begin or end something to its recogniser.
fn hide_words(plain: &mut Plain, scope: Scope) {
    for at in 0..plain.len() {
        match plain[at] {
            '微' | '薇' | '威' | 'v' | 'w' | 'q' | '扣' | '加' => accounts::hide_account(plain, at),
            '单' | '室' | '房' | '号' => places::hide_room(plain, at),
            '-' => places::hide_dashed_room(plain, at),
            '@' if scope == Scope::Citizen => accounts::hide_email(plain, at),
            '我' | '姓' | '联' if scope == Scope::Citizen => persons::hide_announced(plain, at),
            letter if places::is_province(letter) => places::hide_plate(plain, at),
            _ => {}
        }
    }
}
