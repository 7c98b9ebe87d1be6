//! What is kept beside the log can be drawn anew from it, and is then what appending wrote.

use std::collections::BTreeMap;

use axum::{
    Router,
    body::{Body, to_bytes},
    http::Request,
};
use huying_ledger_svc::config::Serving;
use huying_platform::ids::CaseId;
use huying_proto::{
    events::v1::Event,
    ledger::v1::{RebuildAccountRequest, RebuildAccountResponse},
};
use proptest::{strategy::ValueTree as _, test_runner::TestRunner};
use sqlx::AssertSqlSafe;
use tonic::{Code, Status};
use tonic_types::StatusExt as _;
use tower::ServiceExt as _;

use crate::{
    house::{House, identity},
    recounting::story,
    story::{DEPARTMENT, Story},
};

/// Tables that are drawn from the leaves.
const TABLES: [&str; 5] = ["cases", "case_units", "case_representatives", "case_hops", "case_search"];

/// Key of the advisory lock that a rebuild has.
const REBUILD_LOCK: i64 = 0x72_6562_7569_6c64;

/// Key of the advisory lock that the leader has.
const LEAD_LOCK: i64 = 0x6c65_6467_6572;

async fn execute(house: &House, sql: &str) -> u64 {
    let done = sqlx::query(AssertSqlSafe(sql.to_owned())).execute(&house.house.platform.db).await;
    done.unwrap_or_else(|error| panic!("{sql}: {error}")).rows_affected()
}

/// Everything that stands in the tables, each row as text.
async fn everything(house: &House) -> BTreeMap<&'static str, Vec<String>> {
    let mut everything = BTreeMap::new();
    for table in TABLES {
        let sql = format!("SELECT t::text FROM {table} AS t ORDER BY 1");
        let rows = sqlx::query_scalar(AssertSqlSafe(sql)).fetch_all(&house.house.platform.db).await.unwrap();
        everything.insert(table, rows);
    }
    everything
}

/// Waits until what is in the log is also in all the tables.
async fn until_all_is_drawn(house: &House) {
    house.until_drawn().await;
    house
        .house
        .until("the search has followed", || async {
            sqlx::query_scalar(
                "SELECT c.format > 0 AND c.next_leaf = s.tree_size FROM search_cursor c, log_state s",
            )
            .fetch_one(&house.house.platform.db)
            .await
            .unwrap()
        })
        .await;
}

/// Histories of which each has some of everything that can happen. Always the same, so that a failure can be repeated.
fn histories(count: usize) -> Vec<Story> {
    let mut runner = TestRunner::deterministic();
    let stories = std::iter::repeat_with(|| {
        proptest::strategy::Strategy::new_tree(&story(), &mut runner).unwrap().current()
    });
    stories.take(count).collect()
}

/// One event of each in turn, so that every batch has many cases, and every case is in many batches.
fn interleaved(stories: &[Story]) -> Vec<Event> {
    let longest = stories.iter().map(|story| story.events.len()).max().unwrap_or(0);
    let rounds =
        (0..longest).flat_map(|place| stories.iter().filter_map(move |story| story.events.get(place)));
    rounds.cloned().collect()
}

async fn rebuild_with(house: &House, token: &str) -> Result<Vec<RebuildAccountResponse>, Status> {
    let mut request = tonic::Request::new(RebuildAccountRequest {});
    request.metadata_mut().insert("authorization", format!("Bearer {token}").parse().unwrap());
    let mut answers = house.admin.clone().rebuild_account(request).await?.into_inner();
    let mut told = Vec::new();
    while let Some(answer) = answers.message().await? {
        told.push(answer);
    }
    Ok(told)
}

/// Rebuilds as an operator, and returns the last answer.
async fn rebuild(house: &House) -> Result<RebuildAccountResponse, Status> {
    let told = rebuild_with(house, &house.house.token("operator", "", "")).await?;
    let (last, before) = told.split_last().unwrap();
    assert!(last.done && before.iter().all(|answer| !answer.done && answer.cases <= last.cases));
    Ok(last.clone())
}

