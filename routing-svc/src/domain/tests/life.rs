//! What commands do beyond moving from state to state.

use huying_platform::directory::Directory;
use huying_proto::events::v1::{CloseReason, directory_entry::Entry, event::Body};
use jiff::SignedDuration;

use super::{case_in, code, context, directory, directory_with, entries, now, rule, submission};
use crate::domain::{
    case::{Case, Stage, State},
    command::{Command, CommandName, Rejection, allowed_commands},
    deadlines::Policies,
    decide::{Decision, decide},
    submission::take_up,
};

fn hours(count: i64) -> SignedDuration {
    SignedDuration::from_hours(count)
}

fn taken(case: &Case, command: &Command) -> Decision {
    decide(case, command, &context(&directory(), &Policies::default())).unwrap()
}

fn rejected(case: &Case, command: &Command) -> Rejection {
    decide(case, command, &context(&directory(), &Policies::default())).unwrap_err()
}

fn return_it() -> Command {
    Command::Return { legal_basis: "供热条例第八条".into(), proposed_unit: code("150802-roads") }
}

fn rate(resolved: bool, reopen: bool) -> Command {
    Command::Rate { resolved, satisfied: resolved, comment: String::new(), reopen }
}

#[test]
fn the_rules_register_and_assign_in_one_step() {
    use huying_proto::events::v1::{CaseKind, Tier};
    let directory =
        directory_with([rule("150800", CaseKind::Message, "城乡建设", Tier::District, "housing")]);
    let policies = Policies::default();
    let decision = take_up(&submission("城乡建设/供热"), &context(&directory, &policies)).unwrap();

    assert_eq!(decision.case.version, 3);
    assert_eq!(decision.case.state, State::Assigned);
    assert_eq!(decision.case.holder_office, code("150802-office"));
    let duty = decision.case.duty.as_ref().unwrap();
    assert_eq!((duty.unit.as_str(), duty.stage), ("150802-housing", Stage::Reply));
    assert_eq!(duty.due_at, now() + hours(13 * 24));
    let [first, second] = decision.events.as_slice() else { panic!("two events") };
    assert!(matches!(&first.body, Body::CaseRegistered(body) if body.trace.is_some()));
    assert!(matches!(&second.body, Body::CaseAssigned(body) if body.unit == "150802-housing"));
    assert_eq!((first.version, second.version), (2, 3));
    assert_eq!(second.standing, decision.case.standing());
}

#[test]
fn what_the_rules_cannot_decide_waits_at_the_nearest_office() {
    let directory = directory();
    let policies = Policies::default();
    let decision = take_up(&submission(""), &context(&directory, &policies)).unwrap();
    assert_eq!(decision.case.state, State::Submitted);
    assert_eq!(decision.case.holder_office, code("150802001-office"));
    assert_eq!(decision.case.duty.as_ref().unwrap().due_at, now() + hours(48));
    assert!(matches!(&decision.events[0].body, Body::CaseQueued(body) if body.trace.is_some()));
    assert_eq!(decision.case.version, 2);
}

#[test]
fn accepting_does_not_restart_the_clock() {
    let assigned = case_in(State::Assigned);
    assert_eq!(taken(&assigned, &Command::Accept).case.duty, assigned.duty);
}

#[test]
fn registering_does_not_restart_the_clock() {
    let submitted = case_in(State::Submitted);
    assert_eq!(taken(&submitted, &Command::Register).case.duty, submitted.duty);
}

#[test]
fn an_office_may_set_a_tighter_limit_but_no_looser_one() {
    let assign = |within| Command::Assign {
        unit: code("150802-housing"),
        note: String::new(),
        reply_within: Some(within),
    };
    let registered = case_in(State::Registered);
    let decision = taken(&registered, &assign(SignedDuration::from_secs(1)));
    assert_eq!(decision.case.duty.unwrap().due_at, now() + SignedDuration::from_secs(1));
    for within in [SignedDuration::ZERO, hours(13 * 24) + SignedDuration::from_secs(1)] {
        assert!(matches!(
            rejected(&registered, &assign(within)),
            Rejection::Unfit { field: "reply_within", .. }
        ));
    }
}

#[test]
fn only_a_department_of_the_offices_own_region_can_be_assigned() {
    for unit in ["150802-office", "150821-housing", "150802001-housing", "nobody"] {
        let command = Command::Assign { unit: code(unit), note: String::new(), reply_within: None };
        let rejection = rejected(&case_in(State::Registered), &command);
        assert!(matches!(rejection, Rejection::Unfit { field: "unit", .. }), "{unit}: {rejection}");
    }
}

#[test]
fn delegating_goes_one_tier_down_and_escalating_one_up() {
    let registered = case_in(State::Registered);
    let down = |region: &str| Command::Delegate { region: region.parse().unwrap(), reason: "属地".into() };
    assert_eq!(taken(&registered, &down("150802002")).case.holder_office, code("150802002-office"));
    for region in ["150800", "150821", "150802", "999999"] {
        assert!(matches!(
            rejected(&registered, &down(region)),
            Rejection::Unfit { field: "region_code", .. }
        ));
    }

    let up = Command::Escalate { reason: "跨区".into() };
    let at_municipality = taken(&registered, &up).case;
    assert_eq!(at_municipality.holder_office, code("150800-office"));
    assert_eq!(at_municipality.duty.as_ref().unwrap().unit, code("150800-office"));
    assert!(matches!(rejected(&at_municipality, &up), Rejection::NoOfficeAbove { .. }));
    assert!(!allowed_commands(&at_municipality, &directory()).contains(&CommandName::Escalate));
}

