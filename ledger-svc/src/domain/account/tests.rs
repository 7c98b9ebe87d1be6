use huying_proto::events::v1::{
    CaseClassified, CaseClosed, CaseDeclined, CaseMerged, CaseQueued, CaseRated, CaseReopened, CaseReplied,
    CaseUnmerged, CaseWithdrawn, CloseReason, DeclineGround, Event, PrivatePartErased, Standing,
};

use huying_platform::status::from_micros;
use huying_proto::events::v1::event::Body;

use super::*;
use crate::domain::{
    event::{
        CaseEvent,
        tests::{assigned, case_id, event, registered, standing, submitted},
    },
    leaf::{self, Leaf, Unreadable},
    samples::every_event,
};

pub(crate) const OFFICE: &str = "150802001-office";
pub(crate) const DEPARTMENT: &str = "150802001-general";

/// The fold over the leaves of events. What was just written and what is read back must tell the same.
pub(crate) fn told(events: Vec<Event>) -> (Account, Facts) {
    let events: Vec<CaseEvent> = events.into_iter().map(|event| CaseEvent::parse(event).unwrap()).collect();
    let written: Vec<_> = events.iter().map(|event| leaf::write(event, || [1; 32]).unwrap()).collect();
    let read: Vec<Leaf<'_>> =
        written.iter().map(|written| serde_json::from_slice(&written.bytes).unwrap()).collect();
    let now = folded(written.iter().map(|written| &written.leaf));
    assert_eq!(now, folded(read.iter()));
    now
}

fn folded<'a>(leaves: impl Iterator<Item = &'a Leaf<'a>>) -> (Account, Facts) {
    let mut leaves = leaves.map(|leaf| Told::of(leaf).unwrap());
    let mut facts = Facts::default();
    let mut account = Account::open(&leaves.next().unwrap(), &mut facts);
    for told in leaves {
        account.follow(&told, &mut facts);
    }
    (account, facts)
}

pub(crate) fn replied(version: u64) -> Event {
    let body = CaseReplied {
        unit: DEPARTMENT.into(),
        text: "已修好".into(),
        reply_number: 1,
        ..CaseReplied::default()
    };
    event(1, version, Body::CaseReplied(body), Some(standing(CaseState::Replied, DEPARTMENT)))
}

fn queued(version: u64) -> Event {
    let body = Body::CaseQueued(CaseQueued::default());
    event(1, version, body, Some(standing(CaseState::Submitted, OFFICE)))
}

fn declined(version: u64) -> Event {
    let body = CaseDeclined { ground: DeclineGround::Unclear.into(), explanation: "请写明地点".into() };
    event(1, version, Body::CaseDeclined(body), Some(standing(CaseState::Declined, "")))
}

#[test]
fn the_texts_of_a_public_case_are_shown_from_registration_on() {
    assert_eq!(told(vec![submitted(1)]).0.publicity(), Publicity::Nothing);
    assert_eq!(told(vec![submitted(1), queued(2)]).0.publicity(), Publicity::Nothing);
    assert_eq!(told(vec![submitted(1), queued(2), registered(1, 3)]).0.publicity(), Publicity::Everything);
    assert_eq!(told(vec![submitted(1), assigned(1, 2, DEPARTMENT)]).0.publicity(), Publicity::Everything);
}

#[test]
fn the_texts_of_a_status_only_case_are_never_shown() {
    let status_only = |mut event: Event| {
        event.header.as_mut().unwrap().publication = Publication::StatusOnly.into();
        event
    };
    let events = vec![submitted(1), registered(1, 2), assigned(1, 3, DEPARTMENT), replied(4)];
    let events = events.into_iter().map(status_only).collect();
    assert_eq!(told(events).0.publicity(), Publicity::Nothing);
    let declined = vec![submitted(1), declined(2)].into_iter().map(status_only).collect();
    assert_eq!(told(declined).0.publicity(), Publicity::Nothing);
}

#[test]
fn of_a_declined_case_the_explanation_alone_is_shown() {
    for before in [queued(2), registered(1, 2)] {
        let publicity = told(vec![submitted(1), before, declined(3)]).0.publicity();
        assert!(publicity.shows("explanation"));
        for name in ["title", "body", "picture_1", "note", "reason", "withdrawal_reason"] {
            assert!(!publicity.shows(name), "{name}");
        }
    }
}

