//! `huying ledger verify`: fetches what the ledger shows and has [`crate::verify`] prove it.
//!
//! Of one case: that each of its lines is a leaf of one tree that the log has signed, that nothing is missing between
//! its versions, and that every text shown is the one committed to. Of the whole ledger (`--all`): the same for all cases,
//! and that the leaves they show are, one by one, the whole tree: the root is computed anew from them.
//!
//! All lines are proved in the tree of one checkpoint, so that a log with two histories cannot prove one line in each.
//! That a case has no later versions is not known by such proofs: only who reads all leaves knows it (`--all`,
//! `huying ledger audit`). That the log never showed somebody else another tree is for witnesses to say, not for this
//! command.

use std::{
    collections::{HashMap, HashSet},
    path::{Path, PathBuf},
    time::Duration,
};

use clap::Args;
use data_encoding::BASE64;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use huying_proto::ledger::v1::{GetCaseResponse, Line, ListCasesRequest};
use serde_json::json;
use tokio::time::{Instant, sleep};

use super::ledger::{discrepancy_line, keys::KeySource, list_page, proof_file, shown_case};
use crate::{
    context::Context,
    failure::Failure,
    shapes::timestamp,
    text,
    verify::{
        keys::VerifierKey,
        leaf::{self, Leaf, ShownText},
        merkle::{Hash, TreeHead, leaf_hash, root_of_path},
        note::Checkpoint,
        proof_file::ENDING,
    },
    words,
};

mod fetch;

use fetch::{fetch_proof, latest_checkpoint, verifier_keys};

/// A checkpoint follows a new leaf within a second; this is patience enough.
const CHECKPOINT_PATIENCE: Duration = Duration::from_secs(10);
const POLL_INTERVAL: Duration = Duration::from_millis(100);
/// Cases that are fetched at the same time.
const FETCHES: usize = 8;
const PAGE_SIZE: u32 = 500;
/// Leaves whose hashes are held in memory at once, some 64 bytes each.
const LEAVES_MAX: u64 = 100_000_000;

/// What nobody knows who has not read all leaves.
const LATER_UNKNOWN: &str = "whether later ones were left out, only --all and an audit can know";

const AFTER_HELP: &str = "\
Examples:
  huying ledger verify CASE_ID
  huying ledger verify --all
  huying ledger verify CASE_ID --vkey 'huying.example.cn/150800+1a2b3c4d+AT…' --json
  huying ledger verify receipt.tlog-proof --vkey ledger.pub
  huying ledger verify 0197….tlog-proof --vkey ledger.pub --witness neighbour.pub
  huying ledger verify receipt.tlog-proof --vkey ledger.pub --text body.txt --salt 5d1e…

What is checked, with code that the ledger service does not share: the signature of one checkpoint
(C2SP signed-note, Ed25519); that each leaf is in the tree of that checkpoint (RFC 6962); that
leaves are canonical (RFC 8785) and say what is shown; that the versions of a case have no gaps;
that each text shown is the one its leaf commits to (HMAC-SHA256). --all also computes the root of
the whole tree anew. Without a case and --all, only the checkpoint is checked.

That versions after the last one shown were left out cannot be known of a single case: --all and
huying ledger audit read every leaf, and know.

A file that ends in .tlog-proof, as a case page offers for each line and as receipt, is verified
without any connection; it says what its leaf says once that is proved. --witness demands a
cosignature, and --text with its --salt shows that a text is the one that the leaf commits to.

The key must come from somewhere else than the ledger itself: where neither --vkey nor
HUYING_LEDGER_VKEY is given, the ledger is asked for it, and the result says only that the ledger
agrees with itself. The exit code is 6 when anything does not prove true.";

#[derive(Debug, Default, Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct VerifyArgs {
    /// Id of the case, or a .tlog-proof file
    #[arg(value_name = "CASE_ID|FILE")]
    what: Option<String>,

    /// Verify every case and the whole tree
    #[arg(long, conflicts_with = "what")]
    all: bool,

    /// Verifier key of the log, or a file with it [env: HUYING_LEDGER_VKEY]
    #[arg(long, value_name = "KEY")]
    vkey: Option<String>,

    /// Of a file: verifier key of a witness that must have cosigned, or a file with it; may be given several times
    #[arg(long, value_name = "KEY", requires = "what")]
    witness: Vec<String>,

    /// Of a file: a text that the leaf commits to, "-" for standard input
    #[arg(long, value_name = "FILE", requires_all = ["what", "salt"])]
    text: Option<PathBuf>,

    /// Hex of the salt that is shown with the text
    #[arg(long, value_name = "HEX", requires = "text")]
    salt: Option<String>,
}

