//! Withdrawals: once, by whoever holds the receipt, until the case is answered.

use huying_proto::{
    events::v1::{
        CaseAccepted, CaseMerged, CaseReplied, CaseState, CaseWithdrawn, Event, RequestRefused, event::Body,
    },
    intake::v1::{ErasePrivatePartRequest, SubmitCaseResponse, WithdrawCaseRequest},
};
use tokio::task::JoinSet;
use tonic::{Code, Status};

use crate::house::{Intake, NAME, PHONE, fields, new_key, reason, request, routing_event};

fn withdrawal(receipt: &SubmitCaseResponse) -> WithdrawCaseRequest {
    WithdrawCaseRequest {
        idempotency_key: new_key(),
        receipt_code: receipt.receipt_code.clone(),
        reason: format!("{NAME}：已经修好了，有事打{PHONE}"),
    }
}

async fn withdraw(intake: &Intake, request: &WithdrawCaseRequest) -> Result<String, Status> {
    let answer = intake.client.clone().withdraw_case(request.clone()).await?;
    Ok(answer.into_inner().case_id)
}

async fn withdrawals_sent(intake: &Intake) -> Vec<Event> {
    let events = intake.house.outbox_events().await;
    events.into_iter().filter(|event| matches!(event.body, Some(Body::WithdrawalRequested(_)))).collect()
}

#[tokio::test]
async fn a_withdrawal_is_asked_of_routing_once_and_masked() {
    let intake = Intake::start().await;
    let receipt = intake.submit(&request()).await.unwrap();
    assert!(
        intake.track(&receipt.receipt_code).await.unwrap().can_withdraw,
        "before routing has decided, too"
    );
    let request = withdrawal(&receipt);
    let mut calls = JoinSet::new();
    for _ in 0..10 {
        let (mut client, request) = (intake.client.clone(), request.clone());
        calls.spawn(async move { client.withdraw_case(request).await.unwrap().into_inner().case_id });
    }
    assert!(calls.join_all().await.iter().all(|case_id| *case_id == receipt.case_id));

    let sent = withdrawals_sent(&intake).await;
    assert_eq!(sent.len(), 1);
    assert_eq!((sent[0].case_version, sent[0].case_id.as_str()), (0, receipt.case_id.as_str()));
    assert_eq!(sent[0].header.as_ref().unwrap().title, "暖气不热");
    let Some(Body::WithdrawalRequested(asked)) = &sent[0].body else { panic!("{sent:?}") };
    assert_eq!(asked.reason, "王**：已经修好了，有事打1**********");
    assert!(!intake.track(&receipt.receipt_code).await.unwrap().can_withdraw);

    let again = withdraw(&intake, &withdrawal(&receipt)).await.unwrap_err();
    assert_eq!((again.code(), reason(&again).as_str()), (Code::FailedPrecondition, "ALREADY_WITHDRAWN"));
    let other = WithdrawCaseRequest { reason: "别的原因".into(), ..request };
    let reused = withdraw(&intake, &other).await.unwrap_err();
    assert_eq!((reused.code(), reason(&reused).as_str()), (Code::AlreadyExists, "IDEMPOTENCY_KEY_REUSED"));
    intake.house.stop().await;
}

#[tokio::test]
async fn a_retry_is_answered_as_before_though_the_case_is_withdrawn() {
    let intake = Intake::start().await;
    intake.follow();
    let receipt = intake.submit(&request()).await.unwrap();
    let request = withdrawal(&receipt);
    withdraw(&intake, &request).await.unwrap();
    intake.hears(&receipt, 2, CaseState::Withdrawn, Body::CaseWithdrawn(CaseWithdrawn::default())).await;
    assert_eq!(withdraw(&intake, &request).await.unwrap(), receipt.case_id);
    let late = withdraw(&intake, &withdrawal(&receipt)).await.unwrap_err();
    assert_eq!((late.code(), reason(&late).as_str()), (Code::FailedPrecondition, "STATE_DOES_NOT_ALLOW"));
    let tracked = intake.track(&receipt.receipt_code).await.unwrap();
    assert!(!tracked.can_withdraw && !tracked.can_rate);
    assert_eq!((tracked.state(), tracked.deadline_at), (CaseState::Withdrawn, None));
    intake.house.stop().await;
}

