//! Cases that go on as part of another one.

use huying_platform::ids::CaseId;
use huying_proto::events::v1::{CaseReplied, CloseReason, event::Body};
use jiff::SignedDuration;

use super::{
    LEAD, OFFICE, assign, bodies, delegate, due_at, duty, end_of, escalate, rate, reply, whole_due_at,
};
use crate::domain::{
    case::{Case, Stage, State},
    command::{Command, MERGED_MAX, Rejection},
    decide::{Decision, companions},
    tests::{Store, World, case_id, case_in, code, now, primary_in, with_part},
};

fn merge(into: CaseId) -> Command {
    Command::Merge { into, reason: "同一事项".into() }
}

fn unmerge() -> Command {
    Command::Unmerge { reason: "并非同一事项".into() }
}

fn close() -> Command {
    Command::Close { note: String::new() }
}

fn reopen() -> Command {
    Command::Reopen { reason: "答复不实".into() }
}

const ONE: u8 = 1;
const PRIMARY: u8 = 2;
const THREE: u8 = 3;

/// A case 1 and a case 3 that go on as part of case 2, which is in handling.
fn merged() -> Store {
    let mut store = Store::of([
        case_in(State::Registered),
        primary_in(State::InHandling),
        Case { id: case_id(THREE), ..case_in(State::Submitted) },
    ]);
    for number in [ONE, THREE] {
        run(&mut store, number, OFFICE, &merge(case_id(PRIMARY)));
    }
    store
}

fn run(store: &mut Store, number: u8, by: &str, command: &Command) -> Vec<Decision> {
    store.run(case_id(number), command, &World::new().context(now(), by)).unwrap()
}

fn refused(store: &mut Store, number: u8, by: &str, command: &Command) -> Rejection {
    store.run(case_id(number), command, &World::new().context(now(), by)).unwrap_err()
}

fn state(store: &Store, number: u8) -> State {
    store.case(case_id(number)).state
}

#[test]
fn a_merged_case_has_no_duty_and_both_sides_know_of_it() {
    let mut store = Store::of([with_part(case_in(State::InHandling)), primary_in(State::Registered)]);
    let decisions = run(&mut store, ONE, OFFICE, &merge(case_id(PRIMARY)));
    let [own, primary] = decisions.as_slice() else { panic!("two decisions") };
    assert!(matches!(bodies(own)[..], [Body::PartWaived(_), Body::CaseMerged(_)]));
    assert_eq!((own.case.state, &own.case.duty), (State::Merged, &None));
    assert_eq!(own.case.merged_into, Some(case_id(PRIMARY)));
    assert_eq!(own.case.standing().merged_into, case_id(PRIMARY).to_string());
    let [Body::CaseAbsorbed(body)] = bodies(primary)[..] else { panic!("not absorbed") };
    assert_eq!(body.case_id, case_id(ONE).to_string());
    assert_eq!(primary.case.merged, [case_id(ONE)]);
    assert_eq!(primary.events[0].standing.petitioner_count, 2);
}

#[test]
fn a_case_is_never_merged_into_itself() {
    let mut store = Store::of([case_in(State::InHandling)]);
    assert_eq!(companions(store.case(case_id(ONE)), &merge(case_id(ONE))), []);
    assert_eq!(refused(&mut store, ONE, OFFICE, &merge(case_id(ONE))), Rejection::MergeIntoItself);
}

#[test]
fn a_case_is_merged_into_one_that_the_same_office_holds_and_has_not_answered() {
    let mut other = primary_in(State::InHandling);
    other.holder_office = code("150821-office");
    let mut store = Store::of([case_in(State::InHandling), other]);
    let unknown = |number| Rejection::OtherCaseUnknown { case_id: case_id(number) };
    assert_eq!(refused(&mut store, ONE, OFFICE, &merge(case_id(PRIMARY))), unknown(PRIMARY));
    assert_eq!(refused(&mut store, ONE, OFFICE, &merge(case_id(9))), unknown(9));

    for state in State::ALL {
        let mut store = Store::of([case_in(State::InHandling), primary_in(state)]);
        let outcome = store.run(case_id(ONE), &merge(case_id(PRIMARY)), &World::new().context(now(), OFFICE));
        let is_handled =
            matches!(state, State::Submitted | State::Registered | State::Assigned | State::InHandling);
        match outcome {
            Ok(_) => assert!(is_handled, "{state:?}"),
            Err(rejection) => {
                assert!(!is_handled, "{state:?}");
                assert_eq!(rejection, Rejection::OtherCasePastHandling { state });
            }
        }
    }
}