pub(crate) async fn run(context: &Context, arguments: &VerifyArgs) -> Result<(), Failure> {
    if let Some(what) = &arguments.what
        && (what.ends_with(ENDING) || Path::new(what).is_file())
    {
        let VerifyArgs { vkey, witness, text, salt, .. } = arguments;
        let text = text.as_deref().zip(salt.as_deref());
        return proof_file::verify(context, Path::new(what), vkey.as_deref(), witness, text);
    }
    if !arguments.witness.is_empty() || arguments.text.is_some() {
        return Err(Failure::usage("--witness and --text are for a .tlog-proof file")
            .with_hint("huying ledger audit demands cosignatures of a whole ledger, with --witness"));
    }
    let (keys, key_source) = verifier_keys(context, arguments.vkey.as_deref()).await?;
    let checkpoint = latest_checkpoint(context, &keys).await?;
    let mut verifier = Verifier { context, keys, checkpoint, counts: Counts::default() };
    match &arguments.what {
        Some(case_id) => verifier.verify_case(case_id).await?,
        None if arguments.all => verifier.verify_all().await?,
        None => {}
    }
    verifier.report(arguments, key_source)
}

/// What was checked.
#[derive(Debug, Default)]
struct Counts {
    cases: u64,
    leaves: u64,
    texts: u64,
    withheld: u64,
    whole_tree: bool,
}

struct Verifier<'a> {
    context: &'a Context,
    keys: Vec<VerifierKey>,
    /// The one by which everything is proved.
    checkpoint: Checkpoint,
    counts: Counts,
}

