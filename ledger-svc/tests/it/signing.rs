//! Nothing is signed that the log did not compute: whoever changes the database, and then has the log go on, gets no
//! signature for it, neither from the next leader nor from the one that leads.

use std::sync::Arc;

use huying_ledger_svc::{
    LogIdentity, MIGRATIONS,
    domain::{
        checkpoint::Checkpoint,
        event::CaseEvent,
        head::HeadFault,
        note::{NoteError, SignedNote, Signer, Verifier},
    },
    signed_mark::SignedMark,
    use_cases::{
        append_events::{AppendError, AppendEvents},
        establish_log::establish_log,
        take_lead::{Lead, LeadError, take_lead},
    },
};
use huying_platform::testkit::TestHouse;
use sqlx::AssertSqlSafe;

use crate::{
    house::{House, ORIGIN, identity},
    story::{DEPARTMENT, Story},
};

/// Key of the advisory lock that the leader has.
const LEAD_LOCK: i64 = 0x6c65_6467_6572;

/// Tables that are put back after each change.
const TABLES: [&str; 4] = ["tiles", "checkpoints", "log_state", "log_keys"];

/// A log of ten leaves in two batches, led by nobody that would notice.
struct Scene {
    house: TestHouse,
    lead: Lead,
}

fn short_life(number: i64) -> Vec<CaseEvent> {
    let story = Story::new(&format!("第 {number} 件"), "楼里只有十四度。", number)
        .registered()
        .assigned(DEPARTMENT)
        .accepted()
        .replied("已修好");
    story.events.into_iter().map(|event| CaseEvent::parse(event).unwrap()).collect()
}

/// As a process knows the log that begins now: without any memory of what was signed.
fn anew() -> Arc<LogIdentity> {
    identity(1)
}

impl Scene {
    async fn set() -> Self {
        let house = TestHouse::start("ledger", MIGRATIONS).await;
        let (db, clock, log) = (&house.platform.db, &house.platform.clock, anew());
        establish_log(db, clock, &log).await.unwrap();
        let lead = take_lead(db, clock, &log).await.unwrap();
        let append = AppendEvents::new(db.clone(), clock.clone(), lead);
        append.append(short_life(1)).await.unwrap();
        append.append(short_life(2)).await.unwrap();
        let lead = take_lead(db, clock, &anew()).await.unwrap();
        let scene = Self { house, lead };
        for table in TABLES {
            scene.execute(&format!("CREATE TABLE kept_{table} AS TABLE {table}")).await;
        }
        scene
    }

    async fn execute(&self, sql: &str) {
        let done = sqlx::query(AssertSqlSafe(sql.to_owned())).execute(&self.house.platform.db).await;
        let done = done.unwrap_or_else(|error| panic!("{sql}: {error}"));
        assert!(done.rows_affected() > 0 || sql.starts_with("CREATE"), "{sql}");
    }

    async fn put_back(&self) {
        let mut transaction = self.house.platform.db.begin().await.unwrap();
        for table in TABLES {
            for sql in [format!("DELETE FROM {table}"), format!("INSERT INTO {table} TABLE kept_{table}")] {
                sqlx::query(AssertSqlSafe(sql)).execute(&mut *transaction).await.unwrap();
            }
        }
        transaction.commit().await.unwrap();
    }

    /// What stands in the tables, as text.
    async fn everything(&self) -> Vec<String> {
        let mut everything = Vec::new();
        for table in ["tiles", "checkpoints", "log_state", "log_keys", "leaves"] {
            let sql = format!("SELECT t::text FROM {table} AS t ORDER BY 1");
            let rows: Vec<String> =
                sqlx::query_scalar(AssertSqlSafe(sql)).fetch_all(&self.house.platform.db).await.unwrap();
            everything.extend(rows);
        }
        everything
    }

    async fn latest_note(&self) -> String {
        sqlx::query_scalar("SELECT note FROM checkpoints ORDER BY tree_size DESC LIMIT 1")
            .fetch_one(&self.house.platform.db)
            .await
            .unwrap()
    }

    /// What the next leader says.
    async fn led_by(&self, log: &LogIdentity) -> Result<Lead, LeadError> {
        take_lead(&self.house.platform.db, &self.house.platform.clock, log).await
    }

    /// The leader of this term as it is after a failure, when it remembers nothing of the tree.
    fn appender(&self) -> AppendEvents {
        let platform = &self.house.platform;
        AppendEvents::new(platform.db.clone(), platform.clock.clone(), self.lead.clone())
    }

    /// What is found by the next leader, and by the present one, which sign nothing and leave everything as it was.
    async fn found_after(&self, change: &str) -> HeadFault {
        self.execute(change).await;
        let before = self.everything().await;
        let fault = match self.led_by(&anew()).await {
            Err(LeadError::Head(fault)) => fault,
            other => panic!("{change}: {other:?}"),
        };
        match self.appender().append(short_life(3)).await {
            // The present leader remembers what it has signed, and that explains it.
            Err(AppendError::Head(found)) => {
                assert!(found == fault || matches!(found, HeadFault::Lost { .. }), "{change}: {found:?}");
            }
            other => panic!("{change}: {other:?}"),
        }
        assert_eq!(self.everything().await, before, "{change}");
        self.put_back().await;
        fault
    }
}

