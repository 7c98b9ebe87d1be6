//! All cases counted by how they stand: what lists of regions and units show of what waits for whom.
//!
//! It walks through all cases, so it is counted now and then for everybody: [`super::kept`].

use std::sync::Arc;

use super::{
    ReadError,
    kept::{Counted, Counting, Kept},
};
use crate::store::{self, cases::Standing};

/// The counts, and the tree they were drawn from.
pub type Counts = Counted<Standings>;

/// All cases.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standings {
    /// Cases by how they stand.
    pub standings: Vec<Standing>,
}

/// Counts cases, at most now and then.
#[derive(Debug)]
pub struct CountCases(Kept<Standings>);

impl CountCases {
    /// Nothing counted yet.
    pub fn new(counting: Counting) -> Self {
        Self(Kept::new(counting, |connection| {
            Box::pin(async move { Ok(Standings { standings: store::cases::standings(connection).await? }) })
        }))
    }

    /// The counts, of a tree of at least `tree_size` leaves or at most a moment old.
    ///
    /// # Errors
    /// [`ReadError::Sql`].
    pub async fn counts(&self, tree_size: u64) -> Result<Arc<Counts>, ReadError> {
        self.0.get(tree_size).await
    }
}
