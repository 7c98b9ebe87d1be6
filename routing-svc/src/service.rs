//! What the use cases work with.

use std::sync::{Arc, Mutex, PoisonError};

use huying_platform::{Platform, clock::Clock, directory::DirectoryHandle, outbox::Outbox};
use sqlx::PgPool;

use crate::{assignment_feed::AssignmentFeed, config::FeedBounds, reference::Reference, store::rule_sets};

/// Name under which this service consumes.
pub const CONSUMER: &str = "routing";

/// The service's database, time, events, reference data and followers. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Service {
    /// The database.
    pub db: PgPool,
    /// The time.
    pub clock: Clock,
    /// Where events go out.
    pub outbox: Outbox,
    /// Reference data.
    pub directory: DirectoryHandle,
    /// Where open streams hear of new assignments.
    pub feed: Arc<AssignmentFeed>,
    /// What decisions go by, of the snapshot it was made for.
    reference: Arc<Mutex<Option<Arc<Reference>>>>,
}

impl Service {
    /// Takes what it needs of the platform.
    #[must_use]
    pub fn new(platform: &Platform, bounds: FeedBounds) -> Self {
        Self {
            db: platform.db.clone(),
            clock: platform.clock.clone(),
            outbox: platform.outbox.clone(),
            directory: platform.directory.clone(),
            feed: AssignmentFeed::new(bounds, platform.shutdown()),
            reference: Arc::default(),
        }
    }

    /// What decisions go by now; hold it for one decision, so that the decision has one view.
    ///
    /// # Errors
    /// When the snapshot is a new one and the version of its rules cannot be read.
    pub async fn reference(&self) -> sqlx::Result<Arc<Reference>> {
        let directory = self.directory.load();
        let current = self.reference.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(reference) = current.filter(|reference| Arc::ptr_eq(reference.directory(), &directory)) {
            return Ok(reference);
        }
        let revision = directory.revision();
        let rule_set_version = rule_sets::version_of(&mut *self.db.acquire().await?, revision).await?;
        let reference = Arc::new(Reference::new(directory, rule_set_version));
        // Two that prepare the same snapshot at once make the same of it.
        *self.reference.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&reference));
        Ok(reference)
    }
}
