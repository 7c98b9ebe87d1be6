//! Every setting of intake-svc: a flag and an environment variable each, checked before a port is bound.

use std::path::PathBuf;

use clap::Parser;
use huying_platform::settings::CommonSettings;

/// Receives submissions, keeps the citizen's private part, gives receipts.
#[derive(Debug, Clone, Parser)]
#[command(name = "intake-svc", version)]
pub struct Config {
    /// Settings of every service.
    #[command(flatten)]
    pub common: CommonSettings,

    /// File with the master key that private parts are sealed with: 32 random bytes in base64. Whoever loses it loses
    /// every private part and every receipt; all replicas use the same one
    #[arg(long, env = "HUYING_SEALING_KEY_FILE")]
    pub sealing_key_file: PathBuf,

    /// Transactions that commit submissions at the same time
    #[arg(long, env = "HUYING_COMMIT_LANES", default_value_t = 2, value_parser = clap::value_parser!(u8).range(1..=16))]
    pub commit_lanes: u8,

    /// Submissions in one transaction, at most
    #[arg(long, env = "HUYING_COMMIT_BATCH_MAX", default_value_t = 256,
          value_parser = clap::value_parser!(u16).range(1..=2_000))]
    pub commit_batch_max: u16,

    /// Submissions that may wait for a transaction; past it callers get RESOURCE_EXHAUSTED with RetryInfo
    #[arg(long, env = "HUYING_QUEUE_MAX", default_value_t = 4_096,
          value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub queue_max: u32,

    /// Memory that submissions not yet committed may take together, in MiB; past it as with --queue-max
    #[arg(long, env = "HUYING_QUEUE_MIB_MAX", default_value_t = 64,
          value_parser = clap::value_parser!(u32).range(1..=16_384))]
    pub queue_mib_max: u32,
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
