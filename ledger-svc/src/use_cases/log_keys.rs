//! The keys that sign for the log, and those that did.

use sqlx::PgPool;

use super::ReadError;
use crate::{
    domain::note::Verifier,
    store::{self, keys::KeptKey},
};

/// Every key that the log has or had: those in force first, foremost first, then the retired, the latest first.
///
/// # Errors
/// [`ReadError::Sql`].
pub async fn log_keys(db: &PgPool) -> Result<Vec<KeptKey>, ReadError> {
    let mut connection = db.acquire().await?;
    Ok(store::keys::all(&mut connection).await?)
}

/// Verifier keys of those in force, foremost first; at least one. Each of them has signed the latest checkpoint.
///
/// # Errors
/// [`ReadError::Sql`].
pub async fn keys_in_force(db: &PgPool) -> Result<Vec<String>, ReadError> {
    let keys = log_keys(db).await?;
    Ok(keys.into_iter().filter(|kept| kept.until.is_none()).map(|kept| kept.key.verifier_key).collect())
}

/// The verifier key to verify this note with: the foremost of those that have signed it, whether or not they are in force
/// still; a note may have been read before keys were changed. When none has signed it, the foremost in force, which shows
/// that.
///
/// # Errors
/// [`ReadError::Sql`].
pub async fn key_of_note(db: &PgPool, note: &str) -> Result<String, ReadError> {
    let mut keys: Vec<String> = log_keys(db).await?.into_iter().map(|kept| kept.key.verifier_key).collect();
    let has_signed = |key: &String| Verifier::parse(key).is_ok_and(|verifier| verifier.open(note).is_ok());
    let place = keys.iter().position(has_signed).unwrap_or(0);
    Ok(if keys.is_empty() { String::new() } else { keys.swap_remove(place) })
}
