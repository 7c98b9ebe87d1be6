//! The two listeners of a service: gRPC for callers, HTTP for pages, probes and metrics.
//!
//! gRPC: a shared limit on calls worked on at once and on the time until each is answered, trace context from metadata,
//! health, reflection, keepalive, a maximum connection age. HTTP: /healthz says that the process lives, /readyz that it
//! can do its work; headers, requests and connections have bounds in time. Both: a limit on connections, see
//! [`crate::listening`].

use std::{
    future::Future,
    pin::{Pin, pin},
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use anyhow::Context as _;
use axum::{extract::State, http::StatusCode, response::IntoResponse, routing::get};
use huying_proto::{
    FILE_DESCRIPTOR_SET, operations::v1::dead_letter_service_server::DeadLetterServiceServer,
};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::conn::auto,
    service::TowerToHyperService,
};
use prost::Message as _;
use tokio::{
    net::TcpListener,
    sync::{Mutex, OwnedSemaphorePermit, Semaphore},
    time::{Instant, timeout},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tonic::{
    Code, Status,
    body::Body,
    service::Routes,
    transport::{Identity, Server, ServerTlsConfig},
};
use tower::{Layer, Service};
use tower_http::timeout::TimeoutLayer;
use tracing::Instrument as _;

use crate::{
    dead_letters::DeadLetters,
    listening::{Bounded, Listening},
    metrics::Metrics,
    service::Platform,
    settings::CommonSettings,
    status,
    telemetry::set_parent,
};

/// A peer that does not answer a ping for this long is gone.
const KEEPALIVE_TIMEOUT: Duration = Duration::from_secs(20);
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(30);
/// Connections are renewed, so that new replicas get their share and no half-open client stays for ever.
const CONNECTION_AGE_MAX: Duration = Duration::from_secs(30 * 60);
const CONNECTION_AGE_GRACE: Duration = Duration::from_secs(5 * 60);
/// Streams a client may have open on one connection.
const STREAMS_PER_CONNECTION_MAX: u32 = 1_024;
/// How long a call may take until its answer begins. A caller who sends headers and nothing more would otherwise hold
/// a place for ever; streams, once begun, have bounds of their own.
const ANSWER_MAX: Duration = Duration::from_secs(60);

/// How long the head of an HTTP request may take, the wait for it on an idle connection included.
const HTTP_HEADER_MAX: Duration = Duration::from_secs(10);
/// How long an HTTP request may take until its answer begins.
const HTTP_REQUEST_MAX: Duration = Duration::from_secs(30);
/// Connections end after this long, so that a reader who takes nothing does not stay for ever.
const HTTP_CONNECTION_AGE_MAX: Duration = Duration::from_secs(10 * 60);
/// How long what is being answered on such a connection may still take.
const HTTP_CONNECTION_AGE_GRACE: Duration = Duration::from_secs(30);
/// How long an answer of /readyz holds, so that whoever may ask cannot take the database's connections.
const READINESS_HOLDS: Duration = Duration::from_secs(1);

pub(crate) async fn grpc(
    platform: &Platform,
    settings: &CommonSettings,
    routes: Routes,
    listener: TcpListener,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    let (health, health_service) = tonic_health::server::health_reporter();
    for service in service_names(platform.service) {
        health.set_service_status(&service, tonic_health::ServingStatus::Serving).await;
    }
    let reflection = tonic_reflection::server::Builder::configure()
        .register_encoded_file_descriptor_set(FILE_DESCRIPTOR_SET)
        .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET);
    let reflection_alpha = tonic_reflection::server::Builder::configure()
        .register_encoded_file_descriptor_set(FILE_DESCRIPTOR_SET)
        .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET);
    let dead_letters = DeadLetters {
        db: platform.db.clone(),
        nats: platform.nats.clone(),
        namespace: platform.namespace.clone(),
        auth: Arc::clone(&platform.auth),
    };
    let routes = routes
        .add_service(health_service)
        .add_service(reflection.build_v1()?)
        .add_service(reflection_alpha.build_v1alpha()?)
        .add_service(DeadLetterServiceServer::new(dead_letters));

    let mut server = Server::builder()
        .http2_keepalive_interval(Some(KEEPALIVE_INTERVAL))
        .http2_keepalive_timeout(Some(KEEPALIVE_TIMEOUT))
        .max_connection_age(CONNECTION_AGE_MAX)
        .max_connection_age_grace(CONNECTION_AGE_GRACE)
        .max_concurrent_streams(STREAMS_PER_CONNECTION_MAX)
        .tcp_nodelay(true);
    if let (Some(cert), Some(key)) = (&settings.tls_cert, &settings.tls_key) {
        let cert =
            tokio::fs::read(cert).await.with_context(|| format!("reading --tls-cert {}", cert.display()))?;
        let key =
            tokio::fs::read(key).await.with_context(|| format!("reading --tls-key {}", key.display()))?;
        server = server.tls_config(ServerTlsConfig::new().identity(Identity::from_pem(cert, key)))?;
    }
    let admission = AdmissionLayer {
        permits: Arc::new(Semaphore::new(settings.calls_max as usize)),
        metrics: platform.metrics.clone(),
        answer_max: ANSWER_MAX,
    };
    let incoming = Listening::new(listener, settings.connections_max).into_stream();
    let stopping = stop.clone();
    server
        .layer(admission)
        .add_routes(routes)
        .serve_with_incoming_shutdown(incoming, async move { stopping.cancelled().await })
        .await
        .context("the gRPC server failed")
}

