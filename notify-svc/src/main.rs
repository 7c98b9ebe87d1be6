//! Parse the settings, run.

use clap::Parser as _;
use huying_notify_svc::config::Config;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    huying_notify_svc::run(Config::parse()).await
}
