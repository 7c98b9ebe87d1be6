//! Pictures: kept without what travelled beside them, shown when their text is, gone when the private part is.

use huying_intake_svc::{picture_works::PictureSettings, use_cases::sweep_pictures::sweep_pictures};
use huying_platform::ids::CaseId;
use huying_proto::{
    events::v1::{
        CaseDeclined, CaseQueued, CaseRegistered, CaseState, CaseWithdrawn, DeclineGround, Event, Picture,
        Publication, event::Body,
    },
    intake::v1::{ErasePrivatePartRequest, SubmitCaseRequest, SubmitCaseResponse, UploadPictureRequest},
};
use image::{ImageEncoder as _, Rgb, RgbImage, codecs::jpeg::JpegEncoder};
use jiff::SignedDuration;
use reqwest::{Response, StatusCode, header};
use sha2::{Digest as _, Sha256};
use tokio::task::JoinSet;

use tonic::{Code, Request, Status};
use tonic_types::StatusExt as _;

use crate::house::{COMMITS, Intake, PICTURES, fields, http_client, reason, request};

/// Stands in the metadata of every picture here.
pub(crate) const PLACE: &[u8] = b"N 40 46 12.34, at home";

/// A JPEG with a place in its metadata; each shade is another picture.
pub(crate) fn photograph(shade: u8) -> Vec<u8> {
    let pixels = RgbImage::from_pixel(48, 32, Rgb([shade, 90, 200]));
    let mut file = Vec::new();
    JpegEncoder::new(&mut file).write_image(pixels.as_raw(), 48, 32, image::ExtendedColorType::Rgb8).unwrap();
    let content = [b"Exif\0\0II\x2a\0\x08\0\0\0\0\0\0\0\0\0", PLACE].concat();
    let length = u16::try_from(content.len() + 2).unwrap().to_be_bytes();
    [&file[..2], &[0xff, 0xe1], &length, &content, &file[2..]].concat()
}

pub(crate) fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

fn with_pictures(pictures: Vec<Vec<u8>>) -> SubmitCaseRequest {
    SubmitCaseRequest { pictures, ..request() }
}

fn pictures_of(event: &Event) -> Vec<Picture> {
    let Some(Body::CaseSubmitted(submitted)) = &event.body else { panic!("{event:?}") };
    submitted.pictures.clone()
}

/// The pictures that the only submission told of.
async fn told(intake: &Intake) -> Vec<Picture> {
    let events = intake.house.outbox_events().await;
    assert_eq!(events.len(), 1);
    pictures_of(&events[0])
}

async fn get(base: &str, picture_id: &str) -> Response {
    http_client().get(format!("{base}/pictures/{picture_id}")).send().await.unwrap()
}

async fn registered(intake: &Intake, receipt: &SubmitCaseResponse) {
    let body = Body::CaseRegistered(CaseRegistered::default());
    intake.hears(receipt, 2, CaseState::Registered, body).await;
}

async fn upload(intake: &Intake, role: &str, code: &str, chunks: Vec<Vec<u8>>) -> Result<Picture, Status> {
    let chunks = chunks.into_iter().map(|chunk| UploadPictureRequest { chunk });
    let call = intake.called_by(role, code, futures_util::stream::iter(chunks));
    let answer = intake.client.clone().upload_picture(call).await?;
    Ok(answer.into_inner().picture.unwrap())
}

async fn erase(intake: &Intake, receipt: &SubmitCaseResponse) {
    let request = ErasePrivatePartRequest { case_id: receipt.case_id.clone(), ground: "本人申请".into() };
    let call = intake.called_by("operator", "", request);
    intake.client.clone().erase_private_part(call).await.unwrap();
}

#[tokio::test]
async fn a_submission_tells_of_its_pictures_and_nothing_of_where_they_were_taken() {
    let intake = Intake::start().await;
    intake.submit(&with_pictures(vec![photograph(1), photograph(2)])).await.unwrap();
    let told = told(&intake).await;
    assert_eq!(told.len(), 2);
    let files = intake.folder.files();
    assert_eq!(files.len(), 2);
    for picture in told {
        assert_eq!(
            (picture.media_type.as_str(), picture.width_px, picture.height_px),
            ("image/jpeg", 48, 32)
        );
        let named = |path: &&std::path::PathBuf| {
            path.file_name().unwrap().to_str().unwrap().starts_with(&picture.picture_id)
        };
        let content = std::fs::read(files.iter().find(named).unwrap()).unwrap();
        assert_eq!(picture.size_bytes as usize, content.len());
        let digest: String = Sha256::digest(&content).iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(picture.picture_id, digest);
        assert!(!contains(&content, PLACE) && !contains(&content, b"Exif"));
    }
    intake.house.stop().await;
}

