//! Witnessing: how one log vouches for another, by the C2SP tlog-witness protocol.
//!
//! A log sends its newest checkpoint and a proof that the tree has only grown since the one that the witness cosigned
//! last; the witness checks the proof and cosigns. So nobody can be shown another history than everybody else without
//! the witness's help.
//!
//! Guaranteed: for each log a witness goes from one tree only to one that begins with it, and never to another of the
//! same size. Left to others: that what was seen is kept before the cosignature is given (`use_cases/add_checkpoint.rs`).

use std::collections::BTreeMap;

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};

use super::{
    checkpoint::{Checkpoint, CheckpointError},
    merkle::{Hash, empty_root, verify_consistency},
    note::{NoteError, SignedNote, Verifier, check_signatures},
};

#[cfg(test)]
mod tests;

/// Witnesses that a log may ask. With its keys ([`super::log_keys::KEYS_MAX`]) they are the 16 signatures that every
/// verifier of signed notes accepts.
pub const WITNESSES_MAX: usize = 12;

/// Lines that a file of logs may have: one for each key of every prefecture-level city, three times over.
pub const WITNESSED_KEYS_MAX: usize = 1_024;

/// Longest request that is read, in bytes. A note of 16 signatures that withstand quantum computers has some 100,000.
pub const REQUEST_MAX_BYTES: usize = 128 * 1_024;

/// Longest proof, in hashes: as many as the protocol allows.
const PATH_MAX: usize = 63;

/// Largest tree: what the database can count.
const TREE_SIZE_MAX: u64 = i64::MAX.unsigned_abs();

/// The logs that a witness vouches for, by the origin line of their checkpoints, and their keys.
#[derive(Debug, Clone, Default)]
pub struct WitnessedLogs(BTreeMap<String, Vec<Verifier>>);

/// A file of logs that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WitnessedLogsError {
    /// A line is no key.
    #[error("line {line} is not the verifier key of a log, as its /log/vkey gives it")]
    Line {
        /// Number of the line, from 1.
        line: usize,
        /// What it lacks.
        #[source]
        source: NoteError,
    },
    /// It is too long.
    #[error("it has more than {WITNESSED_KEYS_MAX} keys")]
    TooMany,
}

impl WitnessedLogs {
    /// Reads a file: verifier keys, one a line, whose name is the log's origin. A log that has several keys, or changes
    /// them, has several lines. Empty lines and those that begin with `#` are passed over.
    ///
    /// # Errors
    /// [`WitnessedLogsError`].
    pub fn parse(text: &str) -> Result<Self, WitnessedLogsError> {
        let mut logs: BTreeMap<String, Vec<Verifier>> = BTreeMap::new();
        let mut keys = 0;
        for (index, line) in text.lines().map(str::trim).enumerate() {
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            keys += 1;
            if keys > WITNESSED_KEYS_MAX {
                return Err(WitnessedLogsError::TooMany);
            }
            let key = Verifier::parse(line)
                .map_err(|source| WitnessedLogsError::Line { line: index + 1, source })?;
            logs.entry(key.name().to_owned()).or_default().push(key);
        }
        Ok(Self(logs))
    }

    /// Origins of the logs, in order.
    pub fn origins(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }
}

/// What a log sends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AddCheckpoint<'a> {
    /// Leaves in the tree that the witness cosigned last, as far as the log knows.
    pub old_size: u64,
    /// The consistency proof from it.
    pub path: Vec<Hash>,
    /// The signed checkpoint.
    pub note: &'a str,
}