fn reason(status: &Status) -> String {
    status.get_details_error_info().unwrap().reason
}

/// Changes something of every third case in each table, forgets something of every other third, and adds cases that
/// are in no log.
async fn scramble(house: &House) {
    for (sql, is_sure) in [
        ("UPDATE cases SET overdue = NOT overdue, state = 3, category = 'x' WHERE THIRD = 0", true),
        ("UPDATE cases SET kind = 99 WHERE THIRD = 0 AND registered", true),
        ("DELETE FROM cases WHERE THIRD = 1", true),
        ("UPDATE case_units SET expired = expired + 1, received_at = now() WHERE THIRD = 0", true),
        ("DELETE FROM case_units WHERE THIRD = 1", true),
        ("UPDATE case_representatives SET urged = urged + 1 WHERE THIRD = 0", false),
        ("DELETE FROM case_representatives WHERE THIRD = 1", false),
        ("UPDATE case_hops SET from_unit = 'x' WHERE THIRD = 0", false),
        ("DELETE FROM case_hops WHERE THIRD = 1", false),
        ("UPDATE case_search SET document = 'x' WHERE THIRD = 0", true),
        ("DELETE FROM case_search WHERE THIRD = 1", true),
        (
            "INSERT INTO case_units SELECT 'nobody', gen_random_uuid(), false, false, false, false, 0, 0 \
            FROM generate_series(1, 5)",
            true,
        ),
        ("INSERT INTO case_hops SELECT gen_random_uuid(), 2, 1, 'x', 'y', now()", true),
    ] {
        // Ids are drawn at random, so the last digit divides the cases evenly.
        let sql = sql.replace("THIRD", "get_byte(uuid_send(case_id), 15) % 3");
        assert!(execute(house, &sql).await > 0 || !is_sure, "{sql}");
    }
}

#[tokio::test]
async fn what_was_scrambled_is_drawn_anew_as_appending_wrote_it() {
    let house = House::start().await;
    let stories = histories(150);
    let events = interleaved(&stories);
    house.publish_until(&events, events.len() as u64).await;
    until_all_is_drawn(&house).await;
    let written = everything(&house).await;
    assert!(written.values().all(|rows| rows.len() > 10), "{written:?}");
    let untouched = rebuild(&house).await.unwrap();
    assert_eq!((untouched.cases, untouched.leaves, untouched.mended), (150, events.len() as u64, 0));

    scramble(&house).await;
    assert_ne!(everything(&house).await, written);
    let mended = rebuild(&house).await.unwrap();
    assert_eq!(everything(&house).await, written);
    // Two thirds of the cases, and six that are in no log.
    assert!((60..=150).contains(&mended.mended), "{mended:?}");
    assert_eq!(mended.mended_case_ids.len() as u64, mended.mended.min(100));
    assert!(mended.mended_case_ids.iter().all(|case_id| case_id.parse::<CaseId>().is_ok()));
    assert_eq!(rebuild(&house).await.unwrap().mended, 0);
    house.stop().await;
}

#[tokio::test]
async fn appending_goes_on_while_the_account_is_rebuilt() {
    let house = House::start().await;
    let stories = histories(120);
    let events = interleaved(&stories);
    let (before, meanwhile) = events.split_at(events.len() / 2);
    house.publish_until(before, before.len() as u64).await;
    until_all_is_drawn(&house).await;
    scramble(&house).await;
    // Some of the events come to cases that nobody can read until they are mended; they are appended then.
    let rebuilding = async { while rebuild(&house).await.unwrap().mended > 0 {} };
    let publishing = house.publish(meanwhile);
    tokio::join!(rebuilding, publishing);
    house.until_tree_size(events.len() as u64).await;
    assert_eq!(rebuild(&house).await.unwrap().mended, 0);
    for story in &stories {
        assert_eq!(house.case(&story.case_id).await.discrepancies, []);
    }
    house.stop().await;
}

