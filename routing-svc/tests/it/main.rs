//! routing-svc against a real PostgreSQL and a real NATS, each test with a database and streams of its own.
#![allow(clippy::unwrap_used, clippy::panic)] // Helpers of tests may say "this must hold" as plainly as tests.

mod commands;
mod deadlines;
mod import;
mod lists;
mod reading;
mod requests;
mod submissions;
mod town;
