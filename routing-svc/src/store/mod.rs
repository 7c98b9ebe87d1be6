//! SQL, and nothing but SQL. Every function works in the caller's transaction or on the caller's connection.

pub mod alarms;
pub mod assignments;
pub mod cases;
mod detail;
pub mod directory;
pub mod history;
pub mod involved;
pub mod lists;
pub mod past_cases;
pub mod requests;
pub mod rows;
pub mod rule_sets;
