//! What happens by itself, and urging, supervision and criticism by hand.

use huying_proto::events::v1::{ActorRole, CloseReason, DeadlineKind, event::Body};
use jiff::{SignedDuration, Timestamp};

use super::{
    LEAD, OFFICE, OFFICE_ABOVE, OTHER, at, bodies, due_at, duty, end_of, rate, rejected, rejected_at, reply,
    taken, taken_at, unfit, whole_due_at,
};
use crate::domain::{
    calendar::{Calendar, CalendarDay, DayKind},
    case::{Case, Stage, State},
    command::{Command, CommandName, Rejection, allowed_commands},
    decide::Decision,
    policies::{Policies, read_policies},
    tests::{World, case_in, decide_alone, directory, now, with_part},
};

fn run(at: Timestamp, case: &Case) -> Decision {
    taken_at(at, case, "", &Command::RunClocks)
}

/// What happened by itself, in few words.
fn words(decision: &Decision) -> Vec<String> {
    bodies(decision).into_iter().map(|body| word(body).unwrap_or_else(|| panic!("{body:?}"))).collect()
}

fn word(body: &Body) -> Option<String> {
    let word = if let Body::CaseAccepted(body) = body {
        format!("accepted automatic={}", body.automatic)
    } else if let Body::DeadlineNear(body) = body {
        format!("near {} {}", body.kind().as_str_name(), body.part_number)
    } else if let Body::DeadlineExpired(body) = body {
        assert_eq!(body.expiry_number, 1);
        format!("expired {} {}", body.kind().as_str_name(), body.part_number)
    } else if let Body::CaseUrged(body) = body {
        format!("urged {} {}", body.part_number, body.urge_number)
    } else if let Body::CaseSupervised(body) = body {
        format!("supervised {}", body.part_number)
    } else if let Body::CriticismCirculated(body) = body {
        format!("criticised {}", body.part_number)
    } else {
        return None;
    };
    Some(word)
}

#[test]
fn a_department_that_says_nothing_counts_as_having_accepted() {
    let assigned = case_in(State::Assigned);
    let before = end_of("2026-03-03") - SignedDuration::from_micros(1);
    assert_eq!(rejected_at(before, &assigned, "", &Command::RunClocks), Rejection::NotDue);
    let decision = run(end_of("2026-03-03"), &assigned);
    assert_eq!(words(&decision), ["accepted automatic=true"]);
    assert_eq!(decision.case.state, State::InHandling);
    assert_eq!(decision.case.duty, assigned.duty, "the clock runs from dispatch");
    assert_eq!(decision.events[0].actor.role(), ActorRole::System);
}

#[test]
fn each_step_of_the_ladder_comes_in_its_time_and_once() {
    let mut case = case_in(State::InHandling);
    case.whole.as_mut().unwrap().due_at = end_of("2026-12-31");
    for (at, expected) in [
        ("2026-03-16T09:30:00", None),
        ("2026-03-17T00:00:00", Some("near DEADLINE_KIND_REPLY 0")),
        ("2026-03-19T23:59:59", None),
        ("2026-03-20T00:00:00", Some("expired DEADLINE_KIND_REPLY 0")),
        ("2026-03-20T08:59:59", None),
        ("2026-03-20T09:00:00", Some("urged 0 1")),
        ("2026-03-24T09:00:00", Some("supervised 0")),
        ("2026-03-26T09:00:00", Some("criticised 0")),
        ("2026-12-31T23:59:59", None),
        ("2027-01-01T00:00:00", Some("expired DEADLINE_KIND_CASE 0")),
        ("2027-03-26T09:00:00", None),
    ] {
        let world = World::new();
        let context = world.context(super::at(at), "");
        match (decide_alone(&case, &Command::RunClocks, &context), expected) {
            (Ok(decision), Some(expected)) => {
                assert_eq!(words(&decision), [expected], "{at}");
                case = decision.case;
                assert!(case.next_alarm().is_none_or(|next| next > context.now));
            }
            (Err(Rejection::NotDue), None) => {}
            (other, expected) => panic!("{at}: {other:?} instead of {expected:?}"),
        }
    }
    assert!(case.supervised && case.criticised && case.is_overdue());
}

