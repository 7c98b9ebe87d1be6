//! The keys that sign for the log, and those that did.

use sqlx::PgPool;

use super::ReadError;
use crate::store::{self, keys::KeptKey};

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

/// The foremost of them.
///
/// # Errors
/// [`ReadError::Sql`].
pub async fn foremost_key(db: &PgPool) -> Result<String, ReadError> {
    Ok(keys_in_force(db).await?.into_iter().next().unwrap_or_default())
}
