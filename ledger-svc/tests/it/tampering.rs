//! What somebody changes in the database is said by the page of the case.

use std::sync::Arc;

use huying_ledger_svc::{
    LogIdentity,
    config::Serving,
    domain::{checkpoint::Checkpoint, log_keys::Keyring, note::Signer},
    use_cases::{
        get_case::{GetCase, LinesWanted},
        take_lead::take_lead,
    },
};
use huying_proto::ledger::v1::{GetCaseRequest, GetCaseResponse};
use sqlx::AssertSqlSafe;

use crate::{
    house::{House, ORIGIN, identity},
    story::{DEPARTMENT, HOUSING, Story},
};

/// Tables that are put back after each change.
const TABLES: [&str; 9] = [
    "leaves",
    "tiles",
    "texts",
    "checkpoints",
    "log_state",
    "cases",
    "case_units",
    "case_representatives",
    "case_hops",
];

/// A house with one long case among others.
struct Scene {
    house: House,
    case_id: String,
    lines: usize,
}

impl Scene {
    async fn set() -> Self {
        let house = House::start().await;
        let story = Story::new("暖气不热", "楼里只有十四度。", 1)
            .registered()
            .claimed()
            .assigned(HOUSING)
            .returned()
            .assigned(DEPARTMENT)
            .accepted()
            .extended()
            .representative_told("我去看过了")
            .representative_urged()
            .supervised()
            .criticised()
            .replied("已修好")
            .rated(true, false)
            .closed();
        let others = (2..40).map(|minute| Story::new("路灯不亮", "三天没有亮", minute).registered());
        let events: Vec<_> = others.flat_map(|other| other.events).collect();
        let (before, after) = events.split_at(30);
        let events = [before, &story.events, after].concat();
        house.publish_until(&events, events.len() as u64).await;
        house.until_drawn().await;
        let scene = Self { house, case_id: story.case_id, lines: story.events.len() };
        for table in TABLES {
            scene.execute(&format!("CREATE TABLE kept_{table} AS TABLE {table}")).await;
        }
        // Whoever can change rows can also have rows that contradict themselves.
        scene
            .execute(
                "DO $$ DECLARE c record; BEGIN \
                     FOR c IN SELECT conrelid::regclass AS of_table, conname FROM pg_constraint \
                               WHERE contype = 'c' AND conrelid::regclass::text IN \
                                     ('cases', 'case_units', 'case_representatives', 'case_hops') \
                     LOOP EXECUTE format('ALTER TABLE %s DROP CONSTRAINT %I', c.of_table, c.conname); END LOOP; \
                 END $$",
            )
            .await;
        scene
    }

    async fn execute(&self, sql: &str) -> u64 {
        let sql = sql.replace("THE_CASE", &format!("'{}'::uuid", self.case_id));
        let done = sqlx::query(AssertSqlSafe(sql.clone())).execute(&self.house.house.platform.db).await;
        done.unwrap_or_else(|error| panic!("{sql}: {error}")).rows_affected()
    }

    async fn put_back(&self) {
        let mut transaction = self.house.house.platform.db.begin().await.unwrap();
        for table in TABLES {
            for sql in [format!("DELETE FROM {table}"), format!("INSERT INTO {table} TABLE kept_{table}")] {
                sqlx::query(AssertSqlSafe(sql)).execute(&mut *transaction).await.unwrap();
            }
        }
        transaction.commit().await.unwrap();
    }

    async fn case(&self) -> GetCaseResponse {
        self.house.case(&self.case_id).await
    }

    /// What is said after a change: versions and subjects.
    async fn found_after(&self, change: &str) -> Vec<(u64, String)> {
        assert!(self.execute(change).await > 0, "{change}");
        let case = self.case().await;
        let page = self.house.get(&format!("/cases/{}", self.case_id)).await;
        assert_eq!(page.status, 200, "{change}");
        self.put_back().await;
        let mut found: Vec<_> =
            case.discrepancies.into_iter().map(|found| (found.case_version, found.what)).collect();
        found.dedup();
        found
    }

    /// Changes each column of a table's rows of the case by the least there is, one at a time.
    async fn each_column_is_said(&self, table: &str, rows: &str, what: &str) {
        let columns: Vec<(String, String)> = sqlx::query_as(
            "SELECT column_name::text, data_type::text FROM information_schema.columns \
             WHERE table_schema = current_schema() AND table_name = $1 AND column_name <> 'case_id'",
        )
        .bind(table)
        .fetch_all(&self.house.house.platform.db)
        .await
        .unwrap();
        assert!(columns.len() > 4);
        for (column, kind) in columns {
            let another = match kind.as_str() {
                "text" => format!("coalesce({column}, '') || 'x'"),
                "boolean" => format!("NOT {column}"),
                "smallint" | "integer" | "bigint" => format!("{column} + 1"),
                "timestamp with time zone" => format!("coalesce({column} + interval '1 microsecond', now())"),
                "uuid" => "gen_random_uuid()".to_owned(),
                other => panic!("{table}.{column} is {other}"),
            };
            let change =
                format!("UPDATE {table} SET {column} = {another} WHERE case_id = THE_CASE AND {rows}");
            assert_eq!(self.found_after(&change).await, [(0, what.to_owned())], "{change}");
        }
    }
}

