//! How a handler's view of a case is shown.

use huying_proto::{intake::v1::ReadPrivatePartResponse, routing::v1::GetCaseResponse};
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::{
    routing_commands::Outcome,
    shapes::{
        actor_words, addressee, case_json, event_facts, event_json, event_name, micros, region_code,
        standing_json, timestamp,
    },
    text, words,
};

pub(super) fn outcome_for_people(outcome: &Outcome) -> String {
    let standing = outcome.standing.clone().unwrap_or_default();
    text::facts(&[
        ("case", outcome.case_id.clone()),
        ("version", outcome.case_version.to_string()),
        ("state", words::state(standing.state)),
        ("held by", standing.holder_office),
        ("next to act", standing.responsible_unit),
        ("deadline", text::deadline(micros(standing.deadline_at_us), Timestamp::now())),
    ])
}

pub(super) fn outcome_json(outcome: &Outcome, request_id: &str) -> Value {
    json!({
        "case_id": outcome.case_id,
        "case_version": outcome.case_version,
        "standing": standing_json(outcome.standing.as_ref()),
        "request_id": request_id,
    })
}

pub(super) fn case_for_people(found: &GetCaseResponse) -> String {
    let case = found.case.clone().unwrap_or_default();
    let header = case.header.unwrap_or_default();
    let standing = case.standing.unwrap_or_default();
    let overdue = if standing.overdue { ", overdue" } else { "" };
    let mut shown = text::facts(&[
        ("case", case.case_id),
        ("title", header.title.clone()),
        ("kind", words::kind(header.kind)),
        ("category", header.category.clone()),
        ("region", region_code(header.region.as_ref()).to_owned()),
        (
            "addressed to",
            addressee(header.addressee.as_ref()).map_or_else(String::new, |(_, code)| code.to_owned()),
        ),
        ("publication", words::publication(header.publication)),
        ("submitted", text::moment(micros(header.submitted_at_us))),
        ("state", format!("{}{overdue} (version {})", words::state(standing.state), case.case_version)),
        ("held by", standing.holder_office),
        ("next to act", standing.responsible_unit),
        ("deadline", text::deadline(micros(standing.deadline_at_us), Timestamp::now())),
        (
            "returned",
            if case.return_count > 0 { format!("{} times", case.return_count) } else { String::new() },
        ),
        ("replied", if case.reply_count > 0 { format!("{} times", case.reply_count) } else { String::new() }),
        ("allowed", found.allowed_commands.join(", ")),
    ]);
    if !case.body.is_empty() {
        shown.push_str(&format!("\n\n{}", text::indented(&case.body, 2)));
    }
    for event in &found.history {
        shown.push_str(&format!(
            "\n\nv{}  {}  {}  by {}",
            event.case_version,
            text::moment(timestamp(event.occurred_at.as_ref())),
            event_name(event),
            text::line(&actor_words(event.actor.as_ref())),
        ));
        for (name, value) in event_facts(event) {
            if value.contains('\n') {
                shown.push_str(&format!("\n    {name}:\n{}", text::indented(&value, 6)));
            } else {
                shown.push_str(&format!("\n    {name}: {}", text::line(&value)));
            }
        }
    }
    shown
}

pub(super) fn shown_case_json(found: &GetCaseResponse) -> Value {
    json!({
        "case": found.case.as_ref().map(case_json),
        "history": found.history.iter().map(event_json).collect::<Vec<_>>(),
        "allowed_commands": found.allowed_commands,
    })
}

pub(super) fn private_part_for_people(case_id: &str, read: &ReadPrivatePartResponse) -> String {
    let petitioner = read.petitioner.clone().unwrap_or_default();
    let facts = text::facts(&[
        ("case", case_id.to_owned()),
        ("name", petitioner.name),
        ("phone", petitioner.phone),
        ("address", petitioner.address),
        ("title", read.title.clone()),
    ]);
    format!("{facts}\n\n{}", text::indented(&read.body, 2))
}

pub(super) fn private_part_json(case_id: &str, read: &ReadPrivatePartResponse) -> Value {
    let petitioner = read.petitioner.clone().unwrap_or_default();
    json!({
        "case_id": case_id,
        "petitioner": {
            "name": petitioner.name,
            "phone": petitioner.phone,
            "address": petitioner.address,
        },
        "title": read.title,
        "body": read.body,
    })
}
