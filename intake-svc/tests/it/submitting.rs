//! Submissions: kept once, with their event, under their key, and never with a private word in the clear.

use std::time::Duration;

use huying_intake_svc::{CommitSettings, use_cases::submit_case};
use huying_platform::status::timestamp_from_proto;
use huying_proto::events::v1::{ActorRole, event::Body};
use sqlx::Connection as _;
use tokio::task::JoinSet;
use tonic::Code;
use tonic_types::StatusExt as _;

use crate::house::{
    COMMITS, Intake, NAME, PHONE, PICTURES, RAW_TEXT, fields, http_client, means, new_key, reason,
    representative, request,
};

#[tokio::test]
async fn a_submission_is_kept_with_one_event() {
    let intake = Intake::start().await;
    let request = request();
    let receipt = intake.submit(&request).await.unwrap();

    assert_eq!(receipt.receipt_code.len(), 23);
    assert_eq!(receipt.region.as_ref().unwrap().township, "150802001");
    let events = intake.house.outbox_events().await;
    assert_eq!(events.len(), 1);
    let event = &events[0];
    assert_eq!((event.case_id.as_str(), event.case_version), (receipt.case_id.as_str(), 1));
    assert_eq!(event.actor.as_ref().unwrap().role(), ActorRole::Citizen);
    assert!(event.standing.is_none());
    let header = event.header.as_ref().unwrap();
    let received_at = timestamp_from_proto(receipt.received_at.as_ref().unwrap()).unwrap();
    assert_eq!(header.submitted_at_us, received_at.as_microsecond());
    assert_eq!(header.title, "暖气不热");
    let Some(Body::CaseSubmitted(submitted)) = &event.body else { panic!("{event:?}") };
    assert!(submitted.body.starts_with("三号楼已经一周没有暖气"), "{}", submitted.body);

    let tracked = intake.track(&receipt.receipt_code.to_lowercase().replace('-', " ")).await.unwrap();
    assert_eq!((tracked.case_id, tracked.case_version), (receipt.case_id, 1));
    assert_eq!(tracked.state, 1);
    assert!(!tracked.can_rate);
    intake.house.stop().await;
}

#[tokio::test]
async fn the_same_key_at_the_same_time_is_one_case_and_one_receipt() {
    let intake = Intake::start().await;
    let request = request();
    let mut calls = JoinSet::new();
    for _ in 0..20 {
        let (mut client, request) = (intake.client.clone(), request.clone());
        calls.spawn(async move { client.submit_case(request).await.unwrap().into_inner() });
    }
    let receipts = calls.join_all().await;
    assert!(receipts.iter().all(|receipt| receipt == &receipts[0]), "{receipts:?}");
    assert_eq!(intake.house.outbox_events().await.len(), 1);

    intake.house.clock.advance(jiff::SignedDuration::from_hours(24));
    assert_eq!(intake.submit(&request).await.unwrap(), receipts[0], "a day later too");
    intake.house.stop().await;
}

#[tokio::test]
async fn replicas_with_the_same_keys_at_once_do_not_lock_each_other_out() {
    let intake = Intake::start().await;
    let other = intake.house.replica().await;
    other.directory.reload().await.unwrap();
    let second = huying_intake_svc::assemble(&other, means(COMMITS, PICTURES, &intake.folder));

    let requests: Vec<_> = (0..300).map(|_| request()).collect();
    let mut calls = JoinSet::new();
    for (number, request) in requests.iter().chain(requests.iter().rev()).enumerate() {
        let app = if number % 2 == 0 { intake.app.clone() } else { second.clone() };
        let request = request.clone();
        calls.spawn(async move {
            let key = request.idempotency_key.clone();
            (key, submit_case::submit_case(&app, request).await.unwrap())
        });
    }
    let mut receipts = std::collections::HashMap::new();
    for (key, receipt) in calls.join_all().await {
        let first = receipts.entry(key).or_insert_with(|| receipt.clone());
        assert_eq!(*first, receipt);
    }
    assert_eq!(receipts.len(), 300);
    assert_eq!(intake.house.outbox_events().await.len(), 300);
    other.shutdown().cancel();
    intake.house.stop().await;
}

