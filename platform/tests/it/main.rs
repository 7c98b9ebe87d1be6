//! The platform against a real PostgreSQL and a real NATS.
#![allow(clippy::unwrap_used, clippy::panic)]

mod auth;
mod delivery;
mod directory;
mod migrating;
