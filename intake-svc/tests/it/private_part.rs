//! The private part: read by who carries the case, on the record; erased for good.

use huying_proto::{
    events::v1::{CaseAssigned, CaseState, Event, event::Body},
    intake::v1::{
        ErasePrivatePartRequest, ReadPrivatePartRequest, ReadPrivatePartResponse, SubmitCaseResponse,
    },
};
use tonic::{Code, Status};
use uuid::Uuid;

use crate::house::{Intake, NAME, PHONE, RAW_TEXT, fields, reason, request};

async fn assigned(intake: &Intake) -> SubmitCaseResponse {
    intake.follow();
    let receipt = intake.submit(&request()).await.unwrap();
    intake.hears(&receipt, 3, CaseState::Assigned, Body::CaseAssigned(CaseAssigned::default())).await;
    receipt
}

async fn read(
    intake: &Intake,
    role: &str,
    code: &str,
    case_id: &str,
) -> Result<ReadPrivatePartResponse, Status> {
    let request = ReadPrivatePartRequest { case_id: case_id.into(), purpose: "联系当事人".into() };
    let call = intake.called_by(role, code, request);
    intake.client.clone().read_private_part(call).await.map(tonic::Response::into_inner)
}

async fn erase(intake: &Intake, role: &str, code: &str, case_id: &str) -> Result<(), Status> {
    let request = ErasePrivatePartRequest { case_id: case_id.into(), ground: "本人申请".into() };
    let call = intake.called_by(role, code, request);
    intake.client.clone().erase_private_part(call).await.map(|_| ())
}

async fn requests_sent(intake: &Intake) -> Vec<Event> {
    intake.house.outbox_events().await.into_iter().filter(|event| event.case_version == 0).collect()
}

#[tokio::test]
async fn who_carries_the_case_reads_on_the_record() {
    let intake = Intake::start().await;
    let receipt = assigned(&intake).await;
    for (role, code) in [("department", "150802-housing"), ("office", "150802-office")] {
        let private = read(&intake, role, code, &receipt.case_id).await.unwrap();
        let petitioner = private.petitioner.unwrap();
        assert_eq!((petitioner.name.as_str(), petitioner.phone.as_str()), (NAME, PHONE));
        assert!(private.body.contains(RAW_TEXT));
        let sent = requests_sent(&intake).await;
        let last = sent.last().unwrap();
        assert_eq!(last.actor.as_ref().unwrap().code, code);
        let Some(Body::PrivateReadRequested(asked)) = &last.body else { panic!("{last:?}") };
        assert_eq!(asked.purpose, "联系当事人");
    }
    assert_eq!(requests_sent(&intake).await.len(), 2);
    intake.house.stop().await;
}

#[tokio::test]
async fn what_is_said_of_a_reading_and_an_erasure_leaves_masked() {
    let intake = Intake::start().await;
    let case_id = assigned(&intake).await.case_id;
    let purpose = format!("回访{NAME}，电话138 1234 5678");
    let reading = ReadPrivatePartRequest { case_id: case_id.clone(), purpose };
    let call = intake.called_by("office", "150802-office", reading);
    intake.client.clone().read_private_part(call).await.unwrap();
    let erasure = ErasePrivatePartRequest { case_id, ground: format!("本人{PHONE}来电申请") };
    let call = intake.called_by("office", "150802-office", erasure);
    intake.client.clone().erase_private_part(call).await.unwrap();

    let sent = requests_sent(&intake).await;
    let Some(Body::PrivateReadRequested(asked)) = &sent[0].body else { panic!("{sent:?}") };
    assert_eq!(asked.purpose, "回访王**，电话1** **** ****");
    let Some(Body::ErasureRequested(asked)) = &sent[1].body else { panic!("{sent:?}") };
    assert_eq!(asked.ground, "本人1**********来电申请");
    intake.house.stop().await;
}

