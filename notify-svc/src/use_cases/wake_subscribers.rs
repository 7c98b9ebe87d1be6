//! Finds what subscribers of this process were not told of: the net under lost wake-ups.

use std::sync::Arc;

use sqlx::PgPool;

use crate::{hub::Hub, store::mailboxes};

/// Wakes subscribers whose mailboxes have more than they heard of. One statement for all of them.
///
/// # Errors
/// When the statement fails.
pub async fn wake_subscribers(db: &PgPool, hub: &Arc<Hub>) -> sqlx::Result<()> {
    let tails = hub.tails();
    if tails.is_empty() {
        return Ok(());
    }
    hub.hear(&mailboxes::beyond(db, &tails).await?);
    Ok(())
}
