//! Which rule wins, and what the trace says.

use huying_platform::directory::Directory;
use huying_proto::events::v1::{CaseKind, DirectoryEntry, Tier};

use super::{directory_with, path, rule};
use crate::domain::routing_rules::{Routing, TRACE_LINES_MAX, route};

const ANY: CaseKind = CaseKind::Unspecified;

fn routed(rules: impl IntoIterator<Item = DirectoryEntry>, category: &str) -> Routing {
    let directory: Directory = directory_with(rules);
    route(&path("150800", "150802", "150802001"), CaseKind::Message, category, &directory)
}

fn department(routing: &Routing) -> Option<&str> {
    routing.destination.as_ref().map(|destination| destination.department.as_str())
}

#[test]
fn the_nearest_region_wins_over_a_deeper_category() {
    let routing = routed(
        [
            rule("150800", CaseKind::Message, "城乡建设/供热", Tier::Municipal, "housing"),
            rule("150802", ANY, "", Tier::District, "roads"),
        ],
        "城乡建设/供热",
    );
    assert_eq!(department(&routing), Some("150802-roads"));
    assert_eq!(routing.trace.considered.len(), 2);
    assert_eq!(routing.trace.considered[0].rule, "150802 * * district roads");
    assert_eq!(routing.trace.directory_revision, 7);
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

#[test]
fn the_deeper_category_wins_over_an_exact_kind() {
    let routing = routed(
        [
            rule("150800", CaseKind::Message, "城乡建设", Tier::Township, "housing"),
            rule("150800", ANY, "城乡建设/供热", Tier::District, "housing"),
        ],
        "城乡建设/供热/收费",
    );
    assert_eq!(department(&routing), Some("150802-housing"));
}

#[test]
fn an_exact_kind_wins_over_any() {
    let routing = routed(
        [
            rule("150800", ANY, "", Tier::Township, "roads"),
            rule("150800", CaseKind::Message, "", Tier::Township, "housing"),
        ],
        "",
    );
    assert_eq!(department(&routing), Some("150802001-housing"));
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
    assert!(routing.trace.considered.is_empty());
    assert!(!routing.trace.conclusion.is_empty());
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
}

#[test]
fn a_tier_that_the_case_does_not_reach_gives_way() {
    let directory = directory_with([rule("150800", ANY, "", Tier::Township, "roads")]);
    let routing = route(&path("150800", "150802", ""), CaseKind::Message, "", &directory);
    assert_eq!(routing.destination, None);
    assert_eq!(routing.trace.considered.len(), 1);
}

#[test]
fn a_retired_department_is_not_chosen() {
    let mut retired = super::department("150802001", "water");
    retired.retired = true;
    let routing = routed([retired, rule("150800", ANY, "", Tier::Township, "water")], "");
    assert_eq!(routing.destination, None);
}

#[test]
fn a_trace_has_at_most_eight_lines() {
    let levels = ["a", "a/b", "a/b/c"];
    let mut rules = Vec::new();
    for region in ["150800", "150802", "150802001"] {
        for category in levels {
            rules.push(rule(region, ANY, category, Tier::Township, "nothing"));
            rules.push(rule(region, CaseKind::Message, category, Tier::Township, "nothing"));
        }
    }
    rules.push(rule("150800", ANY, "", Tier::Township, "roads"));
    let routing = routed(rules, "a/b/c");
    assert_eq!(routing.trace.considered.len(), TRACE_LINES_MAX);
    assert_eq!(department(&routing), Some("150802001-roads"));
}
