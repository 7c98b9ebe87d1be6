//! Runs commands of offices, departments and representatives: one, or a batch of them in one transaction. They differ in
//! what they decide, which is in [`crate::domain::decide`]; the transaction is the same.
//!
//! The lock on the case makes twenty copies of a request queue up behind the first, find its answer, and act no more. In a
//! batch each command is decided on what the ones before it left; one that is refused changes nothing and keeps no other
//! from being taken. What is due by the clocks of a case happens before any command to it, and stays when that is refused.

use std::collections::BTreeSet;

use huying_platform::{auth::Principal, ids::CaseId, outbox::current_traceparent};
use huying_proto::routing::v1::CommandOutcome;

use super::desk::{ATTEMPTS_MAX, Attempt, Desk, Undecided};
use crate::{
    domain::{
        authority::{Act, Verdict, allowed_to, judge, relation_of},
        case::Case,
        command::{Command, Rejection, allowed_commands},
    },
    error::Error,
    reference::Reference,
    service::Service,
    store::{
        requests::{self, Answers, Known, RequestKey},
        rows::Stored,
    },
};

/// How many cases one transaction locks at most: a batch of 500, and many times what others go on as part of.
const CASES_MAX: usize = 5_000;

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

/// What became of one command: how the case stands, or why nothing was changed.
pub type Answer = Result<CommandOutcome, Error>;

/// Runs one command, or finds the answer it was given before.
///
/// # Errors
/// See [`Error`]. Except after a failed commit, whose outcome is unknown, nothing was changed.
pub async fn run_command(service: &Service, request: CommandRequest) -> Answer {
    let mut answers = run_commands(service, &[request]).await?;
    // As many answers as requests.
    answers.pop().unwrap_or(Err(Error::Contended))
}

/// Runs commands whose request ids differ, in their order, and commits them together. Gives an answer for each.
///
/// # Errors
/// When nothing can be said of any: after a failed statement nothing was changed, after a failed commit it is unknown.
pub async fn run_commands(service: &Service, requests: &[CommandRequest]) -> Result<Vec<Answer>, Error> {
    let reference = service.reference().await?;
    let mut case_ids: BTreeSet<CaseId> = requests.iter().map(|request| request.case_id).collect();
    for _ in 0..ATTEMPTS_MAX {
        if case_ids.len() > CASES_MAX {
            return Err(Error::TooManyCases { cases: case_ids.len(), max: CASES_MAX });
        }
        match attempt(service, &reference, requests, &case_ids).await? {
            Attempt::Done(answers) => return Ok(answers),
            Attempt::Needs(more) => case_ids.extend(more),
        }
    }
    Err(Error::Contended)
}

async fn attempt(
    service: &Service,
    reference: &Reference,
    requests: &[CommandRequest],
    case_ids: &BTreeSet<CaseId>,
) -> Result<Attempt<Vec<Answer>>, Error> {
    let traceparent = current_traceparent();
    let keys: Vec<&RequestKey> = requests.iter().map(|request| &request.key).collect();

    let mut transaction = service.db.begin().await?;
    let mut desk = Desk::open(&mut transaction, reference, || service.clock.now(), case_ids).await?;
    // Looked up after the locks are held, so that an answer committed by whoever held them before is seen.
    let known = requests::find(&mut transaction, &keys).await?;
    let mut needed = BTreeSet::new();
    let mut answers = Vec::with_capacity(requests.len());
    let mut taken = Vec::new();
    for request in requests {
        match answer(&mut desk, &known, request, reference, traceparent.as_deref()) {
            Answered::Before(outcome) => answers.push(Ok(outcome)),
            Answered::Now(outcome) => {
                taken.push((&request.key, outcome.clone()));
                answers.push(Ok(outcome));
            }
            Answered::Refused(error) => answers.push(Err(error)),
            Answered::Needs(more) => needed.extend(more),
        }
    }
    if !needed.is_empty() {
        // Now, and not whenever the connection is used next: the next attempt waits for these very locks.
        transaction.rollback().await?;
        return Ok(Attempt::Needs(needed));
    }
    if taken.is_empty() && desk.is_unchanged() {
        return Ok(Attempt::Done(answers));
    }
    let now = desk.now();
    desk.save(&mut transaction).await?;
    if !requests::insert(&mut transaction, &taken, now).await? {
        // The same id was used for another case at the same moment: the next attempt finds that request.
        transaction.rollback().await?;
        return Ok(Attempt::Needs(BTreeSet::new()));
    }
    desk.tell(&mut transaction, &service.outbox).await?;
    transaction.commit().await?;
    service.outbox.wake();
    Ok(Attempt::Done(answers))
}

