//! Events as JSON, and what is particular to each for people.

use huying_proto::events::v1::{Event, Picture, RuleTrace, event::Body};
use serde_json::{Map, Value, json};

use super::{
    actor_json, header_json, micros, number_json, part_json, standing_json, text_json, time_json, timestamp,
};
use crate::{pictures::picture_json, words};

/// An event whole, as programs read it.
pub(crate) fn event_json(event: &Event) -> Value {
    let (name, details) = event_details(event.body.as_ref());
    json!({
        "event_id": event.event_id,
        "event_type": name,
        "case_id": event.case_id,
        "case_version": event.case_version,
        "occurred_at": time_json(timestamp(event.occurred_at.as_ref())),
        "actor": actor_json(event.actor.as_ref()),
        "header": header_json(event.header.as_ref()),
        "standing": standing_json(event.standing.as_ref()),
        "details": details,
    })
}

/// What is particular to an event, for people: `name: value` lines without empty ones.
pub(crate) fn event_facts(event: &Event) -> Vec<(String, String)> {
    let (_, details) = event_details(event.body.as_ref());
    details
        .into_iter()
        .map(|(name, value)| (name.replace('_', " "), in_words(&value)))
        .filter(|(_, shown)| !shown.is_empty())
        .collect()
}

/// A value for people; empty for none. Of what has parts of its own, the gist: of a rule trace the conclusion and the
/// candidates, of a part its unit and task, of a picture its id.
fn in_words(value: &Value) -> String {
    let word = |name: &str| value.get(name).map(in_words).unwrap_or_default();
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Bool(_) | Value::Number(_) => value.to_string(),
        Value::Array(members) => members.iter().map(in_words).collect::<Vec<_>>().join("; "),
        Value::Object(fields) if fields.contains_key("conclusion") => {
            let candidates = word("candidates");
            let between = if candidates.is_empty() { "" } else { "; candidates: " };
            format!("{}{between}{candidates}", word("conclusion"))
        }
        Value::Object(fields) if fields.contains_key("confidence_percent") => {
            let known: Vec<String> =
                [word("unit"), word("category")].into_iter().filter(|known| !known.is_empty()).collect();
            format!("{} ({} %)", known.join(" "), word("confidence_percent"))
        }
        Value::Object(fields) if fields.contains_key("picture_id") => word("picture_id"),
        Value::Object(fields) if fields.contains_key("task") => {
            format!("{} {}: {}", word("part_number"), word("unit"), word("task"))
        }
        Value::Object(_) => value.to_string(),
    }
}

/// Name of an event, such as "CaseAssigned".
pub(crate) fn event_name(event: &Event) -> &'static str {
    event_details(event.body.as_ref()).0
}

