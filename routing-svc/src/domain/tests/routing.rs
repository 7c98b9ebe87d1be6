//! Which rule wins, how sure that is, and what the trace says.

mod replay;
mod sample;
mod shadowing;

use std::sync::Arc;

use huying_platform::codes::RegionPath;
use huying_proto::events::v1::{
    CaseKind, DirectoryEntry, RoutingRule, Tier, addressee::To, directory_entry::Entry,
};

use super::{directory_with, path, rule};
use crate::domain::routing_rules::{RouteQuery, Routing, RoutingIndex, TRACE_LINES_MAX, rule_text};

const ANY: CaseKind = CaseKind::Unspecified;
const KIND: CaseKind = CaseKind::Message;

/// A rule with more than region, kind, category, tier and function.
fn with(mut rule: DirectoryEntry, change: impl FnOnce(&mut RoutingRule)) -> DirectoryEntry {
    if let Some(Entry::Rule(rule)) = &mut rule.entry {
        change(rule);
    }
    rule
}

fn keywords(words: &[&str]) -> impl FnOnce(&mut RoutingRule) {
    let words = words.iter().map(|&word| word.into()).collect();
    move |rule| rule.keywords = words
}

fn addressee(code: &str) -> impl FnOnce(&mut RoutingRule) {
    let code = code.into();
    move |rule| rule.addressee = code
}

fn priority(priority: u32) -> impl FnOnce(&mut RoutingRule) {
    move |rule| rule.priority = priority
}

/// A rule that names a department instead of a function.
fn to_unit(region: &str, unit: &str) -> DirectoryEntry {
    with(rule(region, ANY, "", Tier::Unspecified, ""), |rule| rule.unit = unit.into())
}

fn index(rules: impl IntoIterator<Item = DirectoryEntry>) -> RoutingIndex {
    RoutingIndex::new(Arc::new(directory_with(rules)), 3)
}

fn township() -> RegionPath {
    path("150800", "150802", "150802001")
}

/// A message in a township, about nothing that any category speaks of.
fn query<'a>(path: &'a RegionPath, category: &'a str) -> RouteQuery<'a> {
    RouteQuery { path, kind: KIND, category, addressee: None, title: "井盖响", body: "夜里睡不着" }
}

fn routed(rules: impl IntoIterator<Item = DirectoryEntry>, category: &str) -> Routing {
    index(rules).route(&query(&township(), category))
}

fn department(routing: &Routing) -> Option<&str> {
    routing.destination.as_ref().map(|destination| destination.department.as_str())
}

#[test]
fn the_nearest_region_wins_over_a_deeper_category() {
    let routing = routed(
        [
            rule("150800", KIND, "城乡建设/供热", Tier::Municipal, "housing"),
            rule("150802", ANY, "", Tier::District, "roads"),
        ],
        "城乡建设/供热",
    );
    assert_eq!(department(&routing), Some("150802-roads"));
    assert_eq!(routing.trace.considered.len(), 2);
    assert_eq!(routing.trace.considered[0].rule, "150802 * * district roads");
    assert_eq!(routing.trace.directory_revision, 7);
    assert_eq!(routing.trace.rule_set_version, 3);
}

#[test]
fn a_district_is_nearer_than_a_municipality_although_its_code_is_as_long() {
    let routing = routed(
        [
            rule("150800", ANY, "", Tier::Municipal, "roads"),
            rule("150802", ANY, "", Tier::District, "housing"),
        ],
        "",
    );
    assert_eq!(department(&routing), Some("150802-housing"));
}

