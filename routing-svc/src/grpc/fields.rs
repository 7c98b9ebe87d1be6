//! Checks of single fields: each fault is noted with what would be right, so that a caller hears of all at once.

use std::{fmt::Display, str::FromStr};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use huying_platform::{
    ids::CaseId,
    redact,
    status::{Violations, from_micros, micros, timestamp_from_proto},
};
use huying_proto::events::v1::Picture;
use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

use crate::store::lists::Position;

/// Stands for "not open" in a page token, where an open case has its deadline.
const NO_DEADLINE_US: i64 = i64::MAX;

/// Bounds, as the contract gives them.
const PICTURES_MAX: usize = 6;
/// SHA-256 in hexadecimal.
const PICTURE_ID_DIGITS: usize = 64;
const MEDIA_TYPES: [&str; 3] = ["image/jpeg", "image/png", "image/webp"];
/// The beginning of the year 1. PostgreSQL has no time before the year -4713, and no case has any before this.
const YEAR_1_S: i64 = -62_135_596_800;
/// The import lets no longer path in.
const CATEGORY_CHARS_MAX: usize = 200;

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
    if text.chars().any(|character| character.is_control() && !matches!(character, '\n' | '\r' | '\t')) {
        // No reader would see it, a terminal might obey it, and of a null character PostgreSQL keeps no text.
        violations.add(field, "has a control character; text with line breaks and tabs would be right");
        return String::new();
    }
    redact::official_text(text)
}

/// Whole seconds that may be left out. How many are right is for the rules.
pub(super) fn seconds(
    field: &str,
    duration: Option<&prost_types::Duration>,
    violations: &mut Violations,
) -> Option<SignedDuration> {
    let duration = duration?;
    if duration.nanos != 0 {
        violations.add(field, "has a fraction of a second; whole seconds would be right");
    }
    Some(SignedDuration::from_secs(duration.seconds))
}

/// A category path; whether the directory has it is for the rules.
pub(super) fn category(path: &str, violations: &mut Violations) -> Option<String> {
    let length = path.chars().count();
    if length > CATEGORY_CHARS_MAX || path.contains('\0') {
        let problem = format!(
            "has {length} characters or a null character; a category path of the directory would be right"
        );
        violations.add("category", problem);
        return None;
    }
    Some(path.to_owned())
}

/// Pictures as intake-svc gave them back; whether it has them is for it to know. None only with a violation.
pub(super) fn pictures(pictures: &[Picture], violations: &mut Violations) -> Option<Vec<Picture>> {
    if pictures.len() > PICTURES_MAX {
        let count = pictures.len();
        violations.add("pictures", format!("has {count} entries; at most {PICTURES_MAX} would be right"));
        return None;
    }
    let mut are_right = true;
    for (at, picture) in pictures.iter().enumerate() {
        for (field, problem) in faults_of(picture) {
            violations.add(format!("pictures[{at}].{field}"), problem);
            are_right = false;
        }
    }
    are_right.then(|| pictures.to_vec())
}

fn faults_of(picture: &Picture) -> Vec<(&'static str, &'static str)> {
    let mut faults = Vec::new();
    let is_digest = |id: &str| {
        id.len() == PICTURE_ID_DIGITS && id.bytes().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'))
    };
    if !is_digest(&picture.picture_id) {
        faults.push((
            "picture_id",
            "is not 64 lower-case hexadecimal digits; one from UploadPicture would be right",
        ));
    }
    if !MEDIA_TYPES.contains(&picture.media_type.as_str()) {
        faults.push(("media_type", "is not known; image/jpeg, image/png or image/webp would be right"));
    }
    for (field, size) in
        [("width_px", picture.width_px), ("height_px", picture.height_px), ("size_bytes", picture.size_bytes)]
    {
        if size == 0 {
            faults.push((field, "is 0; the size as UploadPicture gave it back would be right"));
        }
    }
    faults
}

/// A moment that may be left out.
pub(super) fn moment(
    field: &str,
    time: Option<&prost_types::Timestamp>,
    violations: &mut Violations,
) -> Option<Timestamp> {
    let time = time?;
    let read = timestamp_from_proto(time).filter(|read| read.as_second() >= YEAR_1_S);
    if read.is_none() {
        violations.add(field, "is out of range; a moment of the years 1 to 9999 would be right");
    }
    read
}

