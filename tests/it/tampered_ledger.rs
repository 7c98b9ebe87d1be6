//! Whoever changes something in the ledger's database, and be it one byte, is found out: `huying ledger audit` says what
//! was changed, from the public files alone, and the page of the case says it to whoever opens it.
//!
//! One change after the other, each put back before the next; in the end everything is as it was, and the log goes on.

use huying_tests::{
    installation::{Installation, http_client},
    town::{Town, message},
    until,
};
use serde_json::Value;
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _, PgConnection};

const REPRESENTATIVE: &str = "r-150802001-001";
const DEPARTMENT: &str = "150802-housing";

/// What `huying ledger audit` exits with when something is not as it was logged.
const NOT_VERIFIED: i32 = 6;

/// How a page says that something on it is not as it was logged.
const ALARM: &str = "role=\"alert\"";

/// Discrepancies that are printed where a test fails.
const PRINTED_MAX: usize = 20;

/// Rows of the case.
const OF_CASE: &str = "case_id = THE_CASE";
/// The tile of the leaves, of which there are fewer than 256.
const LOWEST_TILE: &str = "level = 0 AND tile_index = 0";
/// The latest checkpoint.
const LATEST: &str = "tree_size = (SELECT max(tree_size) FROM checkpoints)";

/// A change, and what finds it.
struct Change {
    table: &'static str,
    /// Condition of the rows that are changed, and put back after it.
    rows: &'static str,
    set: &'static str,
    /// The audit tells a discrepancy whose line has all of these; or ends with an error that has.
    told: &'static [&'static str],
    /// It is in what figures are counted from, which are counted anew when the log has grown.
    is_counted: bool,
    /// The page of the case says it, too.
    is_on_page: bool,
}

const CHANGES: [Change; 12] = [
    Change {
        table: "texts",
        rows: "case_id = THE_CASE AND case_version = 1 AND name = 'body'",
        set: "text = text || '。'",
        told: &["text", "/texts.jsonl case THE_CASE version 1 body", "the text that the leaf commits to"],
        is_counted: false,
        is_on_page: true,
    },
    Change {
        table: "texts",
        rows: "case_id = THE_CASE AND case_version = 9 AND name = 'text'",
        set: "salt = set_byte(salt, 31, get_byte(salt, 31) # 1)",
        told: &["text", "/texts.jsonl case THE_CASE version 9 text", "the text that the leaf commits to"],
        is_counted: false,
        is_on_page: true,
    },
    Change {
        table: "cases",
        rows: OF_CASE,
        set: "satisfied = NOT satisfied",
        told: &["case", "/cases.jsonl case THE_CASE satisfied", "true", "false"],
        is_counted: false,
        is_on_page: true,
    },
    Change {
        table: "cases",
        rows: OF_CASE,
        set: "satisfied = NOT satisfied",
        told: &["figures", "/regions.jsonl 150802 satisfied"],
        is_counted: true,
        is_on_page: true,
    },
    Change {
        table: "case_units",
        rows: "case_id = THE_CASE AND unit = '150802-housing'",
        set: "returned = returned + 1",
        told: &["figures", "/units.jsonl 150802-housing returned"],
        is_counted: true,
        is_on_page: true,
    },
    Change {
        table: "case_representatives",
        rows: OF_CASE,
        set: "urged = urged + 1",
        told: &["figures", "/representatives.jsonl r-150802001-001 urged"],
        is_counted: true,
        is_on_page: true,
    },
    Change {
        table: "case_hops",
        rows: "case_id = THE_CASE AND kind = 2 AND from_unit = '150802001-office'",
        set: "from_unit = '150802002-office'",
        told: &["figures", "/flows.jsonl", "escalated 150802001-office 150802-office"],
        is_counted: true,
        is_on_page: true,
    },
    Change {
        table: "leaves",
        rows: "case_id = THE_CASE AND case_version = 7",
        set: "leaf = convert_to(replace(convert_from(leaf, 'UTF8'), '150802-housing', '150802-hausing'), 'UTF8')",
        told: &["tile", "/log/tile/0/000"],
        is_counted: false,
        is_on_page: true,
    },
    Change {
        table: "leaves",
        rows: "case_id = THE_CASE AND case_version = 7",
        set: "leaf = set_byte(leaf, 0, 0)",
        told: &["leaf", "leaf", "the canonical JSON of an event"],
        is_counted: false,
        is_on_page: true,
    },
    Change {
        table: "tiles",
        rows: LOWEST_TILE,
        set: "hashes = set_byte(hashes, 0, get_byte(hashes, 0) # 1)",
        told: &["tile", "/log/tile/0/000"],
        is_counted: false,
        is_on_page: true,
    },
    Change {
        table: "checkpoints",
        rows: LATEST,
        set: "note = replace(note, split_part(note, E'\\n', 3), encode(sha256('other'), 'base64'))",
        told: &["signature is not of the key"],
        is_counted: false,
        is_on_page: true,
    },
    Change {
        table: "log_keys",
        rows: "true",
        set: "verifier_key = 'PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW'",
        told: &["/log/vkey", "HTTP 500", "the log is not as it was written"],
        is_counted: false,
        is_on_page: false,
    },
];

