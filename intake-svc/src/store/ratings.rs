//! The table `ratings`: what citizens judged.

use huying_platform::ids::{CaseId, EventId};
use jiff::Timestamp;
use jiff_sqlx::ToSqlx as _;
use sqlx::PgConnection;

use crate::sealing::LOOKUP_HASH_LEN;

/// A rating to be inserted.
#[derive(Debug)]
pub struct NewRating {
    /// Id of the request event.
    pub event_id: EventId,
    /// The case.
    pub case_id: CaseId,
    /// Keyed hash of the idempotency key.
    pub key_hash: [u8; LOOKUP_HASH_LEN],
    /// Keyed hash of the request.
    pub body_mac: [u8; 32],
    /// The reply that is judged.
    pub reply_number: i32,
    /// When it was taken.
    pub requested_at: Timestamp,
}

/// Inserts a rating. False when the key was used before, or the reply has a rating that was not refused.
pub async fn insert(transaction: &mut PgConnection, rating: &NewRating) -> sqlx::Result<bool> {
    let done = sqlx::query(
        "INSERT INTO ratings (event_id, case_id, key_hash, body_mac, reply_number, requested_at) \
         VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING",
    )
    .bind(rating.event_id)
    .bind(rating.case_id)
    .bind(rating.key_hash.as_slice())
    .bind(rating.body_mac.as_slice())
    .bind(rating.reply_number)
    .bind(rating.requested_at.to_sqlx())
    .execute(transaction)
    .await?;
    Ok(done.rows_affected() > 0)
}

/// Case and keyed request hash of the rating that used this key first.
pub async fn find_by_key(
    connection: &mut PgConnection,
    key_hash: &[u8],
) -> sqlx::Result<Option<(CaseId, Vec<u8>)>> {
    sqlx::query_as("SELECT case_id, body_mac FROM ratings WHERE key_hash = $1")
        .bind(key_hash)
        .fetch_optional(connection)
        .await
}

/// Whether a reply has a rating that was not refused.
pub async fn is_rated(
    connection: &mut PgConnection,
    case_id: CaseId,
    reply_number: i32,
) -> sqlx::Result<bool> {
    sqlx::query_scalar(
        "SELECT EXISTS (SELECT 1 FROM ratings WHERE case_id = $1 AND reply_number = $2 AND refusal IS NULL)",
    )
    .bind(case_id)
    .bind(reply_number)
    .fetch_one(connection)
    .await
}
