//! Citizens who submit, representatives who listen, and an eye on the checkpoint.

use std::{
    collections::{HashMap, HashSet},
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use hdrhistogram::Histogram;
use huying_proto::{
    events::v1::event::Body,
    intake::v1::SubmitCaseRequest,
    ledger::v1::GetCheckpointRequest,
    notify::v1::{Recipient, SubscribeRequest, recipient},
};
use huying_tests::{
    installation::Installation,
    town::{Town, authorized, message},
};
use sqlx::{ConnectOptions as _, Connection as _, Row as _};
use tokio::sync::Semaphore;

/// Representatives who are written to and listen.
const REPRESENTATIVES: usize = 32;
/// Cases under way at once, so that a backlog does not become the thing that is measured.
const UNDER_WAY_MAX: usize = 4_000;
/// Leaves of a case that is submitted, registered and assigned.
const LEAVES_PER_CASE: u64 = 3;
/// How long the last case may take after the last submission.
const DRAIN_MAX: Duration = Duration::from_secs(120);

/// Runs `citizens` at once, each again and again, until the time is up; rounds a second of all together.
pub(crate) async fn closed_loop(citizens: usize, span: Duration, act: impl AsyncFn(u64)) -> f64 {
    let count = AtomicU64::new(0);
    let started = Instant::now();
    let one = async || {
        while started.elapsed() < span {
            act(count.fetch_add(1, Ordering::Relaxed)).await;
        }
    };
    let all: Vec<_> = (0..citizens).map(|_| one()).collect();
    futures_util::future::join_all(all).await;
    count.load(Ordering::Relaxed) as f64 / started.elapsed().as_secs_f64()
}

/// What representatives have heard: when each case reached its stream.
#[derive(Debug, Default)]
struct Heard {
    at: Mutex<HashMap<String, Instant>>,
    twice: AtomicU64,
    out_of_order: AtomicU64,
    count: AtomicU64,
}

/// The load and its witnesses.
#[derive(Debug)]
pub(crate) struct Load {
    town: Town,
    heard: Arc<Heard>,
    listeners: Vec<tokio::task::JoinHandle<()>>,
    acknowledged: Arc<Mutex<Vec<String>>>,
}

/// Latencies in microseconds.
#[derive(Debug)]
pub(crate) struct Latencies {
    acknowledged: Histogram<u64>,
    heard: Histogram<u64>,
    covered: Histogram<u64>,
}

impl Latencies {
    pub(crate) fn histograms(&self) -> [(&'static str, &Histogram<u64>); 3] {
        [
            ("submit to receipt", &self.acknowledged),
            ("submit to representative's stream", &self.heard),
            ("submit to signed checkpoint", &self.covered),
        ]
    }
}

impl Load {
    pub(crate) async fn prepare(installation: &Installation) -> Self {
        let mut load = Self {
            town: Town::at(installation, 0),
            heard: Arc::default(),
            listeners: Vec::new(),
            acknowledged: Arc::default(),
        };
        load.reconnect(installation);
        load
    }

    /// Listens anew, each representative from its beginning: what is heard again is not counted again.
    pub(crate) fn reconnect(&mut self, installation: &Installation) {
        for listener in self.listeners.drain(..) {
            listener.abort();
        }
        self.town = Town::at(installation, 0);
        self.heard = Arc::default();
        for n in 1..=REPRESENTATIVES {
            let code = representative(n);
            let token = installation.token("representative", &code, "150802");
            self.listeners.push(tokio::spawn(listen(
                self.town.clone(),
                token,
                code,
                Arc::clone(&self.heard),
            )));
        }
    }

    /// Submissions a second that are acknowledged.
    pub(crate) async fn submissions(&self, citizens: usize, span: Duration) -> f64 {
        closed_loop(citizens, span, async |n| self.submit(n).await).await
    }

    async fn submit(&self, n: u64) {
        let receipt = self.town.submit(request(n)).await.unwrap();
        self.acknowledged.lock().unwrap().push(receipt.case_id);
    }

    /// Waits until everything submitted so far has been heard and is covered.
    pub(crate) async fn drain(&self) {
        let submitted = self.acknowledged.lock().unwrap().len() as u64;
        let give_up_at = Instant::now() + DRAIN_MAX;
        loop {
            let (heard, covered) = (self.heard.count.load(Ordering::Relaxed), self.covered_cases().await);
            if heard >= submitted && covered >= submitted {
                return;
            }
            assert!(
                Instant::now() < give_up_at,
                "after {DRAIN_MAX:?} of {submitted} cases {heard} were heard and {covered} covered"
            );
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Cases a second from the first submission to the moment when all have been heard and are covered.
    pub(crate) async fn completions(&self, citizens: usize, span: Duration) -> (f64, Duration) {
        let before = self.acknowledged.lock().unwrap().len() as u64;
        let started = Instant::now();
        let stop = tokio_util::sync::CancellationToken::new();
        let under_way = Arc::new(Semaphore::new(UNDER_WAY_MAX));
        // Gives back places as cases are covered and heard.
        let gate = {
            let (under_way, stop, load) = (Arc::clone(&under_way), stop.clone(), self);
            async move {
                let mut given_back = before;
                while !stop.is_cancelled() {
                    let done = load.covered_cases().await.min(load.heard.count.load(Ordering::Relaxed));
                    under_way.add_permits(usize::try_from(done.saturating_sub(given_back)).unwrap());
                    given_back = given_back.max(done);
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
            }
        };
        let submissions = async {
            closed_loop(citizens, span, async |n| {
                under_way.acquire().await.unwrap().forget();
                self.submit(n).await;
            })
            .await;
            stop.cancel();
        };
        tokio::join!(gate, submissions);
        self.drain().await;
        let took = started.elapsed();
        let completed = self.acknowledged.lock().unwrap().len() as u64 - before;
        (completed as f64 / took.as_secs_f64(), took)
    }

    /// Latencies of cases submitted at even intervals, whether or not earlier ones are done.
    pub(crate) async fn latencies(&self, rate: u64, span: Duration) -> Latencies {
        let interval = Duration::from_secs_f64(1.0 / rate as f64);
        let cases = (span.as_secs_f64() * rate as f64) as u32;
        let started = Instant::now() + Duration::from_millis(100);
        let one = async |n: u32| {
            let due = started + interval * n;
            tokio::time::sleep_until(due.into()).await;
            let receipt = self.town.submit(request(u64::from(n))).await.unwrap();
            let acknowledged = due.elapsed();
            self.acknowledged.lock().unwrap().push(receipt.case_id.clone());
            let covered = async {
                while self.town.lines(&receipt.case_id).await.len() < LEAVES_PER_CASE as usize {
                    tokio::time::sleep(Duration::from_millis(2)).await;
                }
                due.elapsed()
            };
            let heard = async {
                loop {
                    let at = self.heard.at.lock().unwrap().get(&receipt.case_id).copied();
                    match at {
                        Some(at) => return at.saturating_duration_since(due),
                        None => tokio::time::sleep(Duration::from_millis(1)).await,
                    }
                }
            };
            let (covered, heard) = tokio::join!(covered, heard);
            (acknowledged, heard, covered)
        };
        let all: Vec<_> = (0..cases).map(one).collect();
        let mut latencies = Latencies {
            acknowledged: Histogram::new(3).unwrap(),
            heard: Histogram::new(3).unwrap(),
            covered: Histogram::new(3).unwrap(),
        };
        for (acknowledged, heard, covered) in futures_util::future::join_all(all).await {
            let record = |histogram: &mut Histogram<u64>, value: Duration| {
                histogram.record(u64::try_from(value.as_micros()).unwrap()).unwrap();
            };
            record(&mut latencies.acknowledged, acknowledged);
            record(&mut latencies.heard, heard);
            record(&mut latencies.covered, covered);
        }
        latencies
    }

    /// Every acknowledged case stands in the ledger once, in the order of its versions, and was heard once.
    pub(crate) async fn check(&self, installation: &Installation) -> anyhow::Result<usize> {
        self.drain().await;
        let acknowledged: HashSet<String> = self.acknowledged.lock().unwrap().iter().cloned().collect();
        anyhow::ensure!(
            acknowledged.len() == self.acknowledged.lock().unwrap().len(),
            "a case id was given twice"
        );
        let mut ledger = installation.database_options("ledger").connect().await?;
        let rows = sqlx::query(
            "SELECT case_id, array_agg(case_version ORDER BY leaf_index) FROM leaves GROUP BY case_id",
        )
        .fetch_all(&mut ledger)
        .await?;
        ledger.close().await?;
        let mut told = HashMap::new();
        for row in &rows {
            let versions: Vec<i64> = row.try_get(1)?;
            told.insert(row.try_get::<uuid::Uuid, _>(0)?.to_string(), versions);
        }
        for case_id in &acknowledged {
            let versions = told.get(case_id).map(Vec::as_slice);
            anyhow::ensure!(
                versions == Some(&[1, 2, 3]),
                "case {case_id} stands in the ledger as {versions:?}"
            );
        }
        let heard = &self.heard;
        anyhow::ensure!(heard.twice.load(Ordering::Relaxed) == 0, "a representative heard a case twice");
        anyhow::ensure!(heard.out_of_order.load(Ordering::Relaxed) == 0, "positions of a stream had gaps");
        let heard = heard.at.lock().unwrap();
        for case_id in &acknowledged {
            anyhow::ensure!(heard.contains_key(case_id), "case {case_id} was not heard");
        }
        Ok(acknowledged.len())
    }

    async fn covered_cases(&self) -> u64 {
        let answer = self.town.ledger.clone().get_checkpoint(GetCheckpointRequest {}).await;
        let size =
            answer.ok().and_then(|answer| answer.into_inner().checkpoint.lines().nth(1)?.parse::<u64>().ok());
        size.unwrap_or(0) / LEAVES_PER_CASE
    }
}

fn representative(n: usize) -> String {
    format!("r-150802-{n:03}")
}

fn request(n: u64) -> SubmitCaseRequest {
    let mut request = message("150802001", &format!("路灯第{n}盏"));
    request.representative_code = representative(usize::try_from(n).unwrap() % REPRESENTATIVES + 1);
    request
}

async fn listen(town: Town, token: String, code: String, heard: Arc<Heard>) {
    let mut after = 0;
    loop {
        let recipient = recipient::Recipient::RepresentativeCode(code.clone());
        let request = SubscribeRequest {
            recipient: Some(Recipient { recipient: Some(recipient) }),
            after_position: Some(after),
        };
        if let Ok(stream) = town.notify.clone().subscribe(authorized(&token, request)).await {
            let mut stream = stream.into_inner();
            while let Ok(Some(notification)) = stream.message().await {
                if notification.position != after + 1 {
                    heard.out_of_order.fetch_add(1, Ordering::Relaxed);
                }
                after = notification.position;
                let Some(event) = notification.event else { continue };
                if !matches!(event.body, Some(Body::CaseAssigned(_))) {
                    continue;
                }
                if heard.at.lock().unwrap().insert(event.case_id, Instant::now()).is_some() {
                    heard.twice.fetch_add(1, Ordering::Relaxed);
                }
                heard.count.fetch_add(1, Ordering::Relaxed);
            }
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}
