//! The start and the stop of a service, the same for all four.
//!
//! Start: logs, database, migrations, broker, streams, keys, reference data; then relay and consumers; then, last, the
//! ports. Stop, on SIGTERM or SIGINT: health says no and no new connection is taken, calls under way are finished,
//! consumers finish their batch, workers end, and the process is gone within [`STOP_MAX`], half-open clients or not.

use std::{future::Future, sync::Arc, time::Duration};

use anyhow::Context as _;
use jiff::SignedDuration;
use sqlx::{
    PgPool,
    migrate::MigrateError,
    postgres::{PgConnectOptions, PgPoolOptions},
};
use tokio::net::TcpListener;
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tonic::service::Routes;

use crate::{
    auth::Authenticator,
    clock::Clock,
    consumer::{BatchHandler, Consumer, ConsumerConfig},
    dead_letters,
    directory::{DirectoryFollower, DirectoryHandle},
    inbox,
    metrics::Metrics,
    migrate::{self, MigrationSource},
    outbox::Outbox,
    relay::{self, Relay},
    server,
    settings::CommonSettings,
    status::{chain, is_transient},
    streams,
    subjects::{self, Namespace},
    telemetry::{self, Telemetry},
};

/// How long calls under way may take to finish.
pub const DRAIN_MAX: Duration = Duration::from_secs(10);
/// How long the whole stop may take.
pub const STOP_MAX: Duration = Duration::from_secs(30);
/// How long a start waits for a database or a broker that is starting itself.
const START_WAIT: Duration = Duration::from_secs(60);
/// How often rows past their retention are looked for, and how many go at once.
const SWEEP_INTERVAL: Duration = Duration::from_secs(60);
const SWEEP_ROWS: i64 = 20_000;
/// Events are forgotten later by those who handled them than by those who might send them again.
const INBOX_RETENTION: SignedDuration = SignedDuration::from_hours(30 * 24);
const OUTBOX_RETENTION: SignedDuration = SignedDuration::from_hours(14 * 24);

/// What a service stands on. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Platform {
    /// Name of the service, such as "routing".
    pub service: &'static str,
    /// The service's own database.
    pub db: PgPool,
    /// The time.
    pub clock: Clock,
    /// Where events go out.
    pub outbox: Outbox,
    /// Reference data.
    pub directory: DirectoryHandle,
    /// Who calls.
    pub auth: Arc<Authenticator>,
    /// The broker, for hints that may be lost; events go through the outbox.
    pub nats: async_nats::Client,
    /// Where subjects and streams live.
    pub namespace: Namespace,
    /// What operators watch.
    pub metrics: Metrics,
    stopping: CancellationToken,
    ending: CancellationToken,
    tasks: TaskTracker,
    settings: Arc<CommonSettings>,
    telemetry: Arc<Telemetry>,
}

impl Platform {
    /// Starts a service up to, but not including, its ports.
    ///
    /// # Errors
    /// When a part (database, schema, broker, JetStream, reference data) cannot be used for a minute, or a setting is wrong.
    /// Names what was tried.
    pub async fn start(
        service: &'static str,
        settings: &CommonSettings,
        migrations: &[MigrationSource],
    ) -> anyhow::Result<Self> {
        let telemetry = telemetry::init(service, settings)?;
        let platform = Self::assemble(service, settings, migrations, Clock::system(), telemetry).await?;
        if service != "routing" {
            let follower = DirectoryFollower { db: platform.db.clone(), handle: platform.directory.clone() };
            let config = ConsumerConfig {
                stream: subjects::DIRECTORY,
                batch_max: 50,
                ..ConsumerConfig::cases(&format!("{service}-directory"), subjects::directory_changes())
            };
            platform.spawn_consumer(config, follower);
        }
        Ok(platform)
    }

