//! How a handler's view of a case is shown.

use huying_proto::{
    intake::v1::ReadPrivatePartResponse,
    routing::v1::{Case, GetCaseResponse},
};
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::{
    routing_commands::Outcome,
    shapes::{
        actor_words, addressee, case_json, event_facts, event_json, event_name, micros, region_code,
        stage_word, standing_json, timestamp,
    },
    text, words,
};

/// The whole task is in the JSON, and in the history.
const TASK_COLUMNS: usize = 40;

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
    let now = Timestamp::now();
    let mut shown = case_facts(found, &case, now);
    let tables = [parts_table(&case, now), clocks_table(&case, now)];
    for table in tables.into_iter().flatten() {
        shown.push_str(&format!("\n\n{table}"));
    }
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

fn case_facts(found: &GetCaseResponse, case: &Case, now: Timestamp) -> String {
    let header = case.header.clone().unwrap_or_default();
    let standing = case.standing.clone().unwrap_or_default();
    let overdue = if standing.overdue { ", overdue" } else { "" };
    let times = |count: u32| if count > 0 { format!("{count} times") } else { String::new() };
    let people =
        if standing.petitioner_count > 1 { format!("{}", standing.petitioner_count) } else { String::new() };
    let ladder: Vec<&str> =
        [(case.urged, "urged"), (case.supervised, "supervised"), (case.criticised, "criticised")]
            .into_iter()
            .filter_map(|(taken, step)| taken.then_some(step))
            .collect();
    let extension = case.extension.as_ref().map_or_else(String::new, |extension| {
        format!("{} {}: {}", words::extension_status(extension.status), extension.limit, extension.reason)
    });
    text::facts(&[
        ("case", case.case_id.clone()),
        ("title", header.title.clone()),
        ("kind", words::kind(header.kind)),
        ("category", header.category.clone()),
        ("region", region_code(header.region.as_ref()).to_owned()),
        (
            "addressed to",
            addressee(header.addressee.as_ref()).map_or_else(String::new, |(_, code)| code.to_owned()),
        ),
        ("claimed by", case.claimed_by.join(", ")),
        ("publication", words::publication(header.publication)),
        ("submitted", text::moment(micros(header.submitted_at_us))),
        ("state", format!("{}{overdue} (version {})", words::state(standing.state), case.case_version)),
        ("stage", stage_word(case).unwrap_or_default()),
        ("held by", standing.holder_office),
        ("lead", case.lead_unit.clone()),
        ("next to act", standing.responsible_unit),
        ("deadline", text::deadline(micros(standing.deadline_at_us), now)),
        ("of the whole", text::deadline(micros(standing.case_deadline_at_us), now)),
        ("extension", extension),
        ("so far", ladder.join(", ")),
        ("part of", standing.merged_into),
        ("people", people),
        ("merged in", case.merged_case_ids.join(", ")),
        ("returned", times(case.return_count)),
        ("replied", times(case.reply_count)),
        ("pictures", case.pictures.iter().map(|one| one.picture_id.as_str()).collect::<Vec<_>>().join(", ")),
        ("allowed", found.allowed_commands.join(", ")),
        ("to you", found.allowed_to_you.join(", ")),
    ])
}

/// The parts of co-handlers; None when there are none.
fn parts_table(case: &Case, now: Timestamp) -> Option<String> {
    if case.parts.is_empty() {
        return None;
    }
    let rows: Vec<Vec<String>> = case
        .parts
        .iter()
        .map(|listed| {
            let part = listed.part.clone().unwrap_or_default();
            let overdue = if listed.overdue { " OVERDUE" } else { "" };
            let of =
                if part.parent_part_number > 0 { part.parent_part_number.to_string() } else { String::new() };
            vec![
                part.part_number.to_string(),
                of,
                part.unit,
                format!("{}{overdue}", words::part_status(listed.status)),
                text::deadline(micros(part.deadline_at_us), now),
                text::shortened(&text::line(&part.task), TASK_COLUMNS),
            ]
        })
        .collect();
    Some(text::table(&["PART", "OF", "UNIT", "STATUS", "DEADLINE", "TASK"], &rows))
}

/// The clocks that run; None when there are none.
fn clocks_table(case: &Case, now: Timestamp) -> Option<String> {
    if case.clocks.is_empty() {
        return None;
    }
    let rows: Vec<Vec<String>> = case
        .clocks
        .iter()
        .map(|clock| {
            let of_part =
                if clock.part_number > 0 { format!(" {}", clock.part_number) } else { String::new() };
            vec![
                format!("{}{of_part}", words::deadline_kind(clock.kind)),
                clock.unit.clone(),
                text::deadline(micros(clock.due_at_us), now),
                text::moment(micros(clock.remind_at_us)),
                text::moment(micros(clock.urge_at_us)),
                text::moment(micros(clock.supervise_at_us)),
                text::moment(micros(clock.criticise_at_us)),
                format!("{} of 5", clock.steps_taken),
                clock.policy.clone(),
            ]
        })
        .collect();
    let heading =
        ["CLOCK", "UNIT", "DUE", "REMINDER", "URGING", "SUPERVISION", "CRITICISM", "STEPS TAKEN", "POLICY"];
    Some(text::table(&heading, &rows))
}

pub(super) fn shown_case_json(found: &GetCaseResponse) -> Value {
    json!({
        "case": found.case.as_ref().map(case_json),
        "history": found.history.iter().map(event_json).collect::<Vec<_>>(),
        "allowed_commands": found.allowed_commands,
        "allowed_to_you": found.allowed_to_you,
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