/// The note of a checkpoint with another root, with the signature lines of another note.
fn forged(note: &str, lines: &str) -> String {
    let checkpoint = Checkpoint::parse(SignedNote::parse(note).unwrap().text).unwrap();
    let text = Checkpoint { root: [7; 32], ..checkpoint }.text();
    format!("{text}\n{lines}")
}

#[tokio::test]
async fn a_forged_note_gets_no_signature() {
    let scene = Scene::set().await;
    let note = scene.latest_note().await;
    let stranger = Signer::from_seed(ORIGIN, &[9; 32]).unwrap();
    let lines = note.split_once("\n\n").unwrap().1.to_owned();
    let other_text = forged(&note, "").trim_end().to_owned() + "\n";
    let by_stranger = huying_ledger_svc::domain::note::sign(&other_text, &[stranger]).unwrap();
    let strange_lines = by_stranger.split_once("\n\n").unwrap().1;
    for forged in [forged(&note, &lines), by_stranger.clone()] {
        let change = format!("UPDATE checkpoints SET note = '{forged}' WHERE tree_size = 10");
        assert_eq!(scene.found_after(&change).await, HeadFault::OtherText(10));
    }
    // The true text, and nobody's signature or a stranger's; then a signature that does not hold.
    let text = note.split_once("\n\n").unwrap().0;
    let earlier: String = sqlx::query_scalar("SELECT note FROM checkpoints WHERE tree_size = 5")
        .fetch_one(&scene.house.platform.db)
        .await
        .unwrap();
    let earlier_lines = earlier.split_once("\n\n").unwrap().1;
    for (signatures, source) in
        [(strange_lines, NoteError::NotSigned), (earlier_lines, NoteError::BadSignature)]
    {
        let change = format!("UPDATE checkpoints SET note = '{text}\n\n{signatures}' WHERE tree_size = 10");
        let fault = HeadFault::NotSigned { tree_size: 10, source };
        assert_eq!(scene.found_after(&change).await, fault);
    }
    // With the root of the forged tree in the column, too, and the stranger's key among those of the log.
    let change = format!(
        "UPDATE checkpoints SET root = '\\x{}', note = '{by_stranger}' WHERE tree_size = 10",
        "07".repeat(32)
    );
    assert_eq!(scene.found_after(&change).await, HeadFault::OtherRoot(10));
    scene.execute("DELETE FROM log_keys").await;
    assert!(matches!(scene.led_by(&anew()).await, Err(LeadError::Head(HeadFault::NotSigned { .. }))));
    scene.house.stop().await;
}

#[tokio::test]
async fn a_log_without_its_checkpoint_or_with_another_size_is_not_carried_on() {
    let scene = Scene::set().await;
    let other = |tree_size, signed_size| HeadFault::OtherSize { tree_size, signed_size };
    for (change, fault) in [
        ("DELETE FROM checkpoints WHERE tree_size = 10", other(10, 5)),
        ("DELETE FROM checkpoints", HeadFault::NoCheckpoint(10)),
        ("UPDATE log_state SET tree_size = 5", other(5, 10)),
        ("UPDATE log_state SET tree_size = 0", other(0, 10)),
        (
            "UPDATE tiles SET hashes = set_byte(hashes, 40, get_byte(hashes, 40) # 1)",
            HeadFault::OtherRoot(10),
        ),
    ] {
        assert_eq!(scene.found_after(change).await, fault);
    }
    for change in ["DELETE FROM tiles", "UPDATE log_state SET tree_size = 11"] {
        assert!(matches!(scene.found_after(change).await, HeadFault::CorruptTiles(_)), "{change}");
    }
    // As it was, it is led and grows.
    scene.appender().append(short_life(3)).await.unwrap();
    scene.led_by(&anew()).await.unwrap();
    scene.house.stop().await;
}

#[tokio::test]
async fn a_leader_whose_log_changes_its_size_by_itself_appends_nothing() {
    let scene = Scene::set().await;
    let leader = scene.appender();
    leader.append(short_life(3)).await.unwrap();
    // All of it taken back to an earlier checkpoint, which is genuine.
    for sql in [
        "DELETE FROM leaves WHERE leaf_index >= 10",
        "DELETE FROM checkpoints WHERE tree_size > 10",
        "UPDATE log_state SET tree_size = 10",
    ] {
        scene.execute(sql).await;
    }
    let before = scene.everything().await;
    let error = leader.append(short_life(4)).await.unwrap_err();
    assert!(
        matches!(error, AppendError::Head(HeadFault::Moved { tree_size: 10, left_with: 15 })),
        "{error:?}"
    );
    // It remembers what it has signed, also when it has forgotten the tree.
    let lost = HeadFault::Lost { tree_size: 10, signed_size: 15 };
    match leader.append(short_life(4)).await {
        Err(AppendError::Head(fault)) => assert_eq!(fault, lost),
        other => panic!("{other:?}"),
    }
    assert_eq!(scene.everything().await, before);
    scene.house.stop().await;
}

