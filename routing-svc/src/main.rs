//! Parses the settings and runs the service.

use clap::Parser as _;
use huying_routing_svc::config::Settings;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    huying_routing_svc::run(Settings::parse()).await
}
