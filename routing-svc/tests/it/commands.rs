//! What offices and departments call.

use huying_proto::{
    events::v1::{CaseState, event::Body},
    routing::v1::{self as proto, CommandOutcome},
};
use tonic::{Code, Status};

use super::town::{Town, command, fields, reason};

fn state(outcome: &CommandOutcome) -> CaseState {
    outcome.standing.as_ref().unwrap().state()
}

#[tokio::test]
async fn a_case_goes_from_the_queue_to_its_end() {
    let town = Town::start().await;
    let case_id = town.queued().await;
    assert_eq!(state(&town.register("150802001-office", &case_id).await.unwrap()), CaseState::Registered);
    town.escalate("150802001-office", &case_id).await.unwrap();
    let delegate = proto::DelegateCaseRequest {
        command: command(&case_id),
        region_code: "150802001".into(),
        reason: "属地办理".into(),
    };
    town.cases().delegate_case(town.call("office", "150802-office", delegate)).await.unwrap();
    town.assign("150802001-office", &case_id, "150802001-housing").await.unwrap();
    assert_eq!(state(&town.accept(&case_id).await.unwrap()), CaseState::InHandling);
    let progress = proto::ReportProgressRequest {
        command: command(&case_id),
        text: "联系人13800138000，已到现场。".into(),
        pictures: Vec::new(),
    };
    town.cases().report_progress(town.call("department", "150802001-housing", progress)).await.unwrap();
    let replied = town.reply(&case_id).await.unwrap();
    assert_eq!(state(&replied), CaseState::Replied);
    assert_eq!(replied.standing.as_ref().unwrap().responsible_unit, "150802001-office");
    let closed = town.close(&case_id).await.unwrap();
    assert_eq!(state(&closed), CaseState::Closed);
    assert_eq!(closed.standing.unwrap().deadline_at_us, 0);

    let events = town.events_of(&case_id).await;
    assert_eq!(
        town.event_names_of(&case_id).await,
        [
            "CaseQueued",
            "CaseRegistered",
            "CaseEscalated",
            "CaseDelegated",
            "CaseAssigned",
            "CaseAccepted",
            "ProgressReported",
            "CaseReplied",
            "CaseClosed",
        ]
    );
    let progress = events.iter().find_map(|event| match &event.body {
        Some(Body::ProgressReported(body)) => Some(body.text.clone()),
        _ => None,
    });
    assert!(!progress.unwrap().contains("13800138000"), "a citizen's number is never published");

    let seen = town.get("auditor", "", &case_id).await.unwrap();
    assert_eq!(seen.history, events);
    assert_eq!(seen.case.unwrap().body, "家里只有十四度。");
    assert_eq!(seen.allowed_commands, ["ReopenCase"]);
    assert!(seen.allowed_to_you.is_empty());
    town.house.stop().await;
}

#[tokio::test]
async fn twenty_copies_of_a_request_act_once_and_get_one_answer() {
    let town = Town::start().await;
    let case_id = town.assigned().await;
    let request = proto::AcceptCaseRequest { command: command(&case_id) };
    let calls = (0..20).map(|_| {
        let (mut cases, request) =
            (town.cases(), town.call("department", "150802001-housing", request.clone()));
        tokio::spawn(async move { cases.accept_case(request).await })
    });
    let calls: Vec<_> = calls.collect();
    for call in calls {
        let outcome = call.await.unwrap().unwrap().into_inner().outcome.unwrap();
        assert_eq!(outcome.case_version, 4);
    }
    assert_eq!(town.event_names_of(&case_id).await, ["CaseRegistered", "CaseAssigned", "CaseAccepted"]);

    // Also long after, when the case has moved on.
    town.reply(&case_id).await.unwrap();
    let late = town.cases().accept_case(town.call("department", "150802001-housing", request)).await.unwrap();
    assert_eq!(late.into_inner().outcome.unwrap().case_version, 4);
    town.house.stop().await;
}

