//! From a batch of events to deliveries: what is told to whom, once, at which position.
//!
//! What is guaranteed about order. In each mailbox positions are 1, 2, 3 … and never change. Events of one case that
//! come in one batch are placed in order of their versions. Across batches the broker's order decides, which is that of
//! versions unless an event was redelivered or two replicas took neighbouring events at the same moment; so a client
//! takes the highest `case_version` it has seen of a case as the case's present state. Waiting for missing versions
//! would buy no more: most versions are told to nobody, and a mailbox that waits for one hears nothing else meanwhile.

use std::{
    collections::{BTreeMap, HashSet},
    sync::Arc,
};

use huying_platform::ids::{CaseId, EventId, InvalidId};
use huying_proto::events::v1::Event;
use prost::Message as _;

use super::{
    audience::{AudienceFault, audience},
    recipient::Recipient,
};

/// An event and who hears of it; at least one does.
#[derive(Debug, Clone)]
pub struct Announcement {
    /// The event's id.
    pub event_id: EventId,
    /// Its case.
    pub case_id: CaseId,
    /// Its place in the case's history.
    pub case_version: u64,
    /// Who hears of it, each once.
    pub recipients: Vec<Recipient>,
    /// The event.
    pub event: Arc<Event>,
}

/// One notification, in the mailbox of somebody.
#[derive(Debug, Clone)]
pub struct Notification {
    /// Place in the mailbox.
    pub position: u64,
    /// What is told. Shared by everybody who is told it.
    pub event: Arc<Event>,
    /// Encoded size of the event, by which buffers are bounded.
    pub size_bytes: usize,
}

/// A notification on its way into a mailbox.
#[derive(Debug, Clone)]
pub struct Delivery {
    /// Whose mailbox.
    pub recipient: Recipient,
    /// Id of the event that is told.
    pub event_id: EventId,
    /// What goes into the mailbox.
    pub notification: Notification,
}

/// Why an event can never be told.
#[derive(Debug, thiserror::Error)]
pub enum EventFault {
    /// An id is not a UUID.
    #[error("{field} of the event")]
    BadId {
        /// Which id.
        field: &'static str,
        /// What is wrong with it.
        source: InvalidId,
    },
    /// Nobody can be read from it.
    #[error("no audience for event {event_id}")]
    Audience {
        /// The event.
        event_id: EventId,
        /// What it lacks.
        source: AudienceFault,
    },
}

impl Announcement {
    /// Reads an event; None when nobody hears of it.
    ///
    /// # Errors
    /// When the event is malformed, which no repetition will change.
    pub fn of(event: &Event) -> Result<Option<Self>, EventFault> {
        let event_id: EventId = event.event_id.parse().map_err(bad_id("event_id"))?;
        let case_id = event.case_id.parse().map_err(bad_id("case_id"))?;
        let recipients = audience(event).map_err(|source| EventFault::Audience { event_id, source })?;
        if recipients.is_empty() {
            return Ok(None);
        }
        let case_version = event.case_version;
        Ok(Some(Self { event_id, case_id, case_version, recipients, event: Arc::new(event.clone()) }))
    }
}

/// Puts the announcements of a batch in order of cases and their versions, and drops repetitions.
#[must_use]
pub fn in_order(mut batch: Vec<Announcement>) -> Vec<Announcement> {
    batch
        .sort_by_key(|announcement| (announcement.case_id, announcement.case_version, announcement.event_id));
    batch.dedup_by_key(|announcement| announcement.event_id);
    batch
}

/// Every mailbox that a batch may touch, each once, in the order in which they are locked.
#[must_use]
pub fn recipients(batch: &[Announcement]) -> Vec<Recipient> {
    let mut recipients: Vec<Recipient> =
        batch.iter().flat_map(|announcement| announcement.recipients.iter().cloned()).collect();
    recipients.sort();
    recipients.dedup();
    recipients
}

/// Gives each notification its position, the next one of its mailbox, and advances `last_positions` to match. What a
/// mailbox has been told already is `told`, and burns no position.
#[must_use]
pub fn place(
    batch: &[Announcement],
    told: &HashSet<(EventId, Recipient)>,
    last_positions: &mut BTreeMap<Recipient, u64>,
) -> Vec<Delivery> {
    let mut deliveries = Vec::with_capacity(batch.len());
    for announcement in batch {
        let size_bytes = announcement.event.encoded_len();
        for recipient in &announcement.recipients {
            let delivered = (announcement.event_id, recipient.clone());
            if told.contains(&delivered) {
                continue;
            }
            let (event_id, recipient) = delivered;
            let position = last_positions.entry(recipient.clone()).or_default();
            *position += 1;
            let event = Arc::clone(&announcement.event);
            let notification = Notification { position: *position, event, size_bytes };
            deliveries.push(Delivery { recipient, event_id, notification });
        }
    }
    deliveries
}

