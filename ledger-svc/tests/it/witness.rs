//! Ledgers vouch for each other: as the witness that cosigns, and as the log that is cosigned.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{
    Router,
    body::{Body, to_bytes},
    http::{Request, StatusCode},
    response::IntoResponse as _,
    routing::post,
};
use huying_ledger_svc::{
    LogIdentity,
    config::Serving,
    domain::{
        checkpoint::Checkpoint,
        cosignature::{Cosigner, WitnessKey},
        log_keys::Keyring,
        merkle::{Edge, Hash, Tiles, consistency_path, leaf_hash},
        note::{SignatureLine, SignedNote, Signer},
        witness::{AddCheckpoint, WitnessedLogs},
    },
    signed_mark::SignedMark,
    store,
    use_cases::{
        add_checkpoint::Vouching,
        gather_cosignatures::WitnessAddress,
        witnessed_checkpoint::{log_witnesses, witnessed_logs},
    },
};
use tokio::{net::TcpListener, time::Instant};
use tower::ServiceExt as _;

use crate::{house::House, story::Story};

const NORTH: &str = "ledger.test/150900";
const SOUTH: &str = "ledger.test/150800";

fn signer(origin: &str) -> Signer {
    Signer::from_seed(origin, &[1; 32]).unwrap()
}

fn cosigner(origin: &str) -> Cosigner {
    Cosigner::from_seed(&format!("{origin}/witness"), &[2; 32]).unwrap()
}

fn witness_key(origin: &str) -> WitnessKey {
    WitnessKey::parse(&cosigner(origin).verifier_key()).unwrap()
}

fn log(origin: &str, witnesses: Vec<WitnessAddress>) -> Arc<LogIdentity> {
    let keys = Keyring::of(signer(origin));
    let mark = Arc::new(SignedMark::new(origin, None));
    Arc::new(LogIdentity { origin: origin.to_owned(), keys, witnesses, mark })
}

/// A ledger that vouches for another log.
fn vouching(origin: &str, for_log: &str) -> Serving {
    let logs = WitnessedLogs::parse(&signer(for_log).verifier_key()).unwrap();
    Serving { vouching: Some(Vouching { cosigner: cosigner(origin), logs }), ..Serving::default() }
}

/// A port before anybody serves there, and its address as a setting names it.
async fn port(path: &str) -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}{path}", listener.local_addr().unwrap());
    (listener, url)
}

fn serve(listener: TcpListener, pages: Router) {
    tokio::spawn(async move { axum::serve(listener, pages).await });
}

/// True when the note has a valid cosignature of the witness of this log.
fn is_cosigned(note: &str, witness: &str) -> bool {
    let note = SignedNote::parse(note).unwrap();
    witness_key(witness).verify(note.text, &note.signatures).is_ok()
}

fn size_of(note: &str) -> u64 {
    Checkpoint::parse(SignedNote::parse(note).unwrap().text).unwrap().tree_size
}

async fn until_cosigned(house: &House, witness: &str) {
    let told = format!("the checkpoint is cosigned by the witness of {witness}");
    let cosigned = || async { is_cosigned(&house.get("/log/checkpoint").await.body, witness) };
    house.house.until(&told, cosigned).await;
}

fn one_leaf(number: i64) -> Story {
    Story::new(&format!("第 {number} 件"), "楼里只有十四度。", number)
}