#[test]
fn a_third_return_is_refused_and_not_offered() {
    let mut case = case_in(State::InHandling);
    for number in 1..=2 {
        let returned = taken(&case, &return_it());
        assert!(matches!(&returned.events[0].body, Body::CaseReturned(body) if body.return_number == number));
        assert_eq!(returned.case.duty.as_ref().unwrap().unit, code("150802-office"));
        let assign =
            Command::Assign { unit: code("150802-housing"), note: String::new(), reply_within: None };
        case = taken(&returned.case, &assign).case;
    }
    assert_eq!(rejected(&case, &return_it()), Rejection::ReturnsUsedUp);
    assert!(!allowed_commands(&case, &directory()).contains(&CommandName::Return));
}

#[test]
fn a_department_cannot_propose_itself() {
    let itself = Command::Return { legal_basis: "…".into(), proposed_unit: code("150802-housing") };
    assert!(matches!(
        rejected(&case_in(State::Assigned), &itself),
        Rejection::Unfit { field: "proposed_unit", .. }
    ));
}

#[test]
fn a_dissatisfied_citizen_brings_the_case_back_to_the_same_department() {
    let decision = taken(&case_in(State::Replied), &rate(false, true));
    assert_eq!(decision.case.state, State::InHandling);
    let duty = decision.case.duty.as_ref().unwrap();
    assert_eq!((duty.unit.as_str(), duty.stage), ("150802-housing", Stage::Reply));
    assert_eq!(duty.due_at, now() + hours(30 * 24));
    assert!(matches!(decision.events[0].body, Body::CaseRated(_)));
    assert!(matches!(decision.events[1].body, Body::CaseReopened(_)));
}

#[test]
fn a_case_reopened_after_its_department_is_gone_waits_at_the_office() {
    let mut entries = entries();
    for entry in &mut entries {
        entry.retired = matches!(&entry.entry, Some(Entry::Unit(unit)) if unit.code == "150802-housing");
    }
    let (directory, policies) = (Directory::new(8, entries), Policies::default());
    let decision =
        decide(&case_in(State::Replied), &rate(false, true), &context(&directory, &policies)).unwrap();
    assert_eq!(decision.case.state, State::Registered);
    let duty = decision.case.duty.unwrap();
    assert_eq!((duty.unit.as_str(), duty.stage), ("150802-office", Stage::Assign));
}

#[test]
fn reopening_needs_an_unresolved_matter_and_a_case_that_is_not_closed() {
    assert_eq!(rejected(&case_in(State::Replied), &rate(true, true)), Rejection::CannotReopen);
    assert_eq!(rejected(&case_in(State::Closed), &rate(false, true)), Rejection::CannotReopen);
}

#[test]
fn each_reply_is_rated_once() {
    let rated = taken(&case_in(State::Replied), &rate(true, false)).case;
    assert_eq!(rated.state, State::Replied);
    assert_eq!(rejected(&rated, &rate(false, false)), Rejection::AlreadyRated { reply_number: 1 });

    let reopened = taken(&case_in(State::Replied), &rate(false, true)).case;
    let replied_again = taken(&reopened, &Command::Reply { text: "再次答复".into() }).case;
    assert_eq!(replied_again.reply_count, 2);
    taken(&replied_again, &rate(true, false));
}

#[test]
fn silence_is_told_apart_from_a_rating() {
    let policies = Policies::default();
    let directory = directory();
    let mut late = context(&directory, &policies);
    late.now += hours(24 * 8);
    let reason = |case: &Case| {
        let decision = decide(case, &Command::ExpireDeadline, &late).unwrap();
        let Body::CaseClosed(body) = &decision.events[0].body else { panic!("not closed") };
        body.reason()
    };
    let silent = case_in(State::Replied);
    assert_eq!(reason(&silent), CloseReason::RatingTimeEnded);
    let rated = taken(&silent, &rate(true, false)).case;
    assert_eq!(reason(&rated), CloseReason::RatedTimeEnded);
}

#[test]
fn an_expired_deadline_marks_reminds_and_stays() {
    let directory = directory();
    let policies = Policies::default();
    let mut late = context(&directory, &policies);
    let case = case_in(State::InHandling);
    assert_eq!(decide(&case, &Command::ExpireDeadline, &late), Err(Rejection::NotDue));

    late.now = case.duty.as_ref().unwrap().due_at;
    let first = decide(&case, &Command::ExpireDeadline, &late).unwrap();
    assert!(first.case.overdue);
    assert_eq!(first.case.duty.as_ref().unwrap().due_at, late.now + hours(24));
    assert_eq!(decide(&first.case, &Command::ExpireDeadline, &late), Err(Rejection::NotDue));

    late.now += hours(24);
    let second = decide(&first.case, &Command::ExpireDeadline, &late).unwrap();
    assert!(matches!(&second.events[0].body, Body::DeadlineExpired(body) if body.expiry_number == 2));

    let replied = decide(&second.case, &Command::Reply { text: "已修好".into() }, &late).unwrap();
    assert!(!replied.case.overdue);
}

#[test]
fn taking_up_an_overdue_case_does_not_clear_the_mark() {
    let mut case = case_in(State::Assigned);
    case.overdue = true;
    assert!(taken(&case, &Command::Accept).case.overdue);
    assert!(!taken(&case, &return_it()).case.overdue);
}
