//! What happened, by the types of events.

use std::borrow::Cow;

use huying_proto::events::v1::DeadlineKind;

use super::{Leaf, LeafPart, Unreadable};
use crate::domain::{facts::Rating, words};

/// What happened, as far as accounts and figures need to know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum What<'a> {
    /// The citizen's submission.
    CaseSubmitted,
    /// It waits for an office to decide.
    CaseQueued,
    /// Accepted for handling.
    CaseRegistered,
    /// Not taken up.
    CaseDeclined,
    /// The category was set.
    CaseClassified,
    /// Given to a department, with these parts for co-handlers.
    CaseAssigned {
        /// The parts.
        parts: &'a [LeafPart<'a>],
    },
    /// Given to another department.
    CaseTransferred {
        /// Who had it.
        from_unit: &'a str,
        /// Who has it now.
        to_unit: &'a str,
    },
    /// Handed down.
    CaseDelegated {
        /// Office that had it.
        from_office: &'a str,
        /// Office that has it now.
        to_office: &'a str,
    },
    /// Handed up.
    CaseEscalated {
        /// Office that had it.
        from_office: &'a str,
        /// Office that has it now.
        to_office: &'a str,
    },
    /// A representative follows it.
    CaseClaimed {
        /// Who.
        representative: &'a str,
    },
    /// Taken up by the department.
    CaseAccepted,
    /// Given back to the holding office.
    CaseReturned {
        /// By whom.
        unit: &'a str,
    },
    /// Somebody told how far it is.
    ProgressReported {
        /// The representative, when one did.
        representative: Option<&'a str>,
    },
    /// Parts were given later.
    PartAssigned {
        /// The parts.
        parts: &'a [LeafPart<'a>],
    },
    /// A part was answered.
    PartAnswered {
        /// By whom.
        unit: &'a str,
    },
    /// A part need not be answered.
    PartWaived,
    /// More time was asked for.
    ExtensionRequested {
        /// By whom.
        unit: &'a str,
    },
    /// More time was granted.
    ExtensionGranted {
        /// To whom.
        unit: &'a str,
    },
    /// No more time was granted.
    ExtensionRefused,
    /// The citizen has an answer.
    CaseReplied {
        /// Of which unit.
        unit: &'a str,
        /// The representative, when one answered.
        representative: Option<&'a str>,
    },
    /// The citizen judged.
    CaseRated(Rating),
    /// It goes on.
    CaseReopened,
    /// Struck off.
    CaseClosed,
    /// A deadline is near.
    DeadlineNear,
    /// A deadline passed.
    DeadlineExpired {
        /// What had to be done.
        kind: DeadlineKind,
        /// By whom.
        unit: &'a str,
    },
    /// 催办.
    CaseUrged {
        /// Whom.
        unit: &'a str,
    },
    /// 督办.
    CaseSupervised {
        /// Whom.
        unit: &'a str,
    },
    /// 通报.
    CriticismCirculated {
        /// Whom.
        unit: &'a str,
    },
    /// It goes on as part of another one.
    CaseMerged,
    /// Another one goes on as part of it.
    CaseAbsorbed,
    /// It goes on by itself again.
    CaseUnmerged,
    /// Another one goes on by itself again.
    CaseSplitOff,
    /// Taken back by the citizen.
    CaseWithdrawn,
    /// Deadlines were computed anew.
    ClocksRecomputed,
    /// A handler read the private part.
    PrivatePartRead,
    /// The private part was erased.
    PrivatePartErased,
}

