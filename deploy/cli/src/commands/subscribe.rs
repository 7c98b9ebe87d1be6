//! `huying subscribe`: notifications as they come.
//!
//! Guarantees that each notification is printed once and in order of position, whatever happened to the connection: a
//! lost stream is taken up again after the last position that was printed. A notification is acknowledged only after it
//! has been printed and flushed.

use std::time::Duration;

use clap::Args;
use huying_proto::notify::v1::{
    AcknowledgeRequest, Recipient, SubscribeRequest, SubscribeResponse,
    notification_service_client::NotificationServiceClient, recipient,
};
use serde_json::{Value, json};
use tokio::time::{Instant, timeout, timeout_at};
use tonic::{Streaming, transport::Channel};

use crate::{
    arguments::duration,
    context::{Context, Service, authorised},
    failure::Failure,
    identity::{Identity, IdentityArgs, token_or},
    patience::{Patience, deadline_in, is_final},
    shapes::{actor_words, event_json, event_name, timestamp},
    text, words,
};

/// So many notifications are acknowledged at once while they come without a pause.
const UNACKNOWLEDGED_MAX: u64 = 100;
/// A pause of this long is used to acknowledge what has come.
const ACKNOWLEDGE_PAUSE: Duration = Duration::from_millis(100);

const AFTER_HELP: &str = "\
Examples:
  huying subscribe --representative r-150802001-003
  huying subscribe --representative r-150802001-003 --after 0 --count 1 --timeout 10s --json
  huying subscribe --unit 150802-housing --ack --json | while read -r line; do ...; done

Each notification is one line. Without --after, what comes after the last acknowledged one is sent.
When the service goes away the stream is taken up again where it was. With --count, the exit code
is 7 when --timeout ends before. Without a token, the call is made in the name of the
representative or unit, or of the operator.";

#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct SubscribeArgs {
    /// What this representative is told
    #[arg(long, value_name = "CODE", required_unless_present = "unit", conflicts_with = "unit")]
    representative: Option<String>,

    /// What this office or department is told
    #[arg(long, value_name = "CODE")]
    unit: Option<String>,

    /// Send what comes after this position; 0 for everything
    #[arg(long, value_name = "POSITION")]
    after: Option<u64>,

    /// Stop after so many notifications
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    count: Option<u64>,

    /// Stop after this long
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    timeout: Option<Duration>,

    /// Acknowledge what has been printed
    #[arg(long)]
    ack: bool,

    #[command(flatten)]
    identity: IdentityArgs,
}

pub(crate) async fn run(context: &Context, arguments: SubscribeArgs) -> Result<(), Failure> {
    let (recipient, proposed) = match (arguments.representative, arguments.unit) {
        (Some(code), _) => (recipient::Recipient::RepresentativeCode(code.clone()), code),
        (None, Some(code)) => (recipient::Recipient::UnitCode(code.clone()), code),
        (None, None) => return Err(Failure::usage("give --representative or --unit")),
    };
    let token =
        token_or(context, &arguments.identity, &Identity::parse(&proposed).unwrap_or(Identity::Operator))
            .or_else(|failure| {
                token_or(context, &arguments.identity, &Identity::Operator).map_err(|_| failure)
            })?;
    let mut subscription = Subscription {
        context,
        client: context.notifications()?,
        recipient: Recipient { recipient: Some(recipient) },
        token,
        last: arguments.after,
        printed: 0,
        unacknowledged: 0,
        count: arguments.count,
        acknowledge: arguments.ack,
    };
    let ended = subscription.receive(deadline_in(arguments.timeout)).await;
    let acknowledged = subscription.acknowledge().await;
    match ended? {
        End::Enough => acknowledged,
        End::TimeOver => {
            acknowledged?;
            match (subscription.count, arguments.timeout) {
                (Some(count), Some(time)) => Err(Failure::timed_out(format!(
                    "{} of {count} notifications came within {}",
                    subscription.printed,
                    humantime::format_duration(time)
                ))),
                _ => Ok(()),
            }
        }
    }
}

/// Why receiving ended well.
enum End {
    Enough,
    TimeOver,
}

/// How one stream ended.
enum StreamEnd {
    Done(End),
    /// The service has gone, or has ended the stream; `true` when something had come before.
    Broken {
        progressed: bool,
        failure: Option<Failure>,
    },
}

