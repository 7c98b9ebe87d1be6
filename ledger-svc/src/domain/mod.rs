//! The rules of the public account. Pure: nothing here is async, knows SQL or gRPC, reads a clock or draws chance.
//!
//! - [`event`]: an event that may enter the ledger, checked.
//! - [`order`]: which events may be appended now, which wait for a predecessor, which are known already.
//! - [`leaf`]: what is written of an event for good, and the texts that are only committed to.
//! - [`account`]: how a case stands after its events, and what of it may be shown.
//! - [`figures`]: what the histories of cases mean for the figures of units.
//! - [`merging`]: which cases go on as one.
//! - [`merkle`], [`note`], [`checkpoint`]: the tree, and what is signed of it.

pub mod account;
pub mod checkpoint;
pub mod event;
pub mod figures;
pub mod leaf;
pub mod merging;
pub mod merkle;
pub mod note;
pub mod order;
#[cfg(test)]
pub(crate) mod samples;
pub mod words;
