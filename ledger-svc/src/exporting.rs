//! The exports under way in this process.
//!
//! Each export is a task of its own: it reads a page of rows, writes it into pieces, hands them over one by one at its
//! reader's pace, and only then reads the next page; a file of figures is one page, written as a whole. Guaranteed,
//! however many rows there are and however slow a reader is: an export has one page and two pieces in memory; between
//! two pages it has no connection to the database, and no more than a quarter of the readers' connections serve exports at
//! a time; the number of exports is bounded, and so is the time of each, as a whole and for each piece that its reader
//! leaves untaken.
//!
//! An export that does not reach its end fails its reader: the stream ends with an error, so that the connection is cut
//! and no HTTP client takes the part for the whole.

use std::{
    io,
    sync::Arc,
    task::{Poll, ready},
    time::Duration,
};

use axum::body::Bytes;
use futures_util::{
    Stream, StreamExt as _,
    stream::{self, BoxStream},
};
use huying_platform::{Platform, directory::day_at, status::chain};
use jiff::civil::Date;
use prometheus_client::metrics::{counter::Counter, gauge::Gauge};
use sqlx::{PgPool, Postgres, Transaction};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore, SemaphorePermit, mpsc},
    time::timeout,
};

use crate::{store, use_cases::ReadError};

/// How much the exports of a process may take up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ExportBounds {
    /// Exports at a time.
    pub exports: usize,
    /// Rows read at once.
    pub page_rows: u32,
    /// How long a reader may leave a piece untaken.
    pub stall_max: Duration,
    /// How long an export may take. The server ends connections after about as long, see `huying_platform::server`.
    pub export_max: Duration,
}

impl Default for ExportBounds {
    fn default() -> Self {
        Self {
            exports: 16,
            page_rows: 1_000,
            stall_max: Duration::from_secs(30),
            export_max: Duration::from_secs(10 * 60),
        }
    }
}

/// Where exports get their seats, their connections and their clock.
#[derive(Debug)]
pub struct Exports {
    /// How much they may take up.
    pub bounds: ExportBounds,
    platform: Platform,
    readers: PgPool,
    seats: Arc<Semaphore>,
    turns: Semaphore,
    under_way: Gauge,
    refused: Counter,
    broken_off: Counter,
}

/// The process has as many exports as it takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this server has {0} exports under way, as many as it takes")]
pub struct Full(usize);

/// The seat of one export; given up when dropped.
#[derive(Debug)]
pub struct Seat {
    under_way: Gauge,
    _seat: OwnedSemaphorePermit,
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.under_way.dec();
    }
}

/// One view of the account, for the time of a page.
#[derive(Debug)]
pub struct PageView<'a> {
    /// Reads; whatever it is asked takes [`store::exports::STATEMENT_MAX`] at most.
    pub transaction: Transaction<'static, Postgres>,
    _turn: SemaphorePermit<'a>,
}

/// Why an export does not reach its end.
#[derive(Debug, thiserror::Error)]
pub enum BrokenOff {
    /// The connection is gone.
    #[error("the reader has gone")]
    ReaderGone,
    /// The reader takes nothing.
    #[error("the reader took nothing for {} s", .0.as_secs())]
    ReaderStalled(Duration),
    /// It took too long as a whole.
    #[error("the export took longer than {} s", .0.as_secs())]
    TooLong(Duration),
    /// The account could not be read.
    #[error("the account could not be read")]
    Read(#[from] ReadError),
}

/// Where an export puts its pieces.
#[derive(Debug)]
pub struct Outlet {
    pieces: mpsc::Sender<Piece>,
    stall_max: Duration,
}

/// What a reader gets.
#[derive(Debug)]
enum Piece {
    Bytes(Bytes),
    /// Nothing follows.
    End,
}

impl Outlet {
    /// Hands a piece over, as soon as the reader has taken the one before.
    ///
    /// # Errors
    /// When the reader has gone or takes nothing.
    pub async fn put(&self, bytes: impl Into<Bytes>) -> Result<(), BrokenOff> {
        self.hand_over(Piece::Bytes(bytes.into())).await
    }

    /// Is somebody still there? To be asked between pages, of which not every one makes a piece.
    ///
    /// # Errors
    /// When the reader has gone.
    pub fn check(&self) -> Result<(), BrokenOff> {
        if self.pieces.is_closed() { Err(BrokenOff::ReaderGone) } else { Ok(()) }
    }

    async fn hand_over(&self, piece: Piece) -> Result<(), BrokenOff> {
        match timeout(self.stall_max, self.pieces.send(piece)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(BrokenOff::ReaderGone),
            Err(_) => Err(BrokenOff::ReaderStalled(self.stall_max)),
        }
    }
}

impl Exports {
    /// None under way.
    pub fn new(platform: &Platform, readers: PgPool, bounds: ExportBounds) -> Arc<Self> {
        let metrics = &platform.metrics;
        let turns = (readers.options().get_max_connections() / 4).max(1) as usize;
        Arc::new(Self {
            bounds,
            platform: platform.clone(),
            readers,
            seats: Arc::new(Semaphore::new(bounds.exports)),
            turns: Semaphore::new(turns),
            under_way: metrics.gauge("ledger_exports", "Exports under way"),
            refused: metrics.counter("ledger_exports_refused", "Exports refused because there were too many"),
            broken_off: metrics
                .counter("ledger_exports_broken_off", "Exports that the ledger did not bring to their end"),
        })
    }

