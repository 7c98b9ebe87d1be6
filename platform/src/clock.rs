//! Time as a value that is handed in, so that a test, a trial or a replay can drive it.

use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};

use jiff::{SignedDuration, Timestamp};

/// Where a service reads the time. Cheap to clone; clones of a driven clock move together.
#[derive(Debug, Clone)]
pub struct Clock(Source);

#[derive(Debug, Clone)]
enum Source {
    System,
    Driven(Arc<AtomicI64>),
}

impl Clock {
    /// The clock of the machine.
    #[must_use]
    pub const fn system() -> Self {
        Self(Source::System)
    }

    /// A clock that stands still until it is moved.
    #[must_use]
    pub fn driven(start: Timestamp) -> (Self, DrivenClock) {
        let now_us = Arc::new(AtomicI64::new(start.as_microsecond()));
        (Self(Source::Driven(Arc::clone(&now_us))), DrivenClock { now_us })
    }

    /// The time, cut to the microseconds that PostgreSQL keeps, so that what is stored equals what was decided.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        let micros = match &self.0 {
            Source::System => Timestamp::now().as_microsecond(),
            Source::Driven(now_us) => now_us.load(Ordering::SeqCst),
        };
        crate::status::from_micros(micros)
    }
}

/// Moves a driven [`Clock`].
#[derive(Debug, Clone)]
pub struct DrivenClock {
    now_us: Arc<AtomicI64>,
}

impl DrivenClock {
    /// Moves the clock on; a negative duration moves it back.
    pub fn advance(&self, by: SignedDuration) {
        let micros = i64::try_from(by.as_micros()).unwrap_or(i64::MAX);
        self.now_us.fetch_add(micros, Ordering::SeqCst);
    }

    /// Sets the clock.
    pub fn set(&self, now: Timestamp) {
        self.now_us.store(now.as_microsecond(), Ordering::SeqCst);
    }
}
