//! How the rules came to a decision, as a leaf has it.
//!
//! Rules look for words, so which rule applied tells what a text says. A leaf stays, whatever becomes of the case, so it has
//! rules and words of public texts alone; of others it has what the decision was, and by which rule set.

use std::borrow::Cow;

use huying_proto::events::v1::{Publication, RouteCandidate, RuleTrace};
use serde::{Deserialize, Serialize};

use super::is_zero;
use crate::domain::{account::implies_registration, event::CaseEvent};

/// Longest sentence of a rule trace that is written; longer ones are cut, so that no trace can fill a leaf.
const TRACE_SENTENCE_MAX_CHARS: usize = 500;

/// Rules of a trace that are written: as many as the contract allows.
const TRACE_RULES_MAX: usize = 8;

/// Keywords of a trace that are written: as many as the contract allows.
const TRACE_KEYWORDS_MAX: usize = 8;

/// Longest keyword that is written: as long as the contract of the categories allows.
const TRACE_KEYWORD_MAX_CHARS: usize = 20;

/// How a routing decision came about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeafTrace<'a> {
    /// What the case could have been taken for, best first, when a person has to decide.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub candidates: Vec<LeafCandidate<'a>>,
    /// The sum of it.
    pub conclusion: Cow<'a, str>,
    /// How sure the decision is, to 100; absent where the event does not say.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub confidence_percent: u32,
    /// The rules considered, best first; none where the texts are not public.
    pub considered: Vec<LeafRule<'a>>,
    /// Revision of the directory that was used.
    pub directory_revision: u64,
    /// Words of the category that the case's text has; none where that is not public.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub matched_keywords: Vec<Cow<'a, str>>,
    /// Version of the rule set that was used; absent for rules that came with an import alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule_set_version: Option<u64>,
}

/// One way a case could go.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeafCandidate<'a> {
    /// Category path; may be empty.
    pub category: Cow<'a, str>,
    /// To 100.
    pub confidence_percent: u32,
    /// Unit code; may be empty.
    pub unit: Cow<'a, str>,
}

/// One rule of a trace.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeafRule<'a> {
    /// Why it won, lost or did not apply.
    pub outcome: Cow<'a, str>,
    /// The rule as written.
    pub rule: Cow<'a, str>,
}

impl<'a> LeafTrace<'a> {
    /// The trace of an event.
    pub(super) fn of(event: &CaseEvent, trace: &'a RuleTrace) -> Self {
        let shows_words = event.publication == Publication::Public
            && event.standing.as_ref().is_some_and(|standing| implies_registration(standing.state));
        let (rules_max, keywords_max) =
            if shows_words { (TRACE_RULES_MAX, TRACE_KEYWORDS_MAX) } else { (0, 0) };
        Self {
            candidates: trace.candidates.iter().map(LeafCandidate::of).collect(),
            conclusion: Cow::Borrowed(clip(&trace.conclusion, TRACE_SENTENCE_MAX_CHARS)),
            confidence_percent: trace.confidence_percent,
            considered: trace
                .considered
                .iter()
                .take(rules_max)
                .map(|considered| LeafRule {
                    outcome: Cow::Borrowed(clip(&considered.outcome, TRACE_SENTENCE_MAX_CHARS)),
                    rule: Cow::Borrowed(clip(&considered.rule, TRACE_SENTENCE_MAX_CHARS)),
                })
                .collect(),
            directory_revision: trace.directory_revision,
            matched_keywords: trace
                .matched_keywords
                .iter()
                .take(keywords_max)
                .map(|word| Cow::Borrowed(clip(word, TRACE_KEYWORD_MAX_CHARS)))
                .collect(),
            rule_set_version: Some(trace.rule_set_version).filter(|version| *version > 0),
        }
    }
}

impl<'a> LeafCandidate<'a> {
    fn of(candidate: &'a RouteCandidate) -> Self {
        Self {
            category: Cow::Borrowed(&candidate.category),
            confidence_percent: candidate.confidence_percent,
            unit: Cow::Borrowed(&candidate.unit),
        }
    }
}

/// The beginning of a sentence.
fn clip(sentence: &str, chars_max: usize) -> &str {
    match sentence.char_indices().nth(chars_max) {
        Some((end, _)) => &sentence[..end],
        None => sentence,
    }
}
