//! Draws what is kept of cases beside the log anew from their leaves: how each stands, what the figures count of it, and
//! what the search finds.
//!
//! Some cases at a time, in the order of their ids, each time under the lock of the log's row: so nothing of these cases
//! is appended meanwhile, and appending goes on in between. Rows that are as they should be are left alone; rows of cases
//! that are in no log are deleted; texts that had been erased are erased again. What comes into the log meanwhile is drawn
//! as it comes, so the end is the last case there was at the beginning. What the search finds of these cases follows in a
//! transaction of its own, for which nothing that is appended has to wait.
//!
//! Guaranteed: nothing is drawn from a line that the signed checkpoint does not cover, by itself and by every tile between
//! the two: such a case stays as it is, and is named at the end. All leaves are looked at before ([`super::sweep_leaves`]):
//! a case of which a line is found by another case or version is not drawn without it; and while anything is wrong with any
//! leaf, nor is a case that has come further than its lines, and what stands of cases without any line is left alone. One rebuild runs at a time; one
//! that is broken off leaves a part of the cases drawn, and the rest as it was.
//!
//! The same puts the tables right after they have learned something new, or after a leader of an older version wrote
//! them ([`keep_drawn`]), but for the search, which sees to itself. Readers see what is there meanwhile; the figures lack
//! what is not drawn yet.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use huying_platform::ids::CaseId;
use sqlx::{Connection as _, PgConnection, PgPool};
use tokio::sync::mpsc;

use super::{
    index_texts::reindex_cases,
    open_head::{HeadError, Judge, unproved},
    sweep_leaves::{Survey, survey},
};
use crate::{
    LogIdentity,
    domain::{
        account::Account,
        facts::Facts,
        head::HeadFault,
        history::{History, KeptLine},
    },
    store::{self, makes_no_sense},
};

mod keeping;

pub use keeping::keep_drawn;

/// Number of the rules by which the tables beside the log are drawn. It is raised when they have to be drawn anew.
pub const FORMAT: i32 = 2;

/// Cases drawn in one transaction.
const CASES_MAX: i64 = 500;

/// Leaves read in one transaction, but for a case that has more by itself: some 8 MB, and some tenths of a second in which
/// nothing is appended.
const LEAVES_MAX: u64 = 4_000;

/// Mended and damaged cases that are named.
pub const NAMED_MAX: usize = 100;

/// Key of the advisory lock that one rebuild at a time has: "rebuild" in ASCII.
const REBUILD_LOCK: i64 = 0x72_6562_7569_6c64;

/// Why cases were not drawn, or not all of them.
#[derive(Debug, thiserror::Error)]
pub enum RebuildError {
    /// Another rebuild is running.
    #[error("the account is being rebuilt already; wait until that is done")]
    AlreadyRunning,
    /// A later version has drawn the tables by rules that this one does not know.
    #[error("the tables are of format {0}, which this version does not know; it knows {FORMAT}")]
    OfLaterVersion(i32),
    /// All other cases were drawn.
    #[error(
        "{count} cases have lines that are missing, or are not the ones in the log, or are of a later version; these cases \
         were left as they are: {}",
        first.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
    )]
    Damaged {
        /// How many.
        count: u64,
        /// The first [`NAMED_MAX`] of them.
        first: Vec<CaseId>,
    },
    /// The log itself is in doubt, so nothing can be told by its lines.
    #[error("the log is not as it was signed, so nothing is drawn from it")]
    Head(#[source] HeadFault),
    /// Whoever asked for it is gone.
    #[error("nobody waits for the rebuild any more")]
    Abandoned,
    /// The service stops.
    #[error("the service is stopping; the cases that were drawn stay so, and the rest is as it was")]
    Stopping,
    /// A statement failed.
    #[error("rebuilding the account")]
    Sql(#[from] sqlx::Error),
}

impl From<HeadError> for RebuildError {
    fn from(error: HeadError) -> Self {
        match error {
            HeadError::Fault(fault) => Self::Head(fault),
            HeadError::Sql(error) => Self::Sql(error),
        }
    }
}

/// How far it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Progress {
    /// Cases read.
    pub cases: u64,
    /// Leaves read.
    pub leaves: u64,
    /// Cases of which something was not as their leaves say, and is now; those that are in no log included.
    pub mended: u64,
    /// The first [`NAMED_MAX`] of them, by id.
    pub mended_case_ids: Vec<CaseId>,
    /// Cases that were left as they are.
    pub damaged: u64,
    /// The first [`NAMED_MAX`] of them, by id.
    pub damaged_case_ids: Vec<CaseId>,
}

