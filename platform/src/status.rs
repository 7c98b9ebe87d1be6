//! How an error becomes a gRPC status: once, at the edge, with details a program can read.
//!
//! INVALID_ARGUMENT carries `google.rpc.BadRequest` with one violation a field; every other refusal carries
//! `google.rpc.ErrorInfo` with domain "huying" and a stable reason; RESOURCE_EXHAUSTED carries `google.rpc.RetryInfo`.

use std::{collections::HashMap, error::Error, time::Duration};

use jiff::Timestamp;
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, FieldViolation, StatusExt as _};

/// Domain of every `ErrorInfo`.
pub const ERROR_DOMAIN: &str = "huying";

/// Most faults told of one request; a caller who has more than that learns how many there are.
const VIOLATIONS_MAX: usize = 50;

/// Faults of a request, collected so that a caller hears of all of them at once, up to a bound.
#[derive(Debug, Default, Clone)]
pub struct Violations {
    told: Vec<FieldViolation>,
    untold: usize,
}

impl Violations {
    /// None yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a fault: the field, and what was wrong with it and what would be right. Past the bound it is only counted.
    pub fn add(&mut self, field: impl Into<String>, description: impl Into<String>) {
        if self.told.len() < VIOLATIONS_MAX {
            self.told.push(FieldViolation::new(field, description));
        } else {
            self.untold += 1;
        }
    }

    /// Whether there is no fault.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.told.is_empty()
    }

    /// The faults as an INVALID_ARGUMENT status. The message repeats them for people.
    #[must_use]
    pub fn into_status(self) -> Status {
        let message = self
            .told
            .iter()
            .map(|violation| format!("{}: {}", violation.field, violation.description))
            .collect::<Vec<_>>()
            .join("; ");
        let mut message = clip(message);
        if self.untold > 0 {
            message.push_str(&format!("; and {} more faults", self.untold));
        }
        Status::with_error_details(Code::InvalidArgument, message, ErrorDetails::with_bad_request(self.told))
    }

    /// Ok when there is no fault.
    ///
    /// # Errors
    /// The faults as an INVALID_ARGUMENT status.
    #[allow(clippy::result_large_err)]
    pub fn check(self) -> Result<(), Status> {
        if self.is_empty() { Ok(()) } else { Err(self.into_status()) }
    }
}

/// A status message travels as a header, percent-encoded to three times its size, beside the details; many clients
/// accept 8 KiB of headers in all.
fn clip(message: String) -> String {
    const MAX_BYTES: usize = 600;
    if message.len() <= MAX_BYTES {
        return message;
    }
    let end = (0..=MAX_BYTES).rev().find(|&at| message.is_char_boundary(at)).unwrap_or(0);
    format!("{}…", &message[..end])
}

/// A refusal with a stable reason, and facts for programs in the metadata.
pub fn refused(code: Code, reason: &str, message: impl Into<String>, metadata: &[(&str, String)]) -> Status {
    let metadata: HashMap<String, String> =
        metadata.iter().map(|(key, value)| ((*key).to_owned(), value.clone())).collect();
    let details = ErrorDetails::with_error_info(reason, ERROR_DOMAIN, metadata);
    Status::with_error_details(code, clip(message.into()), details)
}

/// Past capacity: nothing was done, come back later.
pub fn busy(message: impl Into<String>, retry_after: Duration) -> Status {
    let mut details = ErrorDetails::with_retry_info(Some(retry_after));
    details.set_error_info("BUSY", ERROR_DOMAIN, HashMap::new());
    Status::with_error_details(Code::ResourceExhausted, message, details)
}

/// Whether it was done is not known; the same call with the same key finds out.
pub fn unknown_outcome(message: impl Into<String>) -> Status {
    refused(Code::Unavailable, "OUTCOME_UNKNOWN", message, &[])
}

