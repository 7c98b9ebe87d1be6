//! `huying watch`: what is given to a unit and taken from it, as it happens.
//!
//! Guarantees that each assignment is printed once and in order of cursor, whatever happened to the connection: a lost
//! stream is taken up again after the last cursor that was printed, and a stream without any sign of life is held lost.

use std::time::Duration;

use clap::Args;
use huying_proto::routing::v1::{
    Assignment, WatchAssignmentsRequest, WatchAssignmentsResponse, case_service_client::CaseServiceClient,
};
use jiff::Timestamp;
use serde_json::{Value, json};
use tonic::{Code, Status, Streaming, transport::Channel};

use crate::{
    arguments::duration,
    context::{Context, Service, authorised},
    failure::Failure,
    following::{Followed, follow},
    identity::{Identity, IdentityArgs, token_or},
    patience::is_final,
    shapes::{header_json, micros, number_json, time_json},
    text, words,
};

const AFTER_HELP: &str = "\
Examples:
  huying watch --unit 150802-housing
  huying watch --unit 150802-housing --after 17 --count 1 --timeout 10s --json
  huying watch --unit 150802-office --json | while read -r line; do ...; done

Each assignment is one line: lead (the department answers for the case), part (it has a part of it),
office (the office holds it and has to act), released (it is not the unit's any more). Cursors are
1, 2, 3 …; --after goes on behind one, without it everything there was is sent. When the service
goes away the stream is taken up again where it was. With --count, the exit code is 7 when
--timeout ends before. Without a token, the call is made in the name of the unit, or of the operator.";

#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct WatchArgs {
    /// Unit code of the office or department
    #[arg(long, value_name = "CODE")]
    unit: String,

    /// Send what comes after this cursor
    #[arg(long, value_name = "CURSOR", default_value_t = 0, hide_default_value = true)]
    after: u64,

    /// Stop after so many assignments
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    count: Option<u64>,

    /// Stop after this long
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    timeout: Option<Duration>,

    #[command(flatten)]
    identity: IdentityArgs,
}

pub(crate) async fn run(context: &Context, arguments: WatchArgs) -> Result<(), Failure> {
    // An installation may have units whose codes do not say whose they are; an operator may watch those too.
    let proposed = Identity::parse(&arguments.unit).unwrap_or(Identity::Operator);
    let mut watch = Watch {
        context,
        client: context.cases()?,
        identity: arguments.identity,
        proposed,
        unit: arguments.unit,
        last: arguments.after,
        printed: 0,
        count: arguments.count,
    };
    follow(context, &mut watch, arguments.count, arguments.timeout).await
}

struct Watch<'a> {
    context: &'a Context,
    client: CaseServiceClient<Channel>,
    identity: IdentityArgs,
    /// In whose name the calls are made when the user names nobody.
    proposed: Identity,
    unit: String,
    /// Last cursor that was printed, or given by the user.
    last: u64,
    printed: u64,
    count: Option<u64>,
}

impl Followed for Watch<'_> {
    type Message = WatchAssignmentsResponse;
    const SERVICE: Service = Service::Routing;
    const SENDER: &'static str = "routing";
    const WHO: &'static str = "routing";
    const WHAT: &'static str = "assignments";

    async fn open(&self) -> Result<Streaming<WatchAssignmentsResponse>, Failure> {
        // Anew each time: a token that is made here for the purpose does not live as long as a stream may.
        let token = token_or(self.context, &self.identity, &self.proposed)?;
        let message = WatchAssignmentsRequest { unit: self.unit.clone(), after_cursor: self.last };
        let mut client = self.client.clone();
        let request = authorised(message, &token);
        self.context
            .call_once(Service::Routing, async move { client.watch_assignments(request?).await })
            .await
    }

    fn take(&mut self, message: WatchAssignmentsResponse) -> Result<bool, Failure> {
        if let Some(assignment) = message.assignment {
            self.print(&assignment)?;
        }
        Ok(self.count.is_some_and(|count| self.printed >= count))
    }

    fn printed(&self) -> u64 {
        self.printed
    }

    fn hint(&self) -> String {
        format!("--after {} goes on where this ended", self.last)
    }

    /// An open stream also ends when its token expires; whether there is a better one shows on opening.
    fn is_final(status: &Status) -> bool {
        is_final(status) && status.code() != Code::Unauthenticated
    }
}

impl Watch<'_> {
    fn print(&mut self, assignment: &Assignment) -> Result<(), Failure> {
        let cursor = assignment.cursor;
        if cursor <= self.last {
            return Ok(());
        }
        if cursor != self.last + 1 {
            let remark = format!("cursor {cursor} came after {}: some are missing", self.last);
            self.context.output.remark(&remark);
        }
        self.context.output.result(|| for_people(assignment), || to_json(assignment))?;
        self.last = cursor;
        self.printed += 1;
        Ok(())
    }
}

