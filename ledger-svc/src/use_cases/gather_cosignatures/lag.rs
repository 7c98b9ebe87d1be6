//! How far the witnesses are behind, for operators.

use std::sync::{
    Mutex, MutexGuard, PoisonError,
    atomic::{AtomicI64, AtomicU64},
};

use huying_platform::metrics::Metrics;
use prometheus_client::metrics::{counter::Counter, gauge::Gauge};
use tokio::time::Instant;

/// How far the witnesses are behind.
#[derive(Debug)]
pub(super) struct Lag {
    leaves: Gauge<i64, AtomicI64>,
    seconds: Gauge<i64, AtomicI64>,
    /// Requests that ended without a cosignature.
    pub(super) failures: Counter<u64, AtomicU64>,
    witnesses: Mutex<Vec<Cosigning>>,
}

/// How far one witness is.
#[derive(Debug, Clone, Copy, Default)]
struct Cosigning {
    tree_size: u64,
    /// Since when there is a larger tree.
    behind_since: Option<Instant>,
}

impl Lag {
    /// Registers the metrics.
    pub(super) fn new(metrics: &Metrics) -> Self {
        Self {
            leaves: metrics.gauge(
                "ledger_witness_lag_leaves",
                "Leaves that the slowest witness has not cosigned; 0 on replicas that do not lead",
            ),
            seconds: metrics.gauge(
                "ledger_witness_lag_seconds",
                "For how long the slowest witness has not cosigned the newest tree; 0 on replicas that do not lead",
            ),
            failures: metrics.counter(
                "ledger_witness_failures",
                "Requests to witnesses that ended without a cosignature",
            ),
            witnesses: Mutex::new(Vec::new()),
        }
    }

    /// With so many witnesses, none of which has cosigned anything yet.
    pub(super) fn begin(&self, witnesses: usize) {
        *self.lock() = vec![Cosigning::default(); witnesses];
    }

    /// This replica does not lead any more.
    pub(super) fn end(&self) {
        self.lock().clear();
        self.publish(None);
    }

    /// A witness, by its place, has cosigned the tree of this size.
    pub(super) fn cosigned(&self, index: usize, tree_size: u64) {
        if let Some(witness) = self.lock().get_mut(index) {
            *witness = Cosigning { tree_size, behind_since: None };
        }
    }

    /// Measures against the newest tree: its size, and when it was first seen.
    pub(super) fn publish(&self, newest: Option<(u64, Instant)>) {
        let (mut leaves, mut seconds) = (0, 0);
        if let Some((tree_size, seen_at)) = newest {
            for witness in self.lock().iter_mut().filter(|witness| witness.tree_size < tree_size) {
                let since = *witness.behind_since.get_or_insert(seen_at);
                leaves = leaves.max(tree_size - witness.tree_size);
                seconds = seconds.max(since.elapsed().as_secs());
            }
        }
        self.leaves.set(i64::try_from(leaves).unwrap_or(i64::MAX));
        self.seconds.set(i64::try_from(seconds).unwrap_or(i64::MAX));
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Cosigning>> {
        // Plain values: whatever panicked while holding the lock left them usable.
        self.witnesses.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_slowest_witness_is_the_lag() {
        let lag = Lag::new(&Metrics::new());
        lag.begin(2);
        let tree = |tree_size| Some((tree_size, Instant::now()));
        lag.cosigned(0, 10);
        lag.cosigned(1, 4);
        lag.publish(tree(10));
        assert_eq!(lag.leaves.get(), 6);
        lag.cosigned(1, 10);
        lag.publish(tree(10));
        assert_eq!(lag.leaves.get(), 0);
        lag.publish(tree(12));
        assert_eq!(lag.leaves.get(), 2);
        lag.end();
        assert_eq!(lag.leaves.get(), 0);
    }
}
