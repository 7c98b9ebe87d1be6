//! A case as the rules see it.
//!
//! Guarantees by its shape that an open case has exactly one responsible unit and one live deadline ([`Duty`]), and
//! every other has neither. Who may change a case, and how, is in [`super::authority`] and [`super::decide`].

use huying_platform::{
    codes::{RepresentativeCode, UnitCode},
    ids::CaseId,
    status,
};
use huying_proto::events::v1::{self as proto, CaseHeader, CaseKind, CaseState};
use jiff::Timestamp;

use super::{clocks::Clock, limits::Limit};

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
    /// 不予受理: not taken up, with a published ground.
    Declined,
    /// 已撤回: taken back by the citizen.
    Withdrawn,
    /// 已并案: goes on as part of another case.
    Merged,
}

impl State {
    /// Every state, in the order of the life of a case; the three that end or leave it early come last.
    pub const ALL: [Self; 9] = [
        Self::Submitted,
        Self::Registered,
        Self::Assigned,
        Self::InHandling,
        Self::Replied,
        Self::Closed,
        Self::Declined,
        Self::Withdrawn,
        Self::Merged,
    ];

    /// The states of a case that somebody still has to act on.
    pub const OPEN: [Self; 5] =
        [Self::Submitted, Self::Registered, Self::Assigned, Self::InHandling, Self::Replied];

    /// Whether somebody still has to act on a case in this state.
    #[must_use]
    pub const fn is_open(self) -> bool {
        match self {
            Self::Submitted | Self::Registered | Self::Assigned | Self::InHandling | Self::Replied => true,
            Self::Closed | Self::Declined | Self::Withdrawn | Self::Merged => false,
        }
    }

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
            Self::Declined => CaseState::Declined,
            Self::Withdrawn => CaseState::Withdrawn,
            Self::Merged => CaseState::Merged,
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
            CaseState::Declined => Some(Self::Declined),
            CaseState::Withdrawn => Some(Self::Withdrawn),
            CaseState::Merged => Some(Self::Merged),
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
            Self::Declined => "DECLINED",
            Self::Withdrawn => "WITHDRAWN",
            Self::Merged => "MERGED",
        }
    }
}

/// What the responsible unit has to do in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Stage {
    /// The holding office has to register or decline.
    Register,
    /// The holding office has to assign.
    Assign,
    /// The department has to reply.
    Reply,
    /// The citizen may rate; then the case closes by itself.
    Rate,
}

impl Stage {
    /// Every stage.
    pub const ALL: [Self; 4] = [Self::Register, Self::Assign, Self::Reply, Self::Rate];

    /// The stage as it stands in contracts.
    #[must_use]
    pub const fn to_proto(self) -> proto::DeadlineKind {
        match self {
            Self::Register => proto::DeadlineKind::Register,
            Self::Assign => proto::DeadlineKind::Assign,
            Self::Reply => proto::DeadlineKind::Reply,
            Self::Rate => proto::DeadlineKind::Rate,
        }
    }

    /// Reads a stage from a contract or a row; None for a number that names none.
    #[must_use]
    pub fn from_number(number: i32) -> Option<Self> {
        match proto::DeadlineKind::try_from(number).ok()? {
            proto::DeadlineKind::Register => Some(Self::Register),
            proto::DeadlineKind::Assign => Some(Self::Assign),
            proto::DeadlineKind::Reply => Some(Self::Reply),
            proto::DeadlineKind::Rate => Some(Self::Rate),
            // These are clocks that run beside a stage.
            proto::DeadlineKind::Unspecified | proto::DeadlineKind::Case | proto::DeadlineKind::Part => None,
        }
    }
}

/// Something that happens by itself. What comes first here happens first when several fall on one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Alarm {
    /// The assignment counts as accepted.
    Acceptance,
    /// The next step of the stage's ladder.
    Stage,
    /// The time to rate ends, and the case closes.
    Closing,
    /// The time of the whole case ends.
    Whole,
    /// The next step of a part's ladder.
    Part(u32),
}

/// Who has to act on an open case, and by when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Duty {
    /// The unit that has to act next: a department, or the holding office.
    pub unit: UnitCode,
    /// What it has to do.
    pub stage: Stage,
    /// The clock of this hop: it begins anew with each unit.
    pub clock: Clock,
}

