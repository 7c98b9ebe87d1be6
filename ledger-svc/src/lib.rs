//! ledger-svc shows: the public, append-only, verifiable account of every case, and the pages drawn from it.
//!
//! Each public event of a case is one leaf of a Merkle tree (RFC 6962), covered by a signed checkpoint from the moment
//! it is visible. One replica at a time appends ([`sequencer`]); all of them answer readers ([`grpc`], [`web`]).
//!
//! What is not needed here: an inbox, since (case, version) is a unique key of its own; an outbox, since the ledger
//! tells nobody; and the order of the broker, since events that come early wait in a table.

use std::{sync::Arc, time::Duration};

use axum::Extension;
use huying_platform::{Platform, migrate::MigrationSource, migrations};
use huying_proto::ledger::v1::{
    figures_service_server::FiguresServiceServer, ledger_admin_service_server::LedgerAdminServiceServer,
    ledger_service_server::LedgerServiceServer, log_service_server::LogServiceServer,
};
use sqlx::{PgPool, postgres::PgPoolOptions};

pub mod config;
pub mod consumers;
pub mod domain;
pub mod entry_feed;
pub mod exporting;
pub mod grpc;
pub mod indexer;
pub mod page_token;
pub mod searching;
pub mod sequencer;
pub mod signed_mark;
pub mod store;
pub mod sweep;
pub mod use_cases;
pub mod web;

use config::{Config, Serving};
use domain::{
    log_keys::Keyring,
    note::{Signer, Verifier},
};
use entry_feed::EntryFeed;
use searching::Searches;
use signed_mark::SignedMark;
use use_cases::{
    establish_log::establish_log, figures::CountFigures, gather_cosignatures::WitnessAddress,
    get_case::GetCase, watch_entries::keep_hearing,
};

/// Migrations of this service.
pub const MIGRATIONS: &[MigrationSource] = migrations![
    (101, "ledger", "../migrations/0101_ledger.sql"),
    (102, "readers_and_erasure", "../migrations/0102_readers_and_erasure.sql"),
    (103, "parts_transfers_and_merges", "../migrations/0103_parts_transfers_and_merges.sql"),
    (104, "keys_and_witnesses", "../migrations/0104_keys_and_witnesses.sql"),
    (105, "account", "../migrations/0105_account.sql"),
    (106, "search", "../migrations/0106_search.sql"),
    (107, "figures", "../migrations/0107_figures.sql"),
    (108, "answered_along", "../migrations/0108_answered_along.sql"),
    (110, "cases_by_category", "../migrations/0110_cases_by_category.sql"),
];

/// Largest gRPC request, in bytes: filters and ids are far less.
const REQUEST_BYTES_MAX: usize = 64 * 1_024;

/// Who the log is: its name, the keys that sign for it, and who vouches for it.
#[derive(Debug)]
pub struct LogIdentity {
    /// The origin line of checkpoints; also the name of the keys.
    pub origin: String,
    /// Those that sign checkpoints, as far as they are not retired, and those that do no longer.
    pub keys: Keyring,
    /// Who is asked to cosign checkpoints.
    pub witnesses: Vec<WitnessAddress>,
    /// What was signed last.
    pub mark: Arc<SignedMark>,
}

impl LogIdentity {
    /// The verifier key of the first of the keys that sign.
    pub fn foremost_verifier_key(&self) -> String {
        self.keys.signers.first().map(Signer::verifier_key).unwrap_or_default()
    }

    /// What verifies the latest checkpoint. A retired key does not, whoever has it now: every checkpoint of a log has the
    /// signatures of all keys in force, of which this replica's file has one at least.
    pub fn verifiers(&self) -> Vec<Verifier> {
        self.keys.signers.iter().map(Signer::verifier).collect()
    }
}

/// Runs the service until it is told to stop.
///
/// # Errors
/// When it cannot start: the keys are not those of the log, a server cannot be reached, a port is taken.
pub async fn run(config: Config) -> anyhow::Result<()> {
    let log = Arc::new(config.log_identity()?);
    let serving = config.serving()?;
    let platform = Platform::start("ledger", &config.common, MIGRATIONS).await?;
    let (routes, pages) = start(&platform, log, serving).await?;
    platform.serve(routes, pages).await
}

/// Starts the sequencer and returns what is to be served.
///
/// # Errors
/// When the database holds a log of another origin or other keys, or cannot be reached.
pub async fn start(
    platform: &Platform,
    log: Arc<LogIdentity>,
    serving: Serving,
) -> anyhow::Result<(tonic::service::Routes, axum::Router)> {
    establish(platform, &log).await?;
    log.mark.learn().await?;
    let readers = readers(platform);
    let cases = Arc::new(GetCase::new(platform, readers.clone(), &log));
    let searches = Searches::new(platform, readers.clone());
    let reader = grpc::cases::LedgerApi::new(
        platform,
        readers.clone(),
        Arc::clone(&log),
        Arc::clone(&cases),
        Arc::clone(&searches),
    );
    let figures = Arc::new(CountFigures::new(platform, readers.clone()));
    let counter = grpc::figures::FiguresApi::new(platform, Arc::clone(&figures));
    let feed = EntryFeed::new(serving.entry_feed, platform.shutdown());
    platform.spawn("entry feed", keep_hearing(readers.clone(), Arc::clone(&feed)));
    let verifier = grpc::log::LogApi::new(readers.clone(), feed);
    let pages = web::router(platform, readers.clone(), cases, searches, figures, &log, &serving);
    let pages = pages.merge(web::witness::routes(
        readers.clone(),
        platform.clock.clone(),
        Arc::clone(&log),
        serving.vouching,
    ));
    let sweep = sweep::Sweep::new(platform.clone(), readers, Arc::clone(&log));
    let pages = pages.layer(Extension(sweep.findings()));
    platform.spawn_worker(|_| sweep.run());
    let admin = grpc::admin::LedgerAdminApi::new(platform, Arc::clone(&log));
    let sequencer = sequencer::Sequencer::new(platform.clone(), log)?;
    platform.spawn_worker(|_| sequencer.run());
    let indexer = indexer::Indexer::new(platform.clone());
    platform.spawn_worker(|_| indexer.run());
    let server = LedgerServiceServer::new(reader).max_decoding_message_size(REQUEST_BYTES_MAX);
    let admin = LedgerAdminServiceServer::new(admin);
    let routes = tonic::service::Routes::new(server)
        .add_service(admin.max_decoding_message_size(REQUEST_BYTES_MAX))
        .add_service(LogServiceServer::new(verifier).max_decoding_message_size(REQUEST_BYTES_MAX))
        .add_service(FiguresServiceServer::new(counter).max_decoding_message_size(REQUEST_BYTES_MAX));
    Ok((routes, pages))
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

/// A log belongs to one name for good, and its keys change only beside each other: readers who remember a checkpoint or
/// a key would otherwise be misled.
async fn establish(platform: &Platform, log: &LogIdentity) -> anyhow::Result<()> {
    for retired in establish_log(&platform.db, &platform.clock, log).await? {
        tracing::warn!(key = retired, "--log-key-file has a private key that was retired; it does not sign");
    }
    Ok(())
}
