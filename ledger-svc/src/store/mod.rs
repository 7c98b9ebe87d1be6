//! SQL, and nothing but SQL. Every function works on the caller's connection; none begins or commits.

use jiff::Timestamp;

pub mod accounts;
pub mod cases;
pub mod cosignatures;
pub mod evidence;
pub mod exports;
pub mod facts;
pub mod figures;
pub mod hops;
pub mod keys;
pub mod log;
pub mod parked;
pub mod projection;
pub mod representatives;
pub mod search;
pub mod texts;
pub mod units;
pub mod witnessed;

/// A count or an index from the database, where it is signed.
fn unsigned(value: i64) -> u64 {
    u64::try_from(value).unwrap_or(0)
}

/// A count or an index for the database.
fn signed(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

/// A small count from the database, where it is signed.
fn small_from_sql(value: i32) -> u32 {
    u32::try_from(value).unwrap_or(0)
}

/// A small count from the database that is held against the leaves: one below zero is read as one that no history has.
fn count_from_sql(value: i32) -> u32 {
    u32::try_from(value).unwrap_or(u32::MAX)
}

/// A small count for the database.
fn small(value: u32) -> i32 {
    i32::try_from(value).unwrap_or(i32::MAX)
}

fn from_sql(time: jiff_sqlx::Timestamp) -> Timestamp {
    time.to_jiff()
}

/// A row that the present code cannot have written.
fn corrupt(what: &'static str) -> sqlx::Error {
    sqlx::Error::Decode(format!("the database has {what}").into())
}

/// Has a row something in it that nobody here can have written? Then somebody else did, and the row is wrong, not the
/// database.
pub fn makes_no_sense(error: &sqlx::Error) -> bool {
    matches!(error, sqlx::Error::Decode(_) | sqlx::Error::ColumnDecode { .. })
}
