//! What can be asked of a case, in which state, and how a refusal is worded.
//!
//! [`state_allows`] is the one table of state and command. Whether the asker may ask is in [`super::authority`].

use huying_platform::{
    codes::{RegionCode, UnitCode},
    directory::Directory,
};
use jiff::SignedDuration;

use super::case::{Case, State};

/// How often a case can be returned; after that the office's ruling binds.
pub const RETURNS_MAX: u32 = 2;

/// Something asked of a case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// Accept the case from the queue.
    Register,
    /// Give it to a department of the office's own region.
    Assign {
        /// The department.
        unit: UnitCode,
        /// For the department; may be empty.
        note: String,
        /// A tighter limit than the policy's.
        reply_within: Option<SignedDuration>,
    },
    /// Hand it to an office directly below.
    Delegate {
        /// Region of that office.
        region: RegionCode,
        /// Why.
        reason: String,
    },
    /// Hand it to the office above.
    Escalate {
        /// Why.
        reason: String,
    },
    /// Take it up.
    Accept,
    /// Give it back to the office.
    Return {
        /// The legal ground.
        legal_basis: String,
        /// Whose it is instead.
        proposed_unit: UnitCode,
    },
    /// Tell how far it is.
    ReportProgress {
        /// What the public reads.
        text: String,
    },
    /// Answer the citizen.
    Reply {
        /// What the citizen and the public read.
        text: String,
    },
    /// Strike a replied case off.
    Close {
        /// May be empty.
        note: String,
    },
    /// The citizen's judgement of the latest reply.
    Rate {
        /// Is the matter resolved?
        resolved: bool,
        /// Is the citizen satisfied?
        satisfied: bool,
        /// May be empty.
        comment: String,
        /// Handle it again.
        reopen: bool,
    },
    /// Enter in the history that the private part has been read. It has happened, so no state refuses it.
    RecordPrivateRead {
        /// Why it was read.
        purpose: String,
    },
    /// Enter in the history that the private part has been erased. It has happened, so no state refuses it.
    RecordErasure {
        /// The ground.
        ground: String,
    },
    /// The deadline of the present stage has passed.
    ExpireDeadline,
}

impl Command {
    /// Which command it is.
    #[must_use]
    pub const fn name(&self) -> CommandName {
        match self {
            Self::Register => CommandName::Register,
            Self::Assign { .. } => CommandName::Assign,
            Self::Delegate { .. } => CommandName::Delegate,
            Self::Escalate { .. } => CommandName::Escalate,
            Self::Accept => CommandName::Accept,
            Self::Return { .. } => CommandName::Return,
            Self::ReportProgress { .. } => CommandName::ReportProgress,
            Self::Reply { .. } => CommandName::Reply,
            Self::Close { .. } => CommandName::Close,
            Self::Rate { .. } => CommandName::Rate,
            Self::RecordPrivateRead { .. } => CommandName::RecordPrivateRead,
            Self::RecordErasure { .. } => CommandName::RecordErasure,
            Self::ExpireDeadline => CommandName::ExpireDeadline,
        }
    }
}

/// The commands without what they carry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs)] // Each is documented at its Command.
pub enum CommandName {
    Register,
    Assign,
    Delegate,
    Escalate,
    Accept,
    Return,
    ReportProgress,
    Reply,
    Close,
    Rate,
    RecordPrivateRead,
    RecordErasure,
    ExpireDeadline,
}

impl CommandName {
    /// Every command.
    pub const ALL: [Self; 13] = [
        Self::Register,
        Self::Assign,
        Self::Delegate,
        Self::Escalate,
        Self::Accept,
        Self::Return,
        Self::ReportProgress,
        Self::Reply,
        Self::Close,
        Self::Rate,
        Self::RecordPrivateRead,
        Self::RecordErasure,
        Self::ExpireDeadline,
    ];

    /// The commands that offices and departments give over gRPC.
    pub const OF_UNITS: [Self; 9] = [
        Self::Register,
        Self::Assign,
        Self::Delegate,
        Self::Escalate,
        Self::Accept,
        Self::Return,
        Self::ReportProgress,
        Self::Reply,
        Self::Close,
    ];

