//! Gives acts to routing's CaseService.
//!
//! Guarantees that an act is sent again only with the same request id, so that it happens once. Who may act, and when,
//! is decided by the service.

use huying_proto::routing::v1::{
    BatchCommandsRequest, BatchResult, BatchedCommand, Command, CommandOutcome,
    batched_command::Request as Sent, case_service_client::CaseServiceClient,
};
use tonic::{Request, Response, Status, transport::Channel};

use crate::{
    acts::Act,
    context::{Context, Service, authorised},
    failure::Failure,
};

/// How the case stands after an act.
pub(crate) type Outcome = CommandOutcome;

/// Sends an act until it is answered, refused, or given up.
pub(crate) async fn perform(
    context: &Context,
    act: Act,
    case_id: &str,
    request_id: &str,
    expected_version: Option<u64>,
    token: &str,
) -> Result<Outcome, Failure> {
    let command =
        Command { request_id: request_id.to_owned(), case_id: case_id.to_owned(), expected_version };
    let caller = Caller { context, client: context.cases()?, token };
    macro_rules! outcome_of {
        ($rpc:ident, $message:ident) => {
            caller.send(&$message, async |mut client, request| client.$rpc(request).await).await?.outcome
        };
    }
    let outcome = match act.request(command)? {
        Sent::RegisterCase(message) => outcome_of!(register_case, message),
        Sent::DeclineCase(message) => outcome_of!(decline_case, message),
        Sent::ClassifyCase(message) => outcome_of!(classify_case, message),
        Sent::AssignCase(message) => outcome_of!(assign_case, message),
        Sent::TransferCase(message) => outcome_of!(transfer_case, message),
        Sent::DelegateCase(message) => outcome_of!(delegate_case, message),
        Sent::EscalateCase(message) => outcome_of!(escalate_case, message),
        Sent::AcceptCase(message) => outcome_of!(accept_case, message),
        Sent::ReturnCase(message) => outcome_of!(return_case, message),
        Sent::ReportProgress(message) => outcome_of!(report_progress, message),
        Sent::ReplyCase(message) => outcome_of!(reply_case, message),
        Sent::AnswerCase(message) => outcome_of!(answer_case, message),
        Sent::AssignPart(message) => outcome_of!(assign_part, message),
        Sent::AnswerPart(message) => outcome_of!(answer_part, message),
        Sent::WaivePart(message) => outcome_of!(waive_part, message),
        Sent::RequestExtension(message) => outcome_of!(request_extension, message),
        Sent::GrantExtension(message) => outcome_of!(grant_extension, message),
        Sent::RefuseExtension(message) => outcome_of!(refuse_extension, message),
        Sent::UrgeCase(message) => outcome_of!(urge_case, message),
        Sent::SuperviseCase(message) => outcome_of!(supervise_case, message),
        Sent::CirculateCriticism(message) => outcome_of!(circulate_criticism, message),
        Sent::ClaimCase(message) => outcome_of!(claim_case, message),
        Sent::CloseCase(message) => outcome_of!(close_case, message),
        Sent::ReopenCase(message) => outcome_of!(reopen_case, message),
        Sent::MergeCase(message) => outcome_of!(merge_case, message),
        Sent::UnmergeCase(message) => outcome_of!(unmerge_case, message),
        Sent::RecomputeClocks(message) => outcome_of!(recompute_clocks, message),
    };
    outcome.ok_or_else(|| Failure::unexpected("routing answered without an outcome"))
}

/// Sends commands together until they are answered or given up; a result for each, in order.
pub(crate) async fn perform_batch(
    context: &Context,
    commands: Vec<BatchedCommand>,
    token: &str,
) -> Result<Vec<BatchResult>, Failure> {
    let sent = commands.len();
    let message = BatchCommandsRequest { commands };
    let caller = Caller { context, client: context.cases()?, token };
    let results = caller
        .send(&message, async |mut client, request| client.batch_commands(request).await)
        .await?
        .results;
    if results.len() == sent {
        return Ok(results);
    }
    Err(Failure::unexpected(format!("routing answered {} of {sent} commands", results.len())))
}

struct Caller<'a> {
    context: &'a Context,
    client: CaseServiceClient<Channel>,
    token: &'a str,
}

impl Caller<'_> {
    async fn send<M: Clone, T>(
        &self,
        message: &M,
        call: impl AsyncFn(CaseServiceClient<Channel>, Request<M>) -> Result<Response<T>, Status>,
    ) -> Result<T, Failure> {
        self.context
            .call(Service::Routing, || {
                let request = authorised(message.clone(), self.token);
                let client = self.client.clone();
                let call = &call;
                async move { call(client, request?).await }
            })
            .await
    }
}
