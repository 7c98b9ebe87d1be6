//! Following a stream that never ends: opened again when it breaks, until there was enough of it or the time is over.
//!
//! Guarantees that a stream without any sign of life is held lost. From where it is taken up, and that nothing of it is
//! printed twice, is for the one who follows.

use std::time::Duration;

use tokio::time::{Instant, timeout_at};
use tonic::{Status, Streaming};

use crate::{
    context::{Context, Service},
    failure::Failure,
    patience::{Patience, deadline_in, is_final},
};

/// Three signs of life that did not come.
const SILENCE_MAX: Duration = Duration::from_secs(45);

/// What is followed, and how far it has come.
pub(crate) trait Followed {
    /// What comes over the stream.
    type Message;
    /// Who sends it.
    const SERVICE: Service;
    /// The same, as failures have it.
    const SENDER: &'static str;
    /// The same, as the beginning of a sentence.
    const WHO: &'static str;
    /// What is counted.
    const WHAT: &'static str;

    /// Opens the stream behind what was printed.
    async fn open(&self) -> Result<Streaming<Self::Message>, Failure>;

    /// Prints what came; true when that was enough.
    fn take(&mut self, message: Self::Message) -> Result<bool, Failure>;

    /// How many were printed.
    fn printed(&self) -> u64;

    /// How to go on where it ended.
    fn hint(&self) -> String;

    /// Whether this end of an open stream cannot be mended by opening another one.
    fn is_final(status: &Status) -> bool {
        is_final(status)
    }
}

/// Follows until so many were printed or so much time is over.
///
/// # Errors
/// When the service refuses, was never there or stays away; when the time is over and not so many have come.
pub(crate) async fn follow<F: Followed>(
    context: &Context,
    followed: &mut F,
    count: Option<u64>,
    timeout: Option<Duration>,
) -> Result<(), Failure> {
    let end = receive(context, followed, deadline_in(timeout)).await.map_err(|failure| {
        if followed.printed() == 0 { failure } else { failure.with_hint(followed.hint()) }
    })?;
    match (end, count, timeout) {
        (End::TimeOver, Some(count), Some(time)) => Err(Failure::timed_out(format!(
            "{} of {count} {} came within {}",
            followed.printed(),
            F::WHAT,
            humantime::format_duration(time)
        ))),
        (End::TimeOver | End::Enough, _, _) => Ok(()),
    }
}

/// Why receiving ended well.
#[derive(Debug, Clone, Copy)]
enum End {
    Enough,
    TimeOver,
}

/// How one stream ended.
enum StreamEnd {
    Done(End),
    /// The service has gone, has ended the stream, or has fallen silent.
    Broken(Option<Failure>),
}

async fn receive<F: Followed>(
    context: &Context,
    followed: &mut F,
    deadline: Instant,
) -> Result<End, Failure> {
    let mut patience = Patience::new();
    let mut connected_before = false;
    loop {
        let broken = match timeout_at(deadline, followed.open()).await {
            Err(_) => return Ok(End::TimeOver),
            Ok(Ok(stream)) => {
                connected_before = true;
                match drain(context, followed, stream, deadline, &mut patience).await? {
                    StreamEnd::Done(end) => return Ok(end),
                    StreamEnd::Broken(failure) => failure,
                }
            }
            // A service that was never there is reported at once, with what to do about it.
            Ok(Err(failure)) if connected_before && failure.is_worth_another_try() => Some(failure),
            Ok(Err(failure)) => return Err(failure),
        };
        if !patience.wait(broken, deadline).await? {
            return Ok(End::TimeOver);
        }
    }
}

async fn drain<F: Followed>(
    context: &Context,
    followed: &mut F,
    mut stream: Streaming<F::Message>,
    deadline: Instant,
    patience: &mut Patience,
) -> Result<StreamEnd, Failure> {
    loop {
        let silence_ends = Instant::now() + SILENCE_MAX;
        let next = match timeout_at(deadline.min(silence_ends), stream.message()).await {
            Ok(next) => next,
            Err(_) if Instant::now() >= deadline => return Ok(StreamEnd::Done(End::TimeOver)),
            Err(_) => {
                let failure = Failure::timed_out(format!("{} has fallen silent", F::WHO));
                return Ok(StreamEnd::Broken(Some(failure)));
            }
        };
        match next {
            Ok(Some(message)) => {
                patience.restore();
                if followed.take(message)? {
                    return Ok(StreamEnd::Done(End::Enough));
                }
            }
            Ok(None) => return Ok(StreamEnd::Broken(None)),
            Err(status) => {
                let address = context.address(F::SERVICE)?;
                let failure = Failure::from_status(F::SENDER, address, &status);
                if F::is_final(&status) {
                    return Err(failure);
                }
                return Ok(StreamEnd::Broken(Some(failure)));
            }
        }
        if Instant::now() >= deadline {
            return Ok(StreamEnd::Done(End::TimeOver));
        }
    }
}