#[test]
fn what_was_shown_stays_shown_and_what_was_not_stays_hidden_when_a_case_is_withdrawn() {
    let withdrawn = |version| {
        let body = Body::CaseWithdrawn(CaseWithdrawn { reason: "已自行解决".into() });
        event(1, version, body, Some(standing(CaseState::Withdrawn, "")))
    };
    let publicity = |events| told(events).0.publicity();
    assert_eq!(publicity(vec![submitted(1), registered(1, 2), withdrawn(3)]), Publicity::Everything);
    assert_eq!(publicity(vec![submitted(1), queued(2), withdrawn(3)]), Publicity::Nothing);
}

#[test]
fn a_case_that_was_merged_before_registration_is_hidden_until_it_goes_on_by_itself() {
    let into = case_id(2).to_string();
    let part_of = |state| Some(Standing { merged_into: into.clone(), ..standing(state, "") });
    let merged = |version| {
        let body = CaseMerged { into_case_id: into.clone(), reason: "同一事项".into() };
        event(1, version, Body::CaseMerged(body), part_of(CaseState::Merged))
    };
    let via = CaseReplied { unit: DEPARTMENT.into(), via_case_id: into.clone(), ..CaseReplied::default() };
    let replied = event(1, 4, Body::CaseReplied(via), part_of(CaseState::Merged));
    let closed = CaseClosed { reason: CloseReason::WithPrimary.into(), note: String::new() };
    let closed = event(1, 5, Body::CaseClosed(closed), Some(standing(CaseState::Closed, "")));
    let unmerged = CaseUnmerged { from_case_id: into.clone(), reason: String::new() };
    let unmerged = event(1, 4, Body::CaseUnmerged(unmerged), Some(standing(CaseState::Registered, OFFICE)));

    let (account, _) = told(vec![submitted(1), queued(2), merged(3), replied, closed]);
    assert_eq!(account.publicity(), Publicity::Nothing);
    assert_eq!(account.merged_into, None);
    let (account, _) = told(vec![submitted(1), queued(2), merged(3)]);
    assert_eq!((account.publicity(), account.merged_into), (Publicity::Nothing, Some(case_id(2))));
    let (account, _) = told(vec![submitted(1), queued(2), merged(3), unmerged]);
    assert_eq!(account.publicity(), Publicity::Everything);
    let (account, _) = told(vec![submitted(1), registered(1, 2), merged(3)]);
    assert_eq!(account.publicity(), Publicity::Everything);
}

#[test]
fn the_account_follows_the_latest_header_and_standing() {
    let body = CaseClassified { category: "交通出行/停车".into(), ..CaseClassified::default() };
    let standing = Standing {
        case_deadline_at_us: 1_774_000_000_000_000,
        open_parts: 2,
        petitioner_count: 3,
        ..standing(CaseState::Registered, OFFICE)
    };
    let mut classified = event(1, 3, Body::CaseClassified(body), Some(standing));
    classified.header.as_mut().unwrap().category = "交通出行/停车".into();
    let (account, _) = told(vec![submitted(1), registered(1, 2), classified]);
    assert_eq!(account.category, "交通出行/停车");
    assert_eq!((account.open_parts, account.petitioner_count), (2, 3));
    assert_eq!(account.case_deadline_at, Some(from_micros(1_774_000_000_000_000)));
    assert_eq!(told(vec![submitted(1), registered(1, 2)]).0.petitioner_count, 1);
}

#[test]
fn an_erasure_takes_all_of_the_submission_and_what_citizens_wrote_later() {
    let erased = Body::PrivatePartErased(PrivatePartErased { ground: "本人申请".into() });
    let erased = event(1, 5, erased, Some(standing(CaseState::Replied, DEPARTMENT)));
    let (account, _) =
        told(vec![submitted(1), registered(1, 2), assigned(1, 3, DEPARTMENT), replied(4), erased]);
    for (version, name) in
        [(1, "title"), (1, "body"), (1, "picture_1"), (4, "comment"), (4, "withdrawal_reason")]
    {
        assert!(account.is_erased(version, name), "{version} {name}");
    }
    for (version, name) in [(3, "note"), (4, "text"), (4, "picture_1"), (5, "ground"), (6, "comment")] {
        assert!(!account.is_erased(version, name), "{version} {name}");
    }
}