fn for_people(assignment: &Assignment) -> String {
    let title = assignment.header.as_ref().map(|header| header.title.clone()).unwrap_or_default();
    let part =
        if assignment.part_number > 0 { format!(" {}", assignment.part_number) } else { String::new() };
    let kind = format!("{}{part}", words::assignment_kind(assignment.kind));
    let due = text::deadline(micros(assignment.deadline_at_us), Timestamp::now());
    text::line(&format!(
        "{:>5}  {}  {kind:<8}  {}  v{}  {}{}{title}",
        assignment.cursor,
        text::moment(micros(assignment.occurred_at_us)),
        assignment.case_id,
        assignment.case_version,
        due,
        if due.is_empty() { "" } else { "  " },
    ))
}

fn to_json(assignment: &Assignment) -> Value {
    json!({
        "cursor": assignment.cursor,
        "kind": words::assignment_kind(assignment.kind),
        "case_id": assignment.case_id,
        "case_version": assignment.case_version,
        "part_number": number_json(assignment.part_number),
        "occurred_at": time_json(micros(assignment.occurred_at_us)),
        "deadline_at": time_json(micros(assignment.deadline_at_us)),
        "header": header_json(assignment.header.as_ref()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::Exit;
    use futures_util::stream::{self, BoxStream, StreamExt as _};
    use std::{
        convert::Infallible,
        future,
        sync::{Arc, Mutex},
        task::{self, Poll},
    };
    use tokio::net::TcpListener;
    use tonic::{
        Request, Response, Status,
        body::Body,
        codegen::{BoxFuture, Service as HttpService, http},
        server::{Grpc, NamedService, ServerStreamingService},
        transport::{Server, server::TcpIncoming},
    };
    use tonic_prost::ProstCodec;

    /// Has five assignments, gives a sign of life before each, and breaks off each stream after two of them.
    #[derive(Clone, Default)]
    struct Routing {
        asked_after: Arc<Mutex<Vec<u64>>>,
        refuses: bool,
    }

    impl ServerStreamingService<WatchAssignmentsRequest> for Routing {
        type Response = WatchAssignmentsResponse;
        type ResponseStream = BoxStream<'static, Result<WatchAssignmentsResponse, Status>>;
        type Future = future::Ready<Result<Response<Self::ResponseStream>, Status>>;

        fn call(&mut self, request: Request<WatchAssignmentsRequest>) -> Self::Future {
            if self.refuses {
                return future::ready(Err(Status::permission_denied("not yours")));
            }
            let after = request.into_inner().after_cursor;
            self.asked_after.lock().unwrap().push(after);
            let some = (after + 1..=5).take(2).flat_map(|cursor| {
                let assignment = Some(Assignment { cursor, ..Assignment::default() });
                [WatchAssignmentsResponse::default(), WatchAssignmentsResponse { assignment }].map(Ok)
            });
            let is_over = after >= 5;
            let end = (!is_over).then(|| Err(Status::unavailable("restarting")));
            let quiet = stream::pending().take(usize::from(is_over));
            future::ready(Ok(Response::new(stream::iter(some.chain(end)).chain(quiet).boxed())))
        }
    }

    impl NamedService for Routing {
        const NAME: &'static str = "huying.routing.v1.CaseService";
    }

    impl HttpService<http::Request<Body>> for Routing {
        type Response = http::Response<Body>;
        type Error = Infallible;
        type Future = BoxFuture<Self::Response, Self::Error>;

        fn poll_ready(&mut self, _: &mut task::Context<'_>) -> Poll<Result<(), Self::Error>> {
            Poll::Ready(Ok(()))
        }

        fn call(&mut self, request: http::Request<Body>) -> Self::Future {
            assert_eq!(request.uri().path(), "/huying.routing.v1.CaseService/WatchAssignments");
            let routing = self.clone();
            let codec = ProstCodec::<WatchAssignmentsResponse, WatchAssignmentsRequest>::default();
            Box::pin(async move { Ok(Grpc::new(codec).server_streaming(routing, request).await) })
        }
    }

    async fn watch(routing: Routing, count: u64, after: u64, timeout: Duration) -> Result<(), Failure> {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let server = Server::builder().add_service(routing);
        tokio::spawn(server.serve_with_incoming(TcpIncoming::from(listener)));
        let context = Context::of(Service::Routing, &address, &[("HUYING_TOKEN", "t")]);
        let arguments = WatchArgs {
            unit: "150802-housing".into(),
            after,
            count: Some(count),
            timeout: Some(timeout),
            identity: IdentityArgs::default(),
        };
        run(&context, arguments).await
    }

    #[tokio::test]
    async fn a_broken_stream_is_taken_up_after_the_last_cursor_printed() {
        let routing = Routing::default();
        watch(routing.clone(), 5, 0, Duration::from_secs(30)).await.unwrap();
        assert_eq!(*routing.asked_after.lock().unwrap(), [0, 2, 4]);
    }

    #[tokio::test]
    async fn the_time_ends_before_enough_has_come() {
        let failure = watch(Routing::default(), 9, 5, Duration::from_millis(200)).await.unwrap_err();
        assert_eq!(failure.exit(), Exit::TimedOut);
    }

    #[tokio::test]
    async fn a_refusal_is_final() {
        let routing = Routing { refuses: true, ..Routing::default() };
        let failure = watch(routing, 1, 3, Duration::from_secs(30)).await.unwrap_err();
        assert_eq!(failure.exit(), Exit::NotAuthorised);
    }
}
