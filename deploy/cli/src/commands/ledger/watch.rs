//! `huying ledger watch`: the leaves of the log, as they come.
//!
//! Guarantees that each leaf is printed once and in the order of the log, whatever happened to the connection: a lost
//! stream is taken up again behind the last leaf that was printed. That they are the leaves that a checkpoint covers is for
//! `huying ledger audit` to say.

use std::time::Duration;

use clap::Args;
use huying_proto::ledger::v1::{
    Entry, WatchEntriesRequest, WatchEntriesResponse, log_service_client::LogServiceClient,
};
use serde_json::json;
use tonic::{Streaming, transport::Channel};

use crate::{
    arguments::duration,
    context::{Context, Service},
    failure::Failure,
    following::{Followed, follow},
    text,
    verify::leaf,
    words,
};

const AFTER_HELP: &str = "\
Examples:
  huying ledger watch
  huying ledger watch --from 1200 --count 100 --timeout 10s --json
  huying ledger watch --json | jq '.leaf | fromjson | .type'

Each leaf is one line; with --json an object with its place in the log, and the leaf as the text
that is hashed. --from is the place to begin at, 0 for the first leaf; without it everything there
is is sent, and then what comes. When the service goes away the stream is taken up again where it
was. With --count, the exit code is 7 when --timeout ends before.";

#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct WatchArgs {
    /// Begin with the leaf at this place
    #[arg(long, value_name = "INDEX", default_value_t = 0, hide_default_value = true)]
    from: u64,

    /// Stop after so many leaves
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    count: Option<u64>,

    /// Stop after this long
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    timeout: Option<Duration>,
}

pub(super) async fn run(context: &Context, arguments: &WatchArgs) -> Result<(), Failure> {
    let mut watch =
        Watch { context, client: context.log()?, next: arguments.from, printed: 0, count: arguments.count };
    follow(context, &mut watch, arguments.count, arguments.timeout).await
}

struct Watch<'a> {
    context: &'a Context,
    client: LogServiceClient<Channel>,
    /// Place of the next leaf to be printed.
    next: u64,
    printed: u64,
    count: Option<u64>,
}

impl Followed for Watch<'_> {
    type Message = WatchEntriesResponse;
    const SERVICE: Service = Service::Ledger;
    const SENDER: &'static str = "ledger";
    const WHO: &'static str = "the ledger";
    const WHAT: &'static str = "leaves";

    async fn open(&self) -> Result<Streaming<WatchEntriesResponse>, Failure> {
        let request = WatchEntriesRequest { cursor: self.next };
        let mut client = self.client.clone();
        self.context.call_once(Service::Ledger, async move { client.watch_entries(request).await }).await
    }

    fn take(&mut self, message: WatchEntriesResponse) -> Result<bool, Failure> {
        for entry in &message.entries {
            self.print(entry)?;
            if self.count.is_some_and(|count| self.printed >= count) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn printed(&self) -> u64 {
        self.printed
    }

    fn hint(&self) -> String {
        format!("--from {} goes on where this ended", self.next)
    }
}

impl Watch<'_> {
    fn print(&mut self, entry: &Entry) -> Result<(), Failure> {
        if entry.leaf_index < self.next {
            return Ok(());
        }
        if entry.leaf_index > self.next {
            let what = format!("leaf {} came where leaf {} was due", entry.leaf_index, self.next);
            return Err(Failure::unverified(what));
        }
        self.context
            .output
            .result(|| for_people(entry), || json!({ "leaf_index": entry.leaf_index, "leaf": entry.leaf }))?;
        self.next += 1;
        self.printed += 1;
        Ok(())
    }
}

