//! What intake asks in the name of others.

use huying_platform::ids::EventId;
use huying_proto::events::v1::{
    Actor, ActorRole, CaseState, ErasureRequested, Event, PrivateReadRequested, RatingRequested,
    WithdrawalRequested, event::Body,
};
use huying_routing_svc::use_cases::{
    forget_requests::forget_requests,
    take_up_requests::{Request, TakeUpError, take_up_requests},
};
use jiff::SignedDuration;

use super::town::Town;

fn request(town: &Town, case_id: &str, body: Body) -> Event {
    Event {
        event_id: EventId::new_v7().to_string(),
        case_id: case_id.into(),
        case_version: 0,
        header: town.submitted("").header,
        actor: Some(Actor { role: ActorRole::Citizen.into(), code: String::new() }),
        body: Some(body),
        ..Event::default()
    }
}

fn rating(town: &Town, case_id: &str, resolved: bool, reopen: bool) -> Event {
    let rating = RatingRequested { resolved, satisfied: resolved, comment: String::new(), reopen };
    request(town, case_id, Body::RatingRequested(rating))
}

async fn take_up(town: &Town, events: &[Event]) -> Result<(), TakeUpError> {
    let batch: Vec<Request> = events.iter().map(|event| Request::parse(event, None).unwrap()).collect();
    take_up_requests(&town.service, &batch).await
}

#[tokio::test]
async fn a_rating_counts_once_however_often_it_comes() {
    let town = Town::start().await;
    let case_id = town.replied().await;
    let rated = rating(&town, &case_id, true, false);
    take_up(&town, &[rated.clone(), rated.clone()]).await.unwrap();
    take_up(&town, &[rated]).await.unwrap();
    assert_eq!(town.event_names_of(&case_id).await[4..], ["CaseRated"]);

    take_up(&town, &[rating(&town, &case_id, false, false)]).await.unwrap();
    let events = town.events_of(&case_id).await;
    let Some(Body::RequestRefused(refusal)) = &events.last().unwrap().body else { panic!("{events:?}") };
    assert_eq!(refusal.reason, "ALREADY_RATED");
    town.house.stop().await;
}

#[tokio::test]
async fn a_dissatisfied_citizen_reopens_the_case() {
    let town = Town::start().await;
    let case_id = town.replied().await;
    take_up(&town, &[rating(&town, &case_id, false, true)]).await.unwrap();
    assert_eq!(town.event_names_of(&case_id).await[4..], ["CaseRated", "CaseReopened"]);
    let standing = town.get("operator", "", &case_id).await.unwrap().case.unwrap().standing.unwrap();
    assert_eq!(standing.state(), CaseState::InHandling);
    assert_eq!(standing.responsible_unit, "150802001-housing");
    town.reply(&case_id).await.unwrap();
    town.house.stop().await;
}

#[tokio::test]
async fn a_rating_that_the_case_does_not_allow_is_refused_to_intake() {
    let town = Town::start().await;
    let case_id = town.assigned().await;
    let early = rating(&town, &case_id, true, false);
    take_up(&town, std::slice::from_ref(&early)).await.unwrap();
    let events = town.events_of(&case_id).await;
    let refused = events.last().unwrap();
    let Some(Body::RequestRefused(refusal)) = &refused.body else { panic!("{events:?}") };
    assert_eq!(refusal.reason, "STATE_DOES_NOT_ALLOW");
    assert_eq!(refusal.request_event_id, early.event_id);
    assert_eq!(refused.case_version, 0);
    assert!(refused.standing.is_none());
    assert_eq!(refused.header.as_ref().unwrap().category, "城乡建设/供热", "the case's own header");
    town.house.stop().await;
}

#[tokio::test]
async fn a_request_whose_case_has_not_arrived_waits_and_leaves_nothing_behind() {
    let town = Town::start().await;
    let case_id = town.replied().await;
    let unknown = rating(&town, &huying_platform::ids::CaseId::new_v7().to_string(), true, false);
    let known = rating(&town, &case_id, true, false);
    let error = take_up(&town, &[known.clone(), unknown]).await.unwrap_err();
    assert!(matches!(error, TakeUpError::CaseNotHere { .. }));
    assert_eq!(town.event_names_of(&case_id).await.len(), 4);
    take_up(&town, &[known]).await.unwrap();
    assert_eq!(town.event_names_of(&case_id).await.len(), 5);
    town.house.stop().await;
}

