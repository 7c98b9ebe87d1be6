//! What cases mean for units. Each event counts for the unit it names, whoever caused it.

use std::collections::BTreeMap;

use huying_platform::ids::CaseId;
use huying_proto::events::v1::DeadlineKind;
use jiff::Timestamp;

use super::{FirstReply, Rating};
use crate::domain::{
    account::Account,
    leaf::{Told, What},
};

/// What a stretch of history adds to what is known of one unit and one case.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct UnitFact {
    /// When the case was first assigned to the unit or held by it; `None` when it has a part of the case only, or answered it
    /// as part of another one.
    pub received_at: Option<Timestamp>,
    /// The first reply of the unit, or to a case while the unit held it, once it had received the case.
    pub first_reply: Option<FirstReply>,
    /// The first such reply before the unit had received the case, as far as this stretch knows: when it had received it in
    /// an earlier one, this is a reply like any other.
    pub answered_along: Option<FirstReply>,
    /// The latest rating of any such reply.
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
    /// Notes what an event says of units. `before` and `after` are the account as it stood before and stands now.
    pub(super) fn note(&mut self, before: &Account, after: &Account, told: &Told<'_>) {
        self.note_standing(before, told);
        let case_id = told.case_id;
        match told.what {
            What::CaseReturned { unit } => self.of(unit, case_id).returned += 1,
            What::CaseReplied { .. } => {
                let at = told.occurred_at;
                let reply = FirstReply { at, in_time: before.is_in_time_for_its_unit(at) };
                for unit in repliers(after) {
                    let fact = self.of(unit, case_id);
                    match fact.received_at {
                        Some(_) => fact.first_reply.get_or_insert(reply),
                        None => fact.answered_along.get_or_insert(reply),
                    };
                }
            }
            What::CaseRated(rating) => {
                for unit in repliers(after) {
                    self.of(unit, case_id).rating = Some(rating);
                }
            }
            What::DeadlineExpired { kind, unit } => match kind {
                DeadlineKind::Assign | DeadlineKind::Register | DeadlineKind::Reply | DeadlineKind::Part => {
                    self.of(unit, case_id).expired += 1;
                }
                // The time to rate is the citizen's own. That of the case as a whole is used up by everybody who had it,
                // and whoever has it last has a deadline of its own.
                DeadlineKind::Rate | DeadlineKind::Case | DeadlineKind::Unspecified => {}
            },
            What::CaseAssigned { parts } | What::PartAssigned { parts } => {
                for part in parts {
                    self.of(&part.unit, case_id).parts += 1;
                }
            }
            What::PartAnswered { unit } => self.of(unit, case_id).parts_answered += 1,
            What::CaseTransferred { from_unit, .. } => self.of(from_unit, case_id).transferred += 1,
            What::ExtensionRequested { unit } => self.of(unit, case_id).extensions_requested += 1,
            What::ExtensionGranted { unit } => self.of(unit, case_id).extensions_granted += 1,
            What::CaseUrged { unit } => self.of(unit, case_id).urged += 1,
            What::CaseSupervised { unit } => self.of(unit, case_id).supervised += 1,
            What::CriticismCirculated { unit } => self.of(unit, case_id).criticised += 1,
            What::CaseSubmitted
            | What::CaseQueued
            | What::CaseRegistered
            | What::CaseDeclined
            | What::CaseClassified
            | What::CaseDelegated { .. }
            | What::CaseEscalated { .. }
            | What::CaseClaimed { .. }
            | What::CaseAccepted
            | What::ProgressReported { .. }
            | What::PartWaived
            | What::ExtensionRefused
            | What::CaseReopened
            | What::CaseClosed
            | What::DeadlineNear
            | What::CaseMerged
            | What::CaseAbsorbed
            | What::CaseUnmerged
            | What::CaseSplitOff
            | What::CaseWithdrawn
            | What::ClocksRecomputed
            | What::PrivatePartRead
            | What::PrivatePartErased => {}
        }
    }

    /// Notes who receives the case with an event.
    fn note_standing(&mut self, before: &Account, told: &Told<'_>) {
        let Some(standing) = &told.standing else { return };
        for unit in [standing.holder_office, standing.responsible_unit] {
            if !unit.is_empty() && unit != before.holder_office && unit != before.responsible_unit {
                self.of(unit, told.case_id).received_at.get_or_insert(told.occurred_at);
            }
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