#[tokio::test]
async fn a_request_id_is_good_for_one_request() {
    let town = Town::start().await;
    let case_id = town.assigned().await;
    let envelope = command(&case_id);
    let accept = proto::AcceptCaseRequest { command: envelope.clone() };
    town.cases().accept_case(town.call("department", "150802001-housing", accept)).await.unwrap();

    // Another body, another command with the very same bytes, another case.
    let reply =
        proto::ReplyCaseRequest { command: envelope.clone(), text: "好".into(), pictures: Vec::new() };
    let refused =
        town.cases().reply_case(town.call("department", "150802001-housing", reply)).await.unwrap_err();
    assert_eq!((refused.code(), reason(&refused).0.as_str()), (Code::AlreadyExists, "REQUEST_ID_REUSED"));
    let other = town.assigned().await;
    let envelope = envelope.map(|envelope| proto::Command { case_id: other, ..envelope });
    let accept = proto::AcceptCaseRequest { command: envelope };
    let refused =
        town.cases().accept_case(town.call("department", "150802001-housing", accept)).await.unwrap_err();
    assert_eq!(reason(&refused).0, "REQUEST_ID_REUSED");

    let envelope = command(&town.queued().await);
    let register = proto::RegisterCaseRequest { command: envelope.clone() };
    town.cases().register_case(town.call("office", "150802001-office", register)).await.unwrap();
    let accept = proto::AcceptCaseRequest { command: envelope };
    let refused =
        town.cases().accept_case(town.call("office", "150802001-office", accept)).await.unwrap_err();
    assert_eq!(reason(&refused).0, "REQUEST_ID_REUSED");
    town.house.stop().await;
}

#[tokio::test]
async fn one_request_id_for_two_cases_at_once_is_good_for_one_of_them() {
    let town = Town::start().await;
    for _ in 0..5 {
        let (one, other) = (town.assigned().await, town.assigned().await);
        let envelope = command(&one);
        let accept = |case_id: &str| {
            let envelope =
                envelope.clone().map(|envelope| proto::Command { case_id: case_id.into(), ..envelope });
            let request = proto::AcceptCaseRequest { command: envelope };
            let (mut cases, request) = (town.cases(), town.call("department", "150802001-housing", request));
            async move { cases.accept_case(request).await }
        };
        let refused = match tokio::join!(accept(&one), accept(&other)) {
            (Ok(_), Err(refused)) | (Err(refused), Ok(_)) => refused,
            both => panic!("{both:?}"),
        };
        assert_eq!((refused.code(), reason(&refused).0.as_str()), (Code::AlreadyExists, "REQUEST_ID_REUSED"));
    }
    town.house.stop().await;
}

#[tokio::test]
async fn a_refusal_says_what_would_be_taken_and_changes_nothing() {
    let town = Town::start().await;
    let case_id = town.assigned().await;
    let refused = town.reply(&case_id).await.unwrap_err();
    assert_eq!(refused.code(), Code::FailedPrecondition);
    let (reason, metadata) = reason(&refused);
    assert_eq!(reason, "COMMAND_NOT_ALLOWED");
    assert_eq!(metadata["state"], "ASSIGNED");
    assert_eq!(metadata["cause"], "STATE_DOES_NOT_ALLOW");
    assert_eq!(
        metadata["allowed_commands"],
        "ClassifyCase,TransferCase,EscalateCase,AcceptCase,ReturnCase,ReportProgress,AssignPart,RequestExtension,\
         UrgeCase,SuperviseCase,CirculateCriticism,ClaimCase,MergeCase,RecomputeClocks"
    );
    assert_eq!(
        metadata["allowed_to_you"],
        "AcceptCase,ReturnCase,ReportProgress,AssignPart,RequestExtension"
    );
    assert_eq!(town.event_names_of(&case_id).await.len(), 2);
    assert_eq!(town.count("SELECT count(*) FROM command_requests").await, 0);
    town.house.stop().await;
}

