//! CaseService: nine commands, and two ways to read.

use std::sync::Arc;

use huying_platform::{
    auth::Authenticator,
    ids::CaseId,
    keys::{IdempotencyKey, body_hash},
    status::Violations,
};
use huying_proto::{
    events::v1::CaseState,
    routing::v1::{
        self as proto, AcceptCaseRequest, AcceptCaseResponse, AssignCaseRequest, AssignCaseResponse,
        CloseCaseRequest, CloseCaseResponse, CommandOutcome, DelegateCaseRequest, DelegateCaseResponse,
        EscalateCaseRequest, EscalateCaseResponse, GetCaseRequest, GetCaseResponse, ListCasesRequest,
        ListCasesResponse, RegisterCaseRequest, RegisterCaseResponse, ReplyCaseRequest, ReplyCaseResponse,
        ReportProgressRequest, ReportProgressResponse, ReturnCaseRequest, ReturnCaseResponse,
        case_service_server::CaseService,
    },
};
use jiff::SignedDuration;
use tonic::{Request, Response, Status};

use super::fields;
use crate::{
    domain::{case::State, command::Command},
    service::Service,
    store::requests::RequestKey,
    use_cases::{
        get_case::get_case,
        list_cases::{Selection, list_cases},
        run_command::{CommandRequest, run_command},
    },
};

/// Bounds, in characters, as the contract gives them.
const NOTE_CHARS_MAX: usize = 2_000;
const PROGRESS_CHARS_MAX: usize = 10_000;
const REPLY_CHARS_MAX: usize = 20_000;
/// More than there are states.
const STATES_MAX: usize = 16;
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
    async fn run<M: prost::Message>(
        &self,
        request: Request<M>,
        envelope: fn(&M) -> Option<&proto::Command>,
        parse: fn(&M, &mut Violations) -> Option<Command>,
    ) -> Result<Option<CommandOutcome>, Status> {
        let principal = self.auth.authenticate(request.metadata())?;
        let message = request.into_inner();
        let mut violations = Violations::new();
        let parsed_envelope = parse_envelope(envelope(&message), &mut violations);
        let command = parse(&message, &mut violations);
        violations.check()?;
        let (Some((request_id, case_id, expected_version)), Some(command)) = (parsed_envelope, command)
        else {
            // Every None above came with a violation.
            return Err(Status::invalid_argument("the request is incomplete"));
        };
        let key = RequestKey {
            caller: principal.subject.clone(),
            request_id: request_id.as_str().to_owned(),
            command: command.name().rpc(),
            body_hash: body_hash(&message),
        };
        let request = CommandRequest { principal, key, case_id, expected_version, command };
        Ok(Some(run_command(&self.service, &request).await?))
    }
}

#[tonic::async_trait]
impl CaseService for Cases {
    async fn register_case(
        &self,
        request: Request<RegisterCaseRequest>,
    ) -> Result<Response<RegisterCaseResponse>, Status> {
        let outcome = self.run(request, |m| m.command.as_ref(), |_, _| Some(Command::Register)).await?;
        Ok(Response::new(RegisterCaseResponse { outcome }))
    }

    async fn assign_case(
        &self,
        request: Request<AssignCaseRequest>,
    ) -> Result<Response<AssignCaseResponse>, Status> {
        let outcome = self.run(request, |m| m.command.as_ref(), assign).await?;
        Ok(Response::new(AssignCaseResponse { outcome }))
    }

    async fn delegate_case(
        &self,
        request: Request<DelegateCaseRequest>,
    ) -> Result<Response<DelegateCaseResponse>, Status> {
        let outcome = self.run(request, |m| m.command.as_ref(), delegate).await?;
        Ok(Response::new(DelegateCaseResponse { outcome }))
    }

    async fn escalate_case(
        &self,
        request: Request<EscalateCaseRequest>,
    ) -> Result<Response<EscalateCaseResponse>, Status> {
        let outcome = self.run(request, |m| m.command.as_ref(), escalate).await?;
        Ok(Response::new(EscalateCaseResponse { outcome }))
    }

    async fn accept_case(
        &self,
        request: Request<AcceptCaseRequest>,
    ) -> Result<Response<AcceptCaseResponse>, Status> {
        let outcome = self.run(request, |m| m.command.as_ref(), |_, _| Some(Command::Accept)).await?;
        Ok(Response::new(AcceptCaseResponse { outcome }))
    }

    async fn return_case(
        &self,
        request: Request<ReturnCaseRequest>,
    ) -> Result<Response<ReturnCaseResponse>, Status> {
        let outcome = self.run(request, |m| m.command.as_ref(), return_case).await?;
        Ok(Response::new(ReturnCaseResponse { outcome }))
    }

    async fn report_progress(
        &self,
        request: Request<ReportProgressRequest>,
    ) -> Result<Response<ReportProgressResponse>, Status> {
        let outcome = self.run(request, |m| m.command.as_ref(), report_progress).await?;
        Ok(Response::new(ReportProgressResponse { outcome }))
    }

