//! What is counted by walking through a whole table: counted once for everybody who asks, and not too often.
//!
//! Guaranteed: a count is drawn from one snapshot and says of which tree. Once the tree has grown, or after [`KEPT_MAX`] in
//! any case, for the tables beside the log may have been drawn anew, it is shown for [`KEPT_TIMES`] times its own duration;
//! after that the next reader has it counted anew. A count that was quick is waited for; while a slow one is counted
//! readers are shown the kept one, which is no older than [`KEPT_MAX`] unless the tree is the same. Readers at the same time
//! share one counting; whoever leaves in the middle does not end it for the others; a replica counts one thing at a time.
//! So however many readers come, counting takes one connection, and of its time a twentieth, or as much as each kind of
//! count once in [`RENEWED_MAX`] needs.

use std::{
    ops::Deref,
    pin::Pin,
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use huying_platform::Platform;
use sqlx::PgConnection;
use tokio::{
    sync::{Mutex, OwnedMutexGuard, Semaphore, oneshot},
    time::Instant,
};

use super::ReadError;
use crate::store;

/// How many times its own duration a count is good enough.
pub const KEPT_TIMES: u32 = 20;

/// Longest time a count is good enough once the tree has grown.
pub const RENEWED_MAX: Duration = Duration::from_secs(30);

/// Longest time a count is shown once the tree has grown.
pub const KEPT_MAX: Duration = Duration::from_secs(60);

/// A count that took no longer is waited for.
const QUICK: Duration = Duration::from_millis(100);

/// Where counting is done. Clones take turns.
#[derive(Debug, Clone)]
pub struct Counting {
    platform: Platform,
    turn: Arc<Semaphore>,
}

impl Counting {
    /// Over the platform's own connections, for counting may take longer than a reader may.
    pub fn new(platform: &Platform) -> Self {
        Self { platform: platform.clone(), turn: Arc::new(Semaphore::new(1)) }
    }

    async fn count<T>(&self, count: Count<T>) -> Result<Slot<T>, ReadError> {
        // Nobody closes it.
        let _turn = self.turn.acquire().await.map_err(|_| sqlx::Error::PoolClosed)?;
        let begun_at = Instant::now();
        let mut transaction = self.platform.db.begin().await?;
        store::figures::begin_counting(&mut transaction).await?;
        let tree_size = store::log::tree_size(&mut transaction).await?;
        let value = count(&mut transaction).await?;
        transaction.commit().await?;
        Ok(Slot { counted: Arc::new(Counted { value, tree_size }), begun_at, took: begun_at.elapsed() })
    }
}

/// A count, and the tree it was drawn from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Counted<T> {
    /// What was counted.
    pub value: T,
    /// Leaves in the tree then.
    pub tree_size: u64,
}

impl<T> Deref for Counted<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

/// Counts by walking through a table, on the connection of a snapshot.
pub type Count<T> =
    for<'c> fn(&'c mut PgConnection) -> Pin<Box<dyn Future<Output = sqlx::Result<T>> + Send + 'c>>;

/// One kind of count.
#[derive(Debug)]
pub struct Kept<T> {
    counting: Counting,
    count: Count<T>,
    slot: Arc<RwLock<Option<Slot<T>>>>,
    /// Locked while it is being counted.
    busy: Arc<Mutex<()>>,
}

#[derive(Debug)]
struct Slot<T> {
    counted: Arc<Counted<T>>,
    begun_at: Instant,
    took: Duration,
}

/// What a kept count is worth to somebody who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Worth {
    /// It is shown.
    Good,
    /// It is shown, and counted anew for those who come next.
    Passable,
    /// It is counted anew, and waited for.
    Nothing,
}

