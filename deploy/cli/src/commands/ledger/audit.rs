//! `huying ledger audit`: a whole ledger, from its public files alone.
//!
//! First the latest checkpoint, then everything that the ledger publishes besides its log (cases, texts, figures), then the
//! latest checkpoint again, and at last the log itself, up to that: so whatever was published is judged by leaves that
//! are all read, and a log that grows meanwhile disturbs nothing. What is judged, and how, is [`crate::verify::auditor`]'s.
//!
//! Left to others: that the log never showed somebody else another tree is for witnesses to say (`--witness`), and for the
//! checkpoints that people keep (`--since`, `--remember`).

use std::{path::PathBuf, time::Duration};

use clap::Args;
use data_encoding::BASE64;
use serde_json::{Value, json};

use super::keys::{KeySource, given_keys, remark_on_own_word, witness_keys};
use crate::{
    arguments::duration,
    context::Context,
    failure::Failure,
    http::Site,
    progress::Progress,
    text,
    verify::{
        auditor::{Auditor, Checked, Known},
        exported::Exported,
        findings::{Discrepancy, Findings, Subject},
        note::Checkpoint,
    },
};

mod checkpoints;
mod exports;
mod memory;
mod walk;

use checkpoints::{CHECKPOINT_PATH, Enough, Trusted, Vouched};
use exports::Downloads;
use memory::{Memory, size};
use walk::Walked;

/// More leaves than can be read in days. What is held of them is bounded by `--memory-max`.
const LEAVES_MAX: u64 = 200_000_000;

const AFTER_HELP: &str = "\
Examples:
  huying ledger audit https://ledger.example.cn --vkey ledger.pub
  huying ledger audit --remember last.checkpoint --json
  huying ledger audit https://ledger.example.cn --vkey ledger.pub --witness neighbour.pub

Downloads the ledger's public files and computes everything anew: the tree of all leaves, compared
with every tile; that leaves are canonical JSON and the versions of each case have no gaps; how each
case stands (/cases.jsonl); that texts are what leaves commit to, and that neither more nor fewer
are shown than may be (/texts.jsonl); the figures of units, regions and representatives, over all
time and of the latest 24 months; and the ways between units (/flows.jsonl).

These checkpoints are compared with the tree: the latest one before anything is downloaded and the
latest one after it; those of --since and --remember; and those that a --witness has cosigned. The
ledger hands out no others: what it signed and showed to somebody else meanwhile is only known from
those who kept it. --since takes what --remember wrote at an earlier audit, or a .tlog-proof file,
and shows that the log has only grown since; it may be given several times. --remember compares
with the file first, if there is one, and replaces it only when nothing is wrong.

--witness demands that the witness has cosigned a tree with all leaves that there were when the
audit began; up to 15 seconds are waited for that. With --witness-age-max a smaller tree is enough
if it was cosigned no longer ago than that, and leaves after it are vouched for by nobody.

Each discrepancy is a line that says where, what was expected and what was found; the exit code is
6 then.";

#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct AuditArgs {
    /// Address of the ledger's pages, such as https://ledger.example.cn [env: HUYING_LEDGER_WEB]
    url: Option<String>,

    /// Verifier key of the log, or a file with it [env: HUYING_LEDGER_VKEY]
    #[arg(long, value_name = "KEY")]
    vkey: Option<String>,

    /// Verifier key of a witness that must have cosigned, or a file with it; may be given several times
    #[arg(long, value_name = "KEY")]
    witness: Vec<String>,

    /// Be content with a cosignature of fewer leaves than there are, if it is not older than this
    #[arg(long, value_name = "DURATION", value_parser = duration, requires = "witness")]
    witness_age_max: Option<Duration>,

    /// A checkpoint that the log must have grown from; may be given several times
    #[arg(long, value_name = "FILE")]
    since: Vec<PathBuf>,

    /// Where to keep the checkpoint when nothing is wrong; a file that is there is taken as --since before
    #[arg(long, value_name = "FILE")]
    remember: Option<PathBuf>,

    /// About how much memory cases, texts and figures may take up
    #[arg(long, value_name = "SIZE", value_parser = size, default_value = "4GiB")]
    memory_max: u64,
}

