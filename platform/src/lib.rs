//! What every Huying service stands on.
//!
//! A service writes a change and the events it leads to in one transaction ([`outbox`]); the relay carries them to
//! JetStream ([`relay`]); consumers take them in batches ([`consumer`]) and drop what they have seen ([`inbox`]).
//! Around it: ids and codes ([`ids`], [`codes`]), time ([`clock`]), who calls ([`auth`]), errors at the edge
//! ([`status`]), reference data ([`directory`]), masking of personal data ([`redact`]), settings, telemetry and an
//! orderly start and stop ([`service`]).
//!
//! It knows no rules of cases: what may happen to a case, and when, is routing-svc's alone.

pub mod auth;
pub mod clock;
pub mod codes;
pub mod consumer;
pub mod dead_letters;
pub mod directory;
pub mod ids;
pub mod inbox;
pub mod keys;
mod listening;
pub mod metrics;
pub mod migrate;
pub mod outbox;
pub mod redact;
pub mod relay;
pub mod secret_file;
mod server;
pub mod service;
pub mod settings;
pub mod status;
pub mod streams;
pub mod subjects;
pub mod telemetry;
#[cfg(feature = "testkit")]
pub mod testkit;

pub use service::Platform;