#[test]
fn a_case_that_others_are_part_of_is_neither_merged_nor_declined_nor_withdrawn() {
    let mut store = merged();
    store.0.insert(case_id(4), Case { id: case_id(4), ..case_in(State::InHandling) });
    let others = Rejection::HasMergedCases { count: 2 };
    assert_eq!(refused(&mut store, PRIMARY, OFFICE, &merge(case_id(4))), others);
    let withdraw = Command::Withdraw { reason: String::new() };
    assert_eq!(refused(&mut store, PRIMARY, "", &withdraw), others);
}

#[test]
fn five_hundred_cases_are_as_many_as_can_be_part_of_one() {
    let mut primary = primary_in(State::InHandling);
    primary.merged = vec![case_id(9); MERGED_MAX];
    let mut store = Store::of([case_in(State::InHandling), primary]);
    assert_eq!(refused(&mut store, ONE, OFFICE, &merge(case_id(PRIMARY))), Rejection::MergedUsedUp);
}

#[test]
fn everybody_who_wrote_is_answered_with_the_one_reply_and_closed_with_the_one_case() {
    let mut store = merged();
    let decisions = run(&mut store, PRIMARY, LEAD, &reply());
    assert_eq!(decisions.len(), 3);
    assert_eq!(decisions[0].case.id, case_id(PRIMARY));
    for decision in &decisions[1..] {
        let [Body::CaseReplied(CaseReplied { text, reply_number, via_case_id, unit, .. })] =
            bodies(decision)[..]
        else {
            panic!("not replied")
        };
        assert_eq!((text.as_str(), *reply_number, unit.as_str()), ("已修好", 1, LEAD));
        assert_eq!(*via_case_id, case_id(PRIMARY).to_string());
        assert_eq!((decision.case.state, decision.case.reply_count), (State::Merged, 1));
    }
    assert!(matches!(bodies(&decisions[0])[..], [Body::CaseReplied(body)] if body.via_case_id.is_empty()));

    run(&mut store, ONE, "", &rate(true, false));
    let decisions = run(&mut store, PRIMARY, OFFICE, &close());
    assert_eq!(decisions.len(), 3);
    for decision in &decisions[1..] {
        assert!(
            matches!(bodies(decision)[..], [Body::CaseClosed(body)] if body.reason() == CloseReason::WithPrimary)
        );
        assert_eq!(decision.case.state, State::Closed);
        assert_eq!(decision.case.merged_into, Some(case_id(PRIMARY)));
        assert!(decision.case.standing().merged_into.is_empty());
    }
    assert_eq!(refused(&mut store, ONE, "", &rate(true, false)), Rejection::AlreadyRated { reply_number: 1 });
    run(&mut store, THREE, "", &rate(false, false));
}

#[test]
fn merged_cases_are_closed_when_the_time_to_rate_ends_too() {
    let mut store = merged();
    run(&mut store, PRIMARY, LEAD, &reply());
    let world = World::new();
    let context = world.context(now() + SignedDuration::from_hours(24 * 8), "");
    let decisions = store.run(case_id(PRIMARY), &Command::RunClocks, &context).unwrap();
    assert_eq!(decisions.len(), 3);
    assert_eq!((state(&store, ONE), state(&store, THREE)), (State::Closed, State::Closed));
}

