//! The import of reference data.

use huying_platform::directory::Kind;
use huying_proto::{
    events::v1::DirectoryChanged,
    routing::v1::{DirectoryFile, ImportDirectoryRequest, ListDirectoryRequest},
};
use prost::Message as _;
use tonic::Code;

use super::town::{REGIONS, REPRESENTATIVES, RULES, STATIONS, Town, UNITS, fields, reason};

async fn changes(town: &Town) -> Vec<DirectoryChanged> {
    let payloads: Vec<Vec<u8>> =
        sqlx::query_scalar("SELECT payload FROM outbox WHERE stream = 'DIRECTORY' ORDER BY seq")
            .fetch_all(&town.house.platform.db)
            .await
            .unwrap();
    payloads.iter().map(|payload| DirectoryChanged::decode(payload.as_slice()).unwrap()).collect()
}

#[tokio::test]
async fn an_import_is_known_at_once_and_told_to_the_others() {
    let town = Town::start().await;
    let directory = town.service.directory.load();
    assert_eq!(directory.revision(), 1);
    assert!(directory.is_active(Kind::Station, "150802001-s1"));
    assert_eq!(directory.rules().len(), 1);
    let changes = changes(&town).await;
    assert_eq!(changes.len(), 1);
    assert_eq!((changes[0].revision, changes[0].part_number, changes[0].part_count), (1, 1, 1));
    assert_eq!(changes[0].entries.len(), 5 + 10 + 1 + 1 + 2 + 1);
    town.house.stop().await;
}

#[tokio::test]
async fn the_same_files_again_change_nothing_and_a_difference_only_itself() {
    let town = Town::start().await;
    let again =
        town.import(&[(DirectoryFile::Regions, REGIONS), (DirectoryFile::Units, UNITS)]).await.unwrap();
    assert_eq!((again.revision, again.changed, again.unchanged, again.retired), (1, 0, 15, 0));
    assert_eq!(changes(&town).await.len(), 1);

    let renamed = REPRESENTATIVES.replace("第1号代表", "第一号代表")
        + "r-150802001-002,第2号代表,150802001,township,\n";
    let report = town.import(&[(DirectoryFile::Representatives, &renamed)]).await.unwrap();
    assert_eq!((report.revision, report.changed, report.unchanged, report.retired), (2, 2, 0, 0));
    let report = town.import(&[(DirectoryFile::Representatives, REPRESENTATIVES)]).await.unwrap();
    assert_eq!((report.revision, report.changed, report.retired), (3, 1, 1));

    let directory = town.service.directory.load();
    assert!(!directory.is_active(Kind::Representative, "r-150802001-002"));
    assert!(directory.representative("r-150802001-002").is_some(), "past cases keep the name");
    let last = changes(&town).await.pop().unwrap();
    assert_eq!(last.entries.iter().filter(|entry| entry.retired).count(), 1);
    town.house.stop().await;
}

#[tokio::test]
async fn faults_are_listed_by_file_and_line_and_nothing_is_changed() {
    let town = Town::start().await;
    let regions = REGIONS.replace("五原县,district,150800", "五原县,district,150801");
    let rules = RULES.replace("housing", "heating");
    let refused =
        town.import(&[(DirectoryFile::Regions, &regions), (DirectoryFile::Rules, &rules)]).await.unwrap_err();
    assert_eq!(fields(&refused), ["regions.csv:4:parent", "rules.csv:2:function"]);

    let no_station = STATIONS.lines().next().unwrap();
    let refused = town.import(&[(DirectoryFile::Stations, no_station)]).await.unwrap_err();
    assert_eq!(fields(&refused), ["stations.csv:1:code"]);

    let rows: String = (0..5_000).map(|number| format!("x{number},名,district,150800\n")).collect();
    let refused = town.import(&[(DirectoryFile::Regions, &format!("{REGIONS}{rows}"))]).await.unwrap_err();
    let listed = fields(&refused);
    assert!((40..=100).contains(&listed.len()), "{}", listed.len());
    assert_eq!(listed[0], "regions.csv:7:code");
    assert_eq!(town.service.directory.load().revision(), 1);
    assert_eq!(changes(&town).await.len(), 1);
    town.house.stop().await;
}

