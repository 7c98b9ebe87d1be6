//! The table `withdrawals`: cases that citizens asked to take back.

use huying_platform::ids::{CaseId, EventId};
use jiff::Timestamp;
use jiff_sqlx::ToSqlx as _;
use sqlx::PgConnection;

use crate::sealing::LOOKUP_HASH_LEN;

/// A withdrawal to be inserted.
#[derive(Debug)]
pub struct NewWithdrawal {
    /// Id of the request event.
    pub event_id: EventId,
    /// The case.
    pub case_id: CaseId,
    /// Keyed hash of the idempotency key.
    pub key_hash: [u8; LOOKUP_HASH_LEN],
    /// Keyed hash of the request.
    pub body_mac: [u8; 32],
    /// When it was taken.
    pub requested_at: Timestamp,
}

/// Inserts a withdrawal. False when the key was used before, or the case has a withdrawal that was not refused.
pub async fn insert(transaction: &mut PgConnection, withdrawal: &NewWithdrawal) -> sqlx::Result<bool> {
    let done = sqlx::query(
        "INSERT INTO withdrawals (event_id, case_id, key_hash, body_mac, requested_at) \
         VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING",
    )
    .bind(withdrawal.event_id)
    .bind(withdrawal.case_id)
    .bind(withdrawal.key_hash.as_slice())
    .bind(withdrawal.body_mac.as_slice())
    .bind(withdrawal.requested_at.to_sqlx())
    .execute(transaction)
    .await?;
    Ok(done.rows_affected() > 0)
}

/// Case and keyed request hash of the withdrawal that used this key first.
pub async fn find_by_key(
    connection: &mut PgConnection,
    key_hash: &[u8],
) -> sqlx::Result<Option<(CaseId, Vec<u8>)>> {
    sqlx::query_as("SELECT case_id, body_mac FROM withdrawals WHERE key_hash = $1")
        .bind(key_hash)
        .fetch_optional(connection)
        .await
}

/// Whether a case has a withdrawal that was not refused.
pub async fn is_asked(connection: &mut PgConnection, case_id: CaseId) -> sqlx::Result<bool> {
    sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM withdrawals WHERE case_id = $1 AND refusal IS NULL)")
        .bind(case_id)
        .fetch_one(connection)
        .await
}