pub(crate) async fn run(context: &Context, arguments: &AuditArgs) -> Result<(), Failure> {
    let report = audit(context, arguments).await?;
    context.output.result(|| report.for_people(), || report.to_json())?;
    if report.findings.count > 0 {
        let noun = if report.findings.count == 1 { "discrepancy" } else { "discrepancies" };
        let found = format!("{} {noun} in the ledger at {}", report.findings.count, report.address);
        return Err(Failure::unverified(found));
    }
    match &arguments.remember {
        Some(path) => checkpoints::remember(path, &report.note),
        None => Ok(()),
    }
}

async fn audit(context: &Context, arguments: &AuditArgs) -> Result<Report, Failure> {
    let address = arguments.url.as_deref().or_else(|| context.environment.get("HUYING_LEDGER_WEB"));
    let address = address.ok_or_else(|| {
        Failure::usage("where the ledger's pages are, is not known").with_hint(
            "give the address, or HUYING_LEDGER_WEB; a trial installation (./deploy/up) is found from within its checkout",
        )
    })?;
    let site = Site::new(address, context.request_timeout())?;
    let given = given_keys(context, arguments.vkey.as_deref())?;
    if given.is_none() {
        remark_on_own_word(context);
    }
    let witnesses = witness_keys(&arguments.witness)?;
    let memory = Memory { max_bytes: arguments.memory_max };
    let mut findings = Findings::default();
    let mut progress = Progress::new(context.output);

    let (trusted, first) = checkpoints::begin(&site, given, &mut findings).await?;
    check_size(&first)?;
    let begun_at = first.size;
    let mut known = Vec::new();
    // A file that is about to be replaced is evidence.
    let remembered = arguments.remember.iter().filter(|path| path.exists());
    for path in arguments.since.iter().chain(remembered) {
        known.push(checkpoints::read_since(context, path, &trusted, &first.origin)?);
    }

    let mut exported = Exported::new();
    let mut downloads = Downloads {
        site: &site,
        begun_at,
        exported: &mut exported,
        findings: &mut findings,
        progress: &mut progress,
        memory,
    };
    downloads.cases_and_texts().await?;
    let figures = downloads.figures().await?;
    let figure_files = figures.len();
    let old_case = exported.oldest();
    let vouched = if witnesses.is_empty() {
        Vec::new()
    } else {
        let enough = Enough { tree_size: begun_at, age_max: arguments.witness_age_max };
        checkpoints::gather_cosignatures(
            &site,
            &trusted,
            &witnesses,
            enough,
            old_case,
            &mut known,
            &mut findings,
        )
        .await?
    };

    let (checkpoint, note) = checkpoints::latest(&site, &trusted).await?;
    check_size(&checkpoint)?;
    if first != checkpoint {
        known.push(Known { checkpoint: first, source: format!("{CHECKPOINT_PATH} at first") });
    }
    known.push(Known { checkpoint: checkpoint.clone(), source: CHECKPOINT_PATH.to_owned() });
    let mut auditor = Auditor::new(exported, figures, known, begun_at, findings);
    let walked = walk::walk(&site, checkpoint.size, &mut auditor, &mut progress, memory).await?;
    drop(progress);
    if !walked.is_whole {
        let (expected, read) = (format!("{} leaves", checkpoint.size), auditor.size());
        let found = format!("{read}; nothing after them was compared");
        auditor.add(Discrepancy::new(Subject::Leaf, "the log", expected, found));
    }
    let (findings, checked) = auditor.finish(walked.is_whole);
    let address = site.address().to_owned();
    Ok(Report { address, trusted, checkpoint, note, vouched, figure_files, walked, findings, checked })
}

