//! The two listeners of a service: gRPC for callers, HTTP for pages, probes and metrics.
//!
//! gRPC: a shared limit on calls worked on at once, trace context from metadata, health, reflection, keepalive, a
//! maximum connection age. HTTP: /healthz says that the process lives, /readyz that it can do its work.

use std::{
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use anyhow::Context as _;
use axum::{extract::State, http::StatusCode, response::IntoResponse, routing::get};
use huying_proto::{
    FILE_DESCRIPTOR_SET, operations::v1::dead_letter_service_server::DeadLetterServiceServer,
};
use prost::Message as _;
use tokio::{
    net::TcpListener,
    sync::{OwnedSemaphorePermit, Semaphore},
};
use tokio_stream::wrappers::TcpListenerStream;
use tokio_util::sync::CancellationToken;
use tonic::{
    body::Body,
    service::Routes,
    transport::{Identity, Server, ServerTlsConfig},
};
use tower::{Layer, Service};
use tracing::Instrument as _;

use crate::{
    dead_letters::DeadLetters, metrics::Metrics, service::Platform, settings::CommonSettings, status,
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
    };
    let stopping = stop.clone();
    server
        .layer(admission)
        .add_routes(routes)
        .serve_with_incoming_shutdown(
            TcpListenerStream::new(listener),
            async move { stopping.cancelled().await },
        )
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
    web: axum::Router,
    listener: TcpListener,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    let probes = axum::Router::new()
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics))
        .with_state(platform.clone());
    axum::serve(listener, probes.merge(web))
        .with_graceful_shutdown(async move { stop.cancelled().await })
        .await
        .context("the HTTP server failed")
}

async fn ready(State(platform): State<Platform>) -> impl IntoResponse {
    let database = sqlx::query("SELECT 1").execute(&platform.db);
    let database_answers = matches!(tokio::time::timeout(Duration::from_secs(2), database).await, Ok(Ok(_)));
    let broker_answers = platform.nats.connection_state() == async_nats::connection::State::Connected;
    match (database_answers, broker_answers) {
        (true, true) => (StatusCode::OK, "ready\n"),
        (false, _) => (StatusCode::SERVICE_UNAVAILABLE, "the database does not answer\n"),
        (true, false) => (StatusCode::SERVICE_UNAVAILABLE, "the broker is not connected\n"),
    }
}

async fn metrics(State(platform): State<Platform>) -> impl IntoResponse {
    (
        [("content-type", "application/openmetrics-text; version=1.0.0; charset=utf-8")],
        platform.metrics.render(),
    )
}

/// Admits a bounded number of calls at once, over all connections, and puts each in its caller's trace.
#[derive(Clone)]
struct AdmissionLayer {
    permits: Arc<Semaphore>,
    metrics: Metrics,
}

#[derive(Clone)]
struct Admission<S> {
    inner: S,
    permits: Arc<Semaphore>,
    metrics: Metrics,
}

impl<S> Layer<S> for AdmissionLayer {
    type Service = Admission<S>;

    fn layer(&self, inner: S) -> Admission<S> {
        Admission { inner, permits: Arc::clone(&self.permits), metrics: self.metrics.clone() }
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
        let response = self.inner.call(request);
        // The permit is for the call until its answer begins; what streams after that has bounds of its own.
        Box::pin(
            async move {
                let response = response.await;
                drop(permit);
                response
            }
            .instrument(span),
        )
    }
}
