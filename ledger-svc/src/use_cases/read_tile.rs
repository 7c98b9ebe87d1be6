//! A tile as it is served: the hashes one after the other. A partial tile is the beginning of what is kept of it.

use sqlx::PgPool;

use super::ReadError;
use crate::{
    domain::merkle::{Hash, MerkleError, TileId},
    store,
};

/// The first `width` hashes of a tile; `None` when the latest checkpoint's tree has not that many.
///
/// # Errors
/// [`ReadError::CorruptTiles`] when fewer are kept than the tree must have; [`ReadError::Sql`].
pub async fn read_tile(db: &PgPool, id: TileId, width: usize) -> Result<Option<Vec<u8>>, ReadError> {
    let mut connection = db.acquire().await?;
    // The state is committed with the checkpoint of its size.
    let tree_size = store::log::tree_size(&mut connection).await?;
    if id.width(tree_size) < width {
        return Ok(None);
    }
    let hashes = store::log::tile_bytes(&mut connection, id, width).await?.unwrap_or_default();
    if hashes.len() != width * size_of::<Hash>() {
        let entry = hashes.len() / size_of::<Hash>();
        return Err(MerkleError::MissingHash { level: id.level, index: id.index, entry }.into());
    }
    Ok(Some(hashes))
}
