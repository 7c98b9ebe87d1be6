//! Keeps the search up to date: follows the log, on one replica at a time.
//!
//! Which replica it is does not matter and may change with each batch: whoever locks the cursor's row next does it
//! ([`crate::use_cases::index_texts`]).

use std::time::Duration;

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
        while !stop.is_cancelled() {
            let pause = match self.follow().await {
                Ok(0) => INTERVAL,
                Ok(_) => Duration::ZERO,
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

    /// Returns how many leaves this replica has to follow at once.
    async fn follow(&self) -> sqlx::Result<u64> {
        let (leaves_behind, mine) = match index_texts(&self.platform.db).await? {
            Indexed::Followed { leaves_behind } => (leaves_behind, leaves_behind),
            Indexed::ByAnother => {
                let mut connection = self.platform.db.acquire().await?;
                (store::search::leaves_behind(&mut connection).await?, 0)
            }
        };
        self.leaves_behind.set(i64::try_from(leaves_behind).unwrap_or(i64::MAX));
        Ok(mine)
    }
}
