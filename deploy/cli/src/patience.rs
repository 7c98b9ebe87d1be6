//! Patience with a stream that breaks off: how long to wait before it is opened again, and when to give it up.
//!
//! Guarantees waits that double up to a few seconds, so that a service that restarts is neither hammered nor waited for
//! longer than needed, and an end: a service that has been away for two minutes is given up. What a stream carries, and
//! from where it is taken up, is its user's to know.

use std::time::Duration;

use tokio::time::{Instant, sleep, timeout_at};
use tonic::{Code, Status};

use crate::failure::Failure;

const BACKOFF_MIN: Duration = Duration::from_millis(100);
const BACKOFF_MAX: Duration = Duration::from_secs(5);
/// An interrupted stream is given up when the service has not been there for this long.
const ABSENCE_MAX: Duration = Duration::from_secs(120);
/// Without --timeout a command runs until it is interrupted; Tokio wants a moment all the same.
const FOREVER: Duration = Duration::from_secs(10 * 365 * 86_400);

/// Patience with one stream.
#[derive(Debug)]
pub(crate) struct Patience {
    backoff: Duration,
    absent_since: Option<Instant>,
}

impl Patience {
    pub(crate) fn new() -> Self {
        Self { backoff: BACKOFF_MIN, absent_since: None }
    }

    /// Something came over the stream: the service is there.
    pub(crate) fn restore(&mut self) {
        *self = Self::new();
    }

    /// Waits before the stream is opened again; false when the deadline comes first.
    ///
    /// # Errors
    /// With why the stream broke, when the service has been away for too long.
    pub(crate) async fn wait(&mut self, broken: Option<Failure>, deadline: Instant) -> Result<bool, Failure> {
        let since = *self.absent_since.get_or_insert_with(Instant::now);
        if let Some(failure) = broken
            && since.elapsed() > ABSENCE_MAX
        {
            return Err(failure);
        }
        if timeout_at(deadline, sleep(self.backoff)).await.is_err() {
            return Ok(false);
        }
        self.backoff = (self.backoff * 2).min(BACKOFF_MAX);
        Ok(true)
    }
}

/// When a command that may run for so long ends.
pub(crate) fn deadline_in(time: Option<Duration>) -> Instant {
    Instant::now() + time.unwrap_or(FOREVER)
}

/// An end of a stream that opening it again would not change.
pub(crate) fn is_final(status: &Status) -> bool {
    matches!(
        status.code(),
        Code::InvalidArgument
            | Code::NotFound
            | Code::Unauthenticated
            | Code::PermissionDenied
            | Code::Unimplemented
            | Code::FailedPrecondition
    )
}