    /// Takes a seat.
    ///
    /// # Errors
    /// When there is none left.
    pub fn take_seat(&self) -> Result<Seat, Full> {
        let Ok(seat) = Arc::clone(&self.seats).try_acquire_owned() else {
            self.refused.inc();
            return Err(Full(self.bounds.exports));
        };
        self.under_way.inc();
        Ok(Seat { under_way: self.under_way.clone(), _seat: seat })
    }

    /// The day in Asia/Shanghai, for the names of files.
    pub fn today(&self) -> Date {
        day_at(self.platform.clock.now())
    }

    /// One view of the account, once it is this export's turn.
    ///
    /// # Errors
    /// [`ReadError::Sql`].
    pub async fn view(&self) -> Result<PageView<'_>, ReadError> {
        // Nobody closes it.
        let turn = self.turns.acquire().await.map_err(|_| sqlx::Error::PoolClosed)?;
        let mut transaction = self.readers.begin().await?;
        store::exports::begin_page(&mut transaction).await?;
        Ok(PageView { transaction, _turn: turn })
    }

    /// Starts an export; what its reader gets. The work puts its pieces into the outlet, and has reached the end when it
    /// returns without an error.
    pub fn start<F>(
        &self,
        seat: Seat,
        work: impl FnOnce(Outlet) -> F,
    ) -> BoxStream<'static, io::Result<Bytes>>
    where
        F: Future<Output = Result<(), BrokenOff>> + Send + 'static,
    {
        let (pieces, taken) = mpsc::channel(1);
        let (stall_max, export_max) = (self.bounds.stall_max, self.bounds.export_max);
        let last = Outlet { pieces: pieces.clone(), stall_max };
        let work = work(Outlet { pieces, stall_max });
        let broken_off = self.broken_off.clone();
        self.platform.spawn("export", async move {
            let whole = async {
                work.await?;
                last.hand_over(Piece::End).await
            };
            let ended = timeout(export_max, whole).await.unwrap_or(Err(BrokenOff::TooLong(export_max)));
            drop(seat);
            match ended {
                Ok(()) | Err(BrokenOff::ReaderGone) => {}
                Err(error @ (BrokenOff::ReaderStalled(_) | BrokenOff::TooLong(_) | BrokenOff::Read(_))) => {
                    broken_off.inc();
                    tracing::warn!(error = chain(&error), "export broken off");
                }
            }
        });
        until_the_end(taken).boxed()
    }
}

/// The pieces up to the end; when they stop before it, an error.
fn until_the_end(mut taken: mpsc::Receiver<Piece>) -> impl Stream<Item = io::Result<Bytes>> + Send {
    let mut is_over = false;
    stream::poll_fn(move |context| {
        if is_over {
            return Poll::Ready(None);
        }
        Poll::Ready(match ready!(taken.poll_recv(context)) {
            Some(Piece::Bytes(bytes)) => Some(Ok(bytes)),
            Some(Piece::End) => {
                is_over = true;
                None
            }
            None => {
                is_over = true;
                Some(Err(io::Error::other("the export was broken off")))
            }
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_export_that_stops_before_its_end_fails_its_reader() {
        let (pieces, taken) = mpsc::channel(2);
        pieces.send(Piece::Bytes(Bytes::from_static(b"half"))).await.unwrap();
        drop(pieces);
        let mut read = Box::pin(until_the_end(taken));
        assert_eq!(read.next().await.unwrap().unwrap(), "half");
        assert!(read.next().await.unwrap().is_err());
        assert!(read.next().await.is_none());
    }

    #[tokio::test]
    async fn an_export_that_says_it_is_over_is_whole() {
        let (pieces, taken) = mpsc::channel(2);
        pieces.send(Piece::Bytes(Bytes::from_static(b"whole"))).await.unwrap();
        pieces.send(Piece::End).await.unwrap();
        drop(pieces);
        let mut read = Box::pin(until_the_end(taken));
        assert_eq!(read.next().await.unwrap().unwrap(), "whole");
        assert!(read.next().await.is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn a_reader_that_takes_nothing_and_one_that_has_gone_end_an_export() {
        let (pieces, taken) = mpsc::channel(1);
        let outlet = Outlet { pieces, stall_max: Duration::from_secs(30) };
        outlet.put("one").await.unwrap();
        assert!(matches!(outlet.put("two").await, Err(BrokenOff::ReaderStalled(_))));
        assert!(outlet.check().is_ok());
        drop(taken);
        assert!(matches!(outlet.check(), Err(BrokenOff::ReaderGone)));
        assert!(matches!(outlet.put("three").await, Err(BrokenOff::ReaderGone)));
    }
}
