//! Finding cases by their words, and by all else that a list can be filtered by.

use std::{collections::BTreeSet, fs, path::PathBuf};

use huying_ledger_svc::{
    domain::{case_filter::CaseFilter, search_document::publicity_number, search_query::SearchQuery},
    store,
    use_cases::{
        index_texts::{Indexed, index_texts, reindex_cases},
        list_cases::{CasePage, RANKED_MAX, list_cases},
    },
};
use huying_platform::{ids::CaseId, status::from_micros};
use huying_proto::{
    events::v1::{Addressee, CaseHeader, CaseKind, CaseState, Publication, RegionPath, addressee::To},
    ledger::v1::{CaseSummary, ListCasesRequest},
};
use sqlx::PgPool;
use tonic::Code;
use tonic_types::StatusExt as _;

use crate::{
    house::House,
    story::{DEPARTMENT, OFFICE, Story},
};

impl House {
    pub(crate) fn db(&self) -> &PgPool {
        &self.house.platform.db
    }

    /// Publishes the stories, and waits until the search has followed.
    pub(crate) async fn tell(&self, stories: &[&Story]) {
        let events: Vec<_> = stories.iter().flat_map(|story| story.events.clone()).collect();
        let size: i64 =
            sqlx::query_scalar("SELECT tree_size FROM log_state").fetch_one(self.db()).await.unwrap();
        self.publish_until(&events, size as u64 + events.len() as u64).await;
        self.until_searched().await;
    }

    async fn until_searched(&self) {
        self.house
            .until("the search has followed the log", || async {
                let mut connection = self.db().acquire().await.unwrap();
                store::search::leaves_behind(&mut connection).await.unwrap() == 0
            })
            .await;
    }

    async fn search(&self, query: &str) -> Vec<String> {
        self.list(asking(query)).await
    }

    async fn found(&self, query: &str) -> Vec<CaseSummary> {
        self.client.clone().list_cases(asking(query)).await.unwrap().into_inner().cases
    }
}

fn asking(query: &str) -> ListCasesRequest {
    ListCasesRequest { query: query.into(), ..ListCasesRequest::default() }
}

fn ids(stories: &[&Story]) -> Vec<String> {
    stories.iter().map(|story| story.case_id.clone()).collect()
}

/// With what was found in brackets.
fn drawn(case: &CaseSummary) -> String {
    let piece = |text: &str, found| if found { format!("[{text}]") } else { text.to_owned() };
    case.fragments.iter().map(|fragment| piece(&fragment.text, fragment.found)).collect()
}

#[tokio::test]
async fn a_case_is_found_by_the_words_of_its_public_texts_and_best_match_first() {
    let house = House::start().await;
    let titled = Story::new("小区供暖不热", "请尽快处理", 1).registered();
    let written =
        Story::new("民生问题", "我家住Ａ8县流沙河镇石塘组，小区里供暖一直不热，已经反映过两次了。", 2)
            .registered();
    let answered = Story::new("路灯不亮", "路口的灯坏了", 3)
        .registered()
        .assigned(DEPARTMENT)
        .accepted()
        .replied("小区的路灯和供暖都会检查");
    let other = Story::new("停水", "周末停水", 4).registered();
    house.tell(&[&titled, &written, &answered, &other]).await;

    assert_eq!(house.search("小区 供暖").await, ids(&[&titled, &written, &answered]));
    assert_eq!(house.search("小区供暖").await, ids(&[&titled, &written, &answered]));
    // Whatever segmenter the words come from, and however they are written.
    for query in ["沙河镇 塘组", "ａ8县 供暖", "A8 流沙河", "路灯的供暖 检查"] {
        assert_eq!(house.search(query).await.len(), 1, "{query}");
    }
    assert_eq!(house.search("供暖 停水").await, Vec::<String>::new());

    let found = house.found("小区 供暖").await;
    assert_eq!(drawn(&found[0]), "[小区供暖]不热");
    assert_eq!(drawn(&found[1]), "我家住Ａ8县流沙河镇石塘组，[小区]里[供暖]一直不热，已经反映过两次了。");
    assert_eq!(drawn(&found[2]), "[小区]的路灯和[供暖]都会检查");
    assert!(house.found("").await.iter().all(|case| case.fragments.is_empty()));
    house.stop().await;
}

