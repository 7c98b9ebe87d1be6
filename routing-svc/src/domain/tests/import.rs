//! What an import takes, and how it names what it does not.

mod rules;
mod times;
mod validity;

use std::collections::BTreeMap;

use huying_proto::events::v1::{DirectoryEntry, directory_entry::Entry};
use jiff::civil::{Date, date};

use crate::domain::import::{FAULTS_MAX, Fault, File, SentRow, check as check_on};

const TODAY: Date = date(2026, 3, 2);

const REGIONS: &str = "code,name,tier,parent\n150800,巴彦淖尔市,municipal,\n150802,临河区,district,150800\n\
    150802001,团结街道,township,150802\n";
const UNITS: &str = "code,name,region,kind,functions\n150800-office,市人大,150800,office,\n\
    150802-office,区人大,150802,office,\n150802001-office,街道人大,150802001,office,\n\
    150802-housing,住建局,150802,department,housing;roads\n";
const STATIONS: &str = "code,name,region,longitude,latitude\n150802-s1,代表之家,150802,107.39,40.75\n";
const REPRESENTATIVES: &str =
    "code,designation,region,level,station\nr-150802-001,第1号代表,150802,district,150802-s1\n";
const CATEGORIES: &str = "level1,level2,level3\n城乡建设,供热,\n城乡建设,供热,收费\n";
const RULES: &str = "region,kind,category,tier,function\n150800,message,城乡建设,district,housing\n150800,*,*,district,roads\n";

fn check(
    files: &BTreeMap<File, Vec<u8>>,
    in_place: impl IntoIterator<Item = DirectoryEntry>,
) -> Result<Vec<SentRow>, Vec<Fault>> {
    check_on(files, in_place, TODAY)
}

fn entries(rows: Vec<SentRow>) -> Vec<DirectoryEntry> {
    rows.into_iter().map(|row| row.entry).collect()
}

fn good() -> BTreeMap<File, Vec<u8>> {
    [
        (File::Regions, REGIONS),
        (File::Units, UNITS),
        (File::Stations, STATIONS),
        (File::Representatives, REPRESENTATIVES),
        (File::Categories, CATEGORIES),
        (File::Rules, RULES),
    ]
    .map(|(file, text)| (file, text.as_bytes().to_vec()))
    .into()
}

/// The good files with one text put in place of another.
fn with(file: File, text: &str, instead: &str) -> Vec<Fault> {
    check(&replaced(good(), file, text, instead), []).unwrap_err()
}

#[track_caller]
fn replaced(
    mut files: BTreeMap<File, Vec<u8>>,
    file: File,
    text: &str,
    instead: &str,
) -> BTreeMap<File, Vec<u8>> {
    let was = String::from_utf8(files.remove(&file).unwrap()).unwrap();
    assert!(was.contains(text), "{text} is not in {}", file.name());
    files.insert(file, was.replace(text, instead).into_bytes());
    files
}

/// One file alone.
fn only(file: File, text: &str) -> BTreeMap<File, Vec<u8>> {
    BTreeMap::from([(file, text.as_bytes().to_vec())])
}

#[track_caller]
fn assert_fault(faults: &[Fault], place: &str) {
    let found: Vec<String> = faults.iter().map(ToString::to_string).collect();
    assert!(faults.iter().any(|fault| fault.place() == place), "{place} is not among {found:#?}");
}

#[test]
fn good_files_become_entries() {
    assert_eq!(check(&good(), []).unwrap().len(), 13);
}

#[test]
fn a_byte_order_mark_crlf_and_another_order_of_columns_are_taken() {
    let mut files = good();
    files.insert(
        File::Regions,
        "\u{feff}name,code,parent,tier\r\n巴彦淖尔市,150800,,municipal\r\n临河区,150802,150800,district\r\n\
         \"团结,街道\",150802001,150802,township\r\n\r\n"
            .as_bytes()
            .to_vec(),
    );
    check(&files, []).unwrap();
}

#[test]
fn columns_are_checked() {
    assert_fault(&with(File::Regions, "code,name,tier,parent", "code,name,tier"), "regions.csv:1:parent");
    assert_fault(
        &with(File::Regions, "code,name,tier,parent", "code,name,level,parent"),
        "regions.csv:1:level",
    );
    assert_fault(&with(File::Regions, "code,name,tier,parent", "code,name,tier,parent,x"), "regions.csv:1:x");
    assert_fault(
        &with(File::Regions, "code,name,tier,parent", "code,code,tier,parent"),
        "regions.csv:1:code",
    );
    assert_fault(&with(File::Regions, "临河区,district,150800", "临河区,district"), "regions.csv:3:parent");
    assert_fault(
        &with(File::Regions, "临河区,district,150800", "临河区,district,150800,x"),
        "regions.csv:3:row",
    );
    assert_fault(&with(File::Rules, RULES, ""), "rules.csv:1:row");
    let twice = "level1,level2,level3,keywords,keywords";
    assert_fault(&with(File::Categories, "level1,level2,level3", twice), "categories.csv:1:keywords");
    assert_fault(&with(File::Rules, "tier,function", "tier,function,keyword"), "rules.csv:1:keyword");
}

