//! Why a command is refused: for programs a reason, for people a sentence that says what would be right.

use huying_platform::{codes::UnitCode, ids::CaseId};
use jiff::Timestamp;

use super::{
    case::State,
    command::{CLAIMS_MAX, CommandName, MERGED_MAX, PARTS_MAX, REPORTED_UNTIL, RETURNS_MAX},
};

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
    /// The unit had the case or a part of it once, and has it no more; or has but a part.
    #[error("{unit} is not responsible for the case; {responsible} has to act on it")]
    NotResponsible {
        /// Who asked.
        unit: String,
        /// Who has to act; "nobody" when the case is not open.
        responsible: String,
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
    /// Parts are neither answered nor waived.
    #[error("{} neither answered nor waived", parts_are(numbers))]
    PartsOpen {
        /// Their numbers.
        numbers: Vec<u32>,
    },
    /// The part has been answered or waived.
    #[error("part {number} has been answered or waived already")]
    PartSettled {
        /// Its number.
        number: u32,
    },
    /// The part is somebody else's.
    #[error("part {number} is not for {unit} to decide on")]
    NotYourPart {
        /// Its number.
        number: u32,
        /// Who asked.
        unit: String,
    },
    /// There are as many parts as a case can have.
    #[error("the case has {PARTS_MAX} parts, which is as many as a case can have")]
    PartsUsedUp,
    /// The time is over.
    #[error("the time ended at {due_at}; more of it is asked for before")]
    ExtensionTooLate {
        /// When it ended.
        due_at: Timestamp,
    },
    /// More time was asked for before.
    #[error("more time has been asked for once already")]
    ExtensionUsedUp,
    /// Nobody asked for more time, or it has been decided.
    #[error("no request for more time waits for a decision")]
    NoExtensionRequested,
    /// It was urged a short time ago.
    #[error("the case has been urged already; the next urging can come from {next_at} on")]
    UrgedAlready {
        /// From when on.
        next_at: Timestamp,
    },
    /// The representative has claimed it.
    #[error("representative {code} has claimed the case already")]
    ClaimedAlready {
        /// Who asked.
        code: String,
    },
    /// Its history is as long as reports of progress may make it.
    #[error(
        "the case has {REPORTED_UNTIL} events or more; it takes no more reports of progress, and still takes an answer"
    )]
    ReportsUsedUp,
    /// As many have claimed it as can.
    #[error("{CLAIMS_MAX} representatives have claimed the case, which is as many as can")]
    ClaimsUsedUp,
    /// A case would be part of itself.
    #[error("a case cannot go on as part of itself")]
    MergeIntoItself,
    /// The other case is unknown, or not one the caller's office holds.
    #[error("the office holds no case {case_id}")]
    OtherCaseUnknown {
        /// The other case.
        case_id: CaseId,
    },
    /// The other case is past handling.
    #[error("the other case is in state {}; one that is submitted, registered, assigned or in handling would be right", state.name())]
    OtherCasePastHandling {
        /// Where the other case stands.
        state: State,
    },
    /// Cases go on as part of this one.
    #[error("{} as part of this one", others_go_on(*count))]
    HasMergedCases {
        /// How many.
        count: usize,
    },
    /// As many cases go on as part of the other as can.
    #[error("{MERGED_MAX} cases go on as part of the other one, which is as many as can")]
    MergedUsedUp,
    /// There is no reply to rate.
    #[error("the case has not been answered yet; a reply is rated")]
    NothingToRate,
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
    #[error("no deadline has passed")]
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
    /// The reason for programs: `cause` in a refusal over gRPC, and in one told to intake.
    #[must_use]
    pub const fn reason(&self) -> &'static str {
        match self {
            Self::StateDoesNotAllow { .. } => "STATE_DOES_NOT_ALLOW",
            Self::NotResponsible { .. } => "NOT_RESPONSIBLE",
            Self::ReturnsUsedUp => "RETURNS_USED_UP",
            Self::NoOfficeAbove { .. } => "NO_OFFICE_ABOVE",
            Self::PartsOpen { .. } => "PARTS_OPEN",
            Self::PartSettled { .. } => "PART_SETTLED",
            Self::NotYourPart { .. } => "NOT_YOUR_PART",
            Self::PartsUsedUp => "PARTS_USED_UP",
            Self::ExtensionTooLate { .. } => "EXTENSION_TOO_LATE",
            Self::ExtensionUsedUp => "EXTENSION_USED_UP",
            Self::NoExtensionRequested => "NO_EXTENSION_REQUESTED",
            Self::UrgedAlready { .. } => "URGED_ALREADY",
            Self::ClaimedAlready { .. } => "CLAIMED_ALREADY",
            Self::ReportsUsedUp => "REPORTS_USED_UP",
            Self::ClaimsUsedUp => "CLAIMS_USED_UP",
            Self::MergeIntoItself => "MERGE_INTO_ITSELF",
            Self::OtherCaseUnknown { .. } => "OTHER_CASE_UNKNOWN",
            Self::OtherCasePastHandling { .. } => "OTHER_CASE_PAST_HANDLING",
            Self::HasMergedCases { .. } => "HAS_MERGED_CASES",
            Self::MergedUsedUp => "MERGED_USED_UP",
            Self::NothingToRate => "NOTHING_TO_RATE",
            Self::AlreadyRated { .. } => "ALREADY_RATED",
            Self::CannotReopen => "CANNOT_REOPEN",
            Self::NotDue => "NOT_DUE",
            Self::Unfit { .. } => "UNFIT",
        }
    }
}

fn parts_are(numbers: &[u32]) -> String {
    let listed = numbers.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    if numbers.len() == 1 { format!("part {listed} is") } else { format!("parts {listed} are") }
}

fn others_go_on(count: usize) -> String {
    if count == 1 { "1 other case goes on".to_owned() } else { format!("{count} other cases go on") }
}