#[tokio::test]
async fn a_command_for_another_version_is_not_run() {
    let town = Town::start().await;
    let case_id = town.assigned().await;
    let accept = |version| {
        let envelope = command(&case_id).unwrap();
        proto::AcceptCaseRequest {
            command: Some(proto::Command { expected_version: Some(version), ..envelope }),
        }
    };
    let refused =
        town.cases().accept_case(town.call("department", "150802001-housing", accept(2))).await.unwrap_err();
    assert_eq!(refused.code(), Code::Aborted);
    let (reason, metadata) = reason(&refused);
    assert_eq!((reason.as_str(), metadata["current_version"].as_str()), ("VERSION_MISMATCH", "3"));
    town.cases().accept_case(town.call("department", "150802001-housing", accept(3))).await.unwrap();
    town.house.stop().await;
}

#[tokio::test]
async fn only_those_responsible_may_act() {
    let town = Town::start().await;
    let case_id = town.assigned().await;
    let accept = || proto::AcceptCaseRequest { command: command(&case_id) };
    let denied = |status: Status| {
        assert_eq!((status.code(), reason(&status).0.as_str()), (Code::PermissionDenied, "OUT_OF_SCOPE"));
    };
    for (role, code) in [
        ("operator", ""),
        ("auditor", ""),
        ("representative", "r-150802001-001"),
        ("office", "150802001-office"),
        ("department", "150802-housing"),
    ] {
        denied(town.cases().accept_case(town.call(role, code, accept())).await.unwrap_err());
    }
    let elsewhere = town.house.token("department", "150802001-housing", "150821");
    denied(town.cases().accept_case(town.call_with(&elsewhere, accept())).await.unwrap_err());
    let queued = town.queued().await;
    denied(town.register("150802-office", &queued).await.unwrap_err());

    let unnamed = town.cases().accept_case(accept()).await.unwrap_err();
    assert_eq!((unnamed.code(), reason(&unnamed).0.as_str()), (Code::Unauthenticated, "TOKEN_MISSING"));
    assert_eq!(town.event_names_of(&case_id).await.len(), 2);
    town.house.stop().await;
}

#[tokio::test]
async fn bad_fields_are_all_named() {
    let town = Town::start().await;
    let case_id = town.queued().await;
    let request = proto::AssignCaseRequest {
        command: Some(proto::Command { request_id: "1".into(), case_id: "7".into(), expected_version: None }),
        unit: "住建局".into(),
        note: "字".repeat(2_001),
        reply_within: Some(prost_types::Duration { seconds: 1, nanos: 5 }),
        parts: vec![proto::PartOrder {
            answer_within: Some(prost_types::Duration { seconds: 1, nanos: 5 }),
            ..proto::PartOrder::default()
        }],
    };
    let refused =
        town.cases().assign_case(town.call("office", "150802001-office", request)).await.unwrap_err();
    assert_eq!(
        fields(&refused),
        [
            "command.request_id",
            "command.case_id",
            "unit",
            "note",
            "reply_within",
            "parts[0].unit",
            "parts[0].task",
            "parts[0].answer_within",
        ]
    );

    town.register("150802001-office", &case_id).await.unwrap();
    let refused = town.assign("150802001-office", &case_id, "150802-housing").await.unwrap_err();
    assert_eq!(fields(&refused), ["unit"]);
    let request = proto::EscalateCaseRequest { command: command(&case_id), reason: "  ".into() };
    let refused =
        town.cases().escalate_case(town.call("office", "150802001-office", request)).await.unwrap_err();
    assert_eq!(fields(&refused), ["reason"]);
    let request = proto::RegisterCaseRequest { command: None };
    let refused =
        town.cases().register_case(town.call("office", "150802001-office", request)).await.unwrap_err();
    assert_eq!(fields(&refused), ["command"]);

    let unknown = town.accept(&uuid::Uuid::now_v7().to_string()).await.unwrap_err();
    assert_eq!((unknown.code(), reason(&unknown).0.as_str()), (Code::NotFound, "CASE_NOT_FOUND"));
    town.house.stop().await;
}
