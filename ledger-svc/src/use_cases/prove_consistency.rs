//! Proves that an older tree of the log is the beginning of a newer one: that nothing was changed or taken out since.

use sqlx::PgPool;

use super::{ReadError, latest_checkpoint::latest};
use crate::{
    domain::{
        log_range,
        merkle::{Hash, consistency_path, consistency_tiles, root_tiles, tree_root},
    },
    store,
};

/// Two trees and the proof.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConsistencyProof {
    /// Leaves in the older tree.
    pub old_size: u64,
    /// Root of the older tree, by the kept tiles.
    pub old_root: Hash,
    /// Leaves in the newer tree.
    pub tree_size: u64,
    /// Root of the newer tree, by the kept tiles.
    pub root: Hash,
    /// The proof of RFC 6962 section 2.1.2.
    pub path: Vec<Hash>,
    /// The latest signed note.
    pub checkpoint: String,
}

/// Proves the tree of the first `old_size` leaves to be the beginning of that of the first `tree_size`; 0 means that of
/// the latest checkpoint.
///
/// # Errors
/// [`ReadError::OutOfRange`], [`ReadError::NoCheckpoint`], and those of a log that is not as it was written.
pub async fn prove_consistency(
    db: &PgPool,
    old_size: u64,
    tree_size: u64,
) -> Result<ConsistencyProof, ReadError> {
    let mut connection = db.acquire().await?;
    let (covered, checkpoint) = latest(&mut connection).await?;
    let tree_size = log_range::consistency(old_size, tree_size, covered)?;
    let mut asked = consistency_tiles(old_size, tree_size)?;
    asked.extend(root_tiles(old_size));
    asked.extend(root_tiles(tree_size));
    asked.sort_unstable();
    asked.dedup();
    let tiles = store::log::tiles(&mut connection, &asked).await?;
    let path = consistency_path(old_size, tree_size, &tiles)?;
    let (old_root, root) = (tree_root(old_size, &tiles)?, tree_root(tree_size, &tiles)?);
    Ok(ConsistencyProof { old_size, old_root, tree_size, root, path, checkpoint })
}