#[test]
fn after_a_standstill_everything_comes_at_once_in_the_order_of_its_time() {
    let assigned = with_part(case_in(State::Assigned));
    let decision = run(at("2027-01-01T00:00:00"), &assigned);
    assert_eq!(
        words(&decision),
        [
            "accepted automatic=true",
            "near DEADLINE_KIND_REPLY 0",
            "near DEADLINE_KIND_PART 1",
            "expired DEADLINE_KIND_REPLY 0",
            "expired DEADLINE_KIND_PART 1",
            "urged 0 1",
            "urged 1 2",
            "supervised 0",
            "supervised 1",
            "expired DEADLINE_KIND_CASE 0",
            "criticised 0",
            "criticised 1",
        ]
    );
    let mark = decision.events.iter().map(|event| event.standing.overdue).collect::<Vec<_>>();
    assert_eq!(mark.iter().filter(|&&overdue| !overdue).count(), 3, "the mark comes with the first expiry");
    assert_eq!(decision.case.next_alarm(), None);
    // A clock that goes back, or on, brings nothing back.
    for later in ["2026-03-20T00:00:00", "2028-01-01T00:00:00"] {
        let refused = rejected_at(at(later), &decision.case, "", &Command::RunClocks);
        assert_eq!(refused, Rejection::NotDue);
    }
}

#[test]
fn the_overdue_mark_stands_until_the_case_is_answered() {
    let overdue = run(end_of("2026-03-19"), &case_in(State::InHandling)).case;
    assert!(overdue.standing().overdue);
    assert!(!taken(&overdue, LEAD, &reply()).case.standing().overdue);
}

#[test]
fn the_expiry_of_the_whole_case_names_whoever_has_it() {
    let mut case = case_in(State::Registered);
    case.whole.as_mut().unwrap().due_at = now();
    let decision = run(now(), &case);
    let [Body::DeadlineExpired(body)] = bodies(&decision)[..] else { panic!("not expired") };
    assert_eq!((body.kind(), body.unit.as_str()), (DeadlineKind::Case, OFFICE));
    assert!(decision.case.is_overdue());
    let assigned = taken(&decision.case, OFFICE, &super::assign(LEAD)).case;
    assert!(assigned.is_overdue(), "a new hop does not bring the time of the whole back");
}

#[test]
fn a_new_hop_within_the_time_of_the_whole_case_takes_the_mark_back() {
    let overdue = run(end_of("2026-03-04"), &case_in(State::Registered)).case;
    assert!(overdue.is_overdue());
    assert!(!taken(&overdue, OFFICE, &super::assign(LEAD)).case.is_overdue());
}

#[test]
fn silence_is_told_apart_from_a_rating() {
    let silent = case_in(State::Replied);
    let rated = taken(&silent, "", &rate(true, false)).case;
    for (case, reason) in [(silent, CloseReason::RatingTimeEnded), (rated, CloseReason::RatedTimeEnded)] {
        assert_eq!(case.next_alarm(), Some(end_of("2026-03-09")), "nobody is reminded of rating");
        let decision = run(end_of("2026-03-09"), &case);
        assert!(matches!(bodies(&decision)[..], [Body::CaseClosed(body)] if body.reason() == reason));
        assert_eq!((decision.case.state, &decision.case.duty), (State::Closed, &None));
    }
}

fn urge(part: Option<u32>) -> Command {
    Command::Urge { text: "请尽快办理".into(), part }
}

