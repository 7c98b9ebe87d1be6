//! How long a handler waits for a case and for a page of a list when there are many cases.

use std::{
    path::PathBuf,
    time::{Duration, Instant},
};

use hdrhistogram::Histogram;
use huying_proto::{
    events::v1::{RegionPath, event::Body},
    routing::v1::{GetCaseRequest, ListCasesRequest, ListCasesResponse},
};
use huying_tests::{
    crowd,
    installation::Installation,
    town::{Town, authorized},
};
use sqlx::{ConnectOptions as _, PgConnection};

use crate::{report::Report, words};

/// Cases that are waited for at a time.
const CHUNK: usize = 20_000;
/// Handlers who read at the same time.
const READERS: u64 = 8;
/// Cases on a page.
const PAGE: u32 = 50;
/// The late page.
const LATE_PAGE: usize = 100;
/// Tables that are read on every call. None of them may be read from end to end.
const HOT: [&str; 5] = ["cases", "case_history", "case_involved", "command_requests", "assignments"];

/// Fills routing-svc up to `cases` cases, half of them in one township.
pub(crate) async fn fill(installation: &Installation, cases: usize) -> anyhow::Result<()> {
    let townships = townships()?;
    let mut there = 0;
    while there < cases {
        let count = CHUNK.min(cases - there);
        let now = crowd::submit(installation, count, |n| {
            let region = if n % 2 == 0 { &townships[0] } else { &townships[n % townships.len()] };
            let representative = format!("r-150802001-{:03}", n % 10 + 1);
            let mut event = crowd::submitted(region.clone(), &representative, "", &format!("第{n}盏路灯"));
            if let Some(Body::CaseSubmitted(submitted)) = &mut event.body {
                submitted.body = words::letter(n);
            }
            event
        })
        .await;
        there = usize::try_from(now)?;
    }
    let mut routing = installation.database_options("routing").connect().await?;
    sqlx::query("VACUUM ANALYZE").execute(&mut routing).await?;
    Ok(())
}

/// Reads for a while and reports how long it took.
pub(crate) async fn measure(
    installation: &Installation,
    span: Duration,
    report: &mut Report,
) -> anyhow::Result<()> {
    let town = Town::at(installation, 0);
    let office = installation.token("office", "150802001-office", "150802001");
    let auditor = installation.token("auditor", "", "");
    let mut routing = installation.database_options("routing").connect().await?;
    let ids: Vec<uuid::Uuid> =
        sqlx::query_scalar("SELECT case_id FROM cases TABLESAMPLE system (5) LIMIT 5000")
            .fetch_all(&mut routing)
            .await?;
    anyhow::ensure!(!ids.is_empty(), "there are no cases to read");
    // What was inserted before has been counted by now; the reads below are what is left.
    tokio::time::sleep(Duration::from_secs(2)).await;
    let scanned_before = rows_scanned(&mut routing).await?;

    let get = async |n: u64| {
        let case_id = ids[usize::try_from(n).unwrap() % ids.len()].to_string();
        town.cases.clone().get_case(authorized(&auditor, GetCaseRequest { case_id })).await.unwrap();
    };
    add(report, "GetCase", &timed(span, READERS, get).await);

    let lists = [
        (
            "ListCases of an office",
            &office,
            ListCasesRequest {
                unit: "150802001-office".into(),
                page_size: PAGE,
                ..ListCasesRequest::default()
            },
        ),
        (
            "ListCases of a district",
            &auditor,
            ListCasesRequest { region_code: "150802".into(), page_size: PAGE, ..ListCasesRequest::default() },
        ),
        (
            "ListCases of a representative",
            &auditor,
            ListCasesRequest {
                representative_code: "r-150802001-001".into(),
                page_size: PAGE,
                ..ListCasesRequest::default()
            },
        ),
    ];
    for (name, token, first) in lists {
        let late = page_request(&town, token, &first).await;
        for (page, request) in [("first page", first), ("hundredth page", late)] {
            let list = async |_: u64| {
                let answer = list(&town, token, &request).await;
                assert!(!answer.cases.is_empty(), "{name}, {page} is empty");
            };
            add(report, &format!("{name}, {page}"), &timed(span, READERS, list).await);
        }
    }

    tokio::time::sleep(Duration::from_secs(2)).await;
    let scanned = rows_scanned(&mut routing).await?;
    anyhow::ensure!(
        scanned == scanned_before,
        "a hot table was read from end to end: {scanned_before:?}, then {scanned:?}"
    );
    Ok(())
}

/// The request for the late page, or for the last one when there are fewer.
async fn page_request(town: &Town, token: &str, first: &ListCasesRequest) -> ListCasesRequest {
    let mut request = first.clone();
    for _ in 1..LATE_PAGE {
        let next = list(town, token, &request).await.next_page_token;
        if next.is_empty() {
            break;
        }
        request.page_token = next;
    }
    request
}

async fn list(town: &Town, token: &str, request: &ListCasesRequest) -> ListCasesResponse {
    town.cases.clone().list_cases(authorized(token, request.clone())).await.unwrap().into_inner()
}

/// Each reader again and again until the time is up; microseconds of each call. `act` gets the numbers 0, 1, 2 and on.
pub(crate) async fn timed(span: Duration, readers: u64, act: impl AsyncFn(u64)) -> Histogram<u64> {
    let until = Instant::now() + span;
    let reader = async |reader: u64| {
        let mut histogram = Histogram::<u64>::new(3).unwrap();
        let mut n = reader;
        while Instant::now() < until {
            let started = Instant::now();
            act(n).await;
            histogram.record(u64::try_from(started.elapsed().as_micros()).unwrap()).unwrap();
            n += readers;
        }
        histogram
    };
    let mut all = Histogram::<u64>::new(3).unwrap();
    for one in futures_util::future::join_all((0..readers).map(reader)).await {
        all.add(one).unwrap();
    }
    all
}

/// Adds the median and the 99th percentile of microseconds.
pub(crate) fn add(report: &mut Report, name: &str, histogram: &Histogram<u64>) {
    for quantile in [0.5, 0.99] {
        let name = format!("{name}, p{}", (quantile * 100.0) as u32);
        report.add("reading", &name, "ms", histogram.value_at_quantile(quantile) as f64 / 1_000.0);
    }
}

/// Rows that sequential scans have read. Scans are not counted themselves: reading an empty table to its end is the best
/// way to read it.
async fn rows_scanned(routing: &mut PgConnection) -> anyhow::Result<Vec<(String, i64)>> {
    let scanned = sqlx::query_as(
        "SELECT relname::text, seq_tup_read FROM pg_stat_user_tables WHERE relname = ANY($1) ORDER BY 1",
    )
    .bind(HOT)
    .fetch_all(routing)
    .await?;
    Ok(scanned)
}

/// The sample's townships, that of the office whose list is read first.
fn townships() -> anyhow::Result<Vec<RegionPath>> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../deploy/sample/regions.csv");
    let mut found = Vec::new();
    for line in std::fs::read_to_string(path)?.lines() {
        let mut fields = line.split(',');
        let (code, tier, parent) = (fields.next(), fields.nth(1), fields.next());
        if let (Some(code), Some("township"), Some(district)) = (code, tier, parent) {
            found.push(RegionPath {
                municipal: "150800".into(),
                district: district.to_owned(),
                township: code.to_owned(),
            });
        }
    }
    found.sort_by_key(|path| path.township != "150802001");
    Ok(found)
}
