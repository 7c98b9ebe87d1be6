//! Two replicas of the ledger are killed with SIGKILL at random while cases come in, and never tell two histories.
//!
//! All the while somebody asks both of them for the latest checkpoint, over HTTP like anybody, keeps every answer, and at
//! once asks whoever gave it for the tiles and the leaves at its edge: they were there before it. In the end each checkpoint
//! must be the beginning of each later one. What happens at each single write is shown by ledger-svc's own
//! tests, faster and more often; this is the real process, with the real lock, broker and ports.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    path::PathBuf,
    sync::{Arc, Mutex},
    time::Duration,
};

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use huying_platform::outbox::{Outbox, OutgoingEvent};
use huying_proto::events::v1::{Event, RegionPath};
use huying_tests::{
    crowd,
    installation::{Installation, http_client},
    servers::Servers,
    until,
};
use prost::Message as _;
use sha2::{Digest as _, Sha256};
use sqlx::{ConnectOptions as _, Connection as _, PgConnection, postgres::PgConnectOptions};
use tokio_util::sync::CancellationToken;

/// How often one of the two is killed; `HUYING_TEST_KILLS` overrides it.
const KILLS: usize = 40;
/// Cases that come in at once, and how long it is until the next do: enough that hardly a kill falls into silence.
const CASES: usize = 5;
const PACE: Duration = Duration::from_millis(100);

#[tokio::test(flavor = "multi_thread")]
async fn two_ledgers_that_are_killed_at_random_never_tell_two_histories() {
    let kills = std::env::var("HUYING_TEST_KILLS").map_or(KILLS, |kills| kills.parse().unwrap());
    let bin_dir: PathBuf = huying_tests::environment("HUYING_TEST_BIN_DIR").into();
    let mut installation = Installation::prepare(Servers::shared(), bin_dir, &[]).await;
    installation.start_service("routing", 0);
    installation.start_service("ledger", 0);
    installation.start_service("ledger", 1);
    installation.ready().await;
    installation.import_sample().await;

    let enough = CancellationToken::new();
    let submitting = tokio::spawn(submit(installation.database_options("routing"), enough.clone()));
    let seen = Arc::new(Mutex::new(Seen::default()));
    let readers: Vec<_> = (0..2)
        .map(|replica| {
            let url = installation.http_url("ledger", replica);
            tokio::spawn(read_checkpoints(url, Arc::clone(&seen), enough.clone()))
        })
        .collect();

    // Reproducible killing: which replica, and how long it is left alone, from a generator with a fixed seed.
    let mut chance = 0x2545_f491_4f6c_dd1d_u64;
    let mut draw = |below: u64| {
        chance ^= chance << 13;
        chance ^= chance >> 7;
        chance ^= chance << 17;
        chance % below
    };
    let mut ledger = installation.database_options("ledger").connect().await.unwrap();
    let mut newest_at_last = 0;
    for _ in 0..kills {
        // Only a log that goes on can be killed in the midst of it.
        newest_at_last = until("the log goes on", async || {
            Some(seen.lock().unwrap().newest()).filter(|newest| *newest > newest_at_last)
        })
        .await;
        tokio::time::sleep(Duration::from_millis(draw(1_000))).await;
        let victim = draw(2) as usize;
        installation.kill("ledger", victim);
        installation.start_service("ledger", victim);
    }
    enough.cancel();
    let submitted = submitting.await.unwrap();
    for reader in readers {
        reader.await.unwrap();
    }
    installation.ready().await;

    // Every event that there is becomes a leaf, once.
    let mut routing = installation.database_options("routing").connect().await.unwrap();
    let connections = tokio::sync::Mutex::new((&mut routing, &mut ledger));
    let expected = until("all events are in the log", async || {
        let mut connections = connections.lock().await;
        let (routing, ledger) = &mut *connections;
        let events = versions_told(routing).await;
        (registered(&events) == submitted && leaves(ledger).await.len() == events.len()).then_some(events)
    })
    .await;
    let leaves = leaves(&mut ledger).await;
    let mut in_log: HashMap<String, Vec<u64>> = HashMap::new();
    for leaf in &leaves {
        let leaf: serde_json::Value = serde_json::from_slice(leaf).unwrap();
        let case_id = leaf["case_id"].as_str().unwrap().to_owned();
        in_log.entry(case_id).or_default().push(leaf["case_version"].as_u64().unwrap());
    }
    assert_eq!(in_log.values().map(Vec::len).sum::<usize>(), expected.len());
    for (case_id, versions) in &in_log {
        assert!(versions.iter().copied().eq(1..=versions.len() as u64), "case {case_id}: {versions:?}");
    }

    let epoch: i64 = sqlx::query_scalar("SELECT epoch FROM log_state").fetch_one(&mut ledger).await.unwrap();
    let seen = std::mem::take(&mut *seen.lock().unwrap());
    // Some replicas die before they have answered; most do not.
    assert!(seen.edges > seen.notes.len() / 2, "{} edges of {} trees", seen.edges, seen.notes.len());
    assert!(epoch as usize > kills / 10, "only {epoch} terms of lead");
    judge(&seen, &leaves);

    // An auditor who remembers the first, one in between and the last says the same.
    let remembered: Vec<String> = [0, seen.notes.len() / 2, seen.notes.len() - 1]
        .into_iter()
        .map(|place| {
            let (tree_size, note) = seen.notes.iter().nth(place).unwrap();
            let file = installation.directory.join(format!("{tree_size}.checkpoint"));
            std::fs::write(&file, note).unwrap();
            file.to_str().unwrap().to_owned()
        })
        .collect();
    let url = installation.http_url("ledger", 0);
    let mut arguments = vec!["ledger", "audit", &url];
    arguments.extend(remembered.iter().flat_map(|file| ["--since", file]));
    installation.huying(&arguments);
    ledger.close().await.unwrap();
    installation.stop().await;
}