#[tokio::test]
async fn what_is_not_public_is_not_found() {
    let house = House::start().await;
    let waiting = Story::new("供暖", "暖气不热", 1);
    let status_only = Story::with("供暖", "暖气不热", 2, |header| {
        header.publication = Publication::StatusOnly.into();
    })
    .registered()
    .assigned(DEPARTMENT)
    .accepted()
    .replied("已供暖");
    let declined = Story::new("供暖", "暖气不热", 3).queued().declined("请写明暖气的地点");
    house.tell(&[&waiting, &status_only, &declined]).await;
    assert_eq!(house.search("供暖").await, Vec::<String>::new());
    assert_eq!(house.search("暖气").await, ids(&[&declined]));
    assert_eq!(drawn(&house.found("暖气").await[0]), "请写明[暖气]的地点");
    let registered = waiting.registered();
    house.publish_until(&registered.events, 10).await;
    house.until_searched().await;
    assert_eq!(house.search("供暖").await, ids(&[&registered]));
    house.stop().await;
}

#[tokio::test]
async fn what_is_erased_or_hidden_is_found_no_more_even_before_the_search_has_followed() {
    let house = House::start().await;
    let erased =
        Story::new("供暖的事", "暖气不热", 1).registered().assigned(DEPARTMENT).accepted().replied("已修好");
    let declined = Story::new("供暖的事", "暖气不热", 2).registered();
    house.tell(&[&erased, &declined]).await;
    assert_eq!(house.search("供暖").await.len(), 2);

    // The search stands still while its cursor is locked.
    let mut hold = house.db().begin().await.unwrap();
    store::search::lock_cursor(&mut hold).await.unwrap();
    let (erased, declined) = (erased.erased(), declined.declined("属于诉讼事项"));
    house.publish_until(&[erased.events.clone(), declined.events.clone()].concat(), 9).await;
    for query in ["供暖", "暖气", "修好", "诉讼"] {
        let answer = house.client.clone().list_cases(asking(query)).await.unwrap().into_inner();
        assert_eq!((answer.cases.len(), answer.total), (0, 0), "{query}");
        let filter = CaseFilter { query: SearchQuery::parse(query).ok(), ..CaseFilter::default() };
        let mut reading = house.db().begin().await.unwrap();
        assert!(store::cases::list(&mut reading, &filter, None, 10).await.unwrap().is_empty());
        assert_eq!(store::cases::count(&mut reading, &filter).await.unwrap(), 0);
    }
    assert_eq!(index_texts(house.db()).await.unwrap(), Indexed::ByAnother);
    hold.rollback().await.unwrap();

    house.until_searched().await;
    assert_eq!(house.search("供暖").await, Vec::<String>::new());
    assert_eq!(house.search("修好").await, ids(&[&erased]));
    assert_eq!(house.search("诉讼").await, ids(&[&declined]));
    let kept: Vec<String> = sqlx::query_scalar("SELECT document || words::text FROM case_search")
        .fetch_all(house.db())
        .await
        .unwrap();
    assert!(kept.iter().all(|kept| !kept.contains('暖')), "{kept:?}");
    house.stop().await;
}

#[tokio::test]
async fn the_search_shows_what_the_account_says_is_public_in_every_state() {
    let house = House::start().await;
    house.until_drawn().await;
    let states = (1..=32).filter(|number| CaseState::try_from(*number).is_ok());
    for (state, publication, registered) in states
        .flat_map(|state| [1_i16, 2].map(|publication| (state as i16, publication)))
        .flat_map(|(state, publication)| [true, false].map(|registered| (state, publication, registered)))
    {
        for drawn_as in [1_i16, 2] {
            sqlx::query(
                "WITH kept AS (INSERT INTO cases (case_id, case_version, kind, publication, municipal, district, \
                     township, category, submitted_at, updated_at, state, holder_office, responsible_unit, overdue, \
                     registered, replied_unit, replied_holder, returned) \
                     VALUES (gen_random_uuid(), 1, 1, $1, '150800', '', '', '', now(), now(), $2, '', '', false, $3, \
                             '', '', $4) RETURNING case_id, submitted_at) \
                 INSERT INTO case_search SELECT case_id, submitted_at, $4, 0, sha256(''), '供暖', '供暖' FROM kept",
            )
            .bind(publication)
            .bind(state)
            .bind(registered)
            .bind(drawn_as)
            .execute(house.db())
            .await
            .unwrap();
        }
    }
    let filter = CaseFilter { query: SearchQuery::parse("供暖").ok(), ..CaseFilter::default() };
    let mut reading = house.db().begin().await.unwrap();
    let all = store::cases::list(&mut reading, &CaseFilter::default(), None, 500).await.unwrap();
    let found = store::cases::list(&mut reading, &filter, None, 500).await.unwrap();
    assert!(all.len() > 50 && !found.is_empty());
    for placed in all {
        // What the row was drawn as is noted where nothing else is.
        let account = placed.account.as_ref().unwrap();
        let is_shown = u32::from(publicity_number(account.publicity())) == account.returned;
        assert_eq!(found.contains(&placed), is_shown, "{account:?}");
    }
    drop(reading);
    house.stop().await;
}

