//! Rules that can never win. The test is sound, not complete: what it names can never win as long as the directory is
//! as it is; what several rules together take away from another is not seen.
//!
//! A rule is shadowed by another of the same region and of a higher rank that applies wherever it applies itself, and that
//! leads somewhere wherever it does. Only the same region is looked at: a rule of a deeper region does not cover the
//! rest of the subtree.

use std::collections::HashMap;

use huying_platform::{codes::RegionPath, directory::Directory};
use huying_proto::events::v1::{CaseKind, RoutingRule};

use super::{Rank, resolve, table::covering_paths};

/// How many pairs of rules are compared: a city's thousands of rules need some hundred thousand, and a file that is made
/// of one matter only must not keep a processor for minutes.
const COMPARISONS_MAX: usize = 20_000_000;

/// Why a rule can never win.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Hopeless {
    /// Another rule wins wherever it applies.
    Shadowed {
        /// The other one, by its position.
        by: usize,
    },
    /// On no path of its subtree does it lead to a department.
    LeadsNowhere,
}

/// The rules that can never win, by position.
#[must_use]
pub fn hopeless_rules(rules: &[RoutingRule], directory: &Directory) -> Vec<(usize, Hopeless)> {
    let ranks: Vec<Rank> = rules.iter().map(Rank::of).collect();
    let mut by_region: HashMap<&str, HashMap<&str, Vec<usize>>> = HashMap::new();
    for (number, rule) in rules.iter().enumerate() {
        by_region.entry(&rule.region).or_default().entry(&rule.category).or_default().push(number);
    }
    let mut comparisons_left = COMPARISONS_MAX;
    let mut found = Vec::new();
    for (region, by_category) in by_region {
        let paths = paths_below(region, directory);
        let mut reach = Reach { paths: &paths, directory, known: HashMap::new() };
        for &number in by_category.values().flatten() {
            let rule = &rules[number];
            if !reach.of(rule).contains(&true) {
                found.push((number, Hopeless::LeadsNowhere));
                continue;
            }
            let rivals = covering_paths(&rule.category).filter_map(|path| by_category.get(path)).flatten();
            for &rival in rivals {
                if comparisons_left == 0 {
                    break;
                }
                comparisons_left -= 1;
                let other = &rules[rival];
                if ranks[rival] > ranks[number] && covers(other, rule) && reach.covers(other, rule) {
                    found.push((number, Hopeless::Shadowed { by: rival }));
                    break;
                }
            }
        }
    }
    found.sort_unstable_by_key(|&(number, _)| number);
    found
}

/// Every path that a case in the subtree of a region can have.
fn paths_below(region: &str, directory: &Directory) -> Vec<RegionPath> {
    let mut paths = Vec::new();
    let mut to_visit = vec![region];
    // A tree of three tiers; the bound keeps a directory that is none from keeping us here.
    let mut steps_left = directory.regions().count() + 1;
    while let Some(region) = to_visit.pop() {
        if steps_left == 0 {
            break;
        }
        steps_left -= 1;
        to_visit.extend(directory.children_of(region).iter().map(String::as_str));
        paths.extend(directory.path_of(region));
    }
    paths
}

/// On which of the paths rules lead to a department.
struct Reach<'a> {
    paths: &'a [RegionPath],
    directory: &'a Directory,
    known: HashMap<Target<'a>, Vec<bool>>,
}

/// Unit, function, tier.
type Target<'a> = (&'a str, &'a str, i32);

impl<'a> Reach<'a> {
    fn of(&mut self, rule: &'a RoutingRule) -> &[bool] {
        let (paths, directory) = (self.paths, self.directory);
        self.known
            .entry((&rule.unit, &rule.function, rule.tier))
            .or_insert_with(|| paths.iter().map(|path| resolve(rule, path, directory).is_ok()).collect())
    }

    /// Whether one rule leads somewhere wherever the other does.
    fn covers(&mut self, one: &'a RoutingRule, other: &'a RoutingRule) -> bool {
        let wanted = self.of(other).to_vec();
        self.of(one).iter().zip(wanted).all(|(&is_found, is_wanted)| is_found || !is_wanted)
    }
}

/// Whether one rule applies wherever another does, when its region is the same and its category covers the other's.
fn covers(one: &RoutingRule, other: &RoutingRule) -> bool {
    let kinds = one.kind() == CaseKind::Unspecified || one.kind() == other.kind();
    let addressees = one.addressee.is_empty() || one.addressee == other.addressee;
    kinds && addressees && covers_keywords(one, other)
}

/// A text that has any keyword of the other rule has one of this rule within it.
fn covers_keywords(one: &RoutingRule, other: &RoutingRule) -> bool {
    if one.keywords.is_empty() {
        return true;
    }
    let contains = |word: &str| {
        let word = word.to_ascii_lowercase();
        one.keywords.iter().any(|part| word.contains(&part.to_ascii_lowercase()))
    };
    !other.keywords.is_empty() && other.keywords.iter().all(|word| contains(word))
}
