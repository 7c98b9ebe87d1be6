//! Every setting of routing-svc, checked before a port is bound.
//!
//! How long anything may take is no setting: limits are reference data, imported as policies.csv.

use std::time::Duration;

use clap::Parser;
use huying_platform::settings::CommonSettings;
use jiff::SignedDuration;

/// How long requests are kept at least: what departments are promised.
const REQUESTS_KEPT_MIN_DAYS: u64 = 400;
/// How long they may be kept at most: a hundred years.
const REQUESTS_KEPT_MAX_DAYS: u64 = 36_500;
const DAY_S: u64 = 86_400;

/// Decides: the case, its tiers, units, rules and deadlines. The only owner of case state.
#[derive(Debug, Clone, Parser)]
#[command(name = "routing-svc", version, about)]
pub struct Settings {
    /// What every service has.
    #[command(flatten)]
    pub common: CommonSettings,

    /// How long the request id of a command is remembered, such as 400d; at least 400d
    #[arg(long, env = "HUYING_REQUESTS_KEPT", default_value = "400d", value_parser = requests_kept)]
    pub requests_kept: SignedDuration,

    /// Units' streams of assignments that this process serves at once, at most; past it callers get RESOURCE_EXHAUSTED
    #[arg(long, env = "HUYING_ASSIGNMENT_STREAMS_MAX", default_value_t = 2_000,
          value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub assignment_streams_max: u32,

    /// Streams of assignments of one unit in this process, at most
    #[arg(long, env = "HUYING_ASSIGNMENT_STREAMS_PER_UNIT_MAX", default_value_t = 16,
          value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub assignment_streams_per_unit_max: u32,
}

/// What streams of assignments may take up, and their times.
#[derive(Debug, Clone, Copy)]
pub struct FeedBounds {
    /// Streams of this process.
    pub streams: usize,
    /// Streams of one unit in this process, so that one client in a loop does not shut out the others.
    pub streams_per_unit: usize,
    /// How long after a commit, at most, a stream hears of it.
    pub poll_interval: Duration,
    /// How long a stream is silent at most.
    pub sign_of_life: Duration,
    /// How long a client may leave something untaken.
    pub stall_max: Duration,
}

impl Default for FeedBounds {
    fn default() -> Self {
        Self {
            streams: 2_000,
            streams_per_unit: 16,
            poll_interval: Duration::from_millis(200),
            // As the contract says.
            sign_of_life: Duration::from_secs(15),
            stall_max: Duration::from_secs(60),
        }
    }
}

impl Settings {
    /// What streams of assignments may take up.
    #[must_use]
    pub fn feed_bounds(&self) -> FeedBounds {
        FeedBounds {
            streams: self.assignment_streams_max as usize,
            streams_per_unit: self.assignment_streams_per_unit_max as usize,
            ..FeedBounds::default()
        }
    }
}

fn requests_kept(text: &str) -> Result<SignedDuration, String> {
    let right = || {
        format!(
            "a duration from {REQUESTS_KEPT_MIN_DAYS}d to {REQUESTS_KEPT_MAX_DAYS}d would be right, such as 400d"
        )
    };
    let kept = humantime::parse_duration(text).map_err(|_| right())?;
    if (REQUESTS_KEPT_MIN_DAYS * DAY_S..=REQUESTS_KEPT_MAX_DAYS * DAY_S).contains(&kept.as_secs()) {
        SignedDuration::try_from(kept).map_err(|_| right())
    } else {
        Err(right())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_kept_for_400_days_at_least() {
        assert_eq!(requests_kept("400d"), Ok(SignedDuration::from_hours(400 * 24)));
        assert_eq!(requests_kept("2years"), Ok(SignedDuration::from_secs(63_115_200)));
        for wrong in ["", "400", "399d", "-400d", "200years", "for ever"] {
            assert!(requests_kept(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_defaults_are_those_of_the_feed() {
        let settings = Settings::try_parse_from([
            "routing-svc",
            "--database-url=postgres://localhost/routing",
            "--nats-url=nats://localhost",
            "--jwks=keys.json",
        ])
        .unwrap();
        let (bounds, defaults) = (settings.feed_bounds(), FeedBounds::default());
        assert_eq!((bounds.streams, bounds.streams_per_unit), (defaults.streams, defaults.streams_per_unit));
    }
}
