//! intake-svc receives: submissions, pictures, receipts, the citizen's private part.
//!
//! It guarantees that what was acknowledged is kept together with its event, that the same key gives the same receipt
//! for ever, that name, phone, address and unmasked text leave it only through one audited call, and that no picture is
//! kept or shown with the metadata it came with. What becomes of a case is decided by routing-svc; intake follows its
//! events to tell citizens and to judge who may read and see.

pub mod app;
pub mod config;
pub mod consumers;
pub mod domain;
pub mod grpc;
pub mod picture_store;
pub mod picture_works;
pub mod sealing;
pub mod store;
pub mod use_cases;
pub mod web;

use std::sync::Arc;

use huying_platform::{Platform, migrate::MigrationSource};
use huying_proto::intake::v1::intake_service_server::IntakeServiceServer;
use tokio::sync::Notify;
use tonic::service::Routes;
use url::Url;

use crate::{
    app::App,
    config::Config,
    consumers::{FollowCases, follow_cases_config},
    grpc::{IntakeGrpc, large_requests::LargeRequests},
    picture_store::PictureStore,
    picture_works::{PictureSettings, PictureWorks},
    sealing::Sealer,
    use_cases::{
        submit_case::group_commit::{self, CommitMetrics},
        sweep_pictures::run_sweeper,
    },
};

/// The service's own migrations.
pub const MIGRATIONS: &[MigrationSource] = huying_platform::migrations![
    (101, "submissions", "../migrations/0101_submissions.sql"),
    (102, "case_status", "../migrations/0102_case_status.sql"),
    (103, "ratings", "../migrations/0103_ratings.sql"),
    (104, "outcomes", "../migrations/0104_outcomes.sql"),
    (105, "withdrawals", "../migrations/0105_withdrawals.sql"),
    (106, "pictures", "../migrations/0106_pictures.sql"),
];

/// Largest gRPC message, in bytes: pictures and text of a submission, each with room enough that what is somewhat too
/// large is told so by field. [`LargeRequests`] bounds what all of them take together.
const REQUEST_MAX_BYTES: usize = 5 * 1_024 * 1_024;

/// How submissions are committed.
#[derive(Debug, Clone, Copy)]
pub struct CommitSettings {
    /// Transactions at the same time.
    pub lanes: usize,
    /// Submissions in one transaction, at most.
    pub batch_max: usize,
    /// Submissions that may wait, at most.
    pub queue_max: usize,
    /// Memory of those not yet committed, at most, in KiB.
    pub queue_kib_max: usize,
}

/// Runs the service until it is told to stop.
///
/// # Errors
/// When a part cannot be reached, a setting is wrong, or a server fails.
pub async fn run(config: Config) -> anyhow::Result<()> {
    // First of all: without the right key nothing that is stored could be opened.
    let sealer = Sealer::from_file(&config.sealing_key_file)?;
    let picture_store = PictureStore::open(&config.pictures, environment())?;
    let platform = Platform::start("intake", &config.common, MIGRATIONS).await?;
    let commits = CommitSettings {
        lanes: usize::from(config.commit_lanes),
        batch_max: usize::from(config.commit_batch_max),
        queue_max: config.queue_max as usize,
        queue_kib_max: config.queue_mib_max as usize * 1_024,
    };
    let pictures = PictureSettings {
        workers: usize::from(config.picture_workers),
        calls_max: usize::from(config.picture_calls_max),
        mib_max: config.picture_mib_max as usize,
    };
    let means = Means { sealer, commits, picture_store, pictures, ledger_url: config.ledger_public_url };
    let app = assemble(&platform, means);
    platform.spawn_consumer(follow_cases_config(), FollowCases { db: platform.db.clone() });
    let (grpc, web) = (grpc_routes(&app), web::router(app));
    platform.serve(grpc, web).await
}

/// The variables that are text; all that a bucket is set up by are.
fn environment() -> impl Iterator<Item = (String, String)> {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
}

/// What intake is assembled of, besides the platform.
#[derive(Debug)]
pub struct Means {
    /// The keys of the installation.
    pub sealer: Sealer,
    /// How submissions are committed.
    pub commits: CommitSettings,
    /// Where pictures are kept.
    pub picture_store: PictureStore,
    /// How many pictures are worked on.
    pub pictures: PictureSettings,
    /// Address of the public ledger.
    pub ledger_url: Option<Url>,
}

/// Intake on a platform, with its commit lanes and its sweeper running.
#[must_use]
pub fn assemble(platform: &Platform, means: Means) -> Arc<App> {
    let Means { sealer, commits, picture_store, pictures, ledger_url } = means;
    let metrics = CommitMetrics::register(&platform.metrics);
    let (commit_queue, waiters) = group_commit::queue(commits.queue_max, commits.queue_kib_max, metrics);
    for _ in 0..commits.lanes {
        let (waiters, db, outbox) = (waiters.clone(), platform.db.clone(), platform.outbox.clone());
        platform.spawn_worker(|ended| group_commit::run_lane(waiters, db, outbox, commits.batch_max, ended));
    }
    let app = Arc::new(App {
        db: platform.db.clone(),
        clock: platform.clock.clone(),
        outbox: platform.outbox.clone(),
        directory: platform.directory.clone(),
        auth: Arc::clone(&platform.auth),
        sealer,
        commit_queue,
        picture_store,
        picture_works: PictureWorks::new(pictures, &platform.metrics),
        sweep: Notify::new(),
        ledger_url,
    });
    let doomed = platform.metrics.gauge("pictures_to_delete", "Pictures not yet deleted from the store");
    let sweeping = Arc::clone(&app);
    platform.spawn_worker(|ended| run_sweeper(sweeping, doomed, ended));
    app
}

/// The gRPC services of intake.
#[must_use]
pub fn grpc_routes(app: &Arc<App>) -> Routes {
    let intake = IntakeServiceServer::new(IntakeGrpc { app: Arc::clone(app) });
    let intake = intake.max_decoding_message_size(REQUEST_MAX_BYTES);
    Routes::new(LargeRequests::new(intake, app.picture_works.clone()))
}
