//! The lists as files: complete or visibly not, the same in each format, and never more than the public may see.

use std::{collections::BTreeSet, time::Duration};

use axum::{
    body::{Body, Bytes},
    http::{Request, Response},
};
use data_encoding::HEXLOWER;
use futures_util::StreamExt as _;
use huying_ledger_svc::{config::Serving, exporting::ExportBounds};
use huying_proto::{
    events::v1::Publication,
    ledger::v1::{GetRegionFiguresRequest, GetRepresentativeArchiveRequest, GetUnitHistoryRequest},
};
use serde_json::Value;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};
use tower::ServiceExt as _;

use crate::{
    house::{House, Page, identity},
    story::{DEPARTMENT, HOUSING, OFFICE, REPRESENTATIVE, Story},
};

const FORMULA: &str = "=HYPERLINK(\"http://x.example\",\"暖气\"),\n不热";

/// A house that reads this many rows at once.
async fn house_with_pages_of(page_rows: u32) -> House {
    house_with(ExportBounds { page_rows, ..ExportBounds::default() }).await
}

async fn house_with(exports: ExportBounds) -> House {
    House::start_serving(Serving { exports, ..Serving::default() }).await
}

/// The rows of a CSV file, each as its columns and cells.
fn csv_rows(page: &Page) -> Vec<Vec<(String, String)>> {
    let text = page.body.strip_prefix('\u{feff}').expect("a byte order mark comes first");
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let names: Vec<String> = reader.headers().unwrap().iter().map(str::to_owned).collect();
    let rows = reader.records().map(|record| {
        let record = record.unwrap();
        names.iter().cloned().zip(record.iter().map(str::to_owned)).collect()
    });
    rows.collect()
}

/// The rows of a JSON Lines file, which has to be whole.
fn json_rows(page: &Page) -> Vec<Value> {
    let mut rows: Vec<Value> = page.body.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let end = rows.pop().expect("there is a last line");
    assert_eq!(end, serde_json::json!({"end": true, "rows": rows.len()}));
    rows
}

/// What a cell has for a value, but for the apostrophe before what could be a formula.
fn cell(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Bool(_) | Value::Number(_) => value.to_string(),
        Value::Array(_) | Value::Object(_) => panic!("{value} is no cell"),
    }
}

fn ids(rows: &[Value]) -> Vec<&str> {
    rows.iter().map(|row| row["case_id"].as_str().unwrap()).collect()
}

/// An answer whose body has not been read.
async fn begin(house: &House, address: &str) -> Response<Body> {
    let request = Request::get(address).body(Body::empty()).unwrap();
    house.pages.clone().oneshot(request).await.unwrap()
}

/// Many cases, as if the first had been submitted again and again.
async fn multiply_cases(house: &House, times: i32) {
    let inserted = sqlx::query(
        "INSERT INTO cases \
         SELECT copy.* FROM (SELECT * FROM cases LIMIT 1) AS one, generate_series(1, $1) AS n, \
                jsonb_populate_record(NULL::cases, to_jsonb(one) || jsonb_build_object( \
                    'case_id', gen_random_uuid(), 'submitted_at', submitted_at + n * interval '1 second')) AS copy",
    )
    .bind(times)
    .execute(&house.house.platform.db)
    .await
    .unwrap();
    assert_eq!(inserted.rows_affected(), u64::from(times.unsigned_abs()));
}