#[tokio::test]
async fn a_picture_is_shown_from_registration_on() {
    let intake = Intake::start().await;
    intake.follow();
    let base = intake.web().await;
    let receipt = intake.submit(&with_pictures(vec![photograph(1)])).await.unwrap();
    let picture = told(&intake).await.remove(0);
    assert_eq!(get(&base, &picture.picture_id).await.status(), StatusCode::NOT_FOUND);
    intake.hears(&receipt, 2, CaseState::Submitted, Body::CaseQueued(CaseQueued::default())).await;
    let hidden = get(&base, &picture.picture_id).await;
    assert_eq!(hidden.status(), StatusCode::NOT_FOUND);
    assert_eq!(hidden.headers()[header::CACHE_CONTROL], "no-store");

    let body = Body::CaseRegistered(CaseRegistered::default());
    intake.hears(&receipt, 3, CaseState::Registered, body).await;
    let shown = get(&base, &picture.picture_id).await;
    assert_eq!(shown.status(), StatusCode::OK);
    for (name, value) in [
        (header::CONTENT_TYPE, "image/jpeg"),
        (header::CACHE_CONTROL, "public, max-age=31536000, immutable"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::CONTENT_SECURITY_POLICY, "default-src 'none'"),
    ] {
        assert_eq!(shown.headers()[&name], value, "{name}");
    }
    let tag = shown.headers()[header::ETAG].clone();
    assert_eq!(shown.content_length(), Some(u64::from(picture.size_bytes)));
    let content = shown.bytes().await.unwrap();
    assert_eq!(content.len(), picture.size_bytes as usize);
    let again = http_client()
        .get(format!("{base}/pictures/{}", picture.picture_id))
        .header(header::IF_NONE_MATCH, tag)
        .send()
        .await
        .unwrap();
    assert_eq!(again.status(), StatusCode::NOT_MODIFIED);

    // What was shown stays shown: the ledger shows the text still, too.
    intake.hears(&receipt, 4, CaseState::Withdrawn, Body::CaseWithdrawn(CaseWithdrawn::default())).await;
    assert_eq!(get(&base, &picture.picture_id).await.status(), StatusCode::OK);
    for wrong in ["", "x", "%ff", &picture.picture_id.to_uppercase(), &"0".repeat(64)] {
        assert_eq!(get(&base, wrong).await.status(), StatusCode::NOT_FOUND, "{wrong}");
    }
    intake.house.stop().await;
}

#[tokio::test]
async fn pictures_of_what_is_declined_withdrawn_early_or_not_public_are_never_shown() {
    let intake = Intake::start().await;
    intake.follow();
    let base = intake.web().await;
    let decline = CaseDeclined { ground: DeclineGround::Unclear.into(), explanation: "不清楚".into() };
    let table = [
        (Publication::Public, CaseState::Declined, Body::CaseDeclined(decline)),
        (Publication::Public, CaseState::Withdrawn, Body::CaseWithdrawn(CaseWithdrawn::default())),
        (Publication::StatusOnly, CaseState::Registered, Body::CaseRegistered(CaseRegistered::default())),
    ];
    for (shade, (publication, state, body)) in (1..).zip(table) {
        let mut request = with_pictures(vec![photograph(shade)]);
        request.publication = publication.into();
        let receipt = intake.submit(&request).await.unwrap();
        intake.hears(&receipt, 2, state, body).await;
        let events = intake.house.outbox_events().await;
        let picture = pictures_of(events.last().unwrap()).remove(0);
        assert_eq!(get(&base, &picture.picture_id).await.status(), StatusCode::NOT_FOUND, "{state:?}");
    }
    intake.house.stop().await;
}

