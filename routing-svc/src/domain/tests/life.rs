//! What commands do beyond moving from state to state.

mod beginning;
mod clocks;
mod extensions;
mod handling;
mod merging;
mod parts;
mod representatives;

use huying_proto::events::v1::event::Body;
use jiff::Timestamp;

use super::{World, decide_alone, now};
use crate::domain::{
    case::{Case, Stage},
    command::{Command, Rejection},
    decide::Decision,
};

const OFFICE: &str = "150802-office";
const OFFICE_ABOVE: &str = "150800-office";
const LEAD: &str = "150802-housing";
const OTHER: &str = "150802-roads";

/// What becomes of a case when somebody gives a command now.
fn taken(case: &Case, by: &str, command: &Command) -> Decision {
    taken_at(now(), case, by, command)
}

fn taken_at(at: Timestamp, case: &Case, by: &str, command: &Command) -> Decision {
    decide_alone(case, command, &World::new().context(at, by)).unwrap()
}

fn rejected(case: &Case, by: &str, command: &Command) -> Rejection {
    rejected_at(now(), case, by, command)
}

fn rejected_at(at: Timestamp, case: &Case, by: &str, command: &Command) -> Rejection {
    decide_alone(case, command, &World::new().context(at, by)).unwrap_err()
}

/// The field that a refusal names.
fn unfit(rejection: &Rejection) -> &str {
    let Rejection::Unfit { field, .. } = rejection else { panic!("refused with {rejection}") };
    field
}

/// Who has to act, and on what.
fn duty(case: &Case) -> (&str, Stage) {
    let duty = case.duty.as_ref().unwrap();
    (duty.unit.as_str(), duty.stage)
}

fn due_at(case: &Case) -> Timestamp {
    case.duty.as_ref().unwrap().clock.due_at
}

fn whole_due_at(case: &Case) -> Timestamp {
    case.whole.as_ref().unwrap().due_at
}

fn bodies(decision: &Decision) -> Vec<&Body> {
    decision.events.iter().map(|event| &event.body).collect()
}

/// The end of a day in Asia/Shanghai.
fn end_of(day: &str) -> Timestamp {
    let morning: Timestamp = format!("{day}T00:00:00+08:00").parse().unwrap();
    morning + jiff::SignedDuration::from_hours(24)
}

/// An instant in Asia/Shanghai.
fn at(local: &str) -> Timestamp {
    format!("{local}+08:00").parse().unwrap()
}

fn assign(unit: &str) -> Command {
    Command::Assign { unit: super::code(unit), note: String::new(), reply_within: None, parts: Vec::new() }
}

fn transfer(unit: &str) -> Command {
    Command::Transfer { unit: super::code(unit), reason: "职能调整".into() }
}

fn return_it() -> Command {
    Command::Return { legal_basis: "供热条例第八条".into(), proposed_unit: super::code(OTHER) }
}

fn reply() -> Command {
    Command::Reply { text: "已修好".into(), pictures: Vec::new() }
}

fn rate(resolved: bool, reopen: bool) -> Command {
    Command::Rate { resolved, satisfied: resolved, comment: String::new(), reopen }
}

fn escalate() -> Command {
    Command::Escalate { reason: "跨区".into() }
}

fn delegate(region: &str) -> Command {
    Command::Delegate { region: region.parse().unwrap(), reason: "属地".into() }
}