#[tokio::test]
async fn what_was_erased_stays_erased() {
    let house = House::start().await;
    let story = Story::new("暖气不热", "楼里只有十四度。", 1).registered().assigned(DEPARTMENT);
    house.publish_until(&story.events, 3).await;
    execute(&house, "CREATE TABLE kept_texts AS TABLE texts").await;
    let story = story.replied("已修好").erased();
    house.publish_until(&story.events, 5).await;
    house.until_drawn().await;
    let kept = async || -> Vec<(i64, String)> {
        sqlx::query_as("SELECT case_version, name FROM texts ORDER BY 1, 2")
            .fetch_all(&house.house.platform.db)
            .await
            .unwrap()
    };
    let left = kept().await;
    assert_eq!(rebuild(&house).await.unwrap().mended, 0);
    assert_eq!(kept().await, left);
    execute(&house, "INSERT INTO texts TABLE kept_texts ON CONFLICT DO NOTHING").await;
    assert_ne!(kept().await, left);
    assert_eq!(rebuild(&house).await.unwrap().mended_case_ids, [story.case_id]);
    assert_eq!(kept().await, left);
    house.stop().await;
}

#[tokio::test]
async fn nothing_is_drawn_from_lines_that_are_not_in_the_log() {
    let house = House::start().await;
    let stories: Vec<Story> =
        (1..4).map(|minute| Story::new("事项", "正文", minute).registered().assigned(DEPARTMENT)).collect();
    house.publish_until(&interleaved(&stories), 9).await;
    until_all_is_drawn(&house).await;
    let damage = "UPDATE leaves SET leaf = convert_to(replace(convert_from(leaf, 'UTF8'), '\"assigned\"', '\"closed\"'), \
                  'UTF8') WHERE case_version = 3 AND case_id = ";
    execute(&house, &format!("{damage}'{}'", stories[0].case_id)).await;
    let written = everything(&house).await;
    execute(&house, &format!("DELETE FROM cases WHERE case_id = '{}'", stories[1].case_id)).await;
    let status = rebuild(&house).await.unwrap_err();
    assert_eq!((status.code(), reason(&status).as_str()), (Code::DataLoss, "LINES_DAMAGED"));
    assert!(status.message().contains(&stories[0].case_id), "{}", status.message());
    assert_eq!(everything(&house).await, written);
    house.stop().await;
}

#[tokio::test]
async fn nothing_is_drawn_from_a_line_that_was_changed_together_with_its_tile() {
    let house = House::start().await;
    let stories: Vec<Story> =
        (1..90).map(|minute| Story::new("事项", "正文", minute).registered().assigned(DEPARTMENT)).collect();
    let events: Vec<Event> = stories.iter().flat_map(|story| story.events.clone()).collect();
    house.publish_until(&events, 267).await;
    until_all_is_drawn(&house).await;
    let written = everything(&house).await;
    // As one who changes a line, and the hash that the tile has of it; the first of the two tiles is full.
    let forge = async |leaf_index: i64| {
        execute(
            &house,
            &format!(
                "UPDATE leaves SET leaf = convert_to(replace(convert_from(leaf, 'UTF8'), '\"v\":1', '\"v\":1 '), 'UTF8') \
                  WHERE leaf_index = {leaf_index}"
            ),
        )
        .await;
        execute(
            &house,
            &format!(
                "UPDATE tiles SET hashes = overlay(hashes PLACING sha256('\\x00'::bytea || leaf) \
                                                   FROM 1 + ({leaf_index} % 256) * 32) \
                   FROM leaves WHERE leaf_index = {leaf_index} AND level = 0 AND tile_index = {leaf_index} / 256"
            ),
        )
        .await;
    };
    let refused = async |expected: &str| {
        let status = rebuild(&house).await.unwrap_err();
        assert_eq!((status.code(), reason(&status).as_str()), (Code::DataLoss, expected), "{status:?}");
        assert_eq!(everything(&house).await, written);
    };
    execute(&house, "CREATE TABLE kept_tiles AS TABLE tiles").await;
    execute(&house, "CREATE TABLE kept_leaves AS TABLE leaves").await;
    forge(5).await;
    refused("LINES_DAMAGED").await;
    for table in ["tiles", "leaves"] {
        execute(&house, &format!("DELETE FROM {table}")).await;
        execute(&house, &format!("INSERT INTO {table} TABLE kept_{table}")).await;
    }
    // On the edge of the tree, without which nothing is proved.
    forge(266).await;
    refused("LOG_DAMAGED").await;
    house.stop().await;
}

