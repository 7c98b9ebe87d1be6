//! From the assignment to the reply and what follows it, between one office and its departments.

use huying_platform::directory::Directory;
use huying_proto::events::v1::{ActorRole, Region, directory_entry::Entry, event::Body};
use jiff::SignedDuration;

use super::{
    LEAD, OFFICE, OFFICE_ABOVE, OTHER, assign, at, bodies, delegate, due_at, duty, end_of, escalate, rate,
    rejected, rejected_at, reply, return_it, taken, taken_at, transfer, unfit, whole_due_at,
};
use crate::domain::{
    case::{Case, Stage, State},
    command::{Command, CommandName, REPORTED_UNTIL, Rejection, allowed_commands},
    tests::{World, case_in, code, decide_alone, directory, entries, now, with_extension_asked, with_part},
};

#[test]
fn accepting_does_not_restart_the_clock() {
    let assigned = case_in(State::Assigned);
    let accepted = taken_at(at("2026-03-03T10:00:00"), &assigned, LEAD, &Command::Accept).case;
    assert_eq!((&accepted.duty, &accepted.whole), (&assigned.duty, &assigned.whole));
    assert_eq!(accepted.accepted_by_itself_at, None);
}

#[test]
fn an_office_may_set_a_tighter_limit_but_no_looser_one() {
    let assign = |within| Command::Assign {
        unit: code(LEAD),
        note: String::new(),
        reply_within: Some(within),
        parts: Vec::new(),
    };
    let registered = case_in(State::Registered);
    let case = taken(&registered, OFFICE, &assign(SignedDuration::from_secs(1))).case;
    let clock = &case.duty.as_ref().unwrap().clock;
    assert_eq!(clock.due_at, now() + SignedDuration::from_secs(1));
    assert_eq!(clock.rule, "reply_within 1s");

    let policy = end_of("2026-03-19").duration_since(now());
    assert_eq!(due_at(&taken(&registered, OFFICE, &assign(policy)).case), end_of("2026-03-19"));
    for within in [SignedDuration::ZERO, policy + SignedDuration::from_secs(1), SignedDuration::MAX] {
        assert_eq!(unfit(&rejected(&registered, OFFICE, &assign(within))), "reply_within");
    }
}

#[test]
fn only_a_department_of_the_offices_own_region_can_have_the_case() {
    for unit in [OFFICE, "150821-housing", "150802001-housing", "nobody"] {
        let refused = rejected(&case_in(State::Registered), OFFICE, &assign(unit));
        assert_eq!(unfit(&refused), "unit", "{unit}");
        let refused = rejected(&case_in(State::InHandling), OFFICE, &transfer(unit));
        assert_eq!(unfit(&refused), "unit", "{unit}");
    }
}

#[test]
fn a_transfer_begins_the_hops_clock_anew_and_the_cases_goes_on() {
    let mut before = with_extension_asked(case_in(State::InHandling));
    before.return_count = 1;
    let later = at("2026-03-06T09:00:00");
    let decision = taken_at(later, &before, OFFICE, &transfer(OTHER));
    let case = &decision.case;
    assert_eq!((case.state, duty(case)), (State::Assigned, (OTHER, Stage::Reply)));
    assert_eq!(due_at(case), end_of("2026-03-25"), "13 working days from Friday the 6th");
    assert_eq!(case.accepted_by_itself_at, Some(end_of("2026-03-09")));
    assert_eq!(case.whole, before.whole);
    assert_eq!((case.return_count, &case.extension), (1, &None));
    let [Body::CaseTransferred(body)] = bodies(&decision)[..] else { panic!("not transferred") };
    assert_eq!((body.from_unit.as_str(), body.to_unit.as_str()), (LEAD, OTHER));
    assert_eq!(unfit(&rejected(case, OFFICE, &transfer(OTHER))), "unit");
}

#[test]
fn delegating_goes_one_tier_down_and_escalating_one_up() {
    let registered = case_in(State::Registered);
    let below = taken(&registered, OFFICE, &delegate("150802002")).case;
    assert_eq!(below.holder_office, code("150802002-office"));
    for region in ["150800", "150821", "150802", "999999"] {
        assert_eq!(unfit(&rejected(&registered, OFFICE, &delegate(region))), "region_code", "{region}");
    }

    let above = taken(&registered, OFFICE, &escalate()).case;
    assert_eq!(duty(&above), (OFFICE_ABOVE, Stage::Assign));
    assert_eq!(
        rejected(&above, OFFICE_ABOVE, &escalate()),
        Rejection::NoOfficeAbove { office: code(OFFICE_ABOVE) }
    );
    assert!(!allowed_commands(&above, &directory(), now()).contains(&CommandName::Escalate));
    assert!(!allowed_commands(&below, &directory(), now()).contains(&CommandName::Delegate));
}

