//! ledger-svc shows: the public, append-only, verifiable account of every case, and the pages drawn from it.
//!
//! Each public event of a case is one leaf of a Merkle tree (RFC 6962), covered by a signed checkpoint from the moment
//! it is visible. One replica at a time appends ([`sequencer`]); all of them answer readers ([`grpc`], [`web`]).
//!
//! What is not needed here: an inbox, since (case, version) is a unique key of its own; an outbox, since the ledger
//! tells nobody; and the order of the broker, since events that come early wait in a table.

use std::{sync::Arc, time::Duration};

use anyhow::Context as _;
use huying_platform::{Platform, migrate::MigrationSource, migrations};
use huying_proto::ledger::v1::ledger_service_server::LedgerServiceServer;
use sqlx::{PgPool, postgres::PgPoolOptions};

pub mod config;
pub mod consumers;
pub mod domain;
pub mod grpc;
pub mod sequencer;
pub mod store;
pub mod use_cases;
pub mod web;

use config::{Config, PublicUrl};
use domain::note::Signer;

/// Migrations of this service.
pub const MIGRATIONS: &[MigrationSource] = migrations![
    (101, "ledger", "../migrations/0101_ledger.sql"),
    (102, "readers_and_erasure", "../migrations/0102_readers_and_erasure.sql"),
    (103, "parts_transfers_and_merges", "../migrations/0103_parts_transfers_and_merges.sql"),
];

/// Largest gRPC request, in bytes: filters and ids are far less.
const REQUEST_BYTES_MAX: usize = 64 * 1_024;

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
    let (routes, pages) = start(&platform, log, config.intake_public_url).await?;
    platform.serve(routes, pages).await
}

/// Starts the sequencer and returns what is to be served. `pictures_at` is where intake-svc serves pictures, if pages
/// are to show them.
///
/// # Errors
/// When the database holds a log of another origin or key, or cannot be reached.
pub async fn start(
    platform: &Platform,
    log: Arc<LogIdentity>,
    pictures_at: Option<PublicUrl>,
) -> anyhow::Result<(tonic::service::Routes, axum::Router)> {
    establish(platform, &log).await?;
    let readers = readers(platform);
    let reader = grpc::LedgerApi::new(platform, readers.clone(), &log);
    let pages = web::router(platform, readers, &log, pictures_at);
    let sequencer = sequencer::Sequencer::new(platform.clone(), log);
    platform.spawn_worker(|_| sequencer.run());
    let server = LedgerServiceServer::new(reader).max_decoding_message_size(REQUEST_BYTES_MAX);
    Ok((tonic::service::Routes::new(server), pages))
}

/// Connections for readers, half as many again as the platform has and apart from them: whatever anybody may ask for
/// takes 3 s at most, and never a connection that the sequencer needs.
pub fn readers(platform: &Platform) -> PgPool {
    let options = (*platform.db.connect_options()).clone().options([("statement_timeout", "3s")]);
    let readers = PgPoolOptions::new()
        .max_connections((platform.db.options().get_max_connections() / 2).max(2))
        .acquire_timeout(Duration::from_secs(3))
        .test_before_acquire(false)
        .connect_lazy_with(options);
    let closing = readers.clone();
    platform.spawn_worker(|ended| async move {
        ended.cancelled().await;
        closing.close().await;
    });
    readers
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
