//! Takes events from JetStream in batches and makes each happen once.
//!
//! A batch is handed to a [`BatchHandler`], which does its work in one transaction; only after its commit are the
//! messages acknowledged, plainly, because a lost acknowledgement merely brings a message the handler will drop.
//!
//! A bad message stops nobody. When a batch fails and the fault is not passing, it is halved until the message at
//! fault is alone; that one is recorded as a [dead letter](crate::dead_letters) with its reason and terminated, and the
//! others are done. What cannot be decided yet, or fails for a passing reason, comes again with growing delay.
//!
//! Not guaranteed: order. The same message may come twice, late, and to two replicas at once; handlers go by the
//! version in the event.

use std::{
    future::Future,
    sync::Arc,
    time::{Duration, Instant},
};

use async_nats::jetstream::{
    self, AckKind,
    consumer::{AckPolicy, DeliverPolicy, PullConsumer, pull},
};
use futures_util::{FutureExt as _, StreamExt as _};
use huying_proto::events::v1::Event;
use prost::Message;
use sqlx::PgPool;
use tokio::task::{JoinError, JoinSet};
use tokio_util::sync::CancellationToken;

use crate::{
    dead_letters::{self, Failed},
    metrics::Metrics,
    status::{chain, is_transient},
    streams,
    subjects::{self, Namespace},
};

/// How long a handler may take for one batch.
const HANDLE_MAX: Duration = Duration::from_secs(10);
/// Batches that take longer than this are worked on one at a time: of two at once, the second would run out of its time.
const ALONE_FROM: Duration = Duration::from_millis(2_500);
/// How long the broker waits for an acknowledgement before it delivers again. Longer than `HANDLE_MAX`, so that a
/// batch being worked on is not given to another replica as well; no longer than needed, because what a killed
/// replica had fetched stands still for this long.
const ACK_WAIT: Duration = Duration::from_secs(12);
/// Without a heartbeat a stalled pull is never noticed.
const HEARTBEAT: Duration = Duration::from_secs(5);
/// How long one pull request lasts; the heartbeat must be at most half of it.
const PULL_EXPIRES: Duration = Duration::from_secs(30);
/// Wait before a consumer that could not start, or was cut off, tries again.
const RESTART: Duration = Duration::from_millis(500);

/// One event, decoded.
#[derive(Debug, Clone)]
pub struct Incoming<M> {
    /// The event.
    pub message: M,
    /// Its Nats-Msg-Id.
    pub message_id: String,
    /// Its subject, without the namespace.
    pub subject: String,
    /// The trace it belongs to (W3C Trace Context).
    pub traceparent: Option<String>,
}

impl Incoming<Event> {
    /// That what arrived is what its subject says: an event of that case, that region and that name. Who may publish under
    /// some subjects alone can so tell of nothing else.
    ///
    /// # Errors
    /// [`HandleError::Poison`]. An event of a kind that this version does not know is not refused here.
    pub fn check_subject(&self) -> Result<(), HandleError> {
        if self.message.body.is_none() {
            return Ok(());
        }
        let expected = subjects::case_event(&self.message);
        if self.subject == expected {
            return Ok(());
        }
        Err(HandleError::Poison(format!("it came as {} and would be {expected}", self.subject)))
    }
}

/// Why a batch was not done.
#[derive(Debug, thiserror::Error)]
pub enum HandleError {
    /// A passing fault; the same batch may succeed later.
    #[error("{0}")]
    Transient(String),
    /// Something this message builds on has not arrived.
    #[error("{0}")]
    NotYet(String),
    /// The batch was not done in time; smaller ones are tried. Set by the consumer itself.
    #[error("not done within {0:?}")]
    TooSlow(Duration),
    /// The message can never be processed.
    #[error("{0}")]
    Poison(String),
    /// A failed statement; passing or not is told from its SQLSTATE.
    #[error("a statement failed")]
    Sql(#[from] sqlx::Error),
}

/// Processes batches of one kind of message.
pub trait BatchHandler: Send + Sync + 'static {
    /// What the payload is.
    type Message: Message + Default + Clone + 'static;

    /// Processes a batch in one transaction, all or nothing. Must be safe with messages seen before, in any order, and
    /// by several replicas at once.
    fn handle(
        &self,
        batch: &[Incoming<Self::Message>],
    ) -> impl Future<Output = Result<(), HandleError>> + Send;
}

