//! The pages, over HTTP, as a browser without scripts uses them.

use huying_proto::{
    events::v1::{
        CaseDeclined, CaseMerged, CaseReplied, CaseState, CaseWithdrawn, DeclineGround, event::Body,
    },
    intake::v1::SubmitCaseResponse,
};
use reqwest::{StatusCode, header};
use uuid::Uuid;

use crate::{
    browser::{Browser, submission, value_of},
    house::{Intake, NAME, request, routing_event},
};

#[tokio::test]
async fn a_citizen_writes_follows_and_rates() {
    let intake = Intake::start().await;
    intake.follow();
    let browser = Browser::new(intake.web().await);
    let page = browser.get("/").await.text().await.unwrap();
    assert!(page.contains("团结街道") && page.contains("optgroup label=\"临河区\""));
    let key = value_of(&page, "idempotency_key");

    let fields = submission(&key, "暖气不热");
    let (first, second) = tokio::join!(browser.post("/submit", &fields), browser.post("/submit", &fields));
    assert_eq!((first.status(), second.status()), (StatusCode::OK, StatusCode::OK));
    assert_eq!(first.url().path(), "/submit", "the code is in no URL");
    let (first, second) = (first.text().await.unwrap(), second.text().await.unwrap());
    let code = value_of(&first, "receipt_code");
    assert_eq!(code, value_of(&second, "receipt_code"), "a double click makes one case");
    assert!(first.contains("noindex"));
    let events = intake.house.outbox_events().await;
    assert_eq!(events.len(), 1);
    assert!(matches!(&events[0].body, Some(Body::CaseSubmitted(text)) if text.body.contains("暖气。\n请")));

    let status = browser.post("/track", &[("receipt_code", &code.to_lowercase())]).await;
    assert_eq!(status.status(), StatusCode::OK);
    let status = status.text().await.unwrap();
    assert!(status.contains("已提交") && !status.contains("action=\"/rate\""));

    let receipt = huying_proto::intake::v1::SubmitCaseResponse {
        case_id: events[0].case_id.clone(),
        receipt_code: code.clone(),
        received_at: None,
        region: events[0].header.as_ref().unwrap().region.clone(),
    };
    let reply = CaseReplied {
        unit: "150802-housing".into(),
        text: "<b>已修好</b>。".into(),
        reply_number: 1,
        ..CaseReplied::default()
    };
    intake.hears(&receipt, 5, CaseState::Replied, Body::CaseReplied(reply)).await;
    let status = browser.post("/track", &[("receipt_code", &code)]).await.text().await.unwrap();
    assert!(status.contains("&lt;b&gt;已修好") && status.contains("临河区住建局"));
    let rating_key = value_of(&status, "idempotency_key");

    let mut rating = vec![
        ("receipt_code", code.as_str()),
        ("idempotency_key", rating_key.as_str()),
        ("resolved", "no"),
        ("comment", "还是不热"),
        ("reopen", "yes"),
    ];
    let incomplete = browser.post("/rate", &rating).await;
    assert_eq!(incomplete.status(), StatusCode::UNPROCESSABLE_ENTITY);
    let incomplete = incomplete.text().await.unwrap();
    assert!(incomplete.contains("请选择一项") && incomplete.contains("还是不热"), "what was typed is kept");
    assert_eq!(value_of(&incomplete, "idempotency_key"), rating_key);
    rating.push(("satisfied", "no"));
    assert_eq!(browser.post("/rate", &rating).await.status(), StatusCode::OK);
    assert_eq!(browser.post("/rate", &rating).await.status(), StatusCode::OK, "a double click");
    assert_eq!(intake.house.outbox_events().await.len(), 2);
    intake.house.stop().await;
}

#[tokio::test]
async fn faults_are_shown_at_their_fields_and_nothing_typed_is_lost() {
    let intake = Intake::start().await;
    let browser = Browser::new(intake.web().await);
    let page = browser.get("/").await.text().await.unwrap();
    let key = value_of(&page, "idempotency_key");
    let mut fields = submission(&key, " ");
    for (name, value) in &mut fields {
        match *name {
            "phone" => *value = "call <me>",
            "publication" | "region_code" => *value = "",
            _ => {}
        }
    }
    let answer = browser.post("/submit", &fields).await;
    assert_eq!(answer.status(), StatusCode::UNPROCESSABLE_ENTITY);
    let page = answer.text().await.unwrap();
    for id in ["title-fault", "phone-fault", "publication-fault", "region_code-fault"] {
        assert!(page.contains(&format!("id=\"{id}\"")), "{id}: {page}");
    }
    assert!(page.contains("三号楼没有暖气。\n请尽快解决。") && page.contains(NAME));
    assert!(page.contains("call &lt;me&gt;"));
    assert_eq!(value_of(&page, "idempotency_key"), key);
    assert!(intake.house.outbox_events().await.is_empty());
    intake.house.stop().await;
}

