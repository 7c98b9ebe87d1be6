//! Notifications in their mailboxes.

use std::{collections::HashSet, sync::Arc};

use huying_platform::ids::EventId;
use huying_proto::events::v1::Event;
use jiff::Timestamp;
use jiff_sqlx::ToSqlx as _;
use prost::Message as _;
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use super::{Unreadable, from_bigint, to_bigint, unreadable};
use crate::domain::{
    delivery::{Delivery, Notification},
    recipient::Recipient,
};

/// Part of a mailbox.
#[derive(Debug)]
pub struct Page {
    /// In order of positions.
    pub notifications: Vec<Notification>,
    /// The page was cut off: more follow.
    pub more: bool,
}

/// Bounds of a [`Page`].
#[derive(Debug, Clone, Copy)]
pub struct PageBounds {
    /// Notifications, at most.
    pub notifications: u32,
    /// Encoded events; the one that reaches it is the last.
    pub bytes: u32,
}

/// Who has been told of these events already.
///
/// Complete for the mailboxes whose locks the transaction holds; for others a commit may come in between.
///
/// # Errors
/// When the statement fails.
pub async fn told(
    transaction: &mut PgConnection,
    event_ids: &[EventId],
) -> sqlx::Result<HashSet<(EventId, Recipient)>> {
    let rows: Vec<(Uuid, String)> =
        sqlx::query_as("SELECT event_id, recipient FROM notifications WHERE event_id = ANY($1)")
            .bind(EventId::as_uuids(event_ids))
            .fetch_all(transaction)
            .await?;
    rows.into_iter()
        .map(|(event_id, key)| {
            let recipient =
                Recipient::from_key(&key).ok_or_else(|| unreadable(Unreadable::Recipient(key)))?;
            Ok((EventId::from_uuid(event_id), recipient))
        })
        .collect()
}

/// Puts notifications into mailboxes that the transaction has locked.
///
/// # Errors
/// When the statement fails.
pub async fn insert(
    transaction: &mut PgConnection,
    deliveries: &[Delivery],
    now: Timestamp,
) -> sqlx::Result<()> {
    // An event goes over the wire once, however many are told of it. Deliveries of one event follow each other.
    let (mut event_ids, mut events): (Vec<Uuid>, Vec<Vec<u8>>) = (Vec::new(), Vec::new());
    let mut recipients = Vec::with_capacity(deliveries.len());
    let mut positions = Vec::with_capacity(deliveries.len());
    let mut event_numbers = Vec::with_capacity(deliveries.len());
    for delivery in deliveries {
        let event_id = delivery.event_id.as_uuid();
        if event_ids.last() != Some(&event_id) {
            event_ids.push(event_id);
            events.push(delivery.notification.event.encode_to_vec());
        }
        recipients.push(delivery.recipient.key());
        positions.push(to_bigint(delivery.notification.position));
        event_numbers.push(to_bigint(event_ids.len() as u64));
    }
    sqlx::query(
        "INSERT INTO notifications (recipient, position, event_id, event, created_at) \
         SELECT told.recipient, told.position, events.event_id, events.event, $6 \
         FROM unnest($1::text[], $2::bigint[], $3::bigint[]) AS told (recipient, position, event_number) \
         JOIN unnest($4::uuid[], $5::bytea[]) WITH ORDINALITY AS events (event_id, event, event_number) \
         USING (event_number)",
    )
    .bind(recipients)
    .bind(positions)
    .bind(event_numbers)
    .bind(event_ids)
    .bind(events)
    .bind(now.to_sqlx())
    .execute(transaction)
    .await?;
    Ok(())
}

/// Reads what follows a position.
///
/// # Errors
/// When the statement fails, or an event does not decode.
pub async fn page(db: &PgPool, recipient: &Recipient, after: u64, bounds: PageBounds) -> sqlx::Result<Page> {
    // One more than the page holds, to know whether more follow. Where the size is reached, more may follow.
    let rows: Vec<(i64, Uuid, Vec<u8>)> = sqlx::query_as(
        "SELECT position, event_id, event FROM ( \
             SELECT position, event_id, event, sum(octet_length(event)) OVER (ORDER BY position) AS size_bytes \
             FROM (SELECT position, event_id, event FROM notifications \
                   WHERE recipient = $1 AND position > $2 ORDER BY position LIMIT $3) AS following \
         ) AS measured WHERE size_bytes - octet_length(event) < $4 ORDER BY position",
    )
    .bind(recipient.key())
    .bind(to_bigint(after))
    .bind(i64::from(bounds.notifications) + 1)
    .bind(i64::from(bounds.bytes))
    .fetch_all(db)
    .await?;
    let size_bytes: usize = rows.iter().map(|(_, _, event)| event.len()).sum();
    let full = bounds.notifications as usize;
    let more = rows.len() > full || size_bytes >= bounds.bytes as usize;
    let notifications = rows.into_iter().take(full).map(notification).collect::<sqlx::Result<_>>()?;
    Ok(Page { notifications, more })
}

/// Deletes acknowledged notifications told before `before`, at most `limit` of each mailbox. Returns how many.
///
/// The last acknowledged one stays, so that a mailbox that was ever used never looks empty to a reader.
///
/// # Errors
/// When the statement fails.
pub async fn forget(db: &PgPool, mailboxes: &[String], before: Timestamp, limit: i64) -> sqlx::Result<u64> {
    // Positions grow with time, so the oldest of a mailbox are its first: the primary key finds them.
    let result = sqlx::query(
        "DELETE FROM notifications USING ( \
             SELECT first.recipient, first.position \
             FROM mailboxes CROSS JOIN LATERAL ( \
                 SELECT recipient, position, created_at FROM notifications \
                 WHERE notifications.recipient = mailboxes.recipient AND position < acknowledged_position \
                 ORDER BY position LIMIT $3 \
             ) AS first \
             WHERE mailboxes.recipient = ANY($1) AND first.created_at < $2 \
         ) AS old \
         WHERE notifications.recipient = old.recipient AND notifications.position = old.position",
    )
    .bind(mailboxes)
    .bind(before.to_sqlx())
    .bind(limit)
    .execute(db)
    .await?;
    Ok(result.rows_affected())
}

fn notification((position, event_id, encoded): (i64, Uuid, Vec<u8>)) -> sqlx::Result<Notification> {
    let event = Event::decode(encoded.as_slice())
        .map_err(|source| unreadable(Unreadable::Event { event_id: EventId::from_uuid(event_id), source }))?;
    Ok(Notification { position: from_bigint(position), event: Arc::new(event), size_bytes: encoded.len() })
}
