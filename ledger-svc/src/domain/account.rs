//! How a case stands after its events, and what they mean for the figures of units.
//!
//! Guaranteed: the account is a fold over the history, so whoever has the leaves can recompute it; the same for what
//! the figures are counted from ([`super::figures`]).
//!
//! Publication has one rule, [`Account::publicity`]: texts are shown when the citizen allowed it and the case has been
//! registered. They stay shown when it is withdrawn or merged later; of a case that was withdrawn or merged before it
//! was registered they never are. Of a declined case only the office's explanation is shown. Of a case whose citizen
//! allowed the status alone no text is ever shown, replies included, because an answer reveals the question; that it
//! was given, when and by whom is shown, and the leaf has the commitment.
//!
//! Erasure has one rule, [`Account::is_erased`]: with the private part go the texts and pictures that the citizen gave
//! before. What units wrote stays, and so does what the citizen writes afterwards.

use huying_platform::{codes::RegionPath, ids::CaseId, status::from_micros};
use huying_proto::events::v1::{CaseKind, CaseState, Publication, event::Body};
use jiff::Timestamp;

use super::{event::CaseEvent, figures::UnitFacts};

/// A case as the ledger has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// The case.
    pub case_id: CaseId,
    /// Latest version in the log.
    pub version: u64,
    /// Kind.
    pub kind: CaseKind,
    /// What the citizen allows the public to see.
    pub publication: Publication,
    /// Where the matter is.
    pub region: RegionPath,
    /// Category path now; may be empty.
    pub category: String,
    /// When the submission was kept.
    pub submitted_at: Timestamp,
    /// When the latest event was decided.
    pub updated_at: Timestamp,
    /// State.
    pub state: CaseState,
    /// Office that holds it; empty until routing has decided.
    pub holder_office: String,
    /// Unit that has to act next, or that replied last; empty until routing has decided.
    pub responsible_unit: String,
    /// When its time ends.
    pub deadline_at: Option<Timestamp>,
    /// When the time of the whole case ends.
    pub case_deadline_at: Option<Timestamp>,
    /// The public overdue mark: a deadline of the stage, of the whole case or of an open part has passed.
    pub overdue: bool,
    /// Parts of co-handlers that are neither answered nor waived.
    pub open_parts: u32,
    /// How many people wrote about the matter, from 1.
    pub petitioner_count: u32,
    /// The case it goes on as part of.
    pub merged_into: Option<CaseId>,
    /// The case has been accepted by an office. Stays true.
    pub registered: bool,
    /// Department that gave the latest reply; empty before the first.
    pub replied_unit: String,
    /// Office that held the case at the latest reply; empty before the first.
    pub replied_holder: String,
    /// Version of the latest erasure of the private part; 0 without one.
    pub erased_before: u64,
}

/// Names of the texts that citizens write in whatever version. Everything of version 1 is the citizen's besides.
pub const CITIZENS_TEXTS: [&str; 4] = ["title", "body", "comment", "withdrawal_reason"];

/// Name of what an office tells a citizen whose case it does not take up.
const EXPLANATION: &str = "explanation";

/// Which texts of a case the public may see.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Publicity {
    /// All of them.
    Everything,
    /// Why the office did not take the case up, and nothing else.
    ExplanationOnly,
    /// None.
    Nothing,
}

impl Publicity {
    /// May a text of this name, and the salt of its commitment, be shown?
    pub fn shows(self, name: &str) -> bool {
        match self {
            Self::Everything => true,
            Self::ExplanationOnly => name == EXPLANATION,
            Self::Nothing => false,
        }
    }
}

impl Account {
    /// The account after version 1.
    pub fn open(submitted: &CaseEvent) -> Self {
        Self {
            case_id: submitted.case_id,
            version: submitted.version,
            kind: submitted.kind,
            publication: submitted.publication,
            region: submitted.region.clone(),
            category: submitted.header.category.clone(),
            submitted_at: from_micros(submitted.header.submitted_at_us),
            updated_at: submitted.occurred_at,
            state: CaseState::Submitted,
            holder_office: String::new(),
            responsible_unit: String::new(),
            deadline_at: None,
            case_deadline_at: None,
            overdue: false,
            open_parts: 0,
            petitioner_count: 1,
            merged_into: None,
            registered: false,
            replied_unit: String::new(),
            replied_holder: String::new(),
            erased_before: 0,
        }
    }

