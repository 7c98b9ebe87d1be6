//! What the public account bears: appending while hundreds of thousands of leaves wait, and reading among as many cases.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, Instant},
};

use huying_tests::installation::{Installation, http_client};
use sqlx::{ConnectOptions as _, PgConnection};

use crate::{cpu, reading, report::Report};

/// Readers at the same time. On the machine of the measurement there are two cores, and the readers need one themselves.
const READERS: u64 = 2;

/// How long the search may take to come along before the measurement is given up.
const FINDABLE_MAX: Duration = Duration::from_secs(1_800);

/// Most memory that an export may take besides what the service has anyway.
const EXPORT_GROWTH_MAX_MIB: f64 = 64.0;

/// How long after its event the checkpoint that covers a leaf was signed, for the leaves from one place on; microseconds at
/// the 99th percentile.
pub(crate) async fn leaf_to_checkpoint(
    installation: &Installation,
    from: i64,
    report: &mut Report,
) -> anyhow::Result<()> {
    let mut ledger = installation.database_options("ledger").connect().await?;
    let seconds: Option<f64> = sqlx::query_scalar(
        "SELECT percentile_cont(0.99) WITHIN GROUP (ORDER BY extract(epoch FROM covering.signed_at - occurred_at)) \
         FROM (SELECT leaf_index, (convert_from(leaf, 'UTF8')::json->>'occurred_at')::timestamptz AS occurred_at \
               FROM leaves WHERE leaf_index >= $1) AS leaf, \
              LATERAL (SELECT signed_at FROM checkpoints WHERE tree_size > leaf.leaf_index ORDER BY tree_size LIMIT 1) \
                  AS covering",
    )
    .bind(from)
    .fetch_one(&mut ledger)
    .await?;
    report.add("latency", "event to signed checkpoint, p99", "ms", seconds.unwrap_or(0.0) * 1_000.0);
    Ok(())
}

/// Leaves in the log.
pub(crate) async fn tree_size(ledger: &mut PgConnection) -> anyhow::Result<i64> {
    Ok(sqlx::query_scalar("SELECT tree_size FROM log_state").fetch_one(ledger).await?)
}

