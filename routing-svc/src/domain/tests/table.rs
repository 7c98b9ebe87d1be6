//! Every state with every command.

use super::{case_in, context, directory, one_of_each};
use crate::domain::{
    case::State,
    command::{CommandName, Rejection},
    deadlines::Policies,
    decide::decide,
};

/// "." is a refusal by the state; otherwise the state after the command.
const TABLE: &str = "\
command           | SUBMITTED   REGISTERED  ASSIGNED    IN_HANDLING REPLIED     CLOSED
RegisterCase      | REGISTERED  .           .           .           .           .
AssignCase        | .           ASSIGNED    .           .           .           .
DelegateCase      | .           REGISTERED  REGISTERED  REGISTERED  .           .
EscalateCase      | .           REGISTERED  REGISTERED  REGISTERED  .           .
AcceptCase        | .           .           IN_HANDLING .           .           .
ReturnCase        | .           .           REGISTERED  REGISTERED  .           .
ReportProgress    | .           .           .           IN_HANDLING .           .
ReplyCase         | .           .           .           REPLIED     .           .
CloseCase         | .           .           .           .           CLOSED      .
RateCase          | .           .           .           .           REPLIED     CLOSED
RecordPrivateRead | SUBMITTED   REGISTERED  ASSIGNED    IN_HANDLING REPLIED     CLOSED
RecordErasure     | SUBMITTED   REGISTERED  ASSIGNED    IN_HANDLING REPLIED     CLOSED
ExpireDeadline    | SUBMITTED   REGISTERED  ASSIGNED    IN_HANDLING CLOSED      .
";

#[test]
fn every_state_answers_every_command() {
    let directory = directory();
    let policies = Policies::default();
    let mut context = context(&directory, &policies);
    // Late enough for every deadline.
    context.now += jiff::SignedDuration::from_hours(24 * 400);

    let mut lines = vec![format!(
        "{:<18}|{}",
        "command",
        State::ALL.map(|state| format!(" {:<11}", state.name())).concat()
    )];
    for command in one_of_each() {
        let cells = State::ALL.map(|state| match decide(&case_in(state), &command, &context) {
            Ok(decision) => format!(" {:<11}", decision.case.state.name()),
            Err(Rejection::StateDoesNotAllow { state: named, command: asked }) => {
                assert_eq!((named, asked), (state, command.name()));
                format!(" {:<11}", ".")
            }
            Err(other) => format!(" {:<11}", other.reason()),
        });
        lines.push(format!("{:<18}|{}", command.name().rpc(), cells.concat()));
    }
    let found: String = lines.iter().map(|line| format!("{}\n", line.trim_end())).collect();
    assert_eq!(found, TABLE, "the table as it is now:\n{found}");
}

#[test]
fn the_table_has_every_command() {
    let named: Vec<CommandName> = one_of_each().iter().map(super::super::command::Command::name).collect();
    assert_eq!(named, CommandName::ALL);
}
