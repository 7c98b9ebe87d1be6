//! notify-svc tells: who must hear of an event, until they have it.
//!
//! Life of a notification:
//!
//! 1. The broker hands a batch of case events to [`consumers`]. [`domain::audience`] reads from each event who hears of
//!    it, and [`domain::delivery`] puts the batch in order.
//! 2. [`use_cases::deliver_events`] puts a notification into the mailbox of each of them, in one transaction: locked,
//!    checked for repetitions, placed at 1, 2, 3 … without gaps, committed. From here on nothing can be missed.
//! 3. [`hub`] hands what was committed to the live streams of this process; [`wake`] tells other replicas, and
//!    [`background`] polls once a second for what no wake-up told of.
//! 4. [`use_cases::subscribe`] streams a mailbox from any position: out of memory while nothing is missing there
//!    ([`domain::window`]), out of the database otherwise. A client that was cut off goes on after the last position it
//!    saw and sees each notification once.
//! 5. [`use_cases::acknowledge`] takes down how far the recipient has come; what is not acknowledged is kept, and
//!    measured.
//!
//! The mailbox is the durable part, and the gRPC stream is one way of emptying it: a cursor, a reader and an
//! acknowledgement. Another channel is another such reader beside [`use_cases::subscribe`], with a cursor of its own; it
//! changes nothing in how mailboxes are filled.
//!
//! Order across the events of one case is told in [`domain::delivery`].

pub mod background;
pub mod config;
pub mod consumers;
pub mod domain;
pub mod grpc;
pub mod hub;
pub mod store;
pub mod use_cases;
pub mod wake;

use std::sync::Arc;

use config::Config;
use grpc::Notifications;
use hub::Hub;
use huying_platform::{Platform, migrate::MigrationSource, migrations};
use huying_proto::notify::v1::notification_service_server::NotificationServiceServer;
use tonic::service::Routes;
use use_cases::{acknowledge::Acknowledge, deliver_events::DeliverEvents, subscribe::Subscribe};
use wake::Wake;

/// The service's tables.
pub const MIGRATIONS: &[MigrationSource] =
    migrations![(101, "mailboxes", "../migrations/0101_mailboxes.sql")];

/// Largest gRPC request, in bytes: a code and a number are far less.
const REQUEST_BYTES_MAX: usize = 64 * 1_024;

/// Runs the service until it is told to stop.
///
/// # Errors
/// When a part of it cannot be started.
pub async fn run(config: Config) -> anyhow::Result<()> {
    let platform = Platform::start("notify", &config.common, MIGRATIONS).await?;
    let hub = Hub::new(config.hub_bounds(), platform.shutdown());
    let wake = Wake::new(platform.nats.clone(), &platform.namespace);
    platform.spawn_consumer(consumers::config(), deliver_events(&platform, &hub, &wake));
    background::spawn(&platform, &hub, wake, config.poll_interval(), config.retention());
    let routes = routes(&platform, &hub);
    platform.serve(routes, axum::Router::new()).await
}

/// The handler of events.
#[must_use]
pub fn deliver_events(platform: &Platform, hub: &Arc<Hub>, wake: &Wake) -> DeliverEvents {
    DeliverEvents {
        db: platform.db.clone(),
        clock: platform.clock.clone(),
        hub: Arc::clone(hub),
        wake: wake.clone(),
    }
}

/// The gRPC services.
#[must_use]
pub fn routes(platform: &Platform, hub: &Arc<Hub>) -> Routes {
    let (db, directory) = (&platform.db, &platform.directory);
    let notifications = Notifications {
        auth: Arc::clone(&platform.auth),
        subscribe: Subscribe::new(db.clone(), directory.clone(), Arc::clone(hub)),
        acknowledge: Acknowledge { db: db.clone(), directory: directory.clone() },
    };
    Routes::new(NotificationServiceServer::new(notifications).max_decoding_message_size(REQUEST_BYTES_MAX))
}
