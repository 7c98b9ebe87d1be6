//! `huying track`: how a case goes, for whoever holds its receipt.

use std::time::Duration;

use clap::Args;
use huying_proto::{events::v1::CaseState, intake::v1::TrackCaseResponse};
use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use super::{receipt_argument, track_case};
use crate::{
    arguments::duration,
    context::Context,
    failure::{Exit, Failure},
    shapes::{text_json, time_json, timestamp},
    text,
    words::{self, State, state_parser},
};

const POLL_INTERVAL: Duration = Duration::from_millis(50);

const AFTER_HELP: &str = "\
Examples:
  huying track RECEIPT
  huying track RECEIPT --wait-for assigned --timeout 5s
  huying track RECEIPT --json
  huying track - < receipt.txt

Arguments are visible to other users of this machine while the command runs, and whoever has the
receipt can track and rate the case: where others work, give \"-\" and the receipt on standard input.

--wait-for waits until the case is in the state or past it, in the order submitted, registered,
assigned, in_handling, replied, closed. When the time ends before, the exit code is 7; when the case
has been declined or withdrawn instead, it is 3 at once.";

#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct TrackArgs {
    /// Receipt code; case, spaces and hyphens do not matter; "-" reads it from standard input
    receipt: String,

    /// Wait until the case has come to this state
    #[arg(long, value_name = "STATE", value_parser = state_parser())]
    wait_for: Option<State>,

    /// How long to wait
    #[arg(long, value_name = "DURATION", default_value = "5s", value_parser = duration, requires = "wait_for")]
    timeout: Duration,
}

pub(crate) async fn run(context: &Context, arguments: &TrackArgs) -> Result<(), Failure> {
    let receipt = receipt_argument(&arguments.receipt)?;
    let deadline = Instant::now() + arguments.timeout;
    loop {
        let case = track_case(context, &receipt).await?;
        let missing = arguments.wait_for.filter(|wanted| !has_come_to(case.state(), wanted.0));
        let Some(State(wanted)) = missing else {
            return context.output.result(|| for_people(&case), || to_json(&case));
        };
        if is_final(case.state()) {
            return Err(Failure::new(
                Exit::Refused,
                format!(
                    "the case is {}, and will not become {}",
                    words::state(case.state),
                    words::state(wanted.into())
                ),
            ));
        }
        if Instant::now() >= deadline {
            return Err(Failure::timed_out(format!(
                "the case is {} after {}, and not {}",
                words::state(case.state),
                humantime::format_duration(arguments.timeout),
                words::state(wanted.into())
            )));
        }
        sleep(POLL_INTERVAL).await;
    }
}

/// Whether a case in a state has come to the wanted one, or past it.
fn has_come_to(state: CaseState, wanted: CaseState) -> bool {
    match (place(state), place(wanted)) {
        (Some(state), Some(wanted)) => state >= wanted,
        (_, None) | (None, Some(_)) => state == wanted,
    }
}

/// The place of a state in the order in which a case that is handled by itself goes through them.
fn place(state: CaseState) -> Option<u8> {
    match state {
        CaseState::Submitted => Some(1),
        CaseState::Registered => Some(2),
        CaseState::Assigned => Some(3),
        CaseState::InHandling => Some(4),
        CaseState::Replied => Some(5),
        CaseState::Closed => Some(6),
        CaseState::Unspecified | CaseState::Declined | CaseState::Withdrawn | CaseState::Merged => None,
    }
}

/// Whether nothing leads out of a state. A merged case can still be closed, or go on by itself again.
fn is_final(state: CaseState) -> bool {
    match state {
        CaseState::Declined | CaseState::Withdrawn => true,
        CaseState::Unspecified
        | CaseState::Submitted
        | CaseState::Registered
        | CaseState::Assigned
        | CaseState::InHandling
        | CaseState::Replied
        | CaseState::Closed
        | CaseState::Merged => false,
    }
}

fn for_people(case: &TrackCaseResponse) -> String {
    let named = |code: &str, name: &str| match (code, name) {
        (code, "") => code.to_owned(),
        (code, name) => format!("{name} ({code})"),
    };
    let overdue = if case.overdue { ", overdue" } else { "" };
    let mut shown = text::facts(&[
        ("case", case.case_id.clone()),
        ("state", format!("{}{overdue} (version {})", words::state(case.state), case.case_version)),
        ("held by", named(&case.holder_office, &case.holder_office_name)),
        ("next to act", named(&case.responsible_unit, &case.responsible_unit_name)),
        ("deadline", text::deadline(timestamp(case.deadline_at.as_ref()), Timestamp::now())),
        ("received", text::moment(timestamp(case.received_at.as_ref()))),
        ("last change", text::moment(timestamp(case.updated_at.as_ref()))),
        ("refused", case.last_refusal.clone()),
        ("part of", case.merged_into.clone()),
        (
            "withdrawal",
            if case.can_withdraw { "would be taken now: huying withdraw".to_owned() } else { String::new() },
        ),
        ("rating", if case.can_rate { "would be taken now: huying rate".to_owned() } else { String::new() }),
    ]);
    if !case.reply.is_empty() {
        shown.push_str("\nreply\n");
        shown.push_str(&text::indented(&case.reply, 2));
    }
    shown
}

fn to_json(case: &TrackCaseResponse) -> Value {
    json!({
        "case_id": case.case_id,
        "state": words::state(case.state),
        "case_version": case.case_version,
        "holder_office": text_json(&case.holder_office),
        "holder_office_name": text_json(&case.holder_office_name),
        "responsible_unit": text_json(&case.responsible_unit),
        "responsible_unit_name": text_json(&case.responsible_unit_name),
        "deadline_at": time_json(timestamp(case.deadline_at.as_ref())),
        "overdue": case.overdue,
        "received_at": time_json(timestamp(case.received_at.as_ref())),
        "updated_at": time_json(timestamp(case.updated_at.as_ref())),
        "can_rate": case.can_rate,
        "can_withdraw": case.can_withdraw,
        "merged_into": text_json(&case.merged_into),
        "last_refusal": text_json(&case.last_refusal),
        "reply": text_json(&case.reply),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_case_has_come_to_the_states_before_its_own() {
        assert!(has_come_to(CaseState::Replied, CaseState::Assigned));
        assert!(has_come_to(CaseState::Assigned, CaseState::Assigned));
        assert!(!has_come_to(CaseState::Assigned, CaseState::Replied));
        assert!(has_come_to(CaseState::Declined, CaseState::Declined));
        for beside in [CaseState::Declined, CaseState::Withdrawn, CaseState::Merged] {
            assert!(!has_come_to(beside, CaseState::Assigned), "{beside:?}");
            assert!(!has_come_to(CaseState::Closed, beside), "{beside:?}");
        }
    }
}