#[test]
fn a_case_that_was_not_registered_is_handed_on_to_be_registered() {
    let submitted = case_in(State::Submitted);
    let later = at("2026-03-03T09:00:00");
    for command in [escalate(), delegate("150802001")] {
        let case = taken_at(later, &submitted, OFFICE, &command).case;
        assert_eq!((case.state, duty(&case).1), (State::Submitted, Stage::Register));
        assert_eq!(due_at(&case), end_of("2026-03-04"));
        assert_eq!(case.whole, submitted.whole);
    }
}

#[test]
fn handing_a_case_on_ends_what_co_handlers_were_asked() {
    let decision = taken(&with_part(case_in(State::InHandling)), OFFICE, &escalate());
    let [Body::PartWaived(waived), Body::CaseEscalated(_)] = bodies(&decision)[..] else { panic!("other") };
    assert_eq!((waived.part_number, waived.unit.as_str()), (1, OTHER));
    assert!(!waived.reason.is_empty());
    assert_eq!(decision.events[0].actor.role(), ActorRole::System);
    assert_eq!(decision.events[0].standing.responsible_unit, LEAD, "the case had not moved yet");
    assert_eq!(decision.events[1].standing.open_parts, 0);
}

#[test]
fn a_third_return_is_refused_and_not_offered() {
    let mut case = case_in(State::InHandling);
    for number in 1..=2 {
        let returned = taken(&case, LEAD, &return_it());
        assert!(matches!(bodies(&returned)[..], [Body::CaseReturned(body)] if body.return_number == number));
        assert_eq!(duty(&returned.case), (OFFICE, Stage::Assign));
        assert_eq!(returned.case.accepted_by_itself_at, None);
        case = taken(&returned.case, OFFICE, &assign(LEAD)).case;
    }
    assert_eq!(rejected(&case, LEAD, &return_it()), Rejection::ReturnsUsedUp);
    let allowed = allowed_commands(&case, &directory(), now());
    assert!(!allowed.contains(&CommandName::Return));
    assert!(allowed.contains(&CommandName::Accept));
}

#[test]
fn a_department_cannot_propose_itself_nor_an_office() {
    for unit in [LEAD, OFFICE, "nobody"] {
        let command = Command::Return { legal_basis: "…".into(), proposed_unit: code(unit) };
        assert_eq!(unfit(&rejected(&case_in(State::Assigned), LEAD, &command)), "proposed_unit", "{unit}");
    }
}

#[test]
fn progress_is_reported_until_the_history_is_long() {
    let mut case = Case { version: REPORTED_UNTIL - 1, ..case_in(State::InHandling) };
    let report = Command::ReportProgress { text: "已到现场".into(), pictures: Vec::new() };
    case = taken(&case, LEAD, &report).case;
    assert_eq!(rejected(&case, LEAD, &report), Rejection::ReportsUsedUp);
    assert!(!allowed_commands(&case, &directory(), now()).contains(&CommandName::ReportProgress));
    assert_eq!(taken(&case, LEAD, &reply()).case.state, State::Replied);
}

#[test]
fn progress_is_told_by_the_department_that_has_the_case_and_by_nobody_else() {
    let progress = Command::ReportProgress { text: "已到现场".into(), pictures: Vec::new() };
    let case = case_in(State::InHandling);
    let decision = taken(&case, LEAD, &progress);
    assert!(matches!(bodies(&decision)[..], [Body::ProgressReported(body)] if body.unit == LEAD));
    assert_eq!(decision.case.duty, case.duty);
    assert_eq!(
        rejected(&case, OTHER, &progress),
        Rejection::NotResponsible { unit: OTHER.into(), responsible: LEAD.into() }
    );
    assert!(matches!(rejected(&case, OFFICE, &progress), Rejection::NotResponsible { .. }));
}

#[test]
fn a_reply_ends_the_clock_of_the_whole_case_and_gives_the_citizen_time_to_rate() {
    let decision = taken(&with_extension_asked(case_in(State::InHandling)), LEAD, &reply());
    let case = &decision.case;
    assert_eq!((case.state, duty(case)), (State::Replied, (OFFICE, Stage::Rate)));
    assert_eq!(due_at(case), end_of("2026-03-09"), "7 days");
    assert_eq!((&case.whole, &case.extension, case.reply_count), (&None, &None, 1));
    assert_eq!(decision.events[0].standing.case_deadline_at_us, 0);
}

#[test]
fn a_dissatisfied_citizen_brings_the_case_back_to_the_same_department() {
    let decision = taken(&case_in(State::Replied), "", &rate(false, true));
    let case = &decision.case;
    assert_eq!((case.state, duty(case)), (State::InHandling, (LEAD, Stage::Reply)));
    assert_eq!(due_at(case), end_of("2026-04-02"), "1 month");
    assert_eq!(whole_due_at(case), end_of("2026-04-02"));
    let [Body::CaseRated(_), Body::CaseReopened(reopened)] = bodies(&decision)[..] else { panic!("other") };
    assert_eq!(reopened.unit, LEAD);
}

