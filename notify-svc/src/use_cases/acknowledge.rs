//! Takes down how far a recipient has come.

use huying_platform::{auth::Principal, directory::DirectoryHandle};
use sqlx::PgPool;

use super::Refusal;
use crate::{domain::recipient::Recipient, store::mailboxes};

/// Acknowledges positions.
#[derive(Debug, Clone)]
pub struct Acknowledge {
    /// Where the mailboxes are.
    pub db: PgPool,
    /// Who there is.
    pub directory: DirectoryHandle,
}

impl Acknowledge {
    /// Says that everything up to `position` has reached the recipient. The same again changes nothing.
    ///
    /// # Errors
    /// When the mailbox is not the caller's, the position goes back or does not exist yet, or a statement fails.
    pub async fn acknowledge(
        &self,
        caller: &Principal,
        recipient: &Recipient,
        position: u64,
    ) -> Result<(), Refusal> {
        recipient.admit(caller, &self.directory.load())?;
        let mut transaction = self.db.begin().await?;
        let before = mailboxes::load_for_update(&mut transaction, recipient).await?;
        let after = before.acknowledge(position)?;
        if after != before {
            mailboxes::set_acknowledged(&mut transaction, recipient, after.acknowledged_position).await?;
        }
        transaction.commit().await?;
        Ok(())
    }
}
