//! notify-svc against a real PostgreSQL and a real NATS.
// What the tests share is not itself a test, and may say as plainly as they do what must hold.
#![allow(clippy::unwrap_used, clippy::panic)]

mod acknowledging;
mod consuming;
mod delivering;
mod forgetting;
mod house;
mod streaming;
