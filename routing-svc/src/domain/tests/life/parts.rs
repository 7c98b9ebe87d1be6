//! Parts of co-handlers.

use huying_proto::events::v1::event::Body;
use jiff::SignedDuration;

use super::{
    LEAD, OFFICE, OTHER, assign, at, bodies, due_at, duty, end_of, rejected, reply, return_it, taken,
    taken_at, transfer, unfit,
};
use crate::domain::{
    case::{Case, PartStatus, Stage, State},
    command::{Command, CommandName, PARTS_MAX, PartOrder, Rejection, allowed_commands},
    tests::{case_in, code, directory, now, order, with_part},
};

const BELOW: &str = "150802001-roads";
const BESIDE: &str = "150802002-roads";

fn assign_with(parts: Vec<PartOrder>) -> Command {
    Command::Assign { unit: code(LEAD), note: String::new(), reply_within: None, parts }
}

fn give(unit: &str, parent: Option<u32>) -> Command {
    Command::AssignPart { order: order(unit), parent }
}

fn give_within(unit: &str, seconds: i64) -> Command {
    let order = PartOrder { answer_within: Some(SignedDuration::from_secs(seconds)), ..order(unit) };
    Command::AssignPart { order, parent: None }
}

fn answer(number: u32) -> Command {
    Command::AnswerPart { number, text: "已核查".into(), pictures: Vec::new() }
}

fn waive(number: u32) -> Command {
    Command::WaivePart { number, reason: "不再需要".into() }
}

/// A case in handling with a part that has a part that has a part: of the road departments, down and across the tiers.
fn nested() -> Case {
    let one = taken(&case_in(State::InHandling), LEAD, &give(OTHER, None)).case;
    let two = taken(&one, OTHER, &give(BELOW, Some(1))).case;
    let three = taken(&two, BELOW, &give("150802001-housing", Some(2))).case;
    assert_eq!(three.parts.iter().map(|part| part.parent).collect::<Vec<_>>(), [None, Some(1), Some(2)]);
    three
}

#[test]
fn parts_are_given_with_the_assignment_and_end_with_it() {
    let tight = PartOrder { answer_within: Some(SignedDuration::from_secs(60)), ..order(BELOW) };
    let decision = taken(&case_in(State::Registered), OFFICE, &assign_with(vec![order(OTHER), tight]));
    let case = &decision.case;
    let [Body::CaseAssigned(body)] = bodies(&decision)[..] else { panic!("not assigned") };
    assert_eq!(body.parts.iter().map(|part| part.part_number).collect::<Vec<_>>(), [1, 2]);
    assert_eq!((body.parts[0].unit.as_str(), body.parts[1].unit.as_str()), (OTHER, BELOW));
    assert_eq!(body.parts[0].deadline_at_us, due_at(case).as_microsecond());
    assert_eq!(case.parts[1].clock.due_at, now() + SignedDuration::from_secs(60));
    assert_eq!(case.parts[0].given_by, code(OFFICE));
    assert_eq!(decision.events[0].standing.open_parts, 2);
    assert!(case.has_passed(BELOW));
}

#[test]
fn a_part_goes_to_a_department_in_the_subtree_of_whoever_gives_it() {
    for unit in ["150800-roads", "150821-roads", OFFICE, LEAD, "nobody"] {
        let refused = rejected(&case_in(State::Registered), OFFICE, &assign_with(vec![order(unit)]));
        assert_eq!(unfit(&refused), "parts", "{unit}");
        let refused = rejected(&case_in(State::InHandling), LEAD, &give(unit, None));
        assert_eq!(unfit(&refused), "part.unit", "{unit}");
    }
    let one = taken(&case_in(State::InHandling), LEAD, &give(BELOW, None)).case;
    assert_eq!(unfit(&rejected(&one, BELOW, &give(BESIDE, Some(1)))), "part.unit", "of another township");
    assert_eq!(unfit(&rejected(&one, BELOW, &give(BELOW, Some(1)))), "part.unit", "itself");
}

#[test]
fn a_unit_may_have_several_parts() {
    let one = taken(&case_in(State::InHandling), LEAD, &give(OTHER, None)).case;
    let two = taken(&one, OFFICE, &give(OTHER, None)).case;
    assert_eq!(two.open_parts().count(), 2);
    assert_eq!((&two.parts[0].given_by, &two.parts[1].given_by), (&code(LEAD), &code(OFFICE)));
}

