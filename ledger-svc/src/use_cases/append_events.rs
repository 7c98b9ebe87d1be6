//! Appends a batch of events to the log: one transaction, and everything a reader can see of them is in it.
//!
//! Guaranteed: a version of a case becomes a leaf once, in order, however often and in whatever order its event comes;
//! a leaf that is visible is covered by a visible checkpoint; with the leaf of an erasure the citizen's texts before it
//! are gone, while their leaves stay; a sequencer that lost the lead changes nothing. The
//! lock on the log's row is what makes the guarantee; that there is one leader is only so that nobody waits for it.
//! What is appended to is the tree that was signed: as this leader left it, or, after a failure, read and held against its
//! checkpoint. What comes next of a case is told by its leaves alone: whoever changes what is kept beside them neither makes the
//! log pass over an event nor stops it.

use std::collections::HashMap;

use huying_platform::{
    clock::Clock,
    dead_letters,
    ids::{CaseId, EventId},
};
use huying_proto::events::v1::event::Body;
use sqlx::{PgConnection, PgPool};
use tokio::sync::Mutex;

use crate::{
    domain::{
        account::Account,
        event::CaseEvent,
        facts::Facts,
        head::HeadFault,
        history::History,
        leaf::{self, Leaf, LeafTooLarge, Salt, SaltedText, Told, Unreadable},
        merkle::{Edge, Hash, leaf_hash},
        note::NoteError,
        order::{Arrangement, Claim, arrange},
    },
    store::{self, log::NewLeaf},
    use_cases::{
        open_head::{HeadError, unproved},
        take_lead::Lead,
    },
};