/// Full names of the gRPC services this process serves, and "" for the process as a whole.
fn service_names(service: &str) -> Vec<String> {
    let package = format!("huying.{service}.v1");
    let descriptors = prost_types::FileDescriptorSet::decode(FILE_DESCRIPTOR_SET).unwrap_or_default();
    let served = descriptors
        .file
        .iter()
        .filter(|file| file.package() == package || file.package() == "huying.operations.v1")
        .flat_map(|file| file.service.iter().map(|one| format!("{}.{}", file.package(), one.name())));
    std::iter::once(String::new()).chain(served).collect()
}

pub(crate) async fn http(
    platform: &Platform,
    settings: &CommonSettings,
    web: axum::Router,
    listener: TcpListener,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    let probes = axum::Router::new()
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics))
        .with_state(Probed { platform: platform.clone(), readiness: Arc::default() });
    let pages = probes
        .merge(web)
        .layer(TimeoutLayer::with_status_code(StatusCode::SERVICE_UNAVAILABLE, HTTP_REQUEST_MAX));
    serve_pages(pages, Listening::new(listener, settings.http_connections_max), HTTP_HEADER_MAX, stop).await;
    Ok(())
}

/// Serves until the stop begins, and returns when all that was under way has been answered.
async fn serve_pages(
    pages: axum::Router,
    listening: Listening,
    header_max: Duration,
    stop: CancellationToken,
) {
    let mut server = auto::Builder::new(TokioExecutor::new()).http1_only();
    server.http1().timer(TokioTimer::new()).header_read_timeout(header_max);
    let connections = TaskTracker::new();
    loop {
        let connection = tokio::select! {
            () = stop.cancelled() => break,
            connection = listening.accept() => connection,
        };
        connections.spawn(serve_connection(server.clone(), pages.clone(), connection, stop.clone()));
    }
    drop(listening);
    connections.close();
    connections.wait().await;
}

async fn serve_connection(
    server: auto::Builder<TokioExecutor>,
    pages: axum::Router,
    connection: Bounded,
    stop: CancellationToken,
) {
    let serving = server.serve_connection(TokioIo::new(connection), TowerToHyperService::new(pages));
    let mut serving = pin!(serving);
    // What ends a connection badly is the client's doing; there is nobody to tell, and nothing to log.
    tokio::select! {
        _ = serving.as_mut() => return,
        () = stop.cancelled() => {}
        () = tokio::time::sleep(HTTP_CONNECTION_AGE_MAX) => {}
    }
    serving.as_mut().graceful_shutdown();
    let _ = timeout(HTTP_CONNECTION_AGE_GRACE, serving).await;
}

