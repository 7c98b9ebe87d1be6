//! One file for each thing the service does. They alone begin and commit transactions.

pub mod acknowledge;
pub mod deliver_events;
pub mod forget_acknowledged;
pub mod subscribe;
pub mod wake_subscribers;

use crate::{
    domain::{mailbox::PositionRefused, recipient::RecipientRefused},
    hub::Full,
};

/// Why a caller does not get what was asked for.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// Not this recipient.
    #[error(transparent)]
    Recipient(#[from] RecipientRefused),
    /// Not this position.
    #[error(transparent)]
    Position(#[from] PositionRefused),
    /// No room.
    #[error(transparent)]
    Full(#[from] Full),
    /// A statement failed, or a commit whose outcome is not known.
    #[error("the mailbox could not be read or written")]
    Store(#[from] sqlx::Error),
}