#[tokio::test]
async fn cases_are_the_same_as_csv_and_as_json_lines() {
    let house = House::start().await;
    let told = Story::new(FORMULA, "楼里只有十四度。", 1)
        .registered()
        .assigned(DEPARTMENT)
        .accepted()
        .replied("已经修好")
        .rated(true, false)
        .closed();
    let silent = Story::with("只公开情况", "不公开的", 2, |header| {
        header.publication = Publication::StatusOnly.into();
        header.addressee = None;
    })
    .registered();
    let waiting = Story::new("还没有登记", "不公开的", 3).queued();
    let events = [told.events.clone(), silent.events.clone(), waiting.events.clone()].concat();
    house.publish_until(&events, events.len() as u64).await;

    let (csv, json) = (house.get("/cases.csv").await, house.get("/cases.jsonl").await);
    assert_eq!((csv.status, json.status), (200, 200));
    assert_eq!(csv.headers["content-type"], "text/csv; charset=utf-8; header=present");
    assert_eq!(json.headers["content-type"], "application/jsonl; charset=utf-8");
    let today = huying_platform::directory::day_at(house.house.platform.clock.now());
    assert_eq!(csv.headers["content-disposition"], format!("attachment; filename=\"cases-{today}.csv\""));
    assert_eq!(json.headers["content-disposition"], format!("attachment; filename=\"cases-{today}.jsonl\""));
    for page in [&csv, &json] {
        assert_eq!(page.headers["cache-control"], "no-store");
        assert_eq!(page.headers["x-content-type-options"], "nosniff");
    }

    let (cells, rows) = (csv_rows(&csv), json_rows(&json));
    assert_eq!(ids(&rows), [&waiting.case_id, &silent.case_id, &told.case_id], "latest submission first");
    assert_eq!(cells.len(), rows.len());
    for (cells, row) in cells.iter().zip(&rows) {
        assert_eq!(cells.len(), row.as_object().unwrap().len());
        for (name, cell_of_csv) in cells {
            let plain = cell(&row[name]);
            let expected = if plain.starts_with('=') { format!("'{plain}") } else { plain };
            assert_eq!(*cell_of_csv, expected, "{name}");
        }
    }
    assert!(!csv.body.contains("不公开的") && !csv.body.contains("只公开情况"));
    assert!(!json.body.contains("还没有登记"));

    let [waiting_row, silent_row, told_row] = &rows[..] else { panic!("there are not three rows") };
    assert_eq!(waiting_row["title"], Value::Null);
    assert_eq!(silent_row["publication"], "status_only");
    assert_eq!(silent_row["addressee"], Value::Null);
    assert_eq!(silent_row["satisfied"], Value::Null, "silence is not an answer");
    for (name, value) in [
        ("title", Value::from(FORMULA)),
        ("case_version", told.events.len().into()),
        ("state", "closed".into()),
        ("kind", "message".into()),
        ("category", "城乡建设/供热".into()),
        ("municipal_name", "巴彦淖尔市".into()),
        ("district", "150802".into()),
        ("township_name", "团结街道".into()),
        ("addressee_kind", "representative".into()),
        ("addressee_name", "团结街道第3号代表".into()),
        ("replied_unit", DEPARTMENT.into()),
        ("replied_unit_name", "团结街道综合办".into()),
        ("holder_office", OFFICE.into()),
        ("submitted_at", "2026-03-01T02:01:00Z".into()),
        ("replied_in_time", true.into()),
        ("resolved", true.into()),
        ("satisfied", false.into()),
        ("petitioner_count", 1.into()),
        ("merged_into", Value::Null),
        ("erased_before_version", Value::Null),
    ] {
        assert_eq!(told_row[name], value, "{name}");
    }
    house.stop().await;
}

#[tokio::test]
async fn a_list_of_several_pages_has_every_case_once_in_order() {
    let house = house_with_pages_of(3).await;
    let stories: Vec<Story> =
        (0..9).map(|number| Story::new(&format!("第{number}件"), "正文", number / 4).registered()).collect();
    let events: Vec<_> = stories.iter().flat_map(|story| story.events.clone()).collect();
    house.publish_until(&events, events.len() as u64).await;
    for (address, count) in [
        ("/cases.jsonl", 9),
        ("/cases.jsonl?region=150802001", 9),
        ("/cases.jsonl?region=150821", 0),
        ("/cases.jsonl?state=registered&unit=150802001-office", 9),
        ("/cases.jsonl?state=closed", 0),
        ("/cases.jsonl?overdue=1", 0),
        ("/cases.jsonl?from=2026-03-01&before=2026-03-02", 9),
        ("/cases.jsonl?before=2026-03-01", 0),
    ] {
        let rows = json_rows(&house.get(address).await);
        assert_eq!(rows.len(), count, "{address}");
        let mut places: Vec<_> =
            rows.iter().map(|row| (row["submitted_at"].to_string(), row["case_id"].to_string())).collect();
        let told = places.clone();
        places.sort();
        places.reverse();
        places.dedup();
        assert_eq!(told, places, "{address}");
    }
    assert_eq!(csv_rows(&house.get("/cases.csv?state=closed").await).len(), 0);
    for address in
        ["/cases.csv?region=x", "/cases.jsonl?state=x", "/texts.jsonl?after=x", "/units.csv?month=x"]
    {
        let page = house.get(address).await;
        assert_eq!(page.status, 400, "{address}");
        assert!(!page.headers.contains_key("content-disposition"));
    }
    house.stop().await;
}

