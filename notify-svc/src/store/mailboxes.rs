//! Counters of mailboxes.

use std::collections::BTreeMap;

use jiff::Timestamp;
use sqlx::{PgConnection, PgPool};

use super::{Unreadable, from_bigint, to_bigint, unreadable};
use crate::domain::{mailbox::Mailbox, recipient::Recipient};

/// What has been told and not been acknowledged, in all mailboxes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Undelivered {
    /// How many notifications.
    pub notifications: i64,
    /// When the oldest of them was told; None when there is none.
    pub oldest_at: Option<Timestamp>,
}

/// Makes the mailboxes that do not exist yet, and locks all of them until the end of the transaction. Returns the last
/// position of each.
///
/// `recipients` are in order and each once: transactions that share mailboxes then wait for each other in one
/// direction, and never in a circle. Making comes before locking for the same reason: whoever waits for a mailbox that
/// another makes holds no lock that the other could want.
///
/// # Errors
/// When a statement fails.
pub async fn lock(
    transaction: &mut PgConnection,
    recipients: &[Recipient],
) -> sqlx::Result<BTreeMap<Recipient, u64>> {
    let keys = keys(recipients);
    sqlx::query("INSERT INTO mailboxes (recipient) SELECT unnest($1::text[]) ON CONFLICT DO NOTHING")
        .bind(&keys)
        .execute(&mut *transaction)
        .await?;
    let rows: Vec<(String, i64)> = sqlx::query_as(
        "SELECT recipient, last_position FROM mailboxes WHERE recipient = ANY($1) \
         ORDER BY recipient FOR NO KEY UPDATE",
    )
    .bind(&keys)
    .fetch_all(transaction)
    .await?;
    positions(rows)
}

/// Sets the last positions of mailboxes that [`lock`] has locked.
///
/// # Errors
/// When the statement fails.
pub async fn advance(
    transaction: &mut PgConnection,
    last_positions: &BTreeMap<Recipient, u64>,
) -> sqlx::Result<()> {
    let keys: Vec<String> = last_positions.keys().map(Recipient::key).collect();
    let positions: Vec<i64> = last_positions.values().copied().map(to_bigint).collect();
    sqlx::query(
        "UPDATE mailboxes SET last_position = told.last_position \
         FROM unnest($1::text[], $2::bigint[]) AS told (recipient, last_position) \
         WHERE mailboxes.recipient = told.recipient AND mailboxes.last_position < told.last_position",
    )
    .bind(keys)
    .bind(positions)
    .execute(transaction)
    .await?;
    Ok(())
}

/// The counters of one mailbox. One that nothing has been put into stands at 0.
///
/// # Errors
/// When the statement fails.
pub async fn load(db: &PgPool, recipient: &Recipient) -> sqlx::Result<Mailbox> {
    let row =
        sqlx::query_as("SELECT last_position, acknowledged_position FROM mailboxes WHERE recipient = $1")
            .bind(recipient.key())
            .fetch_optional(db)
            .await?;
    Ok(mailbox(row))
}

/// As [`load`], and keeps others from changing the mailbox until the end of the transaction.
///
/// # Errors
/// When the statement fails.
pub async fn load_for_update(transaction: &mut PgConnection, recipient: &Recipient) -> sqlx::Result<Mailbox> {
    let row = sqlx::query_as(
        "SELECT last_position, acknowledged_position FROM mailboxes WHERE recipient = $1 FOR NO KEY UPDATE",
    )
    .bind(recipient.key())
    .fetch_optional(transaction)
    .await?;
    Ok(mailbox(row))
}

/// Sets how far a recipient has come.
///
/// # Errors
/// When the statement fails.
pub async fn set_acknowledged(
    transaction: &mut PgConnection,
    recipient: &Recipient,
    acknowledged_position: u64,
) -> sqlx::Result<()> {
    sqlx::query("UPDATE mailboxes SET acknowledged_position = $2 WHERE recipient = $1")
        .bind(recipient.key())
        .bind(to_bigint(acknowledged_position))
        .execute(transaction)
        .await?;
    Ok(())
}

/// Those of the mailboxes that reach beyond the position given with each, and how far.
///
/// # Errors
/// When the statement fails.
pub async fn beyond(db: &PgPool, tails: &[(Recipient, u64)]) -> sqlx::Result<Vec<(Recipient, u64)>> {
    let keys: Vec<String> = tails.iter().map(|(recipient, _)| recipient.key()).collect();
    let positions: Vec<i64> = tails.iter().map(|(_, tail)| to_bigint(*tail)).collect();
    let rows: Vec<(String, i64)> = sqlx::query_as(
        "SELECT mailboxes.recipient, mailboxes.last_position \
         FROM unnest($1::text[], $2::bigint[]) AS heard (recipient, tail) \
         JOIN mailboxes ON mailboxes.recipient = heard.recipient AND mailboxes.last_position > heard.tail",
    )
    .bind(keys)
    .bind(positions)
    .fetch_all(db)
    .await?;
    positions_of(rows).collect()
}

/// Measures what waits to be acknowledged. Reads every mailbox; not for every second.
///
/// # Errors
/// When the statement fails.
pub async fn undelivered(db: &PgPool) -> sqlx::Result<Undelivered> {
    let (notifications, oldest_at): (i64, Option<jiff_sqlx::Timestamp>) = sqlx::query_as(
        "SELECT coalesce(sum(last_position - acknowledged_position), 0)::bigint, min(created_at) \
         FROM mailboxes LEFT JOIN notifications \
         ON notifications.recipient = mailboxes.recipient AND position = acknowledged_position + 1 \
         WHERE last_position > acknowledged_position",
    )
    .fetch_one(db)
    .await?;
    Ok(Undelivered { notifications, oldest_at: oldest_at.map(jiff_sqlx::Timestamp::to_jiff) })
}

/// The names that follow `after` in order, at most `limit`; the sweeper goes from mailbox to mailbox by it.
///
/// # Errors
/// When the statement fails.
pub async fn following(db: &PgPool, after: &str, limit: i64) -> sqlx::Result<Vec<String>> {
    sqlx::query_scalar("SELECT recipient FROM mailboxes WHERE recipient > $1 ORDER BY recipient LIMIT $2")
        .bind(after)
        .bind(limit)
        .fetch_all(db)
        .await
}

fn keys(recipients: &[Recipient]) -> Vec<String> {
    recipients.iter().map(Recipient::key).collect()
}

fn positions(rows: Vec<(String, i64)>) -> sqlx::Result<BTreeMap<Recipient, u64>> {
    positions_of(rows).collect()
}

fn positions_of(rows: Vec<(String, i64)>) -> impl Iterator<Item = sqlx::Result<(Recipient, u64)>> {
    rows.into_iter().map(|(key, position)| {
        let recipient = Recipient::from_key(&key).ok_or_else(|| unreadable(Unreadable::Recipient(key)))?;
        Ok((recipient, from_bigint(position)))
    })
}

fn mailbox(row: Option<(i64, i64)>) -> Mailbox {
    row.map_or_else(Mailbox::default, |(last_position, acknowledged_position)| Mailbox {
        last_position: from_bigint(last_position),
        acknowledged_position: from_bigint(acknowledged_position),
    })
}
