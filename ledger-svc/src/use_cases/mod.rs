//! What the ledger does, one verb a file. Only these begin and commit transactions.
//!
//! Life of a leaf: 1. `consumers.rs` checks a batch of events. 2. [`append_events`] locks the log, puts the events in
//! order, parks the early ones, sees that what it appends to is what was signed ([`open_head`]), writes leaves, texts,
//! accounts, figures and tiles, signs the checkpoint that covers them, and commits it all at once. 3. Only then are the events acknowledged. 4. Readers on any replica see the leaf
//! and the checkpoint at the same moment.

pub mod add_checkpoint;
pub mod append_events;
pub mod count_cases;
pub mod establish_log;
pub mod export_cases;
pub mod export_feed;
pub mod export_texts;
pub mod figures;
pub mod gather_cosignatures;
pub mod get_case;
pub mod index_texts;
pub mod kept;
pub mod latest_checkpoint;
pub mod list_cases;
pub mod log_keys;
pub mod open_head;
pub mod prove_consistency;
pub mod prove_inclusion;
pub mod read_entries;
pub mod read_tile;
pub mod rebuild_account;
pub mod sweep_leaves;
pub mod take_lead;
pub mod watch_entries;
pub mod witnessed_checkpoint;

use huying_platform::ids::CaseId;

use crate::domain::{log_range::OutOfRange, merkle::MerkleError};

/// Why something could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// No such case in the log.
    #[error("case {0} is not in the ledger")]
    CaseNotFound(CaseId),
    /// A leaf or a tree that the latest checkpoint does not cover.
    #[error("{what} is out of range", what = .0.parameter.name())]
    OutOfRange(#[from] OutOfRange),
    /// No sequencer has led yet, so there is no checkpoint.
    #[error("the log has no checkpoint yet")]
    NoCheckpoint,
    /// What is kept contradicts itself.
    #[error("leaf {0} is not as it was written")]
    CorruptLeaf(u64),
    /// What is kept of how a case stands makes no sense, or is gone.
    #[error("how case {0} stands is not kept, or in a way that makes no sense")]
    CorruptAccount(CaseId),
    /// The tiles contradict the tree's size.
    #[error("the tiles are not those of the tree")]
    CorruptTiles(#[from] MerkleError),
    /// The database has keys of the log, and none of those in force is one that this replica has.
    #[error("no key that the database has in force signs in --log-key-file; none is made known")]
    ForeignKeys,
    /// A statement failed.
    #[error("reading the ledger")]
    Sql(#[from] sqlx::Error),
}
