//! What can be asked of a case, and in which state.
//!
//! [`state_allows`] is the one table of state and command. Whether the asker may ask is in [`super::authority`], how a refusal is worded in
//! [`super::rejection`].

use huying_platform::{
    codes::{RegionCode, UnitCode},
    directory::Directory,
    ids::CaseId,
};
use huying_proto::events::v1::{DeclineGround, Picture};
use jiff::{SignedDuration, Timestamp};

pub use super::rejection::Rejection;
use super::{
    case::{Case, ExtensionStatus, State},
    limits::Limit,
};

/// How often a case can be returned; after that the office's ruling binds.
pub const RETURNS_MAX: u32 = 2;
/// Length of the history from which no more progress is reported: it is read as a whole by everybody who looks the case up.
pub const REPORTED_UNTIL: u64 = 500;
/// How many parts a case can have, settled ones included.
pub const PARTS_MAX: usize = 20;
/// How deep parts can lie in parts: of the whole, of a part, of a part of a part.
pub const PART_DEPTH_MAX: usize = 3;
/// How many cases can go on as part of one: what one reply is told to in one transaction.
pub const MERGED_MAX: usize = 500;
/// How many representatives can claim a case.
pub const CLAIMS_MAX: usize = 50;

/// A part to be given to a co-handler.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartOrder {
    /// A department in the subtree of the region of whoever gives the part.
    pub unit: UnitCode,
    /// What is asked.
    pub task: String,
    /// A tighter limit than the whole has left.
    pub answer_within: Option<SignedDuration>,
}

