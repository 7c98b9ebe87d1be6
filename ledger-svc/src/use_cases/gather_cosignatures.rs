//! Asks the witnesses of the log to cosign its newest checkpoint.
//!
//! Once a second at most, and only when the tree has grown, the checkpoint of that moment goes to all witnesses. Each has
//! a task of its own that takes the newest such checkpoint when it is done with the one before: so those that keep up
//! cosign the same trees, and one that is slow or down holds up nobody.
//!
//! Guaranteed: only verified cosignatures are kept, of a time that is about now; nothing waits for a witness; no transaction and no connection of the
//! database is held while one is asked. What a witness has seen last it says itself when it is asked wrongly, so nothing
//! about it need survive a restart.
//!
//! A witness that has cosigned more leaves than there are, or other ones, says that this log has lost or changed what it
//! published. Its word is not signed, but the operator chose to trust it: when it says so twice, nothing more is appended
//! here until an operator has found out who is right. Readers go on reading, and the events wait in the broker.

use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};

use huying_platform::{clock::Clock, metrics::Metrics, status::chain};
use jiff::{SignedDuration, Timestamp};
use prometheus_client::metrics::gauge::Gauge;
use reqwest::{Client, StatusCode, header::CONTENT_TYPE, redirect};
use sqlx::PgPool;
use tokio::{
    sync::watch,
    task::JoinSet,
    time::{Instant, sleep_until, timeout},
};
use tokio_util::sync::CancellationToken;

use crate::{
    config::PublicUrl,
    domain::{
        checkpoint::Checkpoint,
        cosignature::WitnessKey,
        merkle::{Hash, consistency_path, consistency_tiles, empty_root, verify_consistency},
        note::{NoteError, SignatureLine, SignedNote},
        witness::{AddCheckpoint, parse_size},
    },
    store,
};

mod failures;
mod lag;

use failures::{AskError, report};
use lag::Lag;

/// How often the tree is looked at, and how often a witness is asked at most.
const INTERVAL: Duration = Duration::from_secs(1);

/// How long a witness that fails is left alone at most.
const BACKOFF_MAX: Duration = Duration::from_secs(60);

/// How often a witness must say that it knows another history until it is acted on.
const DISPUTES: u32 = 2;

/// How long a witness may take to be reached, and to answer.
const CONNECT_MAX: Duration = Duration::from_secs(5);
const ANSWER_MAX: Duration = Duration::from_secs(10);

/// Longest answer that is read, in bytes: a few signature lines.
const ANSWER_MAX_BYTES: usize = 64 * 1_024;

/// How long the database may take.
const DATABASE_MAX: Duration = Duration::from_secs(5);

/// How far the time of a cosignature may be off this machine's clock: clocks that nobody sets differ by less, and readers
/// take it for the moment at which the witness has looked.
const CLOCKS_DIFFER_MAX: SignedDuration = SignedDuration::from_mins(5);

/// Media type of a size in an answer of a witness.
const SIZE_TYPE: &str = "text/x.tlog.size";

/// Someone who vouches for the log, and where to ask them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WitnessAddress {
    /// What their cosignatures are verified with.
    pub key: WitnessKey,
    /// The submission prefix of C2SP tlog-witness: what `/add-checkpoint` is appended to.
    pub url: PublicUrl,
}

/// Asks, for as long as this replica leads.
#[derive(Debug, Clone)]
pub struct GatherCosignatures {
    db: PgPool,
    clock: Clock,
    client: Client,
    lag: Arc<Lag>,
    /// The first dispute, for as long as the process lives.
    dispute: Arc<OnceLock<String>>,
    disputed: Gauge,
}

/// A checkpoint to be cosigned.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Target {
    tree_size: u64,
    note: String,
    /// When it was first seen here.
    seen_at: Instant,
}

impl Target {
    /// The root that is signed.
    fn root(&self) -> Result<Hash, AskError> {
        let text = SignedNote::parse(&self.note).map_err(AskError::NotCosigned)?.text;
        let checkpoint = Checkpoint::parse(text).map_err(|_| AskError::Unprovable(self.tree_size))?;
        Ok(checkpoint.root)
    }
}

/// What a witness answered.
#[derive(Debug)]
enum Answer {
    /// Its signature line, and when.
    Cosigned(String, Timestamp),
    /// It saw another tree last than was thought.
    OtherSize(u64),
}

impl GatherCosignatures {
    /// Registers its metrics.
    ///
    /// # Errors
    /// When the system's TLS certificates cannot be used.
    pub fn new(db: PgPool, clock: Clock, metrics: &Metrics) -> Result<Self, reqwest::Error> {
        // Fails only when a provider is installed already.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = Client::builder()
            .connect_timeout(CONNECT_MAX)
            .timeout(ANSWER_MAX)
            .redirect(redirect::Policy::none())
            .user_agent("huying-ledger")
            .build()?;
        let disputed = metrics.gauge(
            "ledger_disputed",
            "1 when a witness knows another history of the log, so that this replica appends nothing until an operator has \
             looked and started it anew",
        );
        Ok(Self { db, clock, client, lag: Arc::new(Lag::new(metrics)), dispute: Arc::default(), disputed })
    }

