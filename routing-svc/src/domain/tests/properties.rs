//! What holds after any sequence of commands.

use jiff::SignedDuration;
use proptest::prelude::*;

use super::{code, context, directory, directory_with, now, rule, submission};
use crate::domain::{
    case::{Case, Stage, State},
    command::{Command, CommandName, RETURNS_MAX, allowed_commands},
    deadlines::Policies,
    decide::{Decision, decide},
    submission::take_up,
};

const UNITS: [&str; 8] = [
    "150800-housing",
    "150802-housing",
    "150802-roads",
    "150821-roads",
    "150802001-housing",
    "150802001-roads",
    "150802002-housing",
    "nobody",
];
const REGIONS: [&str; 6] = ["150800", "150802", "150821", "150802001", "150802002", "999999"];

fn any_command() -> impl Strategy<Value = Command> {
    let unit = || prop::sample::select(&UNITS[..]).prop_map(code);
    let seconds = prop::option::of(prop::sample::select(vec![0_i64, 1, 3_600, 13 * 86_400, 13 * 86_400 + 1]));
    prop_oneof![
        3 => Just(Command::Register),
        6 => (unit(), seconds).prop_map(|(unit, seconds)| Command::Assign {
            unit, note: String::new(), reply_within: seconds.map(SignedDuration::from_secs),
        }),
        1 => prop::sample::select(&REGIONS[..])
            .prop_map(|region| Command::Delegate { region: region.parse().unwrap(), reason: "属地".into() }),
        1 => Just(Command::Escalate { reason: "跨区".into() }),
        4 => Just(Command::Accept),
        1 => unit().prop_map(|proposed_unit| Command::Return { legal_basis: "条例".into(), proposed_unit }),
        2 => Just(Command::ReportProgress { text: "进展".into() }),
        3 => Just(Command::Reply { text: "答复".into() }),
        1 => Just(Command::Close { note: String::new() }),
        2 => (any::<bool>(), any::<bool>(), any::<bool>()).prop_map(|(resolved, satisfied, reopen)| Command::Rate {
            resolved, satisfied, comment: String::new(), reopen,
        }),
        1 => Just(Command::RecordPrivateRead { purpose: "联系".into() }),
        1 => Just(Command::RecordErasure { ground: "要求".into() }),
        3 => Just(Command::ExpireDeadline),
    ]
}

/// Seconds that pass before a command: none, some, or past every deadline.
fn any_wait() -> impl Strategy<Value = i64> {
    prop::sample::select(vec![0_i64, 0, 60, 86_400, 3 * 86_400, 100 * 86_400])
}

fn check_shape(case: &Case) {
    match (case.state, &case.duty) {
        (State::Submitted | State::Registered, Some(duty)) => {
            assert_eq!((&duty.unit, duty.stage), (&case.holder_office, Stage::Assign));
        }
        (State::Assigned | State::InHandling, Some(duty)) => {
            assert_eq!((Some(&duty.unit), duty.stage), (case.department.as_ref(), Stage::Reply));
        }
        (State::Replied, Some(duty)) => {
            assert_eq!((&duty.unit, duty.stage), (&case.holder_office, Stage::Rate));
        }
        (State::Closed, None) => assert!(!case.overdue),
        (state, duty) => panic!("{state:?} with {duty:?}"),
    }
    assert!(case.return_count <= RETURNS_MAX);
    assert!(case.rated_reply <= case.reply_count);
    assert!(case.has_passed(case.holder_office.as_str()));
    assert!(case.duty.as_ref().is_none_or(|duty| case.has_passed(duty.unit.as_str())));
}

fn check_events(version_before: u64, decision: &Decision) {
    assert!(!decision.events.is_empty());
    for (expected, event) in (version_before + 1..).zip(&decision.events) {
        assert_eq!(event.version, expected);
    }
    let last = decision.events.last().unwrap();
    assert_eq!(last.version, decision.case.version);
    assert_eq!(last.standing, decision.case.standing());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4_000, ..ProptestConfig::default() })]

    #[test]
    fn an_open_case_always_has_one_responsible_unit_and_one_deadline(
        by_rule in any::<bool>(),
        steps in prop::collection::vec((any_wait(), any_command()), 0..40),
    ) {
        use huying_proto::events::v1::{CaseKind, Tier};
        let directory = if by_rule {
            directory_with([rule("150800", CaseKind::Unspecified, "", Tier::Township, "roads")])
        } else {
            directory()
        };
        let policies = Policies::default();
        let mut context = context(&directory, &policies);
        let begun = take_up(&submission(""), &context).unwrap();
        check_events(1, &begun);
        let mut case = begun.case;
        check_shape(&case);

        let mut elapsed = 0;
        for (wait, command) in steps {
            elapsed += wait;
            context.now = now() + SignedDuration::from_secs(elapsed);
            let Ok(decision) = decide(&case, &command, &context) else { continue };
            check_shape(&decision.case);
            check_events(case.version, &decision);
            if case.state == State::Closed {
                prop_assert!(matches!(
                    command.name(),
                    CommandName::Rate | CommandName::RecordPrivateRead | CommandName::RecordErasure
                ));
                prop_assert_eq!(decision.case.state, State::Closed);
            }
            if CommandName::OF_UNITS.contains(&command.name()) {
                prop_assert!(allowed_commands(&case, &directory).contains(&command.name()));
            }
            if let Some(duty) = &decision.case.duty {
                prop_assert!(duty.due_at > context.now || Some(duty) == case.duty.as_ref());
            }
            case = decision.case;
        }
    }
}
