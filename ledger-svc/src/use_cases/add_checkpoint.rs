//! Cosigns the checkpoint of another log, as its witness.
//!
//! Guaranteed: what is cosigned was kept before, under the lock of the log's row, so that of two submissions at the same
//! time one is checked against what the other left; and the times of a log's cosignatures never go back. A checkpoint that is
//! sent again, which anybody can do who has read it, costs one read: it gets the cosignature that it had, until that is a
//! minute old.

use huying_platform::clock::Clock;
use jiff::{SignedDuration, Timestamp};
use sqlx::{Connection as _, PgPool};

use crate::{
    domain::{
        checkpoint::Checkpoint,
        cosignature::Cosigner,
        witness::{AddCheckpoint, Refusal, WitnessedLogs, open},
    },
    store,
};

/// How old the cosignature of a checkpoint may be that is given out again.
const AGAIN_MAX: SignedDuration = SignedDuration::from_mins(1);

/// What a ledger vouches with, and for whom.
#[derive(Debug, Clone)]
pub struct Vouching {
    /// Cosigns.
    pub cosigner: Cosigner,
    /// The logs that it knows.
    pub logs: WitnessedLogs,
}

/// Why a checkpoint was not cosigned.
#[derive(Debug, thiserror::Error)]
pub enum AddError {
    /// It may not be.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// A statement failed.
    #[error("keeping the tree of another log")]
    Sql(#[from] sqlx::Error),
}

/// Checks the body of a request, keeps what it says, and returns the cosignature's line.
///
/// # Errors
/// [`AddError`]; after [`AddError::Sql`] the tree may have been kept, and asking again settles it.
pub async fn add_checkpoint(
    db: &PgPool,
    clock: &Clock,
    vouching: &Vouching,
    body: &str,
) -> Result<String, AddError> {
    let request = AddCheckpoint::parse(body)?;
    let note = request.note;
    let submission = open(&vouching.logs, request)?;
    let origin = &submission.checkpoint.origin;

    let cosign = |at: Timestamp| Ok(vouching.cosigner.cosign(submission.text, at.as_second()));
    let mut connection = db.acquire().await?;
    if let Some((seen, cosigned_at)) = store::witnessed::latest(&mut connection, origin).await? {
        let is_recent = clock.now().duration_since(cosigned_at) < AGAIN_MAX;
        if is_recent && seen.advance(&submission).as_ref() == Ok(&seen) {
            return cosign(cosigned_at);
        }
    }
    let mut transaction = connection.begin().await?;
    let (seen, cosigned_at) = store::witnessed::lock(&mut transaction, origin, clock.now()).await?;
    let Checkpoint { tree_size, root, .. } = submission.checkpoint;
    if tree_size == seen.tree_size && root != seen.root {
        // The log has signed the proof of it: that must not get lost, and is for people to act on.
        tracing::error!(origin, tree_size, note, "a witnessed log has signed two histories");
    }
    let advanced = seen.advance(&submission)?;
    // Two replicas need not agree on the time to the second.
    let at = clock.now().max(cosigned_at);
    store::witnessed::save(&mut transaction, origin, &advanced, note, at).await?;
    transaction.commit().await?;
    cosign(at)
}