/// The clock of the whole case. It goes on whoever has the case; only a granted extension, a reopening or a logged
/// recomputation moves its end, and none but the last brings it nearer. Merging it and taking it out again moves nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WholeClock {
    /// When it began: with the submission, or with the reopening.
    pub began_at: Timestamp,
    /// When it ends.
    pub due_at: Timestamp,
    /// Whether its expiry has been entered.
    pub expired: bool,
    /// The policies it was computed by, as text; frozen with it.
    pub rule: String,
    /// Revision of the calendar it was computed by; frozen with it.
    pub calendar_revision: u64,
}

/// What stands in a clock's rule before each extension of it.
pub(super) const EXTENDED_BY: &str = " + ";

/// Where a part stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PartStatus {
    /// Waits for its co-handler's answer.
    Open,
    /// Answered.
    Answered,
    /// Need not be answered any more.
    Waived,
}

/// What a co-handler has to contribute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// Number within the case, from 1; never used again.
    pub number: u32,
    /// The part of which this is a part; None when it is of the whole.
    pub parent: Option<u32>,
    /// The co-handler.
    pub unit: UnitCode,
    /// The office, department or co-handler that gave it.
    pub given_by: UnitCode,
    /// What is asked.
    pub task: String,
    /// Where it stands.
    pub status: PartStatus,
    /// Its clock.
    pub clock: Clock,
}

/// What became of a request for more time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ExtensionStatus {
    /// The office has not decided.
    Requested,
    /// More time was granted.
    Granted,
    /// None was.
    Refused,
}

/// A request for more time; at most one a department, and none once one was granted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Extension {
    /// What became of it.
    pub status: ExtensionStatus,
    /// How much was asked for, or granted.
    pub limit: Limit,
    /// Why.
    pub reason: String,
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
    /// Category path; empty while there is none.
    pub category: String,
    /// Where it stands.
    pub state: State,
    /// The office that holds it; the last one when it is not open.
    pub holder_office: UnitCode,
    /// The department it was assigned to last; a reopened case goes back to it.
    pub department: Option<UnitCode>,
    /// Who has to act by when; None exactly when the case is not open.
    pub duty: Option<Duty>,
    /// The clock of the whole case; None when the case is not open, and while it stands replied. That of a merged case
    /// waits, and goes on where it was if the case goes on alone before it was answered.
    pub whole: Option<WholeClock>,
    /// When the department counts as having accepted; Some exactly in state Assigned.
    pub accepted_by_itself_at: Option<Timestamp>,
    /// Parts of co-handlers, by number; settled ones stay.
    pub parts: Vec<Part>,
    /// The request for more time since the last dispatch, if there was one.
    pub extension: Option<Extension>,
    /// How often departments have returned it: 0 to [`super::command::RETURNS_MAX`].
    pub return_count: u32,
    /// How often the citizen has been answered.
    pub reply_count: u32,
    /// The number of the reply that was rated last; 0 before the first rating.
    pub rated_reply: u32,
    /// How often somebody was urged, by hand or by itself.
    pub urge_count: u32,
    /// When it was last urged by hand.
    pub urged_at: Option<Timestamp>,
    /// Whether it has been put under supervision.
    pub supervised: bool,
    /// Whether criticism has been circulated.
    pub criticised: bool,
    /// Representatives who have claimed it, in order.
    pub claimed_by: Vec<RepresentativeCode>,
    /// The case it goes on as part of; Some exactly in state Merged, and afterwards when it was closed with it.
    pub merged_into: Option<CaseId>,
    /// The cases that go on as part of this one, in order; at most [`super::command::MERGED_MAX`].
    pub merged: Vec<CaseId>,
    /// Every unit that ever held it, was responsible for it or for a part of it, in order of their first time.
    pub units: Vec<UnitCode>,
    /// When it last changed.
    pub updated_at: Timestamp,
}

impl Case {
    /// How the case stands, in the words of the contract.
    #[must_use]
    pub fn standing(&self) -> proto::Standing {
        let merged_into = self.merged_into.filter(|_| self.state == State::Merged);
        proto::Standing {
            state: self.state.to_proto().into(),
            holder_office: self.holder_office.to_string(),
            responsible_unit: self.duty.as_ref().map(|duty| duty.unit.to_string()).unwrap_or_default(),
            deadline_at_us: self.duty.as_ref().map_or(0, |duty| status::micros(duty.clock.due_at)),
            overdue: self.is_overdue(),
            case_deadline_at_us: self.running_whole().map_or(0, |whole| status::micros(whole.due_at)),
            open_parts: u32::try_from(self.open_parts().count()).unwrap_or(u32::MAX),
            petitioner_count: u32::try_from(1 + self.merged.len()).unwrap_or(u32::MAX),
            merged_into: merged_into.map(|id| id.to_string()).unwrap_or_default(),
        }
    }

