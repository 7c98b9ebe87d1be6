//! What can go wrong when a witness is asked, which of it means that the log has two histories, and how it is told.

use huying_platform::status::chain;
use jiff::Timestamp;
use reqwest::StatusCode;

use super::ANSWER_MAX_BYTES;
use crate::domain::{merkle::MerkleError, note::NoteError};

/// Why a witness has not cosigned.
#[derive(Debug, thiserror::Error)]
pub(super) enum AskError {
    /// The network, or a server that does not speak HTTP.
    #[error("the witness was not reached or did not answer in time")]
    Unreachable(#[source] reqwest::Error),
    /// An answer that the protocol does not have, or one that says what is wrong with this log or this witness.
    #[error("the witness answered {0}")]
    Refused(StatusCode),
    /// Too much to be an answer.
    #[error("the witness answered with more than {ANSWER_MAX_BYTES} bytes, or with no text")]
    Oversized,
    /// What it says is no cosignature of this checkpoint by this witness.
    #[error("the witness answered with something else than its cosignature")]
    NotCosigned(#[source] NoteError),
    /// What it says of the time cannot be.
    #[error("the witness dates its cosignature {0}, which is more than five minutes off the clock here")]
    OtherTime(Timestamp),
    /// The witness remembers more leaves than the log has: leaves have been lost here, or the witness mistakes the log
    /// for another.
    #[error(
        "the witness has cosigned {theirs} leaves of this log, which has {ours}: leaves have been lost here"
    )]
    Ahead {
        /// Leaves that the witness says.
        theirs: u64,
        /// Leaves in the log.
        ours: u64,
    },
    /// The witness has seen another tree of that size, with a signature of this log: it refuses a proof from there on that
    /// holds here, or there never was a checkpoint of that size here.
    #[error("the witness has cosigned another tree of {0} leaves of this log: it has two histories")]
    OtherHistory(u64),
    /// What is kept contradicts itself.
    #[error("no consistency proof can be made")]
    CorruptTiles(#[source] MerkleError),
    /// What is kept contradicts what is signed.
    #[error("the proof from {0} leaves on does not hold here: tiles or checkpoints were changed")]
    Unprovable(u64),
    /// The database took too long.
    #[error("the database did not answer in time")]
    DatabaseSlow,
    /// A statement failed.
    #[error("reading or keeping what a witness has cosigned")]
    Sql(#[from] sqlx::Error),
}

impl AskError {
    /// Does the witness know another history of this log?
    pub(super) fn is_dispute(&self) -> bool {
        match self {
            Self::Ahead { .. } | Self::OtherHistory(_) => true,
            Self::Unreachable(_)
            | Self::Refused(_)
            | Self::Oversized
            | Self::NotCosigned(_)
            | Self::OtherTime(_)
            | Self::CorruptTiles(_)
            | Self::Unprovable(_)
            | Self::DatabaseSlow
            | Self::Sql(_) => false,
        }
    }
}

/// The first failure and then every tenth is told; what means that the log may have been tampered with, always.
pub(super) fn report(witness: &str, error: &AskError, failures: u32) {
    match error {
        AskError::Ahead { .. }
        | AskError::OtherHistory(_)
        | AskError::CorruptTiles(_)
        | AskError::Unprovable(_) => {
            tracing::error!(witness, error = chain(error), "not cosigned");
        }
        AskError::Unreachable(_)
        | AskError::Refused(_)
        | AskError::Oversized
        | AskError::NotCosigned(_)
        | AskError::OtherTime(_)
        | AskError::DatabaseSlow
        | AskError::Sql(_) => {
            if failures % 10 == 1 {
                tracing::warn!(witness, failures, error = chain(error), "not cosigned");
            }
        }
    }
}