#[tokio::test]
async fn every_filter_narrows_and_they_narrow_together() {
    let house = House::start().await;
    let header = |kind: CaseKind, category: &'static str, to: To| {
        move |header: &mut CaseHeader| {
            header.kind = kind.into();
            header.category = category.into();
            header.addressee = Some(Addressee { to: Some(to) });
        }
    };
    let representative = || To::RepresentativeCode("r-150802001-003".into());
    let region = || To::RegionCode("150802001".into());
    let heating =
        Story::with("供暖", "不热", 0, header(CaseKind::Message, "城乡建设/供热", representative()))
            .registered();
    let housing = Story::with("供暖", "不热", 60, header(CaseKind::Suggestion, "城乡建设", region()))
        .registered()
        .claimed();
    let similar = Story::with("供暖", "不热", 120, header(CaseKind::Suggestion, "城乡建设管理", region()))
        .registered()
        .assigned(DEPARTMENT);
    let far = Story::with("停水", "没水", 180, |header| {
        header.region = Some(RegionPath {
            municipal: "150800".into(),
            district: "150821".into(),
            township: String::new(),
        });
        header.addressee = None;
    })
    .registered();
    house.tell(&[&heating, &housing, &similar, &far]).await;
    let at = |story: &Story| {
        let header = story.events[0].header.clone().unwrap();
        let time = from_micros(header.submitted_at_us);
        prost_types::Timestamp { seconds: time.as_second(), nanos: 0 }
    };
    let all = ListCasesRequest::default;
    for (request, expected) in [
        (ListCasesRequest { kinds: vec![CaseKind::Message.into()], ..all() }, vec![&far, &heating]),
        (
            ListCasesRequest { kinds: vec![CaseKind::Message.into(), CaseKind::Suggestion.into()], ..all() },
            vec![&far, &similar, &housing, &heating],
        ),
        (ListCasesRequest { category: "城乡建设".into(), ..all() }, vec![&far, &housing, &heating]),
        (ListCasesRequest { category: "城乡建设/供热".into(), ..all() }, vec![&far, &heating]),
        (ListCasesRequest { submitted_from: Some(at(&housing)), ..all() }, vec![&far, &similar, &housing]),
        (ListCasesRequest { submitted_before: Some(at(&housing)), ..all() }, vec![&heating]),
        (
            ListCasesRequest { representative_code: "r-150802001-003".into(), ..all() },
            vec![&housing, &heating],
        ),
        (ListCasesRequest { unit: DEPARTMENT.into(), query: "供暖".into(), ..all() }, vec![&similar]),
        (
            ListCasesRequest { states: vec![CaseState::Assigned.into()], query: "供暖".into(), ..all() },
            vec![&similar],
        ),
        (ListCasesRequest { region_code: "150821".into(), query: "供暖".into(), ..all() }, vec![]),
        (
            ListCasesRequest {
                region_code: "150802".into(),
                unit: OFFICE.into(),
                kinds: vec![CaseKind::Suggestion.into()],
                category: "城乡建设".into(),
                submitted_from: Some(at(&heating)),
                submitted_before: Some(at(&far)),
                representative_code: "r-150802001-003".into(),
                query: "供暖".into(),
                ..all()
            },
            vec![&housing],
        ),
    ] {
        assert_eq!(house.list(request.clone()).await, ids(&expected), "{request:?}");
        let total = house.client.clone().list_cases(request).await.unwrap().into_inner().total;
        assert_eq!(total, expected.len() as u64);
    }
    house.stop().await;
}

