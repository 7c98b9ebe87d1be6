//! Proves that a leaf is in a tree of the log: in that of the latest checkpoint, or in any that came before it.

use huying_platform::ids::CaseId;
use sqlx::PgPool;

use super::{ReadError, latest_checkpoint::latest, witnessed_checkpoint::witnessed_checkpoint};
use crate::{
    LogIdentity,
    domain::{
        log_range,
        merkle::{Hash, inclusion_path, inclusion_tiles, root_tiles, tree_root},
    },
    store,
};

/// A leaf and its proof.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InclusionProof {
    /// Place in the log, from 0.
    pub leaf_index: u64,
    /// Canonical JSON.
    pub leaf: String,
    /// Audit path, nearest first.
    pub path: Vec<Hash>,
    /// Leaves in the tree that the path leads to.
    pub tree_size: u64,
    /// Root of that tree, by the kept tiles.
    pub root: Hash,
    /// The latest signed note.
    pub checkpoint: String,
}

/// Proves a leaf in the tree of the first `tree_size` leaves; 0 means that of the latest checkpoint.
///
/// # Errors
/// [`ReadError::OutOfRange`], [`ReadError::NoCheckpoint`], and those of a log that is not as it was written.
pub async fn prove_inclusion(
    db: &PgPool,
    leaf_index: u64,
    tree_size: u64,
) -> Result<InclusionProof, ReadError> {
    let mut connection = db.acquire().await?;
    let (covered, checkpoint) = latest(&mut connection).await?;
    let tree_size = log_range::inclusion(leaf_index, tree_size, covered)?;
    let mut asked = inclusion_tiles(leaf_index, tree_size)?;
    asked.extend(root_tiles(tree_size));
    asked.sort_unstable();
    asked.dedup();
    let tiles = store::log::tiles(&mut connection, &asked).await?;
    let path = inclusion_path(leaf_index, tree_size, &tiles)?;
    let root = tree_root(tree_size, &tiles)?;
    let leaf = store::log::leaf(&mut connection, leaf_index).await?;
    let leaf =
        leaf.and_then(|bytes| String::from_utf8(bytes).ok()).ok_or(ReadError::CorruptLeaf(leaf_index))?;
    Ok(InclusionProof { leaf_index, leaf, path, tree_size, root, checkpoint })
}

/// Proves the leaf of a case's version in the tree of the latest checkpoint.
///
/// # Errors
/// [`ReadError::CaseNotFound`] when there is no such version, and those of [`prove_inclusion`].
pub async fn prove_line(
    db: &PgPool,
    case_id: CaseId,
    case_version: u64,
) -> Result<InclusionProof, ReadError> {
    prove_inclusion(db, leaf_index_of(db, case_id, case_version).await?, 0).await
}

/// Proves the leaf of a case's version for somebody who keeps the proof: in the newest tree that a witness vouches for,
/// if it has the leaf, and else in that of the latest checkpoint. `checkpoint` is that of the proof's own tree.
///
/// # Errors
/// Those of [`prove_line`].
pub async fn prove_line_to_keep(
    db: &PgPool,
    log: &LogIdentity,
    case_id: CaseId,
    case_version: u64,
) -> Result<InclusionProof, ReadError> {
    let leaf_index = leaf_index_of(db, case_id, case_version).await?;
    match witnessed_checkpoint(db, log, 1).await? {
        Some((tree_size, checkpoint)) if leaf_index < tree_size => {
            let proof = prove_inclusion(db, leaf_index, tree_size).await?;
            Ok(InclusionProof { checkpoint, ..proof })
        }
        Some(_) | None => prove_inclusion(db, leaf_index, 0).await,
    }
}

async fn leaf_index_of(db: &PgPool, case_id: CaseId, case_version: u64) -> Result<u64, ReadError> {
    let mut connection = db.acquire().await?;
    let leaf_index = store::log::leaf_index_of(&mut connection, case_id, case_version).await?;
    leaf_index.ok_or(ReadError::CaseNotFound(case_id))
}