/// Something asked of a case.
#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    /// Accept the case from the queue.
    Register,
    /// Do not take it up.
    Decline {
        /// Why not.
        ground: DeclineGround,
        /// For the citizen.
        explanation: String,
    },
    /// Set or correct the category.
    Classify {
        /// Category path of the directory.
        category: String,
    },
    /// Give it to a lead department of the office's own region, and parts to co-handlers.
    Assign {
        /// The lead department.
        unit: UnitCode,
        /// For the department; may be empty.
        note: String,
        /// A tighter limit than the policy's.
        reply_within: Option<SignedDuration>,
        /// What co-handlers have to contribute.
        parts: Vec<PartOrder>,
    },
    /// Give it to another department of the office's own region.
    Transfer {
        /// The other department.
        unit: UnitCode,
        /// Why.
        reason: String,
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
        /// Pictures.
        pictures: Vec<Picture>,
    },
    /// Answer the citizen, for the whole.
    Reply {
        /// What the citizen and the public read.
        text: String,
        /// Pictures.
        pictures: Vec<Picture>,
    },
    /// Answer the citizen directly, as a representative, before the case is assigned.
    Answer {
        /// What the citizen and the public read.
        text: String,
        /// Pictures.
        pictures: Vec<Picture>,
    },
    /// Give a part to a co-handler.
    AssignPart {
        /// The part.
        order: PartOrder,
        /// The part of which it is a part.
        parent: Option<u32>,
    },
    /// Answer a part.
    AnswerPart {
        /// The part.
        number: u32,
        /// What the public reads.
        text: String,
        /// Pictures.
        pictures: Vec<Picture>,
    },
    /// Say that a part need not be answered.
    WaivePart {
        /// The part.
        number: u32,
        /// Why.
        reason: String,
    },
    /// Ask for more time.
    RequestExtension {
        /// How much more.
        limit: Limit,
        /// Why.
        reason: String,
    },
    /// Grant more time.
    GrantExtension {
        /// Less than was asked for; None grants all of it.
        limit: Option<Limit>,
        /// May be empty.
        note: String,
    },
    /// Refuse more time.
    RefuseExtension {
        /// Why.
        reason: String,
    },
    /// Urge the unit that has to act.
    Urge {
        /// What the unit is told.
        text: String,
        /// The part whose co-handler is urged; None for the unit that has to act on the case.
        part: Option<u32>,
    },
    /// Put it under supervision.
    Supervise {
        /// What is demanded.
        demand: String,
    },
    /// Criticise the unit that has to act in a circular.
    Criticise {
        /// The criticism.
        text: String,
    },
    /// Undertake, as a representative, to follow it.
    Claim {
        /// May be empty.
        note: String,
    },
    /// Strike a replied case off.
    Close {
        /// May be empty.
        note: String,
    },
    /// Have a replied or closed case handled again.
    Reopen {
        /// Why.
        reason: String,
    },
    /// Make it part of another case that the same office holds.
    Merge {
        /// The case it becomes part of.
        into: CaseId,
        /// Why.
        reason: String,
    },
    /// Let it go on by itself again.
    Unmerge {
        /// Why.
        reason: String,
    },
    /// Compute its deadlines anew by the calendar and the limits now in force.
    RecomputeClocks {
        /// Why.
        reason: String,
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
    /// The citizen takes the matter back.
    Withdraw {
        /// May be empty.
        reason: String,
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
    /// Let happen what the clocks of the case say happens by itself: acceptance, reminders, the overdue mark, urging, supervision,
    /// criticism, closing.
    RunClocks,
}

impl Command {
    /// Which command it is.
    #[must_use]
    pub const fn name(&self) -> CommandName {
        match self {
            Self::Register => CommandName::Register,
            Self::Decline { .. } => CommandName::Decline,
            Self::Classify { .. } => CommandName::Classify,
            Self::Assign { .. } => CommandName::Assign,
            Self::Transfer { .. } => CommandName::Transfer,
            Self::Delegate { .. } => CommandName::Delegate,
            Self::Escalate { .. } => CommandName::Escalate,
            Self::Accept => CommandName::Accept,
            Self::Return { .. } => CommandName::Return,
            Self::ReportProgress { .. } => CommandName::ReportProgress,
            Self::Reply { .. } => CommandName::Reply,
            Self::Answer { .. } => CommandName::Answer,
            Self::AssignPart { .. } => CommandName::AssignPart,
            Self::AnswerPart { .. } => CommandName::AnswerPart,
            Self::WaivePart { .. } => CommandName::WaivePart,
            Self::RequestExtension { .. } => CommandName::RequestExtension,
            Self::GrantExtension { .. } => CommandName::GrantExtension,
            Self::RefuseExtension { .. } => CommandName::RefuseExtension,
            Self::Urge { .. } => CommandName::Urge,
            Self::Supervise { .. } => CommandName::Supervise,
            Self::Criticise { .. } => CommandName::Criticise,
            Self::Claim { .. } => CommandName::Claim,
            Self::Close { .. } => CommandName::Close,
            Self::Reopen { .. } => CommandName::Reopen,
            Self::Merge { .. } => CommandName::Merge,
            Self::Unmerge { .. } => CommandName::Unmerge,
            Self::RecomputeClocks { .. } => CommandName::RecomputeClocks,
            Self::Rate { .. } => CommandName::Rate,
            Self::Withdraw { .. } => CommandName::Withdraw,
            Self::RecordPrivateRead { .. } => CommandName::RecordPrivateRead,
            Self::RecordErasure { .. } => CommandName::RecordErasure,
            Self::RunClocks => CommandName::RunClocks,
        }
    }
}

/// The commands without what they carry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs)] // Each is documented at its Command.
pub enum CommandName {
    Register,
    Decline,
    Classify,
    Assign,
    Transfer,
    Delegate,
    Escalate,
    Accept,
    Return,
    ReportProgress,
    Reply,
    Answer,
    AssignPart,
    AnswerPart,
    WaivePart,
    RequestExtension,
    GrantExtension,
    RefuseExtension,
    Urge,
    Supervise,
    Criticise,
    Claim,
    Close,
    Reopen,
    Merge,
    Unmerge,
    RecomputeClocks,
    Rate,
    Withdraw,
    RecordPrivateRead,
    RecordErasure,
    RunClocks,
}

impl CommandName {
    /// Every command.
    pub const ALL: [Self; 32] = [
        Self::Register,
        Self::Decline,
        Self::Classify,
        Self::Assign,
        Self::Transfer,
        Self::Delegate,
        Self::Escalate,
        Self::Accept,
        Self::Return,
        Self::ReportProgress,
        Self::Reply,
        Self::Answer,
        Self::AssignPart,
        Self::AnswerPart,
        Self::WaivePart,
        Self::RequestExtension,
        Self::GrantExtension,
        Self::RefuseExtension,
        Self::Urge,
        Self::Supervise,
        Self::Criticise,
        Self::Claim,
        Self::Close,
        Self::Reopen,
        Self::Merge,
        Self::Unmerge,
        Self::RecomputeClocks,
        Self::Rate,
        Self::Withdraw,
        Self::RecordPrivateRead,
        Self::RecordErasure,
        Self::RunClocks,
    ];

    /// The commands that offices, departments and representatives give over gRPC.
    pub const OVER_GRPC: [Self; 27] = [
        Self::Register,
        Self::Decline,
        Self::Classify,
        Self::Assign,
        Self::Transfer,
        Self::Delegate,
        Self::Escalate,
        Self::Accept,
        Self::Return,
        Self::ReportProgress,
        Self::Reply,
        Self::Answer,
        Self::AssignPart,
        Self::AnswerPart,
        Self::WaivePart,
        Self::RequestExtension,
        Self::GrantExtension,
        Self::RefuseExtension,
        Self::Urge,
        Self::Supervise,
        Self::Criticise,
        Self::Claim,
        Self::Close,
        Self::Reopen,
        Self::Merge,
        Self::Unmerge,
        Self::RecomputeClocks,
    ];

    /// The name of its RPC, or what stands in for one where there is none.
    #[must_use]
    pub const fn rpc(self) -> &'static str {
        match self {
            Self::Register => "RegisterCase",
            Self::Decline => "DeclineCase",
            Self::Classify => "ClassifyCase",
            Self::Assign => "AssignCase",
            Self::Transfer => "TransferCase",
            Self::Delegate => "DelegateCase",
            Self::Escalate => "EscalateCase",
            Self::Accept => "AcceptCase",
            Self::Return => "ReturnCase",
            Self::ReportProgress => "ReportProgress",
            Self::Reply => "ReplyCase",
            Self::Answer => "AnswerCase",
            Self::AssignPart => "AssignPart",
            Self::AnswerPart => "AnswerPart",
            Self::WaivePart => "WaivePart",
            Self::RequestExtension => "RequestExtension",
            Self::GrantExtension => "GrantExtension",
            Self::RefuseExtension => "RefuseExtension",
            Self::Urge => "UrgeCase",
            Self::Supervise => "SuperviseCase",
            Self::Criticise => "CirculateCriticism",
            Self::Claim => "ClaimCase",
            Self::Close => "CloseCase",
            Self::Reopen => "ReopenCase",
            Self::Merge => "MergeCase",
            Self::Unmerge => "UnmergeCase",
            Self::RecomputeClocks => "RecomputeClocks",
            Self::Rate => "RateCase",
            Self::Withdraw => "WithdrawCase",
            Self::RecordPrivateRead => "RecordPrivateRead",
            Self::RecordErasure => "RecordErasure",
            Self::RunClocks => "RunClocks",
        }
    }
}

