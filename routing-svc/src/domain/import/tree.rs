//! Regions form a tree, and mergers lead to an end.

use huying_platform::{codes::Tier, directory::SUCCESSORS_MAX};
use huying_proto::events::v1::Region;
use jiff::civil::Date;

use super::{Draft, Faults, File, Row, references::Regions};

/// Deeper than any tree of divisions; a longer chain of parents is a cycle.
const DEPTH_MAX: usize = 8;

pub(super) fn check(draft: &Draft, regions: &Regions<'_>, today: Date, faults: &mut Faults) {
    for row in &draft.regions {
        let Some(line) = row.line else { return };
        if faults.is_full() {
            return;
        }
        if !row.value.parent.is_empty() {
            check_parent(line, row, regions, today, faults);
        }
        if !row.value.replaced_by.is_empty() {
            check_successor(line, &row.value, regions, faults);
        }
    }
}

/// Whether a region is another one or lies somewhere below it.
pub(super) fn lies_in(regions: &Regions<'_>, region: &str, root: &str) -> bool {
    chain(region, |code| regions.get(code).map(|row| row.value.parent.as_str())).any(|code| code == root)
}

/// The municipality that a region lies in; the region itself when its path ends before.
pub(super) fn municipality<'a>(regions: &Regions<'a>, region: &'a str) -> &'a str {
    chain(region, |code| regions.get(code).map(|row| row.value.parent.as_str())).last().unwrap_or(region)
}

/// A code and those that follow from it, at most [`DEPTH_MAX`].
fn chain<'a>(first: &'a str, next: impl Fn(&str) -> Option<&'a str>) -> impl Iterator<Item = &'a str> {
    std::iter::successors(Some(first), move |code| next(code).filter(|code| !code.is_empty())).take(DEPTH_MAX)
}

fn check_parent(line: u64, row: &Row<Region>, regions: &Regions<'_>, today: Date, faults: &mut Faults) {
    let region = &row.value;
    if let Some(cycle) = cycle_from(region, regions, |region| &region.parent) {
        faults.add(File::Regions, line, "parent", format!("is its own ancestor: {cycle}"));
        return;
    }
    let Some(parent) = regions.get(region.parent.as_str()) else {
        faults.add(File::Regions, line, "parent", format!("region {} is unknown", region.parent));
        return;
    };
    if !may_be_below(region, &parent.value) {
        let problem = format!("{} is not of a tier above {}", region.parent, region.code);
        faults.add(File::Regions, line, "parent", problem);
    }
    if row.valid.until > parent.valid.until && !row.valid.is_over(today) {
        let end = parent.valid.until;
        let problem = format!(
            "{} outlives {} above it, which ends on {end}; {end} or an earlier day, or another parent, would be right",
            region.code, region.parent
        );
        faults.add(File::Regions, line, "valid_until", problem);
    }
}

/// A district is below a municipality; a township is below a district, or a municipality that has none.
fn may_be_below(region: &Region, parent: &Region) -> bool {
    match (Tier::try_from(region.tier()), Tier::try_from(parent.tier())) {
        (Ok(Tier::District), Ok(above)) => above == Tier::Municipal,
        (Ok(Tier::Township), Ok(above)) => above != Tier::Township,
        (Ok(Tier::Municipal) | Err(()), _) | (_, Err(())) => false,
    }
}

/// A township may become a town of another tier, so the tier of the successor is left open.
fn check_successor(line: u64, region: &Region, regions: &Regions<'_>, faults: &mut Faults) {
    let successor = region.replaced_by.as_str();
    if !regions.contains_key(successor) {
        let problem = format!("region {successor} is unknown; a code of regions.csv would be right");
        faults.add(File::Regions, line, "replaced_by", problem);
        return;
    }
    if let Some(cycle) = cycle_from(region, regions, |region| &region.replaced_by) {
        let problem =
            format!("leads back to the region itself: {cycle}; a region that goes on would be right");
        faults.add(File::Regions, line, "replaced_by", problem);
        return;
    }
    let mut at = successor;
    let mut mergers = 1;
    while let Some(next) = regions.get(at).map(|row| row.value.replaced_by.as_str())
        && !next.is_empty()
        && mergers <= SUCCESSORS_MAX
    {
        at = next;
        mergers += 1;
    }
    if mergers > SUCCESSORS_MAX {
        let problem = format!(
            "leads on over more than {SUCCESSORS_MAX} mergers; the region that goes on today would be right"
        );
        faults.add(File::Regions, line, "replaced_by", problem);
    }
}

/// The way from a region back to itself, if there is one.
fn cycle_from<'a>(
    region: &'a Region,
    regions: &Regions<'a>,
    next: impl Fn(&'a Region) -> &'a String,
) -> Option<String> {
    let mut way = vec![region.code.as_str()];
    let mut at = next(region).as_str();
    while !at.is_empty() && way.len() < DEPTH_MAX {
        way.push(at);
        if at == region.code {
            return Some(way.join(" → "));
        }
        at = regions.get(at).map_or("", |row| next(&row.value));
    }
    None
}