#[tokio::test]
async fn a_query_that_makes_no_sense_is_answered_clearly() {
    let house = House::start().await;
    let story = Story::new("供暖", "暖气不热", 1).registered();
    house.tell(&[&story]).await;
    // Operators and quotes mean nothing.
    for query in [
        "供暖 & !暖气",
        "'供暖'",
        "\"供暖",
        "供暖:*",
        "供暖 <-> 暖气",
        "(供暖",
        "供暖\\",
        "供暖'; DROP TABLE cases; --",
    ] {
        let expected = if query.contains("DROP") { vec![] } else { ids(&[&story]) };
        assert_eq!(house.search(query).await, expected, "{query}");
    }
    assert_eq!(house.search("  ").await, ids(&[&story]));
    let refused = |request: ListCasesRequest| {
        let mut client = house.client.clone();
        async move {
            let status = client.list_cases(request).await.unwrap_err();
            assert_eq!(status.code(), Code::InvalidArgument);
            let violations = status.get_details_bad_request().unwrap().field_violations;
            violations
                .into_iter()
                .map(|violation| (violation.field, violation.description))
                .collect::<Vec<_>>()
        }
    };
    for query in ["&|!()<->:*'\"\\", "？！……", "\u{0}"] {
        let violations = refused(asking(query)).await;
        assert!(violations[0].0 == "query" && violations[0].1.contains("no word"), "{violations:?}");
    }
    let violations = refused(asking(&"暖".repeat(201))).await;
    assert!(violations[0].1.contains("201") && violations[0].1.contains("200"), "{violations:?}");

    let time = |seconds| Some(prost_types::Timestamp { seconds, nanos: 0 });
    let fields = |violations: Vec<(String, String)>| -> Vec<String> {
        violations.into_iter().map(|(field, _)| field).collect()
    };
    let wrong = ListCasesRequest {
        kinds: vec![0, 77],
        category: "城乡建设//供热".into(),
        submitted_from: time(i64::MAX),
        page_token: "?".into(),
        ..asking("？")
    };
    assert_eq!(
        fields(refused(wrong).await),
        ["query", "kinds", "kinds", "category", "submitted_from", "page_token"]
    );
    let wrong = ListCasesRequest { submitted_from: time(7), submitted_before: time(7), ..asking("") };
    assert_eq!(fields(refused(wrong).await), ["submitted_before"]);
    for text in ["城乡建设\0", "城乡\n建设"] {
        let wrong = ListCasesRequest { category: text.into(), ..asking("") };
        assert_eq!(fields(refused(wrong).await), ["category"]);
    }
    let wrong = ListCasesRequest {
        unit: "150802-housing\0".into(),
        responsible_unit: "局".into(),
        representative_code: "r-\u{1}".into(),
        ..asking("")
    };
    assert_eq!(fields(refused(wrong).await), ["unit", "responsible_unit", "representative_code"]);
    house.stop().await;
}

#[tokio::test]
async fn best_matches_are_paged_without_gaps_or_repeats_while_others_are_added() {
    let house = House::start().await;
    let stories: Vec<Story> = (0..25)
        .map(|minute| {
            let body = format!("供暖不热{}{}", "，供暖".repeat(minute % 4), "，请处理".repeat(minute % 3));
            Story::new("民生", &body, minute as i64).registered()
        })
        .collect();
    house.tell(&stories.iter().collect::<Vec<_>>()).await;
    let all = house.search("供暖").await;
    assert_eq!(all.len(), 25);

    let mut request = ListCasesRequest { page_size: 4, ..asking("供暖") };
    let mut paged = Vec::new();
    loop {
        let answer = house.client.clone().list_cases(request.clone()).await.unwrap().into_inner();
        paged.extend(answer.cases.into_iter().map(|case| case.case_id));
        if paged.len() == 8 {
            // A better match than all of them, and a worse one.
            let better = Story::new("供暖供暖供暖", "供暖", 100).registered();
            let worse =
                Story::new("民生", &format!("供暖{}", "，请有关部门尽快处理".repeat(50)), 101).registered();
            house.tell(&[&better, &worse]).await;
            paged.retain(|case_id| *case_id != worse.case_id);
        }
        if answer.next_page_token.is_empty() {
            break;
        }
        let other = ListCasesRequest { page_token: answer.next_page_token.clone(), ..asking("不热") };
        let status = house.client.clone().list_cases(other).await.unwrap_err();
        assert!(status.message().contains("another filter") || status.code() == Code::InvalidArgument);
        let violation = status.get_details_bad_request().unwrap().field_violations[0].clone();
        assert!(
            violation.field == "page_token" && violation.description.contains("another filter"),
            "{violation:?}"
        );
        request.page_token = answer.next_page_token;
    }
    paged.retain(|case_id| all.contains(case_id));
    assert_eq!(paged, all);
    house.stop().await;
}