#[tokio::test]
async fn two_ledgers_vouch_for_each_other() {
    let (north_port, north_url) = port("/witness").await;
    let (south_port, south_url) = port("/witness").await;
    let at = |origin, url: &str| WitnessAddress { key: witness_key(origin), url: url.parse().unwrap() };
    let north = House::start_as(log(NORTH, vec![at(SOUTH, &south_url)]), vouching(NORTH, SOUTH)).await;
    let south = House::start_as(log(SOUTH, vec![at(NORTH, &north_url)]), vouching(SOUTH, NORTH)).await;
    serve(north_port, north.pages.clone());
    serve(south_port, south.pages.clone());

    assert_eq!(south.get("/log/checkpoint/witnessed").await.status, 404);
    let story = one_leaf(1).registered();
    south.publish_until(&story.events, 2).await;
    until_cosigned(&south, NORTH).await;
    // It has grown since the witness looked last, so that a proof is needed.
    let story = story.assigned(crate::story::DEPARTMENT);
    south.publish_until(&story.events, 3).await;
    until_cosigned(&south, NORTH).await;
    north.publish_until(&one_leaf(2).events, 1).await;
    until_cosigned(&north, SOUTH).await;

    let served = south.get("/log/checkpoint").await.body;
    assert_eq!(size_of(&served), 3);
    let witnessed = south.get("/log/checkpoint/witnessed").await;
    assert_eq!((witnessed.status, &witnessed.body), (200, &served));
    assert_eq!(south.get("/log/checkpoint/witnessed?witnesses=1").await.body, served);
    assert_eq!(south.get("/log/checkpoint/witnessed?witnesses=2").await.status, 404);
    assert_eq!(south.get("/log/checkpoint/witnessed?witnesses=0").await.status, 400);
    let vkey = south.get("/witness/vkey").await.body;
    assert_eq!(vkey, format!("{}\n", cosigner(SOUTH).verifier_key()));

    let south_log = log(SOUTH, vec![at(NORTH, &north_url)]);
    let witnesses = log_witnesses(&south.house.platform.db, &south_log).await.unwrap();
    assert_eq!(witnesses[0].name, format!("{NORTH}/witness"));
    assert_eq!(witnesses[0].latest.unwrap().tree_size, 3);
    let logs = witnessed_logs(&north.house.platform.db).await.unwrap();
    assert_eq!(logs.iter().map(|log| (log.origin.as_str(), log.tree_size)).collect::<Vec<_>>(), [(SOUTH, 3)]);
    // The audit of anybody who has only the log's key goes on as before.
    assert_eq!(south.audit().await.len(), 3);
    north.stop().await;
    south.stop().await;
}

/// A log that lives in the test: its leaves, of which those from `forked_at` on may be others.
struct Forked {
    forked_at: u64,
}

impl Forked {
    fn tree(&self, tree_size: u64) -> (Tiles, Hash) {
        let mut edge = Edge::default();
        let leaf = |index: u64| leaf_hash(format!("{index} {}", index >= self.forked_at).as_bytes());
        let tiles = edge.append(&(0..tree_size).map(leaf).collect::<Vec<_>>());
        (tiles.into_iter().collect(), edge.root())
    }

    fn note(&self, origin: &str, tree_size: u64) -> String {
        let root = self.tree(tree_size).1;
        Checkpoint { origin: origin.to_owned(), tree_size, root }.sign(&[signer(origin)]).unwrap()
    }

    fn request(&self, old_size: u64, tree_size: u64) -> String {
        let path = consistency_path(old_size, tree_size, &self.tree(tree_size).0).unwrap();
        AddCheckpoint { old_size, path, note: &self.note(SOUTH, tree_size) }.write()
    }
}

const HONEST: Forked = Forked { forked_at: u64::MAX };

/// Posts to a witness: status, content type, body.
async fn add(pages: &Router, body: String) -> (StatusCode, String, String) {
    let request = Request::post("/witness/add-checkpoint").body(Body::from(body)).unwrap();
    let response = pages.clone().oneshot(request).await.unwrap();
    let status = response.status();
    let content_type = response.headers()["content-type"].to_str().unwrap().to_owned();
    let body = to_bytes(response.into_body(), 1_000_000).await.unwrap();
    (status, content_type, String::from_utf8(body.to_vec()).unwrap())
}

