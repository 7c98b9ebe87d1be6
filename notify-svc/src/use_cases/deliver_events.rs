//! Puts what a batch of events tells into the mailboxes of those who must hear of it.
//!
//! A batch is one transaction: lock the mailboxes, see who has been told already, place, insert, advance, commit. The
//! locks make replicas that work on the same mailboxes, or even on the same events, go one after the other, so that a
//! repetition is always seen before a position is given. Only after the commit do subscribers hear of it, those of this
//! process directly and those of other replicas by a wake-up; if that is lost, their poll finds it.

use std::{collections::BTreeMap, sync::Arc};

use huying_platform::clock::Clock;
use sqlx::PgPool;

use crate::{
    domain::{
        delivery::{self, Announcement, Delivery},
        recipient::Recipient,
    },
    hub::Hub,
    store::{mailboxes, notifications},
    wake::Wake,
};

/// Delivers events into mailboxes.
#[derive(Debug)]
pub struct DeliverEvents {
    /// Where the mailboxes are.
    pub db: PgPool,
    /// When something is told.
    pub clock: Clock,
    /// Subscribers of this process.
    pub hub: Arc<Hub>,
    /// The way to other replicas.
    pub wake: Wake,
}

impl DeliverEvents {
    /// Delivers a batch, in any order and with any repetitions, also of earlier batches.
    ///
    /// # Errors
    /// When a statement or the commit fails. Then the batch may have been delivered or not; delivering it again does
    /// what is missing.
    pub async fn deliver(&self, batch: Vec<Announcement>) -> sqlx::Result<()> {
        let batch = delivery::in_order(batch);
        if batch.is_empty() {
            return Ok(());
        }
        let (deliveries, last_positions) = self.store(&batch).await?;
        if !deliveries.is_empty() {
            self.hub.push(&deliveries);
            self.wake.others(&last_positions).await;
        }
        Ok(())
    }

    async fn store(&self, batch: &[Announcement]) -> sqlx::Result<(Vec<Delivery>, BTreeMap<Recipient, u64>)> {
        let event_ids: Vec<_> = batch.iter().map(|announcement| announcement.event_id).collect();
        let mut transaction = self.db.begin().await?;
        let mut last_positions = mailboxes::lock(&mut transaction, &delivery::recipients(batch)).await?;
        let told = notifications::told(&mut transaction, &event_ids).await?;
        let deliveries = delivery::place(batch, &told, &mut last_positions);
        if !deliveries.is_empty() {
            notifications::insert(&mut transaction, &deliveries, self.clock.now()).await?;
            mailboxes::advance(&mut transaction, &last_positions).await?;
        }
        transaction.commit().await?;
        Ok((deliveries, last_positions))
    }
}
