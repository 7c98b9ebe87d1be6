//! Draws what is kept of cases beside the log anew from their leaves: how each stands, what the figures count of it, and
//! what the search finds.
//!
//! Some cases at a time, in the order of their ids, each time under the lock of the log's row: so nothing of these cases
//! is appended meanwhile, and appending goes on in between. Rows that are as they should be are left alone; rows of cases
//! that are in no log are deleted; texts that had been erased are erased again. What comes into the log meanwhile is drawn
//! as it comes, so the end is the last case there was at the beginning. What the search finds of these cases follows in a
//! transaction of its own, for which nothing that is appended has to wait.
//!
//! Guaranteed: nothing is drawn from a line that is not the one in the log: such a case stays as it is, and is named at
//! the end. One rebuild runs at a time; one that is broken off leaves a part of the cases drawn, and the rest as it was.
//!
//! The same puts the tables right after they have learned something new, or after a leader of an older version wrote
//! them ([`keep_drawn`]), but for the search, which sees to itself. Readers see what is there meanwhile; the figures lack
//! what is not drawn yet.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use huying_platform::{ids::CaseId, status::chain};
use sqlx::{Connection as _, PgConnection, PgPool};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::index_texts::reindex_cases;
use crate::{
    domain::{
        account::Account,
        facts::Facts,
        history::{History, KeptLine},
    },
    store::{self, makes_no_sense, projection::Projection},
};

/// Number of the rules by which the tables beside the log are drawn. It is raised when they have to be drawn anew.
pub const FORMAT: i32 = 1;

/// Cases drawn in one transaction.
const CASES_MAX: i64 = 500;

/// Leaves read in one transaction, but for a case that has more by itself: some 8 MB, and some tenths of a second in which
/// nothing is appended.
const LEAVES_MAX: u64 = 4_000;

/// Mended and damaged cases that are named.
pub const NAMED_MAX: usize = 100;

/// Key of the advisory lock that one rebuild at a time has: "rebuild" in ASCII.
const REBUILD_LOCK: i64 = 0x72_6562_7569_6c64;

/// How long until a leader asks again for the lock, or tries again what failed.
const AGAIN: Duration = Duration::from_secs(2);

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
    damaged: u64,
    /// The first [`NAMED_MAX`] of them, by id.
    damaged_case_ids: Vec<CaseId>,
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
    progress: &mpsc::Sender<Progress>,
) -> Result<Progress, RebuildError> {
    let mut connection = connect(db).await?;
    if !take_lock(&mut connection).await? {
        return Err(RebuildError::AlreadyRunning);
    }
    let drawn = draw_all(&mut connection, Some(progress)).await;
    connection.close().await.ok();
    drawn
}

/// Sees to it that the tables are drawn by the present rules, for a leader, as long as it leads.
pub async fn keep_drawn(db: &PgPool, epoch: i64, lead: &CancellationToken) {
    let drawing = async {
        while let Err(error) = draw_if_needed(db, epoch).await {
            tracing::warn!(error = chain(&error), "tables not drawn yet");
            tokio::time::sleep(AGAIN).await;
        }
    };
    tokio::select! {
        () = lead.cancelled() => {}
        () = drawing => {}
    }
}

/// The tables are as they should be when they were drawn by the present rules, and every leader since went by these.
async fn draw_if_needed(db: &PgPool, epoch: i64) -> Result<(), RebuildError> {
    let mut connection = connect(db).await?;
    let mut transaction = connection.begin().await?;
    let known = store::projection::lock(&mut transaction).await?;
    if known.format > FORMAT {
        tracing::warn!(format = known.format, known = FORMAT, "a later version has drawn the tables");
        return Ok(());
    }
    let is_drawn = known.format == FORMAT && (known.epoch == epoch || known.epoch == epoch - 1);
    let format = if is_drawn { FORMAT } else { 0 };
    store::projection::set(&mut transaction, Projection { format, epoch }).await?;
    transaction.commit().await?;
    if is_drawn {
        return Ok(());
    }

    while !take_lock(&mut connection).await? {
        tokio::time::sleep(AGAIN).await;
    }
    let progress = match draw_all(&mut connection, None).await {
        Ok(progress) => progress,
        Err(error @ RebuildError::Damaged { .. }) => {
            tracing::error!(error = chain(&error), "not all cases can be drawn");
            Progress::default()
        }
        Err(error) => return Err(error),
    };
    let mut transaction = connection.begin().await?;
    if store::projection::lock(&mut transaction).await?.epoch == epoch {
        store::projection::set(&mut transaction, Projection { format: FORMAT, epoch }).await?;
    }
    transaction.commit().await?;
    connection.close().await.ok();
    tracing::info!(
        cases = progress.cases,
        leaves = progress.leaves,
        mended = progress.mended,
        "tables drawn"
    );
    Ok(())
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
    listener: Option<&mpsc::Sender<Progress>>,
) -> Result<Progress, RebuildError> {
    let mut progress = Progress::default();
    let mut after = None;
    let through = store::evidence::last_case(connection).await?;
    loop {
        let mut drawn = draw_some(connection, after, through, &mut progress).await?;
        if listener.is_some() && !drawn.case_ids.is_empty() {
            let mut transaction = connection.begin().await?;
            drawn.mended.extend(reindex_cases(&mut transaction, &drawn.case_ids).await?);
            transaction.commit().await?;
        }
        progress.note_mended(drawn.mended);
        if let Some(listener) = listener {
            listener.send(progress.clone()).await.map_err(|_| RebuildError::Abandoned)?;
        }
        after = drawn.case_ids.last().copied();
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
    /// By id; none after there were no more.
    case_ids: Vec<CaseId>,
    /// Cases of which something was not as it should be.
    mended: BTreeSet<CaseId>,
}

/// Draws the next cases in one transaction.
async fn draw_some(
    connection: &mut PgConnection,
    after: Option<CaseId>,
    through: Option<CaseId>,
    progress: &mut Progress,
) -> Result<Drawn, RebuildError> {
    let mut transaction = connection.begin().await?;
    let connection = &mut *transaction;
    store::log::lock(connection).await?;
    let known = store::projection::format(connection).await?;
    if known > FORMAT {
        return Err(RebuildError::OfLaterVersion(known));
    }
    let case_ids = match through {
        Some(through) => next_cases(connection, after, through).await?,
        None => Vec::new(),
    };
    let last = case_ids.last().copied();
    let unlogged = store::projection::forget_unlogged(connection, after, last).await?;
    let mut mended: BTreeSet<CaseId> = unlogged.into_iter().collect();
    if !case_ids.is_empty() {
        let mut lines = store::evidence::lines(connection, &case_ids).await?;
        let mut told = Histories::default();
        for case_id in &case_ids {
            let lines = lines.remove(case_id).unwrap_or_default();
            progress.cases += 1;
            progress.leaves += lines.len() as u64;
            if !told.add(*case_id, lines) {
                progress.damaged += 1;
                if progress.damaged_case_ids.len() < NAMED_MAX {
                    progress.damaged_case_ids.push(*case_id);
                }
            }
            // Reading a case takes some tenths of a millisecond, in which nobody else has this thread.
            tokio::task::yield_now().await;
        }
        mended.extend(put_right(connection, &told).await?);
    }
    transaction.commit().await?;
    Ok(Drawn { case_ids, mended })
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
    fn add(&mut self, case_id: CaseId, lines: Vec<KeptLine>) -> bool {
        let changed = lines.iter().filter(|line| line.is_suspect()).map(|line| line.leaf_index).collect();
        let Ok((account, mut facts)) = History::read(case_id, lines, &changed).told else { return false };
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
