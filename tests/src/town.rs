//! The people of an installation: a citizen who writes, the office and the department who act, and who reads.

use huying_proto::{
    events::v1::{CaseKind, Event, Publication},
    intake::v1::{
        Petitioner, RateCaseRequest, SubmitCaseRequest, SubmitCaseResponse, TrackCaseRequest,
        TrackCaseResponse, intake_service_client::IntakeServiceClient,
    },
    ledger::v1::{GetCaseRequest, Line, ledger_service_client::LedgerServiceClient},
    notify::v1::{
        Recipient, SubscribeRequest, notification_service_client::NotificationServiceClient, recipient,
    },
    routing::v1::{
        AcceptCaseRequest, AssignCaseRequest, CloseCaseRequest, Command, CommandOutcome, DelegateCaseRequest,
        EscalateCaseRequest, ReplyCaseRequest, case_service_client::CaseServiceClient,
    },
};
use tonic::{Request, Status, transport::Channel};
use uuid::Uuid;

use crate::{installation::Installation, until};

/// A new idempotency key or request id.
#[must_use]
pub fn key() -> String {
    Uuid::now_v7().to_string()
}

/// A message to the office of a region.
#[must_use]
pub fn message(region: &str, title: &str) -> SubmitCaseRequest {
    SubmitCaseRequest {
        idempotency_key: key(),
        kind: CaseKind::Message.into(),
        region_code: region.to_owned(),
        title: title.to_owned(),
        body: "路灯坏了三天，晚上接孩子看不清路。".to_owned(),
        petitioner: Some(Petitioner {
            name: "试验人".to_owned(),
            phone: "13800138000".to_owned(),
            address: String::new(),
        }),
        publication: Publication::Public.into(),
        ..SubmitCaseRequest::default()
    }
}

/// Clients for everything, over one replica of each service.
#[derive(Debug, Clone)]
pub struct Town {
    /// Intake.
    pub intake: IntakeServiceClient<Channel>,
    /// Routing.
    pub cases: CaseServiceClient<Channel>,
    /// Notify.
    pub notify: NotificationServiceClient<Channel>,
    /// Ledger.
    pub ledger: LedgerServiceClient<Channel>,
}

impl Town {
    /// Connects to one replica of each.
    #[must_use]
    pub fn at(installation: &Installation, replica: usize) -> Self {
        Self {
            intake: IntakeServiceClient::new(installation.channel("intake", replica)),
            cases: CaseServiceClient::new(installation.channel("routing", replica)),
            notify: NotificationServiceClient::new(installation.channel("notify", replica)),
            ledger: LedgerServiceClient::new(installation.channel("ledger", replica)),
        }
    }

    /// Submits.
    pub async fn submit(&self, request: SubmitCaseRequest) -> Result<SubmitCaseResponse, Status> {
        Ok(self.intake.clone().submit_case(request).await?.into_inner())
    }

    /// Submits, again and again with the same key, until the outcome is known. What a careful client does.
    pub async fn submit_surely(&self, request: SubmitCaseRequest) -> SubmitCaseResponse {
        let refused = std::sync::Mutex::new(None);
        until("a submission is acknowledged", async || match self.submit(request.clone()).await {
            Ok(receipt) => Some(receipt),
            Err(status) => {
                // Printed by a test that fails, and only once for as long as it stays the same.
                let said = status.to_string();
                let last = refused.lock().unwrap().replace(said.clone());
                if last.as_deref() != Some(&said) {
                    println!("a submission is not acknowledged: {said}");
                }
                None
            }
        })
        .await
    }

    /// What the citizen sees.
    pub async fn track(&self, receipt_code: &str) -> Result<TrackCaseResponse, Status> {
        let request = TrackCaseRequest { receipt_code: receipt_code.to_owned() };
        Ok(self.intake.clone().track_case(request).await?.into_inner())
    }

    /// Waits until the citizen sees a version or a later one.
    pub async fn track_until(&self, receipt_code: &str, version: u64) -> TrackCaseResponse {
        until(&format!("version {version} at intake"), async || {
            self.track(receipt_code).await.ok().filter(|seen| seen.case_version >= version)
        })
        .await
    }

    /// Rates.
    pub async fn rate(&self, receipt_code: &str, satisfied: bool, reopen: bool) -> Result<(), Status> {
        let request = RateCaseRequest {
            idempotency_key: key(),
            receipt_code: receipt_code.to_owned(),
            resolved: !reopen,
            satisfied,
            comment: String::new(),
            reopen,
        };
        self.intake.clone().rate_case(request).await.map(|_| ())
    }

