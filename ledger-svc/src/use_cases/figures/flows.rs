//! How cases went from unit to unit.

use huying_platform::{codes::Tier, directory::Directory};

use super::{CountFigures, tier_of};
use crate::{
    domain::{counts::Month, facts::HopKind},
    store::figures::HopGroup,
    use_cases::ReadError,
};

/// How cases went from unit to unit, over all time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FlowList {
    /// By month, the latest first, and then by way and units.
    pub flows: Vec<UnitFlow>,
    /// Leaves in the tree these were drawn from.
    pub tree_size: u64,
}

/// How often cases went from one unit to another in one month. A case that goes on as part of another one takes no way of
/// its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnitFlow {
    /// The month in which they went.
    pub month: Month,
    /// In which way.
    pub kind: HopKind,
    /// The unit that had them.
    pub from_unit: String,
    /// The unit that had them then.
    pub to_unit: String,
    /// How often.
    pub times: u64,
}

impl CountFigures {
    /// How cases went from unit to unit, counted a moment ago.
    ///
    /// # Errors
    /// [`ReadError::Sql`].
    pub async fn flows(&self) -> Result<FlowList, ReadError> {
        let counted = self.cases.get(self.tree_size().await?).await?;
        let flow = |hop: &HopGroup| UnitFlow {
            month: hop.month,
            kind: hop.kind,
            from_unit: hop.from_unit.clone(),
            to_unit: hop.to_unit.clone(),
            times: hop.times,
        };
        let mut flows: Vec<UnitFlow> = counted.hops.iter().map(flow).collect();
        flows.sort_unstable_by(|one, other| {
            (other.month, one.kind, &one.from_unit, &one.to_unit).cmp(&(
                one.month,
                other.kind,
                &other.from_unit,
                &other.to_unit,
            ))
        });
        Ok(FlowList { flows, tree_size: counted.tree_size })
    }
}

/// The tier of a unit's region; `None` where the directory does not know the unit.
pub fn tier_of_unit(directory: &Directory, unit: &str) -> Option<Tier> {
    directory.unit(unit).and_then(|unit| tier_of(&unit.region))
}
