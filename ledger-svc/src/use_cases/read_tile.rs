//! A tile as it is served: the hashes one after the other. A partial tile is the beginning of what is kept of it.

use sqlx::PgPool;

use super::{ReadError, latest_checkpoint::latest_tree};
use crate::{
    domain::{
        coverage,
        merkle::{MerkleError, TileId},
    },
    store,
};

/// A file of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogFile {
    /// What is kept.
    pub bytes: Vec<u8>,
    /// It leads to the root of the latest checkpoint. One that does not is served all the same, for whoever looks for what
    /// was changed, but nobody should keep it.
    pub is_covered: bool,
}

/// The first `width` hashes of a tile; `None` when the latest checkpoint's tree has not that many.
///
/// # Errors
/// [`ReadError::CorruptTiles`] when fewer are kept than the tree must have; [`ReadError::NoCheckpoint`];
/// [`ReadError::Sql`].
pub async fn read_tile(db: &PgPool, id: TileId, width: usize) -> Result<Option<LogFile>, ReadError> {
    let mut connection = db.acquire().await?;
    let (tree_size, root) = latest_tree(&mut connection).await?;
    if id.width(tree_size) < width {
        return Ok(None);
    }
    let tiles = store::evidence::tiles(&mut connection, &coverage::tiles_above(id, tree_size)).await?;
    let hashes = tiles.get(&id).map_or(&[][..], Vec::as_slice);
    let served = hashes.get(..width).ok_or(MerkleError::MissingHash {
        level: id.level,
        index: id.index,
        entry: hashes.len(),
    })?;
    let is_covered = root.is_some_and(|root| coverage::covers(id, tree_size, &root, &tiles));
    Ok(Some(LogFile { bytes: served.concat(), is_covered }))
}