#[test]
fn a_unit_is_urged_by_hand_once_a_day() {
    let case = case_in(State::InHandling);
    let decision = taken(&case, "r-1", &urge(None));
    let [Body::CaseUrged(body)] = bodies(&decision)[..] else { panic!("not urged") };
    assert_eq!((body.unit.as_str(), body.automatic, body.urge_number), (LEAD, false, 1));

    let next_at = now() + SignedDuration::from_hours(24);
    let too_early = next_at - SignedDuration::from_micros(1);
    let urged = &decision.case;
    assert_eq!(rejected_at(too_early, urged, OFFICE, &urge(None)), Rejection::UrgedAlready { next_at });
    assert!(!allowed_commands(urged, &directory(), too_early).contains(&CommandName::Urge));
    assert_eq!(taken_at(next_at, urged, OFFICE, &urge(None)).case.urge_count, 2);
}

#[test]
fn urging_by_itself_does_not_count_against_urging_by_hand() {
    let late = at("2026-03-20T09:00:00");
    let urged = run(late, &case_in(State::InHandling)).case;
    assert_eq!((urged.urge_count, urged.urged_at), (1, None));
    assert_eq!(taken_at(late, &urged, OFFICE, &urge(None)).case.urge_count, 2);
}

#[test]
fn a_co_handler_is_urged_for_its_open_part() {
    let case = with_part(case_in(State::InHandling));
    let decision = taken(&case, OFFICE, &urge(Some(1)));
    assert!(
        matches!(bodies(&decision)[..], [Body::CaseUrged(body)] if body.unit == OTHER && body.part_number == 1)
    );
    assert_eq!(unfit(&rejected(&case, OFFICE, &urge(Some(2)))), "part_number");
    let waived = taken(&case, OFFICE, &Command::WaivePart { number: 1, reason: "不需要".into() }).case;
    assert_eq!(rejected(&waived, OFFICE, &urge(Some(1))), Rejection::PartSettled { number: 1 });
}

#[test]
fn an_office_that_has_to_act_itself_is_told_so_by_the_one_above() {
    let supervise = Command::Supervise { demand: "三日内交办".into() };
    let criticise = Command::Criticise { text: "通报批评".into() };
    let waiting = case_in(State::Registered);
    for command in [urge(None), supervise.clone(), criticise.clone()] {
        assert_eq!(unfit(&rejected(&waiting, OFFICE, &command)), "command.case_id");
        let decision = taken(&waiting, OFFICE_ABOVE, &command);
        assert_eq!(decision.events[0].standing.responsible_unit, OFFICE);
    }
    let supervised = taken(&case_in(State::InHandling), OFFICE, &supervise);
    assert!(
        matches!(bodies(&supervised)[..], [Body::CaseSupervised(body)] if body.unit == LEAD && !body.automatic)
    );
    let criticised = taken(&supervised.case, OFFICE, &criticise);
    assert!(matches!(bodies(&criticised)[..], [Body::CriticismCirculated(body)] if body.unit == LEAD));
    assert!(criticised.case.supervised && criticised.case.criticised);
}

fn recompute() -> Command {
    Command::RecomputeClocks { reason: "节假日安排调整".into() }
}

/// A world in which some day is off that was worked before.
fn with_day_off(date: &str) -> World {
    let day = CalendarDay {
        date: date.parse().unwrap(),
        kind: DayKind::Holiday,
        name: "临时放假".into(),
        provisional: false,
    };
    World { calendar: Calendar::new(8, [day]), ..World::new() }
}

#[test]
fn clocks_are_computed_anew_from_where_they_began() {
    let case = case_in(State::InHandling);
    let world = with_day_off("2026-03-10");
    let decision = decide_alone(&case, &recompute(), &world.context(now(), OFFICE)).unwrap();
    assert_eq!(due_at(&decision.case), end_of("2026-03-20"));
    assert_eq!(whole_due_at(&decision.case), end_of("2026-03-25"));
    assert_eq!(decision.case.duty.as_ref().unwrap().clock.calendar_revision, 8);
    let [Body::ClocksRecomputed(body)] = bodies(&decision)[..] else { panic!("not recomputed") };
    assert_eq!(body.previous_deadline_at_us, end_of("2026-03-19").as_microsecond());
    assert_eq!(body.case_deadline_at_us, end_of("2026-03-25").as_microsecond());
    assert_eq!(body.directory_revision, 7);

    let again = decide_alone(&decision.case, &recompute(), &world.context(now(), OFFICE)).unwrap_err();
    assert_eq!(unfit(&again), "command.case_id", "nothing changes");
}