#[tokio::test]
async fn the_texts_are_those_that_the_cases_show_and_no_others() {
    let house = house_with_pages_of(2).await;
    let stories = [
        Story::new("暖气不热", "楼里只有十四度。", 1)
            .registered()
            .assigned(DEPARTMENT)
            .accepted()
            .progress("正在检修")
            .replied("已经修好"),
        Story::new("要删去的", "要删去的正文", 2).registered().assigned(DEPARTMENT).erased(),
        Story::new("不受理的", "不受理的正文", 3).declined("请向法院提起诉讼"),
        Story::new("还没有登记", "不公开的", 4).queued(),
        Story::with("只公开情况", "也不公开的", 5, |header| {
            header.publication = Publication::StatusOnly.into();
        })
        .registered()
        .assigned(DEPARTMENT)
        .accepted()
        .replied("同样不公开的"),
        Story::new("最后一件", &"很长的正文。".repeat(3_000), 6).registered(),
    ];
    let events: Vec<_> = stories.iter().flat_map(|story| story.events.clone()).collect();
    house.publish_until(&events, events.len() as u64).await;

    let mut shown = BTreeSet::new();
    for story in &stories {
        for line in house.case(&story.case_id).await.lines {
            for text in line.texts.into_iter().filter(|text| !text.salt.is_empty()) {
                shown.insert((story.case_id.clone(), line.case_version, text.name, text.text, text.salt));
            }
        }
    }
    assert!(shown.len() > 8, "{shown:?}");
    let page = house.get("/texts.jsonl").await;
    assert_eq!(page.headers["cache-control"], "no-store");
    let rows = json_rows(&page);
    let exported: BTreeSet<_> = rows
        .iter()
        .map(|row| {
            let text = |name: &str| row[name].as_str().unwrap().to_owned();
            let version = row["case_version"].as_u64().unwrap();
            (text("case_id"), version, text("name"), text("text"), text("salt"))
        })
        .collect();
    assert_eq!(exported, shown);
    assert_eq!(rows.len(), shown.len(), "no text comes twice");
    assert!(exported.iter().all(|(_, _, _, _, salt)| HEXLOWER.decode(salt.as_bytes()).unwrap().len() == 32));
    for hidden in ["要删去的", "不受理的", "还没有登记", "不公开的", "只公开情况"] {
        assert!(!page.body.contains(hidden), "{hidden}");
    }
    assert!(page.body.contains("请向法院提起诉讼"));

    let middle = stories[2].case_id.as_str();
    let later = json_rows(&house.get(&format!("/texts.jsonl?after={middle}")).await);
    let expected: Vec<&Value> = rows.iter().filter(|row| row["case_id"].as_str().unwrap() > middle).collect();
    assert!(!expected.is_empty());
    assert_eq!(later.iter().collect::<Vec<_>>(), expected);

    let cases = json_rows(&house.get("/cases.jsonl").await);
    let erased = cases.iter().find(|row| row["case_id"] == stories[1].case_id.as_str()).unwrap();
    assert_eq!((&erased["title"], &erased["erased_before_version"]), (&Value::Null, &Value::from(4)));
    house.stop().await;
}

#[tokio::test]
async fn texts_that_are_too_many_bytes_for_one_page_are_all_there() {
    let house = House::start().await;
    let body = "很长的正文。".repeat(25_000);
    let stories: Vec<Story> =
        (0..6).map(|number| Story::new("标题", &format!("{number}{body}"), number).registered()).collect();
    let events: Vec<_> = stories.iter().flat_map(|story| story.events.clone()).collect();
    house.publish_until(&events, events.len() as u64).await;
    let rows = json_rows(&house.get("/texts.jsonl").await);
    let bodies: Vec<(&str, &str)> = rows
        .iter()
        .filter(|row| row["name"] == "body")
        .map(|row| (row["case_id"].as_str().unwrap(), row["text"].as_str().unwrap()))
        .collect();
    assert!(bodies.iter().map(|(_, text)| text.len()).sum::<usize>() > 2 * 1_024 * 1_024);
    let expected: Vec<(&str, String)> = stories
        .iter()
        .enumerate()
        .map(|(number, story)| (story.case_id.as_str(), format!("{number}{body}")))
        .collect();
    assert!(bodies.iter().copied().eq(expected.iter().map(|(case_id, text)| (*case_id, text.as_str()))));
    assert_eq!(rows.len(), 12);
    house.stop().await;
}

