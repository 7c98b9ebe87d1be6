//! Opens a citizen's private part for somebody who carries the case.
//!
//! The request to enter the reading in the public history commits before anything is handed out. A commit whose
//! outcome is unknown hands out nothing: at worst a reading is published that did not happen, never the reverse.
//! The purpose is published with it, and masked: who writes one has the citizen's name and number at hand.

use huying_platform::{
    auth::Principal,
    ids::{CaseId, EventId},
    outbox::{OutgoingEvent, current_traceparent},
    status::timestamp_to_proto,
};
use huying_proto::{
    events::v1::{Event, PrivateReadRequested, event::Body},
    intake::v1::ReadPrivatePartResponse,
};
use prost::Message as _;

use crate::{
    app::App,
    domain::{
        authority, submission,
        violation::{Faults, Field, Violation},
    },
    sealing::SealError,
    store::{case_status, submissions},
};

/// Most characters of a purpose, or of the ground of an erasure.
pub const REASON_MAX_CHARS: usize = 500;

/// Why nothing was handed out.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The request is wrong; every fault is told.
    #[error("the request has faults")]
    Invalid(Vec<Violation>),
    /// There is no such case here.
    #[error("there is no case with this id")]
    CaseNotFound,
    /// The caller does not carry this case.
    #[error("only the unit responsible for the case and the office that holds it may read the private part")]
    OutOfScope,
    /// The key is gone.
    #[error("the private part has been erased")]
    Erased,
    /// A stored header is not one.
    #[error("a stored case header has no region path")]
    StoredHeader,
    /// The row or the master key is not what it was.
    #[error("opening a private part failed")]
    Sealing(#[from] SealError),
    /// What was sealed is not a private part.
    #[error("a private part does not decode")]
    Content(#[from] prost::DecodeError),
    /// A failed statement or commit.
    #[error("reading a private part failed")]
    Sql(#[from] sqlx::Error),
}

/// Reads the private part of a case.
///
/// # Errors
/// See [`ReadError`].
pub async fn read_private_part(
    app: &App,
    reader: &Principal,
    case_id: &str,
    purpose: &str,
) -> Result<ReadPrivatePartResponse, ReadError> {
    let mut faults = Faults::default();
    let case_id = faults.take(Field::CaseId, case_id.parse::<CaseId>());
    faults.check_required_text(Field::Purpose, purpose, REASON_MAX_CHARS);
    let case_id = faults.finish(case_id).map_err(ReadError::Invalid)?;

    let mut transaction = app.db.begin().await?;
    let stored = submissions::load_sealed(&mut transaction, case_id).await?.ok_or(ReadError::CaseNotFound)?;
    let region =
        authority::judged_by(reader, &app.directory.load(), &stored.header).ok_or(ReadError::StoredHeader)?;
    let status = case_status::find(&mut transaction, case_id).await?;
    if !authority::may_read(reader, &region, status.as_ref().map(|status| &status.standing)) {
        tracing::warn!(%case_id, subject = reader.subject, role = ?reader.role, code = reader.code,
            "reading of a private part denied");
        return Err(ReadError::OutOfScope);
    }
    let wrapped_key = stored.wrapped_key.ok_or(ReadError::Erased)?;
    let private_part = app.sealer.open(case_id, &stored.sealed, &wrapped_key)?;
    let private_part = ReadPrivatePartResponse::decode(private_part.as_slice())?;

    let petitioner = private_part.petitioner.clone().unwrap_or_default();
    let purpose = submission::masked_about(purpose, &petitioner);

    let event = Event {
        event_id: EventId::new_v7().to_string(),
        case_id: case_id.to_string(),
        case_version: 0,
        occurred_at: Some(timestamp_to_proto(app.clock.now())),
        header: Some(stored.header),
        actor: Some(reader.actor()),
        standing: None,
        body: Some(Body::PrivateReadRequested(PrivateReadRequested { purpose })),
    };
    app.outbox.append(&mut transaction, &[OutgoingEvent::case(&event, current_traceparent())]).await?;
    transaction.commit().await?;
    app.outbox.wake();
    tracing::info!(%case_id, subject = reader.subject, code = reader.code, "private part read");
    Ok(private_part)
}
