//! intake-svc against a real PostgreSQL and a real NATS. Each test has a database and streams of its own.
#![allow(clippy::unwrap_used, clippy::panic, clippy::large_futures)]

mod browser;
mod following;
mod house;
mod pictures;
mod private_part;
mod rating;
mod submitting;
mod web;
mod web_pictures;
mod withdrawing;
