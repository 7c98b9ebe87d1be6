//! Reference data: regions, units, representatives, stations, categories and routing rules.
//!
//! Every service holds the same table and the same snapshot of it in memory. routing-svc writes the table by its
//! import and tells the others by [`DirectoryChanged`] events; they write theirs by [`apply`]. A snapshot is reloaded
//! when the revision in the database is a new one, so replicas that share a database need not hear every event.
//! A retired entry stays: past cases keep their names.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::Arc,
    time::Duration,
};

use arc_swap::ArcSwap;
use huying_proto::events::v1::{
    DirectoryChanged, DirectoryEntry, Region, Representative, RoutingRule, Station, Unit, UnitKind,
    directory_entry::Entry,
};
use prost::Message as _;
use sqlx::{PgConnection, PgPool, Row as _};
use tokio_util::sync::CancellationToken;

use crate::{
    codes::{RegionCode, RegionPath, Tier},
    consumer::{BatchHandler, HandleError, Incoming},
    status::chain,
};

/// How long after a change, at most, a snapshot is renewed.
const RELOAD_CHECK: Duration = Duration::from_millis(250);

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
        Entry::Rule(rule) => (Kind::Rule, format!("{} {} {}", rule.region, rule.kind, rule.category)),
    })
}

/// A snapshot of the reference data.
#[derive(Debug, Default)]
pub struct Directory {
    revision: u64,
    completed: i64,
    regions: BTreeMap<String, Region>,
    units: BTreeMap<String, Unit>,
    representatives: BTreeMap<String, Representative>,
    stations: BTreeMap<String, Station>,
    categories: BTreeMap<String, bool>,
    rules: Vec<RoutingRule>,
    retired: HashMap<Kind, HashSet<String>>,
    children: HashMap<String, Vec<String>>,
    units_of: HashMap<String, Vec<String>>,
    office_of: HashMap<String, String>,
    department_of: HashMap<String, HashMap<String, String>>,
    representatives_of: HashMap<String, Vec<String>>,
}

impl Directory {
    /// Makes a snapshot of entries.
    #[must_use]
    pub fn new(revision: u64, entries: impl IntoIterator<Item = DirectoryEntry>) -> Self {
        let mut directory = Self { revision, ..Self::default() };
        for entry in entries {
            directory.insert(entry);
        }
        directory.index();
        directory
    }

    fn insert(&mut self, row: DirectoryEntry) {
        let Some((kind, code)) = key_of(&row) else { return };
        let active = !row.retired;
        if row.retired {
            self.retired.entry(kind).or_default().insert(code);
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
                self.categories.insert(category.path, active);
            }
            Some(Entry::Rule(rule)) if active => self.rules.push(rule),
            Some(Entry::Rule(_)) | None => {}
        }
    }

    /// Derived look-ups cover active entries only.
    fn index(&mut self) {
        let active = |kind: Kind, code: &str| !is_retired(&self.retired, kind, code);
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
    }

    /// Revision of the import this snapshot shows; 0 before the first.
    #[must_use]
    pub fn revision(&self) -> u64 {
        self.revision
    }

    /// Whether an entry exists and is not retired.
    #[must_use]
    pub fn is_active(&self, kind: Kind, code: &str) -> bool {
        let known = match kind {
            Kind::Region => self.regions.contains_key(code),
            Kind::Unit => self.units.contains_key(code),
            Kind::Representative => self.representatives.contains_key(code),
            Kind::Station => self.stations.contains_key(code),
            Kind::Category => self.categories.contains_key(code),
            Kind::Rule => false,
        };
        known && !is_retired(&self.retired, kind, code)
    }

    /// A region, retired or not.
    #[must_use]
    pub fn region(&self, code: &str) -> Option<&Region> {
        self.regions.get(code)
    }

    /// A region that is not retired.
    #[must_use]
    pub fn active_region(&self, code: &str) -> Option<&Region> {
        self.region(code).filter(|_| self.is_active(Kind::Region, code))
    }

    /// A unit, retired or not.
    #[must_use]
    pub fn unit(&self, code: &str) -> Option<&Unit> {
        self.units.get(code)
    }

    /// A unit that is not retired.
    #[must_use]
    pub fn active_unit(&self, code: &str) -> Option<&Unit> {
        self.unit(code).filter(|_| self.is_active(Kind::Unit, code))
    }

    /// A representative, retired or not.
    #[must_use]
    pub fn representative(&self, code: &str) -> Option<&Representative> {
        self.representatives.get(code)
    }

    /// A representative that is not retired.
    #[must_use]
    pub fn active_representative(&self, code: &str) -> Option<&Representative> {
        self.representative(code).filter(|_| self.is_active(Kind::Representative, code))
    }

    /// A station, retired or not.
    #[must_use]
    pub fn station(&self, code: &str) -> Option<&Station> {
        self.stations.get(code)
    }

    /// A station that is not retired.
    #[must_use]
    pub fn active_station(&self, code: &str) -> Option<&Station> {
        self.station(code).filter(|_| self.is_active(Kind::Station, code))
    }

    /// Whether a category path may be used.
    #[must_use]
    pub fn has_category(&self, path: &str) -> bool {
        self.categories.get(path).copied().unwrap_or(false)
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
        self.categories.iter().filter(|(_, active)| **active).map(|(path, _)| path.as_str())
    }

    /// Routing rules in force.
    #[must_use]
    pub fn rules(&self) -> &[RoutingRule] {
        &self.rules
    }

    /// Codes of the regions directly below one; of the municipalities for "".
    #[must_use]
    pub fn children_of(&self, region: &str) -> &[String] {
        self.children.get(region).map_or(&[], Vec::as_slice)
    }

    /// Codes of the units of a region.
    #[must_use]
    pub fn units_of(&self, region: &str) -> &[String] {
        self.units_of.get(region).map_or(&[], Vec::as_slice)
    }

    /// The office of a region.
    #[must_use]
    pub fn office_of(&self, region: &str) -> Option<&Unit> {
        self.units.get(self.office_of.get(region)?)
    }

    /// The department of a region that has a function.
    #[must_use]
    pub fn department(&self, region: &str, function: &str) -> Option<&Unit> {
        self.units.get(self.department_of.get(region)?.get(function)?)
    }

    /// Codes of the representatives who serve at a station.
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
                let district = parent(&code)?;
                Some(RegionPath {
                    municipal: parent(&district)?,
                    district: Some(district),
                    township: Some(code),
                })
            }
        }
    }
}