/// Why a batch was not appended. Nothing of it was.
#[derive(Debug, thiserror::Error)]
pub enum AppendError {
    /// Another sequencer has taken the lead.
    #[error("epoch {ours} is over; epoch {current} has begun")]
    Superseded {
        /// The epoch in which this sequencer led.
        ours: i64,
        /// The epoch of the database.
        current: i64,
    },
    /// An event too large for a leaf.
    #[error("version {version} of case {case_id} makes no leaf")]
    TooLarge {
        /// Its case.
        case_id: CaseId,
        /// Its version.
        version: u64,
        /// How large.
        #[source]
        source: LeafTooLarge,
    },
    /// A leaf that says less than the account needs. An event that was checked never makes one.
    #[error("version {version} of case {case_id} makes a leaf that nobody could read back")]
    Unreadable {
        /// Its case.
        case_id: String,
        /// Its version.
        version: u64,
        /// What it lacks.
        #[source]
        source: Unreadable,
    },
    /// Another event is that version of the case already: somebody publishes what routing did not decide, or did.
    #[error("event {event_id} says it is version {version} of case {case_id}, which another event is")]
    Contradicted {
        /// Its case.
        case_id: CaseId,
        /// Its place in the case.
        version: u64,
        /// The one that came later.
        event_id: EventId,
    },
    /// So far ahead of what is known of its case that no order of delivery explains it.
    #[error(
        "version {version} of case {case_id} is more than {EARLY_MAX} ahead of {known}, the last that is known"
    )]
    TooEarly {
        /// Its case.
        case_id: CaseId,
        /// Its place in the case.
        version: u64,
        /// The last version of the case.
        known: u64,
    },
    /// Tiles, checkpoint, size, or what was signed before disagree: the lead must end, and the log is carried on when this
    /// is understood.
    #[error("the log is not as it was signed, and is not carried on")]
    Head(#[source] HeadFault),
    /// The checkpoint could not be signed.
    #[error("the checkpoint cannot be signed")]
    Unsigned(#[source] NoteError),
    /// The operating system gives no random numbers.
    #[error("no salts for commitments: {0}")]
    NoEntropy(getrandom::Error),
    /// A statement failed.
    #[error("appending to the ledger")]
    Sql(#[from] sqlx::Error),
}

impl From<HeadError> for AppendError {
    fn from(error: HeadError) -> Self {
        match error {
            HeadError::Fault(fault) => Self::Head(fault),
            HeadError::Sql(error) => Self::Sql(error),
        }
    }
}

/// What became of a batch.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Appended {
    /// New leaves.
    pub leaves: usize,
    /// Events that wait for their predecessors.
    pub parked: usize,
    /// Events that were known already.
    pub duplicates: usize,
    /// Leaves in the tree now.
    pub tree_size: u64,
}

/// Appends, for as long as its epoch lasts.
#[derive(Debug)]
pub struct AppendEvents {
    db: PgPool,
    clock: Clock,
    lead: Lead,
    /// The right edge after the last append, so that it need not be read each time. `None` after a failure.
    edge: Mutex<Option<Edge>>,
}

impl AppendEvents {
    /// For the term that [`super::take_lead`] began.
    pub fn new(db: PgPool, clock: Clock, lead: Lead) -> Self {
        Self { db, clock, lead, edge: Mutex::new(None) }
    }

    /// Appends a batch. May be called again with the same events.
    ///
    /// # Errors
    /// [`AppendError`]; after [`AppendError::Sql`] the outcome may be unknown, and calling again settles it.
    pub async fn append(&self, events: Vec<CaseEvent>) -> Result<Appended, AppendError> {
        // Before it is known what the log still lacks, and before anything is waited for: so one batch is written while the
        // database has the one before.
        let mut written = Written::ahead(&events)?;
        let mut cached_edge = self.edge.lock().await;
        let mut transaction = self.db.begin().await?;
        let connection = &mut *transaction;

        let state = store::log::lock(connection).await?;
        if state.epoch != self.lead.epoch {
            return Err(AppendError::Superseded { ours: self.lead.epoch, current: state.epoch });
        }
        let mut edge = self.go_on(connection, cached_edge.take(), state.tree_size).await?;
        let case_ids = distinct_cases(&events);
        let mut accounts = store::accounts::load(connection, &case_ids).await?;
        let known = store::evidence::versions(connection, &case_ids).await?;
        go_by_the_log(connection, &edge, &known, &mut accounts).await?;
        refuse_too_early(&known, &events)?;
        let parked = store::parked::load(connection, &case_ids).await?;
        let Arrangement { append, park, unpark, duplicates, again, mut contradicting } =
            arrange(&known, &parked, &events);
        if !again.is_empty() {
            contradicting.extend(store::evidence::contradicted(connection, &again).await?);
        }
        if let Some(&Claim { case_id, version, event_id }) = contradicting.first() {
            tracing::error!(%case_id, version, %event_id, "two events claim one version of a case");
            return Err(AppendError::Contradicted { case_id, version, event_id });
        }
        let mut appended =
            Appended { leaves: append.len(), parked: park.len(), duplicates, tree_size: state.tree_size };
        if !park.is_empty() {
            store::parked::park(connection, &park).await?;
        }
        if !unpark.is_empty() {
            store::parked::unpark(connection, &unpark).await?;
        }
        if append.is_empty() {
            transaction.commit().await?;
            *cached_edge = Some(edge);
            return Ok(appended);
        }

        let batch = Batch::of(&append, &mut written)?;
        let (changed, facts) = follow(&mut accounts, &batch.leaves)?;
        let tiles = edge.append(&batch.hashes);
        let (checkpoint, note) = self.lead.sign(edge.size(), edge.root()).map_err(AppendError::Unsigned)?;

        store::log::insert_leaves(connection, state.tree_size, batch.rows).await?;
        if !batch.texts.is_empty() {
            store::texts::insert(connection, &batch.texts).await?;
        }
        let erasures = erasures(&append);
        if !erasures.is_empty() {
            // After the insert, for what is erased may have come in the same batch.
            store::texts::erase_before(connection, &erasures).await?;
            let case_ids: Vec<CaseId> = erasures.iter().map(|(case_id, _)| *case_id).collect();
            dead_letters::forget_citizens_words(connection, &case_ids).await?;
        }
        store::accounts::save(connection, &changed).await?;
        store::facts::add(connection, &facts).await?;
        store::log::save_tiles(connection, &tiles).await?;
        store::log::insert_checkpoint(connection, &checkpoint, &note, self.clock.now()).await?;
        store::log::set_tree_size(connection, checkpoint.tree_size).await?;
        transaction.commit().await?;

        appended.tree_size = checkpoint.tree_size;
        self.lead.remember(checkpoint, note);
        *cached_edge = Some(edge);
        Ok(appended)
    }

    /// The edge to append to: as this leader left it, or read, and held against what is signed for it.
    async fn go_on(
        &self,
        connection: &mut PgConnection,
        cached: Option<Edge>,
        tree_size: u64,
    ) -> Result<Edge, AppendError> {
        match cached {
            Some(edge) if edge.size() == tree_size => Ok(edge),
            Some(edge) => Err(AppendError::Head(HeadFault::Moved { tree_size, left_with: edge.size() })),
            None => Ok(self.lead.judge().open(connection, tree_size).await?.0),
        }
    }
}

/// How far a version may be ahead of the last known one. Events of a case come in the order of their versions but for
/// those that several replicas are handed at once, which are less than this.
const EARLY_MAX: u64 = 1_000;

fn refuse_too_early(known: &HashMap<CaseId, u64>, events: &[CaseEvent]) -> Result<(), AppendError> {
    for event in events {
        let known = known.get(&event.case_id).copied().unwrap_or(0);
        if event.version > known + EARLY_MAX {
            return Err(AppendError::TooEarly { case_id: event.case_id, version: event.version, known });
        }
    }
    Ok(())
}

/// What the events of a batch are written as.
struct Batch<'a> {
    leaves: Vec<Leaf<'a>>,
    rows: Vec<NewLeaf>,
    hashes: Vec<Hash>,
    texts: Vec<(CaseId, u64, SaltedText)>,
}

