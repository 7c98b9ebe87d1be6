//! What was decided, as it is entered in the history and sent out: one event, encoded once for each.

use std::sync::Arc;

use huying_platform::{
    ids::{CaseId, EventId},
    outbox::OutgoingEvent,
    status,
};
use huying_proto::events::v1::{CaseHeader, Event};

use crate::{domain::decide::Decided, store::history::Episode};

/// The events of one or more decisions, for the history and for the outbox.
#[derive(Debug, Default)]
pub(super) struct Entries {
    pub(super) episodes: Vec<(CaseId, Episode)>,
    pub(super) outgoing: Vec<OutgoingEvent>,
}

impl Entries {
    /// Enters the events of one decision.
    pub(super) fn add(
        &mut self,
        case_id: CaseId,
        header: &Arc<CaseHeader>,
        decided: Vec<Decided>,
        traceparent: Option<&str>,
    ) {
        let mut events = Vec::with_capacity(decided.len());
        for one in decided {
            let mut event = Event {
                event_id: EventId::new_v7().to_string(),
                case_id: case_id.to_string(),
                case_version: one.version,
                occurred_at: Some(status::timestamp_to_proto(one.occurred_at)),
                header: Some(CaseHeader::clone(header)),
                actor: Some(one.actor),
                standing: Some(one.standing),
                body: Some(one.body),
            };
            self.outgoing.push(OutgoingEvent::case(&event, traceparent.map(str::to_owned)));
            // The case keeps the header; repeating it in the history would double its size.
            event.header = None;
            events.push(event);
        }
        self.episodes.push((case_id, Episode { events }));
    }
}
