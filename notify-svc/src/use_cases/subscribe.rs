//! Streams a mailbox: what is in it, then what comes.

use std::sync::Arc;

use futures_util::{Stream, stream};
use huying_platform::{auth::Principal, directory::DirectoryHandle};
use sqlx::PgPool;
use tokio::sync::Semaphore;

use super::Refusal;
use crate::{
    domain::{delivery::Notification, recipient::Recipient},
    hub::{Ended, Hub, Step, Subscription},
    store::{
        mailboxes,
        notifications::{self, PageBounds},
    },
};

/// What a stream reads from the database at once. The size bounds memory where events are long.
const PAGE: PageBounds = PageBounds { notifications: 500, bytes: 256 * 1024 };
/// Pages read at once, so that many clients that come back together leave connections for delivering.
const READERS: usize = 4;

/// Streams mailboxes.
#[derive(Debug, Clone)]
pub struct Subscribe {
    db: PgPool,
    directory: DirectoryHandle,
    hub: Arc<Hub>,
    readers: Arc<Semaphore>,
}

/// The end of a stream that had begun.
#[derive(Debug, thiserror::Error)]
pub enum StreamEnd {
    /// The server is being stopped.
    #[error("the server is being stopped")]
    Stopping,
    /// The client left notifications untaken for too long.
    #[error("the client took nothing for too long")]
    TooSlow,
    /// The mailbox could not be read.
    #[error("the mailbox could not be read")]
    Store(#[from] sqlx::Error),
}

impl Subscribe {
    /// Streams from this database and hub.
    #[must_use]
    pub fn new(db: PgPool, directory: DirectoryHandle, hub: Arc<Hub>) -> Self {
        Self { db, directory, hub, readers: Arc::new(Semaphore::new(READERS)) }
    }

    /// Begins a stream of what follows `after`, or of what has not been acknowledged. It goes on until the client hangs
    /// up, is too slow, or the server stops; the last item then says which.
    ///
    /// # Errors
    /// When the mailbox is not the caller's, the position does not exist yet, there is no room, or a statement fails.
    pub async fn subscribe(
        &self,
        caller: &Principal,
        recipient: &Recipient,
        after: Option<u64>,
    ) -> Result<impl Stream<Item = Result<Notification, StreamEnd>> + Send + use<>, Refusal> {
        recipient.admit(caller, &self.directory.load())?;
        let after = mailboxes::load(&self.db, recipient).await?.begin_after(after)?;
        // The first step reads from the database, after the seat was taken: nothing is missed between.
        let subscription = self.hub.subscribe(recipient, after)?;
        let session = Session { db: self.db.clone(), readers: Arc::clone(&self.readers), subscription };
        Ok(stream::unfold(Some(session), |session| async move {
            let mut session = session?;
            match session.next().await {
                Ok(notification) => Some((Ok(notification), Some(session))),
                Err(end) => Some((Err(end), None)),
            }
        }))
    }
}

struct Session {
    db: PgPool,
    readers: Arc<Semaphore>,
    subscription: Subscription,
}

impl Session {
    async fn next(&mut self) -> Result<Notification, StreamEnd> {
        loop {
            match self.subscription.step().await {
                Step::Send(notification) => return Ok(notification),
                Step::ReadAfter(after) => self.read(after).await?,
                Step::End(Ended::Stopping) => return Err(StreamEnd::Stopping),
                Step::End(Ended::TooSlow) => return Err(StreamEnd::TooSlow),
            }
        }
    }

    async fn read(&mut self, after: u64) -> sqlx::Result<()> {
        // The semaphore is never closed; if it were, reading without it would do no harm.
        let _reader = self.readers.acquire().await;
        let page = notifications::page(&self.db, self.subscription.recipient(), after, PAGE).await?;
        self.subscription.fill(page.notifications, page.more);
        Ok(())
    }
}
