//! The words of the contracts as people and scripts write them: `in_handling` for `CASE_STATE_IN_HANDLING`.
//!
//! Guarantees that what is printed can be typed in again, and that a value this version does not know yet is shown
//! as `unknown_<number>` rather than hidden.

use clap::builder::{PossibleValuesParser, TypedValueParser};
use huying_proto::{
    events::v1::{ActorRole, CaseKind, CaseState, CloseReason, DeadlineKind, DeclineGround, Publication},
    routing::v1::{AssignmentKind, DirectoryFile, ExtensionStatus, PartStatus},
};
use std::str::FromStr;

/// What an event means, by its name; nothing for one that this version does not know.
pub(crate) fn event(name: &str) -> &'static str {
    EVENTS.iter().find(|(known, _)| *known == name).map_or("", |(_, meaning)| meaning)
}

const EVENTS: [(&str, &str); 36] = [
    ("CaseSubmitted", "the message was received"),
    ("CaseQueued", "it waits for an office to decide"),
    ("CaseRegistered", "it was accepted for handling"),
    ("CaseDeclined", "it was not taken up"),
    ("CaseClassified", "its category was set"),
    ("CaseAssigned", "a department was given it"),
    ("CaseTransferred", "another department was given it"),
    ("CaseDelegated", "it was handed to the tier below"),
    ("CaseEscalated", "it was handed to the tier above"),
    ("CaseAccepted", "the department took it up"),
    ("CaseReturned", "the department gave it back"),
    ("CaseClaimed", "a representative follows it"),
    ("ProgressReported", "it was told how far it is"),
    ("PartAssigned", "a co-handler was given a part"),
    ("PartAnswered", "a part was answered"),
    ("PartWaived", "a part need not be answered"),
    ("ExtensionRequested", "more time was asked for"),
    ("ExtensionGranted", "more time was granted"),
    ("ExtensionRefused", "no more time was granted"),
    ("CaseReplied", "the citizen was answered"),
    ("CaseRated", "the citizen rated the outcome"),
    ("CaseReopened", "it goes on"),
    ("CaseClosed", "it was closed"),
    ("DeadlineNear", "a deadline was near"),
    ("DeadlineExpired", "a deadline passed"),
    ("CaseUrged", "a unit was urged"),
    ("CaseSupervised", "a unit was put under supervision"),
    ("CriticismCirculated", "a unit was criticised in a circular"),
    ("CaseMerged", "it goes on as part of another case"),
    ("CaseAbsorbed", "another case goes on as part of it"),
    ("CaseUnmerged", "it goes on by itself again"),
    ("CaseSplitOff", "another case goes on by itself again"),
    ("CaseWithdrawn", "the citizen took it back"),
    ("ClocksRecomputed", "its deadlines were computed anew"),
    ("PrivatePartRead", "a handler read the citizen's private part"),
    ("PrivatePartErased", "the citizen's private part was erased"),
];

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

/// Why a case was not taken up.
pub(crate) fn decline_ground(value: i32) -> String {
    word(DeclineGround::try_from(value).ok().map(|known| known.as_str_name()), "DECLINE_GROUND_", value)
}

/// What had to be done in time.
pub(crate) fn deadline_kind(value: i32) -> String {
    word(DeadlineKind::try_from(value).ok().map(|known| known.as_str_name()), "DEADLINE_KIND_", value)
}

/// Where a part stands.
pub(crate) fn part_status(value: i32) -> String {
    word(PartStatus::try_from(value).ok().map(|known| known.as_str_name()), "PART_STATUS_", value)
}

/// What became of a request for more time.
pub(crate) fn extension_status(value: i32) -> String {
    word(ExtensionStatus::try_from(value).ok().map(|known| known.as_str_name()), "EXTENSION_STATUS_", value)
}

/// What was given to a unit or taken from it.
pub(crate) fn assignment_kind(value: i32) -> String {
    word(AssignmentKind::try_from(value).ok().map(|known| known.as_str_name()), "ASSIGNMENT_KIND_", value)
}

