//! `huying ledger verify`: fetches what the ledger shows and has [`crate::verify`] prove it.
//!
//! Of one case: that each of its lines is a leaf of the tree that the log has signed, that nothing is missing between
//! its versions, and that every text shown is the one committed to. Of the whole ledger (`--all`): the same for all cases,
//! and that the leaves they show are, one by one, the whole tree: the root is computed anew from them.
//! That the log never showed somebody else another tree is for witnesses to say, not for this command.

use std::{
    collections::{BTreeMap, HashSet},
    path::{Path, PathBuf},
    time::Duration,
};

use clap::Args;
use data_encoding::BASE64;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use huying_proto::ledger::v1::{
    GetCaseResponse, GetCheckpointRequest, GetInclusionProofRequest, GetInclusionProofResponse, Line,
    ListCasesRequest,
};
use serde_json::json;
use tokio::time::{Instant, sleep};

use super::ledger::{
    discrepancy_line,
    keys::{KeySource, given_keys, remark_on_own_word},
    list_page, proof_file, shown_case,
};
use crate::{
    context::{Context, Service},
    failure::Failure,
    shapes::timestamp,
    text,
    verify::{
        keys::VerifierKey,
        leaf::{self, Leaf, ShownText},
        merkle::{Hash, TreeHead, leaf_hash, root_of_path},
        note::{Checkpoint, open_checkpoint},
        proof_file::ENDING,
    },
    words,
};

/// A checkpoint follows a new leaf within a second; this is patience enough.
const CHECKPOINT_PATIENCE: Duration = Duration::from_secs(10);
const POLL_INTERVAL: Duration = Duration::from_millis(100);
/// Cases that are fetched at the same time.
const FETCHES: usize = 8;
const PAGE_SIZE: u32 = 500;
/// Leaves whose hashes are held in memory at once, 32 bytes each.
const LEAVES_MAX: u64 = 100_000_000;

const AFTER_HELP: &str = "\
Examples:
  huying ledger verify CASE_ID
  huying ledger verify --all
  huying ledger verify CASE_ID --vkey 'huying.example.cn/150800+1a2b3c4d+AT…' --json
  huying ledger verify receipt.tlog-proof --vkey ledger.pub
  huying ledger verify 0197….tlog-proof --vkey ledger.pub --witness neighbour.pub
  huying ledger verify receipt.tlog-proof --vkey ledger.pub --text body.txt --salt 5d1e…

What is checked, with code that the ledger service does not share: the signature of the checkpoint
(C2SP signed-note, Ed25519); that each leaf is in its tree (RFC 6962); that leaves are canonical
(RFC 8785) and say what is shown; that the versions of a case have no gaps; that each text shown is
the one its leaf commits to (HMAC-SHA256). --all also computes the root of the whole tree anew.
Without a case and --all, only the checkpoint is checked.

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
    let mut verifier =
        Verifier { context, keys, opened: BTreeMap::new(), newest: String::new(), counts: Counts::default() };
    let checkpoint = verifier.latest_checkpoint().await?;
    match &arguments.what {
        Some(case_id) => verifier.verify_case(case_id, checkpoint).await?,
        None if arguments.all => verifier.verify_all(&checkpoint).await?,
        None => {}
    }
    verifier.report(arguments, key_source)
}

async fn verifier_keys(
    context: &Context,
    given: Option<&str>,
) -> Result<(Vec<VerifierKey>, KeySource), Failure> {
    if let Some(keys) = given_keys(context, given)? {
        return Ok(keys);
    }
    remark_on_own_word(context);
    let (_, key) = fetch_checkpoint(context).await?;
    let keys = VerifierKey::parse_all(&key)
        .map_err(|reason| Failure::unverified(format!("the ledger's verifier key is wrong: {reason}")))?;
    Ok((keys, KeySource::TheLedgerItself))
}

/// The signed note and the verifier key.
async fn fetch_checkpoint(context: &Context) -> Result<(String, String), Failure> {
    let client = context.ledger()?;
    let answer = context
        .call(Service::Ledger, || {
            let mut client = client.clone();
            async move { client.get_checkpoint(GetCheckpointRequest {}).await }
        })
        .await?;
    Ok((answer.checkpoint, answer.verifier_key))
}

