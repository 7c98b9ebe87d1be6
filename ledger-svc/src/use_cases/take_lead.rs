//! Begins an epoch: from the commit on, whoever led before is refused. The keys of the log become those of the new
//! leader's key file, and the tree as it is has a checkpoint with the signatures of all of them, so that readers have one
//! before the first leaf and a new key is good for what is there already.

use huying_platform::clock::Clock;
use sqlx::{PgConnection, PgPool};

use crate::{
    LogIdentity,
    domain::{
        checkpoint::Checkpoint,
        log_keys::{KeyChange, KeyRefusal, LogKey, change_keys},
        merkle::{Edge, Hash, MerkleError},
        note::{NoteError, Signer},
    },
    store,
};

/// Why the lead could not be taken.
#[derive(Debug, thiserror::Error)]
pub enum LeadError {
    /// The tiles do not make up the tree of the state.
    #[error("the right edge of the tree cannot be read")]
    CorruptTiles(#[source] MerkleError),
    /// The tiles and the checkpoint of the same size disagree: the log must not go on before this is understood.
    #[error("the tree of {0} leaves has another root than its checkpoint")]
    RootMismatch(u64),
    /// The key file is not the log's any more: another replica has led with another one since this one started.
    #[error("--log-key-file does not fit the log any more")]
    Keys(#[source] KeyRefusal),
    /// The checkpoint could not be signed.
    #[error("the checkpoint cannot be signed")]
    Unsigned(#[source] NoteError),
    /// A statement failed.
    #[error("taking the lead")]
    Sql(#[from] sqlx::Error),
}

/// A term of lead: what its holder may sign with, until the epoch is over.
#[derive(Debug, Clone)]
pub struct Lead {
    /// Raised by every new leader.
    pub epoch: i64,
    origin: String,
    signers: Vec<Signer>,
}

impl Lead {
    /// What the log says of a tree, and the signed note.
    ///
    /// # Errors
    /// [`NoteError::MalformedNote`] when the name of the log is none that can be signed.
    pub fn sign(&self, tree_size: u64, root: Hash) -> Result<(Checkpoint, String), NoteError> {
        let checkpoint = Checkpoint { origin: self.origin.clone(), tree_size, root };
        let note = checkpoint.sign(&self.signers)?;
        Ok((checkpoint, note))
    }
}

/// Takes the lead.
///
/// # Errors
/// [`LeadError`]; then nothing has changed.
pub async fn take_lead(db: &PgPool, clock: &Clock, log: &LogIdentity) -> Result<Lead, LeadError> {
    let mut transaction = db.begin().await?;
    let state = store::log::raise_epoch(&mut transaction).await?;
    let KeyChange { signers, joining, retiring, passed_over: _ } =
        put_keys_in_force(&mut transaction, clock, log, state.tree_size).await?;
    let lead = Lead { epoch: state.epoch, origin: log.origin.clone(), signers };

    let tiles = store::log::tiles(&mut transaction, &Edge::tile_ids(state.tree_size)).await?;
    let edge = Edge::from_tiles(state.tree_size, &tiles).map_err(LeadError::CorruptTiles)?;
    let (checkpoint, note) = lead.sign(edge.size(), edge.root()).map_err(LeadError::Unsigned)?;
    match store::log::checkpoint_of(&mut transaction, state.tree_size).await? {
        Some((root, _)) if root != checkpoint.root => {
            return Err(LeadError::RootMismatch(state.tree_size));
        }
        Some((_, kept)) => {
            let missing = Signer::complete(&kept, &lead.signers).map_err(LeadError::Unsigned)?;
            if !missing.is_empty() {
                store::log::extend_note(&mut transaction, state.tree_size, &missing).await?;
            }
        }
        None => store::log::insert_checkpoint(&mut transaction, &checkpoint, &note, clock.now()).await?,
    }
    transaction.commit().await?;
    if !joining.is_empty() || !retiring.is_empty() {
        tracing::info!(?joining, ?retiring, tree_size = state.tree_size, "the keys of the log have changed");
    }
    Ok(lead)
}

/// Makes the keys of the key file those of the log, as far as the rules allow it.
async fn put_keys_in_force(
    connection: &mut PgConnection,
    clock: &Clock,
    log: &LogIdentity,
    tree_size: u64,
) -> Result<KeyChange, LeadError> {
    let known: Vec<LogKey> = store::keys::all(connection).await?.into_iter().map(|kept| kept.key).collect();
    let change = change_keys(&known, &log.keys).map_err(LeadError::Keys)?;
    let now = clock.now();
    if !change.joining.is_empty() {
        store::keys::add(connection, &change.joining, tree_size, now).await?;
    }
    if !change.retiring.is_empty() {
        store::keys::retire(connection, &change.retiring, tree_size, now).await?;
    }
    let in_order: Vec<_> = change.signers.iter().map(Signer::verifier_key).collect();
    store::keys::put_in_order(connection, &in_order).await?;
    Ok(change)
}
