//! A case as the rules see it.
//!
//! Guarantees by its shape that an open case has exactly one responsible unit and one live deadline ([`Duty`]), and
//! a closed one has neither. Who may change a case, and how, is in [`super::authority`] and [`super::decide`].

use huying_platform::{codes::UnitCode, ids::CaseId, status};
use huying_proto::events::v1::{self as proto, CaseKind, CaseState};
use jiff::Timestamp;

/// Where a case stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum State {
    /// 已提交: waits in an office's queue.
    Submitted,
    /// 已登记: accepted by an office, waits to be assigned.
    Registered,
    /// 已交办: a department has it and has not accepted yet.
    Assigned,
    /// 办理中: a department handles it.
    InHandling,
    /// 已答复: answered, waits for the citizen's word or for closing.
    Replied,
    /// 已办结: struck off.
    Closed,
}

impl State {
    /// Every state, in the order of the life of a case.
    pub const ALL: [Self; 6] =
        [Self::Submitted, Self::Registered, Self::Assigned, Self::InHandling, Self::Replied, Self::Closed];

    /// The states of a case that somebody still has to act on.
    pub const OPEN: [Self; 5] =
        [Self::Submitted, Self::Registered, Self::Assigned, Self::InHandling, Self::Replied];

    /// The state as it stands in contracts.
    #[must_use]
    pub const fn to_proto(self) -> CaseState {
        match self {
            Self::Submitted => CaseState::Submitted,
            Self::Registered => CaseState::Registered,
            Self::Assigned => CaseState::Assigned,
            Self::InHandling => CaseState::InHandling,
            Self::Replied => CaseState::Replied,
            Self::Closed => CaseState::Closed,
        }
    }

    /// Reads a state from a contract or a row; None for a number that names none.
    #[must_use]
    pub fn from_number(number: i32) -> Option<Self> {
        match CaseState::try_from(number).ok()? {
            CaseState::Unspecified => None,
            CaseState::Submitted => Some(Self::Submitted),
            CaseState::Registered => Some(Self::Registered),
            CaseState::Assigned => Some(Self::Assigned),
            CaseState::InHandling => Some(Self::InHandling),
            CaseState::Replied => Some(Self::Replied),
            CaseState::Closed => Some(Self::Closed),
        }
    }

    /// The name used in errors, as in the contract without its prefix.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Submitted => "SUBMITTED",
            Self::Registered => "REGISTERED",
            Self::Assigned => "ASSIGNED",
            Self::InHandling => "IN_HANDLING",
            Self::Replied => "REPLIED",
            Self::Closed => "CLOSED",
        }
    }
}

/// What has to be done in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Stage {
    /// The holding office has to register and assign.
    Assign,
    /// The department has to reply.
    Reply,
    /// The citizen may rate; then the case closes by itself.
    Rate,
}

impl Stage {
    /// The stage as it stands in contracts.
    #[must_use]
    pub const fn to_proto(self) -> proto::DeadlineKind {
        match self {
            Self::Assign => proto::DeadlineKind::Assign,
            Self::Reply => proto::DeadlineKind::Reply,
            Self::Rate => proto::DeadlineKind::Rate,
        }
    }

    /// Reads a stage from a row; None for a number that names none.
    #[must_use]
    pub fn from_number(number: i32) -> Option<Self> {
        match proto::DeadlineKind::try_from(number).ok()? {
            proto::DeadlineKind::Unspecified => None,
            proto::DeadlineKind::Assign => Some(Self::Assign),
            proto::DeadlineKind::Reply => Some(Self::Reply),
            proto::DeadlineKind::Rate => Some(Self::Rate),
        }
    }
}

/// Who has to act on an open case, and by when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Duty {
    /// The unit that has to act next: a department, or the holding office.
    pub unit: UnitCode,
    /// What it has to do.
    pub stage: Stage,
    /// When its time ends, or when it is reminded next.
    pub due_at: Timestamp,
    /// How often the deadline of this stage has expired.
    pub expiries: u32,
}

/// A case. Its history is its events; this is the sum of them that decisions need.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Case {
    /// The case.
    pub id: CaseId,
    /// Version of the last event: 1 after submission.
    pub version: u64,
    /// What the citizen's matter is.
    pub kind: CaseKind,
    /// Where it stands.
    pub state: State,
    /// The office that holds it; the last one when it is closed.
    pub holder_office: UnitCode,
    /// The department it was assigned to last; a reopened case goes back to it.
    pub department: Option<UnitCode>,
    /// Who has to act by when; None exactly when the case is closed.
    pub duty: Option<Duty>,
    /// True from the first expired deadline of the stage until the unit leaves the stage.
    pub overdue: bool,
    /// How often departments have returned it: 0 to [`super::command::RETURNS_MAX`].
    pub return_count: u32,
    /// How often the citizen has been answered.
    pub reply_count: u32,
    /// The number of the reply that was rated last; 0 before the first rating.
    pub rated_reply: u32,
    /// Every unit that ever held it or was responsible for it, in order of their first time.
    pub units: Vec<UnitCode>,
    /// When it last changed.
    pub updated_at: Timestamp,
}

impl Case {
    /// How the case stands, in the words of the contract.
    #[must_use]
    pub fn standing(&self) -> proto::Standing {
        proto::Standing {
            state: self.state.to_proto().into(),
            holder_office: self.holder_office.to_string(),
            responsible_unit: self.duty.as_ref().map(|duty| duty.unit.to_string()).unwrap_or_default(),
            deadline_at_us: self.duty.as_ref().map_or(0, |duty| status::micros(duty.due_at)),
            overdue: self.overdue,
        }
    }

    /// Whether a unit ever held the case or was responsible for it.
    #[must_use]
    pub fn has_passed(&self, unit: &str) -> bool {
        self.units.iter().any(|passed| passed.as_str() == unit)
    }

    /// Makes a unit responsible for a stage that begins now; what was overdue before is done with.
    pub(super) fn give_duty(&mut self, unit: UnitCode, stage: Stage, due_at: Timestamp) {
        self.remember(&unit);
        self.duty = Some(Duty { unit, stage, due_at, expiries: 0 });
        self.overdue = false;
    }

    /// Hands the case to an office.
    pub(super) fn give_to_office(&mut self, office: UnitCode) {
        self.remember(&office);
        self.holder_office = office;
    }

    fn remember(&mut self, unit: &UnitCode) {
        if !self.units.contains(unit) {
            self.units.push(unit.clone());
        }
    }
}