fn is_retired(retired: &HashMap<Kind, HashSet<String>>, kind: Kind, code: &str) -> bool {
    retired.get(&kind).is_some_and(|codes| codes.contains(code))
}

/// The current snapshot. Cheap to clone.
#[derive(Debug, Clone)]
pub struct DirectoryHandle {
    current: Arc<ArcSwap<Directory>>,
    db: PgPool,
}

impl DirectoryHandle {
    /// Reads the snapshot from the database.
    ///
    /// # Errors
    /// When it cannot be read.
    pub async fn open(db: PgPool) -> sqlx::Result<Self> {
        let handle = Self { current: Arc::new(ArcSwap::from_pointee(Directory::default())), db };
        handle.reload().await?;
        Ok(handle)
    }

    /// The snapshot as it is now; hold it for one decision, so that the decision has one view.
    #[must_use]
    pub fn load(&self) -> Arc<Directory> {
        self.current.load_full()
    }

    /// Reads the snapshot again if the database has another revision.
    ///
    /// # Errors
    /// When it cannot be read.
    pub async fn reload(&self) -> sqlx::Result<()> {
        let completed = completed(&mut *self.db.acquire().await?).await?;
        if completed == self.load().completed {
            return Ok(());
        }
        let mut transaction = self.db.begin().await?;
        sqlx::query("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
            .execute(&mut *transaction)
            .await?;
        let completed = self::completed(&mut transaction).await?;
        let revision = revision(&mut transaction).await?;
        let entries = load_all(&mut transaction).await?;
        transaction.commit().await?;
        tracing::info!(revision, entries = entries.len(), "reference data loaded");
        self.current.store(Arc::new(Directory { completed, ..Directory::new(revision, entries) }));
        Ok(())
    }

    pub(crate) async fn follow(self, stop: CancellationToken) {
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(RELOAD_CHECK) => {}
            }
            if let Err(error) = self.reload().await {
                tracing::debug!(error = chain(&error), "reference data not reloaded");
            }
        }
    }
}

/// The revision in the database.
///
/// # Errors
/// When it cannot be read.
pub async fn revision(connection: &mut PgConnection) -> sqlx::Result<u64> {
    let revision: i64 =
        sqlx::query_scalar("SELECT revision FROM directory_revision").fetch_one(connection).await?;
    Ok(u64::try_from(revision).unwrap_or(0))
}

/// How often a revision was completed.
async fn completed(connection: &mut PgConnection) -> sqlx::Result<i64> {
    sqlx::query_scalar("SELECT completed FROM directory_revision").fetch_one(connection).await
}

/// Notes that a revision is complete, in the transaction that wrote its entries. The number never goes back.
///
/// # Errors
/// When the statement fails.
pub async fn set_revision(connection: &mut PgConnection, revision: u64) -> sqlx::Result<()> {
    sqlx::query("UPDATE directory_revision SET revision = greatest(revision, $1), completed = completed + 1")
        .bind(i64::try_from(revision).unwrap_or(i64::MAX))
        .execute(connection)
        .await?;
    Ok(())
}

