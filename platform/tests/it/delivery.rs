//! From one service's outbox to another's handler: in order, once, whatever goes wrong on the way.

use std::{
    collections::HashSet,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use huying_platform::{
    consumer::{BatchHandler, ConsumerConfig, HandleError, Incoming},
    ids::{CaseId, EventId},
    inbox,
    outbox::OutgoingEvent,
    status::timestamp_to_proto,
    subjects::{self, CASES},
    testkit::TestHouse,
};
use huying_proto::{
    events::v1::{CaseAccepted, CaseHeader, Event, RegionPath, event::Body},
    operations::v1::{
        ListDeadLettersRequest, ReplayDeadLetterRequest, dead_letter_service_client::DeadLetterServiceClient,
    },
};
use sqlx::PgPool;
use tonic::{Request, service::Routes};

fn event(version: u64) -> Event {
    Event {
        event_id: EventId::new_v7().to_string(),
        case_id: CaseId::new_v7().to_string(),
        case_version: version,
        occurred_at: Some(timestamp_to_proto(jiff::Timestamp::now())),
        header: Some(CaseHeader {
            region: Some(RegionPath { municipal: "150800".into(), ..RegionPath::default() }),
            ..CaseHeader::default()
        }),
        body: Some(Body::CaseAccepted(CaseAccepted::default())),
        ..Event::default()
    }
}

async fn append(house: &TestHouse, events: &[Event]) {
    let outgoing: Vec<_> = events.iter().map(|event| OutgoingEvent::case(event, None)).collect();
    let mut transaction = house.platform.db.begin().await.unwrap();
    house.platform.outbox.append(&mut transaction, &outgoing).await.unwrap();
    transaction.commit().await.unwrap();
    house.platform.outbox.wake();
}

/// Notes the versions it was handed, each event once; refuses versions it was told to.
#[derive(Debug, Clone)]
struct Recorder {
    db: PgPool,
    seen: Arc<Mutex<Vec<u64>>>,
    poison: Arc<Mutex<HashSet<u64>>>,
    not_yet: Arc<Mutex<HashSet<u64>>>,
    /// How long a batch takes besides.
    pause: Duration,
    largest: Arc<AtomicUsize>,
}

impl Recorder {
    fn new(house: &TestHouse) -> Self {
        Self {
            db: house.platform.db.clone(),
            seen: Arc::default(),
            poison: Arc::default(),
            not_yet: Arc::default(),
            pause: Duration::ZERO,
            largest: Arc::default(),
        }
    }

    fn seen(&self) -> Vec<u64> {
        self.seen.lock().unwrap().clone()
    }
}

impl BatchHandler for Recorder {
    type Message = Event;

    async fn handle(&self, batch: &[Incoming<Event>]) -> Result<(), HandleError> {
        self.largest.fetch_max(batch.len(), Ordering::SeqCst);
        tokio::time::sleep(self.pause).await;
        let mut transaction = self.db.begin().await?;
        let ids: Vec<_> = batch.iter().map(|incoming| incoming.message.event_id.parse().unwrap()).collect();
        let new = inbox::claim(&mut transaction, "recorder", &ids).await?;
        let mut versions = Vec::new();
        for (incoming, id) in batch.iter().zip(&ids) {
            let version = incoming.message.case_version;
            if self.poison.lock().unwrap().contains(&version) {
                return Err(HandleError::Poison(format!("version {version} is not for me")));
            }
            if self.not_yet.lock().unwrap().contains(&version) {
                return Err(HandleError::NotYet(format!("version {version} must wait")));
            }
            if new.contains(id) {
                versions.push(version);
            }
        }
        transaction.commit().await?;
        self.seen.lock().unwrap().extend(versions);
        Ok(())
    }
}

fn spawn(house: &TestHouse, recorder: &Recorder) {
    let config = ConsumerConfig::cases("recorder", subjects::case_events(&["CaseAccepted"]));
    house.platform.spawn_consumer(config, recorder.clone());
}

#[tokio::test(flavor = "multi_thread")]
async fn events_arrive_once_and_in_the_order_of_their_commits() {
    let house = TestHouse::start("delivery", &[]).await;
    let recorder = Recorder::new(&house);
    spawn(&house, &recorder);

    let events: Vec<_> = (1..=1_234).map(event).collect();
    for part in events.chunks(97) {
        append(&house, part).await;
    }

    house.until("all events seen", async || recorder.seen().len() >= events.len()).await;
    assert_eq!(recorder.seen(), (1..=1_234).collect::<Vec<_>>());
    let pending = "SELECT count(*) FROM outbox_pending";
    house
        .until("nothing pending", async || {
            sqlx::query_scalar::<_, i64>(pending).fetch_one(&house.platform.db).await.unwrap() == 0
        })
        .await;
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_has_arrived_goes_along_in_one_batch() {
    let house = TestHouse::start("delivery", &[]).await;
    let events: Vec<_> = (1..=2_000).map(event).collect();
    append(&house, &events).await;
    let pending = "SELECT count(*) FROM outbox_pending";
    house
        .until("nothing pending", async || {
            sqlx::query_scalar::<_, i64>(pending).fetch_one(&house.platform.db).await.unwrap() == 0
        })
        .await;

    // While one batch is at hand, the next one arrives.
    let recorder = Recorder { pause: Duration::from_millis(300), ..Recorder::new(&house) };
    spawn(&house, &recorder);
    house.until("all events seen", async || recorder.seen().len() >= events.len()).await;
    assert_eq!(recorder.largest.load(Ordering::SeqCst), 500);
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_with_an_id_the_broker_has_seen_arrives_all_the_same() {
    let house = TestHouse::start("delivery", &[]).await;
    let recorder = Recorder::new(&house);
    spawn(&house, &recorder);
    let events: Vec<_> = (1..=20).map(event).collect();

    // As after a lost acknowledgement: the broker has the seventh, the outbox does not know.
    let mut headers = async_nats::HeaderMap::new();
    headers.insert("Nats-Msg-Id", events[6].event_id.as_str());
    house
        .publish(&subjects::case_event(&events[6]), headers, prost::Message::encode_to_vec(&events[6]))
        .await;
    append(&house, &events).await;

    house.until("all events seen", async || recorder.seen().len() >= events.len()).await;
    let mut seen = recorder.seen();
    seen.sort_unstable();
    assert_eq!(seen, (1..=20).collect::<Vec<_>>());
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_poison_message_is_set_aside_with_its_reason_and_can_be_replayed() {
    let house = TestHouse::start("delivery", &[]).await;
    let recorder = Recorder::new(&house);
    recorder.poison.lock().unwrap().insert(13);
    let events: Vec<_> = (1..=40).map(event).collect();
    append(&house, &events).await;
    let garbage = async_nats::HeaderMap::new();
    house.publish("case.150800._._.CaseAccepted.x", garbage, vec![0xff; 9]).await;
    spawn(&house, &recorder);

    house.until("the others seen", async || recorder.seen().len() >= 39).await;
    let mut client = DeadLetterServiceClient::new(house.grpc_channel(Routes::default()).await);
    let authorization = format!("Bearer {}", house.token("operator", "", ""));
    let authorized = |mut request: Request<ListDeadLettersRequest>| {
        request.metadata_mut().insert("authorization", authorization.parse().unwrap());
        request
    };
    house
        .until("two dead letters", async || {
            let count = "SELECT count(*) FROM dead_letters";
            sqlx::query_scalar::<_, i64>(count).fetch_one(&house.platform.db).await.unwrap() == 2
        })
        .await;
    let listed = client
        .list_dead_letters(authorized(Request::new(ListDeadLettersRequest::default())))
        .await
        .unwrap()
        .into_inner()
        .dead_letters;
    assert!(listed.iter().any(|letter| letter.reason.contains("not decodable")));
    let poisoned = listed.iter().find(|letter| letter.reason == "version 13 is not for me").unwrap();
    assert_eq!(poisoned.message_id, events[12].event_id);

    recorder.poison.lock().unwrap().clear();
    let mut replay =
        Request::new(ReplayDeadLetterRequest { dead_letter_id: poisoned.dead_letter_id.clone() });
    replay.metadata_mut().insert("authorization", authorization.parse().unwrap());
    client.replay_dead_letter(replay).await.unwrap();
    house.until("the poisoned one seen", async || recorder.seen().contains(&13)).await;
    assert_eq!(recorder.seen().len(), 40);
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_must_wait_comes_again_and_holds_up_nobody() {
    let house = TestHouse::start("delivery", &[]).await;
    let recorder = Recorder::new(&house);
    recorder.not_yet.lock().unwrap().insert(2);
    append(&house, &(1..=5).map(event).collect::<Vec<_>>()).await;
    spawn(&house, &recorder);

    house.until("the others seen", async || recorder.seen().len() >= 4).await;
    assert!(!recorder.seen().contains(&2));
    recorder.not_yet.lock().unwrap().clear();
    house.until("the waiting one seen", async || recorder.seen().contains(&2)).await;
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_lost_everything_is_filled_again() {
    let house = TestHouse::start("delivery", &[]).await;
    let recorder = Recorder::new(&house);
    let events: Vec<_> = (1..=30).map(event).collect();
    append(&house, &events).await;
    let context = async_nats::jetstream::new(house.platform.nats.clone());
    let stream = house.settings.namespace.stream(CASES);
    house
        .until("all published", async || {
            context.get_stream(&stream).await.is_ok_and(|stream| stream.cached_info().state.messages == 30)
        })
        .await;

    context.delete_stream(&stream).await.unwrap();
    spawn(&house, &recorder);

    house.until("all events seen", async || recorder.seen().len() >= 30).await;
    assert_eq!(recorder.seen(), (1..=30).collect::<Vec<_>>());
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_replica_takes_over_the_relay() {
    let house = TestHouse::start("delivery", &[]).await;
    let second = house.replica().await;
    let recorder = Recorder::new(&house);
    spawn(&house, &recorder);
    append(&house, &[event(1)]).await;
    house.until("the first event seen", async || recorder.seen() == [1]).await;

    // Whoever leads loses its connection, as by a crash of its process.
    sqlx::query(
        "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND granted \
         AND database = (SELECT oid FROM pg_database WHERE datname = current_database())",
    )
    .execute(&second.db)
    .await
    .unwrap();
    append(&house, &[event(2)]).await;
    house.until("the second event seen", async || recorder.seen() == [1, 2]).await;
    house.stop().await;
}
