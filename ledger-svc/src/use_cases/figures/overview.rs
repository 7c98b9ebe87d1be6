//! All there is at a glance.

use std::collections::BTreeMap;

use huying_platform::{codes::Tier, directory::Directory};

use super::{
    CategoryCount, CountFigures, MONTHS_MAX, MonthCounts, NamedCounts, largest, latest_months, tier_of_unit,
};
use crate::{
    domain::{
        counts::{Counts, Month},
        facts::HopKind,
    },
    store::figures::HopGroup,
    use_cases::ReadError,
};

/// All there is at a glance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Overview {
    /// Over all time.
    pub total: Counts,
    /// The months up to the latest with any case, [`MONTHS_MAX`] at most, latest first.
    pub months: Vec<MonthCounts>,
    /// What is directly below the municipality over all time, by code: its districts, or its townships where it has no
    /// districts. What is overdue there now is in the counts.
    pub districts: Vec<NamedCounts>,
    /// Cases of the municipality that lie in none of `districts`, over all time: with those they add up to `total`.
    pub own: Counts,
    /// How cases went between the tiers, over all time.
    pub flows: Vec<Flow>,
    /// The same for the latest [`MONTHS_MAX`] months in which any case went on, latest first.
    pub flow_months: Vec<MonthFlows>,
    /// What people write about: categories of the twelve months up to that of the latest case, most first, at most
    /// [`super::CATEGORIES_MAX`].
    pub categories: Vec<CategoryCount>,
    /// Leaves in the tree these were drawn from.
    pub tree_size: u64,
}

/// How often cases went from one tier to another, or to another unit of the same tier.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Flow {
    /// In which way.
    pub kind: HopKind,
    /// Tier of the unit that had the case; `None` where the directory does not know it.
    pub from: Option<Tier>,
    /// Tier of the unit that has it then; `None` where the directory does not know it.
    pub to: Option<Tier>,
    /// How often.
    pub times: u64,
}

/// The flows of one month.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MonthFlows {
    /// The month in which cases went on.
    pub month: Month,
    /// How they went.
    pub flows: Vec<Flow>,
}

impl CountFigures {
    /// All there is at a glance, counted a moment ago.
    ///
    /// # Errors
    /// [`ReadError::Sql`].
    pub async fn overview(&self, directory: &Directory) -> Result<Overview, ReadError> {
        let counted = self.cases.get(self.tree_size().await?).await?;
        let municipalities = counted.directly_below(directory, "");
        let mut districts: Vec<NamedCounts> = municipalities
            .iter()
            .flat_map(|municipality| counted.directly_below(directory, &municipality.code))
            .collect();
        districts.sort_by(|one, other| one.code.cmp(&other.code));
        let (flows, flow_months) = flows(directory, &counted.hops);
        Ok(Overview {
            total: counted.all.total,
            months: latest_months(&counted.all.months),
            districts,
            own: counted.own_of_municipalities,
            flows,
            flow_months,
            categories: largest(&counted.recent_categories),
            tree_size: counted.tree_size,
        })
    }
}

type Flows = BTreeMap<(HopKind, Option<Tier>, Option<Tier>), u64>;

/// Hops by the tiers of their units: all of them, and those of the latest months.
fn flows(directory: &Directory, hops: &[HopGroup]) -> (Vec<Flow>, Vec<MonthFlows>) {
    let tier = |unit: &str| tier_of_unit(directory, unit);
    let mut all = Flows::new();
    let mut months: BTreeMap<Month, Flows> = BTreeMap::new();
    for hop in hops {
        let way = (hop.kind, tier(&hop.from_unit), tier(&hop.to_unit));
        *all.entry(way).or_default() += hop.times;
        *months.entry(hop.month).or_default().entry(way).or_default() += hop.times;
    }
    let list = |flows: Flows| -> Vec<Flow> {
        flows.into_iter().map(|((kind, from, to), times)| Flow { kind, from, to, times }).collect()
    };
    let months = months.into_iter().rev().take(MONTHS_MAX);
    (list(all), months.map(|(month, flows)| MonthFlows { month, flows: list(flows) }).collect())
}

#[cfg(test)]
mod tests {
    use huying_proto::events::v1::{DirectoryEntry, Region, Unit, directory_entry::Entry};

    use super::*;

    #[test]
    fn a_municipality_without_districts_has_flows_to_and_from_its_townships() {
        let region = |code: &str, parent: &str| {
            Entry::Region(Region { code: code.into(), parent: parent.into(), ..Region::default() })
        };
        let unit = |code: &str, region: &str| {
            Entry::Unit(Unit { code: code.into(), region: region.into(), ..Unit::default() })
        };
        let entries = [
            region("441900", ""),
            region("441900003", "441900"),
            unit("441900-office", "441900"),
            unit("441900003-office", "441900003"),
        ];
        let entries = entries.map(|entry| DirectoryEntry { entry: Some(entry), ..DirectoryEntry::default() });
        let directory = Directory::new(1, entries);
        let hop = |kind, from: &str, to: &str, month: &str, times| HopGroup {
            kind,
            from_unit: from.into(),
            to_unit: to.into(),
            month: month.parse().unwrap(),
            times,
        };
        let (office, township) = ("441900-office", "441900003-office");
        let hops = [
            hop(HopKind::Delegated, office, township, "2026-10", 2),
            hop(HopKind::Delegated, office, township, "2026-11", 3),
            hop(HopKind::Escalated, township, office, "2026-11", 1),
            hop(HopKind::Escalated, "nobody", office, "2026-11", 4),
        ];
        let (all, months) = flows(&directory, &hops);
        let (above, below) = (Some(Tier::Municipal), Some(Tier::Township));
        let flow = |kind, from, to, times| Flow { kind, from, to, times };
        assert_eq!(
            all,
            [
                flow(HopKind::Delegated, above, below, 5),
                flow(HopKind::Escalated, None, above, 4),
                flow(HopKind::Escalated, below, above, 1),
            ]
        );
        let months: Vec<_> = months.iter().map(|of| (of.month.to_string(), of.flows.len())).collect();
        assert_eq!(months, [("2026-11".to_owned(), 3), ("2026-10".to_owned(), 1)]);
    }
}
