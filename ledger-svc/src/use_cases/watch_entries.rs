//! Follows the log from a cursor on: every leaf once, in its order, as soon as a checkpoint covers it.
//!
//! Leaves are never changed nor taken out, so reading on from the last one misses nothing and repeats nothing, whichever
//! replica is asked and however long nobody was. Between two batches a stream holds nothing of the database.

use std::sync::Arc;

use huying_platform::status::chain;
use sqlx::PgPool;
use tokio::time::{MissedTickBehavior, interval, sleep};

use super::{ReadError, latest_checkpoint};
use crate::{
    domain::log_range,
    entry_feed::{EntryFeed, Full, Seat},
    store,
};

/// Most leaves told at once.
const BATCH: u64 = 256;

/// Most bytes of leaves told at once, so that a message stays far below what clients take by default, 4 MiB.
const BATCH_MAX_BYTES: i64 = 256 * 1_024;

/// What a stream tells next.
#[derive(Debug, PartialEq, Eq)]
pub enum Told {
    /// Leaves, one at least.
    Entries(Batch),
    /// Nothing happened for a while; where to go on.
    SignOfLife(u64),
}

/// Leaves without gaps, and a checkpoint that covers them.
#[derive(Debug, PartialEq, Eq)]
pub struct Batch {
    /// Place of the first, from 0.
    pub first_index: u64,
    /// Canonical JSON.
    pub leaves: Vec<String>,
    /// The signed note.
    pub checkpoint: String,
}

/// Why a stream does not begin.
#[derive(Debug, thiserror::Error)]
pub enum WatchError {
    /// There is no room.
    #[error(transparent)]
    Full(#[from] Full),
    /// The cursor makes no sense, or the log cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
}

/// Why a stream ends.
#[derive(Debug, thiserror::Error)]
pub enum FollowingEnd {
    /// The server is being stopped.
    #[error("the server is being stopped")]
    Stopping,
    /// The log cannot be read.
    #[error("the log could not be read")]
    Read(#[from] ReadError),
}

/// One stream on its way.
#[derive(Debug)]
pub struct Following {
    db: PgPool,
    feed: Arc<EntryFeed>,
    seat: Seat,
    cursor: u64,
}

/// Begins to follow the log at a cursor.
///
/// # Errors
/// When there is no room, the cursor is beyond the log, or the log cannot be read.
pub async fn watch_entries(db: &PgPool, feed: &Arc<EntryFeed>, cursor: u64) -> Result<Following, WatchError> {
    let seat = feed.take_seat()?;
    let tree_size = latest_checkpoint::tree_size(db).await?;
    log_range::cursor(cursor, tree_size).map_err(ReadError::from)?;
    Ok(Following { db: db.clone(), feed: Arc::clone(feed), seat, cursor })
}

impl Following {
    /// Waits for what is to be told next.
    ///
    /// # Errors
    /// When the stream ends.
    pub async fn next(&mut self) -> Result<Told, FollowingEnd> {
        loop {
            if self.feed.stopping.is_cancelled() {
                return Err(FollowingEnd::Stopping);
            }
            // Marked as heard before reading: what is committed after the reading is heard of once more.
            self.seat.tree_size.mark_unchanged();
            if let Some(batch) = self.read_on().await? {
                self.cursor += batch.leaves.len() as u64;
                return Ok(Told::Entries(batch));
            }
            tokio::select! {
                // The sender lives as long as the feed.
                _ = self.seat.tree_size.changed() => {}
                () = self.feed.stopping.cancelled() => {}
                () = sleep(self.feed.bounds.sign_of_life) => return Ok(Told::SignOfLife(self.cursor)),
            }
        }
    }

    async fn read_on(&self) -> Result<Option<Batch>, ReadError> {
        // The semaphore is never closed; if it were, reading without it would do no harm.
        let _reader = self.feed.readers.acquire().await;
        let mut connection = self.db.acquire().await?;
        let (tree_size, checkpoint) = match latest_checkpoint::latest(&mut connection).await {
            // Without a checkpoint there are no leaves either.
            Err(ReadError::NoCheckpoint) => return Ok(None),
            latest => latest?,
        };
        let before = tree_size.min(self.cursor.saturating_add(BATCH));
        if before <= self.cursor {
            return Ok(None);
        }
        let leaves = store::log::some_leaves(&mut connection, self.cursor, before, BATCH_MAX_BYTES).await?;
        if leaves.is_empty() {
            return Err(ReadError::CorruptLeaf(self.cursor));
        }
        let leaves = (self.cursor..).zip(leaves).map(|(leaf_index, leaf)| {
            String::from_utf8(leaf).map_err(|_| ReadError::CorruptLeaf(leaf_index))
        });
        let leaves = leaves.collect::<Result<_, _>>()?;
        Ok(Some(Batch { first_index: self.cursor, leaves, checkpoint }))
    }
}

/// Tells the streams of this process what was committed, by this replica or another, until the process ends.
pub async fn keep_hearing(db: PgPool, feed: Arc<EntryFeed>) {
    let mut ticks = interval(feed.bounds.poll_interval);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        if feed.streams() == 0 {
            continue;
        }
        match latest_checkpoint::tree_size(&db).await {
            Ok(tree_size) => feed.hear(tree_size),
            Err(error) => tracing::warn!(error = chain(&error), "log not polled for"),
        }
    }
}
