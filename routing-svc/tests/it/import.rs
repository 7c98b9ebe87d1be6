//! The import of reference data.

use std::time::{Duration, Instant};

use huying_platform::directory::Kind;
use huying_proto::{
    events::v1::{DirectoryChanged, directory_entry::Entry},
    routing::v1::{
        DirectoryFile, ImportDirectoryRequest, ImportedFile, ListCasesRequest, ListDirectoryRequest,
        ListDirectoryResponse, WatchAssignmentsRequest,
    },
};
use huying_routing_svc::store::rule_sets;
use jiff::SignedDuration;
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
async fn the_report_says_by_file_and_line_what_became_of_the_rows() {
    let town = Town::start().await;
    let regions = REGIONS.replace("五原县", "五原");
    // One department is new on line 2, and one is gone.
    let units = UNITS
        .replace("functions\n", "functions\n150800-roads,市交通局,150800,department,roads\n")
        .replace("150802-roads,区交通局,150802,department,roads\n", "");
    let files = [(DirectoryFile::Units, units.as_str()), (DirectoryFile::Regions, regions.as_str())];
    let report = town.import(&files).await.unwrap();
    let file = |file: DirectoryFile| ImportedFile { file: file.into(), ..ImportedFile::default() };
    assert_eq!(
        report.files,
        [
            ImportedFile { changed: 1, unchanged: 4, lines: vec![4], ..file(DirectoryFile::Regions) },
            ImportedFile { added: 1, unchanged: 9, retired: 1, lines: vec![2], ..file(DirectoryFile::Units) },
        ]
    );
    assert_eq!((report.changed, report.unchanged, report.retired), (2, 13, 1));

    // What comes back was not there before.
    let report = town.import(&[(DirectoryFile::Units, UNITS)]).await.unwrap();
    let line = UNITS.lines().position(|line| line.starts_with("150802-roads")).unwrap() + 1;
    assert_eq!(
        report.files,
        [ImportedFile {
            added: 1,
            unchanged: 9,
            retired: 1,
            lines: vec![u32::try_from(line).unwrap()],
            ..file(DirectoryFile::Units)
        }]
    );
    town.house.stop().await;
}

#[tokio::test]
async fn limits_and_days_are_imported_told_and_listed() {
    let town = Town::start().await;
    let policies = "kind,category,tier,step,limit\nmessage,城乡建设/供热,*,reply,5wd\n*,*,*,register,90s\n";
    let calendar =
        "date,kind,name,provisional\n2027-10-02,holiday,国庆节,true\n2027-10-01,holiday,国庆节,true\n";
    let report = town
        .import(&[(DirectoryFile::Calendar, calendar), (DirectoryFile::Policies, policies)])
        .await
        .unwrap();
    let files: Vec<_> = report.files.iter().map(|file| (file.file(), file.added)).collect();
    assert_eq!(files, [(DirectoryFile::Policies, 2), (DirectoryFile::Calendar, 2)]);
    assert_eq!(changes(&town).await.pop().unwrap().entries.len(), 4);

    let directory = town.service.directory.load();
    assert_eq!((directory.policies().len(), directory.calendar_days().len()), (2, 2));
    let steps: Vec<String> = list(&town, DirectoryFile::Policies)
        .await
        .entries
        .into_iter()
        .filter_map(|entry| match entry.entry {
            Some(Entry::Policy(policy)) => Some(policy.step),
            _ => None,
        })
        .collect();
    assert_eq!(steps, ["register", "reply"]);
    let dates: Vec<String> = list(&town, DirectoryFile::Calendar)
        .await
        .entries
        .into_iter()
        .filter_map(|entry| match entry.entry {
            Some(Entry::CalendarDay(day)) => Some(day.date),
            _ => None,
        })
        .collect();
    assert_eq!(dates, ["2027-10-01", "2027-10-02"]);

    // The next announcement replaces the days of the one before.
    let announced = "date,kind,name,provisional\n2027-10-01,holiday,国庆节,false\n";
    let report = town.import(&[(DirectoryFile::Calendar, announced)]).await.unwrap();
    assert_eq!((report.changed, report.retired), (1, 1));
    assert_eq!(town.service.directory.load().calendar_days().len(), 1);
    town.house.stop().await;
}

/// The regions with the first township merged into the second one on a day.
fn merged_on(day: &str) -> String {
    REGIONS
        .lines()
        .map(|line| match line.split(',').next() {
            Some("code") => format!("{line},valid_from,valid_until,replaced_by\n"),
            Some("150802001") => format!("{line},,{day},150802002\n"),
            _ => format!("{line},,,\n"),
        })
        .collect()
}

/// The office of the second township lists and follows what the first one's holds.
async fn assert_successor_finds_it(town: &Town, case_id: &str) {
    for unit in ["", "150802001-office"] {
        let request = ListCasesRequest { unit: unit.into(), ..ListCasesRequest::default() };
        let listed = town.cases().list_cases(town.call("office", "150802002-office", request)).await.unwrap();
        let ids: Vec<String> = listed.into_inner().cases.into_iter().map(|case| case.case_id).collect();
        assert_eq!(ids, [case_id], "{unit}");
    }
    let request = WatchAssignmentsRequest { unit: "150802001-office".into(), after_cursor: 0 };
    let watched = town.cases().watch_assignments(town.call("office", "150802002-office", request)).await;
    let first = watched.unwrap().into_inner().message().await.unwrap().unwrap();
    assert_eq!(first.assignment.unwrap().case_id, case_id);
}

