//! Logs and traces.
//!
//! Logs go to standard error, as text or JSON lines. Spans belong to W3C traces: a call's `traceparent` becomes the
//! parent of its span, is stored with the events it leads to, and goes on in their headers. With an OTLP endpoint
//! sampled spans are exported; without one the context is carried all the same. Whether a call is sampled is not the
//! caller's to say: the flag in a `traceparent` is a request, granted to the share of traces that is set ([`Chosen`]).
//! Never logged: a citizen's words, name or number.

use std::collections::HashMap;

use opentelemetry::{
    Context, KeyValue,
    propagation::TextMapPropagator as _,
    trace::{Link, SpanKind, TraceContextExt as _, TraceId, TracerProvider as _},
};
use opentelemetry_otlp::WithExportConfig as _;
use opentelemetry_sdk::{
    Resource,
    propagation::TraceContextPropagator,
    trace::{Sampler, SamplingResult, SdkTracerProvider, ShouldSample},
};
use tracing::{Level, Span};
use tracing_opentelemetry::OpenTelemetrySpanExt as _;
use tracing_subscriber::{
    EnvFilter, Layer as _, filter::filter_fn, layer::SubscriberExt as _, util::SubscriberInitExt as _,
};

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
        builder =
            builder.with_batch_exporter(exporter).with_sampler(Chosen { ratio: settings.trace_sample_ratio });
    } else {
        builder = builder.with_sampler(Sampler::ParentBased(Box::new(Sampler::AlwaysOff)));
    }
    let provider = builder.build();
    // Libraries have spans of their own on every frame they read; those of ours are what a trace is about.
    let ours =
        filter_fn(|metadata| metadata.target().starts_with("huying") && *metadata.level() <= Level::INFO);
    let traces = tracing_opentelemetry::layer().with_tracer(provider.tracer(service)).with_filter(ours);
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

/// Samples what follows from a sampled span of this process; of everything else a share, by the trace id, so that all
/// services choose the same traces. A parent elsewhere that was not sampled is followed: half a trace is of no use.
#[derive(Debug, Clone)]
struct Chosen {
    ratio: f64,
}

impl ShouldSample for Chosen {
    fn should_sample(
        &self,
        parent: Option<&Context>,
        trace_id: TraceId,
        name: &str,
        kind: &SpanKind,
        attributes: &[KeyValue],
        links: &[Link],
    ) -> SamplingResult {
        let by_ratio = Sampler::TraceIdRatioBased(self.ratio);
        let asks_from_elsewhere = parent.is_some_and(|parent| {
            let span = parent.span();
            span.span_context().is_remote() && span.span_context().is_sampled()
        });
        if asks_from_elsewhere {
            return by_ratio.should_sample(parent, trace_id, name, kind, attributes, links);
        }
        let by_parent = Sampler::ParentBased(Box::new(by_ratio));
        by_parent.should_sample(parent, trace_id, name, kind, attributes, links)
    }
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

#[cfg(test)]
mod tests {
    use opentelemetry::trace::{SpanContext, SpanId, TraceFlags, TraceState};
    use opentelemetry_sdk::trace::SamplingDecision;

    use super::*;

    fn decision(ratio: f64, is_remote: bool, flags: TraceFlags) -> SamplingDecision {
        let trace_id = TraceId::from_bytes([0x7f; 16]);
        let span =
            SpanContext::new(trace_id, SpanId::from_bytes([1; 8]), flags, is_remote, TraceState::default());
        let parent = Context::new().with_remote_span_context(span);
        Chosen { ratio }.should_sample(Some(&parent), trace_id, "call", &SpanKind::Server, &[], &[]).decision
    }

    #[test]
    fn a_caller_cannot_have_a_call_exported() {
        use SamplingDecision::{Drop, RecordAndSample};
        assert_eq!(decision(0.0, true, TraceFlags::SAMPLED), Drop);
        assert_eq!(decision(1.0, true, TraceFlags::SAMPLED), RecordAndSample);
        assert_eq!(decision(1.0, true, TraceFlags::default()), Drop);
        assert_eq!(decision(0.0, false, TraceFlags::SAMPLED), RecordAndSample);
    }
}
