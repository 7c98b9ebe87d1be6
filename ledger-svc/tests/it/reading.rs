//! Lists and proofs over gRPC, and what is refused.

use huying_platform::ids::CaseId;
use huying_proto::{
    events::v1::{CaseState, DeadlineKind, RegionPath},
    ledger::v1::{GetCaseRequest, GetInclusionProofRequest, GetUnitFiguresRequest, ListCasesRequest},
};
use tonic::Code;
use tonic_types::StatusExt as _;

use crate::{
    house::House,
    story::{DEPARTMENT, HOUSING, OFFICE, Story},
};

#[tokio::test]
async fn lists_are_filtered_and_paged_without_gaps_or_repeats() {
    let house = House::start().await;
    let mut stories: Vec<Story> =
        (0..7).map(|minute| Story::new("事项", "正文", minute).registered()).collect();
    stories
        .push(Story::new("逾期的", "正文", 7).registered().assigned(DEPARTMENT).expired(DeadlineKind::Reply));
    stories.push(Story::with("五原的", "正文", 8, |header| {
        header.region = Some(RegionPath {
            municipal: "150800".into(),
            district: "150821".into(),
            township: String::new(),
        });
    }));
    let events: Vec<_> = stories.iter().flat_map(|story| story.events.clone()).collect();
    house.publish_until(&events, events.len() as u64).await;
    let ids: Vec<String> = stories.iter().rev().map(|story| story.case_id.clone()).collect();

    assert_eq!(house.list(ListCasesRequest::default()).await, ids);
    let mut paged = Vec::new();
    let mut request = ListCasesRequest { page_size: 4, ..ListCasesRequest::default() };
    loop {
        let answer = house.client.clone().list_cases(request.clone()).await.unwrap().into_inner();
        assert_eq!(answer.total, 9);
        paged.extend(answer.cases.into_iter().map(|case| case.case_id));
        request.page_token = answer.next_page_token;
        if request.page_token.is_empty() {
            break;
        }
    }
    assert_eq!(paged, ids);

    let of_region = |code: &str| ListCasesRequest { region_code: code.into(), ..ListCasesRequest::default() };
    assert_eq!(house.list(of_region("150800")).await.len(), 9);
    assert_eq!(house.list(of_region("150802")).await.len(), 8);
    assert_eq!(house.list(of_region("150802001")).await.len(), 8);
    assert_eq!(house.list(of_region("150821")).await, ids[..1]);
    let overdue = ListCasesRequest { overdue_only: true, ..ListCasesRequest::default() };
    assert_eq!(house.list(overdue).await, ids[1..2]);
    let of_unit = |unit: &str| ListCasesRequest { unit: unit.into(), ..ListCasesRequest::default() };
    assert_eq!(house.list(of_unit(DEPARTMENT)).await, ids[1..2]);
    assert_eq!(house.list(of_unit(OFFICE)).await, ids[1..]);
    let submitted =
        ListCasesRequest { states: vec![CaseState::Submitted.into()], ..ListCasesRequest::default() };
    assert_eq!(house.list(submitted).await, ids[..1]);
    house.stop().await;
}

#[tokio::test]
async fn a_unit_keeps_the_cases_that_it_has_answered_and_those_of_which_it_had_a_part() {
    let house = House::start().await;
    let open = Story::new("在办的", "正文", 1).registered().assigned(DEPARTMENT).accepted();
    let replied =
        Story::new("答复了的", "正文", 2).registered().assigned(DEPARTMENT).accepted().replied("修好了");
    let closed = Story::new("办结了的", "正文", 3)
        .registered()
        .assigned(DEPARTMENT)
        .accepted()
        .replied("修好了")
        .rated(true, true)
        .closed();
    let returned = Story::new("退回的", "正文", 4).registered().assigned(DEPARTMENT).returned();
    let helped = Story::new("协办的", "正文", 5).registered().assigned_with_parts(HOUSING, &[DEPARTMENT]);
    let other = Story::new("别人的", "正文", 6).registered().assigned(HOUSING).accepted();
    let stories = [&open, &replied, &closed, &returned, &helped, &other];
    let events: Vec<_> = stories.iter().flat_map(|story| story.events.clone()).collect();
    house.publish_until(&events, events.len() as u64).await;

    let all = ListCasesRequest::default;
    let of_unit = || ListCasesRequest { unit: DEPARTMENT.into(), ..all() };
    let with = |unit: &str| ListCasesRequest { responsible_unit: unit.into(), ..all() };
    for (request, address, expected) in [
        (of_unit(), "unit=150802001-general", vec![&helped, &returned, &closed, &replied, &open]),
        (
            ListCasesRequest { states: vec![CaseState::Replied.into()], ..of_unit() },
            "unit=150802001-general&state=replied",
            vec![&replied],
        ),
        (
            ListCasesRequest { states: vec![CaseState::Closed.into()], ..of_unit() },
            "unit=150802001-general&state=closed",
            vec![&closed],
        ),
        (with(DEPARTMENT), "with=150802001-general", vec![&open]),
        // The case that is only to be struck off waits for nobody's handling.
        (with(OFFICE), "with=150802001-office", vec![&returned]),
        (with(HOUSING), "with=150802-housing", vec![&other, &helped]),
        (
            ListCasesRequest { responsible_unit: HOUSING.into(), ..of_unit() },
            "unit=150802001-general&with=150802-housing",
            vec![&helped],
        ),
    ] {
        let expected: Vec<String> = expected.iter().map(|story| story.case_id.clone()).collect();
        assert_eq!(house.list(request).await, expected, "{address}");
        let page = house.get(&format!("/cases?{address}")).await.body;
        let listed = stories.iter().filter(|story| page.contains(&story.case_id)).count();
        assert_eq!(listed, expected.len(), "{address}");
        let file = house.get(&format!("/cases.jsonl?{address}")).await.body;
        assert!(
            file.ends_with(&format!("{{\"end\":true,\"rows\":{}}}\n", expected.len())),
            "{address}: {file}"
        );
        let feed = house.get(&format!("/cases.atom?{address}")).await.body;
        assert_eq!(feed.matches("<entry>").count(), expected.len(), "{address}");
    }
    house.stop().await;
}

