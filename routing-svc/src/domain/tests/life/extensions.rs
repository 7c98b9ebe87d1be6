//! More time.

use huying_proto::events::v1::event::Body;
use jiff::{SignedDuration, Timestamp};

use super::{
    LEAD, OFFICE, OTHER, at, bodies, due_at, end_of, rate, rejected, rejected_at, reply, taken, taken_at,
    transfer, unfit, whole_due_at,
};
use crate::domain::{
    case::{Case, ExtensionStatus, State},
    command::{Command, CommandName, Rejection, allowed_commands},
    tests::{World, case_in, decide_alone, directory, now, with_extension_asked},
};

fn ask(limit: &str) -> Command {
    Command::RequestExtension { limit: limit.parse().unwrap(), reason: "管网改造".into() }
}

fn grant(limit: Option<&str>) -> Command {
    Command::GrantExtension { limit: limit.map(|limit| limit.parse().unwrap()), note: String::new() }
}

fn refuse() -> Command {
    Command::RefuseExtension { reason: "理由不足".into() }
}

/// Runs the clocks of a case.
fn run(at: Timestamp, case: &Case) -> Case {
    decide_alone(case, &Command::RunClocks, &World::new().context(at, "")).unwrap().case
}

#[test]
fn more_time_is_counted_from_the_last_day_of_the_deadline() {
    let asked = taken(&case_in(State::InHandling), LEAD, &ask("1wd"));
    let [Body::ExtensionRequested(body)] = bodies(&asked)[..] else { panic!("not asked") };
    assert_eq!((body.unit.as_str(), body.limit.as_str()), (LEAD, "1wd"));
    assert_eq!(body.deadline_at_us, end_of("2026-03-20").as_microsecond(), "Friday after Thursday");
    assert_eq!(due_at(&asked.case), end_of("2026-03-19"), "the clock goes on");

    let decision = taken(&asked.case, OFFICE, &grant(None));
    let case = &decision.case;
    assert_eq!((due_at(case), whole_due_at(case)), (end_of("2026-03-20"), end_of("2026-03-25")));
    let clock = &case.duty.as_ref().unwrap().clock;
    assert_eq!((clock.began_at, clock.rule.as_str()), (now(), "message * * reply 13wd + 1wd"));
    let [Body::ExtensionGranted(body)] = bodies(&decision)[..] else { panic!("not granted") };
    assert_eq!(body.previous_deadline_at_us, end_of("2026-03-19").as_microsecond());
    assert_eq!(body.deadline_at_us, end_of("2026-03-20").as_microsecond());
}

#[test]
fn at_the_very_deadline_it_is_too_late_and_a_moment_before_it_is_not() {
    let case = case_in(State::InHandling);
    let due_at = due_at(&case);
    taken_at(due_at - SignedDuration::from_micros(1), &case, LEAD, &ask("1wd"));
    for late in [due_at, due_at + SignedDuration::from_secs(1)] {
        assert_eq!(rejected_at(late, &case, LEAD, &ask("1wd")), Rejection::ExtensionTooLate { due_at });
        assert!(!allowed_commands(&case, &directory(), late).contains(&CommandName::RequestExtension));
    }
}

#[test]
fn more_time_is_asked_for_once_a_department_and_a_stage() {
    let asked = taken(&case_in(State::InHandling), LEAD, &ask("1wd")).case;
    assert_eq!(rejected(&asked, LEAD, &ask("1wd")), Rejection::ExtensionUsedUp);
    let refused = taken(&asked, OFFICE, &refuse()).case;
    assert_eq!(refused.extension.as_ref().unwrap().status, ExtensionStatus::Refused);
    assert_eq!(due_at(&refused), end_of("2026-03-19"));
    assert_eq!(rejected(&refused, LEAD, &ask("1wd")), Rejection::ExtensionUsedUp);

    let transferred = taken(&refused, OFFICE, &transfer(OTHER)).case;
    taken(&transferred, OTHER, &ask("1wd"));
    let replied = taken(&refused, LEAD, &reply()).case;
    let reopened = taken(&replied, "", &rate(false, true)).case;
    taken(&reopened, LEAD, &ask("1wd"));
}

#[test]
fn at_most_the_policys_extension_is_asked_for() {
    let case = case_in(State::InHandling);
    taken(&case, LEAD, &ask("13wd"));
    taken(&case, LEAD, &ask("1728000s"));
    for limit in ["14wd", "1mo", "1728001s"] {
        assert_eq!(unfit(&rejected(&case, LEAD, &ask(limit))), "limit", "{limit}");
    }
}

#[test]
fn at_most_what_was_asked_for_is_granted() {
    let asked = taken(&case_in(State::InHandling), LEAD, &ask("10wd")).case;
    assert_eq!(unfit(&rejected(&asked, OFFICE, &grant(Some("11wd")))), "limit");
    let granted = taken(&asked, OFFICE, &grant(Some("5wd"))).case;
    assert_eq!(due_at(&granted), end_of("2026-03-26"));
    assert_eq!(rejected(&granted, OFFICE, &grant(None)), Rejection::NoExtensionRequested);
    assert_eq!(rejected(&granted, OFFICE, &refuse()), Rejection::NoExtensionRequested);
    assert_eq!(rejected(&case_in(State::InHandling), OFFICE, &grant(None)), Rejection::NoExtensionRequested);
}

#[test]
fn time_that_would_be_over_already_is_not_granted() {
    let asked = with_extension_asked(case_in(State::InHandling));
    let after_it = at("2026-03-27T00:00:00");
    assert_eq!(unfit(&rejected_at(after_it, &asked, OFFICE, &grant(None))), "limit");
    taken_at(after_it, &asked, OFFICE, &refuse());
}

#[test]
fn time_granted_after_the_deadline_takes_the_overdue_mark_back() {
    let asked = with_extension_asked(case_in(State::InHandling));
    let late = at("2026-03-25T09:00:00");
    let overdue = run(late, &asked);
    assert!(overdue.is_overdue() && overdue.whole.as_ref().unwrap().expired);
    let granted = taken_at(late, &overdue, OFFICE, &grant(None)).case;
    assert!(!granted.is_overdue());
    assert_eq!((due_at(&granted), whole_due_at(&granted)), (end_of("2026-03-26"), end_of("2026-03-31")));
    let overdue_again = run(end_of("2026-03-26"), &granted);
    assert!(overdue_again.is_overdue());
}

#[test]
fn a_case_that_was_given_more_time_gets_no_more_by_going_to_another_department() {
    let asked = with_extension_asked(case_in(State::InHandling));
    let granted = taken(&asked, OFFICE, &grant(None)).case;
    let transferred = taken(&granted, OFFICE, &transfer(OTHER)).case;
    assert_eq!(rejected(&transferred, OTHER, &ask("1wd")), Rejection::ExtensionUsedUp);
    assert!(!allowed_commands(&transferred, &directory(), now()).contains(&CommandName::RequestExtension));

    let accepted = taken(&transferred, OTHER, &Command::Accept).case;
    let replied = taken(&accepted, OTHER, &reply()).case;
    let reopened = taken(&replied, "", &rate(false, true)).case;
    taken(&reopened, OTHER, &ask("1wd"));
}
