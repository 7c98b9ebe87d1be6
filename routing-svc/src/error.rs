//! Everything that can go wrong with a call, and the one place where it becomes a gRPC status.

use std::time::Duration;

use huying_platform::{
    ids::CaseId,
    status::{self, Violations},
};
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, FieldViolation, StatusExt as _};

use crate::{
    assignment_feed::Full,
    domain::{
        case::State,
        command::{CommandName, Rejection},
        import::Fault,
    },
};

/// When a client that found no room for its stream should come again.
const STREAM_RETRY_AFTER: Duration = Duration::from_secs(5);
/// gRPC libraries take 8 KiB of trailers unless told otherwise, and Base64 adds a third.
const VIOLATIONS_BYTES_MAX: usize = 5_500;
/// Tags and lengths around the two texts of a violation.
const VIOLATION_OVERHEAD_BYTES: usize = 8;

/// Why a call was not done.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No such case.
    #[error("case {case_id} is unknown")]
    CaseNotFound {
        /// The case asked for.
        case_id: CaseId,
    },
    /// The rules of the case say no.
    #[error("the command was rejected")]
    Rejected {
        /// Why.
        #[source]
        rejection: Rejection,
        /// Where the case stands.
        state: State,
        /// Version of the case.
        version: u64,
        /// What would be taken instead, from whoever may give it.
        allowed: Vec<CommandName>,
        /// Of these, what the caller may give.
        allowed_to_caller: Vec<CommandName>,
    },
    /// The case has moved on.
    #[error("the case has version {current}, not {expected}")]
    VersionMismatch {
        /// What the caller had seen.
        expected: u64,
        /// What it is.
        current: u64,
    },
    /// The request id belongs to another request.
    #[error("the request id was used for another request; a new one would be right")]
    RequestIdReused,
    /// Others kept binding cases to those that were asked for.
    #[error("the case was needed by others again and again, and nothing was done; call again")]
    Contended,
    /// The commands and the cases bound to theirs are too many for one transaction.
    #[error("the commands concern {cases} cases together; at most {max} would be right")]
    TooManyCases {
        /// How many there are.
        cases: usize,
        /// How many there may be.
        max: usize,
    },
    /// There is no room for another stream.
    #[error(transparent)]
    Full(#[from] Full),
    /// The caller may not do this to this case.
    #[error("the token may not do this here")]
    OutOfScope,
    /// The reference data has faults.
    #[error("the files have {} faults", .0.len())]
    FaultyImport(Vec<Fault>),
    /// No such version of the rules.
    #[error("version {version} of the rules is unknown")]
    RuleSetNotFound {
        /// The version asked for.
        version: u64,
    },
    /// Another version of the rules became active meanwhile.
    #[error("version {active} of the rules is active, not {expected}")]
    StaleProposal {
        /// The active version; 0 when none is.
        active: u64,
        /// What the caller believed.
        expected: u64,
    },
    /// A field of the request does not fit what is stored.
    #[error("{field} {problem}")]
    InvalidField {
        /// The field.
        field: &'static str,
        /// What is wrong, and what would be right.
        problem: String,
    },
    /// A failed statement or commit.
    #[error("the database failed")]
    Database(#[from] sqlx::Error),
    /// A task of this process was lost.
    #[error("a task ended before its time")]
    Task(#[from] tokio::task::JoinError),
}

impl From<Error> for Status {
    fn from(error: Error) -> Self {
        let message = error.to_string();
        match error {
            Error::CaseNotFound { .. } => status::refused(Code::NotFound, "CASE_NOT_FOUND", message, &[]),
            Error::Rejected { rejection, state, version, allowed, allowed_to_caller } => {
                rejected(&rejection, state, version, &allowed, &allowed_to_caller)
            }
            Error::VersionMismatch { current, .. } => status::refused(
                Code::Aborted,
                "VERSION_MISMATCH",
                message,
                &[("current_version", current.to_string())],
            ),
            Error::RequestIdReused => status::refused(Code::AlreadyExists, "REQUEST_ID_REUSED", message, &[]),
            Error::Contended => status::refused(Code::Unavailable, "CASE_CONTENDED", message, &[]),
            Error::TooManyCases { cases, max } => invalid(
                "commands",
                format!(
                    "concern {cases} cases together, with those that go on as part of them; at most {max} would be right"
                ),
            ),
            Error::Full(full) => status::busy(full.to_string(), STREAM_RETRY_AFTER),
            Error::OutOfScope => status::refused(Code::PermissionDenied, "OUT_OF_SCOPE", message, &[]),
            Error::FaultyImport(faults) => faulty_import(&faults),
            Error::RuleSetNotFound { .. } => {
                status::refused(Code::NotFound, "RULE_SET_NOT_FOUND", message, &[])
            }
            Error::StaleProposal { active, .. } => status::refused(
                Code::FailedPrecondition,
                "STALE_PROPOSAL",
                message,
                &[("active_version", active.to_string())],
            ),
            Error::InvalidField { field, problem } => invalid(field, problem),
            Error::Database(error) => status::from_sqlx(error),
            Error::Task(_) => status::internal(&error),
        }
    }
}

/// Lists as many faults as fit into the trailers that every gRPC client takes.
fn faulty_import(faults: &[Fault]) -> Status {
    let mut listed = Vec::new();
    let mut bytes = 0;
    for fault in faults {
        let violation = FieldViolation::new(fault.place(), fault.problem.as_str());
        bytes += violation.field.len() + violation.description.len() + VIOLATION_OVERHEAD_BYTES;
        if bytes > VIOLATIONS_BYTES_MAX {
            break;
        }
        listed.push(violation);
    }
    // The same refusal answers an import, a proposal and an activation.
    let message = match faults.len() {
        1 => "1 fault; nothing was changed".to_owned(),
        count => format!("{count} faults, of which {} are listed; nothing was changed", listed.len()),
    };
    Status::with_error_details(Code::InvalidArgument, message, ErrorDetails::with_bad_request(listed))
}

fn rejected(
    rejection: &Rejection,
    state: State,
    version: u64,
    allowed: &[CommandName],
    allowed_to_caller: &[CommandName],
) -> Status {
    if let Rejection::Unfit { field, problem } = rejection {
        return invalid(field, problem.clone());
    }
    status::refused(
        Code::FailedPrecondition,
        "COMMAND_NOT_ALLOWED",
        rejection.to_string(),
        &[
            ("state", state.name().to_owned()),
            ("current_version", version.to_string()),
            ("allowed_commands", rpc_names(allowed)),
            ("allowed_to_you", rpc_names(allowed_to_caller)),
            ("cause", rejection.reason().to_owned()),
        ],
    )
}

fn rpc_names(commands: &[CommandName]) -> String {
    commands.iter().map(|command| command.rpc()).collect::<Vec<_>>().join(",")
}

fn invalid(field: &str, problem: String) -> Status {
    let mut violations = Violations::new();
    violations.add(field, problem);
    violations.into_status()
}
