//! What the use cases work with.

use huying_platform::{Platform, clock::Clock, directory::DirectoryHandle, outbox::Outbox};
use sqlx::PgPool;

use crate::domain::deadlines::Policies;

/// Name under which this service consumes.
pub const CONSUMER: &str = "routing";

/// The service's database, time, events, reference data and limits. Cheap to clone.
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
    /// The limits in force.
    pub policies: Policies,
}

impl Service {
    /// Takes what it needs of the platform.
    #[must_use]
    pub fn new(platform: &Platform, policies: Policies) -> Self {
        Self {
            db: platform.db.clone(),
            clock: platform.clock.clone(),
            outbox: platform.outbox.clone(),
            directory: platform.directory.clone(),
            policies,
        }
    }
}
