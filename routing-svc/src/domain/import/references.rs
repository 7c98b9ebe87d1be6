//! What lines mean to each other: nothing twice, nothing dangling, one office a region, no two that compete.
//!
//! A row that was kept was consistent before; when it is not any more, the cause is in a file that was sent, and the
//! fault is entered at that file's header.

use std::collections::{BTreeMap, HashMap, HashSet, hash_map};

use huying_platform::codes::Tier;
use huying_proto::events::v1::{Region, RoutingRule, UnitKind};

use super::{Draft, Faults, File, Row, kind_word};

/// Deeper than any tree of divisions; a longer chain of parents is a cycle.
const DEPTH_MAX: usize = 8;

pub(super) fn check(draft: &Draft, sent: &BTreeMap<File, Vec<u8>>, faults: &mut Faults) {
    check_duplicates(draft, faults);
    let regions: HashMap<&str, &Row<Region>> =
        draft.regions.iter().map(|row| (row.value.code.as_str(), row)).collect();
    check_tree(draft, &regions, faults);
    check_regions_exist(draft, &regions, faults);
    if sent.contains_key(&File::Units) {
        check_one_office_each(draft, faults);
    }
    check_functions_are_held_once(draft, faults);
    check_stations_exist(draft, faults);
    check_rules(draft, faults);
}

fn check_duplicates(draft: &Draft, faults: &mut Faults) {
    unique(File::Regions, "code", draft.regions.iter().map(|row| (row.line, row.value.code.clone())), faults);
    unique(File::Units, "code", draft.units.iter().map(|row| (row.line, row.value.code.clone())), faults);
    unique(
        File::Stations,
        "code",
        draft.stations.iter().map(|row| (row.line, row.value.code.clone())),
        faults,
    );
    unique(
        File::Representatives,
        "code",
        draft.representatives.iter().map(|row| (row.line, row.value.code.clone())),
        faults,
    );
    unique(
        File::Categories,
        "level1",
        draft.categories.iter().map(|row| (row.line, row.value.path.clone())),
        faults,
    );
    unique(File::Rules, "region", draft.rules.iter().map(|row| (row.line, rule_key(&row.value))), faults);
}

fn unique(file: File, column: &str, keys: impl Iterator<Item = (Option<u64>, String)>, faults: &mut Faults) {
    let mut first_lines: HashMap<String, u64> = HashMap::new();
    for (line, key) in keys {
        let Some(line) = line else { return };
        match first_lines.entry(key) {
            hash_map::Entry::Vacant(vacant) => {
                vacant.insert(line);
            }
            hash_map::Entry::Occupied(first) => {
                faults.add(file, line, column, format!("{} is in line {} already", first.key(), first.get()));
            }
        }
    }
}