#[tokio::test]
async fn what_is_answered_cannot_be_withdrawn_and_what_is_merged_can() {
    let intake = Intake::start().await;
    intake.follow();
    let receipt = intake.submit(&request()).await.unwrap();
    let can = async || intake.track(&receipt.receipt_code).await.unwrap().can_withdraw;
    intake.hears(&receipt, 2, CaseState::InHandling, Body::CaseAccepted(CaseAccepted::default())).await;
    assert!(can().await);
    intake.hears(&receipt, 3, CaseState::Merged, Body::CaseMerged(CaseMerged::default())).await;
    assert!(can().await);
    intake.hears(&receipt, 4, CaseState::Replied, Body::CaseReplied(CaseReplied::default())).await;
    assert!(!can().await);
    let late = withdraw(&intake, &withdrawal(&receipt)).await.unwrap_err();
    assert_eq!(reason(&late), "STATE_DOES_NOT_ALLOW");

    let unknown =
        WithdrawCaseRequest { receipt_code: "01ABC-DEFGH-JKMNP-QRSTV".into(), ..withdrawal(&receipt) };
    assert_eq!(reason(&withdraw(&intake, &unknown).await.unwrap_err()), "RECEIPT_UNKNOWN");
    let wrong = WithdrawCaseRequest {
        idempotency_key: "short".into(),
        receipt_code: "x".into(),
        reason: "字".repeat(501),
    };
    let status = withdraw(&intake, &wrong).await.unwrap_err();
    assert_eq!(fields(&status), ["idempotency_key", "receipt_code", "reason"]);
    assert!(withdrawals_sent(&intake).await.is_empty());
    intake.house.stop().await;
}

#[tokio::test]
async fn a_refused_withdrawal_is_told_and_may_be_asked_again() {
    let intake = Intake::start().await;
    intake.follow();
    let receipt = intake.submit(&request()).await.unwrap();
    withdraw(&intake, &withdrawal(&receipt)).await.unwrap();
    let refused = RequestRefused {
        request_event_id: withdrawals_sent(&intake).await[0].event_id.clone(),
        reason: "STATE_DOES_NOT_ALLOW".into(),
        message: "the case was replied to before".into(),
    };
    let event = routing_event(&receipt, 0, CaseState::Replied, Body::RequestRefused(refused));
    let event = Event { standing: None, ..event };
    intake.house.publish_case_event(&event).await;
    intake.house.publish_case_event(&event).await;
    let is_told = || async {
        intake.track(&receipt.receipt_code).await.unwrap().last_refusal == "the case was replied to before"
    };
    intake.house.until("the refusal is told", is_told).await;
    assert!(intake.track(&receipt.receipt_code).await.unwrap().can_withdraw);
    withdraw(&intake, &withdrawal(&receipt)).await.unwrap();
    assert_eq!(intake.track(&receipt.receipt_code).await.unwrap().last_refusal, "");
    intake.house.stop().await;
}

#[tokio::test]
async fn a_case_whose_private_part_is_erased_can_be_withdrawn() {
    let intake = Intake::start().await;
    let receipt = intake.submit(&request()).await.unwrap();
    let erasure = ErasePrivatePartRequest { case_id: receipt.case_id.clone(), ground: "本人申请".into() };
    let call = intake.called_by("operator", "", erasure);
    intake.client.clone().erase_private_part(call).await.unwrap();
    withdraw(&intake, &withdrawal(&receipt)).await.unwrap();
    let sent = withdrawals_sent(&intake).await;
    let Some(Body::WithdrawalRequested(asked)) = &sent[0].body else { panic!("{sent:?}") };
    assert!(!asked.reason.contains(PHONE), "{}", asked.reason);
    intake.house.stop().await;
}
