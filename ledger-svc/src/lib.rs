//! ledger-svc shows: the public, append-only, verifiable account of every case, and the pages drawn from it.
//!
//! Each public event of a case is one leaf of a Merkle tree (RFC 6962), covered by a signed checkpoint from the moment
//! it is visible. One replica at a time appends ([`sequencer`]); all of them answer readers ([`grpc`], [`web`]).
//!
//! What is not needed here: an inbox, since (case, version) is a unique key of its own; an outbox, since the ledger
//! tells nobody; and the order of the broker, since events that come early wait in a table.

use std::sync::Arc;

use anyhow::Context as _;
use huying_platform::{Platform, migrate::MigrationSource, migrations};
use huying_proto::ledger::v1::ledger_service_server::LedgerServiceServer;

pub mod config;
pub mod consumers;
pub mod domain;
pub mod grpc;
pub mod sequencer;
pub mod store;
pub mod use_cases;
pub mod web;

use config::Config;
use domain::note::Signer;

/// Migrations of this service.
pub const MIGRATIONS: &[MigrationSource] = migrations![(101, "ledger", "../migrations/0101_ledger.sql")];

/// Who the log is: its name, and the key that signs for it.
#[derive(Debug)]
pub struct LogIdentity {
    /// The origin line of checkpoints; also the name of the key.
    pub origin: String,
    /// Signs checkpoints.
    pub signer: Signer,
}

/// Runs the service until it is told to stop.
///
/// # Errors
/// When it cannot start: the key is not that of the log, a server cannot be reached, a port is taken.
pub async fn run(config: Config) -> anyhow::Result<()> {
    let log = Arc::new(config.log_identity()?);
    let platform = Platform::start("ledger", &config.common, MIGRATIONS).await?;
    let (routes, pages) = start(&platform, log).await?;
    platform.serve(routes, pages).await
}

/// Starts the sequencer and returns what is to be served.
///
/// # Errors
/// When the database holds a log of another origin or key, or cannot be reached.
pub async fn start(
    platform: &Platform,
    log: Arc<LogIdentity>,
) -> anyhow::Result<(tonic::service::Routes, axum::Router)> {
    establish(platform, &log).await?;
    let reader = grpc::LedgerApi::new(platform, &log);
    let pages = web::router(platform, &log);
    let sequencer = sequencer::Sequencer::new(platform.clone(), log);
    platform.spawn_worker(|_| sequencer.run());
    Ok((tonic::service::Routes::new(LedgerServiceServer::new(reader)), pages))
}

/// A log belongs to one origin and one key for good: readers who remember a checkpoint would otherwise be misled.
async fn establish(platform: &Platform, log: &LogIdentity) -> anyhow::Result<()> {
    let verifier_key = log.signer.verifier_key();
    let mut connection = platform.db.acquire().await.context("reading the log's state")?;
    let (kept_origin, kept_key) = store::log::establish(&mut connection, &log.origin, &verifier_key)
        .await
        .context("reading the log's state")?;
    anyhow::ensure!(
        kept_origin == log.origin,
        "the database has the log {kept_origin}, and --log-origin is {}",
        log.origin
    );
    anyhow::ensure!(
        kept_key == verifier_key,
        "the log {kept_origin} is signed with {kept_key}, and --log-key-file has another key, {verifier_key}"
    );
    Ok(())
}