fn check_tree(draft: &Draft, regions: &HashMap<&str, &Row<Region>>, faults: &mut Faults) {
    for row in &draft.regions {
        let Some(line) = row.line else { return };
        if faults.is_full() {
            return;
        }
        let region = &row.value;
        if region.parent.is_empty() {
            continue;
        }
        if let Some(cycle) = cycle_from(region, regions) {
            faults.add(File::Regions, line, "parent", format!("is its own ancestor: {cycle}"));
            continue;
        }
        match regions.get(region.parent.as_str()) {
            None => faults.add(File::Regions, line, "parent", format!("region {} is unknown", region.parent)),
            Some(parent) if !may_be_below(region, &parent.value) => faults.add(
                File::Regions,
                line,
                "parent",
                format!("{} is not of a tier above {}", region.parent, region.code),
            ),
            Some(_) => {}
        }
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

fn cycle_from(region: &Region, regions: &HashMap<&str, &Row<Region>>) -> Option<String> {
    let mut chain = vec![region.code.as_str()];
    let mut parent = region.parent.as_str();
    while !parent.is_empty() && chain.len() < DEPTH_MAX {
        chain.push(parent);
        if parent == region.code {
            return Some(chain.join(" → "));
        }
        parent = regions.get(parent).map_or("", |row| row.value.parent.as_str());
    }
    None
}

fn check_regions_exist(draft: &Draft, regions: &HashMap<&str, &Row<Region>>, faults: &mut Faults) {
    let units = draft.units.iter().map(|row| (File::Units, row.line, &row.value.code, &row.value.region));
    let stations =
        draft.stations.iter().map(|row| (File::Stations, row.line, &row.value.code, &row.value.region));
    let representatives = draft
        .representatives
        .iter()
        .map(|row| (File::Representatives, row.line, &row.value.code, &row.value.region));
    let rules = draft.rules.iter().map(|row| (File::Rules, row.line, &row.value.function, &row.value.region));
    for (file, line, name, region) in units.chain(stations).chain(representatives).chain(rules) {
        if !regions.contains_key(region.as_str()) {
            dangling(faults, &Place { file, line, name, column: "region" }, File::Regions, region);
        }
    }
}

/// A row that refers to something.
struct Place<'a> {
    file: File,
    line: Option<u64>,
    name: &'a str,
    column: &'a str,
}

fn dangling(faults: &mut Faults, from: &Place<'_>, to: File, code: &str) {
    match from.line {
        Some(line) => faults.add(from.file, line, from.column, format!("{code} is not in {}", to.name())),
        None => faults.add(
            to,
            1,
            to.columns().first().copied().unwrap_or("row"),
            format!(
                "{code} is gone, but {} of {} needs it; send {} with it",
                from.name,
                from.file.name(),
                from.file.name()
            ),
        ),
    }
}

fn check_one_office_each(draft: &Draft, faults: &mut Faults) {
    let mut offices: HashMap<&str, &str> = HashMap::new();
    for row in &draft.units {
        if row.value.kind() != UnitKind::Office {
            continue;
        }
        if let Some(first) = offices.insert(&row.value.region, &row.value.code) {
            let line = row.line.unwrap_or(1);
            faults.add(
                File::Units,
                line,
                "region",
                format!("region {} has office {first} already; one would be right", row.value.region),
            );
        }
    }
    for row in &draft.regions {
        if !offices.contains_key(row.value.code.as_str()) {
            faults.add(
                File::Units,
                1,
                "region",
                format!("region {} {} has no office; one would be right", row.value.code, row.value.name),
            );
        }
    }
}

/// Two departments of one region with one function would make every rule that asks for it a guess.
fn check_functions_are_held_once(draft: &Draft, faults: &mut Faults) {
    let mut held: HashMap<(&str, &str), &str> = HashMap::new();
    for row in &draft.units {
        let Some(line) = row.line else { return };
        for function in &row.value.functions {
            if let Some(first) = held.insert((&row.value.region, function), &row.value.code) {
                faults.add(
                    File::Units,
                    line,
                    "functions",
                    format!("{function} is held by {first} of the same region already"),
                );
            }
        }
    }
}

fn check_stations_exist(draft: &Draft, faults: &mut Faults) {
    let stations: HashSet<&str> = draft.stations.iter().map(|row| row.value.code.as_str()).collect();
    for row in &draft.representatives {
        let station = row.value.station.as_str();
        if !station.is_empty() && !stations.contains(station) {
            let from = Place {
                file: File::Representatives,
                line: row.line,
                name: &row.value.code,
                column: "station",
            };
            dangling(faults, &from, File::Stations, station);
        }
    }
}

fn check_rules(draft: &Draft, faults: &mut Faults) {
    let functions: HashSet<&str> =
        draft.units.iter().flat_map(|row| &row.value.functions).map(String::as_str).collect();
    let mut categories: HashSet<&str> = HashSet::new();
    for row in &draft.categories {
        // A rule may name a level that is listed only through what is below it.
        categories.extend(row.value.path.match_indices('/').map(|(at, _)| &row.value.path[..at]));
        categories.insert(&row.value.path);
    }
    for row in &draft.rules {
        let rule = &row.value;
        let from = |column| Place { file: File::Rules, line: row.line, name: "a rule", column };
        if !rule.category.is_empty() && !categories.contains(rule.category.as_str()) {
            dangling(faults, &from("category"), File::Categories, &rule.category);
        }
        if !functions.contains(rule.function.as_str()) {
            dangling(faults, &from("function"), File::Units, &rule.function);
        }
    }
}

/// What may be there once: two rules with the same key would tie.
fn rule_key(rule: &RoutingRule) -> String {
    let category = if rule.category.is_empty() { "*" } else { &rule.category };
    format!("rule {} {} {category}", rule.region, kind_word(rule.kind()))
}
