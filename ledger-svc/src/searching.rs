//! Searches take turns, for anybody may ask and a search costs more than a page.
//!
//! Guaranteed: no more than a quarter of the readers' connections serve searches at a time, and as many threads rank what
//! they found; whoever waits longer than [`WAIT_MAX`] for a turn is told to come back. A search keeps its turn until it is
//! through even when nobody waits for its answer any more, so that asking and hanging up makes no room for more.
//!
//! Lists without a query need no turn: they walk along an index.

use std::{sync::Arc, time::Duration};

use huying_platform::Platform;
use prometheus_client::metrics::counter::Counter;
use sqlx::PgPool;
use tokio::{sync::Semaphore, time::timeout};

use crate::{
    domain::case_filter::CaseFilter,
    use_cases::{
        ReadError,
        export_feed::export_feed,
        list_cases::{CasePage, ListedCase, Place, list_cases},
    },
};

/// How long a search waits for its turn.
pub const WAIT_MAX: Duration = Duration::from_secs(1);

/// When somebody who got no turn may come back: searches take a tenth of a second at most, as a rule.
pub const RETRY_AFTER: Duration = Duration::from_secs(2);

/// Where lists of cases come from, whether something is searched for or not.
#[derive(Debug)]
pub struct Searches {
    readers: PgPool,
    turns: Arc<Semaphore>,
    refused: Counter,
}

/// Why there is no list.
#[derive(Debug, thiserror::Error)]
pub enum SearchError {
    /// Too many others search.
    #[error("this server has more searches than it takes at a time")]
    Busy,
    /// The account could not be read.
    #[error("the account could not be read")]
    Read(#[from] ReadError),
}

impl Searches {
    /// Over the readers' connections.
    pub fn new(platform: &Platform, readers: PgPool) -> Arc<Self> {
        let turns = (readers.options().get_max_connections() / 4).max(1) as usize;
        Arc::new(Self {
            readers,
            turns: Arc::new(Semaphore::new(turns)),
            refused: platform
                .metrics
                .counter("ledger_searches_refused", "Searches refused because there were too many"),
        })
    }

    /// [`list_cases`], in turn where something is searched for.
    ///
    /// # Errors
    /// [`SearchError::Busy`], and those of [`list_cases`].
    pub async fn list(
        &self,
        filter: &CaseFilter,
        after: Option<Place>,
        page_size: u32,
    ) -> Result<CasePage, SearchError> {
        let (readers, asked) = (self.readers.clone(), filter.clone());
        self.in_turn(filter, async move { list_cases(&readers, &asked, after, page_size).await }).await
    }

    /// [`export_feed`], in turn where something is searched for.
    ///
    /// # Errors
    /// [`SearchError::Busy`], and those of [`export_feed`].
    pub async fn feed(&self, filter: &CaseFilter, count_max: u32) -> Result<Vec<ListedCase>, SearchError> {
        let (readers, asked) = (self.readers.clone(), filter.clone());
        self.in_turn(filter, async move { export_feed(&readers, &asked, count_max).await }).await
    }

    async fn in_turn<T: Send + 'static>(
        &self,
        filter: &CaseFilter,
        search: impl Future<Output = Result<T, ReadError>> + Send + 'static,
    ) -> Result<T, SearchError> {
        if filter.query.is_none() {
            return Ok(search.await?);
        }
        let Ok(turn) = timeout(WAIT_MAX, Arc::clone(&self.turns).acquire_owned()).await else {
            self.refused.inc();
            return Err(SearchError::Busy);
        };
        // Nobody closes it.
        let turn = turn.map_err(|_| ReadError::Sql(sqlx::Error::PoolClosed))?;
        let searched = tokio::spawn(async move {
            let found = search.await;
            drop(turn);
            found
        });
        // It fails when the process ends.
        Ok(searched.await.map_err(|_| ReadError::Sql(sqlx::Error::WorkerCrashed))??)
    }
}
