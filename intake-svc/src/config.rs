//! Every setting of intake-svc: a flag and an environment variable each, checked before a port is bound.

use std::path::PathBuf;

use clap::Parser;
use huying_platform::settings::CommonSettings;
use url::Url;

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

    /// Where pictures are kept: a folder, file:///folder, or s3://bucket/prefix with the usual AWS_ variables (AWS_REGION,
    /// AWS_ENDPOINT, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY …). All replicas need the same place
    #[arg(long, env = "HUYING_PICTURES", default_value = "./pictures")]
    pub pictures: String,

    /// Pictures decoded and encoded at the same time; each may take up to 400 MiB of memory for a second or two
    #[arg(long, env = "HUYING_PICTURE_WORKERS", default_value_t = 2,
          value_parser = clap::value_parser!(u8).range(1..=64))]
    pub picture_workers: u8,

    /// Calls whose pictures wait or are worked on; past it callers get RESOURCE_EXHAUSTED with RetryInfo
    #[arg(long, env = "HUYING_PICTURE_CALLS_MAX", default_value_t = 64,
          value_parser = clap::value_parser!(u16).range(1..=10_000))]
    pub picture_calls_max: u16,

    /// Memory that requests larger than a text may take together, in MiB; past it as with --picture-calls-max
    #[arg(long, env = "HUYING_PICTURE_MIB_MAX", default_value_t = 256,
          value_parser = clap::value_parser!(u32).range(10..=65_536))]
    pub picture_mib_max: u32,

    /// Address of the public ledger, such as https://ledger.example; when it is given, pages link to cases there
    #[arg(long, env = "HUYING_LEDGER_PUBLIC_URL", value_parser = web_address)]
    pub ledger_public_url: Option<Url>,
}

fn web_address(text: &str) -> Result<Url, String> {
    match Url::parse(text) {
        Ok(url) if matches!(url.scheme(), "http" | "https") => Ok(url),
        Ok(_) | Err(_) => Err("an address such as https://ledger.example would be right".to_owned()),
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

    #[test]
    fn the_ledger_is_linked_to_by_a_web_address() {
        assert!(web_address("https://ledger.example/").is_ok());
        for wrong in ["ledger.example", "javascript:alert(1)", "", "/cases"] {
            assert!(web_address(wrong).is_err(), "{wrong}");
        }
    }
}
