//! CaseService: the commands, one by one or in a batch, and the ways to read.

use std::{pin::Pin, sync::Arc};

use futures_util::Stream;
use huying_platform::{auth::Authenticator, ids::CaseId, status::Violations};
use huying_proto::{
    events::v1::CaseKind,
    routing::v1::{
        AcceptCaseRequest, AcceptCaseResponse, AnswerCaseRequest, AnswerCaseResponse, AnswerPartRequest,
        AnswerPartResponse, AssignCaseRequest, AssignCaseResponse, AssignPartRequest, AssignPartResponse,
        BatchCommandsRequest, BatchCommandsResponse, CirculateCriticismRequest, CirculateCriticismResponse,
        ClaimCaseRequest, ClaimCaseResponse, ClassifyCaseRequest, ClassifyCaseResponse, CloseCaseRequest,
        CloseCaseResponse, CommandOutcome, DeclineCaseRequest, DeclineCaseResponse, DelegateCaseRequest,
        DelegateCaseResponse, EscalateCaseRequest, EscalateCaseResponse, GetCaseRequest, GetCaseResponse,
        GrantExtensionRequest, GrantExtensionResponse, ListCasesRequest, ListCasesResponse, MergeCaseRequest,
        MergeCaseResponse, RecomputeClocksRequest, RecomputeClocksResponse, RefuseExtensionRequest,
        RefuseExtensionResponse, RegisterCaseRequest, RegisterCaseResponse, ReopenCaseRequest,
        ReopenCaseResponse, ReplyCaseRequest, ReplyCaseResponse, ReportProgressRequest,
        ReportProgressResponse, RequestExtensionRequest, RequestExtensionResponse, ReturnCaseRequest,
        ReturnCaseResponse, SuperviseCaseRequest, SuperviseCaseResponse, TransferCaseRequest,
        TransferCaseResponse, UnmergeCaseRequest, UnmergeCaseResponse, UrgeCaseRequest, UrgeCaseResponse,
        WaivePartRequest, WaivePartResponse, WatchAssignmentsRequest, WatchAssignmentsResponse,
        case_service_server::CaseService,
    },
};
use tonic::{Request, Response, Status};

use super::{
    batch,
    commands::{CommandMessage, prepare},
    feed, fields,
};
use crate::{
    domain::case::{Stage, State},
    service::Service,
    use_cases::{
        get_case::get_case,
        list_cases::{Selection, list_cases},
        run_commands::run_command,
        watch_assignments::watch_assignments,
    },
};

/// More than there are values of any enum a list can be narrowed by.
const VALUES_MAX: usize = 16;
const PAGE_USUAL: u32 = 50;
const PAGE_MAX: u32 = 500;

/// Serves CaseService.
#[derive(Debug)]
pub struct Cases {
    service: Service,
    auth: Arc<Authenticator>,
}

impl Cases {
    /// Serves the use cases to whom the tokens name.
    #[must_use]
    pub fn new(service: Service, auth: Arc<Authenticator>) -> Self {
        Self { service, auth }
    }

    /// What every command has in common: who asks, the envelope, the transaction.
    async fn run<M: CommandMessage>(&self, request: Request<M>) -> Result<Option<CommandOutcome>, Status> {
        let principal = self.auth.authenticate(request.metadata())?;
        let request = prepare(&principal, request.get_ref()).map_err(Violations::into_status)?;
        Ok(Some(run_command(&self.service, request).await?))
    }
}

#[tonic::async_trait]
impl CaseService for Cases {
    type WatchAssignmentsStream =
        Pin<Box<dyn Stream<Item = Result<WatchAssignmentsResponse, Status>> + Send>>;

    async fn register_case(
        &self,
        request: Request<RegisterCaseRequest>,
    ) -> Result<Response<RegisterCaseResponse>, Status> {
        Ok(Response::new(RegisterCaseResponse { outcome: self.run(request).await? }))
    }

    async fn decline_case(
        &self,
        request: Request<DeclineCaseRequest>,
    ) -> Result<Response<DeclineCaseResponse>, Status> {
        Ok(Response::new(DeclineCaseResponse { outcome: self.run(request).await? }))
    }

    async fn classify_case(
        &self,
        request: Request<ClassifyCaseRequest>,
    ) -> Result<Response<ClassifyCaseResponse>, Status> {
        Ok(Response::new(ClassifyCaseResponse { outcome: self.run(request).await? }))
    }

    async fn assign_case(
        &self,
        request: Request<AssignCaseRequest>,
    ) -> Result<Response<AssignCaseResponse>, Status> {
        Ok(Response::new(AssignCaseResponse { outcome: self.run(request).await? }))
    }

