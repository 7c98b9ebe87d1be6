//! An entry bundle: the leaves under a tile of level 0, or the first of them.

use std::collections::BTreeMap;

use sqlx::PgPool;

use super::{ReadError, latest_checkpoint::latest_tree, read_tile::LogFile};
use crate::{
    domain::{
        coverage, entry_bundle,
        merkle::{TILE_WIDTH, TileId, leaf_hash},
    },
    store,
};

/// The bundle of the first `width` leaves under tile (0, `index`); `None` when the latest checkpoint's tree has not that
/// many. At most 256 times 65,537 bytes.
///
/// # Errors
/// [`ReadError::CorruptLeaf`] when a leaf that the tree has is not there, or is larger than any can be;
/// [`ReadError::NoCheckpoint`]; [`ReadError::Sql`].
pub async fn read_entries(db: &PgPool, index: u64, width: usize) -> Result<Option<LogFile>, ReadError> {
    let mut connection = db.acquire().await?;
    let (tree_size, root) = latest_tree(&mut connection).await?;
    if (TileId { level: 0, index }).width(tree_size) < width {
        return Ok(None);
    }
    let first = index * TILE_WIDTH as u64;
    let leaves = store::log::leaves(&mut connection, first, first + width as u64).await?;
    let missing = first + leaves.len() as u64;
    if leaves.len() != width {
        return Err(ReadError::CorruptLeaf(missing));
    }
    let hashes: BTreeMap<u64, _> = (first..).zip(leaves.iter().map(|leaf| leaf_hash(leaf))).collect();
    let tiles = coverage::tiles_needed(hashes.keys().copied(), tree_size);
    let tiles = store::evidence::tiles(&mut connection, &tiles).await?;
    let is_covered = root.is_some_and(|root| {
        coverage::check(&hashes, tree_size, Some(&root), &tiles).unproved_leaves.is_empty()
    });
    let bytes = entry_bundle::write(&leaves).map_err(|_| ReadError::CorruptLeaf(first))?;
    Ok(Some(LogFile { bytes, is_covered }))
}