#[test]
fn merged_cases_go_from_office_to_office_with_the_one_they_are_part_of() {
    let mut store = merged();
    let decisions = run(&mut store, PRIMARY, OFFICE, &escalate());
    for decision in &decisions {
        assert!(matches!(bodies(decision)[..], [Body::CaseEscalated(_)]));
        assert_eq!(decision.case.holder_office, code("150800-office"));
    }
    assert_eq!((decisions.len(), decisions[1].case.state), (3, State::Merged));
    run(&mut store, PRIMARY, "150800-office", &delegate("150821"));
    run(&mut store, ONE, "150821-office", &unmerge());
    assert_eq!(duty(store.case(case_id(ONE))), ("150821-office", Stage::Assign));
}

#[test]
fn an_unmerged_case_goes_on_alone_at_the_office() {
    let mut store = merged();
    let decisions = run(&mut store, ONE, OFFICE, &unmerge());
    let [own, primary] = decisions.as_slice() else { panic!("two decisions") };
    assert!(matches!(bodies(own)[..], [Body::CaseUnmerged(body)] if body.reason == "并非同一事项"));
    assert_eq!((own.case.state, duty(&own.case)), (State::Registered, (OFFICE, Stage::Assign)));
    assert_eq!((due_at(&own.case), whole_due_at(&own.case)), (end_of("2026-03-04"), end_of("2026-03-24")));
    assert_eq!(own.case.merged_into, None);
    assert!(matches!(bodies(primary)[..], [Body::CaseSplitOff(_)]));
    assert_eq!(primary.case.merged, [case_id(THREE)]);
}

#[test]
fn a_case_that_was_closed_with_another_is_not_unmerged() {
    let mut store = merged();
    run(&mut store, PRIMARY, LEAD, &reply());
    run(&mut store, PRIMARY, OFFICE, &close());
    assert!(matches!(
        refused(&mut store, ONE, OFFICE, &unmerge()),
        Rejection::StateDoesNotAllow { state: State::Closed, .. }
    ));
}

#[test]
fn a_petitioner_who_is_not_satisfied_has_their_own_case_handled_again() {
    let mut store = merged();
    assert_eq!(refused(&mut store, ONE, "", &rate(false, true)), Rejection::NothingToRate);
    run(&mut store, PRIMARY, LEAD, &reply());
    let decisions = run(&mut store, ONE, "", &rate(false, true));
    let [own, primary] = decisions.as_slice() else { panic!("two decisions") };
    assert!(
        matches!(bodies(own)[..], [Body::CaseRated(_), Body::CaseUnmerged(_), Body::CaseReopened(body)] if body.unit == LEAD)
    );
    assert_eq!(own.events[1].standing.state(), State::Registered.to_proto());
    assert_eq!((own.case.state, duty(&own.case)), (State::InHandling, (LEAD, Stage::Reply)));
    assert_eq!(due_at(&own.case), end_of("2026-04-02"));
    assert!(matches!(bodies(primary)[..], [Body::CaseSplitOff(_)]));
    assert_eq!((primary.case.state, primary.case.merged.len()), (State::Replied, 1));
}

#[test]
fn a_case_that_was_closed_with_another_is_reopened_alone() {
    let mut store = merged();
    run(&mut store, PRIMARY, LEAD, &reply());
    run(&mut store, PRIMARY, OFFICE, &close());
    let decisions = run(&mut store, ONE, OFFICE, &reopen());
    assert_eq!(decisions.len(), 2);
    assert!(matches!(bodies(&decisions[0])[..], [Body::CaseUnmerged(_), Body::CaseReopened(_)]));
    assert_eq!((state(&store, ONE), state(&store, PRIMARY)), (State::InHandling, State::Closed));
    assert_eq!(store.case(case_id(PRIMARY)).merged, [case_id(THREE)]);
}