/// Why nothing is cosigned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The request is not written as the protocol wants it.
    #[error("the request is not one of C2SP tlog-witness: {0}")]
    Malformed(&'static str),
    /// What should be a checkpoint is no signed note.
    #[error("the request has no signed note")]
    NotANote(#[source] NoteError),
    /// The note is no checkpoint.
    #[error("the note is no checkpoint")]
    NotACheckpoint(#[source] CheckpointError),
    /// Nobody asked this witness to vouch for the log.
    #[error("this witness knows no log of that origin")]
    UnknownLog,
    /// No key of the log has signed.
    #[error("the checkpoint is not signed by a key of the log that this witness knows")]
    NotSigned(#[source] NoteError),
    /// The old tree is larger than the new one.
    #[error("the old size is larger than that of the checkpoint")]
    OldSizeTooLarge,
    /// The witness saw another tree last than the log thinks.
    #[error("the witness cosigned a tree of {0} leaves last")]
    OtherSize(u64),
    /// The witness saw another root for that very size: the log has two histories.
    #[error("the witness cosigned another root for {0} leaves")]
    OtherRoot(u64),
    /// The proof proves nothing.
    #[error("the consistency proof does not lead from the old tree to the new one")]
    NotConsistent,
}

impl<'a> AddCheckpoint<'a> {
    /// The body of a request: the line `old <size>`, the proof with one hash in base64 a line, an empty line, and the
    /// note.
    pub fn write(&self) -> String {
        let mut body = format!("old {}\n", self.old_size);
        for hash in &self.path {
            body.push_str(&BASE64.encode(hash));
            body.push('\n');
        }
        body.push('\n');
        body.push_str(self.note);
        body
    }

    /// Reads the body of a request. The note is not looked into.
    ///
    /// # Errors
    /// [`Refusal::Malformed`].
    pub fn parse(body: &'a str) -> Result<Self, Refusal> {
        if body.len() > REQUEST_MAX_BYTES {
            return Err(Refusal::Malformed("it is longer than 128 KiB"));
        }
        let (head, note) =
            body.split_once("\n\n").ok_or(Refusal::Malformed("no empty line before the checkpoint"))?;
        let mut lines = head.split('\n');
        let old_size = lines
            .next()
            .and_then(|line| line.strip_prefix("old "))
            .and_then(parse_size)
            .ok_or(Refusal::Malformed("its first line is not `old` and a size without leading zeros"))?;
        let mut path = Vec::new();
        for line in lines {
            if path.len() == PATH_MAX {
                return Err(Refusal::Malformed("its proof has more than 63 lines"));
            }
            let hash = BASE64.decode(line).ok().and_then(|bytes| Hash::try_from(bytes).ok());
            path.push(hash.ok_or(Refusal::Malformed("a line of its proof is not the base64 of 32 bytes"))?);
        }
        Ok(Self { old_size, path, note })
    }
}

/// A size in decimal without leading zeros, as the protocol writes it, up to what the database can count.
pub fn parse_size(digits: &str) -> Option<u64> {
    let plain =
        digits == "0" || (!digits.starts_with('0') && digits.bytes().all(|digit| digit.is_ascii_digit()));
    digits.parse().ok().filter(|size| plain && *size <= TREE_SIZE_MAX)
}

/// A checkpoint that its log has signed, and what the log says of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Submission<'a> {
    /// What was signed, byte for byte: what is cosigned.
    pub text: &'a str,
    /// What it says.
    pub checkpoint: Checkpoint,
    old_size: u64,
    path: Vec<Hash>,
}

/// Checks what can be checked without knowing what was seen before.
///
/// # Errors
/// [`Refusal`], in the order in which the protocol asks for the checks.
pub fn open<'a>(logs: &WitnessedLogs, request: AddCheckpoint<'a>) -> Result<Submission<'a>, Refusal> {
    let note = SignedNote::parse(request.note).map_err(Refusal::NotANote)?;
    let checkpoint = Checkpoint::parse(note.text).map_err(Refusal::NotACheckpoint)?;
    if note.text.split_terminator('\n').any(str::is_empty) {
        return Err(Refusal::Malformed("its checkpoint has an empty line"));
    }
    let keys = logs.0.get(&checkpoint.origin).ok_or(Refusal::UnknownLog)?;
    check_signatures(&note, keys).map_err(Refusal::NotSigned)?;
    if checkpoint.tree_size > TREE_SIZE_MAX {
        return Err(Refusal::Malformed("its tree has more leaves than can be counted"));
    }
    if request.old_size > checkpoint.tree_size {
        return Err(Refusal::OldSizeTooLarge);
    }
    Ok(Submission { text: note.text, checkpoint, old_size: request.old_size, path: request.path })
}

/// The tree of a log that the witness cosigned last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// Leaves in it.
    pub tree_size: u64,
    /// Its root.
    pub root: Hash,
}

impl Default for Seen {
    /// Before the first checkpoint: the tree without leaves.
    fn default() -> Self {
        Self { tree_size: 0, root: empty_root() }
    }
}

impl Seen {
    /// The tree seen last if this one is cosigned.
    ///
    /// # Errors
    /// [`Refusal::OtherSize`], [`Refusal::OtherRoot`], [`Refusal::NotConsistent`].
    pub fn advance(&self, submission: &Submission<'_>) -> Result<Self, Refusal> {
        let Checkpoint { tree_size, root, .. } = submission.checkpoint;
        if submission.old_size != self.tree_size {
            return Err(Refusal::OtherSize(self.tree_size));
        }
        if tree_size == self.tree_size && root != self.root {
            return Err(Refusal::OtherRoot(tree_size));
        }
        if !verify_consistency(self.tree_size, &self.root, tree_size, &root, &submission.path) {
            return Err(Refusal::NotConsistent);
        }
        Ok(Self { tree_size, root })
    }
}
