//! The open streams of log entries of this process.
//!
//! A stream has a seat, and hears there how many leaves the latest checkpoint covers. One task for the whole process asks
//! the database for that ([`crate::use_cases::watch_entries::keep_hearing`]), and only while somebody listens; the
//! leaves are read by each stream at its client's pace, so nothing queues up here. Guaranteed: the number of seats is
//! bounded.

use std::{sync::Arc, time::Duration};

use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio_util::sync::CancellationToken;

/// Batches read at once, so that many clients that come back together leave connections for other readers.
const READERS: usize = 2;

/// How much the streams may take up, and their times.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FeedBounds {
    /// Streams of this process.
    pub streams: usize,
    /// How long after a commit, at most, a stream hears of it.
    pub poll_interval: Duration,
    /// How long a stream is silent at most.
    pub sign_of_life: Duration,
    /// How long a client may leave something untaken.
    pub stall_max: Duration,
}

impl Default for FeedBounds {
    fn default() -> Self {
        Self {
            streams: 256,
            poll_interval: Duration::from_millis(200),
            sign_of_life: Duration::from_secs(15),
            stall_max: Duration::from_secs(60),
        }
    }
}

/// Where new leaves meet the streams that wait for them.
#[derive(Debug)]
pub struct EntryFeed {
    /// How much they may take up, and their times.
    pub bounds: FeedBounds,
    /// Whoever reads a batch holds one of these.
    pub readers: Semaphore,
    /// Cancelled when the server stops.
    pub stopping: CancellationToken,
    seats: Arc<Semaphore>,
    tree_size: watch::Sender<u64>,
}

/// The process has as many streams as it takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this server has {0} streams of log entries, as many as it takes")]
pub struct Full(usize);

/// One stream's seat; given up when dropped.
#[derive(Debug)]
pub struct Seat {
    /// Where the number of covered leaves is heard.
    pub tree_size: watch::Receiver<u64>,
    _seat: OwnedSemaphorePermit,
}

impl EntryFeed {
    /// A feed without streams.
    #[must_use]
    pub fn new(bounds: FeedBounds, stopping: CancellationToken) -> Arc<Self> {
        Arc::new(Self {
            bounds,
            readers: Semaphore::new(READERS),
            stopping,
            seats: Arc::new(Semaphore::new(bounds.streams)),
            tree_size: watch::Sender::new(0),
        })
    }

    /// Takes a seat.
    ///
    /// # Errors
    /// When there is none left.
    pub fn take_seat(&self) -> Result<Seat, Full> {
        let seat = Arc::clone(&self.seats).try_acquire_owned().map_err(|_| Full(self.bounds.streams))?;
        Ok(Seat { tree_size: self.tree_size.subscribe(), _seat: seat })
    }

    /// Tells how many leaves are covered; the streams wake up when that is more than before.
    pub fn hear(&self, tree_size: u64) {
        self.tree_size.send_if_modified(|known| {
            let is_more = tree_size > *known;
            *known = tree_size.max(*known);
            is_more
        });
    }

    /// How many streams there are.
    #[must_use]
    pub fn streams(&self) -> usize {
        self.bounds.streams - self.seats.available_permits().min(self.bounds.streams)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn feed() -> Arc<EntryFeed> {
        EntryFeed::new(FeedBounds { streams: 2, ..FeedBounds::default() }, CancellationToken::new())
    }

    #[test]
    fn seats_are_bounded_and_given_up() {
        let feed = feed();
        let first = feed.take_seat().unwrap();
        let _second = feed.take_seat().unwrap();
        assert_eq!(feed.take_seat().unwrap_err(), Full(2));
        assert_eq!(feed.streams(), 2);
        drop(first);
        assert_eq!(feed.streams(), 1);
        assert!(feed.take_seat().is_ok());
    }

    #[test]
    fn a_stream_hears_of_more_leaves_and_never_of_fewer() {
        let feed = feed();
        let mut seat = feed.take_seat().unwrap();
        feed.hear(7);
        assert!(seat.tree_size.has_changed().unwrap());
        assert_eq!(*seat.tree_size.borrow_and_update(), 7);
        feed.hear(6);
        assert!(!seat.tree_size.has_changed().unwrap());
    }
}
