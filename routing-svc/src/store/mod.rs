//! SQL, and nothing but SQL. Every function works in the caller's transaction or on the caller's connection.

pub mod cases;
pub mod directory;
pub mod history;
pub mod lists;
pub mod requests;
pub mod rows;