impl Verifier<'_> {
    async fn verify_case(&mut self, case_id: &str) -> Result<(), Failure> {
        let shown = shown_case(self.context, case_id).await?;
        self.check_shown(case_id, &shown)?;
        let last_index = shown.lines.iter().map(|line| line.leaf_index).max().unwrap_or(0);
        self.await_checkpoint_over(last_index).await?;
        for line in &shown.lines {
            self.prove_line(line).await.map_err(|failure| failure.during(&line_name(case_id, line)))?;
        }
        Ok(())
    }

    async fn verify_all(&mut self) -> Result<(), Failure> {
        let size = self.checkpoint.size;
        if size > LEAVES_MAX {
            return Err(Failure::usage(format!(
                "the tree has {size} leaves, more than this command can hold ({LEAVES_MAX})"
            )));
        }
        // As many as were shown, whatever size the log claims to have.
        let mut hashes = HashMap::new();
        // Cases that are submitted while this runs come first in the list and are not in this checkpoint.
        let mut request = ListCasesRequest { page_size: PAGE_SIZE, ..ListCasesRequest::default() };
        let mut seen = HashSet::new();
        loop {
            let page = list_page(self.context, &request).await?;
            let context = self.context;
            let listed = page.cases.into_iter().map(|case| case.case_id);
            let ids: Vec<String> =
                listed.chain(page.unreadable_case_ids).filter(|id| seen.insert(id.clone())).collect();
            let mut cases = stream::iter(ids)
                .map(|id| async move { shown_case(context, &id).await.map(|shown| (id, shown)) })
                .buffered(FETCHES);
            while let Some((case_id, shown)) = cases.try_next().await? {
                self.check_shown(&case_id, &shown)?;
                for line in &shown.lines {
                    place(&mut hashes, size, line)
                        .map_err(|failure| failure.during(&line_name(&case_id, line)))?;
                }
            }
            if page.next_page_token.is_empty() {
                break;
            }
            request.page_token = page.next_page_token;
        }
        self.check_tree(&hashes).await
    }

    /// Computes the root of the leaves that were shown.
    async fn check_tree(&mut self, hashes: &HashMap<u64, Hash>) -> Result<(), Failure> {
        let Checkpoint { size, root, .. } = self.checkpoint;
        let mut head = TreeHead::default();
        for index in 0..size {
            let Some(hash) = hashes.get(&index) else { return Err(self.hidden_leaf(index).await) };
            head.append(*hash);
        }
        if head.root() != root {
            return Err(Failure::unverified(format!(
                "the {size} leaves shown do not make the root that the checkpoint signs"
            )));
        }
        self.counts.leaves = size;
        self.counts.whole_tree = true;
        Ok(())
    }

    /// Names a leaf that is in the tree and in no case.
    async fn hidden_leaf(&self, index: u64) -> Failure {
        let whose = match fetch_proof(self.context, index, self.checkpoint.size).await {
            Ok(proof) => match leaf::parse(&proof.leaf) {
                Ok(leaf) => format!(" (case {}, version {})", leaf.case_id, leaf.case_version),
                Err(_) => String::new(),
            },
            Err(_) => String::new(),
        };
        Failure::unverified(format!("leaf {index}{whose} is in the tree, but no case shows it"))
    }

    /// Everything about a case that needs no proof: versions, leaves, texts.
    fn check_shown(&mut self, case_id: &str, shown: &GetCaseResponse) -> Result<(), Failure> {
        let places: Vec<(u64, u64)> =
            shown.lines.iter().map(|line| (line.case_version, line.leaf_index)).collect();
        leaf::check_versions(&places)
            .map_err(|reason| Failure::unverified(reason).during(&format!("case {case_id}")))?;
        let last = places.last().map_or(0, |(version, _)| *version);
        if let Some(case) = &shown.case
            && case.case_version != last
        {
            let version = case.case_version;
            let said = format!(
                "the case is said to stand at version {version}, and its last line is version {last}"
            );
            return Err(Failure::unverified(said).during(&format!("case {case_id}")));
        }
        for line in &shown.lines {
            self.check_line(case_id, line)
                .map_err(|reason| Failure::unverified(reason).during(&line_name(case_id, line)))?;
        }
        if let Some(found) = shown.discrepancies.first() {
            let said = format!("the ledger itself says: {}", discrepancy_line(found));
            return Err(Failure::unverified(said).during(&format!("case {case_id}")));
        }
        self.counts.cases += 1;
        Ok(())
    }

    fn check_line(&mut self, case_id: &str, line: &Line) -> Result<(), String> {
        let leaf = leaf::parse(&line.leaf)?;
        check_shown_as_leaf(case_id, line, &leaf)?;
        let mut shown = HashSet::new();
        for beside in &line.texts {
            let text = ShownText {
                name: &beside.name,
                text: &beside.text,
                commitment: &beside.commitment,
                salt: &beside.salt,
            };
            if !shown.insert(beside.name.as_str()) {
                return Err(format!("the text \"{}\" is shown twice", beside.name));
            }
            if leaf::check_text(&leaf, text)? {
                self.counts.texts += 1;
            } else {
                self.counts.withheld += 1;
            }
        }
        match leaf.commitments.keys().find(|name| !shown.contains(name.as_str())) {
            Some(name) => Err(format!("the leaf commits to a text \"{name}\" that is not listed")),
            None => Ok(()),
        }
    }

    /// Waits for a checkpoint that has the leaf, and goes by that one from then on.
    async fn await_checkpoint_over(&mut self, index: u64) -> Result<(), Failure> {
        let deadline = Instant::now() + CHECKPOINT_PATIENCE;
        while self.checkpoint.size <= index {
            if Instant::now() >= deadline {
                return Err(Failure::unverified(format!(
                    "leaf {index} is shown, but the latest checkpoint has only {} leaves",
                    self.checkpoint.size
                )));
            }
            sleep(POLL_INTERVAL).await;
            let latest = latest_checkpoint(self.context, &self.keys).await?;
            if latest.size == self.checkpoint.size && latest.root != self.checkpoint.root {
                return Err(Failure::unverified(format!(
                    "the log has signed two different trees of {} leaves",
                    latest.size
                )));
            }
            self.checkpoint = latest;
        }
        Ok(())
    }

    async fn prove_line(&mut self, line: &Line) -> Result<(), Failure> {
        let Checkpoint { size, root, .. } = self.checkpoint;
        let proof = fetch_proof(self.context, line.leaf_index, size).await?;
        if proof.leaf != line.leaf {
            return Err(Failure::unverified("the leaf in the tree is not the one that is shown"));
        }
        let path: Vec<Hash> = proof
            .path
            .iter()
            .map(|hash| Hash::try_from(hash.as_slice()))
            .collect::<Result<_, _>>()
            .map_err(|_| Failure::unverified("a hash of the audit path does not have 32 bytes"))?;
        if root_of_path(leaf_hash(line.leaf.as_bytes()), line.leaf_index, size, &path) != Some(root) {
            return Err(Failure::unverified(format!(
                "the audit path of leaf {} does not lead to the root of {size} leaves",
                line.leaf_index
            )));
        }
        self.counts.leaves += 1;
        Ok(())
    }

    fn report(&self, arguments: &VerifyArgs, key_source: KeySource) -> Result<(), Failure> {
        let checkpoint = &self.checkpoint;
        let Counts { cases, leaves, texts, withheld, whole_tree } = self.counts;
        let root = BASE64.encode(&checkpoint.root);
        self.context.output.result(
            || {
                let some = cases > 0;
                let (proven, later) = if whole_tree {
                    ("are the whole tree", "none was left out")
                } else {
                    ("each proven to be in this tree", LATER_UNKNOWN)
                };
                text::facts(&[
                    ("verified", what(arguments)),
                    (
                        "checkpoint",
                        format!("{}, {} leaves, signature good", checkpoint.origin, checkpoint.size),
                    ),
                    ("root", root.clone()),
                    ("key", format!("from {}", key_source.word())),
                    ("leaves", if some { format!("{leaves}, {proven}") } else { String::new() }),
                    ("versions", if some { format!("without gaps; {later}") } else { String::new() }),
                    (
                        "texts",
                        if some {
                            format!("{texts} are what was committed to, {withheld} not public or deleted")
                        } else {
                            String::new()
                        },
                    ),
                ])
            },
            || {
                json!({
                    "verified": true,
                    "case_id": arguments.what,
                    "origin": checkpoint.origin,
                    "tree_size": checkpoint.size,
                    "root": root,
                    "key_source": key_source.word(),
                    "cases": cases,
                    "leaves": leaves,
                    "whole_tree": whole_tree,
                    "later_versions_excluded": whole_tree,
                    "texts": texts,
                    "texts_not_public": withheld,
                })
            },
        )
    }
}

