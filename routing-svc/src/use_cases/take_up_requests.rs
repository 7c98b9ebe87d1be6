//! Takes up what intake asks in the name of others: a citizen's rating or withdrawal, and entries of readings and
//! erasures.
//!
//! The inbox makes each request count once. A request that the case does not allow is answered with `RequestRefused`;
//! one whose case has not arrived waits. An erasure also takes the citizen's text out of the case.

use std::collections::BTreeSet;

use huying_platform::{
    dead_letters,
    ids::{CaseId, EventId},
    inbox,
    outbox::OutgoingEvent,
    status,
};
use huying_proto::events::v1::{Actor, ActorRole, Event, RequestRefused, event::Body};
use jiff::Timestamp;

use super::desk::{ATTEMPTS_MAX, Attempt, Desk, Undecided, header_of};
use crate::{
    domain::{
        command::{Command, Rejection},
        submission::Malformed,
    },
    reference::Reference,
    service::{CONSUMER, Service},
    store::{cases, rows::Stored},
};

/// A request of intake and the trace it belongs to.
#[derive(Debug, Clone)]
pub struct Request {
    /// Its event.
    pub event_id: EventId,
    /// The case.
    pub case_id: CaseId,
    /// In whose name.
    pub actor: Actor,
    /// What is asked.
    pub command: Command,
    /// W3C Trace Context.
    pub traceparent: Option<String>,
}

