//! routing-svc against a real PostgreSQL and a real NATS, each test with a database and streams of its own.
#![allow(clippy::unwrap_used, clippy::panic)] // Helpers of tests may say "this must hold" as plainly as tests.

mod acts;
mod batches;
mod commands;
mod deadlines;
mod earlier_rows;
mod feed;
mod import;
mod lists;
mod merging;
mod reading;
mod real_messages;
mod refusals;
mod requests;
mod rules;
mod submissions;
mod town;
mod working_days;
