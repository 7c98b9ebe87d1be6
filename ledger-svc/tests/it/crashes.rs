//! The sequencer is killed at every write, a thousand seeded times, while another fights it for the lead.
//!
//! A round is one batch of events given to one of two sequencers, and one mishap: the process ends at some point of the
//! transaction (its future is dropped at a seeded poll: between any two statements, before the commit, after the commit
//! and before the acknowledgement), or its connection is killed by PostgreSQL, or the other one takes the lead meanwhile.
//! What was not acknowledged is delivered again; everything is delivered twice, and out of order.
//!
//! What must be true of it is judged by other means than the log's own: every checkpoint that anybody ever saw is signed,
//! is still there, and has the root that the definition of RFC 6962 gives for the leaves that there are in the end, so that
//! each of them is the beginning of each later one.

use std::{
    collections::{BTreeMap, HashMap},
    future::poll_fn,
    pin::{Pin, pin},
    sync::Arc,
    task::Poll,
};

use huying_ledger_svc::{
    LogIdentity, MIGRATIONS,
    domain::{checkpoint::Checkpoint, event::CaseEvent, head::HeadFault, note::Verifier},
    use_cases::{
        append_events::{AppendError, AppendEvents, Appended},
        establish_log::establish_log,
        latest_checkpoint::latest_checkpoint,
        take_lead::{Lead, take_lead},
    },
};
use huying_platform::{clock::Clock, ids::CaseId, testkit::TestHouse};
use sha2::{Digest as _, Sha256};
use sqlx::{Connection as _, PgConnection, PgPool, Row as _, postgres::PgPoolOptions};

use crate::{
    house::identity,
    story::{DEPARTMENT, Story},
};

/// How often a sequencer is killed.
const KILLS: u32 = 1_000;

/// Polls that an append takes, about one for each answer of PostgreSQL; one that finds less to do takes fewer, and then
/// nothing befalls it.
const APPEND_POLLS: u64 = 26;

/// The same, of taking the lead.
const LEAD_POLLS: u64 = 12;

/// Chance with a seed, so that a failure can be repeated: xorshift64.
struct Chance(u64);

impl Chance {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }
}

/// What befalls a sequencer in a round, and at which of its polls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Mishap {
    None,
    /// The process ends; with `waiting`, while PostgreSQL still works on what it was sent.
    Killed {
        poll: u64,
        waiting: bool,
    },
    /// The process ends when all is done, but before it can acknowledge the events.
    KilledUnacknowledged,
    /// PostgreSQL ends its connections.
    Disconnected {
        poll: u64,
    },
    /// The other takes the lead.
    Overtaken {
        poll: u64,
    },
    /// The other appends the same events at the same time, as if it led too.
    Doubled,
}

impl Mishap {
    fn draw(chance: &mut Chance) -> Self {
        let poll = 1 + chance.below(APPEND_POLLS);
        match chance.below(20) {
            0 | 1 => Self::None,
            2..=6 => Self::Killed { poll, waiting: true },
            7..=11 => Self::Killed { poll, waiting: false },
            12..=14 => Self::KilledUnacknowledged,
            15 => Self::Disconnected { poll },
            16 | 17 => Self::Overtaken { poll },
            _ => Self::Doubled,
        }
    }
}

/// Polls a future so many times. `None` when it is pending after the last of them: at once when `waiting`, otherwise when
/// what it waited for has come, and it has not yet seen it.
async fn polled<F: Future>(mut future: Pin<&mut F>, polls: u64, waiting: bool) -> Option<F::Output> {
    let mut left = polls;
    poll_fn(move |context| {
        if left == 0 {
            return Poll::Ready(None);
        }
        left -= 1;
        match future.as_mut().poll(context) {
            Poll::Ready(output) => Poll::Ready(Some(output)),
            Poll::Pending if left == 0 && waiting => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        }
    })
    .await
}

/// One process that sequences, and starts again when it was killed.
struct Sequencer {
    name: String,
    pool: PgPool,
    /// While it believes that it leads.
    append: Option<Arc<AppendEvents>>,
    lead: Option<Lead>,
    starts: u32,
}