#[tokio::test]
async fn a_merged_township_keeps_its_names_and_cases_and_its_successor_acts_for_it() {
    let town = Town::start().await;
    town.house.clock.set("2026-06-30T08:00:00Z".parse().unwrap());
    let case_id = town.queued().await;
    let report = town.import(&[(DirectoryFile::Regions, &merged_on("2026-07-01"))]).await.unwrap();
    assert_eq!((report.changed, report.retired), (1, 0));

    let before = town.service.directory.load();
    assert!(before.is_active(Kind::Region, "150802001"));
    assert_eq!(before.acting_office("150802001-office").unwrap().code, "150802001-office");
    let denied = town.get("office", "150802002-office", &case_id).await.unwrap_err();
    assert_eq!(denied.code(), Code::PermissionDenied);

    // The merger comes by the calendar alone.
    town.house.clock.advance(SignedDuration::from_hours(24));
    let is_merged = async || !town.service.directory.load().is_active(Kind::Region, "150802001");
    town.house.until("the day of the merger", is_merged).await;
    let after = town.service.directory.load();
    assert_eq!(after.revision(), report.revision);
    assert_eq!(after.region("150802001").unwrap().name, "团结街道");
    assert!(!after.is_active(Kind::Station, "150802001-s1"));
    assert_eq!(after.acting_office("150802001-office").unwrap().code, "150802002-office");
    assert_successor_finds_it(&town, &case_id).await;
    town.register("150802002-office", &case_id).await.unwrap();

    let listed = list(&town, DirectoryFile::Regions).await.entries;
    let township = listed.iter().find(|entry| entry.valid_until == "2026-07-01").unwrap();
    assert!(matches!(&township.entry, Some(Entry::Region(region)) if region.replaced_by == "150802002"));
    town.house.stop().await;
}

#[tokio::test]
async fn two_rules_that_nothing_tells_apart_are_refused() {
    let town = Town::start().await;
    let rules = format!("{RULES}{}", RULES.lines().nth(1).unwrap());
    let refused = town.import(&[(DirectoryFile::Rules, &rules)]).await.unwrap_err();
    assert_eq!(fields(&refused), ["rules.csv:3:region"]);
    assert_eq!(town.service.directory.load().revision(), 1);
    town.house.stop().await;
}

#[tokio::test]
async fn imported_rules_are_the_active_version_and_the_same_rules_again_are_none() {
    let town = Town::start().await;
    let versions = async || -> Vec<(u64, u32, bool)> {
        let kept = rule_sets::list(&town.house.platform.db, None, 10).await.unwrap();
        kept.iter().map(|set| (set.version, set.rules, set.active)).collect()
    };
    assert_eq!(versions().await, [(1, 1, true)]);
    town.import(&[(DirectoryFile::Rules, RULES)]).await.unwrap();
    assert_eq!(versions().await, [(1, 1, true)]);
    let rules = RULES.replace("township,housing", "district,housing");
    town.import(&[(DirectoryFile::Rules, &rules)]).await.unwrap();
    assert_eq!(versions().await, [(2, 1, true), (1, 1, false)]);
    let faulty = RULES.replace("housing", "heating");
    town.import(&[(DirectoryFile::Rules, &faulty)]).await.unwrap_err();
    assert_eq!(versions().await, [(2, 1, true), (1, 1, false)]);
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
    import_in_time(&town, &regions, rows).await;
    let parts = changes(&town).await;
    assert!(parts.iter().all(|part| part.entries.len() <= 500 && part.part_count as usize == parts.len()));

    // A country again, with one name changed, tells one entry.
    let renamed = regions.replacen("某某街道", "某街道", 1);
    import_in_time(&town, &renamed, 1).await;
    let parts = changes(&town).await;
    assert_eq!(parts.last().unwrap().entries.len(), 1);

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
    assert_eq!(first.revision, 2);
    town.house.stop().await;
}

/// The list of the National Bureau of Statistics, when the data folder is at hand.
#[tokio::test]
#[expect(clippy::print_stderr, reason = "a test that imports nothing says so")]
async fn the_regions_of_the_country_are_imported_in_seconds() {
    let Ok(folder) = std::env::var("HUYING_TEST_DATA") else {
        eprintln!("skipped: HUYING_TEST_DATA names no folder with regions-china.csv");
        return;
    };
    let regions = std::fs::read_to_string(format!("{folder}/regions-china.csv")).unwrap();
    // A municipality without districts stands in the list a second time, as its own district.
    let repeated = regions.lines().filter(|line| {
        let fields: Vec<&str> = line.split(',').collect();
        fields[2] == "district" && fields[0] == fields[3]
    });
    let rows = regions.lines().count() - 1 - repeated.count();
    let town = Town::empty().await;
    import_in_time(&town, &regions, rows).await;
    import_in_time(&town, &regions, 0).await;
    let directory = town.service.directory.load();
    assert_eq!(directory.regions().count(), rows);
    assert!(directory.regions().all(|region| directory.path_of(&region.code).is_some()));
    town.house.stop().await;
}

/// Imports regions and checks how many rows were new or different, and that it took less than ten seconds.
async fn import_in_time(town: &Town, regions: &str, changed: usize) {
    let begun = Instant::now();
    let report = town.import(&[(DirectoryFile::Regions, regions)]).await.unwrap();
    assert_eq!(report.changed as usize, changed);
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
}

async fn list(town: &Town, file: DirectoryFile) -> ListDirectoryResponse {
    let request =
        ListDirectoryRequest { file: file.into(), page_size: 1_000, ..ListDirectoryRequest::default() };
    town.directory().list_directory(town.call("auditor", "", request)).await.unwrap().into_inner()
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
