//! Logs and traces.
//!
//! Logs go to standard error, as text or JSON lines. Spans belong to W3C traces: a call's `traceparent` becomes the
//! parent of its span, is stored with the events it leads to, and goes on in their headers. With an OTLP endpoint
//! sampled spans are exported; without one the context is carried all the same.
//! Never logged: a citizen's words, name or number.

use std::collections::HashMap;

use opentelemetry::{
    propagation::TextMapPropagator as _,
    trace::{TraceContextExt as _, TracerProvider as _},
};
use opentelemetry_otlp::WithExportConfig as _;
use opentelemetry_sdk::{
    Resource,
    propagation::TraceContextPropagator,
    trace::{Sampler, SdkTracerProvider},
};
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt as _;
use tracing_subscriber::{EnvFilter, Layer as _, layer::SubscriberExt as _, util::SubscriberInitExt as _};

use crate::settings::{CommonSettings, LogFormat};

/// Sends what is still buffered when dropped or shut down.
#[derive(Debug, Default)]
pub struct Telemetry {
    provider: Option<SdkTracerProvider>,
}

impl Telemetry {
    /// Flushes spans; called last.
    pub fn shutdown(&self) {
        if let Some(provider) = &self.provider {
            // An exporter that is away at the end must not keep the service from ending.
            let _ = provider.shutdown();
        }
    }
}

/// Sets up logs and traces for the process.
///
/// # Errors
/// When the filter is malformed or the exporter cannot be built.
pub fn init(service: &'static str, settings: &CommonSettings) -> anyhow::Result<Telemetry> {
    let filter = EnvFilter::try_new(&settings.log)
        .map_err(|error| anyhow::anyhow!("--log \"{}\": {error}", settings.log))?;
    let resource = Resource::builder().with_service_name(service).build();
    let mut builder = SdkTracerProvider::builder().with_resource(resource);
    if let Some(endpoint) = &settings.otlp_endpoint {
        let exporter =
            opentelemetry_otlp::SpanExporter::builder().with_tonic().with_endpoint(endpoint).build()?;
        let ratio = Sampler::TraceIdRatioBased(settings.trace_sample_ratio);
        builder = builder.with_batch_exporter(exporter).with_sampler(Sampler::ParentBased(Box::new(ratio)));
    } else {
        builder = builder.with_sampler(Sampler::ParentBased(Box::new(Sampler::AlwaysOff)));
    }
    let provider = builder.build();
    let traces = tracing_opentelemetry::layer().with_tracer(provider.tracer(service));
    let lines = match settings.log_format {
        LogFormat::Text => {
            tracing_subscriber::fmt::layer().with_writer(std::io::stderr).with_ansi(false).boxed()
        }
        LogFormat::Json => {
            tracing_subscriber::fmt::layer().json().flatten_event(true).with_writer(std::io::stderr).boxed()
        }
    };
    tracing_subscriber::registry()
        .with(traces)
        .with(lines.with_filter(filter))
        .try_init()
        .map_err(|error| anyhow::anyhow!("telemetry is already set up: {error}"))?;
    Ok(Telemetry { provider: Some(provider) })
}

/// Makes a span part of the trace of a `traceparent`. A malformed one is ignored, as W3C Trace Context asks.
pub(crate) fn set_parent(span: &Span, traceparent: &str) {
    let carrier = HashMap::from([("traceparent".to_owned(), traceparent.to_owned())]);
    let context = TraceContextPropagator::new().extract(&carrier);
    if context.span().span_context().is_valid() {
        // Fails only without the layer, that is in tests that log nothing.
        let _ = span.set_parent(context);
    }
}
