//! What representatives do.

use huying_proto::events::v1::{CaseHeader, event::Body};

use super::{LEAD, OFFICE, bodies, duty, rate, rejected, return_it, taken};
use crate::domain::{
    case::{Case, Stage, State},
    command::{CLAIMS_MAX, Command, Rejection},
    tests::{Store, World, case_id, case_in, code, now, primary_in, with_part},
};

fn claim() -> Command {
    Command::Claim { note: "我来跟进".into() }
}

fn answer() -> Command {
    Command::Answer { text: "已联系热力公司".into(), pictures: Vec::new() }
}

#[test]
fn a_representative_claims_a_case_once_and_hears_of_it_from_then_on() {
    let decision = taken(&case_in(State::InHandling), "r-1", &claim());
    assert!(matches!(bodies(&decision)[..], [Body::CaseClaimed(body)] if body.representative_code == "r-1"));
    let header = CaseHeader { representative_codes: vec!["r-9".into()], ..CaseHeader::default() };
    assert_eq!(decision.case.header(&header).representative_codes, ["r-9", "r-1"]);
    assert_eq!(rejected(&decision.case, "r-1", &claim()), Rejection::ClaimedAlready { code: "r-1".into() });
    taken(&decision.case, "r-2", &claim());
    assert!(matches!(rejected(&decision.case, OFFICE, &claim()), Rejection::NotResponsible { .. }));
}

#[test]
fn fifty_representatives_are_as_many_as_can_claim_a_case() {
    let mut case = case_in(State::InHandling);
    case.claimed_by = (0..CLAIMS_MAX).map(|number| format!("r-x{number}").parse().unwrap()).collect();
    assert_eq!(rejected(&case, "r-1", &claim()), Rejection::ClaimsUsedUp);
}

#[test]
fn a_representative_tells_how_far_it_is_in_their_own_name() {
    let progress = Command::ReportProgress { text: "已走访".into(), pictures: Vec::new() };
    let decision = taken(&case_in(State::Submitted), "r-1", &progress);
    let [Body::ProgressReported(body)] = bodies(&decision)[..] else { panic!("not reported") };
    assert_eq!((body.unit.as_str(), body.representative_code.as_str()), ("", "r-1"));
}

#[test]
fn a_representative_answers_before_the_case_is_assigned() {
    let decision = taken(&case_in(State::Submitted), "r-1", &answer());
    let [Body::CaseRegistered(_), Body::CaseReplied(replied)] = bodies(&decision)[..] else {
        panic!("other events")
    };
    assert_eq!((replied.unit.as_str(), replied.representative_code.as_str()), (OFFICE, "r-1"));
    assert_eq!(replied.reply_number, 1);
    assert_eq!(decision.events[0].standing.state(), State::Registered.to_proto());
    assert_eq!((decision.case.state, duty(&decision.case)), (State::Replied, (OFFICE, Stage::Rate)));

    let registered = taken(&case_in(State::Registered), "r-1", &answer());
    assert!(matches!(bodies(&registered)[..], [Body::CaseReplied(_)]));
}

#[test]
fn what_a_representative_answered_is_reopened_at_the_office() {
    let returned = taken(&case_in(State::InHandling), LEAD, &return_it()).case;
    assert_eq!(returned.department, Some(code(LEAD)));
    let answered = taken(&returned, "r-1", &answer()).case;
    let reopened = taken(&answered, "", &rate(false, true)).case;
    assert_eq!((reopened.state, duty(&reopened)), (State::Registered, (OFFICE, Stage::Assign)));
}

#[test]
fn a_representatives_answer_ends_the_parts_of_a_returned_case() {
    let returned = taken(&with_part(case_in(State::InHandling)), LEAD, &return_it()).case;
    let decision = taken(&returned, "r-1", &answer());
    assert!(matches!(bodies(&decision)[..], [Body::PartWaived(_), Body::CaseReplied(_)]));
}

#[test]
fn a_representatives_answer_reaches_everybody_who_wrote() {
    let mut primary = primary_in(State::Registered);
    primary.merged.push(case_id(1));
    let mut store = Store::of([Case { reply_count: 0, ..case_in(State::Merged) }, primary]);
    let world = World::new();
    let decisions = store.run(case_id(2), &answer(), &world.context(now(), "r-1")).unwrap();
    assert_eq!(decisions.len(), 2);
    assert!(
        matches!(bodies(&decisions[1])[..], [Body::CaseReplied(body)] if body.representative_code == "r-1")
    );
}
