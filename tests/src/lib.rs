//! A whole installation for tests and benchmarks: the four real services as processes of their own, over a real
//! PostgreSQL and a real nats-server, called through the contracts like anybody else would call them.
#![allow(clippy::unwrap_used, clippy::panic, clippy::missing_panics_doc)]
// What a test that fails has to tell goes to standard output, which the harness shows then and only then.
#![allow(clippy::print_stdout)]

pub mod crowd;
pub mod installation;
pub mod servers;
pub mod town;

use std::{
    future::Future,
    time::{Duration, Instant},
};

/// How long a condition may take to come true before a test fails. Generous: it bounds a failure, not a success, and a
/// machine that is busy with other tests may take a minute for a database's recovery alone.
pub const DEADLINE: Duration = Duration::from_secs(180);

/// Waits until a condition gives a value, and fails with `what` when it does not in time.
pub async fn until<T, F: Future<Output = Option<T>>>(what: &str, mut condition: impl FnMut() -> F) -> T {
    let give_up_at = Instant::now() + DEADLINE;
    loop {
        if let Some(value) = condition().await {
            return value;
        }
        assert!(Instant::now() < give_up_at, "not within {DEADLINE:?}: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// The value of an environment variable that `deploy/test` or `deploy/bench` sets.
#[must_use]
pub fn environment(name: &str) -> String {
    std::env::var(name)
        .unwrap_or_else(|_| panic!("{name} is not set; ./deploy/test and ./deploy/bench set it"))
}
