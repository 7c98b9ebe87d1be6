//! One case from the first word to the last: its account, its leaves, and the texts that may be shown.
//!
//! The decision what may be shown is [`Account::publicity`]; a text that may not leaves this file as its commitment alone.
//!
//! What is shown is held against the log each time it is read (`get_case/checks.rs`): each line of the page against its
//! tile, the tiles against the signed checkpoint, each text against its commitment, and how the case stands and what the
//! figures count of it against all its lines. Whatever is not as it was logged is still shown as far as it can be, and
//! is said to be so. How the case stands is shown as its lines say, as long as those are genuine.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    sync::{Mutex, PoisonError, atomic::AtomicU64},
};

use huying_platform::{Platform, ids::CaseId};
use huying_proto::events::v1::Publication;
use prometheus_client::metrics::counter::Counter;
use sqlx::{PgConnection, PgPool};

use super::ReadError;
use crate::{
    LogIdentity,
    domain::{
        account::{Account, Publicity},
        coverage,
        discrepancy::{Discrepancy, Subject},
        history::{History, KeptLine, ReadLine, matches_commitment},
        merging::Merges,
        note::Verifier,
        title::KeptTitle,
    },
    store,
};

mod checks;
mod view;

pub use view::{CaseView, DamagedLine, LineView, RelatedCase, ShownText, TextView};

/// Cases that are named with the one they are part of; a matter that moves a whole town has more, and its number says so.
pub const ABSORBED_MAX: usize = 50;

/// Most lines on a page of a case.
pub const LINES_MAX: usize = 500;

/// Cases whose discrepancies have been logged are remembered up to this many, so that a page that many people look at
/// does not fill the log.
const REPORTED_MAX: usize = 1_000;

/// Which lines of a case are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LinesWanted {
    /// Version of the first, from 1.
    pub first_version: u64,
    /// How many, at most [`LINES_MAX`].
    pub count_max: usize,
}

impl Default for LinesWanted {
    fn default() -> Self {
        Self { first_version: 1, count_max: LINES_MAX }
    }
}

/// Reads cases.
#[derive(Debug)]
pub struct GetCase {
    db: PgPool,
    origin: String,
    verifiers: Vec<Verifier>,
    discrepancies: Counter<u64, AtomicU64>,
    unchecked: Counter<u64, AtomicU64>,
    reported: Mutex<HashSet<CaseId>>,
}

impl GetCase {
    /// Over these connections. One for the whole service, since it has a metric.
    pub fn new(platform: &Platform, readers: PgPool, log: &LogIdentity) -> Self {
        let discrepancies = platform.metrics.counter(
            "ledger_discrepancies",
            "Times a case was read and something of it was not as it was logged",
        );
        let unchecked = platform.metrics.counter(
            "ledger_unchecked_reads",
            "Times a case was read while how cases stand was being drawn anew, and could not be held against the log",
        );
        let verifiers = log.verifiers();
        let origin = log.origin.clone();
        Self { db: readers, origin, verifiers, discrepancies, unchecked, reported: Mutex::default() }
    }

    /// Reads a case, in one view of the log.
    ///
    /// # Errors
    /// [`ReadError::CaseNotFound`]; [`ReadError::CorruptLeaf`] when neither its lines nor what is kept beside them tell how
    /// it stands; [`ReadError::Sql`].
    pub async fn get(&self, case_id: CaseId, wanted: LinesWanted) -> Result<CaseView, ReadError> {
        let mut transaction = self.db.begin_with("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").await?;
        let view = self.read(&mut transaction, case_id, wanted).await?;
        transaction.commit().await?;
        if !view.discrepancies.is_empty() {
            self.report(case_id, &view.discrepancies);
        }
        if !view.is_checked {
            self.unchecked.inc();
        }
        Ok(view)
    }