    pub(crate) async fn assemble(
        service: &'static str,
        settings: &CommonSettings,
        migrations: &[MigrationSource],
        clock: Clock,
        telemetry: Telemetry,
    ) -> anyhow::Result<Self> {
        let db = connect_database(settings, service).await?;
        retry("the database's schema", || async {
            migrate::run(&db, migrations).await.map_err(|error| {
                let passing =
                    if let MigrateError::Execute(cause) | MigrateError::ExecuteMigration(cause, _) = &error {
                        is_transient(cause)
                    } else {
                        false
                    };
                NotReached { passing, why: chain(&error) }
            })
        })
        .await?;
        let nats = connect_broker(settings, service).await?;
        let context = async_nats::jetstream::new(nats.clone());
        retry("JetStream", || async {
            streams::ensure(&context, &settings.namespace).await.map_err(|error| NotReached::yet(&error))
        })
        .await?;
        let auth = Authenticator::open(&settings.jwks, clock.clone()).await.context("--jwks")?;
        let directory = retry("the reference data", || async {
            DirectoryHandle::open(db.clone(), clock.clone())
                .await
                .map_err(|error| NotReached { passing: is_transient(&error), why: chain(&error) })
        })
        .await?;
        let platform = Self {
            service,
            db,
            clock,
            outbox: Outbox::default(),
            directory,
            auth,
            nats,
            namespace: settings.namespace.clone(),
            metrics: Metrics::new(),
            stopping: CancellationToken::new(),
            ending: CancellationToken::new(),
            tasks: TaskTracker::new(),
            settings: Arc::new(settings.clone()),
            telemetry: Arc::new(telemetry),
        };
        let relay = Relay {
            service,
            db: platform.db.clone(),
            nats: platform.nats.clone(),
            namespace: platform.namespace.clone(),
            outbox: platform.outbox.clone(),
            metrics: platform.metrics.clone(),
        };
        platform.tasks.spawn(relay.run(platform.ending.clone()));
        platform.tasks.spawn(platform.directory.clone().follow(platform.ending.clone()));
        platform.tasks.spawn(Arc::clone(&platform.auth).follow(platform.ending.clone()));
        platform.tasks.spawn(platform.clone().sweep());
        platform.tasks.spawn(platform.clone().measure());
        Ok(platform)
    }

    /// Cancelled when the stop begins: streams to clients end, loops take nothing new.
    #[must_use]
    pub fn shutdown(&self) -> CancellationToken {
        self.stopping.clone()
    }

    /// Runs a task until the stop has drained all calls; then it is dropped at its next await.
    pub fn spawn(&self, name: &'static str, future: impl Future<Output = ()> + Send + 'static) {
        let ending = self.ending.clone();
        self.tasks.spawn(async move {
            tokio::select! {
                () = ending.cancelled() => {}
                () = future => tracing::debug!(task = name, "task ended"),
            }
        });
    }

    /// Runs a task that ends by itself when its token is cancelled, which is after all calls have been drained.
    pub fn spawn_worker<F>(&self, work: impl FnOnce(CancellationToken) -> F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        self.tasks.spawn(work(self.ending.clone()));
    }

    /// Consumes events until the stop begins; the batch at hand is finished.
    pub fn spawn_consumer<H: BatchHandler>(&self, config: ConsumerConfig, handler: H) {
        self.tasks.spawn(self.consumer(config, Arc::new(handler)).run(self.stopping.clone()));
    }

    /// A consumer for the caller to run and stop itself.
    pub fn consumer<H: BatchHandler>(&self, config: ConsumerConfig, handler: Arc<H>) -> Consumer<H> {
        Consumer {
            config,
            handler,
            db: self.db.clone(),
            nats: self.nats.clone(),
            namespace: self.namespace.clone(),
            metrics: self.metrics.clone(),
        }
    }

    /// Binds the ports, serves, and returns after the stop.
    ///
    /// # Errors
    /// When a port cannot be bound or a server fails.
    pub async fn serve(self, grpc: Routes, web: axum::Router) -> anyhow::Result<()> {
        let grpc_listener = bind("--grpc-listen", self.settings.grpc_listen).await?;
        let http_listener = bind("--http-listen", self.settings.http_listen).await?;
        tracing::info!(
            service = self.service,
            grpc = %grpc_listener.local_addr()?,
            http = %http_listener.local_addr()?,
            "ready"
        );
        let grpc = server::grpc(&self, &self.settings, grpc, grpc_listener, self.stopping.clone());
        let http = server::http(&self, &self.settings, web, http_listener, self.stopping.clone());
        let stopping = self.stopping.clone();
        let signals = async move {
            wait_for_signal().await;
            tracing::info!("stopping");
            stopping.cancel();
            end_process_by_force();
        };
        let drained = async {
            self.stopping.cancelled().await;
            tokio::time::sleep(DRAIN_MAX).await;
        };
        let servers = async { tokio::try_join!(grpc, http) };
        let outcome = tokio::select! {
            outcome = servers => outcome.map(|_| ()),
            () = async { signals.await; std::future::pending::<()>().await } => Ok(()),
            () = drained => {
                tracing::warn!("connections still open after the drain time; closing them");
                Ok(())
            }
        };
        self.end().await;
        outcome
    }

