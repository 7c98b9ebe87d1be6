//! intake-svc receives: submissions, receipts, the citizen's private part.
//!
//! It guarantees that what was acknowledged is kept together with its event, that the same key gives the same receipt
//! for ever, and that name, phone, address and unmasked text leave it only through one audited call. What becomes of
//! a case is decided by routing-svc; intake follows its events to tell citizens and to judge who may read.

pub mod app;
pub mod config;
pub mod consumers;
pub mod domain;
pub mod grpc;
pub mod sealing;
pub mod store;
pub mod use_cases;
pub mod web;

use std::sync::Arc;

use huying_platform::{Platform, migrate::MigrationSource};
use huying_proto::intake::v1::intake_service_server::IntakeServiceServer;
use tonic::service::Routes;

use crate::{
    app::App,
    config::Config,
    consumers::{FollowCases, follow_cases_config},
    grpc::IntakeGrpc,
    sealing::Sealer,
    use_cases::submit_case::group_commit::{self, CommitMetrics},
};

/// The service's own migrations.
pub const MIGRATIONS: &[MigrationSource] = huying_platform::migrations![
    (101, "submissions", "../migrations/0101_submissions.sql"),
    (102, "case_status", "../migrations/0102_case_status.sql"),
    (103, "ratings", "../migrations/0103_ratings.sql"),
];

/// Largest gRPC request, in bytes: six times the longest text there may be, so that one that is somewhat too long
/// is told so by field.
const REQUEST_MAX_BYTES: usize = 512 * 1_024;

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
    let platform = Platform::start("intake", &config.common, MIGRATIONS).await?;
    let commits = CommitSettings {
        lanes: usize::from(config.commit_lanes),
        batch_max: usize::from(config.commit_batch_max),
        queue_max: config.queue_max as usize,
        queue_kib_max: config.queue_mib_max as usize * 1_024,
    };
    let app = assemble(&platform, sealer, commits);
    platform.spawn_consumer(follow_cases_config(), FollowCases { db: platform.db.clone() });
    let (grpc, web) = (grpc_routes(&platform, &app), web::router(app));
    platform.serve(grpc, web).await
}

/// The means of intake on a platform, with its commit lanes running.
#[must_use]
pub fn assemble(platform: &Platform, sealer: Sealer, commits: CommitSettings) -> Arc<App> {
    let metrics = CommitMetrics::register(&platform.metrics);
    let (commit_queue, waiters) = group_commit::queue(commits.queue_max, commits.queue_kib_max, metrics);
    for _ in 0..commits.lanes {
        let (waiters, db, outbox) = (waiters.clone(), platform.db.clone(), platform.outbox.clone());
        platform.spawn_worker(|ended| group_commit::run_lane(waiters, db, outbox, commits.batch_max, ended));
    }
    Arc::new(App {
        db: platform.db.clone(),
        clock: platform.clock.clone(),
        outbox: platform.outbox.clone(),
        directory: platform.directory.clone(),
        sealer,
        commit_queue,
    })
}

/// The gRPC services of intake.
#[must_use]
pub fn grpc_routes(platform: &Platform, app: &Arc<App>) -> Routes {
    let intake = IntakeGrpc { app: Arc::clone(app), auth: Arc::clone(&platform.auth) };
    Routes::new(IntakeServiceServer::new(intake).max_decoding_message_size(REQUEST_MAX_BYTES))
}
