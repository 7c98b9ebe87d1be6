//! What intake asks in the name of others.

use huying_platform::ids::EventId;
use huying_proto::events::v1::{
    Actor, ActorRole, CaseState, ErasureRequested, Event, PrivateReadRequested, RatingRequested, event::Body,
};
use huying_routing_svc::use_cases::take_up_requests::{Request, TakeUpError, take_up_requests};

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
    let body = town.get("operator", "", &case_id).await.unwrap().case.unwrap().body;
    assert_eq!(body, "", "what the citizen wrote is gone");
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
