use huying_proto::events::v1::{
    CaseAssigned, CaseRated, CaseReplied, CaseReturned, CaseSupervised, CaseTransferred, CaseUrged,
    CriticismCirculated, DeadlineExpired, Event, ExtensionGranted, ExtensionRequested, Part, PartAnswered,
    PartAssigned, Standing,
};

use super::*;
use crate::domain::{
    account::tests::{DEPARTMENT, OFFICE, replied, told},
    event::tests::{assigned, case_id, event, registered, standing, submitted},
};

const HOUSING: &str = "150802-housing";

fn rated(version: u64, resolved: bool, satisfied: bool) -> Event {
    let body = CaseRated { resolved, satisfied, comment: String::new() };
    event(1, version, Body::CaseRated(body), Some(standing(CaseState::Replied, DEPARTMENT)))
}

#[test]
fn office_and_department_both_have_the_case_and_its_rating() {
    let (account, facts) = told(vec![
        submitted(1),
        registered(1, 2),
        assigned(1, 3, DEPARTMENT),
        replied(4),
        rated(5, false, false),
        rated(6, true, false),
    ]);
    assert_eq!(account.version, 6);
    assert_eq!(facts.0.len(), 2);
    for unit in [OFFICE, DEPARTMENT] {
        let fact = facts.0[&(unit.to_owned(), case_id(1))];
        assert!(fact.replied);
        assert_eq!(fact.rating, Some(Rating { resolved: true, satisfied: false }));
    }
}

#[test]
fn returns_and_expiries_count_for_the_unit_they_name() {
    let returned = CaseReturned { unit: DEPARTMENT.into(), return_number: 1, ..CaseReturned::default() };
    let expired = |kind: DeadlineKind| {
        Body::DeadlineExpired(DeadlineExpired {
            kind: kind.into(),
            unit: OFFICE.into(),
            due_at_us: 1,
            expiry_number: 1,
            part_number: 0,
        })
    };
    let at_office = || Some(standing(CaseState::Registered, OFFICE));
    let (_, facts) = told(vec![
        submitted(1),
        registered(1, 2),
        assigned(1, 3, DEPARTMENT),
        event(1, 4, Body::CaseReturned(returned), at_office()),
        event(1, 5, expired(DeadlineKind::Assign), at_office()),
        event(1, 6, expired(DeadlineKind::Rate), at_office()),
        event(1, 7, expired(DeadlineKind::Register), at_office()),
        event(1, 8, expired(DeadlineKind::Case), at_office()),
        event(1, 9, expired(DeadlineKind::Reply), at_office()),
        event(1, 10, expired(DeadlineKind::Part), at_office()),
    ]);
    assert_eq!(facts.0[&(DEPARTMENT.to_owned(), case_id(1))].returned, 1);
    assert_eq!(facts.0[&(OFFICE.to_owned(), case_id(1))].expired, 4);
}

#[test]
fn a_co_handler_has_parts_and_receives_no_case() {
    let part = |number: u32, unit: &str| Part { part_number: number, unit: unit.into(), ..Part::default() };
    let body = CaseAssigned { unit: DEPARTMENT.into(), parts: vec![part(1, HOUSING)], ..Default::default() };
    let at_department = || Some(standing(CaseState::InHandling, DEPARTMENT));
    let given = PartAssigned { part: Some(part(2, HOUSING)), by_unit: DEPARTMENT.into() };
    let answered = PartAnswered { part_number: 1, unit: HOUSING.into(), ..PartAnswered::default() };
    let urged = CaseUrged { unit: HOUSING.into(), part_number: 2, urge_number: 1, ..CaseUrged::default() };
    let (_, facts) = told(vec![
        submitted(1),
        registered(1, 2),
        event(1, 3, Body::CaseAssigned(body), at_department()),
        event(1, 4, Body::PartAssigned(given), at_department()),
        event(1, 5, Body::PartAnswered(answered), at_department()),
        event(1, 6, Body::CaseUrged(urged), at_department()),
    ]);
    let expected = UnitFact { parts: 2, parts_answered: 1, urged: 1, ..UnitFact::default() };
    assert_eq!(facts.0[&(HOUSING.to_owned(), case_id(1))], expected);
    assert!(facts.0[&(DEPARTMENT.to_owned(), case_id(1))].received);
}

#[test]
fn transfers_extensions_and_the_ladder_count_for_the_unit_they_name() {
    let at = |unit: &str| Some(standing(CaseState::InHandling, unit));
    let requested = ExtensionRequested { unit: DEPARTMENT.into(), ..ExtensionRequested::default() };
    let granted = ExtensionGranted { unit: DEPARTMENT.into(), ..ExtensionGranted::default() };
    let transferred =
        CaseTransferred { from_unit: DEPARTMENT.into(), to_unit: HOUSING.into(), reason: String::new() };
    let urged = CaseUrged { unit: HOUSING.into(), automatic: true, ..CaseUrged::default() };
    let supervised = CaseSupervised { unit: HOUSING.into(), automatic: true, ..CaseSupervised::default() };
    let criticised = CriticismCirculated { unit: HOUSING.into(), ..CriticismCirculated::default() };
    let (_, facts) = told(vec![
        submitted(1),
        registered(1, 2),
        assigned(1, 3, DEPARTMENT),
        event(1, 4, Body::ExtensionRequested(requested), at(DEPARTMENT)),
        event(1, 5, Body::ExtensionGranted(granted), at(DEPARTMENT)),
        event(1, 6, Body::CaseTransferred(transferred), at(HOUSING)),
        event(1, 7, Body::CaseUrged(urged.clone()), at(HOUSING)),
        event(1, 8, Body::CaseUrged(urged), at(HOUSING)),
        event(1, 9, Body::CaseSupervised(supervised), at(HOUSING)),
        event(1, 10, Body::CriticismCirculated(criticised), at(HOUSING)),
    ]);
    let expected = UnitFact {
        received: true,
        transferred: 1,
        extensions_requested: 1,
        extensions_granted: 1,
        ..UnitFact::default()
    };
    assert_eq!(facts.0[&(DEPARTMENT.to_owned(), case_id(1))], expected);
    let expected = UnitFact { received: true, urged: 2, supervised: 1, criticised: 1, ..UnitFact::default() };
    assert_eq!(facts.0[&(HOUSING.to_owned(), case_id(1))], expected);
}

#[test]
fn a_merged_case_is_received_and_replied_to_by_the_unit_that_replied_to_its_primary() {
    let reply = CaseReplied {
        unit: HOUSING.into(),
        via_case_id: case_id(2).to_string(),
        reply_number: 1,
        ..CaseReplied::default()
    };
    let merged = Standing { merged_into: case_id(2).to_string(), ..standing(CaseState::Merged, "") };
    let (_, facts) =
        told(vec![submitted(1), registered(1, 2), event(1, 3, Body::CaseReplied(reply), Some(merged))]);
    for unit in [HOUSING, OFFICE] {
        let fact = facts.0[&(unit.to_owned(), case_id(1))];
        assert!(fact.received && fact.replied, "{unit}");
    }
}