/// Whether a state lets a command through at all. The rest depends on the case: see [`Rejection`].
#[must_use]
pub const fn state_allows(state: State, command: CommandName) -> bool {
    use State::{Assigned, Closed, InHandling, Merged, Registered, Replied, Submitted};
    match command {
        CommandName::Register | CommandName::Decline => matches!(state, Submitted),
        CommandName::Classify => matches!(state, Submitted | Registered | Assigned | InHandling),
        CommandName::Assign => matches!(state, Registered),
        CommandName::Transfer => matches!(state, Assigned | InHandling),
        CommandName::Delegate | CommandName::Escalate => {
            matches!(state, Submitted | Registered | Assigned | InHandling)
        }
        CommandName::Accept => matches!(state, Assigned),
        CommandName::Return => matches!(state, Assigned | InHandling),
        CommandName::ReportProgress => matches!(state, Submitted | Registered | Assigned | InHandling),
        CommandName::Reply => matches!(state, InHandling),
        CommandName::Answer => matches!(state, Submitted | Registered),
        CommandName::AssignPart => matches!(state, Assigned | InHandling),
        // A case that was returned keeps its parts: their clocks go on, and so does the work.
        CommandName::AnswerPart | CommandName::WaivePart => {
            matches!(state, Registered | Assigned | InHandling)
        }
        CommandName::RequestExtension => matches!(state, Assigned | InHandling),
        CommandName::GrantExtension | CommandName::RefuseExtension => matches!(state, Assigned | InHandling),
        CommandName::Urge | CommandName::Supervise | CommandName::Criticise => {
            matches!(state, Submitted | Registered | Assigned | InHandling)
        }
        CommandName::Claim => matches!(state, Submitted | Registered | Assigned | InHandling | Replied),
        CommandName::Close => matches!(state, Replied),
        CommandName::Reopen => matches!(state, Replied | Closed),
        CommandName::Merge => matches!(state, Submitted | Registered | Assigned | InHandling),
        CommandName::Unmerge => matches!(state, Merged),
        CommandName::RecomputeClocks => matches!(state, Submitted | Registered | Assigned | InHandling),
        CommandName::Rate => matches!(state, Replied | Closed | Merged),
        CommandName::Withdraw => matches!(state, Submitted | Registered | Assigned | InHandling | Merged),
        CommandName::RecordPrivateRead | CommandName::RecordErasure => true,
        CommandName::RunClocks => state.is_open(),
    }
}