impl Progress {
    fn note_mended(&mut self, mended: BTreeSet<CaseId>) {
        self.mended += mended.len() as u64;
        let room = NAMED_MAX.saturating_sub(self.mended_case_ids.len());
        self.mended_case_ids.extend(mended.into_iter().take(room));
    }
}

/// Draws all cases anew, and tells how far it is after each transaction.
///
/// # Errors
/// [`RebuildError`]; what was drawn until then stays.
pub async fn rebuild_account(
    db: &PgPool,
    log: &LogIdentity,
    progress: &mpsc::Sender<Progress>,
) -> Result<Progress, RebuildError> {
    let mut connection = connect(db).await?;
    if !take_lock(&mut connection).await? {
        return Err(RebuildError::AlreadyRunning);
    }
    let drawn = draw_all(&mut connection, log, Some(progress)).await;
    connection.close().await.ok();
    drawn
}

/// A connection of its own: whatever becomes of the rebuild, the lock ends with it.
async fn connect(db: &PgPool) -> sqlx::Result<PgConnection> {
    PgConnection::connect_with(&db.connect_options()).await
}

async fn take_lock(connection: &mut PgConnection) -> sqlx::Result<bool> {
    sqlx::query_scalar("SELECT pg_try_advisory_lock($1)").bind(REBUILD_LOCK).fetch_one(connection).await
}

async fn draw_all(
    connection: &mut PgConnection,
    log: &LogIdentity,
    listener: Option<&mpsc::Sender<Progress>>,
) -> Result<Progress, RebuildError> {
    let mut progress = Progress::default();
    let mut after = None;
    let through = store::evidence::last_case(connection).await?;
    let keys = log.verifiers();
    let judge = Judge { origin: &log.origin, keys: &keys, mark: &log.mark };
    let survey = survey(connection, log).await?;
    loop {
        let mut drawn = draw_some(connection, judge, &survey, after, through, &mut progress).await?;
        if listener.is_some() && !drawn.told.is_empty() {
            let mut transaction = connection.begin().await?;
            drawn.mended.extend(reindex_cases(&mut transaction, &drawn.told).await?);
            transaction.commit().await?;
        }
        progress.note_mended(drawn.mended);
        if let Some(listener) = listener {
            listener.send(progress.clone()).await.map_err(|_| RebuildError::Abandoned)?;
        }
        after = drawn.last;
        if after.is_none() {
            break;
        }
    }
    match progress.damaged {
        0 => Ok(progress),
        count => Err(RebuildError::Damaged { count, first: progress.damaged_case_ids }),
    }
}

/// Cases that were drawn in one transaction.
struct Drawn {
    /// The last by id, also when it was left as it is; none after there were no more.
    last: Option<CaseId>,
    /// Those that were not left as they are, by id.
    told: Vec<CaseId>,
    /// Cases of which something was not as it should be.
    mended: BTreeSet<CaseId>,
}

/// Draws the next cases in one transaction.
async fn draw_some(
    connection: &mut PgConnection,
    judge: Judge<'_>,
    survey: &Survey,
    after: Option<CaseId>,
    through: Option<CaseId>,
    progress: &mut Progress,
) -> Result<Drawn, RebuildError> {
    let mut transaction = connection.begin().await?;
    let connection = &mut *transaction;
    let state = store::log::lock(connection).await?;
    let known = store::projection::format(connection).await?;
    if known > FORMAT {
        return Err(RebuildError::OfLaterVersion(known));
    }
    let (edge, _) = judge.open(connection, state.tree_size).await?;
    let case_ids = match through {
        Some(through) => next_cases(connection, after, through).await?,
        None => Vec::new(),
    };
    let last = case_ids.last().copied();
    let (mut mended, mut drawn) = (BTreeSet::new(), Vec::new());
    if survey.is_sound {
        mended.extend(store::projection::forget_unlogged(connection, after, last).await?);
    }
    if !case_ids.is_empty() {
        let mut lines = store::evidence::lines(connection, &case_ids).await?;
        let unproved = unproved(connection, &edge, lines.values().flatten()).await?;
        let mut told = Histories::default();
        let further = if survey.is_sound {
            HashMap::new()
        } else {
            store::accounts::load(connection, &case_ids).await?
        };
        for case_id in &case_ids {
            let lines = lines.remove(case_id).unwrap_or_default();
            progress.cases += 1;
            progress.leaves += lines.len() as u64;
            let last_version = lines.last().map_or(0, |line| line.case_version);
            let is_cut_off = survey.cut_off.contains(case_id)
                || further.get(case_id).is_some_and(|account| account.version > last_version);
            if is_cut_off || !told.add(*case_id, lines, &unproved) {
                progress.damaged += 1;
                if progress.damaged_case_ids.len() < NAMED_MAX {
                    progress.damaged_case_ids.push(*case_id);
                }
            }
            // Reading a case takes some tenths of a millisecond, in which nobody else has this thread.
            tokio::task::yield_now().await;
        }
        mended.extend(put_right(connection, &told).await?);
        drawn.extend(told.accounts.into_keys());
    }
    transaction.commit().await?;
    Ok(Drawn { last, told: drawn, mended })
}

