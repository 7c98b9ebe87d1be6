//! The figures of units.

use std::collections::{BTreeSet, HashMap};

use huying_platform::directory::{Directory, Kind};
use huying_proto::events::v1::UnitKind;
use sqlx::{PgConnection, PgPool};

use super::{CountFigures, MonthCounts, NamedCounts, latest_months, of, snapshot, tier_of};
use crate::{
    domain::counts::{Counts, Month, Series, Tallies},
    store,
    use_cases::{ReadError, kept::Counted},
};

/// The figures of a unit month by month, beside those of its peers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnitHistory {
    /// Over all time. Cases that it never received are in here and in no month: those of which it had a part only, and those
    /// that it answered as part of another.
    pub total: Counts,
    /// The months up to the latest in which it received any case, [`super::MONTHS_MAX`] at most, latest first.
    pub months: Vec<MonthCounts>,
    /// Leaves in the tree that `total` and `months` were drawn from.
    pub tree_size: u64,
    /// Its peers over all time, by code, itself among them.
    pub peers: Vec<NamedCounts>,
    /// Those who do the same elsewhere over all time, by code, itself among them: of a department the departments that
    /// share a function with it in the regions of the same tier under the same region above; of an office only itself,
    /// since its peers are those already.
    pub alike: Vec<NamedCounts>,
    /// Leaves in the tree that `peers` and `alike` were drawn from.
    pub peers_tree_size: u64,
}

/// The figures of units, by code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnitList {
    /// Every unit that the directory has as active, or that ever received a case or a part of one.
    pub units: Vec<UnitCounts>,
    /// Leaves in the tree these were drawn from.
    pub tree_size: u64,
}

/// The counts of a unit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnitCounts {
    /// Its code.
    pub code: String,
    /// Its name; the code where the directory does not know it.
    pub name: String,
    /// Code of its region; empty where the directory does not know it.
    pub region: String,
    /// An office, and not a department.
    pub is_office: bool,
    /// What is counted.
    pub counts: Counts,
}

impl CountFigures {
    /// The figures of a unit, counted now, and those of its peers, counted a moment ago.
    ///
    /// Peers are whom people compare: of an office the offices of the same tier under the same region above, which have the
    /// same duties in neighbouring places; of a department the departments of its own region, whom the same office assigns
    /// to and supervises. Those of other regions with the same function stand in [`UnitHistory::alike`].
    ///
    /// # Errors
    /// [`ReadError::Sql`].
    pub async fn unit_history(&self, directory: &Directory, unit: &str) -> Result<UnitHistory, ReadError> {
        let own = unit_figures(&self.readers, unit).await?;
        let counted = self.units.get(own.tree_size).await?;
        Ok(history(directory, unit, &own, own.tree_size, &counted))
    }

    /// The same, all of one tree, counted a moment ago.
    ///
    /// # Errors
    /// [`ReadError::Sql`].
    pub async fn unit_history_of_one_tree(
        &self,
        directory: &Directory,
        unit: &str,
    ) -> Result<UnitHistory, ReadError> {
        let counted = self.units.get(self.tree_size().await?).await?;
        let own = counted.get(unit).cloned().unwrap_or_default();
        Ok(history(directory, unit, &own, counted.tree_size, &counted))
    }

    /// The figures of all units, or of those of a region itself, over all time or of a month.
    ///
    /// # Errors
    /// [`ReadError::Sql`].
    pub async fn units(
        &self,
        directory: &Directory,
        region: Option<&str>,
        month: Option<Month>,
    ) -> Result<UnitList, ReadError> {
        let counted = self.units.get(self.tree_size().await?).await?;
        let active = directory.units().map(|unit| unit.code.as_str());
        let active = active.filter(|code| directory.is_active(Kind::Unit, code));
        let codes: BTreeSet<&str> = active.chain(counted.keys().map(String::as_str)).collect();
        let units = codes
            .into_iter()
            .map(|code| {
                let unit = directory.unit(code);
                UnitCounts {
                    code: code.to_owned(),
                    name: unit.map_or(code, |unit| &unit.name).to_owned(),
                    region: unit.map_or("", |unit| &unit.region).to_owned(),
                    is_office: unit.is_some_and(|unit| unit.kind() == UnitKind::Office),
                    counts: of(&counted, code, month),
                }
            })
            .filter(|unit| region.is_none_or(|region| unit.region == region))
            .collect();
        Ok(UnitList { units, tree_size: counted.tree_size })
    }
}

/// The figures of a unit by itself, counted now; all zero for one that never had to do with a case.
///
/// # Errors
/// [`ReadError::Sql`].
pub async fn unit_figures(readers: &PgPool, unit: &str) -> Result<Counted<Series<Counts>>, ReadError> {
    let mut transaction = snapshot(readers).await?;
    let tree_size = store::log::tree_size(&mut transaction).await?;
    let value = count(&mut transaction, Some(unit)).await?.remove(unit).unwrap_or_default();
    transaction.commit().await?;
    Ok(Counted { value, tree_size })
}

fn history(
    directory: &Directory,
    unit: &str,
    own: &Series<Counts>,
    tree_size: u64,
    all: &Counted<HashMap<String, Series<Counts>>>,
) -> UnitHistory {
    let named = |codes: BTreeSet<&str>| -> Vec<NamedCounts> {
        let named = codes.into_iter().map(|code| NamedCounts {
            code: code.to_owned(),
            name: directory.unit(code).map_or(code, |unit| &unit.name).to_owned(),
            counts: of(all, code, None),
        });
        named.collect()
    };
    UnitHistory {
        total: own.total,
        months: latest_months(&own.months),
        tree_size,
        peers: named(peers(directory, unit)),
        alike: named(alike(directory, unit)),
        peers_tree_size: all.tree_size,
    }
}

