//! One sequencer at a time.
//!
//! The leader is whoever holds a PostgreSQL advisory lock on a connection of its own: when its process dies, or the
//! connection breaks, the lock is free within moments. Only the leader consumes. Because a leader may be slow to notice
//! that its lock is gone, each term of lead begins a new epoch in the database, and an append of an older epoch is
//! refused there ([`crate::use_cases::append_events`]). So the lock saves work, and the epoch keeps the promise.
//!
//! A log that is not as it was signed is not led: nothing of it is appended to, and the readers' pages say what is wrong. Nor
//! is one of which a witness knows another history, until an operator has looked and started this replica anew.
//!
//! Who leads also asks the witnesses ([`crate::use_cases::gather_cosignatures`]); appending does not wait for them.

use std::{sync::Arc, time::Duration};

use anyhow::Context as _;
use huying_platform::{Platform, consumer::ConsumerConfig, status::chain, subjects};
use prometheus_client::metrics::{counter::Counter, gauge::Gauge};
use sqlx::{Connection as _, PgConnection};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::{
    LogIdentity,
    consumers::CaseEvents,
    store,
    use_cases::{
        append_events::AppendEvents,
        gather_cosignatures::GatherCosignatures,
        rebuild_account::keep_drawn,
        take_lead::{LeadError, take_lead},
    },
};

/// Key of the advisory lock, which is per database: "ledger" in ASCII.
const LEAD_LOCK: i64 = 0x6c65_6467_6572;

/// How often a follower asks for the lead, and a leader looks whether it still has it.
const INTERVAL: Duration = Duration::from_millis(500);

/// How long a replica whose keys are not the log's, or that finds the log not as it was signed, leaves the lead to others
/// before it asks again.
const UNFIT_PAUSE: Duration = Duration::from_secs(5);

/// How often it is told that a witness knows another history.
const REMINDER: Duration = Duration::from_secs(60);

/// How long a leader may be without the broker before it leaves the lead to others.
const BROKER_AWAY_MAX: Duration = Duration::from_secs(5);

/// How long the database may take to answer the leader's look before the lead is given up.
const ANSWER_MAX: Duration = Duration::from_secs(2);

/// Asks for the lead, and sequences while it has it.
#[derive(Debug)]
pub struct Sequencer {
    platform: Platform,
    log: Arc<LogIdentity>,
    cosignatures: GatherCosignatures,
    leading: Gauge,
    parked: Gauge,
    tree_size: Gauge,
    faults: Counter,
}

impl Sequencer {
    /// Registers its gauges.
    ///
    /// # Errors
    /// When the system's TLS certificates, for asking witnesses, cannot be used.
    pub fn new(platform: Platform, log: Arc<LogIdentity>) -> anyhow::Result<Self> {
        let metrics = &platform.metrics;
        let cosignatures = GatherCosignatures::new(platform.db.clone(), platform.clock.clone(), metrics)
            .context("preparing to ask witnesses over HTTPS")?;
        let leading = metrics.gauge("ledger_leading", "1 when this replica appends to the log");
        let parked = metrics.gauge(
            "ledger_parked_events",
            "Events that wait for a predecessor; no more are counted than 10,000",
        );
        let tree_size = metrics.gauge("ledger_tree_size", "Leaves in the log");
        let faults = metrics.counter(
            "ledger_head_faults",
            "Times that tiles, checkpoint, size, or what was signed before disagreed, so that nothing was signed",
        );
        Ok(Self { platform, log, cosignatures, leading, parked, tree_size, faults })
    }

    /// Runs until the service stops.
    pub async fn run(self) {
        let stop = self.platform.shutdown();
        while !stop.is_cancelled() {
            let mut pause = INTERVAL;
            if let Some(dispute) = self.cosignatures.dispute() {
                tracing::error!(
                    dispute,
                    "nothing is appended: find out who is right; if the log is, take the witness out of --witnesses-file; \
                     then start this replica anew"
                );
                pause = REMINDER;
            } else if let Err(error) = Box::pin(self.lead_once(&stop)).await {
                tracing::warn!(error = chain(&*error), "sequencer interrupted");
            }
            self.leading.set(0);
            wait(pause, &stop).await;
        }
    }

