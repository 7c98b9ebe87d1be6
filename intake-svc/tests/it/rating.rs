//! Ratings: once after each reply, by whoever holds the receipt.

use huying_platform::ids::EventId;
use huying_proto::{
    events::v1::{
        CaseAccepted, CaseClosed, CaseReopened, CaseReplied, CaseState, Event, RequestRefused, event::Body,
    },
    intake::v1::{RateCaseRequest, SubmitCaseResponse},
};
use tokio::task::JoinSet;
use tonic::{Code, Status};

use crate::house::{Intake, NAME, PHONE, fields, new_key, reason, request, routing_event};

fn rating(receipt: &SubmitCaseResponse) -> RateCaseRequest {
    RateCaseRequest {
        idempotency_key: new_key(),
        receipt_code: receipt.receipt_code.clone(),
        resolved: false,
        satisfied: false,
        comment: format!("{NAME}：还是不热，电话{PHONE}"),
        reopen: true,
    }
}

async fn rate(intake: &Intake, request: &RateCaseRequest) -> Result<String, Status> {
    let answer = intake.client.clone().rate_case(request.clone()).await?;
    Ok(answer.into_inner().case_id)
}

async fn ratings_sent(intake: &Intake) -> Vec<Event> {
    let events = intake.house.outbox_events().await;
    events.into_iter().filter(|event| matches!(event.body, Some(Body::RatingRequested(_)))).collect()
}

async fn replied(intake: &Intake, version: u64, reply_number: u32) -> SubmitCaseResponse {
    let receipt = intake.submit(&request()).await.unwrap();
    hears_reply(intake, &receipt, version, reply_number).await;
    receipt
}

async fn hears_reply(intake: &Intake, receipt: &SubmitCaseResponse, version: u64, reply_number: u32) {
    let reply = CaseReplied {
        unit: "150802-housing".into(),
        text: "已修好。".into(),
        reply_number,
        ..CaseReplied::default()
    };
    intake.hears(receipt, version, CaseState::Replied, Body::CaseReplied(reply)).await;
}

#[tokio::test]
async fn a_rating_is_asked_of_routing_once() {
    let intake = Intake::start().await;
    intake.follow();
    let receipt = replied(&intake, 5, 1).await;
    assert!(intake.track(&receipt.receipt_code).await.unwrap().can_rate);

    let request = rating(&receipt);
    let mut calls = JoinSet::new();
    for _ in 0..10 {
        let (mut client, request) = (intake.client.clone(), request.clone());
        calls.spawn(async move { client.rate_case(request).await.unwrap().into_inner().case_id });
    }
    assert!(calls.join_all().await.iter().all(|case_id| *case_id == receipt.case_id));

    let sent = ratings_sent(&intake).await;
    assert_eq!(sent.len(), 1);
    assert_eq!((sent[0].case_version, sent[0].case_id.as_str()), (0, receipt.case_id.as_str()));
    let Some(Body::RatingRequested(asked)) = &sent[0].body else { panic!("{sent:?}") };
    assert!(asked.reopen && !asked.resolved);
    assert_eq!(asked.comment, "王**：还是不热，电话1**********");
    assert!(!intake.track(&receipt.receipt_code).await.unwrap().can_rate);

    let again = rate(&intake, &rating(&receipt)).await.unwrap_err();
    assert_eq!((again.code(), reason(&again).as_str()), (Code::FailedPrecondition, "ALREADY_RATED"));
    let mut other = request.clone();
    other.satisfied = true;
    let reused = rate(&intake, &other).await.unwrap_err();
    assert_eq!((reused.code(), reason(&reused).as_str()), (Code::AlreadyExists, "IDEMPOTENCY_KEY_REUSED"));
    intake.house.stop().await;
}