#[tokio::test]
async fn readings_and_erasures_are_entered_in_any_state_and_in_order() {
    let town = Town::start().await;
    let case_id = town.queued().await;
    assert_ne!(town.get("operator", "", &case_id).await.unwrap().case.unwrap().body, "");
    let office = Actor { role: ActorRole::Office.into(), code: "150802001-office".into() };
    let read = Body::PrivateReadRequested(PrivateReadRequested { purpose: "电话联系".into() });
    let erase = Body::ErasureRequested(ErasureRequested { ground: "本人要求".into() });
    let read = Event { actor: Some(office.clone()), ..request(&town, &case_id, read) };
    let erase = Event { actor: Some(office.clone()), ..request(&town, &case_id, erase) };
    take_up(&town, &[read, erase]).await.unwrap();
    let events = town.events_of(&case_id).await;
    assert_eq!(town.event_names_of(&case_id).await, ["CaseQueued", "PrivatePartRead", "PrivatePartErased"]);
    assert_eq!(events[1].actor.as_ref(), Some(&office));
    let case = town.get("operator", "", &case_id).await.unwrap().case.unwrap();
    assert_eq!(case.body, "", "what the citizen wrote is gone");
    assert!(case.pictures.is_empty(), "and what they showed");
    town.house.stop().await;
}

#[tokio::test]
async fn requests_that_overtake_their_case_on_the_broker_are_taken_up_after_it() {
    let town = Town::start().await;
    town.listen();
    let submitted = town.submitted("");
    let read = Body::PrivateReadRequested(PrivateReadRequested { purpose: "电话联系".into() });
    town.house.publish_case_event(&request(&town, &submitted.case_id, read)).await;
    town.house.publish_case_event(&submitted).await;
    town.house.until("both", async || town.house.outbox_events().await.len() == 2).await;
    assert_eq!(town.event_names_of(&submitted.case_id).await, ["CaseQueued", "PrivatePartRead"]);
    town.house.stop().await;
}

fn withdrawal(town: &Town, case_id: &str) -> Event {
    let withdrawal = WithdrawalRequested { reason: "已自行解决".into() };
    request(town, case_id, Body::WithdrawalRequested(withdrawal))
}

#[tokio::test]
async fn a_citizen_takes_a_case_back_until_it_is_answered() {
    let town = Town::start().await;
    let (open, replied) = (town.assigned().await, town.replied().await);
    take_up(&town, &[withdrawal(&town, &open), withdrawal(&town, &replied)]).await.unwrap();
    let events = town.events_of(&open).await;
    let Some(Body::CaseWithdrawn(withdrawn)) = &events.last().unwrap().body else { panic!("{events:?}") };
    assert_eq!(withdrawn.reason, "已自行解决");
    assert_eq!(town.case(&open).await.standing.unwrap().state(), CaseState::Withdrawn);
    assert_eq!(*town.event_names_of(&replied).await.last().unwrap(), "RequestRefused");
    town.house.stop().await;
}

#[tokio::test]
async fn the_petitioner_of_a_merged_case_who_is_not_satisfied_goes_on_alone() {
    let town = Town::start().await;
    let (primary, merged) = (town.assigned().await, town.assigned().await);
    town.merge(&merged, &primary).await.unwrap();
    town.accept(&primary).await.unwrap();
    town.reply(&primary).await.unwrap();
    // Both petitioners speak in one batch, and their cases are bound to each other.
    let batch = [rating(&town, &merged, false, true), rating(&town, &primary, true, false)];
    take_up(&town, &batch).await.unwrap();
    let standing = town.case(&merged).await.standing.unwrap();
    assert!(standing.state() != CaseState::Merged && standing.merged_into.is_empty(), "{standing:?}");
    assert!(town.event_names_of(&merged).await.contains(&"CaseReopened"));
    assert!(town.event_names_of(&primary).await.contains(&"CaseSplitOff"));
    assert_eq!(town.case(&primary).await.standing.unwrap().petitioner_count, 1);
    town.house.stop().await;
}

#[tokio::test]
async fn requests_are_forgotten_once_they_are_old() {
    let town = Town::start().await;
    let old = town.assigned().await;
    town.accept(&old).await.unwrap();
    town.house.clock.advance(SignedDuration::from_hours(24 * 300));
    let young = town.assigned().await;
    town.accept(&young).await.unwrap();
    town.house.clock.advance(SignedDuration::from_hours(24 * 101));
    let kept = SignedDuration::from_hours(24 * 400);
    let before = town.house.platform.clock.now() - kept;
    assert_eq!(forget_requests(&town.service, before).await.unwrap(), 1);
    assert_eq!(forget_requests(&town.service, before).await.unwrap(), 0);
    assert_eq!(town.count("SELECT count(*) FROM command_requests").await, 1);
    town.house.stop().await;
}
