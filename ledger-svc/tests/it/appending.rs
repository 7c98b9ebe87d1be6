//! Leaves: each version once, in order, whatever the broker does, and whoever sequences.

use std::collections::HashMap;

use huying_ledger_svc::{
    MIGRATIONS,
    config::Serving,
    domain::{event::CaseEvent, head::HeadFault},
    use_cases::{
        append_events::{AppendError, AppendEvents, Appended},
        establish_log::establish_log,
        take_lead::{Lead, take_lead},
    },
};
use huying_platform::{
    ids::{CaseId, EventId},
    subjects,
    testkit::TestHouse,
};
use huying_proto::events::v1::Event;
use prost::Message as _;

use crate::{
    house::{House, identity},
    story::{DEPARTMENT, Story},
};

fn short_life(number: i64) -> Story {
    Story::new(&format!("第 {number} 件"), "楼里只有十四度。", number)
        .registered()
        .assigned(DEPARTMENT)
        .accepted()
        .replied("已修好")
}

/// A shuffle without chance, so that a failure can be repeated.
fn shuffled(mut events: Vec<Event>) -> Vec<Event> {
    let mut state: u64 = 42;
    for last in (1..events.len()).rev() {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        events.swap(last, (state >> 33) as usize % (last + 1));
    }
    events
}

/// Versions by case, in the order of the leaves.
fn versions(leaves: &[String]) -> HashMap<String, Vec<u64>> {
    let mut versions: HashMap<String, Vec<u64>> = HashMap::new();
    for leaf in leaves {
        let leaf: serde_json::Value = serde_json::from_str(leaf).unwrap();
        let case_id = leaf["case_id"].as_str().unwrap().to_owned();
        versions.entry(case_id).or_default().push(leaf["case_version"].as_u64().unwrap());
    }
    versions
}

async fn count(house: &House, sql: &'static str) -> i64 {
    sqlx::query_scalar(sql).fetch_one(&house.house.platform.db).await.unwrap()
}

#[tokio::test]
async fn everything_twice_and_out_of_order_is_each_version_once_in_order() {
    let house = House::start().await;
    let stories: Vec<Story> = (0..30).map(short_life).collect();
    let events: Vec<Event> = stories.iter().flat_map(|story| story.events.clone()).collect();
    let twice = shuffled(events.iter().chain(&events).cloned().collect());
    house.publish_until(&twice, 150).await;
    // What comes after everything shows that the doubled events have been dealt with, and made nothing.
    house.publish_until(&Story::new("最后一件", "到此为止", 99).events, 151).await;

    let leaves = house.audit().await;
    let versions = versions(&leaves);
    assert_eq!(versions.len(), 31);
    for story in &stories {
        assert_eq!(versions[&story.case_id], [1, 2, 3, 4, 5]);
        let case = house.case(&story.case_id).await;
        assert_eq!(case.lines.iter().map(|line| line.case_version).collect::<Vec<_>>(), [1, 2, 3, 4, 5]);
    }
    assert_eq!(count(&house, "SELECT count(*) FROM parked_events").await, 0);
    assert_eq!(count(&house, "SELECT count(*) FROM dead_letters").await, 0);
    house.stop().await;
}

#[tokio::test]
async fn an_early_event_waits_for_its_predecessor_over_batches() {
    let house = House::start().await;
    let story = short_life(1);
    house.publish(&story.events[1..]).await;
    house
        .house
        .until("the early events are parked", || async {
            count(&house, "SELECT count(*) FROM parked_events").await == 4
        })
        .await;
    assert_eq!(house.checkpoint().await.tree_size, 0);
    house.publish_until(&story.events[..1], 5).await;
    assert_eq!(count(&house, "SELECT count(*) FROM parked_events").await, 0);
    assert_eq!(versions(&house.audit().await)[&story.case_id], [1, 2, 3, 4, 5]);
    house.stop().await;
}

#[tokio::test]
async fn a_broken_event_is_a_dead_letter_and_stops_nobody() {
    let house = House::start().await;
    let story = short_life(1);
    let mut broken = short_life(2).events.remove(0);
    broken.actor = None;
    house.publish(&[broken]).await;
    house.publish_until(&story.events, 5).await;
    house
        .house
        .until("the broken event is a dead letter", || async {
            count(&house, "SELECT count(*) FROM dead_letters").await == 1
        })
        .await;
    house.stop().await;
}