impl Sequencer {
    /// Connects, for no mishap is to be spent on that.
    async fn start(name: String, starts: u32, house: &TestHouse) -> Self {
        let application = format!("{name}-{starts}");
        let options = (*house.platform.db.connect_options()).clone().application_name(&application);
        let pool = PgPoolOptions::new().max_connections(1).test_before_acquire(false);
        Self { name, pool: pool.connect_with(options).await.unwrap(), append: None, lead: None, starts }
    }

    /// As it is after its process has ended and begun anew.
    async fn restart(&mut self, house: &TestHouse) {
        *self = Self::start(std::mem::take(&mut self.name), self.starts + 1, house).await;
    }

    /// By what name PostgreSQL knows its connections.
    fn application(&self) -> String {
        format!("{}-{}", self.name, self.starts)
    }

    fn lead_with(&mut self, lead: Option<Lead>, clock: &Clock) {
        self.lead.clone_from(&lead);
        self.append = lead.map(|lead| Arc::new(AppendEvents::new(self.pool.clone(), clock.clone(), lead)));
    }
}

/// Everything that a reader could have seen of the checkpoints.
#[derive(Default)]
struct Seen(BTreeMap<u64, String>);

impl Seen {
    /// A size that was seen before is seen with the same text again.
    fn note(&mut self, tree_size: u64, note: &str) {
        let known = self.0.entry(tree_size).or_insert_with(|| note.to_owned());
        assert_eq!(*known, note, "two checkpoints of {tree_size} leaves");
    }

    async fn look(&mut self, reader: &PgPool) {
        let (tree_size, note) = latest_checkpoint(reader).await.unwrap();
        self.note(tree_size, &note);
    }

    async fn look_at_all(&mut self, reader: &PgPool, from: u64) {
        let rows: Vec<(i64, String)> =
            sqlx::query_as("SELECT tree_size, note FROM checkpoints WHERE tree_size >= $1")
                .bind(from.cast_signed())
                .fetch_all(reader)
                .await
                .unwrap();
        for (tree_size, note) in rows {
            self.note(tree_size.cast_unsigned(), &note);
        }
        let uncovered: i64 = sqlx::query_scalar(
            "SELECT (SELECT count(*) FROM leaves) - (SELECT max(tree_size) FROM checkpoints)",
        )
        .fetch_one(reader)
        .await
        .unwrap();
        assert_eq!(uncovered, 0, "every leaf that is visible is covered by a checkpoint that is");
    }

    fn newest(&self) -> u64 {
        self.0.last_key_value().map_or(0, |(tree_size, _)| *tree_size)
    }
}

/// Events on their way, each as often as it is still to be delivered.
struct Deliveries {
    waiting: Vec<CaseEvent>,
    told: u64,
}

impl Deliveries {
    /// Takes a batch from anywhere among the oldest. New cases are told when few are left.
    fn take(&mut self, chance: &mut Chance) -> Vec<CaseEvent> {
        if self.waiting.len() < 60 {
            for _ in 0..10 {
                self.told += 1;
                let events = life(self.told.cast_signed()).events;
                let events = events.iter().map(|event| CaseEvent::parse(event.clone()).unwrap());
                self.waiting.extend(events.clone().chain(events));
            }
        }
        let size = 1 + chance.below(12);
        (0..size).map(|_| self.take_one(chance)).collect()
    }

    fn take_one(&mut self, chance: &mut Chance) -> CaseEvent {
        let at = chance.below(self.waiting.len().min(80) as u64) as usize;
        self.waiting.swap_remove(at)
    }
}

fn life(number: i64) -> Story {
    Story::new(&format!("第 {number} 件"), "楼里只有十四度。", number)
        .registered()
        .assigned(DEPARTMENT)
        .accepted()
        .replied("已修好")
}

/// How rounds ended, so that the test shows that it tested something.
#[derive(Debug, Default)]
struct Tally {
    appended: u32,
    killed_before_commit: u32,
    killed_after_commit: u32,
    killed_while_taking_the_lead: u32,
    disconnected: u32,
    superseded: u32,
}

