//! Proves what the ledger shows, with code of its own.
//!
//! Nothing here is shared with the service that makes the proofs, so that a fault there does not hide itself here.
//! Everything is a function of its arguments: what to fetch, and in what order, is for `commands::ledger_verify` and
//! `commands::ledger::audit`.
//!
//! - [`keys`], [`note`]: keys, signed notes, checkpoints and cosignatures (C2SP signed-note, tlog-checkpoint,
//!   tlog-cosignature), Ed25519.
//! - [`merkle`], [`tiles`], [`proof_file`]: leaf hashes, tree heads, inclusion proofs (RFC 6962 section 2.1), and the files
//!   they come in (C2SP tlog-tiles, tlog-proof).
//! - [`canonical`], [`leaf`]: the canonical JSON of a leaf (RFC 8785), commitments to texts, versions without gaps.
//! - [`told`], [`history`], [`account`], [`figures`]: what leaves say of cases, how cases stand after them, and the figures;
//!   [`moment`] and [`names`] are what they are made of.
//! - [`exported`], [`figure_file`]: what the ledger publishes of the same; [`auditor`] holds one against the other, and
//!   [`findings`] has what is otherwise.

pub(crate) mod account;
pub(crate) mod auditor;
pub(crate) mod canonical;
pub(crate) mod exported;
pub(crate) mod figure_file;
pub(crate) mod figures;
pub(crate) mod findings;
pub(crate) mod history;
pub(crate) mod keys;
pub(crate) mod leaf;
pub(crate) mod merkle;
pub(crate) mod moment;
pub(crate) mod names;
pub(crate) mod note;
pub(crate) mod proof_file;
pub(crate) mod tiles;
pub(crate) mod told;