#[tokio::test]
async fn a_key_with_another_request_is_refused() {
    let intake = Intake::start().await;
    let first = request();
    intake.submit(&first).await.unwrap();
    let mut other = first.clone();
    other.body.push('。');
    let status = intake.submit(&other).await.unwrap_err();
    assert_eq!((status.code(), reason(&status).as_str()), (Code::AlreadyExists, "IDEMPOTENCY_KEY_REUSED"));
    assert_eq!(intake.house.outbox_events().await.len(), 1);
    intake.house.stop().await;
}

#[tokio::test]
async fn two_requests_with_one_key_in_one_batch_are_told_apart() {
    let intake = Intake::start_with(CommitSettings { lanes: 1, ..COMMITS }).await;
    let first = request();
    let mut other = first.clone();
    other.title = "另一件事".into();
    let mut calls = JoinSet::new();
    for number in 0..40 {
        let app = intake.app.clone();
        let request = if number % 2 == 0 { first.clone() } else { other.clone() };
        calls.spawn(async move { submit_case::submit_case(&app, request).await });
    }
    let outcomes = calls.join_all().await;
    let receipts: Vec<_> = outcomes.iter().flatten().collect();
    assert_eq!(receipts.len(), 20);
    assert!(receipts.iter().all(|receipt| *receipt == receipts[0]));
    let refused = |outcome: &&Result<_, _>| matches!(outcome, Err(submit_case::SubmitError::KeyReused));
    assert_eq!(outcomes.iter().filter(refused).count(), 20);
    assert_eq!(intake.house.outbox_events().await.len(), 1);
    intake.house.stop().await;
}

#[tokio::test]
async fn a_request_with_faults_is_told_all_of_them_and_changes_nothing() {
    let intake = Intake::start().await;
    let mut wrong = request();
    wrong.idempotency_key = "short".into();
    wrong.kind = 0;
    wrong.region_code = "999999".into();
    wrong.representative_code = "r-nobody".into();
    wrong.station_code = "nowhere".into();
    wrong.category = "没有/这样".into();
    wrong.title = "字".repeat(121);
    wrong.body = "字".repeat(20_001);
    let petitioner = wrong.petitioner.as_mut().unwrap();
    petitioner.name = "王".repeat(51);
    petitioner.phone = "打给我".into();
    petitioner.address = "住".repeat(201);
    wrong.publication = 7;
    let status = intake.submit(&wrong).await.unwrap_err();
    assert_eq!(status.code(), Code::InvalidArgument);
    let mut told = fields(&status);
    told.sort();
    told.dedup();
    assert_eq!(
        told,
        [
            "body",
            "category",
            "idempotency_key",
            "kind",
            "petitioner.address",
            "petitioner.name",
            "petitioner.phone",
            "publication",
            "region_code",
            "representative_code",
            "station_code",
            "title"
        ]
    );
    assert!(intake.house.outbox_events().await.is_empty());

    let status = intake.track("01ABC-DEFGH-JKMNP-QRSTV").await.unwrap_err();
    assert_eq!((status.code(), reason(&status).as_str()), (Code::NotFound, "RECEIPT_UNKNOWN"));
    let status = intake.track("nonsense").await.unwrap_err();
    assert_eq!((status.code(), fields(&status)), (Code::InvalidArgument, vec!["receipt_code".to_owned()]));
    intake.house.stop().await;
}

