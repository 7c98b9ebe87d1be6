//! Who is in charge on which day: one office for every region, and one department of a region for a function.

use std::collections::BTreeMap;

use huying_proto::events::v1::{Region, Unit, UnitKind};
use jiff::civil::Date;

use super::{Draft, Faults, File, Row};

/// Every region that goes on has exactly one office on every day from today on.
pub(super) fn check_offices(draft: &Draft, today: Date, faults: &mut Faults) {
    let mut offices: BTreeMap<&str, Vec<&Row<Unit>>> = BTreeMap::new();
    for row in draft.units.iter().filter(|row| row.value.kind() == UnitKind::Office) {
        offices.entry(&row.value.region).or_default().push(row);
    }
    for (region, offices) in &mut offices {
        for (first, second) in rivals(offices) {
            let first = &first.value.code;
            let problem = format!("region {region} has office {first} at that time; one would be right");
            faults.add(File::Units, second.line.unwrap_or(1), "region", problem);
        }
    }
    for row in &draft.regions {
        let offices = offices.get(row.value.code.as_str()).map_or(&[][..], Vec::as_slice);
        if let Some(day) = first_day_without(row, offices, today) {
            let since = if day > today { format!(" from {day} on") } else { String::new() };
            let (code, name) = (&row.value.code, &row.value.name);
            let problem = format!("region {code} {name} has no office{since}; one would be right");
            faults.add(File::Units, 1, "region", problem);
        }
    }
}

/// Two departments of one region with one function would make every rule that asks for it a guess.
pub(super) fn check_functions(draft: &Draft, faults: &mut Faults) {
    let mut holders: BTreeMap<(&str, &str), Vec<&Row<Unit>>> = BTreeMap::new();
    for row in &draft.units {
        for function in &row.value.functions {
            holders.entry((&row.value.region, function)).or_default().push(row);
        }
    }
    for ((_, function), holders) in &mut holders {
        for (first, second) in rivals(holders) {
            let first = &first.value.code;
            let problem = format!("{function} is held by {first} of the same region at that time");
            faults.add(File::Units, second.line.unwrap_or(1), "functions", problem);
        }
    }
}

/// Pairs of units that are valid on one day, of each row that overlaps an earlier one. Puts them in the order of their
/// first days.
fn rivals<'a>(units: &mut [&'a Row<Unit>]) -> Vec<(&'a Row<Unit>, &'a Row<Unit>)> {
    units.sort_by_key(|row| row.valid.from);
    let mut found = Vec::new();
    let mut latest: Option<&Row<Unit>> = None;
    for row in units.iter() {
        if let Some(before) = latest.filter(|before| row.valid.from < before.valid.until) {
            found.push((before, *row));
        }
        if latest.is_none_or(|before| before.valid.until < row.valid.until) {
            latest = Some(row);
        }
    }
    found
}

/// The first day from today on, on which a region that is valid has none of the offices, which are in the order of their
/// first days.
fn first_day_without(region: &Row<Region>, offices: &[&Row<Unit>], today: Date) -> Option<Date> {
    let mut day = region.valid.from.max(today);
    for office in offices {
        if office.valid.from <= day && day < office.valid.until {
            day = office.valid.until;
        }
    }
    (day < region.valid.until).then_some(day)
}
