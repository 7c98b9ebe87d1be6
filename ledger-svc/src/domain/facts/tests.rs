use huying_platform::status::from_micros;
use huying_proto::events::v1::{
    Actor, ActorRole, CaseAssigned, CaseClaimed, CaseDelegated, CaseEscalated, CaseRated, CaseReplied,
    CaseReturned, CaseState, CaseSupervised, CaseTransferred, CaseUrged, CriticismCirculated,
    DeadlineExpired, DeadlineKind, Event, ExtensionGranted, ExtensionRequested, Part, PartAnswered,
    PartAssigned, PrivatePartRead, ProgressReported, Standing, event::Body,
};

use super::*;
use crate::domain::{
    account::tests::{DEPARTMENT, OFFICE, replied, told},
    event::tests::{assigned, case_id, event, registered, standing, submitted},
};

const HOUSING: &str = "150802-housing";
const REPRESENTATIVE: &str = "r-150802001-003";
const ANOTHER: &str = "r-150802001-007";

/// When the event of this version was decided.
fn minute(version: i64) -> Option<Timestamp> {
    Some(from_micros((1_772_330_400 + version * 60) * 1_000_000 + 123_456))
}

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
    assert_eq!(facts.units.0.len(), 2);
    for unit in [OFFICE, DEPARTMENT] {
        let fact = facts.units.0[&(unit.to_owned(), case_id(1))];
        assert!(fact.first_reply.is_some());
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
    assert_eq!(facts.units.0[&(DEPARTMENT.to_owned(), case_id(1))].returned, 1);
    assert_eq!(facts.units.0[&(OFFICE.to_owned(), case_id(1))].expired, 4);
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
    assert_eq!(facts.units.0[&(HOUSING.to_owned(), case_id(1))], expected);
    assert!(facts.units.0[&(DEPARTMENT.to_owned(), case_id(1))].received_at.is_some());
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
        received_at: minute(3),
        transferred: 1,
        extensions_requested: 1,
        extensions_granted: 1,
        ..UnitFact::default()
    };
    assert_eq!(facts.units.0[&(DEPARTMENT.to_owned(), case_id(1))], expected);
    let expected =
        UnitFact { received_at: minute(6), urged: 2, supervised: 1, criticised: 1, ..UnitFact::default() };
    assert_eq!(facts.units.0[&(HOUSING.to_owned(), case_id(1))], expected);
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
        let fact = facts.units.0[&(unit.to_owned(), case_id(1))];
        assert!(fact.received_at.is_some() && fact.first_reply.is_some(), "{unit}");
    }
}

#[test]
fn a_unit_is_measured_by_its_own_first_reply() {
    let due = |mut told: Event, minute: i64| {
        told.standing.as_mut().unwrap().deadline_at_us = (1_772_330_400 + minute * 60) * 1_000_000;
        told
    };
    let answer = |version, unit: &str, minute| {
        let body = CaseReplied { unit: unit.into(), reply_number: 1, ..CaseReplied::default() };
        let standing = Some(standing(CaseState::Replied, unit));
        due(event(1, version, Body::CaseReplied(body), standing), minute)
    };
    let (account, facts) = told(vec![
        submitted(1),
        registered(1, 2),
        due(assigned(1, 3, DEPARTMENT), 1),
        answer(4, DEPARTMENT, 9),
        answer(5, HOUSING, 9),
    ]);
    let late = Some(FirstReply { at: minute(4).unwrap(), in_time: false });
    let of = |unit: &str| facts.units.0[&(unit.to_owned(), case_id(1))].first_reply;
    assert_eq!((of(DEPARTMENT), of(OFFICE), account.first_reply), (late, late, late));
    assert_eq!(of(HOUSING), Some(FirstReply { at: minute(5).unwrap(), in_time: true }));
}

