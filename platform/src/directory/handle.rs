//! The snapshot that a service works with, renewed when the table has a new revision and when a new day begins.

use std::{sync::Arc, time::Duration};

use arc_swap::ArcSwap;
use huying_proto::events::v1::DirectoryChanged;
use sqlx::PgPool;
use tokio_util::sync::CancellationToken;

use super::{
    Directory, day_at,
    table::{apply, completed, load_all, revision},
};
use crate::{
    clock::Clock,
    consumer::{BatchHandler, HandleError, Incoming},
    status::chain,
};

/// How long after a change, at most, a snapshot is renewed.
const RELOAD_CHECK: Duration = Duration::from_millis(250);

/// The current snapshot. Cheap to clone.
#[derive(Debug, Clone)]
pub struct DirectoryHandle {
    current: Arc<ArcSwap<Directory>>,
    db: PgPool,
    clock: Clock,
}

impl DirectoryHandle {
    /// Reads the snapshot of the clock's day from the database.
    ///
    /// # Errors
    /// When it cannot be read.
    pub async fn open(db: PgPool, clock: Clock) -> sqlx::Result<Self> {
        let handle = Self { current: Arc::new(ArcSwap::from_pointee(Directory::default())), db, clock };
        handle.reload().await?;
        Ok(handle)
    }

    /// The snapshot as it is now; hold it for one decision, so that the decision has one view.
    #[must_use]
    pub fn load(&self) -> Arc<Directory> {
        self.current.load_full()
    }

    /// Reads the snapshot again if the database has another revision or another day has begun.
    ///
    /// # Errors
    /// When it cannot be read.
    pub async fn reload(&self) -> sqlx::Result<()> {
        let day = day_at(self.clock.now());
        let at_hand = self.load();
        if at_hand.day() == Some(day)
            && at_hand.completed == completed(&mut *self.db.acquire().await?).await?
        {
            return Ok(());
        }
        let mut transaction = self.db.begin().await?;
        sqlx::query("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
            .execute(&mut *transaction)
            .await?;
        let completed = completed(&mut transaction).await?;
        let revision = revision(&mut transaction).await?;
        let entries = load_all(&mut transaction).await?;
        transaction.commit().await?;
        tracing::info!(revision, %day, entries = entries.len(), "reference data loaded");
        let directory = Directory { completed, ..Directory::on(day, revision, entries) };
        self.current.store(Arc::new(directory));
        Ok(())
    }

    pub(crate) async fn follow(self, stop: CancellationToken) {
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(RELOAD_CHECK) => {}
            }
            if let Err(error) = self.reload().await {
                tracing::debug!(error = chain(&error), "reference data not reloaded");
            }
        }
    }
}

/// Follows routing-svc's imports in the other services.
#[derive(Debug)]
pub(crate) struct DirectoryFollower {
    pub(crate) db: PgPool,
    pub(crate) handle: DirectoryHandle,
}

impl BatchHandler for DirectoryFollower {
    type Message = DirectoryChanged;

    async fn handle(&self, batch: &[Incoming<DirectoryChanged>]) -> Result<(), HandleError> {
        let mut transaction = self.db.begin().await?;
        // One follower at a time: parts counted by two transactions at once would each miss the other's.
        sqlx::query("SELECT revision FROM directory_revision FOR UPDATE").execute(&mut *transaction).await?;
        for incoming in batch {
            apply(&mut transaction, &incoming.message).await?;
        }
        transaction.commit().await?;
        self.handle.reload().await?;
        Ok(())
    }
}
