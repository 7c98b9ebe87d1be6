//! Lists of cases.

use huying_platform::ids::CaseId;
use huying_proto::{
    events::v1::CaseState,
    routing::v1::{ListCasesRequest, ListCasesResponse},
};
use huying_routing_svc::{
    domain::case::State,
    store::lists::{Along, Page, Position, explain_page},
};
use tonic::{Code, Status};

use super::town::{Town, fields, reason};

async fn list(
    town: &Town,
    role: &str,
    code: &str,
    request: ListCasesRequest,
) -> Result<ListCasesResponse, Status> {
    Ok(town.cases().list_cases(town.call(role, code, request)).await?.into_inner())
}

async fn ids(town: &Town, role: &str, code: &str, request: ListCasesRequest) -> Vec<String> {
    let mut ids: Vec<String> =
        list(town, role, code, request).await.unwrap().cases.into_iter().map(|case| case.case_id).collect();
    ids.sort();
    ids
}

fn of(unit: &str) -> ListCasesRequest {
    ListCasesRequest { unit: unit.into(), ..ListCasesRequest::default() }
}

#[tokio::test]
async fn pages_follow_each_other_by_deadline_without_gap_or_repeat() {
    let town = Town::start().await;
    let mut all = Vec::new();
    for number in 0..25 {
        all.push(if number % 2 == 0 { town.queued().await } else { town.replied().await });
        if number % 4 == 0 {
            town.house.clock.advance(jiff::SignedDuration::from_secs(60));
        }
    }
    let close = huying_proto::routing::v1::CloseCaseRequest {
        command: super::town::command(&all[1]),
        note: String::new(),
    };
    town.cases().close_case(town.call("office", "150802001-office", close)).await.unwrap();

    for (role, code, unit) in [
        ("office", "150802001-office", ""),
        ("office", "150800-office", ""),
        ("office", "150802001-office", "150802001-office"),
        ("auditor", "", ""),
    ] {
        let mut found = Vec::new();
        let mut request = ListCasesRequest { page_size: 4, states: (1..=6).collect(), ..of(unit) };
        loop {
            let page = list(&town, role, code, request.clone()).await.unwrap();
            found.extend(page.cases);
            if page.next_page_token.is_empty() {
                break;
            }
            assert_eq!(found.len() % 4, 0);
            request.page_token = page.next_page_token;
        }
        let deadlines: Vec<i64> = found
            .iter()
            .map(|case| match case.standing.as_ref().unwrap().deadline_at_us {
                0 => i64::MAX,
                due_us => due_us,
            })
            .collect();
        assert!(deadlines.is_sorted(), "{role} {code} {unit}");
        let mut listed: Vec<&String> = found.iter().map(|case| &case.case_id).collect();
        listed.sort();
        let mut expected: Vec<&String> = all.iter().collect();
        expected.sort();
        assert_eq!(listed, expected, "{role} {code} {unit}");
        assert!(found.iter().all(|case| case.body.is_empty() && case.header.is_some()));
    }
    town.house.stop().await;
}

#[tokio::test]
async fn a_list_shows_what_the_unit_has_to_do_with() {
    let town = Town::start().await;
    let queued = town.queued().await;
    let assigned = town.assigned().await;
    let replied = town.replied().await;
    let mut everything = vec![queued.clone(), assigned.clone(), replied.clone()];
    everything.sort();

    assert_eq!(ids(&town, "operator", "", of("")).await, everything);
    assert_eq!(ids(&town, "office", "150802-office", of("")).await, everything);
    assert_eq!(ids(&town, "office", "150802-office", of("150802-office")).await, Vec::<String>::new());
    assert_eq!(ids(&town, "office", "150821-office", of("")).await, Vec::<String>::new());
    assert_eq!(ids(&town, "office", "150802-office", of("150802001-housing")).await, [assigned.as_str()]);
    let own = "150802001-housing";
    assert_eq!(ids(&town, "department", own, of(own)).await, [assigned.as_str()]);
    let mut both = vec![assigned.clone(), replied.clone()];
    both.sort();
    assert_eq!(ids(&town, "department", own, of("")).await, both);

    let only_replied = ListCasesRequest { states: vec![CaseState::Replied.into()], ..of("") };
    assert_eq!(ids(&town, "auditor", "", only_replied).await, [replied.as_str()]);
    let elsewhere = ListCasesRequest { region_code: "150821".into(), ..of("") };
    assert_eq!(ids(&town, "auditor", "", elsewhere).await, Vec::<String>::new());
    let here = ListCasesRequest { region_code: "150802001".into(), ..of("") };
    assert_eq!(ids(&town, "office", "150800-office", here).await, everything);

    town.house.clock.advance(jiff::SignedDuration::from_hours(49));
    let overdue = ListCasesRequest { overdue_only: true, ..of("") };
    assert_eq!(ids(&town, "auditor", "", overdue.clone()).await, [queued.as_str()]);
    huying_routing_svc::use_cases::fire_deadlines::fire_deadlines(&town.service).await.unwrap();
    assert_eq!(ids(&town, "auditor", "", overdue).await, [queued]);
    town.house.stop().await;
}

