//! Which cases somebody asks for.

use huying_platform::{codes::RegionCode, status::micros};
use huying_proto::events::v1::{CaseKind, CaseState};
use jiff::Timestamp;
use sha2::{Digest as _, Sha256};

use super::search_query::SearchQuery;

/// Which cases are asked for. All of it has to hold; what is empty or `None` asks for nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CaseFilter {
    /// All words of this are in the public texts.
    pub query: Option<SearchQuery>,
    /// In the subtree of this region.
    pub region: Option<RegionCode>,
    /// Held by this unit, or its to act on.
    pub unit: Option<String>,
    /// Of one of these kinds.
    pub kinds: Vec<CaseKind>,
    /// Of this category or one below it.
    pub category: Option<String>,
    /// In one of these states.
    pub states: Vec<CaseState>,
    /// Overdue ones only.
    pub overdue_only: bool,
    /// Submitted then or later.
    pub submitted_from: Option<Timestamp>,
    /// Submitted before.
    pub submitted_before: Option<Timestamp>,
    /// Addressed to, or claimed by, this representative.
    pub representative: Option<String>,
}

impl CaseFilter {
    /// Nothing is asked for but the words of a query.
    pub fn is_query_alone(&self) -> bool {
        self.query.is_some() && *self == Self { query: self.query.clone(), ..Self::default() }
    }

    /// A number that another filter does not have, but for chance: 8 bytes of a SHA-256.
    pub fn fingerprint(&self) -> [u8; 8] {
        let Self {
            query,
            region,
            unit,
            kinds,
            category,
            states,
            overdue_only,
            submitted_from,
            submitted_before,
            representative,
        } = self;
        // Which come first does not matter, nor that one is named twice.
        let mut kinds: Vec<i32> = kinds.iter().map(|kind| i32::from(*kind)).collect();
        kinds.sort_unstable();
        kinds.dedup();
        let mut states: Vec<i32> = states.iter().map(|state| i32::from(*state)).collect();
        states.sort_unstable();
        states.dedup();
        let written = format!(
            "{:?}",
            (
                query.as_ref().map(SearchQuery::as_str),
                region.as_ref().map(RegionCode::as_str),
                unit,
                kinds,
                category,
                states,
                overdue_only,
                submitted_from.map(micros),
                submitted_before.map(micros),
                representative,
            )
        );
        let mut fingerprint = [0; 8];
        fingerprint.copy_from_slice(&Sha256::digest(written)[..8]);
        fingerprint
    }
}
