//! The rules of the public account. Pure: nothing here is async, knows SQL or gRPC, reads a clock or draws chance.
//!
//! - [`event`]: an event that may enter the ledger, checked.
//! - [`order`]: which events may be appended now, which wait for a predecessor, which are known already.
//! - [`leaf`]: what is written of an event for good, and the texts that are only committed to.
//! - [`account`]: how a case stands after its events, and what of it may be shown.
//! - [`facts`]: what the histories of cases mean for units and representatives.
//! - [`figures`]: what the figures count.
//! - [`history`]: a case read back from its leaves; [`coverage`]: whether they are those that a checkpoint covers;
//!   [`discrepancy`]: what is not as it was logged.
//! - [`counts`]: what is counted of cases, and the rates that follow.
//! - [`merging`]: which cases go on as one.
//! - [`merkle`], [`note`], [`checkpoint`]: the tree, and what is signed of it; [`log_keys`]: with which keys; [`head`]:
//!   whether the log may be carried on.
//! - [`cosignature`], [`witness`]: how logs vouch for each other.
//! - [`log_range`]: which leaves and trees may be asked for.
//! - [`tile_path`], [`entry_bundle`], [`proof_file`]: the forms in which the log leaves the house.

pub mod account;
pub mod case_filter;
pub mod checkpoint;
pub mod cosignature;
pub mod counts;
pub mod coverage;
pub mod discrepancy;
pub mod entry_bundle;
pub mod event;
pub mod facts;
pub mod figures;
pub mod head;
pub mod highlight;
pub mod history;
pub mod leaf;
pub mod log_keys;
pub mod log_range;
pub mod merging;
pub mod merkle;
pub mod note;
pub mod order;
pub mod proof_file;
pub mod ranking;
#[cfg(test)]
pub(crate) mod samples;
pub mod search_document;
pub mod search_query;
pub mod segmentation;
pub mod soundness;
pub mod tile_path;
pub mod title;
pub mod witness;
pub mod words;