#[tokio::test]
async fn what_the_directory_does_not_know_may_have_cases_still() {
    let house = House::start().await;
    let story = Story::with("事项", "正文", 1, |header| {
        header.region = Some(RegionPath {
            municipal: "150800".into(),
            district: "150899".into(),
            township: String::new(),
        });
    });
    let story = story.registered().assigned("150899-gone");
    house.publish_until(&story.events, 3).await;
    let all = ListCasesRequest::default;
    for (request, count) in [
        (ListCasesRequest { region_code: "150899".into(), ..all() }, 1),
        (ListCasesRequest { region_code: "999999".into(), ..all() }, 0),
        (ListCasesRequest { unit: "150899-gone".into(), ..all() }, 1),
        (ListCasesRequest { responsible_unit: "150899-gone".into(), ..all() }, 1),
        (ListCasesRequest { unit: "150899-never".into(), ..all() }, 0),
        (ListCasesRequest { representative_code: "r-0".into(), ..all() }, 0),
    ] {
        assert_eq!(house.list(request.clone()).await.len(), count, "{request:?}");
    }
    let figures = |unit: &str| {
        let mut client = house.client.clone();
        let request = GetUnitFiguresRequest { unit: unit.into() };
        async move { client.get_unit_figures(request).await }
    };
    let gone = figures("150899-gone").await.unwrap().into_inner();
    assert_eq!((gone.unit_name.as_str(), gone.received), ("150899-gone", 1));
    assert_eq!(figures("150899-never").await.unwrap_err().code(), Code::NotFound);
    assert_eq!(figures("局").await.unwrap_err().message().split(':').next(), Some("unit"));
    house.stop().await;
}

#[tokio::test]
async fn one_row_that_makes_no_sense_neither_ends_a_list_nor_stays_unseen() {
    let house = House::start().await;
    let stories = [1, 2, 3].map(|minute| Story::new("供暖", "暖气不热", minute).registered());
    let events: Vec<_> = stories.iter().flat_map(|story| story.events.clone()).collect();
    house.publish_until(&events, events.len() as u64).await;
    let found = ListCasesRequest { query: "供暖".into(), ..ListCasesRequest::default() };
    house.house.until("all are found", || async { house.list(found.clone()).await.len() == 3 }).await;
    let changed = &stories[1].case_id;
    for (column, value) in [("kind", "77"), ("municipal", "'x'"), ("addressee_kind", "'x'")] {
        let statement =
            format!("UPDATE cases SET {column} = {value}, addressee_code = 'x' WHERE case_id = $1::uuid");
        sqlx::query(sqlx::AssertSqlSafe(statement))
            .bind(changed)
            .execute(&house.house.platform.db)
            .await
            .unwrap();
        for (request, address) in
            [(ListCasesRequest::default(), "/cases"), (found.clone(), "/cases?q=%E4%BE%9B%E6%9A%96")]
        {
            let answer = house.client.clone().list_cases(request).await.unwrap().into_inner();
            assert_eq!(answer.cases.len(), 2, "{column} {address}");
            assert_eq!(answer.unreadable_case_ids, std::slice::from_ref(changed), "{column} {address}");
            let page = house.get(address).await;
            assert_eq!(page.status, 200, "{column} {address}");
            assert!(page.body.contains("无法列出") && page.body.contains(changed), "{column} {address}");
        }
        assert_eq!(house.get("/cases.atom").await.body.matches("<entry>").count(), 2, "{column}");
    }
    // Pages that have nothing else go on to the next all the same.
    let mut request = ListCasesRequest { page_size: 1, ..ListCasesRequest::default() };
    let mut pages = 0;
    loop {
        let answer = house.client.clone().list_cases(request.clone()).await.unwrap().into_inner();
        pages += 1;
        request.page_token = answer.next_page_token;
        if request.page_token.is_empty() {
            break;
        }
    }
    assert_eq!(pages, 3);
    house.stop().await;
}