/// What the probes look at, and what /readyz said last.
#[derive(Clone)]
struct Probed {
    platform: Platform,
    readiness: Arc<Mutex<Option<(Instant, Readiness)>>>,
}

type Readiness = (StatusCode, &'static str);

/// Callers at the same time share one look.
async fn ready(State(probed): State<Probed>) -> impl IntoResponse {
    let mut readiness = probed.readiness.lock().await;
    match *readiness {
        Some((at, answer)) if at.elapsed() < READINESS_HOLDS => answer,
        Some(_) | None => {
            let answer = look(&probed.platform).await;
            *readiness = Some((Instant::now(), answer));
            answer
        }
    }
}

async fn look(platform: &Platform) -> Readiness {
    let database = sqlx::query("SELECT 1").execute(&platform.db);
    let database_answers = matches!(timeout(Duration::from_secs(2), database).await, Ok(Ok(_)));
    let broker_answers = platform.nats.connection_state() == async_nats::connection::State::Connected;
    match (database_answers, broker_answers) {
        (true, true) => (StatusCode::OK, "ready\n"),
        (false, _) => (StatusCode::SERVICE_UNAVAILABLE, "the database does not answer\n"),
        (true, false) => (StatusCode::SERVICE_UNAVAILABLE, "the broker is not connected\n"),
    }
}

async fn metrics(State(probed): State<Probed>) -> impl IntoResponse {
    (
        [("content-type", "application/openmetrics-text; version=1.0.0; charset=utf-8")],
        probed.platform.metrics.render(),
    )
}

/// What is answered instead when the request did not fit: tonic says OUT_OF_RANGE and nothing for programs.
fn too_large(response: &http::Response<Body>) -> Option<http::Response<Body>> {
    let status = Status::from_header_map(response.headers())?;
    (status.code() == Code::OutOfRange).then(|| {
        let message = format!("{}; a smaller request would be right", status.message());
        status::refused(Code::InvalidArgument, "REQUEST_TOO_LARGE", message, &[]).into_http()
    })
}

/// Admits a bounded number of calls at once, over all connections, bounds the time until each is answered, and puts
/// each in its caller's trace.
#[derive(Clone)]
struct AdmissionLayer {
    permits: Arc<Semaphore>,
    metrics: Metrics,
    answer_max: Duration,
}

#[derive(Clone)]
struct Admission<S> {
    inner: S,
    permits: Arc<Semaphore>,
    metrics: Metrics,
    answer_max: Duration,
}

impl<S> Layer<S> for AdmissionLayer {
    type Service = Admission<S>;

    fn layer(&self, inner: S) -> Admission<S> {
        Admission {
            inner,
            permits: Arc::clone(&self.permits),
            metrics: self.metrics.clone(),
            answer_max: self.answer_max,
        }
    }
}

impl<S> Service<http::Request<Body>> for Admission<S>
where
    S: Service<http::Request<Body>, Response = http::Response<Body>> + Send + 'static,
    S::Future: Send + 'static,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<S::Response, S::Error>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let permit: Option<OwnedSemaphorePermit> = Arc::clone(&self.permits).try_acquire_owned().ok();
        let Some(permit) = permit else {
            self.metrics.requests_refused_busy.inc();
            let refusal = status::busy("the service is at capacity", Duration::from_millis(500)).into_http();
            return Box::pin(async move { Ok(refusal) });
        };
        let span = tracing::info_span!("grpc", method = request.uri().path());
        if let Some(traceparent) = request.headers().get("traceparent").and_then(|value| value.to_str().ok())
        {
            set_parent(&span, traceparent);
        }
        let response = timeout(self.answer_max, self.inner.call(request));
        let answer_max = self.answer_max;
        // The permit is for the call until its answer begins; what streams after that has bounds of its own.
        Box::pin(
            async move {
                let response = response.await;
                drop(permit);
                let response = response.unwrap_or_else(|_| Ok(too_slow(answer_max)))?;
                Ok(too_large(&response).unwrap_or(response))
            }
            .instrument(span),
        )
    }
}

