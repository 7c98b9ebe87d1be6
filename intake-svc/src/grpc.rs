//! proto ↔ use cases; an error becomes a Status here, once.

use std::{error::Error, sync::Arc, time::Duration};

use huying_platform::{
    auth::{Authenticator, Role},
    status::{self, Violations, refused, timestamp_to_proto},
};
use huying_proto::intake::v1::{
    ErasePrivatePartRequest, ErasePrivatePartResponse, RateCaseRequest, RateCaseResponse,
    ReadPrivatePartRequest, ReadPrivatePartResponse, SubmitCaseRequest, SubmitCaseResponse, TrackCaseRequest,
    TrackCaseResponse, intake_service_server::IntakeService,
};
use tonic::{Code, Request, Response, Status};

use crate::{
    app::App,
    domain::{
        rating::RatingRefused,
        receipt_code::ReceiptCode,
        violation::{Fault, Field, Violation},
    },
    use_cases::{
        erase_private_part::{EraseError, erase_private_part},
        rate_case::{RateError, rate_case},
        read_private_part::{ReadError, read_private_part},
        submit_case::{SubmitError, submit_case},
        track_case::{TrackError, track_case},
    },
};

/// When a caller who was turned away may come again.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// The gRPC face of intake.
#[derive(Debug, Clone)]
pub struct IntakeGrpc {
    /// What the use cases work with.
    pub app: Arc<App>,
    /// Who verifies tokens.
    pub auth: Arc<Authenticator>,
}

#[tonic::async_trait]
impl IntakeService for IntakeGrpc {
    async fn submit_case(
        &self,
        request: Request<SubmitCaseRequest>,
    ) -> Result<Response<SubmitCaseResponse>, Status> {
        let receipt = submit_case(&self.app, request.into_inner()).await.map_err(submit_status)?;
        Ok(Response::new(SubmitCaseResponse {
            case_id: receipt.case_id.to_string(),
            receipt_code: receipt.code.to_string(),
            received_at: Some(timestamp_to_proto(receipt.received_at)),
            region: Some(receipt.region.to_proto()),
        }))
    }

    async fn track_case(
        &self,
        request: Request<TrackCaseRequest>,
    ) -> Result<Response<TrackCaseResponse>, Status> {
        let code: ReceiptCode = request.into_inner().receipt_code.parse().map_err(|fault| {
            invalid(&[Violation { field: Field::ReceiptCode, fault: Fault::Receipt(fault) }])
        })?;
        let tracked = track_case(&self.app, &code).await.map_err(track_status)?;
        Ok(Response::new(TrackCaseResponse {
            case_id: tracked.case_id.to_string(),
            state: tracked.standing.state.into(),
            case_version: u64::try_from(tracked.version).unwrap_or(1),
            holder_office: tracked.standing.holder_office,
            holder_office_name: tracked.holder_office_name,
            responsible_unit: tracked.standing.responsible_unit,
            responsible_unit_name: tracked.responsible_unit_name,
            deadline_at: tracked.standing.deadline_at.map(timestamp_to_proto),
            overdue: tracked.standing.overdue,
            received_at: Some(timestamp_to_proto(tracked.received_at)),
            updated_at: Some(timestamp_to_proto(tracked.state_since)),
            can_rate: tracked.can_rate,
            last_refusal: tracked.last_refusal,
            reply: tracked.reply.text,
        }))
    }

    async fn rate_case(
        &self,
        request: Request<RateCaseRequest>,
    ) -> Result<Response<RateCaseResponse>, Status> {
        let case_id = rate_case(&self.app, request.into_inner()).await.map_err(rate_status)?;
        Ok(Response::new(RateCaseResponse { case_id: case_id.to_string() }))
    }

    async fn read_private_part(
        &self,
        request: Request<ReadPrivatePartRequest>,
    ) -> Result<Response<ReadPrivatePartResponse>, Status> {
        let reader = self.auth.authenticate(request.metadata())?;
        reader.require(&[Role::Office, Role::Department])?;
        let ReadPrivatePartRequest { case_id, purpose } = request.into_inner();
        let private_part =
            read_private_part(&self.app, &reader, &case_id, &purpose).await.map_err(read_status)?;
        Ok(Response::new(private_part))
    }

    async fn erase_private_part(
        &self,
        request: Request<ErasePrivatePartRequest>,
    ) -> Result<Response<ErasePrivatePartResponse>, Status> {
        let eraser = self.auth.authenticate(request.metadata())?;
        eraser.require(&[Role::Office, Role::Operator])?;
        let ErasePrivatePartRequest { case_id, ground } = request.into_inner();
        erase_private_part(&self.app, &eraser, &case_id, &ground).await.map_err(erase_status)?;
        Ok(Response::new(ErasePrivatePartResponse {}))
    }
}

fn submit_status(error: SubmitError) -> Status {
    match error {
        SubmitError::Invalid(violations) => invalid(&violations),
        SubmitError::KeyReused => key_reused(&error),
        SubmitError::Busy => status::busy(error.to_string(), RETRY_AFTER),
        SubmitError::OutcomeUnknown => status::unknown_outcome(error.to_string()),
        // Logged by the commit lane, with its cause.
        SubmitError::NotStored => refused(Code::Internal, "INTERNAL", error.to_string(), &[]),
        SubmitError::Lookup(error) => status::from_sqlx(error),
        SubmitError::StoredHeader | SubmitError::Sealing(_) => status::internal(&error),
    }
}

fn track_status(error: TrackError) -> Status {
    match error {
        TrackError::ReceiptUnknown => receipt_unknown(&error),
        TrackError::Sql(error) => status::from_sqlx(error),
    }
}

fn rate_status(error: RateError) -> Status {
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
        RateError::Sql(error) => status::from_sqlx(error),
    }
}

fn read_status(error: ReadError) -> Status {
    match error {
        ReadError::Invalid(violations) => invalid(&violations),
        ReadError::CaseNotFound => case_not_found(&error),
        ReadError::OutOfScope => out_of_scope(&error),
        ReadError::Erased => refused(Code::FailedPrecondition, "PRIVATE_PART_ERASED", error.to_string(), &[]),
        ReadError::StoredHeader | ReadError::Sealing(_) | ReadError::Content(_) => status::internal(&error),
        ReadError::Sql(error) => status::from_sqlx(error),
    }
}

fn erase_status(error: EraseError) -> Status {
    match error {
        EraseError::Invalid(violations) => invalid(&violations),
        EraseError::CaseNotFound => case_not_found(&error),
        EraseError::OutOfScope => out_of_scope(&error),
        EraseError::StoredHeader => status::internal(&error),
        EraseError::Sql(error) => status::from_sqlx(error),
    }
}

fn invalid(faults: &[Violation]) -> Status {
    let mut violations = Violations::new();
    for Violation { field, fault } in faults {
        violations.add(field.path(), fault.to_string());
    }
    violations.into_status()
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
