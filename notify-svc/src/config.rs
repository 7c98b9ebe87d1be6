//! Every setting of the service: a flag and an environment variable each, checked before a port is bound.

use std::time::Duration;

use clap::Parser;
use huying_platform::settings::CommonSettings;
use jiff::SignedDuration;

use crate::{domain::window::WindowBounds, hub::HubBounds};

/// Tells representatives and units what concerns them, until they have it.
///
/// Takes case events from JetStream, puts a notification of each into the mailbox of everybody who must hear of it, and
/// streams mailboxes over gRPC.
#[derive(Debug, Clone, Parser)]
#[command(name = "notify-svc", version, max_term_width = 100)]
pub struct Config {
    /// Settings of every service.
    #[command(flatten)]
    pub common: CommonSettings,

    /// Live streams of this process, at most; past it callers get RESOURCE_EXHAUSTED with RetryInfo
    #[arg(long, env = "HUYING_SUBSCRIBERS_MAX", default_value_t = 10_000,
          value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub subscribers_max: u32,

    /// Live streams of one mailbox in this process, at most
    #[arg(long, env = "HUYING_SUBSCRIBERS_PER_RECIPIENT_MAX", default_value_t = 16,
          value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub subscribers_per_recipient_max: u32,

    /// Notifications that are held in memory for one stream, at most; a slower client is served from the database
    #[arg(long, env = "HUYING_SUBSCRIBER_BUFFER_NOTIFICATIONS", default_value_t = 1_000,
          value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub subscriber_buffer_notifications: u32,

    /// KiB of events that are held in memory for one stream, at most
    #[arg(long, env = "HUYING_SUBSCRIBER_BUFFER_KIB", default_value_t = 512,
          value_parser = clap::value_parser!(u32).range(1..=65_536))]
    pub subscriber_buffer_kib: u32,

    /// Seconds that a client may leave a notification untaken before its stream is ended
    #[arg(long, env = "HUYING_SUBSCRIBER_STALL_SECONDS", default_value_t = 60,
          value_parser = clap::value_parser!(u32).range(1..=86_400))]
    pub subscriber_stall_seconds: u32,

    /// Milliseconds between looks for notifications that live streams were not told of, should a wake-up be lost
    #[arg(long, env = "HUYING_POLL_INTERVAL_MS", default_value_t = 1_000,
          value_parser = clap::value_parser!(u32).range(10..=60_000))]
    pub poll_interval_ms: u32,

    /// Days after which acknowledged notifications are forgotten
    #[arg(long, env = "HUYING_RETENTION_DAYS", default_value_t = 400,
          value_parser = clap::value_parser!(u32).range(1..=36_500))]
    pub retention_days: u32,
}

impl Config {
    /// What live streams may take up.
    #[must_use]
    pub fn hub_bounds(&self) -> HubBounds {
        HubBounds {
            subscribers: self.subscribers_max as usize,
            subscribers_per_recipient: self.subscribers_per_recipient_max as usize,
            window: WindowBounds {
                notifications: self.subscriber_buffer_notifications as usize,
                bytes: self.subscriber_buffer_kib as usize * 1024,
            },
            stall_max: Duration::from_secs(self.subscriber_stall_seconds.into()),
        }
    }

    /// Time between polls.
    #[must_use]
    pub fn poll_interval(&self) -> Duration {
        Duration::from_millis(self.poll_interval_ms.into())
    }

    /// How long acknowledged notifications are kept.
    #[must_use]
    pub fn retention(&self) -> SignedDuration {
        SignedDuration::from_hours(i64::from(self.retention_days) * 24)
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_settings_are_consistent() {
        Config::command().debug_assert();
    }
}