    /// Asks for the lead; once it is given, keeps it until it is lost or the service stops.
    async fn lead_once(
        &self,
        stop: &CancellationToken,
    ) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        let options = self.platform.db.connect_options();
        let mut lock = timeout(ANSWER_MAX, PgConnection::connect_with(&options)).await??;
        while !(self.broker_connected() && timeout(ANSWER_MAX, ask_for_lock(&mut lock)).await??) {
            tokio::select! {
                () = stop.cancelled() => return Ok(()),
                () = tokio::time::sleep(INTERVAL) => {}
            }
        }
        self.log.mark.learn().await?;
        let taken = match take_lead(&self.platform.db, &self.platform.clock, &self.log).await {
            Ok(taken) => taken,
            Err(error @ LeadError::Keys(_)) => {
                // In the midst of a change of keys: a replica that has them all should lead, and this one soon restarts.
                tracing::error!(error = chain(&error), "this replica may not lead");
                lock.close().await.ok();
                wait(UNFIT_PAUSE, stop).await;
                return Ok(());
            }
            Err(error @ LeadError::Head(_)) => {
                self.faults.inc();
                let mark_file = self.log.mark.file().map(|file| file.display().to_string());
                tracing::error!(error = chain(&error), mark_file, "nothing is signed");
                lock.close().await.ok();
                wait(UNFIT_PAUSE, stop).await;
                return Ok(());
            }
            Err(error @ (LeadError::Unsigned(_) | LeadError::Sql(_))) => return Err(error.into()),
        };
        // What cannot be put on record is not found out in the midst of it.
        self.log.mark.write().await?;
        let epoch = taken.epoch;
        tracing::info!(epoch, "leading the log");
        self.leading.set(1);

        let lead = stop.child_token();
        let append = AppendEvents::new(self.platform.db.clone(), self.platform.clock.clone(), taken);
        let handler =
            CaseEvents { append: Arc::new(append), lead: lead.clone(), faults: self.faults.clone() };
        let config =
            ConsumerConfig { at_once: 2, ..ConsumerConfig::cases("ledger", subjects::all_case_events()) };
        let consumer = self.platform.consumer(config, Arc::new(handler));
        let settled = CancellationToken::new();
        let consuming = async {
            consumer.run(lead.clone()).await;
            settled.cancel();
        };
        let marking = self.log.mark.keep_written(settled.clone());
        let vouched = self.cosignatures.clone().run(&self.log.witnesses, lead.clone());
        let watching = async {
            let outcome = self.watch(&mut lock, &lead).await;
            lead.cancel();
            outcome
        };
        // The batch at hand is finished before the lock is let go, so that the next leader finds a settled log.
        let drawing = keep_drawn(&self.platform.db, &self.log, epoch, &lead);
        let ((), outcome, (), (), ()) = tokio::join!(consuming, watching, drawing, vouched, marking);
        tracing::info!(epoch, "no longer leading the log");
        lock.close().await.ok();
        Ok(outcome?)
    }

    fn broker_connected(&self) -> bool {
        self.platform.nats.connection_state() == async_nats::connection::State::Connected
    }

    /// Returns when the lead is over, or when a leader without a broker should leave it to another; with an error when
    /// the lock's connection does not answer.
    async fn watch(&self, lock: &mut PgConnection, lead: &CancellationToken) -> sqlx::Result<()> {
        let mut broker_seen = tokio::time::Instant::now();
        loop {
            tokio::select! {
                () = lead.cancelled() => return Ok(()),
                () = tokio::time::sleep(INTERVAL) => {}
            }
            if self.broker_connected() {
                broker_seen = tokio::time::Instant::now();
            } else if broker_seen.elapsed() > BROKER_AWAY_MAX {
                tracing::warn!("no broker to take events from; another replica may have one");
                return Ok(());
            }
            let tree_size = timeout(ANSWER_MAX, store::log::tree_size(lock))
                .await
                .unwrap_or(Err(sqlx::Error::PoolTimedOut))?;
            self.tree_size.set(i64::try_from(tree_size).unwrap_or(i64::MAX));
            self.count_parked().await;
        }
    }

    /// A number for operators, which is nothing to lose the lead for: it is counted over another connection than the
    /// lock's.
    async fn count_parked(&self) {
        let counted = async {
            let mut connection = self.platform.db.acquire().await?;
            store::parked::count(&mut connection).await
        };
        match timeout(INTERVAL, counted).await {
            Ok(Ok(parked)) => {
                self.parked.set(parked);
            }
            Ok(Err(error)) => tracing::debug!(error = chain(&error), "parked events not counted"),
            Err(_) => tracing::debug!("parked events not counted in time"),
        }
    }
}

/// Waits, but not past the stop.
async fn wait(pause: Duration, stop: &CancellationToken) {
    tokio::select! {
        () = stop.cancelled() => {}
        () = tokio::time::sleep(pause) => {}
    }
}

async fn ask_for_lock(connection: &mut PgConnection) -> sqlx::Result<bool> {
    sqlx::query_scalar("SELECT pg_try_advisory_lock($1)").bind(LEAD_LOCK).fetch_one(connection).await
}
