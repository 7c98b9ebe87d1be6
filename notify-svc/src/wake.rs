//! Wake-ups between replicas: which mailboxes have grown, and to where.
//!
//! A plain NATS message for each batch, outside JetStream: it may be lost, doubled or late, because the window of a
//! subscriber takes it as a hint only and the poll finds what no hint told of. A replica hears its own messages too;
//! they tell it nothing new.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use futures_util::StreamExt as _;
use huying_platform::{status::chain, subjects::Namespace};
use serde::{Deserialize, Serialize};

use crate::{domain::recipient::Recipient, hub::Hub};

/// Mailboxes named in one message; about 40 KiB, well below what a server takes.
const MAILBOXES_MAX: usize = 1_000;
/// How long delivering waits for the client library to take a message while the connection is down.
const HAND_OVER_MAX: Duration = Duration::from_millis(50);

/// Sends and receives wake-ups.
#[derive(Debug, Clone)]
pub struct Wake {
    nats: async_nats::Client,
    subject: String,
}

/// The message, as JSON.
#[derive(Debug, Serialize, Deserialize)]
struct Grown {
    /// [`Recipient::key`] and last position.
    mailboxes: Vec<(String, u64)>,
}

impl Wake {
    /// Wake-ups among the replicas of one installation.
    #[must_use]
    pub fn new(nats: async_nats::Client, namespace: &Namespace) -> Self {
        Self { nats, subject: namespace.subject("notify.wake") }
    }

    /// Tells the other replicas how far mailboxes reach. Failures are let go: the poll stands behind it.
    pub async fn others(&self, last_positions: &BTreeMap<Recipient, u64>) {
        let mailboxes: Vec<(String, u64)> =
            last_positions.iter().map(|(recipient, position)| (recipient.key(), *position)).collect();
        for part in mailboxes.chunks(MAILBOXES_MAX) {
            let Ok(payload) = serde_json::to_vec(&Grown { mailboxes: part.to_vec() }) else { return };
            let publish = self.nats.publish(self.subject.clone(), payload.into());
            match tokio::time::timeout(HAND_OVER_MAX, publish).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => return tracing::debug!(error = chain(&error), "wake-up not sent"),
                Err(_) => return tracing::debug!("wake-up not sent: the connection is down"),
            }
        }
    }

    /// Passes on the wake-ups of other replicas to subscribers of this one. Returns when the client is closed.
    ///
    /// # Errors
    /// When the subscription fails.
    pub async fn listen(&self, hub: Arc<Hub>) -> Result<(), async_nats::SubscribeError> {
        let mut messages = self.nats.subscribe(self.subject.clone()).await?;
        while let Some(message) = messages.next().await {
            match serde_json::from_slice::<Grown>(&message.payload) {
                Ok(grown) => hub.hear(&recipients(grown)),
                Err(error) => tracing::warn!(error = chain(&error), "wake-up not readable"),
            }
        }
        Ok(())
    }
}

fn recipients(grown: Grown) -> Vec<(Recipient, u64)> {
    grown
        .mailboxes
        .into_iter()
        .filter_map(|(key, position)| Some((Recipient::from_key(&key)?, position)))
        .collect()
}