#[test]
fn what_an_office_set_and_granted_stays_when_clocks_are_computed_anew() {
    let tight = Command::Assign {
        unit: super::super::code(LEAD),
        note: String::new(),
        reply_within: Some(SignedDuration::from_hours(24)),
        parts: Vec::new(),
    };
    let tight = taken(&case_in(State::Registered), OFFICE, &tight).case;
    let ask = Command::RequestExtension { limit: "2wd".parse().unwrap(), reason: "天气".into() };
    let grant = Command::GrantExtension { limit: None, note: String::new() };
    let case = taken(&taken(&tight, LEAD, &ask).case, OFFICE, &grant).case;
    assert_eq!((due_at(&case), whole_due_at(&case)), (end_of("2026-03-05"), end_of("2026-03-26")));

    let world = with_day_off("2026-03-04");
    let case = decide_alone(&case, &recompute(), &world.context(now(), OFFICE)).unwrap().case;
    assert_eq!((due_at(&case), whole_due_at(&case)), (end_of("2026-03-06"), end_of("2026-03-27")));
    assert_eq!(case.duty.as_ref().unwrap().clock.rule, "reply_within 86400s + 2wd");
}

#[test]
fn a_step_that_was_taken_is_not_taken_again_unless_its_deadline_has_moved_ahead() {
    let overdue = run(end_of("2026-03-19"), &case_in(State::InHandling)).case;
    let world = with_day_off("2026-03-10");
    let ahead =
        decide_alone(&overdue, &recompute(), &world.context(end_of("2026-03-19"), OFFICE)).unwrap().case;
    assert_eq!(ahead.duty.as_ref().unwrap().clock.taken, 1, "reminded, and not overdue any more");
    assert!(!ahead.is_overdue());

    let policies = read_policies("kind,category,tier,step,limit\n*,*,*,reply,1wd\n").unwrap();
    let world = World { policies: Policies::new(policies), ..World::new() };
    let context = world.context(end_of("2026-03-19"), OFFICE);
    let behind = decide_alone(&overdue, &recompute(), &context).unwrap().case;
    assert_eq!(due_at(&behind), end_of("2026-03-03"));
    assert_eq!(behind.duty.as_ref().unwrap().clock.taken, 2);
    let decision =
        decide_alone(&behind, &Command::RunClocks, &world.context(end_of("2026-03-19"), "")).unwrap();
    assert_eq!(
        words(&decision),
        ["urged 0 1", "supervised 0", "expired DEADLINE_KIND_CASE 0", "criticised 0"]
    );
}

#[test]
fn computing_anew_while_the_clock_has_gone_back_brings_no_step_back() {
    let overdue = run(end_of("2026-03-24"), &case_in(State::InHandling)).case;
    let taken = overdue.duty.as_ref().unwrap().clock.taken;
    let policies = read_policies("kind,category,tier,step,limit\n*,*,*,criticise,6wd\n").unwrap();
    let world = World { policies: Policies::new(policies), ..World::new() };
    let case = decide_alone(&overdue, &recompute(), &world.context(now(), OFFICE)).unwrap().case;
    assert_eq!(case.duty.as_ref().unwrap().clock.taken, taken);
    assert!(case.whole.unwrap().expired);
}

#[test]
fn a_case_that_moves_on_keeps_its_responsible_unit_and_deadline_in_every_event() {
    let decision = run(at("2027-01-01T00:00:00"), &with_part(case_in(State::Assigned)));
    for event in &decision.events {
        assert_eq!(event.standing.responsible_unit, LEAD);
        assert_eq!(event.standing.deadline_at_us, due_at(&decision.case).as_microsecond());
    }
    assert_eq!(duty(&decision.case), (LEAD, Stage::Reply));
}