#[tokio::test]
async fn a_form_sent_again_with_another_text_asks_first() {
    let intake = Intake::start().await;
    let browser = Browser::new(intake.web().await);
    let key = value_of(&browser.get("/").await.text().await.unwrap(), "idempotency_key");
    assert_eq!(browser.post("/submit", &submission(&key, "暖气不热")).await.status(), StatusCode::OK);
    let answer = browser.post("/submit", &submission(&key, "路灯不亮")).await;
    assert_eq!(answer.status(), StatusCode::CONFLICT);
    let page = answer.text().await.unwrap();
    let fresh = value_of(&page, "idempotency_key");
    assert!(fresh != key && page.contains("路灯不亮"));
    assert_eq!(browser.post("/submit", &submission(&fresh, "路灯不亮")).await.status(), StatusCode::OK);
    assert_eq!(intake.house.outbox_events().await.len(), 2);
    intake.house.stop().await;
}

#[tokio::test]
async fn a_qr_code_addresses_a_representative_or_a_station() {
    let intake = Intake::start().await;
    let browser = Browser::new(intake.web().await);
    let page = browser.get("/?representative=r-150802001-001").await.text().await.unwrap();
    assert!(page.contains("团结街道r-150802001-001代表"));
    assert_eq!(value_of(&page, "representative_code"), "r-150802001-001");
    let key = value_of(&page, "idempotency_key");
    let mut fields = submission(&key, "暖气不热");
    for (name, value) in &mut fields {
        match *name {
            "representative_code" => *value = "r-150802001-001",
            "region_code" => *value = "",
            _ => {}
        }
    }
    assert_eq!(browser.post("/submit", &fields).await.status(), StatusCode::OK);
    let header = intake.house.outbox_events().await.remove(0).header.unwrap();
    assert_eq!(header.representative_codes, ["r-150802001-001"]);
    assert_eq!(header.region.unwrap().township, "150802001");

    let page = browser.get("/?station=150802001-s1").await.text().await.unwrap();
    assert!(page.contains("团结街道代表之家"));
    let page = browser.get("/?region=150802001").await.text().await.unwrap();
    assert!(page.contains("<option value=\"150802001\" selected>"));
    assert_eq!(browser.get("/?representative=nobody").await.status(), StatusCode::OK);
    intake.house.stop().await;
}

#[tokio::test]
async fn every_answer_is_guarded_and_what_is_wrong_has_a_page() {
    let intake = Intake::start().await;
    let browser = Browser::new(intake.web().await);
    for (path, status) in [
        ("/", StatusCode::OK),
        ("/track", StatusCode::OK),
        ("/static/style.css", StatusCode::OK),
        ("/nowhere", StatusCode::NOT_FOUND),
        ("/submit", StatusCode::SEE_OTHER),
    ] {
        let answer = browser.get(path).await;
        assert_eq!(answer.status(), status, "{path}");
        let policy = answer.headers()[header::CONTENT_SECURITY_POLICY].to_str().unwrap();
        assert!(policy.starts_with("default-src 'none'") && !policy.contains("unsafe"), "{path}");
        assert_eq!(answer.headers()[header::X_CONTENT_TYPE_OPTIONS], "nosniff");
        let page = answer.text().await.unwrap();
        assert!(!page.contains("<script") && !page.contains(" style="), "{path}");
    }
    assert!(browser.get("/healthz").await.status().is_success());

    let long = "长".repeat(100_000);
    let answer = browser.post("/submit", &[("body", &long)]).await;
    assert_eq!(answer.status(), StatusCode::PAYLOAD_TOO_LARGE);
    assert!(answer.text().await.unwrap().contains("内容太长"));
    let answer = browser.client.post(format!("{}/submit", browser.base)).body("{}").send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::BAD_REQUEST);

    let answer = browser.post("/track", &[("receipt_code", "01ABC-DEFGH-JKMNP-QRSTV")]).await;
    assert_eq!(answer.status(), StatusCode::NOT_FOUND);
    let answer = browser.post("/track", &[("receipt_code", "<x>")]).await;
    assert_eq!(answer.status(), StatusCode::UNPROCESSABLE_ENTITY);
    assert!(answer.text().await.unwrap().contains("&lt;x&gt;"));
    intake.house.stop().await;
}