#[test]
fn reopening_the_one_case_leaves_those_that_are_part_of_it_where_they_are() {
    let mut store = merged();
    run(&mut store, PRIMARY, LEAD, &reply());
    assert_eq!(run(&mut store, PRIMARY, "", &rate(false, true)).len(), 1);
    assert_eq!((state(&store, ONE), state(&store, PRIMARY)), (State::Merged, State::InHandling));
    let decisions = run(&mut store, PRIMARY, LEAD, &reply());
    assert_eq!(decisions[1].case.reply_count, 2);

    run(&mut store, PRIMARY, OFFICE, &close());
    assert_eq!(run(&mut store, PRIMARY, OFFICE, &reopen()).len(), 1);
    assert_eq!(state(&store, ONE), State::Closed);
    assert_eq!(run(&mut store, PRIMARY, LEAD, &reply()).len(), 1, "what is closed stays as it is");
    assert_eq!(store.case(case_id(PRIMARY)).standing().petitioner_count, 3);
}

#[test]
fn a_merged_case_is_withdrawn_alone() {
    let mut store = merged();
    let decisions = run(&mut store, ONE, "", &Command::Withdraw { reason: "已解决".into() });
    let [own, primary] = decisions.as_slice() else { panic!("two decisions") };
    assert!(matches!(bodies(own)[..], [Body::CaseWithdrawn(_)]));
    assert_eq!((own.case.state, own.case.merged_into), (State::Withdrawn, None));
    assert!(matches!(bodies(primary)[..], [Body::CaseSplitOff(_)]));
    assert_eq!(primary.case.standing().petitioner_count, 2);
}

#[test]
fn a_decision_without_a_case_it_needs_is_refused() {
    let mut store = merged();
    store.0.remove(&case_id(THREE));
    let missing = Rejection::OtherCaseUnknown { case_id: case_id(THREE) };
    assert_eq!(refused(&mut store, PRIMARY, LEAD, &reply()), missing);
}

#[test]
fn the_time_of_the_whole_case_goes_on_where_it_was_merged_and_goes_on_alone_again() {
    let mut store = merged();
    let whole = case_in(State::Registered).whole;
    assert_eq!(store.case(case_id(ONE)).standing().case_deadline_at_us, 0, "somebody else's time runs");
    let world = World::new();
    let late = end_of("2026-03-24");
    let decisions = store.run(case_id(ONE), &unmerge(), &world.context(late, OFFICE)).unwrap();
    assert_eq!(decisions[0].case.whole, whole);
    let decisions = store.run(case_id(ONE), &Command::RunClocks, &world.context(late, "")).unwrap();
    assert!(matches!(bodies(&decisions[0])[..], [Body::DeadlineExpired(_)]));
    assert!(decisions[0].case.is_overdue());

    run(&mut store, ONE, OFFICE, &merge(case_id(PRIMARY)));
    let standing = store.case(case_id(ONE)).standing();
    assert!(!standing.overdue && standing.case_deadline_at_us == 0);
    run(&mut store, ONE, OFFICE, &unmerge());
    assert!(store.case(case_id(ONE)).is_overdue(), "the mark does not go away by merging");
}

#[test]
fn a_case_that_was_answered_as_part_of_another_begins_its_time_anew() {
    let mut store = merged();
    run(&mut store, PRIMARY, LEAD, &reply());
    assert_eq!(store.case(case_id(ONE)).whole, None);
    run(&mut store, ONE, OFFICE, &unmerge());
    assert_eq!(whole_due_at(store.case(case_id(ONE))), end_of("2026-04-02"));
}

#[test]
fn a_case_reopened_alone_does_not_go_to_a_department_of_another_office() {
    let mut store = merged();
    run(&mut store, PRIMARY, LEAD, &reply());
    run(&mut store, PRIMARY, OFFICE, &close());
    run(&mut store, PRIMARY, OFFICE, &reopen());
    run(&mut store, PRIMARY, OFFICE, &delegate("150802001"));
    run(&mut store, PRIMARY, "150802001-office", &assign("150802001-roads"));
    let decisions = run(&mut store, ONE, OFFICE, &reopen());
    assert_eq!(duty(&decisions[0].case), (OFFICE, Stage::Assign));
}