/// A fault of ours. Logged here with its causes; the caller learns only that it happened.
pub fn internal(error: &(dyn Error + 'static)) -> Status {
    tracing::error!(error = chain(error), "request failed");
    refused(Code::Internal, "INTERNAL", "an internal error; it has been logged", &[])
}

/// A failed statement or commit. Takes the error by value, to be passed to `map_err` as it is.
#[allow(clippy::needless_pass_by_value)]
pub fn from_sqlx(error: sqlx::Error) -> Status {
    if matches!(error, sqlx::Error::PoolTimedOut) {
        return busy("no database connection became free in time", Duration::from_secs(1));
    }
    if is_transient(&error) {
        tracing::warn!(error = chain(&error), "database not reachable");
        return unknown_outcome("the database did not answer; call again with the same key");
    }
    internal(&error)
}

/// Whether the same statement may succeed later: the connection broke, the server restarts, a lock was lost.
#[must_use]
pub fn is_transient(error: &sqlx::Error) -> bool {
    if let Some(database) = error.as_database_error() {
        // Class 08 connection, 40 rollback (deadlock, serialization), 53 resources, 55 a lock not had in time,
        // 57 operator intervention, 58 system.
        return database.code().is_some_and(|code| {
            ["08", "40", "53", "55", "57", "58"].iter().any(|class| code.starts_with(class))
        });
    }
    matches!(
        error,
        sqlx::Error::Io(_)
            | sqlx::Error::Tls(_)
            | sqlx::Error::Protocol(_)
            | sqlx::Error::PoolTimedOut
            | sqlx::Error::PoolClosed
            | sqlx::Error::WorkerCrashed
    )
}

/// An error with all its causes, in one line.
#[must_use]
pub fn chain(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}

/// A time as it stands in contracts.
#[must_use]
pub fn timestamp_to_proto(time: Timestamp) -> prost_types::Timestamp {
    let micros = time.as_microsecond();
    let seconds = micros.div_euclid(1_000_000);
    let nanos = i32::try_from(micros.rem_euclid(1_000_000) * 1_000).unwrap_or(0);
    prost_types::Timestamp { seconds, nanos }
}

/// Reads a time from a contract; None when it is out of range.
#[must_use]
pub fn timestamp_from_proto(time: &prost_types::Timestamp) -> Option<Timestamp> {
    Timestamp::new(time.seconds, time.nanos).ok()
}

/// Microseconds since 1970-01-01T00:00:00Z.
#[must_use]
pub fn micros(time: Timestamp) -> i64 {
    time.as_microsecond()
}

/// The time that many microseconds after 1970-01-01T00:00:00Z; clamped to what a timestamp can hold.
#[must_use]
pub fn from_micros(micros: i64) -> Timestamp {
    Timestamp::from_microsecond(micros).unwrap_or(if micros < 0 { Timestamp::MIN } else { Timestamp::MAX })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fault_of_a_request_is_told() {
        let mut violations = Violations::new();
        violations.add("title", "is empty; 1 to 120 characters would be right");
        violations.add("region_code", "is unknown");
        let status = violations.into_status();
        assert_eq!(status.code(), Code::InvalidArgument);
        let bad_request = status.get_details_bad_request().unwrap();
        assert_eq!(bad_request.field_violations.len(), 2);
        assert_eq!(bad_request.field_violations[1].field, "region_code");
    }

    #[test]
    fn more_faults_than_anybody_reads_are_counted() {
        let mut violations = Violations::new();
        for number in 0..1_000 {
            violations.add("states", format!("{number} is not a state"));
        }
        let status = violations.into_status();
        assert_eq!(status.get_details_bad_request().unwrap().field_violations.len(), VIOLATIONS_MAX);
        assert!(status.message().ends_with("; and 950 more faults"), "{}", status.message());
    }

    #[test]
    fn a_refusal_has_a_reason_for_programs() {
        let status = refused(Code::Aborted, "VERSION_MISMATCH", "…", &[("current_version", "7".into())]);
        let info = status.get_details_error_info().unwrap();
        assert_eq!(info.reason, "VERSION_MISMATCH");
        assert_eq!(info.metadata["current_version"], "7");
    }

    #[test]
    fn a_long_message_is_cut_at_a_character() {
        let status = refused(Code::Internal, "X", "字".repeat(5_000), &[]);
        assert!(status.message().len() < 700);
    }

    #[test]
    fn times_before_1970_survive_the_contract() {
        let time = from_micros(-1_500_001);
        assert_eq!(timestamp_from_proto(&timestamp_to_proto(time)), Some(time));
    }
}
