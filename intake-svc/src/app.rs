//! What the use cases work with.

use std::sync::Arc;

use huying_platform::{auth::Authenticator, clock::Clock, directory::DirectoryHandle, outbox::Outbox};
use sqlx::PgPool;
use tokio::sync::Notify;
use url::Url;

use crate::{
    picture_store::PictureStore, picture_works::PictureWorks, sealing::Sealer,
    use_cases::submit_case::group_commit::CommitQueue,
};

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
    /// Who verifies tokens.
    pub auth: Arc<Authenticator>,
    /// The keys of this installation.
    pub sealer: Sealer,
    /// Where finished submissions wait for a commit lane.
    pub commit_queue: CommitQueue,
    /// Where pictures are kept.
    pub picture_store: PictureStore,
    /// Where pictures are prepared.
    pub picture_works: PictureWorks,
    /// Wakes the sweeper of pictures.
    pub sweep: Notify,
    /// Address of the public ledger; none when pages are not to link to it.
    pub ledger_url: Option<Url>,
}
