//! The keys that sign for the log, and those that did, as this replica makes them known.
//!
//! Guaranteed: no key is made known that is not in this replica's own key file, whatever the database says. A reader who
//! comes for the first time takes the key from here; a key from the database could be anybody's who can write there, with
//! another log beside it that it has signed.

use sqlx::PgPool;

use super::ReadError;
use crate::{
    LogIdentity,
    domain::log_keys::Standing,
    store::{self, keys::KeptKey},
};

/// The keys of the log as this replica vouches for them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KnownKeys {
    /// Those in force, foremost first; at least one. Each of them has signed the latest checkpoint.
    pub in_force: Vec<KeptKey>,
    /// Those that the key file still has and that sign no longer, the latest first.
    pub retired: Vec<KeptKey>,
    /// How many keys the database has in force of which the key file says nothing. In the midst of a change of keys a
    /// replica that has not been restarted yet has some; at any other time somebody has changed the database.
    pub unknown: usize,
}

/// The keys that the log has or had, as far as this replica's key file has them.
///
/// # Errors
/// [`ReadError::ForeignKeys`], [`ReadError::Sql`].
pub async fn log_keys(db: &PgPool, log: &LogIdentity) -> Result<KnownKeys, ReadError> {
    let mut connection = db.acquire().await?;
    let kept = store::keys::all(&mut connection).await?;
    let mut known = KnownKeys::default();
    for kept in kept {
        match log.keys.standing(&kept.key) {
            Standing::InForce => known.in_force.push(kept),
            Standing::Retired => known.retired.push(kept),
            Standing::Unknown => known.unknown += usize::from(kept.until.is_none()),
        }
    }
    if known.unknown > 0 {
        tracing::error!(
            unknown = known.unknown,
            "the database has keys in force of which --log-key-file says nothing; they are not made known"
        );
    }
    if known.in_force.is_empty() {
        return Err(ReadError::ForeignKeys);
    }
    Ok(known)
}

/// Verifier keys of those in force, foremost first; at least one. Each of them has signed the latest checkpoint.
///
/// # Errors
/// [`ReadError::ForeignKeys`], [`ReadError::Sql`].
pub async fn keys_in_force(db: &PgPool, log: &LogIdentity) -> Result<Vec<String>, ReadError> {
    let known = log_keys(db, log).await?;
    Ok(known.in_force.into_iter().map(|kept| kept.key.verifier_key).collect())
}

/// The verifier key to verify this note of the log with: the first in this replica's key file that has signed it. When none
/// has, the first of all, which shows that. One that the file retires verifies nothing: a replica starts without a key only
/// after the others have signed the latest checkpoint, and whoever has a retired key now may have signed anything.
pub fn key_of_note(log: &LogIdentity, note: &str) -> String {
    let has_signed = log.verifiers().into_iter().find(|verifier| verifier.open(note).is_ok());
    has_signed.map_or_else(|| log.foremost_verifier_key(), |verifier| verifier.verifier_key())
}