#[test]
fn a_parts_time_ends_with_that_of_what_it_is_a_part_of() {
    let case = case_in(State::InHandling);
    let part = |case: &Case| case.parts.last().unwrap().clock.due_at;
    assert_eq!(part(&taken(&case, LEAD, &give(OTHER, None)).case), due_at(&case));
    let tight = taken(&case, LEAD, &give_within(OTHER, 3_600)).case;
    assert_eq!(part(&tight), now() + SignedDuration::from_hours(1));
    assert_eq!(tight.parts[0].clock.rule, "answer_within 3600s");
    assert_eq!(
        part(&taken(&tight, OTHER, &give(BELOW, Some(1))).case),
        part(&tight),
        "no longer than its own"
    );
    assert_eq!(part(&taken(&case, LEAD, &give_within(OTHER, i64::MAX)).case), due_at(&case));
    assert_eq!(unfit(&rejected(&case, LEAD, &give_within(OTHER, 0))), "part.answer_within");

    let overdue = at("2026-03-23T09:00:00");
    let late = taken_at(overdue, &case, LEAD, &give(OTHER, None)).case;
    assert_eq!(part(&late), end_of("2026-04-10"), "13 working days over the Qingming festival");
}

#[test]
fn parts_lie_three_deep_at_most() {
    let case = nested();
    let refused = rejected(&case, "150802001-housing", &give(BELOW, Some(3)));
    assert_eq!(unfit(&refused), "parent_part_number");
}

#[test]
fn a_co_handler_gives_parts_of_its_own_open_part_only() {
    let case = nested();
    assert_eq!(unfit(&rejected(&case, OTHER, &give(BESIDE, None))), "parent_part_number");
    assert_eq!(
        rejected(&case, OTHER, &give(BESIDE, Some(2))),
        Rejection::NotYourPart { number: 2, unit: OTHER.into() }
    );
    assert_eq!(
        rejected(&case, LEAD, &give(BESIDE, Some(1))),
        Rejection::NotYourPart { number: 1, unit: LEAD.into() }
    );
    assert_eq!(unfit(&rejected(&case, OTHER, &give(BESIDE, Some(9)))), "part_number");
    let waived = taken(&case, LEAD, &waive(1)).case;
    assert_eq!(rejected(&waived, OTHER, &give(BESIDE, Some(1))), Rejection::PartSettled { number: 1 });
    assert!(matches!(rejected(&case, BESIDE, &give(BELOW, None)), Rejection::NotResponsible { .. }));
}

#[test]
fn a_case_has_twenty_parts_at_most_settled_ones_included() {
    let mut case = case_in(State::InHandling);
    for number in 1..=PARTS_MAX as u32 {
        case = taken(&case, LEAD, &give(OTHER, None)).case;
        case = taken(&case, OTHER, &answer(number)).case;
    }
    assert_eq!(rejected(&case, LEAD, &give(OTHER, None)), Rejection::PartsUsedUp);
    assert!(!allowed_commands(&case, &directory(), now()).contains(&CommandName::AssignPart));
    let many = vec![order(OTHER); PARTS_MAX + 1];
    assert_eq!(rejected(&case_in(State::Registered), OFFICE, &assign_with(many)), Rejection::PartsUsedUp);
}

#[test]
fn a_part_is_answered_by_its_own_co_handler_after_the_parts_of_it() {
    let case = nested();
    assert_eq!(rejected(&case, OTHER, &answer(1)), Rejection::PartsOpen { numbers: vec![2, 3] });
    assert_eq!(rejected(&case, OTHER, &answer(3)), Rejection::NotYourPart { number: 3, unit: OTHER.into() });
    assert_eq!(unfit(&rejected(&case, OTHER, &answer(4))), "part_number");

    let case = taken(&case, "150802001-housing", &answer(3)).case;
    let case = taken(&case, BELOW, &answer(2)).case;
    let decision = taken(&case, OTHER, &answer(1));
    assert!(matches!(bodies(&decision)[..], [Body::PartAnswered(body)] if body.unit == OTHER));
    assert_eq!(decision.events[0].standing.open_parts, 0);
    assert_eq!(rejected(&decision.case, OTHER, &answer(1)), Rejection::PartSettled { number: 1 });
    taken(&decision.case, LEAD, &reply());
}