    /// The lines of a case in the ledger; empty while it is unknown there.
    pub async fn lines(&self, case_id: &str) -> Vec<Line> {
        let request = GetCaseRequest { case_id: case_id.to_owned(), ..GetCaseRequest::default() };
        self.ledger
            .clone()
            .get_case(request)
            .await
            .map_or_else(|_| Vec::new(), |answer| answer.into_inner().lines)
    }

    /// Waits until the ledger shows a version of a case.
    pub async fn lines_until(&self, case_id: &str, version: usize) -> Vec<Line> {
        until(&format!("version {version} in the ledger"), async || {
            let lines = self.lines(case_id).await;
            (lines.len() >= version).then_some(lines)
        })
        .await
    }

    /// The first `count` notifications of a representative.
    pub async fn hear(&self, token: &str, representative: &str, count: usize) -> Vec<(u64, Event)> {
        let recipient = recipient::Recipient::RepresentativeCode(representative.to_owned());
        let request = SubscribeRequest {
            recipient: Some(Recipient { recipient: Some(recipient) }),
            after_position: Some(0),
        };
        let mut stream =
            self.notify.clone().subscribe(authorized(token, request)).await.expect("subscribe").into_inner();
        let mut heard = Vec::new();
        while heard.len() < count {
            let next = tokio::time::timeout(crate::DEADLINE, stream.message()).await;
            let notification =
                next.expect("a notification in time").expect("no error").expect("an open stream");
            heard.push((notification.position, notification.event.expect("an event")));
        }
        heard
    }

    /// Assigns as an office.
    pub async fn assign(&self, token: &str, case_id: &str, unit: &str) -> Result<CommandOutcome, Status> {
        let request = AssignCaseRequest {
            command: Some(command(case_id)),
            unit: unit.to_owned(),
            ..AssignCaseRequest::default()
        };
        outcome(self.cases.clone().assign_case(authorized(token, request)).await?.into_inner().outcome)
    }

    /// Escalates as an office.
    pub async fn escalate(&self, token: &str, case_id: &str) -> Result<CommandOutcome, Status> {
        let request =
            EscalateCaseRequest { command: Some(command(case_id)), reason: "权限不足".to_owned() };
        outcome(self.cases.clone().escalate_case(authorized(token, request)).await?.into_inner().outcome)
    }

    /// Delegates as an office.
    pub async fn delegate(&self, token: &str, case_id: &str, region: &str) -> Result<CommandOutcome, Status> {
        let request = DelegateCaseRequest {
            command: Some(command(case_id)),
            region_code: region.to_owned(),
            reason: "属地办理".to_owned(),
        };
        outcome(self.cases.clone().delegate_case(authorized(token, request)).await?.into_inner().outcome)
    }

    /// Accepts as a department.
    pub async fn accept(&self, token: &str, case_id: &str) -> Result<CommandOutcome, Status> {
        let request = AcceptCaseRequest { command: Some(command(case_id)) };
        outcome(self.cases.clone().accept_case(authorized(token, request)).await?.into_inner().outcome)
    }

    /// Replies as a department.
    pub async fn reply(&self, token: &str, case_id: &str, text: &str) -> Result<CommandOutcome, Status> {
        let request = ReplyCaseRequest {
            command: Some(command(case_id)),
            text: text.to_owned(),
            ..ReplyCaseRequest::default()
        };
        outcome(self.cases.clone().reply_case(authorized(token, request)).await?.into_inner().outcome)
    }

    /// Closes as an office.
    pub async fn close(&self, token: &str, case_id: &str) -> Result<CommandOutcome, Status> {
        let request = CloseCaseRequest { command: Some(command(case_id)), note: String::new() };
        outcome(self.cases.clone().close_case(authorized(token, request)).await?.into_inner().outcome)
    }
}

/// A request with a token.
pub fn authorized<T>(token: &str, message: T) -> Request<T> {
    let mut request = Request::new(message);
    request
        .metadata_mut()
        .insert("authorization", format!("Bearer {token}").parse().expect("a token is ASCII"));
    request
}

fn command(case_id: &str) -> Command {
    Command { request_id: key(), case_id: case_id.to_owned(), expected_version: None }
}

fn outcome(outcome: Option<CommandOutcome>) -> Result<CommandOutcome, Status> {
    outcome.ok_or_else(|| Status::internal("an answer without an outcome"))
}
