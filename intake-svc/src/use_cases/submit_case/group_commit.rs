//! Concurrent submissions share a transaction; a lone one never waits for company.
//!
//! Callers put finished rows into one bounded queue. A few commit lanes take turns: each takes whatever waits, up to a
//! batch, and commits it: one INSERT of the submissions, one of their events, one commit. While one lane waits for the
//! disk, the next gathers. The busier it is, the larger the batches; when it is quiet, a batch is one.
//!
//! - Every caller is answered: kept, the key had been used before, failed, or outcome unknown.
//! - The same key twice, in one batch or in two at once, is one row. Rows are inserted in order of their key hashes, so
//!   lanes (of all replicas) wait for each other in one order and never in a circle.
//! - A broken connection or a lost lock is tried again a few times. That is safe also when the first commit did take
//!   place: the rows are then found by their keys, and with their own case ids.
//! - A row that PostgreSQL cannot take fails alone: its batch is halved until the row is by itself.
//! - A caller who goes away does not take its submission along: it is committed, and a retry finds it.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    time::Duration,
};

use huying_platform::{
    ids::CaseId,
    metrics::Metrics,
    outbox::{Outbox, OutgoingEvent},
    status::{chain, is_transient},
};
use prometheus_client::metrics::{counter::Counter, gauge::Gauge};
use sqlx::PgPool;
use tokio::sync::{Mutex, OwnedSemaphorePermit, Semaphore, mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use crate::store::submissions::{self, FirstSubmission, NewSubmission};

/// How long one transaction may take before its outcome counts as unknown.
const COMMIT_MAX: Duration = Duration::from_secs(10);
/// How often a batch is tried when connections break or locks are lost.
const ATTEMPTS_MAX: u32 = 3;
/// Wait before the second attempt; four times that before the third.
const RETRY_PAUSE: Duration = Duration::from_millis(50);
/// How long a caller waits for its answer, the queue included.
const ANSWER_MAX: Duration = Duration::from_secs(25);
/// What a queued submission takes besides its payloads, roughly.
const OVERHEAD_BYTES: usize = 1_024;
/// Unit in which the memory of the queue is counted.
const KIB: usize = 1_024;

/// What became of a submission that was committed.
#[derive(Debug)]
pub enum Outcome {
    /// It is kept, and its event is on its way.
    Kept,
    /// Another with the same key is kept, from before.
    KeyUsedBefore(Box<FirstSubmission>),
}

/// Why a submission is not known to be kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotCommitted {
    /// The queue is at its bounds; nothing was kept.
    #[error("the queue is full")]
    QueueFull,
    /// The database did not say whether it committed.
    #[error("the database did not answer")]
    OutcomeUnknown,
    /// The database refused it; nothing was kept.
    #[error("the database refused the row")]
    Failed,
}

/// Where callers leave their submissions. Cheap to clone.
#[derive(Debug, Clone)]
pub struct CommitQueue {
    sender: mpsc::Sender<Waiting>,
    space_kib: Arc<Semaphore>,
    metrics: CommitMetrics,
}

/// What operators see of the queue. Submissions divided by commits is how large batches are.
#[derive(Debug, Clone)]
pub struct CommitMetrics {
    waiting: Gauge,
    refused: Counter,
    committed: Counter,
    commits: Counter,
}

impl CommitMetrics {
    /// Adds them to the service's metrics.
    #[must_use]
    pub fn register(metrics: &Metrics) -> Self {
        Self {
            waiting: metrics.gauge("submissions_waiting", "Submissions not yet committed"),
            refused: metrics
                .counter("submissions_refused_busy", "Submissions refused because the queue was full"),
            committed: metrics.counter("submissions_committed", "Submissions kept by this replica"),
            commits: metrics.counter("submission_commits", "Transactions that kept them"),
        }
    }
}

/// What the lanes take from. Shared by them; whoever holds the lock gathers.
#[derive(Debug, Clone)]
pub struct Waiters {
    receiver: Arc<Mutex<mpsc::Receiver<Waiting>>>,
    metrics: CommitMetrics,
}

/// A queue of at most `length_max` submissions of together at most `size_kib_max`.
#[must_use]
pub fn queue(length_max: usize, size_kib_max: usize, metrics: CommitMetrics) -> (CommitQueue, Waiters) {
    let (sender, receiver) = mpsc::channel(length_max);
    let space_kib = Arc::new(Semaphore::new(size_kib_max));
    let queue = CommitQueue { sender, space_kib, metrics: metrics.clone() };
    (queue, Waiters { receiver: Arc::new(Mutex::new(receiver)), metrics })
}

#[derive(Debug)]
struct Waiting {
    row: NewSubmission,
    event: OutgoingEvent,
    answer: oneshot::Sender<Result<Outcome, NotCommitted>>,
    space: Space,
}

