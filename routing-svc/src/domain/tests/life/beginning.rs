//! How a case begins: taken up by the rules, or waiting for an office.

use huying_proto::events::v1::{ActorRole, CaseKind, DeclineGround, Tier, event::Body};

use super::{OFFICE, bodies, due_at, duty, end_of, rejected, taken, unfit, whole_due_at};
use crate::domain::{
    case::{Stage, State},
    command::Command,
    decide::Decision,
    submission::take_up,
    tests::{World, case_in, category, code, decide_alone, directory_with, now, rule, submission},
};

fn taken_up(world: &World, category: &str) -> Decision {
    take_up(&submission(category), &world.rules(), &world.context(now(), "")).unwrap()
}

#[test]
fn the_rules_register_and_assign_in_one_step() {
    let rules = [rule("150800", CaseKind::Message, "城乡建设", Tier::District, "housing")];
    let decision = taken_up(&World::of(directory_with(rules)), "城乡建设/供热");

    let case = &decision.case;
    assert_eq!((case.version, case.state), (3, State::Assigned));
    assert_eq!(case.holder_office, code("150802-office"));
    assert_eq!(duty(case), ("150802-housing", Stage::Reply));
    assert_eq!(due_at(case), end_of("2026-03-19"), "13 working days");
    assert_eq!(case.accepted_by_itself_at, Some(end_of("2026-03-03")));
    assert_eq!(whole_due_at(case), end_of("2026-03-24"), "16 working days");
    let [first, second] = decision.events.as_slice() else { panic!("two events") };
    assert!(matches!(&first.body, Body::CaseRegistered(body) if body.trace.is_some()));
    assert!(matches!(&second.body, Body::CaseAssigned(body) if body.unit == "150802-housing"));
    assert_eq!((first.version, second.version), (2, 3));
    assert_eq!(second.standing, case.standing());
    assert!(decision.events.iter().all(|event| event.actor.role() == ActorRole::System));
}

#[test]
fn a_category_that_the_text_speaks_for_comes_before_everything_else() {
    let rules = [rule("150800", CaseKind::Unspecified, "城乡建设", Tier::District, "housing")];
    let world = World::of(directory_with(rules));
    let mut submission = submission("");
    submission.header.title = "城乡建设供热".into();
    submission.body = "城乡建设供热，供热，城乡建设".into();
    let decision = take_up(&submission, &world.rules(), &world.context(now(), "")).unwrap();
    let [Body::CaseClassified(classified), ..] = bodies(&decision)[..] else { panic!("not classified") };
    assert_eq!(classified.category, decision.case.category);
    assert!(classified.trace.is_some() && classified.previous_category.is_empty());
    assert_eq!(decision.events[0].standing.state(), State::Submitted.to_proto());
    assert_eq!(decision.case.version, 1 + decision.events.len() as u64);
}

#[test]
fn what_the_rules_cannot_decide_waits_at_the_nearest_office() {
    let decision = taken_up(&World::new(), "");
    let case = &decision.case;
    assert_eq!((case.version, case.state), (2, State::Submitted));
    assert_eq!(duty(case), ("150802001-office", Stage::Register));
    assert_eq!(due_at(case), end_of("2026-03-03"), "1 working day");
    assert_eq!(whole_due_at(case), end_of("2026-03-24"));
    assert_eq!(
        case.whole.as_ref().unwrap().rule,
        "* * * register 1wd; * * * assign 2wd; message * * reply 13wd"
    );
    assert!(matches!(bodies(&decision)[..], [Body::CaseQueued(body)] if body.trace.is_some()));
}

#[test]
fn registering_begins_the_clock_of_assigning_and_leaves_that_of_the_whole_case() {
    let submitted = case_in(State::Submitted);
    let case = taken(&submitted, OFFICE, &Command::Register).case;
    assert_eq!(duty(&case), (OFFICE, Stage::Assign));
    assert_eq!(due_at(&case), end_of("2026-03-04"), "2 working days");
    assert_eq!(case.whole, submitted.whole);
}

#[test]
fn a_case_is_declined_with_a_ground_and_ends() {
    let decline =
        Command::Decline { ground: DeclineGround::LegalProceedings, explanation: "法院已受理".into() };
    let decision = taken(&case_in(State::Submitted), OFFICE, &decline);
    let case = &decision.case;
    assert_eq!((case.state, &case.duty, &case.whole), (State::Declined, &None, &None));
    let [Body::CaseDeclined(body)] = bodies(&decision)[..] else { panic!("not declined") };
    assert_eq!((body.ground(), body.explanation.as_str()), (DeclineGround::LegalProceedings, "法院已受理"));
}

#[test]
fn a_category_is_corrected_and_the_next_clock_goes_by_it() {
    let classify = |path: &str| Command::Classify { category: path.into() };
    let registered = case_in(State::Registered);
    let decision = taken(&registered, OFFICE, &classify("城乡建设"));
    assert_eq!(decision.case.duty, registered.duty);
    let decision = taken(&decision.case, OFFICE, &classify("城乡建设/供热"));
    let [Body::CaseClassified(body)] = bodies(&decision)[..] else { panic!("not classified") };
    assert_eq!((body.category.as_str(), body.previous_category.as_str()), ("城乡建设/供热", "城乡建设"));
    for path in ["城乡建设/供热", "城乡建设/供水", ""] {
        assert_eq!(unfit(&rejected(&decision.case, OFFICE, &classify(path))), "category", "{path}");
    }
}

#[test]
fn a_level_that_is_listed_through_what_lies_below_it_is_a_category() {
    let world = World::of(directory_with([category("交通运输/公交/线路")]));
    let classified = |path: &str| {
        let command = Command::Classify { category: path.into() };
        decide_alone(&case_in(State::Registered), &command, &world.context(now(), OFFICE))
    };
    for path in ["交通运输", "交通运输/公交", "交通运输/公交/线路"] {
        assert_eq!(classified(path).unwrap().case.category, path);
    }
    for path in ["交通", "交通运输/", "公交", "交通运输/公交/线"] {
        assert_eq!(unfit(&classified(path).unwrap_err()), "category", "{path}");
    }
}