impl<'a> Batch<'a> {
    fn of(events: &[&'a CaseEvent], written: &mut Written<'a>) -> Result<Self, AppendError> {
        let mut batch = Self {
            leaves: Vec::with_capacity(events.len()),
            rows: Vec::with_capacity(events.len()),
            hashes: Vec::with_capacity(events.len()),
            texts: Vec::new(),
        };
        for event in events {
            let (case_id, version) = (event.case_id, event.version);
            let leaf = written.take(event)?;
            batch.hashes.push(leaf_hash(&leaf.bytes));
            batch.rows.push(NewLeaf { case_id, case_version: version, leaf: leaf.bytes });
            batch.texts.extend(leaf.texts.into_iter().map(|text| (case_id, version, text)));
            batch.leaves.push(leaf.leaf);
        }
        Ok(batch)
    }
}

/// Leaves as they are written, each with its event.
struct Written<'a>(HashMap<Claim, (&'a CaseEvent, leaf::Written<'a>)>);

impl<'a> Written<'a> {
    /// Writes the leaves of all these events, whether they will be needed or not.
    fn ahead(events: &'a [CaseEvent]) -> Result<Self, AppendError> {
        let mut salts = Salts::draw(events.iter().map(leaf::salts_needed).sum())?;
        let mut written = HashMap::with_capacity(events.len());
        for event in events {
            let leaf = write(event, &mut salts)?;
            written.entry(Claim::of(event)).or_insert((event, leaf));
        }
        Ok(Self(written))
    }

