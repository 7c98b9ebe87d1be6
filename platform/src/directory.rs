//! Reference data: regions, units, representatives, stations, categories, routing rules, limits of time, the calendar.
//!
//! Every service holds the same table and the same snapshot of it in memory. routing-svc writes the table by its
//! import and tells the others by `DirectoryChanged` events; they write theirs by [`apply`]. A snapshot is reloaded when
//! the revision in the database is a new one, so replicas that share a database need not hear every event, and when a
//! new day begins in Asia/Shanghai, because entries are valid from one day to another.
//!
//! What is retired or not valid stays: past cases keep their names, and an office that is gone has one that acts for it.

mod handle;
mod table;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashMap, HashSet};

use huying_proto::events::v1::{
    CalendarDay, Category, DirectoryEntry, Policy, Region, Representative, RoutingRule, Station, Unit,
    UnitKind, directory_entry::Entry,
};
use jiff::{Timestamp, civil::Date, tz};

use crate::codes::{RegionCode, RegionPath, Tier};

pub(crate) use handle::DirectoryFollower;
pub use handle::DirectoryHandle;
pub use table::{apply, load_all, revision, set_revision, upsert};

/// How many mergers lead from a region to the one that stands for it today, at most.
pub const SUCCESSORS_MAX: usize = 8;

/// Deeper than any tree of divisions.
const DEPTH_MAX: usize = 8;

/// Kinds of entries, as numbered in the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(i16)]
pub enum Kind {
    /// Regions.
    Region = 1,
    /// Units.
    Unit = 2,
    /// Representatives.
    Representative = 3,
    /// Stations.
    Station = 4,
    /// Categories.
    Category = 5,
    /// Routing rules.
    Rule = 6,
    /// Limits of time.
    Policy = 7,
    /// Days on which work differs from the week's.
    CalendarDay = 8,
}

/// Kind and code of an entry: its primary key. None when the entry is empty.
#[must_use]
pub fn key_of(entry: &DirectoryEntry) -> Option<(Kind, String)> {
    Some(match entry.entry.as_ref()? {
        Entry::Region(region) => (Kind::Region, region.code.clone()),
        Entry::Unit(unit) => (Kind::Unit, unit.code.clone()),
        Entry::Representative(representative) => (Kind::Representative, representative.code.clone()),
        Entry::Station(station) => (Kind::Station, station.code.clone()),
        Entry::Category(category) => (Kind::Category, category.path.clone()),
        Entry::Rule(rule) => (Kind::Rule, rule_key(rule)),
        Entry::Policy(policy) => {
            (Kind::Policy, format!("{} {} {} {}", policy.step, policy.kind, policy.tier, policy.category))
        }
        Entry::CalendarDay(day) => (Kind::CalendarDay, day.date.clone()),
    })
}

/// What tells a rule from every other one that could apply to the same case. What it adds to a plain rule stands behind,
/// so that a plain rule keeps the key it always had; no field has a tab.
fn rule_key(rule: &RoutingRule) -> String {
    let mut key = format!("{} {} {}", rule.region, rule.kind, rule.category);
    if !(rule.addressee.is_empty() && rule.keywords.is_empty() && rule.priority == 0) {
        let keywords = if rule.keywords.is_empty() { "" } else { "keywords" };
        key = format!("{key}\t{}\t{}\t{keywords}", rule.addressee, rule.priority);
    }
    key
}

/// The day in Asia/Shanghai, which has had no other offset since 1991.
#[must_use]
pub fn day_at(now: Timestamp) -> Date {
    tz::offset(8).to_datetime(now).date()
}

/// A snapshot of the reference data.
///
/// An entry is active when it is not retired, is valid on the snapshot's day, and the region it belongs to is active.
#[derive(Debug, Default)]
pub struct Directory {
    revision: u64,
    completed: i64,
    day: Option<Date>,
    regions: BTreeMap<String, Region>,
    units: BTreeMap<String, Unit>,
    representatives: BTreeMap<String, Representative>,
    stations: BTreeMap<String, Station>,
    categories: BTreeMap<String, (Category, bool)>,
    rules: Vec<RoutingRule>,
    policies: Vec<Policy>,
    calendar_days: Vec<CalendarDay>,
    retired: Codes,
    inactive: Codes,
    validity: HashMap<Kind, HashMap<String, Validity>>,
    children: HashMap<String, Vec<String>>,
    units_of: HashMap<String, Vec<String>>,
    office_of: HashMap<String, String>,
    acted_for: HashMap<String, Vec<String>>,
    department_of: HashMap<String, HashMap<String, String>>,
    representatives_of: HashMap<String, Vec<String>>,
}