/// Name of an event and its own fields. The only place that lists them all.
fn event_details(body: Option<&Body>) -> (&'static str, Map<String, Value>) {
    let Some(body) = body else { return ("Unknown", Map::new()) };
    let (name, fields) = match body {
        Body::CaseSubmitted(event) => {
            ("CaseSubmitted", json!({ "body": event.body, "pictures": pictures_json(&event.pictures) }))
        }
        Body::CaseQueued(event) => ("CaseQueued", json!({ "trace": trace_json(event.trace.as_ref()) })),
        Body::CaseRegistered(event) => {
            ("CaseRegistered", json!({ "trace": trace_json(event.trace.as_ref()) }))
        }
        Body::CaseDeclined(event) => (
            "CaseDeclined",
            json!({ "ground": words::decline_ground(event.ground), "explanation": event.explanation }),
        ),
        Body::CaseClassified(event) => (
            "CaseClassified",
            json!({
                "category": event.category,
                "previous_category": text_json(&event.previous_category),
                "trace": trace_json(event.trace.as_ref()),
            }),
        ),
        Body::CaseAssigned(event) => (
            "CaseAssigned",
            json!({
                "unit": event.unit,
                "note": text_json(&event.note),
                "parts": event.parts.iter().map(part_json).collect::<Vec<_>>(),
                "trace": trace_json(event.trace.as_ref()),
            }),
        ),
        Body::CaseTransferred(event) => (
            "CaseTransferred",
            json!({ "from_unit": event.from_unit, "to_unit": event.to_unit, "reason": event.reason }),
        ),
        Body::CaseDelegated(event) => (
            "CaseDelegated",
            json!({ "from_office": event.from_office, "to_office": event.to_office, "reason": event.reason }),
        ),
        Body::CaseEscalated(event) => (
            "CaseEscalated",
            json!({ "from_office": event.from_office, "to_office": event.to_office, "reason": event.reason }),
        ),
        Body::CaseClaimed(event) => (
            "CaseClaimed",
            json!({ "representative_code": event.representative_code, "note": text_json(&event.note) }),
        ),
        Body::CaseAccepted(event) => {
            ("CaseAccepted", json!({ "unit": event.unit, "automatic": event.automatic }))
        }
        Body::CaseReturned(event) => (
            "CaseReturned",
            json!({
                "unit": event.unit,
                "legal_basis": event.legal_basis,
                "proposed_unit": event.proposed_unit,
                "return_number": event.return_number,
            }),
        ),
        Body::ProgressReported(event) => (
            "ProgressReported",
            json!({
                "unit": text_json(&event.unit),
                "representative_code": text_json(&event.representative_code),
                "text": event.text,
                "pictures": pictures_json(&event.pictures),
            }),
        ),
        Body::PartAssigned(event) => {
            ("PartAssigned", json!({ "part": event.part.as_ref().map(part_json), "by_unit": event.by_unit }))
        }
        Body::PartAnswered(event) => (
            "PartAnswered",
            json!({
                "part_number": event.part_number,
                "unit": event.unit,
                "text": event.text,
                "pictures": pictures_json(&event.pictures),
            }),
        ),
        Body::PartWaived(event) => (
            "PartWaived",
            json!({ "part_number": event.part_number, "unit": event.unit, "reason": event.reason }),
        ),
        Body::ExtensionRequested(event) => (
            "ExtensionRequested",
            json!({
                "unit": event.unit,
                "limit": event.limit,
                "deadline_at": time_json(micros(event.deadline_at_us)),
                "reason": event.reason,
            }),
        ),
        Body::ExtensionGranted(event) => (
            "ExtensionGranted",
            json!({
                "unit": event.unit,
                "deadline_at": time_json(micros(event.deadline_at_us)),
                "previous_deadline_at": time_json(micros(event.previous_deadline_at_us)),
                "note": text_json(&event.note),
            }),
        ),
        Body::ExtensionRefused(event) => {
            ("ExtensionRefused", json!({ "unit": event.unit, "reason": event.reason }))
        }
        Body::CaseReplied(event) => (
            "CaseReplied",
            json!({
                "unit": event.unit,
                "representative_code": text_json(&event.representative_code),
                "text": event.text,
                "pictures": pictures_json(&event.pictures),
                "reply_number": event.reply_number,
                "via_case_id": text_json(&event.via_case_id),
            }),
        ),
        Body::CaseRated(event) => (
            "CaseRated",
            json!({
                "resolved": event.resolved,
                "satisfied": event.satisfied,
                "comment": text_json(&event.comment),
            }),
        ),
        Body::CaseReopened(event) => {
            ("CaseReopened", json!({ "unit": event.unit, "reason": text_json(&event.reason) }))
        }
        Body::CaseClosed(event) => (
            "CaseClosed",
            json!({ "reason": words::close_reason(event.reason), "note": text_json(&event.note) }),
        ),
        Body::CaseMerged(event) => {
            ("CaseMerged", json!({ "into_case_id": event.into_case_id, "reason": event.reason }))
        }
        Body::CaseAbsorbed(event) => ("CaseAbsorbed", json!({ "case_id": event.case_id })),
        Body::CaseUnmerged(event) => (
            "CaseUnmerged",
            json!({ "from_case_id": event.from_case_id, "reason": text_json(&event.reason) }),
        ),
        Body::CaseSplitOff(event) => ("CaseSplitOff", json!({ "case_id": event.case_id })),
        Body::CaseWithdrawn(event) => ("CaseWithdrawn", json!({ "reason": text_json(&event.reason) })),
        Body::DeadlineNear(event) => (
            "DeadlineNear",
            json!({
                "kind": words::deadline_kind(event.kind),
                "unit": event.unit,
                "due_at": time_json(micros(event.due_at_us)),
                "part_number": number_json(event.part_number),
            }),
        ),
        Body::DeadlineExpired(event) => (
            "DeadlineExpired",
            json!({
                "kind": words::deadline_kind(event.kind),
                "unit": event.unit,
                "due_at": time_json(micros(event.due_at_us)),
                "expiry_number": event.expiry_number,
                "part_number": number_json(event.part_number),
            }),
        ),
        Body::CaseUrged(event) => (
            "CaseUrged",
            json!({
                "unit": event.unit,
                "text": text_json(&event.text),
                "automatic": event.automatic,
                "part_number": number_json(event.part_number),
                "urge_number": event.urge_number,
            }),
        ),
        Body::CaseSupervised(event) => (
            "CaseSupervised",
            json!({
                "unit": event.unit,
                "demand": text_json(&event.demand),
                "automatic": event.automatic,
                "part_number": number_json(event.part_number),
            }),
        ),
        Body::CriticismCirculated(event) => (
            "CriticismCirculated",
            json!({
                "unit": event.unit,
                "text": text_json(&event.text),
                "automatic": event.automatic,
                "part_number": number_json(event.part_number),
            }),
        ),
        Body::ClocksRecomputed(event) => (
            "ClocksRecomputed",
            json!({
                "previous_deadline_at": time_json(micros(event.previous_deadline_at_us)),
                "deadline_at": time_json(micros(event.deadline_at_us)),
                "previous_case_deadline_at": time_json(micros(event.previous_case_deadline_at_us)),
                "case_deadline_at": time_json(micros(event.case_deadline_at_us)),
                "directory_revision": event.directory_revision,
                "reason": event.reason,
            }),
        ),
        Body::PrivatePartRead(event) => ("PrivatePartRead", json!({ "purpose": event.purpose })),
        Body::PrivatePartErased(event) => ("PrivatePartErased", json!({ "ground": event.ground })),
        Body::RatingRequested(event) => (
            "RatingRequested",
            json!({
                "resolved": event.resolved,
                "satisfied": event.satisfied,
                "comment": text_json(&event.comment),
                "reopen": event.reopen,
            }),
        ),
        Body::PrivateReadRequested(event) => ("PrivateReadRequested", json!({ "purpose": event.purpose })),
        Body::ErasureRequested(event) => ("ErasureRequested", json!({ "ground": event.ground })),
        Body::RequestRefused(event) => (
            "RequestRefused",
            json!({
                "request_event_id": event.request_event_id,
                "reason": event.reason,
                "message": event.message,
            }),
        ),
        Body::WithdrawalRequested(event) => {
            ("WithdrawalRequested", json!({ "reason": text_json(&event.reason) }))
        }
    };
    match fields {
        Value::Object(fields) => (name, fields),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            (name, Map::new())
        }
    }
}

