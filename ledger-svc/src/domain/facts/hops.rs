//! How a case goes from one unit to another.

use huying_proto::events::v1::CaseState;
use jiff::Timestamp;

use crate::domain::{
    account::Account,
    leaf::{Told, What},
};

/// In which way a case went on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum HopKind {
    /// Handed to an office of the tier below 下派.
    Delegated = 1,
    /// Handed to the office of the tier above 上报.
    Escalated = 2,
    /// Given to another department 改派.
    Transferred = 3,
    /// Given back to the holding office 退回.
    Returned = 4,
}

impl HopKind {
    /// The word that exports use for it, which never changes.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Delegated => "delegated",
            Self::Escalated => "escalated",
            Self::Transferred => "transferred",
            Self::Returned => "returned",
        }
    }
}

/// One way from a unit to another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hop {
    /// In which way.
    pub kind: HopKind,
    /// Unit that had the case.
    pub from_unit: String,
    /// Unit that has it then.
    pub to_unit: String,
    /// When.
    pub at: Timestamp,
}

impl Hop {
    /// The way that an event took, if it took one. `after` is the account as it stands after it. A case that goes on as part
    /// of another one takes none: that which is handed on is the other one.
    pub(super) fn of(after: &Account, told: &Told<'_>) -> Option<Self> {
        if after.state == CaseState::Merged {
            return None;
        }
        let (kind, from_unit, to_unit) = match told.what {
            What::CaseDelegated { from_office, to_office } => (HopKind::Delegated, from_office, to_office),
            What::CaseEscalated { from_office, to_office } => (HopKind::Escalated, from_office, to_office),
            What::CaseTransferred { from_unit, to_unit } => (HopKind::Transferred, from_unit, to_unit),
            What::CaseReturned { unit } => (HopKind::Returned, unit, after.holder_office.as_str()),
            What::CaseSubmitted
            | What::CaseQueued
            | What::CaseRegistered
            | What::CaseDeclined
            | What::CaseClassified
            | What::CaseAssigned { .. }
            | What::CaseClaimed { .. }
            | What::CaseAccepted
            | What::ProgressReported { .. }
            | What::PartAssigned { .. }
            | What::PartAnswered { .. }
            | What::PartWaived
            | What::ExtensionRequested { .. }
            | What::ExtensionGranted { .. }
            | What::ExtensionRefused
            | What::CaseReplied { .. }
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
            | What::PrivatePartErased => return None,
        };
        let (from_unit, to_unit) = (from_unit.to_owned(), to_unit.to_owned());
        Some(Self { kind, from_unit, to_unit, at: told.occurred_at })
    }
}
