//! Rules: what each may be, what it may refer to, and which two cannot stand beside each other.

use huying_proto::events::v1::{RoutingRule, directory_entry::Entry};

use super::{RULES, TODAY, assert_fault, check, entries, good, only, replaced, with};
use crate::domain::import::{Fault, File, RULES_BYTES_MAX, check as check_on, rules_tie};

const HEADER: &str = "region,kind,category,tier,function,keywords,addressee,priority,unit\n";

fn with_rules(lines: &str) -> Result<Vec<RoutingRule>, Vec<Fault>> {
    let files = replaced(good(), File::Rules, RULES, &format!("{HEADER}{lines}"));
    let rows = check(&files, [])?;
    Ok(rows
        .into_iter()
        .filter_map(|row| match row.entry.entry {
            Some(Entry::Rule(rule)) => Some(rule),
            _ => None,
        })
        .collect())
}

#[track_caller]
fn assert_rule_fault(lines: &str, place: &str) {
    assert_fault(&with_rules(lines).unwrap_err(), place);
}

#[test]
fn plain_rules_are_checked() {
    assert_fault(&with(File::Rules, "150800,message", "150809,message"), "rules.csv:2:region");
    assert_fault(&with(File::Rules, "150800,message", "150800,letter"), "rules.csv:2:kind");
    assert_fault(&with(File::Rules, "城乡建设,district", "交通,district"), "rules.csv:2:category");
    assert_fault(&with(File::Rules, "district,housing", "county,housing"), "rules.csv:2:tier");
    assert_fault(&with(File::Rules, "district,housing", "district,water"), "rules.csv:2:function");
    assert_fault(&with(File::Rules, "district,housing", ","), "rules.csv:2:tier");
}

#[test]
fn a_full_rule_is_taken_as_it_is_written() {
    let rules =
        with_rules("150802,message,城乡建设/供热,,,暖气 ; 锅炉,r-150802-001,7,150802-housing\n").unwrap();
    assert_eq!(rules.len(), 1);
    let rule = &rules[0];
    assert_eq!(rule.keywords, ["暖气", "锅炉"]);
    assert_eq!((rule.addressee.as_str(), rule.priority), ("r-150802-001", 7));
    assert_eq!((rule.unit.as_str(), rule.tier, rule.function.as_str()), ("150802-housing", 0, ""));
}

#[test]
fn fields_of_rules_are_checked() {
    assert_rule_fault("150800,*,*,district,housing,,,1001,\n", "rules.csv:2:priority");
    assert_rule_fault("150800,*,*,district,housing,,,-1,\n", "rules.csv:2:priority");
    assert_rule_fault("150800,*,*,district,housing,暖,,,\n", "rules.csv:2:keywords");
    assert_rule_fault("150800,*,*,district,housing,,R 1,,\n", "rules.csv:2:addressee");
    assert_rule_fault("150800,*,*,district,,,,,150802-housing\n", "rules.csv:2:tier");
    assert_rule_fault("150800,*,*,,housing,,,,150802-housing\n", "rules.csv:2:function");
    assert_rule_fault("150800,*,*,,,,,,\n", "rules.csv:2:tier");
    assert_rule_fault("150800,*,*,,,,,,150802_housing\n", "rules.csv:2:unit");
}

#[test]
fn a_named_unit_is_a_department_on_the_path_of_the_rule() {
    with_rules("150800,*,*,,,,,,150802-housing\n").unwrap();
    with_rules("150802001,*,*,,,,,,150802-housing\n").unwrap();
    assert_rule_fault("150800,*,*,,,,,,150802-water\n", "rules.csv:2:unit");
    assert_rule_fault("150800,*,*,,,,,,150802-office\n", "rules.csv:2:unit");

    let beside = "五原县,district,150800\n150821001,隆兴昌镇,township,150821\n";
    let files = replaced(good(), File::Regions, "150802001,", &format!("150821,{beside}150802001,"));
    let offices =
        "150821-office,县人大,150821,office,\n150821001-office,镇人大,150821001,office,\n150800-office,";
    let files = replaced(files, File::Units, "150800-office,", offices);
    let rules = format!("{HEADER}150821,*,*,,,,,,150802-housing\n");
    let faults = check(&replaced(files, File::Rules, RULES, &rules), []).unwrap_err();
    assert_fault(&faults, "rules.csv:2:unit");
}