#[tokio::test]
async fn who_carries_a_case_sees_its_pictures_before_everybody_does() {
    let intake = Intake::start().await;
    intake.follow();
    let base = intake.web().await;
    let receipt = intake.submit(&with_pictures(vec![photograph(1)])).await.unwrap();
    intake.hears(&receipt, 2, CaseState::Submitted, Body::CaseQueued(CaseQueued::default())).await;
    let picture = told(&intake).await.remove(0);
    let seen_by = async |token: String| {
        let url = format!("{base}/pictures/{}", picture.picture_id);
        http_client().get(url).bearer_auth(token).send().await.unwrap()
    };
    let seen = seen_by(intake.house.token("office", "150802-office", "")).await;
    assert_eq!(seen.status(), StatusCode::OK);
    assert_eq!(seen.headers()[header::CACHE_CONTROL], "private, no-store");
    for token in [
        intake.house.token("office", "150800-office", ""),
        intake.house.token("operator", "", ""),
        intake.house.token("representative", "r-150802001-001", ""),
        "nonsense".to_owned(),
    ] {
        assert_eq!(seen_by(token).await.status(), StatusCode::NOT_FOUND);
    }
    intake.house.stop().await;
}

#[tokio::test]
async fn a_submission_with_pictures_is_taken_once() {
    let intake = Intake::start().await;
    intake.follow();
    let base = intake.web().await;
    let request = with_pictures(vec![photograph(1), photograph(2)]);
    let mut calls = JoinSet::new();
    for _ in 0..8 {
        let (mut client, request) = (intake.client.clone(), request.clone());
        calls.spawn(async move { client.submit_case(request).await.unwrap().into_inner() });
    }
    let receipts = calls.join_all().await;
    assert!(receipts.iter().all(|receipt| receipt == &receipts[0]));
    assert_eq!(intake.submit(&request).await.unwrap(), receipts[0]);
    let told = told(&intake).await;

    let mut other = request.clone();
    other.pictures[1] = photograph(3);
    let status = intake.submit(&other).await.unwrap_err();
    assert_eq!((status.code(), reason(&status).as_str()), (Code::AlreadyExists, "IDEMPOTENCY_KEY_REUSED"));
    other.pictures.clear();
    assert_eq!(reason(&intake.submit(&other).await.unwrap_err()), "IDEMPOTENCY_KEY_REUSED");

    // What calls left behind that were not first is gone a day later, and nothing else is.
    registered(&intake, &receipts[0]).await;
    intake.house.clock.advance(SignedDuration::from_hours(25));
    intake.app.sweep.notify_one();
    intake.house.until("the rest is swept away", || async { intake.folder.files().len() == 2 }).await;
    for picture in &told {
        assert_eq!(get(&base, &picture.picture_id).await.status(), StatusCode::OK);
    }
    let unsettled: i64 = sqlx::query_scalar("SELECT count(*) FROM pictures WHERE NOT settled")
        .fetch_one(&intake.house.platform.db)
        .await
        .unwrap();
    assert_eq!(unsettled, 0);
    intake.house.stop().await;
}

#[tokio::test]
async fn what_is_wrong_with_a_picture_is_told_at_its_place_and_nothing_is_kept() {
    let intake = Intake::start().await;
    let table = [
        (vec![photograph(1); 7], vec!["pictures"]),
        (vec![vec![7; 1_048_577]; 3], vec!["pictures"]),
        (vec![photograph(1), Vec::new(), photograph(2), Vec::new()], vec!["pictures[1]", "pictures[3]"]),
        (vec![photograph(1), photograph(2), b"GIF89a and so on".to_vec()], vec!["pictures[2]"]),
    ];
    for (pictures, expected) in table {
        let status = intake.submit(&with_pictures(pictures)).await.unwrap_err();
        assert_eq!(
            (status.code(), fields(&status)),
            (Code::InvalidArgument, expected.iter().map(|field| (*field).to_owned()).collect())
        );
    }
    let huge = intake.submit(&with_pictures(vec![vec![7; 6 * 1_048_576]])).await.unwrap_err();
    assert_eq!((huge.code(), reason(&huge).as_str()), (Code::InvalidArgument, "REQUEST_TOO_LARGE"));
    assert!(intake.house.outbox_events().await.is_empty() && intake.folder.files().is_empty());
    intake.house.stop().await;
}

