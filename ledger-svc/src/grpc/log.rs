//! The log over gRPC. No token is needed; nothing here can change anything.
//!
//! WatchEntries is fed by a task that reads a batch when the client has taken the one before, at its own pace. A client that
//! takes nothing for too long loses its place, which is then free for others.

use std::{sync::Arc, time::Duration};

use futures_util::{StreamExt as _, stream, stream::BoxStream};
use huying_platform::status::{self, chain, refused};
use huying_proto::ledger::v1::{
    Entry, ProveConsistencyRequest, ProveConsistencyResponse, ProveInclusionRequest, ProveInclusionResponse,
    WatchEntriesRequest, WatchEntriesResponse, log_service_server::LogService,
};
use sqlx::PgPool;
use tokio::{
    sync::{mpsc, oneshot},
    time::timeout,
};
use tonic::{Code, Request, Response, Status};

use super::refusal;
use crate::{
    domain::merkle::Hash,
    entry_feed::{EntryFeed, FeedBounds},
    use_cases::{
        ReadError,
        prove_consistency::prove_consistency,
        prove_inclusion::prove_inclusion,
        watch_entries::{Following, FollowingEnd, Told, WatchError, watch_entries},
    },
};

/// Batches that wait for the client.
const READ_AHEAD: usize = 1;

/// When to ask again after there was no room: others have to leave first.
const RETRY_AFTER: Duration = Duration::from_secs(5);

/// Answers verifiers.
#[derive(Debug)]
pub struct LogApi {
    db: PgPool,
    feed: Arc<EntryFeed>,
}

impl LogApi {
    /// Reads over these connections.
    pub fn new(readers: PgPool, feed: Arc<EntryFeed>) -> Self {
        Self { db: readers, feed }
    }
}

#[tonic::async_trait]
impl LogService for LogApi {
    async fn prove_inclusion(
        &self,
        request: Request<ProveInclusionRequest>,
    ) -> Result<Response<ProveInclusionResponse>, Status> {
        let ProveInclusionRequest { leaf_index, tree_size } = request.into_inner();
        let proof = prove_inclusion(&self.db, leaf_index, tree_size).await.map_err(refusal)?;
        Ok(Response::new(ProveInclusionResponse {
            leaf: proof.leaf,
            path: bytes(&proof.path),
            tree_size: proof.tree_size,
            root: proof.root.to_vec(),
            checkpoint: proof.checkpoint,
        }))
    }

    async fn prove_consistency(
        &self,
        request: Request<ProveConsistencyRequest>,
    ) -> Result<Response<ProveConsistencyResponse>, Status> {
        let ProveConsistencyRequest { old_size, tree_size } = request.into_inner();
        let proof = prove_consistency(&self.db, old_size, tree_size).await.map_err(refusal)?;
        Ok(Response::new(ProveConsistencyResponse {
            path: bytes(&proof.path),
            old_root: proof.old_root.to_vec(),
            root: proof.root.to_vec(),
            tree_size: proof.tree_size,
            checkpoint: proof.checkpoint,
        }))
    }

    type WatchEntriesStream = BoxStream<'static, Result<WatchEntriesResponse, Status>>;

    async fn watch_entries(
        &self,
        request: Request<WatchEntriesRequest>,
    ) -> Result<Response<Self::WatchEntriesStream>, Status> {
        let following = watch_entries(&self.db, &self.feed, request.get_ref().cursor).await;
        let following = following.map_err(|error| match error {
            WatchError::Full(full) => status::busy(full.to_string(), RETRY_AFTER),
            WatchError::Read(error) => refusal(error),
        })?;
        Ok(Response::new(serve(following, self.feed.bounds)))
    }
}

fn bytes(path: &[Hash]) -> Vec<Vec<u8>> {
    path.iter().map(|hash| hash.to_vec()).collect()
}

/// Serves what is followed until the client hangs up or the server stops.
fn serve(
    following: Following,
    bounds: FeedBounds,
) -> BoxStream<'static, Result<WatchEntriesResponse, Status>> {
    let (messages, taken) = mpsc::channel(READ_AHEAD);
    let (end, ended) = oneshot::channel();
    tokio::spawn(async move {
        let status = tell(following, bounds, messages).await;
        // Nobody is there to be told when the client has hung up.
        let _ = status.map(|status| end.send(status));
    });
    let stream = stream::unfold(Some((taken, ended)), |open| async {
        let (mut taken, ended) = open?;
        match taken.recv().await {
            Some(message) => Some((Ok(message), Some((taken, ended)))),
            None => Some((Err(ended.await.ok()?), None)),
        }
    });
    stream.boxed()
}

/// Tells until the end, and says why it ended; None when the client has hung up.
async fn tell(
    mut following: Following,
    bounds: FeedBounds,
    messages: mpsc::Sender<WatchEntriesResponse>,
) -> Option<Status> {
    loop {
        // Nothing is read before the client has taken what was read for it last: many who take nothing hold little.
        let place = match timeout(bounds.stall_max, messages.reserve()).await {
            Ok(Ok(place)) => place,
            Ok(Err(_)) => return None,
            Err(_) => return Some(too_slow(bounds)),
        };
        let told = tokio::select! {
            () = messages.closed() => return None,
            told = following.next() => told,
        };
        match told {
            Ok(told) => place.send(message(told)),
            Err(end) => return Some(end_status(end)),
        }
    }
}

fn message(told: Told) -> WatchEntriesResponse {
    match told {
        Told::Entries(batch) => {
            let next_cursor = batch.first_index + batch.leaves.len() as u64;
            let entries = (batch.first_index..).zip(batch.leaves);
            let entries = entries.map(|(leaf_index, leaf)| Entry { leaf_index, leaf }).collect();
            WatchEntriesResponse { entries, next_cursor, checkpoint: batch.checkpoint }
        }
        Told::SignOfLife(cursor) => {
            WatchEntriesResponse { entries: Vec::new(), next_cursor: cursor, checkpoint: String::new() }
        }
    }
}

/// Every end but a fault of ours is one to resume from.
fn end_status(end: FollowingEnd) -> Status {
    let message = format!("{end}; call again with the last next_cursor");
    match end {
        FollowingEnd::Stopping => refused(Code::Unavailable, "SERVER_STOPPING", message, &[]),
        FollowingEnd::Read(ReadError::Sql(error)) if status::is_transient(&error) => {
            tracing::warn!(error = chain(&error), "log entries not readable");
            refused(Code::Unavailable, "ENTRIES_UNAVAILABLE", message, &[])
        }
        FollowingEnd::Read(error) => refusal(error),
    }
}

fn too_slow(bounds: FeedBounds) -> Status {
    let message =
        format!("nothing was taken for {:?}; call again with the last next_cursor", bounds.stall_max);
    refused(Code::Aborted, "SUBSCRIBER_TOO_SLOW", message, &[])
}