#[tokio::test]
async fn an_event_that_is_not_what_its_place_says_is_a_dead_letter_and_the_true_one_stays() {
    let house = House::start().await;
    let (story, other) = (short_life(1), short_life(2));
    house.publish_until(&story.events, 5).await;
    let leaves = house.audit().await;
    let forged = |version: u64| Event {
        event_id: EventId::new_v7().to_string(),
        case_version: version,
        ..story.events[4].clone()
    };
    // A version that another event is, one that none can be yet, and one of a case that the subject does not name.
    house.publish(&[forged(3), forged(1_006)]).await;
    let under = subjects::case_event(&story.events[4]);
    house.house.publish(&under, async_nats::HeaderMap::new(), other.events[0].encode_to_vec()).await;
    house
        .house
        .until("all three are dead letters", || async {
            count(&house, "SELECT count(*) FROM dead_letters").await == 3
        })
        .await;
    // The same event again is no contradiction.
    house.publish(&story.events).await;
    house.publish_until(&other.events, 10).await;
    assert_eq!(count(&house, "SELECT count(*) FROM dead_letters").await, 3);
    assert_eq!(house.audit().await[..5], leaves[..]);
    house.stop().await;
}

#[tokio::test]
async fn the_lead_passes_to_another_replica_and_the_log_goes_on_without_a_seam() {
    let house = House::start().await;
    let second = house.house.replica().await;
    let _second_pages = huying_ledger_svc::start(&second, identity(1), Serving::default()).await.unwrap();
    let stories: Vec<Story> = (0..60).map(short_life).collect();
    let events: Vec<Event> = shuffled(stories.iter().flat_map(|story| story.events.clone()).collect());
    let epoch = || count(&house, "SELECT epoch FROM log_state");
    house.house.until("somebody leads", || async { epoch().await > 0 }).await;
    let mut before = epoch().await;
    for part in events.chunks(100) {
        house.publish(part).await;
        // The connection that holds the lead breaks; whoever is first takes it.
        sqlx::query(
            "SELECT pg_terminate_backend(l.pid) FROM pg_locks l JOIN pg_database d ON d.oid = l.database \
             WHERE d.datname = current_database() AND l.locktype = 'advisory' AND l.granted \
               AND (l.classid::bigint << 32 | l.objid::bigint) = $1",
        )
        .bind(0x6c65_6467_6572_i64)
        .execute(&house.house.platform.db)
        .await
        .unwrap();
        house.house.until("a new epoch", || async { epoch().await > before }).await;
        before = epoch().await;
    }
    house.until_tree_size(300).await;
    let versions = versions(&house.audit().await);
    assert!(stories.iter().all(|story| versions[&story.case_id] == [1, 2, 3, 4, 5]));
    second.shutdown().cancel();
    house.stop().await;
}

#[tokio::test]
async fn a_sequencer_of_a_past_epoch_is_refused_and_two_of_one_epoch_do_no_harm() {
    let house = TestHouse::start("ledger", MIGRATIONS).await;
    let log = identity(1);
    let db = &house.platform.db;
    establish_log(db, &house.platform.clock, &log).await.unwrap();
    let appender = |lead: &Lead| AppendEvents::new(db.clone(), house.platform.clock.clone(), lead.clone());
    let parsed = |story: &Story| -> Vec<CaseEvent> {
        story.events.iter().map(|event| CaseEvent::parse(event.clone()).unwrap()).collect()
    };
    let first = appender(&take_lead(db, &house.platform.clock, &log).await.unwrap());
    let second = take_lead(db, &house.platform.clock, &log).await.unwrap();
    let (left, right) = (appender(&second), appender(&second));

    let story = short_life(1);
    assert!(matches!(
        first.append(parsed(&story)).await,
        Err(AppendError::Superseded { ours: 1, current: 2 })
    ));

    for number in 0..10 {
        let story = short_life(number);
        let (left, right) = (&left, &right);
        let (left, right) = tokio::join!(left.append(parsed(&story)), right.append(parsed(&story)));
        // Whoever comes second finds that the tree is not as it left it, and goes on only after it has read it anew.
        let left = again_if_moved(left, &appender(&second), parsed(&story)).await;
        let right = again_if_moved(right, &appender(&second), parsed(&story)).await;
        assert_eq!(left.leaves + right.leaves, 5);
        assert_eq!(left.duplicates + right.duplicates, 5);
    }
    let (leaves, checkpoints, sizes): (i64, i64, i64) = sqlx::query_as(
        "SELECT (SELECT count(*) FROM leaves), count(*), count(DISTINCT tree_size) FROM checkpoints",
    )
    .fetch_one(db)
    .await
    .unwrap();
    assert_eq!((leaves, checkpoints, sizes), (50, 11, 11));
    house.stop().await;
}