    async fn reply_case(
        &self,
        request: Request<ReplyCaseRequest>,
    ) -> Result<Response<ReplyCaseResponse>, Status> {
        let outcome = self.run(request, |m| m.command.as_ref(), reply).await?;
        Ok(Response::new(ReplyCaseResponse { outcome }))
    }

    async fn close_case(
        &self,
        request: Request<CloseCaseRequest>,
    ) -> Result<Response<CloseCaseResponse>, Status> {
        let outcome = self.run(request, |m| m.command.as_ref(), close).await?;
        Ok(Response::new(CloseCaseResponse { outcome }))
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
}

fn parse_envelope(
    command: Option<&proto::Command>,
    violations: &mut Violations,
) -> Option<(IdempotencyKey, CaseId, Option<u64>)> {
    let Some(command) = command else {
        violations.add("command", "is missing; request_id and case_id would be right");
        return None;
    };
    let request_id = match IdempotencyKey::parse(&command.request_id) {
        Ok(key) => Some(key),
        Err(error) => {
            violations.add("command.request_id", error.to_string());
            None
        }
    };
    let case_id = fields::parsed("command.case_id", &command.case_id, violations);
    Some((request_id?, case_id?, command.expected_version))
}

fn assign(message: &AssignCaseRequest, violations: &mut Violations) -> Option<Command> {
    let unit = fields::parsed("unit", &message.unit, violations);
    let note = fields::note("note", &message.note, NOTE_CHARS_MAX, violations);
    let reply_within = message.reply_within.as_ref().map(|within| SignedDuration::new(within.seconds, 0));
    let is_whole = message.reply_within.as_ref().is_none_or(|within| within.nanos == 0);
    if !is_whole {
        violations.add("reply_within", "has a fraction of a second; whole seconds would be right");
    }
    Some(Command::Assign { unit: unit?, note, reply_within })
}

fn delegate(message: &DelegateCaseRequest, violations: &mut Violations) -> Option<Command> {
    let region = fields::parsed("region_code", &message.region_code, violations);
    let reason = fields::text("reason", &message.reason, NOTE_CHARS_MAX, violations);
    Some(Command::Delegate { region: region?, reason })
}

fn escalate(message: &EscalateCaseRequest, violations: &mut Violations) -> Option<Command> {
    Some(Command::Escalate { reason: fields::text("reason", &message.reason, NOTE_CHARS_MAX, violations) })
}

fn return_case(message: &ReturnCaseRequest, violations: &mut Violations) -> Option<Command> {
    let legal_basis = fields::text("legal_basis", &message.legal_basis, NOTE_CHARS_MAX, violations);
    let proposed_unit = fields::parsed("proposed_unit", &message.proposed_unit, violations);
    Some(Command::Return { legal_basis, proposed_unit: proposed_unit? })
}

fn report_progress(message: &ReportProgressRequest, violations: &mut Violations) -> Option<Command> {
    Some(Command::ReportProgress {
        text: fields::text("text", &message.text, PROGRESS_CHARS_MAX, violations),
    })
}

fn reply(message: &ReplyCaseRequest, violations: &mut Violations) -> Option<Command> {
    Some(Command::Reply { text: fields::text("text", &message.text, REPLY_CHARS_MAX, violations) })
}

fn close(message: &CloseCaseRequest, violations: &mut Violations) -> Option<Command> {
    Some(Command::Close { note: fields::note("note", &message.note, NOTE_CHARS_MAX, violations) })
}

fn selection(message: &ListCasesRequest, violations: &mut Violations) -> Selection {
    let mut states = Vec::new();
    if message.states.len() > STATES_MAX {
        let count = message.states.len();
        violations.add("states", format!("has {count} entries; at most {STATES_MAX} would be right"));
    }
    for &number in message.states.iter().take(STATES_MAX) {
        match State::from_number(number) {
            Some(state) if states.contains(&state) => {}
            Some(state) => states.push(state),
            None => violations.add(
                "states",
                format!(
                    "{number} is not a state; {} to {} would be right",
                    CaseState::Submitted as i32,
                    CaseState::Closed as i32
                ),
            ),
        }
    }
    Selection {
        unit: fields::optional("unit", &message.unit, violations),
        states,
        region: fields::optional("region_code", &message.region_code, violations),
        overdue_only: message.overdue_only,
        page_size: fields::page_size(message.page_size, PAGE_USUAL, PAGE_MAX, violations),
        after: fields::position(&message.page_token, violations),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_past_the_bound_are_one_fault() {
        let message = ListCasesRequest { states: vec![1; 200_000], ..ListCasesRequest::default() };
        let mut violations = Violations::new();
        assert_eq!(selection(&message, &mut violations).states, [State::Submitted]);
        let status = violations.into_status();
        assert_eq!(status.message(), "states: has 200000 entries; at most 16 would be right");
    }
}