impl<'a> What<'a> {
    pub(super) fn of(leaf: &'a Leaf<'a>) -> Result<Self, Unreadable> {
        let details = &leaf.details;
        let named = |field: &'static str, code: &'a Option<Cow<'a, str>>| {
            code.as_deref().ok_or(Unreadable::Field(field))
        };
        let unit = || named("details.unit", &details.unit);
        let representative = details.representative_code.as_deref();
        Ok(match leaf.event_type.as_ref() {
            "CaseSubmitted" => Self::CaseSubmitted,
            "CaseQueued" => Self::CaseQueued,
            "CaseRegistered" => Self::CaseRegistered,
            "CaseDeclined" => Self::CaseDeclined,
            "CaseClassified" => Self::CaseClassified,
            "CaseAssigned" => Self::CaseAssigned { parts: &details.parts },
            "CaseTransferred" => Self::CaseTransferred {
                from_unit: named("details.from_unit", &details.from_unit)?,
                to_unit: named("details.to_unit", &details.to_unit)?,
            },
            "CaseDelegated" => Self::CaseDelegated {
                from_office: named("details.from_office", &details.from_office)?,
                to_office: named("details.to_office", &details.to_office)?,
            },
            "CaseEscalated" => Self::CaseEscalated {
                from_office: named("details.from_office", &details.from_office)?,
                to_office: named("details.to_office", &details.to_office)?,
            },
            "CaseClaimed" => Self::CaseClaimed {
                representative: named("details.representative_code", &details.representative_code)?,
            },
            "CaseAccepted" => Self::CaseAccepted,
            "CaseReturned" => Self::CaseReturned { unit: unit()? },
            "ProgressReported" => Self::ProgressReported { representative },
            "PartAssigned" => Self::PartAssigned { parts: &details.parts },
            "PartAnswered" => Self::PartAnswered { unit: unit()? },
            "PartWaived" => Self::PartWaived,
            "ExtensionRequested" => Self::ExtensionRequested { unit: unit()? },
            "ExtensionGranted" => Self::ExtensionGranted { unit: unit()? },
            "ExtensionRefused" => Self::ExtensionRefused,
            "CaseReplied" => Self::CaseReplied { unit: unit()?, representative },
            "CaseRated" => Self::CaseRated(Rating {
                resolved: details.resolved.ok_or(Unreadable::Field("details.resolved"))?,
                satisfied: details.satisfied.ok_or(Unreadable::Field("details.satisfied"))?,
            }),
            "CaseReopened" => Self::CaseReopened,
            "CaseClosed" => Self::CaseClosed,
            "DeadlineNear" => Self::DeadlineNear,
            "DeadlineExpired" => {
                let kind = details.kind.as_deref().and_then(words::deadline_kind_of);
                Self::DeadlineExpired { kind: kind.ok_or(Unreadable::Field("details.kind"))?, unit: unit()? }
            }
            "CaseUrged" => Self::CaseUrged { unit: unit()? },
            "CaseSupervised" => Self::CaseSupervised { unit: unit()? },
            "CriticismCirculated" => Self::CriticismCirculated { unit: unit()? },
            "CaseMerged" => Self::CaseMerged,
            "CaseAbsorbed" => Self::CaseAbsorbed,
            "CaseUnmerged" => Self::CaseUnmerged,
            "CaseSplitOff" => Self::CaseSplitOff,
            "CaseWithdrawn" => Self::CaseWithdrawn,
            "ClocksRecomputed" => Self::ClocksRecomputed,
            "PrivatePartRead" => Self::PrivatePartRead,
            "PrivatePartErased" => Self::PrivatePartErased,
            unknown => return Err(Unreadable::Unknown(unknown.to_owned(), leaf.v)),
        })
    }

    /// The representative it names as the one who did it.
    pub(super) fn representative(&self) -> Option<&'a str> {
        match *self {
            Self::CaseClaimed { representative } => Some(representative),
            Self::ProgressReported { representative } | Self::CaseReplied { representative, .. } => {
                representative
            }
            Self::CaseSubmitted
            | Self::CaseQueued
            | Self::CaseRegistered
            | Self::CaseDeclined
            | Self::CaseClassified
            | Self::CaseAssigned { .. }
            | Self::CaseTransferred { .. }
            | Self::CaseDelegated { .. }
            | Self::CaseEscalated { .. }
            | Self::CaseAccepted
            | Self::CaseReturned { .. }
            | Self::PartAssigned { .. }
            | Self::PartAnswered { .. }
            | Self::PartWaived
            | Self::ExtensionRequested { .. }
            | Self::ExtensionGranted { .. }
            | Self::ExtensionRefused
            | Self::CaseRated(_)
            | Self::CaseReopened
            | Self::CaseClosed
            | Self::DeadlineNear
            | Self::DeadlineExpired { .. }
            | Self::CaseUrged { .. }
            | Self::CaseSupervised { .. }
            | Self::CriticismCirculated { .. }
            | Self::CaseMerged
            | Self::CaseAbsorbed
            | Self::CaseUnmerged
            | Self::CaseSplitOff
            | Self::CaseWithdrawn
            | Self::ClocksRecomputed
            | Self::PrivatePartRead
            | Self::PrivatePartErased => None,
        }
    }
}