#[tokio::test(flavor = "multi_thread")]
async fn whatever_is_changed_in_the_database_is_said_by_the_audit_and_by_the_page() {
    let installation = Installation::with_sample(1).await;
    let town = Town::at(&installation, 0);
    let case_id = long_case(&installation, &town).await;
    let mut scene = Scene {
        ledger: installation.database_options("ledger").connect().await.unwrap(),
        installation,
        town,
        case_id,
    };
    scene.grow().await;
    scene.is_sound().await;
    for change in &CHANGES {
        scene.is_found(change).await;
    }
    scene.grow().await;
    scene.is_sound().await;
    scene.a_log_that_claims_a_leaf_too_many_is_found().await;
    scene.grow().await;
    scene.is_sound().await;
    scene.ledger.close().await.unwrap();
    scene.installation.stop().await;
}

/// A case that has been with three tiers and a representative, was answered, rated and closed.
async fn long_case(installation: &Installation, town: &Town) -> String {
    let office = |region: &str| installation.token("office", &format!("{region}-office"), region);
    let department = installation.token("department", DEPARTMENT, "150802");
    let mut request = message("150802001", "团结路路灯不亮");
    request.representative_code = REPRESENTATIVE.to_owned();
    let receipt = town.submit(request).await.unwrap();
    let case_id = receipt.case_id;
    town.track_until(&receipt.receipt_code, 3).await;
    town.escalate(&office("150802001"), &case_id).await.unwrap();
    town.escalate(&office("150802"), &case_id).await.unwrap();
    town.delegate(&office("150800"), &case_id, "150802").await.unwrap();
    town.assign(&office("150802"), &case_id, DEPARTMENT).await.unwrap();
    town.accept(&department, &case_id).await.unwrap();
    town.reply(&department, &case_id, "已更换灯头三只，今晚起恢复照明。").await.unwrap();
    town.track_until(&receipt.receipt_code, 9).await;
    town.rate(&receipt.receipt_code, true, false).await.unwrap();
    town.track_until(&receipt.receipt_code, 10).await;
    town.close(&office("150802"), &case_id).await.unwrap();
    town.lines_until(&case_id, 11).await;
    case_id
}

struct Scene {
    installation: Installation,
    town: Town,
    ledger: PgConnection,
    case_id: String,
}

impl Scene {
    /// Another case comes in, so that figures are counted anew.
    async fn grow(&self) {
        let submitted = self.town.submit_surely(message("150802001", "路灯不亮")).await;
        self.town.lines_until(&submitted.case_id, 3).await;
    }

    async fn execute(&mut self, sql: &str) -> u64 {
        let sql = sql.replace("THE_CASE", &format!("'{}'::uuid", self.case_id));
        let done = sqlx::query(AssertSqlSafe(sql.clone())).execute(&mut self.ledger).await;
        done.unwrap_or_else(|error| panic!("{sql}: {error}")).rows_affected()
    }