fn bad_id(field: &'static str) -> impl FnOnce(InvalidId) -> EventFault {
    move |source| EventFault::BadId { field, source }
}

#[cfg(test)]
mod tests {
    use huying_proto::events::v1::{CaseHeader, CaseReplied, event::Body};
    use proptest::prelude::*;

    use super::*;

    fn id(number: u64) -> uuid::Uuid {
        uuid::Uuid::from_u64_pair(0x0197_a3f0_5d1e_7000, 0x8000_0000_0000_0000 | number)
    }

    fn event(event: u64, case: u64, version: u64, representatives: &[&str]) -> Event {
        Event {
            event_id: id(event).to_string(),
            case_id: id(case).to_string(),
            case_version: version,
            header: Some(CaseHeader {
                representative_codes: representatives.iter().map(ToString::to_string).collect(),
                ..CaseHeader::default()
            }),
            body: Some(Body::CaseReplied(CaseReplied::default())),
            ..Event::default()
        }
    }

    fn announcement(number: u64, case: u64, version: u64, representatives: &[&str]) -> Announcement {
        Announcement::of(&event(number, case, version, representatives)).unwrap().unwrap()
    }

    fn placed(deliveries: &[Delivery]) -> Vec<(String, u64, u64)> {
        deliveries
            .iter()
            .map(|delivery| {
                let notification = &delivery.notification;
                (delivery.recipient.key(), notification.position, notification.event.case_version)
            })
            .collect()
    }

    #[test]
    fn an_event_without_ids_is_a_fault() {
        let mut nameless = event(1, 1, 1, &["r-1"]);
        nameless.event_id.clear();
        assert!(matches!(Announcement::of(&nameless), Err(EventFault::BadId { field: "event_id", .. })));
    }

    #[test]
    fn an_event_that_nobody_hears_of_is_no_announcement() {
        assert!(Announcement::of(&event(1, 1, 1, &[])).unwrap().is_none());
    }

    #[test]
    fn a_batch_is_placed_in_order_of_versions_each_once() {
        let batch = in_order(vec![
            announcement(5, 1, 5, &["r-1"]),
            announcement(3, 1, 3, &["r-1", "r-2"]),
            announcement(5, 1, 5, &["r-1"]),
        ]);
        let mut last_positions = BTreeMap::from([(Recipient::representative("r-1").unwrap(), 10)]);
        let deliveries = place(&batch, &HashSet::new(), &mut last_positions);
        assert_eq!(
            placed(&deliveries),
            [("r:r-1".to_owned(), 11, 3), ("r:r-2".to_owned(), 1, 3), ("r:r-1".to_owned(), 12, 5)]
        );
        assert_eq!(last_positions.into_values().collect::<Vec<_>>(), [12, 1]);
    }

    #[test]
    fn what_was_told_burns_no_position() {
        let batch = in_order(vec![announcement(1, 1, 1, &["r-1", "r-2"]), announcement(2, 1, 2, &["r-1"])]);
        let first = Recipient::representative("r-1").unwrap();
        let told = HashSet::from([(EventId::from_uuid(id(1)), first.clone())]);
        let mut last_positions = BTreeMap::from([(first, 1)]);
        let deliveries = place(&batch, &told, &mut last_positions);
        assert_eq!(placed(&deliveries), [("r:r-2".to_owned(), 1, 1), ("r:r-1".to_owned(), 2, 2)]);
    }

    proptest! {
        #[test]
        fn whatever_comes_again_in_any_order_is_told_once_without_gaps(
            batches in proptest::collection::vec(
                proptest::collection::vec((0_u64..40, 0_usize..4), 1..20), 1..10),
        ) {
            let names = ["r-0", "r-1", "r-2", "r-3"];
            let mut last_positions = BTreeMap::new();
            let mut told = HashSet::new();
            let mut positions: BTreeMap<Recipient, Vec<u64>> = BTreeMap::new();
            for batch in batches {
                // The number of an event settles its case, version and audience.
                let batch = batch
                    .into_iter()
                    .map(|(number, _)| {
                        let hearers = &names[..=usize::try_from(number % 4).unwrap()];
                        announcement(number, number / 5, number % 5, hearers)
                    })
                    .collect();
                for delivery in place(&in_order(batch), &told, &mut last_positions) {
                    prop_assert!(told.insert((delivery.event_id, delivery.recipient.clone())));
                    positions.entry(delivery.recipient).or_default().push(delivery.notification.position);
                }
            }
            for (recipient, positions) in positions {
                let last = last_positions[&recipient];
                prop_assert_eq!(positions, (1..=last).collect::<Vec<_>>());
            }
        }
    }
}