/// The share of the queue's memory that a submission takes, given back when it is dropped.
#[derive(Debug)]
struct Space {
    waiting: Gauge,
    _permit: OwnedSemaphorePermit,
}

impl Drop for Space {
    fn drop(&mut self) {
        self.waiting.dec();
    }
}

impl CommitQueue {
    /// Queues a submission and waits until it is committed.
    ///
    /// # Errors
    /// At once when the queue is full; otherwise when the commit failed or did not end in time.
    pub async fn commit(&self, row: NewSubmission, event: OutgoingEvent) -> Result<Outcome, NotCommitted> {
        let (answer, answered) = oneshot::channel();
        let queued = self.reserve(&row).and_then(|space| {
            let waiting = Waiting { row, event, answer, space };
            self.sender.try_send(waiting).map_err(|refused| match refused {
                mpsc::error::TrySendError::Full(_) => NotCommitted::QueueFull,
                // The lanes have gone: the service is stopping, and another replica will take it.
                mpsc::error::TrySendError::Closed(_) => NotCommitted::OutcomeUnknown,
            })
        });
        if queued == Err(NotCommitted::QueueFull) {
            self.metrics.refused.inc();
        }
        queued?;
        match tokio::time::timeout(ANSWER_MAX, answered).await {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(_)) | Err(_) => Err(NotCommitted::OutcomeUnknown),
        }
    }

    fn reserve(&self, row: &NewSubmission) -> Result<Space, NotCommitted> {
        // The event's payload is about as long as the sealed text.
        let size_bytes = OVERHEAD_BYTES + row.header.len() + 2 * row.sealed.len();
        let size_kib = u32::try_from(size_bytes.div_ceil(KIB)).map_err(|_| NotCommitted::QueueFull)?;
        let permit = Arc::clone(&self.space_kib).try_acquire_many_owned(size_kib);
        let permit = permit.map_err(|_| NotCommitted::QueueFull)?;
        self.metrics.waiting.inc();
        Ok(Space { waiting: self.metrics.waiting.clone(), _permit: permit })
    }
}

/// Commits what waits, batch after batch, until `ended`; the batch at hand is finished.
pub async fn run_lane(
    waiters: Waiters,
    db: PgPool,
    outbox: Outbox,
    batch_max: usize,
    ended: CancellationToken,
) {
    let lane = Lane { db, outbox, metrics: waiters.metrics.clone() };
    let mut waiting = Vec::with_capacity(batch_max);
    loop {
        let gather = async { waiters.receiver.lock().await.recv_many(&mut waiting, batch_max).await };
        let taken = tokio::select! {
            taken = gather => taken,
            () = ended.cancelled() => return,
        };
        if taken == 0 {
            return;
        }
        lane.commit_and_answer(&mut waiting).await;
    }
}

struct Lane {
    db: PgPool,
    outbox: Outbox,
    metrics: CommitMetrics,
}

/// A batch in order of key hashes; rows and events side by side, because the outbox takes events as a slice.
struct Batch {
    rows: Vec<NewSubmission>,
    events: Vec<OutgoingEvent>,
}

impl Lane {
    async fn commit_and_answer(&self, waiting: &mut Vec<Waiting>) {
        // Stable: of several with the same key, the one that came first stays first.
        waiting.sort_by_key(|one| one.row.key_hash);
        let length = waiting.len();
        let mut batch = Batch { rows: Vec::with_capacity(length), events: Vec::with_capacity(length) };
        let mut callers = Vec::with_capacity(length);
        for Waiting { row, event, answer, space } in waiting.drain(..) {
            batch.rows.push(row);
            batch.events.push(event);
            callers.push((answer, space));
        }
        let outcomes = self.commit_by_halves(&batch).await;
        for ((answer, _space), outcome) in callers.into_iter().zip(outcomes) {
            // Nobody listens when the caller has gone away; its retry will find the row.
            let _ = answer.send(outcome);
        }
    }

    /// Commits a batch, in parts when PostgreSQL refuses a row of it. One outcome for each row, in their order.
    async fn commit_by_halves(&self, batch: &Batch) -> Vec<Result<Outcome, NotCommitted>> {
        let mut outcomes = Vec::with_capacity(batch.rows.len());
        // By hand rather than by recursion: parts still to be done, the first one on top.
        let whole = 0..batch.rows.len();
        let mut parts = Vec::from([whole]);
        while let Some(part) = parts.pop() {
            let rows = &batch.rows[part.clone()];
            let events = &batch.events[part.clone()];
            match self.commit_with_retries(rows, events).await {
                Ok(part_outcomes) => outcomes.extend(part_outcomes.into_iter().map(Ok)),
                Err(Some(error)) if rows.len() > 1 && is_of_the_data(&error) => {
                    let middle = part.start + part.len() / 2;
                    parts.push(middle..part.end);
                    parts.push(part.start..middle);
                }
                Err(Some(error)) if !is_transient(&error) => {
                    tracing::error!(error = chain(&error), submissions = rows.len(), "commit refused");
                    outcomes.extend(rows.iter().map(|_| Err(NotCommitted::Failed)));
                }
                Err(error) => {
                    let reason =
                        error.map_or_else(|| format!("not done in {COMMIT_MAX:?}"), |error| chain(&error));
                    tracing::warn!(
                        error = reason,
                        submissions = rows.len(),
                        "commit failed; outcome unknown"
                    );
                    outcomes.extend(rows.iter().map(|_| Err(NotCommitted::OutcomeUnknown)));
                }
            }
        }
        outcomes
    }

