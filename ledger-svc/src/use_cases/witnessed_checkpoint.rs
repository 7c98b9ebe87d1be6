//! Checkpoints that others vouch for, and who does.

use jiff::Timestamp;
use sqlx::PgPool;

use super::{ReadError, gather_cosignatures::WitnessAddress};
use crate::{
    LogIdentity,
    domain::{checkpoint::Checkpoint, note::SignedNote},
    store::{self, cosignatures::Cosigned, witnessed::Witnessed},
};

/// Checkpoints that are looked at for cosignatures: at first, since nearly always the newest has them, and at most, as many
/// as a log makes in some minutes.
const LOOKED_AT: [i64; 2] = [4, 1_000];

/// A witness of this log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogWitness {
    /// Its name.
    pub name: String,
    /// Its verifier key, of cosignatures.
    pub verifier_key: String,
    /// The newest tree that it has cosigned; `None` before the first.
    pub latest: Option<Cosigned>,
}

/// Size and note of the newest checkpoint with the cosignatures of so many of this log's witnesses at least, 1 or more;
/// `None` when there is none among the latest. Witnesses that the settings do not name any more do not count, nor does a
/// witness twice that has changed its key; what counts is verified.
///
/// # Errors
/// [`ReadError::Sql`].
pub async fn witnessed_checkpoint(
    db: &PgPool,
    log: &LogIdentity,
    at_least: u32,
) -> Result<Option<(u64, String)>, ReadError> {
    if log.witnesses.len() < at_least as usize {
        return Ok(None);
    }
    let mut connection = db.acquire().await?;
    let is_witnessed = |(tree_size, note): &(u64, String)| {
        let cosigned =
            log.witnesses.iter().filter(|witness| cosigned_at(witness, *tree_size, note).is_some());
        cosigned.take(at_least as usize).count() == at_least as usize
    };
    for looked_at in LOOKED_AT {
        let candidates = store::cosignatures::candidates(&mut connection, at_least, looked_at).await?;
        if let Some(found) = candidates.into_iter().find(is_witnessed) {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

/// When a witness cosigned the tree of this size, if this note has its cosignature.
fn cosigned_at(witness: &WitnessAddress, tree_size: u64, note: &str) -> Option<Timestamp> {
    let note = SignedNote::parse(note).ok()?;
    let of_this_tree = Checkpoint::parse(note.text).is_ok_and(|signed| signed.tree_size == tree_size);
    let (_, at_s) = witness.key.verify(note.text, &note.signatures).ok().filter(|_| of_this_tree)?;
    Timestamp::from_second(at_s).ok()
}

/// The witnesses that this log asks, as in the settings, and what each has cosigned, verified. A cosignature that does not
/// hold is told to operators, and counts as none.
///
/// # Errors
/// [`ReadError::Sql`].
pub async fn log_witnesses(db: &PgPool, log: &LogIdentity) -> Result<Vec<LogWitness>, ReadError> {
    let mut connection = db.acquire().await?;
    let mut witnesses = Vec::with_capacity(log.witnesses.len());
    for address in &log.witnesses {
        let verifier_key = address.key.verifier_key();
        let mut latest = None;
        if let Some(kept) = store::cosignatures::latest_of(&mut connection, &verifier_key).await? {
            let checkpoint = store::log::checkpoint_of(&mut connection, kept.tree_size).await?;
            let cosigned_at =
                checkpoint.and_then(|checkpoint| cosigned_at(address, kept.tree_size, &checkpoint.note));
            if cosigned_at.is_none() {
                tracing::error!(
                    witness = verifier_key,
                    tree_size = kept.tree_size,
                    "the checkpoint does not have the cosignature that is kept of it"
                );
            }
            latest = cosigned_at.map(|cosigned_at| Cosigned { tree_size: kept.tree_size, cosigned_at });
        }
        witnesses.push(LogWitness { name: address.key.name().to_owned(), verifier_key, latest });
    }
    Ok(witnesses)
}

/// The logs that this ledger has cosigned, by name.
///
/// # Errors
/// [`ReadError::Sql`].
pub async fn witnessed_logs(db: &PgPool) -> Result<Vec<Witnessed>, ReadError> {
    let mut connection = db.acquire().await?;
    Ok(store::witnessed::all(&mut connection).await?)
}