#[tokio::test]
async fn a_log_that_was_taken_back_is_not_led_where_what_was_signed_is_on_record() {
    let scene = Scene::set().await;
    let file = std::env::temp_dir().join(format!("huying-mark-{}", uuid::Uuid::now_v7()));
    let recorded = || {
        let LogIdentity { origin, keys, witnesses, .. } = Arc::into_inner(anew()).unwrap();
        let mark = Arc::new(SignedMark::new(ORIGIN, Some(file.clone())));
        LogIdentity { origin, keys, witnesses, mark }
    };
    let (db, clock) = (&scene.house.platform.db, &scene.house.platform.clock);
    let log = recorded();
    let append = AppendEvents::new(db.clone(), clock.clone(), scene.led_by(&log).await.unwrap());
    append.append(short_life(3)).await.unwrap();
    log.mark.write().await.unwrap();
    for sql in [
        "DELETE FROM leaves WHERE leaf_index >= 10",
        "DELETE FROM texts",
        "DELETE FROM cases",
        "DELETE FROM checkpoints WHERE tree_size > 10",
        "UPDATE log_state SET tree_size = 10",
    ] {
        scene.execute(sql).await;
    }

    let log = recorded();
    log.mark.learn().await.unwrap();
    let lost = scene.led_by(&log).await.unwrap_err();
    assert!(matches!(lost, LeadError::Head(HeadFault::Lost { tree_size: 10, signed_size: 15 })), "{lost:?}");
    // One that has no record carries it on, as nothing in the database tells; it is found out where there is one.
    let forking = AppendEvents::new(db.clone(), clock.clone(), scene.led_by(&anew()).await.unwrap());
    forking.append(short_life(4)).await.unwrap();
    forking.append(short_life(5)).await.unwrap();
    let forked = scene.led_by(&log).await.unwrap_err();
    assert!(matches!(forked, LeadError::Head(HeadFault::Forked(15))), "{forked:?}");
    std::fs::remove_file(&file).unwrap();
    scene.house.stop().await;
}

/// Ends the term of whoever leads.
async fn end_lead(house: &House) {
    let ended = "SELECT pg_terminate_backend(l.pid) FROM pg_locks l JOIN pg_database d ON d.oid = l.database \
                  WHERE d.datname = current_database() AND l.locktype = 'advisory' AND l.granted \
                    AND (l.classid::bigint << 32 | l.objid::bigint) = $1";
    let ended = || async {
        let done = sqlx::query(ended).bind(LEAD_LOCK).execute(&house.house.platform.db).await.unwrap();
        done.rows_affected() > 0
    };
    house.house.until("the lead is ended", ended).await;
}

async fn scalar(house: &House, sql: &'static str) -> i64 {
    sqlx::query_scalar(sql).fetch_one(&house.house.platform.db).await.unwrap()
}

#[tokio::test]
async fn a_running_ledger_waits_until_the_log_is_as_it_was_signed() {
    let house = House::start().await;
    let story = Story::new("暖气不热", "楼里只有十四度。", 1).registered().assigned(DEPARTMENT);
    house.publish_until(&story.events, 3).await;
    let db = &house.house.platform.db;
    let bend = "UPDATE tiles SET hashes = set_byte(hashes, 40, get_byte(hashes, 40) # 1)";
    sqlx::query(bend).execute(db).await.unwrap();
    let epoch = scalar(&house, "SELECT epoch FROM log_state").await;
    end_lead(&house).await;
    let faults = || async { house.metric("ledger_head_faults_total") > 0 };
    house.house.until("the fault is found", faults).await;
    let later = Story::new("路灯不亮", "三天没有亮", 2).registered();
    house.publish(&later.events).await;
    let found = house.metric("ledger_head_faults_total");
    let faults = || async { house.metric("ledger_head_faults_total") > found };
    house.house.until("it is found again", faults).await;
    assert_eq!(scalar(&house, "SELECT epoch FROM log_state").await, epoch);
    assert_eq!(scalar(&house, "SELECT max(tree_size) FROM checkpoints").await, 3);
    let note: String =
        sqlx::query_scalar("SELECT note FROM checkpoints WHERE tree_size = 3").fetch_one(db).await.unwrap();
    let key = Verifier::parse(&identity(1).foremost_verifier_key()).unwrap();
    assert!(key.open(&note).is_ok());
    sqlx::query(bend).execute(db).await.unwrap();
    house.until_tree_size(5).await;
    assert_eq!(house.audit().await.len(), 5);
    house.stop().await;
}