#[tokio::test]
async fn a_witness_answers_as_the_protocol_wants_it() {
    let north = House::start_serving(vouching(NORTH, SOUTH)).await;
    let pages = &north.pages;
    let (status, _, cosignature) = add(pages, HONEST.request(0, 5)).await;
    assert_eq!(status, 200);
    let lines = SignatureLine::parse_all(&cosignature).unwrap();
    let note = HONEST.note(SOUTH, 5);
    let text = SignedNote::parse(&note).unwrap().text;
    let (_, at_s) = witness_key(NORTH).verify(text, &lines).unwrap();
    assert_eq!(at_s, north.house.platform.clock.now().as_second());

    assert_eq!(add(pages, HONEST.request(5, 300)).await.0, 200);
    assert_eq!(add(pages, HONEST.request(300, 300)).await.0, 200);
    let (status, content_type, body) = add(pages, HONEST.request(5, 301)).await;
    assert_eq!((status.as_u16(), content_type.as_str(), body.as_str()), (409, "text/x.tlog.size", "300\n"));
    // An older tree is not cosigned again, however it is asked for.
    assert_eq!(add(pages, HONEST.request(5, 6)).await.2, "300\n");
    let fork = Forked { forked_at: 299 };
    assert_eq!(add(pages, fork.request(300, 310)).await.0, 422);
    let (status, content_type, _) = add(pages, fork.request(300, 300)).await;
    assert_eq!((status.as_u16(), content_type.as_str()), (409, "text/x.tlog.size"));
    let without_proof = AddCheckpoint { old_size: 300, path: vec![], note: &HONEST.note(SOUTH, 310) };
    assert_eq!(add(pages, without_proof.write()).await.0, 422);
    assert_eq!(add(pages, HONEST.request(300, 301).replacen("old 300", "old 302", 1)).await.0, 400);

    let unknown = AddCheckpoint { old_size: 300, path: vec![], note: &HONEST.note("other.test", 300) };
    assert_eq!(add(pages, unknown.write()).await.0, 404);
    let stranger = Signer::from_seed(SOUTH, &[9; 32]).unwrap();
    let forged = Checkpoint { origin: SOUTH.to_owned(), tree_size: 300, root: HONEST.tree(300).1 };
    let forged = forged.sign(&[stranger]).unwrap();
    let forged = AddCheckpoint { old_size: 300, path: vec![], note: &forged };
    assert_eq!(add(pages, forged.write()).await.0, 403);
    for malformed in ["", "old 1", "old x\n\n", "\n\n\n"] {
        assert_eq!(add(pages, malformed.to_owned()).await.0, 400, "{malformed:?}");
    }
    assert_eq!(add(pages, "x".repeat(200_000)).await.0, 413);
    assert_eq!(north.get("/witness/add-checkpoint").await.status, 405);
    // What was refused changed nothing.
    assert_eq!(add(pages, HONEST.request(300, 301)).await.0, 200);
    let logs = witnessed_logs(&north.house.platform.db).await.unwrap();
    assert_eq!((logs.len(), logs[0].tree_size), (1, 301));
    north.stop().await;
}

#[tokio::test]
async fn whoever_sends_a_checkpoint_again_has_nothing_written() {
    let north = House::start_serving(vouching(NORTH, SOUTH)).await;
    let kept = async || -> String {
        sqlx::query_scalar(
            "SELECT xmin::text || ' ' || xmax::text || ' ' || cosigned_at::text FROM witnessed",
        )
        .fetch_one(&north.house.platform.db)
        .await
        .unwrap()
    };
    let (_, _, cosignature) = add(&north.pages, HONEST.request(0, 5)).await;
    let before = kept().await;
    for _ in 0..3 {
        assert_eq!(add(&north.pages, HONEST.request(5, 5)).await.2, cosignature);
    }
    assert_eq!(kept().await, before);
    // Not for ever: whoever wants to know whether this is still all there is gets a new time.
    sqlx::query("UPDATE witnessed SET cosigned_at = cosigned_at - interval '2 minutes'")
        .execute(&north.house.platform.db)
        .await
        .unwrap();
    let before = kept().await;
    assert_eq!(add(&north.pages, HONEST.request(5, 5)).await.0, 200);
    assert_ne!(kept().await, before);
    north.stop().await;
}

#[tokio::test]
async fn a_cosignature_of_a_time_that_is_not_now_is_not_believed() {
    let dated = |offset_s: i64| {
        move |body: &str| {
            let note = SignedNote::parse(AddCheckpoint::parse(body).unwrap().note).unwrap().text;
            let at_s = jiff::Timestamp::now().as_second() + offset_s;
            (StatusCode::OK, cosigner("north.test").cosign(note, at_s))
        }
    };
    for (offset_s, is_believed) in [(253_000_000_000 - 1_800_000_000, false), (-600, false), (240, true)] {
        let witness = Scripted::default();
        let url = witness.serve(dated(offset_s)).await;
        let address = WitnessAddress { key: witness_key("north.test"), url: url.parse().unwrap() };
        let south_log = log(SOUTH, vec![address]);
        let south = House::start_as(Arc::clone(&south_log), Serving::default()).await;
        south.publish_until(&one_leaf(1).events, 1).await;
        if is_believed {
            until_cosigned(&south, "north.test").await;
        } else {
            south.house.until("the witness was asked again", || async { witness.asked().len() > 1 }).await;
            assert!(!is_cosigned(&south.get("/log/checkpoint").await.body, "north.test"), "{offset_s}");
            let kept = log_witnesses(&south.house.platform.db, &south_log).await.unwrap();
            assert_eq!(kept[0].latest, None, "{offset_s}");
        }
        south.stop().await;
    }
}

