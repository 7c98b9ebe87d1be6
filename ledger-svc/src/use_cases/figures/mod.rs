//! The figures of the account: of units, regions, representatives, and of all there is.
//!
//! Guaranteed: every figure is a count over the accounts and facts that are folded from the leaves, drawn from one snapshot
//! that says of which tree it is, so that whoever has the leaves of that tree can recompute it. What belongs to a month came
//! in it: was submitted, or received by the unit, or addressed to or claimed by the representative; whatever has become of
//! it by now counts for that month.
//!
//! What a figure costs:
//! - One unit or one representative ([`CountFigures::unit_history`], [`CountFigures::representative_archive`]) is read by
//!   the primary key, and the case of each row by its own: some 5 µs a row in memory, so 50 ms for 10,000 cases.
//! - Everything else walks through a whole table: `cases` for regions and the overview, `case_units` for lists of units and
//!   for peers, `case_representatives` for lists of representatives. That is some 1 to 2 s for a million rows, and four
//!   bytes of memory for each reply, six times over, while it lasts. It is counted now and then for everybody, and never
//!   twice at a time: [`super::kept`]. With 4,000,000 cases regions are counted anew once a minute at most, and what readers
//!   are shown is that old, and says so by its tree.

use std::collections::{BTreeMap, HashMap};

use huying_platform::{
    Platform,
    codes::{RegionCode, Tier},
    directory::Directory,
};
use sqlx::{PgPool, Postgres, Transaction};

use super::{
    ReadError,
    kept::{Counting, Kept},
    latest_checkpoint::tree_size,
};
use crate::{
    domain::counts::{Counts, DutyCounts, Month, Series},
    store,
};

mod flows;
mod overview;
mod regions;
mod representatives;
mod units;

pub use flows::{FlowList, UnitFlow, tier_of_unit};
pub use overview::{Flow, MonthFlows, Overview};
pub use regions::{RegionFigures, RegionList};
pub use representatives::{NamedRepresentative, RepresentativeArchive, RepresentativeList};
pub use units::{UnitCounts, UnitHistory, UnitList, unit_figures};

/// Months that are shown one by one: up to the latest with any case.
pub const MONTHS_MAX: usize = 24;

/// Categories that are named, most first.
pub const CATEGORIES_MAX: usize = 50;

/// The counts of one month.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MonthCounts<C = Counts> {
    /// The month.
    pub month: Month,
    /// What is counted.
    pub counts: C,
}

/// The counts of a region or a unit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedCounts {
    /// Its code.
    pub code: String,
    /// Its name; the code where the directory does not know it.
    pub name: String,
    /// What is counted.
    pub counts: Counts,
}

/// How many cases are of a category.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CategoryCount {
    /// First level of the category path; empty for those not yet classified.
    pub category: String,
    /// Cases.
    pub cases: u64,
}

/// Counts figures; one a process.
#[derive(Debug)]
pub struct CountFigures {
    readers: PgPool,
    counting: Counting,
    cases: Kept<regions::CasesCounted>,
    units: Kept<HashMap<String, Series<Counts>>>,
    representatives: Kept<HashMap<String, Series<DutyCounts>>>,
}

impl CountFigures {
    /// Nothing counted yet. `readers` answer what takes no walk through a table.
    pub fn new(platform: &Platform, readers: PgPool) -> Self {
        let counting = Counting::new(platform);
        Self {
            readers,
            cases: Kept::new(counting.clone(), |connection| Box::pin(regions::count(connection))),
            units: Kept::new(counting.clone(), |connection| Box::pin(units::count(connection, None))),
            representatives: Kept::new(counting.clone(), |connection| {
                Box::pin(representatives::count(connection, None))
            }),
            counting,
        }
    }

    /// Where other counts take turns with these.
    pub fn counting(&self) -> Counting {
        self.counting.clone()
    }

    /// Leaves in the tree now.
    async fn tree_size(&self) -> Result<u64, ReadError> {
        tree_size(&self.readers).await
    }
}

/// One view of the account, for reading.
async fn snapshot(readers: &PgPool) -> Result<Transaction<'static, Postgres>, ReadError> {
    let mut transaction = readers.begin().await?;
    store::figures::begin_looking_up(&mut transaction).await?;
    Ok(transaction)
}

/// The months from the latest with any case back to the first, [`MONTHS_MAX`] at most, latest first. One without any case
/// stands among them, so that those before and after it do not stand side by side.
fn latest_months<C: Copy + Default>(months: &BTreeMap<Month, C>) -> Vec<MonthCounts<C>> {
    let (Some((first, _)), Some((latest, _))) = (months.first_key_value(), months.last_key_value()) else {
        return Vec::new();
    };
    let back = std::iter::successors(Some(*latest), |month| Some(month.previous()));
    back.take_while(|month| month >= first)
        .take(MONTHS_MAX)
        .map(|month| MonthCounts { month, counts: months.get(&month).copied().unwrap_or_default() })
        .collect()
}

/// The largest categories, most first.
fn largest(categories: &BTreeMap<String, u64>) -> Vec<CategoryCount> {
    let mut counts: Vec<CategoryCount> = categories
        .iter()
        .map(|(category, cases)| CategoryCount { category: category.clone(), cases: *cases })
        .collect();
    counts.sort_by(|one, other| other.cases.cmp(&one.cases).then_with(|| one.category.cmp(&other.category)));
    counts.truncate(CATEGORIES_MAX);
    counts
}

/// The tier that the code of a region tells; `None` for what is no region code.
fn tier_of(region: &str) -> Option<Tier> {
    region.parse::<RegionCode>().ok().map(|code| code.tier())
}

fn region_name(directory: &Directory, code: &str) -> String {
    directory.region(code).map_or(code, |region| &region.name).to_owned()
}

/// Counts of a code, or of all cases; none where there never was one.
fn of<C: Copy + Default>(counted: &HashMap<String, Series<C>>, code: &str, month: Option<Month>) -> C {
    counted.get(code).map(|series| series.of(month)).unwrap_or_default()
}