#[tokio::test]
async fn exported_figures_are_those_that_are_told() {
    let house = House::start().await;
    let stories = [
        Story::new("暖气不热", "正文", 1)
            .registered()
            .assigned(DEPARTMENT)
            .claimed()
            .accepted()
            .replied("已经修好")
            .rated(true, false),
        Story::new("路灯不亮", "正文", 2).registered().assigned(HOUSING).accepted(),
    ];
    let events: Vec<_> = stories.iter().flat_map(|story| story.events.clone()).collect();
    let tree_size = events.len() as u64;
    house.publish_until(&events, tree_size).await;
    house
        .house
        .until("the figures are of the whole tree", || async {
            let mut are_whole = true;
            for list in ["units", "regions", "representatives"] {
                let rows = json_rows(&house.get(&format!("/{list}.jsonl")).await);
                are_whole &= rows.iter().all(|row| row["tree_size"] == tree_size);
            }
            are_whole
        })
        .await;
    let found = |rows: &[Value], name: &str, code: &str| -> Value {
        rows.iter().find(|row| row[name] == code).unwrap_or_else(|| panic!("{code} is missing")).clone()
    };

    let units = json_rows(&house.get("/units.jsonl").await);
    assert_eq!(units.len(), 5);
    let unit = found(&units, "unit", DEPARTMENT);
    let request = GetUnitHistoryRequest { unit: DEPARTMENT.into() };
    let told = house.figures.clone().get_unit_history(request).await.unwrap().into_inner().total.unwrap();
    for (name, count) in [
        ("received", told.received),
        ("replied", told.replied),
        ("replied_in_time", told.replied_in_time),
        ("rated", told.rated),
        ("resolved", told.resolved),
        ("satisfied", told.satisfied),
        ("silent", told.silent),
        ("open", told.open),
        ("overdue", told.overdue),
        ("returned", told.returned),
        ("extensions_granted", told.extensions_granted),
        ("supervised", told.supervised),
        ("criticised", told.criticised),
        ("median_reply_seconds", told.median_reply_seconds),
    ] {
        assert_eq!(unit[name], count, "{name}");
    }
    assert_eq!((told.received, told.satisfied), (1, 0));
    assert_eq!(unit["name"], "团结街道综合办");
    assert_eq!((&unit["kind"], &unit["region_name"]), (&"department".into(), &"团结街道".into()));
    assert_eq!((&unit["resolution_rate_percent"], &unit["month"]), (&100.0.into(), &Value::Null));
    let idle = found(&units, "unit", "150800-office");
    assert_eq!((&idle["kind"], &idle["response_rate_percent"]), (&"office".into(), &Value::Null));

    let regions = json_rows(&house.get("/regions.jsonl?month=2026-03").await);
    let region = found(&regions, "region", "150802");
    let request = GetRegionFiguresRequest { region_code: "150802".into() };
    let told = house.figures.clone().get_region_figures(request).await.unwrap().into_inner();
    assert_eq!(region["received"], told.months[0].counts.as_ref().unwrap().received);
    assert_eq!((&region["received"], &region["response_rate_percent"]), (&2.into(), &50.0.into()));
    assert_eq!((&region["tier"], &region["month"]), (&"district".into(), &"2026-03".into()));
    let regions = json_rows(&house.get("/regions.jsonl?month=2026-04").await);
    assert!(regions.iter().all(|region| region["received"] == 0));

    let representatives = json_rows(&house.get("/representatives.jsonl").await);
    let one = found(&representatives, "representative", REPRESENTATIVE);
    let request = GetRepresentativeArchiveRequest { representative: REPRESENTATIVE.into() };
    let told = house.figures.clone().get_representative_archive(request).await.unwrap().into_inner();
    assert_eq!((&one["received"], &one["claimed"]), (&told.received.into(), &told.claimed.into()));
    assert_eq!(one["designation"], told.designation);
    assert_eq!(one["region_name"], "团结街道");

    for list in ["units", "regions", "representatives"] {
        let json = house.get(&format!("/{list}.jsonl")).await;
        let csv = house.get(&format!("/{list}.csv")).await;
        let disposition = format!("attachment; filename=\"{list}-{tree_size}.csv\"");
        assert_eq!(csv.headers["content-disposition"], disposition);
        let (cells, rows) = (csv_rows(&csv), json_rows(&json));
        assert_eq!(cells.len(), rows.len());
        for (cells, row) in cells.iter().zip(&rows) {
            assert_eq!(cells.len(), row.as_object().unwrap().len());
            assert!(cells.iter().all(|(name, cell_of_csv)| *cell_of_csv == cell(&row[name])), "{cells:?}");
        }
        let tag = csv.headers["etag"].to_str().unwrap().to_owned();
        assert_eq!(house.get_with(&format!("/{list}.csv"), Some(&tag)).await.status, 304);
    }
    house.stop().await;
}