#[tokio::test]
async fn a_ledger_that_vouches_for_nobody_is_no_witness() {
    let house = House::start().await;
    assert_eq!(add(&house.pages, HONEST.request(0, 5)).await.0, 404);
    assert_eq!(house.get("/witness/vkey").await.status, 404);
    house.stop().await;
}

#[tokio::test]
async fn of_two_histories_at_the_same_moment_a_witness_cosigns_one() {
    let north = House::start_serving(vouching(NORTH, SOUTH)).await;
    let second = north.house.replica().await;
    let serving = vouching(NORTH, SOUTH);
    let (_, elsewhere) = huying_ledger_svc::start(&second, crate::house::identity(1), serving).await.unwrap();
    assert_eq!(add(&north.pages, HONEST.request(0, 1)).await.0, 200);
    let mut forked_at = u64::MAX;
    for size in 1..20 {
        let (one, other) = (Forked { forked_at }, Forked { forked_at: forked_at.min(size) });
        let asked =
            [add(&north.pages, one.request(size, size + 1)), add(&elsewhere, other.request(size, size + 1))];
        let [left, right] = futures_util::future::join_all(asked).await.try_into().unwrap();
        let outcome = (left.0.as_u16(), right.0.as_u16());
        if forked_at > size {
            assert!(matches!(outcome, (200, 409) | (409, 200)), "{outcome:?}");
            if right.0 == 200 {
                forked_at = size;
            }
        } else {
            // Both tell the same history from here on.
            assert!(matches!(outcome, (200, 409) | (409, 200)), "{outcome:?}");
        }
    }
    second.shutdown().cancel();
    north.stop().await;
}

/// A witness that answers as it is told, and notes when it was asked and with which tree.
#[derive(Clone, Default)]
struct Scripted {
    asked: Arc<Mutex<Vec<(Instant, u64)>>>,
}

impl Scripted {
    async fn serve(
        &self,
        answer: impl Fn(&str) -> (StatusCode, String) + Clone + Send + Sync + 'static,
    ) -> String {
        let asked = Arc::clone(&self.asked);
        let route = post(move |body: String| async move {
            let request = AddCheckpoint::parse(&body).unwrap();
            asked.lock().unwrap().push((Instant::now(), size_of(request.note)));
            let (status, text) = answer(&body);
            let content_type = if status == StatusCode::CONFLICT { "text/x.tlog.size" } else { "text/plain" };
            (status, [("content-type", content_type)], text).into_response()
        });
        let (listener, url) = port("").await;
        serve(listener, Router::new().route("/add-checkpoint", route));
        url
    }

    fn asked(&self) -> Vec<(Instant, u64)> {
        self.asked.lock().unwrap().clone()
    }
}

/// Answers as an honest witness of this name would.
fn honest(origin: &'static str) -> impl Fn(&str) -> (StatusCode, String) + Clone {
    move |body| {
        let note = SignedNote::parse(AddCheckpoint::parse(body).unwrap().note).unwrap().text;
        (StatusCode::OK, cosigner(origin).cosign(note, jiff::Timestamp::now().as_second()))
    }
}

#[tokio::test]
async fn a_witness_that_is_down_or_lies_holds_up_nobody_and_is_not_believed() {
    let (liar, broken, good) = (Scripted::default(), Scripted::default(), Scripted::default());
    let lies = liar.serve(honest("somebody.else")).await;
    let breaks = broken.serve(|_| (StatusCode::CONFLICT, "many\n".to_owned())).await;
    let cosigns = good.serve(honest("good.test")).await;
    let down = {
        let (listener, url) = port("").await;
        drop(listener);
        url
    };
    let at = |origin: &str, url: &str| WitnessAddress { key: witness_key(origin), url: url.parse().unwrap() };
    let witnesses = vec![
        at("down.test", &down),
        at("liar.test", &lies),
        at("broken.test", &breaks),
        at("good.test", &cosigns),
    ];
    let house = House::start_as(log(SOUTH, witnesses), Serving::default()).await;
    for number in 1..=5_u8 {
        house.publish_until(&one_leaf(number.into()).events, number.into()).await;
        until_cosigned(&house, "good.test").await;
    }
    house
        .house
        .until("all have been asked", || async { !liar.asked().is_empty() && !broken.asked().is_empty() })
        .await;
    let note = house.get("/log/checkpoint").await.body;
    assert_eq!(SignedNote::parse(&note).unwrap().signatures.len(), 2, "{note}");
    let witnesses: Vec<String> = sqlx::query_scalar("SELECT DISTINCT witness FROM cosignatures")
        .fetch_all(&house.house.platform.db)
        .await
        .unwrap();
    assert_eq!(witnesses, [cosigner("good.test").verifier_key()]);
    house.stop().await;
}

