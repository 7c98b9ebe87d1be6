//! The words of the contracts as people and scripts write them: `in_handling` for `CASE_STATE_IN_HANDLING`.
//!
//! Guarantees that what is printed can be typed in again, and that a value this version does not know yet is shown
//! as `unknown_<number>` rather than hidden.

use clap::builder::{PossibleValuesParser, TypedValueParser};
use huying_proto::events::v1::{ActorRole, CaseKind, CaseState, CloseReason, DeadlineKind, Publication};
use std::str::FromStr;

/// State of a case.
pub(crate) fn state(value: i32) -> String {
    word(CaseState::try_from(value).ok().map(|known| known.as_str_name()), "CASE_STATE_", value)
}

/// Kind of a case.
pub(crate) fn kind(value: i32) -> String {
    word(CaseKind::try_from(value).ok().map(|known| known.as_str_name()), "CASE_KIND_", value)
}

/// What the public may see.
pub(crate) fn publication(value: i32) -> String {
    word(Publication::try_from(value).ok().map(|known| known.as_str_name()), "PUBLICATION_", value)
}

/// In what capacity somebody acted.
pub(crate) fn role(value: i32) -> String {
    word(ActorRole::try_from(value).ok().map(|known| known.as_str_name()), "ACTOR_ROLE_", value)
}

/// Why a case was closed.
pub(crate) fn close_reason(value: i32) -> String {
    word(CloseReason::try_from(value).ok().map(|known| known.as_str_name()), "CLOSE_REASON_", value)
}

/// What had to be done in time.
pub(crate) fn deadline_kind(value: i32) -> String {
    word(DeadlineKind::try_from(value).ok().map(|known| known.as_str_name()), "DEADLINE_KIND_", value)
}

fn word(known: Option<&'static str>, prefix: &str, value: i32) -> String {
    match known {
        Some(name) => name.strip_prefix(prefix).unwrap_or(name).to_ascii_lowercase(),
        None => format!("unknown_{value}"),
    }
}

/// A state as an argument.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct State(pub(crate) CaseState);

/// A kind as an argument.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Kind(pub(crate) CaseKind);

impl FromStr for State {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, Self::Err> {
        CaseState::from_str_name(&name_of(word, "CASE_STATE_"))
            .map(Self)
            .ok_or_else(|| format!("there is no state \"{word}\""))
    }
}

impl FromStr for Kind {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, Self::Err> {
        CaseKind::from_str_name(&name_of(word, "CASE_KIND_"))
            .map(Self)
            .ok_or_else(|| format!("there is no kind \"{word}\""))
    }
}

fn name_of(word: &str, prefix: &str) -> String {
    format!("{prefix}{}", word.to_ascii_uppercase().replace('-', "_"))
}

/// Reads a state, with the possible ones shown in `--help`.
pub(crate) fn state_parser() -> impl TypedValueParser<Value = State> {
    PossibleValuesParser::new(["submitted", "registered", "assigned", "in_handling", "replied", "closed"])
        .try_map(|word| word.parse::<State>())
}

/// Reads a kind, with the possible ones shown in `--help`.
pub(crate) fn kind_parser() -> impl TypedValueParser<Value = Kind> {
    PossibleValuesParser::new(["message", "suggestion", "project_proposal", "draft_comment", "appointment"])
        .try_map(|word| word.parse::<Kind>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_printed_word_can_be_read_again() {
        for value in 1..=6 {
            assert_eq!(state(value).parse::<State>().unwrap().0 as i32, value);
        }
        for value in 1..=5 {
            assert_eq!(kind(value).parse::<Kind>().unwrap().0 as i32, value);
        }
        assert_eq!(state(99), "unknown_99");
        assert_eq!("in-handling".parse::<State>().unwrap().0, CaseState::InHandling);
    }
}
