//! Carries the outbox to JetStream, in order, in atomic batches.
//!
//! One replica of a service relays at a time: the one whose connection holds an advisory lock. It reads, publishes and
//! clears over that same connection, so losing the connection is losing the lead. Two relays for a moment would do no
//! harm: every consumer drops duplicates.
//!
//! A row counts as published once the broker has acknowledged its batch. An acknowledgement that was lost makes the
//! batch go out again; the broker then rejects the whole batch for its duplicate ids, and the relay falls back to
//! single publishes, which it acknowledges one by one. When a stream turns out to be another than before, the broker
//! has lost its store, and everything in the outbox is published again.

use std::time::Duration;

use async_nats::{
    HeaderMap, Request,
    jetstream::{self, response::Response},
};
use jiff::Timestamp;
use jiff_sqlx::ToSqlx as _;
use sqlx::{Connection as _, PgConnection, PgPool, Row as _, postgres::PgRow};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::{
    metrics::Metrics,
    outbox::Outbox,
    status::chain,
    streams::{self, StreamError},
    subjects::{CASES, DIRECTORY, Namespace},
};

/// Rows a batch; JetStream takes at most 1,000 messages in an atomic batch.
const BATCH_MAX: i64 = 500;
/// How long after a commit in another replica, at most, its rows are noticed.
const POLL: Duration = Duration::from_millis(50);
/// How long a standby waits before it asks for the lead again.
const STANDBY: Duration = Duration::from_millis(500);
/// How long the broker may take to acknowledge a batch.
const ACK_WAIT: Duration = Duration::from_secs(5);
/// How often the streams are checked for being the same as before.
const INCARNATION_CHECK: Duration = Duration::from_secs(5);

/// What the relay needs.
#[derive(Debug, Clone)]
pub struct Relay {
    /// Name of the service; the source of its CloudEvents.
    pub service: &'static str,
    /// Its database.
    pub db: PgPool,
    /// The broker.
    pub nats: async_nats::Client,
    /// Where subjects and streams live.
    pub namespace: Namespace,
    /// What wakes it.
    pub outbox: Outbox,
    /// Where it counts.
    pub metrics: Metrics,
}