    async fn read(
        &self,
        connection: &mut PgConnection,
        case_id: CaseId,
        wanted: LinesWanted,
    ) -> Result<CaseView, ReadError> {
        let kept = checks::kept_account(connection, case_id).await?;
        let kept_lines = store::evidence::lines(connection, &[case_id]).await?.remove(&case_id);
        let kept_lines = kept_lines.unwrap_or_default();
        if kept_lines.is_empty() && kept == checks::KeptAccount::Missing {
            return Err(ReadError::CaseNotFound(case_id));
        }
        let mut discrepancies = Vec::new();
        let asked = Asked::of(&kept_lines, wanted);
        let changed = self.check_tiles(connection, &kept_lines, &asked, &mut discrepancies).await?;
        let mut history = History::read(case_id, kept_lines, &changed);
        // Of the lines of other pages it is enough that the account cannot be told without them.
        discrepancies.extend(history.discrepancies.drain(..).filter(|found| asked.has(found.case_version)));
        let is_checked = match &history.told {
            Ok((account, facts)) => {
                checks::check_account(connection, &kept, account, facts, &mut discrepancies).await?
            }
            // What is wrong with its lines is said, and that it stands as it is kept follows from it.
            Err(_) => true,
        };
        let account = match (&history.told, kept) {
            (Ok((account, _)), _) => account.clone(),
            (Err(_), checks::KeptAccount::Kept(account)) => *account,
            (Err(_), checks::KeptAccount::Missing | checks::KeptAccount::Contradictory) => {
                return Err(ReadError::CorruptLeaf(history.lines.first().map_or(0, |line| line.leaf_index)));
            }
        };
        let merges = Merges::of(history.lines.iter().filter_map(|line| line.leaf.as_ref()));
        let texts = Texts::read(connection, &account, &asked).await?;
        let kept_title = texts.title(&account, &history.lines);
        let title = kept_title.as_ref().and_then(|title| title.shown.as_ref());
        let mut view = CaseView {
            title: title.map(|shown| shown.text.clone()),
            kept_title,
            followers: followers(&history.lines),
            is_proven: history.told.is_ok(),
            account,
            merged_into: None,
            absorbed: Vec::new(),
            lines: Vec::new(),
            damaged: Vec::new(),
            next_version: asked.next_version,
            discrepancies,
            is_checked,
        };
        let last_leaf = history.lines.last().map(|line| line.leaf_index);
        for line in history.lines.into_iter().filter(|line| asked.has(line.case_version)) {
            add_line(&mut view, line, &texts);
        }
        // Of what is known to be changed, the search says the same.
        if let (Some(last_leaf), true, true) =
            (last_leaf, view.is_proven && view.is_checked, view.discrepancies.is_empty())
        {
            checks::check_search(connection, &view.account, last_leaf, &mut view.discrepancies).await?;
        }
        (view.merged_into, view.absorbed) = related(connection, &merges).await?;
        if let (Publication::StatusOnly, Some(into)) = (view.account.publication, &mut view.merged_into) {
            // The other title would tell what this citizen did not want told.
            into.title = None;
        }
        view.discrepancies.sort();
        Ok(view)
    }

    /// Holds the lines that are asked for, and those that are not as their tiles have them, against the latest checkpoint.
    /// Returns the places of those that are not in the log.
    async fn check_tiles(
        &self,
        connection: &mut PgConnection,
        lines: &[KeptLine],
        asked: &Asked,
        discrepancies: &mut Vec<Discrepancy>,
    ) -> Result<BTreeSet<u64>, ReadError> {
        let checkpoint = store::evidence::checkpoint(connection).await?;
        let signed = checks::signed_tree(checkpoint.as_ref(), &self.origin, &self.verifiers, discrepancies);
        let judged: BTreeMap<u64, _> = lines
            .iter()
            .filter(|line| asked.has(line.case_version) || line.is_suspect())
            .map(|line| (line.leaf_index, line.hash))
            .collect();
        let needed = coverage::tiles_needed(judged.keys().copied(), signed.tree_size);
        let tiles = store::evidence::tiles(connection, &needed).await?;
        let found = coverage::check(&judged, signed.tree_size, signed.root.as_ref(), &tiles);
        if !found.changed_tiles.is_empty() {
            let detail = checks::tiles_sentence(&found.changed_tiles);
            discrepancies.push(Discrepancy::of_whole(Subject::Tile, detail));
        }
        Ok(found.changed_leaves)
    }

    fn report(&self, case_id: CaseId, discrepancies: &[Discrepancy]) {
        self.discrepancies.inc();
        let mut reported = self.reported.lock().unwrap_or_else(PoisonError::into_inner);
        if reported.len() >= REPORTED_MAX {
            reported.clear();
        }
        if reported.insert(case_id) {
            let found: Vec<_> = discrepancies
                .iter()
                .map(|found| (found.case_version, found.subject.word(), &found.detail))
                .collect();
            tracing::error!(case = %case_id, ?found, "the database has something that was not logged");
        }
    }
}

/// Which versions are asked for, and where the next page begins.
struct Asked {
    first: u64,
    last: u64,
    next_version: Option<u64>,
}

impl Asked {
    fn of(lines: &[KeptLine], wanted: LinesWanted) -> Self {
        let mut versions =
            lines.iter().map(|line| line.case_version).filter(|version| *version >= wanted.first_version);
        let last = versions.by_ref().take(wanted.count_max.clamp(1, LINES_MAX)).last();
        let next_version = versions.next();
        // The last page has what is missing after its lines, too.
        let last = if next_version.is_some() { last.unwrap_or(u64::MAX) } else { u64::MAX };
        Self { first: wanted.first_version, last, next_version }
    }

    fn has(&self, case_version: u64) -> bool {
        (self.first..=self.last).contains(&case_version)
    }
}

/// The texts that are kept and may be shown.
struct Texts {
    publicity: Publicity,
    kept: HashMap<(u64, String), ShownText>,
}

