//! Routing by rules: the nearest rule wins, and every decision leaves a trace.
//!
//! A rule applies when its region is on the case's path, its kind is the case's or any, and its category is the case's,
//! one above it, or any. Among those that apply the deepest region wins, then the deepest category, then an exact kind;
//! the import refuses two rules with the same region, kind and category, so there are no ties. A rule whose department
//! does not exist on the case's own path does not guess: it is noted in the trace and the next best is tried.

use huying_platform::{
    codes::{RegionPath, Tier, UnitCode},
    directory::Directory,
};
use huying_proto::events::v1::{CaseKind, RoutingRule, RuleConsidered, RuleTrace};

use super::{decide::office_at, import::kind_word};

/// How many lines a trace has at most.
pub const TRACE_LINES_MAX: usize = 8;

/// Where the rules send a case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Destination {
    /// Office that holds it.
    pub office: UnitCode,
    /// Department that is responsible.
    pub department: UnitCode,
}

/// The decision of the rules and how it came about.
#[derive(Debug, Clone, PartialEq)]
pub struct Routing {
    /// None when the rules cannot decide.
    pub destination: Option<Destination>,
    /// Why.
    pub trace: RuleTrace,
}

/// Asks the rules where a case of this kind and category at this place belongs.
#[must_use]
pub fn route(path: &RegionPath, kind: CaseKind, category: &str, directory: &Directory) -> Routing {
    let mut matching: Vec<(Rank, &RoutingRule)> = directory
        .rules()
        .iter()
        .filter_map(|rule| rank(rule, path, kind, category).map(|rank| (rank, rule)))
        .collect();
    matching.sort_by(|(left, _), (right, _)| right.cmp(left));

    let mut considered = Vec::new();
    let mut destination = None;
    for (_, rule) in matching {
        let outcome = if destination.is_some() {
            "有更近的规则，未采用".to_owned()
        } else {
            match resolve(rule, path, directory) {
                Ok(found) => {
                    let outcome = format!("采用：交{}", found.department);
                    destination = Some(found);
                    outcome
                }
                Err(obstacle) => obstacle,
            }
        };
        if considered.len() < TRACE_LINES_MAX {
            considered.push(RuleConsidered { rule: rule_text(rule), outcome });
        } else if destination.is_some() {
            break;
        }
    }

    let conclusion = match &destination {
        Some(found) => format!("由{}登记，交{}办理。", found.office, found.department),
        None if considered.is_empty() => "没有适用的规则，由人大机构人工分办。".to_owned(),
        None => "适用的规则都找不到承办单位，由人大机构人工分办。".to_owned(),
    };
    let trace = RuleTrace { directory_revision: directory.revision(), considered, conclusion };
    Routing { destination, trace }
}

/// A rule as it is written in rules.csv.
#[must_use]
pub fn rule_text(rule: &RoutingRule) -> String {
    let tier = Tier::try_from(rule.tier()).map_or("*", Tier::as_str);
    let category = if rule.category.is_empty() { "*" } else { &rule.category };
    format!("{} {} {category} {tier} {}", rule.region, kind_word(rule.kind()), rule.function)
}

/// How near a rule is to a case: depth of the region, levels of the category, whether the kind is named.
type Rank = (u8, usize, bool);

fn rank(rule: &RoutingRule, path: &RegionPath, kind: CaseKind, category: &str) -> Option<Rank> {
    let depth = depth_on(path, &rule.region)?;
    let names_kind = rule.kind() != CaseKind::Unspecified;
    if names_kind && rule.kind() != kind {
        return None;
    }
    let levels = covered_levels(&rule.category, category)?;
    Some((depth, levels, names_kind))
}

fn depth_on(path: &RegionPath, region: &str) -> Option<u8> {
    let is =
        |code: Option<&huying_platform::codes::RegionCode>| code.is_some_and(|code| code.as_str() == region);
    if is(path.township.as_ref()) {
        Some(2)
    } else if is(path.district.as_ref()) {
        Some(1)
    } else if is(Some(&path.municipal)) {
        Some(0)
    } else {
        None
    }
}

/// How many levels a rule's category has, when it covers the case's category.
fn covered_levels(rule: &str, category: &str) -> Option<usize> {
    if rule.is_empty() {
        return Some(0);
    }
    let below = category.strip_prefix(rule)?;
    (below.is_empty() || below.starts_with('/')).then(|| rule.split('/').count())
}

fn resolve(rule: &RoutingRule, path: &RegionPath, directory: &Directory) -> Result<Destination, String> {
    let tier = Tier::try_from(rule.tier()).map_err(|()| "规则没有层级，未采用".to_owned())?;
    let Some(region) = path.at(tier) else {
        return Err(format!("案件所在路径没有{}一级，未采用", tier_word(tier)));
    };
    let office =
        office_at(directory, region.as_str()).ok_or_else(|| format!("{region}没有人大机构，未采用"))?;
    let department = directory
        .department(region.as_str(), &rule.function)
        .filter(|unit| directory.active_unit(&unit.code).is_some())
        .and_then(|unit| unit.code.parse().ok())
        .ok_or_else(|| format!("{region}没有职能为{}的承办单位，未采用", rule.function))?;
    Ok(Destination { office, department })
}

const fn tier_word(tier: Tier) -> &'static str {
    match tier {
        Tier::Municipal => "市",
        Tier::District => "县",
        Tier::Township => "乡",
    }
}
