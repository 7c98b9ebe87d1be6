//! The duty archive 履职档案 of representatives, derived from the ledger alone.

use std::collections::{BTreeMap, HashMap};

use huying_platform::{
    codes::{RegionCode, Tier},
    directory::{Directory, Kind},
};
use sqlx::PgConnection;

use super::{CountFigures, MonthCounts, latest_months, of, snapshot};
use crate::{
    domain::counts::{DutyCounts, Month, Series, Tallies},
    store,
    use_cases::ReadError,
};

/// What a representative has done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RepresentativeArchive {
    /// Over all time. What they did about cases that they never took on is in here and in no month.
    pub total: DutyCounts,
    /// The months up to the latest in which a case was addressed to them or claimed by them, [`super::MONTHS_MAX`] at most,
    /// latest first.
    pub months: Vec<MonthCounts<DutyCounts>>,
    /// Leaves in the tree these were drawn from.
    pub tree_size: u64,
}

/// Representatives, by code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RepresentativeList {
    /// Those of the page.
    pub representatives: Vec<NamedRepresentative>,
    /// How many there are on all pages.
    pub count: usize,
    /// Leaves in the tree these were drawn from.
    pub tree_size: u64,
}

/// What one of many representatives has done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedRepresentative {
    /// Their code.
    pub code: String,
    /// What the ledger calls them; the code where the directory does not know them.
    pub designation: String,
    /// Code of the region whose citizens write to them; empty where the directory does not know them.
    pub region: String,
    /// What is counted.
    pub counts: DutyCounts,
}

impl CountFigures {
    /// What a representative has done, counted now.
    ///
    /// # Errors
    /// [`ReadError::Sql`].
    pub async fn representative_archive(
        &self,
        representative: &str,
    ) -> Result<RepresentativeArchive, ReadError> {
        let mut transaction = snapshot(&self.readers).await?;
        let tree_size = store::log::tree_size(&mut transaction).await?;
        let own = count(&mut transaction, Some(representative)).await?;
        transaction.commit().await?;
        let own = own.get(representative).cloned().unwrap_or_default();
        Ok(RepresentativeArchive { total: own.total, months: latest_months(&own.months), tree_size })
    }

    /// What all representatives, or those of a region's subtree, have done, over all time or about what they took on in a
    /// month: `count_max` of them from the `first` on, counted from 0. Those who are none any more are among them if they
    /// ever had to do with a case.
    ///
    /// # Errors
    /// [`ReadError::Sql`].
    pub async fn representatives(
        &self,
        directory: &Directory,
        region: Option<&RegionCode>,
        month: Option<Month>,
        first: usize,
        count_max: usize,
    ) -> Result<RepresentativeList, ReadError> {
        let counted = self.representatives.get(self.tree_size().await?).await?;
        let active = directory.representatives().filter(|one| {
            directory.is_active(Kind::Representative, &one.code) || counted.contains_key(&one.code)
        });
        let mut known: BTreeMap<&str, (&str, &str)> =
            active.map(|one| (one.code.as_str(), (one.designation.as_str(), one.region.as_str()))).collect();
        for code in counted.keys() {
            known.entry(code).or_insert((code, ""));
        }
        if let Some(above) = region {
            let mut is_below: HashMap<&str, bool> = HashMap::new();
            known.retain(|_, (_, region)| {
                *is_below.entry(region).or_insert_with(|| lies_in(directory, region, above))
            });
        }
        let page = known.iter().skip(first).take(count_max);
        let representatives = page
            .map(|(code, (designation, region))| NamedRepresentative {
                code: (*code).to_owned(),
                designation: (*designation).to_owned(),
                region: (*region).to_owned(),
                counts: of(&counted, code, month),
            })
            .collect();
        Ok(RepresentativeList { representatives, count: known.len(), tree_size: counted.tree_size })
    }
}

/// Counts one representative, or all of them.
pub(super) async fn count(
    connection: &mut PgConnection,
    representative: Option<&str>,
) -> sqlx::Result<HashMap<String, Series<DutyCounts>>> {
    let mut tallies: HashMap<String, Tallies<DutyCounts>> = HashMap::new();
    store::figures::count_representatives(connection, representative, |group| {
        tallies.entry(group.representative).or_default().add(group.month, &group.tally);
    })
    .await?;
    Ok(tallies.into_iter().map(|(code, tallies)| (code, tallies.close())).collect())
}

/// Is a region another one, or in its subtree?
fn lies_in(directory: &Directory, region: &str, above: &RegionCode) -> bool {
    let Some(path) = directory.path_of(region) else { return false };
    match above.tier() {
        Tier::Municipal => path.municipal == *above,
        Tier::District => path.district.as_ref() == Some(above),
        Tier::Township => path.township.as_ref() == Some(above),
    }
}
