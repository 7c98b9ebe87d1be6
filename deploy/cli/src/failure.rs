//! Why a command failed, and what the shell is told about it.
//!
//! Guarantees that everything a server said is passed on: the message, each field violation, the reason and its
//! metadata (google.rpc.BadRequest, ErrorInfo, RetryInfo). The exit codes are a contract with scripts; they stand in
//! `--help` too.

use std::{collections::BTreeMap, error::Error as _, fmt::Write as _, io, time::Duration};

use huying_proto::routing::v1::CommandRefusal;
use serde_json::{Value, json};
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

use crate::text;

/// What the process exits with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Done.
    Ok = 0,
    /// Something unexpected, or a service that cannot be reached.
    Unexpected = 1,
    /// The command line itself is wrong.
    Usage = 2,
    /// A service refused: invalid argument, failed precondition, already exists, version mismatch.
    Refused = 3,
    /// There is no such thing.
    NotFound = 4,
    /// No token, a bad one, or one that does not allow this.
    NotAuthorised = 5,
    /// What the ledger shows does not prove true.
    VerificationFailed = 6,
    /// Time ran out before what was waited for came.
    TimedOut = 7,
}

/// A failed command. Boxed, because every function here may return one and few ever do.
#[derive(Debug, Clone)]
pub(crate) struct Failure(Box<Details>);

#[derive(Debug, Clone)]
struct Details {
    exit: Exit,
    code: Option<Code>,
    message: String,
    violations: Vec<(String, String)>,
    reason: Option<String>,
    metadata: BTreeMap<String, String>,
    retry_after: Option<Duration>,
    nothing_listens: bool,
    hint: Option<String>,
}

