//! Runs a command of an office or a department: register, assign, delegate, escalate, accept, return, report progress,
//! reply, close. They differ in what they decide, which is in [`crate::domain::decide`]; the transaction is the same.
//!
//! The lock on the case makes twenty copies of a request queue up behind the first, find its answer, and act no more.

use huying_platform::{auth::Principal, ids::CaseId, outbox::current_traceparent};
use huying_proto::routing::v1::CommandOutcome;

use super::entry::Entries;
use crate::{
    domain::{
        authority::{act_of, permits, relation_of},
        case::Case,
        command::{Command, allowed_commands},
        decide::{Context, decide},
    },
    error::Error,
    service::Service,
    store::{
        cases, history,
        requests::{self, Known, RequestKey},
    },
};

/// A command and everything that comes with it.
#[derive(Debug, Clone)]
pub struct CommandRequest {
    /// Who asks.
    pub principal: Principal,
    /// What makes it the same request.
    pub key: RequestKey,
    /// The case.
    pub case_id: CaseId,
    /// The version it is meant for, when the caller cares.
    pub expected_version: Option<u64>,
    /// What is asked.
    pub command: Command,
}

/// Runs a command, or finds the answer it was given before.
///
/// # Errors
/// See [`Error`]. Except after a failed commit, whose outcome is unknown, nothing was changed.
pub async fn run_command(service: &Service, request: &CommandRequest) -> Result<CommandOutcome, Error> {
    let directory = service.directory.load();
    let now = service.clock.now();

    let mut transaction = service.db.begin().await?;
    let stored = cases::lock(&mut transaction, &[request.case_id]).await?.pop();
    // Read after the lock is held, so that an answer committed by whoever held it before is seen.
    match requests::find(&mut transaction, &request.key).await? {
        Known::Answered(outcome) => return Ok(outcome),
        Known::IdReused => return Err(Error::RequestIdReused),
        Known::New => {}
    }
    let Some(stored) = stored else { return Err(Error::CaseNotFound { case_id: request.case_id }) };

    let relation = relation_of(&request.principal, &stored.case, &stored.header, &directory);
    if !permits(request.principal.role, relation, act_of(&request.command)) {
        tracing::warn!(
            subject = request.principal.subject,
            role = ?request.principal.role,
            code = request.principal.code,
            command = request.command.name().rpc(),
            case_id = %request.case_id,
            relation = ?relation,
            "command denied"
        );
        return Err(Error::OutOfScope);
    }
    if let Some(expected) = request.expected_version.filter(|&expected| expected != stored.case.version) {
        return Err(Error::VersionMismatch { expected, current: stored.case.version });
    }

    let context =
        Context { now, actor: request.principal.actor(), directory: &directory, policies: &service.policies };
    let decision = decide(&stored.case, &request.command, &context).map_err(|rejection| Error::Rejected {
        rejection,
        state: stored.case.state,
        version: stored.case.version,
        allowed: allowed_commands(&stored.case, &directory),
    })?;

    let outcome = outcome_of(&decision.case);
    let mut entries = Entries::default();
    entries.add(request.case_id, &stored.header, decision.events, current_traceparent().as_deref());
    cases::update(&mut transaction, &[&decision.case]).await?;
    history::append(&mut transaction, &entries.episodes).await?;
    if !requests::insert(&mut transaction, &request.key, &outcome, now).await? {
        // The same id was used for another case at the same moment.
        return Err(Error::RequestIdReused);
    }
    service.outbox.append(&mut transaction, &entries.outgoing).await?;
    transaction.commit().await?;
    service.outbox.wake();
    Ok(outcome)
}

fn outcome_of(case: &Case) -> CommandOutcome {
    CommandOutcome {
        case_id: case.id.to_string(),
        case_version: case.version,
        standing: Some(case.standing()),
    }
}
