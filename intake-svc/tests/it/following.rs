//! The projection of routing's events: doubled, late and out of order.

use std::collections::HashSet;

use huying_intake_svc::consumers::FollowCases;
use huying_platform::{
    consumer::{BatchHandler as _, Incoming},
    status::timestamp_to_proto,
};
use huying_proto::events::v1::{
    CaseAccepted, CaseAssigned, CaseClosed, CaseRegistered, CaseReplied, CaseState, Event, ProgressReported,
    event::Body,
};

use crate::house::{Intake, occurred_at, request, routing_event};

fn incoming(event: &Event) -> Incoming<Event> {
    Incoming {
        message: event.clone(),
        message_id: event.event_id.clone(),
        subject: String::new(),
        traceparent: None,
    }
}

fn reply(text: &str, reply_number: u32) -> Body {
    Body::CaseReplied(CaseReplied { unit: "150802-housing".into(), text: text.into(), reply_number })
}

#[tokio::test]
async fn tracking_tells_what_routing_decided() {
    let intake = Intake::start().await;
    intake.follow();
    let receipt = intake.submit(&request()).await.unwrap();
    intake.hears(&receipt, 2, CaseState::Registered, Body::CaseRegistered(CaseRegistered::default())).await;
    intake.hears(&receipt, 3, CaseState::Assigned, Body::CaseAssigned(CaseAssigned::default())).await;

    let tracked = intake.track(&receipt.receipt_code).await.unwrap();
    assert_eq!(tracked.state(), CaseState::Assigned);
    assert_eq!(tracked.holder_office_name, "临河区人大常委会");
    assert_eq!(tracked.responsible_unit_name, "临河区住建局");
    assert_eq!(tracked.deadline_at.unwrap().seconds, 2_000_000_000);
    assert_eq!(tracked.received_at, receipt.received_at);
    assert_eq!(tracked.updated_at, Some(timestamp_to_proto(occurred_at(3))));
    intake.house.stop().await;
}

#[tokio::test]
async fn doubled_and_disordered_events_come_to_the_same() {
    let intake = Intake::start().await;
    let handler = FollowCases { db: intake.house.platform.db.clone() };
    let receipts = [intake.submit(&request()).await.unwrap(), intake.submit(&request()).await.unwrap()];
    let mut events = Vec::new();
    for receipt in &receipts {
        let bodies = [
            (CaseState::Registered, Body::CaseRegistered(CaseRegistered::default())),
            (CaseState::Assigned, Body::CaseAssigned(CaseAssigned::default())),
            (CaseState::InHandling, Body::CaseAccepted(CaseAccepted::default())),
            (CaseState::InHandling, Body::ProgressReported(ProgressReported::default())),
            (CaseState::Replied, reply("已修好。", 1)),
            (CaseState::Closed, Body::CaseClosed(CaseClosed::default())),
        ];
        for ((state, body), version) in bodies.into_iter().zip(2..) {
            events.push(routing_event(receipt, version, state, body));
        }
    }
    let batch: Vec<_> = events.iter().map(incoming).collect();

    // One by one from the newest to the oldest, each twice; then all at once; then the second half alone.
    for one in batch.iter().rev() {
        handler.handle(std::slice::from_ref(one)).await.unwrap();
        handler.handle(std::slice::from_ref(one)).await.unwrap();
    }
    handler.handle(&batch).await.unwrap();
    handler.handle(&batch[6..]).await.unwrap();

    for receipt in &receipts {
        let tracked = intake.track(&receipt.receipt_code).await.unwrap();
        assert_eq!((tracked.state(), tracked.case_version), (CaseState::Closed, 7));
        assert_eq!(tracked.reply, "已修好。", "a reply that came late is kept");
        assert_eq!(tracked.deadline_at, None);
        assert_eq!(tracked.updated_at, Some(timestamp_to_proto(occurred_at(7))));
    }
    intake.house.stop().await;
}

#[tokio::test]
async fn the_state_has_lasted_since_it_began() {
    let intake = Intake::start().await;
    let handler = FollowCases { db: intake.house.platform.db.clone() };
    let receipt = intake.submit(&request()).await.unwrap();
    let tells = async |version: u64, state: CaseState, body: Body| {
        handler.handle(&[incoming(&routing_event(&receipt, version, state, body))]).await.unwrap();
        intake.track(&receipt.receipt_code).await.unwrap().updated_at
    };
    let accepted = Body::CaseAccepted(CaseAccepted::default());
    let progress = Body::ProgressReported(ProgressReported::default());
    let began = Some(timestamp_to_proto(occurred_at(4)));
    assert_eq!(tells(4, CaseState::InHandling, accepted).await, began);
    assert_eq!(tells(5, CaseState::InHandling, progress).await, began, "progress is not a new state");
    assert_eq!(
        tells(6, CaseState::Replied, reply("已修好。", 1)).await,
        Some(timestamp_to_proto(occurred_at(6)))
    );
    intake.house.stop().await;
}

#[tokio::test]
async fn two_replicas_share_the_work() {
    let intake = Intake::start().await;
    let other = intake.house.replica().await;
    intake.follow();
    other.spawn_consumer(
        huying_intake_svc::consumers::follow_cases_config(),
        FollowCases { db: other.db.clone() },
    );
    let mut receipts = Vec::new();
    for _ in 0..20 {
        receipts.push(intake.submit(&request()).await.unwrap());
    }
    for version in [3, 2] {
        for receipt in &receipts {
            let body = Body::CaseAssigned(CaseAssigned::default());
            intake
                .house
                .publish_case_event(&routing_event(receipt, version, CaseState::Assigned, body))
                .await;
        }
    }
    let all_at_three = || async {
        let versions: Vec<i64> = sqlx::query_scalar("SELECT version FROM case_status")
            .fetch_all(&intake.house.platform.db)
            .await
            .unwrap();
        versions.len() == 20 && versions.iter().collect::<HashSet<_>>() == HashSet::from([&3])
    };
    intake.house.until("all cases are at version 3", all_at_three).await;
    other.shutdown().cancel();
    intake.house.stop().await;
}

#[tokio::test]
async fn an_event_without_a_standing_is_set_aside_and_stops_nobody() {
    let intake = Intake::start().await;
    intake.follow();
    let receipt = intake.submit(&request()).await.unwrap();
    let mut broken =
        routing_event(&receipt, 9, CaseState::Assigned, Body::CaseAssigned(CaseAssigned::default()));
    broken.standing = None;
    intake.house.publish_case_event(&broken).await;
    intake.hears(&receipt, 2, CaseState::Registered, Body::CaseRegistered(CaseRegistered::default())).await;
    let dead_letters = || async {
        let reasons: Vec<String> = sqlx::query_scalar("SELECT reason FROM dead_letters")
            .fetch_all(&intake.house.platform.db)
            .await
            .unwrap();
        reasons == ["standing is missing"]
    };
    intake.house.until("the broken event is a dead letter", dead_letters).await;
    intake.house.stop().await;
}
