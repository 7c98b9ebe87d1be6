//! Drops events that were handled before, in the transaction of their effect.
//!
//! Use it where an effect has no unique key of its own. Where it has one, such as (case, version) or (event,
//! recipient), a unique constraint with ON CONFLICT does the same for one row less.

use std::collections::HashSet;

use jiff_sqlx::ToSqlx as _;
use sqlx::PgConnection;
use uuid::Uuid;

/// Claims events for a consumer and returns those that nobody had claimed. The claim stands or falls with the
/// transaction; a second transaction with the same event waits for the first to end.
///
/// # Errors
/// When the statement fails.
pub async fn claim(
    transaction: &mut PgConnection,
    consumer: &str,
    event_ids: &[Uuid],
) -> sqlx::Result<HashSet<Uuid>> {
    // In one order everywhere, so that two transactions with the same events wait for each other and never deadlock.
    let mut ordered = event_ids.to_vec();
    ordered.sort_unstable();
    ordered.dedup();
    let new: Vec<Uuid> = sqlx::query_scalar(
        "INSERT INTO inbox (consumer, event_id) SELECT $1, unnest($2::uuid[]) \
         ON CONFLICT ON CONSTRAINT inbox_handled_once DO NOTHING RETURNING event_id",
    )
    .bind(consumer)
    .bind(&ordered)
    .fetch_all(transaction)
    .await?;
    Ok(new.into_iter().collect())
}

/// Forgets events that were made and handled before a time, at most `limit` at once. Returns how many.
///
/// Event ids are UUIDv7, so "made before" is a range of the primary key and nothing else has to be scanned. "Handled
/// before" is asked as well, because an old event may have been replayed just now.
///
/// # Errors
/// When the statement fails.
pub async fn forget(pool: &sqlx::PgPool, before: jiff::Timestamp, limit: i64) -> sqlx::Result<u64> {
    let millis = u128::try_from(before.as_millisecond()).unwrap_or(0);
    let floor = Uuid::from_u128(millis << 80);
    let result = sqlx::query(
        "DELETE FROM inbox WHERE (event_id, consumer) IN \
         (SELECT event_id, consumer FROM inbox WHERE event_id < $1 AND handled_at < $3 ORDER BY event_id LIMIT $2)",
    )
    .bind(floor)
    .bind(limit)
    .bind(before.to_sqlx())
    .execute(pool)
    .await?;
    Ok(result.rows_affected())
}
