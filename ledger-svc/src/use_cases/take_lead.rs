//! Begins an epoch: from the commit on, whoever led before is refused. The keys of the log become those of the new
//! leader's key file, and the tree as it is has a checkpoint with the signatures of all of them, so that readers have one
//! before the first leaf and a new key is good for what is there already.
//!
//! Guaranteed: what is signed here is the tree that the tiles make up, and only when the checkpoint that is kept says the
//! very same, is signed by a key that was in force before, and goes on from what was signed last ([`super::open_head`]).
//! Whoever changes the database and ends a term of lead gets no signature for it.

use std::sync::Arc;

use huying_platform::clock::Clock;
use sqlx::{PgConnection, PgPool};

use super::open_head::{HeadError, Judge};
use crate::{
    LogIdentity,
    domain::{
        checkpoint::Checkpoint,
        head::HeadFault,
        log_keys::{KeyChange, KeyRefusal, LogKey, change_keys},
        merkle::Hash,
        note::{NoteError, Signer, Verifier},
    },
    signed_mark::SignedMark,
    store,
};

/// Why the lead could not be taken.
#[derive(Debug, thiserror::Error)]
pub enum LeadError {
    /// Tiles, checkpoint, size, or what was signed before disagree: the log must not go on before this is understood.
    #[error("the log is not as it was signed, and is not carried on")]
    Head(#[source] HeadFault),
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

impl From<HeadError> for LeadError {
    fn from(error: HeadError) -> Self {
        match error {
            HeadError::Fault(fault) => Self::Head(fault),
            HeadError::Sql(error) => Self::Sql(error),
        }
    }
}

/// A term of lead: what its holder may sign with, until the epoch is over.
#[derive(Debug, Clone)]
pub struct Lead {
    /// Raised by every new leader.
    pub epoch: i64,
    origin: String,
    signers: Vec<Signer>,
    verifiers: Vec<Verifier>,
    mark: Arc<SignedMark>,
}

impl Lead {
    /// By what the log is judged in this term: every checkpoint has the signatures of the leader's keys.
    pub(super) fn judge(&self) -> Judge<'_> {
        Judge { origin: &self.origin, keys: &self.verifiers, mark: &self.mark }
    }

    /// Remembers a checkpoint of this term that has been committed.
    pub(super) fn remember(&self, checkpoint: Checkpoint, note: String) {
        self.mark.note(checkpoint, note);
    }

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
    // Keys that join now have signed nothing yet. One of the others is in the key file, or this would have been refused;
    // that is what the checkpoint is judged by, for anything else is in the database, as the checkpoint is.
    let before: Vec<Verifier> = signers
        .iter()
        .filter(|signer| !joining.contains(&signer.verifier_key()))
        .map(Signer::verifier)
        .collect();
    let judge = Judge { origin: &log.origin, keys: &before, mark: &log.mark };
    let (edge, kept) = judge.open(&mut transaction, state.tree_size).await?;

    let verifiers = signers.iter().map(Signer::verifier).collect();
    let (origin, mark) = (log.origin.clone(), Arc::clone(&log.mark));
    let lead = Lead { epoch: state.epoch, origin, signers, verifiers, mark };
    let (checkpoint, mut note) = lead.sign(edge.size(), edge.root()).map_err(LeadError::Unsigned)?;
    match kept {
        Some(kept) => {
            let missing = Signer::complete(&checkpoint.text(), &kept.note, &lead.signers);
            let missing = missing.map_err(LeadError::Unsigned)?;
            if !missing.is_empty() {
                store::log::extend_note(&mut transaction, state.tree_size, &missing).await?;
            }
            note = kept.note + &missing;
        }
        None => store::log::insert_checkpoint(&mut transaction, &checkpoint, &note, clock.now()).await?,
    }
    transaction.commit().await?;
    lead.remember(checkpoint, note);
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