fn what(arguments: &VerifyArgs) -> String {
    match &arguments.what {
        Some(case_id) => format!("case {case_id}"),
        None if arguments.all => "every case".to_owned(),
        None => "the checkpoint alone".to_owned(),
    }
}

/// What stands beside a leaf must be what stands in it.
fn check_shown_as_leaf(case_id: &str, line: &Line, leaf: &Leaf) -> Result<(), String> {
    let differs = |what: &str| Err(format!("the {what} shown is not the one in the leaf"));
    if !leaf.case_id.eq_ignore_ascii_case(case_id) {
        return Err(format!("the leaf is of another case, {}", leaf.case_id));
    }
    if leaf.case_version != line.case_version {
        return differs("version");
    }
    if leaf.event_type != line.event_type {
        return differs("event");
    }
    if timestamp(line.occurred_at.as_ref()) != Some(leaf.occurred_at) {
        return differs("time");
    }
    let actor = line.actor.clone().unwrap_or_default();
    if leaf.actor_code != actor.code || leaf.actor_role != words::role(actor.role) {
        return differs("actor");
    }
    Ok(())
}

/// Puts the hash of a line's leaf at its place in the tree of so many leaves; lines younger than that have none.
fn place(hashes: &mut HashMap<u64, Hash>, size: u64, line: &Line) -> Result<(), Failure> {
    if line.leaf_index >= size {
        return Ok(());
    }
    match hashes.insert(line.leaf_index, leaf_hash(line.leaf.as_bytes())) {
        None => Ok(()),
        Some(_) => Err(Failure::unverified(format!("leaf {} is shown in two places", line.leaf_index))),
    }
}

fn line_name(case_id: &str, line: &Line) -> String {
    format!("case {case_id} version {}", line.case_version)
}

#[cfg(test)]
mod tests;
