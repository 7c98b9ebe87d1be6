//! Parses the settings and runs intake-svc.

use clap::Parser as _;
use huying_intake_svc::{config::Config, run};

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    run(Config::parse()).await
}
