//! What operators watch of cases: that none stands still, that what is due happens in time, and who listens.

use std::time::Duration;

use huying_platform::{Platform, status::chain};
use jiff::Timestamp;

use crate::{service::Service, store::alarms};

/// How often it is measured.
const INTERVAL: Duration = Duration::from_secs(30);

/// Starts measuring.
pub(crate) fn spawn(platform: &Platform, service: Service) {
    let standing_still = platform.metrics.gauge(
        "open_cases_without_deadline",
        "Open cases that nobody is responsible for or that have no deadline; anything but 0 is a defect",
    );
    let lateness = platform.metrics.gauge(
        "deadline_lateness_seconds",
        "How long the oldest step of a clock whose time has come has not been taken",
    );
    let streams = platform.metrics.gauge("assignment_streams", "Open streams of assignments of this process");
    platform.spawn("watch", async move {
        loop {
            match alarms::count_standing_still(&service.db).await {
                Ok(count) => {
                    standing_still.set(count);
                    if count > 0 {
                        tracing::error!(count, "open cases without responsible unit or deadline");
                    }
                }
                Err(error) => tracing::warn!(error = chain(&error), "open cases not measured"),
            }
            match next_alarm(&service).await {
                Ok(alarm_at) => {
                    let late =
                        alarm_at.map_or(0, |alarm_at| service.clock.now().duration_since(alarm_at).as_secs());
                    lateness.set(late.max(0));
                }
                Err(error) => tracing::warn!(error = chain(&error), "deadlines not measured"),
            }
            streams.set(i64::try_from(service.feed.streams()).unwrap_or(i64::MAX));
            tokio::time::sleep(INTERVAL).await;
        }
    });
}

async fn next_alarm(service: &Service) -> sqlx::Result<Option<Timestamp>> {
    alarms::next(&mut *service.db.acquire().await?).await
}
