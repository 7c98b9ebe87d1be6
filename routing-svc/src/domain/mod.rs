//! The rules of a case: values in, decision out.
//!
//! Nothing here is async, knows SQL or gRPC, or reads a clock: time, ids and reference data are arguments. What comes
//! out is a new case and the events that led to it, or a typed rejection.

pub mod assignments;
pub mod authority;
pub mod calendar;
pub mod case;
pub mod classification;
pub mod clocks;
pub mod command;
pub mod decide;
pub mod import;
pub mod limits;
pub mod policies;
pub mod rejection;
pub mod routing_rules;
pub mod submission;
pub mod table_file;

#[cfg(test)]
mod tests;
