//! What the histories of cases mean for the figures of units.
//!
//! Guaranteed: facts are a fold over the history, so whoever has the leaves can recompute every figure; what each
//! counts is said at [`UnitFact`] and [`Figures`]. Each event counts for the unit it names, whoever caused it.

use std::collections::BTreeMap;

use huying_platform::ids::CaseId;
use huying_proto::events::v1::{CaseState, DeadlineKind, event::Body};

use super::{account::Account, event::CaseEvent};

/// States in which a unit has to act. In the others it is the citizen's turn, or nobody's, or that of the unit that has
/// the case it is part of.
pub const STATES_TO_ACT_ON: [CaseState; 4] =
    [CaseState::Submitted, CaseState::Registered, CaseState::Assigned, CaseState::InHandling];

/// A citizen's judgement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rating {
    /// Is the matter resolved?
    pub resolved: bool,
    /// Was the handling good?
    pub satisfied: bool,
}

/// What a batch of events adds to what is known of one unit and one case.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct UnitFact {
    /// The case was assigned to the unit, held by it, or replied to by it.
    pub received: bool,
    /// The unit replied, or held the case when it was replied to.
    pub replied: bool,
    /// The latest rating of that reply.
    pub rating: Option<Rating>,
    /// Returns by the unit.
    pub returned: u32,
    /// Expired deadlines of the unit: to register, to assign, to reply, or to answer a part.
    pub expired: u32,
    /// Parts that the unit was given as a co-handler.
    pub parts: u32,
    /// Parts that the unit answered.
    pub parts_answered: u32,
    /// Transfers from the unit to another one.
    pub transferred: u32,
    /// Requests of the unit for more time.
    pub extensions_requested: u32,
    /// Requests of the unit that were granted.
    pub extensions_granted: u32,
    /// Times the unit was urged.
    pub urged: u32,
    /// Times the unit was put under supervision.
    pub supervised: u32,
    /// Times the unit was criticised in a circular.
    pub criticised: u32,
}

/// Facts of many units and cases.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UnitFacts(pub BTreeMap<(String, CaseId), UnitFact>);

impl UnitFacts {
    /// Notes who receives the case with an event. `account` is as it stood before.
    pub(super) fn note_standing(&mut self, account: &Account, event: &CaseEvent) {
        let Some(standing) = &event.standing else { return };
        for unit in [&standing.holder_office, &standing.responsible_unit] {
            if !unit.is_empty() && *unit != account.holder_office && *unit != account.responsible_unit {
                self.of(unit, account.case_id).received = true;
            }
        }
    }