#[test]
fn a_column_that_is_not_needed_may_stand_anywhere() {
    let files = replaced(
        good(),
        File::Categories,
        CATEGORIES,
        "keywords,level1,level2,level3\n暖气;锅炉,城乡建设,供热,\n",
    );
    let rows = check(&files, []).unwrap();
    assert!(rows.iter().any(|row| matches!(
        &row.entry.entry,
        Some(Entry::Category(category)) if category.path == "城乡建设/供热" && category.keywords == ["暖气", "锅炉"]
    )));
    let short = "level1,level2,level3,keywords\n城乡建设,供热,\n";
    assert_fault(&with(File::Categories, CATEGORIES, short), "categories.csv:2:keywords");
}

#[test]
fn keywords_are_checked() {
    let fault = |keywords: &str| {
        let csv = format!("level1,level2,level3,keywords\n城乡建设,供热,,{keywords}\n");
        assert_fault(&with(File::Categories, CATEGORIES, &csv), "categories.csv:2:keywords");
    };
    fault("暖");
    fault("暖气;;锅炉");
    fault("暖气;暖气");
    fault(&"暖".repeat(21));
    fault(&(0..51).map(|number| format!("词{number}")).collect::<Vec<_>>().join(";"));
    let most: Vec<String> = (10..60).map(|number| format!("{number}").repeat(10)).collect();
    let csv = format!("level1,level2,level3,keywords\n城乡建设,供热,,{}\n", most.join(";"));
    check(&replaced(good(), File::Categories, CATEGORIES, &csv), []).unwrap();
}

#[test]
fn text_that_is_not_utf_8_is_named() {
    let mut files = good();
    files.insert(File::Categories, b"level1,level2,level3\n\xb3\xc7\xcf\xe7,,\n".to_vec());
    let faults = check(&files, []).unwrap_err();
    assert_fault(&faults, "categories.csv:2:level1");
}

#[test]
fn regions_are_checked() {
    assert_fault(&with(File::Regions, "150802,临", "15080x,临"), "regions.csv:3:code");
    assert_fault(&with(File::Regions, "临河区", ""), "regions.csv:3:name");
    assert_fault(&with(File::Regions, "临河区,district", "临河区,county"), "regions.csv:3:tier");
    assert_fault(&with(File::Regions, "临河区,district", "临河区,township"), "regions.csv:3:tier");
    assert_fault(&with(File::Regions, "district,150800", "district,"), "regions.csv:3:parent");
    assert_fault(&with(File::Regions, "district,150800", "district,150900"), "regions.csv:3:parent");
    assert_fault(&with(File::Regions, "municipal,", "municipal,150802"), "regions.csv:2:parent");
    assert_fault(&with(File::Regions, "township,150802", "township,150802001"), "regions.csv:4:parent");
    assert_fault(&with(File::Regions, "150802001,团", "150802,团"), "regions.csv:4:tier");
    let twice = "150802001,团结街道,township,150802\n150802001,团结街道,township,150802";
    assert_fault(&with(File::Regions, "150802001,团结街道,township,150802", twice), "regions.csv:5:code");
}

#[test]
fn a_cycle_is_called_a_cycle() {
    let faults = with(
        File::Regions,
        "临河区,district,150800\n",
        "临河区,district,150821\n150821,五原县,district,150802\n",
    );
    assert_fault(&faults, "regions.csv:3:parent");
    assert!(faults.iter().any(|fault| fault.problem.contains("150802 → 150821 → 150802")));
}

#[test]
fn a_municipality_without_districts_may_stand_for_its_own() {
    let mut files = good();
    files.retain(|file, _| *file == File::Regions);
    files.insert(
        File::Regions,
        "code,name,tier,parent\n441900,东莞市,municipal,\n441900,东莞市,district,441900\n\
         441900003,东城街道,township,441900\n"
            .as_bytes()
            .to_vec(),
    );
    assert_eq!(check(&files, []).unwrap().len(), 2);
}

