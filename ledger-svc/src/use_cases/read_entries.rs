//! An entry bundle: the leaves under a tile of level 0, or the first of them.

use sqlx::PgPool;

use super::ReadError;
use crate::{
    domain::{
        entry_bundle,
        merkle::{TILE_WIDTH, TileId},
    },
    store,
};

/// The bundle of the first `width` leaves under tile (0, `index`); `None` when the latest checkpoint's tree has not that
/// many. At most 256 times 65,537 bytes.
///
/// # Errors
/// [`ReadError::CorruptLeaf`] when a leaf that the tree has is not there, or is larger than any can be;
/// [`ReadError::Sql`].
pub async fn read_entries(db: &PgPool, index: u64, width: usize) -> Result<Option<Vec<u8>>, ReadError> {
    let mut connection = db.acquire().await?;
    // The state is committed with the checkpoint of its size.
    let tree_size = store::log::tree_size(&mut connection).await?;
    if (TileId { level: 0, index }).width(tree_size) < width {
        return Ok(None);
    }
    let first = index * TILE_WIDTH as u64;
    let leaves = store::log::leaves(&mut connection, first, first + width as u64).await?;
    let missing = first + leaves.len() as u64;
    if leaves.len() != width {
        return Err(ReadError::CorruptLeaf(missing));
    }
    let bundle = entry_bundle::write(&leaves).map_err(|_| ReadError::CorruptLeaf(first))?;
    Ok(Some(bundle))
}
