//! The contracts' messages as JSON, and the parts of them that several commands show to people.
//!
//! Guarantees one shape everywhere: fields are named as in the protos, enums are the words of [`crate::words`], times are
//! RFC 3339 in UTC, and fields that are not set are `null`.

use huying_proto::{
    events::v1::{
        Actor, Addressee, CaseHeader, Event, RegionPath, RuleTrace, Standing, addressee::To, event::Body,
    },
    routing::v1::Case,
};
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use crate::words;

/// A protobuf timestamp; `None` when it is not set or lies outside the calendar.
pub(crate) fn timestamp(at: Option<&prost_types::Timestamp>) -> Option<Timestamp> {
    at.and_then(|at| Timestamp::new(at.seconds, at.nanos).ok())
}

/// Microseconds since the epoch, 0 meaning not set.
pub(crate) fn micros(at_us: i64) -> Option<Timestamp> {
    if at_us == 0 { None } else { Timestamp::from_microsecond(at_us).ok() }
}

/// A moment as JSON.
pub(crate) fn time_json(at: Option<Timestamp>) -> Value {
    at.map_or(Value::Null, |at| json!(at.to_string()))
}

/// A text that is `null` when it is empty.
pub(crate) fn text_json(text: &str) -> Value {
    if text.is_empty() { Value::Null } else { json!(text) }
}

pub(crate) fn region_json(region: Option<&RegionPath>) -> Value {
    region.map_or(Value::Null, |region| {
        json!({
            "municipal": region.municipal,
            "district": text_json(&region.district),
            "township": text_json(&region.township),
        })
    })
}

/// The code of the smallest region of a path.
pub(crate) fn region_code(region: Option<&RegionPath>) -> &str {
    region
        .and_then(|region| {
            [&region.township, &region.district, &region.municipal].into_iter().find(|code| !code.is_empty())
        })
        .map_or("", String::as_str)
}

/// Kind and code of an addressee.
pub(crate) fn addressee(addressee: Option<&Addressee>) -> Option<(&'static str, &str)> {
    match addressee?.to.as_ref()? {
        To::RepresentativeCode(code) => Some(("representative", code)),
        To::StationCode(code) => Some(("station", code)),
        To::RegionCode(code) => Some(("region", code)),
    }
}

pub(crate) fn actor_json(actor: Option<&Actor>) -> Value {
    actor.map_or(
        Value::Null,
        |actor| json!({ "role": words::role(actor.role), "code": text_json(&actor.code) }),
    )
}

/// Who acted, in a word or two.
pub(crate) fn actor_words(actor: Option<&Actor>) -> String {
    match actor {
        None => String::new(),
        Some(actor) if actor.code.is_empty() => words::role(actor.role),
        Some(actor) => actor.code.clone(),
    }
}

pub(crate) fn header_json(header: Option<&CaseHeader>) -> Value {
    let Some(header) = header else { return Value::Null };
    json!({
        "kind": words::kind(header.kind),
        "region": region_json(header.region.as_ref()),
        "addressee": addressee(header.addressee.as_ref())
            .map_or(Value::Null, |(kind, code)| json!({ "kind": kind, "code": code })),
        "title": header.title,
        "category": text_json(&header.category),
        "publication": words::publication(header.publication),
        "submitted_at": time_json(micros(header.submitted_at_us)),
        "representative_codes": header.representative_codes,
    })
}

pub(crate) fn standing_json(standing: Option<&Standing>) -> Value {
    let Some(standing) = standing else { return Value::Null };
    json!({
        "state": words::state(standing.state),
        "holder_office": text_json(&standing.holder_office),
        "responsible_unit": text_json(&standing.responsible_unit),
        "deadline_at": time_json(micros(standing.deadline_at_us)),
        "overdue": standing.overdue,
    })
}

pub(crate) fn case_json(case: &Case) -> Value {
    json!({
        "case_id": case.case_id,
        "case_version": case.case_version,
        "header": header_json(case.header.as_ref()),
        "standing": standing_json(case.standing.as_ref()),
        "body": text_json(&case.body),
        "return_count": case.return_count,
        "reply_count": case.reply_count,
        "updated_at": time_json(timestamp(case.updated_at.as_ref())),
    })
}

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

