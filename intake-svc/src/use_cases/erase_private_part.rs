//! Destroys the key of a citizen's private part, for good.
//!
//! What is left cannot be opened by anybody. The case itself goes on: its public part never held what is erased. The
//! pictures that came with the case go, too: nobody sees them from the moment of the commit, and they are deleted from
//! the picture store right after it (`sweep_pictures`).
//!
//! A second erasure changes nothing and is answered like the first, so that a retry is safe. The ground is published,
//! and masked as if a citizen had written it.

use huying_platform::{
    auth::Principal,
    ids::{CaseId, EventId},
    outbox::{OutgoingEvent, current_traceparent},
    redact,
    status::timestamp_to_proto,
};
use huying_proto::events::v1::{ErasureRequested, Event, event::Body};

use super::read_private_part::REASON_MAX_CHARS;
use crate::{
    app::App,
    domain::{
        authority,
        violation::{Faults, Field, Violation},
    },
    store::{case_status, pictures, submissions},
};

/// Why nothing was erased.
#[derive(Debug, thiserror::Error)]
pub enum EraseError {
    /// The request is wrong; every fault is told.
    #[error("the request has faults")]
    Invalid(Vec<Violation>),
    /// There is no such case here.
    #[error("there is no case with this id")]
    CaseNotFound,
    /// The caller may not erase this one.
    #[error("only the office that holds the case and operators may erase the private part")]
    OutOfScope,
    /// A stored header is not one.
    #[error("a stored case header has no region path")]
    StoredHeader,
    /// A failed statement or commit.
    #[error("erasing a private part failed")]
    Sql(#[from] sqlx::Error),
}

/// Erases the private part of a case.
///
/// # Errors
/// See [`EraseError`]; after a failed commit the outcome is unknown.
pub async fn erase_private_part(
    app: &App,
    eraser: &Principal,
    case_id: &str,
    ground: &str,
) -> Result<(), EraseError> {
    let mut faults = Faults::default();
    let case_id = faults.take(Field::CaseId, case_id.parse::<CaseId>());
    faults.check_required_text(Field::Ground, ground, REASON_MAX_CHARS);
    let case_id = faults.finish(case_id).map_err(EraseError::Invalid)?;

    let mut transaction = app.db.begin().await?;
    let header = submissions::header_of(&mut transaction, case_id).await?.ok_or(EraseError::CaseNotFound)?;
    let region =
        authority::judged_by(eraser, &app.directory.load(), &header).ok_or(EraseError::StoredHeader)?;
    let status = case_status::find(&mut transaction, case_id).await?;
    if !authority::may_erase(eraser, &region, status.as_ref().map(|status| &status.standing)) {
        tracing::warn!(%case_id, subject = eraser.subject, role = ?eraser.role, code = eraser.code,
            "erasure of a private part denied");
        return Err(EraseError::OutOfScope);
    }
    if !submissions::erase_key(&mut transaction, case_id).await? {
        return Ok(());
    }
    let now = app.clock.now();
    let doomed = pictures::doom_case(&mut transaction, case_id, now).await?;
    let event = Event {
        event_id: EventId::new_v7().to_string(),
        case_id: case_id.to_string(),
        case_version: 0,
        occurred_at: Some(timestamp_to_proto(now)),
        header: Some(header),
        actor: Some(eraser.actor()),
        standing: None,
        body: Some(Body::ErasureRequested(ErasureRequested { ground: redact::citizen_text(ground) })),
    };
    app.outbox.append(&mut transaction, &[OutgoingEvent::case(&event, current_traceparent())]).await?;
    transaction.commit().await?;
    app.outbox.wake();
    if doomed > 0 {
        app.sweep.notify_one();
    }
    tracing::info!(%case_id, subject = eraser.subject, code = eraser.code, "private part erased");
    Ok(())
}
