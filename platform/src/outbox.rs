//! Events on their way out, committed with the change they tell of.
//!
//! [`Outbox::append`] writes all events of a transaction by one statement; after the commit [`Outbox::wake`] tells the
//! [relay](crate::relay), which publishes them in order. A row is kept after publishing for as long as the broker
//! might have to be refilled from it.

use std::sync::Arc;

use huying_proto::events::v1::{DirectoryChanged, Event};
use jiff::Timestamp;
use jiff_sqlx::ToSqlx as _;
use opentelemetry::trace::TraceContextExt as _;
use prost::Message as _;
use sqlx::PgConnection;
use tokio::sync::Notify;
use tracing_opentelemetry::OpenTelemetrySpanExt as _;
use uuid::Uuid;

use crate::{status, subjects};

/// An event ready to be written.
#[derive(Debug, Clone)]
pub struct OutgoingEvent {
    event_id: Uuid,
    stream: &'static str,
    subject: String,
    event_type: &'static str,
    traceparent: Option<String>,
    occurred_at: Timestamp,
    payload: Vec<u8>,
}

impl OutgoingEvent {
    /// An event of a case. `traceparent` is that of the call or the event that caused it.
    #[must_use]
    pub fn case(event: &Event, traceparent: Option<String>) -> Self {
        Self {
            event_id: Uuid::try_parse(&event.event_id).unwrap_or_default(),
            stream: subjects::CASES,
            subject: subjects::case_event(event),
            event_type: subjects::event_name(event).unwrap_or("Unknown"),
            traceparent,
            occurred_at: event
                .occurred_at
                .as_ref()
                .and_then(status::timestamp_from_proto)
                .unwrap_or_default(),
            payload: event.encode_to_vec(),
        }
    }

    /// A change of the reference data.
    #[must_use]
    pub fn directory(change: &DirectoryChanged, occurred_at: Timestamp, traceparent: Option<String>) -> Self {
        Self {
            event_id: Uuid::try_parse(&change.event_id).unwrap_or_default(),
            stream: subjects::DIRECTORY,
            subject: format!("directory.{}", change.revision),
            event_type: "DirectoryChanged",
            traceparent,
            occurred_at,
            payload: change.encode_to_vec(),
        }
    }
}

/// Writes events and wakes the relay. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Outbox {
    appended: Arc<Notify>,
}

impl Outbox {
    /// Writes events in the caller's transaction, in the order given.
    ///
    /// # Errors
    /// When the statement fails.
    pub async fn append(&self, transaction: &mut PgConnection, events: &[OutgoingEvent]) -> sqlx::Result<()> {
        if events.is_empty() {
            return Ok(());
        }
        let mut event_ids = Vec::with_capacity(events.len());
        let mut streams = Vec::with_capacity(events.len());
        let mut subjects = Vec::with_capacity(events.len());
        let mut event_types = Vec::with_capacity(events.len());
        let mut traceparents = Vec::with_capacity(events.len());
        let mut times = Vec::with_capacity(events.len());
        let mut payloads = Vec::with_capacity(events.len());
        for event in events {
            event_ids.push(event.event_id);
            streams.push(event.stream);
            subjects.push(event.subject.as_str());
            event_types.push(event.event_type);
            traceparents.push(event.traceparent.as_deref());
            times.push(event.occurred_at.to_sqlx());
            payloads.push(event.payload.as_slice());
        }
        sqlx::query(
            "WITH appended AS ( \
                INSERT INTO outbox (event_id, stream, subject, event_type, traceparent, occurred_at, payload) \
                SELECT event_id, stream, subject, event_type, traceparent, occurred_at, payload \
                FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::timestamptz[], $7::bytea[]) \
                    WITH ORDINALITY AS e (event_id, stream, subject, event_type, traceparent, occurred_at, payload, n) \
                ORDER BY n RETURNING seq) \
             INSERT INTO outbox_pending (seq) SELECT seq FROM appended",
        )
        .bind(&event_ids)
        .bind(&streams)
        .bind(&subjects)
        .bind(&event_types)
        .bind(&traceparents)
        .bind(&times)
        .bind(&payloads)
        .execute(transaction)
        .await?;
        Ok(())
    }

    /// Tells this process's relay that something was committed. Without it the relay finds it by its timer.
    pub fn wake(&self) {
        self.appended.notify_one();
    }

    /// Waits until [`Outbox::wake`] is called.
    pub(crate) async fn woken(&self) {
        self.appended.notified().await;
    }
}

/// The W3C `traceparent` of the current span, when it belongs to a trace.
#[must_use]
pub fn current_traceparent() -> Option<String> {
    let context = tracing::Span::current().context();
    let span = context.span().span_context().clone();
    span.is_valid()
        .then(|| format!("00-{}-{}-{:02x}", span.trace_id(), span.span_id(), span.trace_flags().to_u8()))
}