#[tokio::test]
async fn everybody_else_is_refused_and_leaves_no_event() {
    let intake = Intake::start().await;
    let receipt = assigned(&intake).await;
    let table = [
        ("department", "150802-roads", "OUT_OF_SCOPE"),
        ("office", "150800-office", "OUT_OF_SCOPE"),
        ("operator", "", "ROLE_NOT_ALLOWED"),
        ("auditor", "", "ROLE_NOT_ALLOWED"),
        ("representative", "r-150802001-001", "ROLE_NOT_ALLOWED"),
    ];
    for (role, code, expected) in table {
        let status = read(&intake, role, code, &receipt.case_id).await.unwrap_err();
        assert_eq!((status.code(), reason(&status).as_str()), (Code::PermissionDenied, expected), "{role}");
    }
    let request = ReadPrivatePartRequest { case_id: receipt.case_id.clone(), purpose: "x".into() };
    let status = intake.client.clone().read_private_part(request).await.unwrap_err();
    assert_eq!(status.code(), Code::Unauthenticated);

    let status = read(&intake, "office", "150802-office", &Uuid::now_v7().to_string()).await.unwrap_err();
    assert_eq!((status.code(), reason(&status).as_str()), (Code::NotFound, "CASE_NOT_FOUND"));
    let wrong = ReadPrivatePartRequest { case_id: "x".into(), purpose: " ".into() };
    let call = intake.called_by("office", "150802-office", wrong);
    let status = intake.client.clone().read_private_part(call).await.unwrap_err();
    assert_eq!(fields(&status), ["case_id", "purpose"]);
    assert!(requests_sent(&intake).await.is_empty());
    intake.house.stop().await;
}

#[tokio::test]
async fn before_routing_has_decided_nobody_reads() {
    let intake = Intake::start().await;
    let receipt = intake.submit(&request()).await.unwrap();
    let status = read(&intake, "office", "150802-office", &receipt.case_id).await.unwrap_err();
    assert_eq!(reason(&status), "OUT_OF_SCOPE");
    intake.house.stop().await;
}

#[tokio::test]
async fn what_is_erased_is_gone_and_the_case_goes_on() {
    let intake = Intake::start().await;
    let original = request();
    let receipt = intake.submit(&original).await.unwrap();
    intake.follow();
    intake.hears(&receipt, 3, CaseState::Assigned, Body::CaseAssigned(CaseAssigned::default())).await;

    for (role, code, expected) in
        [("department", "150802-housing", "ROLE_NOT_ALLOWED"), ("office", "150800-office", "OUT_OF_SCOPE")]
    {
        let status = erase(&intake, role, code, &receipt.case_id).await.unwrap_err();
        assert_eq!(reason(&status), expected);
    }
    erase(&intake, "office", "150802-office", &receipt.case_id).await.unwrap();
    erase(&intake, "operator", "", &receipt.case_id).await.unwrap();
    let sent = requests_sent(&intake).await;
    assert_eq!(sent.len(), 1, "the second erasure changed nothing");
    assert!(matches!(sent[0].body, Some(Body::ErasureRequested(_))));

    let status = read(&intake, "department", "150802-housing", &receipt.case_id).await.unwrap_err();
    assert_eq!((status.code(), reason(&status).as_str()), (Code::FailedPrecondition, "PRIVATE_PART_ERASED"));
    assert_eq!(requests_sent(&intake).await.len(), 1, "a reading that read nothing is not entered");
    let keys: i64 = sqlx::query_scalar("SELECT count(wrapped_key) FROM submissions")
        .fetch_one(&intake.house.platform.db)
        .await
        .unwrap();
    assert_eq!(keys, 0);
    assert_eq!(intake.track(&receipt.receipt_code).await.unwrap().case_version, 3);
    assert_eq!(intake.submit(&original).await.unwrap(), receipt, "the key still gives the same receipt");
    intake.house.stop().await;
}