impl Failure {
    /// A failure that is this program's own finding.
    pub(crate) fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self(Box::new(Details {
            exit,
            code: None,
            message: message.into(),
            violations: Vec::new(),
            reason: None,
            metadata: BTreeMap::new(),
            retry_after: None,
            nothing_listens: false,
            hint: None,
        }))
    }

    /// The command line, a file or a setting is wrong.
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self::new(Exit::Usage, message)
    }

    /// Something that was not to be expected.
    pub(crate) fn unexpected(message: impl Into<String>) -> Self {
        Self::new(Exit::Unexpected, message)
    }

    /// Time ran out.
    pub(crate) fn timed_out(message: impl Into<String>) -> Self {
        Self::new(Exit::TimedOut, message)
    }

    /// What is shown does not prove true.
    pub(crate) fn unverified(message: impl Into<String>) -> Self {
        Self::new(Exit::VerificationFailed, message)
    }

    /// Whoever read the results has closed the pipe: they have what they wanted, so this is no failure to the shell.
    pub(crate) fn reader_gone() -> Self {
        Self::new(Exit::Ok, "the reader of standard output has gone")
    }

    /// What a service answered to `what`, such as "intake refused the submission".
    pub(crate) fn from_status(service: &str, address: &str, status: &Status) -> Self {
        let details = status.get_error_details();
        let mut failure = Self::new(exit_of(status.code()), status.message());
        failure.0.code = Some(status.code());
        if let Some(bad_request) = details.bad_request() {
            failure.0.violations = bad_request
                .field_violations
                .iter()
                .map(|violation| (violation.field.clone(), violation.description.clone()))
                .collect();
        }
        if let Some(info) = details.error_info() {
            failure.0.reason = Some(info.reason.clone());
            failure.0.metadata = info.metadata.clone().into_iter().collect();
        }
        failure.0.retry_after = details.retry_info().and_then(|info| info.retry_delay);
        failure.0.nothing_listens = is_connection_failure(status);
        if failure.0.nothing_listens {
            failure.0.message = format!("{service} cannot be reached at {address}");
            failure.0.hint = Some("is Huying running? ./deploy/up starts a trial installation".to_owned());
        } else if failure.0.message.is_empty() {
            failure.0.message = format!("{service} answered {} without a message", code_name(status.code()));
        }
        failure
    }

    /// What one command of a batch was refused with.
    pub(crate) fn from_refusal(refusal: &CommandRefusal) -> Self {
        let code = Code::from_i32(refusal.code);
        let mut failure = Self::new(exit_of(code), &refusal.message);
        failure.0.code = Some(code);
        failure.0.violations =
            refusal.fields.iter().map(|fault| (fault.field.clone(), fault.description.clone())).collect();
        failure.0.reason = (!refusal.reason.is_empty()).then(|| refusal.reason.clone());
        failure.0.metadata = refusal.metadata.clone().into_iter().collect();
        failure
    }

    /// Adds what the user can do about it, unless something more to the point is there already.
    pub(crate) fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.0.hint.get_or_insert(hint.into());
        self
    }

    /// Says what was being done when it failed.
    pub(crate) fn during(mut self, what: &str) -> Self {
        self.0.message = format!("{what}: {}", self.0.message);
        self
    }

    pub(crate) fn exit(&self) -> Exit {
        self.0.exit
    }

    /// True when the same request may be sent again and may then succeed: the service was not reached, its answer was
    /// lost, or it was busy.
    pub(crate) fn is_worth_another_try(&self) -> bool {
        matches!(self.0.code, Some(Code::Unavailable | Code::ResourceExhausted))
    }

    /// True when the request never left this machine, because nothing accepts connections at the address.
    pub(crate) fn nothing_listens(&self) -> bool {
        self.0.nothing_listens
    }

    /// True when a command may have taken effect although no answer came.
    pub(crate) fn outcome_is_unknown(&self) -> bool {
        (self.0.code == Some(Code::Unavailable) && !self.0.nothing_listens)
            || (self.0.exit == Exit::TimedOut && self.0.code.is_some())
    }

    /// How long a busy service asks callers to wait.
    pub(crate) fn retry_after(&self) -> Option<Duration> {
        self.0.retry_after
    }

    /// True when one of these request fields was refused.
    pub(crate) fn violates(&self, fields: &[&str]) -> bool {
        self.0.violations.iter().any(|(field, _)| fields.contains(&field.as_str()))
    }

    /// The failure in one line, for reports that list several.
    pub(crate) fn in_one_line(&self) -> String {
        let mut text = self.0.message.clone();
        if !self.message_lists_violations() {
            for (field, description) in &self.0.violations {
                let _ = write!(text, "; {field}: {description}");
            }
        }
        if let Some(reason) = &self.0.reason {
            let _ = write!(text, " [{reason}]");
        }
        text::line(&text)
    }

    /// The failure as a person reads it.
    pub(crate) fn for_people(&self) -> String {
        let message =
            if self.message_lists_violations() { "the request was refused" } else { &self.0.message };
        let mut shown = format!("error: {}", text::line(message));
        for (field, description) in &self.0.violations {
            let _ = write!(shown, "\n  {}: {}", text::line(field), text::line(description));
        }
        if let Some(reason) = &self.0.reason {
            let _ = write!(shown, "\n  reason: {}", text::line(reason));
        }
        for (name, value) in &self.0.metadata {
            let _ = write!(shown, "\n  {}: {}", text::line(name), text::line(value));
        }
        if let Some(delay) = self.0.retry_after {
            let _ = write!(shown, "\n  try again in: {}", humantime::format_duration(delay));
        }
        if let Some(hint) = &self.0.hint {
            let _ = write!(shown, "\nhint: {}", text::line(hint));
        }
        shown
    }

    /// Services repeat few violations in the message, for clients that do not read details; once is enough here.
    fn message_lists_violations(&self) -> bool {
        let Details { violations, message, .. } = &*self.0;
        !violations.is_empty()
            && violations.iter().all(|(_, description)| message.contains(description.as_str()))
    }

    /// The failure as a program reads it.
    pub(crate) fn for_programs(&self) -> Value {
        let violations: Vec<Value> = self
            .0
            .violations
            .iter()
            .map(|(field, description)| json!({ "field": field, "description": description }))
            .collect();
        json!({ "error": {
            "exit": self.0.exit as u8,
            "code": self.0.code.map(code_name),
            "message": self.0.message,
            "violations": violations,
            "reason": self.0.reason,
            "metadata": self.0.metadata,
            "retry_after_ms": self.0.retry_after.map(|delay| u64::try_from(delay.as_millis()).unwrap_or(u64::MAX)),
            "hint": self.0.hint,
        }})
    }
}

fn exit_of(code: Code) -> Exit {
    match code {
        Code::Ok => Exit::Ok,
        Code::InvalidArgument
        | Code::FailedPrecondition
        | Code::AlreadyExists
        | Code::Aborted
        | Code::OutOfRange => Exit::Refused,
        Code::NotFound => Exit::NotFound,
        Code::Unauthenticated | Code::PermissionDenied => Exit::NotAuthorised,
        Code::DeadlineExceeded | Code::Cancelled => Exit::TimedOut,
        Code::Unknown
        | Code::ResourceExhausted
        | Code::Unimplemented
        | Code::Internal
        | Code::Unavailable
        | Code::DataLoss => Exit::Unexpected,
    }
}

