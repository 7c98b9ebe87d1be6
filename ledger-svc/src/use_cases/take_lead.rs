//! Begins an epoch: from the commit on, whoever led before is refused. Also sees to it that the tree as it is has a
//! checkpoint, so that readers have one before the first leaf.

use huying_platform::clock::Clock;
use sqlx::PgPool;

use crate::{
    LogIdentity,
    domain::{
        merkle::{Edge, MerkleError},
        note::NoteError,
    },
    store,
};

/// Why the lead could not be taken.
#[derive(Debug, thiserror::Error)]
pub enum LeadError {
    /// The tiles do not make up the tree of the state.
    #[error("the right edge of the tree cannot be read")]
    CorruptTiles(#[source] MerkleError),
    /// The tiles and the checkpoint of the same size disagree: the log must not go on before this is understood.
    #[error("the tree of {0} leaves has another root than its checkpoint")]
    RootMismatch(u64),
    /// The checkpoint could not be signed.
    #[error("the checkpoint cannot be signed")]
    Unsigned(#[source] NoteError),
    /// A statement failed.
    #[error("taking the lead")]
    Sql(#[from] sqlx::Error),
}

/// Raises the epoch and returns it.
///
/// # Errors
/// [`LeadError`]; then nothing has changed.
pub async fn take_lead(db: &PgPool, clock: &Clock, log: &LogIdentity) -> Result<i64, LeadError> {
    let mut transaction = db.begin().await?;
    let state = store::log::raise_epoch(&mut transaction).await?;
    let tiles = store::log::tiles(&mut transaction, &Edge::tile_ids(state.tree_size)).await?;
    let edge = Edge::from_tiles(state.tree_size, &tiles).map_err(LeadError::CorruptTiles)?;
    let checkpoint = log.checkpoint(edge.size(), edge.root());
    match store::log::checkpoint_root(&mut transaction, state.tree_size).await? {
        Some(root) if root == checkpoint.root => {}
        Some(_) => return Err(LeadError::RootMismatch(state.tree_size)),
        None => {
            let note = checkpoint.sign(&log.signer).map_err(LeadError::Unsigned)?;
            store::log::insert_checkpoint(&mut transaction, &checkpoint, &note, clock.now()).await?;
        }
    }
    transaction.commit().await?;
    Ok(state.epoch)
}