    /// Notes what an event says of units. `account` is as it stands after it.
    pub(super) fn note_event(&mut self, account: &Account, event: &CaseEvent) {
        let case_id = account.case_id;
        match &event.body {
            Body::CaseReturned(returned) => self.of(&returned.unit, case_id).returned += 1,
            Body::CaseReplied(_) => {
                for unit in repliers(account) {
                    let fact = self.of(unit, case_id);
                    fact.replied = true;
                    // A case that goes on as part of another one is replied to by a unit that never had it by itself.
                    fact.received = true;
                }
            }
            Body::CaseRated(rated) => {
                let rating = Rating { resolved: rated.resolved, satisfied: rated.satisfied };
                for unit in repliers(account) {
                    self.of(unit, case_id).rating = Some(rating);
                }
            }
            Body::DeadlineExpired(expired) => match DeadlineKind::try_from(expired.kind) {
                Ok(
                    DeadlineKind::Assign | DeadlineKind::Register | DeadlineKind::Reply | DeadlineKind::Part,
                ) => {
                    self.of(&expired.unit, case_id).expired += 1;
                }
                // The time to rate is the citizen's own. That of the case as a whole is used up by everybody who had it,
                // and whoever has it last has a deadline of its own.
                Ok(DeadlineKind::Rate | DeadlineKind::Case | DeadlineKind::Unspecified) | Err(_) => {}
            },
            Body::CaseAssigned(assigned) => {
                for part in &assigned.parts {
                    self.of(&part.unit, case_id).parts += 1;
                }
            }
            Body::PartAssigned(assigned) => {
                if let Some(part) = &assigned.part {
                    self.of(&part.unit, case_id).parts += 1;
                }
            }
            Body::PartAnswered(answered) => self.of(&answered.unit, case_id).parts_answered += 1,
            Body::CaseTransferred(transferred) => self.of(&transferred.from_unit, case_id).transferred += 1,
            Body::ExtensionRequested(requested) => {
                self.of(&requested.unit, case_id).extensions_requested += 1;
            }
            Body::ExtensionGranted(granted) => self.of(&granted.unit, case_id).extensions_granted += 1,
            Body::CaseUrged(urged) => self.of(&urged.unit, case_id).urged += 1,
            Body::CaseSupervised(supervised) => self.of(&supervised.unit, case_id).supervised += 1,
            Body::CriticismCirculated(criticism) => self.of(&criticism.unit, case_id).criticised += 1,
            Body::CaseSubmitted(_)
            | Body::CaseQueued(_)
            | Body::CaseRegistered(_)
            | Body::CaseDeclined(_)
            | Body::CaseClassified(_)
            | Body::CaseDelegated(_)
            | Body::CaseEscalated(_)
            | Body::CaseClaimed(_)
            | Body::CaseAccepted(_)
            | Body::ProgressReported(_)
            | Body::PartWaived(_)
            | Body::ExtensionRefused(_)
            | Body::CaseReopened(_)
            | Body::CaseClosed(_)
            | Body::DeadlineNear(_)
            | Body::CaseMerged(_)
            | Body::CaseAbsorbed(_)
            | Body::CaseUnmerged(_)
            | Body::CaseSplitOff(_)
            | Body::CaseWithdrawn(_)
            | Body::ClocksRecomputed(_)
            | Body::PrivatePartRead(_)
            | Body::PrivatePartErased(_)
            | Body::RatingRequested(_)
            | Body::PrivateReadRequested(_)
            | Body::ErasureRequested(_)
            | Body::WithdrawalRequested(_)
            | Body::RequestRefused(_) => {}
        }
    }

    fn of(&mut self, unit: &str, case_id: CaseId) -> &mut UnitFact {
        self.0.entry((unit.to_owned(), case_id)).or_default()
    }
}

/// The unit that gave the latest reply and the office that held the case then.
fn repliers(account: &Account) -> impl Iterator<Item = &str> {
    [account.replied_unit.as_str(), account.replied_holder.as_str()]
        .into_iter()
        .filter(|unit| !unit.is_empty())
}

/// The figures of a unit. Each counts cases, unless it says otherwise; each rate's denominator is one of them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Figures {
    /// Ever assigned to the unit, held by it, or replied to by it. A case that goes on as part of another one counts by
    /// itself. Cases of which the unit had a part only do not count.
    pub received: u64,
    /// Of the received, now its to act on: it is responsible, and the state is one of [`STATES_TO_ACT_ON`].
    pub open: u64,
    /// Of the open, those with a deadline that has passed.
    pub overdue: u64,
    /// Of the received, those it replied to, or that were replied to while it held them.
    pub replied: u64,
    /// Of the replied, those rated.
    pub rated: u64,
    /// Of the rated, those whose latest rating says resolved.
    pub resolved: u64,
    /// Of the rated, those whose latest rating says satisfied.
    pub satisfied: u64,
    /// Times the unit returned a case.
    pub returned: u64,
    /// Times a deadline of the unit expired: to register, to assign, to reply, or to answer a part.
    pub expired: u64,
    /// Parts that the unit was given as a co-handler.
    pub parts: u64,
    /// Of these parts, those it answered.
    pub parts_answered: u64,
    /// Times a case was transferred from the unit to another one.
    pub transferred: u64,
    /// Times the unit asked for more time.
    pub extensions_requested: u64,
    /// Of these, how often it was granted.
    pub extensions_granted: u64,
    /// Times the unit was urged.
    pub urged: u64,
    /// Times the unit was put under supervision.
    pub supervised: u64,
    /// Times the unit was criticised in a circular.
    pub criticised: u64,
    /// Leaves in the tree these were drawn from.
    pub tree_size: u64,
}

impl Figures {
    /// Of the replied, those never rated: silence, counted apart.
    pub fn silent(&self) -> u64 {
        self.replied.saturating_sub(self.rated)
    }
}

#[cfg(test)]
mod tests;