enum Answered {
    /// As it was answered the first time.
    Before(CommandOutcome),
    Now(CommandOutcome),
    Refused(Error),
    /// Nothing can be said until these cases are at hand.
    Needs(BTreeSet<CaseId>),
}

fn answer(
    desk: &mut Desk<'_>,
    known: &Answers,
    request: &CommandRequest,
    reference: &Reference,
    traceparent: Option<&str>,
) -> Answered {
    match known.of(&request.key) {
        Known::Answered(outcome) => return Answered::Before(outcome),
        Known::IdReused => return Answered::Refused(Error::RequestIdReused),
        Known::New => {}
    }
    match desk.catch_up(request.case_id) {
        Ok(()) | Err(Undecided::Unknown | Undecided::Rejected(_)) => {}
        Err(Undecided::Needs(more)) => return Answered::Needs(more),
    }
    let Some(stored) = desk.case(request.case_id) else {
        return Answered::Refused(Error::CaseNotFound { case_id: request.case_id });
    };
    if let Err(error) = admit(request, stored, reference, desk) {
        return Answered::Refused(error);
    }
    let actor = request.principal.actor();
    match desk.decide(request.case_id, &request.command, actor, traceparent) {
        Ok(()) => {}
        Err(Undecided::Needs(more)) => return Answered::Needs(more),
        Err(Undecided::Rejected(rejection)) => {
            let error = desk
                .case(request.case_id)
                .map(|stored| rejected(rejection, request, stored, reference, desk));
            return Answered::Refused(error.unwrap_or(Error::CaseNotFound { case_id: request.case_id }));
        }
        Err(Undecided::Unknown) => {
            return Answered::Refused(Error::CaseNotFound { case_id: request.case_id });
        }
    }
    match desk.case(request.case_id) {
        Some(stored) => Answered::Now(outcome_of(&stored.case)),
        None => Answered::Refused(Error::CaseNotFound { case_id: request.case_id }),
    }
}

/// Whether the caller may give this command, and means the case as it is.
fn admit(
    request: &CommandRequest,
    stored: &Stored,
    reference: &Reference,
    desk: &Desk<'_>,
) -> Result<(), Error> {
    let principal = &request.principal;
    let relation = relation_of(principal, &stored.case, &stored.header, reference.directory());
    match judge(principal.role, relation, Act::Command(request.command.name())) {
        Verdict::Permitted => {}
        Verdict::NotNow => {
            let responsible =
                stored.case.duty.as_ref().map_or("nobody", |duty| duty.unit.as_str()).to_owned();
            let rejection = Rejection::NotResponsible { unit: principal.code.clone(), responsible };
            return Err(rejected(rejection, request, stored, reference, desk));
        }
        Verdict::Denied => {
            tracing::warn!(
                subject = principal.subject,
                role = ?principal.role,
                code = principal.code,
                command = request.command.name().rpc(),
                case_id = %request.case_id,
                relation = ?relation,
                "command denied"
            );
            return Err(Error::OutOfScope);
        }
    }
    match request.expected_version.filter(|&expected| expected != stored.case.version) {
        Some(expected) => Err(Error::VersionMismatch { expected, current: stored.case.version }),
        None => Ok(()),
    }
}

fn rejected(
    rejection: Rejection,
    request: &CommandRequest,
    stored: &Stored,
    reference: &Reference,
    desk: &Desk<'_>,
) -> Error {
    let directory = reference.directory();
    let relation = relation_of(&request.principal, &stored.case, &stored.header, directory);
    let allowed = allowed_commands(&stored.case, directory, desk.now());
    Error::Rejected {
        rejection,
        state: stored.case.state,
        version: stored.case.version,
        allowed_to_caller: allowed_to(request.principal.role, relation, &allowed),
        allowed,
    }
}

fn outcome_of(case: &Case) -> CommandOutcome {
    CommandOutcome {
        case_id: case.id.to_string(),
        case_version: case.version,
        standing: Some(case.standing()),
    }
}
