//! What the use cases work with.

use huying_platform::{clock::Clock, directory::DirectoryHandle, outbox::Outbox};
use sqlx::PgPool;

use crate::{sealing::Sealer, use_cases::submit_case::group_commit::CommitQueue};

/// The means of intake, shared by gRPC, web and consumers.
#[derive(Debug)]
pub struct App {
    /// The service's own database.
    pub db: PgPool,
    /// The time.
    pub clock: Clock,
    /// Where events leave.
    pub outbox: Outbox,
    /// Reference data.
    pub directory: DirectoryHandle,
    /// The keys of this installation.
    pub sealer: Sealer,
    /// Where finished submissions wait for a commit lane.
    pub commit_queue: CommitQueue,
}