#[test]
fn a_representative_has_what_is_addressed_to_them_and_what_they_did() {
    let by = |mut told: Event, code: &str| {
        told.actor = Some(Actor { role: ActorRole::Representative.into(), code: code.into() });
        told
    };
    let at = || Some(standing(CaseState::InHandling, DEPARTMENT));
    let claimed = CaseClaimed { representative_code: ANOTHER.into(), note: String::new() };
    let reported = || ProgressReported { representative_code: ANOTHER.into(), ..Default::default() };
    let by_unit = ProgressReported { unit: DEPARTMENT.into(), ..Default::default() };
    let urged = || CaseUrged { unit: DEPARTMENT.into(), ..CaseUrged::default() };
    let answered = CaseReplied {
        unit: OFFICE.into(),
        representative_code: REPRESENTATIVE.into(),
        ..CaseReplied::default()
    };
    let read = PrivatePartRead { purpose: "回电".into() };
    let (_, facts) = told(vec![
        submitted(1),
        registered(1, 2),
        by(event(1, 3, Body::CaseClaimed(claimed), at()), ANOTHER),
        event(1, 4, Body::ProgressReported(by_unit), at()),
        by(event(1, 5, Body::ProgressReported(reported()), at()), ANOTHER),
        by(event(1, 6, Body::ProgressReported(reported()), at()), ANOTHER),
        by(event(1, 7, Body::CaseUrged(urged()), at()), ANOTHER),
        event(1, 8, Body::CaseUrged(urged()), at()),
        by(event(1, 9, Body::CaseReplied(answered), at()), REPRESENTATIVE),
        by(event(1, 10, Body::PrivatePartRead(read), at()), REPRESENTATIVE),
    ]);
    let of = |code: &str| facts.representatives.0[&(code.to_owned(), case_id(1))];
    let submitted_at = Some(from_micros(1_772_330_400_000_000));
    let addressed = RepresentativeFact {
        received_at: submitted_at,
        first_answered_at: minute(9),
        last_act_at: minute(10),
        ..RepresentativeFact::default()
    };
    assert_eq!(of(REPRESENTATIVE), addressed);
    let claimant = RepresentativeFact {
        received_at: None,
        claimed_at: minute(3),
        first_answered_at: minute(5),
        urged: 1,
        progress_reported: 2,
        last_act_at: minute(7),
    };
    assert_eq!(of(ANOTHER), claimant);
    assert_eq!(facts.representatives.0.len(), 2);
}

#[test]
fn the_ways_of_a_case_are_kept_with_where_it_went() {
    let district = "150802-office";
    let at = |office: &str, unit: &str| {
        Some(Standing { holder_office: office.into(), ..standing(CaseState::InHandling, unit) })
    };
    let escalated =
        CaseEscalated { from_office: OFFICE.into(), to_office: district.into(), reason: String::new() };
    let delegated =
        CaseDelegated { from_office: district.into(), to_office: OFFICE.into(), reason: String::new() };
    let transferred =
        CaseTransferred { from_unit: DEPARTMENT.into(), to_unit: HOUSING.into(), reason: String::new() };
    let returned = CaseReturned {
        unit: HOUSING.into(),
        proposed_unit: DEPARTMENT.into(),
        return_number: 1,
        ..CaseReturned::default()
    };
    let (account, facts) = told(vec![
        submitted(1),
        registered(1, 2),
        event(1, 3, Body::CaseEscalated(escalated), at(district, district)),
        event(1, 4, Body::CaseDelegated(delegated), at(OFFICE, OFFICE)),
        assigned(1, 5, DEPARTMENT),
        event(1, 6, Body::CaseTransferred(transferred), at(OFFICE, HOUSING)),
        event(1, 7, Body::CaseReturned(returned), at(OFFICE, OFFICE)),
    ]);
    let hop = |version: u64, kind, from: &str, to: &str| {
        let (from_unit, to_unit) = (from.to_owned(), to.to_owned());
        ((case_id(1), version), Hop { kind, from_unit, to_unit, at: minute(version as i64).unwrap() })
    };
    let hops = [
        hop(3, HopKind::Escalated, OFFICE, district),
        hop(4, HopKind::Delegated, district, OFFICE),
        hop(6, HopKind::Transferred, DEPARTMENT, HOUSING),
        hop(7, HopKind::Returned, HOUSING, OFFICE),
    ];
    assert_eq!(facts.hops, hops.into());
    assert_eq!(account.returned, 1);
}
