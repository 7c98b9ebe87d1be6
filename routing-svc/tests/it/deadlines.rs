//! Deadlines that fire.

use huying_proto::events::v1::{CaseState, CloseReason, DeadlineKind, event::Body};
use huying_routing_svc::{
    service::Service,
    use_cases::fire_deadlines::{fire_deadlines, keep_firing},
};
use jiff::SignedDuration;
use tokio_util::sync::CancellationToken;

use super::town::Town;

const DAY: SignedDuration = SignedDuration::from_hours(24);

#[tokio::test]
async fn each_deadline_fires_once_with_two_replicas() {
    let town = Town::start().await;
    let mut cases = Vec::new();
    for number in 0..450 {
        cases.push(town.submitted(if number % 3 == 0 { "城乡建设/供热" } else { "" }));
    }
    let arrived = cases
        .iter()
        .map(|event| huying_routing_svc::use_cases::take_up_submissions::Arrived {
            submission: huying_routing_svc::domain::submission::Submission::parse(event).unwrap(),
            traceparent: None,
        })
        .collect();
    huying_routing_svc::use_cases::take_up_submissions::take_up_submissions(&town.service, arrived)
        .await
        .unwrap();

    let stop = CancellationToken::new();
    let replica = town.house.replica().await;
    let services = [town.service.clone(), Service::new(&replica, town.service.policies)];
    let workers: Vec<_> = services
        .into_iter()
        .map(|service| tokio::spawn(keep_firing(service, |_| {}, stop.clone())))
        .collect();
    town.house.clock.advance(DAY * 14);
    town.house
        .until("all expired", async || town.count("SELECT count(*) FROM cases WHERE overdue").await == 450)
        .await;
    stop.cancel();
    for worker in workers {
        worker.await.unwrap();
    }
    assert_eq!(fire_deadlines(&town.service).await.unwrap(), 0);

    let mut expired = std::collections::HashMap::new();
    for event in town.house.outbox_events().await {
        if let Some(Body::DeadlineExpired(body)) = &event.body {
            assert_eq!(body.expiry_number, 1);
            *expired.entry(event.case_id.clone()).or_insert(0) += 1;
        }
    }
    assert_eq!(expired.len(), 450);
    assert!(expired.values().all(|&count| count == 1));
    for event in &cases[..5] {
        town.events_of(&event.case_id).await;
    }
    town.house.stop().await;
}

#[tokio::test]
async fn an_expired_case_is_marked_reminded_of_and_unmarked_when_the_unit_acts() {
    let town = Town::start().await;
    let case_id = town.assigned().await;
    assert_eq!(fire_deadlines(&town.service).await.unwrap(), 0);
    town.house.clock.advance(DAY * 13);
    assert_eq!(fire_deadlines(&town.service).await.unwrap(), 1);
    assert_eq!(fire_deadlines(&town.service).await.unwrap(), 0);
    town.house.clock.advance(DAY);
    assert_eq!(fire_deadlines(&town.service).await.unwrap(), 1);

    let events = town.events_of(&case_id).await;
    let Some(Body::DeadlineExpired(second)) = &events[3].body else { panic!("{events:?}") };
    assert_eq!((second.kind(), second.expiry_number), (DeadlineKind::Reply, 2));
    assert_eq!(second.unit, "150802001-housing");
    assert!(town.accept(&case_id).await.unwrap().standing.unwrap().overdue);
    assert!(!town.reply(&case_id).await.unwrap().standing.unwrap().overdue);
    town.house.stop().await;
}

#[tokio::test]
async fn a_case_closes_when_the_time_to_rate_ends() {
    let town = Town::start().await;
    let case_id = town.replied().await;
    town.house.clock.advance(DAY * 7);
    assert_eq!(fire_deadlines(&town.service).await.unwrap(), 1);
    let events = town.events_of(&case_id).await;
    let Some(Body::CaseClosed(closed)) = &events.last().unwrap().body else { panic!("{events:?}") };
    assert_eq!(closed.reason(), CloseReason::RatingTimeEnded);
    assert!(!town.event_names_of(&case_id).await.contains(&"DeadlineExpired"));
    let case = town.get("auditor", "", &case_id).await.unwrap().case.unwrap();
    assert_eq!(case.standing.unwrap().state(), CaseState::Closed);
    town.house.clock.advance(DAY * 400);
    assert_eq!(fire_deadlines(&town.service).await.unwrap(), 0);
    town.house.stop().await;
}
