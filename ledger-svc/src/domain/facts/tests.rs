use huying_platform::status::from_micros;
use huying_proto::events::v1::{
    Actor, ActorRole, CaseAssigned, CaseClaimed, CaseDelegated, CaseEscalated, CaseMerged, CaseRated,
    CaseReplied, CaseReturned, CaseState, CaseSupervised, CaseTransferred, CaseUrged, CriticismCirculated,
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
const READER: &str = "r-150802001-009";

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

fn due(mut told: Event, minute: i64, case_minute: i64) -> Event {
    let micros = |minute: i64| if minute == 0 { 0 } else { (1_772_330_400 + minute * 60) * 1_000_000 };
    let standing = told.standing.as_mut().unwrap();
    (standing.deadline_at_us, standing.case_deadline_at_us) = (micros(minute), micros(case_minute));
    told
}

/// Case 1 as part of case 2, which HOUSING replies to.
fn merged_and_replied(version: u64) -> Vec<Event> {
    let merged = || Some(Standing { merged_into: case_id(2).to_string(), ..standing(CaseState::Merged, "") });
    let into = CaseMerged { into_case_id: case_id(2).to_string(), reason: String::new() };
    let reply = CaseReplied {
        unit: HOUSING.into(),
        via_case_id: case_id(2).to_string(),
        reply_number: 1,
        ..CaseReplied::default()
    };
    vec![
        due(event(1, version, Body::CaseMerged(into), merged()), 0, 0),
        due(event(1, version + 1, Body::CaseReplied(reply), merged()), 0, 0),
    ]
}

#[test]
fn a_merged_case_is_answered_along_by_the_unit_that_never_had_it() {
    let mut events = vec![submitted(1), registered(1, 2)];
    events.extend(merged_and_replied(3));
    events.push(rated(5, true, false));
    let (_, facts) = told(events);
    let office = facts.units.0[&(OFFICE.to_owned(), case_id(1))];
    assert!(office.received_at.is_some() && office.first_reply.is_some() && office.answered_along.is_none());
    let housing = facts.units.0[&(HOUSING.to_owned(), case_id(1))];
    let along = Some(FirstReply { at: minute(4).unwrap(), in_time: true });
    assert_eq!((housing.received_at, housing.first_reply, housing.answered_along), (None, None, along));
    let rating = Some(Rating { resolved: true, satisfied: false });
    assert_eq!((office.rating, housing.rating), (rating, rating));
}

#[test]
fn a_merged_case_is_replied_to_by_the_unit_that_had_it_before() {
    let mut events = vec![submitted(1), registered(1, 2), assigned(1, 3, HOUSING)];
    events.extend(merged_and_replied(4));
    let fact = told(events).1.units.0[&(HOUSING.to_owned(), case_id(1))];
    assert_eq!((fact.received_at, fact.answered_along), (minute(3), None));
    assert_eq!(fact.first_reply.map(|reply| reply.at), minute(5));
}

#[test]
fn the_reply_to_a_merged_case_is_judged_by_the_time_that_its_own_citizen_was_told() {
    for (case_minute, in_time) in [(5, true), (4, false), (0, true)] {
        let mut events = vec![submitted(1), due(registered(1, 2), 3, case_minute)];
        events.extend(merged_and_replied(3));
        // Told at 4 minutes and a bit.
        let (account, facts) = told(events);
        let office = facts.units.0[&(OFFICE.to_owned(), case_id(1))];
        assert_eq!(account.first_reply.map(|reply| reply.in_time), Some(in_time), "{case_minute}");
        assert_eq!(office.first_reply, account.first_reply, "{case_minute}");
    }
}

#[test]
fn a_unit_answers_for_its_own_time_and_a_region_also_for_that_of_the_whole() {
    // The stage, the whole, and whether the reply at 4 minutes and a bit is in time for the unit and for the region.
    for (stage, whole, of_unit, of_region) in [
        (5, 5, true, true),
        (5, 4, true, false),
        (4, 5, false, false),
        (0, 5, true, true),
        (0, 4, false, false),
        (5, 0, true, true),
        (0, 0, true, true),
    ] {
        let events =
            vec![submitted(1), registered(1, 2), due(assigned(1, 3, DEPARTMENT), stage, whole), replied(4)];
        let (account, facts) = told(events);
        assert_eq!(account.first_reply.map(|reply| reply.in_time), Some(of_region), "{stage} {whole}");
        for unit in [DEPARTMENT, OFFICE] {
            let reply = facts.units.0[&(unit.to_owned(), case_id(1))].first_reply;
            assert_eq!(reply.map(|reply| reply.in_time), Some(of_unit), "{unit} {stage} {whole}");
        }
    }
}

#[test]
fn a_case_that_goes_on_as_part_of_another_takes_no_way_of_its_own() {
    let delegated = CaseDelegated {
        from_office: OFFICE.into(),
        to_office: "150802-office".into(),
        reason: String::new(),
    };
    let merged = Standing { merged_into: case_id(2).to_string(), ..standing(CaseState::Merged, "") };
    let (_, facts) =
        told(vec![submitted(1), registered(1, 2), event(1, 3, Body::CaseDelegated(delegated), Some(merged))]);
    assert!(facts.hops.is_empty());
}

#[test]
fn a_unit_is_measured_by_its_own_first_reply() {
    let answer = |version, unit: &str, minute| {
        let body = CaseReplied { unit: unit.into(), reply_number: 1, ..CaseReplied::default() };
        let standing = Some(standing(CaseState::Replied, unit));
        due(event(1, version, Body::CaseReplied(body), standing), minute, 0)
    };
    let (account, facts) = told(vec![
        submitted(1),
        registered(1, 2),
        due(assigned(1, 3, DEPARTMENT), 1, 0),
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
        by(event(1, 10, Body::PrivatePartRead(read.clone()), at()), REPRESENTATIVE),
        by(event(1, 11, Body::PrivatePartRead(read), at()), READER),
    ]);
    let of = |code: &str| facts.representatives.0[&(code.to_owned(), case_id(1))];
    let submitted_at = Some(from_micros(1_772_330_400_000_000));
    let addressed = RepresentativeFact {
        received_at: submitted_at,
        first_answered_at: minute(9),
        last_act_at: minute(9),
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
