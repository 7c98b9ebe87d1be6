//! Rules in the order of their rank, found by region and category, and their keywords, found in one pass of a text.

use std::{cmp::Reverse, collections::HashMap};

use aho_corasick::AhoCorasick;
use huying_platform::codes::{RegionCode, Tier};
use huying_proto::events::v1::{CaseKind, RoutingRule, addressee::To};

use super::RouteQuery;
use crate::domain::classification::search_for;

/// How near a rule is to the cases that it applies to. The greater of two wins; the fields count in their order.
///
/// A rule has one rank for all cases: of its region and its category there is one on a case's path and in its category
/// path, whatever the case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Rank {
    region_depth: usize,
    priority: u32,
    names_addressee: bool,
    category_levels: usize,
    has_keywords: bool,
    names_kind: bool,
}

impl Rank {
    /// The rank of a rule.
    #[must_use]
    pub fn of(rule: &RoutingRule) -> Self {
        Self {
            region_depth: rule.region.parse::<RegionCode>().map_or(0, |region| match region.tier() {
                Tier::Municipal => 1,
                Tier::District => 2,
                Tier::Township => 3,
            }),
            priority: rule.priority,
            names_addressee: !rule.addressee.is_empty(),
            category_levels: levels(&rule.category),
            has_keywords: !rule.keywords.is_empty(),
            names_kind: rule.kind() != CaseKind::Unspecified,
        }
    }

    /// In what it is behind a better one, for the trace.
    pub(super) const fn behind(&self, best: &Self) -> &'static str {
        if self.region_depth < best.region_depth {
            "有更近地区的规则"
        } else if self.priority < best.priority {
            "有优先级更高的规则"
        } else if self.names_addressee != best.names_addressee {
            "有指明收件人的规则"
        } else if self.category_levels < best.category_levels {
            "有类别更细的规则"
        } else if self.has_keywords != best.has_keywords {
            "有关键词相符的规则"
        } else {
            "有指明事项种类的规则"
        }
    }
}

/// How many levels a category path has; 0 when it is empty.
pub(super) fn levels(path: &str) -> usize {
    if path.is_empty() { 0 } else { path.split('/').count() }
}

/// A set of rules, indexed.
#[derive(Debug)]
pub(super) struct RuleTable {
    rules: Vec<RoutingRule>,
    ranks: Vec<Rank>,
    /// Region, then category, then the rules of both.
    places: HashMap<String, HashMap<String, Vec<usize>>>,
    /// For each rule its keywords, by their position in the search.
    keywords: Vec<Vec<usize>>,
    words: Vec<String>,
    search: Option<AhoCorasick>,
}

impl RuleTable {
    pub(super) fn new(rules: Vec<RoutingRule>) -> Self {
        let mut places: HashMap<String, HashMap<String, Vec<usize>>> = HashMap::new();
        let mut words = Vec::new();
        let mut keywords = Vec::with_capacity(rules.len());
        for (number, rule) in rules.iter().enumerate() {
            let region = places.entry(rule.region.clone()).or_default();
            region.entry(rule.category.clone()).or_default().push(number);
            let first = words.len();
            words.extend_from_slice(&rule.keywords);
            keywords.push((first..words.len()).collect());
        }
        let search = search_for(&words);
        let ranks = rules.iter().map(Rank::of).collect();
        Self { rules, ranks, places, keywords, words, search }
    }

    pub(super) fn rules(&self) -> &[RoutingRule] {
        &self.rules
    }

    /// The rules that apply to a case of a category, best first. `has_keyword` says whether the text has what a rule asks
    /// for; it is asked last, and only of rules with keywords.
    pub(super) fn applying(
        &self,
        query: &RouteQuery<'_>,
        category: &str,
        has_keyword: impl Fn(usize) -> bool,
    ) -> Vec<(Rank, usize)> {
        let mut found = Vec::new();
        for tier in [Tier::Municipal, Tier::District, Tier::Township] {
            let Some(by_category) = query.path.at(tier).and_then(|region| self.places.get(region.as_str()))
            else {
                continue;
            };
            for covering in covering_paths(category) {
                for &number in by_category.get(covering).into_iter().flatten() {
                    if applies(&self.rules[number], query)
                        && (self.keywords[number].is_empty() || has_keyword(number))
                    {
                        found.push((self.ranks[number], number));
                    }
                }
            }
        }
        found.sort_unstable_by_key(|&(rank, number)| (Reverse(rank), number));
        found
    }

    /// For each keyword of all rules whether it stands in the title or the text.
    pub(super) fn find_keywords(&self, title: &str, body: &str) -> Vec<bool> {
        let mut found = vec![false; self.words.len()];
        if let Some(search) = &self.search {
            for text in [title, body] {
                for word in search.find_overlapping_iter(text) {
                    found[word.pattern().as_usize()] = true;
                }
            }
        }
        found
    }

    pub(super) fn first_keyword(&self, rule: usize, found: &[bool]) -> Option<&str> {
        self.keywords[rule].iter().find(|&&word| found[word]).map(|&word| self.words[word].as_str())
    }
}

/// A category path and all above it, down to the empty one, which covers every case.
pub(super) fn covering_paths(category: &str) -> impl Iterator<Item = &str> {
    let above = category.match_indices('/').map(|(at, _)| &category[..at]);
    let itself = (!category.is_empty()).then_some(category);
    std::iter::once("").chain(above).chain(itself)
}

/// Whether kind and addressee of a rule, where it names them, are the case's.
fn applies(rule: &RoutingRule, query: &RouteQuery<'_>) -> bool {
    let kind = rule.kind();
    if kind != CaseKind::Unspecified && kind != query.kind {
        return false;
    }
    rule.addressee.is_empty()
        || match query.addressee {
            Some(To::RepresentativeCode(code) | To::StationCode(code)) => *code == rule.addressee,
            Some(To::RegionCode(_)) | None => false,
        }
}