/// Each rule beats all that stand below it, whatever they have that it has not.
#[test]
fn region_priority_addressee_category_keywords_and_kind_count_in_this_order() {
    let target = |tier, function| rule("150800", ANY, "", tier, function);
    let rules = [
        ("region", rule("150802001", ANY, "", Tier::Township, "roads")),
        ("priority", with(target(Tier::Municipal, "roads"), priority(2))),
        ("addressee", with(with(target(Tier::District, "roads"), priority(1)), addressee("r-1"))),
        (
            "deeper category",
            with(rule("150800", ANY, "城乡建设/供热", Tier::Township, "housing"), priority(1)),
        ),
        (
            "keywords",
            with(
                with(rule("150800", ANY, "城乡建设", Tier::District, "housing"), priority(1)),
                keywords(&["井盖"]),
            ),
        ),
        ("kind", with(rule("150800", KIND, "城乡建设", Tier::Municipal, "housing"), priority(1))),
        ("nothing", with(rule("150800", ANY, "城乡建设", Tier::Township, "roads"), priority(1))),
        ("lowest priority", rule("150800", KIND, "城乡建设/供热", Tier::Township, "roads")),
    ];
    let addressed = To::RepresentativeCode("r-1".into());
    let place = township();
    let mut query = query(&place, "城乡建设/供热");
    query.addressee = Some(&addressed);
    for from in 0..rules.len() {
        // The order in the file must not matter.
        let left: Vec<DirectoryEntry> = rules[from..].iter().rev().map(|(_, rule)| rule.clone()).collect();
        let Some(Entry::Rule(expected)) = &rules[from].1.entry else { panic!("not a rule") };
        let routing = index(left).route(&query);
        assert_eq!(routing.trace.considered[0].rule, rule_text(expected), "{}", rules[from].0);
        assert!(routing.trace.considered[0].outcome.starts_with("采用"), "{}", rules[from].0);
    }
    let all = index(rules.map(|(_, rule)| rule)).route(&query);
    let why: Vec<&str> = all.trace.considered.iter().skip(1).map(|line| line.outcome.as_str()).collect();
    assert!(why.iter().all(|why| *why == "未采用：有更近地区的规则"), "{why:?}");
}

#[test]
fn a_rule_that_lost_is_told_in_what() {
    let broad = || rule("150800", ANY, "", Tier::Township, "roads");
    for (better, why) in [
        (rule("150802", ANY, "", Tier::District, "housing"), "未采用：有更近地区的规则"),
        (with(broad(), priority(1)), "未采用：有优先级更高的规则"),
        (with(broad(), addressee("r-1")), "未采用：有指明收件人的规则"),
        (rule("150800", ANY, "城乡建设", Tier::District, "roads"), "未采用：有类别更细的规则"),
        (with(broad(), keywords(&["睡不着"])), "未采用：有关键词相符的规则"),
        (rule("150800", KIND, "", Tier::District, "roads"), "未采用：有指明事项种类的规则"),
    ] {
        let addressed = To::RepresentativeCode("r-1".into());
        let place = township();
        let query = RouteQuery { addressee: Some(&addressed), ..query(&place, "城乡建设") };
        let routing = index([broad(), better]).route(&query);
        assert_eq!(routing.trace.considered[1].outcome, why);
        assert_eq!(routing.trace.considered[1].rule, "150800 * * township roads");
    }
}

#[test]
fn a_rule_for_another_kind_region_or_category_does_not_apply() {
    let routing = routed(
        [
            rule("150800", CaseKind::Suggestion, "", Tier::Township, "roads"),
            rule("150821", ANY, "", Tier::District, "roads"),
            rule("150800", ANY, "城乡", Tier::District, "roads"),
            rule("150800", ANY, "城乡建设/供热/收费", Tier::District, "roads"),
        ],
        "城乡建设/供热",
    );
    assert_eq!(routing.destination, None);
    assert_eq!(routing.rule, None);
    assert!(routing.trace.considered.is_empty());
    assert!(!routing.trace.conclusion.is_empty());
    assert_eq!(routing.trace.confidence_percent, 0);
}

#[test]
fn a_rule_for_an_addressee_needs_the_very_one() {
    let rules = || {
        [
            with(rule("150800", ANY, "", Tier::District, "roads"), addressee("150802001-s1")),
            with(rule("150800", ANY, "", Tier::District, "housing"), addressee("r-1")),
        ]
    };
    for (to, expected) in [
        (Some(To::StationCode("150802001-s1".into())), Some("150802-roads")),
        (Some(To::RepresentativeCode("r-1".into())), Some("150802-housing")),
        (Some(To::RepresentativeCode("r-2".into())), None),
        (Some(To::RegionCode("150802001".into())), None),
        (None, None),
    ] {
        let place = township();
        let routing = index(rules()).route(&RouteQuery { addressee: to.as_ref(), ..query(&place, "") });
        assert_eq!(department(&routing), expected, "{to:?}");
    }
}

#[test]
fn a_keyword_in_the_title_or_the_text_is_enough_and_is_named() {
    let rules =
        || [with(rule("150800", ANY, "", Tier::District, "roads"), keywords(&["ETC通道", "井盖", "坑洼"]))];
    for (title, body, word) in [
        ("井盖响", "", Some("井盖")),
        ("路", "到处坑洼", Some("坑洼")),
        ("高速", "etc通道堵了", Some("ETC通道")),
        ("井", "盖", None),
        ("", "", None),
    ] {
        let place = township();
        let routing = index(rules()).route(&RouteQuery { title, body, ..query(&place, "") });
        match word {
            Some(word) => {
                let outcome = format!("采用：文中有“{word}”，交150802-roads");
                assert_eq!(routing.trace.considered[0].outcome, outcome);
            }
            None => assert!(routing.trace.considered.is_empty(), "{title} {body}"),
        }
    }
}

