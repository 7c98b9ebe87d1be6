//! Forgets what was acknowledged long ago.
//!
//! What has not been acknowledged is kept for ever: nobody has said that it arrived.

use jiff::Timestamp;
use sqlx::PgPool;

use crate::store::{mailboxes, notifications};

/// Mailboxes that one statement looks at.
const MAILBOXES: i64 = 200;
/// Notifications that one statement deletes from each of them, so that no statement holds many rows or lasts long.
const NOTIFICATIONS_OF_EACH: i64 = 50;

/// Deletes acknowledged notifications told before `before`, mailbox after mailbox, in statements of bounded size.
/// Returns how many. Several replicas may do it at once.
///
/// # Errors
/// When a statement fails; what was deleted before it stays deleted.
pub async fn forget_acknowledged(db: &PgPool, before: Timestamp) -> sqlx::Result<u64> {
    let mut total = 0;
    let mut after = String::new();
    loop {
        let page = mailboxes::following(db, &after, MAILBOXES).await?;
        let Some(last) = page.last() else { return Ok(total) };
        loop {
            let forgotten = notifications::forget(db, &page, before, NOTIFICATIONS_OF_EACH).await?;
            total += forgotten;
            if forgotten == 0 {
                break;
            }
        }
        after.clone_from(last);
    }
}
