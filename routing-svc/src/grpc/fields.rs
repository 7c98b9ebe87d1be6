//! Checks of single fields: each fault is noted with what would be right, so that a caller hears of all at once.

use std::{fmt::Display, str::FromStr};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use huying_platform::{
    ids::CaseId,
    redact,
    status::{Violations, from_micros, micros},
};
use uuid::Uuid;

use crate::store::lists::Position;

/// Stands for "closed" in a page token, where an open case has its deadline.
const NO_DEADLINE_US: i64 = i64::MAX;

/// A code or an id.
pub(super) fn parsed<T>(field: &str, text: &str, violations: &mut Violations) -> Option<T>
where
    T: FromStr,
    T::Err: Display,
{
    match text.parse() {
        Ok(value) => Some(value),
        Err(error) => {
            violations.add(field, error.to_string());
            None
        }
    }
}

/// A code that may be left out.
pub(super) fn optional<T>(field: &str, text: &str, violations: &mut Violations) -> Option<T>
where
    T: FromStr,
    T::Err: Display,
{
    if text.is_empty() { None } else { parsed(field, text, violations) }
}

/// A text for the public that must say something; personal data masked.
pub(super) fn text(field: &str, text: &str, chars_max: usize, violations: &mut Violations) -> String {
    if text.trim().is_empty() {
        violations.add(field, format!("is empty; 1 to {chars_max} characters would be right"));
        return String::new();
    }
    note(field, text, chars_max, violations)
}

/// A text that may be empty; personal data masked. One with a fault is not masked, and nothing comes of it.
pub(super) fn note(field: &str, text: &str, chars_max: usize, violations: &mut Violations) -> String {
    let length = text.chars().count();
    if length > chars_max {
        violations.add(field, format!("has {length} characters; at most {chars_max} would be right"));
        return String::new();
    }
    if text.contains('\0') {
        // PostgreSQL keeps no such text, and no reader would see it.
        violations.add(field, "contains a null character; text without it would be right");
        return String::new();
    }
    redact::official_text(text)
}

/// The size of a page; 0 means the usual one.
pub(super) fn page_size(size: u32, usual: u32, most: u32, violations: &mut Violations) -> u32 {
    if size > most {
        violations.add("page_size", format!("is {size}; 1 to {most}, or 0 for {usual}, would be right"));
    }
    if size == 0 { usual } else { size }
}

/// Where the next page begins, for the caller to hand back.
pub(super) fn page_token(position: &Position) -> String {
    let due_us = position.due_at.map_or(NO_DEADLINE_US, micros);
    let mut bytes = due_us.to_be_bytes().to_vec();
    bytes.extend_from_slice(position.case_id.as_uuid().as_bytes());
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Reads a page token; None for the first page.
pub(super) fn position(token: &str, violations: &mut Violations) -> Option<Position> {
    if token.is_empty() {
        return None;
    }
    let read = || {
        let bytes = URL_SAFE_NO_PAD.decode(token).ok()?;
        let (due, id) = bytes.split_first_chunk::<8>()?;
        let due_us = i64::from_be_bytes(*due);
        let case_id = CaseId::from_uuid(Uuid::from_slice(id).ok()?);
        let due_at = (due_us != NO_DEADLINE_US).then(|| from_micros(due_us));
        Some(Position { due_at, case_id })
    };
    let position = read();
    if position.is_none() {
        violations
            .add("page_token", "is not from an answer; next_page_token of the last page would be right");
    }
    position
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_token_reads_back_what_it_writes() {
        for due_at in [None, Some(from_micros(1_800_000_000_123_456))] {
            let here = Position { due_at, case_id: CaseId::new_v7() };
            let mut violations = Violations::new();
            assert_eq!(position(&page_token(&here), &mut violations), Some(here));
            assert!(violations.is_empty());
        }
    }

    #[test]
    fn a_faulty_text_has_one_fault_and_comes_to_nothing() {
        for (sent, fault) in [("", "is empty"), ("三个字", "has 3 characters"), ("\0", "null character")] {
            let mut violations = Violations::new();
            assert_eq!(text("reason", sent, 2, &mut violations), "");
            let message = violations.into_status().message().to_owned();
            assert!(message.contains(fault), "{message}");
            assert_eq!(message.matches("reason: ").count(), 1, "{message}");
        }
        let mut violations = Violations::new();
        assert_eq!(text("reason", "好", 2, &mut violations), "好");
        assert!(violations.is_empty());
    }

    #[test]
    fn a_made_up_page_token_is_refused() {
        let mut violations = Violations::new();
        assert_eq!(position("next", &mut violations), None);
        assert!(!violations.is_empty());
    }
}