    /// The name of its RPC, or what stands in for one where there is none.
    #[must_use]
    pub const fn rpc(self) -> &'static str {
        match self {
            Self::Register => "RegisterCase",
            Self::Assign => "AssignCase",
            Self::Delegate => "DelegateCase",
            Self::Escalate => "EscalateCase",
            Self::Accept => "AcceptCase",
            Self::Return => "ReturnCase",
            Self::ReportProgress => "ReportProgress",
            Self::Reply => "ReplyCase",
            Self::Close => "CloseCase",
            Self::Rate => "RateCase",
            Self::RecordPrivateRead => "RecordPrivateRead",
            Self::RecordErasure => "RecordErasure",
            Self::ExpireDeadline => "ExpireDeadline",
        }
    }
}

/// Whether a state lets a command through at all. The rest depends on the case: see [`Rejection`].
#[must_use]
pub const fn state_allows(state: State, command: CommandName) -> bool {
    match command {
        CommandName::Register => matches!(state, State::Submitted),
        CommandName::Assign => matches!(state, State::Registered),
        CommandName::Delegate | CommandName::Escalate => {
            matches!(state, State::Registered | State::Assigned | State::InHandling)
        }
        CommandName::Accept => matches!(state, State::Assigned),
        CommandName::Return => matches!(state, State::Assigned | State::InHandling),
        CommandName::ReportProgress | CommandName::Reply => matches!(state, State::InHandling),
        CommandName::Close => matches!(state, State::Replied),
        CommandName::Rate => matches!(state, State::Replied | State::Closed),
        CommandName::RecordPrivateRead | CommandName::RecordErasure => true,
        CommandName::ExpireDeadline => !matches!(state, State::Closed),
    }
}

/// The commands of units that would be taken now, for answers and refusals.
#[must_use]
pub fn allowed_commands(case: &Case, directory: &Directory) -> Vec<CommandName> {
    let region =
        directory.unit(case.holder_office.as_str()).and_then(|office| directory.region(&office.region));
    CommandName::OF_UNITS
        .into_iter()
        .filter(|&command| state_allows(case.state, command))
        .filter(|&command| match command {
            CommandName::Return => case.return_count < RETURNS_MAX,
            CommandName::Escalate => region.is_some_and(|region| !region.parent.is_empty()),
            CommandName::Delegate => {
                region.is_some_and(|region| !directory.children_of(&region.code).is_empty())
            }
            CommandName::Register
            | CommandName::Assign
            | CommandName::Accept
            | CommandName::ReportProgress
            | CommandName::Reply
            | CommandName::Close
            | CommandName::Rate
            | CommandName::RecordPrivateRead
            | CommandName::RecordErasure
            | CommandName::ExpireDeadline => true,
        })
        .collect()
}

/// Why a command changes nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// The state does not let the command through.
    #[error("a case in state {} does not take {}", state.name(), command.rpc())]
    StateDoesNotAllow {
        /// Where the case stands.
        state: State,
        /// What was asked.
        command: CommandName,
    },
    /// It has been returned as often as a case can be.
    #[error("the case has been returned {RETURNS_MAX} times; the office's ruling binds")]
    ReturnsUsedUp,
    /// There is no office to escalate to.
    #[error("office {office} has no office above it")]
    NoOfficeAbove {
        /// The holding office.
        office: UnitCode,
    },
    /// The latest reply has its rating.
    #[error("reply {reply_number} has been rated already; each reply is rated once")]
    AlreadyRated {
        /// The reply.
        reply_number: u32,
    },
    /// Reopening needs a replied case and an unresolved matter.
    #[error("a case is handled again only when it stands replied and the matter is not resolved")]
    CannotReopen,
    /// The time has not come.
    #[error("the deadline has not passed")]
    NotDue,
    /// What the command names does not fit the case.
    #[error("{field} {problem}")]
    Unfit {
        /// The field of the request.
        field: &'static str,
        /// What is wrong, and what would be right.
        problem: String,
    },
}

impl Rejection {
    /// The reason for programs, in a refusal told to intake.
    #[must_use]
    pub const fn reason(&self) -> &'static str {
        match self {
            Self::StateDoesNotAllow { .. } => "STATE_DOES_NOT_ALLOW",
            Self::ReturnsUsedUp => "RETURNS_USED_UP",
            Self::NoOfficeAbove { .. } => "NO_OFFICE_ABOVE",
            Self::AlreadyRated { .. } => "ALREADY_RATED",
            Self::CannotReopen => "CANNOT_REOPEN",
            Self::NotDue => "NOT_DUE",
            Self::Unfit { .. } => "UNFIT",
        }
    }
}