#[tokio::test]
async fn only_an_operator_imports_and_only_within_the_bounds() {
    let town = Town::start().await;
    let chunk = |file: DirectoryFile, bytes: usize| ImportDirectoryRequest {
        file: file.into(),
        chunk: vec![b'x'; bytes],
    };
    let office =
        town.call("office", "150800-office", futures_util::stream::iter([chunk(DirectoryFile::Regions, 1)]));
    let denied = town.directory().import_directory(office).await.unwrap_err();
    assert_eq!((denied.code(), reason(&denied).0.as_str()), (Code::PermissionDenied, "ROLE_NOT_ALLOWED"));

    for (chunks, field) in [
        (vec![], "file"),
        (vec![chunk(DirectoryFile::Unspecified, 1)], "file"),
        (vec![chunk(DirectoryFile::Regions, 1024 * 1024 + 1)], "chunk"),
        (
            vec![
                chunk(DirectoryFile::Regions, 1),
                chunk(DirectoryFile::Units, 1),
                chunk(DirectoryFile::Regions, 1),
            ],
            "file",
        ),
        ((0..65).map(|_| chunk(DirectoryFile::Regions, 1024 * 1024)).collect(), "chunk"),
    ] {
        let request = town.call("operator", "", futures_util::stream::iter(chunks));
        assert_eq!(fields(&town.directory().import_directory(request).await.unwrap_err()), [field]);
    }
    town.house.stop().await;
}

#[tokio::test]
async fn imports_at_the_same_time_wait_for_each_other() {
    let town = Town::start().await;
    let more = |number: u32| format!("{REPRESENTATIVES}r-150802001-{number},代表,150802001,township,\n");
    let (first, second) = (more(7), more(8));
    let files = [
        [(DirectoryFile::Representatives, first.as_str())],
        [(DirectoryFile::Representatives, second.as_str())],
    ];
    let (one, other) = tokio::join!(town.import(&files[0]), town.import(&files[1]));
    let mut reports = [one.unwrap(), other.unwrap()];
    reports.sort_by_key(|report| report.revision);
    assert_eq!([reports[0].revision, reports[1].revision], [2, 3]);
    assert_eq!([reports[0].retired, reports[1].retired], [0, 1]);
    town.house.stop().await;
}

#[tokio::test]
async fn a_country_is_imported_in_seconds_and_listed_in_pages() {
    let town = Town::empty().await;
    // As many regions as the country has: 342 municipalities, 8 districts each, 15 townships each.
    let mut regions = String::from("code,name,tier,parent\n");
    for municipality in 0..342 {
        let code = format!("{:04}00", 1_100 + municipality);
        regions += &format!("{code},某某市,municipal,\n");
        for district in 1..=8 {
            let district = format!("{}{district:02}", &code[..4]);
            regions += &format!("{district},某某区,district,{code}\n");
            for township in 1..=15 {
                regions += &format!("{district}{township:03},某某街道,township,{district}\n");
            }
        }
    }
    let rows = regions.lines().count() - 1;
    assert!(rows > 44_000);
    let begun = std::time::Instant::now();
    let report = town.import(&[(DirectoryFile::Regions, &regions)]).await.unwrap();
    assert_eq!(report.changed as usize, rows);
    assert!(begun.elapsed() < std::time::Duration::from_secs(10), "{:?}", begun.elapsed());
    let parts = changes(&town).await;
    assert!(parts.iter().all(|part| part.entries.len() <= 500 && part.part_count as usize == parts.len()));

    let request = |token: &str| ListDirectoryRequest {
        file: DirectoryFile::Regions.into(),
        region_code: "110001".into(),
        page_size: 10,
        page_token: token.into(),
    };
    let first =
        town.directory().list_directory(town.call("auditor", "", request(""))).await.unwrap().into_inner();
    let second = town
        .directory()
        .list_directory(town.call("auditor", "", request(&first.next_page_token)))
        .await
        .unwrap()
        .into_inner();
    assert_eq!((first.entries.len(), second.entries.len()), (10, 6));
    assert!(second.next_page_token.is_empty());
    assert_eq!(first.revision, 1);
    town.house.stop().await;
}

#[tokio::test]
async fn an_operator_of_one_region_imports_nothing() {
    let town = Town::start().await;
    let chunk =
        ImportDirectoryRequest { file: DirectoryFile::Regions.into(), chunk: REGIONS.as_bytes().to_vec() };
    let token = town.house.token("operator", "", "150802");
    let request = town.call_with(&token, futures_util::stream::iter([chunk]));
    let denied = town.directory().import_directory(request).await.unwrap_err();
    assert_eq!((denied.code(), reason(&denied).0.as_str()), (Code::PermissionDenied, "OUT_OF_SCOPE"));
    town.house.stop().await;
}