#[tokio::test]
async fn erasing_takes_the_pictures_of_the_case_and_of_no_other() {
    let intake = Intake::start().await;
    intake.follow();
    let base = intake.web().await;
    let same = [photograph(1), photograph(2)];
    let first = intake.submit(&with_pictures(same.to_vec())).await.unwrap();
    let picture = told(&intake).await.remove(0);
    let second = intake.submit(&with_pictures(same[..1].to_vec())).await.unwrap();
    for receipt in [&first, &second] {
        registered(&intake, receipt).await;
    }
    assert_eq!(intake.folder.files().len(), 3, "each case has its own");

    erase(&intake, &first).await;
    intake.house.until("two are gone", || async { intake.folder.files().len() == 1 }).await;
    assert_eq!(
        get(&base, &picture.picture_id).await.status(),
        StatusCode::OK,
        "the other case shows it still"
    );
    erase(&intake, &second).await;
    assert_eq!(get(&base, &picture.picture_id).await.status(), StatusCode::NOT_FOUND, "at once");
    let rows = || async {
        let rows: i64 = sqlx::query_scalar("SELECT count(*) FROM pictures")
            .fetch_one(&intake.house.platform.db)
            .await
            .unwrap();
        rows == 0 && intake.folder.files().is_empty()
    };
    intake.house.until("nothing is left", rows).await;
    intake.house.stop().await;
}

#[tokio::test]
async fn an_object_that_cannot_be_deleted_is_tried_again() {
    let intake = Intake::start().await;
    let receipt = intake.submit(&with_pictures(vec![photograph(1), photograph(2)])).await.unwrap();
    // A folder where the file should be: it cannot be deleted as a file.
    let stuck = intake.folder.files().remove(0);
    std::fs::remove_file(&stuck).unwrap();
    std::fs::create_dir_all(stuck.join("x")).unwrap();
    erase(&intake, &receipt).await;
    let rows = async || -> i64 {
        sqlx::query_scalar("SELECT count(*) FROM pictures")
            .fetch_one(&intake.house.platform.db)
            .await
            .unwrap()
    };
    intake.house.until("the other one is gone", || async { rows().await == 1 }).await;
    std::fs::remove_dir_all(&stuck).unwrap();
    intake.app.sweep.notify_one();
    intake.house.until("this one too", || async { rows().await == 0 }).await;
    intake.house.stop().await;
}

#[tokio::test]
async fn a_picture_for_a_report_is_kept_once_and_shown_to_all() {
    let intake = Intake::start().await;
    let base = intake.web().await;
    let file = photograph(1);
    let whole = upload(&intake, "department", "150802-housing", vec![file.clone()]).await.unwrap();
    let in_chunks: Vec<Vec<u8>> = file.chunks(100).map(<[u8]>::to_vec).collect();
    for (role, code) in [("office", "150802-office"), ("representative", "r-150802001-001")] {
        assert_eq!(upload(&intake, role, code, in_chunks.clone()).await.unwrap(), whole);
    }
    assert_eq!(intake.folder.files().len(), 1);
    let shown = get(&base, &whole.picture_id).await;
    assert_eq!(shown.status(), StatusCode::OK);
    assert!(!contains(&shown.bytes().await.unwrap(), PLACE));
    assert!(intake.house.outbox_events().await.is_empty());

    intake.house.clock.advance(SignedDuration::from_hours(25));
    sweep_pictures(&intake.app).await.unwrap();
    assert_eq!(get(&base, &whole.picture_id).await.status(), StatusCode::OK, "no sweep takes it");
    intake.house.stop().await;
}

#[tokio::test]
async fn an_upload_that_cannot_be_taken_is_told_why() {
    let intake = Intake::start().await;
    for (role, code) in [("operator", ""), ("auditor", "")] {
        let status = upload(&intake, role, code, vec![photograph(1)]).await.unwrap_err();
        assert_eq!((status.code(), reason(&status).as_str()), (Code::PermissionDenied, "ROLE_NOT_ALLOWED"));
    }
    let chunks = futures_util::stream::iter([UploadPictureRequest { chunk: photograph(1) }]);
    let status = intake.client.clone().upload_picture(Request::new(chunks)).await.unwrap_err();
    assert_eq!(status.code(), Code::Unauthenticated);

    let table = [
        (Vec::new(), "is empty"),
        (vec![b"%PDF-1.7".to_vec()], "is neither JPEG nor PNG nor WebP"),
        (vec![vec![7; 1_048_577]], "takes 1048577 bytes; at most 1048576 bytes"),
        (vec![vec![7; 1_048_576]; 11], "at most 10485760 bytes"),
    ];
    for (chunks, expected) in table {
        let status = upload(&intake, "department", "150802-housing", chunks).await.unwrap_err();
        assert_eq!((status.code(), fields(&status)), (Code::InvalidArgument, vec!["chunk".to_owned()]));
        assert!(status.message().contains(expected), "{}", status.message());
    }
    assert!(intake.folder.files().is_empty());
    intake.house.stop().await;
}

