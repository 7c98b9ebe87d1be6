//! Parses the settings and runs the service.

use clap::Parser as _;
use huying_ledger_svc::config::Config;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    huying_ledger_svc::run(Config::parse()).await
}