#[test]
fn a_part_is_waived_by_whoever_gave_it_or_the_office_and_what_lies_below_it_with_it() {
    let case = nested();
    let not_theirs = Rejection::NotYourPart { number: 2, unit: LEAD.into() };
    assert_eq!(rejected(&case, LEAD, &waive(2)), not_theirs, "the co-handler gave it");
    assert_eq!(
        rejected(&case, OTHER, &waive(1)),
        Rejection::NotYourPart { number: 1, unit: OTHER.into() },
        "nobody waives their own part"
    );
    taken(&case, OTHER, &waive(2));
    taken(&case, OFFICE, &waive(3));
    assert_eq!(rejected(&case, LEAD, &reply()), Rejection::PartsOpen { numbers: vec![1, 2, 3] });

    let decision = taken(&case, LEAD, &waive(1));
    let number = |body: &Body| if let Body::PartWaived(body) = body { body.part_number } else { 0 };
    let numbers: Vec<u32> = bodies(&decision).into_iter().map(number).collect();
    assert_eq!(numbers, [3, 2, 1]);
    assert_eq!(decision.events.iter().map(|event| event.standing.open_parts).collect::<Vec<_>>(), [2, 1, 0]);
    assert_eq!(rejected(&decision.case, LEAD, &waive(1)), Rejection::PartSettled { number: 1 });
    taken(&decision.case, LEAD, &reply());
}

#[test]
fn a_transfer_leaves_the_parts_to_the_new_lead_and_waives_its_own() {
    let mut case = taken(&case_in(State::InHandling), LEAD, &give(BELOW, None)).case;
    case = taken(&case, OFFICE, &give(OTHER, None)).case;
    case = taken(&case, OTHER, &give(BESIDE, Some(2))).case;
    let decision = taken(&case, OFFICE, &transfer(OTHER));
    let [Body::PartWaived(first), Body::PartWaived(second), Body::CaseTransferred(_)] = bodies(&decision)[..]
    else {
        panic!("other events")
    };
    assert_eq!((first.part_number, second.part_number), (3, 2));
    let case = decision.case;
    assert_eq!(case.open_parts().map(|part| part.number).collect::<Vec<_>>(), [1]);
    assert_eq!(case.parts[0].given_by, code(OTHER));
    let case = taken(&case, OTHER, &Command::Accept).case;
    let case = taken(&case, OTHER, &waive(1)).case;
    taken(&case, OTHER, &reply());
}

#[test]
fn a_return_leaves_the_parts_to_the_office_and_their_work_goes_on() {
    let case = taken(&case_in(State::InHandling), LEAD, &give(BELOW, None)).case;
    let case = taken(&case, LEAD, &return_it()).case;
    assert_eq!((case.state, duty(&case)), (State::Registered, (OFFICE, Stage::Assign)));
    assert_eq!(case.parts[0].given_by, code(OFFICE));
    taken(&case, BELOW, &answer(1));
    taken(&case, OFFICE, &waive(1));
    let case = taken(&case, OFFICE, &assign(OTHER)).case;
    assert_eq!(case.open_parts().count(), 1);
}

#[test]
fn a_co_handler_that_becomes_the_lead_answers_for_the_whole() {
    let case = taken(&with_part(case_in(State::InHandling)), LEAD, &return_it()).case;
    let decision = taken(&case, OFFICE, &assign(OTHER));
    assert!(matches!(bodies(&decision)[..], [Body::PartWaived(_), Body::CaseAssigned(_)]));
    assert_eq!(decision.case.parts[0].status, PartStatus::Waived);
    assert_eq!(duty(&decision.case), (OTHER, Stage::Reply));
}

#[test]
fn a_refusal_counts_one_part_as_one() {
    let open = |numbers: &[u32]| Rejection::PartsOpen { numbers: numbers.to_vec() }.to_string();
    assert_eq!(open(&[1]), "part 1 is neither answered nor waived");
    assert_eq!(open(&[1, 3]), "parts 1, 3 are neither answered nor waived");
}
