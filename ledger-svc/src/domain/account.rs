//! How a case stands after its events, and what they mean for the figures of units.
//!
//! Guaranteed: the account is a fold over the leaves, so whoever has them can recompute it; the same for what the figures
//! are counted from ([`super::facts`]). Appending, drawing anew and checking all go through [`Account::open`] and
//! [`Account::follow`].
//!
//! Publication has one rule, [`Account::publicity`]: texts are shown when the citizen allowed it and the case has been
//! registered. They stay shown when it is withdrawn or merged later; of a case that was withdrawn or merged before it
//! was registered they never are. Of a declined case only the office's explanation is shown. Of a case whose citizen
//! allowed the status alone no text is ever shown, replies included, because an answer reveals the question; that it
//! was given, when and by whom is shown, and the leaf has the commitment.
//!
//! Erasure has one rule, [`Account::is_erased`]: with the private part go the texts and pictures that the citizen gave
//! before. What units wrote stays, and so does what the citizen writes afterwards.

use huying_platform::{codes::RegionPath, ids::CaseId};
use huying_proto::events::v1::{CaseKind, CaseState, Publication};
use jiff::Timestamp;

use super::{
    facts::{Facts, FirstReply, Rating},
    leaf::{Told, What},
};

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
    /// Whom the citizen wrote to.
    pub addressee: Option<Addressee>,
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
    /// Unit that has to act next: after a reply the office, to strike it off. Empty until routing has decided, and when
    /// nobody has to act any more.
    pub responsible_unit: String,
    /// When its time ends.
    pub deadline_at: Option<Timestamp>,
    /// When the time of the whole case ends. One that goes on as part of another keeps the end it had by itself, by which
    /// its own citizen's answer is judged.
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
    /// The first reply, that to the case it is part of included.
    pub first_reply: Option<FirstReply>,
    /// The latest rating.
    pub rating: Option<Rating>,
    /// Times it was returned.
    pub returned: u32,
    /// Extensions granted.
    pub extensions_granted: u32,
    /// Times a unit was put under supervision for it.
    pub supervised: u32,
    /// Times a unit was criticised in a circular for it.
    pub criticised: u32,
    /// When it was closed; `None` while it is not.
    pub closed_at: Option<Timestamp>,
}

/// Whom a citizen wrote to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Addressee {
    /// What it is.
    pub kind: AddresseeKind,
    /// Its code.
    pub code: String,
}

/// What a citizen can write to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AddresseeKind {
    /// A representative 人大代表.
    Representative,
    /// A station 代表联络站.
    Station,
    /// A region, for its office.
    Region,
}

