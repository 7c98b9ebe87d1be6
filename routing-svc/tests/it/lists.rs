//! Lists of cases.

use huying_platform::ids::CaseId;
use huying_proto::{
    events::v1::{Addressee, CaseKind, CaseState, DeadlineKind, addressee::To},
    routing::v1::{ListCasesRequest, ListCasesResponse},
};
use huying_routing_svc::{
    domain::case::{Stage, State},
    store::{
        alarms::explain_due,
        lists::{Along, Filters, Followed, Horizon, Page, Position, explain_page, read_page},
    },
    use_cases::fire_deadlines::fire_deadlines,
};
use tonic::{Code, Status};

use super::{
    acts::{HOUSING, OFFICE, ROADS},
    town::{Town, fields, reason},
};

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
    town.close(&all[1]).await.unwrap();

    for (role, code, unit) in [
        ("office", "150802001-office", ""),
        ("office", "150800-office", ""),
        ("office", "150802001-office", "150802001-office"),
        ("auditor", "", ""),
    ] {
        let mut found = Vec::new();
        let mut request = ListCasesRequest { page_size: 4, states: (1..=9).collect(), ..of(unit) };
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
    let town = Town::hasty().await;
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

    town.house.clock.advance(jiff::SignedDuration::from_secs(1_000));
    let overdue = ListCasesRequest { overdue_only: true, ..of("") };
    let mut passed = vec![queued.clone(), replied];
    passed.sort();
    assert_eq!(
        ids(&town, "auditor", "", overdue.clone()).await,
        passed,
        "the time to rate has passed as well"
    );
    while fire_deadlines(&town.service).await.unwrap() > 0 {}
    assert_eq!(ids(&town, "auditor", "", overdue).await, [queued], "the other one is closed");
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
        ("representative", "r-150802001-001", "150802001-office"),
        ("representative", "r-unknown", ""),
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
        states: vec![10],
        region_code: "1".into(),
        page_size: 501,
        page_token: "x".into(),
        stages: vec![5],
        category: "字".repeat(201),
        representative_code: "代表".into(),
        kinds: vec![0],
        ..ListCasesRequest::default()
    };
    let refused = list(&town, "auditor", "", bad).await.unwrap_err();
    let expected = [
        "unit",
        "states",
        "stages",
        "kinds",
        "category",
        "region_code",
        "representative_code",
        "page_size",
        "page_token",
    ];
    assert_eq!(fields(&refused), expected);
    let nobody = ListCasesRequest { representative_code: "r-nobody".into(), ..of("") };
    assert_eq!(fields(&list(&town, "auditor", "", nobody).await.unwrap_err()), ["representative_code"]);
    let other = ListCasesRequest { representative_code: "r-150802001-001".into(), ..of("") };
    let denied = list(&town, "representative", "r-150821-001", other).await.unwrap_err();
    assert_eq!(reason(&denied).0, "OUT_OF_SCOPE");
    assert_eq!(fields(&list(&town, "auditor", "", of("nobody")).await.unwrap_err()), ["unit"]);
    town.house.stop().await;
}

