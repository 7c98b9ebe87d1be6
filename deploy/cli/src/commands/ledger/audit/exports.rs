//! Downloads what the ledger publishes besides the log: cases, texts, figures.
//!
//! Guarantees that a file that is cut off is never taken for a whole one: it says by its last row how many it has. One that
//! does not come whole, after some attempts, is a discrepancy, and what it would have been compared with is left alone.
//! Once what was read takes up more memory than it may, the audit ends.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::memory::Memory;
use crate::{
    failure::Failure,
    http::{NoFile, Site},
    progress::Progress,
    verify::{
        auditor::exported_bytes,
        exported::{BadRow, Exported, end_of_rows},
        figure_file::FigureFile,
        figures::List,
        findings::{Discrepancy, Findings, Subject, clipped},
        moment::Month,
    },
};

const CASES_PATH: &str = "/cases.jsonl";
const TEXTS_PATH: &str = "/texts.jsonl";
/// How often a file that is cut off is asked for.
const ATTEMPTS: u32 = 3;
/// The longest text has 20,000 characters, and none becomes more than six bytes in JSON.
const ROW_BYTES_MAX: usize = 256 * 1024;
/// A leaf commits to 21 texts at most.
const TEXTS_OF_LEAF_MAX: u64 = 21;
/// Leaves that may come while files are downloaded.
const LEAVES_MEANWHILE_MAX: u64 = 1_000_000;
/// More units, regions or representatives than any country has.
const FIGURES_MAX: u64 = 4_000_000;
/// Rows of one file that are told to be wrong; as many as anybody looks at.
const BAD_ROWS_MAX: usize = 1_000;
/// Months whose figures are compared: as many as the ledger's pages show.
const MONTHS_MAX: usize = 24;
/// Figures may lag behind the log by a minute, and counting takes time as well. Tests have less.
const FIGURES_PATIENCE: Duration = Duration::from_secs(if cfg!(test) { 1 } else { 180 });
const POLL_INTERVAL: Duration = Duration::from_millis(500);

/// Why a file is not whole.
enum NotWhole {
    /// There is none; another attempt would not change that.
    Missing(String),
    /// It was cut off, or says another number of rows than it has.
    CutOff(String),
}

/// Downloads, and notes what is wrong with the files.
#[derive(Debug)]
pub(super) struct Downloads<'a> {
    pub(super) site: &'a Site,
    /// Leaves in the log before the first download.
    pub(super) begun_at: u64,
    pub(super) exported: &'a mut Exported,
    pub(super) findings: &'a mut Findings,
    pub(super) progress: &'a mut Progress,
    pub(super) memory: Memory,
}