/// Cases that all have one word, the latest last; every third of them twice.
async fn insert_alike(house: &House, count: i32) {
    house.until_drawn().await;
    sqlx::query(
        "WITH kept AS (INSERT INTO cases (case_id, case_version, kind, publication, municipal, district, township, \
             category, submitted_at, updated_at, state, holder_office, responsible_unit, overdue, registered, \
             replied_unit, replied_holder) \
             SELECT gen_random_uuid(), 1, 1, 1, '150800', '150802', '150802001', '', \
                    timestamptz '2026-01-01' + n * interval '1 minute', now(), 2, '', '', false, true, '', '' \
             FROM generate_series(1, $1) AS n RETURNING case_id, submitted_at) \
         INSERT INTO case_search SELECT case_id, submitted_at, 1, 0, sha256(''), \
             CASE WHEN extract(minute FROM submitted_at)::int % 3 = 0 THEN E'供暖\\n供暖' ELSE '供暖' END, '供暖' \
         FROM kept",
    )
    .bind(count)
    .execute(house.db())
    .await
    .unwrap();
    sqlx::query("ANALYZE case_search").execute(house.db()).await.unwrap();
}

#[tokio::test]
async fn where_more_match_than_are_ranked_the_others_follow_latest_first() {
    let house = House::start().await;
    insert_alike(&house, 1_200).await;
    let filter = CaseFilter { query: SearchQuery::parse("供暖").ok(), ..CaseFilter::default() };
    for with_region in [false, true] {
        let filter = CaseFilter { region: with_region.then(|| "150802".parse().unwrap()), ..filter.clone() };
        let mut after = None;
        let mut pages: Vec<CasePage> = Vec::new();
        loop {
            let page = list_cases(house.db(), &filter, after, 90).await.unwrap();
            after = page.next;
            pages.push(page);
            if after.is_none() {
                break;
            }
        }
        assert!(pages.iter().all(|page| page.total == 1_200));
        let cases: Vec<_> = pages.iter().flat_map(|page| &page.cases).map(|case| &case.account).collect();
        assert_eq!(cases.iter().map(|case| case.case_id).collect::<BTreeSet<_>>().len(), 1_200);
        assert_eq!(cases.len(), 1_200);
        let (ranked, others) = cases.split_at(RANKED_MAX);
        assert!(ranked[..RANKED_MAX / 3].is_sorted_by_key(|case| std::cmp::Reverse(case.submitted_at)));
        let oldest_ranked = ranked.iter().map(|case| case.submitted_at).min().unwrap();
        assert!(others.iter().all(|case| case.submitted_at < oldest_ranked));
        assert!(others.is_sorted_by_key(|case| std::cmp::Reverse(case.submitted_at)));
    }
    house.stop().await;
}

#[tokio::test]
async fn a_word_that_ten_thousand_cases_have_is_counted_to_there_and_found_among_the_latest() {
    let house = House::start().await;
    insert_alike(&house, 10_050).await;
    let answer = house.client.clone().list_cases(asking("供暖")).await.unwrap().into_inner();
    assert_eq!((answer.total, answer.cases.len()), (10_001, 50));
    let newest: CaseId = sqlx::query_scalar("SELECT case_id FROM cases ORDER BY submitted_at DESC LIMIT 1")
        .fetch_one(house.db())
        .await
        .unwrap();
    let page = house.list(ListCasesRequest { page_size: 500, ..asking("供暖") }).await;
    assert!(page.contains(&newest.to_string()));
    assert_eq!(page.len(), 100);
    house.stop().await;
}

