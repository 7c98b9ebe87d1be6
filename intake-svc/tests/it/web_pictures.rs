//! Pictures that come with the form for writing.

use huying_intake_svc::picture_works::PictureSettings;
use huying_proto::events::v1::event::Body;
use reqwest::{StatusCode, header};

use crate::{
    browser::{Browser, submission, value_of},
    house::{COMMITS, Intake, PICTURES},
    pictures::{PLACE, contains, photograph},
};

#[tokio::test]
async fn a_citizen_sends_pictures_without_a_script() {
    let intake = Intake::start().await;
    let browser = Browser::new(intake.web().await);
    let page = browser.get("/").await.text().await.unwrap();
    assert!(page.contains("enctype=\"multipart/form-data\""));
    assert!(page.contains("accept=\"image/jpeg,image/png,image/webp\"") && page.contains(" multiple"));
    let key = value_of(&page, "idempotency_key");
    let fields = submission(&key, "暖气不热");
    let files = [photograph(1), photograph(2)];
    let files = [("IMG 1.jpg", files[0].as_slice()), ("图.jpg", files[1].as_slice())];
    let (first, second) =
        tokio::join!(browser.post_parts(&fields, &files), browser.post_parts(&fields, &files));
    assert_eq!((first.status(), second.status()), (StatusCode::OK, StatusCode::OK));
    let code = value_of(&first.text().await.unwrap(), "receipt_code");
    assert_eq!(
        code,
        value_of(&second.text().await.unwrap(), "receipt_code"),
        "a double click makes one case"
    );

    let events = intake.house.outbox_events().await;
    assert_eq!(events.len(), 1);
    let Some(Body::CaseSubmitted(submitted)) = &events[0].body else { panic!("{events:?}") };
    assert_eq!((submitted.pictures.len(), submitted.body.as_str()), (2, "三号楼没有暖气。\n请尽快解决。"));
    for file in intake.folder.files() {
        assert!(!contains(&std::fs::read(file).unwrap(), PLACE));
    }

    // Nobody has to choose a picture; the browser sends an empty part then.
    let key = value_of(&browser.get("/").await.text().await.unwrap(), "idempotency_key");
    let answer = browser.post_parts(&submission(&key, "路灯不亮"), &[("", b"")]).await;
    assert_eq!(answer.status(), StatusCode::OK);
    let events = intake.house.outbox_events().await;
    assert!(matches!(&events[1].body, Some(Body::CaseSubmitted(text)) if text.pictures.is_empty()));
    intake.house.stop().await;
}

#[tokio::test]
async fn pictures_that_cannot_be_taken_lose_no_word() {
    let intake = Intake::start().await;
    let browser = Browser::new(intake.web().await);
    let key = value_of(&browser.get("/").await.text().await.unwrap(), "idempotency_key");
    let fields = submission(&key, "暖气不热");
    let good = photograph(1);
    let large = vec![7; 5_000_000];
    type Files<'a> = &'a [(&'a str, &'a [u8])];
    let table: [(Files<'_>, &str); 5] = [
        (&[("a.jpg", &good), ("b.pdf", b"%PDF-1.7")], "第 2 张：不是 JPG、PNG 或 WebP 图片"),
        (&[("a.jpg", &large), ("b.jpg", &large)], "合计超过 3 MB"),
        (&[("a.jpg", good.as_slice()); 9], "最多 6 张"),
        (&[("a.jpg", b"")], "第 1 张：文件是空的"),
        (&[("a.jpg", &good[..20])], "第 1 张：文件已损坏"),
    ];
    for (files, words) in table {
        let answer = browser.post_parts(&fields, files).await;
        assert_eq!(answer.status(), StatusCode::UNPROCESSABLE_ENTITY, "{words}");
        let page = answer.text().await.unwrap();
        assert!(page.contains(words) && page.contains("id=\"pictures-fault\""), "{words}: {page}");
        assert!(page.contains("请重新选择") && page.contains("三号楼没有暖气。\n请尽快解决。"), "{words}");
        assert_eq!(value_of(&page, "idempotency_key"), key);
    }
    assert!(intake.house.outbox_events().await.is_empty() && intake.folder.files().is_empty());
    let answer = browser.post_parts(&fields, &[("a.jpg", &good)]).await;
    assert_eq!(answer.status(), StatusCode::OK, "the same page, with what can be taken");

    let long = "长".repeat(100_000);
    let answer = browser.post_parts(&[("body", &long)], &[]).await;
    assert_eq!(answer.status(), StatusCode::PAYLOAD_TOO_LARGE);
    let answer = browser.post_parts(&[("body", "\u{fffd}")], &[]).await;
    assert_eq!(answer.status(), StatusCode::UNPROCESSABLE_ENTITY);
    intake.house.stop().await;
}

#[tokio::test]
async fn when_too_many_send_pictures_the_page_keeps_every_word() {
    let tight = PictureSettings { mib_max: 1, ..PICTURES };
    let intake = Intake::start_with_both(COMMITS, tight).await;
    let browser = Browser::new(intake.web().await);
    let key = value_of(&browser.get("/").await.text().await.unwrap(), "idempotency_key");
    let fields = submission(&key, "暖气不热");
    let answer = browser.post_parts(&fields, &[("a.jpg", &photograph(1))]).await;
    assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert!(answer.headers().contains_key(header::RETRY_AFTER));
    let page = answer.text().await.unwrap();
    assert!(page.contains("现在提交的人很多") && page.contains("请尽快解决"));
    assert_eq!(browser.post_parts(&fields, &[("", b"")]).await.status(), StatusCode::OK);
    intake.house.stop().await;
}
