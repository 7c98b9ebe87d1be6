//! ledger-svc against a real PostgreSQL and a real NATS.
#![allow(clippy::unwrap_used, clippy::panic)]

mod appending;
mod figures;
mod house;
mod pages;
mod publication;
mod reading;
mod story;