/// Codes by kind.
type Codes = HashMap<Kind, HashSet<String>>;

/// From when to when an entry is valid, as it stands in the entry.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Validity {
    /// First day, such as "2026-01-01"; empty: always was.
    pub from: String,
    /// First day on which it is not valid any more; empty: no end.
    pub until: String,
}

impl Validity {
    /// Dates of this form are in the order of their days.
    fn covers(&self, day: &str) -> bool {
        (self.from.is_empty() || self.from.as_str() <= day)
            && (self.until.is_empty() || day < self.until.as_str())
    }
}

impl Directory {
    /// Makes a snapshot of entries on no particular day: all that are not retired count as valid.
    #[must_use]
    pub fn new(revision: u64, entries: impl IntoIterator<Item = DirectoryEntry>) -> Self {
        Self::of(None, revision, entries)
    }

    /// Makes a snapshot of entries as they stand on a day in Asia/Shanghai.
    #[must_use]
    pub fn on(day: Date, revision: u64, entries: impl IntoIterator<Item = DirectoryEntry>) -> Self {
        Self::of(Some(day), revision, entries)
    }

    fn of(day: Option<Date>, revision: u64, entries: impl IntoIterator<Item = DirectoryEntry>) -> Self {
        let mut directory = Self { revision, day, ..Self::default() };
        let today = day.map(|day| day.to_string());
        for entry in entries {
            directory.insert(entry, today.as_deref());
        }
        directory.close_what_lies_in_closed_regions();
        directory.index();
        directory
    }

    fn insert(&mut self, row: DirectoryEntry, today: Option<&str>) {
        let Some((kind, code)) = key_of(&row) else { return };
        let active = !row.retired;
        let validity = Validity { from: row.valid_from, until: row.valid_until };
        if row.retired {
            self.retired.entry(kind).or_default().insert(code.clone());
        }
        if row.retired || today.is_some_and(|today| !validity.covers(today)) {
            self.inactive.entry(kind).or_default().insert(code.clone());
        }
        if validity != Validity::default() {
            self.validity.entry(kind).or_default().insert(code, validity);
        }
        match row.entry {
            Some(Entry::Region(region)) => {
                self.regions.insert(region.code.clone(), region);
            }
            Some(Entry::Unit(unit)) => {
                self.units.insert(unit.code.clone(), unit);
            }
            Some(Entry::Representative(representative)) => {
                self.representatives.insert(representative.code.clone(), representative);
            }
            Some(Entry::Station(station)) => {
                self.stations.insert(station.code.clone(), station);
            }
            Some(Entry::Category(category)) => {
                self.categories.insert(category.path.clone(), (category, active));
            }
            Some(Entry::Rule(rule)) if active => self.rules.push(rule),
            Some(Entry::Policy(policy)) if active => self.policies.push(policy),
            Some(Entry::CalendarDay(day)) if active => self.calendar_days.push(day),
            Some(Entry::Rule(_) | Entry::Policy(_) | Entry::CalendarDay(_)) | None => {}
        }
    }

    /// A township that was merged into another takes its office, its stations and its representatives with it, whatever
    /// their own rows say.
    fn close_what_lies_in_closed_regions(&mut self) {
        let closed = self.inactive.get(&Kind::Region).cloned().unwrap_or_default();
        if closed.is_empty() {
            return;
        }
        let units = self.units.values().map(|unit| (Kind::Unit, &unit.code, &unit.region));
        let stations = self.stations.values().map(|one| (Kind::Station, &one.code, &one.region));
        let people = self.representatives.values().map(|one| (Kind::Representative, &one.code, &one.region));
        for (kind, code, region) in units.chain(stations).chain(people) {
            if closed.contains(region) {
                self.inactive.entry(kind).or_default().insert(code.clone());
            }
        }
    }

    /// Derived look-ups cover active entries only.
    fn index(&mut self) {
        let active = |kind: Kind, code: &str| !contains(&self.inactive, kind, code);
        for region in self.regions.values().filter(|region| active(Kind::Region, &region.code)) {
            self.children.entry(region.parent.clone()).or_default().push(region.code.clone());
        }
        for unit in self.units.values().filter(|unit| active(Kind::Unit, &unit.code)) {
            self.units_of.entry(unit.region.clone()).or_default().push(unit.code.clone());
            if unit.kind() == UnitKind::Office {
                self.office_of.insert(unit.region.clone(), unit.code.clone());
            }
            for function in &unit.functions {
                let functions = self.department_of.entry(unit.region.clone()).or_default();
                functions.insert(function.clone(), unit.code.clone());
            }
        }
        for one in self.representatives.values().filter(|one| active(Kind::Representative, &one.code)) {
            if !one.station.is_empty() {
                self.representatives_of.entry(one.station.clone()).or_default().push(one.code.clone());
            }
        }
        let mut acted_for: HashMap<String, Vec<String>> = HashMap::new();
        let gone = |unit: &&Unit| unit.kind() == UnitKind::Office && !active(Kind::Unit, &unit.code);
        for unit in self.units.values().filter(gone) {
            if let Some(acting) = self.acting_office(&unit.code) {
                acted_for.entry(acting.code.clone()).or_default().push(unit.code.clone());
            }
        }
        self.acted_for = acted_for;
    }

