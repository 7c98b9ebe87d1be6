//! Takes up what intake asks in the name of others: a citizen's rating, and entries of readings and erasures.
//!
//! The inbox makes each request count once. A request that the case does not allow is answered with `RequestRefused`;
//! one whose case has not arrived waits. An erasure also takes the citizen's text out of the case.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use huying_platform::{
    ids::{CaseId, EventId},
    inbox,
    outbox::OutgoingEvent,
    status,
};
use huying_proto::events::v1::{Actor, ActorRole, CaseHeader, Event, RequestRefused, event::Body};
use jiff::Timestamp;

use super::entry::Entries;
use crate::{
    domain::{
        command::{Command, Rejection},
        decide::{Context, decide},
        submission::Malformed,
    },
    service::{CONSUMER, Service},
    store::{cases, history, rows::Stored},
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
    let directory = service.directory.load();
    let now = service.clock.now();
    let event_ids: Vec<_> = batch.iter().map(|request| request.event_id.as_uuid()).collect();
    let case_ids: BTreeSet<CaseId> = batch.iter().map(|request| request.case_id).collect();

    let mut transaction = service.db.begin().await?;
    let mut unseen = inbox::claim(&mut transaction, CONSUMER, &event_ids).await?;
    let ids: Vec<CaseId> = case_ids.into_iter().collect();
    let mut at_hand: BTreeMap<CaseId, Stored> = cases::lock(&mut transaction, &ids)
        .await?
        .into_iter()
        .map(|stored| (stored.case.id, stored))
        .collect();

    let mut entries = Entries::default();
    let mut changed = BTreeSet::new();
    let mut erased = Vec::new();
    for request in batch {
        // Taken out, so that a request that came twice in one batch counts once.
        if !unseen.remove(&request.event_id.as_uuid()) {
            continue;
        }
        let case_id = request.case_id;
        let stored = at_hand.get_mut(&case_id).ok_or(TakeUpError::CaseNotHere { case_id })?;
        let context =
            Context { now, actor: request.actor.clone(), directory: &directory, policies: &service.policies };
        match decide(&stored.case, &request.command, &context) {
            Ok(decision) => {
                stored.case = decision.case;
                changed.insert(case_id);
                if matches!(request.command, Command::RecordErasure { .. }) {
                    erased.push(case_id);
                }
                entries.add(case_id, &stored.header, decision.events, request.traceparent.as_deref());
            }
            Err(rejection) => entries.outgoing.push(refusal(request, &stored.header, &rejection, now)),
        }
    }
    let changed: Vec<_> =
        changed.iter().filter_map(|id| at_hand.get(id)).map(|stored| &stored.case).collect();
    if !changed.is_empty() {
        cases::update(&mut transaction, &changed).await?;
        history::append(&mut transaction, &entries.episodes).await?;
    }
    if !erased.is_empty() {
        cases::erase_bodies(&mut transaction, &erased).await?;
    }
    service.outbox.append(&mut transaction, &entries.outgoing).await?;
    transaction.commit().await?;
    service.outbox.wake();
    Ok(())
}

/// Tells intake, and through it the citizen, that a request was not taken up. Not part of the history.
fn refusal(
    request: &Request,
    header: &Arc<CaseHeader>,
    rejection: &Rejection,
    now: Timestamp,
) -> OutgoingEvent {
    let event = Event {
        event_id: EventId::new_v7().to_string(),
        case_id: request.case_id.to_string(),
        case_version: 0,
        occurred_at: Some(status::timestamp_to_proto(now)),
        header: Some(CaseHeader::clone(header)),
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
