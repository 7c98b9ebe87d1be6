//! All cases counted by how they stand: what the overview pages show.
//!
//! Counting reads every case, so the counts are kept until the tree has grown, and even then for a moment that grows
//! with what counting costs: however many readers come, it takes at most a twentieth of one connection's time.

use std::{sync::Arc, time::Duration};

use sqlx::PgPool;
use tokio::{sync::Mutex, time::Instant};

use super::ReadError;
use crate::store::{self, cases::Standing};

/// How many times its own duration a count is kept.
const KEPT_TIMES: u32 = 20;

/// Longest time a count is kept once the tree has grown.
const KEPT_MAX: Duration = Duration::from_secs(60);

/// The counts, and the tree they were drawn from.
#[derive(Debug)]
pub struct Counts {
    /// Cases by how they stand.
    pub standings: Vec<Standing>,
    /// Leaves in the tree when they were counted.
    pub tree_size: u64,
}

/// Counts cases, at most now and then.
#[derive(Debug)]
pub struct CountCases {
    db: PgPool,
    kept: Mutex<Option<Kept>>,
}

#[derive(Debug)]
struct Kept {
    counts: Arc<Counts>,
    fresh_until: Instant,
}

impl CountCases {
    /// Nothing counted yet.
    pub fn new(db: PgPool) -> Self {
        Self { db, kept: Mutex::new(None) }
    }

    /// The counts, at most a moment old. Callers at the same time share one counting.
    ///
    /// # Errors
    /// [`ReadError::Sql`].
    pub async fn counts(&self, tree_size: u64) -> Result<Arc<Counts>, ReadError> {
        let mut kept = self.kept.lock().await;
        if let Some(kept) = &*kept
            && (kept.counts.tree_size >= tree_size || Instant::now() < kept.fresh_until)
        {
            return Ok(Arc::clone(&kept.counts));
        }
        let begun = Instant::now();
        let mut connection = self.db.acquire().await?;
        // Read first: what is appended in between is counted, and counted again next time, never left out.
        let tree_size = store::log::tree_size(&mut connection).await?;
        let standings = store::cases::standings(&mut connection).await?;
        let counts = Arc::new(Counts { standings, tree_size });
        let keep = (begun.elapsed() * KEPT_TIMES).min(KEPT_MAX);
        *kept = Some(Kept { counts: Arc::clone(&counts), fresh_until: Instant::now() + keep });
        Ok(counts)
    }
}