#[derive(Debug, thiserror::Error)]
enum RelayError {
    #[error("the outbox could not be read or cleared")]
    Database(#[from] sqlx::Error),
    #[error("the broker's streams are not usable")]
    Stream(#[from] StreamError),
    #[error("the broker did not take a message: {0}")]
    Publish(String),
}

struct Row {
    seq: i64,
    event_id: Uuid,
    stream: String,
    subject: String,
    event_type: String,
    traceparent: Option<String>,
    occurred_at: Timestamp,
    payload: Vec<u8>,
}

impl Relay {
    /// Relays until told to stop. Errors are logged and tried again; nothing is lost by them.
    pub async fn run(self, stop: CancellationToken) {
        let context = jetstream::new(self.nats.clone());
        while !stop.is_cancelled() {
            let outcome = tokio::select! {
                () = stop.cancelled() => return,
                outcome = self.lead(&context) => outcome,
            };
            self.metrics.relay_leading.set(0);
            if let Err(error) = outcome {
                tracing::warn!(error = chain(&error), "relay interrupted");
            }
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(STANDBY) => {}
            }
        }
    }

    /// Tries to take the lead; while it has it, publishes. Returns when another has it, or by an error.
    async fn lead(&self, context: &jetstream::Context) -> Result<(), RelayError> {
        let mut connection = self.db.acquire().await?.detach();
        let leading: bool = sqlx::query_scalar("SELECT pg_try_advisory_lock(hashtext('huying relay'))")
            .fetch_one(&mut connection)
            .await?;
        if !leading {
            connection.close().await?;
            return Ok(());
        }
        self.metrics.relay_leading.set(1);
        let mut check_at = tokio::time::Instant::now();
        loop {
            if tokio::time::Instant::now() >= check_at {
                self.check_incarnations(context, &mut connection).await?;
                check_at = tokio::time::Instant::now() + INCARNATION_CHECK;
            }
            let rows = self.pending(&mut connection).await?;
            if rows.is_empty() {
                tokio::select! {
                    () = self.outbox.woken() => {}
                    () = tokio::time::sleep(POLL) => {}
                }
                continue;
            }
            for batch in rows.chunk_by(|a, b| a.stream == b.stream) {
                self.publish(context, batch).await?;
            }
            self.clear(&mut connection, &rows).await?;
            self.metrics.relay_published.inc_by(rows.len() as u64);
        }
    }

    async fn pending(&self, connection: &mut PgConnection) -> Result<Vec<Row>, RelayError> {
        let rows = sqlx::query(
            // LATERAL with OFFSET 0 keeps the planner from joining by a scan of the whole outbox.
            "SELECT p.seq, o.event_id, o.stream, o.subject, o.event_type, o.traceparent, o.occurred_at, o.payload \
             FROM (SELECT seq FROM outbox_pending ORDER BY seq LIMIT $1) AS p \
             CROSS JOIN LATERAL (SELECT * FROM outbox WHERE outbox.seq = p.seq OFFSET 0) AS o ORDER BY p.seq",
        )
        .bind(BATCH_MAX)
        .try_map(|row: PgRow| {
            Ok(Row {
                seq: row.try_get(0)?,
                event_id: row.try_get(1)?,
                stream: row.try_get(2)?,
                subject: row.try_get(3)?,
                event_type: row.try_get(4)?,
                traceparent: row.try_get(5)?,
                occurred_at: row.try_get::<jiff_sqlx::Timestamp, _>(6)?.to_jiff(),
                payload: row.try_get(7)?,
            })
        })
        .fetch_all(connection)
        .await?;
        Ok(rows)
    }

    /// Publishes rows of one stream: all by one atomic batch, or one by one when the broker rejects the batch.
    async fn publish(&self, context: &jetstream::Context, rows: &[Row]) -> Result<(), RelayError> {
        if rows.len() > 1 {
            match self.publish_batch(rows).await {
                Ok(()) => return Ok(()),
                Err(error) => {
                    // Most often a duplicate id after a lost acknowledgement. Single publishes settle which.
                    tracing::info!(
                        error = chain(&error),
                        rows = rows.len(),
                        "batch not taken, publishing singly"
                    );
                }
            }
        }
        self.publish_singly(context, rows).await
    }

    async fn publish_batch(&self, rows: &[Row]) -> Result<(), RelayError> {
        let batch_id = Uuid::now_v7().simple().to_string();
        let Some((last, others)) = rows.split_last() else { return Ok(()) };
        for (at, row) in others.iter().enumerate() {
            let mut headers = self.headers(row);
            headers.insert("Nats-Batch-Id", batch_id.as_str());
            headers.insert("Nats-Batch-Sequence", (at + 1).to_string());
            self.nats
                .publish_with_headers(
                    self.namespace.subject(&row.subject),
                    headers,
                    row.payload.clone().into(),
                )
                .await
                .map_err(|error| RelayError::Publish(error.to_string()))?;
        }
        let mut headers = self.headers(last);
        headers.insert("Nats-Batch-Id", batch_id.as_str());
        headers.insert("Nats-Batch-Sequence", rows.len().to_string());
        headers.insert("Nats-Batch-Commit", "1");
        let request =
            Request::new().headers(headers).payload(last.payload.clone().into()).timeout(Some(ACK_WAIT));
        let reply = self
            .nats
            .send_request(self.namespace.subject(&last.subject), request)
            .await
            .map_err(|error| RelayError::Publish(error.to_string()))?;
        match serde_json::from_slice::<Response<serde_json::Value>>(&reply.payload) {
            Ok(Response::Ok(_)) => Ok(()),
            Ok(Response::Err { error }) => Err(RelayError::Publish(error.to_string())),
            Err(error) => Err(RelayError::Publish(format!("unreadable acknowledgement: {error}"))),
        }
    }

    async fn publish_singly(&self, context: &jetstream::Context, rows: &[Row]) -> Result<(), RelayError> {
        let mut acknowledgements = Vec::with_capacity(rows.len());
        for row in rows {
            let acknowledgement = context
                .publish_with_headers(
                    self.namespace.subject(&row.subject),
                    self.headers(row),
                    row.payload.clone().into(),
                )
                .await
                .map_err(|error| RelayError::Publish(error.to_string()))?;
            acknowledgements.push(acknowledgement);
        }
        for acknowledgement in acknowledgements {
            acknowledgement.await.map_err(|error| RelayError::Publish(error.to_string()))?;
        }
        Ok(())
    }

    /// CloudEvents 1.0 attributes, the broker's duplicate key and the trace the event belongs to.
    fn headers(&self, row: &Row) -> HeaderMap {
        let mut headers = HeaderMap::new();
        let event_id = row.event_id.to_string();
        headers.insert("Nats-Msg-Id", event_id.as_str());
        headers.insert("ce-specversion", "1.0");
        headers.insert("ce-id", event_id);
        headers.insert("ce-source", format!("/huying/{}", self.service));
        headers.insert("ce-type", format!("huying.events.v1.{}", row.event_type));
        headers.insert("ce-time", row.occurred_at.to_string());
        headers.insert("ce-subject", row.subject.rsplit('.').next().unwrap_or_default());
        headers.insert("content-type", "application/protobuf");
        if let Some(traceparent) = &row.traceparent {
            headers.insert("traceparent", traceparent.as_str());
        }
        headers
    }

    async fn clear(&self, connection: &mut PgConnection, rows: &[Row]) -> Result<(), RelayError> {
        let seqs: Vec<i64> = rows.iter().map(|row| row.seq).collect();
        let mut transaction = connection.begin().await?;
        // Losing this commit in a crash only publishes the rows again, so it need not wait for the disk.
        sqlx::query("SET LOCAL synchronous_commit = off").execute(&mut *transaction).await?;
        sqlx::query("DELETE FROM outbox_pending WHERE seq = ANY($1)")
            .bind(&seqs)
            .execute(&mut *transaction)
            .await?;
        transaction.commit().await?;
        Ok(())
    }

    /// Creates streams that are gone, and marks the whole outbox of a stream that is a new one as pending.
    async fn check_incarnations(
        &self,
        context: &jetstream::Context,
        connection: &mut PgConnection,
    ) -> Result<(), RelayError> {
        streams::ensure(context, &self.namespace).await?;
        for stream in [CASES, DIRECTORY] {
            let created_at = streams::incarnation(context, &self.namespace, stream).await?;
            let mut transaction = connection.begin().await?;
            let known: Option<jiff_sqlx::Timestamp> =
                sqlx::query_scalar("SELECT created_at FROM relay_streams WHERE stream = $1")
                    .bind(stream)
                    .fetch_optional(&mut *transaction)
                    .await?;
            if known.map(jiff_sqlx::Timestamp::to_jiff) == Some(created_at) {
                continue;
            }
            let refilled = if known.is_some() {
                sqlx::query(
                    "INSERT INTO outbox_pending (seq) SELECT seq FROM outbox WHERE stream = $1 ON CONFLICT DO NOTHING",
                )
                .bind(stream)
                .execute(&mut *transaction)
                .await?
                .rows_affected()
            } else {
                0
            };
            sqlx::query(
                "INSERT INTO relay_streams (stream, created_at) VALUES ($1, $2) \
                 ON CONFLICT (stream) DO UPDATE SET created_at = excluded.created_at",
            )
            .bind(stream)
            .bind(created_at.to_sqlx())
            .execute(&mut *transaction)
            .await?;
            transaction.commit().await?;
            if refilled > 0 {
                tracing::warn!(stream, refilled, "the broker has a new stream; publishing the outbox again");
            }
        }
        Ok(())
    }
}

/// Removes published case events that are older than the retention, oldest first, at most `limit`. Returns how many.
/// Reference data stays: it is told by differences, and who joins later needs all of them.
///
/// # Errors
/// When the statement fails.
pub async fn forget(pool: &PgPool, before: Timestamp, limit: i64) -> sqlx::Result<u64> {
    let result = sqlx::query(
        "DELETE FROM outbox WHERE seq IN ( \
            SELECT seq FROM (SELECT seq, occurred_at FROM outbox WHERE stream <> 'DIRECTORY' ORDER BY seq LIMIT $2) \
                AS oldest \
            WHERE occurred_at < $1 AND NOT EXISTS (SELECT FROM outbox_pending AS p WHERE p.seq = oldest.seq))",
    )
    .bind(before.to_sqlx())
    .bind(limit)
    .execute(pool)
    .await?;
    Ok(result.rows_affected())
}
