//! What the service does by the clock: poll for subscribers, end stalled streams, forget, measure.
//!
//! Each loop outlives failures of what it does; the next round tries again.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use huying_platform::{Platform, status::chain};
use jiff::SignedDuration;
use tokio::time::{MissedTickBehavior, interval};

use crate::{
    hub::Hub,
    store::mailboxes,
    use_cases::{forget_acknowledged::forget_acknowledged, wake_subscribers::wake_subscribers},
    wake::Wake,
};

/// How often old notifications are looked for.
const FORGET_INTERVAL: Duration = Duration::from_secs(3_600);
/// How often the backlog is measured.
const MEASURE_INTERVAL: Duration = Duration::from_secs(15);
/// Wait before listening again after the subscription was refused.
const LISTEN_AGAIN: Duration = Duration::from_secs(1);

/// Starts all loops; they end with the platform.
pub fn spawn(
    platform: &Platform,
    hub: &Arc<Hub>,
    wake: Wake,
    poll_every: Duration,
    retention: SignedDuration,
) {
    platform.spawn("wake", listen(wake, Arc::clone(hub)));
    platform.spawn("poll", poll(platform.clone(), Arc::clone(hub), poll_every));
    platform.spawn("forget", forget(platform.clone(), retention));
    platform.spawn("measure", measure(platform.clone(), Arc::clone(hub)));
}

async fn listen(wake: Wake, hub: Arc<Hub>) {
    loop {
        if let Err(error) = wake.listen(Arc::clone(&hub)).await {
            tracing::warn!(error = chain(&error), "not listening for wake-ups; polling goes on");
        }
        tokio::time::sleep(LISTEN_AGAIN).await;
    }
}

async fn poll(platform: Platform, hub: Arc<Hub>, every: Duration) {
    let ended = platform
        .metrics
        .counter("subscribers_ended_stalled", "Streams ended because the client took nothing");
    let mut ticks = interval(every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        ended.inc_by(hub.end_stalled(Instant::now()) as u64);
        if let Err(error) = wake_subscribers(&platform.db, &hub).await {
            tracing::warn!(error = chain(&error), "subscribers not polled for");
        }
    }
}

async fn forget(platform: Platform, retention: SignedDuration) {
    let mut ticks = interval(FORGET_INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        match forget_acknowledged(&platform.db, platform.clock.now() - retention).await {
            Ok(0) => {}
            Ok(notifications) => tracing::info!(notifications, "acknowledged notifications forgotten"),
            Err(error) => tracing::warn!(error = chain(&error), "old notifications not forgotten"),
        }
    }
}

async fn measure(platform: Platform, hub: Arc<Hub>) {
    let subscribers = platform.metrics.gauge("subscribers", "Live streams of this process");
    let undelivered = platform.metrics.gauge("undelivered", "Notifications told and not acknowledged");
    let oldest = platform.metrics.gauge("undelivered_oldest_seconds", "Age of the oldest of them");
    let mut ticks = interval(MEASURE_INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        subscribers.set(i64::try_from(hub.subscribers()).unwrap_or(i64::MAX));
        match mailboxes::undelivered(&platform.db).await {
            Ok(waiting) => {
                undelivered.set(waiting.notifications);
                let age = waiting.oldest_at.map(|oldest_at| platform.clock.now().duration_since(oldest_at));
                oldest.set(age.map_or(0, |age| age.as_secs().max(0)));
            }
            Err(error) => tracing::warn!(error = chain(&error), "undelivered notifications not measured"),
        }
    }
}
