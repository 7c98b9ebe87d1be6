//! Bounds what large requests take together while they come in and are worked on.
//!
//! A message is in memory as a whole before the service sees it, and a submission with pictures is some MiB. The number
//! of calls alone would bound that badly. So every call that sends more than a text takes up reserves memory as its
//! bytes arrive, MiB by MiB, and gives it back when it is answered; when there is none left it is turned away with
//! RESOURCE_EXHAUSTED, and whoever sends a text alone is not touched by it.

use std::{
    convert::Infallible,
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http_body::{Frame, SizeHint};
use tokio::sync::OwnedSemaphorePermit;
use tonic::{Status, body::Body, server::NamedService};
use tower::Service;

use super::statuses::busy;
use crate::picture_works::{PictureWorks, WorksBusy};

/// What every call may send without a reservation, in bytes: six times the longest text there may be.
const FREE_BYTES: usize = 512 * 1_024;
const MIB: usize = 1_024 * 1_024;

/// A service whose large requests are bounded.
#[derive(Debug, Clone)]
pub struct LargeRequests<S> {
    inner: S,
    works: PictureWorks,
}

impl<S> LargeRequests<S> {
    /// Puts the bounds around a service.
    pub const fn new(inner: S, works: PictureWorks) -> Self {
        Self { inner, works }
    }
}

impl<S: NamedService> NamedService for LargeRequests<S> {
    const NAME: &'static str = S::NAME;
}

impl<S> Service<http::Request<Body>> for LargeRequests<S>
where
    S: Service<http::Request<Body>, Response = http::Response<Body>, Error = Infallible>,
    S::Future: Send + 'static,
{
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let reservation = Reservation::default();
        let request = request.map(|body| {
            let reserved = reservation.clone();
            Body::new(Counted { inner: body, works: self.works.clone(), reserved, seen_bytes: 0 })
        });
        let answer = self.inner.call(request);
        Box::pin(async move {
            let answer = answer.await;
            // The body is gone as soon as it has been read; what was read of it is worked on until now.
            drop(reservation);
            answer
        })
    }
}

/// Shared by a call and its body.
#[derive(Debug, Clone, Default)]
struct Reservation(Arc<Mutex<Option<OwnedSemaphorePermit>>>);

impl Reservation {
    /// Enlarges it to so many MiB.
    fn grow_to(&self, mib: usize, works: &PictureWorks) -> Result<(), WorksBusy> {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let held_mib = held.as_ref().map_or(0, OwnedSemaphorePermit::num_permits);
        let Some(missing_mib) = mib.checked_sub(held_mib).filter(|missing| *missing > 0) else {
            return Ok(());
        };
        let more = works.reserve_mib(u32::try_from(missing_mib).map_err(|_| WorksBusy)?)?;
        match held.as_mut() {
            Some(held) => held.merge(more),
            None => *held = Some(more),
        }
        Ok(())
    }
}

/// A body that reserves memory for what it passes on.
struct Counted {
    inner: Body,
    works: PictureWorks,
    reserved: Reservation,
    seen_bytes: usize,
}

impl http_body::Body for Counted {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let Some(frame) = ready!(Pin::new(&mut self.inner).poll_frame(context)) else {
            return Poll::Ready(None);
        };
        let frame = frame?;
        self.seen_bytes += frame.data_ref().map_or(0, Bytes::len);
        if self.seen_bytes > FREE_BYTES {
            let mib = (self.seen_bytes - FREE_BYTES).div_ceil(MIB);
            self.reserved.grow_to(mib, &self.works).map_err(|error| busy(&error))?;
        }
        Poll::Ready(Some(Ok(frame)))
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
