//! Takes a submission: checks it, masks it, seals it, and answers once it is durably kept.
//!
//! 1. The request is checked against its bounds and the directory ([`Submission::parse`]).
//! 2. Pictures, if there are any, are encoded anew and stored (`keep_pictures`); that takes a while, so a retry of what
//!    has been taken already is answered before it.
//! 3. The case gets its id; the private part is sealed; header and `CaseSubmitted` are made of the masked rest. All of
//!    this happens in the caller's task, on whatever core is free.
//! 4. The finished rows wait in a bounded queue; past its bounds the caller is turned away at once.
//! 5. A commit lane takes whatever waits and commits it as one transaction ([`group_commit`]).
//! 6. The caller is answered: with the receipt, also when the key had been used before by the same request.
//!
//! The same key with the same request gives the same receipt for ever, also when the directory has meanwhile dropped
//! what the request names: a request that has become wrong is looked up before it is refused.

pub mod group_commit;

use huying_platform::{
    codes::RegionPath,
    ids::{CaseId, EventId},
    keys::IdempotencyKey,
    outbox::{OutgoingEvent, current_traceparent},
    status::timestamp_to_proto,
};
use huying_proto::{
    events::v1::{Actor, ActorRole, CaseSubmitted, Event, Picture, Publication, event::Body},
    intake::v1::{ReadPrivatePartResponse, SubmitCaseRequest},
};
use jiff::Timestamp;
use prost::Message as _;

use self::group_commit::{NotCommitted, Outcome};
use super::keep_pictures::{KeepError, keep_pictures};
use crate::{
    app::App,
    domain::{
        receipt_code::ReceiptCode,
        submission::Submission,
        violation::{Field, Violation},
    },
    picture_works::NotPrepared,
    sealing::{SealError, Sealed, Sealer},
    store::{
        pictures::Origin,
        submissions::{self, FirstSubmission, NewSubmission},
    },
};

/// What the citizen keeps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    /// The case; public.
    pub case_id: CaseId,
    /// The citizen's secret.
    pub code: ReceiptCode,
    /// When the submission was taken.
    pub received_at: Timestamp,
    /// Where it was placed.
    pub region: RegionPath,
}

