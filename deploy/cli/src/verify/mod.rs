//! Proves what the ledger shows, with code of its own.
//!
//! Nothing here is shared with the service that makes the proofs, so that a fault there does not hide itself here.
//! Everything is a function of its arguments: what to fetch, and in what order, is for `commands::ledger_verify`.
//!
//! - [`note`]: signed notes and checkpoints (C2SP signed-note, tlog-checkpoint), Ed25519.
//! - [`merkle`]: leaf hashes, tree heads, inclusion proofs (RFC 6962 section 2.1).
//! - [`leaf`]: the canonical JSON of a leaf (RFC 8785), commitments to texts, versions without gaps.

pub(crate) mod leaf;
pub(crate) mod merkle;
pub(crate) mod note;
