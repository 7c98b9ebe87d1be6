//! What holds after any sequence of commands, over three cases that can go on as part of each other.
//!
//! More than 100,000 sequences, shared out among tests so that they run side by side. A sequence is a list of numbers: what
//! each of them means depends on how the cases stand, so that most commands are nearly right, and shrinking a failure is
//! shrinking numbers.

mod checks;
mod choices;

use jiff::{SignedDuration, Timestamp};
use proptest::{prelude::*, test_runner::TestRunner};

use super::{Store, World, case_id, directory_with, now, rule, submission};
use crate::domain::{
    command::{Command, Rejection},
    decide::decide,
    policies::{Policies, read_policies},
    submission::take_up,
};
use checks::Checks;
use choices::Choice;

/// How many commands a sequence has at most.
const COMMANDS_MAX: usize = 40;

/// Limits in seconds, so that a sequence passes many deadlines, and lands on some of them exactly.
const TRIAL_POLICIES: &str = "kind,category,tier,step,limit
*,*,*,register,100s
*,*,*,assign,200s
*,*,*,accept,100s
*,*,*,reply,1300s
*,*,*,re_answer,3000s
*,*,*,rate,700s
*,*,*,extension,1300s
*,*,*,urge,100s
*,*,*,supervise,300s
*,*,*,criticise,500s
";

fn trial_world() -> World {
    World { policies: Policies::new(read_policies(TRIAL_POLICIES).unwrap()), ..World::new() }
}

/// A world whose rules assign every case at once.
fn ruled_world() -> World {
    use huying_proto::events::v1::{CaseKind, Tier};
    let rules = [rule("150800", CaseKind::Unspecified, "", Tier::District, "housing")];
    World { directory: World::of(directory_with(rules)).directory, ..trial_world() }
}

/// Limits that hold for a moment, so that computing clocks anew changes them.
fn other_limits(world: &World) -> World {
    let shorter = TRIAL_POLICIES.replace("1300s", "1200s").replace("3000s", "2500s").replace("100s", "150s");
    World {
        directory: std::sync::Arc::clone(&world.directory),
        policies: Policies::new(read_policies(&shorter).unwrap()),
        calendar: world.calendar.clone(),
    }
}

fn begin(world: &World) -> Store {
    let rules = world.rules();
    Store::of([0, 1, 2].map(|number| {
        let mut submission = submission("");
        submission.case_id = case_id(number);
        take_up(&submission, &rules, &world.context(now(), "")).unwrap().case
    }))
}

fn step(world: &World, store: &mut Store, at: Timestamp, choice: &Choice) {
    let before = store.0.clone();
    let context = world.context(at, &choice.by);
    let outcome = store.run(choice.id, &choice.command, &context);
    let checks = Checks { world, at, before: &before, after: &store.0, choice };
    match outcome {
        Ok(decisions) => checks.taken(&decisions),
        Err(rejection) => checks.refused(&rejection),
    }
    if choice.command == Command::RunClocks {
        // Whatever was due has happened, so that nothing is left to happen.
        let others = std::collections::BTreeMap::new();
        let again = decide(store.case(choice.id), &others, &Command::RunClocks, &context);
        assert!(matches!(again, Err(Rejection::NotDue | Rejection::StateDoesNotAllow { .. })), "{again:?}");
    }
}

/// Lets sequences happen and checks every step of them. `unit` is how many seconds a wait of one is.
fn run_sequences(count: u32, world: &World, unit: i64) {
    let begun = begin(world).0;
    let other_world = other_limits(world);
    // A failure is told with the numbers it shrinks to, which are all that is needed to repeat it.
    let config = ProptestConfig { cases: count, failure_persistence: None, ..ProptestConfig::default() };
    let mut runner = TestRunner::new(config);
    let words = prop::collection::vec(any::<u64>(), 1..=COMMANDS_MAX);
    let outcome = runner.run(&words, |words| {
        let mut store = Store(begun.clone());
        let mut at = now();
        for word in words {
            let choice = Choice::of(word, &store);
            at += SignedDuration::from_secs(choice.wait * unit);
            let world = if choice.by_other_limits { &other_world } else { world };
            step(world, &mut store, at, &choice);
        }
        Ok(())
    });
    outcome.unwrap_or_else(|failure| panic!("{failure}"));
}

#[test]
fn the_invariants_hold_over_limits_in_seconds() {
    run_sequences(30_000, &trial_world(), 1);
}

#[test]
fn the_invariants_hold_over_limits_in_seconds_again() {
    run_sequences(30_000, &trial_world(), 1);
}

#[test]
fn the_invariants_hold_for_cases_that_the_rules_assigned() {
    run_sequences(30_000, &ruled_world(), 1);
}

#[test]
fn the_invariants_hold_over_working_days() {
    // A wait of 1 is then some two minutes, and one of 1,300 is 13 days.
    run_sequences(12_000, &World::new(), 864);
}