#[tokio::test]
async fn a_case_whose_last_lines_are_gone_is_not_drawn_shorter() {
    let house = House::start().await;
    let stories: Vec<Story> =
        (1..4).map(|minute| Story::new("事项", "正文", minute).registered().assigned(DEPARTMENT)).collect();
    house.publish_until(&interleaved(&stories), 9).await;
    until_all_is_drawn(&house).await;
    let written = everything(&house).await;
    let gone = |story: &Story, from: u64| {
        format!("DELETE FROM leaves WHERE case_id = '{}' AND case_version >= {from}", story.case_id)
    };
    execute(&house, &gone(&stories[0], 3)).await;
    execute(&house, &gone(&stories[1], 1)).await;
    execute(&house, &format!("DELETE FROM cases WHERE case_id = '{}'", stories[2].case_id)).await;
    let status = rebuild(&house).await.unwrap_err();
    assert_eq!((status.code(), reason(&status).as_str()), (Code::DataLoss, "LINES_DAMAGED"));
    assert!(status.message().contains(&stories[0].case_id), "{}", status.message());
    assert_eq!(everything(&house).await, written);
    house.stop().await;
}

#[tokio::test]
async fn a_case_whose_last_line_was_given_to_another_is_not_drawn_shorter() {
    let house = House::start().await;
    let stories: Vec<Story> =
        (1..4).map(|minute| Story::new("事项", "正文", minute).registered().assigned(DEPARTMENT)).collect();
    house.publish_until(&interleaved(&stories), 9).await;
    until_all_is_drawn(&house).await;
    let written = everything(&house).await;
    let refused = async |expected: &[&str]| {
        let status = rebuild(&house).await.unwrap_err();
        assert_eq!((status.code(), reason(&status).as_str()), (Code::DataLoss, "LINES_DAMAGED"));
        for case_id in expected {
            assert!(status.message().contains(case_id), "{}", status.message());
        }
    };
    let last = format!("case_id = '{}' AND case_version = 3", stories[0].case_id);
    let other = "01890000-0000-7000-8000-000000000001";
    execute(&house, &format!("UPDATE leaves SET case_id = '{other}' WHERE {last}")).await;
    refused(&[&stories[0].case_id, other]).await;
    assert_eq!(everything(&house).await, written);
    // The case is said to be damaged even when what is kept of it beside its lines has been taken back to them.
    let of_case = format!("case_id = '{}'", stories[0].case_id);
    execute(&house, &format!("UPDATE cases SET case_version = 2 WHERE {of_case}")).await;
    let rewritten = everything(&house).await;
    refused(&[&stories[0].case_id, other]).await;
    assert_eq!(everything(&house).await, rewritten);
    // And whoever comes upon the log is told.
    let replica = house.house.replica().await;
    let (_, pages) = huying_ledger_svc::start(&replica, identity(1), Serving::default()).await.unwrap();
    let page = async |pages: &Router| {
        let response =
            pages.clone().oneshot(Request::get("/log").body(Body::empty()).unwrap()).await.unwrap();
        String::from_utf8(to_bytes(response.into_body(), 1_000_000).await.unwrap().to_vec()).unwrap()
    };
    assert!(!page(&house.pages).await.contains("数据库里的记录与账本不符"));
    let told = || async { page(&pages).await.contains("<strong>1</strong> 条对不上") };
    house.house.until("the log's page tells of the damage", told).await;
    assert!(page(&pages).await.contains("序号（从 0 编起）：6"), "{}", page(&pages).await);
    replica.shutdown().cancel();
    house.stop().await;
}