/// Why a batch was not taken up. Nothing of it was.
#[derive(Debug, thiserror::Error)]
pub enum TakeUpError {
    /// The submission of the case has not arrived.
    #[error("case {case_id} has not arrived")]
    CaseNotHere {
        /// The case.
        case_id: CaseId,
    },
    /// Others kept merging cases into those of the batch.
    #[error("the cases were needed by others {ATTEMPTS_MAX} times in a row")]
    Contended,
    /// A failed statement or commit.
    #[error("the database failed")]
    Database(#[from] sqlx::Error),
}

impl Request {
    /// Reads a request.
    ///
    /// # Errors
    /// [`Malformed`] when the event is not a complete request.
    pub fn parse(event: &Event, traceparent: Option<String>) -> Result<Self, Malformed> {
        let command = match &event.body {
            Some(Body::RatingRequested(rating)) => Command::Rate {
                resolved: rating.resolved,
                satisfied: rating.satisfied,
                comment: rating.comment.clone(),
                reopen: rating.reopen,
            },
            Some(Body::PrivateReadRequested(read)) => {
                Command::RecordPrivateRead { purpose: read.purpose.clone() }
            }
            Some(Body::ErasureRequested(erasure)) => {
                Command::RecordErasure { ground: erasure.ground.clone() }
            }
            Some(Body::WithdrawalRequested(withdrawal)) => {
                Command::Withdraw { reason: withdrawal.reason.clone() }
            }
            Some(
                Body::CaseSubmitted(_)
                | Body::CaseQueued(_)
                | Body::CaseRegistered(_)
                | Body::CaseAssigned(_)
                | Body::CaseDelegated(_)
                | Body::CaseEscalated(_)
                | Body::CaseAccepted(_)
                | Body::CaseReturned(_)
                | Body::ProgressReported(_)
                | Body::CaseReplied(_)
                | Body::CaseRated(_)
                | Body::CaseReopened(_)
                | Body::CaseClosed(_)
                | Body::DeadlineExpired(_)
                | Body::PrivatePartRead(_)
                | Body::PrivatePartErased(_)
                | Body::CaseDeclined(_)
                | Body::CaseClassified(_)
                | Body::CaseTransferred(_)
                | Body::CaseClaimed(_)
                | Body::PartAssigned(_)
                | Body::PartAnswered(_)
                | Body::PartWaived(_)
                | Body::ExtensionRequested(_)
                | Body::ExtensionGranted(_)
                | Body::ExtensionRefused(_)
                | Body::DeadlineNear(_)
                | Body::CaseUrged(_)
                | Body::CaseSupervised(_)
                | Body::CriticismCirculated(_)
                | Body::CaseMerged(_)
                | Body::CaseAbsorbed(_)
                | Body::CaseUnmerged(_)
                | Body::CaseSplitOff(_)
                | Body::CaseWithdrawn(_)
                | Body::ClocksRecomputed(_)
                | Body::RequestRefused(_),
            )
            | None => return Err(Malformed::Other { expected: "a request of intake" }),
        };
        Ok(Self {
            event_id: event.event_id.parse().map_err(|_| Malformed::Field { field: "event_id" })?,
            case_id: event.case_id.parse().map_err(|_| Malformed::Field { field: "case_id" })?,
            actor: event.actor.clone().ok_or(Malformed::Field { field: "actor" })?,
            command,
            traceparent,
        })
    }
}

/// Takes up a batch, in its order.
///
/// # Errors
/// When a case has not arrived, or a statement fails.
pub async fn take_up_requests(service: &Service, batch: &[Request]) -> Result<(), TakeUpError> {
    let reference = service.reference().await?;
    let mut case_ids: BTreeSet<CaseId> = batch.iter().map(|request| request.case_id).collect();
    for _ in 0..ATTEMPTS_MAX {
        match attempt(service, &reference, batch, &case_ids).await? {
            Attempt::Done(()) => return Ok(()),
            Attempt::Needs(more) => case_ids.extend(more),
        }
    }
    Err(TakeUpError::Contended)
}

async fn attempt(
    service: &Service,
    reference: &Reference,
    batch: &[Request],
    case_ids: &BTreeSet<CaseId>,
) -> Result<Attempt<()>, TakeUpError> {
    let event_ids: Vec<_> = batch.iter().map(|request| request.event_id.as_uuid()).collect();

    let mut transaction = service.db.begin().await?;
    let mut unseen = inbox::claim(&mut transaction, CONSUMER, &event_ids).await?;
    let mut desk = Desk::open(&mut transaction, reference, || service.clock.now(), case_ids).await?;
    let mut erased = Vec::new();
    for request in batch {
        // Taken out, so that a request that came twice in one batch counts once.
        if !unseen.remove(&request.event_id.as_uuid()) {
            continue;
        }
        let case_id = request.case_id;
        let traceparent = request.traceparent.as_deref();
        let decided = desk
            .catch_up(case_id)
            .and_then(|()| desk.decide(case_id, &request.command, request.actor.clone(), traceparent));
        match decided {
            Ok(()) if matches!(request.command, Command::RecordErasure { .. }) => erased.push(case_id),
            Ok(()) => {}
            Err(Undecided::Unknown) => return Err(TakeUpError::CaseNotHere { case_id }),
            Err(Undecided::Needs(more)) => {
                // Now, and not whenever the connection is used next: the next attempt waits for these very locks.
                transaction.rollback().await?;
                return Ok(Attempt::Needs(more));
            }
            Err(Undecided::Rejected(rejection)) => {
                let stored = desk.case(case_id).ok_or(TakeUpError::CaseNotHere { case_id })?;
                let refusal = refusal(request, stored, &rejection, desk.now());
                desk.send(refusal);
            }
        }
    }
    desk.save(&mut transaction).await?;
    if !erased.is_empty() {
        cases::erase_texts(&mut transaction, &erased).await?;
        dead_letters::forget_citizens_words(&mut transaction, &erased).await?;
    }
    desk.tell(&mut transaction, &service.outbox).await?;
    transaction.commit().await?;
    service.outbox.wake();
    Ok(Attempt::Done(()))
}

/// Tells intake, and through it the citizen, that a request was not taken up. Not part of the history.
fn refusal(request: &Request, stored: &Stored, rejection: &Rejection, now: Timestamp) -> OutgoingEvent {
    let event = Event {
        event_id: EventId::new_v7().to_string(),
        case_id: request.case_id.to_string(),
        case_version: 0,
        occurred_at: Some(status::timestamp_to_proto(now)),
        header: Some((*header_of(&stored.case, &stored.header)).clone()),
        actor: Some(Actor { role: ActorRole::System.into(), code: String::new() }),
        standing: None,
        body: Some(Body::RequestRefused(RequestRefused {
            request_event_id: request.event_id.to_string(),
            reason: rejection.reason().to_owned(),
            message: rejection.to_string(),
        })),
    };
    OutgoingEvent::case(&event, request.traceparent.clone())
}