    /// The public overdue mark: the clock of the stage, of the whole case or of an open part has run out.
    #[must_use]
    pub fn is_overdue(&self) -> bool {
        self.duty.as_ref().is_some_and(|duty| duty.stage != Stage::Rate && duty.clock.is_overdue())
            || self.running_whole().is_some_and(|whole| whole.expired)
            || self.open_parts().any(|part| part.clock.is_overdue())
    }

    /// The clock of the whole case as far as it is this case that is being handled.
    fn running_whole(&self) -> Option<&WholeClock> {
        self.whole.as_ref().filter(|_| self.duty.is_some())
    }

    /// When something happens by itself next; None when nothing does.
    #[must_use]
    pub fn next_alarm(&self) -> Option<Timestamp> {
        self.next_event().map(|(at, _)| at)
    }

    /// What happens by itself next, and when; of several at one moment the first by [`Alarm`].
    pub(super) fn next_event(&self) -> Option<(Timestamp, Alarm)> {
        let duty = self.duty.as_ref()?;
        let stage = match duty.stage {
            // Nobody is reminded of rating; the case closes when the time ends.
            Stage::Rate => Some((duty.clock.due_at, Alarm::Closing)),
            Stage::Register | Stage::Assign | Stage::Reply => {
                duty.clock.next_alarm().map(|at| (at, Alarm::Stage))
            }
        };
        let acceptance = self.accepted_by_itself_at.map(|at| (at, Alarm::Acceptance));
        let whole =
            self.whole.as_ref().filter(|whole| !whole.expired).map(|whole| (whole.due_at, Alarm::Whole));
        let parts = self
            .open_parts()
            .filter_map(|part| part.clock.next_alarm().map(|at| (at, Alarm::Part(part.number))));
        stage.into_iter().chain(acceptance).chain(whole).chain(parts).min()
    }

    /// The parts that are neither answered nor waived, by number.
    pub fn open_parts(&self) -> impl Iterator<Item = &Part> {
        self.parts.iter().filter(|part| part.status == PartStatus::Open)
    }

    /// A part.
    #[must_use]
    pub fn part(&self, number: u32) -> Option<&Part> {
        self.parts.iter().find(|part| part.number == number)
    }

    /// Whether more time has been granted since the submission or the last reopening.
    #[must_use]
    pub fn was_extended(&self) -> bool {
        let last = self.whole.as_ref().and_then(|whole| whole.rule.rsplit(EXTENDED_BY).next());
        last.is_some_and(|piece| piece.parse::<Limit>().is_ok())
    }

    /// Whether a unit ever held the case or was responsible for it or a part of it.
    #[must_use]
    pub fn has_passed(&self, unit: &str) -> bool {
        self.units.iter().any(|passed| passed.as_str() == unit)
    }

    /// The header as the case's next events carry it: as submitted, with the category of now, and those who claimed it
    /// among the representatives who hear of it.
    #[must_use]
    pub fn header(&self, submitted: &CaseHeader) -> CaseHeader {
        let mut header = submitted.clone();
        header.category.clone_from(&self.category);
        for claimed in &self.claimed_by {
            if !header.representative_codes.iter().any(|code| code == claimed.as_str()) {
                header.representative_codes.push(claimed.to_string());
            }
        }
        header
    }

    /// Makes a unit responsible for a stage whose clock begins now.
    pub(super) fn give_duty(&mut self, unit: UnitCode, stage: Stage, clock: Clock) {
        self.remember(&unit);
        self.duty = Some(Duty { unit, stage, clock });
    }

    /// Hands the case to an office.
    pub(super) fn give_to_office(&mut self, office: UnitCode) {
        self.remember(&office);
        self.holder_office = office;
    }

    pub(super) fn remember(&mut self, unit: &UnitCode) {
        if !self.units.contains(unit) {
            self.units.push(unit.clone());
        }
    }
}
