//! What lines mean to each other: nothing twice, nothing dangling.
//!
//! A row that was kept was consistent before; when it is not any more, the cause is in a file that was sent, and the
//! fault is entered at that file's header.

use std::collections::{BTreeMap, HashMap, HashSet, hash_map};

use huying_proto::events::v1::Region;
use jiff::civil::Date;

use super::{Draft, Faults, File, Row, kind_word, rule_references, rule_ties, tenures, tree};

/// Every region as it would be, by code.
pub(super) type Regions<'a> = HashMap<&'a str, &'a Row<Region>>;

pub(super) fn check(draft: &Draft, sent: &BTreeMap<File, Vec<u8>>, today: Date, faults: &mut Faults) {
    check_duplicates(draft, faults);
    rule_ties::check(&draft.rules, faults);
    let regions: Regions<'_> = draft.regions.iter().map(|row| (row.value.code.as_str(), row)).collect();
    tree::check(draft, &regions, today, faults);
    check_regions_exist(draft, &regions, faults);
    if sent.contains_key(&File::Units) {
        tenures::check_offices(draft, today, faults);
        tenures::check_functions(draft, faults);
    }
    check_stations_exist(draft, faults);
    let categories = categories(draft);
    check_categories_exist(draft, &categories, faults);
    rule_references::check(draft, &regions, faults);
}

fn check_duplicates(draft: &Draft, faults: &mut Faults) {
    unique(File::Regions, "code", draft.regions.iter().map(|row| (row.line, row.value.code.clone())), faults);
    unique(File::Units, "code", draft.units.iter().map(|row| (row.line, row.value.code.clone())), faults);
    let stations = draft.stations.iter().map(|row| (row.line, row.value.code.clone()));
    unique(File::Stations, "code", stations, faults);
    let representatives = draft.representatives.iter().map(|row| (row.line, row.value.code.clone()));
    unique(File::Representatives, "code", representatives, faults);
    let categories = draft.categories.iter().map(|row| (row.line, row.value.path.clone()));
    unique(File::Categories, "level1", categories, faults);
    let policies = draft.policies.iter().map(|row| {
        let policy = &row.value;
        let category = if policy.category.is_empty() { "*" } else { &policy.category };
        let tier = huying_platform::codes::Tier::try_from(policy.tier()).map_or("*", |tier| tier.as_str());
        (row.line, format!("the limit of {} for {} {category} {tier}", policy.step, kind_word(policy.kind())))
    });
    unique(File::Policies, "step", policies, faults);
    let days = draft.calendar_days.iter().map(|row| (row.line, row.value.date.clone()));
    unique(File::Calendar, "date", days, faults);
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

fn check_regions_exist(draft: &Draft, regions: &Regions<'_>, faults: &mut Faults) {
    let units = draft.units.iter().map(|row| (File::Units, row.line, &row.value.code, &row.value.region));
    let stations =
        draft.stations.iter().map(|row| (File::Stations, row.line, &row.value.code, &row.value.region));
    let representatives = draft
        .representatives
        .iter()
        .map(|row| (File::Representatives, row.line, &row.value.code, &row.value.region));
    let rules = draft.rules.iter().map(|row| (File::Rules, row.line, &row.value.region, &row.value.region));
    for (file, line, name, region) in units.chain(stations).chain(representatives).chain(rules) {
        if !regions.contains_key(region.as_str()) {
            dangling(faults, &Place { file, line, name, column: "region" }, File::Regions, region);
        }
    }
}

/// A row that refers to something.
pub(super) struct Place<'a> {
    pub(super) file: File,
    pub(super) line: Option<u64>,
    pub(super) name: &'a str,
    pub(super) column: &'a str,
}

/// Enters that a row refers to a code that is not there.
pub(super) fn dangling(faults: &mut Faults, from: &Place<'_>, to: File, code: &str) {
    let (here, there) = (format!("{code} is not in {}", to.name()), format!("{code} is gone"));
    misfit(faults, from, to, here, &there);
}

/// Enters that a row and what it refers to do not fit: at the row when it was sent, else at the header of the other file.
pub(super) fn misfit(faults: &mut Faults, from: &Place<'_>, to: File, here: String, there: &str) {
    let Some(line) = from.line else {
        let column = to.columns().first().copied().unwrap_or("row");
        let file = from.file.name();
        faults.add(
            to,
            1,
            column,
            format!("{there}, but {} of {file} needs it; send {file} with it", from.name),
        );
        return;
    };
    faults.add(from.file, line, from.column, here);
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

fn categories(draft: &Draft) -> HashSet<&str> {
    let mut categories: HashSet<&str> = HashSet::new();
    for row in &draft.categories {
        // A rule may name a level that is listed only through what is below it.
        categories.extend(row.value.path.match_indices('/').map(|(at, _)| &row.value.path[..at]));
        categories.insert(&row.value.path);
    }
    categories
}

fn check_categories_exist(draft: &Draft, categories: &HashSet<&str>, faults: &mut Faults) {
    let rules = draft.rules.iter().map(|row| (File::Rules, row.line, "a rule", &row.value.category));
    let policies =
        draft.policies.iter().map(|row| (File::Policies, row.line, "a limit", &row.value.category));
    for (file, line, name, category) in rules.chain(policies) {
        if !category.is_empty() && !categories.contains(category.as_str()) {
            dangling(faults, &Place { file, line, name, column: "category" }, File::Categories, category);
        }
    }
}