/// Counts one unit, or all of them.
pub(super) async fn count(
    connection: &mut PgConnection,
    unit: Option<&str>,
) -> sqlx::Result<HashMap<String, Series<Counts>>> {
    let mut tallies: HashMap<String, Tallies<Counts>> = HashMap::new();
    store::figures::count_units(connection, unit, |group| {
        tallies.entry(group.unit).or_default().add(group.month, &group.tally);
    })
    .await?;
    Ok(tallies.into_iter().map(|(unit, tallies)| (unit, tallies.close())).collect())
}

/// Codes of a unit's peers in order, itself among them.
fn peers<'a>(directory: &'a Directory, code: &'a str) -> BTreeSet<&'a str> {
    let mut peers = BTreeSet::from([code]);
    let Some(unit) = directory.unit(code) else { return peers };
    match unit.kind() {
        UnitKind::Office => {
            let tier = tier_of(&unit.region);
            let parent = directory.region(&unit.region).map_or("", |region| &region.parent);
            let regions = directory.children_of(parent).iter().filter(|region| tier_of(region) == tier);
            peers.extend(
                regions.filter_map(|region| directory.office_of(region)).map(|office| office.code.as_str()),
            );
        }
        UnitKind::Department => {
            let units = directory.units_of(&unit.region).iter().map(String::as_str);
            peers.extend(
                units.filter(|code| {
                    directory.unit(code).is_some_and(|unit| unit.kind() == UnitKind::Department)
                }),
            );
        }
        UnitKind::Unspecified => {}
    }
    peers
}

/// Codes of the departments that share a function with a unit in the regions beside its own, itself among them, in order.
fn alike<'a>(directory: &'a Directory, code: &'a str) -> BTreeSet<&'a str> {
    let mut alike = BTreeSet::from([code]);
    let Some(unit) = directory.unit(code) else { return alike };
    let tier = tier_of(&unit.region);
    let Some(region) = directory.region(&unit.region) else { return alike };
    for beside in directory.children_of(&region.parent).iter().filter(|region| tier_of(region) == tier) {
        if *beside == unit.region {
            continue;
        }
        let departments = unit.functions.iter().filter_map(|function| directory.department(beside, function));
        alike.extend(departments.map(|department| department.code.as_str()));
    }
    alike
}

#[cfg(test)]
mod tests {
    use huying_proto::events::v1::{DirectoryEntry, Region, Unit, directory_entry::Entry};

    use super::*;

    fn directory() -> Directory {
        let region = |code: &str, parent: &str| {
            Entry::Region(Region { code: code.into(), parent: parent.into(), ..Region::default() })
        };
        let unit = |code: &str, kind: UnitKind| {
            let (region, name) = code.split_once('-').unwrap_or_default();
            let functions = match kind {
                UnitKind::Department => vec![name.to_owned()],
                UnitKind::Office | UnitKind::Unspecified => vec![],
            };
            let (code, region) = (code.to_owned(), region.to_owned());
            Entry::Unit(Unit { code, region, kind: kind.into(), functions, ..Unit::default() })
        };
        let entries = [
            region("150800", ""),
            region("150802", "150800"),
            region("150821", "150800"),
            region("150802001", "150802"),
            region("150802002", "150802"),
            region("150821001", "150821"),
            // A township that is directly below the municipality is no peer of its districts.
            region("150800001", "150800"),
            unit("150800-office", UnitKind::Office),
            unit("150802-office", UnitKind::Office),
            unit("150821-office", UnitKind::Office),
            unit("150800001-office", UnitKind::Office),
            unit("150802001-office", UnitKind::Office),
            unit("150802002-office", UnitKind::Office),
            unit("150821001-office", UnitKind::Office),
            unit("150802-housing", UnitKind::Department),
            unit("150802-schools", UnitKind::Department),
            unit("150821-housing", UnitKind::Department),
        ];
        Directory::new(
            1,
            entries.map(|entry| DirectoryEntry { entry: Some(entry), ..DirectoryEntry::default() }),
        )
    }

    #[test]
    fn offices_are_compared_with_those_under_the_same_region_and_departments_with_those_of_their_own() {
        let directory = directory();
        for (unit, expected) in [
            ("150800-office", vec!["150800-office"]),
            ("150802-office", vec!["150802-office", "150821-office"]),
            ("150802002-office", vec!["150802001-office", "150802002-office"]),
            ("150802-housing", vec!["150802-housing", "150802-schools"]),
            ("150821-housing", vec!["150821-housing"]),
            ("nobody", vec!["nobody"]),
        ] {
            assert_eq!(peers(&directory, unit).into_iter().collect::<Vec<_>>(), expected, "{unit}");
        }
    }

    #[test]
    fn departments_are_compared_with_those_of_their_function_in_the_regions_beside_theirs() {
        let directory = directory();
        for (unit, expected) in [
            ("150802-housing", vec!["150802-housing", "150821-housing"]),
            ("150802-schools", vec!["150802-schools"]),
            ("150802-office", vec!["150802-office"]),
            ("nobody", vec!["nobody"]),
        ] {
            assert_eq!(alike(&directory, unit).into_iter().collect::<Vec<_>>(), expected, "{unit}");
        }
    }
}
