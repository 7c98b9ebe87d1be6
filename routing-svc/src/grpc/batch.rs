//! BatchCommands: each command with the answer that its own RPC would have given.

use std::collections::HashSet;

use huying_platform::{auth::Principal, status::Violations};
use huying_proto::routing::v1::{
    BatchResult, BatchedCommand, CommandOutcome, CommandRefusal, FieldFault, batch_result,
};
use tonic::Status;
use tonic_types::StatusExt as _;

use super::commands::prepare_batched;
use crate::{
    service::Service,
    use_cases::run_commands::{CommandRequest, run_commands},
};

/// How many commands a batch has at most, as the contract gives it.
const COMMANDS_MAX: usize = 500;

/// Runs a batch.
///
/// # Errors
/// What concerns all commands: that they are too many or none, that two have one request id, that the database failed.
pub(super) async fn run(
    service: &Service,
    principal: &Principal,
    commands: &[BatchedCommand],
) -> Result<Vec<BatchResult>, Status> {
    if commands.is_empty() || commands.len() > COMMANDS_MAX {
        let mut violations = Violations::new();
        let count = commands.len();
        violations.add("commands", format!("has {count} entries; 1 to {COMMANDS_MAX} would be right"));
        return Err(violations.into_status());
    }
    let prepared: Vec<Result<CommandRequest, Violations>> =
        commands.iter().map(|command| prepare_batched(principal, command)).collect();
    let mut faulty = Vec::with_capacity(prepared.len());
    let mut requests = Vec::with_capacity(prepared.len());
    for one in prepared {
        match one {
            Ok(request) => {
                requests.push(request);
                faulty.push(None);
            }
            Err(violations) => faulty.push(Some(violations.into_status())),
        }
    }
    refuse_doubles(&requests, &faulty)?;

    let mut answers = if requests.is_empty() { Vec::new() } else { run_commands(service, &requests).await? }
        .into_iter()
        .map(|answer| answer.map_err(Status::from));
    let missing = || Err(Status::internal("a command has no answer"));
    let results = faulty.into_iter().map(|fault| match fault {
        Some(fault) => result(Err(fault)),
        None => result(answers.next().unwrap_or_else(missing)),
    });
    Ok(results.collect())
}

/// Two commands with one request id would be one request. `faulty` has an entry for each command, None for those in
/// `requests`.
#[allow(clippy::result_large_err)]
fn refuse_doubles(requests: &[CommandRequest], faulty: &[Option<Status>]) -> Result<(), Status> {
    let places = faulty.iter().enumerate().filter(|(_, fault)| fault.is_none()).map(|(at, _)| at);
    let mut seen = HashSet::new();
    let mut violations = Violations::new();
    for (at, request) in places.zip(requests) {
        if !seen.insert(&request.key.request_id) {
            let field = format!("commands[{at}].command.request_id");
            violations
                .add(field, "is that of an earlier command of the batch; one of its own would be right");
        }
    }
    violations.check()
}

fn result(answer: Result<CommandOutcome, Status>) -> BatchResult {
    let result = match answer {
        Ok(outcome) => batch_result::Result::Outcome(outcome),
        Err(status) => batch_result::Result::Refusal(refusal(&status)),
    };
    BatchResult { result: Some(result) }
}

fn refusal(status: &Status) -> CommandRefusal {
    let info = status.get_details_error_info();
    let faults = status.get_details_bad_request().map(|faults| faults.field_violations).unwrap_or_default();
    let (reason, metadata) = info.map(|info| (info.reason, info.metadata)).unwrap_or_default();
    CommandRefusal {
        code: status.code().into(),
        message: status.message().to_owned(),
        reason,
        metadata,
        fields: faults
            .into_iter()
            .map(|fault| FieldFault { field: fault.field, description: fault.description })
            .collect(),
    }
}
