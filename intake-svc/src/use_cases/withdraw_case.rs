//! Takes a citizen's withdrawal and asks routing-svc to make it part of the case.
//!
//! One transaction: the withdrawal and its `WithdrawalRequested`. Routing decides in the end; what it refuses is noted
//! by `follow_case` and told when the case is tracked. The same key with the same request is the same withdrawal, for
//! ever.

use huying_platform::{
    ids::{CaseId, EventId},
    outbox::{OutgoingEvent, current_traceparent},
    status::timestamp_to_proto,
};
use huying_proto::{
    events::v1::{Actor, ActorRole, CaseState, Event, event::Body},
    intake::v1::WithdrawCaseRequest,
};
use prost::Message as _;

use super::petitioner::{Unopened, petitioner_of};
use crate::{
    app::App,
    domain::{
        violation::Violation,
        withdrawal::{self, Withdrawal, WithdrawalRefused},
    },
    store::{
        case_status, submissions,
        withdrawals::{self, NewWithdrawal},
    },
};

/// Why a withdrawal was not taken.
#[derive(Debug, thiserror::Error)]
pub enum WithdrawError {
    /// The request is wrong; every fault is told.
    #[error("the withdrawal has faults")]
    Invalid(Vec<Violation>),
    /// There is no such receipt.
    #[error("no case has this receipt code; check it character by character")]
    ReceiptUnknown,
    /// The key belongs to another request.
    #[error("this idempotency key was used for another withdrawal; use a new one for a new withdrawal")]
    KeyReused,
    /// The case does not take a withdrawal now.
    #[error(transparent)]
    Refused(#[from] WithdrawalRefused),
    /// Who wrote could not be found out.
    #[error(transparent)]
    Unopened(#[from] Unopened),
    /// A failed statement or commit.
    #[error("storing a withdrawal failed")]
    Sql(#[from] sqlx::Error),
}

/// Takes a withdrawal.
///
/// # Errors
/// See [`WithdrawError`]; after a failed commit the outcome is unknown.
pub async fn withdraw_case(app: &App, request: WithdrawCaseRequest) -> Result<CaseId, WithdrawError> {
    let body_mac = app.sealer.body_mac(&request.encode_to_vec());
    let withdrawal = Withdrawal::parse(request).map_err(WithdrawError::Invalid)?;
    let key_hash = app.sealer.key_hash(&withdrawal.key);
    let receipt_hash = app.sealer.receipt_hash(&withdrawal.receipt_code);
    let now = app.clock.now();

    let mut transaction = app.db.begin().await?;
    // A retry is answered as before, whatever has become of the case since.
    if let Some((case_id, first_mac)) = withdrawals::find_by_key(&mut transaction, &key_hash).await? {
        return same_or_reused(case_id, &first_mac, body_mac);
    }
    let (case_id, _) = submissions::find_by_receipt(&mut transaction, &receipt_hash)
        .await?
        .ok_or(WithdrawError::ReceiptUnknown)?;
    let status = case_status::find(&mut transaction, case_id).await?;
    let state = status.map_or(CaseState::Submitted, |status| status.standing.state);
    withdrawal::check_allowed(state, false)?;

    let event_id = EventId::new_v7();
    let new = NewWithdrawal { event_id, case_id, key_hash, body_mac, requested_at: now };
    if !withdrawals::insert(&mut transaction, &new).await? {
        // The same call was sent twice at once, or another one was there before.
        return match withdrawals::find_by_key(&mut transaction, &key_hash).await? {
            Some((case_id, first_mac)) => same_or_reused(case_id, &first_mac, body_mac),
            None => Err(WithdrawalRefused::AlreadyAsked.into()),
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
        body: Some(Body::WithdrawalRequested(withdrawal.to_request(petitioner.as_ref()))),
    };
    app.outbox.append(&mut transaction, &[OutgoingEvent::case(&event, current_traceparent())]).await?;
    transaction.commit().await?;
    app.outbox.wake();
    Ok(case_id)
}

fn same_or_reused(case_id: CaseId, first_mac: &[u8], body_mac: [u8; 32]) -> Result<CaseId, WithdrawError> {
    if first_mac == body_mac { Ok(case_id) } else { Err(WithdrawError::KeyReused) }
}