#[tokio::test]
async fn a_case_that_was_taken_out_of_the_search_is_said_to_be_so() {
    let house = House::start().await;
    house.until_drawn().await;
    let [gone, changed, right] = [1, 2, 3].map(|minute| Story::new("供暖", "暖气不热", minute).registered());
    let hidden = Story::new("供暖", "暖气不热", 4).queued();
    // So long that its words are not drawn again for everybody who reads it.
    let long = Story::new("供暖", &"暖气不热。".repeat(1_000), 5).registered();
    let stories = [&gone, &changed, &right, &hidden, &long];
    house.tell(&stories).await;
    let case_ids: Vec<CaseId> = stories.map(|story| story.case_id.parse().unwrap()).to_vec();
    for story in stories {
        assert!(house.case(&story.case_id).await.discrepancies.is_empty());
    }
    for (statement, case_id) in [
        ("DELETE FROM case_search WHERE case_id = $1", case_ids[0]),
        ("UPDATE case_search SET words = '停水'::tsvector WHERE case_id = $1", case_ids[1]),
        (
            "INSERT INTO case_search SELECT $1, now(), 1, 0, drawn_from, document, words FROM case_search LIMIT 1",
            case_ids[3],
        ),
        ("UPDATE case_search SET publicity = 2 WHERE case_id = $1", case_ids[4]),
    ] {
        sqlx::query(statement).bind(case_id).execute(house.db()).await.unwrap();
    }
    for (story, is_right) in
        [(&gone, false), (&changed, false), (&right, true), (&hidden, false), (&long, false)]
    {
        let found = house.case(&story.case_id).await.discrepancies;
        let said: Vec<&str> = found.iter().map(|found| found.what.as_str()).collect();
        assert_eq!(said, if is_right { vec![] } else { vec!["search"] });
        let page = house.get(&format!("/cases/{}", story.case_id)).await.body;
        assert_eq!(page.contains("搜索所存的内容"), !is_right);
    }
    let mut transaction = house.db().begin().await.unwrap();
    reindex_cases(&mut transaction, &case_ids).await.unwrap();
    transaction.commit().await.unwrap();
    for story in stories {
        assert!(house.case(&story.case_id).await.discrepancies.is_empty());
    }

    // As long as the search has not come to its latest line, nothing is said of it.
    let mut hold = house.db().begin().await.unwrap();
    store::search::lock_cursor(&mut hold).await.unwrap();
    let gone = gone.assigned(DEPARTMENT).accepted().progress("正在检修");
    house.publish_until(&gone.events, 13).await;
    assert!(house.case(&gone.case_id).await.discrepancies.is_empty());
    hold.rollback().await.unwrap();
    house.stop().await;
}

#[tokio::test]
async fn a_search_page_is_sent_again_once_the_search_has_found_more() {
    let house = House::start().await;
    let first = Story::new("供暖", "暖气不热", 1).registered();
    house.tell(&[&first]).await;
    let mut hold = house.db().begin().await.unwrap();
    store::search::lock_cursor(&mut hold).await.unwrap();
    let second = Story::new("供暖太晚", "暖气不热", 2).registered();
    house.publish_until(&second.events, 4).await;
    let address = "/cases?q=%E4%BE%9B%E6%9A%96";
    let page = house.get(address).await;
    assert!(page.body.contains(&first.case_id) && !page.body.contains(&second.case_id));
    let tag = page.headers["etag"].to_str().unwrap().to_owned();
    assert_eq!(house.get_with(address, Some(&tag)).await.status, 304);
    hold.rollback().await.unwrap();
    house.until_searched().await;
    let page = house.get_with(address, Some(&tag)).await;
    assert_eq!(page.status, 200);
    assert!(page.body.contains(&second.case_id));
    house.stop().await;
}

#[tokio::test]
async fn a_feed_has_nothing_but_what_its_words_find() {
    let house = House::start().await;
    let lamps = Story::new("路灯不亮", "路口", 1).registered();
    let later = Story::new("路灯坏了", "路口", 2).registered();
    let others: Vec<Story> =
        (3..6).map(|minute| Story::new("停水", "周末停水", minute).registered()).collect();
    house.tell(&[vec![&later, &lamps], others.iter().collect()].concat()).await;
    for (address, expected) in [
        ("/cases.atom?q=%E8%B7%AF%E7%81%AF", vec![&later, &lamps]),
        ("/cases.atom?q=%E8%B7%AF%E7%81%AF+%E4%B8%8D%E4%BA%AE", vec![&lamps]),
        ("/cases.atom?q=%E8%B7%AF%E7%81%AF&region=150821", vec![]),
        ("/cases.atom?q=%E8%B7%AF%E7%81%AF&state=registered", vec![&later, &lamps]),
        ("/cases.atom?q=%E4%BE%9B%E6%9A%96", vec![]),
    ] {
        let feed = house.get(address).await.body;
        let places: Vec<_> = expected.iter().filter_map(|story| feed.find(story.case_id.as_str())).collect();
        assert_eq!(feed.matches("<entry>").count(), expected.len(), "{address}: {feed}");
        assert!(places.len() == expected.len() && places.is_sorted(), "{address}: {feed}");
    }
    // What is hidden is in no feed even before the search has followed.
    let mut hold = house.db().begin().await.unwrap();
    store::search::lock_cursor(&mut hold).await.unwrap();
    let lamps = lamps.declined("属于诉讼事项");
    house.publish_until(&lamps.events, 11).await;
    let feed = house.get("/cases.atom?q=%E4%B8%8D%E4%BA%AE").await.body;
    assert_eq!(feed.matches("<entry>").count(), 0, "{feed}");
    hold.rollback().await.unwrap();
    house.stop().await;
}