/// Submits cases the way `crowd` does, until it is enough. Returns how many.
async fn submit(options: PgConnectOptions, enough: CancellationToken) -> usize {
    let region =
        RegionPath { municipal: "150800".into(), district: "150802".into(), township: "150802001".into() };
    let mut connection = options.connect().await.unwrap();
    let outbox = Outbox::default();
    let mut submitted = 0;
    while !enough.is_cancelled() {
        let batch: Vec<_> = (submitted..submitted + CASES)
            .map(|n| crowd::submitted(region.clone(), "r-150802001-001", "", &format!("第{n}盏路灯")))
            .map(|event| OutgoingEvent::case(&event, None))
            .collect();
        let mut transaction = connection.begin().await.unwrap();
        outbox.append(&mut transaction, &batch).await.unwrap();
        transaction.commit().await.unwrap();
        submitted += CASES;
        tokio::time::sleep(PACE).await;
    }
    submitted
}

/// What was served.
#[derive(Debug, Default)]
struct Seen {
    /// Checkpoints by size, byte for byte.
    notes: BTreeMap<u64, String>,
    /// How often the tiles and leaves at the edge of a tree were held against its checkpoint.
    edges: usize,
}

impl Seen {
    fn newest(&self) -> u64 {
        self.notes.last_key_value().map_or(0, |(tree_size, _)| *tree_size)
    }
}

/// Asks a replica for its checkpoint, again and again, whether it lives or not, and for what each new one needs.
async fn read_checkpoints(url: String, seen: Arc<Mutex<Seen>>, enough: CancellationToken) {
    let client = http_client();
    let mut newest = None;
    while !enough.is_cancelled() {
        tokio::time::sleep(Duration::from_millis(10)).await;
        let Some(note) = file(&client, &url, "checkpoint").await else { continue };
        let note = String::from_utf8(note).unwrap();
        let tree_size = note.lines().nth(1).unwrap().parse().unwrap();
        {
            let mut seen = seen.lock().unwrap();
            let known = seen.notes.entry(tree_size).or_insert_with(|| note.clone());
            assert_eq!(*known, note, "two checkpoints of {tree_size} leaves were served");
        }
        if newest != Some(tree_size) && tree_size > 0 {
            newest = Some(tree_size);
            let is_read = check_edge(&client, &url, tree_size, &note).await.is_some();
            seen.lock().unwrap().edges += usize::from(is_read);
        }
    }
}

/// A file of the log; `None` when the replica is gone, or cannot reach its database. That it has no such file, or only
/// damaged ones, is never an answer.
async fn file(client: &reqwest::Client, url: &str, path: &str) -> Option<Vec<u8>> {
    let response = client.get(format!("{url}/log/{path}")).send().await.ok()?;
    let status = response.status();
    if status == reqwest::StatusCode::SERVICE_UNAVAILABLE {
        return None;
    }
    assert!(status.is_success(), "{path}: {status}");
    Some(response.bytes().await.ok()?.to_vec())
}