/// The call was dropped where it stood. What it had committed by then stays.
fn too_slow(answer_max: Duration) -> http::Response<Body> {
    tracing::warn!(answer_max_ms = answer_max.as_millis(), "a call was not answered in time");
    let message = format!(
        "no answer began within {answer_max:?}; the same call with the same key finds out whether it was done"
    );
    status::refused(Code::DeadlineExceeded, "CALL_TOO_SLOW", message, &[]).into_http()
}

#[cfg(test)]
mod tests {
    use tokio::{
        io::{AsyncReadExt as _, AsyncWriteExt as _},
        net::TcpStream,
    };
    use tonic_types::StatusExt as _;

    use super::*;

    /// Longer than anything that should come takes.
    const DEADLINE: Duration = Duration::from_secs(20);

    #[tokio::test]
    async fn a_call_that_is_never_answered_gives_its_place_back() {
        let permits = Arc::new(Semaphore::new(1));
        let layer = AdmissionLayer {
            permits: Arc::clone(&permits),
            metrics: Metrics::new(),
            answer_max: Duration::from_millis(20),
        };
        let mut never = layer.layer(tower::service_fn(|_: http::Request<Body>| {
            std::future::pending::<Result<http::Response<Body>, std::convert::Infallible>>()
        }));
        for _ in 0..3 {
            let answer = timeout(DEADLINE, never.call(http::Request::new(Body::empty()))).await;
            let answer = answer.expect("an answer comes").unwrap();
            let status = tonic::Status::from_header_map(answer.headers()).unwrap();
            assert_eq!(status.code(), Code::DeadlineExceeded);
            assert_eq!(status.get_details_error_info().unwrap().reason, "CALL_TOO_SLOW");
        }
        assert_eq!(permits.available_permits(), 1);
    }

    async fn pages(connections_max: u32, header_max: Duration) -> (std::net::SocketAddr, CancellationToken) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let stop = CancellationToken::new();
        let pages = axum::Router::new().route("/", get(|| async { "here" }));
        let listening = Listening::new(listener, connections_max);
        tokio::spawn(serve_pages(pages, listening, header_max, stop.clone()));
        (address, stop)
    }

    async fn read_all(mut stream: TcpStream) -> String {
        let mut answer = Vec::new();
        timeout(DEADLINE, stream.read_to_end(&mut answer)).await.expect("the connection ends").unwrap();
        String::from_utf8(answer).unwrap()
    }

    #[tokio::test]
    async fn half_a_header_holds_no_connection() {
        let (address, _stop) = pages(1, Duration::from_millis(50)).await;
        let mut slow = TcpStream::connect(address).await.unwrap();
        slow.write_all(b"GET / HTTP/1.1\r\nHost: h").await.unwrap();
        // There is room for one connection, so this one is answered only when the slow one has been sent away.
        let mut next = TcpStream::connect(address).await.unwrap();
        next.write_all(b"GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n").await.unwrap();
        assert!(read_all(next).await.ends_with("here"));
        assert!(!read_all(slow).await.contains("here"));
    }

    #[tokio::test]
    async fn a_stop_ends_idle_connections() {
        let (address, stop) = pages(4, DEADLINE * 2).await;
        let mut idle = TcpStream::connect(address).await.unwrap();
        idle.write_all(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n").await.unwrap();
        let mut first = [0];
        timeout(DEADLINE, idle.read_exact(&mut first)).await.expect("an answer comes").unwrap();
        stop.cancel();
        assert!(read_all(idle).await.ends_with("here"));
    }
}