    /// Exit code, discrepancies as lines, and the error if there is one.
    fn audit(&self) -> (i32, Vec<String>) {
        let url = self.installation.http_url("ledger", 0);
        let (code, stdout, stderr) = self.installation.try_huying(&["--json", "ledger", "audit", &url]);
        let report: Value = serde_json::from_str(&stdout).unwrap_or_default();
        let line = |found: &Value| {
            let word = |name: &str| found[name].as_str().unwrap_or_default().to_owned();
            let words = ["subject", "place", "expected", "found"].map(word);
            words.join(" ")
        };
        let mut lines: Vec<String> =
            report["discrepancies"].as_array().into_iter().flatten().map(line).collect();
        lines.truncate(PRINTED_MAX);
        if !stderr.is_empty() {
            lines.push(stderr);
        }
        (code, lines)
    }

    async fn page(&self) -> String {
        let url = format!("{}/cases/{}", self.installation.http_url("ledger", 0), self.case_id);
        http_client().get(url).send().await.unwrap().text().await.unwrap()
    }

    async fn is_sound(&mut self) {
        // A new leader draws the tables beside the log first.
        let ledger = tokio::sync::Mutex::new(&mut self.ledger);
        until("the tables are drawn", async || {
            let drawn = "SELECT p.format > 0 AND p.epoch = s.epoch FROM projection p, log_state s";
            let drawn: bool = sqlx::query_scalar(drawn).fetch_one(&mut **ledger.lock().await).await.unwrap();
            drawn.then_some(())
        })
        .await;
        let (code, lines) = self.audit();
        assert_eq!((code, lines), (0, vec![]));
        let page = self.page().await;
        assert!(page.contains("团结路路灯不亮") && !page.contains(ALARM), "{page}");
    }

    /// Nothing is appended to such a log, so figures are not counted anew for a new leaf, but once they are old enough.
    async fn a_log_that_claims_a_leaf_too_many_is_found(&mut self) {
        assert_eq!(self.execute("UPDATE log_state SET tree_size = tree_size + 1").await, 1);
        until("the audit says that there are figures of a leaf that there is not", async || {
            let (code, lines) = self.audit();
            let is_told = lines.iter().any(|line| line.contains("figures of a tree of at most"));
            (code == NOT_VERIFIED && is_told).then_some(())
        })
        .await;
        let page = self.page().await;
        assert!(page.contains(ALARM), "{page}");
        assert_eq!(self.execute("UPDATE log_state SET tree_size = tree_size - 1").await, 1);
    }

    async fn is_found(&mut self, change: &Change) {
        let Change { table, rows, set, told, is_counted, is_on_page } = change;
        self.execute(&format!("CREATE TABLE kept AS SELECT * FROM {table} WHERE {rows}")).await;
        let changed = self.execute(&format!("UPDATE {table} SET {set} WHERE {rows}")).await;
        assert!(changed > 0, "{table}: {set}");
        if *is_counted {
            self.grow().await;
        }
        let (code, lines) = self.audit();
        let told: Vec<String> = told.iter().map(|part| part.replace("THE_CASE", &self.case_id)).collect();
        let is_told = lines.iter().any(|line| told.iter().all(|part| line.contains(part)));
        assert!(code == NOT_VERIFIED && is_told, "{table}: {set}: expected {told:?}, {code}: {lines:#?}");
        let page = self.page().await;
        assert!(page.contains(ALARM) || !is_on_page, "{table}: {set}: {page}");
        let columns = set.split(" = ").next().unwrap_or_default();
        let by = match *table {
            "texts" => {
                "now.case_id = kept.case_id AND now.case_version = kept.case_version AND now.name = kept.name"
            }
            "leaves" => "now.leaf_index = kept.leaf_index",
            "cases" => "now.case_id = kept.case_id",
            "case_units" => "now.case_id = kept.case_id AND now.unit = kept.unit",
            "case_representatives" => {
                "now.case_id = kept.case_id AND now.representative = kept.representative"
            }
            "case_hops" => "now.case_id = kept.case_id AND now.case_version = kept.case_version",
            "tiles" => "now.level = kept.level AND now.tile_index = kept.tile_index",
            "checkpoints" => "now.tree_size = kept.tree_size",
            "log_keys" => "true",
            other => panic!("how are rows of {other} put back?"),
        };
        let put_back = format!("UPDATE {table} now SET {columns} = kept.{columns} FROM kept WHERE {by}");
        assert_eq!(self.execute(&put_back).await, changed, "{put_back}");
        self.execute("DROP TABLE kept").await;
    }
}