fn for_people(entry: &Entry) -> String {
    let index = entry.leaf_index;
    match leaf::parse(&entry.leaf) {
        Ok(leaf) => text::line(&format!(
            "{index:>7}  {}  {}  v{:<3}  {:<19}  {}",
            text::moment(Some(leaf.occurred_at)),
            leaf.case_id,
            leaf.case_version,
            leaf.event_type,
            words::event(&leaf.event_type),
        )),
        Err(reason) => text::line(&format!("{index:>7}  NOT AS IT MUST BE: {reason}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::Exit;
    use futures_util::stream::{self, BoxStream, StreamExt as _};
    use huying_proto::ledger::v1::{
        ProveConsistencyRequest, ProveConsistencyResponse, ProveInclusionRequest, ProveInclusionResponse,
        log_service_server::{LogService, LogServiceServer},
    };
    use std::sync::{Arc, Mutex};
    use tokio::net::TcpListener;
    use tonic::{
        Request, Response, Status,
        transport::{Server, server::TcpIncoming},
    };

    /// Has five leaves, gives a sign of life before each, and breaks off each stream after two of them.
    #[derive(Clone, Default)]
    struct Log {
        asked_from: Arc<Mutex<Vec<u64>>>,
        skips: bool,
    }

    #[tonic::async_trait]
    impl LogService for Log {
        type WatchEntriesStream = BoxStream<'static, Result<WatchEntriesResponse, Status>>;

        async fn watch_entries(
            &self,
            request: Request<WatchEntriesRequest>,
        ) -> Result<Response<Self::WatchEntriesStream>, Status> {
            let cursor = request.into_inner().cursor;
            if cursor > 5 {
                return Err(Status::invalid_argument("cursor: is beyond the log"));
            }
            self.asked_from.lock().unwrap().push(cursor);
            let skipped = u64::from(self.skips);
            let some = (cursor..5).take(2).flat_map(move |index| {
                let entry = Entry { leaf_index: index + skipped, leaf: "{}".into() };
                let answer = |entries| WatchEntriesResponse { entries, ..WatchEntriesResponse::default() };
                [Ok(answer(vec![])), Ok(answer(vec![entry]))]
            });
            let is_over = cursor >= 5;
            let end = (!is_over).then(|| Err(Status::unavailable("restarting")));
            let quiet = stream::pending().take(usize::from(is_over));
            Ok(Response::new(stream::iter(some.chain(end)).chain(quiet).boxed()))
        }

        async fn prove_inclusion(
            &self,
            _: Request<ProveInclusionRequest>,
        ) -> Result<Response<ProveInclusionResponse>, Status> {
            Err(Status::unimplemented("not needed here"))
        }

        async fn prove_consistency(
            &self,
            _: Request<ProveConsistencyRequest>,
        ) -> Result<Response<ProveConsistencyResponse>, Status> {
            Err(Status::unimplemented("not needed here"))
        }
    }

    async fn watch(log: Log, from: u64, count: u64, timeout: Duration) -> Result<(), Failure> {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let server = Server::builder().add_service(LogServiceServer::new(log));
        tokio::spawn(server.serve_with_incoming(TcpIncoming::from(listener)));
        let context = Context::of(Service::Ledger, &address, &[]);
        run(&context, &WatchArgs { from, count: Some(count), timeout: Some(timeout) }).await
    }

    #[tokio::test]
    async fn a_broken_stream_is_taken_up_behind_the_last_leaf_printed() {
        let log = Log::default();
        watch(log.clone(), 0, 5, Duration::from_secs(30)).await.unwrap();
        assert_eq!(*log.asked_from.lock().unwrap(), [0, 2, 4]);
    }

    #[tokio::test]
    async fn the_time_ends_before_enough_has_come() {
        let failure = watch(Log::default(), 5, 1, Duration::from_millis(200)).await.unwrap_err();
        assert_eq!(failure.exit(), Exit::TimedOut);
    }

    #[tokio::test]
    async fn a_leaf_that_is_left_out_is_noticed() {
        let log = Log { skips: true, ..Log::default() };
        let failure = watch(log, 0, 1, Duration::from_secs(30)).await.unwrap_err();
        assert_eq!(failure.exit(), Exit::VerificationFailed);
    }

    #[tokio::test]
    async fn a_refusal_is_final() {
        let failure = watch(Log::default(), 6, 1, Duration::from_secs(30)).await.unwrap_err();
        assert_eq!(failure.exit(), Exit::Refused);
    }
}