#[tokio::test]
async fn a_citizen_withdraws_after_being_asked_once_more() {
    let intake = Intake::start().await;
    intake.follow();
    let browser = Browser::new(intake.web().await);
    let receipt = intake.submit(&request()).await.unwrap();
    let code = receipt.receipt_code.as_str();
    let status = browser.post("/track", &[("receipt_code", code)]).await.text().await.unwrap();
    assert!(status.contains("action=\"/withdraw\""));

    let asked = browser.post("/withdraw", &[("receipt_code", code)]).await;
    assert_eq!(asked.status(), StatusCode::OK);
    let asked = asked.text().await.unwrap();
    assert!(asked.contains("确定要撤回吗") && intake.house.outbox_events().await.len() == 1);
    let key = value_of(&asked, "idempotency_key");
    let too_long = "字".repeat(501);
    let mut form = vec![
        ("receipt_code", code),
        ("idempotency_key", key.as_str()),
        ("confirmed", "yes"),
        ("reason", too_long.as_str()),
    ];
    let faulty = browser.post("/withdraw", &form).await;
    assert_eq!(faulty.status(), StatusCode::UNPROCESSABLE_ENTITY);
    let faulty = faulty.text().await.unwrap();
    assert!(faulty.contains("id=\"reason-fault\"") && faulty.contains(&too_long));
    form[3].1 = "已经修好";
    assert_eq!(browser.post("/withdraw", &form).await.status(), StatusCode::OK);
    assert_eq!(browser.post("/withdraw", &form).await.status(), StatusCode::OK, "a double click");
    assert_eq!(intake.house.outbox_events().await.len(), 2);

    let status = browser.post("/track", &[("receipt_code", code)]).await.text().await.unwrap();
    assert!(status.contains("正在等待处理") && !status.contains("action=\"/withdraw\""));
    intake.hears(&receipt, 2, CaseState::Withdrawn, Body::CaseWithdrawn(CaseWithdrawn::default())).await;
    let again = browser.post("/withdraw", &[("receipt_code", code)]).await;
    assert_eq!(again.status(), StatusCode::CONFLICT);
    let status = again.text().await.unwrap();
    assert!(status.contains("已撤回") && !status.contains("正在等待处理") && !status.contains("办理中"));
    let unknown = browser.post("/withdraw", &[("receipt_code", "01ABC-DEFGH-JKMNP-QRSTV")]).await;
    assert_eq!(unknown.status(), StatusCode::NOT_FOUND);
    assert_eq!(browser.get("/withdraw").await.status(), StatusCode::SEE_OTHER);
    intake.house.stop().await;
}

#[tokio::test]
async fn the_page_says_why_a_case_was_declined_and_where_a_merged_one_goes_on() {
    let intake = Intake::start().await;
    intake.follow();
    let browser = Browser::new(intake.web().await);
    let page_of = async |receipt: &SubmitCaseResponse| {
        let fields = [("receipt_code", receipt.receipt_code.as_str())];
        browser.post("/track", &fields).await.text().await.unwrap()
    };
    let declined = intake.submit(&request()).await.unwrap();
    let explanation = "属于邻市管辖，\n请向<邻市>反映。".to_owned();
    let ground = CaseDeclined { ground: DeclineGround::OutOfScope.into(), explanation };
    intake.hears(&declined, 2, CaseState::Declined, Body::CaseDeclined(ground)).await;
    let page = page_of(&declined).await;
    for words in ["不予受理", "不属于受理范围", "属于邻市管辖，", "请向&lt;邻市&gt;反映。"]
    {
        assert!(page.contains(words), "{words}: {page}");
    }
    assert!(!page.contains("action=\"/withdraw\"") && !page.contains("action=\"/rate\""));

    let merged = intake.submit(&request()).await.unwrap();
    let primary = Uuid::now_v7().to_string();
    let tells = async |version: u64, body: Body| {
        let mut event = routing_event(&merged, version, CaseState::Merged, body);
        event.standing.as_mut().unwrap().merged_into = primary.clone();
        intake.house.publish_case_event(&event).await;
        let is_taken_in =
            || async { intake.track(&merged.receipt_code).await.unwrap().case_version >= version };
        intake.house.until("it is taken in", is_taken_in).await;
    };
    tells(2, Body::CaseMerged(CaseMerged::default())).await;
    let page = page_of(&merged).await;
    let link = format!("href=\"https://ledger.example/cases/{primary}\"");
    assert!(page.contains("已并案") && page.contains(&link) && !page.contains("action=\"/rate\""));
    let reply = CaseReplied { text: "已修好。".into(), reply_number: 1, ..CaseReplied::default() };
    tells(3, Body::CaseReplied(reply)).await;
    let page = page_of(&merged).await;
    assert!(page.contains("已修好。") && page.contains("action=\"/rate\""));
    assert!(page.contains("请单独继续办理"));
    intake.house.stop().await;
}