#[test]
fn units_are_checked() {
    assert_fault(&with(File::Units, "150802-housing", "150802_housing"), "units.csv:5:code");
    assert_fault(&with(File::Units, "住建局,150802,", "住建局,150809,"), "units.csv:5:region");
    assert_fault(&with(File::Units, "150802,department", "150802,bureau"), "units.csv:5:kind");
    assert_fault(&with(File::Units, "housing;roads", "housing;;roads"), "units.csv:5:functions");
    assert_fault(&with(File::Units, "housing;roads", "roads;housing;roads"), "units.csv:5:functions");
    assert_fault(&with(File::Units, "150802,office,", "150802,office,housing"), "units.csv:3:functions");
    assert_fault(&with(File::Units, "150802001,office,", "150802,office,"), "units.csv:4:region");
    assert_fault(
        &with(File::Units, "150802001-office,街道人大,150802001,office,\n", ""),
        "units.csv:1:region",
    );
    let rival = "housing;roads\n150802-other,另一局,150802,department,roads";
    assert_fault(&with(File::Units, "housing;roads", rival), "units.csv:6:functions");
}

#[test]
fn stations_and_representatives_are_checked() {
    assert_fault(&with(File::Stations, "107.39", "207.39"), "stations.csv:2:longitude");
    assert_fault(&with(File::Stations, "40.75", "north"), "stations.csv:2:latitude");
    assert_fault(&with(File::Stations, "40.75", "NaN"), "stations.csv:2:latitude");
    assert_fault(&with(File::Stations, "代表之家,150802", "代表之家,150803"), "stations.csv:2:region");
    assert_fault(&with(File::Representatives, "r-150802-001", "R 1"), "representatives.csv:2:code");
    assert_fault(
        &with(File::Representatives, "150802,district", "150802,county"),
        "representatives.csv:2:level",
    );
    assert_fault(&with(File::Representatives, "150802-s1", "150802-s2"), "representatives.csv:2:station");
    assert_fault(&with(File::Representatives, "第1号代表", ""), "representatives.csv:2:designation");
}

#[test]
fn categories_are_checked() {
    assert_fault(
        &with(File::Categories, "城乡建设,供热,\n", "城乡建设,供热,\n城乡建设,供热,\n"),
        "categories.csv:3:level1",
    );
    assert_fault(&with(File::Categories, "城乡建设,供热,收费", "城乡建设,,收费"), "categories.csv:3:level2");
    assert_fault(&with(File::Categories, "城乡建设,供热,收费", ",供热,收费"), "categories.csv:3:level1");
    assert_fault(&with(File::Categories, "供热,收费", "供热,收/费"), "categories.csv:3:level3");
}

#[test]
fn files_that_are_not_sent_keep_their_rows() {
    let in_place = entries(check(&good(), []).unwrap());
    check(&only(File::Rules, RULES), in_place.clone()).unwrap();

    let faults =
        check(&only(File::Stations, "code,name,region,longitude,latitude\n"), in_place.clone()).unwrap_err();
    assert_fault(&faults, "stations.csv:1:code");
    assert!(faults[0].problem.contains("r-150802-001"));

    let without_housing = UNITS.replace("housing;roads", "roads");
    assert_fault(
        &check(&only(File::Units, &without_housing), in_place.clone()).unwrap_err(),
        "units.csv:1:code",
    );

    let retired: Vec<DirectoryEntry> =
        in_place.into_iter().map(|entry| DirectoryEntry { retired: true, ..entry }).collect();
    assert!(check(&only(File::Rules, RULES), retired).is_err());
}

#[test]
fn a_report_is_bounded() {
    let rows: String = (0..1_000).map(|number| format!("x{number},名,district,150800\n")).collect();
    let faults = with(File::Regions, "150802001,团结街道,township,150802\n", &rows);
    assert_eq!(faults.len(), FAULTS_MAX);
}

#[test]
fn the_sample_directory_is_good() {
    let sample = concat!(env!("CARGO_MANIFEST_DIR"), "/../deploy/sample/");
    let files: BTreeMap<File, Vec<u8>> = File::ALL
        .into_iter()
        .filter_map(|file| Some((file, std::fs::read(format!("{sample}{}", file.name())).ok()?)))
        .collect();
    assert!(files.len() >= 6);
    let faults = check(&files, []).map(|rows| rows.len());
    assert!(faults.is_ok(), "{faults:#?}");
}

#[test]
fn lines_are_counted_as_an_editor_counts_them() {
    let files = replaced(good(), File::Regions, "\n150802001", "\n\n\n150802001");
    let lines = |files: &BTreeMap<File, Vec<u8>>| -> Vec<u64> {
        check(files, []).unwrap().iter().take(3).map(|row| row.line).collect()
    };
    assert_eq!(lines(&files), [2, 3, 6]);
    let files = replaced(files, File::Regions, "\n", "\r\n");
    assert_eq!(lines(&files), [2, 3, 6]);
    let faulty = replaced(files, File::Regions, "团结街道,township", "\"团结\r\n街道\",township");
    assert_fault(&check(&faulty, []).unwrap_err(), "regions.csv:6:name");
}