#[tokio::test]
async fn each_filter_leaves_out_what_does_not_fit() {
    let town = Town::start().await;
    let before = town.house.platform.clock.now();
    let queued = town.queued().await;
    town.house.clock.advance(jiff::SignedDuration::from_secs(60));
    let (assigned, replied) = (town.assigned().await, town.replied().await);
    let mut suggestion = town.submitted("");
    suggestion.header.as_mut().unwrap().kind = CaseKind::Suggestion.into();
    let suggestion = town.take_up(&suggestion).await;
    let sorted = |cases: &[&String]| {
        let mut cases: Vec<String> = cases.iter().map(|case_id| (*case_id).clone()).collect();
        cases.sort();
        cases
    };
    let all = ListCasesRequest::default;
    let after = |elapsed: i64| {
        Some(huying_platform::status::timestamp_to_proto(before + jiff::SignedDuration::from_secs(elapsed)))
    };
    for (request, expected) in [
        (ListCasesRequest { stages: vec![DeadlineKind::Reply.into()], ..all() }, vec![&assigned]),
        (
            ListCasesRequest {
                stages: vec![DeadlineKind::Register.into(), DeadlineKind::Rate.into()],
                ..all()
            },
            vec![&queued, &replied, &suggestion],
        ),
        (ListCasesRequest { kinds: vec![CaseKind::Suggestion.into()], ..all() }, vec![&suggestion]),
        (ListCasesRequest { category: "城乡建设".into(), ..all() }, vec![&assigned, &replied]),
        (ListCasesRequest { category: "城乡建设/供热".into(), ..all() }, vec![&assigned, &replied]),
        (ListCasesRequest { category: "城乡".into(), ..all() }, vec![]),
        (ListCasesRequest { submitted_from: after(60), ..all() }, vec![&assigned, &replied, &suggestion]),
        (ListCasesRequest { submitted_before: after(60), ..all() }, vec![&queued]),
        (ListCasesRequest { submitted_from: after(1), submitted_before: after(60), ..all() }, vec![]),
        (
            ListCasesRequest { states: vec![CaseState::Assigned.into(), CaseState::Closed.into()], ..all() },
            vec![&assigned],
        ),
    ] {
        assert_eq!(ids(&town, "auditor", "", request.clone()).await, sorted(&expected), "{request:?}");
    }

    // A category that the office corrects is the one the case is found by.
    let classify = huying_proto::routing::v1::ClassifyCaseRequest {
        command: super::town::command(&queued),
        category: "交通运输/公交".into(),
    };
    town.cases().classify_case(town.call("office", OFFICE, classify)).await.unwrap();
    let request = ListCasesRequest { category: "交通运输".into(), ..all() };
    assert_eq!(ids(&town, "auditor", "", request).await, sorted(&[&queued]));
    town.house.stop().await;
}

#[tokio::test]
async fn a_representative_lists_what_is_addressed_to_them_and_what_they_claimed() {
    let town = Town::start().await;
    let addressed = town.assigned().await;
    let to = |town: &Town, to: To| {
        let mut event = town.submitted("");
        let header = event.header.as_mut().unwrap();
        header.addressee = Some(Addressee { to: Some(to) });
        header.representative_codes.clear();
        event
    };
    let station = town.take_up(&to(&town, To::StationCode("150802001-s1".into()))).await;
    let office = town.take_up(&to(&town, To::RegionCode("150802001".into()))).await;
    let representative = "r-150802001-001";
    let mut expected = vec![addressed, station];
    expected.sort();
    assert_eq!(ids(&town, "representative", representative, of("")).await, expected);

    town.claim(representative, &office).await.unwrap();
    expected.push(office);
    expected.sort();
    let followed = ListCasesRequest { representative_code: representative.into(), ..of("") };
    assert_eq!(ids(&town, "representative", representative, of("")).await, expected);
    assert_eq!(ids(&town, "representative", representative, followed.clone()).await, expected);
    assert_eq!(ids(&town, "auditor", "", followed.clone()).await, expected);
    assert_eq!(ids(&town, "office", "150802-office", followed.clone()).await, expected);
    let of_office = ListCasesRequest { unit: OFFICE.into(), ..followed.clone() };
    assert_eq!(ids(&town, "office", OFFICE, of_office).await, expected);
    assert_eq!(ids(&town, "office", "150821-office", followed.clone()).await, Vec::<String>::new());
    assert_eq!(ids(&town, "department", HOUSING, followed).await.len(), 1, "of its own alone");
    town.house.stop().await;
}

#[tokio::test]
async fn a_co_handler_lists_its_open_parts_in_the_order_of_all_lists() {
    let town = Town::hasty().await.with_roads().await;
    let mut cases = Vec::new();
    for _ in 0..3 {
        let case_id = town.assigned().await;
        town.accept(&case_id).await.unwrap();
        town.assign_part(&case_id, ROADS).await.unwrap();
        cases.push(case_id);
        town.house.clock.advance(jiff::SignedDuration::from_secs(60));
    }
    let listed = async || {
        let page = ListCasesRequest { page_size: 2, ..of(ROADS) };
        let first = list(&town, "department", ROADS, page.clone()).await.unwrap();
        let second = ListCasesRequest { page_token: first.next_page_token.clone(), ..page };
        let rest = if first.next_page_token.is_empty() {
            Vec::new()
        } else {
            list(&town, "department", ROADS, second).await.unwrap().cases
        };
        first.cases.into_iter().chain(rest).map(|case| case.case_id).collect::<Vec<_>>()
    };
    assert_eq!(listed().await, cases);
    // The first gets more time, so it comes last.
    town.ask_for_more_time(&cases[0], "5000s").await.unwrap();
    let grant = huying_proto::routing::v1::GrantExtensionRequest {
        command: super::town::command(&cases[0]),
        ..Default::default()
    };
    town.cases().grant_extension(town.call("office", OFFICE, grant)).await.unwrap();
    cases.rotate_left(1);
    assert_eq!(listed().await, cases);
    town.answer_part(&cases[1], ROADS, 1).await.unwrap();
    cases.remove(1);
    assert_eq!(listed().await, cases);
    town.house.stop().await;
}

