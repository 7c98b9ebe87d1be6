//! The rules of a case: values in, decision out.
//!
//! Nothing here is async, knows SQL or gRPC, or reads a clock: time, ids and reference data are arguments. What comes
//! out is a new case and the events that led to it, or a typed rejection.

pub mod authority;
pub mod case;
pub mod command;
pub mod deadlines;
pub mod decide;
pub mod import;
pub mod routing_rules;
pub mod submission;

#[cfg(test)]
mod tests;
