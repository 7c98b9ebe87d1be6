//! The rules of intake: what a submission and its pictures must be, what of it is public, what a receipt code looks
//! like, when a case may be rated or withdrawn, who may see the private part, and how a case's standing is put together
//! from routing's events.
//!
//! Pure: values in, decision out. Time, ids and chance come in as arguments.

pub mod authority;
pub mod picture;
pub mod rating;
pub mod receipt_code;
pub mod standing;
pub mod submission;
pub mod violation;
pub mod withdrawal;