/// The code as the gRPC specification writes it.
fn code_name(code: Code) -> &'static str {
    match code {
        Code::Ok => "OK",
        Code::Cancelled => "CANCELLED",
        Code::Unknown => "UNKNOWN",
        Code::InvalidArgument => "INVALID_ARGUMENT",
        Code::DeadlineExceeded => "DEADLINE_EXCEEDED",
        Code::NotFound => "NOT_FOUND",
        Code::AlreadyExists => "ALREADY_EXISTS",
        Code::PermissionDenied => "PERMISSION_DENIED",
        Code::ResourceExhausted => "RESOURCE_EXHAUSTED",
        Code::FailedPrecondition => "FAILED_PRECONDITION",
        Code::Aborted => "ABORTED",
        Code::OutOfRange => "OUT_OF_RANGE",
        Code::Unimplemented => "UNIMPLEMENTED",
        Code::Internal => "INTERNAL",
        Code::Unavailable => "UNAVAILABLE",
        Code::DataLoss => "DATA_LOSS",
        Code::Unauthenticated => "UNAUTHENTICATED",
    }
}

/// A status that this side's transport made up because no connection came about, rather than one that was received.
fn is_connection_failure(status: &Status) -> bool {
    let mut cause = status.source();
    while let Some(error) = cause {
        if let Some(error) = error.downcast_ref::<io::Error>() {
            let kind = error.kind();
            return kind == io::ErrorKind::ConnectionRefused
                || kind == io::ErrorKind::HostUnreachable
                || kind == io::ErrorKind::NetworkUnreachable
                || kind == io::ErrorKind::NotFound
                || kind == io::ErrorKind::TimedOut;
        }
        cause = error.source();
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;
    use tonic_types::ErrorDetails;

    #[test]
    fn every_detail_of_a_refusal_is_shown() {
        let mut details = ErrorDetails::new();
        details.add_bad_request_violation("title", "is empty; 1 to 120 characters");
        details.set_error_info("STATE_DOES_NOT_ALLOW", "huying", [("state".to_owned(), "closed".to_owned())]);
        let status = Status::with_error_details(Code::InvalidArgument, "1 field is wrong", details);
        let failure = Failure::from_status("intake", "http://x", &status);
        assert_eq!(failure.exit(), Exit::Refused);
        let shown = failure.for_people();
        assert!(shown.contains("title: is empty; 1 to 120 characters"), "{shown}");
        assert!(shown.contains("reason: STATE_DOES_NOT_ALLOW") && shown.contains("state: closed"), "{shown}");
        let read = failure.for_programs();
        assert_eq!(read["error"]["code"], "INVALID_ARGUMENT");
        assert_eq!(read["error"]["violations"][0]["field"], "title");
        assert_eq!(read["error"]["exit"], 3);
    }

    #[test]
    fn a_refusal_within_a_batch_is_shown_as_that_of_the_single_command() {
        let refusal = CommandRefusal {
            code: Code::FailedPrecondition as i32,
            message: "a closed case is not accepted".into(),
            reason: "COMMAND_NOT_ALLOWED".into(),
            metadata: [("allowed_commands".to_owned(), "ReopenCase".to_owned())].into(),
            fields: Vec::new(),
        };
        let failure = Failure::from_refusal(&refusal);
        assert_eq!(failure.exit(), Exit::Refused);
        assert_eq!(failure.in_one_line(), "a closed case is not accepted [COMMAND_NOT_ALLOWED]");
        assert!(failure.for_people().contains("allowed_commands: ReopenCase"));
        assert_eq!(failure.for_programs()["error"]["code"], "FAILED_PRECONDITION");
    }

    #[test]
    fn a_violation_that_the_message_repeats_is_shown_once() {
        let mut details = ErrorDetails::new();
        details.add_bad_request_violation("title", "is empty");
        let status = Status::with_error_details(Code::InvalidArgument, "title: is empty", details);
        let failure = Failure::from_status("intake", "http://x", &status);
        assert_eq!(failure.for_people(), "error: the request was refused\n  title: is empty");
        assert_eq!(failure.in_one_line(), "title: is empty");
        assert_eq!(failure.for_programs()["error"]["message"], "title: is empty");
    }

    #[test]
    fn an_unknown_outcome_is_told_apart_from_a_service_that_is_not_there() {
        let lost = Failure::from_status("routing", "http://x", &Status::unavailable("commit failed"));
        assert!(lost.outcome_is_unknown() && lost.is_worth_another_try() && !lost.nothing_listens());
    }
}
