//! The rules of the public account. Pure: nothing here is async, knows SQL or gRPC, reads a clock or draws chance.
//!
//! - [`event`]: an event that may enter the ledger, checked.
//! - [`order`]: which events may be appended now, which wait for a predecessor, which are known already.
//! - [`leaf`]: what is written of an event for good, and the texts that are only committed to.
//! - [`account`]: how a case stands after its events, and what they mean for the figures of units.
//! - [`merkle`], [`note`], [`checkpoint`]: the tree, and what is signed of it.

pub mod account;
pub mod checkpoint;
pub mod event;
pub mod leaf;
pub mod merkle;
pub mod note;
pub mod order;
pub mod words;
