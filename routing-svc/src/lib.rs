//! routing-svc decides: the case, its tiers, units, rules and deadlines. It is the only owner of case state.
//!
//! Intake's events come in by [`consumers`], commands of offices and departments by [`grpc`]; both lead to a use case,
//! which asks the pure rules of [`domain`] and commits the new case, its history and its events in one transaction.

pub mod assignment_feed;
pub mod config;
pub mod consumers;
pub mod domain;
pub mod error;
pub mod grpc;
pub mod reference;
pub mod service;
pub mod store;
pub mod use_cases;
mod watch;

use huying_platform::{Platform, migrate::MigrationSource, migrations};

use config::Settings;
use service::Service;
use use_cases::{
    fire_deadlines::keep_firing, forget_requests::keep_forgetting, watch_assignments::keep_hearing,
};

/// The service's own tables.
pub const MIGRATIONS: &[MigrationSource] = migrations![
    (101, "cases", "../migrations/0101_cases.sql"),
    (102, "whole_life", "../migrations/0102_whole_life.sql"),
    (103, "rule_sets", "../migrations/0103_rule_sets.sql"),
    (104, "lists_of_everything", "../migrations/0104_lists_of_everything.sql"),
];

/// Runs the service until it is told to stop.
///
/// # Errors
/// When a part cannot be reached or a port cannot be bound.
pub async fn run(settings: Settings) -> anyhow::Result<()> {
    let platform = Platform::start("routing", &settings.common, MIGRATIONS).await?;
    let service = Service::new(&platform, settings.feed_bounds());

    consumers::spawn(&platform, service.clone());
    let fired =
        platform.metrics.counter("deadlines_fired", "Cases to which something happened by their clocks");
    let on_fired = move |count: usize| {
        fired.inc_by(count as u64);
    };
    platform.spawn_worker(|stop| keep_firing(service.clone(), on_fired, stop));
    platform.spawn("assignment feed", keep_hearing(service.clone()));
    platform.spawn("forgetting requests", keep_forgetting(service.clone(), settings.requests_kept));
    watch::spawn(&platform, service.clone());

    let routes = grpc::routes(&platform, &service);
    platform.serve(routes, axum::Router::new()).await
}
