//! ledger-svc against a real PostgreSQL and a real NATS.
#![allow(clippy::unwrap_used, clippy::panic)]

mod appending;
mod counting;
mod crashes;
mod exports;
mod feeds;
mod figures;
mod house;
mod keeping;
mod lists_and_rates;
mod log;
mod log_entries;
mod log_proofs;
mod pages;
mod publication;
mod reading;
mod rebuilding;
mod recounting;
mod rotation;
mod search;
mod search_bounds;
mod signing;
mod story;
mod tampering;
mod witness;