/// Why there is no receipt.
#[derive(Debug, thiserror::Error)]
pub enum SubmitError {
    /// The request is wrong; every fault is told.
    #[error("the submission has faults")]
    Invalid(Vec<Violation>),
    /// The key belongs to another request.
    #[error("this idempotency key was used for another submission; use a new one for a new submission")]
    KeyReused,
    /// More is waiting than may wait. Nothing was kept.
    #[error("too many submissions are waiting; try again shortly")]
    Busy,
    /// Kept or not: the same request with the same key finds out.
    #[error("whether the submission was kept is not known; send it again with the same idempotency key")]
    OutcomeUnknown,
    /// A fault of ours, logged where it happened.
    #[error("the submission could not be stored")]
    NotStored,
    /// A stored row could not be read.
    #[error("looking up an earlier submission failed")]
    Lookup(#[from] sqlx::Error),
    /// A stored header is not one.
    #[error("a stored case header has no region path")]
    StoredHeader,
    /// Sealing failed.
    #[error("sealing the private part failed")]
    Sealing(#[from] SealError),
    /// A picture could not be stored, so nothing was.
    #[error("the pictures could not be kept; try again shortly, or send the submission without them")]
    PicturesNotKept(#[from] KeepError),
}

/// Takes a submission.
///
/// # Errors
/// See [`SubmitError`]; after any but `OutcomeUnknown` nothing was kept.
pub async fn submit_case(app: &App, request: SubmitCaseRequest) -> Result<Receipt, SubmitError> {
    let body_mac = app.sealer.body_mac(&request.encode_to_vec());
    let key_text = request.idempotency_key.clone();
    let mut submission = match Submission::parse(request, &app.directory.load()) {
        Ok(submission) => submission,
        Err(violations) => return receipt_of_earlier(app, &key_text, body_mac, violations).await,
    };
    let case_id = CaseId::new_v7();
    let mut pictures = Vec::new();
    if !submission.pictures.is_empty() {
        if let Some(first) = find_first(app, &submission.key).await? {
            return receipt_of(&app.sealer, &first, body_mac);
        }
        pictures = take_pictures(app, &mut submission, case_id).await?;
    }

    let (row, event) = prepare(&app.sealer, &submission, pictures, case_id, body_mac, app.clock.now())?;
    let receipt = Receipt {
        case_id,
        code: app.sealer.receipt_code(case_id),
        received_at: row.received_at,
        region: submission.region,
    };
    let outcome = app.commit_queue.commit(row, event).await.map_err(|error| match error {
        NotCommitted::QueueFull => SubmitError::Busy,
        NotCommitted::OutcomeUnknown => SubmitError::OutcomeUnknown,
        NotCommitted::Failed => SubmitError::NotStored,
    })?;
    match outcome {
        Outcome::Kept => Ok(receipt),
        Outcome::KeyUsedBefore(first) => receipt_of(&app.sealer, &first, body_mac),
    }
}

/// The pictures of a submission, stored, and taken out of it.
async fn take_pictures(
    app: &App,
    submission: &mut Submission,
    case_id: CaseId,
) -> Result<Vec<Picture>, SubmitError> {
    let files = std::mem::take(&mut submission.pictures);
    let prepared = app.picture_works.prepare_all(files).await.map_err(|error| match error {
        NotPrepared::Busy(_) => SubmitError::Busy,
        NotPrepared::Faulty { index, source } => {
            SubmitError::Invalid(vec![Violation { field: Field::Picture(index), fault: source.into() }])
        }
    })?;
    let shown_with_text = submission.publication == Publication::Public;
    let kept = keep_pictures(app, &Origin::Submission { case_id, shown_with_text }, prepared).await?;
    Ok(kept.into_iter().map(|one| one.picture).collect())
}

/// Everything that is committed for a submission.
fn prepare(
    sealer: &Sealer,
    submission: &Submission,
    pictures: Vec<Picture>,
    case_id: CaseId,
    body_mac: [u8; 32],
    received_at: Timestamp,
) -> Result<(NewSubmission, OutgoingEvent), SubmitError> {
    let header = submission.header(received_at);
    let encoded_header = header.encode_to_vec();
    let event = Event {
        event_id: EventId::new_v7().to_string(),
        case_id: case_id.to_string(),
        case_version: 1,
        occurred_at: Some(timestamp_to_proto(received_at)),
        header: Some(header),
        actor: Some(Actor { role: ActorRole::Citizen.into(), code: String::new() }),
        standing: None,
        body: Some(Body::CaseSubmitted(CaseSubmitted { body: submission.public_body(), pictures })),
    };
    // Sealed in the form in which it will be handed out.
    let private_part = ReadPrivatePartResponse {
        petitioner: Some(submission.petitioner.clone()),
        title: submission.title.clone(),
        body: submission.body.clone(),
    };
    let Sealed { sealed, wrapped_key } = sealer.seal(case_id, &private_part.encode_to_vec())?;
    let row = NewSubmission {
        case_id,
        key_hash: sealer.key_hash(&submission.key),
        body_mac,
        receipt_hash: sealer.receipt_hash(&sealer.receipt_code(case_id)),
        received_at,
        header: encoded_header,
        sealed,
        wrapped_key,
    };
    Ok((row, OutgoingEvent::case(&event, current_traceparent())))
}

/// A request that is wrong today may have been right, and taken, when the directory was another.
async fn receipt_of_earlier(
    app: &App,
    key_text: &str,
    body_mac: [u8; 32],
    violations: Vec<Violation>,
) -> Result<Receipt, SubmitError> {
    let may_have_been_right = violations.iter().all(|violation| violation.fault.is_of_the_directory());
    let Some(key) = may_have_been_right.then(|| IdempotencyKey::parse(key_text).ok()).flatten() else {
        return Err(SubmitError::Invalid(violations));
    };
    match find_first(app, &key).await? {
        Some(first) if first.body_mac == body_mac => receipt_of(&app.sealer, &first, body_mac),
        Some(_) | None => Err(SubmitError::Invalid(violations)),
    }
}

/// The submission that used a key first.
async fn find_first(app: &App, key: &IdempotencyKey) -> sqlx::Result<Option<FirstSubmission>> {
    let key_hash = app.sealer.key_hash(key);
    let mut connection = app.db.acquire().await?;
    Ok(submissions::find_by_keys(&mut connection, &[key_hash.as_slice()]).await?.pop())
}

/// The receipt of the submission that used the key first, if it was the same one.
fn receipt_of(sealer: &Sealer, first: &FirstSubmission, body_mac: [u8; 32]) -> Result<Receipt, SubmitError> {
    if first.body_mac != body_mac {
        return Err(SubmitError::KeyReused);
    }
    let header = submissions::decode_header(&first.header)?;
    let region = header.region.as_ref().and_then(|path| RegionPath::from_proto(path).ok());
    Ok(Receipt {
        case_id: first.case_id,
        code: sealer.receipt_code(first.case_id),
        received_at: first.received_at,
        region: region.ok_or(SubmitError::StoredHeader)?,
    })
}