impl Tally {
    fn kills(&self) -> u32 {
        self.killed_before_commit + self.killed_after_commit + self.killed_while_taking_the_lead
    }

    fn each(&self) -> [u32; 6] {
        [
            self.appended,
            self.killed_before_commit,
            self.killed_after_commit,
            self.killed_while_taking_the_lead,
            self.disconnected,
            self.superseded,
        ]
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sequencer_killed_anywhere_and_fought_for_the_lead_never_tells_two_histories() {
    let kills = std::env::var("HUYING_TEST_CRASHES").map_or(KILLS, |kills| kills.parse().unwrap());
    let seed = std::env::var("HUYING_TEST_SEED").map_or(0x2545_f491_4f6c_dd1d, |seed| seed.parse().unwrap());
    let house = TestHouse::start("ledger", MIGRATIONS).await;
    let log = identity(1);
    establish_log(&house.platform.db, &house.platform.clock, &log).await.unwrap();
    take_lead(&house.platform.db, &house.platform.clock, &log).await.unwrap();
    let mut fight = Fight {
        sequencers: [
            Sequencer::start("left".to_owned(), 0, &house).await,
            Sequencer::start("right".to_owned(), 0, &house).await,
        ],
        admin: PgConnection::connect_with(&house.platform.db.connect_options()).await.unwrap(),
        chance: Chance(seed),
        seen: Seen::default(),
        tally: Tally::default(),
        house: &house,
        log: &log,
    };
    let mut deliveries = Deliveries { waiting: Vec::new(), told: 0 };
    while fight.tally.kills() < kills {
        fight.house.clock.advance(jiff::SignedDuration::from_secs(1));
        let batch = deliveries.take(&mut fight.chance);
        let from = fight.seen.newest();
        if !fight.round(batch.clone()).await {
            deliveries.waiting.extend(batch);
        }
        fight.seen.look_at_all(&house.platform.db, from).await;
    }
    // In the end all of it arrives.
    while !deliveries.waiting.is_empty() {
        let batch = deliveries.waiting.split_off(deliveries.waiting.len().saturating_sub(200));
        let lead = take_lead(&house.platform.db, &house.platform.clock, &log).await.unwrap();
        let append = AppendEvents::new(house.platform.db.clone(), house.platform.clock.clone(), lead);
        append.append(batch).await.unwrap();
    }
    let Fight { seen, tally, .. } = fight;
    judge(&house, &log, seen, deliveries.told).await;
    if kills >= KILLS {
        assert!(tally.each().iter().all(|count| *count >= 20), "{tally:?}");
    }
    house.stop().await;
}

struct Fight<'a> {
    sequencers: [Sequencer; 2],
    admin: PgConnection,
    chance: Chance,
    seen: Seen,
    tally: Tally,
    house: &'a TestHouse,
    log: &'a LogIdentity,
}

impl Fight<'_> {
    /// One batch, one mishap. True when the batch was acknowledged.
    async fn round(&mut self, batch: Vec<CaseEvent>) -> bool {
        let who = self.chance.below(2) as usize;
        if (self.sequencers[who].append.is_none() || self.chance.below(6) == 0) && !self.lead(who).await {
            return false;
        }
        let Some(append) = self.sequencers[who].append.clone() else { return false };
        let before = self.tree_size().await;
        let mishap = Mishap::draw(&mut self.chance);
        match self.befall(who, mishap, &append, batch).await {
            Some(Ok(_)) => {
                self.tally.appended += 1;
                if matches!(mishap, Mishap::Disconnected { .. }) {
                    self.sequencers[who].restart(self.house).await;
                }
                true
            }
            // That the tree has moved on befalls one of two who lead in the same term, which the epoch rules out elsewhere.
            Some(Err(AppendError::Superseded { .. } | AppendError::Head(HeadFault::Moved { .. }))) => {
                self.tally.superseded += 1;
                self.sequencers[who].append = None;
                false
            }
            Some(Err(AppendError::Sql(error))) => {
                assert!(matches!(mishap, Mishap::Disconnected { .. }), "{mishap:?}: {error}");
                self.tally.disconnected += 1;
                // It goes on as it is, not knowing what became of the batch, with a new connection.
                drop(self.sequencers[who].pool.acquire().await.unwrap());
                false
            }
            Some(Err(error)) => panic!("{mishap:?}: {error}"),
            None => {
                self.end(who).await;
                if self.tree_size().await > before {
                    self.tally.killed_after_commit += 1;
                } else {
                    self.tally.killed_before_commit += 1;
                }
                false
            }
        }
    }

