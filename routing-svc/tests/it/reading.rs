//! Who may read a case, and what there is to be read.

use huying_proto::{
    events::v1::DeadlineKind,
    routing::v1::{
        BatchCommandsRequest, BatchedCommand, ExtensionStatus, PartStatus, ReportProgressRequest,
        batched_command::Request,
    },
};
use tonic::Code;

use super::{
    acts::{HOUSING, OFFICE, ROADS},
    town::{Town, command, fields, picture, reason},
};

#[tokio::test]
async fn a_case_is_read_by_those_on_its_path() {
    let town = Town::start().await;
    let case_id = town.assigned().await;
    for (role, code) in [
        ("office", "150802001-office"),
        ("office", "150802-office"),
        ("office", "150800-office"),
        ("department", "150802001-housing"),
        ("representative", "r-150802001-001"),
        ("auditor", ""),
        ("operator", ""),
    ] {
        let seen = town.get(role, code, &case_id).await.unwrap();
        assert_eq!(seen.history.len(), 2, "{role} {code}");
        assert!(seen.allowed_commands.contains(&"AcceptCase".to_owned()));
        let may_accept = seen.allowed_to_you.contains(&"AcceptCase".to_owned());
        assert_eq!(may_accept, role == "department", "{role} {code}");
    }
    for (role, code) in [
        ("office", "150821-office"),
        ("office", "150802002-office"),
        ("department", "150802-housing"),
        ("representative", "r-150802001-002"),
    ] {
        let denied = town.get(role, code, &case_id).await.unwrap_err();
        assert_eq!((denied.code(), reason(&denied).0.as_str()), (Code::PermissionDenied, "OUT_OF_SCOPE"));
    }
    assert_eq!(fields(&town.get("auditor", "", "x").await.unwrap_err()), ["case_id"]);
    let unknown = town.get("auditor", "", &uuid::Uuid::now_v7().to_string()).await.unwrap_err();
    assert_eq!(unknown.code(), Code::NotFound);
    town.house.stop().await;
}

#[tokio::test]
async fn one_answer_has_all_that_a_handler_needs() {
    let town = Town::hasty().await.with_roads().await;
    let began_us = town.house.platform.clock.now().as_microsecond();
    let case_id = town.assigned().await;
    town.accept(&case_id).await.unwrap();
    town.assign_part(&case_id, ROADS).await.unwrap();
    town.ask_for_more_time(&case_id, "60s").await.unwrap();
    town.claim("r-150802001-001", &case_id).await.unwrap();
    let seen = town.get("department", HOUSING, &case_id).await.unwrap();
    let case = seen.case.unwrap();
    assert_eq!(case.body, "家里只有十四度。");
    assert_eq!(case.pictures, [picture()]);
    assert_eq!((case.lead_unit.as_str(), case.stage()), (HOUSING, DeadlineKind::Reply));
    assert_eq!(case.claimed_by, ["r-150802001-001"]);
    let extension = case.extension.as_ref().unwrap();
    assert_eq!((extension.status(), extension.limit.as_str()), (ExtensionStatus::Requested, "60s"));
    let [part] = case.parts.as_slice() else { panic!("{case:?}") };
    assert_eq!((part.status(), part.given_by.as_str()), (PartStatus::Open, HOUSING));
    assert_eq!(part.part.as_ref().unwrap().unit, ROADS);
    assert!(!part.overdue);

    let [stage, whole, of_part] = case.clocks.as_slice() else { panic!("{:?}", case.clocks) };
    assert_eq!((stage.kind(), stage.unit.as_str()), (DeadlineKind::Reply, HOUSING));
    assert_eq!(stage.policy, "* * * reply 10000s");
    assert_eq!((stage.began_at_us, stage.due_at_us - began_us), (began_us, 10_000_000_000));
    assert_eq!(stage.remind_at_us - began_us, 8_000_000_000);
    assert_eq!(stage.criticise_at_us - stage.due_at_us, 300_000_000);
    assert_eq!((whole.kind(), whole.remind_at_us), (DeadlineKind::Case, 0));
    assert_eq!(whole.due_at_us, case.standing.as_ref().unwrap().case_deadline_at_us);
    assert_eq!((of_part.kind(), of_part.part_number), (DeadlineKind::Part, 1));

    let names: Vec<&str> =
        seen.history.iter().map(|event| huying_platform::subjects::event_name(event).unwrap()).collect();
    let expected = [
        "CaseRegistered",
        "CaseAssigned",
        "CaseAccepted",
        "PartAssigned",
        "ExtensionRequested",
        "CaseClaimed",
    ];
    assert_eq!(names, expected);
    assert!(seen.allowed_commands.contains(&"GrantExtension".to_owned()));
    assert_eq!(seen.allowed_to_you, ["ReturnCase", "ReportProgress", "AssignPart", "WaivePart"]);

    let office = town.get("office", OFFICE, &case_id).await.unwrap().allowed_to_you;
    assert!(office.contains(&"GrantExtension".to_owned()) && !office.contains(&"ReturnCase".to_owned()));
    let auditor = town.get("auditor", "", &case_id).await.unwrap();
    assert!(auditor.allowed_to_you.is_empty() && !auditor.allowed_commands.is_empty());
    town.house.stop().await;
}

#[tokio::test]
async fn a_replied_case_has_one_clock_and_nobody_is_reminded_by_it() {
    let town = Town::start().await;
    let case_id = town.replied().await;
    let case = town.case(&case_id).await;
    let [clock] = case.clocks.as_slice() else { panic!("{:?}", case.clocks) };
    assert_eq!((clock.kind(), clock.unit.as_str(), clock.remind_at_us), (DeadlineKind::Rate, OFFICE, 0));
    town.close(&case_id).await.unwrap();
    let case = town.case(&case_id).await;
    assert!(case.clocks.is_empty());
    assert_eq!(case.stage(), DeadlineKind::Unspecified);
    town.house.stop().await;
}

#[tokio::test]
async fn a_case_that_many_hear_of_and_much_is_reported_on_still_fits_into_one_answer() {
    let town = Town::start().await;
    let mut submitted = town.submitted("城乡建设/供热");
    let header = submitted.header.as_mut().unwrap();
    header.representative_codes = (1..=200).map(|number| format!("r-150802001-{number:03}")).collect();
    let case_id = town.take_up(&submitted).await;
    let report = || {
        let request =
            ReportProgressRequest { command: command(&case_id), text: "x".repeat(9_900), pictures: vec![] };
        BatchedCommand { request: Some(Request::ReportProgress(request)) }
    };
    for _ in 0..5 {
        let request = BatchCommandsRequest { commands: (0..90).map(|_| report()).collect() };
        let request = town.call("representative", "r-150802001-001", request);
        town.cases().batch_commands(request).await.unwrap();
    }
    // A client takes 4 MiB unless told otherwise.
    let seen = town.get("department", HOUSING, &case_id).await.unwrap();
    let newest = seen.history.last().unwrap();
    assert_eq!(newest.case_version, seen.case.as_ref().unwrap().case_version);
    let versions = seen.history.iter().map(|event| event.case_version);
    let oldest = newest.case_version + 1 - seen.history.len() as u64;
    assert!(versions.eq(oldest..=newest.case_version));
    assert!((100..450).contains(&seen.history.len()), "{}", seen.history.len());
    town.house.stop().await;
}
