//! Forgets requests that were acted on long ago, so that their ids need not be kept for ever.

use std::time::Duration;

use huying_platform::status::chain;
use jiff::{SignedDuration, Timestamp};
use tokio::time::{MissedTickBehavior, interval};

use crate::{service::Service, store::requests};

/// How often old requests are looked for.
const INTERVAL: Duration = Duration::from_secs(3_600);
/// How many one statement deletes, so that none holds many rows or lasts long.
const BATCH_MAX: i64 = 5_000;

/// Forgets requests made before a time, in statements of bounded size. Returns how many. Several replicas may do it at
/// once.
///
/// # Errors
/// When a statement fails; what was forgotten before it stays forgotten.
pub async fn forget_requests(service: &Service, before: Timestamp) -> sqlx::Result<u64> {
    let mut total = 0;
    loop {
        let forgotten = requests::forget(&service.db, before, BATCH_MAX).await?;
        total += forgotten;
        if forgotten < BATCH_MAX.unsigned_abs() {
            return Ok(total);
        }
    }
}

/// Forgets requests that are older than this, again and again, until the process ends.
pub async fn keep_forgetting(service: Service, kept: SignedDuration) {
    let mut ticks = interval(INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let before = service.clock.now().saturating_sub(kept).unwrap_or(Timestamp::MIN);
        match forget_requests(&service, before).await {
            Ok(0) => {}
            Ok(requests) => tracing::info!(requests, "old requests forgotten"),
            Err(error) => tracing::warn!(error = chain(&error), "old requests not forgotten"),
        }
    }
}