/// Some of the values of an enum, each once. `bound` is more than there are.
pub(super) fn each_once<T: PartialEq>(
    field: &str,
    numbers: &[i32],
    bound: usize,
    read: impl Fn(i32) -> Option<T>,
    right: &str,
    violations: &mut Violations,
) -> Vec<T> {
    if numbers.len() > bound {
        violations.add(field, format!("has {} entries; at most {bound} would be right", numbers.len()));
    }
    let mut values = Vec::new();
    for &number in numbers.iter().take(bound) {
        match read(number) {
            Some(value) if values.contains(&value) => {}
            Some(value) => values.push(value),
            None => violations.add(field, format!("has {number}; {right} would be right")),
        }
    }
    values
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
        // No deadline is before 1970, and PostgreSQL writes early years in another way.
        let due_us = Some(i64::from_be_bytes(*due)).filter(|&due_us| due_us >= 0)?;
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
        let control = "control character";
        for (sent, fault) in [
            ("", "is empty"),
            ("五个字的话", "has 5 characters"),
            ("\0", control),
            ("\u{1b}[2J", control),
            ("好\u{9b}", control),
        ] {
            let mut violations = Violations::new();
            assert_eq!(text("reason", sent, 4, &mut violations), "");
            let message = violations.into_status().message().to_owned();
            assert!(message.contains(fault), "{message}");
            assert_eq!(message.matches("reason: ").count(), 1, "{message}");
        }
        let mut violations = Violations::new();
        assert_eq!(text("reason", "好\r\n\t", 4, &mut violations), "好\r\n\t");
        assert!(violations.is_empty());
    }

    #[test]
    fn each_fault_of_a_picture_is_named_with_its_place() {
        let right = Picture {
            picture_id: "0a".repeat(32),
            media_type: "image/png".into(),
            width_px: 1,
            height_px: 1,
            size_bytes: 1,
        };
        let mut violations = Violations::new();
        assert_eq!(pictures(&vec![right.clone(); 6], &mut violations).map(|all| all.len()), Some(6));
        assert!(violations.is_empty());
        assert_eq!(pictures(&vec![right.clone(); 7], &mut violations), None);
        let wrong =
            Picture { picture_id: "0A".repeat(32), media_type: "image/gif".into(), ..Picture::default() };
        assert_eq!(pictures(&[right, wrong], &mut violations), None);
        let message = violations.into_status().message().to_owned();
        for field in ["picture_id", "media_type", "width_px", "height_px", "size_bytes"] {
            assert!(message.contains(&format!("pictures[1].{field}: ")), "{message}");
        }
        assert!(message.starts_with("pictures: has 7 entries; at most 6 would be right"), "{message}");
    }

    #[test]
    fn values_past_the_bound_are_one_fault() {
        let read = |number| (number < 3).then_some(number);
        let mut violations = Violations::new();
        let values = each_once("states", &[2, 1, 2, 7], 4, read, "0 to 2", &mut violations);
        assert_eq!(values, [2, 1]);
        each_once("states", &vec![1; 200_000], 4, read, "0 to 2", &mut violations);
        let message = violations.into_status().message().to_owned();
        let expected =
            "states: has 7; 0 to 2 would be right; states: has 200000 entries; at most 4 would be right";
        assert_eq!(message, expected);
    }

    #[test]
    fn a_moment_before_the_year_1_is_refused() {
        let read = |seconds| {
            let mut violations = Violations::new();
            let time = prost_types::Timestamp { seconds, nanos: 0 };
            let read = moment("submitted_from", Some(&time), &mut violations);
            assert_eq!(read.is_none(), !violations.is_empty(), "{seconds}");
            read
        };
        assert_eq!(read(YEAR_1_S).map(Timestamp::as_second), Some(YEAR_1_S));
        assert_eq!(read(0), Some(Timestamp::UNIX_EPOCH));
        for wrong in [YEAR_1_S - 1, Timestamp::MIN.as_second(), Timestamp::MAX.as_second() + 1, i64::MIN] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_made_up_page_token_is_refused() {
        let mut violations = Violations::new();
        assert_eq!(position("next", &mut violations), None);
        assert!(!violations.is_empty());
        // PostgreSQL has no year 0 and writes those before it in another way.
        let before_time = page_token(&Position { due_at: Some(Timestamp::MIN), case_id: CaseId::new_v7() });
        assert_eq!(position(&before_time, &mut violations), None);
    }
}