fn said(case_version: u64, what: &str) -> Vec<(u64, String)> {
    vec![(case_version, what.to_owned())]
}

#[tokio::test]
async fn what_is_as_it_was_logged_is_said_nothing_about() {
    let scene = Scene::set().await;
    let case = scene.case().await;
    assert_eq!(case.discrepancies, []);
    assert_eq!((case.lines.len(), case.next_version), (scene.lines, 0));
    scene.house.stop().await;
}

#[tokio::test]
async fn a_changed_leaf_is_said_and_the_rest_of_the_case_is_shown() {
    let scene = Scene::set().await;
    // In the name of a field, so that it can no longer be read; in the code of a unit, so that it still can.
    let changes = [
        "UPDATE leaves SET leaf = set_byte(leaf, 2, get_byte(leaf, 2) # 1) WHERE case_id = THE_CASE AND case_version = 4",
        "UPDATE leaves SET leaf = set_byte(leaf, 0, 255) WHERE case_id = THE_CASE AND case_version = 4",
        "UPDATE leaves SET leaf = convert_to(replace(convert_from(leaf, 'UTF8'), '150802-housing', '150802-homes'), \
             'UTF8') WHERE case_id = THE_CASE AND case_version = 4",
        "DELETE FROM leaves WHERE case_id = THE_CASE AND case_version = 4",
        "UPDATE leaves SET leaf = (SELECT leaf FROM kept_leaves WHERE case_id = THE_CASE AND case_version = 6) \
          WHERE case_id = THE_CASE AND case_version = 4",
    ];
    for change in changes {
        assert_eq!(scene.found_after(change).await, said(4, "leaf"), "{change}");
    }

    scene.execute(changes[0]).await;
    let case = scene.case().await;
    assert_eq!(case.lines.len(), scene.lines);
    assert_eq!(case.lines[3].case_version, 4);
    assert_eq!((case.lines[3].event_type.as_str(), case.lines[3].texts.len()), ("", 0));
    assert_eq!(case.case.unwrap().title, "暖气不热");
    scene.put_back().await;
    scene.execute(changes[2]).await;
    let case = scene.case().await;
    assert!(case.lines[3].leaf.contains("150802-homes"));
    let note = &case.lines[3].texts[0];
    assert_eq!((note.name.as_str(), note.text.as_str(), note.salt.as_str()), ("note", "", ""));
    scene.put_back().await;
    assert_eq!(scene.case().await.discrepancies, []);
    scene.house.stop().await;
}

#[tokio::test]
async fn a_changed_tile_or_checkpoint_is_said() {
    let scene = Scene::set().await;
    let changes = [
        "UPDATE tiles SET hashes = set_byte(hashes, 5, get_byte(hashes, 5) # 1)",
        "UPDATE tiles SET hashes = set_byte(hashes, length(hashes) - 1, get_byte(hashes, length(hashes) - 1) # 128)",
        "UPDATE tiles SET hashes = set_byte(hashes, l.leaf_index::integer * 32, \
             get_byte(hashes, l.leaf_index::integer * 32) # 1) \
           FROM leaves l WHERE l.case_id = THE_CASE AND l.case_version = 4",
        "UPDATE tiles SET hashes = substring(hashes FROM 33)",
        "DELETE FROM tiles",
        "UPDATE checkpoints SET root = set_byte(root, 0, get_byte(root, 0) # 1)",
        "UPDATE checkpoints SET note = replace(note, E'\\n9', E'\\n8')",
        "UPDATE checkpoints SET note = left(note, -10) || 'AAAAAAAA' || right(note, 2)",
        "UPDATE checkpoints SET note = 'nothing'",
        "DELETE FROM checkpoints WHERE tree_size = (SELECT tree_size FROM log_state)",
        "UPDATE log_state SET tree_size = tree_size + 1",
    ];
    for change in changes {
        let found = scene.found_after(change).await;
        assert!(found.contains(&(0, "tile".to_owned())), "{change}: {found:?}");
    }
    let entry = scene.found_after(changes[2]).await;
    assert_eq!(entry, said(0, "tile"), "the leaf is proved by the rest of the tile");
    scene.house.stop().await;
}

