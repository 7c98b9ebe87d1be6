//! WatchAssignments as a stream: a task reads ahead by a bounded number of messages, and the client takes them at its own
//! pace. A client that takes nothing for too long loses its place, which is then free for others.

use futures_util::{Stream, stream};
use huying_platform::status::{self, chain, refused};
use huying_proto::routing::v1::WatchAssignmentsResponse;
use tokio::{
    sync::{mpsc, oneshot},
    time::{Instant, timeout},
};
use tonic::{Code, Status};

use crate::{
    config::FeedBounds,
    use_cases::watch_assignments::{Following, FollowingEnd, Told},
};

/// How many messages are read ahead of the client.
const READ_AHEAD: usize = 64;

/// Serves what is followed until the client hangs up, the server stops, or `is_still_good` says why not to go on.
pub(super) fn serve(
    following: Following,
    bounds: FeedBounds,
    is_still_good: impl Fn() -> Result<(), Status> + Send + 'static,
) -> impl Stream<Item = Result<WatchAssignmentsResponse, Status>> + Send {
    let (messages, taken) = mpsc::channel(READ_AHEAD);
    let (end, ended) = oneshot::channel();
    tokio::spawn(async move {
        let status = tell(following, bounds, is_still_good, messages).await;
        // Nobody is there to be told when the client has hung up.
        let _ = status.map(|status| end.send(status));
    });
    stream::unfold(Some((taken, ended)), |open| async {
        let (mut taken, ended) = open?;
        match taken.recv().await {
            Some(message) => Some((Ok(message), Some((taken, ended)))),
            None => Some((Err(ended.await.ok()?), None)),
        }
    })
}

/// Tells until the end, and says why it ended; None when the client has hung up.
async fn tell(
    mut following: Following,
    bounds: FeedBounds,
    is_still_good: impl Fn() -> Result<(), Status>,
    messages: mpsc::Sender<WatchAssignmentsResponse>,
) -> Option<Status> {
    let mut judged_at = Instant::now();
    loop {
        let told = tokio::select! {
            () = messages.closed() => return None,
            told = following.next() => told,
        };
        let message = match told {
            Ok(Told::Assignment(assignment)) => WatchAssignmentsResponse { assignment: Some(*assignment) },
            Ok(Told::SignOfLife) => WatchAssignmentsResponse { assignment: None },
            Err(end) => return Some(end_status(end)),
        };
        if judged_at.elapsed() >= bounds.sign_of_life {
            if let Err(status) = is_still_good() {
                return Some(status);
            }
            judged_at = Instant::now();
        }
        match timeout(bounds.stall_max, messages.send(message)).await {
            Ok(Ok(())) => {}
            Ok(Err(_)) => return None,
            Err(_) => return Some(too_slow(bounds)),
        }
    }
}

/// Every end but a fault of ours is one to resume from.
fn end_status(end: FollowingEnd) -> Status {
    let message = format!("{end}; call again with the last cursor");
    match end {
        FollowingEnd::Stopping => refused(Code::Unavailable, "SERVER_STOPPING", message, &[]),
        FollowingEnd::Database(error) if status::is_transient(&error) => {
            tracing::warn!(error = chain(&error), "assignments not readable");
            refused(Code::Unavailable, "ASSIGNMENTS_UNAVAILABLE", message, &[])
        }
        FollowingEnd::Database(error) => status::from_sqlx(error),
    }
}

fn too_slow(bounds: FeedBounds) -> Status {
    let message = format!("nothing was taken for {:?}; call again with the last cursor", bounds.stall_max);
    refused(Code::Aborted, "SUBSCRIBER_TOO_SLOW", message, &[])
}
