//! Keeps the search up to date: follows the log, on one replica at a time.
//!
//! Which replica it is does not matter and may change with each batch: whoever locks the cursor's row next does it
//! ([`crate::use_cases::index_texts`]).

use std::time::{Duration, Instant};

use huying_platform::{Platform, status::chain};
use prometheus_client::metrics::gauge::Gauge;
use tokio::task::spawn_blocking;

use crate::{
    domain::segmentation,
    store,
    use_cases::index_texts::{Indexed, index_texts},
};

/// How long nothing is done when there is nothing to do.
const INTERVAL: Duration = Duration::from_millis(250);

/// How long nothing is done after a failure.
const INTERVAL_AFTER_FAILURE: Duration = Duration::from_secs(2);

/// Leaves a second from which appending is at its limit. A citizen waits for the leaf and its checkpoint sooner than for the
/// search, so from there on the search takes a quarter of the time that it could take.
const BUSY_FROM: f64 = 2_000.0;

/// Longest rest of a search that leaves the machine to appending.
const REST_MAX: Duration = Duration::from_secs(1);

/// Follows the log until the service stops.
#[derive(Debug)]
pub struct Indexer {
    platform: Platform,
    leaves_behind: Gauge,
}

impl Indexer {
    /// Registers its gauge.
    pub fn new(platform: Platform) -> Self {
        let help = "Leaves whose texts the search does not have yet";
        let leaves_behind = platform.metrics.gauge("ledger_search_leaves_behind", help);
        Self { platform, leaves_behind }
    }

    /// Runs until the service stops.
    pub async fn run(self) {
        let stop = self.platform.shutdown();
        // Readers need the dictionary too, and none should wait for it.
        spawn_blocking(segmentation::warm_up).await.ok();
        let mut before = None;
        while !stop.is_cancelled() {
            let started = Instant::now();
            let pause = match self.follow().await {
                Ok(Followed { leaves_behind: 0, .. }) => {
                    before = None;
                    INTERVAL
                }
                Ok(followed) => {
                    let appended_a_second = before.map_or(0.0, |(at, before): (Instant, Followed)| {
                        followed.appended_since(before) as f64 / at.elapsed().as_secs_f64()
                    });
                    before = Some((Instant::now(), followed));
                    rest(appended_a_second, started.elapsed())
                }
                Err(error) => {
                    tracing::warn!(error = chain(&error), "the search does not follow the log");
                    INTERVAL_AFTER_FAILURE
                }
            };
            tokio::select! {
                () = stop.cancelled() => {}
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    /// Returns what this replica did, and how many leaves it has to follow at once.
    async fn follow(&self) -> sqlx::Result<Followed> {
        let (leaves_behind, followed) = match index_texts(&self.platform.db).await? {
            Indexed::Followed { leaves, leaves_behind } => {
                (leaves_behind, Followed { leaves, leaves_behind })
            }
            Indexed::ByAnother => {
                let mut connection = self.platform.db.acquire().await?;
                (store::search::leaves_behind(&mut connection).await?, Followed::default())
            }
        };
        self.leaves_behind.set(i64::try_from(leaves_behind).unwrap_or(i64::MAX));
        Ok(followed)
    }
}

/// What a replica did.
#[derive(Debug, Clone, Copy, Default)]
struct Followed {
    leaves: u64,
    leaves_behind: u64,
}

impl Followed {
    /// Leaves that were appended since something else was done.
    fn appended_since(self, before: Self) -> u64 {
        (self.leaves_behind + self.leaves).saturating_sub(before.leaves_behind)
    }
}

/// How long the search rests after following for some time, while so many leaves are appended.
fn rest(appended_a_second: f64, took: Duration) -> Duration {
    if appended_a_second > BUSY_FROM { (took * 3).min(REST_MAX) } else { Duration::ZERO }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_search_rests_while_much_is_appended_and_never_long() {
        let took = Duration::from_millis(100);
        assert_eq!(rest(BUSY_FROM, took), Duration::ZERO);
        assert_eq!(rest(BUSY_FROM + 1.0, took), took * 3);
        assert_eq!(rest(1e9, Duration::from_secs(60)), REST_MAX);
    }
}
