//! Categories of matters and the rules that route them, judged line by line.

use huying_platform::codes::{RepresentativeCode, Tier, UnitCode};
use huying_proto::events::v1::{self as proto, Category, RoutingRule};

use super::{
    Faults,
    fields::{self, NAME_CHARS_MAX, check_code, check_region, is_function, keywords},
    rows::Line,
};

/// Bound on a whole category path, in characters; intake-svc and ledger-svc rely on it.
const CATEGORY_PATH_CHARS_MAX: usize = 200;
/// The columns of a path, from the top.
const LEVELS: [&str; 3] = ["level1", "level2", "level3"];
/// Bound on the priority of a rule.
const PRIORITY_MAX: u32 = 1_000;

pub(super) fn category(line: &Line<'_>, faults: &mut Faults) -> Option<Category> {
    let levels = LEVELS.map(|column| line.field(column));
    let depth = levels.iter().take_while(|level| !level.is_empty()).count();
    let has_gap = levels.iter().skip(depth).any(|level| !level.is_empty());
    if depth == 0 || has_gap {
        line.fault(faults, LEVELS[depth], "is empty; the name of this level would be right");
        return None;
    }
    for (column, level) in LEVELS.into_iter().zip(levels).take(depth) {
        if level.contains('/') || level == "*" {
            line.fault(faults, column, "contains \"/\" or is \"*\"; a plain name would be right");
        }
        if level.chars().count() > NAME_CHARS_MAX {
            let problem = format!("is too long; 1 to {NAME_CHARS_MAX} characters would be right");
            line.fault(faults, column, problem);
        }
    }
    let path = levels[..depth].join("/");
    if path.chars().count() > CATEGORY_PATH_CHARS_MAX {
        let fault = format!(
            "makes a path of more than {CATEGORY_PATH_CHARS_MAX} characters with the levels above it"
        );
        line.fault(faults, LEVELS[depth - 1], format!("{fault}; shorter names would be right"));
    }
    Some(Category { path, keywords: keywords(line, faults) })
}

pub(super) fn rule(line: &Line<'_>, faults: &mut Faults) -> Option<RoutingRule> {
    check_region(line, faults);
    let kind = fields::kind(line, faults);
    let addressee = line.field("addressee");
    if !addressee.is_empty() {
        // Codes of stations have the same form.
        check_code::<RepresentativeCode>(line, "addressee", faults);
    }
    let priority = priority(line, faults);
    let keywords = keywords(line, faults);
    let tier = department(line, faults);
    Some(RoutingRule {
        region: line.field("region").to_owned(),
        kind: kind?.into(),
        category: fields::category(line),
        tier: tier?.map_or(proto::Tier::Unspecified, proto::Tier::from).into(),
        function: line.field("function").to_owned(),
        keywords,
        addressee: addressee.to_owned(),
        priority,
        unit: line.field("unit").to_owned(),
    })
}

fn priority(line: &Line<'_>, faults: &mut Faults) -> u32 {
    let text = line.field("priority");
    if text.is_empty() {
        return 0;
    }
    let number = text.parse().ok().filter(|number| *number <= PRIORITY_MAX);
    number.unwrap_or_else(|| {
        let problem = format!("\"{text}\" is not a priority; a number from 0 to {PRIORITY_MAX} would be");
        line.fault(faults, "priority", problem);
        0
    })
}

/// The department: a tier and a function there, or the code of a unit. Some(None) for the latter, which has no tier.
fn department(line: &Line<'_>, faults: &mut Faults) -> Option<Option<Tier>> {
    if line.field("unit").is_empty() {
        let tier = fields::tier(line, "municipal, district, township, or a unit instead,", faults);
        let function = line.field("function");
        if !is_function(function) {
            let problem = format!("\"{function}\" is not a function; a-z, 0-9 and \"-\" would be");
            line.fault(faults, "function", problem);
        }
        return tier.map(Some);
    }
    check_code::<UnitCode>(line, "unit", faults);
    for column in ["tier", "function"] {
        if !line.field(column).is_empty() {
            line.fault(faults, column, "is given besides a unit; an empty field would be right");
        }
    }
    Some(None)
}