impl AddresseeKind {
    /// The word that leaves use for it, which never changes.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Representative => "representative",
            Self::Station => "station",
            Self::Region => "region",
        }
    }

    /// The other way round; `None` for a word that is not one of these.
    pub fn of_word(word: &str) -> Option<Self> {
        [Self::Representative, Self::Station, Self::Region].into_iter().find(|kind| kind.word() == word)
    }
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
    /// The account after version 1, and what that means for those who have to do with it.
    pub fn open(submitted: &Told<'_>, facts: &mut Facts) -> Self {
        facts.note_submission(submitted);
        Self {
            case_id: submitted.case_id,
            version: submitted.version,
            kind: submitted.kind,
            publication: submitted.publication,
            region: submitted.region.clone(),
            addressee: submitted.addressee.clone(),
            category: submitted.category.to_owned(),
            submitted_at: submitted.submitted_at,
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
            first_reply: None,
            rating: None,
            returned: 0,
            extensions_granted: 0,
            supervised: 0,
            criticised: 0,
            closed_at: None,
        }
    }

    /// Goes on to the next version, and notes what it means for those who have to do with it.
    pub fn follow(&mut self, told: &Told<'_>, facts: &mut Facts) {
        let before = self.clone();
        self.version = told.version;
        self.updated_at = told.occurred_at;
        told.category.clone_into(&mut self.category);
        if let Some(standing) = &told.standing {
            self.state = standing.state;
            standing.holder_office.clone_into(&mut self.holder_office);
            standing.responsible_unit.clone_into(&mut self.responsible_unit);
            self.deadline_at = standing.deadline_at;
            self.case_deadline_at = match standing.state {
                CaseState::Merged => standing.case_deadline_at.or(self.case_deadline_at),
                CaseState::Unspecified
                | CaseState::Submitted
                | CaseState::Registered
                | CaseState::Assigned
                | CaseState::InHandling
                | CaseState::Replied
                | CaseState::Closed
                | CaseState::Declined
                | CaseState::Withdrawn => standing.case_deadline_at,
            };
            self.overdue = standing.overdue;
            self.open_parts = standing.open_parts;
            self.petitioner_count = standing.petitioner_count.max(1);
            self.merged_into = standing.merged_into;
            self.registered |= implies_registration(standing.state);
            self.closed_at = match standing.state {
                CaseState::Closed => self.closed_at.or(Some(told.occurred_at)),
                CaseState::Unspecified
                | CaseState::Submitted
                | CaseState::Registered
                | CaseState::Assigned
                | CaseState::InHandling
                | CaseState::Replied
                | CaseState::Declined
                | CaseState::Withdrawn
                | CaseState::Merged => None,
            };
        }
        match told.what {
            What::CaseRegistered => self.registered = true,
            What::PrivatePartErased => self.erased_before = told.version,
            What::CaseReplied { unit, .. } => {
                unit.clone_into(&mut self.replied_unit);
                self.replied_holder.clone_from(&self.holder_office);
                let at = told.occurred_at;
                self.first_reply.get_or_insert(FirstReply { at, in_time: before.is_in_time(at) });
            }
            What::CaseRated(rating) => self.rating = Some(rating),
            What::CaseReturned { .. } => self.returned += 1,
            What::ExtensionGranted { .. } => self.extensions_granted += 1,
            What::CaseSupervised { .. } => self.supervised += 1,
            What::CriticismCirculated { .. } => self.criticised += 1,
            What::CaseSubmitted
            | What::CaseQueued
            | What::CaseDeclined
            | What::CaseClassified
            | What::CaseAssigned { .. }
            | What::CaseTransferred { .. }
            | What::CaseDelegated { .. }
            | What::CaseEscalated { .. }
            | What::CaseClaimed { .. }
            | What::CaseAccepted
            | What::ProgressReported { .. }
            | What::PartAssigned { .. }
            | What::PartAnswered { .. }
            | What::PartWaived
            | What::ExtensionRequested { .. }
            | What::ExtensionRefused
            | What::CaseReopened
            | What::CaseClosed
            | What::DeadlineNear
            | What::DeadlineExpired { .. }
            | What::CaseUrged { .. }
            | What::CaseMerged
            | What::CaseAbsorbed
            | What::CaseUnmerged
            | What::CaseSplitOff
            | What::CaseWithdrawn
            | What::ClocksRecomputed
            | What::PrivatePartRead => {}
        }
        facts.note(&before, self, told);
    }

    /// Would a reply at this time, to the case as it stands, come no later than its deadline, nor than that of the case as a
    /// whole? Where neither runs it does.
    pub fn is_in_time(&self, at: Timestamp) -> bool {
        [self.deadline_at, self.case_deadline_at].into_iter().flatten().all(|deadline| at <= deadline)
    }

    /// Would it come in time for the unit that gives it, which answers for its own time alone: no later than the deadline,
    /// or, where none runs, than that of the case as a whole?
    pub fn is_in_time_for_its_unit(&self, at: Timestamp) -> bool {
        self.deadline_at.or(self.case_deadline_at).is_none_or(|deadline| at <= deadline)
    }

    /// Names of the fields in which another account of the case says otherwise.
    pub fn differences(&self, other: &Self) -> Vec<&'static str> {
        macro_rules! differences {
            ($($field:ident),* $(,)?) => {{
                // Does not compile without all fields.
                let Self { $($field: _),* } = self;
                [$((stringify!($field), self.$field != other.$field)),*]
            }};
        }
        let differences = differences!(
            case_id,
            version,
            kind,
            publication,
            region,
            addressee,
            category,
            submitted_at,
            updated_at,
            state,
            holder_office,
            responsible_unit,
            deadline_at,
            case_deadline_at,
            overdue,
            open_parts,
            petitioner_count,
            merged_into,
            registered,
            replied_unit,
            replied_holder,
            erased_before,
            first_reply,
            rating,
            returned,
            extensions_granted,
            supervised,
            criticised,
            closed_at,
        );
        differences.into_iter().filter(|(_, differs)| *differs).map(|(field, _)| field).collect()
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
pub(super) fn implies_registration(state: CaseState) -> bool {
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
