//! The public account over gRPC: proto to domain and back, and the answer to each error.

use huying_platform::status::{self, Violations, chain};
use tonic::{Code, Status};

use crate::use_cases::ReadError;

pub mod admin;
mod case_lists;
pub mod cases;
pub mod figures;
pub mod log;
mod one_case;

/// The refusal of one field.
fn violation(field: &str, error: &dyn std::fmt::Display) -> Status {
    let mut violations = Violations::new();
    violations.add(field, error.to_string());
    violations.into_status()
}

/// The answer to a reader.
fn refusal(error: ReadError) -> Status {
    match error {
        ReadError::CaseNotFound(case_id) => status::refused(
            Code::NotFound,
            "CASE_NOT_FOUND",
            error.to_string(),
            &[("case_id", case_id.to_string())],
        ),
        ReadError::OutOfRange(asked) => violation(asked.parameter.name(), &asked),
        ReadError::NoCheckpoint => {
            status::refused(Code::Unavailable, "NO_CHECKPOINT_YET", chain(&error), &[])
        }
        ReadError::CorruptLeaf(_)
        | ReadError::CorruptAccount(_)
        | ReadError::CorruptTiles(_)
        | ReadError::ForeignKeys => status::internal(&error),
        ReadError::Sql(error) => status::from_sqlx(error),
    }
}