#[tokio::test]
async fn lists_know_the_states_in_which_a_case_has_left_its_way() {
    let house = House::start().await;
    let primary = Story::new("主件", "正文", 1).registered().classified("交通出行/停车");
    let merged = Story::new("并入的", "正文", 2).registered().merged_into(&primary);
    let primary = primary.absorbed(&merged);
    let declined = Story::new("不受理的", "正文", 3).queued().declined("请写明地点");
    let withdrawn = Story::new("撤回的", "正文", 4).registered().withdrawn("");
    let stories = [&primary, &merged, &declined, &withdrawn];
    let events: Vec<_> = stories.iter().flat_map(|story| story.events.clone()).collect();
    house.publish_until(&events, events.len() as u64).await;
    for (state, word, story) in [
        (CaseState::Merged, "merged", &merged),
        (CaseState::Declined, "declined", &declined),
        (CaseState::Withdrawn, "withdrawn", &withdrawn),
    ] {
        let request = ListCasesRequest { states: vec![state.into()], ..ListCasesRequest::default() };
        assert_eq!(house.list(request).await, std::slice::from_ref(&story.case_id));
        let page = house.get(&format!("/cases?state={word}")).await.body;
        assert!(page.contains("<strong>1</strong>") && page.contains(&story.case_id), "{page}");
    }
    let summary = house.case(&primary.case_id).await.case.unwrap();
    assert_eq!((summary.petitioner_count, summary.category.as_str()), (2, "交通出行/停车"));
    let summary = house.case(&merged.case_id).await.case.unwrap();
    assert_eq!((summary.petitioner_count, summary.merged_into), (1, primary.case_id));
    house.stop().await;
}

#[tokio::test]
async fn what_makes_no_sense_is_refused_by_name() {
    let house = House::start().await;
    house.publish_until(&Story::new("事项", "正文", 1).events, 1).await;
    let mut client = house.client.clone();

    let status = client
        .get_case(GetCaseRequest { case_id: "seven".into(), ..GetCaseRequest::default() })
        .await
        .unwrap_err();
    assert_eq!(status.code(), Code::InvalidArgument);
    let unknown = GetCaseRequest { case_id: CaseId::new_v7().to_string(), ..GetCaseRequest::default() };
    let status = client.get_case(unknown).await.unwrap_err();
    assert_eq!(status.code(), Code::NotFound);
    assert_eq!(status.get_details_error_info().unwrap().reason, "CASE_NOT_FOUND");

    let status = client.get_inclusion_proof(GetInclusionProofRequest { leaf_index: 1 }).await.unwrap_err();
    assert_eq!(status.code(), Code::InvalidArgument);
    assert_eq!(status.message(), "leaf_index: is 1; 0 would be right");

    let wrong = ListCasesRequest {
        region_code: "x".into(),
        states: vec![99],
        page_size: 501,
        page_token: "?".into(),
        ..ListCasesRequest::default()
    };
    let status = client.list_cases(wrong).await.unwrap_err();
    assert_eq!(status.code(), Code::InvalidArgument);
    let fields: Vec<_> = status
        .get_details_bad_request()
        .unwrap()
        .field_violations
        .into_iter()
        .map(|violation| violation.field)
        .collect();
    assert_eq!(fields, ["region_code", "states", "page_size", "page_token"]);
    house.stop().await;
}

#[tokio::test]
async fn a_reader_has_three_seconds() {
    let house = House::start().await;
    let readers = huying_ledger_svc::readers(&house.house.platform);
    let bound: String = sqlx::query_scalar("SHOW statement_timeout").fetch_one(&readers).await.unwrap();
    assert_eq!(bound, "3s");
    house.stop().await;
}

#[tokio::test]
async fn a_total_is_counted_to_ten_thousand_and_one() {
    let house = House::start().await;
    sqlx::query(
        "INSERT INTO cases (case_id, case_version, kind, publication, municipal, district, township, category, \
             submitted_at, updated_at, state, holder_office, responsible_unit, overdue, registered, replied_unit, \
             replied_holder) \
         SELECT gen_random_uuid(), 1, 1, 1, '150800', '150802', '150802001', '', now(), now(), 1, '', '', false, \
             false, '', '' FROM generate_series(1, 10050)",
    )
    .execute(&house.house.platform.db)
    .await
    .unwrap();
    let request =
        ListCasesRequest { region_code: "150802".into(), page_size: 1, ..ListCasesRequest::default() };
    assert_eq!(house.client.clone().list_cases(request).await.unwrap().into_inner().total, 10_001);
    assert!(house.get("/cases?region=150802").await.body.contains("<strong>10000+</strong>"));
    house.stop().await;
}

#[tokio::test]
async fn an_endless_request_is_not_even_read() {
    let house = House::start().await;
    let endless = ListCasesRequest { unit: "x".repeat(100_000), ..ListCasesRequest::default() };
    let refused = house.client.clone().list_cases(endless).await.unwrap_err();
    assert_eq!(refused.code(), Code::InvalidArgument);
    assert_eq!(refused.get_details_error_info().unwrap().reason, "REQUEST_TOO_LARGE");
    house.stop().await;
}
