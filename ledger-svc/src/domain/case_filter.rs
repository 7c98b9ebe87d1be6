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
    /// The unit has had to do with it: it held it, was to act on it, replied to it, or was given a part of it.
    pub unit: Option<String>,
    /// This unit has to act on it now: it is responsible, and the state is one of
    /// [`super::figures::STATES_TO_ACT_ON`], as the figures count what is open.
    pub waiting_for: Option<String>,
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
    /// The query, and all the rest. They are asked of different tables, so whoever takes the one has to say what becomes
    /// of the other.
    pub fn split(&self) -> (Option<&SearchQuery>, Conditions<'_>) {
        (self.query.as_ref(), Conditions(self))
    }

    /// A number that another filter does not have, but for chance: 8 bytes of a SHA-256.
    pub fn fingerprint(&self) -> [u8; 8] {
        let Self {
            query,
            region,
            unit,
            waiting_for,
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
                waiting_for,
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

/// What a filter asks for besides its query.
#[derive(Debug, Clone, Copy)]
pub struct Conditions<'a>(&'a CaseFilter);

impl<'a> Conditions<'a> {
    /// The filter whose conditions these are.
    pub fn filter(self) -> &'a CaseFilter {
        self.0
    }

    /// True when every case meets them.
    pub fn are_none(self) -> bool {
        *self.0 == CaseFilter { query: self.0.query.clone(), ..CaseFilter::default() }
    }
}