    async fn transfer_case(
        &self,
        request: Request<TransferCaseRequest>,
    ) -> Result<Response<TransferCaseResponse>, Status> {
        Ok(Response::new(TransferCaseResponse { outcome: self.run(request).await? }))
    }

    async fn delegate_case(
        &self,
        request: Request<DelegateCaseRequest>,
    ) -> Result<Response<DelegateCaseResponse>, Status> {
        Ok(Response::new(DelegateCaseResponse { outcome: self.run(request).await? }))
    }

    async fn escalate_case(
        &self,
        request: Request<EscalateCaseRequest>,
    ) -> Result<Response<EscalateCaseResponse>, Status> {
        Ok(Response::new(EscalateCaseResponse { outcome: self.run(request).await? }))
    }

    async fn accept_case(
        &self,
        request: Request<AcceptCaseRequest>,
    ) -> Result<Response<AcceptCaseResponse>, Status> {
        Ok(Response::new(AcceptCaseResponse { outcome: self.run(request).await? }))
    }

    async fn return_case(
        &self,
        request: Request<ReturnCaseRequest>,
    ) -> Result<Response<ReturnCaseResponse>, Status> {
        Ok(Response::new(ReturnCaseResponse { outcome: self.run(request).await? }))
    }

    async fn report_progress(
        &self,
        request: Request<ReportProgressRequest>,
    ) -> Result<Response<ReportProgressResponse>, Status> {
        Ok(Response::new(ReportProgressResponse { outcome: self.run(request).await? }))
    }

    async fn reply_case(
        &self,
        request: Request<ReplyCaseRequest>,
    ) -> Result<Response<ReplyCaseResponse>, Status> {
        Ok(Response::new(ReplyCaseResponse { outcome: self.run(request).await? }))
    }

    async fn answer_case(
        &self,
        request: Request<AnswerCaseRequest>,
    ) -> Result<Response<AnswerCaseResponse>, Status> {
        Ok(Response::new(AnswerCaseResponse { outcome: self.run(request).await? }))
    }

    async fn assign_part(
        &self,
        request: Request<AssignPartRequest>,
    ) -> Result<Response<AssignPartResponse>, Status> {
        Ok(Response::new(AssignPartResponse { outcome: self.run(request).await? }))
    }

    async fn answer_part(
        &self,
        request: Request<AnswerPartRequest>,
    ) -> Result<Response<AnswerPartResponse>, Status> {
        Ok(Response::new(AnswerPartResponse { outcome: self.run(request).await? }))
    }

    async fn waive_part(
        &self,
        request: Request<WaivePartRequest>,
    ) -> Result<Response<WaivePartResponse>, Status> {
        Ok(Response::new(WaivePartResponse { outcome: self.run(request).await? }))
    }

    async fn request_extension(
        &self,
        request: Request<RequestExtensionRequest>,
    ) -> Result<Response<RequestExtensionResponse>, Status> {
        Ok(Response::new(RequestExtensionResponse { outcome: self.run(request).await? }))
    }

    async fn grant_extension(
        &self,
        request: Request<GrantExtensionRequest>,
    ) -> Result<Response<GrantExtensionResponse>, Status> {
        Ok(Response::new(GrantExtensionResponse { outcome: self.run(request).await? }))
    }

    async fn refuse_extension(
        &self,
        request: Request<RefuseExtensionRequest>,
    ) -> Result<Response<RefuseExtensionResponse>, Status> {
        Ok(Response::new(RefuseExtensionResponse { outcome: self.run(request).await? }))
    }

    async fn urge_case(
        &self,
        request: Request<UrgeCaseRequest>,
    ) -> Result<Response<UrgeCaseResponse>, Status> {
        Ok(Response::new(UrgeCaseResponse { outcome: self.run(request).await? }))
    }

    async fn supervise_case(
        &self,
        request: Request<SuperviseCaseRequest>,
    ) -> Result<Response<SuperviseCaseResponse>, Status> {
        Ok(Response::new(SuperviseCaseResponse { outcome: self.run(request).await? }))
    }

    async fn circulate_criticism(
        &self,
        request: Request<CirculateCriticismRequest>,
    ) -> Result<Response<CirculateCriticismResponse>, Status> {
        Ok(Response::new(CirculateCriticismResponse { outcome: self.run(request).await? }))
    }

    async fn claim_case(
        &self,
        request: Request<ClaimCaseRequest>,
    ) -> Result<Response<ClaimCaseResponse>, Status> {
        Ok(Response::new(ClaimCaseResponse { outcome: self.run(request).await? }))
    }

    async fn close_case(
        &self,
        request: Request<CloseCaseRequest>,
    ) -> Result<Response<CloseCaseResponse>, Status> {
        Ok(Response::new(CloseCaseResponse { outcome: self.run(request).await? }))
    }