/// The commands that would be taken now from whoever may give them, for answers and refusals.
#[must_use]
pub fn allowed_commands(case: &Case, directory: &Directory, now: Timestamp) -> Vec<CommandName> {
    CommandName::OVER_GRPC
        .into_iter()
        .filter(|&command| state_allows(case.state, command))
        .filter(|&command| circumstances_allow(case, command, directory, now))
        .collect()
}

/// Whether a command that the state lets through can be right with any content.
fn circumstances_allow(case: &Case, command: CommandName, directory: &Directory, now: Timestamp) -> bool {
    let region =
        directory.unit(case.holder_office.as_str()).and_then(|office| directory.region(&office.region));
    let asked = case.extension.as_ref().map(|extension| extension.status);
    let is_on_time = case.duty.as_ref().is_some_and(|duty| now < duty.clock.due_at);
    let has_open_parts = case.open_parts().next().is_some();
    match command {
        CommandName::Return => case.return_count < RETURNS_MAX,
        CommandName::Escalate => region.is_some_and(|region| !region.parent.is_empty()),
        CommandName::Delegate => region.is_some_and(|region| !directory.children_of(&region.code).is_empty()),
        CommandName::Reply => !has_open_parts,
        CommandName::AnswerPart | CommandName::WaivePart => has_open_parts,
        CommandName::AssignPart => case.parts.len() < PARTS_MAX,
        CommandName::RequestExtension => asked.is_none() && !case.was_extended() && is_on_time,
        CommandName::GrantExtension | CommandName::RefuseExtension => {
            asked == Some(ExtensionStatus::Requested)
        }
        CommandName::Claim => case.claimed_by.len() < CLAIMS_MAX,
        CommandName::ReportProgress => case.version < REPORTED_UNTIL,
        CommandName::Decline | CommandName::Merge | CommandName::Withdraw => case.merged.is_empty(),
        CommandName::Urge => next_urging(case).is_none_or(|next| next <= now),
        CommandName::Register
        | CommandName::Classify
        | CommandName::Assign
        | CommandName::Transfer
        | CommandName::Accept
        | CommandName::Answer
        | CommandName::Supervise
        | CommandName::Criticise
        | CommandName::Close
        | CommandName::Reopen
        | CommandName::Unmerge
        | CommandName::RecomputeClocks
        | CommandName::Rate
        | CommandName::RecordPrivateRead
        | CommandName::RecordErasure
        | CommandName::RunClocks => true,
    }
}

/// From when on a case can be urged by hand again; None when it never was.
#[must_use]
pub fn next_urging(case: &Case) -> Option<Timestamp> {
    case.urged_at.map(|urged_at| urged_at.saturating_add(URGE_PAUSE).unwrap_or(Timestamp::MAX))
}

/// How long after an urging by hand the next one can come; urging by itself does not count.
pub const URGE_PAUSE: SignedDuration = SignedDuration::from_hours(24);