/// Until the ledger has stopped appending for what a witness says; what comes then waits.
async fn until_disputed(house: &House) {
    let disputed = || async { house.metric("ledger_disputed") == 1 };
    house.house.until("the history is disputed", disputed).await;
    let led = || async { house.metric("ledger_leading") == 0 };
    house.house.until("nobody leads", led).await;
}

async fn tree_size(house: &House) -> i64 {
    sqlx::query_scalar("SELECT tree_size FROM log_state").fetch_one(&house.house.platform.db).await.unwrap()
}

#[tokio::test]
async fn a_witness_that_has_seen_more_than_there_is_stops_the_log_until_an_operator_has_looked() {
    let ahead = Scripted::default();
    let claims = ahead.serve(|_| (StatusCode::CONFLICT, "1000000\n".to_owned())).await;
    let witness = WitnessAddress { key: witness_key("ahead.test"), url: claims.parse().unwrap() };
    let house = House::start_as(log(SOUTH, vec![witness]), Serving::default()).await;
    house.publish_until(&one_leaf(1).events, 1).await;
    until_disputed(&house).await;
    assert!(ahead.asked().len() >= 2, "once may be a mistake");
    house.publish(&one_leaf(2).events).await;
    assert_eq!(house.get("/log/checkpoint").await.status, 200);
    assert_eq!(tree_size(&house).await, 1);

    // The operator finds that the witness is wrong, asks it no more, and starts the ledger anew.
    let second = house.house.replica().await;
    let _pages = huying_ledger_svc::start(&second, log(SOUTH, vec![]), Serving::default()).await.unwrap();
    house.until_tree_size(2).await;
    second.shutdown().cancel();
    house.stop().await;
}

#[tokio::test]
async fn a_log_that_was_taken_back_and_has_grown_another_way_is_stopped_by_its_witness() {
    let north = House::start_serving(vouching(NORTH, SOUTH)).await;
    let (listener, url) = port("/witness").await;
    serve(listener, north.pages.clone());
    let witness = WitnessAddress { key: witness_key(NORTH), url: url.parse().unwrap() };
    let south = House::start_as(log(SOUTH, vec![]), Serving::default()).await;
    south.publish_until(&one_leaf(1).events, 1).await;
    // What the witness has seen: a tree of as many leaves, of which the last is another.
    for request in [HONEST.request(0, 1), HONEST.request(1, 2)] {
        assert_eq!(add(&north.pages, request).await.0, 200);
    }
    south.publish_until(&one_leaf(2).events, 2).await;
    south.publish_until(&one_leaf(3).events, 3).await;
    let second = south.house.replica().await;
    let asking = log(SOUTH, vec![witness]);
    let _pages = huying_ledger_svc::start(&second, asking, Serving::default()).await.unwrap();
    south.house.platform.shutdown().cancel();
    let disputed = || async { second.metrics.render().contains("huying_ledger_disputed 1\n") };
    south.house.until("the history is disputed", disputed).await;
    south.publish(&one_leaf(4).events).await;
    assert_eq!(tree_size(&south).await, 3);
    second.shutdown().cancel();
    south.stop().await;
    north.stop().await;
}