impl Worth {
    fn of(is_of_this_tree: bool, age: Duration, took: Duration) -> Self {
        let good_for = if is_of_this_tree { KEPT_MAX } else { took + (took * KEPT_TIMES).min(RENEWED_MAX) };
        if age < good_for {
            Self::Good
        } else if took > QUICK && (is_of_this_tree || age < KEPT_MAX) {
            Self::Passable
        } else {
            Self::Nothing
        }
    }
}

impl<T: Send + Sync + 'static> Kept<T> {
    /// Nothing counted yet.
    pub fn new(counting: Counting, count: Count<T>) -> Self {
        Self { counting, count, slot: Arc::default(), busy: Arc::default() }
    }

    /// The count. `tree_size` is that of the tree now; the count says of which it is.
    ///
    /// # Errors
    /// [`ReadError::Sql`], also when the service is stopping.
    pub async fn get(&self, tree_size: u64) -> Result<Arc<Counted<T>>, ReadError> {
        match self.kept(tree_size) {
            Some((counted, Worth::Good)) => return Ok(counted),
            Some((counted, Worth::Passable)) => {
                if let Ok(busy) = Arc::clone(&self.busy).try_lock_owned() {
                    drop(self.begin(busy));
                }
                return Ok(counted);
            }
            Some((_, Worth::Nothing)) | None => {}
        }
        let busy = Arc::clone(&self.busy).lock_owned().await;
        // Whoever was busy may have counted it for this reader, too.
        if let Some((counted, Worth::Good)) = self.kept(tree_size) {
            return Ok(counted);
        }
        self.begin(busy).await.unwrap_or(Err(ReadError::Sql(sqlx::Error::PoolClosed)))
    }

    fn kept(&self, tree_size: u64) -> Option<(Arc<Counted<T>>, Worth)> {
        let slot = self.slot.read().unwrap_or_else(PoisonError::into_inner);
        let slot = slot.as_ref()?;
        let worth = Worth::of(slot.counted.tree_size >= tree_size, slot.begun_at.elapsed(), slot.took);
        Some((Arc::clone(&slot.counted), worth))
    }

    /// Begins counting, which goes on whether or not anybody waits for it.
    fn begin(&self, busy: OwnedMutexGuard<()>) -> oneshot::Receiver<Result<Arc<Counted<T>>, ReadError>> {
        let (tell, told) = oneshot::channel();
        let (counting, count, slot) = (self.counting.clone(), self.count, Arc::clone(&self.slot));
        self.counting.platform.spawn("counting", async move {
            let counted = counting.count(count).await.map(|new| {
                let counted = Arc::clone(&new.counted);
                *slot.write().unwrap_or_else(PoisonError::into_inner) = Some(new);
                counted
            });
            drop(busy);
            // Nobody may be waiting; then the next one finds it in the slot, or counts again.
            let _ = tell.send(counted);
        });
        told
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_count_is_kept_by_what_it_cost() {
        let worth = |is_of_this_tree: bool, age_ms: u64, took_ms: u64| {
            Worth::of(is_of_this_tree, Duration::from_millis(age_ms), Duration::from_millis(took_ms))
        };
        // A quick one of an older tree, and of this one.
        assert_eq!(worth(false, 104, 5), Worth::Good);
        assert_eq!(worth(false, 105, 5), Worth::Nothing);
        assert_eq!(worth(true, 59_999, 5), Worth::Good);
        assert_eq!(worth(true, 60_000, 5), Worth::Nothing);
        // A slow one.
        assert_eq!(worth(false, 20_999, 1_000), Worth::Good);
        assert_eq!(worth(false, 21_000, 1_000), Worth::Passable);
        assert_eq!(worth(false, 60_000, 1_000), Worth::Nothing);
        assert_eq!(worth(true, 60_000, 1_000), Worth::Passable);
        // However slow, it is counted anew in the end.
        assert_eq!(worth(false, 50_000, 20_000), Worth::Passable);
        assert_eq!(worth(false, 90_000, 90_000), Worth::Good);
        assert_eq!(worth(false, 120_000, 90_000), Worth::Nothing);
    }
}
