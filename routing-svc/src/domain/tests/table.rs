//! Every state with every command.

use super::{case_in, context, directory, one_of_each};
use crate::domain::{
    case::State,
    command::{CommandName, Rejection},
    deadlines::Policies,
    decide::decide,
};

/// The document is the expectation, so that it cannot say anything else than the code does.
const DOCUMENT: &str = include_str!("../../../../docs/states.md");

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
    let documented = DOCUMENT.split("```").nth(1).unwrap().trim_start_matches("text\n");
    assert_eq!(found, documented, "the table for docs/states.md:\n{found}");
}

#[test]
fn the_table_has_every_command() {
    let named: Vec<CommandName> = one_of_each().iter().map(super::super::command::Command::name).collect();
    assert_eq!(named, CommandName::ALL);
}
