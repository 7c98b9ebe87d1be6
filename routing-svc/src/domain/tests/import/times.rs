//! Limits of time and the calendar.

use std::collections::BTreeMap;

use huying_proto::events::v1::{CaseKind, Tier, directory_entry::Entry};

use super::{assert_fault, check, good, only};
use crate::domain::import::{Fault, File};

fn with_policies(lines: &str) -> Result<usize, Vec<Fault>> {
    let mut files = good();
    files.insert(File::Policies, format!("kind,category,tier,step,limit\n{lines}").into_bytes());
    check(&files, []).map(|rows| rows.len())
}

fn with_days(lines: &str) -> Result<usize, Vec<Fault>> {
    check(&only(File::Calendar, &format!("date,kind,name,provisional\n{lines}")), []).map(|rows| rows.len())
}

#[track_caller]
fn assert_policy_fault(lines: &str, place: &str) {
    assert_fault(&with_policies(lines).unwrap_err(), place);
}

#[track_caller]
fn assert_day_fault(lines: &str, place: &str) {
    assert_fault(&with_days(lines).unwrap_err(), place);
}

#[test]
fn a_limit_is_taken_as_it_is_written() {
    let mut files = good();
    let csv = "kind,category,tier,step,limit\nmessage,城乡建设,district,reply,13wd\n*,*,*,rate,90s\n";
    files.insert(File::Policies, csv.as_bytes().to_vec());
    let policies: Vec<_> = check(&files, [])
        .unwrap()
        .into_iter()
        .filter_map(|row| match row.entry.entry {
            Some(Entry::Policy(policy)) => Some((row.line, policy)),
            _ => None,
        })
        .collect();
    let (line, policy) = &policies[0];
    assert_eq!((*line, policy.kind(), policy.tier()), (2, CaseKind::Message, Tier::District));
    assert_eq!(
        (policy.category.as_str(), policy.step.as_str(), policy.limit.as_str()),
        ("城乡建设", "reply", "13wd")
    );
    let (_, policy) = &policies[1];
    assert_eq!(
        (policy.kind(), policy.tier(), policy.category.as_str()),
        (CaseKind::Unspecified, Tier::Unspecified, "")
    );
}

#[test]
fn limits_are_checked() {
    with_policies("message,*,*,reply,13wd\nmessage,*,district,reply,10wd\n").unwrap();
    assert_policy_fault("letter,*,*,reply,13wd\n", "policies.csv:2:kind");
    assert_policy_fault("message,交通,*,reply,13wd\n", "policies.csv:2:category");
    assert_policy_fault("message,*,county,reply,13wd\n", "policies.csv:2:tier");
    assert_policy_fault("message,*,*,answer,13wd\n", "policies.csv:2:step");
    assert_policy_fault("message,*,*,reply,13\n", "policies.csv:2:limit");
    assert_policy_fault("message,*,*,reply,0wd\n", "policies.csv:2:limit");
    assert_policy_fault("message,*,*,reply,1001wd\n", "policies.csv:2:limit");
    assert_policy_fault("message,*,*,reply,13wd\nmessage,*,,reply,10wd\n", "policies.csv:3:step");
}

#[test]
fn days_are_checked() {
    assert_eq!(with_days("2026-10-01,holiday,国庆节,false\n2026-10-10,workday,国庆节,\n").unwrap(), 2);
    assert_day_fault("2026-02-30,holiday,国庆节,false\n", "calendar.csv:2:date");
    assert_day_fault("20261001,holiday,国庆节,false\n", "calendar.csv:2:date");
    assert_day_fault("1999-10-01,holiday,国庆节,false\n", "calendar.csv:2:date");
    assert_day_fault("2026-10-01,off,国庆节,false\n", "calendar.csv:2:kind");
    assert_day_fault("2026-10-09,workday,国庆节,false\n", "calendar.csv:2:date");
    assert_day_fault("2026-10-01,holiday,,false\n", "calendar.csv:2:name");
    assert_day_fault("2026-10-01,holiday,国庆节,perhaps\n", "calendar.csv:2:provisional");
    assert_day_fault("2026-10-01,holiday,国庆节,\n2026-10-01,holiday,中秋节,\n", "calendar.csv:3:date");
}

#[test]
fn what_comes_with_the_program_can_be_imported() {
    let mut files = good();
    let data = |name: &str| std::fs::read(format!("{}/data/{name}", env!("CARGO_MANIFEST_DIR"))).unwrap();
    files.insert(File::Calendar, data("calendar.csv"));
    files.insert(File::Policies, data("policies.csv"));
    files.insert(File::Categories, "level1,level2,level3\n城乡建设,供热,\n咨询,,\n".as_bytes().to_vec());
    let rows = check(&files, []).unwrap();
    let count = |file: File| rows.iter().filter(|row| File::of(&row.entry) == Some(file)).count();
    let lines = |csv: &[u8]| csv.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).count();
    for file in [File::Calendar, File::Policies] {
        assert_eq!(count(file), lines(&files[&file]) - 1);
    }
    assert!(
        matches!(check(&BTreeMap::from([(File::Calendar, data("calendar.csv"))]), []), Ok(rows) if rows.len() > 400)
    );
}

#[test]
fn a_kept_limit_holds_its_category() {
    let mut files = good();
    files.insert(
        File::Policies,
        "kind,category,tier,step,limit\n*,城乡建设/供热,*,reply,5wd\n".as_bytes().to_vec(),
    );
    let in_place = super::entries(check(&files, []).unwrap());
    let faults = check(&only(File::Categories, "level1,level2,level3\n城乡建设,,\n"), in_place).unwrap_err();
    assert_fault(&faults, "categories.csv:1:level1");
    assert!(faults[0].problem.contains("send policies.csv with it"), "{}", faults[0].problem);
}
