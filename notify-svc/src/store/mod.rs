//! SQL, and nothing but SQL. Transactions are begun and committed by the use cases.

pub mod mailboxes;
pub mod notifications;

use huying_platform::ids::EventId;

/// A row that this version cannot read. It was written by another version, or by hand.
#[derive(Debug, thiserror::Error)]
pub enum Unreadable {
    /// The mailbox's name is malformed.
    #[error("mailbox {0:?} has no readable recipient")]
    Recipient(String),
    /// The event does not decode.
    #[error("event {event_id} is not decodable")]
    Event {
        /// The event.
        event_id: EventId,
        /// What is wrong with its bytes.
        source: prost::DecodeError,
    },
}

/// A failed statement, or a row that cannot be read.
fn unreadable(row: Unreadable) -> sqlx::Error {
    sqlx::Error::Decode(Box::new(row))
}

/// Positions are at most what a bigint holds; anything above is beyond every mailbox.
fn to_bigint(position: u64) -> i64 {
    i64::try_from(position).unwrap_or(i64::MAX)
}

/// Positions are never negative: the table checks.
fn from_bigint(position: i64) -> u64 {
    u64::try_from(position).unwrap_or(0)
}