#[tokio::test]
async fn a_changed_text_is_said_and_not_shown_as_true() {
    let scene = Scene::set().await;
    let of = |name: &str| format!("WHERE case_id = THE_CASE AND case_version = 1 AND name = '{name}'");
    for name in ["title", "body"] {
        for change in [
            format!("UPDATE texts SET text = text || '。' {}", of(name)),
            format!("UPDATE texts SET salt = set_byte(salt, 31, get_byte(salt, 31) # 1) {}", of(name)),
            format!("DELETE FROM texts {}", of(name)),
        ] {
            assert_eq!(scene.found_after(&change).await, said(1, "text"), "{change}");
        }
    }
    scene.execute(&format!("UPDATE texts SET text = '暖气很热' {}", of("title"))).await;
    let case = scene.case().await;
    let title = case.lines[0].texts.iter().find(|text| text.name == "title").unwrap();
    assert_eq!((title.text.as_str(), title.salt.as_str()), ("", ""));
    assert_eq!(case.case.unwrap().title, "");
    let page = scene.house.get(&format!("/cases/{}", scene.case_id)).await.body;
    assert!(!page.contains("<h1>暖气很热"), "{page}");
    scene.house.stop().await;
}

#[tokio::test]
async fn an_erased_text_that_is_there_again_is_said_and_not_shown() {
    let house = House::start().await;
    let story = Story::new("暖气不热", "楼里只有十四度。", 1).registered();
    house.publish_until(&story.events, 2).await;
    let db = &house.house.platform.db;
    sqlx::query("CREATE TABLE kept_texts AS TABLE texts").execute(db).await.unwrap();
    let story = story.erased();
    house.publish_until(&story.events, 3).await;
    house.until_drawn().await;
    assert_eq!(house.case(&story.case_id).await.discrepancies, []);
    sqlx::query("INSERT INTO texts TABLE kept_texts").execute(db).await.unwrap();
    let case = house.case(&story.case_id).await;
    let found: Vec<_> = case.discrepancies.iter().map(|found| found.detail.as_str()).collect();
    let again = |name: &str| format!("the text {name} has been erased, and is kept again");
    assert_eq!(found, [again("body"), again("title")]);
    assert!(
        case.lines[0].texts.iter().all(|text| text.erased && text.text.is_empty() && text.salt.is_empty())
    );
    house.stop().await;
}

#[tokio::test]
async fn a_changed_account_is_said_and_shown_as_the_lines_say() {
    let scene = Scene::set().await;
    scene.each_column_is_said("cases", "true", "account").await;
    assert_eq!(scene.found_after("DELETE FROM cases WHERE case_id = THE_CASE").await, said(0, "account"));
    let last = format!("DELETE FROM leaves WHERE case_id = THE_CASE AND case_version = {}", scene.lines);
    assert!(scene.found_after(&last).await.contains(&(0, "account".to_owned())));

    let state = scene.case().await.case.unwrap().state;
    scene.execute("UPDATE cases SET state = 1, overdue = true WHERE case_id = THE_CASE").await;
    let case = scene.case().await;
    let shown = case.case.unwrap();
    assert_eq!((shown.state, shown.overdue), (state, false));
    assert_eq!(case.discrepancies[0].detail, "how the case stands is not what its lines say: state, overdue");
    // And with a state that there is none of.
    scene.execute("UPDATE cases SET state = 99 WHERE case_id = THE_CASE").await;
    assert_eq!(scene.case().await.case.unwrap().state, state);
    scene.house.stop().await;
}

#[tokio::test]
async fn changed_figures_are_said() {
    let scene = Scene::set().await;
    scene.each_column_is_said("case_units", &format!("unit = '{DEPARTMENT}'"), "figures").await;
    scene.each_column_is_said("case_representatives", "true", "figures").await;
    scene.each_column_is_said("case_hops", "true", "figures").await;
    for table in ["case_units", "case_representatives", "case_hops"] {
        let change = format!("DELETE FROM {table} WHERE case_id = THE_CASE");
        assert_eq!(scene.found_after(&change).await, said(0, "figures"));
    }
    // A unit that had nothing to do with the case.
    let change = "INSERT INTO case_units SELECT 'somebody', case_id, replied, rated, resolved, satisfied, returned, \
                  expired FROM case_units WHERE case_id = THE_CASE LIMIT 1";
    assert_eq!(scene.found_after(change).await, said(0, "figures"));
    scene.house.stop().await;
}

