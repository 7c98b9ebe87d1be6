//! What is refused, why, and what would be taken instead.

use std::collections::HashMap;

use huying_proto::{
    events::v1::{CaseState, Picture},
    routing::v1 as proto,
};
use jiff::SignedDuration;
use tonic::{Code, Status};

use super::{
    acts::{HOUSING, OFFICE, ROADS},
    town::{Town, command, fields, picture, reason},
};

/// Cause and metadata of a command that is not taken.
fn cause(status: &Status) -> (String, HashMap<String, String>) {
    assert_eq!(status.code(), Code::FailedPrecondition, "{status:?}");
    let (reason, metadata) = reason(status);
    assert_eq!(reason, "COMMAND_NOT_ALLOWED");
    (metadata["cause"].clone(), metadata)
}

fn names(metadata: &HashMap<String, String>, key: &str) -> Vec<String> {
    metadata[key].split(',').filter(|name| !name.is_empty()).map(str::to_owned).collect()
}

#[tokio::test]
async fn a_third_return_is_refused() {
    let town = Town::start().await;
    let case_id = town.assigned().await;
    for _ in 0..2 {
        town.give_back(&case_id).await.unwrap();
        town.assign(OFFICE, &case_id, HOUSING).await.unwrap();
    }
    let (cause, metadata) = cause(&town.give_back(&case_id).await.unwrap_err());
    assert_eq!(cause, "RETURNS_USED_UP");
    assert!(!metadata["allowed_commands"].contains("ReturnCase"));
    assert_eq!(
        names(&metadata, "allowed_to_you"),
        ["AcceptCase", "ReportProgress", "AssignPart", "RequestExtension"]
    );
    town.house.stop().await;
}

#[tokio::test]
async fn a_reply_waits_for_the_parts_of_co_handlers() {
    let town = Town::start().await.with_roads().await;
    let case_id = town.assigned().await;
    town.accept(&case_id).await.unwrap();
    town.assign_part(&case_id, ROADS).await.unwrap();
    let refused = town.reply(&case_id).await.unwrap_err();
    let (cause, metadata) = cause(&refused);
    assert_eq!(cause, "PARTS_OPEN");
    assert!(refused.message().contains("part 1 is "), "{}", refused.message());
    assert!(metadata["allowed_to_you"].contains("WaivePart"));
    assert!(!metadata["allowed_commands"].contains("ReplyCase"));

    town.answer_part(&case_id, ROADS, 1).await.unwrap();
    town.reply(&case_id).await.unwrap();
    town.house.stop().await;
}

#[tokio::test]
async fn a_reply_to_a_case_just_transferred_says_whose_it_is_now() {
    let town = Town::start().await.with_roads().await;
    let case_id = town.assigned().await;
    town.accept(&case_id).await.unwrap();
    town.transfer(&case_id, ROADS).await.unwrap();
    let refused = town.reply(&case_id).await.unwrap_err();
    let (cause, metadata) = cause(&refused);
    assert_eq!(cause, "NOT_RESPONSIBLE");
    assert!(refused.message().contains(ROADS), "{}", refused.message());
    assert!(metadata["allowed_commands"].contains("AcceptCase"));
    assert!(names(&metadata, "allowed_to_you").is_empty());
    assert_eq!(metadata["current_version"], "5");
    town.house.stop().await;
}

#[tokio::test]
async fn more_time_asked_for_one_second_late_is_refused() {
    let town = Town::hasty().await;
    let (in_time, too_late) = (town.assigned().await, town.assigned().await);
    town.house.clock.advance(SignedDuration::from_secs(9_999));
    town.ask_for_more_time(&in_time, "5000s").await.unwrap();
    town.house.clock.advance(SignedDuration::from_secs(1));
    let (cause, metadata) = cause(&town.ask_for_more_time(&too_late, "5000s").await.unwrap_err());
    assert_eq!(cause, "EXTENSION_TOO_LATE");
    assert!(!metadata["allowed_commands"].contains("RequestExtension"));
    assert!(metadata["allowed_to_you"].contains("ReturnCase"));
    town.house.stop().await;
}