async fn fetch_proof(context: &Context, leaf_index: u64) -> Result<GetInclusionProofResponse, Failure> {
    let client = context.ledger()?;
    context
        .call(Service::Ledger, || {
            let mut client = client.clone();
            async move { client.get_inclusion_proof(GetInclusionProofRequest { leaf_index }).await }
        })
        .await
        .map_err(|failure| failure.during(&format!("the proof of leaf {leaf_index}")))
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
    /// Roots of the checkpoints that were opened, by size.
    opened: BTreeMap<u64, Checkpoint>,
    /// The last note that was opened, so that the same one is not verified for every leaf.
    newest: String,
    counts: Counts,
}

impl Verifier<'_> {
    async fn latest_checkpoint(&mut self) -> Result<Checkpoint, Failure> {
        let (note, _) = fetch_checkpoint(self.context).await?;
        self.open(&note)
    }

    /// Opens a checkpoint; two of one size must have one root.
    fn open(&mut self, note: &str) -> Result<Checkpoint, Failure> {
        if note == self.newest
            && let Some(opened) = self.opened.values().next_back()
        {
            return Ok(opened.clone());
        }
        let checkpoint = open_checkpoint(note, &self.keys).map_err(Failure::unverified)?;
        if checkpoint.size == 0 && checkpoint.root != TreeHead::default().root() {
            return Err(Failure::unverified(
                "the checkpoint of the empty tree has another root than SHA-256 of nothing",
            ));
        }
        if let Some(other) = self.opened.get(&checkpoint.size)
            && other.root != checkpoint.root
        {
            return Err(Failure::unverified(format!(
                "the log has signed two different trees of {} leaves",
                checkpoint.size
            )));
        }
        if self.opened.range(checkpoint.size + 1..).next().is_none() {
            note.clone_into(&mut self.newest);
        }
        self.opened.insert(checkpoint.size, checkpoint.clone());
        Ok(checkpoint)
    }

    async fn verify_case(&mut self, case_id: &str, checkpoint: Checkpoint) -> Result<(), Failure> {
        let shown = shown_case(self.context, case_id).await?;
        self.check_shown(case_id, &shown)?;
        let last_index = shown.lines.iter().map(|line| line.leaf_index).max().unwrap_or(0);
        self.await_checkpoint_over(last_index, checkpoint).await?;
        for line in &shown.lines {
            self.prove_line(line).await.map_err(|failure| failure.during(&line_name(case_id, line)))?;
        }
        Ok(())
    }

    async fn verify_all(&mut self, checkpoint: &Checkpoint) -> Result<(), Failure> {
        if checkpoint.size > LEAVES_MAX {
            return Err(Failure::usage(format!(
                "the tree has {} leaves, more than this command can hold ({LEAVES_MAX})",
                checkpoint.size
            )));
        }
        let size = usize::try_from(checkpoint.size).unwrap_or(usize::MAX);
        let mut hashes: Vec<Option<Hash>> = vec![None; size];
        // Cases that are submitted while this runs come first in the list and are not in this checkpoint.
        let mut request = ListCasesRequest { page_size: PAGE_SIZE, ..ListCasesRequest::default() };
        let mut seen = HashSet::new();
        loop {
            let page = list_page(self.context, &request).await?;
            let context = self.context;
            let ids: Vec<String> = page
                .cases
                .into_iter()
                .map(|case| case.case_id)
                .filter(|id| seen.insert(id.clone()))
                .collect();
            let mut cases = stream::iter(ids)
                .map(|id| async move { shown_case(context, &id).await.map(|shown| (id, shown)) })
                .buffered(FETCHES);
            while let Some((case_id, shown)) = cases.try_next().await? {
                self.check_shown(&case_id, &shown)?;
                for line in &shown.lines {
                    place(&mut hashes, line).map_err(|failure| failure.during(&line_name(&case_id, line)))?;
                }
            }
            if page.next_page_token.is_empty() {
                break;
            }
            request.page_token = page.next_page_token;
        }
        self.check_tree(&hashes, checkpoint).await
    }

    /// Computes the root of the leaves that were shown.
    async fn check_tree(&mut self, hashes: &[Option<Hash>], checkpoint: &Checkpoint) -> Result<(), Failure> {
        let mut head = TreeHead::default();
        for (index, hash) in (0..).zip(hashes) {
            let Some(hash) = hash else { return Err(self.hidden_leaf(index).await) };
            head.append(*hash);
        }
        if head.root() != checkpoint.root {
            return Err(Failure::unverified(format!(
                "the {} leaves shown do not make the root that the checkpoint signs",
                checkpoint.size
            )));
        }
        self.counts.leaves = checkpoint.size;
        self.counts.whole_tree = true;
        Ok(())
    }

    /// Names a leaf that is in the tree and in no case.
    async fn hidden_leaf(&self, index: u64) -> Failure {
        let whose = match fetch_proof(self.context, index).await {
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

    async fn await_checkpoint_over(&mut self, index: u64, mut checkpoint: Checkpoint) -> Result<(), Failure> {
        let deadline = Instant::now() + CHECKPOINT_PATIENCE;
        while checkpoint.size <= index {
            if Instant::now() >= deadline {
                return Err(Failure::unverified(format!(
                    "leaf {index} is shown, but the latest checkpoint has only {} leaves",
                    checkpoint.size
                )));
            }
            sleep(POLL_INTERVAL).await;
            checkpoint = self.latest_checkpoint().await?;
        }
        Ok(())
    }

    async fn prove_line(&mut self, line: &Line) -> Result<(), Failure> {
        let proof = fetch_proof(self.context, line.leaf_index).await?;
        if proof.leaf != line.leaf {
            return Err(Failure::unverified("the leaf in the tree is not the one that is shown"));
        }
        let path: Vec<Hash> = proof
            .path
            .iter()
            .map(|hash| Hash::try_from(hash.as_slice()))
            .collect::<Result<_, _>>()
            .map_err(|_| Failure::unverified("a hash of the audit path does not have 32 bytes"))?;
        let checkpoint = self.open(&proof.checkpoint)?;
        let root = root_of_path(leaf_hash(line.leaf.as_bytes()), line.leaf_index, checkpoint.size, &path);
        if root != Some(checkpoint.root) {
            return Err(Failure::unverified(format!(
                "the audit path of leaf {} does not lead to the root of {} leaves",
                line.leaf_index, checkpoint.size
            )));
        }
        self.counts.leaves += 1;
        Ok(())
    }

    fn report(&self, arguments: &VerifyArgs, key_source: KeySource) -> Result<(), Failure> {
        let Some(checkpoint) = self.opened.values().next_back() else {
            return Err(Failure::unexpected("no checkpoint was opened"));
        };
        let Counts { cases, leaves, texts, withheld, whole_tree } = self.counts;
        let root = BASE64.encode(&checkpoint.root);
        self.context.output.result(
            || {
                let some = cases > 0;
                let proven = if whole_tree { "are the whole tree" } else { "each proven to be in the tree" };
                text::facts(&[
                    ("verified", what(arguments)),
                    (
                        "checkpoint",
                        format!("{}, {} leaves, signature good", checkpoint.origin, checkpoint.size),
                    ),
                    ("root", root.clone()),
                    ("key", format!("from {}", key_source.word())),
                    ("leaves", if some { format!("{leaves}, {proven}") } else { String::new() }),
                    ("versions", if some { "without gaps".to_owned() } else { String::new() }),
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

/// Puts the hash of a line's leaf at its place in the tree; lines younger than the checkpoint have none.
fn place(hashes: &mut [Option<Hash>], line: &Line) -> Result<(), Failure> {
    let slot = usize::try_from(line.leaf_index).ok().and_then(|index| hashes.get_mut(index));
    match slot {
        None => Ok(()),
        Some(Some(_)) => Err(Failure::unverified(format!("leaf {} is shown in two places", line.leaf_index))),
        Some(empty @ None) => {
            *empty = Some(leaf_hash(line.leaf.as_bytes()));
            Ok(())
        }
    }
}

fn line_name(case_id: &str, line: &Line) -> String {
    format!("case {case_id} version {}", line.case_version)
}

#[cfg(test)]
mod tests;
