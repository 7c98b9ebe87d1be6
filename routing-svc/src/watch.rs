//! What operators watch of cases: that none stands still, and that deadlines fire in time.

use std::time::Duration;

use huying_platform::{Platform, status::chain};

use crate::{service::Service, store::cases};

/// How often it is measured.
const INTERVAL: Duration = Duration::from_secs(30);

/// Starts measuring.
pub(crate) fn spawn(platform: &Platform, service: Service) {
    let standing_still = platform.metrics.gauge(
        "open_cases_without_deadline",
        "Open cases that nobody is responsible for or that have no deadline; anything but 0 is a defect",
    );
    let lateness = platform
        .metrics
        .gauge("deadline_lateness_seconds", "How long the oldest deadline that has come has not been fired");
    platform.spawn("watch", async move {
        loop {
            match cases::count_standing_still(&service.db).await {
                Ok(count) => {
                    standing_still.set(count);
                    if count > 0 {
                        tracing::error!(count, "open cases without responsible unit or deadline");
                    }
                }
                Err(error) => tracing::warn!(error = chain(&error), "open cases not measured"),
            }
            match cases::next_due(&service.db).await {
                Ok(due_at) => {
                    let late =
                        due_at.map_or(0, |due_at| service.clock.now().duration_since(due_at).as_secs());
                    lateness.set(late.max(0));
                }
                Err(error) => tracing::warn!(error = chain(&error), "deadlines not measured"),
            }
            tokio::time::sleep(INTERVAL).await;
        }
    });
}