#[tokio::test]
async fn a_retry_gets_its_receipt_though_the_representative_has_retired_since() {
    let intake = Intake::start().await;
    let mut request = request();
    request.representative_code = "r-150802001-001".into();
    let receipt = intake.submit(&request).await.unwrap();
    let codes = &intake.house.outbox_events().await[0].header.as_ref().unwrap().representative_codes.clone();
    assert_eq!(codes, &["r-150802001-001"]);

    intake.house.set_directory(&[representative("r-150802001-001", true)]).await;
    assert_eq!(intake.submit(&request).await.unwrap(), receipt);
    request.idempotency_key = new_key();
    let status = intake.submit(&request).await.unwrap_err();
    assert_eq!(fields(&status), ["representative_code"]);
    intake.house.stop().await;
}

#[tokio::test]
async fn past_the_bounds_of_the_queue_callers_are_turned_away_at_once() {
    let intake = Intake::start_with(CommitSettings { lanes: 1, batch_max: 1, queue_max: 2, ..COMMITS }).await;
    let mut blocker = blocked(&intake).await;
    let mut waiting = JoinSet::new();
    for _ in 0..3 {
        let app = intake.app.clone();
        waiting.spawn(async move {
            // The third fits as soon as the lane has taken the first.
            loop {
                match submit_case::submit_case(&app, request()).await {
                    Err(submit_case::SubmitError::Busy) => tokio::task::yield_now().await,
                    answer => return answer,
                }
            }
        });
    }
    intake.house.until("one is at the lane and two wait", || async { waiting_now(&intake).await == 3 }).await;
    let status = intake.submit(&request()).await.unwrap_err();
    assert_eq!(status.code(), Code::ResourceExhausted);
    assert!(status.get_details_retry_info().unwrap().retry_delay.unwrap() > Duration::ZERO);

    sqlx::query("ROLLBACK").execute(&mut blocker).await.unwrap();
    assert!(waiting.join_all().await.iter().all(Result::is_ok));
    assert_eq!(waiting_now(&intake).await, 0);
    intake.submit(&request()).await.unwrap();
    assert_eq!(intake.house.outbox_events().await.len(), 4);
    intake.house.stop().await;
}

#[tokio::test]
async fn long_texts_fill_the_queue_by_their_size() {
    let intake = Intake::start_with(CommitSettings { queue_kib_max: 200, ..COMMITS }).await;
    let mut blocker = blocked(&intake).await;
    let mut long = request();
    long.body = "长".repeat(20_000);
    let (app, first) = (intake.app.clone(), long.clone());
    let waiting = tokio::spawn(async move { submit_case::submit_case(&app, first).await });
    intake.house.until("one is waiting", || async { waiting_now(&intake).await == 1 }).await;
    long.idempotency_key = new_key();
    assert_eq!(intake.submit(&long).await.unwrap_err().code(), Code::ResourceExhausted);

    sqlx::query("ROLLBACK").execute(&mut blocker).await.unwrap();
    waiting.await.unwrap().unwrap();
    intake.submit(&long).await.unwrap();
    intake.house.stop().await;
}

#[tokio::test]
async fn a_caller_who_goes_away_does_not_take_the_submission_along() {
    let intake = Intake::start().await;
    let request = request();
    let call = submit_case::submit_case(&intake.app, request.clone());
    // Polled once, it is queued; then it is dropped.
    let gone = tokio::time::timeout(Duration::ZERO, call).await;
    intake.house.until("it is kept", || async { intake.house.outbox_events().await.len() == 1 }).await;
    let again = intake.submit(&request).await.unwrap();
    if let Ok(first) = gone {
        assert_eq!(first.unwrap().case_id.to_string(), again.case_id);
    }
    assert_eq!(intake.house.outbox_events().await.len(), 1);
    intake.house.stop().await;
}