#[tokio::test]
async fn a_list_of_others_or_with_bad_fields_is_refused() {
    let town = Town::start().await;
    for (role, code, unit) in [
        ("department", "150802001-housing", "150802001-office"),
        ("office", "150802001-office", "150802-office"),
        ("office", "150821-office", "150802-housing"),
        ("office", "150802-housing", ""),
        ("office", "150802-housing", "150802001-housing"),
        ("representative", "r-150802001-001", ""),
    ] {
        let denied = list(&town, role, code, of(unit)).await.unwrap_err();
        assert_eq!(
            (denied.code(), reason(&denied).0.as_str()),
            (Code::PermissionDenied, "OUT_OF_SCOPE"),
            "{role}"
        );
    }
    let bad = ListCasesRequest {
        unit: "住建".into(),
        states: vec![9],
        region_code: "1".into(),
        page_size: 501,
        page_token: "x".into(),
        overdue_only: false,
    };
    let refused = list(&town, "auditor", "", bad).await.unwrap_err();
    assert_eq!(fields(&refused), ["states", "unit", "region_code", "page_size", "page_token"]);
    assert_eq!(fields(&list(&town, "auditor", "", of("nobody")).await.unwrap_err()), ["unit"]);
    town.house.stop().await;
}

#[tokio::test]
async fn no_list_reads_the_whole_table() {
    let town = Town::start().await;
    // Shaped like a city: most cases closed, seven districts, a dozen townships each.
    sqlx::query(
        "INSERT INTO cases (case_id, version, kind, municipal, district, township, header, body, state, holder_office, \
             responsible_unit, department, stage, due_at, expiries, overdue, return_count, reply_count, rated_reply, \
             units, updated_at) \
         SELECT gen_random_uuid(), 5, 1, '150800', (150820 + n % 7)::text, ((150820 + n % 7) * 1000 + n % 84)::text, \
             '', '', CASE WHEN n % 10 = 0 THEN 4 ELSE 6 END, (150820 + n % 7) || '-office', \
             CASE WHEN n % 10 = 0 THEN (150820 + n % 7) || '-housing' END, (150820 + n % 7) || '-housing', \
             CASE WHEN n % 10 = 0 THEN 2 END, \
             CASE WHEN n % 10 = 0 THEN now() + n * interval '1 minute' ELSE 'infinity' END, \
             0, false, 0, 0, 0, '{}', now() \
         FROM generate_series(1, 30000) AS n",
    )
    .execute(&town.house.platform.db)
    .await
    .unwrap();
    sqlx::query("ANALYZE cases").execute(&town.house.platform.db).await.unwrap();
    let district = || Along::Within("150821".parse().unwrap());
    let after = Position { due_at: Some(town.house.platform.clock.now()), case_id: CaseId::new_v7() };
    for ranges in [
        vec![Along::Everything],
        vec![Along::HeldBy("150821-office".into())],
        vec![Along::ResponsibilityOf("150821-housing".into())],
        vec![Along::AssignedTo("150821-housing".into())],
        vec![district()],
        vec![Along::Within("150821001".parse().unwrap())],
        vec![district(), Along::HeldBy("150821-office".into())],
    ] {
        for after in [None, Some(after)] {
            let page = Page {
                ranges: ranges.clone(),
                states: State::OPEN.to_vec(),
                within: None,
                overdue_at: None,
                after,
                limit: 51,
            };
            let plan = explain_page(&town.house.platform.db, &page).await.unwrap().join("\n");
            assert!(plan.contains("cases_by_"), "{ranges:?}:\n{plan}");
            assert!(!plan.contains("Seq Scan"), "{ranges:?}:\n{plan}");
        }
    }
    town.house.stop().await;
}

#[tokio::test]
async fn an_endless_request_is_not_even_read() {
    let town = Town::start().await;
    let endless = list(&town, "auditor", "", of(&"x".repeat(300_000))).await.unwrap_err();
    assert_eq!(endless.code(), Code::InvalidArgument);
    assert_eq!(reason(&endless).0, "REQUEST_TOO_LARGE");
    town.house.stop().await;
}
