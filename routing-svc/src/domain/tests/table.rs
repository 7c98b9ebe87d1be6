//! Every state with every command.

use jiff::SignedDuration;

use super::{Store, World, case_id, case_in, now, one_of_each, primary_in, with_extension_asked, with_part};
use crate::domain::{
    calendar::{Calendar, CalendarDay, DayKind},
    case::{Case, State},
    command::{Command, CommandName, Rejection, state_allows},
};

/// The document is the expectation, so that it cannot say anything else than the code does.
const DOCUMENT: &str = include_str!("../../../../docs/states.md");

/// The case as the command needs it beyond its state.
fn made_right_for(command: CommandName, case: Case) -> Case {
    if matches!(command, CommandName::AnswerPart | CommandName::WaivePart) {
        return with_part(case);
    }
    if matches!(command, CommandName::GrantExtension | CommandName::RefuseExtension) {
        return with_extension_asked(case);
    }
    case
}

/// What becomes of a case in a state by a command that is right in all but, perhaps, the state.
fn outcome(state: State, command: &Command, by: &str) -> Result<State, Rejection> {
    let mut world = World::new();
    let mut at = now();
    if command.name() == CommandName::RunClocks {
        // Late enough for every deadline.
        at += SignedDuration::from_hours(24 * 400);
    }
    if command.name() == CommandName::RecomputeClocks {
        let day = CalendarDay {
            date: "2026-03-03".parse().unwrap(),
            kind: DayKind::Holiday,
            name: "临时放假".into(),
            provisional: false,
        };
        world.calendar = Calendar::announced(8, [day]);
    }
    let case = made_right_for(command.name(), case_in(state));
    let mut primary = primary_in(State::InHandling);
    if state == State::Merged {
        primary.merged.push(case.id);
    }
    let mut store = Store::of([case, primary]);
    store.run(case_id(1), command, &world.context(at, by))?;
    Ok(store.case(case_id(1)).state)
}

#[test]
fn every_state_answers_every_command() {
    let mut lines = vec![format!(
        "{:<19}|{}",
        "command",
        State::ALL.map(|state| format!(" {:<11}", state.name())).concat()
    )];
    for (command, by) in one_of_each() {
        let cells = State::ALL.map(|state| {
            let outcome = outcome(state, &command, by);
            assert_eq!(outcome.is_ok(), state_allows(state, command.name()), "{state:?} {command:?}");
            match outcome {
                Ok(next) => format!(" {:<11}", next.name()),
                Err(Rejection::StateDoesNotAllow { state: named, command: asked }) => {
                    assert_eq!((named, asked), (state, command.name()));
                    format!(" {:<11}", ".")
                }
                Err(other) => panic!("{state:?} {command:?}: {other}"),
            }
        });
        lines.push(format!("{:<19}|{}", command.name().rpc(), cells.concat()));
    }
    let found: String = lines.iter().map(|line| format!("{}\n", line.trim_end())).collect();
    let documented = DOCUMENT.split("```").nth(1).unwrap().trim_start_matches("text\n");
    assert_eq!(found, documented, "the table for docs/states.md:\n{found}");
}

#[test]
fn the_table_has_every_command() {
    let named: Vec<CommandName> = one_of_each().iter().map(|(command, _)| command.name()).collect();
    assert_eq!(named, CommandName::ALL);
}
