//! How the errors of the use cases become statuses.

use std::{error::Error, time::Duration};

use huying_platform::status::{self, Violations, chain, refused};
use tonic::{Code, Status};

use crate::{
    domain::{rating::RatingRefused, violation::Violation, withdrawal::WithdrawalRefused},
    use_cases::{
        erase_private_part::EraseError, keep_pictures::KeepError, rate_case::RateError,
        read_private_part::ReadError, submit_case::SubmitError, track_case::TrackError,
        upload_picture::UploadError, withdraw_case::WithdrawError,
    },
};

/// When a caller who was turned away may come again.
const RETRY_AFTER: Duration = Duration::from_secs(1);

pub(super) fn busy(error: &dyn Error) -> Status {
    status::busy(error.to_string(), RETRY_AFTER)
}

pub(super) fn submit_status(error: SubmitError) -> Status {
    match error {
        SubmitError::Invalid(violations) => invalid(&violations),
        SubmitError::KeyReused => key_reused(&error),
        SubmitError::Busy => busy(&error),
        SubmitError::OutcomeUnknown => status::unknown_outcome(error.to_string()),
        // Logged by the commit lane, with its cause.
        SubmitError::NotStored => refused(Code::Internal, "INTERNAL", error.to_string(), &[]),
        SubmitError::Lookup(error) => status::from_sqlx(error),
        SubmitError::PicturesNotKept(cause) => not_kept(cause),
        SubmitError::StoredHeader | SubmitError::Sealing(_) => status::internal(&error),
    }
}

pub(super) fn track_status(error: TrackError) -> Status {
    match error {
        TrackError::ReceiptUnknown => receipt_unknown(&error),
        TrackError::Sql(error) => status::from_sqlx(error),
    }
}

pub(super) fn rate_status(error: RateError) -> Status {
    match error {
        RateError::Invalid(violations) => invalid(&violations),
        RateError::ReceiptUnknown => receipt_unknown(&error),
        RateError::KeyReused => key_reused(&error),
        RateError::Refused(RatingRefused::NotReplied | RatingRefused::ClosedForGood) => {
            refused(Code::FailedPrecondition, "STATE_DOES_NOT_ALLOW", error.to_string(), &[])
        }
        RateError::Refused(RatingRefused::AlreadyRated) => {
            refused(Code::FailedPrecondition, "ALREADY_RATED", error.to_string(), &[])
        }
        RateError::Unopened(_) => status::internal(&error),
        RateError::Sql(error) => status::from_sqlx(error),
    }
}

pub(super) fn withdraw_status(error: WithdrawError) -> Status {
    match error {
        WithdrawError::Invalid(violations) => invalid(&violations),
        WithdrawError::ReceiptUnknown => receipt_unknown(&error),
        WithdrawError::KeyReused => key_reused(&error),
        WithdrawError::Refused(WithdrawalRefused::TooLate) => {
            refused(Code::FailedPrecondition, "STATE_DOES_NOT_ALLOW", error.to_string(), &[])
        }
        WithdrawError::Refused(WithdrawalRefused::AlreadyAsked) => {
            refused(Code::FailedPrecondition, "ALREADY_WITHDRAWN", error.to_string(), &[])
        }
        WithdrawError::Unopened(_) => status::internal(&error),
        WithdrawError::Sql(error) => status::from_sqlx(error),
    }
}

pub(super) fn upload_status(error: UploadError) -> Status {
    match error {
        UploadError::Invalid(violations) => invalid(&violations),
        UploadError::Busy(error) => busy(&error),
        UploadError::NotKept(cause) => not_kept(cause),
        UploadError::Sql(error) => status::from_sqlx(error),
    }
}

pub(super) fn read_status(error: ReadError) -> Status {
    match error {
        ReadError::Invalid(violations) => invalid(&violations),
        ReadError::CaseNotFound => case_not_found(&error),
        ReadError::OutOfScope => out_of_scope(&error),
        ReadError::Erased => refused(Code::FailedPrecondition, "PRIVATE_PART_ERASED", error.to_string(), &[]),
        ReadError::StoredHeader | ReadError::Sealing(_) | ReadError::Content(_) => status::internal(&error),
        ReadError::Sql(error) => status::from_sqlx(error),
    }
}

pub(super) fn erase_status(error: EraseError) -> Status {
    match error {
        EraseError::Invalid(violations) => invalid(&violations),
        EraseError::CaseNotFound => case_not_found(&error),
        EraseError::OutOfScope => out_of_scope(&error),
        EraseError::StoredHeader => status::internal(&error),
        EraseError::Sql(error) => status::from_sqlx(error),
    }
}

pub(super) fn invalid(faults: &[Violation]) -> Status {
    let mut violations = Violations::new();
    for Violation { field, fault } in faults {
        violations.add(field.path(), fault.to_string());
    }
    violations.into_status()
}

/// A store that is down is a matter of time; what came with the call is not kept in part.
fn not_kept(error: KeepError) -> Status {
    match error {
        KeepError::Store(_) => {
            tracing::warn!(error = chain(&error), "pictures not kept");
            let message = "the pictures could not be kept; call again with the same key, or without pictures";
            refused(Code::Unavailable, "PICTURES_NOT_KEPT", message, &[])
        }
        KeepError::Sql(error) => status::from_sqlx(error),
    }
}

fn key_reused(error: &dyn Error) -> Status {
    refused(Code::AlreadyExists, "IDEMPOTENCY_KEY_REUSED", error.to_string(), &[])
}

fn receipt_unknown(error: &dyn Error) -> Status {
    refused(Code::NotFound, "RECEIPT_UNKNOWN", error.to_string(), &[])
}

fn case_not_found(error: &dyn Error) -> Status {
    refused(Code::NotFound, "CASE_NOT_FOUND", error.to_string(), &[])
}

fn out_of_scope(error: &dyn Error) -> Status {
    refused(Code::PermissionDenied, "OUT_OF_SCOPE", error.to_string(), &[])
}
