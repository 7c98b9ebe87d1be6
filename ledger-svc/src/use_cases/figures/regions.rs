//! The figures of regions, each with its whole subtree.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use huying_platform::{
    codes::RegionCode,
    directory::{Directory, Kind},
};
use sqlx::PgConnection;

use super::{
    CategoryCount, CountFigures, MonthCounts, NamedCounts, largest, latest_months, of, region_name, tier_of,
};
use crate::{
    domain::counts::{Counts, Month, Series, Tallies, Tally},
    store::{self, figures::HopGroup},
    use_cases::ReadError,
};

/// Months over which it is said what people write about now: a year, whatever the season.
const RECENT_MONTHS: i32 = 12;

/// The figures of a region.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegionFigures {
    /// Over all time.
    pub total: Counts,
    /// The months up to the latest with any case, [`super::MONTHS_MAX`] at most, latest first.
    pub months: Vec<MonthCounts>,
    /// The regions directly below it over all time, by code. Cases of no region below are in none of them.
    pub regions: Vec<NamedCounts>,
    /// Its cases of no region below, over all time: with those of `regions` they add up to `total`.
    pub own: Counts,
    /// The regions of its tier under the same region above over all time, by code, itself among them. Only itself where
    /// the directory does not know it.
    pub peers: Vec<NamedCounts>,
    /// Categories over all time, most first, at most [`super::CATEGORIES_MAX`].
    pub categories: Vec<CategoryCount>,
    /// Leaves in the tree these were drawn from.
    pub tree_size: u64,
}

/// The figures of regions, by code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegionList {
    /// Every region that the directory has as active, or that ever had a case.
    pub regions: Vec<NamedCounts>,
    /// Leaves in the tree these were drawn from.
    pub tree_size: u64,
}

impl CountFigures {
    /// The figures of a region, counted a moment ago.
    ///
    /// # Errors
    /// [`ReadError::Sql`].
    pub async fn region_figures(
        &self,
        directory: &Directory,
        region: &RegionCode,
    ) -> Result<RegionFigures, ReadError> {
        let counted = self.cases.get(self.tree_size().await?).await?;
        let none = Series::default();
        let series = counted.regions.get(region.as_str()).unwrap_or(&none);
        Ok(RegionFigures {
            total: series.total,
            months: latest_months(&series.months),
            regions: counted.directly_below(directory, region.as_str()),
            own: counted.own.get(region.as_str()).copied().unwrap_or_default(),
            peers: counted.peers(directory, region),
            categories: counted.categories.get(region.as_str()).map(largest).unwrap_or_default(),
            tree_size: counted.tree_size,
        })
    }

    /// The figures of all regions, over all time or of a month.
    ///
    /// # Errors
    /// [`ReadError::Sql`].
    pub async fn regions(
        &self,
        directory: &Directory,
        month: Option<Month>,
    ) -> Result<RegionList, ReadError> {
        let counted = self.cases.get(self.tree_size().await?).await?;
        let active = directory.regions().map(|region| region.code.as_str());
        let active = active.filter(|code| directory.is_active(Kind::Region, code));
        let with_cases = counted.regions.keys().map(String::as_str);
        let codes: BTreeSet<&str> = active.chain(with_cases).collect();
        let regions = codes.into_iter().map(|code| counted.named(directory, code, month)).collect();
        Ok(RegionList { regions, tree_size: counted.tree_size })
    }
}

