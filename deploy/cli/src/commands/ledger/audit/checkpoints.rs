//! The checkpoints that an audit knows: what the ledger shows now, what it showed at an earlier audit, and what witnesses
//! have cosigned. All of them have to be of one log that only grows.

use std::{fs::File, io::Read as _, path::Path, time::Duration};

use jiff::{SignedDuration, Timestamp};
use tokio::time::{Instant, sleep};

use super::super::keys::KeySource;
use crate::{
    context::Context,
    failure::Failure,
    files::{Existing, write_whole},
    http::{NoFile, Site},
    verify::{
        auditor::Known,
        findings::{Discrepancy, Findings, Subject},
        keys::VerifierKey,
        note::{Checkpoint, NOTE_BYTES_MAX, Note, open_checkpoint},
        proof_file::{self, ProofFile},
        told::case_id_text,
    },
};

pub(super) const CHECKPOINT_PATH: &str = "/log/checkpoint";
const KEYS_PATH: &str = "/log/vkey";
const KEYS_BYTES_MAX: usize = 16 * 1024;
/// Keys may be changed between reading the one and the other.
const ATTEMPTS: u32 = 3;
/// A witness is asked about once a second; this is patience enough. Tests have less.
const WITNESS_PATIENCE: Duration = Duration::from_secs(if cfg!(test) { 1 } else { 15 });
const POLL_INTERVAL: Duration = Duration::from_millis(500);
const WORLD_READABLE: u32 = 0o644;

/// By what the log is verified.
#[derive(Debug)]
pub(super) struct Trusted {
    pub(super) keys: Vec<VerifierKey>,
    pub(super) source: KeySource,
}

/// What a witness vouches for.
#[derive(Debug)]
pub(super) struct Vouched {
    pub(super) name: String,
    pub(super) size: u64,
    pub(super) at: Timestamp,
}

/// Reads the keys and the latest checkpoint: by what to verify, and what it says.
///
/// # Errors
/// When nothing can be verified.
pub(super) async fn begin(
    site: &Site,
    given: Option<(Vec<VerifierKey>, KeySource)>,
    findings: &mut Findings,
) -> Result<(Trusted, Checkpoint), Failure> {
    let mut attempt = 1;
    loop {
        let note = fetch_note(site).await?;
        let served = fetch_keys(site).await?;
        let (keys, source) = given.clone().unwrap_or_else(|| (served.clone(), KeySource::TheLedgerItself));
        let checkpoint = open_checkpoint(&note, &keys).map_err(Failure::unverified);
        let wrong = wrong_keys(&note, &keys, &served);
        if (checkpoint.is_ok() && wrong.is_empty()) || attempt == ATTEMPTS {
            let checkpoint = checkpoint?;
            wrong.into_iter().for_each(|discrepancy| findings.add(discrepancy));
            return Ok((Trusted { keys, source }, checkpoint));
        }
        sleep(POLL_INTERVAL).await;
        attempt += 1;
    }
}

/// Keys that the ledger should show and does not, and keys that it shows and that have not signed.
fn wrong_keys(note: &str, keys: &[VerifierKey], served: &[VerifierKey]) -> Vec<Discrepancy> {
    let mut wrong = Vec::new();
    if !keys.iter().any(|key| served.contains(key)) {
        let texts =
            |keys: &[VerifierKey]| keys.iter().map(VerifierKey::to_text).collect::<Vec<_>>().join(" ");
        wrong.push(Discrepancy::new(Subject::Checkpoint, KEYS_PATH, texts(keys), texts(served)));
    }
    for key in served {
        let signed = Note::parse(note).and_then(|note| note.is_signed_by(key));
        if signed != Ok(true) {
            let expected = format!("a signature of {}", key.to_text());
            let found = signed.err().unwrap_or_else(|| "none".to_owned());
            wrong.push(Discrepancy::new(Subject::Checkpoint, CHECKPOINT_PATH, expected, found));
        }
    }
    wrong
}

async fn fetch_keys(site: &Site) -> Result<Vec<VerifierKey>, Failure> {
    let text =
        site.text(KEYS_PATH, KEYS_BYTES_MAX).await?.map_err(|found| no_file(site, KEYS_PATH, &found))?;
    VerifierKey::parse_all(&text)
        .map_err(|reason| Failure::unverified(format!("{}{KEYS_PATH}: {reason}", site.address())))
}

async fn fetch_note(site: &Site) -> Result<String, Failure> {
    let note = site.text(CHECKPOINT_PATH, NOTE_BYTES_MAX).await?;
    note.map_err(|found| no_file(site, CHECKPOINT_PATH, &found))
}

fn no_file(site: &Site, path: &str, found: &NoFile) -> Failure {
    Failure::unverified(format!("{}{path}: {}", site.address(), found.0))
        .with_hint("the address is that of the ledger's pages, as in HUYING_LEDGER_WEB")
}

/// The latest checkpoint, and the note that has it.
///
/// # Errors
/// When it cannot be verified.
pub(super) async fn latest(site: &Site, trusted: &Trusted) -> Result<(Checkpoint, String), Failure> {
    let note = fetch_note(site).await?;
    let checkpoint = open_checkpoint(&note, &trusted.keys).map_err(Failure::unverified)?;
    Ok((checkpoint, note))
}

