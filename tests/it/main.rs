//! What no single service can show.
#![allow(clippy::unwrap_used, clippy::panic)]

mod deadlines;
mod faults;
mod ledger_crashes;
mod life_of_a_case;
mod operations;
mod other_languages;
mod pages;
mod replicas;
mod retries;
mod tampered_ledger;