/// Every entry in the database, retired ones included.
///
/// # Errors
/// When they cannot be read.
pub async fn load_all(connection: &mut PgConnection) -> sqlx::Result<Vec<DirectoryEntry>> {
    let rows =
        sqlx::query("SELECT entry FROM directory_entries ORDER BY kind, code").fetch_all(connection).await?;
    rows.iter()
        .map(|row| {
            let bytes: &[u8] = row.try_get(0)?;
            DirectoryEntry::decode(bytes).map_err(|error| sqlx::Error::Decode(Box::new(error)))
        })
        .collect()
}

/// Writes entries of a revision; one already written by a later revision stays. `retired` is part of the entry.
///
/// # Errors
/// When the statement fails.
pub async fn upsert(
    connection: &mut PgConnection,
    revision: u64,
    entries: &[DirectoryEntry],
) -> sqlx::Result<()> {
    let mut kinds = Vec::with_capacity(entries.len());
    let mut codes = Vec::with_capacity(entries.len());
    let mut retired = Vec::with_capacity(entries.len());
    let mut encoded = Vec::with_capacity(entries.len());
    for entry in entries {
        let Some((kind, code)) = key_of(entry) else { continue };
        kinds.push(kind as i16);
        codes.push(code);
        retired.push(entry.retired);
        encoded.push(entry.encode_to_vec());
    }
    sqlx::query(
        "INSERT INTO directory_entries (kind, code, revision, retired, entry) \
         SELECT kind, code, $1, retired, entry \
         FROM unnest($2::smallint[], $3::text[], $4::boolean[], $5::bytea[]) AS e (kind, code, retired, entry) \
         ON CONFLICT (kind, code) DO UPDATE \
         SET revision = excluded.revision, retired = excluded.retired, entry = excluded.entry \
         WHERE directory_entries.revision <= excluded.revision",
    )
    .bind(i64::try_from(revision).unwrap_or(i64::MAX))
    .bind(&kinds)
    .bind(&codes)
    .bind(&retired)
    .bind(&encoded)
    .execute(connection)
    .await?;
    Ok(())
}

/// Writes one part of a revision; the revision counts once all its parts are there. Safe to be called twice.
///
/// # Errors
/// When a statement fails.
pub async fn apply(connection: &mut PgConnection, change: &DirectoryChanged) -> sqlx::Result<()> {
    upsert(connection, change.revision, &change.entries).await?;
    let revision = i64::try_from(change.revision).unwrap_or(i64::MAX);
    sqlx::query("INSERT INTO directory_parts (revision, part_number) VALUES ($1, $2) ON CONFLICT DO NOTHING")
        .bind(revision)
        .bind(i32::try_from(change.part_number).unwrap_or(i32::MAX))
        .execute(&mut *connection)
        .await?;
    let arrived: i64 = sqlx::query_scalar("SELECT count(*) FROM directory_parts WHERE revision = $1")
        .bind(revision)
        .fetch_one(&mut *connection)
        .await?;
    if arrived >= i64::from(change.part_count) {
        set_revision(connection, change.revision).await?;
    }
    Ok(())
}

/// Follows routing-svc's imports in the other services.
#[derive(Debug)]
pub(crate) struct DirectoryFollower {
    pub(crate) db: PgPool,
    pub(crate) handle: DirectoryHandle,
}

impl BatchHandler for DirectoryFollower {
    type Message = DirectoryChanged;

    async fn handle(&self, batch: &[Incoming<DirectoryChanged>]) -> Result<(), HandleError> {
        let mut transaction = self.db.begin().await?;
        // One follower at a time: parts counted by two transactions at once would each miss the other's.
        sqlx::query("SELECT revision FROM directory_revision FOR UPDATE").execute(&mut *transaction).await?;
        for incoming in batch {
            apply(&mut transaction, &incoming.message).await?;
        }
        transaction.commit().await?;
        self.handle.reload().await?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn region(code: &str, parent: &str) -> DirectoryEntry {
        DirectoryEntry {
            entry: Some(Entry::Region(Region {
                code: code.into(),
                parent: parent.into(),
                ..Region::default()
            })),
            retired: false,
        }
    }

    #[test]
    fn a_path_leads_from_the_municipality_down() {
        let directory = Directory::new(
            1,
            [region("150800", ""), region("150802", "150800"), region("150802001", "150802")],
        );
        let path = directory.path_of("150802001").unwrap();
        assert_eq!(path.municipal.as_str(), "150800");
        assert_eq!(path.district.unwrap().as_str(), "150802");
        assert!(directory.path_of("150802999").is_none());
    }

    #[test]
    fn a_retired_entry_keeps_its_name_but_is_not_offered() {
        let mut retired = region("150802001", "150802");
        retired.retired = true;
        let directory = Directory::new(1, [region("150802", "150800"), retired]);
        assert!(directory.region("150802001").is_some());
        assert!(directory.active_region("150802001").is_none());
        assert!(directory.children_of("150802").is_empty());
    }
}