    /// Appends under a mishap; `None` when it was killed. Then its future is gone, and with it all that it held.
    async fn befall(
        &mut self,
        who: usize,
        mishap: Mishap,
        append: &AppendEvents,
        batch: Vec<CaseEvent>,
    ) -> Option<Result<Appended, AppendError>> {
        let clock = &self.house.platform.clock;
        let mut appending = pin!(append.append(batch.clone()));
        match mishap {
            Mishap::None => {
                let outcome = appending.as_mut().await;
                self.seen.look(&self.house.platform.db).await;
                Some(outcome)
            }
            Mishap::Killed { poll, waiting } => polled(appending, poll, waiting).await,
            Mishap::KilledUnacknowledged => match appending.await {
                Ok(_) => None,
                Err(error) => Some(Err(error)),
            },
            Mishap::Disconnected { poll } => match polled(appending.as_mut(), poll, false).await {
                Some(outcome) => Some(outcome),
                None => {
                    self.disconnect(who).await;
                    Some(appending.await)
                }
            },
            Mishap::Overtaken { poll } => match polled(appending.as_mut(), poll, false).await {
                Some(outcome) => Some(outcome),
                None => {
                    let other = &mut self.sequencers[1 - who];
                    let (outcome, lead) = tokio::join!(appending, take_lead(&other.pool, clock, self.log));
                    other.lead_with(lead.ok(), clock);
                    Some(outcome)
                }
            },
            Mishap::Doubled => {
                let lead = self.sequencers[who].lead.clone();
                let other = &mut self.sequencers[1 - who];
                // Now and then it has led before, and remembers the tree as it was then.
                let epoch = |lead: &Option<Lead>| lead.as_ref().map(|lead| lead.epoch);
                if epoch(&other.lead) != epoch(&lead) || other.append.is_none() {
                    other.lead_with(lead, clock);
                }
                let doubling = async {
                    match &other.append {
                        Some(other) => other.append(batch).await.is_ok(),
                        None => false,
                    }
                };
                Some(tokio::join!(appending, doubling).0)
            }
        }
    }

    /// Ends a sequencer's process and begins it anew. What PostgreSQL was sent last it carries out, or is kept from by the
    /// loss of the connection; then the transaction is rolled back.
    async fn end(&mut self, who: usize) {
        if self.chance.below(3) == 0 {
            self.disconnect(who).await;
            self.sequencers[who].restart(self.house).await;
        } else {
            // The connection is as good as a new one once the pool has it back, and saves the time to make one.
            self.sequencers[who].append = None;
        }
    }

    /// Ends a sequencer's connections at PostgreSQL's end.
    async fn disconnect(&mut self, who: usize) {
        sqlx::query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = $1")
            .bind(self.sequencers[who].application())
            .execute(&mut self.admin)
            .await
            .unwrap();
    }

    /// Takes the lead, which may meet with a mishap too.
    async fn lead(&mut self, who: usize) -> bool {
        let killed_at = (self.chance.below(3) == 0).then(|| 1 + self.chance.below(LEAD_POLLS));
        let waiting = self.chance.below(2) == 0;
        let clock = &self.house.platform.clock;
        let sequencer = &mut self.sequencers[who];
        let outcome = {
            let taking = pin!(take_lead(&sequencer.pool, clock, self.log));
            match killed_at {
                None => Some(taking.await),
                Some(poll) => polled(taking, poll, waiting).await,
            }
        };
        match outcome {
            Some(lead) => {
                sequencer.lead_with(Some(lead.unwrap()), clock);
                true
            }
            None => {
                self.tally.killed_while_taking_the_lead += 1;
                self.end(who).await;
                false
            }
        }
    }