    /// Revision of the import this snapshot shows; 0 before the first.
    #[must_use]
    pub fn revision(&self) -> u64 {
        self.revision
    }

    /// The day it stands for; None when validity does not count.
    #[must_use]
    pub fn day(&self) -> Option<Date> {
        self.day
    }

    /// Whether an entry was in an earlier import and not in the last one.
    #[must_use]
    pub fn is_retired(&self, kind: Kind, code: &str) -> bool {
        contains(&self.retired, kind, code)
    }

    /// From when to when an entry is valid by its own row; None for always.
    #[must_use]
    pub fn validity(&self, kind: Kind, code: &str) -> Option<&Validity> {
        self.validity.get(&kind)?.get(code)
    }

    /// Whether an entry exists, is not retired, is valid on the day, and lies in no region that is not.
    #[must_use]
    pub fn is_active(&self, kind: Kind, code: &str) -> bool {
        let known = match kind {
            Kind::Region => self.regions.contains_key(code),
            Kind::Unit => self.units.contains_key(code),
            Kind::Representative => self.representatives.contains_key(code),
            Kind::Station => self.stations.contains_key(code),
            Kind::Category => self.categories.contains_key(code),
            Kind::Rule | Kind::Policy | Kind::CalendarDay => false,
        };
        known && !contains(&self.inactive, kind, code)
    }

    /// A region, active or not.
    #[must_use]
    pub fn region(&self, code: &str) -> Option<&Region> {
        self.regions.get(code)
    }

    /// A region that is active.
    #[must_use]
    pub fn active_region(&self, code: &str) -> Option<&Region> {
        self.region(code).filter(|_| self.is_active(Kind::Region, code))
    }

    /// A unit, active or not.
    #[must_use]
    pub fn unit(&self, code: &str) -> Option<&Unit> {
        self.units.get(code)
    }

    /// A unit that is active.
    #[must_use]
    pub fn active_unit(&self, code: &str) -> Option<&Unit> {
        self.unit(code).filter(|_| self.is_active(Kind::Unit, code))
    }

    /// A representative, active or not.
    #[must_use]
    pub fn representative(&self, code: &str) -> Option<&Representative> {
        self.representatives.get(code)
    }

    /// A representative that is active.
    #[must_use]
    pub fn active_representative(&self, code: &str) -> Option<&Representative> {
        self.representative(code).filter(|_| self.is_active(Kind::Representative, code))
    }

    /// A station, active or not.
    #[must_use]
    pub fn station(&self, code: &str) -> Option<&Station> {
        self.stations.get(code)
    }

    /// A station that is active.
    #[must_use]
    pub fn active_station(&self, code: &str) -> Option<&Station> {
        self.station(code).filter(|_| self.is_active(Kind::Station, code))
    }

    /// Whether a category path may be used.
    #[must_use]
    pub fn has_category(&self, path: &str) -> bool {
        self.categories.get(path).is_some_and(|(_, active)| *active)
    }

    /// Whether a category path may be used, or is a level of one that may: a level need not have a line of its own.
    #[must_use]
    pub fn has_category_level(&self, path: &str) -> bool {
        let below = format!("{path}/");
        let mut listed =
            self.categories.range(below.clone()..).take_while(|(path, _)| path.starts_with(&below));
        self.has_category(path) || listed.any(|(_, (_, active))| *active)
    }

    /// All regions, by code.
    pub fn regions(&self) -> impl Iterator<Item = &Region> {
        self.regions.values()
    }

    /// All units, by code.
    pub fn units(&self) -> impl Iterator<Item = &Unit> {
        self.units.values()
    }

    /// All representatives, by code.
    pub fn representatives(&self) -> impl Iterator<Item = &Representative> {
        self.representatives.values()
    }

    /// All stations, by code.
    pub fn stations(&self) -> impl Iterator<Item = &Station> {
        self.stations.values()
    }