#[test]
fn an_office_reopens_a_replied_and_a_closed_case() {
    let reopen = Command::Reopen { reason: "答复不实".into() };
    for state in [State::Replied, State::Closed] {
        let decision = taken(&case_in(state), OFFICE_ABOVE, &reopen);
        assert_eq!(duty(&decision.case), (LEAD, Stage::Reply));
        assert!(matches!(bodies(&decision)[..], [Body::CaseReopened(body)] if body.reason == "答复不实"));
    }
}

#[test]
fn a_reopened_case_that_changes_hands_is_answered_again_and_not_for_the_first_time() {
    let reopened = taken(&case_in(State::Replied), "", &rate(false, true)).case;
    let transferred = taken(&reopened, OFFICE, &transfer(OTHER)).case;
    assert_eq!(due_at(&transferred), end_of("2026-04-02"));
    assert_eq!(transferred.duty.unwrap().clock.rule, "* * * re_answer 1mo");
}

#[test]
fn a_case_reopened_after_its_department_is_gone_waits_at_the_office() {
    let mut entries = entries();
    for entry in &mut entries {
        entry.retired = matches!(&entry.entry, Some(Entry::Unit(unit)) if unit.code == LEAD);
    }
    let world = World::of(Directory::new(8, entries));
    let context = world.context(now(), "");
    let case = decide_alone(&case_in(State::Replied), &rate(false, true), &context).unwrap().case;
    assert_eq!((case.state, duty(&case)), (State::Registered, (OFFICE, Stage::Assign)));
    assert_eq!(whole_due_at(&case), end_of("2026-04-02"));
}

#[test]
fn reopening_by_the_citizen_needs_an_unresolved_matter_and_a_case_that_is_not_closed() {
    assert_eq!(rejected(&case_in(State::Replied), "", &rate(true, true)), Rejection::CannotReopen);
    assert_eq!(rejected(&case_in(State::Closed), "", &rate(false, true)), Rejection::CannotReopen);
}

#[test]
fn each_reply_is_rated_once() {
    let rated = taken(&case_in(State::Replied), "", &rate(true, false)).case;
    assert_eq!(rated.state, State::Replied);
    assert_eq!(rejected(&rated, "", &rate(false, false)), Rejection::AlreadyRated { reply_number: 1 });

    let reopened = taken(&case_in(State::Replied), "", &rate(false, true)).case;
    let replied_again = taken(&reopened, LEAD, &reply()).case;
    assert_eq!(replied_again.reply_count, 2);
    taken(&replied_again, "", &rate(true, false));
}

#[test]
fn a_citizen_takes_the_matter_back_as_long_as_it_is_not_answered() {
    let withdraw = Command::Withdraw { reason: "已自行解决".into() };
    let decision = taken(&with_part(case_in(State::InHandling)), "", &withdraw);
    assert_eq!((decision.case.state, &decision.case.duty), (State::Withdrawn, &None));
    assert!(matches!(bodies(&decision)[..], [Body::PartWaived(_), Body::CaseWithdrawn(_)]));
    assert!(matches!(
        rejected(&case_in(State::Replied), "", &withdraw),
        Rejection::StateDoesNotAllow { state: State::Replied, command: CommandName::Withdraw }
    ));
}

#[test]
fn a_case_of_an_office_that_is_gone_goes_to_departments_of_the_one_that_acts_for_it() {
    let mut merged = entries();
    for entry in &mut merged {
        match &mut entry.entry {
            Some(Entry::Region(Region { code, replaced_by, .. })) if code == "150802001" => {
                *replaced_by = "150802002".into();
                entry.retired = true;
            }
            Some(Entry::Unit(unit)) if unit.region == "150802001" => entry.retired = true,
            _ => {}
        }
    }
    let world = World::of(Directory::new(8, merged));
    let context = world.context(now(), "150802002-office");
    let held = Case { holder_office: code("150802001-office"), ..case_in(State::Registered) };
    let case = decide_alone(&held, &assign("150802002-roads"), &context).unwrap().case;
    assert_eq!(duty(&case), ("150802002-roads", Stage::Reply));
    let escalated = decide_alone(&held, &escalate(), &context).unwrap().case;
    assert_eq!(escalated.holder_office, code(OFFICE));
}

#[test]
fn a_part_of_the_case_does_not_answer_for_it() {
    let late = at("2026-03-19T23:59:59");
    let case = with_part(case_in(State::InHandling));
    assert_eq!(rejected_at(late, &case, LEAD, &reply()), Rejection::PartsOpen { numbers: vec![1] });
}
