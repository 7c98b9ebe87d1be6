//! Checkpoints that others vouch for, and who does.

use sqlx::PgPool;

use super::ReadError;
use crate::{
    LogIdentity,
    store::{self, cosignatures::Cosigned, witnessed::Witnessed},
};

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

/// Size and note of the newest checkpoint with the cosignatures of so many witnesses at least, 1 or more; `None` when
/// there is none.
///
/// # Errors
/// [`ReadError::Sql`].
pub async fn witnessed_checkpoint(db: &PgPool, at_least: u32) -> Result<Option<(u64, String)>, ReadError> {
    let mut connection = db.acquire().await?;
    Ok(store::cosignatures::latest_note(&mut connection, at_least).await?)
}

/// The witnesses that this log asks, as in the settings, and what each has cosigned.
///
/// # Errors
/// [`ReadError::Sql`].
pub async fn log_witnesses(db: &PgPool, log: &LogIdentity) -> Result<Vec<LogWitness>, ReadError> {
    let mut connection = db.acquire().await?;
    let mut witnesses = Vec::with_capacity(log.witnesses.len());
    for address in &log.witnesses {
        let verifier_key = address.key.verifier_key();
        let latest = store::cosignatures::latest_of(&mut connection, &verifier_key).await?;
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