/// What became of a batch, in the end.
async fn again_if_moved(
    outcome: Result<Appended, AppendError>,
    append: &AppendEvents,
    events: Vec<CaseEvent>,
) -> Appended {
    match outcome {
        Err(AppendError::Head(HeadFault::Moved { .. })) => append.append(events).await.unwrap(),
        outcome => outcome.unwrap(),
    }
}

#[tokio::test]
async fn a_log_keeps_its_key_and_its_name() {
    let house = House::start().await;
    let error =
        huying_ledger_svc::start(&house.house.platform, identity(2), Serving::default()).await.unwrap_err();
    assert!(error.to_string().contains("does not fit the log"), "{error}");
    house.stop().await;
}

#[tokio::test]
async fn what_is_changed_beside_the_log_neither_stops_it_nor_makes_it_pass_over_an_event() {
    let house = House::start().await;
    let changes = [
        "DELETE FROM cases WHERE case_id = $1",
        "UPDATE cases SET case_version = 100 WHERE case_id = $1",
        "UPDATE cases SET case_version = 1, state = 6 WHERE case_id = $1",
        "UPDATE cases SET kind = 99 WHERE case_id = $1",
        "UPDATE cases SET municipal = 'nowhere' WHERE case_id = $1",
        // Nothing can be told from such a line: the case waits for a rebuild, and the log goes on.
        "WITH gone AS (DELETE FROM cases WHERE case_id = $1) \
         UPDATE leaves SET leaf = set_byte(leaf, 2, 0) WHERE case_id = $1 AND case_version = 2",
    ];
    let stories: Vec<Story> = (0..6).map(short_life).collect();
    let first: Vec<Event> = stories.iter().flat_map(|story| story.events[..3].to_vec()).collect();
    house.publish_until(&first, 18).await;
    house.until_drawn().await;
    for (story, change) in stories.iter().zip(changes) {
        let case_id: CaseId = story.case_id.parse().unwrap();
        sqlx::query(change).bind(case_id).execute(&house.house.platform.db).await.unwrap();
    }
    let rest: Vec<Event> = stories.iter().flat_map(|story| story.events[3..].to_vec()).collect();
    house.publish_until(&rest, 30).await;
    assert_eq!(count(&house, "SELECT count(*) FROM dead_letters").await, 0);
    assert_eq!(count(&house, "SELECT count(*) FROM parked_events").await, 0);
    let (damaged, mended) = stories.split_last().unwrap();
    for story in mended {
        let case = house.case(&story.case_id).await;
        assert_eq!(case.discrepancies, []);
        assert_eq!(case.case.unwrap().case_version, 5);
    }
    let mend =
        "UPDATE leaves SET leaf = set_byte(leaf, 2, ascii('a')) WHERE case_id = $1 AND case_version = 2";
    let case_id: CaseId = damaged.case_id.parse().unwrap();
    sqlx::query(mend).bind(case_id).execute(&house.house.platform.db).await.unwrap();
    let case = house.case(&damaged.case_id).await;
    assert_eq!(case.case.unwrap().case_version, 5);
    let found: Vec<_> = case.discrepancies.iter().map(|found| found.what.as_str()).collect();
    assert_eq!(found, ["account", "figures"]);
    house.stop().await;
}
