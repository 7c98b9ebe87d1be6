//! What a search may take up, whoever asks, and whatever of; and what a list makes of a title that was changed.

use huying_ledger_svc::store;
use huying_platform::ids::CaseId;
use huying_proto::ledger::v1::ListCasesRequest;
use tonic::Code;
use tonic_types::StatusExt as _;

use crate::{
    house::House,
    story::{DEPARTMENT, Story},
};

/// The path of a search for 供暖.
const HEATING: &str = "/cases?q=%E4%BE%9B%E6%9A%96";

#[tokio::test]
async fn a_search_that_gets_no_turn_is_told_to_come_back_and_nobody_else_is() {
    let house = House::start().await;
    let story = Story::new("供暖", "暖气不热", 1).registered();
    house.tell(&[&story]).await;
    for is_page in [true, false] {
        // A search that waits for a table has the only turn that a pool of this size gives.
        let mut hold = house.db().begin().await.unwrap();
        sqlx::query("LOCK TABLE case_search IN ACCESS EXCLUSIVE MODE").execute(&mut *hold).await.unwrap();
        let others = async {
            house
                .house
                .until("the first search waits for the table", || async {
                    sqlx::query_scalar(
                        "SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted AND relation = 'case_search'::regclass)",
                    )
                    .fetch_one(house.db())
                    .await
                    .unwrap()
                })
                .await;
            if is_page {
                let refused = house.get(HEATING).await;
                assert_eq!(refused.status, 503);
                assert_eq!(refused.headers["retry-after"], "2");
                assert!(refused.body.contains("同时搜索的人太多"));
                let feed = house.get("/cases.atom?q=%E4%BE%9B%E6%9A%96").await;
                assert_eq!((feed.status, feed.headers["retry-after"].to_str().unwrap()), (503, "2"));
            } else {
                let request = ListCasesRequest { query: "供暖".into(), ..ListCasesRequest::default() };
                let refused = house.client.clone().list_cases(request).await.unwrap_err();
                assert_eq!(refused.code(), Code::ResourceExhausted);
                assert!(refused.get_details_retry_info().is_some());
            }
            assert!(house.get("/cases").await.body.contains(&story.case_id));
            hold.rollback().await.unwrap();
        };
        let (first, ()) = tokio::join!(house.get(HEATING), others);
        assert_eq!(first.status, 200);
        assert!(first.body.contains(&story.case_id));
    }
    assert_eq!(house.metric("ledger_searches_refused_total"), 3);
    house.stop().await;
}

#[tokio::test]
async fn of_a_long_history_no_more_is_read_than_is_searched_or_shown() {
    let house = House::start().await;
    let mut story =
        Story::new("供暖", &"暖气不热。".repeat(200), 1).registered().assigned(DEPARTMENT).accepted();
    for number in 0..40 {
        story = story.progress(&format!("第{number}次{}", "检修".repeat(1_000)));
    }
    house.tell(&[&story]).await;
    let case_id: CaseId = story.case_id.parse().unwrap();
    let mut connection = house.db().acquire().await.unwrap();
    let mut texts = store::search::texts(&mut connection, &[case_id], 24_000).await.unwrap();
    drop(connection);
    let texts = texts.remove(&case_id).unwrap();
    let names: Vec<&str> = texts.iter().take(2).map(|text| text.name.as_str()).collect();
    assert_eq!(names, ["body", "title"]);
    // Of 6,000 bytes each, so that four have a little more than is asked for.
    let later: Vec<&str> = texts[2..].iter().map(|text| text.text.as_str()).collect();
    assert!(later.iter().zip(36..).all(|(text, number)| text.starts_with(&format!("第{number}次"))));
    assert_eq!(later.len(), 4);
    assert!(house.case(&story.case_id).await.discrepancies.is_empty());
    house.stop().await;
}

#[tokio::test]
async fn a_title_that_is_not_the_one_in_the_log_is_in_no_list_and_the_list_says_so() {
    let house = House::start().await;
    let forged = Story::new("供暖", "暖气不热", 1).registered();
    let right = Story::new("供暖费", "暖气不热", 2).registered();
    house.tell(&[&forged, &right]).await;
    sqlx::query("UPDATE texts SET text = '供暖很好' WHERE case_id = $1 AND name = 'title'")
        .bind(forged.case_id.parse::<CaseId>().unwrap())
        .execute(house.db())
        .await
        .unwrap();
    for address in ["/", "/cases", HEATING, "/cases.atom", "/cases.atom?q=%E4%BE%9B%E6%9A%96"] {
        let page = house.get(address).await.body;
        assert_eq!(page.matches("标题与账本不符").count(), 1, "{address}: {page}");
        assert!(!page.contains("供暖很好") && page.contains(&forged.case_id), "{address}: {page}");
    }
    for query in ["", "供暖"] {
        let request = ListCasesRequest { query: query.into(), ..ListCasesRequest::default() };
        let cases = house.client.clone().list_cases(request).await.unwrap().into_inner().cases;
        let said = |story: &Story| {
            let case = cases.iter().find(|case| case.case_id == story.case_id).unwrap();
            (case.title.clone(), case.title_differs)
        };
        assert_eq!(said(&forged), (String::new(), true));
        assert_eq!(said(&right), ("供暖费".to_owned(), false));
    }
    house.stop().await;
}