#[tokio::test]
async fn past_the_bound_an_export_is_refused_and_told_when_to_come_back() {
    let bounds = ExportBounds { exports: 1, page_rows: 100, ..ExportBounds::default() };
    let house = house_with(bounds).await;
    let story = Story::new("暖气不热", "正文", 1).registered();
    house.publish_until(&story.events, 2).await;
    multiply_cases(&house, 2_000).await;
    let first = begin(&house, "/cases.csv").await;
    assert_eq!(first.status(), 200);
    for address in ["/cases.jsonl", "/texts.jsonl", "/units.csv"] {
        let refused = house.get(address).await;
        assert_eq!((refused.status, &refused.headers["retry-after"]), (503, &"30".parse().unwrap()));
        assert_eq!(refused.headers["cache-control"], "no-store");
    }
    assert_eq!(house.get("/cases.atom").await.status, 200, "a feed is no export of everything");
    drop(first);
    house
        .house
        .until("there is a seat again", || async { house.get("/units.csv").await.status == 200 })
        .await;
    house.stop().await;
}

#[tokio::test]
async fn what_a_reader_has_not_come_to_has_not_been_read() {
    let house = house_with_pages_of(1_000).await;
    let story = Story::new("暖气不热", "正文", 1).registered();
    house.publish_until(&story.events, 2).await;
    multiply_cases(&house, 5_000).await;
    let mut body = begin(&house, "/cases.jsonl").await.into_body().into_data_stream();
    let mut whole: Vec<u8> = body.next().await.unwrap().unwrap().to_vec();
    // Whatever is read from now on finds nothing.
    sqlx::query("DELETE FROM cases").execute(&house.house.platform.db).await.unwrap();
    while let Some(piece) = body.next().await {
        let piece: Bytes = piece.unwrap();
        assert!(piece.len() < 64 * 1_024, "a piece has {} bytes", piece.len());
        whole.extend(piece);
    }
    let text = String::from_utf8(whole).unwrap();
    assert!(text.ends_with("{\"end\":true,\"rows\":1000}\n"), "{}", &text[text.len() - 100..]);
    house.stop().await;
}

#[tokio::test]
async fn slow_readers_leave_the_connections_to_others() {
    let stall_max = Duration::from_secs(300);
    let house = house_with(ExportBounds { page_rows: 300, stall_max, ..ExportBounds::default() }).await;
    let story = Story::new("暖气不热", "正文", 1).registered();
    house.publish_until(&story.events, 2).await;
    multiply_cases(&house, 2_000).await;
    let readers_max = house.house.settings.database_connections_max / 2;
    let mut slow = Vec::new();
    for _ in 0..readers_max * 2 {
        let answer = begin(&house, "/cases.csv").await;
        assert_eq!(answer.status(), 200);
        let mut body = answer.into_body().into_data_stream();
        body.next().await.unwrap().unwrap();
        slow.push(body);
    }
    assert_eq!(house.get(&format!("/cases/{}", story.case_id)).await.status, 200);
    for mut body in slow {
        let mut bytes = 0;
        while let Some(piece) = body.next().await {
            bytes += piece.unwrap().len();
        }
        assert!(bytes > 100_000, "the rest of a file has {bytes} bytes");
    }
    house.stop().await;
}

