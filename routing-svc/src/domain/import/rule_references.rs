//! What rules refer to: functions, departments and addressees that are there, and that the rule can meet.

use std::collections::{HashMap, HashSet};

use huying_proto::events::v1::{RoutingRule, Unit, UnitKind};

use super::{
    Draft, Faults, File, Row,
    references::{Place, Regions, dangling, misfit},
    tree::{lies_in, municipality},
};

pub(super) fn check(draft: &Draft, regions: &Regions<'_>, faults: &mut Faults) {
    if draft.rules.is_empty() {
        return;
    }
    let functions: HashSet<&str> =
        draft.units.iter().flat_map(|row| &row.value.functions).map(String::as_str).collect();
    let units: HashMap<&str, &Unit> =
        draft.units.iter().map(|row| (row.value.code.as_str(), &row.value)).collect();
    let homes = homes_of_addressees(draft);
    for row in &draft.rules {
        if faults.is_full() {
            return;
        }
        let rule = &row.value;
        if !rule.unit.is_empty() {
            check_unit(row, &units, regions, faults);
        } else if !functions.contains(rule.function.as_str()) {
            dangling(faults, &place(row, "function"), File::Units, &rule.function);
        }
        if !rule.addressee.is_empty() {
            check_addressee(row, &homes, regions, faults);
        }
    }
}

fn place<'a>(row: &Row<RoutingRule>, column: &'a str) -> Place<'a> {
    Place { file: File::Rules, line: row.line, name: "a rule", column }
}

/// A department beside the path of every case that the rule applies to could never be right.
fn check_unit(
    row: &Row<RoutingRule>,
    units: &HashMap<&str, &Unit>,
    regions: &Regions<'_>,
    faults: &mut Faults,
) {
    let rule = &row.value;
    let from = place(row, "unit");
    let Some(unit) = units.get(rule.unit.as_str()) else {
        dangling(faults, &from, File::Units, &rule.unit);
        return;
    };
    match unit.kind() {
        UnitKind::Department => {}
        UnitKind::Office | UnitKind::Unspecified => {
            let is_office = format!("{} is not a department", unit.code);
            misfit(
                faults,
                &from,
                File::Units,
                format!("{is_office}; a department would be right"),
                &is_office,
            );
        }
    }
    let is_met = lies_in(regions, &unit.region, &rule.region) || lies_in(regions, &rule.region, &unit.region);
    if !is_met {
        let aside =
            format!("{} is of {}, which is neither in {} nor above it", unit.code, unit.region, rule.region);
        misfit(
            faults,
            &from,
            File::Units,
            format!("{aside}; a department of its path would be right"),
            &aside,
        );
    }
}

/// Regions by the codes of the representatives and stations that citizens write to. The two may share a code.
fn homes_of_addressees(draft: &Draft) -> HashMap<&str, Vec<&str>> {
    let mut homes: HashMap<&str, Vec<&str>> = HashMap::new();
    for row in &draft.representatives {
        homes.entry(&row.value.code).or_default().push(&row.value.region);
    }
    for row in &draft.stations {
        homes.entry(&row.value.code).or_default().push(&row.value.region);
    }
    homes
}

/// A citizen may place a matter anywhere in the addressee's municipality, and nowhere else.
fn check_addressee(
    row: &Row<RoutingRule>,
    homes: &HashMap<&str, Vec<&str>>,
    regions: &Regions<'_>,
    faults: &mut Faults,
) {
    let rule = &row.value;
    let from = place(row, "addressee");
    let addressee = rule.addressee.as_str();
    let Some(homes) = homes.get(addressee) else {
        let here = format!("{addressee} is neither in representatives.csv nor in stations.csv");
        misfit(faults, &from, File::Representatives, here, &format!("{addressee} is gone"));
        return;
    };
    let home = municipality(regions, &rule.region);
    if !homes.iter().any(|region| municipality(regions, region) == home) {
        let aside = format!("{addressee} is not in the municipality of {}", rule.region);
        misfit(faults, &from, File::Representatives, format!("{aside}; one who is would be right"), &aside);
    }
}