/// All cases, counted in every way in which regions and the overview show them.
#[derive(Debug, Default)]
pub(super) struct CasesCounted {
    /// Of all cases.
    pub(super) all: Series<Counts>,
    /// By region, each with its subtree.
    pub(super) regions: HashMap<String, Series<Counts>>,
    /// By region, those that lie in no region below it, over all time.
    own: HashMap<String, Counts>,
    /// Those that lie in no region below a municipality, over all time.
    pub(super) own_of_municipalities: Counts,
    /// Regions that have cases, by the region directly above; municipalities have none, which is "".
    below: HashMap<String, BTreeSet<String>>,
    /// Categories of the first level, by region, over all time.
    categories: HashMap<String, BTreeMap<String, u64>>,
    /// Categories of the first level of all cases of the latest [`RECENT_MONTHS`] months, up to that of the latest case.
    pub(super) recent_categories: BTreeMap<String, u64>,
    /// What went from unit to unit.
    pub(super) hops: Vec<HopGroup>,
}

impl CasesCounted {
    /// The regions directly below one that are active or have cases, over all time.
    pub(super) fn directly_below(&self, directory: &Directory, region: &str) -> Vec<NamedCounts> {
        let with_cases = self.below.get(region).into_iter().flatten();
        let codes: BTreeSet<&String> = directory.children_of(region).iter().chain(with_cases).collect();
        codes.into_iter().map(|code| self.named(directory, code, None)).collect()
    }

    /// The regions that one is compared with: those of its tier under the same region above, itself among them.
    fn peers(&self, directory: &Directory, region: &RegionCode) -> Vec<NamedCounts> {
        let Some(known) = directory.region(region.as_str()) else {
            return vec![self.named(directory, region.as_str(), None)];
        };
        let mut codes: BTreeSet<&str> = BTreeSet::from([region.as_str()]);
        let beside = directory.children_of(&known.parent).iter().map(String::as_str);
        codes.extend(beside.filter(|code| tier_of(code) == Some(region.tier())));
        codes.into_iter().map(|code| self.named(directory, code, None)).collect()
    }

    fn named(&self, directory: &Directory, code: &str, month: Option<Month>) -> NamedCounts {
        NamedCounts {
            code: code.to_owned(),
            name: region_name(directory, code),
            counts: of(&self.regions, code, month),
        }
    }
}

/// Counts all cases and all their ways.
pub(super) async fn count(connection: &mut PgConnection) -> sqlx::Result<CasesCounted> {
    let mut counted = CasesCounted::default();
    let mut all = Tallies::default();
    let mut regions: HashMap<String, Tallies<Counts>> = HashMap::new();
    let mut own: HashMap<String, Tally<Counts>> = HashMap::new();
    let mut own_of_municipalities = Tally::default();
    let mut months: BTreeMap<Month, BTreeMap<String, u64>> = BTreeMap::new();
    store::figures::count_cases(connection, |group| {
        let cases = group.tally.counts.received;
        all.add(Some(group.month), &group.tally);
        *months.entry(group.month).or_default().entry(group.category.clone()).or_default() += cases;
        if let Some(finest) = group.regions.last() {
            own.entry(finest.clone()).or_default().add(&group.tally);
        }
        if group.regions.len() == 1 {
            own_of_municipalities.add(&group.tally);
        }
        let mut above = "";
        for region in &group.regions {
            regions.entry(region.clone()).or_default().add(Some(group.month), &group.tally);
            let categories = counted.categories.entry(region.clone()).or_default();
            *categories.entry(group.category.clone()).or_default() += cases;
            counted.below.entry(above.to_owned()).or_default().insert(region.clone());
            above = region;
        }
    })
    .await?;
    counted.all = all.close();
    counted.own = own.into_iter().map(|(code, tally)| (code, tally.close())).collect();
    counted.own_of_municipalities = own_of_municipalities.close();
    counted.regions = regions.into_iter().map(|(code, tallies)| (code, tallies.close())).collect();
    let latest = months.keys().next_back().map_or(0, |month| month.number());
    for (_, categories) in months.into_iter().filter(|(month, _)| month.number() > latest - RECENT_MONTHS) {
        for (category, cases) in categories {
            *counted.recent_categories.entry(category).or_default() += cases;
        }
    }
    counted.hops = store::figures::count_hops(connection).await?;
    Ok(counted)
}