#[tokio::test]
async fn a_case_is_not_merged_into_itself_nor_into_one_that_is_not_the_offices() {
    let town = Town::start().await;
    let case_id = town.queued().await;
    let (merged, metadata) = cause(&town.merge(&case_id, &case_id).await.unwrap_err());
    assert_eq!(merged, "MERGE_INTO_ITSELF");
    assert!(metadata["allowed_to_you"].contains("RegisterCase"));

    let elsewhere = town.queued().await;
    town.escalate(OFFICE, &elsewhere).await.unwrap();
    let unknown = uuid::Uuid::now_v7().to_string();
    for other in [elsewhere, unknown] {
        assert_eq!(cause(&town.merge(&case_id, &other).await.unwrap_err()).0, "OTHER_CASE_UNKNOWN");
    }
    town.house.stop().await;
}

#[tokio::test]
async fn what_was_closed_with_another_case_is_not_split_off_again() {
    let town = Town::start().await;
    let (primary, merged) = (town.assigned().await, town.assigned().await);
    town.merge(&merged, &primary).await.unwrap();
    town.accept(&primary).await.unwrap();
    town.reply(&primary).await.unwrap();
    town.close(&primary).await.unwrap();
    let (cause, metadata) = cause(&town.unmerge(&merged).await.unwrap_err());
    assert_eq!((cause.as_str(), metadata["state"].as_str()), ("STATE_DOES_NOT_ALLOW", "CLOSED"));
    assert_eq!(names(&metadata, "allowed_to_you"), ["ReopenCase"]);
    town.house.stop().await;
}

#[tokio::test]
async fn a_denial_is_not_a_refusal_and_says_nothing_of_the_case() {
    let town = Town::start().await;
    let case_id = town.assigned().await;
    // In whose region the case is: may claim it, and nothing else.
    let answer = proto::AnswerCaseRequest {
        command: command(&case_id),
        text: "已转告。".into(),
        pictures: Vec::new(),
    };
    let call = town.call("department", "150802-housing", answer);
    let denied = town.cases().answer_case(call).await.unwrap_err();
    assert_eq!((denied.code(), reason(&denied).0.as_str()), (Code::PermissionDenied, "OUT_OF_SCOPE"));
    assert!(reason(&denied).1.is_empty());
    town.house.stop().await;
}

#[tokio::test]
async fn faults_of_fields_are_named_whatever_the_command() {
    let town = Town::start().await;
    let case_id = town.assigned().await;
    let (office, department) =
        (|| town.house.token("office", OFFICE, ""), || town.house.token("department", HOUSING, ""));

    let decline =
        proto::DeclineCaseRequest { command: command(&case_id), ground: 9, explanation: " ".into() };
    let refused = town.cases().decline_case(town.call_with(&office(), decline)).await.unwrap_err();
    assert_eq!(fields(&refused), ["explanation", "ground"]);
    let classify = proto::ClassifyCaseRequest { command: command(&case_id), category: String::new() };
    let refused = town.cases().classify_case(town.call_with(&office(), classify)).await.unwrap_err();
    assert_eq!(fields(&refused), ["category"]);
    let classify = proto::ClassifyCaseRequest { command: command(&case_id), category: "天文".into() };
    let refused = town.cases().classify_case(town.call_with(&office(), classify)).await.unwrap_err();
    assert_eq!(fields(&refused), ["category"], "the directory has no such category");
    let merge = proto::MergeCaseRequest {
        command: command(&case_id),
        into_case_id: "7".into(),
        reason: "字".repeat(2_001),
    };
    let refused = town.cases().merge_case(town.call_with(&office(), merge)).await.unwrap_err();
    assert_eq!(fields(&refused), ["into_case_id", "reason"]);

    let answer = proto::AnswerPartRequest { command: command(&case_id), ..Default::default() };
    let refused = town.cases().answer_part(town.call_with(&department(), answer)).await.unwrap_err();
    assert_eq!(fields(&refused), ["part_number", "text"]);
    let part = proto::AssignPartRequest { command: command(&case_id), ..Default::default() };
    let refused = town.cases().assign_part(town.call_with(&department(), part)).await.unwrap_err();
    assert_eq!(fields(&refused), ["part"]);
    assert_eq!(fields(&town.ask_for_more_time(&case_id, "soon").await.unwrap_err()), ["limit"]);
    let progress = proto::ReportProgressRequest {
        command: command(&case_id),
        text: "已到现场。".into(),
        pictures: vec![picture(), Picture { picture_id: "x".into(), ..picture() }],
    };
    let refused = town.cases().report_progress(town.call_with(&department(), progress)).await.unwrap_err();
    assert_eq!(fields(&refused), ["pictures[1].picture_id"]);
    assert_eq!(town.case(&case_id).await.standing.unwrap().state(), CaseState::Assigned);
    town.house.stop().await;
}
