//! The pages as people get them, with and without assistive technology: drawn by a real browser, filled with the sample
//! day, empty, very long, and changed behind the log's back.

use std::{path::PathBuf, process::Command};

use huying_tests::{
    installation::{Installation, SERVICES},
    servers::Servers,
    town::{Town, message},
    until,
};
use serde_json::json;
use sqlx::{ConnectOptions as _, PgConnection};

/// The longest title there is.
const TITLE_CHARS: usize = 120;

/// Events of the longest case: its beginning, and this many reports of progress.
const REPORTS: usize = 196;

#[tokio::test(flavor = "multi_thread")]
async fn no_page_shuts_anybody_out_or_scrolls_sideways_or_breaks_its_own_policy() {
    let bin_dir = huying_tests::environment("HUYING_TEST_BIN_DIR").into();
    let installation = Installation::start(Servers::shared(), bin_dir, &[], 1).await;
    look(&installation, "ledger", &["/", "/cases", "/units", "/representatives", "/log"]).await;

    installation.import_sample().await;
    let day = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../deploy/sample/day.jsonl");
    installation.huying(&["sample", "play", day.to_str().unwrap()]);
    let long = long_case(&installation).await;
    recount(&installation).await;
    let mut ledger = installation.database_options("ledger").connect().await.unwrap();
    let overdue = case_where(&mut ledger, "overdue").await;
    let merged = case_where(&mut ledger, "petitioner_count > 1").await;
    let hidden = case_where(&mut ledger, "publication = 2").await;
    let (long, overdue, merged) =
        (format!("/cases/{long}"), format!("/cases/{overdue}"), format!("/cases/{merged}"));
    look(
        &installation,
        "ledger",
        &[
            "/",
            "/regions/150800",
            "/regions/150802001",
            "/cases",
            "/cases?q=%E8%B7%AF%E7%81%AF&region=150802&overdue=0&from=2020-01-01",
            "/cases?state=withdrawn&kind=appointment",
            &long,
            &format!("{long}/lines/1/proof"),
            &overdue,
            &merged,
            &format!("/cases/{hidden}"),
            "/units",
            "/units?region=150802001",
            "/units/150802-housing",
            "/units/150802-office",
            "/representatives",
            "/representatives?region=150802001&q=%E4%BB%A3%E8%A1%A8",
            "/representatives/r-150802001-003",
            "/log",
            "/nowhere",
            "/cases?region=x",
        ],
    )
    .await;
    look(&installation, "intake", &["/", "/track"]).await;

    sqlx::query("UPDATE texts SET text = text || '。'").execute(&mut ledger).await.unwrap();
    look(&installation, "ledger", &[&merged]).await;
    installation.stop().await;
}

/// Has a browser draw pages of a service, and fails with what is wrong with them.
async fn look(installation: &Installation, service: &'static str, paths: &[&str]) {
    assert!(SERVICES.contains(&service));
    let script = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("python/accessibility.py");
    let mut python = Command::new(huying_tests::environment("HUYING_TEST_BROWSER_PYTHON"));
    python.arg(script).arg(huying_tests::environment("HUYING_TEST_BROWSER"));
    let site = installation.http_url(service, 0);
    python.args(paths.iter().map(|path| format!("{site}{path}")));
    let output = tokio::task::spawn_blocking(move || python.output().unwrap()).await.unwrap();
    assert!(
        output.status.success(),
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}

/// Holds the figures of the whole day against a recount over the served leaves that shares nothing with Huying.
async fn recount(installation: &Installation) {
    let ledger = tokio::sync::Mutex::new(installation.database_options("ledger").connect().await.unwrap());
    let routing = tokio::sync::Mutex::new(installation.database_options("routing").connect().await.unwrap());
    until("the ledger has what was decided", async || {
        let leaves: i64 = sqlx::query_scalar("SELECT count(*) FROM leaves")
            .fetch_one(&mut *ledger.lock().await)
            .await
            .unwrap();
        let decided: i64 = sqlx::query_scalar("SELECT sum(version)::bigint FROM cases")
            .fetch_one(&mut *routing.lock().await)
            .await
            .unwrap();
        (leaves >= decided).then_some(())
    })
    .await;
    let script = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("python/figures.py");
    let mut python = Command::new(huying_tests::environment("HUYING_TEST_PYTHON"));
    python.arg(script).arg(installation.http_url("ledger", 0));
    let output = tokio::task::spawn_blocking(move || python.output().unwrap()).await.unwrap();
    assert!(
        output.status.success(),
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}

/// A case with the longest title and more than two hundred events.
async fn long_case(installation: &Installation) -> String {
    let town = Town::at(installation, 0);
    let submitted = town.submit_surely(message("150802001", &"路".repeat(TITLE_CHARS))).await;
    let case_id = submitted.case_id;
    town.lines_until(&case_id, 3).await;
    let mut ledger = installation.database_options("ledger").connect().await.unwrap();
    let unit: String = sqlx::query_scalar("SELECT responsible_unit FROM cases WHERE case_id = $1::uuid")
        .bind(&case_id)
        .fetch_one(&mut ledger)
        .await
        .unwrap();
    let accept = json!({"case_id": case_id, "do": "accept"});
    let reports = (1..=REPORTS)
        .map(|number| json!({"case_id": case_id, "do": "progress", "text": format!("第 {number} 次到场。")}));
    let commands: Vec<String> =
        std::iter::once(accept).chain(reports).map(|command| command.to_string()).collect();
    let file = installation.directory.join("long.jsonl");
    std::fs::write(&file, commands.join("\n")).unwrap();
    installation.huying(&["batch", file.to_str().unwrap(), "--as", &unit]);
    let events = i64::try_from(REPORTS + 4).unwrap();
    let ledger = tokio::sync::Mutex::new(ledger);
    until("the ledger has the whole case", async || {
        let leaves: i64 = sqlx::query_scalar("SELECT count(*) FROM leaves WHERE case_id = $1::uuid")
            .bind(&case_id)
            .fetch_one(&mut *ledger.lock().await)
            .await
            .unwrap();
        (leaves >= events).then_some(())
    })
    .await;
    case_id
}

/// One of the cases that are so.
async fn case_where(ledger: &mut PgConnection, condition: &'static str) -> String {
    let statement = format!("SELECT case_id::text FROM cases WHERE {condition} LIMIT 1");
    sqlx::query_scalar(sqlx::AssertSqlSafe(statement)).fetch_one(ledger).await.unwrap()
}