#[test]
fn a_case_that_is_reopened_is_closed_no_more() {
    let at = |version, body, state| event(1, version, body, Some(standing(state, DEPARTMENT)));
    let closed = |version| {
        let body = CaseClosed { reason: CloseReason::ByOffice.into(), note: String::new() };
        at(version, Body::CaseClosed(body), CaseState::Closed)
    };
    let rated = |version, state| {
        let body = CaseRated { resolved: false, satisfied: false, comment: String::new() };
        at(version, Body::CaseRated(body), state)
    };
    let reopened = |version| {
        let body = CaseReopened { unit: DEPARTMENT.into(), reason: String::new() };
        at(version, Body::CaseReopened(body), CaseState::InHandling)
    };
    let closed_at = |events| told(events).0.closed_at.map(|time| time.to_string());
    let mut events = vec![submitted(1), registered(1, 2), replied(3), closed(4), rated(5, CaseState::Closed)];
    assert_eq!(closed_at(events.clone()).as_deref(), Some("2026-03-01T02:04:00.123456Z"));
    events.push(reopened(6));
    assert_eq!(closed_at(events.clone()), None);
    events.push(closed(7));
    assert_eq!(closed_at(events).as_deref(), Some("2026-03-01T02:07:00.123456Z"));
}

#[test]
fn the_first_reply_is_held_against_the_deadline_that_ran_before_it() {
    let due = |minute: i64| {
        let mut told = assigned(1, 3, DEPARTMENT);
        told.standing.as_mut().unwrap().deadline_at_us =
            if minute == 0 { 0 } else { (1_772_330_400 + minute * 60) * 1_000_000 + 123_456 };
        told
    };
    // The reply comes in minute 4, and the deadline after it says nothing of it.
    for (minute, in_time) in [(3, false), (4, true), (5, true), (0, true)] {
        let history = vec![submitted(1), registered(1, 2), due(minute), replied(4), replied(5)];
        let first = told(history).0.first_reply.unwrap();
        assert_eq!((first.at.to_string().as_str(), first.in_time), ("2026-03-01T02:04:00.123456Z", in_time));
    }
}

#[test]
fn the_leaves_that_were_ever_written_can_still_be_folded() {
    let leaves: Vec<Leaf<'_>> = include_str!("../leaf/pinned.jsonl")
        .lines()
        .map(|leaf| serde_json::from_str(leaf).unwrap())
        .collect();
    let (account, facts) = folded(leaves.iter());
    assert_eq!((account.version, account.state), (16, CaseState::Closed));
    assert_eq!((account.erased_before, account.returned), (16, 1));
    assert_eq!(account.rating, Some(Rating { resolved: false, satisfied: true }));
    assert_eq!(account.addressee.unwrap().code, "r-150802001-003");
    assert_eq!(facts.hops.len(), 3);
}

#[test]
fn every_type_of_event_is_understood_and_nothing_else_is() {
    for (place, told) in every_event().into_iter().enumerate() {
        let event = CaseEvent::parse(told).unwrap();
        let written = leaf::write(&event, || [1; 32]).unwrap();
        let understood = Told::of(&written.leaf).unwrap();
        assert_eq!((understood.version, understood.case_id), (place as u64 + 1, case_id(1)));
        let unknown = Leaf { event_type: "CaseDreamt".into(), ..written.leaf.clone() };
        assert_eq!(
            Told::of(&unknown).unwrap_err().to_string(),
            "is \"CaseDreamt\" of format 1, which this version does not know"
        );
        let later = Leaf { v: 2, ..written.leaf.clone() };
        assert!(matches!(Told::of(&later), Err(Unreadable::Unknown(_, 2))));
        let moved = Leaf { case_version: if place == 0 { 2 } else { 1 }, ..written.leaf.clone() };
        assert_eq!(Told::of(&moved), Err(Unreadable::Field("case_version")));
        let never = Leaf { occurred_at: "yesterday".into(), ..written.leaf };
        assert_eq!(Told::of(&never), Err(Unreadable::Field("occurred_at")));
    }
}
