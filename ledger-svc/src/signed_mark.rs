//! What was signed last, remembered outside the database: in this process always, and in a file where the settings name one.
//!
//! A database that goes back, to a backup or to a standby that was behind, has forgotten checkpoints that the public has
//! seen, and a log that goes on from there signs other trees of the same sizes. Whoever takes the lead therefore asks here
//! first, and does not lead a log that is smaller than what was signed, or that does not begin with it
//! ([`crate::domain::head::goes_on`]).
//!
//! Guaranteed: the mark is never ahead of what was committed, so a leader that was killed anywhere finds no fault in an
//! honest log. The file may be behind by what was committed in the last tenth of a second. It has the signed note itself,
//! so that it is also the evidence of what was signed. Left to others: several machines. The file knows what was signed on
//! its own machine; what another one has signed since, the witnesses know.

use std::{
    fs::{self, File},
    io::{self, Read as _, Write as _},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use anyhow::Context as _;
use huying_platform::status::chain;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::domain::{checkpoint::Checkpoint, note::SignedNote};

/// Longest file that is read, in bytes: far more than a note of 64 signatures.
const FILE_BYTES_MAX: u64 = 64 * 1_024;

/// How long after one write of the file the next one waits, so that it does not take the disk from the database.
const PAUSE: Duration = Duration::from_millis(50);

/// A checkpoint that was signed and published.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Signed {
    checkpoint: Checkpoint,
    note: String,
}

/// The checkpoint that was signed last.
#[derive(Debug)]
pub struct SignedMark {
    origin: String,
    file: Option<PathBuf>,
    newest: watch::Sender<Option<Arc<Signed>>>,
}

impl SignedMark {
    /// Of the log of this name; without a file, it lasts as long as the process.
    pub fn new(origin: &str, file: Option<PathBuf>) -> Self {
        Self { origin: origin.to_owned(), file, newest: watch::Sender::new(None) }
    }

    /// What was signed last, as far as is known here.
    pub fn newest(&self) -> Option<Checkpoint> {
        self.newest.borrow().as_ref().map(|signed| signed.checkpoint.clone())
    }

    /// Where it is kept.
    pub fn file(&self) -> Option<&Path> {
        self.file.as_deref()
    }

    /// Remembers a checkpoint that has been committed. Smaller ones than that which is remembered are passed over.
    pub fn note(&self, checkpoint: Checkpoint, note: String) {
        self.newest.send_if_modified(|newest| {
            let known = newest.as_ref().map(|signed| signed.checkpoint.tree_size);
            let is_newer = known.is_none_or(|tree_size| checkpoint.tree_size > tree_size);
            if is_newer {
                *newest = Some(Arc::new(Signed { checkpoint, note }));
            }
            is_newer
        });
    }

    /// Learns what the file has: another process on this machine may have led since.
    ///
    /// # Errors
    /// When there is a file, and it cannot be read or is not the mark of this log.
    pub async fn learn(&self) -> anyhow::Result<()> {
        let Some(file) = self.file.clone() else { return Ok(()) };
        let named = format!("--log-mark-file {}", file.display());
        let read = tokio::task::spawn_blocking(move || read(&file)).await.context("reading it")?;
        let Some(note) = read.with_context(|| format!("reading {named}"))? else { return Ok(()) };
        let text = SignedNote::parse(&note).with_context(|| named.clone())?.text;
        let checkpoint = Checkpoint::parse(text).with_context(|| named.clone())?;
        anyhow::ensure!(
            checkpoint.origin == self.origin,
            "{named} is of the log {}, and --log-origin is {}; each log needs a file of its own",
            checkpoint.origin,
            self.origin
        );
        self.note(checkpoint, note);
        Ok(())
    }

    /// Writes what is remembered to the file.
    ///
    /// # Errors
    /// When it cannot be written; then the file is as it was.
    pub async fn write(&self) -> anyhow::Result<()> {
        let signed = self.newest.borrow().clone();
        let (Some(file), Some(signed)) = (self.file.clone(), signed) else { return Ok(()) };
        let named = format!("writing --log-mark-file {}", file.display());
        let written = tokio::task::spawn_blocking(move || replace(&file, &signed.note)).await;
        written.context("writing it")?.context(named)
    }