/// What a consumer takes, and how much at a time.
#[derive(Debug, Clone)]
pub struct ConsumerConfig {
    /// Durable name; replicas with the same name share the work.
    pub durable: String,
    /// The stream: [`crate::subjects::CASES`] or [`crate::subjects::DIRECTORY`].
    pub stream: &'static str,
    /// Filters, without namespace; see [`crate::subjects`].
    pub filter_subjects: Vec<String>,
    /// Messages a transaction; 1 to 1,000.
    pub batch_max: usize,
    /// Batches worked on at the same time by one replica; 1 or a few. More than one helps a handler that does much before
    /// it asks for a lock: it does that for one batch while the database has the one before.
    pub at_once: usize,
    /// Messages delivered and not yet acknowledged, over all replicas.
    pub in_flight_max: i64,
    /// Deliveries after which a message that is still [`HandleError::NotYet`] becomes a dead letter. The delay doubles
    /// from 0.1 s to 30 s, so 40 deliveries are about a quarter of an hour.
    pub not_yet_deliveries_max: i64,
}

impl ConsumerConfig {
    /// A consumer of case events with the usual bounds.
    #[must_use]
    pub fn cases(durable: &str, filter_subjects: Vec<String>) -> Self {
        Self {
            durable: durable.to_owned(),
            stream: crate::subjects::CASES,
            filter_subjects,
            batch_max: 500,
            at_once: 1,
            in_flight_max: 4_000,
            not_yet_deliveries_max: 40,
        }
    }
}

/// A consumer and what it works with.
#[derive(Debug)]
pub struct Consumer<H> {
    /// What it takes.
    pub config: ConsumerConfig,
    /// What it does with it.
    pub handler: Arc<H>,
    /// Where dead letters go.
    pub db: PgPool,
    /// The broker.
    pub nats: async_nats::Client,
    /// Where subjects and streams live.
    pub namespace: Namespace,
    /// Where it counts.
    pub metrics: Metrics,
}

/// What became of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Settled {
    /// Every message is done, set aside, or comes again by itself.
    Done,
    /// A passing fault; the messages come again.
    PutBack,
    /// It took too long; the messages come again, and should be fewer at a time.
    TooSlow,
}

/// A batch that was worked on.
#[derive(Debug)]
struct Done {
    length: usize,
    took: Duration,
    settled: Settled,
}

struct Delivery<M> {
    raw: jetstream::Message,
    incoming: Incoming<M>,
}