    /// The leaf of this very event, written now if it is none of those: one that has waited for its predecessors.
    fn take(&mut self, event: &'a CaseEvent) -> Result<leaf::Written<'a>, AppendError> {
        match self.0.remove(&Claim::of(event)) {
            Some((of, leaf)) if std::ptr::eq(of, event) => Ok(leaf),
            Some(_) | None => write(event, &mut Salts::draw(leaf::salts_needed(event))?),
        }
    }
}

fn write<'a>(event: &'a CaseEvent, salts: &mut Salts) -> Result<leaf::Written<'a>, AppendError> {
    leaf::write(event, || salts.next()).map_err(|source| AppendError::TooLarge {
        case_id: event.case_id,
        version: event.version,
        source,
    })
}

/// Random salts, drawn at once for a whole batch.
struct Salts(Vec<Salt>);

impl Salts {
    fn draw(count: usize) -> Result<Self, AppendError> {
        let mut salts = vec![Salt::default(); count];
        getrandom::fill(salts.as_flattened_mut()).map_err(AppendError::NoEntropy)?;
        Ok(Self(salts))
    }

    fn next(&mut self) -> Salt {
        self.0.pop().expect("as many salts were drawn as leaf::salts_needed said")
    }
}

fn distinct_cases(events: &[CaseEvent]) -> Vec<CaseId> {
    let mut case_ids: Vec<_> = events.iter().map(|event| event.case_id).collect();
    case_ids.sort_unstable();
    case_ids.dedup();
    case_ids
}

/// Cases whose private part was erased, and the version that says so.
fn erasures(events: &[&CaseEvent]) -> Vec<(CaseId, u64)> {
    let erasures = events.iter().filter(|event| matches!(event.body, Body::PrivatePartErased(_)));
    erasures.map(|event| (event.case_id, event.version)).collect()
}

/// Replaces accounts that are not of the version that the log has by what its leaves tell. Of a case whose leaves tell
/// nothing, having been changed themselves, there is none: its events are appended, and a rebuild draws it when its
/// leaves are what they were.
async fn go_by_the_log(
    connection: &mut PgConnection,
    edge: &Edge,
    known: &HashMap<CaseId, u64>,
    accounts: &mut HashMap<CaseId, Account>,
) -> sqlx::Result<()> {
    let astray: Vec<CaseId> = known
        .iter()
        .filter(|(case_id, version)| accounts.get(case_id).map(|account| account.version) != Some(**version))
        .map(|(case_id, _)| *case_id)
        .collect();
    accounts.retain(|case_id, _| known.contains_key(case_id));
    if astray.is_empty() {
        return Ok(());
    }
    tracing::error!(cases = ?astray, "how cases stand is not what the log says; a rebuild is needed");
    let lines = store::evidence::lines(connection, &astray).await?;
    let unproved = unproved(connection, edge, lines.values().flatten()).await?;
    for (case_id, lines) in lines {
        match History::read(case_id, lines, &unproved).told {
            Ok((account, _)) => drop(accounts.insert(case_id, account)),
            Err(_) => drop(accounts.remove(&case_id)),
        }
    }
    Ok(())
}

/// Carries accounts on over leaves, which are in order and without gaps. Returns those that changed, by id.
fn follow<'a>(
    accounts: &'a mut HashMap<CaseId, Account>,
    leaves: &[Leaf<'_>],
) -> Result<(Vec<&'a Account>, Facts), AppendError> {
    let mut facts = Facts::default();
    let mut changed = Vec::with_capacity(leaves.len());
    for leaf in leaves {
        let told = Told::of(leaf).map_err(|source| AppendError::Unreadable {
            case_id: leaf.case_id.to_string(),
            version: leaf.case_version,
            source,
        })?;
        match accounts.get_mut(&told.case_id) {
            Some(account) => account.follow(&told, &mut facts),
            None if told.version == 1 => {
                accounts.insert(told.case_id, Account::open(&told, &mut facts));
            }
            None => continue,
        }
        changed.push(told.case_id);
    }
    changed.sort_unstable();
    changed.dedup();
    Ok((changed.iter().filter_map(|case_id| accounts.get(case_id)).collect(), facts))
}