/// Starts the ledger, which has been away, and measures how fast it works off what waits for it.
pub(crate) async fn append(installation: &mut Installation, report: &mut Report) -> anyhow::Result<()> {
    let mut routing = installation.database_options("routing").connect().await?;
    // Every event of a history but version 1, which came from elsewhere; nothing waits for a predecessor at the end.
    let histories: i64 =
        sqlx::query_scalar("SELECT sum(version)::bigint FROM cases").fetch_one(&mut routing).await?;
    let mut ledger = installation.database_options("ledger").connect().await?;
    let before = tree_size(&mut ledger).await?;
    anyhow::ensure!(histories > before, "no leaves wait");
    installation.start_service("ledger", 0);
    let mut first: Option<(Instant, i64, cpu::Usage)> = None;
    let (first, first_size, cpu_before, last) = loop {
        let size = tree_size(&mut ledger).await?;
        if first.is_none() && size > before {
            first = Some((Instant::now(), size, cpu::Usage::now(installation)));
        }
        match first {
            Some((at, seen, cpu_before)) if size >= histories => {
                break (at, seen, cpu_before, Instant::now());
            }
            _ => tokio::time::sleep(Duration::from_millis(20)).await,
        }
    };
    let span = last.duration_since(first);
    report.add("account", "leaves that waited", "", (histories - before) as f64);
    report.add("account", "leaves appended", "/s", (histories - first_size) as f64 / span.as_secs_f64());
    for (process, share) in cpu::Usage::now(installation).shares_since(&cpu_before, span) {
        report.add("CPU while appending", &process, "% of one core", share);
    }

    installation.ready().await;
    let started = Instant::now();
    loop {
        let behind: i64 =
            sqlx::query_scalar("SELECT tree_size - (SELECT next_leaf FROM search_cursor) FROM log_state")
                .fetch_one(&mut ledger)
                .await?;
        if behind <= 0 {
            break;
        }
        anyhow::ensure!(started.elapsed() < FINDABLE_MAX, "{behind} leaves cannot be found yet");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    report.add("account", "until all texts could be found", "s", started.elapsed().as_secs_f64());
    sqlx::query("VACUUM ANALYZE").execute(&mut ledger).await?;
    Ok(())
}

/// One condition each, as an address has them: of what most cases have, and of what the fewest have.
async fn filters(ledger: &mut PgConnection) -> anyhow::Result<Vec<String>> {
    let mut filters = Vec::new();
    for (name, counted) in [
        ("region", "SELECT township AS value FROM cases WHERE township <> ''"),
        ("category", "SELECT category AS value FROM cases WHERE category <> ''"),
        ("unit", "SELECT unit AS value FROM case_units"),
        ("with", "SELECT responsible_unit AS value FROM cases WHERE state IN (1, 2, 3, 4)"),
    ] {
        for order in ["DESC", "ASC"] {
            let statement = format!(
                "SELECT value FROM ({counted}) AS c GROUP BY value ORDER BY count(*) {order} LIMIT 1"
            );
            let value: Option<String> =
                sqlx::query_scalar(sqlx::AssertSqlSafe(statement)).fetch_optional(&mut *ledger).await?;
            if let Some(value) = value {
                let address = reqwest::Url::parse_with_params("http://ledger/cases", [(name, value)])?;
                filters.push(address.query().unwrap_or_default().to_owned());
            }
        }
    }
    anyhow::ensure!(!filters.is_empty(), "there is nothing to filter by");
    Ok(filters)
}

/// Reads pages, searches and exports.
pub(crate) async fn read(
    installation: &Installation,
    span: Duration,
    words: &[String],
    report: &mut Report,
) -> anyhow::Result<()> {
    let mut ledger = installation.database_options("ledger").connect().await?;
    let ids: Vec<uuid::Uuid> =
        sqlx::query_scalar("SELECT case_id FROM cases TABLESAMPLE system (5) LIMIT 5000")
            .fetch_all(&mut ledger)
            .await?;
    anyhow::ensure!(!ids.is_empty(), "there are no cases to read");
    let client = http_client();
    let base = installation.http_url("ledger", 0);
    let get = async |path: String| {
        let response = client.get(format!("{base}{path}")).send().await.unwrap();
        assert!(response.status().is_success(), "{path}: {}", response.status());
        response.text().await.unwrap()
    };
    let at = |n: u64, length: usize| usize::try_from(n).unwrap() % length;

    let case_page = async |n: u64| drop(get(format!("/cases/{}", ids[at(n, ids.len())])).await);
    reading::add(report, "page of a case", &reading::timed(span, READERS, case_page).await);
    let list_page = async |_: u64| drop(get("/cases".to_owned()).await);
    reading::add(report, "page of latest cases", &reading::timed(span, READERS, list_page).await);
    // A hit is marked where it stands in the list; some pairs of words are in no case.
    let found = AtomicU64::new(0);
    let search = async |n: u64| {
        let word = |step: u64| &words[at(n * step, words.len())];
        let page = get(format!("/cases?q={}+{}", word(7), word(13))).await;
        found.fetch_add(u64::from(page.contains("<mark>")), Ordering::Relaxed);
    };
    let searches = reading::timed(span, READERS, search).await;
    let share = found.into_inner() as f64 / searches.len() as f64;
    anyhow::ensure!(share > 0.5, "of the searches only {:.0} % found anything", share * 100.0);
    reading::add(report, "search for two words", &searches);
    let filters = filters(&mut ledger).await?;
    let filtered = async |n: u64| {
        let (word, filter) = (&words[at(n * 7, words.len())], &filters[at(n, filters.len())]);
        drop(get(format!("/cases?q={word}&{filter}")).await);
    };
    reading::add(report, "search for a word with a filter", &reading::timed(span, READERS, filtered).await);
    let overview = async |_: u64| drop(get("/".to_owned()).await);
    reading::add(report, "page of the municipality", &reading::timed(span, READERS, overview).await);

    let (_, pid) = installation
        .pids()
        .into_iter()
        .find(|(service, _)| *service == "ledger")
        .ok_or_else(|| anyhow::anyhow!("the ledger does not run"))?;
    let before = cpu::resident_mib(pid);
    let started = Instant::now();
    let client = reqwest::Client::builder().timeout(Duration::from_secs(600)).build()?;
    let mut response = client.get(format!("{base}/cases.jsonl")).send().await?.error_for_status()?;
    let (mut rows, mut most) = (0_u64, before);
    while let Some(chunk) = response.chunk().await? {
        rows += chunk.iter().filter(|byte| **byte == b'\n').count() as u64;
        most = f64::max(most, cpu::resident_mib(pid));
    }
    let seconds = started.elapsed().as_secs_f64();
    report.add("account", "export of all cases", "rows/s", rows as f64 / seconds);
    report.add("account", "memory taken by the export", "MiB", most - before);
    anyhow::ensure!(most - before < EXPORT_GROWTH_MAX_MIB, "the export took {:.0} MiB", most - before);
    Ok(())
}
