//! Appends a batch of events to the log: one transaction, and everything a reader can see of them is in it.
//!
//! Guaranteed: a version of a case becomes a leaf once, in order, however often and in whatever order its event comes;
//! a leaf that is visible is covered by a visible checkpoint; with the leaf of an erasure the citizen's texts before it
//! are gone, while their leaves stay; a sequencer that lost the lead changes nothing. The
//! lock on the log's row is what makes the guarantee; that there is one leader is only so that nobody waits for it.

use std::{collections::HashMap, sync::Arc};

use huying_platform::{clock::Clock, ids::CaseId};
use huying_proto::events::v1::event::Body;
use sqlx::PgPool;
use tokio::sync::Mutex;

use crate::{
    LogIdentity,
    domain::{
        account::Account,
        checkpoint::Checkpoint,
        event::CaseEvent,
        figures::UnitFacts,
        leaf::{self, LeafTooLarge, Salt, SaltedText},
        merkle::{Edge, Hash, MerkleError, leaf_hash},
        note::NoteError,
        order::{Arrangement, arrange},
    },
    store::{self, log::NewLeaf},
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
    /// The kept tiles are not those of the tree.
    #[error("the right edge of the tree cannot be read")]
    CorruptTiles(#[source] MerkleError),
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
    log: Arc<LogIdentity>,
    epoch: i64,
    /// The right edge after the last append, so that it need not be read each time. `None` after a failure.
    edge: Mutex<Option<Edge>>,
}

impl AppendEvents {
    /// For the epoch that [`super::take_lead`] began.
    pub fn new(db: PgPool, clock: Clock, log: Arc<LogIdentity>, epoch: i64) -> Self {
        Self { db, clock, log, epoch, edge: Mutex::new(None) }
    }

    /// Appends a batch. May be called again with the same events.
    ///
    /// # Errors
    /// [`AppendError`]; after [`AppendError::Sql`] the outcome may be unknown, and calling again settles it.
    pub async fn append(&self, events: Vec<CaseEvent>) -> Result<Appended, AppendError> {
        let mut cached_edge = self.edge.lock().await;
        let mut transaction = self.db.begin().await?;
        let connection = &mut *transaction;

        let state = store::log::lock(connection).await?;
        if state.epoch != self.epoch {
            return Err(AppendError::Superseded { ours: self.epoch, current: state.epoch });
        }
        let case_ids = distinct_cases(&events);
        let mut accounts = store::cases::load(connection, &case_ids).await?;
        let parked = store::parked::load(connection, &case_ids).await?;

        let known = accounts.iter().map(|(case_id, account)| (*case_id, account.version)).collect();
        let Arrangement { append, park, unpark, duplicates } = arrange(&known, parked, events);
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
            return Ok(appended);
        }

        let written = Written::of(&append)?;
        let (changed, facts) = follow(&mut accounts, &append);
        let mut edge = match cached_edge.take().filter(|edge| edge.size() == state.tree_size) {
            Some(edge) => edge,
            None => {
                let tiles = store::log::tiles(connection, &Edge::tile_ids(state.tree_size)).await?;
                Edge::from_tiles(state.tree_size, &tiles).map_err(AppendError::CorruptTiles)?
            }
        };
        let tiles = edge.append(&written.hashes);
        let checkpoint = self.log.checkpoint(edge.size(), edge.root());
        let note = checkpoint.sign(&self.log.signer).map_err(AppendError::Unsigned)?;

        store::log::insert_leaves(connection, state.tree_size, written.leaves).await?;
        if !written.texts.is_empty() {
            store::texts::insert(connection, &written.texts).await?;
        }
        let erasures = erasures(&append);
        if !erasures.is_empty() {
            // After the insert, for what is erased may have come in the same batch.
            store::texts::erase_before(connection, &erasures).await?;
        }
        store::cases::save(connection, &changed).await?;
        if !facts.0.is_empty() {
            store::units::add(connection, &facts).await?;
        }
        store::log::save_tiles(connection, &tiles).await?;
        store::log::insert_checkpoint(connection, &checkpoint, &note, self.clock.now()).await?;
        store::log::set_tree_size(connection, checkpoint.tree_size).await?;
        transaction.commit().await?;

        appended.tree_size = checkpoint.tree_size;
        *cached_edge = Some(edge);
        Ok(appended)
    }
}

impl LogIdentity {
    /// What the log says of a tree.
    pub fn checkpoint(&self, tree_size: u64, root: Hash) -> Checkpoint {
        Checkpoint { origin: self.origin.clone(), tree_size, root }
    }
}

/// What the events of a batch are written as.
struct Written {
    leaves: Vec<NewLeaf>,
    hashes: Vec<Hash>,
    texts: Vec<(CaseId, u64, SaltedText)>,
}

impl Written {
    fn of(events: &[CaseEvent]) -> Result<Self, AppendError> {
        let mut salts = Salts::draw(events.iter().map(leaf::salts_needed).sum())?;
        let mut written = Self {
            leaves: Vec::with_capacity(events.len()),
            hashes: Vec::with_capacity(events.len()),
            texts: Vec::new(),
        };
        for event in events {
            let (case_id, version) = (event.case_id, event.version);
            let (bytes, texts) = leaf::write(event, || salts.next())
                .map_err(|source| AppendError::TooLarge { case_id, version, source })?;
            written.hashes.push(leaf_hash(&bytes));
            written.leaves.push(NewLeaf { case_id, case_version: version, leaf: bytes });
            written.texts.extend(texts.into_iter().map(|text| (case_id, version, text)));
        }
        Ok(written)
    }
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
fn erasures(events: &[CaseEvent]) -> Vec<(CaseId, u64)> {
    let erasures = events.iter().filter(|event| matches!(event.body, Body::PrivatePartErased(_)));
    erasures.map(|event| (event.case_id, event.version)).collect()
}

/// Carries accounts on over the events, which are in order and without gaps. Returns those that changed.
fn follow<'a>(
    accounts: &'a mut HashMap<CaseId, Account>,
    events: &[CaseEvent],
) -> (Vec<&'a Account>, UnitFacts) {
    let mut facts = UnitFacts::default();
    for event in events {
        match accounts.get_mut(&event.case_id) {
            Some(account) => account.follow(event, &mut facts),
            None => {
                accounts.insert(event.case_id, Account::open(event));
            }
        }
    }
    let mut changed = distinct_cases(events);
    changed.retain(|case_id| accounts.contains_key(case_id));
    (changed.iter().map(|case_id| &accounts[case_id]).collect(), facts)
}