#[tokio::test]
async fn past_the_memory_for_large_requests_only_these_are_turned_away() {
    let tight = PictureSettings { mib_max: 1, ..PICTURES };
    let intake = Intake::start_with_both(COMMITS, tight).await;
    let status = intake.submit(&with_pictures(vec![vec![7; 2_500_000]])).await.unwrap_err();
    assert_eq!(status.code(), Code::ResourceExhausted, "{status:?}");
    assert!(status.get_details_retry_info().is_some());
    let status = upload(&intake, "office", "150802-office", vec![vec![7; 1_000_000]; 3]).await.unwrap_err();
    assert_eq!(status.code(), Code::ResourceExhausted, "{status:?}");

    intake.submit(&request()).await.unwrap();
    intake.submit(&with_pictures(vec![photograph(1)])).await.unwrap();
    let all_given_back = intake.app.picture_works.reserve_mib(1);
    assert!(all_given_back.is_ok());
    intake.house.stop().await;
}

#[tokio::test]
async fn past_the_queue_for_pictures_callers_are_turned_away_at_once() {
    let closed = PictureSettings { calls_max: 0, ..PICTURES };
    let intake = Intake::start_with_both(COMMITS, closed).await;
    let status = intake.submit(&with_pictures(vec![photograph(1)])).await.unwrap_err();
    assert_eq!(status.code(), Code::ResourceExhausted);
    let status = upload(&intake, "office", "150802-office", vec![photograph(1)]).await.unwrap_err();
    assert_eq!(status.code(), Code::ResourceExhausted);
    intake.submit(&request()).await.unwrap();
    intake.house.stop().await;
}

#[tokio::test]
async fn when_the_store_is_away_texts_are_taken_and_pictures_are_not() {
    let intake = Intake::start().await;
    let folder = &intake.folder.0;
    std::fs::remove_dir_all(folder).unwrap();
    std::fs::write(folder, b"no folder any more").unwrap();
    let request_with = with_pictures(vec![photograph(1)]);
    let status = intake.submit(&request_with).await.unwrap_err();
    assert_eq!((status.code(), reason(&status).as_str()), (Code::Unavailable, "PICTURES_NOT_KEPT"));
    assert!(intake.house.outbox_events().await.is_empty());
    intake.submit(&request()).await.unwrap();

    std::fs::remove_file(folder).unwrap();
    std::fs::create_dir_all(folder).unwrap();
    intake.submit(&request_with).await.unwrap();
    assert_eq!(intake.folder.files().len(), 1);
    intake.house.stop().await;
}

#[tokio::test]
async fn a_picture_of_a_submission_that_was_never_committed_is_seen_by_nobody() {
    let intake = Intake::start().await;
    let base = intake.web().await;
    intake.submit(&with_pictures(vec![photograph(1)])).await.unwrap();
    let picture = told(&intake).await.remove(0);
    // As if the service had ended between storing and committing.
    sqlx::query("UPDATE pictures SET case_id = $1")
        .bind(CaseId::new_v7())
        .execute(&intake.house.platform.db)
        .await
        .unwrap();
    assert_eq!(get(&base, &picture.picture_id).await.status(), StatusCode::NOT_FOUND);
    let swept = async || sweep_pictures(&intake.app).await.unwrap();
    assert_eq!(swept().await.deleted, 0, "it may yet be committed");
    intake.house.clock.advance(SignedDuration::from_hours(25));
    swept().await;
    intake.house.until("it is gone", || async { intake.folder.files().is_empty() }).await;
    intake.house.stop().await;
}
