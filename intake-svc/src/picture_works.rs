//! Where pictures are decoded and encoded: off the threads that answer calls, a few at a time, with a bounded queue.
//!
//! Decoding takes much of a core and of memory for a short while. [`PictureWorks`] lets as many run as there are
//! workers; others wait in order, and past the bound on those waiting a caller is turned away at once. A caller who
//! goes away does not leave a place taken for longer than the picture at hand takes.
//!
//! What clients send takes memory, too, while it comes in: [`PictureWorks::reserve_mib`] bounds that over all calls.

use std::sync::Arc;

use huying_platform::metrics::Metrics;
use prometheus_client::metrics::{counter::Counter, gauge::Gauge};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::domain::picture::{PictureFault, PreparedPicture};

/// How much is worked on at the same time.
#[derive(Debug, Clone, Copy)]
pub struct PictureSettings {
    /// Pictures worked on at the same time; each may take up to 400 MiB for a second or two.
    pub workers: usize,
    /// Calls whose pictures are being worked on or wait for it, at most.
    pub calls_max: usize,
    /// Memory of pictures that are coming in or wait, at most, in MiB.
    pub mib_max: usize,
}

/// The means of working on pictures. Cheap to clone.
#[derive(Debug, Clone)]
pub struct PictureWorks {
    places: Arc<Semaphore>,
    workers: Arc<Semaphore>,
    memory_mib: Arc<Semaphore>,
    waiting: Gauge,
    refused: Counter,
}

/// As much is waiting as may wait. Nothing was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("too many pictures are being received; try again shortly")]
pub struct WorksBusy;

/// Why pictures are not prepared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotPrepared {
    /// No place in the queue.
    #[error(transparent)]
    Busy(#[from] WorksBusy),
    /// One of them cannot be taken.
    #[error("picture {index} cannot be taken")]
    Faulty {
        /// Which one, counted from 0.
        index: usize,
        /// Why.
        source: PictureFault,
    },
}

impl PictureWorks {
    /// The works of a replica.
    #[must_use]
    pub fn new(settings: PictureSettings, metrics: &Metrics) -> Self {
        Self {
            places: Arc::new(Semaphore::new(settings.calls_max)),
            workers: Arc::new(Semaphore::new(settings.workers)),
            memory_mib: Arc::new(Semaphore::new(settings.mib_max)),
            waiting: metrics.gauge("picture_calls_waiting", "Calls whose pictures are not prepared yet"),
            refused: metrics.counter(
                "picture_calls_refused_busy",
                "Calls with pictures refused because of the bounds on their number and memory",
            ),
        }
    }

    /// Memory for what a client sends, until the permit is dropped.
    ///
    /// # Errors
    /// At once when there is not enough.
    pub fn reserve_mib(&self, mib: u32) -> Result<OwnedSemaphorePermit, WorksBusy> {
        let permit = Arc::clone(&self.memory_mib).try_acquire_many_owned(mib);
        permit.map_err(|_| self.refuse())
    }

    /// Prepares a picture.
    ///
    /// # Errors
    /// At once when too many wait; otherwise when the picture, number 0, cannot be taken.
    pub async fn prepare(&self, file: Vec<u8>) -> Result<PreparedPicture, NotPrepared> {
        let _in_line = self.get_in_line()?;
        self.work_on(file).await.map_err(|source| NotPrepared::Faulty { index: 0, source })
    }

    /// Prepares the pictures of one call, one after the other.
    ///
    /// # Errors
    /// At once when too many wait; otherwise at the first picture that cannot be taken.
    pub async fn prepare_all(&self, files: Vec<Vec<u8>>) -> Result<Vec<PreparedPicture>, NotPrepared> {
        let _in_line = self.get_in_line()?;
        let mut prepared = Vec::with_capacity(files.len());
        for (index, file) in files.into_iter().enumerate() {
            let picture = self.work_on(file).await;
            prepared.push(picture.map_err(|source| NotPrepared::Faulty { index, source })?);
        }
        Ok(prepared)
    }

    fn get_in_line(&self) -> Result<InLine, WorksBusy> {
        let place = Arc::clone(&self.places).try_acquire_owned().map_err(|_| self.refuse())?;
        self.waiting.inc();
        Ok(InLine { waiting: self.waiting.clone(), _place: place })
    }

    async fn work_on(&self, file: Vec<u8>) -> Result<PreparedPicture, PictureFault> {
        let worker = Arc::clone(&self.workers).acquire_owned().await;
        let work = move || {
            // Held here and not by the caller: when the caller goes away, the work still goes on.
            let _worker = worker;
            PreparedPicture::prepare(&file)
        };
        tokio::task::spawn_blocking(work).await.unwrap_or_else(|error| {
            // A decoder that gave up over somebody's file is no reason to fail anybody else.
            tracing::error!(error = error.to_string(), "a picture's decoder ended badly");
            Err(PictureFault::Damaged)
        })
    }

    fn refuse(&self) -> WorksBusy {
        self.refused.inc();
        WorksBusy
    }
}

/// The place of a call, and its share of the count, for as long as it waits.
struct InLine {
    waiting: Gauge,
    _place: OwnedSemaphorePermit,
}

impl Drop for InLine {
    fn drop(&mut self) {
        self.waiting.dec();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn works(settings: PictureSettings) -> PictureWorks {
        PictureWorks::new(settings, &Metrics::new())
    }

    #[tokio::test]
    async fn past_the_bounds_callers_are_turned_away_at_once() {
        let works = works(PictureSettings { workers: 1, calls_max: 1, mib_max: 4 });
        let busy_worker = Arc::clone(&works.workers).acquire_owned().await.unwrap();
        let other = works.clone();
        let waiting = tokio::spawn(async move { other.prepare(b"GIF89a".to_vec()).await });
        while works.places.available_permits() > 0 {
            tokio::task::yield_now().await;
        }
        assert_eq!(works.prepare(Vec::new()).await, Err(NotPrepared::Busy(WorksBusy)));
        drop(busy_worker);
        let faulty = NotPrepared::Faulty { index: 0, source: PictureFault::Format };
        assert_eq!(waiting.await.unwrap(), Err(faulty));
        assert_eq!((works.places.available_permits(), works.waiting.get()), (1, 0));
    }

    #[tokio::test]
    async fn memory_is_given_out_up_to_its_bound_and_comes_back() {
        let works = works(PictureSettings { workers: 1, calls_max: 1, mib_max: 4 });
        let reserved = works.reserve_mib(3).unwrap();
        assert!(works.reserve_mib(2).is_err());
        drop(reserved);
        assert!(works.reserve_mib(4).is_ok());
        assert_eq!(works.refused.get(), 1);
    }

    #[tokio::test]
    async fn a_caller_who_goes_away_leaves_no_place_taken() {
        let works = works(PictureSettings { workers: 1, calls_max: 1, mib_max: 1 });
        let busy_worker = Arc::clone(&works.workers).acquire_owned().await.unwrap();
        let gone = tokio::time::timeout(std::time::Duration::ZERO, works.prepare(Vec::new())).await;
        assert!(gone.is_err());
        assert_eq!((works.places.available_permits(), works.waiting.get()), (1, 0));
        drop(busy_worker);
    }
}
