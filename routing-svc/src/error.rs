//! Everything that can go wrong with a call, and the one place where it becomes a gRPC status.

use huying_platform::{
    ids::CaseId,
    status::{self, Violations},
};
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, FieldViolation, StatusExt as _};

use crate::domain::{
    case::State,
    command::{CommandName, Rejection},
    import::Fault,
};

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
        /// What would be taken instead.
        allowed: Vec<CommandName>,
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
    /// The caller may not do this to this case.
    #[error("the token may not do this here")]
    OutOfScope,
    /// The reference data has faults.
    #[error("the files have {} faults", .0.len())]
    FaultyImport(Vec<Fault>),
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
            Error::Rejected { rejection, state, version, allowed } => {
                rejected(&rejection, state, version, &allowed)
            }
            Error::VersionMismatch { current, .. } => status::refused(
                Code::Aborted,
                "VERSION_MISMATCH",
                message,
                &[("current_version", current.to_string())],
            ),
            Error::RequestIdReused => status::refused(Code::AlreadyExists, "REQUEST_ID_REUSED", message, &[]),
            Error::OutOfScope => status::refused(Code::PermissionDenied, "OUT_OF_SCOPE", message, &[]),
            Error::FaultyImport(faults) => faulty_import(&faults),
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
    let message =
        format!("{} faults, of which {} are listed; nothing was imported", faults.len(), listed.len());
    Status::with_error_details(Code::InvalidArgument, message, ErrorDetails::with_bad_request(listed))
}

fn rejected(rejection: &Rejection, state: State, version: u64, allowed: &[CommandName]) -> Status {
    if let Rejection::Unfit { field, problem } = rejection {
        return invalid(field, problem.clone());
    }
    let allowed: Vec<&str> = allowed.iter().map(|command| command.rpc()).collect();
    status::refused(
        Code::FailedPrecondition,
        "COMMAND_NOT_ALLOWED",
        rejection.to_string(),
        &[
            ("state", state.name().to_owned()),
            ("current_version", version.to_string()),
            ("allowed_commands", allowed.join(",")),
            ("cause", rejection.reason().to_owned()),
        ],
    )
}

fn invalid(field: &str, problem: String) -> Status {
    let mut violations = Violations::new();
    violations.add(field, problem);
    violations.into_status()
}
