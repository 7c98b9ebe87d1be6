//! The latest signed checkpoint, as it was committed with the leaves it covers.

use sqlx::{PgConnection, PgPool};

use super::ReadError;
use crate::{domain::merkle::Hash, store};

/// Size of the tree and the signed note.
///
/// # Errors
/// [`ReadError::NoCheckpoint`] before the first sequencer has led; [`ReadError::Sql`].
pub async fn latest_checkpoint(db: &PgPool) -> Result<(u64, String), ReadError> {
    let mut connection = db.acquire().await?;
    latest(&mut connection).await
}

/// The same, for what goes on to read the log as far as the checkpoint covers it. That needs no transaction: leaves and
/// tiles only ever grow beyond it.
pub(super) async fn latest(connection: &mut PgConnection) -> Result<(u64, String), ReadError> {
    store::log::latest_note(connection).await?.ok_or(ReadError::NoCheckpoint)
}

/// The tree that the latest checkpoint is kept for: its size, and its root if that is one.
pub(super) async fn latest_tree(connection: &mut PgConnection) -> Result<(u64, Option<Hash>), ReadError> {
    let kept = store::log::newest_checkpoint(connection).await?.ok_or(ReadError::NoCheckpoint)?;
    Ok((kept.tree_size, Hash::try_from(kept.root).ok()))
}

/// Size of the tree, for telling whether a page has changed.
///
/// # Errors
/// [`ReadError::Sql`].
pub async fn tree_size(db: &PgPool) -> Result<u64, ReadError> {
    let mut connection = db.acquire().await?;
    Ok(store::log::tree_size(&mut connection).await?)
}