struct Subscription<'a> {
    context: &'a Context,
    client: NotificationServiceClient<Channel>,
    recipient: Recipient,
    token: String,
    /// Last position that was printed, or given by the user.
    last: Option<u64>,
    printed: u64,
    unacknowledged: u64,
    count: Option<u64>,
    acknowledge: bool,
}

impl Subscription<'_> {
    async fn receive(&mut self, deadline: Instant) -> Result<End, Failure> {
        let mut patience = Patience::new();
        let mut connected_before = false;
        loop {
            let failure = match timeout_at(deadline, self.open()).await {
                Err(_) => return Ok(End::TimeOver),
                Ok(Ok(stream)) => {
                    connected_before = true;
                    match self.drain(stream, deadline).await? {
                        StreamEnd::Done(end) => return Ok(end),
                        StreamEnd::Broken { progressed, failure } => {
                            if progressed {
                                patience.restore();
                            }
                            failure
                        }
                    }
                }
                // A service that was never there is reported at once, with what to do about it.
                Ok(Err(failure)) if connected_before && failure.is_worth_another_try() => Some(failure),
                Ok(Err(failure)) => return Err(failure),
            };
            if !patience.wait(failure, deadline).await? {
                return Ok(End::TimeOver);
            }
        }
    }

    async fn open(&self) -> Result<Streaming<SubscribeResponse>, Failure> {
        let message = SubscribeRequest { recipient: Some(self.recipient.clone()), after_position: self.last };
        let mut client = self.client.clone();
        let request = authorised(message, &self.token);
        self.context.call_once(Service::Notify, async move { client.subscribe(request?).await }).await
    }

    async fn drain(
        &mut self,
        mut stream: Streaming<SubscribeResponse>,
        deadline: Instant,
    ) -> Result<StreamEnd, Failure> {
        let mut progressed = false;
        loop {
            // `message` may be dropped and called again: what has been read of a message stays in the stream.
            let next = if self.acknowledge && self.unacknowledged > 0 {
                match timeout(ACKNOWLEDGE_PAUSE, stream.message()).await {
                    Ok(next) => next,
                    Err(_) => {
                        self.acknowledge().await?;
                        continue;
                    }
                }
            } else {
                match timeout_at(deadline, stream.message()).await {
                    Ok(next) => next,
                    Err(_) => return Ok(StreamEnd::Done(End::TimeOver)),
                }
            };
            match next {
                Ok(Some(notification)) => {
                    progressed = true;
                    self.print(&notification)?;
                    if self.count.is_some_and(|count| self.printed >= count) {
                        return Ok(StreamEnd::Done(End::Enough));
                    }
                    if self.unacknowledged >= UNACKNOWLEDGED_MAX {
                        self.acknowledge().await?;
                    }
                }
                Ok(None) => return Ok(StreamEnd::Broken { progressed, failure: None }),
                Err(status) => {
                    let address = self.context.address(Service::Notify)?;
                    let failure = Failure::from_status("notify", address, &status);
                    if is_final(&status) {
                        return Err(failure);
                    }
                    return Ok(StreamEnd::Broken { progressed, failure: Some(failure) });
                }
            }
            if Instant::now() >= deadline {
                return Ok(StreamEnd::Done(End::TimeOver));
            }
        }
    }

    fn print(&mut self, notification: &SubscribeResponse) -> Result<(), Failure> {
        let position = notification.position;
        if self.last.is_some_and(|last| position <= last) {
            return Ok(());
        }
        if let Some(last) = self.last
            && position != last + 1
        {
            self.context.output.remark(&format!("position {position} came after {last}: some are missing"));
        }
        self.context.output.result(|| for_people(notification), || to_json(notification))?;
        self.last = Some(position);
        self.printed += 1;
        self.unacknowledged += 1;
        Ok(())
    }

    /// Acknowledges what has been printed, when that is wanted.
    async fn acknowledge(&mut self) -> Result<(), Failure> {
        let (true, true, Some(position)) = (self.acknowledge, self.unacknowledged > 0, self.last) else {
            return Ok(());
        };
        self.context
            .call(Service::Notify, || {
                let mut client = self.client.clone();
                let message = AcknowledgeRequest { recipient: Some(self.recipient.clone()), position };
                let request = authorised(message, &self.token);
                async move { client.acknowledge(request?).await }
            })
            .await
            .map_err(|failure| failure.during(&format!("acknowledging position {position}")))?;
        self.unacknowledged = 0;
        Ok(())
    }
}

