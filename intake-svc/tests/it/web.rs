//! The pages, over HTTP, as a browser without scripts uses them.

use huying_proto::events::v1::{CaseReplied, CaseState, event::Body};
use reqwest::{Client, Response, StatusCode, header};

use crate::house::{Intake, NAME, PHONE, http_client};

struct Browser {
    base: String,
    client: Client,
}

impl Browser {
    fn new(base: String) -> Self {
        Self { base, client: http_client() }
    }

    async fn get(&self, path: &str) -> Response {
        self.client.get(format!("{}{path}", self.base)).send().await.unwrap()
    }

    async fn post(&self, path: &str, fields: &[(&str, &str)]) -> Response {
        let encode = |text: &str| text.bytes().map(|byte| format!("%{byte:02X}")).collect::<String>();
        let body: Vec<String> =
            fields.iter().map(|(name, value)| format!("{name}={}", encode(value))).collect();
        self.client
            .post(format!("{}{path}", self.base))
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(body.join("&"))
            .send()
            .await
            .unwrap()
    }
}

/// The value of the first field of this name in a page.
fn value_of(page: &str, name: &str) -> String {
    let from = page.find(&format!("name=\"{name}\" value=\"")).unwrap_or_else(|| panic!("no {name}: {page}"));
    let rest = &page[from + name.len() + 15..];
    rest[..rest.find('"').unwrap()].to_owned()
}

fn submission<'a>(key: &'a str, title: &'a str) -> Vec<(&'a str, &'a str)> {
    vec![
        ("idempotency_key", key),
        ("kind", "message"),
        ("region_code", "150802001"),
        ("representative_code", ""),
        ("station_code", ""),
        ("category", "城乡建设/供热"),
        ("title", title),
        ("body", "三号楼没有暖气。\r\n请尽快解决。"),
        ("name", NAME),
        ("phone", PHONE),
        ("address", ""),
        ("publication", "public"),
    ]
}

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
    let reply =
        CaseReplied { unit: "150802-housing".into(), text: "<b>已修好</b>。".into(), reply_number: 1 };
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
