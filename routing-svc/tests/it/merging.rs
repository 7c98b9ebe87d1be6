//! Cases that go on as part of another one.

use huying_proto::events::v1::{CaseState, CloseReason, Event, event::Body};
use huying_routing_svc::use_cases::fire_deadlines::fire_deadlines;
use jiff::SignedDuration;
use tonic::Code;

use super::{
    acts::OFFICE,
    town::{Town, reason},
};

async fn state_of(town: &Town, case_id: &str) -> CaseState {
    town.case(case_id).await.standing.unwrap().state()
}

/// A case that three others go on as part of.
async fn merged(town: &Town) -> (String, Vec<String>) {
    let primary = town.assigned().await;
    let mut others = Vec::new();
    for _ in 0..3 {
        let other = town.assigned().await;
        town.merge(&other, &primary).await.unwrap();
        others.push(other);
    }
    (primary, others)
}

fn last(events: &[Event]) -> &Body {
    events.last().unwrap().body.as_ref().unwrap()
}

#[tokio::test]
async fn a_reply_is_told_to_every_petitioner_and_closing_closes_all() {
    let town = Town::start().await;
    let (primary, others) = merged(&town).await;
    let seen = town.case(&primary).await;
    assert_eq!(seen.standing.as_ref().unwrap().petitioner_count, 4);
    assert_eq!(seen.merged_case_ids, others);
    town.accept(&primary).await.unwrap();
    town.reply(&primary).await.unwrap();
    for other in &others {
        let events = town.events_of(other).await;
        let Body::CaseReplied(replied) = last(&events) else { panic!("{events:?}") };
        assert_eq!((replied.via_case_id.as_str(), replied.reply_number), (primary.as_str(), 1));
        assert_eq!(replied.text, "管网已修复。");
        assert_eq!(replied.pictures.len(), 1);
        assert_eq!(state_of(&town, other).await, CaseState::Merged);
    }
    town.close(&primary).await.unwrap();
    for other in &others {
        let events = town.events_of(other).await;
        let Body::CaseClosed(closed) = last(&events) else { panic!("{events:?}") };
        assert_eq!(closed.reason(), CloseReason::WithPrimary);
        assert_eq!(state_of(&town, other).await, CaseState::Closed);
    }
    town.house.stop().await;
}

#[tokio::test]
async fn the_end_of_the_time_to_rate_closes_all() {
    let town = Town::hasty().await;
    let (primary, others) = merged(&town).await;
    town.accept(&primary).await.unwrap();
    town.reply(&primary).await.unwrap();
    town.house.clock.advance(SignedDuration::from_secs(700));
    assert_eq!(fire_deadlines(&town.service).await.unwrap(), 1);
    assert_eq!(fire_deadlines(&town.service).await.unwrap(), 0);
    for case_id in others.iter().chain([&primary]) {
        assert_eq!(state_of(&town, case_id).await, CaseState::Closed);
        town.events_of(case_id).await;
    }
    town.house.stop().await;
}

#[tokio::test]
async fn what_is_split_off_goes_on_by_itself_and_hears_no_more() {
    let town = Town::start().await;
    let (primary, others) = merged(&town).await;
    town.unmerge(&others[1]).await.unwrap();
    assert_eq!(state_of(&town, &others[1]).await, CaseState::Registered);
    assert_eq!(town.case(&primary).await.standing.unwrap().petitioner_count, 3);
    town.accept(&primary).await.unwrap();
    town.reply(&primary).await.unwrap();
    assert_eq!(*town.event_names_of(&others[1]).await.last().unwrap(), "CaseUnmerged");
    assert_eq!(*town.event_names_of(&others[2]).await.last().unwrap(), "CaseReplied");
    town.house.stop().await;
}

#[tokio::test]
async fn of_two_cases_that_are_merged_into_each_other_at_once_one_stays() {
    let town = Town::start().await;
    let (one, other) = (town.queued().await, town.queued().await);
    let (first, second) = tokio::join!(town.merge(&one, &other), town.merge(&other, &one));
    let refused = match (first, second) {
        (Ok(_), Err(refused)) | (Err(refused), Ok(_)) => refused,
        both => panic!("{both:?}"),
    };
    assert_eq!(refused.code(), Code::FailedPrecondition);
    assert_eq!(reason(&refused).0, "COMMAND_NOT_ALLOWED");
    let states = [state_of(&town, &one).await, state_of(&town, &other).await];
    assert!(states.contains(&CaseState::Merged) && states.contains(&CaseState::Submitted), "{states:?}");
    town.house.stop().await;
}

#[tokio::test]
async fn a_reply_reaches_whoever_was_merged_until_then_however_they_cross() {
    let town = Town::start().await;
    let primary = town.assigned().await;
    town.accept(&primary).await.unwrap();
    let mut others = Vec::new();
    for _ in 0..6 {
        others.push(town.queued().await);
    }
    let merging = async {
        let mut merged = Vec::new();
        for other in &others {
            // Once the primary has been answered, nothing is merged into it any more.
            if town.merge(other, &primary).await.is_ok() {
                merged.push(other.clone());
            }
        }
        merged
    };
    let (merged, replied) = tokio::join!(merging, town.reply(&primary));
    replied.unwrap();
    for other in &others {
        let names = town.event_names_of(other).await;
        let is_told = names.contains(&"CaseReplied");
        assert_eq!(is_told, merged.contains(other), "{names:?}");
    }
    let listed = town.case(&primary).await.merged_case_ids;
    assert_eq!(listed, merged);
    town.house.stop().await;
}

#[tokio::test]
async fn only_the_holding_office_merges() {
    let town = Town::start().await;
    let (one, other) = (town.queued().await, town.queued().await);
    let request = huying_proto::routing::v1::MergeCaseRequest {
        command: super::town::command(&one),
        into_case_id: other,
        reason: "同一事项".into(),
    };
    let denied = town.cases().merge_case(town.call("office", "150821-office", request)).await.unwrap_err();
    assert_eq!(reason(&denied).0, "OUT_OF_SCOPE");
    assert_eq!(town.case(&one).await.standing.unwrap().holder_office, OFFICE);
    town.house.stop().await;
}