    /// The error is None when the time ran out.
    async fn commit_with_retries(
        &self,
        rows: &[NewSubmission],
        events: &[OutgoingEvent],
    ) -> Result<Vec<Outcome>, Option<sqlx::Error>> {
        let mut attempt: u32 = 1;
        loop {
            let committed = tokio::time::timeout(COMMIT_MAX, self.commit(rows, events)).await;
            match committed {
                Ok(Ok(outcomes)) => return Ok(outcomes),
                // A pool that gave no connection in its own long time has been waited for enough.
                Ok(Err(error))
                    if attempt < ATTEMPTS_MAX
                        && is_transient(&error)
                        && !matches!(error, sqlx::Error::PoolTimedOut) =>
                {
                    tokio::time::sleep(RETRY_PAUSE * 4_u32.pow(attempt - 1)).await;
                    attempt += 1;
                }
                Ok(Err(error)) => return Err(Some(error)),
                Err(_) => return Err(None),
            }
        }
    }

    /// One transaction. One outcome for each row, in their order.
    async fn commit(&self, rows: &[NewSubmission], events: &[OutgoingEvent]) -> sqlx::Result<Vec<Outcome>> {
        let distinct: Vec<&NewSubmission> =
            rows.chunk_by(|one, next| one.key_hash == next.key_hash).filter_map(<[_]>::first).collect();
        let mut transaction = self.db.begin().await?;
        let kept = submissions::insert_new(&mut transaction, &distinct).await?;
        if kept.len() == rows.len() {
            self.outbox.append(&mut transaction, events).await?;
        } else {
            self.outbox.append(&mut transaction, &events_of(&kept, rows, events)).await?;
        }
        let first = first_by_key(&mut transaction, &kept, rows).await?;
        transaction.commit().await?;
        if !kept.is_empty() {
            self.outbox.wake();
            self.metrics.commits.inc();
            self.metrics.committed.inc_by(kept.len() as u64);
        }
        rows.iter().map(|row| outcome_of(row, &kept, &first)).collect()
    }
}

fn events_of(kept: &HashSet<CaseId>, rows: &[NewSubmission], events: &[OutgoingEvent]) -> Vec<OutgoingEvent> {
    rows.iter()
        .zip(events)
        .filter(|(row, _)| kept.contains(&row.case_id))
        .map(|(_, event)| event.clone())
        .collect()
}

type FirstByKey = HashMap<Vec<u8>, FirstSubmission>;

/// Who used the keys first: rows of this batch, or rows committed before.
async fn first_by_key(
    transaction: &mut sqlx::PgConnection,
    kept: &HashSet<CaseId>,
    rows: &[NewSubmission],
) -> sqlx::Result<FirstByKey> {
    let mut used: Vec<&[u8]> =
        rows.iter().filter(|row| !kept.contains(&row.case_id)).map(|row| row.key_hash.as_slice()).collect();
    used.dedup();
    if used.is_empty() {
        return Ok(FirstByKey::new());
    }
    // A new statement sees what another transaction committed while the INSERT waited for it.
    let first = submissions::find_by_keys(transaction, &used).await?;
    Ok(first.into_iter().map(|first| (first.key_hash.clone(), first)).collect())
}

fn outcome_of(row: &NewSubmission, kept: &HashSet<CaseId>, first: &FirstByKey) -> sqlx::Result<Outcome> {
    if kept.contains(&row.case_id) {
        return Ok(Outcome::Kept);
    }
    // The row neither came in nor has a forerunner: only possible when a 100-bit receipt code came up twice.
    let first = first.get(row.key_hash.as_slice()).ok_or(sqlx::Error::RowNotFound)?;
    Ok(Outcome::KeyUsedBefore(Box::new(first.clone())))
}

/// Whether PostgreSQL or the driver objected to a value: SQLSTATE class 22 data, 23 integrity, 54 program limits.
fn is_of_the_data(error: &sqlx::Error) -> bool {
    match error.as_database_error() {
        Some(refused) => {
            refused.code().is_some_and(|code| ["22", "23", "54"].iter().any(|class| code.starts_with(class)))
        }
        None => matches!(error, sqlx::Error::Encode(_)),
    }
}