/// The checkpoint of an earlier audit, or of a proof that somebody has kept.
///
/// # Errors
/// When the file has none of this log.
pub(super) fn read_since(
    context: &Context,
    path: &Path,
    trusted: &Trusted,
    origin: &str,
) -> Result<Known, Failure> {
    let named = path.display().to_string();
    let wrong = |reason: String| Failure::usage(format!("{named}: {reason}"));
    let mut text = String::new();
    File::open(path)
        .and_then(|file| file.take(proof_file::FILE_BYTES_MAX as u64).read_to_string(&mut text))
        .map_err(|error| {
            wrong(format!("cannot be read: {error}"))
                .with_hint("--remember writes such a file at the first audit")
        })?;
    let note =
        if proof_file::is_proof(&text) { ProofFile::parse(&text).map_err(wrong)?.checkpoint } else { &text };
    let checkpoint = Note::parse(note).and_then(|note| note.checkpoint()).map_err(wrong)?;
    if checkpoint.origin != origin {
        return Err(wrong(format!("a checkpoint of the log {}, and this is {origin}", checkpoint.origin)));
    }
    if let Err(reason) = open_checkpoint(note, &trusted.keys) {
        context.output.remark(&format!("{named} is compared, although {reason}"));
    }
    Ok(Known { checkpoint, source: named })
}

/// Keeps a checkpoint for the next audit.
///
/// # Errors
/// When it cannot be written.
pub(super) fn remember(path: &Path, note: &str) -> Result<(), Failure> {
    write_whole(path, note, WORLD_READABLE, Existing::Replace)
        .map_err(|error| Failure::unexpected(format!("{} cannot be written: {error}", path.display())))
}

/// Which cosignatures are enough.
#[derive(Debug, Clone, Copy)]
pub(super) struct Enough {
    /// Leaves that were in the log when the audit began: what is cosigned has all of them,
    pub(super) tree_size: u64,
    /// or was cosigned no longer ago than this, where that is allowed.
    pub(super) age_max: Option<Duration>,
}

impl Enough {
    fn is(self, size: u64, at: Timestamp, now: Timestamp) -> bool {
        let age_max = self.age_max.and_then(|age_max| SignedDuration::try_from(age_max).ok());
        size >= self.tree_size || age_max.is_some_and(|age_max| now.duration_since(at) <= age_max)
    }

    fn in_words(self) -> String {
        let age =
            self.age_max.map(|age| format!(", or one not older than {}", humantime::format_duration(age)));
        format!("over {} leaves or more{}", self.tree_size, age.unwrap_or_default())
    }
}

/// What each witness vouches for, looked for in the latest checkpoint and in the proof of a case that has long been in the
/// log, which comes with the latest checkpoint that a witness has cosigned. The checkpoints are noted as known. Cosignatures
/// that are not enough are waited for a while, and told then.
///
/// # Errors
/// When the ledger cannot be read.
pub(super) async fn gather_cosignatures(
    site: &Site,
    trusted: &Trusted,
    witnesses: &[VerifierKey],
    enough: Enough,
    old_case: Option<u128>,
    known: &mut Vec<Known>,
    findings: &mut Findings,
) -> Result<Vec<Vouched>, Failure> {
    let mut vouched: Vec<Option<Vouched>> = witnesses.iter().map(|_| None).collect();
    let mut reasons: Vec<Option<String>> = witnesses.iter().map(|_| None).collect();
    let is_enough = |vouched: &Option<Vouched>| {
        vouched.as_ref().is_some_and(|vouched| enough.is(vouched.size, vouched.at, Timestamp::now()))
    };
    let deadline = Instant::now() + WITNESS_PATIENCE;
    loop {
        for note in notes(site, old_case).await? {
            let Ok(checkpoint) = open_checkpoint(&note, &trusted.keys) else { continue };
            let Ok(parsed) = Note::parse(&note) else { continue };
            for (place, witness) in witnesses.iter().enumerate() {
                match parsed.cosigned_at(witness, Timestamp::now()) {
                    Ok(Some(at)) => {
                        let source = format!("the checkpoint that {} has cosigned", witness.name);
                        let cosigned = Known { checkpoint: checkpoint.clone(), source };
                        if !known.contains(&cosigned) {
                            known.push(cosigned);
                        }
                        let best = vouched[place].as_ref().map(|best| (best.size, best.at));
                        if best < Some((checkpoint.size, at)) {
                            let (name, size) = (witness.name.clone(), checkpoint.size);
                            vouched[place] = Some(Vouched { name, size, at });
                        }
                    }
                    Ok(None) => {}
                    Err(reason) => reasons[place] = Some(reason),
                }
            }
        }
        if vouched.iter().all(is_enough) || Instant::now() >= deadline {
            break;
        }
        sleep(POLL_INTERVAL).await;
    }
    for ((witness, vouched), reason) in witnesses.iter().zip(&vouched).zip(reasons) {
        if !is_enough(vouched) {
            let expected = format!("a cosignature of {} {}", witness.to_text(), enough.in_words());
            let latest = vouched
                .as_ref()
                .map(|vouched| format!("one over {} leaves, of {}", vouched.size, vouched.at));
            let found = reason.or(latest).unwrap_or_else(|| "none".to_owned());
            findings.add(Discrepancy::new(Subject::Witness, witness.name.clone(), expected, found));
        }
    }
    Ok(vouched.into_iter().flatten().collect())
}

async fn notes(site: &Site, old_case: Option<u128>) -> Result<Vec<String>, Failure> {
    let mut notes = vec![fetch_note(site).await?];
    if let Some(case_id) = old_case {
        let path = format!("/cases/{}/receipt.tlog-proof", case_id_text(case_id));
        if let Ok(text) = site.text(&path, proof_file::FILE_BYTES_MAX).await?
            && let Ok(file) = ProofFile::parse(&text)
        {
            notes.push(file.checkpoint.to_owned());
        }
    }
    Ok(notes)
}
