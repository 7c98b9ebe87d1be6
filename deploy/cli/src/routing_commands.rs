//! The commands of routing's CaseService, as one type: an act on a case.
//!
//! Guarantees that an act is sent again only with the same request id, so that it happens once. Who may act, and when,
//! is decided by the service.

use std::time::Duration;

use huying_proto::routing::v1::{
    AcceptCaseRequest, AssignCaseRequest, CloseCaseRequest, Command, CommandOutcome, DelegateCaseRequest,
    EscalateCaseRequest, RegisterCaseRequest, ReplyCaseRequest, ReportProgressRequest, ReturnCaseRequest,
    case_service_client::CaseServiceClient,
};
use tonic::{Request, Response, Status, transport::Channel};

use crate::{
    context::{Context, Service, authorised},
    failure::Failure,
};

/// How the case stands after an act.
pub(crate) type Outcome = CommandOutcome;

/// What somebody does with a case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Act {
    Register,
    Assign { unit: String, note: String, reply_within: Option<Duration> },
    Delegate { region: String, reason: String },
    Escalate { reason: String },
    Accept,
    Return { legal_basis: String, proposed_unit: String },
    Progress { text: String },
    Reply { text: String },
    Close { note: String },
}

/// Whose act it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Actor {
    HoldingOffice,
    ResponsibleUnit,
}

impl Act {
    /// Whose act it is.
    pub(crate) fn actor(&self) -> Actor {
        match self {
            Self::Register
            | Self::Assign { .. }
            | Self::Delegate { .. }
            | Self::Escalate { .. }
            | Self::Close { .. } => Actor::HoldingOffice,
            Self::Accept | Self::Return { .. } | Self::Progress { .. } | Self::Reply { .. } => {
                Actor::ResponsibleUnit
            }
        }
    }

    /// Name of the event that the act leads to.
    pub(crate) fn event_name(&self) -> &'static str {
        match self {
            Self::Register => "CaseRegistered",
            Self::Assign { .. } => "CaseAssigned",
            Self::Delegate { .. } => "CaseDelegated",
            Self::Escalate { .. } => "CaseEscalated",
            Self::Accept => "CaseAccepted",
            Self::Return { .. } => "CaseReturned",
            Self::Progress { .. } => "ProgressReported",
            Self::Reply { .. } => "CaseReplied",
            Self::Close { .. } => "CaseClosed",
        }
    }
}

/// Sends an act until it is answered, refused, or given up.
pub(crate) async fn perform(
    context: &Context,
    act: &Act,
    case_id: &str,
    request_id: &str,
    expected_version: Option<u64>,
    token: &str,
) -> Result<Outcome, Failure> {
    let command =
        Command { request_id: request_id.to_owned(), case_id: case_id.to_owned(), expected_version };
    let caller = Caller { context, client: context.cases()?, token };
    let command = Some(command);
    let outcome = match act.clone() {
        Act::Register => {
            let message = RegisterCaseRequest { command };
            caller
                .send(&message, async |mut client, request| client.register_case(request).await)
                .await?
                .outcome
        }
        Act::Assign { unit, note, reply_within } => {
            let reply_within = reply_within.map(protobuf_duration).transpose()?;
            let message = AssignCaseRequest { command, unit, note, reply_within };
            caller
                .send(&message, async |mut client, request| client.assign_case(request).await)
                .await?
                .outcome
        }
        Act::Delegate { region, reason } => {
            let message = DelegateCaseRequest { command, region_code: region, reason };
            caller
                .send(&message, async |mut client, request| client.delegate_case(request).await)
                .await?
                .outcome
        }
        Act::Escalate { reason } => {
            let message = EscalateCaseRequest { command, reason };
            caller
                .send(&message, async |mut client, request| client.escalate_case(request).await)
                .await?
                .outcome
        }
        Act::Accept => {
            let message = AcceptCaseRequest { command };
            caller
                .send(&message, async |mut client, request| client.accept_case(request).await)
                .await?
                .outcome
        }
        Act::Return { legal_basis, proposed_unit } => {
            let message = ReturnCaseRequest { command, legal_basis, proposed_unit };
            caller
                .send(&message, async |mut client, request| client.return_case(request).await)
                .await?
                .outcome
        }
        Act::Progress { text } => {
            let message = ReportProgressRequest { command, text };
            caller
                .send(&message, async |mut client, request| client.report_progress(request).await)
                .await?
                .outcome
        }
        Act::Reply { text } => {
            let message = ReplyCaseRequest { command, text };
            caller.send(&message, async |mut client, request| client.reply_case(request).await).await?.outcome
        }
        Act::Close { note } => {
            let message = CloseCaseRequest { command, note };
            caller.send(&message, async |mut client, request| client.close_case(request).await).await?.outcome
        }
    };
    outcome.ok_or_else(|| Failure::unexpected("routing answered without an outcome"))
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

fn protobuf_duration(duration: Duration) -> Result<prost_types::Duration, Failure> {
    prost_types::Duration::try_from(duration).map_err(|_| Failure::usage("the duration is too long"))
}