    async fn tree_size(&self) -> i64 {
        // Waits for whoever is about to commit.
        sqlx::query_scalar("SELECT tree_size FROM log_state FOR SHARE")
            .fetch_one(&self.house.platform.db)
            .await
            .unwrap()
    }
}

/// Holds everything that was seen against the leaves that there are.
async fn judge(house: &TestHouse, log: &LogIdentity, seen: Seen, cases: u64) {
    let db = &house.platform.db;
    let rows = sqlx::query("SELECT leaf_index, case_id, case_version, leaf FROM leaves ORDER BY leaf_index")
        .fetch_all(db)
        .await
        .unwrap();
    let mut leaves = Vec::with_capacity(rows.len());
    let mut versions: HashMap<CaseId, Vec<i64>> = HashMap::new();
    for (place, row) in rows.iter().enumerate() {
        assert_eq!(row.get::<i64, _>("leaf_index"), place as i64, "the leaves have no gaps");
        versions.entry(row.get("case_id")).or_default().push(row.get("case_version"));
        leaves.push(row.get::<Vec<u8>, _>("leaf"));
    }
    assert_eq!(versions.len() as u64, cases, "every case is in the log");
    for (case_id, versions) in &versions {
        assert_eq!(versions, &[1, 2, 3, 4, 5], "case {case_id} has each version once, in order");
    }
    let accounts: i64 =
        sqlx::query_scalar("SELECT count(*) FROM cases WHERE case_version = 5").fetch_one(db).await.unwrap();
    assert_eq!(accounts.cast_unsigned(), cases, "every account is told to its end");
    let parked: i64 = sqlx::query_scalar("SELECT count(*) FROM parked_events").fetch_one(db).await.unwrap();
    assert_eq!(parked, 0);

    let mut all = Seen::default();
    all.look_at_all(db, 0).await;
    assert_eq!(all.newest(), leaves.len() as u64, "the newest checkpoint covers all leaves");
    let mut tree =
        Tree { hashes: leaves.iter().map(|leaf| leaf_hash(leaf)).collect(), known: HashMap::new() };
    let verifier = Verifier::parse(&log.foremost_verifier_key()).unwrap();
    for (tree_size, note) in &seen.0 {
        assert_eq!(all.0.get(tree_size), Some(note), "a checkpoint that was seen is still there");
    }
    // Each is the root of the first leaves of the one list that there is, so any two of them are consistent.
    for (tree_size, note) in &all.0 {
        let checkpoint = Checkpoint::parse(verifier.open(note).unwrap()).unwrap();
        assert_eq!(checkpoint.tree_size, *tree_size);
        assert_eq!(checkpoint.root, tree.root(*tree_size as usize), "the root of {tree_size} leaves");
    }
}

type Hash = [u8; 32];

fn leaf_hash(leaf: &[u8]) -> Hash {
    Sha256::new_with_prefix([0]).chain_update(leaf).finalize().into()
}

/// RFC 6962 section 2.1 as it stands there, and what was computed already.
struct Tree {
    hashes: Vec<Hash>,
    known: HashMap<(usize, usize), Hash>,
}

impl Tree {
    fn root(&mut self, size: usize) -> Hash {
        if size == 0 { Sha256::digest([]).into() } else { self.range(0, size) }
    }

    /// MTH(D[start:end]).
    fn range(&mut self, start: usize, end: usize) -> Hash {
        if end - start == 1 {
            return self.hashes[start];
        }
        if let Some(known) = self.known.get(&(start, end)) {
            return *known;
        }
        let mut split = 1;
        while split * 2 < end - start {
            split *= 2;
        }
        let (left, right) = (self.range(start, start + split), self.range(start + split, end));
        let hash = Sha256::new_with_prefix([1]).chain_update(left).chain_update(right).finalize().into();
        self.known.insert((start, end), hash);
        hash
    }
}