    async fn reopen_case(
        &self,
        request: Request<ReopenCaseRequest>,
    ) -> Result<Response<ReopenCaseResponse>, Status> {
        Ok(Response::new(ReopenCaseResponse { outcome: self.run(request).await? }))
    }

    async fn merge_case(
        &self,
        request: Request<MergeCaseRequest>,
    ) -> Result<Response<MergeCaseResponse>, Status> {
        Ok(Response::new(MergeCaseResponse { outcome: self.run(request).await? }))
    }

    async fn unmerge_case(
        &self,
        request: Request<UnmergeCaseRequest>,
    ) -> Result<Response<UnmergeCaseResponse>, Status> {
        Ok(Response::new(UnmergeCaseResponse { outcome: self.run(request).await? }))
    }

    async fn recompute_clocks(
        &self,
        request: Request<RecomputeClocksRequest>,
    ) -> Result<Response<RecomputeClocksResponse>, Status> {
        Ok(Response::new(RecomputeClocksResponse { outcome: self.run(request).await? }))
    }

    async fn batch_commands(
        &self,
        request: Request<BatchCommandsRequest>,
    ) -> Result<Response<BatchCommandsResponse>, Status> {
        let principal = self.auth.authenticate(request.metadata())?;
        let results = batch::run(&self.service, &principal, &request.into_inner().commands).await?;
        Ok(Response::new(BatchCommandsResponse { results }))
    }

    async fn get_case(&self, request: Request<GetCaseRequest>) -> Result<Response<GetCaseResponse>, Status> {
        let principal = self.auth.authenticate(request.metadata())?;
        let mut violations = Violations::new();
        let case_id: Option<CaseId> = fields::parsed("case_id", &request.get_ref().case_id, &mut violations);
        let Some(case_id) = case_id else { return Err(violations.into_status()) };
        Ok(Response::new(get_case(&self.service, &principal, case_id).await?))
    }

    async fn list_cases(
        &self,
        request: Request<ListCasesRequest>,
    ) -> Result<Response<ListCasesResponse>, Status> {
        let principal = self.auth.authenticate(request.metadata())?;
        let mut violations = Violations::new();
        let selection = selection(request.get_ref(), &mut violations);
        violations.check()?;
        let listed = list_cases(&self.service, &principal, &selection).await?;
        let next_page_token = listed.next.as_ref().map(fields::page_token).unwrap_or_default();
        Ok(Response::new(ListCasesResponse { cases: listed.cases, next_page_token }))
    }

    async fn watch_assignments(
        &self,
        request: Request<WatchAssignmentsRequest>,
    ) -> Result<Response<Self::WatchAssignmentsStream>, Status> {
        let principal = self.auth.authenticate(request.metadata())?;
        let mut violations = Violations::new();
        let unit = fields::parsed("unit", &request.get_ref().unit, &mut violations);
        let Some(unit) = unit else { return Err(violations.into_status()) };
        let after = request.get_ref().after_cursor;
        let following = watch_assignments(&self.service, &principal, unit, after).await?;
        let auth = Arc::clone(&self.auth);
        let metadata = request.metadata().clone();
        // Asked again and again: a token that expires, or whose key is revoked, ends the stream.
        let is_still_good = move || auth.authenticate(&metadata).map(|_| ());
        let stream = feed::serve(following, self.service.feed.bounds, is_still_good);
        Ok(Response::new(Box::pin(stream)))
    }
}

fn selection(message: &ListCasesRequest, violations: &mut Violations) -> Selection {
    Selection {
        unit: fields::optional("unit", &message.unit, violations),
        states: fields::each_once(
            "states",
            &message.states,
            VALUES_MAX,
            State::from_number,
            "1 to 9",
            violations,
        ),
        stages: fields::each_once(
            "stages",
            &message.stages,
            VALUES_MAX,
            Stage::from_number,
            "1 to 4",
            violations,
        ),
        kinds: fields::each_once("kinds", &message.kinds, VALUES_MAX, kind, "1 to 5", violations),
        category: fields::category(&message.category, violations).filter(|path| !path.is_empty()),
        region: fields::optional("region_code", &message.region_code, violations),
        representative: fields::optional("representative_code", &message.representative_code, violations),
        submitted_from: fields::moment("submitted_from", message.submitted_from.as_ref(), violations),
        submitted_before: fields::moment("submitted_before", message.submitted_before.as_ref(), violations),
        overdue_only: message.overdue_only,
        page_size: fields::page_size(message.page_size, PAGE_USUAL, PAGE_MAX, violations),
        after: fields::position(&message.page_token, violations),
    }
}

fn kind(number: i32) -> Option<CaseKind> {
    CaseKind::try_from(number).ok().filter(|&kind| kind != CaseKind::Unspecified)
}
