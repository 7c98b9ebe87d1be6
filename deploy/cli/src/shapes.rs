//! The contracts' messages as JSON, and the parts of them that several commands show to people.
//!
//! Guarantees one shape everywhere: fields are named as in the protos, enums are the words of [`crate::words`], times are
//! RFC 3339 in UTC, and fields that are not set are `null`.
//!
//! - [`event`]: events, with what is particular to each.

mod event;

use huying_proto::{
    events::v1::{Actor, Addressee, CaseHeader, Part, RegionPath, Standing, addressee::To},
    routing::v1::{Case, CaseClock, CasePart, Extension},
};
use jiff::Timestamp;
use serde_json::{Value, json};

pub(crate) use self::event::{event_facts, event_json, event_name, trace_json};
use crate::{pictures::picture_json, words};

/// A protobuf timestamp; `None` when it is not set or lies outside the calendar.
pub(crate) fn timestamp(at: Option<&prost_types::Timestamp>) -> Option<Timestamp> {
    at.and_then(|at| Timestamp::new(at.seconds, at.nanos).ok())
}

/// A moment as the contracts write it.
pub(crate) fn protobuf_timestamp(at: Timestamp) -> prost_types::Timestamp {
    // A moment before 1970 has negative nanoseconds here and never in a contract.
    let nanos = at.subsec_nanosecond();
    let borrowed = i64::from(nanos < 0);
    prost_types::Timestamp {
        seconds: at.as_second() - borrowed,
        nanos: if nanos < 0 { nanos + 1_000_000_000 } else { nanos },
    }
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
        "case_deadline_at": time_json(micros(standing.case_deadline_at_us)),
        "open_parts": standing.open_parts,
        "petitioner_count": standing.petitioner_count,
        "merged_into": text_json(&standing.merged_into),
    })
}

/// A case. What lists leave out of it is empty there.
pub(crate) fn case_json(case: &Case) -> Value {
    json!({
        "case_id": case.case_id,
        "case_version": case.case_version,
        "header": header_json(case.header.as_ref()),
        "standing": standing_json(case.standing.as_ref()),
        "stage": stage_word(case),
        "body": text_json(&case.body),
        "pictures": case.pictures.iter().map(picture_json).collect::<Vec<_>>(),
        "lead_unit": text_json(&case.lead_unit),
        "parts": case.parts.iter().map(case_part_json).collect::<Vec<_>>(),
        "clocks": case.clocks.iter().map(clock_json).collect::<Vec<_>>(),
        "extension": case.extension.as_ref().map(extension_json),
        "claimed_by": case.claimed_by,
        "merged_case_ids": case.merged_case_ids,
        "urged": case.urged,
        "supervised": case.supervised,
        "criticised": case.criticised,
        "return_count": case.return_count,
        "reply_count": case.reply_count,
        "updated_at": time_json(timestamp(case.updated_at.as_ref())),
    })
}

/// What has to be done now; `None` when the case is not open.
pub(crate) fn stage_word(case: &Case) -> Option<String> {
    (case.stage != 0).then(|| words::deadline_kind(case.stage))
}

/// A part as it was given.
pub(crate) fn part_json(part: &Part) -> Value {
    json!({
        "part_number": part.part_number,
        "unit": part.unit,
        "parent_part_number": number_json(part.parent_part_number),
        "task": part.task,
        "deadline_at": time_json(micros(part.deadline_at_us)),
    })
}

fn case_part_json(listed: &CasePart) -> Value {
    json!({
        "part": listed.part.as_ref().map(part_json),
        "status": words::part_status(listed.status),
        "overdue": listed.overdue,
        "given_by": text_json(&listed.given_by),
    })
}

fn clock_json(clock: &CaseClock) -> Value {
    json!({
        "kind": words::deadline_kind(clock.kind),
        "unit": text_json(&clock.unit),
        "part_number": number_json(clock.part_number),
        "began_at": time_json(micros(clock.began_at_us)),
        "due_at": time_json(micros(clock.due_at_us)),
        "policy": text_json(&clock.policy),
        "calendar_revision": clock.calendar_revision,
        "remind_at": time_json(micros(clock.remind_at_us)),
        "urge_at": time_json(micros(clock.urge_at_us)),
        "supervise_at": time_json(micros(clock.supervise_at_us)),
        "criticise_at": time_json(micros(clock.criticise_at_us)),
        "steps_taken": clock.steps_taken,
    })
}

fn extension_json(extension: &Extension) -> Value {
    json!({
        "status": words::extension_status(extension.status),
        "limit": text_json(&extension.limit),
        "reason": text_json(&extension.reason),
    })
}

/// A number that is `null` when it is 0, which stands for none.
pub(crate) fn number_json(number: u32) -> Value {
    if number == 0 { Value::Null } else { json!(number) }
}