#[tokio::test]
async fn a_pair_of_characters_that_chance_put_together_is_a_better_match_and_no_condition() {
    let house = House::start().await;
    let apart = Story::new("楼道的灯又坏了", "请修", 1).registered();
    let together = Story::new("楼道灯坏", "请修", 2).registered();
    let other = Story::new("楼道堆物", "请清理", 3).registered();
    let elsewhere = Story::new("灯坏", "路口", 4).registered();
    house.tell(&[&apart, &together, &other, &elsewhere]).await;
    let found = house.search("楼道灯坏").await;
    assert_eq!((found.len(), &found[0]), (3, &together.case_id));
    assert!(found.contains(&apart.case_id) && !found.contains(&elsewhere.case_id));
    assert_eq!(house.search("灯坏").await, ids(&[&elsewhere, &together]));
    house.stop().await;
}

#[tokio::test]
async fn entries_that_are_not_what_they_should_be_are_drawn_anew() {
    let house = House::start().await;
    house.until_drawn().await;
    let [right, changed, missing, orphan] =
        [1, 2, 3, 4].map(|minute| Story::new("供暖", "暖气不热", minute).registered());
    house.tell(&[&right, &changed, &missing, &orphan]).await;
    let case_ids: Vec<CaseId> =
        [&right, &changed, &missing, &orphan].map(|story| story.case_id.parse().unwrap()).to_vec();
    for (statement, case_id) in [
        ("UPDATE case_search SET words = words || '停水'::tsvector WHERE case_id = $1", case_ids[1]),
        ("DELETE FROM case_search WHERE case_id = $1", case_ids[2]),
        ("DELETE FROM cases WHERE case_id = $1", case_ids[3]),
    ] {
        sqlx::query(statement).bind(case_id).execute(house.db()).await.unwrap();
    }
    let mut transaction = house.db().begin().await.unwrap();
    let mut mended = reindex_cases(&mut transaction, &case_ids).await.unwrap();
    transaction.commit().await.unwrap();
    mended.sort_unstable();
    assert_eq!(mended, case_ids[1..]);
    assert_eq!(house.search("供暖").await.len(), 3);
    assert_eq!(house.search("停水").await.len(), 0);
    let mut transaction = house.db().begin().await.unwrap();
    assert_eq!(reindex_cases(&mut transaction, &case_ids).await.unwrap(), []);
    drop(transaction);

    // All are drawn anew when the rules have changed.
    sqlx::query("DELETE FROM case_search").execute(house.db()).await.unwrap();
    sqlx::query("UPDATE search_cursor SET format = 0").execute(house.db()).await.unwrap();
    house
        .house
        .until("the search has been drawn anew", || async { house.search("供暖").await.len() == 3 })
        .await;
    // A newer version's rows are left to it.
    sqlx::query("UPDATE search_cursor SET format = 1000").execute(house.db()).await.unwrap();
    assert_eq!(index_texts(house.db()).await.unwrap(), Indexed::ByAnother);
    house.stop().await;
}

#[tokio::test]
async fn the_longest_histories_are_found_by_their_first_words_and_by_their_last() {
    let house = House::start().await;
    let characters = |from: u32, count: u32| -> String {
        (from..from + count).filter_map(|number| char::from_u32(0x4e00 + number % 20_000)).collect()
    };
    let mut story = Story::new("供暖", &characters(0, 7_000), 1).registered().assigned(DEPARTMENT).accepted();
    for number in 0..60 {
        story = story.progress(&format!("{}第{number}次", characters(number * 331, 2_000)));
    }
    let story = story.replied("停水检修");
    house.tell(&[&story]).await;
    for query in ["供暖", "停水 检修", &characters(6_000, 4)] {
        assert_eq!(house.search(query).await, ids(&[&story]), "{query}");
    }
    house.stop().await;
}

