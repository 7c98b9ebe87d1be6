//! The open streams of assignments of this process.
//!
//! A stream has a seat at its unit, and hears there up to which position the unit's assignments reach. One task for the
//! whole process asks the database for that ([`crate::use_cases::watch_assignments::keep_hearing`]); what lies between is
//! read by each stream at its client's pace, so nothing queues up here. Guaranteed: the number of seats is bounded.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use huying_platform::codes::UnitCode;
use tokio::sync::{Semaphore, watch};
use tokio_util::sync::CancellationToken;

use crate::config::FeedBounds;

/// Pages read at once, so that many clients that come back together leave connections for commands.
const READERS: usize = 4;

/// Where new assignments meet the streams that wait for them.
#[derive(Debug)]
pub struct AssignmentFeed {
    /// How much they may take up, and their times.
    pub bounds: FeedBounds,
    /// Whoever reads a page holds one of these.
    pub readers: Semaphore,
    /// Cancelled when the server stops.
    pub stopping: CancellationToken,
    seats: Mutex<Seats>,
}

/// Why there is no seat.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Full {
    /// The process has as many streams as it takes.
    #[error("this server has {0} streams of assignments, as many as it takes")]
    Process(usize),
    /// The unit has as many streams as it may.
    #[error("this unit has {0} streams of assignments here, as many as it may")]
    Unit(usize),
}

/// One stream's seat; given up when dropped.
#[derive(Debug)]
pub struct Seat {
    /// Where its unit's last position is heard.
    pub last_position: watch::Receiver<u64>,
    feed: Arc<AssignmentFeed>,
    unit: UnitCode,
}

#[derive(Debug, Default)]
struct Seats {
    by_unit: HashMap<String, Table>,
    count: usize,
}

/// The seats of one unit.
#[derive(Debug)]
struct Table {
    last_position: watch::Sender<u64>,
    seats: usize,
}

impl AssignmentFeed {
    /// A feed without streams.
    #[must_use]
    pub fn new(bounds: FeedBounds, stopping: CancellationToken) -> Arc<Self> {
        Arc::new(Self { bounds, readers: Semaphore::new(READERS), stopping, seats: Mutex::default() })
    }

    /// Takes a seat at a unit.
    ///
    /// # Errors
    /// When there is none left.
    pub fn take_seat(self: &Arc<Self>, unit: &UnitCode) -> Result<Seat, Full> {
        let mut seats = self.seats();
        if seats.count >= self.bounds.streams {
            return Err(Full::Process(self.bounds.streams));
        }
        if seats.by_unit.get(unit.as_str()).is_some_and(|table| table.seats >= self.bounds.streams_per_unit) {
            return Err(Full::Unit(self.bounds.streams_per_unit));
        }
        seats.count += 1;
        let table = seats
            .by_unit
            .entry(unit.to_string())
            .or_insert_with(|| Table { last_position: watch::Sender::new(0), seats: 0 });
        table.seats += 1;
        let last_position = table.last_position.subscribe();
        Ok(Seat { last_position, feed: Arc::clone(self), unit: unit.clone() })
    }

    /// The units that somebody listens to.
    #[must_use]
    pub fn units(&self) -> Vec<String> {
        self.seats().by_unit.keys().cloned().collect()
    }

    /// Tells how far the assignments of units reach; their streams wake up when that is further than before.
    pub fn hear(&self, last_positions: &HashMap<String, u64>) {
        let seats = self.seats();
        for (unit, &last) in last_positions {
            if let Some(table) = seats.by_unit.get(unit) {
                table.last_position.send_if_modified(|known| {
                    let is_further = last > *known;
                    *known = last.max(*known);
                    is_further
                });
            }
        }
    }

    /// How many streams there are.
    #[must_use]
    pub fn streams(&self) -> usize {
        self.seats().count
    }

    fn seats(&self) -> MutexGuard<'_, Seats> {
        // Nothing in here panics half way through a change, so a poisoned lock still guards whole values.
        self.seats.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut seats = self.feed.seats();
        seats.count = seats.count.saturating_sub(1);
        let Some(table) = seats.by_unit.get_mut(self.unit.as_str()) else { return };
        table.seats = table.seats.saturating_sub(1);
        if table.seats == 0 {
            seats.by_unit.remove(self.unit.as_str());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn feed() -> Arc<AssignmentFeed> {
        let bounds = FeedBounds { streams: 3, streams_per_unit: 2, ..FeedBounds::default() };
        AssignmentFeed::new(bounds, CancellationToken::new())
    }

    fn unit(code: &str) -> UnitCode {
        code.parse().unwrap()
    }

    #[test]
    fn seats_are_bounded_and_given_up() {
        let feed = feed();
        let first = feed.take_seat(&unit("a")).unwrap();
        let _second = feed.take_seat(&unit("a")).unwrap();
        assert_eq!(feed.take_seat(&unit("a")).unwrap_err(), Full::Unit(2));
        let third = feed.take_seat(&unit("b")).unwrap();
        assert_eq!(feed.take_seat(&unit("c")).unwrap_err(), Full::Process(3));
        drop(first);
        drop(third);
        assert_eq!(feed.streams(), 1);
        assert_eq!(feed.units(), ["a"]);
    }

    #[test]
    fn a_unit_hears_of_positions_that_are_further_and_of_its_own_alone() {
        let feed = feed();
        let (a, b) = (feed.take_seat(&unit("a")).unwrap(), feed.take_seat(&unit("b")).unwrap());
        feed.hear(&HashMap::from([("a".to_owned(), 7), ("nobody".to_owned(), 1)]));
        assert!(a.last_position.has_changed().unwrap());
        assert!(!b.last_position.has_changed().unwrap());
        let mut a = a;
        assert_eq!(*a.last_position.borrow_and_update(), 7);
        feed.hear(&HashMap::from([("a".to_owned(), 6)]));
        assert!(!a.last_position.has_changed().unwrap());
    }
}