    /// Goes on to the next version, and notes what it means for units.
    pub fn follow(&mut self, event: &CaseEvent, facts: &mut UnitFacts) {
        facts.note_standing(self, event);
        self.version = event.version;
        self.updated_at = event.occurred_at;
        self.category.clone_from(&event.header.category);
        if let Some(standing) = &event.standing {
            self.state = standing.state;
            self.holder_office.clone_from(&standing.holder_office);
            self.responsible_unit.clone_from(&standing.responsible_unit);
            self.deadline_at = standing.deadline_at;
            self.case_deadline_at = standing.case_deadline_at;
            self.overdue = standing.overdue;
            self.open_parts = standing.open_parts;
            self.petitioner_count = standing.petitioner_count.max(1);
            self.merged_into = standing.merged_into;
            self.registered |= implies_registration(standing.state);
        }
        match &event.body {
            Body::CaseRegistered(_) => self.registered = true,
            Body::PrivatePartErased(_) => self.erased_before = event.version,
            Body::CaseReplied(replied) => {
                self.replied_unit.clone_from(&replied.unit);
                self.replied_holder.clone_from(&self.holder_office);
            }
            Body::CaseSubmitted(_)
            | Body::CaseQueued(_)
            | Body::CaseDeclined(_)
            | Body::CaseClassified(_)
            | Body::CaseAssigned(_)
            | Body::CaseTransferred(_)
            | Body::CaseDelegated(_)
            | Body::CaseEscalated(_)
            | Body::CaseClaimed(_)
            | Body::CaseAccepted(_)
            | Body::CaseReturned(_)
            | Body::ProgressReported(_)
            | Body::PartAssigned(_)
            | Body::PartAnswered(_)
            | Body::PartWaived(_)
            | Body::ExtensionRequested(_)
            | Body::ExtensionGranted(_)
            | Body::ExtensionRefused(_)
            | Body::CaseRated(_)
            | Body::CaseReopened(_)
            | Body::CaseClosed(_)
            | Body::DeadlineNear(_)
            | Body::DeadlineExpired(_)
            | Body::CaseUrged(_)
            | Body::CaseSupervised(_)
            | Body::CriticismCirculated(_)
            | Body::CaseMerged(_)
            | Body::CaseAbsorbed(_)
            | Body::CaseUnmerged(_)
            | Body::CaseSplitOff(_)
            | Body::CaseWithdrawn(_)
            | Body::ClocksRecomputed(_)
            | Body::PrivatePartRead(_)
            | Body::RatingRequested(_)
            | Body::PrivateReadRequested(_)
            | Body::ErasureRequested(_)
            | Body::WithdrawalRequested(_)
            | Body::RequestRefused(_) => {}
        }
        facts.note_event(self, event);
    }

    /// Which texts of this case, and which salts of their commitments, may be shown?
    pub fn publicity(&self) -> Publicity {
        match (self.publication, self.state) {
            (Publication::StatusOnly | Publication::Unspecified, _) => Publicity::Nothing,
            (Publication::Public, CaseState::Declined) => Publicity::ExplanationOnly,
            (
                Publication::Public,
                CaseState::Unspecified
                | CaseState::Submitted
                | CaseState::Registered
                | CaseState::Assigned
                | CaseState::InHandling
                | CaseState::Replied
                | CaseState::Closed
                | CaseState::Withdrawn
                | CaseState::Merged,
            ) => match self.registered {
                true => Publicity::Everything,
                false => Publicity::Nothing,
            },
        }
    }

    /// Has a text, and the salt of its commitment, been deleted for good?
    pub fn is_erased(&self, case_version: u64, name: &str) -> bool {
        case_version < self.erased_before && (case_version == 1 || CITIZENS_TEXTS.contains(&name))
    }
}

/// States that no case is in without an office, or the rules in its name, having accepted it. A case can be withdrawn or
/// merged without, and be closed with the case it was merged into.
fn implies_registration(state: CaseState) -> bool {
    match state {
        CaseState::Registered | CaseState::Assigned | CaseState::InHandling | CaseState::Replied => true,
        CaseState::Unspecified
        | CaseState::Submitted
        | CaseState::Closed
        | CaseState::Declined
        | CaseState::Withdrawn
        | CaseState::Merged => false,
    }
}

#[cfg(test)]
pub(crate) mod tests;