/// What is particular to an event, for people: `name: value` lines without empty ones; of a rule trace the conclusion.
pub(crate) fn event_facts(event: &Event) -> Vec<(String, String)> {
    let (_, details) = event_details(event.body.as_ref());
    details
        .into_iter()
        .filter_map(|(name, value)| {
            let shown = match value {
                Value::Null => String::new(),
                Value::String(text) => text,
                Value::Object(trace) => {
                    trace.get("conclusion").and_then(Value::as_str).unwrap_or_default().to_owned()
                }
                number @ (Value::Bool(_) | Value::Number(_) | Value::Array(_)) => number.to_string(),
            };
            (!shown.is_empty()).then(|| (name.replace('_', " "), shown))
        })
        .collect()
}

/// Name of an event, such as "CaseAssigned".
pub(crate) fn event_name(event: &Event) -> &'static str {
    event_details(event.body.as_ref()).0
}

/// Name of an event and its own fields. The only place that lists them all.
fn event_details(body: Option<&Body>) -> (&'static str, Map<String, Value>) {
    let Some(body) = body else { return ("Unknown", Map::new()) };
    let (name, fields) = match body {
        Body::CaseSubmitted(event) => ("CaseSubmitted", json!({ "body": event.body })),
        Body::CaseQueued(event) => ("CaseQueued", json!({ "trace": trace_json(event.trace.as_ref()) })),
        Body::CaseRegistered(event) => {
            ("CaseRegistered", json!({ "trace": trace_json(event.trace.as_ref()) }))
        }
        Body::CaseAssigned(event) => (
            "CaseAssigned",
            json!({
                "unit": event.unit,
                "note": text_json(&event.note),
                "trace": trace_json(event.trace.as_ref()),
            }),
        ),
        Body::CaseDelegated(event) => (
            "CaseDelegated",
            json!({ "from_office": event.from_office, "to_office": event.to_office, "reason": event.reason }),
        ),
        Body::CaseEscalated(event) => (
            "CaseEscalated",
            json!({ "from_office": event.from_office, "to_office": event.to_office, "reason": event.reason }),
        ),
        Body::CaseAccepted(event) => ("CaseAccepted", json!({ "unit": event.unit })),
        Body::CaseReturned(event) => (
            "CaseReturned",
            json!({
                "unit": event.unit,
                "legal_basis": event.legal_basis,
                "proposed_unit": event.proposed_unit,
                "return_number": event.return_number,
            }),
        ),
        Body::ProgressReported(event) => {
            ("ProgressReported", json!({ "unit": event.unit, "text": event.text }))
        }
        Body::CaseReplied(event) => (
            "CaseReplied",
            json!({ "unit": event.unit, "text": event.text, "reply_number": event.reply_number }),
        ),
        Body::CaseRated(event) => (
            "CaseRated",
            json!({
                "resolved": event.resolved,
                "satisfied": event.satisfied,
                "comment": text_json(&event.comment),
            }),
        ),
        Body::CaseReopened(event) => ("CaseReopened", json!({ "unit": event.unit })),
        Body::CaseClosed(event) => (
            "CaseClosed",
            json!({ "reason": words::close_reason(event.reason), "note": text_json(&event.note) }),
        ),
        Body::DeadlineExpired(event) => (
            "DeadlineExpired",
            json!({
                "kind": words::deadline_kind(event.kind),
                "unit": event.unit,
                "due_at": time_json(micros(event.due_at_us)),
                "expiry_number": event.expiry_number,
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
    };
    match fields {
        Value::Object(fields) => (name, fields),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            (name, Map::new())
        }
    }
}

fn trace_json(trace: Option<&RuleTrace>) -> Value {
    trace.map_or(Value::Null, |trace| {
        let considered: Vec<Value> = trace
            .considered
            .iter()
            .map(|line| json!({ "rule": line.rule, "outcome": line.outcome }))
            .collect();
        json!({
            "directory_revision": trace.directory_revision,
            "considered": considered,
            "conclusion": trace.conclusion,
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use huying_proto::events::v1::{CaseAssigned, RuleConsidered};

    #[test]
    fn an_event_is_shown_whole_to_programs_and_in_short_to_people() {
        let trace = RuleTrace {
            directory_revision: 3,
            considered: vec![RuleConsidered {
                rule: "150800 * * township general".into(),
                outcome: "won".into(),
            }],
            conclusion: "规则分派".into(),
        };
        let event = Event {
            case_version: 3,
            body: Some(Body::CaseAssigned(CaseAssigned {
                unit: "150802-housing".into(),
                trace: Some(trace),
                note: String::new(),
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
        assert!(facts.contains(&("trace".into(), "规则分派".into())));
        assert_eq!(facts.len(), 2);
    }
}
