//! What operators watch, in the Prometheus text format under `/metrics`.
//!
//! A backlog that no metric shows is a defect: everything that can pile up has a gauge here or in its service.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicI64, AtomicU64},
};

use prometheus_client::{
    encoding::text::encode,
    metrics::{counter::Counter, family::Family, gauge::Gauge},
    registry::Registry,
};

/// The service's metrics. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Metrics {
    registry: Arc<Mutex<Registry>>,
    /// Events the relay has had acknowledged by the broker.
    pub relay_published: Counter<u64, AtomicU64>,
    /// 1 when this replica relays.
    pub relay_leading: Gauge<i64, AtomicI64>,
    pub(crate) outbox_pending: Gauge<i64, AtomicI64>,
    pub(crate) outbox_oldest_seconds: Gauge<i64, AtomicI64>,
    pub(crate) dead_letters: Gauge<i64, AtomicI64>,
    pub(crate) requests_refused_busy: Counter<u64, AtomicU64>,
    consumed: Family<Vec<(&'static str, String)>, Counter<u64, AtomicU64>>,
    consumer_backlog: Family<Vec<(&'static str, String)>, Gauge<i64, AtomicI64>>,
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl Metrics {
    /// A registry with what every service measures.
    #[must_use]
    pub fn new() -> Self {
        let metrics = Self {
            registry: Arc::new(Mutex::new(Registry::with_prefix("huying"))),
            relay_published: Counter::default(),
            relay_leading: Gauge::default(),
            outbox_pending: Gauge::default(),
            outbox_oldest_seconds: Gauge::default(),
            dead_letters: Gauge::default(),
            requests_refused_busy: Counter::default(),
            consumed: Family::default(),
            consumer_backlog: Family::default(),
        };
        let add = |registry: &mut Registry| {
            registry.register(
                "relay_published",
                "Events acknowledged by the broker",
                metrics.relay_published.clone(),
            );
            registry.register("relay_leading", "1 when this replica relays", metrics.relay_leading.clone());
            registry.register(
                "outbox_pending",
                "Events not yet acknowledged",
                metrics.outbox_pending.clone(),
            );
            registry.register(
                "outbox_oldest_seconds",
                "Age of the oldest event not yet acknowledged",
                metrics.outbox_oldest_seconds.clone(),
            );
            registry.register(
                "dead_letters",
                "Messages given up and not replayed",
                metrics.dead_letters.clone(),
            );
            registry.register(
                "requests_refused_busy",
                "Calls refused because the service was at capacity",
                metrics.requests_refused_busy.clone(),
            );
            registry.register("consumed", "Messages by consumer and outcome", metrics.consumed.clone());
            registry.register(
                "consumer_backlog",
                "Messages in the stream that the consumer has not finished",
                metrics.consumer_backlog.clone(),
            );
        };
        metrics.with_registry(add);
        metrics
    }

    /// Adds a gauge of the service's own.
    #[must_use]
    pub fn gauge(&self, name: &str, help: &str) -> Gauge<i64, AtomicI64> {
        let gauge = Gauge::default();
        self.with_registry(|registry| registry.register(name, help, gauge.clone()));
        gauge
    }

    /// Adds a counter of the service's own.
    #[must_use]
    pub fn counter(&self, name: &str, help: &str) -> Counter<u64, AtomicU64> {
        let counter = Counter::default();
        self.with_registry(|registry| registry.register(name, help, counter.clone()));
        counter
    }

    pub(crate) fn consumed(&self, consumer: &str, outcome: &str, messages: usize) {
        self.consumed
            .get_or_create(&vec![("consumer", consumer.to_owned()), ("outcome", outcome.to_owned())])
            .inc_by(messages as u64);
    }

    pub(crate) fn set_backlog(&self, consumer: &str, messages: i64) {
        self.consumer_backlog.get_or_create(&vec![("consumer", consumer.to_owned())]).set(messages);
    }

    /// All of them, as OpenMetrics has them.
    #[must_use]
    pub fn render(&self) -> String {
        let mut text = String::new();
        self.with_registry(|registry| {
            // Writing to a String cannot fail.
            let _ = encode(&mut text, registry);
        });
        text
    }

    fn with_registry<T>(&self, action: impl FnOnce(&mut Registry) -> T) -> T {
        // A panic while holding the lock leaves the registry usable: it only ever grows.
        action(&mut self.registry.lock().unwrap_or_else(std::sync::PoisonError::into_inner))
    }
}