fn for_people(notification: &SubscribeResponse) -> String {
    let event = notification.event.clone().unwrap_or_default();
    let title = event.header.as_ref().map(|header| header.title.clone()).unwrap_or_default();
    let state = event.standing.as_ref().map(|standing| words::state(standing.state)).unwrap_or_default();
    text::line(&format!(
        "{:>5}  {}  {:<19} {:<12} {}  v{}  {}  {title}",
        notification.position,
        text::moment(timestamp(event.occurred_at.as_ref())),
        event_name(&event),
        state,
        event.case_id,
        event.case_version,
        actor_words(event.actor.as_ref()),
    ))
}

fn to_json(notification: &SubscribeResponse) -> Value {
    json!({
        "position": notification.position,
        "event": notification.event.as_ref().map(event_json),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::Exit;
    use futures_util::stream::{self, BoxStream, StreamExt as _};
    use huying_proto::notify::v1::{
        AcknowledgeResponse,
        notification_service_server::{NotificationService, NotificationServiceServer},
    };
    use std::sync::{Arc, Mutex};
    use tokio::net::TcpListener;
    use tonic::{
        Request, Response, Status,
        transport::{Server, server::TcpIncoming},
    };

    /// Has five notifications, and breaks off each stream after two of them.
    #[derive(Clone, Default)]
    struct Notify {
        asked_after: Arc<Mutex<Vec<Option<u64>>>>,
        acknowledged: Arc<Mutex<Vec<u64>>>,
        refuses: bool,
    }

    #[tonic::async_trait]
    impl NotificationService for Notify {
        type SubscribeStream = BoxStream<'static, Result<SubscribeResponse, Status>>;

        async fn subscribe(
            &self,
            request: Request<SubscribeRequest>,
        ) -> Result<Response<Self::SubscribeStream>, Status> {
            if self.refuses {
                return Err(Status::permission_denied("not yours"));
            }
            let after = request.into_inner().after_position;
            self.asked_after.lock().unwrap().push(after);
            let first = after.unwrap_or(0) + 1;
            let some = (first..=5).take(2).map(|position| Ok(SubscribeResponse { position, event: None }));
            let end = if first > 5 { None } else { Some(Err(Status::unavailable("restarting"))) };
            let quiet = stream::pending().take(if first > 5 { 1 } else { 0 });
            Ok(Response::new(stream::iter(some.chain(end)).chain(quiet).boxed()))
        }

        async fn acknowledge(
            &self,
            request: Request<AcknowledgeRequest>,
        ) -> Result<Response<AcknowledgeResponse>, Status> {
            self.acknowledged.lock().unwrap().push(request.into_inner().position);
            Ok(Response::new(AcknowledgeResponse {}))
        }
    }

    async fn subscribe(
        notify: Notify,
        count: u64,
        after: Option<u64>,
        timeout: Duration,
    ) -> Result<(), Failure> {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let server = Server::builder().add_service(NotificationServiceServer::new(notify));
        tokio::spawn(server.serve_with_incoming(TcpIncoming::from(listener)));
        let context = Context::of(Service::Notify, &address, &[("HUYING_TOKEN", "t")]);
        let arguments = SubscribeArgs {
            representative: Some("r-150802001-003".into()),
            unit: None,
            after,
            count: Some(count),
            timeout: Some(timeout),
            ack: true,
            identity: IdentityArgs::default(),
        };
        run(&context, arguments).await
    }

    #[tokio::test]
    async fn a_broken_stream_is_taken_up_after_the_last_position_printed() {
        let notify = Notify::default();
        subscribe(notify.clone(), 5, None, Duration::from_secs(30)).await.unwrap();
        assert_eq!(*notify.asked_after.lock().unwrap(), [None, Some(2), Some(4)]);
        assert_eq!(notify.acknowledged.lock().unwrap().last(), Some(&5));
    }

    #[tokio::test]
    async fn the_time_ends_before_enough_has_come() {
        let failure = subscribe(Notify::default(), 9, Some(5), Duration::from_millis(200)).await.unwrap_err();
        assert_eq!(failure.exit(), Exit::TimedOut);
    }

    #[tokio::test]
    async fn a_refusal_is_final() {
        let notify = Notify { refuses: true, ..Notify::default() };
        let failure = subscribe(notify, 1, None, Duration::from_secs(30)).await.unwrap_err();
        assert_eq!(failure.exit(), Exit::NotAuthorised);
    }
}