    /// Writes what is signed from now on, whenever the write before is done, until the end; what was signed by then is
    /// written before this returns. A failure is told, and the next checkpoint tried again.
    pub async fn keep_written(&self, ended: CancellationToken) {
        if self.file.is_none() {
            return;
        }
        let mut newest = self.newest.subscribe();
        let mut is_told = false;
        loop {
            let is_over = tokio::select! {
                changed = newest.changed() => changed.is_err(),
                () = ended.cancelled() => true,
            };
            newest.mark_unchanged();
            match self.write().await {
                Ok(()) => is_told = false,
                Err(error) if !is_told => {
                    tracing::error!(error = chain(&*error), "what was signed last is not on record");
                    is_told = true;
                }
                Err(_) => {}
            }
            if is_over {
                return;
            }
            tokio::select! {
                () = tokio::time::sleep(PAUSE) => {}
                () = ended.cancelled() => {}
            }
        }
    }
}

/// The text of a file; `None` when there is none.
fn read(file: &Path) -> io::Result<Option<String>> {
    let file = match File::open(file) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let mut text = String::new();
    file.take(FILE_BYTES_MAX).read_to_string(&mut text)?;
    Ok(Some(text))
}

/// Puts a text in place of a file, so that a crash leaves the one or the other.
fn replace(file: &Path, text: &str) -> io::Result<()> {
    let mut name = file.as_os_str().to_owned();
    name.push(format!(".{}", std::process::id()));
    let beside = PathBuf::from(name);
    let mut written = File::create(&beside)?;
    written.write_all(text.as_bytes())?;
    written.sync_all()?;
    fs::rename(&beside, file)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{merkle::empty_root, note::Signer};

    const ORIGIN: &str = "ledger.example.cn/150800";

    fn signed(origin: &str, tree_size: u64) -> (Checkpoint, String) {
        let checkpoint = Checkpoint { origin: origin.to_owned(), tree_size, root: empty_root() };
        let note = checkpoint.sign(&[Signer::from_seed(origin, &[1; 32]).unwrap()]).unwrap();
        (checkpoint, note)
    }

    fn file() -> PathBuf {
        std::env::temp_dir().join(format!("huying-mark-{}", uuid::Uuid::now_v7()))
    }

    fn mark(file: &Path) -> SignedMark {
        SignedMark::new(ORIGIN, Some(file.to_owned()))
    }

    #[tokio::test]
    async fn what_was_signed_last_outlives_the_process() {
        let file = file();
        let first = mark(&file);
        first.learn().await.unwrap();
        assert_eq!(first.newest(), None);
        let ended = CancellationToken::new();
        let writing = first.keep_written(ended.clone());
        let signing = async {
            for tree_size in [1, 7, 5] {
                let (checkpoint, note) = signed(ORIGIN, tree_size);
                first.note(checkpoint, note);
                tokio::task::yield_now().await;
            }
            ended.cancel();
        };
        tokio::join!(writing, signing);
        let second = mark(&file);
        second.learn().await.unwrap();
        assert_eq!(second.newest(), Some(signed(ORIGIN, 7).0));
        assert_eq!(fs::read_to_string(&file).unwrap(), signed(ORIGIN, 7).1);
        fs::remove_file(&file).unwrap();
    }

    #[tokio::test]
    async fn a_file_that_is_no_mark_of_the_log_is_refused() {
        let file = file();
        for text in ["", "nothing", &signed("other.example", 3).1] {
            fs::write(&file, text).unwrap();
            let error = format!("{:#}", mark(&file).learn().await.unwrap_err());
            assert!(error.contains("--log-mark-file"), "{error}");
        }
        fs::remove_file(&file).unwrap();
        let nowhere = mark(&file.join("nowhere"));
        let (checkpoint, note) = signed(ORIGIN, 3);
        nowhere.note(checkpoint, note);
        assert!(nowhere.write().await.is_err());
    }
}