/// Shaped like a city: most cases closed, seven districts, a dozen townships each.
async fn fill(town: &Town) {
    sqlx::query(
        "INSERT INTO cases (case_id, version, kind, municipal, district, township, header, body, state, holder_office, \
             responsible_unit, department, stage, due_at, alarm_at, overdue, return_count, reply_count, rated_reply, \
             units, updated_at, category, addressee, submitted_at) \
         SELECT gen_random_uuid(), 5, 1, '150800', (150820 + n % 7)::text, ((150820 + n % 7) * 1000 + n % 84)::text, \
             '', '', CASE WHEN n % 10 = 0 THEN 4 ELSE 6 END, (150820 + n % 7) || '-office', \
             CASE WHEN n % 10 = 0 THEN (150820 + n % 7) || '-housing' END, (150820 + n % 7) || '-housing', \
             CASE WHEN n % 10 = 0 THEN 2 END, \
             CASE WHEN n % 10 = 0 THEN now() + n * interval '1 minute' ELSE 'infinity' END, \
             'infinity', false, 0, 0, 0, ARRAY['150800-office'], now(), '城乡建设', 'r:r-' || n % 500, now() \
         FROM generate_series(1, 30000) AS n",
    )
    .execute(&town.house.platform.db)
    .await
    .unwrap();
    sqlx::query(
        "INSERT INTO case_involved (code, case_id, due_at) \
         SELECT CASE n % 20 WHEN 0 THEN 'u:150821-roads' WHEN 1 THEN 'r:r-7' ELSE 'u:' || n % 500 END, case_id, due_at \
         FROM (SELECT case_id, due_at, row_number() OVER () AS n FROM cases LIMIT 20000) AS numbered",
    )
    .execute(&town.house.platform.db)
    .await
    .unwrap();
    sqlx::query("ANALYZE cases, case_involved").execute(&town.house.platform.db).await.unwrap();
}

#[tokio::test]
async fn no_list_reads_the_whole_table() {
    let town = Town::start().await;
    fill(&town).await;
    let district = || Along::Within("150821".parse().unwrap());
    let after = Position { due_at: Some(town.house.platform.clock.now()), case_id: CaseId::new_v7() };
    let open = || Filters { states: State::OPEN.to_vec(), ..Filters::default() };
    let everything = || Filters {
        states: vec![State::Assigned, State::Closed],
        stages: vec![Stage::Reply],
        kinds: vec![CaseKind::Message],
        category: Some("城乡建设".into()),
        within: Some("150821".parse().unwrap()),
        followed: Some(Followed { representative: "r-7".into(), station: Some("s-1".into()) }),
        horizon: Some(Horizon { office: "150821-office".into(), region: "150821".parse().unwrap() }),
        overdue_at: Some(town.house.platform.clock.now()),
        submitted_from: Some(town.house.platform.clock.now()),
        submitted_before: Some(town.house.platform.clock.now()),
    };
    for ranges in [
        vec![Along::Everything],
        vec![Along::HeldBy("150821-office".into())],
        vec![Along::ResponsibilityOf("150821-housing".into())],
        vec![Along::AssignedTo("150821-housing".into())],
        vec![Along::CoHandledBy("150821-roads".into())],
        vec![Along::AddressedTo("r-7".into())],
        vec![Along::AddressedToStation("s-1".into())],
        vec![Along::ClaimedBy("r-7".into())],
        vec![district()],
        vec![Along::Within("150800".parse().unwrap())],
        vec![Along::Within("150821001".parse().unwrap())],
        vec![district(), Along::HeldBy("150821-office".into())],
    ] {
        for (after, filters) in
            [(None, open()), (Some(after), open()), (None, everything()), (Some(after), everything())]
        {
            let page = Page { ranges: ranges.clone(), filters, after, size: 50 };
            let plan = explain_page(&town.house.platform.db, &page).await.unwrap().join("\n");
            assert!(plan.contains("_by_"), "{ranges:?}:\n{plan}");
            assert!(!plan.contains("Seq Scan"), "{ranges:?}:\n{plan}");
        }
    }
    town.house.stop().await;
}