#[tokio::test]
async fn a_row_that_postgresql_refuses_fails_alone() {
    let intake = Intake::start_with(CommitSettings { lanes: 1, ..COMMITS }).await;
    // No request can make such a row; a constraint of the test's stands for whatever may come.
    sqlx::query("ALTER TABLE submissions ADD CONSTRAINT no_bad CHECK (octet_length(sealed) < 2000)")
        .execute(&intake.house.platform.db)
        .await
        .unwrap();
    let mut calls = JoinSet::new();
    for number in 0..30 {
        let app = intake.app.clone();
        let mut request = request();
        if number == 11 {
            request.body = "长".repeat(1_000);
        }
        calls.spawn(async move { submit_case::submit_case(&app, request).await });
    }
    let outcomes = calls.join_all().await;
    let failed: Vec<_> = outcomes.iter().filter_map(|outcome| outcome.as_ref().err()).collect();
    assert_eq!(failed.len(), 1, "{failed:?}");
    assert!(matches!(failed[0], submit_case::SubmitError::NotStored));
    assert_eq!(intake.house.outbox_events().await.len(), 29);
    intake.house.stop().await;
}

#[tokio::test]
async fn a_broken_connection_is_survived_without_a_double() {
    let intake = Intake::start().await;
    intake.submit(&request()).await.unwrap();
    // Every pooled connection is cut from the outside.
    let mut admin = sqlx::PgConnection::connect(&intake.house.settings.database_url).await.unwrap();
    sqlx::query(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
         WHERE datname = current_database() AND pid <> pg_backend_pid()",
    )
    .execute(&mut admin)
    .await
    .unwrap();
    admin.close().await.unwrap();
    let request = request();
    let is_kept = || async {
        match intake.submit(&request).await {
            Ok(_) => true,
            Err(status) => {
                assert_eq!(status.code(), Code::Unavailable, "{status:?}");
                false
            }
        }
    };
    intake.house.until("it is kept", is_kept).await;
    intake.submit(&request).await.unwrap();
    assert_eq!(intake.house.outbox_events().await.len(), 2);
    intake.house.stop().await;
}

#[tokio::test]
async fn no_private_word_is_in_the_database_in_the_clear() {
    let intake = Intake::start().await;
    let receipt = intake.submit(&request()).await.unwrap();
    // The bytes of every column of both tables, each as text and as it is stored.
    let stored: Vec<Vec<u8>> = sqlx::query_scalar(
        "SELECT key_hash || body_mac || receipt_hash || header || sealed || wrapped_key \
            || convert_to(submissions::text, 'UTF8') FROM submissions \
         UNION ALL SELECT payload || convert_to(outbox::text, 'UTF8') FROM outbox",
    )
    .fetch_all(&intake.house.platform.db)
    .await
    .unwrap();
    assert_eq!(stored.len(), 2);
    let code = receipt.receipt_code.replace('-', "");
    for private in [PHONE, NAME, RAW_TEXT, &receipt.receipt_code, &code] {
        let hex: String = private.bytes().map(|byte| format!("{byte:02x}")).collect();
        for bytes in &stored {
            for form in [private.as_bytes(), hex.as_bytes()] {
                assert!(!bytes.windows(form.len()).any(|window| window == form), "{private} is in the clear");
            }
        }
    }
    intake.house.stop().await;
}

/// A connection that keeps everybody from writing submissions until it rolls back.
async fn blocked(intake: &Intake) -> sqlx::PgConnection {
    let mut connection = sqlx::PgConnection::connect(&intake.house.settings.database_url).await.unwrap();
    sqlx::query("BEGIN").execute(&mut connection).await.unwrap();
    sqlx::query("LOCK TABLE submissions IN EXCLUSIVE MODE").execute(&mut connection).await.unwrap();
    connection
}

async fn waiting_now(intake: &Intake) -> i64 {
    let base = intake.web().await;
    let text = http_client().get(format!("{base}/metrics")).send().await.unwrap().text().await.unwrap();
    let line = text.lines().find(|line| line.starts_with("huying_submissions_waiting ")).unwrap_or_default();
    line.rsplit(' ').next().and_then(|number| number.parse().ok()).unwrap_or(-1)
}