/// Reads the partial tiles of a tree, which make its root, and its last leaves, which make the lowest of them. `None` when
/// the replica died meanwhile.
async fn check_edge(client: &reqwest::Client, url: &str, tree_size: u64, note: &str) -> Option<()> {
    let mut subtrees = Vec::new();
    for level in (0..3).rev() {
        let (index, width) = (tree_size >> (8 * level) >> 8, (tree_size >> (8 * level)) % 256);
        if width == 0 {
            continue;
        }
        let tile = file(client, url, &format!("tile/{level}/{}.p/{width}", tile_index(index))).await?;
        let (hashes, rest) = tile.as_chunks::<32>();
        assert!(rest.is_empty() && hashes.len() as u64 == width, "level {level} of {tree_size} leaves");
        let mut hashes = hashes;
        while !hashes.is_empty() {
            let (complete, after) = hashes.split_at(1 << hashes.len().ilog2());
            subtrees.push(root(complete));
            hashes = after;
        }
        if level == 0 {
            let bundle = file(client, url, &format!("tile/entries/{}.p/{width}", tile_index(index))).await?;
            assert_eq!(leaf_hashes(&bundle), tile.as_chunks::<32>().0, "the last of {tree_size} leaves");
        }
    }
    let made = subtrees.into_iter().rev().reduce(|right, left| node(left, right)).unwrap();
    assert_eq!(
        note.lines().nth(2),
        Some(BASE64.encode(made).as_str()),
        "the root of {tree_size} leaves by tiles"
    );
    Some(())
}

/// `x001/234`
fn tile_index(index: u64) -> String {
    let mut path = format!("{:03}", index % 1_000);
    let mut rest = index / 1_000;
    while rest > 0 {
        path = format!("x{:03}/{path}", rest % 1_000);
        rest /= 1_000;
    }
    path
}

/// Hashes of the entries of a bundle, each of which stands after its length.
fn leaf_hashes(mut bundle: &[u8]) -> Vec<[u8; 32]> {
    let mut hashes = Vec::new();
    while let Some((length, rest)) = bundle.split_first_chunk::<2>() {
        let (leaf, rest) = rest.split_at(usize::from(u16::from_be_bytes(*length)));
        hashes.push(Sha256::new_with_prefix([0]).chain_update(leaf).finalize().into());
        bundle = rest;
    }
    assert!(bundle.is_empty());
    hashes
}

/// Every version of every case that routing-svc has told, its own copy of the submission included.
async fn versions_told(routing: &mut PgConnection) -> HashSet<(String, u64, String)> {
    let rows: Vec<(String, Vec<u8>)> =
        sqlx::query_as("SELECT event_type, payload FROM outbox WHERE stream = 'CASES'")
            .fetch_all(routing)
            .await
            .unwrap();
    rows.into_iter()
        .map(|(event_type, payload)| (event_type, Event::decode(payload.as_slice()).unwrap()))
        .filter(|(_, event)| event.case_version > 0)
        .map(|(event_type, event)| (event.case_id, event.case_version, event_type))
        .collect()
}

/// Cases that have gone as far as they do by themselves.
fn registered(events: &HashSet<(String, u64, String)>) -> usize {
    let settled = |event_type: &str| ["CaseAssigned", "CaseQueued"].contains(&event_type);
    events.iter().filter(|(_, _, event_type)| settled(event_type)).count()
}

async fn leaves(ledger: &mut PgConnection) -> Vec<Vec<u8>> {
    sqlx::query_scalar("SELECT leaf FROM leaves ORDER BY leaf_index").fetch_all(ledger).await.unwrap()
}

/// Each checkpoint has the root that RFC 6962 gives for so many of the leaves that there are: so any two are consistent.
fn judge(seen: &Seen, leaves: &[Vec<u8>]) {
    let hashes: Vec<[u8; 32]> =
        leaves.iter().map(|leaf| Sha256::new_with_prefix([0]).chain_update(leaf).finalize().into()).collect();
    for (tree_size, note) in &seen.notes {
        let root = BASE64.encode(root(&hashes[..*tree_size as usize]));
        assert_eq!(note.lines().nth(2), Some(root.as_str()), "the root of {tree_size} leaves");
    }
}

/// RFC 6962 section 2.1 as it stands there.
fn root(hashes: &[[u8; 32]]) -> [u8; 32] {
    match hashes {
        [] => Sha256::digest([]).into(),
        [only] => *only,
        _ => {
            let (left, right) = hashes.split_at(hashes.len().next_power_of_two() / 2);
            node(root(left), root(right))
        }
    }
}

fn node(left: [u8; 32], right: [u8; 32]) -> [u8; 32] {
    Sha256::new_with_prefix([1]).chain_update(left).chain_update(right).finalize().into()
}
