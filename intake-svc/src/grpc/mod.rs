//! proto ↔ use cases; an error becomes a Status here, once.

pub mod large_requests;
mod statuses;

use std::sync::Arc;

use huying_platform::{auth::Role, status::timestamp_to_proto};
use huying_proto::intake::v1::{
    ErasePrivatePartRequest, ErasePrivatePartResponse, RateCaseRequest, RateCaseResponse,
    ReadPrivatePartRequest, ReadPrivatePartResponse, SubmitCaseRequest, SubmitCaseResponse, TrackCaseRequest,
    TrackCaseResponse, UploadPictureRequest, UploadPictureResponse, WithdrawCaseRequest,
    WithdrawCaseResponse, intake_service_server::IntakeService,
};
use tonic::{Request, Response, Status, Streaming};

use self::statuses::{
    erase_status, invalid, rate_status, read_status, submit_status, track_status, upload_status,
    withdraw_status,
};
use crate::{
    app::App,
    domain::{
        picture::{UPLOAD_CHUNK_MAX_BYTES, UPLOAD_MAX_BYTES},
        receipt_code::ReceiptCode,
        violation::{Fault, Field, Violation},
    },
    use_cases::{
        erase_private_part::erase_private_part, rate_case::rate_case, read_private_part::read_private_part,
        submit_case::submit_case, track_case::track_case, upload_picture::upload_picture,
        withdraw_case::withdraw_case,
    },
};

/// The gRPC face of intake.
#[derive(Debug, Clone)]
pub struct IntakeGrpc {
    /// What the use cases work with.
    pub app: Arc<App>,
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
            can_withdraw: tracked.can_withdraw,
            merged_into: tracked.standing.merged_into.map(|case_id| case_id.to_string()).unwrap_or_default(),
        }))
    }

    async fn rate_case(
        &self,
        request: Request<RateCaseRequest>,
    ) -> Result<Response<RateCaseResponse>, Status> {
        let case_id = rate_case(&self.app, request.into_inner()).await.map_err(rate_status)?;
        Ok(Response::new(RateCaseResponse { case_id: case_id.to_string() }))
    }

    async fn withdraw_case(
        &self,
        request: Request<WithdrawCaseRequest>,
    ) -> Result<Response<WithdrawCaseResponse>, Status> {
        let case_id = withdraw_case(&self.app, request.into_inner()).await.map_err(withdraw_status)?;
        Ok(Response::new(WithdrawCaseResponse { case_id: case_id.to_string() }))
    }

    async fn upload_picture(
        &self,
        request: Request<Streaming<UploadPictureRequest>>,
    ) -> Result<Response<UploadPictureResponse>, Status> {
        let uploader = self.app.auth.authenticate(request.metadata())?;
        uploader.require(&[Role::Office, Role::Department, Role::Representative])?;
        let file = whole_file(request.into_inner()).await?;
        let picture = upload_picture(&self.app, &uploader, file).await.map_err(upload_status)?;
        Ok(Response::new(UploadPictureResponse { picture: Some(picture) }))
    }

    async fn read_private_part(
        &self,
        request: Request<ReadPrivatePartRequest>,
    ) -> Result<Response<ReadPrivatePartResponse>, Status> {
        let reader = self.app.auth.authenticate(request.metadata())?;
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
        let eraser = self.app.auth.authenticate(request.metadata())?;
        eraser.require(&[Role::Office, Role::Operator])?;
        let ErasePrivatePartRequest { case_id, ground } = request.into_inner();
        erase_private_part(&self.app, &eraser, &case_id, &ground).await.map_err(erase_status)?;
        Ok(Response::new(ErasePrivatePartResponse {}))
    }
}

/// The chunks of a file, put together, as long as they are within their bounds.
async fn whole_file(mut chunks: Streaming<UploadPictureRequest>) -> Result<Vec<u8>, Status> {
    let mut file = Vec::new();
    while let Some(UploadPictureRequest { chunk }) = chunks.message().await? {
        check_size(chunk.len(), UPLOAD_CHUNK_MAX_BYTES)?;
        check_size(file.len() + chunk.len(), UPLOAD_MAX_BYTES)?;
        file.extend_from_slice(&chunk);
    }
    Ok(file)
}

#[allow(clippy::result_large_err)]
fn check_size(found_bytes: usize, max_bytes: usize) -> Result<(), Status> {
    if found_bytes <= max_bytes {
        return Ok(());
    }
    let fault = Fault::TooManyBytes { found_bytes, max_bytes };
    Err(invalid(&[Violation { field: Field::Chunk, fault }]))
}
