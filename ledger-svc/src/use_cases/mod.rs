//! What the ledger does, one verb a file. Only these begin and commit transactions.
//!
//! Life of a leaf: 1. `consumers.rs` checks a batch of events. 2. [`append_events`] locks the log, puts the events in
//! order, parks the early ones, writes leaves, texts, accounts, figures and tiles, signs the checkpoint that covers
//! them, and commits it all at once. 3. Only then are the events acknowledged. 4. Readers on any replica see the leaf
//! and the checkpoint at the same moment.

pub mod append_events;
pub mod count_cases;
pub mod get_case;
pub mod latest_checkpoint;
pub mod list_cases;
pub mod prove_inclusion;
pub mod take_lead;
pub mod unit_figures;

use huying_platform::ids::CaseId;

use crate::domain::merkle::MerkleError;

/// Why something could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// No such case in the log.
    #[error("case {0} is not in the ledger")]
    CaseNotFound(CaseId),
    /// The leaf is not in the tree of the latest checkpoint.
    #[error("leaf {leaf_index} is not in the tree; it has {tree_size} leaves")]
    LeafOutOfRange {
        /// Place asked for, from 0.
        leaf_index: u64,
        /// Leaves in the tree.
        tree_size: u64,
    },
    /// No sequencer has led yet, so there is no checkpoint.
    #[error("the log has no checkpoint yet")]
    NoCheckpoint,
    /// What is kept contradicts itself.
    #[error("leaf {0} is not as it was written")]
    CorruptLeaf(u64),
    /// The tiles contradict the tree's size.
    #[error("the tiles are not those of the tree")]
    CorruptTiles(#[source] MerkleError),
    /// A statement failed.
    #[error("reading the ledger")]
    Sql(#[from] sqlx::Error),
}