#[tokio::test]
async fn a_page_of_lines_has_what_is_wrong_with_these_lines_and_with_the_whole() {
    let scene = Scene::set().await;
    let page = async |first_version, lines_max| {
        let request = GetCaseRequest { case_id: scene.case_id.clone(), first_version, lines_max };
        let case = scene.house.client.clone().get_case(request).await.unwrap().into_inner();
        let versions: Vec<u64> = case.lines.iter().map(|line| line.case_version).collect();
        let found: Vec<u64> = case.discrepancies.iter().map(|found| found.case_version).collect();
        (versions, case.next_version, found, case.case.unwrap().title)
    };
    let title = || "暖气不热".to_owned();
    assert_eq!(page(3, 2).await, (vec![3, 4], 5, vec![], title()));
    let last = scene.lines as u64;
    assert_eq!(page(last, 0).await, (vec![last], 0, vec![], title()));
    assert_eq!(page(last + 1, 0).await, (vec![], 0, vec![], title()));
    scene
        .execute(
            "UPDATE leaves SET leaf = set_byte(leaf, 2, 0) WHERE case_id = THE_CASE AND case_version = 4",
        )
        .await;
    scene.execute("UPDATE texts SET text = '-' WHERE case_id = THE_CASE AND case_version = 6").await;
    assert_eq!(page(3, 2).await, (vec![3, 4], 5, vec![4], title()));
    assert_eq!(page(5, 2).await, (vec![5, 6], 7, vec![6], title()));
    assert_eq!(page(7, 2).await, (vec![7, 8], 9, vec![], title()));
    let request = GetCaseRequest { case_id: scene.case_id.clone(), lines_max: 501, ..Default::default() };
    let refused = scene.house.client.clone().get_case(request).await.unwrap_err();
    assert!(refused.message().contains("lines_max"), "{}", refused.message());
    scene.house.stop().await;
}

#[tokio::test]
async fn whoever_says_that_the_tables_are_drawn_anew_is_found_out() {
    let scene = Scene::set().await;
    assert!(!scene.case().await.being_drawn);
    for change in ["UPDATE projection SET format = 0", "UPDATE projection SET epoch = 0"] {
        // At once, so that nobody draws the tables between the two.
        let mut transaction = scene.house.house.platform.db.begin().await.unwrap();
        for sql in [change, "UPDATE cases SET overdue = NOT overdue"] {
            sqlx::query(sql).execute(&mut *transaction).await.unwrap();
        }
        let before = scene.house.metric("ledger_unchecked_reads_total");
        transaction.commit().await.unwrap();
        let case = scene.case().await;
        assert!(case.being_drawn && case.discrepancies.is_empty(), "{change}: {case:?}");
        let page = scene.house.get(&format!("/cases/{}", scene.case_id)).await.body;
        assert!(page.contains("没有与账本核对"), "{page}");
        assert!(scene.house.metric("ledger_unchecked_reads_total") >= before + 2);
        // It is drawn again before long, without a new leader.
        let is_drawn = || async { !scene.case().await.being_drawn };
        scene.house.house.until("the tables are drawn", is_drawn).await;
        let case = scene.case().await;
        assert_eq!((case.discrepancies, case.case.unwrap().overdue), (vec![], false), "{change}");
    }
    scene.house.stop().await;
}

#[tokio::test]
async fn a_checkpoint_that_only_a_retired_key_has_signed_is_none_of_the_log() {
    let one = identity(1);
    let old = Signer::from_seed(ORIGIN, &[9; 32]).unwrap();
    let keys = Keyring { retired: vec![old.verifier_key()], ..one.keys.clone() };
    let both = Keyring { signers: vec![one.keys.signers[0].clone(), old.clone()], retired: Vec::new() };
    let with = |keys| {
        let LogIdentity { origin, witnesses, mark, .. } = Arc::into_inner(identity(1)).unwrap();
        Arc::new(LogIdentity { origin, keys, witnesses, mark })
    };
    let house = House::start_as(with(both), Serving::default()).await;
    let story = Story::new("暖气不热", "楼里只有十四度。", 1).registered();
    house.publish_until(&story.events, 2).await;
    let replica = house.house.replica().await;
    let retired = with(keys);
    let db = &house.house.platform.db;
    take_lead(db, &replica.clock, &retired).await.unwrap();
    let reader = GetCase::new(&replica, db.clone(), &retired);
    let case_id = story.case_id.parse().unwrap();
    let found = async || reader.get(case_id, LinesWanted::default()).await.unwrap().discrepancies;
    assert_eq!(found().await, []);
    // Whoever has the retired key signs for another tree.
    let forged = Checkpoint { origin: ORIGIN.to_owned(), tree_size: 2, root: [7; 32] };
    sqlx::query("UPDATE checkpoints SET root = $1, note = $2 WHERE tree_size = 2")
        .bind(&forged.root[..])
        .bind(forged.sign(&[old]).unwrap())
        .execute(db)
        .await
        .unwrap();
    let found: Vec<_> = found().await.into_iter().map(|found| found.detail).collect();
    assert!(found.contains(&"the latest checkpoint is not signed by the log".to_owned()), "{found:?}");
    replica.shutdown().cancel();
    house.stop().await;
}
