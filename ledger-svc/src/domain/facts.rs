//! What the histories of cases mean for those who had to do with them: units, representatives, and the ways between.
//!
//! Guaranteed: facts are a fold over the leaves, so whoever has the leaves can recompute every figure; what each counts
//! is said at [`UnitFact`], [`RepresentativeFact`] and [`Hop`]. Facts of two stretches of a history, taken together
//! as the stores do it (what came first stays, what is counted adds up, the latest rating replaces the one before, and a
//! reply is one to a case that the unit had if it had it in whatever stretch before), are the facts of the whole.

use std::collections::BTreeMap;

use huying_platform::ids::CaseId;
use jiff::Timestamp;

use super::{account::Account, leaf::Told};

mod hops;
mod representatives;
mod units;

pub use hops::{Hop, HopKind};
pub use representatives::{RepresentativeFact, RepresentativeFacts};
pub use units::{UnitFact, UnitFacts};

/// A citizen's judgement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rating {
    /// Is the matter resolved?
    pub resolved: bool,
    /// Was the handling good?
    pub satisfied: bool,
}

/// The first reply of somebody.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FirstReply {
    /// When.
    pub at: Timestamp,
    /// In time, by the clocks that ran just before it: see [`Account::is_in_time`] and
    /// [`Account::is_in_time_for_its_unit`].
    pub in_time: bool,
}

/// All facts of a stretch of history.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Facts {
    /// Of units.
    pub units: UnitFacts,
    /// Of representatives.
    pub representatives: RepresentativeFacts,
    /// Ways between units, by case and version.
    pub hops: BTreeMap<(CaseId, u64), Hop>,
}

impl Facts {
    /// Notes the submission.
    pub(super) fn note_submission(&mut self, told: &Told<'_>) {
        self.representatives.note_submission(told);
    }

    /// Notes what follows. `before` and `after` are the account as it stood before and stands now.
    pub(super) fn note(&mut self, before: &Account, after: &Account, told: &Told<'_>) {
        self.units.note(before, after, told);
        self.representatives.note(told);
        if let Some(hop) = Hop::of(after, told) {
            self.hops.insert((told.case_id, told.version), hop);
        }
    }
}

/// Facts as they are kept, which is not always as the leaves say.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KeptFacts {
    /// Of units; `None` for one that contradicts itself.
    pub units: BTreeMap<(String, CaseId), Option<UnitFact>>,
    /// Of representatives; `None` for one that contradicts itself.
    pub representatives: BTreeMap<(String, CaseId), Option<RepresentativeFact>>,
    /// Ways between units, by case and version.
    pub hops: BTreeMap<(CaseId, u64), Hop>,
}

impl KeptFacts {
    /// What is kept otherwise than it should be, or not kept, or kept and should not be: of which case, and of whom or
    /// what.
    pub fn differences(&self, expected: &Facts) -> Vec<(CaseId, String)> {
        let mut differences = Vec::new();
        for (unit, case_id) in
            differing(&self.units, &expected.units.0, |kept, fact| kept.as_ref() == Some(fact))
        {
            differences.push((*case_id, format!("unit {unit}")));
        }
        let representatives = &expected.representatives.0;
        for (code, case_id) in
            differing(&self.representatives, representatives, |kept, fact| kept.as_ref() == Some(fact))
        {
            differences.push((*case_id, format!("representative {code}")));
        }
        for (case_id, version) in differing(&self.hops, &expected.hops, |kept, hop| kept == hop) {
            differences.push((*case_id, format!("the way in line {version}")));
        }
        differences
    }
}

/// The keys of what is in one map only, or is not the same in both.
fn differing<'a, K: Ord, L, R>(
    kept: &'a BTreeMap<K, L>,
    expected: &'a BTreeMap<K, R>,
    is_same: impl Fn(&L, &R) -> bool,
) -> Vec<&'a K> {
    let missing = expected.keys().filter(|key| !kept.contains_key(key));
    let wrong = kept
        .iter()
        .filter(|(key, kept)| !expected.get(key).is_some_and(|expected| is_same(kept, expected)))
        .map(|(key, _)| key);
    missing.chain(wrong).collect()
}

#[cfg(test)]
mod tests;
