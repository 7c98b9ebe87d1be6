use huying_proto::events::v1::{
    CaseClassified, CaseClosed, CaseDeclined, CaseMerged, CaseQueued, CaseReplied, CaseUnmerged,
    CaseWithdrawn, CloseReason, DeclineGround, Event, PrivatePartErased, Standing,
};

use super::*;
use crate::domain::event::tests::{assigned, case_id, event, registered, standing, submitted};

pub(crate) const OFFICE: &str = "150802001-office";
pub(crate) const DEPARTMENT: &str = "150802001-general";

pub(crate) fn told(events: Vec<Event>) -> (Account, UnitFacts) {
    let mut events = events.into_iter().map(|event| CaseEvent::parse(event).unwrap());
    let mut account = Account::open(&events.next().unwrap());
    let mut facts = UnitFacts::default();
    for event in events {
        account.follow(&event, &mut facts);
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