impl<H: BatchHandler> Consumer<H> {
    /// Consumes until told to stop; what is at hand is finished first. Broken connections and lost consumers are logged and
    /// set up again.
    pub async fn run(self, stop: CancellationToken) {
        let context = jetstream::new(self.nats.clone());
        let consumer = Arc::new(self);
        while !stop.is_cancelled() {
            if let Err(error) = consumer.consume(&context, &stop).await {
                tracing::warn!(consumer = consumer.config.durable, error, "consumer interrupted");
            }
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(RESTART) => {}
            }
        }
    }

    async fn consume(
        self: &Arc<Self>,
        context: &jetstream::Context,
        stop: &CancellationToken,
    ) -> Result<(), String> {
        streams::ensure(context, &self.namespace).await.map_err(|error| chain(&error))?;
        let consumer = self.durable(context).await?;
        let mut messages = consumer
            .stream()
            .max_messages_per_batch(self.config.batch_max * 2)
            .expires(PULL_EXPIRES)
            .heartbeat(HEARTBEAT)
            .messages()
            .await
            .map_err(|error| chain(&error))?;
        let mut at_hand = JoinSet::new();
        let ended = self.take(&mut messages, &mut at_hand, stop).await;
        while let Some(done) = at_hand.join_next().await {
            outcome(done);
        }
        // Last, so that nothing of it is delivered here again while the batches at hand are finished.
        give_back(&mut messages).await;
        ended
    }

    /// Takes batches, until told to stop or cut off.
    async fn take(
        self: &Arc<Self>,
        messages: &mut pull::Stream,
        at_hand: &mut JoinSet<Done>,
        stop: &CancellationToken,
    ) -> Result<(), String> {
        let mut failures: u32 = 0;
        // Halved when a batch takes too long, doubled again when one is done.
        let mut batch_max = self.config.batch_max;
        let mut at_once = self.config.at_once;
        loop {
            let first = tokio::select! {
                biased;
                () = stop.cancelled() => return Ok(()),
                Some(done) = at_hand.join_next() => {
                    let Done { length, took, settled } = outcome(done);
                    failures = if settled == Settled::PutBack { failures.saturating_add(1) } else { 0 };
                    batch_max = match settled {
                        Settled::Done => (batch_max * 2).min(self.config.batch_max),
                        Settled::PutBack => batch_max,
                        Settled::TooSlow => (length / 2).max(1),
                    };
                    // A batch that waits for another's lock has that much less time.
                    at_once = if took > ALONE_FROM { 1 } else { self.config.at_once };
                    if failures > 0 {
                        // The database or something like it is away: do not spin.
                        let pause = Duration::from_millis(100 << failures.min(5));
                        tokio::select! {
                            () = stop.cancelled() => {}
                            () = tokio::time::sleep(pause) => {}
                        }
                    }
                    continue;
                }
                next = messages.next(), if at_hand.len() < at_once => next,
            };
            let Some(first) = first else { return Err("the broker ended the pull".to_owned()) };
            let mut batch = vec![first.map_err(|error| chain(&error))?];
            // Whatever has arrived goes along; a lone message never waits for company.
            while batch.len() < batch_max {
                match arrived(messages) {
                    Some(Some(Ok(message))) => batch.push(message),
                    // A fault here comes again with the next call.
                    Some(Some(Err(_)) | None) | None => break,
                }
            }
            let consumer = Arc::clone(self);
            at_hand.spawn(async move {
                let (length, started) = (batch.len(), Instant::now());
                let settled = consumer.process(batch).await;
                Done { length, took: started.elapsed(), settled }
            });
        }
    }

    async fn durable(&self, context: &jetstream::Context) -> Result<PullConsumer, String> {
        let filters: Vec<String> =
            self.config.filter_subjects.iter().map(|filter| self.namespace.subject(filter)).collect();
        let config = pull::Config {
            durable_name: Some(self.config.durable.clone()),
            deliver_policy: DeliverPolicy::All,
            ack_policy: AckPolicy::Explicit,
            ack_wait: ACK_WAIT,
            max_ack_pending: self.config.in_flight_max,
            filter_subjects: filters,
            ..pull::Config::default()
        };
        context
            .create_consumer_on_stream(config, self.namespace.stream(self.config.stream))
            .await
            .map_err(|error| chain(&error))
    }

    /// Processes what was delivered.
    async fn process(&self, raw: Vec<jetstream::Message>) -> Settled {
        let mut batch = Vec::with_capacity(raw.len());
        let mut recorded = true;
        for message in raw {
            match self.decode(&message) {
                Ok(incoming) => batch.push(Delivery { raw: message, incoming }),
                Err(reason) => recorded &= self.bury(&message, &reason).await,
            }
        }
        // Halving by hand rather than by recursion: each entry is a part still to be done, the first part on top.
        let mut parts = if batch.is_empty() { Vec::new() } else { vec![batch] };
        while let Some(mut part) = parts.pop() {
            match self.handle(&part).await {
                Ok(()) => {
                    self.metrics.consumed(&self.config.durable, "done", part.len());
                    for delivery in &part {
                        answer(&delivery.raw, AckKind::Ack).await;
                    }
                }
                Err(error)
                    if passing(&error) || (part.len() > 1 && matches!(error, HandleError::TooSlow(_))) =>
                {
                    tracing::warn!(
                        consumer = self.config.durable,
                        error = chain(&error),
                        messages = part.len(),
                        "batch put back"
                    );
                    self.metrics.consumed(&self.config.durable, "put_back", part.len());
                    for delivery in part.iter().chain(parts.iter().flatten()) {
                        answer(&delivery.raw, AckKind::Nak(Some(Duration::from_secs(1)))).await;
                    }
                    let too_slow = matches!(error, HandleError::TooSlow(_));
                    return if too_slow { Settled::TooSlow } else { Settled::PutBack };
                }
                Err(_) if part.len() > 1 => {
                    let second = part.split_off(part.len() / 2);
                    parts.push(second);
                    parts.push(part);
                }
                Err(error) => {
                    for delivery in &part {
                        recorded &= self.settle_alone(delivery, &error).await;
                    }
                }
            }
        }
        if recorded { Settled::Done } else { Settled::PutBack }
    }

    /// Deals with a message that failed on its own. False when it could not be recorded.
    async fn settle_alone(&self, delivery: &Delivery<H::Message>, error: &HandleError) -> bool {
        let deliveries = delivery.raw.info().map_or(1, |info| info.delivered);
        if matches!(error, HandleError::NotYet(_) | HandleError::TooSlow(_))
            && deliveries < self.config.not_yet_deliveries_max
        {
            let doublings = u32::try_from(deliveries.clamp(1, 10) - 1).unwrap_or(0);
            let delay = Duration::from_millis(100 << doublings).min(Duration::from_secs(30));
            self.metrics.consumed(&self.config.durable, "not_yet", 1);
            answer(&delivery.raw, AckKind::Nak(Some(delay))).await;
            return true;
        }
        self.bury(&delivery.raw, &chain(error)).await
    }

    async fn handle(&self, part: &[Delivery<H::Message>]) -> Result<(), HandleError> {
        let batch: Vec<Incoming<H::Message>> =
            part.iter().map(|delivery| delivery.incoming.clone()).collect();
        let span = tracing::info_span!("consume", consumer = self.config.durable, messages = batch.len());
        if let Some(traceparent) = batch.first().and_then(|incoming| incoming.traceparent.as_deref()) {
            crate::telemetry::set_parent(&span, traceparent);
        }
        let work = tracing::Instrument::instrument(self.handler.handle(&batch), span);
        tokio::time::timeout(HANDLE_MAX, work).await.unwrap_or(Err(HandleError::TooSlow(HANDLE_MAX)))
    }

    fn decode(&self, message: &jetstream::Message) -> Result<Incoming<H::Message>, String> {
        let decoded =
            H::Message::decode(message.payload.clone()).map_err(|error| format!("not decodable: {error}"))?;
        let header = |name: &str| {
            message
                .headers
                .as_ref()
                .and_then(|headers| headers.get(name))
                .map(|value| value.as_str().to_owned())
        };
        let prefix = self.namespace.subject("");
        Ok(Incoming {
            message: decoded,
            message_id: header("ce-id").or_else(|| header("Nats-Msg-Id")).unwrap_or_default(),
            subject: message.subject.strip_prefix(&prefix).unwrap_or(&message.subject).to_owned(),
            traceparent: header("traceparent"),
        })
    }

    /// Records a dead letter and stops its redelivery. False when it could not be recorded: then it comes again.
    async fn bury(&self, message: &jetstream::Message, reason: &str) -> bool {
        let prefix = self.namespace.subject("");
        let header = |name: &str| {
            message.headers.as_ref().and_then(|headers| headers.get(name)).map(|value| value.as_str())
        };
        let failed = Failed {
            consumer: &self.config.durable,
            stream: self.config.stream,
            subject: message.subject.strip_prefix(&prefix).unwrap_or(&message.subject),
            message_id: header("ce-id").or_else(|| header("Nats-Msg-Id")).unwrap_or_default(),
            traceparent: header("traceparent"),
            payload: &message.payload,
            reason,
        };
        match dead_letters::record(&self.db, &failed).await {
            Ok(()) => {
                tracing::error!(
                    consumer = self.config.durable,
                    subject = failed.subject,
                    message_id = failed.message_id,
                    reason,
                    "dead letter"
                );
                self.metrics.consumed(&self.config.durable, "dead_letter", 1);
                answer(message, AckKind::Term).await;
                true
            }
            Err(error) => {
                tracing::warn!(
                    consumer = self.config.durable,
                    error = chain(&error),
                    "dead letter not recorded"
                );
                answer(message, AckKind::Nak(Some(Duration::from_secs(1)))).await;
                false
            }
        }
    }
}

