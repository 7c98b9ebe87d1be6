//! What fields of more than one file may be.

use std::{collections::HashSet, fmt, str::FromStr};

use huying_platform::codes::{RegionCode, Tier, UnitCode};
use huying_proto::events::v1::CaseKind;
use jiff::civil::Date;

use super::{
    Faults, kind_word,
    rows::Line,
    validity::{Validity, read_day},
};

/// Bound on names, in characters.
pub(super) const NAME_CHARS_MAX: usize = 200;
/// Bounds on keywords: how many, and of how many characters. One character alone speaks for nothing.
const KEYWORDS_MAX: usize = 50;
const KEYWORD_CHARS: std::ops::RangeInclusive<usize> = 2..=20;

/// `valid_from` and `valid_until`.
pub(super) fn validity(line: &Line<'_>, faults: &mut Faults) -> Validity {
    let mut day = |column: &str, none: Date| match line.field(column) {
        "" => none,
        text => read_day(text).unwrap_or_else(|| {
            let problem =
                "is not a day of the years 1949 to 2199; one such as 2026-01-01, or an empty field, would be";
            line.fault(faults, column, format!("\"{text}\" {problem}"));
            none
        }),
    };
    let valid = Validity { from: day("valid_from", Date::MIN), until: day("valid_until", Date::MAX) };
    if valid.until <= valid.from {
        let problem = format!("{} is not after valid_from; a later day would be right", valid.until);
        line.fault(faults, "valid_until", problem);
    }
    valid
}

/// A code in its own column "code" or another.
pub(super) fn check_code<C: FromStr>(line: &Line<'_>, column: &str, faults: &mut Faults)
where
    C::Err: fmt::Display,
{
    if let Err(error) = line.field(column).parse::<C>() {
        line.fault(faults, column, format!("\"{}\" {error}", line.field(column)));
    }
}

/// The region that an entry belongs to.
pub(super) fn check_region(line: &Line<'_>, faults: &mut Faults) {
    check_code::<RegionCode>(line, "region", faults);
}

/// A name of 1 to [`NAME_CHARS_MAX`] characters.
pub(super) fn check_name(line: &Line<'_>, column: &str, faults: &mut Faults) {
    let name = line.field(column);
    if name.is_empty() || name.chars().count() > NAME_CHARS_MAX {
        let problem = format!("is empty or too long; 1 to {NAME_CHARS_MAX} characters would be right");
        line.fault(faults, column, problem);
    }
}

/// A tier; `right` lists what the field may be.
pub(super) fn tier(line: &Line<'_>, right: &str, faults: &mut Faults) -> Option<Tier> {
    let word = line.field("tier");
    let tier = word.parse().ok();
    if tier.is_none() {
        line.fault(faults, "tier", format!("\"{word}\" is not a tier; {right} would be"));
    }
    tier
}

/// A kind of cases; `*`, or nothing, is any.
pub(super) fn kind(line: &Line<'_>, faults: &mut Faults) -> Option<CaseKind> {
    let word = line.field("kind");
    if word.is_empty() {
        return Some(CaseKind::Unspecified);
    }
    let kind = [
        CaseKind::Unspecified,
        CaseKind::Message,
        CaseKind::Suggestion,
        CaseKind::ProjectProposal,
        CaseKind::DraftComment,
        CaseKind::Appointment,
    ]
    .into_iter()
    .find(|&kind| kind_word(kind) == word);
    if kind.is_none() {
        let kinds = "message, suggestion, project_proposal, draft_comment, appointment or *";
        line.fault(faults, "kind", format!("\"{word}\" is not a kind; {kinds} would be"));
    }
    kind
}

/// A category path; `*` is any.
pub(super) fn category(line: &Line<'_>) -> String {
    let path = line.field("category");
    if path == "*" { String::new() } else { path.to_owned() }
}

/// Whether a word may be a function: the same characters and bound as a unit code.
pub(super) fn is_function(word: &str) -> bool {
    word.parse::<UnitCode>().is_ok()
}

/// Keywords separated by ";".
pub(super) fn keywords(line: &Line<'_>, faults: &mut Faults) -> Vec<String> {
    let listed = line.field("keywords");
    if listed.is_empty() {
        return Vec::new();
    }
    let keywords: Vec<String> = listed.split(';').map(|word| word.trim().to_owned()).collect();
    if keywords.len() > KEYWORDS_MAX {
        let problem = format!("lists {} keywords; at most {KEYWORDS_MAX} would be right", keywords.len());
        line.fault(faults, "keywords", problem);
    }
    let mut seen = HashSet::new();
    for word in &keywords {
        if !KEYWORD_CHARS.contains(&word.chars().count()) {
            let (least, most) = (KEYWORD_CHARS.start(), KEYWORD_CHARS.end());
            let problem = format!(
                "\"{word}\" is not a keyword; {least} to {most} characters, separated by \";\", would be"
            );
            line.fault(faults, "keywords", problem);
        } else if !seen.insert(word) {
            line.fault(faults, "keywords", format!("{word} is listed twice; once would be right"));
        }
    }
    keywords
}