    /// What a witness said that knows another history of the log, if one did.
    pub fn dispute(&self) -> Option<&str> {
        self.dispute.get().map(String::as_str)
    }

    /// Asks all witnesses until the lead is over.
    pub async fn run(self, witnesses: &[WitnessAddress], lead: CancellationToken) {
        if witnesses.is_empty() {
            return;
        }
        let (newest, target) = watch::channel(None);
        self.lag.begin(witnesses.len());
        let mut tasks = JoinSet::new();
        for (index, witness) in witnesses.iter().cloned().enumerate() {
            tasks.spawn(self.clone().keep_asking(witness, index, target.clone(), lead.clone()));
        }
        let watching = async {
            loop {
                self.look(&newest).await;
                tokio::time::sleep(INTERVAL).await;
            }
        };
        tokio::select! {
            () = lead.cancelled() => {}
            () = watching => {}
        }
        // An answer that is under way may be lost: the witness will say next time what it has seen.
        tasks.shutdown().await;
        self.lag.end();
    }

    /// Hands out the newest checkpoint, when there is a newer one.
    async fn look(&self, newest: &watch::Sender<Option<Target>>) {
        let read = async {
            let mut connection = self.db.acquire().await?;
            store::log::latest_note(&mut connection).await
        };
        match timeout(DATABASE_MAX, read).await {
            Ok(Ok(Some((tree_size, note)))) => {
                let target = Target { tree_size, note, seen_at: Instant::now() };
                newest.send_if_modified(|newest| {
                    let grown = newest.as_ref().map_or(0, |newest| newest.tree_size) < tree_size;
                    if grown {
                        *newest = Some(target);
                    }
                    grown
                });
            }
            Ok(Ok(None)) => {}
            Ok(Err(error)) => tracing::warn!(error = chain(&error), "no checkpoint read for the witnesses"),
            Err(_) => tracing::warn!("no checkpoint read for the witnesses: the database does not answer"),
        }
        self.lag.publish(newest.borrow().as_ref().map(|newest| (newest.tree_size, newest.seen_at)));
    }

    /// One witness: waits for a tree that it has not cosigned, asks, and leaves it alone for a while. When it knows another
    /// history, and says so again when it is asked again, the lead ends.
    async fn keep_asking(
        self,
        witness: WitnessAddress,
        index: usize,
        mut target: watch::Receiver<Option<Target>>,
        lead: CancellationToken,
    ) {
        let name = witness.key.name().to_owned();
        let mut cosigned = 0;
        // What the witness has seen last, as far as is known here; asked from the database first.
        let mut seen = None;
        let mut failures: u32 = 0;
        let mut disputes: u32 = 0;
        loop {
            let Ok(newest) = target
                .wait_for(|newest| newest.as_ref().is_some_and(|newest| newest.tree_size > cosigned))
                .await
                .map(|newest| newest.clone())
            else {
                return;
            };
            let Some(newest) = newest else { continue };
            let asked_at = Instant::now();
            match self.ask_once(&witness, &newest, &mut seen).await {
                Ok(Some(tree_size)) => {
                    cosigned = tree_size;
                    self.lag.cosigned(index, tree_size);
                    failures = 0;
                    disputes = 0;
                }
                Ok(None) => {}
                Err(error) => {
                    failures = failures.saturating_add(1);
                    self.lag.failures.inc();
                    report(&name, &error, failures);
                    disputes += u32::from(error.is_dispute());
                    if disputes >= DISPUTES {
                        self.disputed.set(1);
                        let _ = self.dispute.set(format!("{name}: {}", chain(&error)));
                        lead.cancel();
                        return;
                    }
                }
            }
            sleep_until(asked_at + pause_after(failures)).await;
        }
    }

    /// Asks once. Returns the size of the tree that the witness has cosigned, or nothing when it must be asked again
    /// with what it said.
    async fn ask_once(
        &self,
        witness: &WitnessAddress,
        target: &Target,
        seen: &mut Option<u64>,
    ) -> Result<Option<u64>, AskError> {
        let key = witness.key.verifier_key();
        let old_size = match *seen {
            Some(seen) => seen,
            None => {
                let latest = self.in_time(self.latest_of(&key)).await?;
                // A tree that was cosigned before this replica led.
                if latest >= target.tree_size {
                    *seen = Some(latest);
                    return Ok(Some(latest));
                }
                latest
            }
        };
        if old_size > target.tree_size {
            // The tree has grown since: the next look will find it.
            return Ok(None);
        }
        let path = self.in_time(self.prove(old_size, target)).await?;
        match self.call(witness, old_size, path, target).await? {
            Answer::Cosigned(line, at) => {
                *seen = Some(target.tree_size);
                self.in_time(self.keep(&key, target.tree_size, &line, at)).await?;
                Ok(Some(target.tree_size))
            }
            Answer::OtherSize(theirs) if theirs == old_size => Err(AskError::OtherHistory(theirs)),
            Answer::OtherSize(theirs) => {
                // The leader before may have asked with a larger tree than the one at hand.
                let ours = self.in_time(self.tree_size()).await?;
                if theirs > ours {
                    return Err(AskError::Ahead { theirs, ours });
                }
                *seen = Some(theirs);
                Ok(None)
            }
        }
    }

