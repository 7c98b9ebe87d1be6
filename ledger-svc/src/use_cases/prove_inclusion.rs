//! Proves that a leaf is in the tree of the latest checkpoint.
//!
//! Needs no transaction: the checkpoint is read first, and tiles and leaves only ever grow beyond it.

use huying_platform::ids::CaseId;
use sqlx::PgPool;

use super::ReadError;
use crate::{
    domain::merkle::{Hash, MerkleError, inclusion_path, inclusion_tiles},
    store,
};

/// A leaf and its proof.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InclusionProof {
    /// Place in the tree, from 0.
    pub leaf_index: u64,
    /// Canonical JSON.
    pub leaf: String,
    /// Audit path, nearest first.
    pub path: Vec<Hash>,
    /// Leaves in the tree that the path leads to.
    pub tree_size: u64,
    /// The signed note.
    pub checkpoint: String,
}

/// Proves a leaf.
///
/// # Errors
/// [`ReadError::LeafOutOfRange`], [`ReadError::NoCheckpoint`], and those of a log that is not as it was written.
pub async fn prove_inclusion(db: &PgPool, leaf_index: u64) -> Result<InclusionProof, ReadError> {
    let mut connection = db.acquire().await?;
    let (tree_size, checkpoint) =
        store::log::latest_note(&mut connection).await?.ok_or(ReadError::NoCheckpoint)?;
    let asked = inclusion_tiles(leaf_index, tree_size).map_err(refused)?;
    let tiles = store::log::tiles(&mut connection, &asked).await?;
    let path = inclusion_path(leaf_index, tree_size, &tiles).map_err(refused)?;
    let leaf = store::log::leaf(&mut connection, leaf_index).await?;
    let leaf =
        leaf.and_then(|bytes| String::from_utf8(bytes).ok()).ok_or(ReadError::CorruptLeaf(leaf_index))?;
    Ok(InclusionProof { leaf_index, leaf, path, tree_size, checkpoint })
}

/// Proves the leaf of a case's version.
///
/// # Errors
/// [`ReadError::CaseNotFound`] when there is no such version, and those of [`prove_inclusion`].
pub async fn prove_line(
    db: &PgPool,
    case_id: CaseId,
    case_version: u64,
) -> Result<InclusionProof, ReadError> {
    let leaf_index = {
        let mut connection = db.acquire().await?;
        store::log::leaf_index_of(&mut connection, case_id, case_version).await?
    };
    prove_inclusion(db, leaf_index.ok_or(ReadError::CaseNotFound(case_id))?).await
}

fn refused(error: MerkleError) -> ReadError {
    match error {
        MerkleError::LeafOutOfRange { leaf_index, tree_size } => {
            ReadError::LeafOutOfRange { leaf_index, tree_size }
        }
        MerkleError::OldSizeOutOfRange { .. } | MerkleError::MissingHash { .. } => {
            ReadError::CorruptTiles(error)
        }
    }
}
