//! What cases mean for the duty archive 履职档案 of representatives.

use std::collections::BTreeMap;

use huying_platform::ids::CaseId;
use huying_proto::events::v1::ActorRole;
use jiff::Timestamp;

use crate::domain::{
    account::AddresseeKind,
    leaf::{Told, What},
};

/// What a stretch of history says of one representative and one case.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RepresentativeFact {
    /// When the case was submitted that is addressed to them by name. One that is addressed to their station is not.
    pub received_at: Option<Timestamp>,
    /// When they claimed it.
    pub claimed_at: Option<Timestamp>,
    /// When they first told or answered the citizen something in their own name: a report of progress, or a reply.
    pub first_answered_at: Option<Timestamp>,
    /// Times they urged a unit.
    pub urged: u32,
    /// Times they reported progress.
    pub progress_reported: u32,
    /// When they last did something about it. Having read the private part is not doing something.
    pub last_act_at: Option<Timestamp>,
}

/// Facts of many representatives and cases.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RepresentativeFacts(pub BTreeMap<(String, CaseId), RepresentativeFact>);

impl RepresentativeFacts {
    /// Notes to whom a case is addressed.
    pub(super) fn note_submission(&mut self, told: &Told<'_>) {
        let Some(addressee) = &told.addressee else { return };
        match addressee.kind {
            AddresseeKind::Representative if !addressee.code.is_empty() => {
                self.of(&addressee.code, told.case_id).received_at = Some(told.submitted_at);
            }
            AddresseeKind::Representative | AddresseeKind::Station | AddresseeKind::Region => {}
        }
    }

    /// Notes what a representative did.
    pub(super) fn note(&mut self, told: &Told<'_>) {
        let Some(representative) = told.acting_representative() else { return };
        if matches!(told.what, What::PrivatePartRead) {
            return;
        }
        let fact = self.of(representative, told.case_id);
        let at = told.occurred_at;
        fact.last_act_at = fact.last_act_at.max(Some(at));
        match told.what {
            What::CaseClaimed { .. } => {
                fact.claimed_at.get_or_insert(at);
            }
            What::ProgressReported { representative: Some(_) } => {
                fact.first_answered_at.get_or_insert(at);
                fact.progress_reported += 1;
            }
            What::CaseReplied { representative: Some(_), .. } => {
                fact.first_answered_at.get_or_insert(at);
            }
            What::CaseUrged { .. } if told.actor_role == ActorRole::Representative => fact.urged += 1,
            What::CaseSubmitted
            | What::CaseQueued
            | What::CaseRegistered
            | What::CaseDeclined
            | What::CaseClassified
            | What::CaseAssigned { .. }
            | What::CaseTransferred { .. }
            | What::CaseDelegated { .. }
            | What::CaseEscalated { .. }
            | What::CaseAccepted
            | What::CaseReturned { .. }
            | What::ProgressReported { representative: None }
            | What::PartAssigned { .. }
            | What::PartAnswered { .. }
            | What::PartWaived
            | What::ExtensionRequested { .. }
            | What::ExtensionGranted { .. }
            | What::ExtensionRefused
            | What::CaseReplied { representative: None, .. }
            | What::CaseRated(_)
            | What::CaseReopened
            | What::CaseClosed
            | What::DeadlineNear
            | What::DeadlineExpired { .. }
            | What::CaseUrged { .. }
            | What::CaseSupervised { .. }
            | What::CriticismCirculated { .. }
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

    fn of(&mut self, representative: &str, case_id: CaseId) -> &mut RepresentativeFact {
        self.0.entry((representative.to_owned(), case_id)).or_default()
    }
}
