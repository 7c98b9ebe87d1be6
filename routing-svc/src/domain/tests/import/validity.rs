//! From when to when regions, units, stations and representatives are valid.

use std::collections::BTreeMap;

use super::{REGIONS, UNITS, assert_fault, check, good, replaced};
use crate::domain::import::{Fault, File, SentRow};

const REGION_COLUMNS: &str = "code,name,tier,parent,valid_from,valid_until,replaced_by\n";
const UNIT_COLUMNS: &str = "code,name,region,kind,functions,valid_from,valid_until\n";

/// The good files, with a second township, and these columns for the first one's region and for offices.
fn files(township: &str, offices: &str) -> BTreeMap<File, Vec<u8>> {
    let regions = format!(
        "{REGION_COLUMNS}150800,巴彦淖尔市,municipal,,,,\n150802,临河区,district,150800,,,\n\
         150802001,团结街道,township,150802,{township}\n150802002,车站街道,township,150802,,,\n"
    );
    let units = format!(
        "{UNIT_COLUMNS}150800-office,市人大,150800,office,,,\n150802-office,区人大,150802,office,,,\n\
         150802-housing,住建局,150802,department,housing;roads,,\n150802002-office,街道人大,150802002,office,,,\n{offices}"
    );
    let files = replaced(good(), File::Regions, REGIONS, &regions);
    replaced(files, File::Units, UNITS, &units)
}

fn checked(township: &str, offices: &str) -> Result<Vec<SentRow>, Vec<Fault>> {
    check(&files(township, offices), [])
}

const OFFICE: &str = "150802001-office,街道人大,150802001,office,,,\n";

#[track_caller]
fn assert_township_fault(township: &str, column: &str) {
    assert_fault(&checked(township, OFFICE).unwrap_err(), &format!("regions.csv:4:{column}"));
}

#[test]
fn days_stand_in_the_entries_as_they_were_written() {
    let rows = checked("2026-01-01,2026-07-01,150802002", OFFICE).unwrap();
    let township = &rows[2].entry;
    assert_eq!((township.valid_from.as_str(), township.valid_until.as_str()), ("2026-01-01", "2026-07-01"));
    assert_eq!((rows[0].entry.valid_from.as_str(), rows[0].entry.valid_until.as_str()), ("", ""));
}

#[test]
fn days_are_checked() {
    for day in ["2026-1-1", "2026-02-30", "20260101", "0026-01-01", "morgen", "2026-01-01T00:00"] {
        assert_township_fault(&format!("{day},,"), "valid_from");
        assert_township_fault(&format!(",{day},"), "valid_until");
    }
    assert_township_fault("2026-07-01,2026-07-01,", "valid_until");
    let person = "code,designation,region,level,station,valid_until\nr-150802-001,第1号代表,150802,district,150802-s1,x\n";
    let mut files = good();
    files.insert(File::Representatives, person.as_bytes().to_vec());
    assert_fault(&check(&files, []).unwrap_err(), "representatives.csv:2:valid_until");
}

#[test]
fn a_merger_needs_its_day_and_leads_to_another_region() {
    assert_township_fault(",,150802002", "valid_until");
    assert_township_fault(",2026-07-01,15080x", "replaced_by");
    assert_township_fault(",2026-07-01,150802009", "replaced_by");
    assert_township_fault(",2026-07-01,150802001", "replaced_by");
    checked(",2026-07-01,150802", OFFICE).unwrap();

    let mutual = files(",2026-07-01,150802002", OFFICE);
    let text = "车站街道,township,150802,,,";
    let mutual = replaced(mutual, File::Regions, text, "车站街道,township,150802,,2026-07-01,150802001");
    let faults = check(&mutual, []).unwrap_err();
    assert_fault(&faults, "regions.csv:4:replaced_by");
    assert!(faults[0].problem.contains("150802001 → 150802002 → 150802001"), "{}", faults[0].problem);
}

#[test]
fn mergers_in_a_row_are_bounded() {
    let chain = |length: u32| {
        let mut regions =
            format!("{REGION_COLUMNS}150800,巴彦淖尔市,municipal,,,,\n150802,临河区,district,150800,,,\n");
        for number in 1..=length {
            let next = number + 1;
            regions += &format!("150802{number:03},街道,township,150802,,2020-01-01,150802{next:03}\n");
        }
        regions += &format!("150802{:03},街道,township,150802,,,\n", length + 1);
        check(&super::only(File::Regions, &regions), [])
    };
    chain(8).unwrap();
    let faults = chain(9).map(|_| ()).unwrap_err();
    assert_eq!(faults.iter().map(Fault::place).collect::<Vec<_>>(), ["regions.csv:4:replaced_by"]);
}

#[test]
fn a_region_does_not_outlive_the_one_above_it() {
    let outliving = |township: &str| {
        let district = "临河区,district,150800,,";
        replaced(
            files(township, OFFICE),
            File::Regions,
            &format!("{district},"),
            &format!("{district}2026-07-01,"),
        )
    };
    let faults = check(&outliving(",,"), []).unwrap_err();
    assert_fault(&faults, "regions.csv:4:valid_until");
    assert_fault(&faults, "regions.csv:5:valid_until");
    let faults = check(&outliving(",2026-07-01,"), []).unwrap_err();
    assert_eq!(faults.len(), 1, "{faults:?}");
}

#[test]
fn a_region_that_has_ended_needs_no_office() {
    checked(",2026-03-02,150802002", "").unwrap();
    let faults = checked(",2026-03-03,150802002", "").unwrap_err();
    assert_fault(&faults, "units.csv:1:region");
}

#[test]
fn a_region_has_one_office_on_every_day_that_comes() {
    let ended = "150802001-a,旧,150802001,office,,,2026-07-01\n";
    let faults = checked(",,", ended).unwrap_err();
    assert_fault(&faults, "units.csv:1:region");
    assert!(faults[0].problem.contains("from 2026-07-01 on"), "{}", faults[0].problem);
    checked(",,", &format!("{ended}150802001-b,新,150802001,office,,2026-07-01,\n")).unwrap();
    checked(",2026-07-01,", ended).unwrap();
    checked("2026-07-01,,", "150802001-b,新,150802001,office,,2026-07-01,\n").unwrap();

    let late = format!("{ended}150802001-b,新,150802001,office,,2026-07-02,\n");
    assert_fault(&checked(",,", &late).unwrap_err(), "units.csv:1:region");
    let early = format!("150802001-b,新,150802001,office,,2026-06-30,\n{ended}");
    assert_fault(&checked(",,", &early).unwrap_err(), "units.csv:6:region");
    let nested = format!("{ended}150802001-b,新,150802001,office,,2026-02-01,2026-02-10\n");
    assert_fault(&checked(",2026-07-01,", &nested).unwrap_err(), "units.csv:7:region");
}

#[test]
fn a_function_passes_from_one_department_to_the_next() {
    let handed = |day: &str| {
        let offices = format!("{OFFICE}150802-new,新局,150802,department,roads,{day},\n");
        let text = "department,housing;roads,,";
        replaced(files(",,", &offices), File::Units, text, "department,housing;roads,,2026-07-01")
    };
    check(&handed("2026-07-01"), []).unwrap();
    assert_fault(&check(&handed("2026-06-30"), []).unwrap_err(), "units.csv:7:functions");
}
