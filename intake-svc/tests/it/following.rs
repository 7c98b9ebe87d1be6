//! The projection of routing's events: doubled, late and out of order.

use std::collections::HashSet;

use huying_intake_svc::consumers::FollowCases;
use huying_platform::{
    consumer::{BatchHandler as _, Incoming},
    status::timestamp_to_proto,
    subjects,
};
use huying_proto::events::v1::{
    self as events, CaseAccepted, CaseAssigned, CaseClosed, CaseDeclined, CaseMerged, CaseRegistered,
    CaseReplied, CaseState, CaseUnmerged, DeclineGround, Event, PrivatePartErased, ProgressReported,
    event::Body,
};
use uuid::Uuid;

use crate::house::{Intake, occurred_at, request, routing_event};

fn incoming(event: &Event) -> Incoming<Event> {
    Incoming {
        message: event.clone(),
        message_id: event.event_id.clone(),
        subject: subjects::case_event(event),
        traceparent: None,
    }
}

fn reply(text: &str, reply_number: u32) -> Body {
    Body::CaseReplied(CaseReplied {
        unit: "150802-housing".into(),
        text: text.into(),
        reply_number,
        ..CaseReplied::default()
    })
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

#[tokio::test]
async fn a_merged_case_shares_the_reply_and_the_closing_and_is_rated() {
    let intake = Intake::start().await;
    let handler = FollowCases { db: intake.house.platform.db.clone() };
    let receipt = intake.submit(&request()).await.unwrap();
    let primary = Uuid::now_v7().to_string();
    let tells = async |version: u64, state: CaseState, body: Body| {
        let mut event = routing_event(&receipt, version, state, body);
        if state == CaseState::Merged {
            event.standing.as_mut().unwrap().merged_into = primary.clone();
        }
        handler.handle(&[incoming(&event)]).await.unwrap();
        intake.track(&receipt.receipt_code).await.unwrap()
    };
    let merged = tells(3, CaseState::Merged, Body::CaseMerged(CaseMerged::default())).await;
    assert_eq!((merged.state(), merged.merged_into.as_str()), (CaseState::Merged, primary.as_str()));
    assert!(!merged.can_rate && merged.can_withdraw, "there is nothing to rate yet");
    let replied = tells(4, CaseState::Merged, reply("已修好。", 1)).await;
    assert_eq!((replied.state(), replied.reply.as_str()), (CaseState::Merged, "已修好。"));
    assert!(replied.can_rate);
    let closed = tells(5, CaseState::Closed, Body::CaseClosed(CaseClosed::default())).await;
    assert!(closed.can_rate && !closed.can_withdraw && closed.merged_into.is_empty());
    intake.house.stop().await;
}

#[tokio::test]
async fn a_case_goes_on_by_itself_when_it_is_unmerged() {
    let intake = Intake::start().await;
    let handler = FollowCases { db: intake.house.platform.db.clone() };
    let receipt = intake.submit(&request()).await.unwrap();
    let unmerged = Body::CaseUnmerged(CaseUnmerged::default());
    let mut merged = routing_event(&receipt, 3, CaseState::Merged, Body::CaseMerged(CaseMerged::default()));
    merged.standing.as_mut().unwrap().merged_into = Uuid::now_v7().to_string();
    // The newer one comes first.
    for event in [routing_event(&receipt, 4, CaseState::Registered, unmerged), merged] {
        handler.handle(&[incoming(&event)]).await.unwrap();
    }
    let tracked = intake.track(&receipt.receipt_code).await.unwrap();
    assert_eq!((tracked.state(), tracked.merged_into.as_str()), (CaseState::Registered, ""));
    intake.house.stop().await;
}

#[tokio::test]
async fn a_ground_and_a_registration_that_come_late_are_kept() {
    let intake = Intake::start().await;
    let handler = FollowCases { db: intake.house.platform.db.clone() };
    let declined_case = intake.submit(&request()).await.unwrap();
    let withdrawn_case = intake.submit(&request()).await.unwrap();
    let ground = CaseDeclined {
        ground: DeclineGround::Unlawful.into(),
        explanation: "含有\0攻击内容。".into(),
    };
    let erased = Body::PrivatePartErased(PrivatePartErased::default());
    let withdrawn = Body::CaseWithdrawn(events::CaseWithdrawn::default());
    for event in [
        routing_event(&declined_case, 3, CaseState::Declined, erased),
        routing_event(&declined_case, 2, CaseState::Declined, Body::CaseDeclined(ground)),
        routing_event(&withdrawn_case, 3, CaseState::Withdrawn, withdrawn),
        routing_event(
            &withdrawn_case,
            2,
            CaseState::Registered,
            Body::CaseRegistered(CaseRegistered::default()),
        ),
    ] {
        handler.handle(&[incoming(&event)]).await.unwrap();
        handler.handle(&[incoming(&event)]).await.unwrap();
    }
    type Row = (i64, i16, String, bool);
    let rows: Vec<Row> = sqlx::query_as(
        "SELECT version, decline_ground, decline_explanation, registered FROM case_status ORDER BY decline_ground",
    )
    .fetch_all(&intake.house.platform.db)
    .await
    .unwrap();
    assert_eq!(rows, [(3, 0, String::new(), true), (3, 5, "含有攻击内容。".into(), false)]);
    intake.house.stop().await;
}