/// A file of reference data, without ".csv".
pub(crate) fn directory_file(value: i32) -> String {
    word(DirectoryFile::try_from(value).ok().map(|known| known.as_str_name()), "DIRECTORY_FILE_", value)
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

/// What has to be done, as an argument.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stage(pub(crate) DeadlineKind);

/// A ground for declining, as an argument or in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct Ground(pub(crate) DeclineGround);

const STATES: [&str; 9] = [
    "submitted",
    "registered",
    "assigned",
    "in_handling",
    "replied",
    "closed",
    "declined",
    "withdrawn",
    "merged",
];
const KINDS: [&str; 5] = ["message", "suggestion", "project_proposal", "draft_comment", "appointment"];
/// A case's present stage; the clocks of the whole case and of parts run beside it.
const STAGES: [&str; 4] = ["register", "assign", "reply", "rate"];
const GROUNDS: [&str; 5] = ["out_of_scope", "legal_proceedings", "already_answered", "unclear", "unlawful"];

impl FromStr for State {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, Self::Err> {
        CaseState::from_str_name(&name_of(word, "CASE_STATE_"))
            .map(Self)
            .ok_or_else(|| unknown("state", word, &STATES))
    }
}

impl FromStr for Kind {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, Self::Err> {
        CaseKind::from_str_name(&name_of(word, "CASE_KIND_"))
            .map(Self)
            .ok_or_else(|| unknown("kind", word, &KINDS))
    }
}

impl FromStr for Stage {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, Self::Err> {
        DeadlineKind::from_str_name(&name_of(word, "DEADLINE_KIND_"))
            .map(Self)
            .ok_or_else(|| unknown("stage", word, &STAGES))
    }
}

impl FromStr for Ground {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, Self::Err> {
        DeclineGround::from_str_name(&name_of(word, "DECLINE_GROUND_"))
            .map(Self)
            .ok_or_else(|| unknown("ground", word, &GROUNDS))
    }
}

impl TryFrom<String> for Ground {
    type Error = String;

    fn try_from(word: String) -> Result<Self, Self::Error> {
        word.parse()
    }
}

fn unknown(what: &str, word: &str, known: &[&str]) -> String {
    format!("there is no {what} \"{word}\"; there are {}", known.join(", "))
}

fn name_of(word: &str, prefix: &str) -> String {
    format!("{prefix}{}", word.to_ascii_uppercase().replace('-', "_"))
}

/// Reads a state, with the possible ones shown in `--help`.
pub(crate) fn state_parser() -> impl TypedValueParser<Value = State> {
    PossibleValuesParser::new(STATES).try_map(|word| word.parse::<State>())
}

/// Reads a kind, with the possible ones shown in `--help`.
pub(crate) fn kind_parser() -> impl TypedValueParser<Value = Kind> {
    PossibleValuesParser::new(KINDS).try_map(|word| word.parse::<Kind>())
}

/// Reads a stage, with the possible ones shown in `--help`.
pub(crate) fn stage_parser() -> impl TypedValueParser<Value = Stage> {
    PossibleValuesParser::new(STAGES).try_map(|word| word.parse::<Stage>())
}

/// Reads a ground for declining, with the possible ones shown in `--help`.
pub(crate) fn ground_parser() -> impl TypedValueParser<Value = Ground> {
    PossibleValuesParser::new(GROUNDS).try_map(|word| word.parse::<Ground>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_printed_word_can_be_read_again() {
        for value in 1..=9 {
            assert_eq!(state(value).parse::<State>().unwrap().0 as i32, value);
            assert!(STATES.contains(&state(value).as_str()));
        }
        for value in 1..=5 {
            assert_eq!(kind(value).parse::<Kind>().unwrap().0 as i32, value);
            assert_eq!(decline_ground(value).parse::<Ground>().unwrap().0 as i32, value);
        }
        for word in STAGES {
            let Stage(stage) = word.parse().unwrap();
            assert_eq!(deadline_kind(stage.into()), word);
        }
        assert_eq!(state(99), "unknown_99");
        assert_eq!("in-handling".parse::<State>().unwrap().0, CaseState::InHandling);
        assert!("done".parse::<State>().unwrap_err().contains("in_handling"));
    }
}