fn check_size(checkpoint: &Checkpoint) -> Result<(), Failure> {
    if checkpoint.size <= LEAVES_MAX {
        return Ok(());
    }
    Err(Failure::usage(format!(
        "the log has {} leaves, more than this command reads ({LEAVES_MAX})",
        checkpoint.size
    )))
}

/// What was checked, and what was found.
#[derive(Debug)]
struct Report {
    address: String,
    trusted: Trusted,
    /// The one up to which the log was read.
    checkpoint: Checkpoint,
    /// The same as it was signed.
    note: String,
    vouched: Vec<Vouched>,
    figure_files: usize,
    walked: Walked,
    findings: Findings,
    checked: Checked,
}

impl Report {
    fn for_people(&self) -> String {
        let Checked { leaves, checkpoints, cases, accounts, texts, withheld, figures } = self.checked;
        let Checkpoint { origin, size, root } = &self.checkpoint;
        let vouched: Vec<String> = self
            .vouched
            .iter()
            .map(|vouched| {
                format!(
                    "{} cosigned {} leaves at {}",
                    vouched.name,
                    vouched.size,
                    text::moment(Some(vouched.at))
                )
            })
            .collect();
        let key = match self.trusted.source {
            KeySource::Given | KeySource::Environment => format!("from {}", self.trusted.source.word()),
            KeySource::TheLedgerItself => "from the ledger itself, which proves nothing to you".to_owned(),
        };
        let mut shown = text::facts(&[
            ("audited", self.address.clone()),
            ("checkpoint", format!("{origin}, {size} leaves, signature good")),
            ("root", BASE64.encode(root)),
            ("key", key),
            ("witnesses", vouched.join("; ")),
            ("leaves", format!("{leaves} in {} bundles", self.walked.bundles)),
            ("tiles", format!("{} compared with the leaves", self.walked.tiles)),
            ("checkpoints", format!("{checkpoints} compared with the leaves")),
            ("cases", format!("{cases}, of which {accounts} compared with how they are said to stand")),
            ("texts", format!("{texts} compared with their commitments, {withheld} not public or deleted")),
            ("figures", format!("{figures} rows in {} lists counted anew", self.figure_files)),
            (
                "discrepancies",
                if self.findings.count == 0 { "none".to_owned() } else { self.findings.count.to_string() },
            ),
        ]);
        for discrepancy in &self.findings.kept {
            shown.push_str(&format!("\nDISCREPANCY  {discrepancy}"));
        }
        let untold = self.findings.count - self.findings.kept.len() as u64;
        if untold > 0 {
            shown.push_str(&format!("\n… and {untold} more"));
        }
        shown
    }

    fn to_json(&self) -> Value {
        let Checked { leaves, checkpoints, cases, accounts, texts, withheld, figures } = self.checked;
        let Checkpoint { origin, size, root } = &self.checkpoint;
        let vouched: Vec<Value> = self
            .vouched
            .iter()
            .map(|vouched| {
                json!({
                    "name": vouched.name,
                    "tree_size": vouched.size,
                    "cosigned_at": vouched.at.to_string(),
                })
            })
            .collect();
        json!({
            "audited": self.address,
            "verified": self.findings.count == 0,
            "origin": origin,
            "tree_size": size,
            "root": BASE64.encode(root),
            "key_source": self.trusted.source.word(),
            "witnesses": vouched,
            "is_whole": self.walked.is_whole,
            "leaves": leaves,
            "bundles": self.walked.bundles,
            "tiles": self.walked.tiles,
            "checkpoints": checkpoints,
            "cases": cases,
            "cases_compared": accounts,
            "texts": texts,
            "texts_not_public": withheld,
            "figure_lists": self.figure_files,
            "figure_rows": figures,
            "discrepancy_count": self.findings.count,
            "discrepancies": self.findings.kept.iter().map(Discrepancy::to_json).collect::<Vec<_>>(),
        })
    }
}

#[cfg(test)]
mod tests;
