//! Taking up what citizens submitted.

use std::collections::HashMap;

use huying_platform::subjects::event_name;
use huying_proto::events::v1::{CaseState, Event, event::Body};
use huying_routing_svc::{
    domain::submission::Submission,
    use_cases::take_up_submissions::{Arrived, take_up_submissions},
};

use super::town::Town;

fn arrived(events: &[Event]) -> Vec<Arrived> {
    events
        .iter()
        .map(|event| Arrived { submission: Submission::parse(event).unwrap(), traceparent: None })
        .collect()
}

#[tokio::test]
async fn a_batch_is_taken_up_once_however_often_and_in_whatever_order_it_comes() {
    let town = Town::start().await;
    let events: Vec<Event> =
        (0..500).map(|number| town.submitted(if number % 2 == 0 { "城乡建设/供热" } else { "" })).collect();

    assert_eq!(take_up_submissions(&town.service, arrived(&events)).await.unwrap(), 500);
    let mut again: Vec<Event> = events.iter().rev().chain(&events[..250]).cloned().collect();
    again.rotate_left(123);
    assert_eq!(take_up_submissions(&town.service, arrived(&again)).await.unwrap(), 0);

    let mut names: HashMap<&str, usize> = HashMap::new();
    for event in town.house.outbox_events().await {
        *names.entry(event_name(&event).unwrap()).or_default() += 1;
    }
    let expected = HashMap::from([("CaseRegistered", 250), ("CaseAssigned", 250), ("CaseQueued", 250)]);
    assert_eq!(names, expected);
    assert_eq!(town.count("SELECT count(*) FROM cases").await, 500);
    assert_eq!(town.count("SELECT count(*) FROM case_history").await, 500);
    assert_eq!(town.event_names_of(&events[0].case_id).await, ["CaseRegistered", "CaseAssigned"]);
    town.house.stop().await;
}

#[tokio::test]
async fn replicas_with_the_same_batch_take_it_up_once() {
    let town = Town::start().await;
    let events: Vec<Event> = (0..200).map(|_| town.submitted("城乡建设/供热")).collect();
    let backwards: Vec<Event> = events.iter().rev().cloned().collect();
    let (one, other) = tokio::join!(
        take_up_submissions(&town.service, arrived(&events)),
        take_up_submissions(&town.service, arrived(&backwards)),
    );
    assert_eq!(one.unwrap() + other.unwrap(), 200);
    assert_eq!(town.house.outbox_events().await.len(), 400);
    town.house.stop().await;
}

#[tokio::test]
async fn what_comes_over_the_broker_is_taken_up_with_its_trace_and_its_standing() {
    let town = Town::start().await;
    town.listen();
    let event = town.submitted("城乡建设/供热");
    for _ in 0..2 {
        town.house.publish_case_event(&event).await;
    }
    town.house.until("taken up", async || town.house.outbox_events().await.len() == 2).await;

    let events = town.events_of(&event.case_id).await;
    let [registered, assigned] = events.as_slice() else { panic!("{events:?}") };
    let Some(Body::CaseRegistered(body)) = &registered.body else { panic!("{registered:?}") };
    assert_eq!(body.trace.as_ref().unwrap().considered.len(), 1);
    let standing = assigned.standing.as_ref().unwrap();
    assert_eq!(standing.state(), CaseState::Assigned);
    assert_eq!(standing.holder_office, "150802001-office");
    assert_eq!(standing.responsible_unit, "150802001-housing");
    assert_eq!(assigned.header, event.header);
    town.house.stop().await;
}

#[tokio::test]
async fn a_malformed_submission_is_set_aside_and_stops_nobody() {
    let town = Town::start().await;
    town.listen();
    let mut malformed = town.submitted("");
    malformed.header.as_mut().unwrap().region.as_mut().unwrap().municipal = "999".into();
    town.house.publish_case_event(&malformed).await;
    let good = town.submitted("");
    town.house.publish_case_event(&good).await;
    town.house.until("the good one", async || town.house.outbox_events().await.len() == 1).await;
    town.house
        .until("a dead letter", async || town.count("SELECT count(*) FROM dead_letters").await == 1)
        .await;
    assert_eq!(town.event_names_of(&good.case_id).await, ["CaseQueued"]);
    town.house.stop().await;
}

#[tokio::test]
async fn a_case_nobody_can_hold_waits_for_the_reference_data() {
    let town = Town::empty().await;
    town.listen();
    let event = town.submitted("");
    town.house.publish_case_event(&event).await;
    town.import(&[
        (huying_proto::routing::v1::DirectoryFile::Regions, super::town::REGIONS),
        (huying_proto::routing::v1::DirectoryFile::Units, super::town::UNITS),
    ])
    .await
    .unwrap();
    town.house.until("taken up", async || town.house.outbox_events().await.len() == 1).await;
    assert_eq!(town.count("SELECT count(*) FROM dead_letters").await, 0);
    town.house.stop().await;
}