fn pictures_json(pictures: &[Picture]) -> Vec<Value> {
    pictures.iter().map(picture_json).collect()
}

/// How a routing decision came about.
pub(crate) fn trace_json(trace: Option<&RuleTrace>) -> Value {
    trace.map_or(Value::Null, |trace| {
        let considered: Vec<Value> = trace
            .considered
            .iter()
            .map(|line| json!({ "rule": line.rule, "outcome": line.outcome }))
            .collect();
        let candidates: Vec<Value> = trace
            .candidates
            .iter()
            .map(|candidate| {
                json!({
                    "unit": text_json(&candidate.unit),
                    "category": text_json(&candidate.category),
                    "confidence_percent": candidate.confidence_percent,
                })
            })
            .collect();
        json!({
            "directory_revision": trace.directory_revision,
            "rule_set_version": trace.rule_set_version,
            "considered": considered,
            "conclusion": trace.conclusion,
            "confidence_percent": trace.confidence_percent,
            "matched_keywords": trace.matched_keywords,
            "candidates": candidates,
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use huying_proto::events::v1::{CaseAssigned, Part, RouteCandidate, RuleConsidered, Standing};

    #[test]
    fn an_event_is_shown_whole_to_programs_and_in_short_to_people() {
        let trace = RuleTrace {
            directory_revision: 3,
            considered: vec![RuleConsidered {
                rule: "150800 * * township general".into(),
                outcome: "won".into(),
            }],
            conclusion: "规则分派".into(),
            candidates: vec![RouteCandidate {
                unit: "150802-housing".into(),
                category: "城乡建设".into(),
                confidence_percent: 40,
            }],
            ..RuleTrace::default()
        };
        let event = Event {
            case_version: 3,
            body: Some(Body::CaseAssigned(CaseAssigned {
                unit: "150802-housing".into(),
                trace: Some(trace),
                parts: vec![Part {
                    part_number: 1,
                    unit: "150802-roads".into(),
                    task: "清障".into(),
                    ..Part::default()
                }],
                ..CaseAssigned::default()
            })),
            standing: Some(Standing { state: 3, deadline_at_us: 1_000_000, ..Standing::default() }),
            ..Event::default()
        };
        let json = event_json(&event);
        assert_eq!(json["event_type"], "CaseAssigned");
        assert_eq!(json["details"]["trace"]["considered"][0]["outcome"], "won");
        assert_eq!(json["standing"]["state"], "assigned");
        assert_eq!(json["standing"]["deadline_at"], "1970-01-01T00:00:01Z");
        assert_eq!(json["details"]["note"], Value::Null);
        let facts = event_facts(&event);
        assert!(facts.contains(&("unit".into(), "150802-housing".into())));
        let trace = "规则分派; candidates: 150802-housing 城乡建设 (40 %)";
        assert!(facts.contains(&("trace".into(), trace.into())), "{facts:?}");
        assert!(facts.contains(&("parts".into(), "1 150802-roads: 清障".into())), "{facts:?}");
        assert_eq!(facts.len(), 3);
    }
}