#[tokio::test]
async fn a_witness_counts_once_and_only_while_the_settings_name_it() {
    let address = |cosigner: &Cosigner| WitnessAddress {
        key: WitnessKey::parse(&cosigner.verifier_key()).unwrap(),
        url: "http://127.0.0.1:1".parse().unwrap(),
    };
    let before = Cosigner::from_seed("w.test", &[4; 32]).unwrap();
    let now = Cosigner::from_seed("w.test", &[5; 32]).unwrap();
    let other = Cosigner::from_seed("other.test", &[6; 32]).unwrap();
    let gone = Cosigner::from_seed("gone.test", &[7; 32]).unwrap();
    let named = log(SOUTH, vec![address(&now), address(&other)]);
    let house = House::start_as(Arc::clone(&named), Serving::default()).await;
    house.publish_until(&one_leaf(1).events, 1).await;
    let db = &house.house.platform.db;
    let cosign = async |cosigner: &Cosigner| {
        let note = house.get("/log/checkpoint").await.body;
        let line = cosigner.cosign(SignedNote::parse(&note).unwrap().text, 1_800_000_000);
        let at = jiff::Timestamp::from_second(1_900_000_000).unwrap();
        let mut connection = db.acquire().await.unwrap();
        let key = cosigner.verifier_key();
        store::cosignatures::keep(&mut connection, &key, 1, &line, at).await.unwrap();
    };
    let witnessed =
        async |count: u32| house.get(&format!("/log/checkpoint/witnessed?witnesses={count}")).await.status;
    for cosigner in [&before, &gone] {
        cosign(cosigner).await;
    }
    assert_eq!((witnessed(1).await, witnessed(2).await), (404, 404));
    cosign(&now).await;
    assert_eq!((witnessed(1).await, witnessed(2).await, witnessed(3).await), (200, 404, 404));
    cosign(&other).await;
    assert_eq!((witnessed(2).await, witnessed(3).await), (200, 404));

    // When, is what the cosignature says; and nothing is said of one that does not hold.
    let cosigned = async || {
        let witnesses = log_witnesses(db, &named).await.unwrap();
        witnesses.iter().map(|witness| witness.latest.map(|latest| latest.cosigned_at.as_second())).collect()
    };
    let told: Vec<Option<i64>> = cosigned().await;
    assert_eq!(told, [Some(1_800_000_000); 2]);
    sqlx::query(
        "UPDATE checkpoints SET note = replace(note, 'other.test', 'ether.test') WHERE tree_size = 1",
    )
    .execute(db)
    .await
    .unwrap();
    let told: Vec<Option<i64>> = cosigned().await;
    assert_eq!(told, [Some(1_800_000_000), None]);
    assert_eq!(witnessed(2).await, 404);
    house.stop().await;
}

#[tokio::test]
async fn a_witness_is_asked_once_a_second_at_most_and_about_each_tree_once() {
    let witness = Scripted::default();
    let url = witness.serve(honest("good.test")).await;
    let address = WitnessAddress { key: witness_key("good.test"), url: url.parse().unwrap() };
    let house = House::start_as(log(SOUTH, vec![address]), Serving::default()).await;
    let mut number = 0;
    while witness.asked().len() < 3 {
        number += 1;
        house.publish_until(&one_leaf(number).events, number.cast_unsigned()).await;
    }
    let asked = witness.asked();
    for pair in asked.windows(2) {
        let ((earlier, smaller), (later, larger)) = (pair[0], pair[1]);
        // The second is counted by the leader, and the answer's way is not always equally long.
        assert!(later - earlier > Duration::from_millis(900), "{:?}", later - earlier);
        assert!(smaller < larger);
    }
    house.stop().await;
}

#[tokio::test]
async fn a_witness_that_knows_more_than_is_remembered_here_is_asked_anew() {
    let north = House::start_serving(vouching(NORTH, SOUTH)).await;
    let (listener, url) = port("/witness").await;
    serve(listener, north.pages.clone());
    let south = House::start_as(log(SOUTH, vec![]), Serving::default()).await;
    south.publish_until(&one_leaf(1).events, 1).await;
    // As if a leader had asked, and had ended before it could keep the answer.
    let note = south.get("/log/checkpoint").await.body;
    let lost = AddCheckpoint { old_size: 0, path: vec![], note: &note }.write();
    assert_eq!(add(&north.pages, lost).await.0, 200);

    let witness = WitnessAddress { key: witness_key(NORTH), url: url.parse().unwrap() };
    let second = south.house.replica().await;
    let asking = log(SOUTH, vec![witness]);
    let _pages = huying_ledger_svc::start(&second, asking, Serving::default()).await.unwrap();
    south.house.platform.shutdown().cancel();
    until_cosigned(&south, NORTH).await;
    south.publish_until(&one_leaf(2).events, 2).await;
    until_cosigned(&south, NORTH).await;
    second.shutdown().cancel();
    south.stop().await;
    north.stop().await;
}
