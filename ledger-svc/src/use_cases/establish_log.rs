//! Makes the log exist, or sees that this replica fits the one that does: its name, and its keys.
//!
//! Nothing of an existing log changes here. New keys join, and retired ones leave, when the lead is taken ([`super::take_lead`]).

use huying_platform::clock::Clock;
use sqlx::PgPool;

use crate::{
    LogIdentity,
    domain::log_keys::{KeyRefusal, LogKey, change_keys},
    store,
};

/// Why this replica cannot serve the log of the database.
#[derive(Debug, thiserror::Error)]
pub enum EstablishError {
    /// The database has another log.
    #[error("the database has the log {kept}, and --log-origin is {given}")]
    OtherLog {
        /// Name of the log in the database.
        kept: String,
        /// Name in the settings.
        given: String,
    },
    /// The key file does not fit the log.
    #[error("--log-key-file does not fit the log {origin}")]
    Keys {
        /// Name of the log.
        origin: String,
        /// What is wrong with it.
        #[source]
        source: KeyRefusal,
    },
    /// A statement failed.
    #[error("reading the log's state")]
    Sql(#[from] sqlx::Error),
}

/// Returns the verifier keys of private keys in the key file that were retired before, and do not sign.
///
/// # Errors
/// [`EstablishError`]; then nothing has changed.
pub async fn establish_log(
    db: &PgPool,
    clock: &Clock,
    log: &LogIdentity,
) -> Result<Vec<String>, EstablishError> {
    let refused = |source| EstablishError::Keys { origin: log.origin.clone(), source };
    let mut transaction = db.begin().await?;
    let founding = change_keys(&[], &log.keys);
    let founders = founding.as_ref().map(|change| change.joining.clone()).unwrap_or_default();
    let foremost = founders.first().cloned().unwrap_or_else(|| log.foremost_verifier_key());
    if store::log::found(&mut transaction, &log.origin, &foremost).await? {
        founding.map_err(refused)?;
        store::keys::add(&mut transaction, &founders, 0, clock.now()).await?;
        store::keys::put_in_order(&mut transaction, &founders).await?;
        transaction.commit().await?;
        return Ok(Vec::new());
    }
    let kept = store::log::origin(&mut transaction).await?;
    if kept != log.origin {
        return Err(EstablishError::OtherLog { kept, given: log.origin.clone() });
    }
    let keys: Vec<LogKey> =
        store::keys::all(&mut transaction).await?.into_iter().map(|kept| kept.key).collect();
    let change = change_keys(&keys, &log.keys).map_err(refused)?;
    transaction.rollback().await?;
    Ok(change.passed_over)
}