#[test]
fn a_rule_without_a_department_gives_way_and_is_noted() {
    let routing = routed(
        [
            rule("150802", ANY, "", Tier::District, "heating"),
            rule("150800", ANY, "", Tier::Township, "roads"),
        ],
        "",
    );
    assert_eq!(department(&routing), Some("150802001-roads"));
    assert!(routing.trace.considered[0].outcome.contains("heating"));
    assert_eq!(routing.rule, Some(1));
}

#[test]
fn a_tier_that_the_case_does_not_reach_gives_way() {
    let place = path("150800", "150802", "");
    let routing = index([rule("150800", ANY, "", Tier::Township, "roads")]).route(&query(&place, ""));
    assert_eq!(routing.destination, None);
    assert_eq!(routing.trace.considered.len(), 1);
}

#[test]
fn a_named_department_gets_the_case_and_its_own_office_holds_it() {
    let routing = routed([to_unit("150800", "150802-roads")], "");
    let destination = routing.destination.unwrap();
    assert_eq!(destination.department.as_str(), "150802-roads");
    assert_eq!(destination.office.as_str(), "150802-office");
    assert_eq!(routing.trace.considered[0].rule, "150800 * * unit=150802-roads");
}

#[test]
fn a_named_department_that_is_gone_or_off_the_path_gives_way() {
    for unit in ["150821-roads", "150802002-roads", "150802-nothing"] {
        let routing = routed([to_unit("150800", unit)], "");
        assert_eq!(routing.destination, None, "{unit}");
        assert!(routing.trace.considered[0].outcome.contains(unit));
    }
}

#[test]
fn a_retired_department_is_not_chosen() {
    let mut retired = super::department("150802001", "water");
    retired.retired = true;
    let rules =
        [retired, rule("150800", ANY, "", Tier::Township, "water"), to_unit("150802001", "150802001-water")];
    let routing = routed(rules, "");
    assert_eq!(routing.destination, None);
    assert_eq!(routing.trace.considered.len(), 2);
}

#[test]
fn a_trace_has_at_most_eight_lines() {
    let levels = ["a", "a/b", "a/b/c"];
    let mut rules = Vec::new();
    for region in ["150800", "150802", "150802001"] {
        for category in levels {
            rules.push(rule(region, ANY, category, Tier::Township, "nothing"));
            rules.push(rule(region, KIND, category, Tier::Township, "nothing"));
        }
    }
    rules.push(rule("150800", ANY, "", Tier::Township, "roads"));
    let routing = routed(rules, "a/b/c");
    assert_eq!(routing.trace.considered.len(), TRACE_LINES_MAX);
    assert_eq!(department(&routing), Some("150802001-roads"));
}

#[test]
fn a_decision_is_as_sure_as_what_the_rule_goes_by() {
    let by = |category: &str| rule("150800", ANY, category, Tier::Township, "roads");
    for (rule, percent) in [
        (by("城乡建设/供热/收费"), 100),
        (by("城乡建设/供热"), 90),
        (by("城乡建设"), 80),
        (with(by(""), keywords(&["井盖"])), 85),
        (with(by("城乡建设"), keywords(&["井盖"])), 80),
        (with(by(""), addressee("r-1")), 100),
        (by(""), 70),
    ] {
        let addressed = To::RepresentativeCode("r-1".into());
        let place = township();
        let query = RouteQuery { addressee: Some(&addressed), ..query(&place, "城乡建设/供热/收费") };
        let routing = index([rule]).route(&query);
        assert_eq!(routing.trace.confidence_percent, percent, "{:?}", routing.trace);
        assert!(routing.trace.candidates.is_empty());
    }
}

#[test]
fn a_rule_is_shown_as_it_is_written_with_the_first_of_many_keywords() {
    let words: Vec<String> = (1..=9).map(|number| format!("词{number}")).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let rule = with(
        with(
            with(rule("150800", KIND, "城乡建设", Tier::District, "roads"), keywords(&words)),
            addressee("r-1"),
        ),
        priority(5),
    );
    let Some(Entry::Rule(rule)) = rule.entry else { panic!("not a rule") };
    assert_eq!(
        rule_text(&rule),
        "150800 message 城乡建设 district roads keywords=词1;词2;词3;词4;词5;词6;词7;词8;… addressee=r-1 priority=5"
    );
}