#[tokio::test]
async fn a_retry_is_answered_as_before_though_the_case_has_moved_on() {
    let intake = Intake::start().await;
    intake.follow();
    let receipt = replied(&intake, 5, 1).await;
    let request = rating(&receipt);
    rate(&intake, &request).await.unwrap();
    intake.hears(&receipt, 7, CaseState::InHandling, Body::CaseReopened(CaseReopened::default())).await;
    assert_eq!(rate(&intake, &request).await.unwrap(), receipt.case_id);
    let early = rate(&intake, &rating(&receipt)).await.unwrap_err();
    assert_eq!(reason(&early), "STATE_DOES_NOT_ALLOW");

    hears_reply(&intake, &receipt, 8, 2).await;
    rate(&intake, &rating(&receipt)).await.unwrap();
    assert_eq!(ratings_sent(&intake).await.len(), 2, "the second reply is rated for itself");
    intake.house.stop().await;
}

#[tokio::test]
async fn only_a_replied_case_is_rated_and_a_closed_one_stays_closed() {
    let intake = Intake::start().await;
    intake.follow();
    let receipt = intake.submit(&request()).await.unwrap();
    let refused = async |request: &RateCaseRequest| {
        let status = rate(&intake, request).await.unwrap_err();
        assert_eq!(status.code(), Code::FailedPrecondition);
        reason(&status)
    };
    assert_eq!(refused(&rating(&receipt)).await, "STATE_DOES_NOT_ALLOW", "before routing has decided");
    intake.hears(&receipt, 4, CaseState::InHandling, Body::CaseAccepted(CaseAccepted::default())).await;
    assert_eq!(refused(&rating(&receipt)).await, "STATE_DOES_NOT_ALLOW");
    hears_reply(&intake, &receipt, 5, 1).await;
    intake.hears(&receipt, 6, CaseState::Closed, Body::CaseClosed(CaseClosed::default())).await;
    assert_eq!(refused(&rating(&receipt)).await, "STATE_DOES_NOT_ALLOW", "a closed case is not reopened");
    let plain = RateCaseRequest { reopen: false, ..rating(&receipt) };
    rate(&intake, &plain).await.unwrap();

    let unknown = RateCaseRequest { receipt_code: "01ABC-DEFGH-JKMNP-QRSTV".into(), ..rating(&receipt) };
    assert_eq!(reason(&rate(&intake, &unknown).await.unwrap_err()), "RECEIPT_UNKNOWN");
    let wrong = RateCaseRequest { resolved: true, receipt_code: "x".into(), ..rating(&receipt) };
    assert_eq!(fields(&rate(&intake, &wrong).await.unwrap_err()), ["receipt_code", "reopen"]);
    intake.house.stop().await;
}

#[tokio::test]
async fn a_refusal_of_routing_is_told_and_another_rating_may_follow() {
    let intake = Intake::start().await;
    intake.follow();
    let receipt = replied(&intake, 5, 1).await;
    rate(&intake, &rating(&receipt)).await.unwrap();
    let request_event_id = ratings_sent(&intake).await[0].event_id.clone();

    let refused = |request_event_id: String| {
        let refused = RequestRefused {
            request_event_id,
            reason: "STATE_DOES_NOT_ALLOW".into(),
            message: "the case was closed before".into(),
        };
        let event = routing_event(&receipt, 0, CaseState::Closed, Body::RequestRefused(refused));
        Event { standing: None, ..event }
    };
    // One that is about no rating must not be shown to the citizen.
    intake.house.publish_case_event(&refused(EventId::new_v7().to_string())).await;
    intake.house.publish_case_event(&refused(request_event_id.clone())).await;
    intake.house.publish_case_event(&refused(request_event_id)).await;
    let is_told = || async {
        intake.track(&receipt.receipt_code).await.unwrap().last_refusal == "the case was closed before"
    };
    intake.house.until("the refusal is told", is_told).await;
    assert!(intake.track(&receipt.receipt_code).await.unwrap().can_rate);
    rate(&intake, &rating(&receipt)).await.unwrap();
    assert_eq!(intake.track(&receipt.receipt_code).await.unwrap().last_refusal, "");
    intake.house.stop().await;
}
