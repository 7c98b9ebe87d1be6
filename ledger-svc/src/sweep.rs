//! Walks slowly over all leaves, again and again, and says what is not as it was logged ([`crate::use_cases::sweep_leaves`]).
//!
//! A page holds what it shows against the log each time. What nobody reads, and what a page cannot see, because a row is gone
//! or is found by another case, is found here.
//!
//! Every replica walks for itself and remembers in its own memory what it found: what stood in the database could be wiped
//! out there by the same hand, and a replica that does not lead has readers, too.

use std::{sync::Arc, time::Duration};

use huying_platform::{Platform, status::chain};
use prometheus_client::metrics::{counter::Counter, gauge::Gauge};
use sqlx::PgPool;
use tokio::sync::watch;

use crate::{
    LogIdentity,
    use_cases::{
        open_head::HeadError,
        sweep_leaves::{Swept, sweep_leaves},
    },
};

/// How long nothing is done after [`crate::use_cases::sweep_leaves::LEAVES_MAX`] leaves: some 4,000 leaves a second are
/// looked at, at most.
const REST: Duration = Duration::from_millis(125);

/// How long nothing is done after the last leaf, and after a failure.
const BETWEEN_WALKS: Duration = Duration::from_secs(60);

/// Places that are named.
const NAMED_MAX: usize = 20;

/// What a walk has found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Findings {
    /// Leaves that are missing, are not the ones in the log, or are found by another case or version than their own.
    pub damaged: u64,
    /// The first 20 of their places, from 0.
    pub first: Vec<u64>,
    /// Rows of leaves that are not in the tree.
    pub strays: u64,
}

impl Findings {
    fn add(&mut self, swept: &Swept) {
        self.damaged += swept.damage.places.len() as u64;
        self.strays += swept.strays;
        let room = NAMED_MAX.saturating_sub(self.first.len());
        self.first.extend(swept.damage.places.iter().take(room));
    }

    /// Is anything wrong?
    pub fn is_damage(&self) -> bool {
        self.damaged > 0 || self.strays > 0
    }
}

/// Walks until the service stops.
#[derive(Debug)]
pub struct Sweep {
    platform: Platform,
    readers: PgPool,
    log: Arc<LogIdentity>,
    /// Of the last whole walk, or of the one under way when it has found more.
    found: watch::Sender<Findings>,
    next_leaf: Gauge,
    damaged: Gauge,
    walks: Counter,
}

impl Sweep {
    /// Registers its metrics. It reads over these connections.
    pub fn new(platform: Platform, readers: PgPool, log: Arc<LogIdentity>) -> Self {
        let metrics = &platform.metrics;
        let next_leaf = metrics.gauge(
            "ledger_sweep_next_leaf",
            "How far the walk over all leaves is that holds them against the log",
        );
        let damaged = metrics.gauge(
            "ledger_damaged_leaves",
            "Leaves that are missing, are not the ones in the log, or are found by another case or version, or are in no tree",
        );
        let walks = metrics.counter("ledger_sweeps", "Walks over all leaves that came to their end");
        Self { platform, readers, log, found: watch::Sender::default(), next_leaf, damaged, walks }
    }

    /// What was found, for whoever tells it.
    pub fn findings(&self) -> watch::Receiver<Findings> {
        self.found.subscribe()
    }

    /// Runs until the service stops.
    pub async fn run(self) {
        let stop = self.platform.shutdown();
        let mut walk = Findings::default();
        let mut first = 0;
        while !stop.is_cancelled() {
            let pause = match self.step(first).await {
                Ok(swept) => {
                    self.note(&mut walk, &swept);
                    first = swept.next.unwrap_or(0);
                    if swept.next.is_some() { REST } else { BETWEEN_WALKS }
                }
                Err(error) => {
                    tracing::warn!(error = chain(&error), leaf = first, "leaves not held against the log");
                    BETWEEN_WALKS
                }
            };
            tokio::select! {
                () = stop.cancelled() => {}
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    async fn step(&self, first: u64) -> Result<Swept, HeadError> {
        let mut connection = self.readers.acquire().await?;
        sweep_leaves(&mut connection, &self.log, first).await
    }

    fn note(&self, walk: &mut Findings, swept: &Swept) {
        walk.add(swept);
        self.next_leaf.set(swept.next.map_or(0, |next| i64::try_from(next).unwrap_or(i64::MAX)));
        let is_whole = swept.next.is_none();
        if is_whole || walk.damaged > self.found.borrow().damaged {
            self.damaged.set(i64::try_from(walk.damaged + walk.strays).unwrap_or(i64::MAX));
            self.found.send_replace(walk.clone());
        }
        if is_whole {
            self.walks.inc();
            if walk.is_damage() {
                tracing::error!(
                    damaged = walk.damaged,
                    strays = walk.strays,
                    first = ?walk.first,
                    "leaves in the database are not those of the log: somebody or something has changed their rows"
                );
            }
            *walk = Findings::default();
        }
    }
}
