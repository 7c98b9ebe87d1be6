//! The JetStream streams, and what is known of their incarnation.
//!
//! JetStream is transport: every service creates what is missing, and may find that the broker has lost everything.

use std::time::Duration;

use async_nats::jetstream::{self, stream};
use jiff::Timestamp;

use crate::subjects::{CASES, DIRECTORY, Namespace};

/// A stream that could not be created or read.
#[derive(Debug, thiserror::Error)]
#[error("stream {stream} could not be {tried}")]
pub struct StreamError {
    stream: String,
    tried: &'static str,
    source: Box<dyn std::error::Error + Send + Sync>,
}

/// How long the broker keeps case events. The outboxes keep them as long, so either can refill what the other lost.
pub const RETENTION: Duration = Duration::from_secs(14 * 24 * 3600);

/// Creates the streams that are missing. One that exists stays as it is: replicas and limits are the operator's.
///
/// # Errors
/// When JetStream refuses or does not answer.
pub async fn ensure(context: &jetstream::Context, namespace: &Namespace) -> Result<(), StreamError> {
    // Reference data is told by differences: a service that joins later needs all of them, so they do not age.
    for (stream, subjects, max_age) in
        [(CASES, "case.>", RETENTION), (DIRECTORY, "directory.>", Duration::ZERO)]
    {
        let name = namespace.stream(stream);
        let config = stream::Config {
            name: name.clone(),
            subjects: vec![namespace.subject(subjects)],
            storage: stream::StorageType::File,
            retention: stream::RetentionPolicy::Limits,
            discard: stream::DiscardPolicy::Old,
            max_age,
            max_message_size: 1024 * 1024,
            duplicate_window: Duration::from_secs(120),
            allow_atomic_publish: true,
            ..stream::Config::default()
        };
        context.get_or_create_stream(config).await.map_err(|error| StreamError {
            stream: name,
            tried: "created",
            source: Box::new(error),
        })?;
    }
    Ok(())
}

/// When a stream was created; another time than before means that the broker lost it and it is a new one.
///
/// # Errors
/// When JetStream does not answer or the stream is gone.
pub async fn incarnation(
    context: &jetstream::Context,
    namespace: &Namespace,
    stream: &str,
) -> Result<Timestamp, StreamError> {
    let name = namespace.stream(stream);
    let stream = context.get_stream(&name).await.map_err(|error| StreamError {
        stream: name,
        tried: "read",
        source: Box::new(error),
    })?;
    let created = stream.cached_info().created;
    let micros = i64::try_from(created.unix_timestamp_nanos() / 1_000).unwrap_or(i64::MAX);
    Ok(crate::status::from_micros(micros))
}