impl Downloads<'_> {
    /// Downloads cases, and then texts, whose titles are compared with those of the cases.
    ///
    /// # Errors
    /// When the ledger cannot be reached, or has more than may be held.
    pub(super) async fn cases_and_texts(&mut self) -> Result<(), Failure> {
        let cases_max = self.begun_at + LEAVES_MEANWHILE_MAX;
        let texts_max = cases_max * TEXTS_OF_LEAF_MAX;
        for attempt in 1..=ATTEMPTS {
            self.exported.forget_cases();
            let memory = self.memory;
            let take = |line: &str| {
                let taken = self.exported.take_case(line);
                memory.check(exported_bytes(self.exported), CASES_PATH).map(|()| taken)
            };
            let read = read_rows(self.site, CASES_PATH, cases_max, take, self.progress).await?;
            if let Some(faults) = settle(CASES_PATH, read, attempt, self.findings) {
                self.exported.has_all_cases = faults == 0;
                break;
            }
        }
        for attempt in 1..=ATTEMPTS {
            self.exported.forget_texts();
            let memory = self.memory;
            let take = |line: &str| {
                let taken = self.exported.take_text(line);
                memory.check(exported_bytes(self.exported), TEXTS_PATH).map(|()| taken)
            };
            let read = read_rows(self.site, TEXTS_PATH, texts_max, take, self.progress).await?;
            if let Some(faults) = settle(TEXTS_PATH, read, attempt, self.findings) {
                self.exported.has_all_texts = faults == 0;
                break;
            }
        }
        Ok(())
    }

    /// Downloads all figures, over all time and by month, each of a tree that has what the log had when the audit began.
    ///
    /// # Errors
    /// When the ledger cannot be reached, or has more than may be held.
    pub(super) async fn figures(&mut self) -> Result<Vec<FigureFile>, Failure> {
        let mut months: Vec<Option<Month>> = Vec::new();
        if let Some((first, last)) = self.exported.months {
            let following = std::iter::successors(Some(first), |month| Some(month.next()));
            months.extend(following.take_while(|month| *month <= last).map(Some));
            months.drain(..months.len().saturating_sub(MONTHS_MAX));
        }
        months.insert(0, None);
        let deadline = Instant::now() + FIGURES_PATIENCE;
        let mut files: Vec<FigureFile> = Vec::new();
        for list in List::ALL {
            let months = if list.is_by_month() { &months[..] } else { &[None] };
            for month in months {
                let held_bytes = files.iter().map(FigureFile::held_bytes).sum();
                files.extend(self.figure_file(list, *month, deadline, held_bytes).await?);
            }
        }
        Ok(files)
    }

    /// `held_bytes` is what the files before it take up.
    async fn figure_file(
        &mut self,
        list: List,
        month: Option<Month>,
        deadline: Instant,
        held_bytes: u64,
    ) -> Result<Option<FigureFile>, Failure> {
        let begun_at = self.begun_at;
        let mut attempt = 1;
        loop {
            let mut file = FigureFile::new(list, month);
            let path = file.path();
            let memory = self.memory;
            let take = |line: &str| {
                let taken = file.take(line, &mut self.exported.names);
                let held_bytes = held_bytes + file.held_bytes() + exported_bytes(self.exported);
                memory.check(held_bytes, &path).map(|()| taken)
            };
            let read = read_rows(self.site, &path, FIGURES_MAX, take, self.progress).await?;
            let Some(faults) = settle(&path, read, attempt, self.findings) else {
                attempt += 1;
                continue;
            };
            if faults > 0 {
                return Ok(None);
            }
            match file.tree_size() {
                Some(size) if size < begun_at => {
                    if Instant::now() >= deadline {
                        let expected = format!("figures of a tree of {begun_at} leaves or more");
                        let found = format!("{size} leaves after {} s", FIGURES_PATIENCE.as_secs());
                        self.findings.add(Discrepancy::new(Subject::Figures, path, expected, found));
                        return Ok(Some(file));
                    }
                    self.progress.tell(|| format!("{path} is of {size} leaves, waiting for {begun_at}"));
                    sleep(POLL_INTERVAL).await;
                }
                Some(_) | None => return Ok(Some(file)),
            }
        }
    }
}

/// Notes what is wrong with a file that was read, and says how much that was; `None` when it is to be asked for again.
fn settle(
    path: &str,
    read: Result<Vec<BadRow>, NotWhole>,
    attempt: u32,
    findings: &mut Findings,
) -> Option<usize> {
    match read {
        Ok(bad) => {
            let count = bad.len();
            for BadRow { expected, found } in bad {
                findings.add(Discrepancy::new(Subject::Export, path, expected, found));
            }
            Some(count)
        }
        Err(NotWhole::CutOff(_)) if attempt < ATTEMPTS => None,
        Err(NotWhole::CutOff(found) | NotWhole::Missing(found)) => {
            findings.add(Discrepancy::new(Subject::Export, path, "the whole file", found));
            Some(1)
        }
    }
}

/// Reads a file row by row; what is wrong with its rows. What is to be done with a row says what is wrong with it, or fails
/// when nothing more may be read.
async fn read_rows(
    site: &Site,
    path: &str,
    rows_max: u64,
    mut take: impl FnMut(&str) -> Result<Result<(), BadRow>, Failure>,
    progress: &mut Progress,
) -> Result<Result<Vec<BadRow>, NotWhole>, Failure> {
    let mut lines = match site.lines(path, ROW_BYTES_MAX).await? {
        Ok(lines) => lines,
        Err(NoFile(found)) => return Ok(Err(NotWhole::Missing(found))),
    };
    let mut bad = Vec::new();
    let mut rows = 0;
    let cut_off =
        |rows: u64, how: &str| Ok(Err(NotWhole::CutOff(format!("one that {how} after {rows} rows"))));
    loop {
        let line = match lines.next().await {
            Ok(Some(line)) => line,
            Ok(None) => return cut_off(rows, "ends without its last row"),
            Err(error) => return cut_off(rows, &format!("breaks off ({error})")),
        };
        if let Some(said) = end_of_rows(line) {
            if said != rows {
                return cut_off(rows, &format!("says it has {said} rows"));
            }
            return match lines.next().await {
                Ok(None) => Ok(Ok(bad)),
                Ok(Some(_)) | Err(_) => cut_off(rows, "goes on behind its last row"),
            };
        }
        rows += 1;
        if rows > rows_max {
            return Ok(Err(NotWhole::Missing(format!("more than {rows_max} rows"))));
        }
        if let Err(BadRow { expected, found }) = take(line)?
            && bad.len() < BAD_ROWS_MAX
        {
            bad.push(BadRow { expected, found: clipped(found) });
        }
        progress.tell(|| format!("{path}: {rows} rows"));
    }
}