#[tokio::test]
async fn a_reader_that_takes_nothing_loses_its_seat_and_never_takes_a_part_for_the_whole() {
    let bounds = ExportBounds { exports: 1, stall_max: Duration::from_millis(50), ..ExportBounds::default() };
    let house = house_with(bounds).await;
    let story = Story::new("暖气不热", "正文", 1).registered();
    house.publish_until(&story.events, 2).await;
    multiply_cases(&house, 2_000).await;
    let mut body = begin(&house, "/cases.csv").await.into_body().into_data_stream();
    house
        .house
        .until("there is a seat again", || async { house.get("/units.csv").await.status == 200 })
        .await;
    let mut outcome = Ok(Bytes::new());
    while let Some(piece) = body.next().await {
        outcome = piece;
    }
    assert!(outcome.is_err(), "the file seems to be whole");
    house.stop().await;
}

#[tokio::test]
async fn an_export_that_fails_on_its_way_is_cut_off() {
    let house = house_with_pages_of(500).await;
    let story = Story::new("暖气不热", "正文", 1).registered();
    house.publish_until(&story.events, 2).await;
    multiply_cases(&house, 2_000).await;
    let base = house.house.http_base(house.pages.clone()).await;
    let address = base.strip_prefix("http://").unwrap();
    let download = async |path: &str, encoding: &str| -> Vec<u8> {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let request = format!(
            "GET {path} HTTP/1.1\r\nHost: {address}\r\nAccept-Encoding: {encoding}\r\nConnection: close\r\n\r\n"
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        let reading = stream.read_to_end(&mut answer);
        tokio::time::timeout(huying_platform::testkit::DEADLINE, reading).await.unwrap().unwrap();
        answer
    };
    for encoding in ["identity", "gzip"] {
        let answer = download("/cases.csv", encoding).await;
        assert!(answer.ends_with(b"\r\n0\r\n\r\n"), "{encoding}: the last chunk comes last");
    }

    // No case is in this state, so the last of the pages cannot be read.
    sqlx::query("UPDATE cases SET state = 99 WHERE case_id = $1::uuid")
        .bind(&story.case_id)
        .execute(&house.house.platform.db)
        .await
        .unwrap();
    for (path, encoding) in [("/cases.csv", "identity"), ("/cases.jsonl", "identity"), ("/cases.csv", "gzip")]
    {
        let answer = download(path, encoding).await;
        assert!(answer.starts_with(b"HTTP/1.1 200 OK"), "{path}");
        assert!(answer.len() > 10_000, "{path}: the beginning has {} bytes", answer.len());
        assert!(!answer.ends_with(b"\r\n0\r\n\r\n"), "{path} {encoding} seems to be whole");
        assert!(!String::from_utf8_lossy(&answer).contains("\"end\":true"), "{path} says that it is whole");
    }
    house.stop().await;
}

#[tokio::test]
async fn an_export_without_one_of_its_cases_is_cut_off() {
    let house = house_with_pages_of(4).await;
    let stories: Vec<Story> =
        (0..10).map(|minute| Story::new("供暖", "暖气不热", minute).registered()).collect();
    let events: Vec<_> = stories.iter().flat_map(|story| story.events.clone()).collect();
    house.publish_until(&events, events.len() as u64).await;
    let addresses = ["/cases.jsonl", "/cases.jsonl?q=%E4%BE%9B%E6%9A%96"];
    house
        .house
        .until("all are found", || async { json_rows(&house.get(addresses[1]).await).len() == 10 })
        .await;
    // One that is on the second page.
    sqlx::query("UPDATE cases SET kind = 77 WHERE case_id = $1::uuid")
        .bind(&stories[4].case_id)
        .execute(&house.house.platform.db)
        .await
        .unwrap();
    for address in addresses {
        let mut body = begin(&house, address).await.into_body().into_data_stream();
        let mut outcome = Ok(Bytes::new());
        while let Some(piece) = body.next().await {
            assert!(!String::from_utf8_lossy(piece.as_deref().unwrap_or_default()).contains("\"end\""));
            outcome = piece;
        }
        assert!(outcome.is_err(), "{address} seems to be whole");
    }
    // Its texts are not left out either: who may see them, nobody can say.
    let mut body = begin(&house, "/texts.jsonl").await.into_body().into_data_stream();
    let mut outcome = Ok(Bytes::new());
    while let Some(piece) = body.next().await {
        outcome = piece;
    }
    assert!(outcome.is_err(), "the texts seem to be whole");
    // One that is on the first: there is no file at all.
    sqlx::query("UPDATE cases SET kind = 77 WHERE case_id = $1::uuid")
        .bind(&stories[9].case_id)
        .execute(&house.house.platform.db)
        .await
        .unwrap();
    for address in addresses {
        assert_eq!(house.get(address).await.status, 500, "{address}");
    }
    house.stop().await;
}

#[tokio::test]
async fn figures_that_were_put_right_are_sent_again_although_the_tree_is_the_same() {
    let house = House::start().await;
    let story = Story::new("暖气不热", "正文", 1).registered().assigned(DEPARTMENT).accepted();
    let tree_size = story.events.len() as u64;
    house.publish_until(&story.events, tree_size).await;
    // Or the leader would put right at once what is falsified below.
    house.until_drawn().await;
    let whole = |page: &Page| json_rows(page).iter().all(|row| row["tree_size"] == tree_size);
    house.house.until("it is counted", || async { whole(&house.get("/units.jsonl").await) }).await;
    let before = house.get("/units.jsonl").await;
    let tag = before.headers["etag"].to_str().unwrap().to_owned();
    assert_eq!(house.get_with("/units.jsonl", Some(&tag)).await.status, 304);
    let list = house.get("/cases").await;
    let list_tag = list.headers["etag"].to_str().unwrap().to_owned();
    sqlx::query("UPDATE case_units SET urged = 7 WHERE unit = $1")
        .bind(DEPARTMENT)
        .execute(&house.house.platform.db)
        .await
        .unwrap();
    sqlx::query("UPDATE cases SET category = '别的'").execute(&house.house.platform.db).await.unwrap();
    // Another process has not counted before.
    let (_, pages) =
        huying_ledger_svc::start(&house.house.platform, identity(1), Serving::default()).await.unwrap();
    let other = House { pages, ..house };
    let falsified = other.get_with("/units.jsonl", Some(&tag)).await;
    assert_eq!(falsified.status, 200);
    assert_eq!(other.get_with("/cases", Some(&list_tag)).await.status, 200);
    other.stop().await;
}

#[tokio::test]
async fn files_of_figures_take_the_conditions_of_their_pages() {
    let house = House::start().await;
    for (address, code, expected) in [
        ("/units.jsonl?region=150802", "unit", vec!["150802-housing", "150802-office"]),
        ("/units.jsonl?region=150821", "unit", vec![]),
        ("/representatives.jsonl?region=150802", "representative", vec![REPRESENTATIVE]),
        ("/representatives.jsonl?region=150821", "representative", vec![]),
        ("/representatives.jsonl?q=%E7%AC%AC3%E5%8F%B7", "representative", vec![REPRESENTATIVE]),
        ("/representatives.jsonl?q=%E7%AC%AC4%E5%8F%B7", "representative", vec![]),
    ] {
        let page = house.get(address).await;
        let rows = json_rows(&page);
        let codes: Vec<&str> = rows.iter().map(|row| row[code].as_str().unwrap()).collect();
        assert_eq!(codes, expected, "{address}");
    }
    let file = house.get("/units.csv?region=150802&month=2026-11").await;
    let disposition = file.headers["content-disposition"].to_str().unwrap();
    assert!(disposition.starts_with("attachment; filename=\"units-150802-2026-11-"), "{disposition}");
    for address in ["/units.csv?region=x", "/representatives.csv?region=x"] {
        assert_eq!(house.get(address).await.status, 400, "{address}");
    }
    assert!(house.get("/units?region=150802").await.body.contains("href=\"/units.csv?region=150802\""));
    let page = house.get("/representatives?q=%E7%AC%AC3%E5%8F%B7&region=150802").await.body;
    assert!(page.contains("href=\"/representatives.csv?q=%E7%AC%AC3%E5%8F%B7&amp;region=150802\""), "{page}");
    house.stop().await;
}

#[tokio::test]
async fn an_export_is_compressed_for_whoever_accepts_that() {
    let house = House::start().await;
    let story = Story::new("暖气不热", "正文", 1).registered();
    house.publish_until(&story.events, 2).await;
    multiply_cases(&house, 2_000).await;
    let plain = house.get("/cases.csv").await.body.len();
    let request = Request::get("/cases.csv").header("accept-encoding", "gzip").body(Body::empty()).unwrap();
    let answer = house.pages.clone().oneshot(request).await.unwrap();
    assert_eq!(answer.headers()["content-encoding"], "gzip");
    let packed = axum::body::to_bytes(answer.into_body(), plain).await.unwrap().len();
    assert!(packed * 4 < plain, "{plain} bytes became {packed}");
    house.stop().await;
}