/// A text of the data folder, and what is looked for of it.
struct Message {
    title: String,
    body: String,
}

/// The messages that `HUYING_TEST_DATA` has; none where it does not say where they are.
fn messages() -> Vec<Message> {
    let Some(folder) = std::env::var_os("HUYING_TEST_DATA").map(PathBuf::from) else { return vec![] };
    ["messages.jsonl", "messages-with-replies.jsonl", "messages-labelled.jsonl"]
        .iter()
        .filter_map(|file| fs::read_to_string(folder.join(file)).ok())
        .flat_map(|lines| {
            lines
                .lines()
                .map(|line| {
                    let message: serde_json::Value = serde_json::from_str(line).unwrap();
                    let field = |name: &str| message[name].as_str().unwrap().to_owned();
                    Message { title: field("title"), body: field("body") }
                })
                .collect::<Vec<_>>()
        })
        .collect()
}

/// Numbers that look random and are the same each time (SplitMix64).
struct Chance(u64);

impl Chance {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) % bound as u64) as usize
    }

    /// Three of these, no two alike where there are three.
    fn three(&mut self, mut of: Vec<String>) -> String {
        of.sort_unstable();
        of.dedup();
        let count = of.len().min(3);
        (0..count).map(|_| of.swap_remove(self.below(of.len()))).collect::<Vec<_>>().join(" ")
    }
}

/// Words as jieba cuts them without its guesses at unknown words, which is not how the search cuts.
fn cut_words(text: &str, jieba: &jieba_rs::Jieba) -> Vec<String> {
    let is_word = |word: &str| word.chars().count() > 1 && word.chars().all(char::is_alphanumeric);
    jieba
        .cut(text, false)
        .into_iter()
        .map(|token| token.word.to_owned())
        .filter(|word| is_word(word))
        .collect()
}

/// Two to four neighbouring Chinese characters, wherever a word begins or ends.
fn random_pieces(text: &str, chance: &mut Chance) -> Vec<String> {
    let is_han = |character: &char| ('\u{4e00}'..='\u{9fff}').contains(character);
    let characters: Vec<char> = text.chars().collect();
    let pieces = (0..40).filter_map(|_| {
        let start = chance.below(characters.len());
        let length = 2 + chance.below(3);
        characters.get(start..start + length).filter(|piece| piece.iter().all(is_han))
    });
    pieces.map(|piece| piece.iter().collect()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_texts_are_found_among_the_first_ten_by_three_words_of_each() {
    let messages = messages();
    if messages.is_empty() {
        return;
    }
    let house = House::start().await;
    let mut stories = Vec::new();
    for messages in messages.chunks(250) {
        let told: Vec<Story> = messages
            .iter()
            .zip(stories.len()..)
            .map(|(message, minute)| Story::new(&message.title, &message.body, minute as i64).registered())
            .collect();
        house.tell(&told.iter().collect::<Vec<_>>()).await;
        stories.extend(told);
    }
    let jieba = jieba_rs::Jieba::new();
    let mut chance = Chance(2_026);
    for (kind, is_cut) in [("words", true), ("pieces", false)] {
        let (mut asked, mut found) = (0, 0);
        for (message, story) in messages.iter().zip(&stories) {
            let text = format!("{}\n{}", message.title, message.body);
            let words = if is_cut { cut_words(&text, &jieba) } else { random_pieces(&text, &mut chance) };
            let query = chance.three(words);
            let Ok(query) = SearchQuery::parse(&query) else { continue };
            let filter = CaseFilter { query: Some(query), ..CaseFilter::default() };
            let page = list_cases(house.db(), &filter, None, 10).await.unwrap();
            asked += 1;
            found +=
                u32::from(page.cases.iter().any(|case| case.account.case_id.to_string() == story.case_id));
        }
        let share = f64::from(found) / f64::from(asked);
        assert!(asked as usize > messages.len() * 99 / 100, "{asked} queries of {kind}");
        assert!(share >= 0.95, "by three {kind} {found} of {asked} texts are among the first ten");
    }
    house.stop().await;
}