/// The next cases, as many as have no more than [`LEAVES_MAX`] leaves together; one at least, if there are any.
async fn next_cases(
    connection: &mut PgConnection,
    after: Option<CaseId>,
    through: CaseId,
) -> sqlx::Result<Vec<CaseId>> {
    let mut leaves = 0;
    let cases = store::evidence::cases_after(connection, after, through, CASES_MAX).await?;
    let fitting = cases.into_iter().enumerate().take_while(|(place, (_, lines))| {
        leaves += lines;
        *place == 0 || leaves <= LEAVES_MAX
    });
    Ok(fitting.map(|(_, (case_id, _))| case_id).collect())
}

/// What the lines of some cases tell.
#[derive(Debug, Default)]
struct Histories {
    accounts: BTreeMap<CaseId, Account>,
    facts: Facts,
}

impl Histories {
    /// Adds a case; false when its lines tell nothing that could be relied on.
    fn add(&mut self, case_id: CaseId, lines: Vec<KeptLine>, unproved: &BTreeSet<u64>) -> bool {
        let Ok((account, mut facts)) = History::read(case_id, lines, unproved).told else { return false };
        self.accounts.insert(case_id, account);
        self.facts.units.0.append(&mut facts.units.0);
        self.facts.representatives.0.append(&mut facts.representatives.0);
        self.facts.hops.append(&mut facts.hops);
        true
    }

    /// The facts of some of these cases.
    fn facts_of(&self, case_ids: &BTreeSet<CaseId>) -> Facts {
        let mut facts = self.facts.clone();
        facts.units.0.retain(|(_, case_id), _| case_ids.contains(case_id));
        facts.representatives.0.retain(|(_, case_id), _| case_ids.contains(case_id));
        facts.hops.retain(|(case_id, _), _| case_ids.contains(case_id));
        facts
    }
}

/// Makes everything what the lines say. Returns the cases of which something was not.
async fn put_right(
    connection: &mut PgConnection,
    told: &Histories,
) -> Result<BTreeSet<CaseId>, RebuildError> {
    let case_ids: Vec<CaseId> = told.accounts.keys().copied().collect();
    let kept = store::accounts::load(connection, &case_ids).await?;
    let mut wrong: BTreeSet<CaseId> = told
        .accounts
        .iter()
        .filter(|(case_id, account)| kept.get(case_id) != Some(account))
        .map(|(case_id, _)| *case_id)
        .collect();
    match store::facts::of_cases(connection, &case_ids).await {
        Ok(kept) => wrong.extend(kept.differences(&told.facts).into_iter().map(|(case_id, _)| case_id)),
        Err(error) if makes_no_sense(&error) => {
            wrong.extend(one_by_one(connection, told).await?);
        }
        Err(error) => return Err(error.into()),
    }
    if !wrong.is_empty() {
        let ids: Vec<CaseId> = wrong.iter().copied().collect();
        store::accounts::forget(connection, &ids).await?;
        store::facts::forget(connection, &ids).await?;
        let accounts: Vec<&Account> = ids.iter().filter_map(|case_id| told.accounts.get(case_id)).collect();
        store::accounts::save(connection, &accounts).await?;
        store::facts::add(connection, &told.facts_of(&wrong)).await?;
    }
    let erasures: Vec<(CaseId, u64)> = told
        .accounts
        .values()
        .filter(|account| account.erased_before > 0)
        .map(|account| (account.case_id, account.erased_before))
        .collect();
    if !erasures.is_empty() {
        wrong.extend(store::texts::erase_before(connection, &erasures).await?);
    }
    Ok(wrong)
}

/// The cases of which the figures count something else than their lines say, where some of it makes no sense.
async fn one_by_one(connection: &mut PgConnection, told: &Histories) -> sqlx::Result<Vec<CaseId>> {
    let mut wrong = Vec::new();
    for case_id in told.accounts.keys() {
        let is_right = match store::facts::of_cases(connection, &[*case_id]).await {
            Ok(kept) => kept.differences(&told.facts_of(&BTreeSet::from([*case_id]))).is_empty(),
            Err(error) if makes_no_sense(&error) => false,
            Err(error) => return Err(error),
        };
        if !is_right {
            wrong.push(*case_id);
        }
    }
    Ok(wrong)
}