fn sqlstate_class(error: &sqlx::Error) -> Option<String> {
    Some(error.as_database_error()?.code()?.chars().take(2).collect())
}

/// What became of a batch; a panic goes on in the consumer.
fn outcome(done: Result<Done, JoinError>) -> Done {
    done.unwrap_or_else(|error| match error.try_into_panic() {
        Ok(panic) => std::panic::resume_unwind(panic),
        // Nobody cancels it but a runtime that ends.
        Err(_) => Done { length: 0, took: Duration::ZERO, settled: Settled::PutBack },
    })
}

/// The next message if it has arrived. Without a bound on how many are taken in one go: tokio has a task pause after 128
/// steps by telling it that nothing is there, and batches would end there.
fn arrived(messages: &mut pull::Stream) -> Option<Option<Result<jetstream::Message, pull::MessagesError>>> {
    tokio::task::unconstrained(messages.next()).now_or_never()
}

/// Gives back what was fetched and not begun, so that another replica need not wait for it. After a moment, in which this
/// one's pull has ended.
async fn give_back(messages: &mut pull::Stream) {
    while let Some(Some(Ok(message))) = arrived(messages) {
        answer(&message, AckKind::Nak(Some(Duration::from_millis(100)))).await;
    }
}

fn passing(error: &HandleError) -> bool {
    match error {
        HandleError::Transient(_) => true,
        HandleError::NotYet(_) | HandleError::TooSlow(_) | HandleError::Poison(_) => false,
        // A table or column that is not there (42) is about to be: another replica is migrating.
        HandleError::Sql(error) => is_transient(error) || sqlstate_class(error).as_deref() == Some("42"),
    }
}

/// Answers the broker. A failure is not acted on: the message then comes again, and is dropped as seen.
async fn answer(message: &jetstream::Message, kind: AckKind) {
    if let Err(error) = message.ack_with(kind).await {
        tracing::debug!(error = error.to_string(), "acknowledgement not sent");
    }
}