    /// Category paths that may be used, in order.
    pub fn categories(&self) -> impl Iterator<Item = &str> {
        self.category_entries().map(|category| category.path.as_str())
    }

    /// Categories that may be used, with their keywords, by path.
    pub fn category_entries(&self) -> impl Iterator<Item = &Category> {
        self.categories.values().filter(|(_, active)| *active).map(|(category, _)| category)
    }

    /// Limits of time in force; empty when none were imported.
    #[must_use]
    pub fn policies(&self) -> &[Policy] {
        &self.policies
    }

    /// Days on which work differs from the week's, by date; empty when none were imported.
    #[must_use]
    pub fn calendar_days(&self) -> &[CalendarDay] {
        &self.calendar_days
    }

    /// Routing rules in force.
    #[must_use]
    pub fn rules(&self) -> &[RoutingRule] {
        &self.rules
    }

    /// Codes of the active regions directly below one; of the municipalities for "".
    #[must_use]
    pub fn children_of(&self, region: &str) -> &[String] {
        self.children.get(region).map_or(&[], Vec::as_slice)
    }

    /// Codes of the active units of a region.
    #[must_use]
    pub fn units_of(&self, region: &str) -> &[String] {
        self.units_of.get(region).map_or(&[], Vec::as_slice)
    }

    /// The active office of a region.
    #[must_use]
    pub fn office_of(&self, region: &str) -> Option<&Unit> {
        self.units.get(self.office_of.get(region)?)
    }

    /// The active region that a region which is not active was merged into, over at most [`SUCCESSORS_MAX`] mergers; None
    /// for a region that is active itself, or was merged into none.
    #[must_use]
    pub fn successor_of(&self, region: &str) -> Option<&Region> {
        if self.is_active(Kind::Region, region) {
            return None;
        }
        let mut at = region;
        for _ in 0..SUCCESSORS_MAX {
            at = &self.region(at)?.replaced_by;
            if let Some(successor) = self.active_region(at) {
                return Some(successor);
            }
        }
        None
    }

    /// Who acts for a unit today: itself when it is active, else the office of its region, else of the region that one was
    /// merged into, else the same for the region above. None when the unit is unknown or nobody is left.
    #[must_use]
    pub fn acting_office(&self, unit_code: &str) -> Option<&Unit> {
        let unit = self.unit(unit_code)?;
        if self.is_active(Kind::Unit, unit_code) {
            return Some(unit);
        }
        let mut region = unit.region.as_str();
        for _ in 0..DEPTH_MAX {
            let successor =
                || self.successor_of(region).and_then(|successor| self.office_of(&successor.code));
            if let Some(office) = self.office_of(region).or_else(successor) {
                return Some(office);
            }
            region = &self.region(region)?.parent;
        }
        None
    }

    /// Codes of the offices that are gone and that this one acts for, in order.
    #[must_use]
    pub fn offices_acted_for_by(&self, office_code: &str) -> &[String] {
        self.acted_for.get(office_code).map_or(&[], Vec::as_slice)
    }

    /// The active department of a region that has a function.
    #[must_use]
    pub fn department(&self, region: &str, function: &str) -> Option<&Unit> {
        self.units.get(self.department_of.get(region)?.get(function)?)
    }

    /// Codes of the active representatives who serve at a station.
    #[must_use]
    pub fn representatives_of_station(&self, station: &str) -> &[String] {
        self.representatives_of.get(station).map_or(&[], Vec::as_slice)
    }

    /// The path from the municipality down to a region.
    #[must_use]
    pub fn path_of(&self, code: &str) -> Option<RegionPath> {
        let code: RegionCode = code.parse().ok()?;
        let parent = |code: &RegionCode| self.region(code.as_str())?.parent.parse::<RegionCode>().ok();
        self.region(code.as_str())?;
        // A few municipalities, Dongguan among them, have no districts: their townships are directly below them.
        match code.tier() {
            Tier::Municipal => Some(RegionPath { municipal: code, district: None, township: None }),
            Tier::District => {
                Some(RegionPath { municipal: parent(&code)?, district: Some(code), township: None })
            }
            Tier::Township => {
                let above = parent(&code)?;
                let (municipal, district) = match above.tier() {
                    Tier::Municipal => (above, None),
                    Tier::District | Tier::Township => (parent(&above)?, Some(above)),
                };
                Some(RegionPath { municipal, district, township: Some(code) })
            }
        }
    }
}

fn contains(codes: &Codes, kind: Kind, code: &str) -> bool {
    codes.get(&kind).is_some_and(|codes| codes.contains(code))
}