#[tokio::test]
async fn one_rebuild_runs_at_a_time_and_operators_alone_may_begin_it() {
    let house = House::start().await;
    house.until_drawn().await;
    let other = |role: &str, region: &str| house.house.token(role, "", region);
    for token in [other("auditor", ""), other("operator", "150800")] {
        assert_eq!(rebuild_with(&house, &token).await.unwrap_err().code(), Code::PermissionDenied);
    }
    assert_eq!(rebuild_with(&house, "nothing").await.unwrap_err().code(), Code::Unauthenticated);

    let mut busy = house.house.platform.db.acquire().await.unwrap();
    let lock = "SELECT pg_advisory_lock($1)";
    sqlx::query(lock).bind(REBUILD_LOCK).execute(&mut *busy).await.unwrap();
    let status = rebuild(&house).await.unwrap_err();
    assert_eq!((status.code(), reason(&status).as_str()), (Code::FailedPrecondition, "REBUILD_RUNNING"));
    let unlock = "SELECT pg_advisory_unlock($1)";
    sqlx::query(unlock).bind(REBUILD_LOCK).execute(&mut *busy).await.unwrap();
    drop(busy);
    let empty = rebuild(&house).await.unwrap();
    assert_eq!((empty.cases, empty.leaves, empty.mended), (0, 0, 0));

    execute(&house, "UPDATE projection SET format = 1000").await;
    let status = rebuild(&house).await.unwrap_err();
    assert_eq!((status.code(), reason(&status).as_str()), (Code::FailedPrecondition, "LATER_VERSION"));
    house.stop().await;
}

/// Ends the term of whoever leads.
async fn end_lead(house: &House) {
    let ended = format!(
        "SELECT pg_terminate_backend(l.pid) FROM pg_locks l JOIN pg_database d ON d.oid = l.database \
          WHERE d.datname = current_database() AND l.locktype = 'advisory' AND l.granted \
            AND (l.classid::bigint << 32 | l.objid::bigint) = {LEAD_LOCK}"
    );
    house.house.until("the lead is ended", || async { execute(house, &ended).await > 0 }).await;
}

#[tokio::test]
async fn a_leader_draws_what_earlier_versions_wrote_and_readers_are_told_nothing_false_meanwhile() {
    let house = House::start().await;
    let stories = histories(60);
    let events = interleaved(&stories);
    house.publish_until(&events, events.len() as u64).await;
    until_all_is_drawn(&house).await;
    let written = everything(&house).await;

    // As the migration leaves it; at once, so that nobody draws the tables between two of these.
    let mut transaction = house.house.platform.db.begin().await.unwrap();
    for sql in [
        "UPDATE projection SET format = 0, epoch = 0",
        "DELETE FROM case_representatives",
        "DELETE FROM case_hops",
        "UPDATE case_units SET received_at = NULL, first_replied_at = NULL, replied_in_time = false",
        "UPDATE cases SET addressee_kind = NULL, addressee_code = NULL, first_replied_at = NULL, closed_at = NULL, \
                replied_in_time = false, rated = false, resolved = false, satisfied = false, returned = 0",
    ] {
        sqlx::query(sql).execute(&mut *transaction).await.unwrap();
    }
    transaction.commit().await.unwrap();
    for story in &stories {
        assert_eq!(house.case(&story.case_id).await.discrepancies, []);
    }
    end_lead(&house).await;
    house.until_drawn().await;
    assert_eq!(everything(&house).await, written);

    // A leader of an earlier version had the lead in between: the epochs have a gap.
    execute(&house, "UPDATE cases SET first_replied_at = NULL, replied_in_time = false").await;
    execute(&house, "UPDATE log_state SET epoch = epoch + 1").await;
    end_lead(&house).await;
    house.until_drawn().await;
    house.house.until("they are drawn", || async { everything(&house).await == written }).await;
    house.stop().await;
}