    /// Ends all tasks and waits for them.
    pub(crate) async fn end(&self) {
        self.stopping.cancel();
        self.ending.cancel();
        self.tasks.close();
        if tokio::time::timeout(Duration::from_secs(10), self.tasks.wait()).await.is_err() {
            tracing::warn!("tasks still running at the end of the stop; they are dropped");
        }
        self.db.close().await;
        self.telemetry.shutdown();
        tracing::info!("stopped");
    }

    async fn sweep(self) {
        loop {
            tokio::select! {
                () = self.ending.cancelled() => return,
                () = tokio::time::sleep(SWEEP_INTERVAL) => {}
            }
            if let Err(error) = self.forget().await {
                tracing::warn!(error = chain(&error), "rows past their retention not removed");
            }
        }
    }

    async fn forget(&self) -> sqlx::Result<()> {
        let now = self.clock.now();
        let full = SWEEP_ROWS.unsigned_abs();
        while !self.ending.is_cancelled()
            && relay::forget(&self.db, now - OUTBOX_RETENTION, SWEEP_ROWS).await? == full
        {}
        while !self.ending.is_cancelled()
            && inbox::forget(&self.db, now - INBOX_RETENTION, SWEEP_ROWS).await? == full
        {}
        Ok(())
    }

    async fn measure(self) {
        let context = async_nats::jetstream::new(self.nats.clone());
        loop {
            tokio::select! {
                () = self.ending.cancelled() => return,
                () = tokio::time::sleep(Duration::from_secs(5)) => {}
            }
            let outbox = sqlx::query_as::<_, (i64, i64)>(
                "SELECT (SELECT count(*) FROM outbox_pending), \
                 coalesce((SELECT extract(epoch FROM now() - occurred_at)::bigint FROM outbox \
                           WHERE seq = (SELECT min(seq) FROM outbox_pending)), 0)",
            )
            .fetch_one(&self.db)
            .await;
            if let Ok((pending, oldest_seconds)) = outbox {
                self.metrics.outbox_pending.set(pending);
                self.metrics.outbox_oldest_seconds.set(oldest_seconds);
            }
            if let Ok(count) = dead_letters::count(&self.db).await {
                self.metrics.dead_letters.set(count);
            }
            self.measure_backlogs(&context).await;
        }
    }

    /// How far this service's consumers are behind. A broker that does not answer leaves the last figures standing.
    async fn measure_backlogs(&self, context: &async_nats::jetstream::Context) {
        for (stream, durable) in [
            (subjects::CASES, self.service.to_owned()),
            (subjects::DIRECTORY, format!("{}-directory", self.service)),
        ] {
            let Ok(stream) = context.get_stream_no_info(self.namespace.stream(stream)).await else {
                continue;
            };
            if let Ok(info) = stream.consumer_info(&durable).await {
                let waiting = info.num_pending.saturating_add(info.num_ack_pending as u64);
                self.metrics.set_backlog(&durable, i64::try_from(waiting).unwrap_or(i64::MAX));
            }
        }
    }
}

async fn connect_database(settings: &CommonSettings, service: &str) -> anyhow::Result<PgPool> {
    let options: PgConnectOptions =
        settings.database_url.parse().context("--database-url is not a PostgreSQL URL")?;
    // Commits must be on disk before anybody is answered, whatever the server's default is. The bounds keep a
    // stuck statement or a forgotten transaction from holding locks for ever.
    let options = options.application_name(service).options([
        ("synchronous_commit", "on"),
        ("timezone", "UTC"),
        ("lock_timeout", "15s"),
        ("statement_timeout", "60s"),
        ("idle_in_transaction_session_timeout", "60s"),
        // Tables grow from nothing to millions of rows under one connection. A plan cached while a table was small
        // would go on scanning it; planning anew costs a fraction of a millisecond a batch.
        ("plan_cache_mode", "force_custom_plan"),
        // What is worked on is in memory or on solid state; the default is for spinning disks and prefers scans.
        ("random_page_cost", "1.1"),
        // Leadership is a lock of a connection. A host that is gone must not keep it for the two hours of the default.
        ("tcp_keepalives_idle", "10"),
        ("tcp_keepalives_interval", "5"),
        ("tcp_keepalives_count", "3"),
    ]);
    let pool = PgPoolOptions::new()
        .max_connections(settings.database_connections_max)
        .acquire_timeout(Duration::from_secs(10))
        // A ping before each use would cost every call a round trip; a broken connection shows by its first error.
        .test_before_acquire(false);
    retry("the database", || {
        let (pool, options) = (pool.clone(), options.clone());
        async move { pool.connect_with(options).await.map_err(|error| NotReached::yet(&error)) }
    })
    .await
}

