//! From events on JetStream to the use case.
//!
//! The broker sends only events that somebody hears of. One that is malformed is poison: the consumer isolates it from
//! its batch and records it as a dead letter, and the others are told.

use huying_platform::{
    consumer::{BatchHandler, ConsumerConfig, HandleError, Incoming},
    status::chain,
    subjects,
};
use huying_proto::events::v1::Event;

use crate::{
    domain::{audience::HEARD, delivery::Announcement},
    use_cases::deliver_events::DeliverEvents,
};

/// Replicas share the work under this name.
const DURABLE: &str = "notify";

/// What is consumed, and how much at a time.
#[must_use]
pub fn config() -> ConsumerConfig {
    ConsumerConfig::cases(DURABLE, subjects::case_events(&HEARD))
}

impl BatchHandler for DeliverEvents {
    type Message = Event;

    async fn handle(&self, batch: &[Incoming<Event>]) -> Result<(), HandleError> {
        let mut announcements = Vec::with_capacity(batch.len());
        for incoming in batch {
            incoming.check_subject()?;
            match Announcement::of(&incoming.message) {
                Ok(announcement) => announcements.extend(announcement),
                Err(fault) => return Err(HandleError::Poison(chain(&fault))),
            }
        }
        Ok(self.deliver(announcements).await?)
    }
}