impl Texts {
    /// Those of the lines that are asked for, and the title.
    async fn read(connection: &mut PgConnection, account: &Account, asked: &Asked) -> sqlx::Result<Self> {
        let publicity = account.publicity();
        // Texts that may not be shown are not even read, but for those of a declined case beside the explanation.
        let kept = match publicity {
            Publicity::Everything | Publicity::ExplanationOnly => {
                store::texts::of_lines(connection, account.case_id, asked.first, asked.last).await?
            }
            Publicity::Nothing => Vec::new(),
        };
        let kept = kept
            .into_iter()
            .filter(|kept| publicity.shows(&kept.name))
            .map(|kept| ((kept.case_version, kept.name), ShownText { text: kept.text, salt: kept.salt }))
            .collect();
        Ok(Self { publicity, kept })
    }

    /// The title.
    fn title(&self, account: &Account, lines: &[ReadLine]) -> Option<TextView> {
        let line = lines.first().filter(|line| line.case_version == 1)?;
        let commitment = line.leaf.as_ref()?.commitments.get("title")?;
        Some(self.view(account, line, "title", commitment).0)
    }

    /// A text as it may be shown, and what is wrong with it.
    fn view(
        &self,
        account: &Account,
        line: &ReadLine,
        name: &str,
        commitment: &str,
    ) -> (TextView, Option<&'static str>) {
        let erased = account.is_erased(line.case_version, name);
        let kept = self.kept.get(&(line.case_version, name.to_owned()));
        let matches = |kept: &&ShownText| matches_commitment(&kept.text, &kept.salt, commitment);
        let shown = kept.filter(|kept| !erased && line.genuine && matches(kept));
        let unproven = kept.filter(|_| !erased && shown.is_none());
        let wrong = match kept {
            Some(_) if erased => Some("has been erased, and is kept again"),
            Some(_) if shown.is_none() => Some("is not the one that the leaf commits to"),
            None if !erased && self.publicity.shows(name) => Some("is public, and is not kept any more"),
            Some(_) | None => None,
        };
        let text = TextView {
            name: name.to_owned(),
            commitment: commitment.to_owned(),
            shown: shown.cloned(),
            unproven: unproven.map(|kept| kept.text.clone()),
            erased,
        };
        // Of a line that is not in the log nothing can be proved, and that is said already.
        (text, wrong.filter(|_| line.genuine))
    }
}

/// The representatives who claimed the case, each once.
fn followers(lines: &[ReadLine]) -> Vec<String> {
    let mut codes: Vec<String> = Vec::new();
    for leaf in lines.iter().filter(|line| line.genuine).filter_map(|line| line.leaf.as_ref()) {
        if let (true, Some(code)) = (leaf.event_type == "CaseClaimed", &leaf.details.representative_code)
            && !codes.iter().any(|known| known == code)
        {
            codes.push(code.to_string());
        }
    }
    codes
}

/// Adds a line with its texts, and what is wrong with them.
fn add_line(view: &mut CaseView, line: ReadLine, texts: &Texts) {
    let (case_version, leaf_index) = (line.case_version, line.leaf_index);
    let Some(leaf) = &line.leaf else {
        view.damaged.push(DamagedLine { case_version, leaf_index, kept: line.json });
        return;
    };
    let mut shown = Vec::with_capacity(leaf.commitments.len());
    for (name, commitment) in &leaf.commitments {
        let (text, wrong) = texts.view(&view.account, &line, name, commitment);
        if let Some(wrong) = wrong {
            let detail = format!("the text {name} {wrong}");
            view.discrepancies.push(Discrepancy::of_line(case_version, Subject::Text, detail));
        }
        shown.push(text);
    }
    let ReadLine { json, leaf, genuine, .. } = line;
    if let Some(leaf) = leaf {
        view.lines.push(LineView { case_version, leaf_index, json, leaf, genuine, texts: shown });
    }
}

/// The cases that a case goes on with, each with its title where its own citizen allowed that.
async fn related(
    connection: &mut PgConnection,
    merges: &Merges,
) -> Result<(Option<RelatedCase>, Vec<RelatedCase>), ReadError> {
    let case_ids: Vec<CaseId> =
        merges.into.iter().chain(merges.absorbed.iter().take(ABSORBED_MAX)).copied().collect();
    if case_ids.is_empty() {
        return Ok((None, Vec::new()));
    }
    let accounts = store::accounts::load(connection, &case_ids).await?;
    let public = accounts.values().filter(|account| account.publicity().shows("title"));
    let public: Vec<CaseId> = public.map(|account| account.case_id).collect();
    let mut titles = store::texts::titles_beside_leaves(connection, &public).await?;
    let mut related = |case_id: &CaseId| RelatedCase {
        case_id: *case_id,
        title: titles.remove(case_id).map(KeptTitle::listed),
    };
    let into = merges.into.as_ref().map(&mut related);
    Ok((into, merges.absorbed.iter().take(ABSORBED_MAX).map(related).collect()))
}