    async fn latest_of(&self, key: &str) -> Result<u64, AskError> {
        let mut connection = self.db.acquire().await?;
        let latest = store::cosignatures::latest_of(&mut connection, key).await?;
        Ok(latest.map_or(0, |latest| latest.tree_size))
    }

    async fn tree_size(&self) -> Result<u64, AskError> {
        let mut connection = self.db.acquire().await?;
        Ok(store::log::tree_size(&mut connection).await?)
    }

    /// The proof that the tree of the target begins with an older one, as both were signed here. It is verified, so that a
    /// witness that refuses it has seen something else.
    async fn prove(&self, old_size: u64, target: &Target) -> Result<Vec<Hash>, AskError> {
        let asked = consistency_tiles(old_size, target.tree_size).map_err(AskError::CorruptTiles)?;
        let mut connection = self.db.acquire().await?;
        let old_root = match old_size {
            0 => empty_root(),
            _ => {
                let kept = store::log::checkpoint_of(&mut connection, old_size).await?;
                let kept = kept.ok_or(AskError::OtherHistory(old_size))?;
                Hash::try_from(kept.root).map_err(|_| AskError::Unprovable(old_size))?
            }
        };
        let tiles = store::log::tiles(&mut connection, &asked).await?;
        let path = consistency_path(old_size, target.tree_size, &tiles).map_err(AskError::CorruptTiles)?;
        if !verify_consistency(old_size, &old_root, target.tree_size, &target.root()?, &path) {
            return Err(AskError::Unprovable(old_size));
        }
        Ok(path)
    }

    async fn call(
        &self,
        witness: &WitnessAddress,
        old_size: u64,
        path: Vec<Hash>,
        target: &Target,
    ) -> Result<Answer, AskError> {
        let body = AddCheckpoint { old_size, path, note: &target.note }.write();
        let url = witness.url.join("/add-checkpoint");
        let mut response = self.client.post(url).body(body).send().await.map_err(AskError::Unreachable)?;
        let status = response.status();
        let is_size = response
            .headers()
            .get(CONTENT_TYPE)
            .and_then(|value| value.to_str().ok())
            .is_some_and(|value| value.split(';').next().is_some_and(|value| value.trim() == SIZE_TYPE));
        let mut answer = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(AskError::Unreachable)? {
            if answer.len() + chunk.len() > ANSWER_MAX_BYTES {
                return Err(AskError::Oversized);
            }
            answer.extend_from_slice(&chunk);
        }
        let answer = String::from_utf8(answer).map_err(|_| AskError::Oversized)?;
        if status == StatusCode::CONFLICT && is_size {
            let size = answer.strip_suffix('\n').and_then(parse_size);
            return size.map(Answer::OtherSize).ok_or(AskError::Refused(status));
        }
        if status == StatusCode::UNPROCESSABLE_ENTITY {
            // The proof holds here, so the tree that it begins with is another one there.
            return Err(AskError::OtherHistory(old_size));
        }
        if status != StatusCode::OK {
            return Err(AskError::Refused(status));
        }
        let text = SignedNote::parse(&target.note).map_err(AskError::NotCosigned)?.text;
        let lines = SignatureLine::parse_all(&answer).map_err(AskError::NotCosigned)?;
        let (line, at_s) = witness.key.verify(text, &lines).map_err(AskError::NotCosigned)?;
        // A time that nobody can have meant is no statement about when.
        let at = Timestamp::from_second(at_s).map_err(|_| AskError::NotCosigned(NoteError::BadSignature))?;
        if at.duration_since(self.clock.now()).abs() > CLOCKS_DIFFER_MAX {
            return Err(AskError::OtherTime(at));
        }
        Ok(Answer::Cosigned(line, at))
    }

    async fn keep(&self, key: &str, tree_size: u64, line: &str, at: Timestamp) -> Result<(), AskError> {
        let mut transaction = self.db.begin().await?;
        store::cosignatures::keep(&mut transaction, key, tree_size, line, at).await?;
        transaction.commit().await?;
        Ok(())
    }

    async fn in_time<T>(&self, work: impl Future<Output = Result<T, AskError>>) -> Result<T, AskError> {
        timeout(DATABASE_MAX, work).await.unwrap_or(Err(AskError::DatabaseSlow))
    }
}

/// 1 s, and twice as long with each failure in a row, up to [`BACKOFF_MAX`].
fn pause_after(failures: u32) -> Duration {
    INTERVAL.saturating_mul(1_u32.checked_shl(failures).unwrap_or(u32::MAX)).min(BACKOFF_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_witness_that_fails_is_asked_less_and_less_often_but_at_least_once_a_minute() {
        let pauses: Vec<_> =
            [0, 1, 2, 5, 6, 31, 32, u32::MAX].map(|failures| pause_after(failures).as_secs()).into();
        assert_eq!(pauses, [1, 2, 4, 32, 60, 60, 60, 60]);
    }
}
