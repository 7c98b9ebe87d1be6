//! Rules that nothing tells apart.
//!
//! Of the rules that apply to a case the one of the nearest region wins, then the higher priority, a named addressee, the
//! longest category, keywords, a named kind. All of these are equal for one case only when region, priority, addressee,
//! category, the presence of keywords, and kind are the same: regions and categories of one depth that both cover a case
//! are one, and so are addressees and kinds that are named. Keywords need not be the same, because a text can have
//! those of both.

use std::collections::{HashMap, hash_map};

use huying_proto::events::v1::RoutingRule;

use super::{Faults, File, Row, kind_word};

/// Region, priority, addressee, category, whether there are keywords, kind.
type TieKey<'a> = (&'a str, u32, &'a str, &'a str, bool, i32);

fn tie_key(rule: &RoutingRule) -> TieKey<'_> {
    (&rule.region, rule.priority, &rule.addressee, &rule.category, !rule.keywords.is_empty(), rule.kind)
}

/// Whether two rules can apply to one case with nothing to tell which of them wins.
#[must_use]
pub fn rules_tie(a: &RoutingRule, b: &RoutingRule) -> bool {
    tie_key(a) == tie_key(b)
}

/// Enters every rule that ties with an earlier one; in one pass, for there may be thousands.
pub(super) fn check(rules: &[Row<RoutingRule>], faults: &mut Faults) {
    let mut first_lines: HashMap<TieKey<'_>, u64> = HashMap::new();
    for row in rules {
        let Some(line) = row.line else { return };
        match first_lines.entry(tie_key(&row.value)) {
            hash_map::Entry::Vacant(vacant) => {
                vacant.insert(line);
            }
            hash_map::Entry::Occupied(first) => {
                faults.add(File::Rules, line, "region", problem(&row.value, *first.get(), line));
            }
        }
    }
}

fn problem(rule: &RoutingRule, first: u64, line: u64) -> String {
    let category = if rule.category.is_empty() { "*" } else { &rule.category };
    let matters = format!("{} {} {category}", rule.region, kind_word(rule.kind()));
    if rule.keywords.is_empty() {
        format!(
            "lines {first} and {line} both say where {matters} goes; one of them, or different priorities, would be right"
        )
    } else {
        format!(
            "lines {first} and {line} both say where {matters} goes, and a text can have keywords of both; one line with \
             all the keywords, or different priorities, would be right"
        )
    }
}