async fn connect_broker(settings: &CommonSettings, service: &str) -> anyhow::Result<async_nats::Client> {
    retry("the broker", || {
        let credentials = settings.nats_credentials.clone();
        async move {
            let mut options = broker_options(&settings.nats_url)
                .map_err(|error| NotReached { passing: false, why: format!("{error:#}") })?;
            if let Some(file) = &credentials {
                options = options.credentials_file(file).await.map_err(|error| NotReached::yet(&error))?;
            }
            let options = options.name(service);
            options.connect(servers(&settings.nats_url)).await.map_err(|error| NotReached::yet(&error))
        }
    })
    .await
}

/// Options for connecting to the servers of a URL list, with the user and password that stand in the first URL.
///
/// # Errors
/// When the first URL is malformed.
pub fn broker_options(urls: &str) -> anyhow::Result<async_nats::ConnectOptions> {
    let first = servers(urls).into_iter().next().unwrap_or_default();
    let address: async_nats::ServerAddr =
        first.parse().with_context(|| "--nats-url is not a URL such as nats://user:secret@localhost:4222")?;
    let options = match (address.username(), address.password()) {
        (Some(user), Some(password)) => {
            async_nats::ConnectOptions::with_user_and_password(user.to_owned(), password.to_owned())
        }
        (Some(token), None) => async_nats::ConnectOptions::with_token(token.to_owned()),
        (None, _) => async_nats::ConnectOptions::new(),
    };
    Ok(options.ping_interval(Duration::from_secs(10)).request_timeout(Some(Duration::from_secs(10))))
}

/// The URLs of a comma-separated list.
#[must_use]
pub fn servers(urls: &str) -> Vec<String> {
    urls.split(',').map(|url| url.trim().to_owned()).collect()
}

/// Why an attempt to use what a service stands on has failed.
struct NotReached {
    /// It may be starting, or be taken by another replica that starts; it is tried again.
    passing: bool,
    why: String,
}

impl NotReached {
    fn yet(error: &(dyn std::error::Error + 'static)) -> Self {
        Self { passing: true, why: chain(error) }
    }
}

async fn retry<T, F>(what: &str, mut attempt: impl FnMut() -> F) -> anyhow::Result<T>
where
    F: Future<Output = Result<T, NotReached>>,
{
    let give_up_at = tokio::time::Instant::now() + START_WAIT;
    loop {
        match attempt().await {
            Ok(value) => return Ok(value),
            Err(NotReached { passing: false, why }) => anyhow::bail!("{what}: {why}"),
            Err(NotReached { why, .. }) if tokio::time::Instant::now() >= give_up_at => {
                anyhow::bail!("{what} could not be used for {START_WAIT:?}: {why}")
            }
            Err(NotReached { why, .. }) => tracing::warn!(error = why, "{what} cannot be used yet"),
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}

async fn bind(flag: &str, address: std::net::SocketAddr) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address).await.with_context(|| format!("binding {flag} {address}"))
}

async fn wait_for_signal() {
    use tokio::signal::unix::{SignalKind, signal};
    let (Ok(mut terminate), Ok(mut interrupt)) =
        (signal(SignalKind::terminate()), signal(SignalKind::interrupt()))
    else {
        // Without handlers the signals' default action ends the process, which loses nothing that was acknowledged.
        return std::future::pending().await;
    };
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
}

/// A thread of its own, so that even a runtime that no longer makes progress ends in time.
fn end_process_by_force() {
    std::thread::spawn(|| {
        std::thread::sleep(STOP_MAX);
        std::process::exit(1);
    });
}
