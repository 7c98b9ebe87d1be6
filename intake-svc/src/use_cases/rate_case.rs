//! Takes a citizen's rating and asks routing-svc to make it part of the case.
//!
//! One transaction: the rating and its `RatingRequested`. Routing decides in the end; what it refuses is noted by
//! `follow_case` and told when the case is tracked. The same key with the same request is the same rating, for ever.

use huying_platform::{
    ids::{CaseId, EventId},
    outbox::{OutgoingEvent, current_traceparent},
    status::timestamp_to_proto,
};
use huying_proto::{
    events::v1::{Actor, ActorRole, Event, event::Body},
    intake::v1::RateCaseRequest,
};
use prost::Message as _;

use super::petitioner::{Unopened, petitioner_of};
use crate::{
    app::App,
    domain::{
        rating::{self, Rating, RatingRefused},
        violation::Violation,
    },
    store::{
        case_status,
        ratings::{self, NewRating},
        submissions,
    },
};

/// Why a rating was not taken.
#[derive(Debug, thiserror::Error)]
pub enum RateError {
    /// The request is wrong; every fault is told.
    #[error("the rating has faults")]
    Invalid(Vec<Violation>),
    /// There is no such receipt.
    #[error("no case has this receipt code; check it character by character")]
    ReceiptUnknown,
    /// The key belongs to another request.
    #[error("this idempotency key was used for another rating; use a new one for a new rating")]
    KeyReused,
    /// The case does not take a rating now.
    #[error(transparent)]
    Refused(#[from] RatingRefused),
    /// Who wrote could not be found out.
    #[error(transparent)]
    Unopened(#[from] Unopened),
    /// A failed statement or commit.
    #[error("storing a rating failed")]
    Sql(#[from] sqlx::Error),
}

/// Takes a rating.
///
/// # Errors
/// See [`RateError`]; after a failed commit the outcome is unknown.
pub async fn rate_case(app: &App, request: RateCaseRequest) -> Result<CaseId, RateError> {
    let body_mac = app.sealer.body_mac(&request.encode_to_vec());
    let rating = Rating::parse(request).map_err(RateError::Invalid)?;
    let key_hash = app.sealer.key_hash(&rating.key);
    let receipt_hash = app.sealer.receipt_hash(&rating.receipt_code);
    let now = app.clock.now();

    let mut transaction = app.db.begin().await?;
    // A retry is answered as before, whatever has become of the case since.
    if let Some((case_id, first_mac)) = ratings::find_by_key(&mut transaction, &key_hash).await? {
        return same_or_reused(case_id, &first_mac, body_mac);
    }
    let (case_id, _) = submissions::find_by_receipt(&mut transaction, &receipt_hash)
        .await?
        .ok_or(RateError::ReceiptUnknown)?;
    let status = case_status::find(&mut transaction, case_id).await?.ok_or(RatingRefused::NotReplied)?;
    let reply_number = status.reply.number;
    let rated = ratings::is_rated(&mut transaction, case_id, reply_number).await?;
    if rated && let Some((case_id, first_mac)) = ratings::find_by_key(&mut transaction, &key_hash).await? {
        // The same call, sent twice at once: the other one was committed since the first look.
        return same_or_reused(case_id, &first_mac, body_mac);
    }
    rating::check_allowed(status.standing.state, reply_number > 0, rated, rating.reopen)?;

    let event_id = EventId::new_v7();
    let new = NewRating { event_id, case_id, key_hash, body_mac, reply_number, requested_at: now };
    if !ratings::insert(&mut transaction, &new).await? {
        // Another call was faster: the same one again, or another rating of the same reply.
        return match ratings::find_by_key(&mut transaction, &key_hash).await? {
            Some((case_id, first_mac)) => same_or_reused(case_id, &first_mac, body_mac),
            None => Err(RatingRefused::AlreadyRated.into()),
        };
    }
    let stored =
        submissions::load_sealed(&mut transaction, case_id).await?.ok_or(sqlx::Error::RowNotFound)?;
    let petitioner = petitioner_of(app, case_id, &stored)?;
    let event = Event {
        event_id: event_id.to_string(),
        case_id: case_id.to_string(),
        case_version: 0,
        occurred_at: Some(timestamp_to_proto(now)),
        header: Some(stored.header),
        actor: Some(Actor { role: ActorRole::Citizen.into(), code: String::new() }),
        standing: None,
        body: Some(Body::RatingRequested(rating.to_request(petitioner.as_ref()))),
    };
    app.outbox.append(&mut transaction, &[OutgoingEvent::case(&event, current_traceparent())]).await?;
    transaction.commit().await?;
    app.outbox.wake();
    Ok(case_id)
}

fn same_or_reused(case_id: CaseId, first_mac: &[u8], body_mac: [u8; 32]) -> Result<CaseId, RateError> {
    if first_mac == body_mac { Ok(case_id) } else { Err(RateError::KeyReused) }
}