#[tokio::test]
async fn among_cases_of_one_deadline_a_list_goes_along_its_own_index() {
    let town = Town::start().await;
    fill(&town).await;
    let due_at = town.house.platform.clock.now();
    sqlx::query("UPDATE cases SET state = 4, stage = 2, responsible_unit = department, due_at = $1")
        .bind(jiff_sqlx::Timestamp::from(due_at))
        .execute(&town.house.platform.db)
        .await
        .unwrap();
    sqlx::query("VACUUM ANALYZE cases").execute(&town.house.platform.db).await.unwrap();
    let case_id: uuid::Uuid = sqlx::query_scalar("SELECT case_id FROM cases ORDER BY 1 OFFSET 100 LIMIT 1")
        .fetch_one(&town.house.platform.db)
        .await
        .unwrap();
    let after = Some(Position { due_at: Some(due_at), case_id: CaseId::from_uuid(case_id) });
    for (along, index) in [
        (Along::Everything, "cases_of_everybody_by_deadline"),
        (Along::HeldBy("150821-office".into()), "cases_by_holder"),
        (Along::AssignedTo("150821-housing".into()), "cases_by_department"),
        (Along::AddressedTo("r-7".into()), "cases_by_addressee"),
        (Along::AddressedToStation("of-nobody".into()), "cases_by_addressee"),
        (Along::Within("150821".parse().unwrap()), "cases_by_district"),
    ] {
        let page = Page { ranges: vec![along.clone()], filters: Filters::default(), after, size: 50 };
        let plan = explain_page(&town.house.platform.db, &page).await.unwrap().join("\n");
        assert!(plan.contains(index), "{along:?}:\n{plan}");
        assert!(index.contains("everybody") || !plan.contains("everybody"), "{along:?}:\n{plan}");
    }
    town.house.stop().await;
}

#[tokio::test]
async fn what_is_due_is_found_without_reading_the_whole_table() {
    let town = Town::start().await;
    fill(&town).await;
    let db = &town.house.platform.db;
    let plan = explain_due(db, town.house.platform.clock.now(), 500).await.unwrap().join("\n");
    assert!(
        plan.contains("cases_by_alarm") && !plan.contains("Seq Scan") && !plan.contains("Sort"),
        "{plan}"
    );
    town.house.stop().await;
}

#[tokio::test]
async fn a_filter_that_fits_nothing_makes_short_pages_and_no_long_wait() {
    let town = Town::start().await;
    fill(&town).await;
    let db = &town.house.platform.db;
    let mut page = Page {
        ranges: vec![Along::Everything, Along::HeldBy("150821-office".into())],
        filters: Filters { category: Some("天文".into()), ..Filters::default() },
        after: None,
        size: 50,
    };
    let mut pages = 0;
    loop {
        let listed = read_page(db, &page).await.unwrap();
        assert!(listed.cases.is_empty());
        pages += 1;
        let Some(next) = listed.next else { break };
        assert!(page.after != Some(next));
        page.after = Some(next);
    }
    assert_eq!(pages, 4, "30,000 cases are looked at 10,000 at a time");
    town.house.stop().await;
}

#[tokio::test]
async fn an_endless_request_is_not_even_read() {
    let town = Town::start().await;
    let endless = list(&town, "auditor", "", of(&"x".repeat(1_100_000))).await.unwrap_err();
    assert_eq!(endless.code(), Code::InvalidArgument);
    assert_eq!(reason(&endless).0, "REQUEST_TOO_LARGE");
    town.house.stop().await;
}