#[test]
fn a_named_addressee_is_known_and_of_the_municipality() {
    with_rules("150802001,*,*,district,housing,,r-150802-001,,\n").unwrap();
    with_rules("150800,*,*,district,housing,,150802-s1,,\n").unwrap();
    assert_rule_fault("150800,*,*,district,housing,,r-150802-002,,\n", "rules.csv:2:addressee");

    let files = replaced(good(), File::Regions, "150802,", "150100,呼和浩特市,municipal,\n150802,");
    let files =
        replaced(files, File::Units, "150800-office,", "150100-office,市人大,150100,office,\n150800-office,");
    let rules = format!("{HEADER}150100,*,*,district,housing,,r-150802-001,,\n");
    let faults = check(&replaced(files, File::Rules, RULES, &rules), []).unwrap_err();
    assert_fault(&faults, "rules.csv:2:addressee");
}

#[test]
fn two_rules_that_nothing_tells_apart_are_a_fault_that_names_both() {
    let faults = with(File::Rules, "150800,*,*,district,roads", "150800,message,城乡建设,district,roads");
    assert_fault(&faults, "rules.csv:3:region");
    assert!(faults[0].problem.contains("lines 2 and 3"), "{}", faults[0].problem);

    for (first, second) in [
        ("150800,*,*,district,housing,,,,", "150800,*,*,,,,,,150802-housing"),
        ("150800,*,*,district,housing,,,,", "150800,,*,district,roads,,,0,"),
        ("150800,*,*,district,housing,暖气,,,", "150800,*,*,district,roads,公交,,,"),
        ("150800,*,*,district,housing,,r-150802-001,,", "150800,*,*,district,roads,,r-150802-001,,"),
        ("150800,message,城乡建设,district,housing,,,5,", "150800,message,城乡建设,district,roads,,,5,"),
    ] {
        let faults = with_rules(&format!("{first}\n{second}\n")).unwrap_err();
        assert_fault(&faults, "rules.csv:3:region");
        assert_eq!(faults.len(), 1);
    }
}

#[test]
fn rules_that_differ_in_rank_or_never_meet_stand_beside_each_other() {
    let plain = "150800,*,*,district,housing,,,,";
    for other in [
        "150802,*,*,district,roads,,,,",
        "150800,message,*,district,roads,,,,",
        "150800,*,城乡建设,district,roads,,,,",
        "150800,*,*,district,roads,公交,,,",
        "150800,*,*,district,roads,,r-150802-001,,",
        "150800,*,*,district,roads,,,1,",
    ] {
        let rules = with_rules(&format!("{plain}\n{other}\n")).unwrap();
        assert!(!rules_tie(&rules[0], &rules[1]), "{other}");
        assert!(rules_tie(&rules[0], &rules[0]));
    }
    with_rules("150800,message,*,district,housing,,,,\n150800,suggestion,*,district,roads,,,,\n").unwrap();
}

#[test]
fn a_thousand_ties_are_found_in_one_pass() {
    let lines = "150800,message,城乡建设,district,housing,,,,\n".repeat(20_000);
    let begun = std::time::Instant::now();
    assert_eq!(with_rules(&lines).unwrap_err().len(), crate::domain::import::FAULTS_MAX);
    assert!(begun.elapsed() < std::time::Duration::from_secs(5), "{:?}", begun.elapsed());
}

#[test]
fn rules_are_bounded() {
    let lines = "150800,message,城乡建设,district,housing,,,,\n".repeat(RULES_BYTES_MAX / 40);
    assert_rule_fault(&lines, "rules.csv:1:row");
}

#[test]
fn a_kept_rule_holds_what_it_names() {
    let rules =
        format!("{HEADER}150800,*,*,,,,,,150802-housing\n150800,*,城乡建设,district,roads,,r-150802-001,,\n");
    let in_place = entries(check(&replaced(good(), File::Rules, RULES, &rules), []).unwrap());
    let people = "code,designation,region,level,station\nr-150802-009,第9号代表,150802,district,\n";
    let faults = check_on(&only(File::Representatives, people), in_place.clone(), TODAY).unwrap_err();
    assert_fault(&faults, "representatives.csv:1:code");
    assert!(faults[0].problem.contains("r-150802-001 is gone"), "{}", faults[0].problem);

    let units = super::UNITS.replace("150802-housing,", "150802-other,");
    let faults = check_on(&only(File::Units, &units), in_place, TODAY).unwrap_err();
    assert_fault(&faults, "units.csv:1:code");
    assert!(faults[0].problem.contains("send rules.csv with it"), "{}", faults[0].problem);
}
