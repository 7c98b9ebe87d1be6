//! The log as strangers see it: tiles, bundles and checkpoints, and what others compute from them.

use std::{path::PathBuf, process::Command};

use axum::{
    body::{Body, to_bytes},
    http::{HeaderMap, Request, StatusCode},
};
use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use ct_merkle::mem_backed_tree::MemoryBackedTree;
use huying_ledger_svc::{
    domain::{
        checkpoint::Checkpoint,
        entry_bundle,
        merkle::{Edge, Hash, TileId, leaf_hash},
        tile_path::{Content, TilePath},
    },
    store::{self, log::NewLeaf},
};
use huying_platform::ids::CaseId;
use serde_json::Value;
use tower::ServiceExt as _;

use crate::house::{House, identity};

/// A leaf that says nothing of a case; of many lengths.
pub(crate) fn numbered_leaf(number: u64) -> Vec<u8> {
    let words = "账本里的一条记录。".repeat((number % 23) as usize);
    format!("{{\"number\":{number},\"words\":\"{words}\"}}").into_bytes()
}

/// Appends leaves, as a sequencer does but for the account, until the log has so many.
pub(crate) async fn grow(house: &House, tree_size: u64) {
    grow_with(house, tree_size, numbered_leaf).await;
}

/// The same with other leaves.
pub(crate) async fn grow_with(house: &House, tree_size: u64, leaf: impl Fn(u64) -> Vec<u8>) {
    let (log, platform) = (identity(1), &house.house.platform);
    let mut transaction = platform.db.begin().await.unwrap();
    let state = store::log::lock(&mut transaction).await.unwrap();
    let kept = store::log::tiles(&mut transaction, &Edge::tile_ids(state.tree_size)).await.unwrap();
    let mut edge = Edge::from_tiles(state.tree_size, &kept).unwrap();
    let mut next = state.tree_size;
    while next < tree_size {
        let before = tree_size.min(next + 5_000);
        let leaves: Vec<NewLeaf> = (next..before)
            .map(|number| NewLeaf { case_id: CaseId::new_v7(), case_version: 1, leaf: leaf(number) })
            .collect();
        let hashes: Vec<Hash> = leaves.iter().map(|new| leaf_hash(&new.leaf)).collect();
        store::log::insert_leaves(&mut transaction, next, leaves).await.unwrap();
        store::log::save_tiles(&mut transaction, &edge.append(&hashes)).await.unwrap();
        next = before;
    }
    let checkpoint = Checkpoint { origin: log.origin.clone(), tree_size: edge.size(), root: edge.root() };
    let note = checkpoint.sign(&log.keys.signers).unwrap();
    store::log::insert_checkpoint(&mut transaction, &checkpoint, &note, platform.clock.now()).await.unwrap();
    store::log::set_tree_size(&mut transaction, tree_size).await.unwrap();
    transaction.commit().await.unwrap();
}

/// A ledger that has begun, so that nothing but a test appends to its log.
pub(crate) async fn begun() -> House {
    let house = House::start().await;
    until_begun(&house).await;
    house
}

pub(crate) async fn until_begun(house: &House) {
    let checkpoint = || async { house.get("/log/checkpoint").await.status == 200 };
    house.house.until("the log has a checkpoint", checkpoint).await;
}

pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    pub(crate) fn json(&self) -> Value {
        assert_eq!(self.header("content-type"), "application/json");
        serde_json::from_slice(&self.body).unwrap()
    }
}

async fn ask(house: &House, method: &str, address: &str, headers: &[(&str, &str)]) -> Answer {
    let mut request = Request::builder().method(method).uri(address);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let response = house.pages.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
    let (parts, body) = response.into_parts();
    let body = to_bytes(body, 50_000_000).await.unwrap().to_vec();
    Answer { status: parts.status, headers: parts.headers, body }
}

pub(crate) async fn get(house: &House, address: &str) -> Answer {
    ask(house, "GET", address, &[]).await
}

pub(crate) async fn get_json(house: &House, address: &str) -> Value {
    let answer = get(house, address).await;
    assert_eq!(answer.status, 200, "{address}: {}", String::from_utf8_lossy(&answer.body));
    answer.json()
}

pub(crate) fn hash(value: &Value) -> Hash {
    BASE64.decode(value.as_str().unwrap()).unwrap().try_into().unwrap()
}

pub(crate) fn path(value: &Value) -> Vec<Hash> {
    value.as_array().unwrap().iter().map(hash).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn pymerkle_finds_every_root_and_proof_in_the_served_tiles() {
    let house = begun().await;
    let base_url = house.house.http_base(house.pages.clone()).await;
    let script = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../tests/python/merkle.py");
    let python = std::env::var("HUYING_TEST_PYTHON").expect("./deploy/test sets HUYING_TEST_PYTHON");
    for tree_size in [1, 256, 257, 600, 2_917, 65_537] {
        grow(&house, tree_size).await;
        let mut command = Command::new(&python);
        command.arg(&script).arg(&base_url).arg(tree_size.to_string());
        let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
        let told = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "of {tree_size}: {told}{}", String::from_utf8_lossy(&output.stderr));
        assert!(told.starts_with(&format!("{tree_size} leaves, ")), "{told}");
    }
    house.stop().await;
}

#[tokio::test]
async fn ct_merkle_makes_the_same_roots_and_proofs_of_the_served_bundles() {
    const LEAVES: u64 = 1_030;
    let house = begun().await;
    grow(&house, LEAVES).await;
    let mut leaves = Vec::new();
    for index in 0..LEAVES.div_ceil(256) {
        let width = TileId { level: 0, index }.width(LEAVES);
        let named = TilePath { content: Content::Entries, index, width };
        let bundle = get(&house, &format!("/log/tile/{named}")).await;
        assert_eq!(bundle.status, 200);
        leaves.extend(entry_bundle::entries(&bundle.body).unwrap().into_iter().map(<[u8]>::to_vec));
    }
    assert_eq!(leaves.len() as u64, LEAVES);

    let mut tree: MemoryBackedTree<sha2_next::Sha256, Vec<u8>> = MemoryBackedTree::new();
    let mut roots = Vec::new();
    for (size, leaf) in (1_u64..).zip(leaves) {
        tree.push(leaf);
        roots.push(tree.root());
        // Every size, each with other leaves and other older trees than the one before.
        let index = ((size * 2_654_435_761) >> 7) % size;
        let asked = format!("/log/proof/inclusion?leaf_index={index}&tree_size={size}");
        let included = get_json(&house, &asked).await;
        assert_eq!(hash(&included["root"])[..], tree.root().as_bytes()[..], "{size}");
        let proof = tree.prove_inclusion(index as usize);
        assert_eq!(path(&included["path"]).concat(), proof.as_bytes(), "{asked}");

        let old = 1 + ((size * 40_503) >> 3) % size;
        let asked = format!("/log/proof/consistency?old_size={old}&tree_size={size}");
        let consistent = get_json(&house, &asked).await;
        let old_root = &roots[old as usize - 1];
        assert_eq!(hash(&consistent["old_root"])[..], old_root.as_bytes()[..]);
        let proof = tree.prove_consistency((size - old) as usize);
        assert_eq!(path(&consistent["path"]).concat(), proof.as_bytes(), "{asked}");
        tree.root().verify_consistency(old_root, &proof).unwrap();
    }
    assert_eq!(tree.root().as_bytes()[..], house.checkpoint().await.root);
    house.stop().await;
}

#[tokio::test]
async fn tiles_and_bundles_are_served_as_the_standard_wants_them() {
    let house = begun().await;
    grow(&house, 600).await;
    for (address, bytes) in [
        ("/log/tile/0/000", 8_192),
        ("/log/tile/0/001", 8_192),
        ("/log/tile/0/002.p/88", 88 * 32),
        ("/log/tile/1/000.p/2", 64),
    ] {
        let tile = get(&house, address).await;
        assert_eq!((tile.status.as_u16(), tile.body.len()), (200, bytes), "{address}");
        assert_eq!(tile.header("content-type"), "application/octet-stream");
        assert_eq!(tile.header("cache-control"), "public, max-age=31536000, immutable");
        assert_eq!(tile.header("x-content-type-options"), "nosniff");

        let known = [("if-none-match", tile.header("etag"))];
        let again = ask(&house, "GET", address, &known).await;
        assert_eq!((again.status.as_u16(), again.body.len()), (304, 0));
        assert_eq!(again.header("cache-control"), tile.header("cache-control"));
        let head = ask(&house, "HEAD", address, &[]).await;
        assert_eq!((head.status.as_u16(), head.body.len()), (200, 0));
        assert_eq!(head.header("etag"), tile.header("etag"));
    }
    let leaf_hashes = get(&house, "/log/tile/0/001").await.body;
    let bundle = get(&house, "/log/tile/entries/001").await;
    let leaves = entry_bundle::entries(&bundle.body).unwrap();
    assert_eq!(leaves[1], numbered_leaf(257));
    let hashes: Vec<u8> = leaves.into_iter().flat_map(leaf_hash).collect();
    assert_eq!(hashes, leaf_hashes);
    assert_eq!(bundle.header("cache-control"), "public, max-age=31536000, immutable");

    let zipped = ask(&house, "GET", "/log/tile/entries/001", &[("accept-encoding", "gzip")]).await;
    assert_eq!((zipped.header("content-encoding"), zipped.header("vary")), ("gzip", "accept-encoding"));
    assert_eq!(zipped.header("etag"), bundle.header("etag"));
    assert!(zipped.body.len() * 4 < bundle.body.len(), "{} of {}", zipped.body.len(), bundle.body.len());
    let hashes = ask(&house, "GET", "/log/tile/0/001", &[("accept-encoding", "gzip")]).await;
    assert_eq!((hashes.header("content-encoding"), hashes.body.len()), ("", 8_192));

    let note = get(&house, "/log/checkpoint").await;
    assert_eq!(note.header("content-type"), "text/plain; charset=utf-8");
    assert_eq!(note.header("cache-control"), "no-cache");
    let known = [("if-none-match", note.header("etag"))];
    assert_eq!(ask(&house, "GET", "/log/checkpoint", &known).await.status, 304);
    grow(&house, 601).await;
    assert_eq!(ask(&house, "GET", "/log/checkpoint", &known).await.status, 200);
    house.stop().await;
}

#[tokio::test]
async fn what_the_checkpoint_does_not_cover_is_not_there() {
    let house = begun().await;
    assert_eq!(get(&house, "/log/tile/0/000.p/1").await.status, 404);
    grow(&house, 600).await;
    for address in [
        "/log/tile/0/002",
        "/log/tile/0/002.p/89",
        "/log/tile/0/003.p/1",
        "/log/tile/1/000",
        "/log/tile/1/000.p/3",
        "/log/tile/2/000.p/1",
        "/log/tile/63/000.p/1",
        "/log/tile/entries/002",
        "/log/tile/entries/002.p/89",
        "/log/tile/entries/x123/456",
        // No paths of tiles at all.
        "/log/tile/64/000",
        "/log/tile/0/0",
        "/log/tile/0/x000/001",
        "/log/tile/0/000.p/256",
        "/log/tile/entries/000.p/0",
        "/log/tile/entries/x999/x999/x999/x999/x999/x999/999",
        "/log/tile/0/%F0%9F%92%A5",
    ] {
        let missing = get(&house, address).await;
        assert_eq!(missing.status, 404, "{address}");
        assert_eq!(missing.header("cache-control"), "no-store");
        assert!(missing.json()["error"]["problem"].as_str().unwrap().contains("tile"));
    }
    house.stop().await;
}

#[tokio::test]
async fn a_partial_tile_of_an_earlier_checkpoint_is_served_after_the_tile_is_full() {
    let house = begun().await;
    grow(&house, 77).await;
    let early = get(&house, "/log/tile/0/000.p/77").await.body;
    let early_bundle = get(&house, "/log/tile/entries/000.p/77").await.body;
    grow(&house, 300).await;
    assert_eq!(get(&house, "/log/tile/0/000.p/77").await.body, early);
    assert_eq!(get(&house, "/log/tile/entries/000.p/77").await.body, early_bundle);
    assert_eq!(get(&house, "/log/tile/0/000").await.body[..77 * 32], early);
    assert!(get(&house, "/log/tile/entries/000").await.body.starts_with(&early_bundle));
    house.stop().await;
}

#[tokio::test]
async fn what_was_changed_is_served_and_kept_by_no_cache() {
    let house = begun().await;
    grow(&house, 700).await;
    let db = &house.house.platform.db;
    let caching = async |path: &str| {
        let answer = get(&house, path).await;
        assert_eq!(answer.status, 200, "{path}");
        answer.header("cache-control").to_owned()
    };
    let tiles = ["/log/tile/0/000", "/log/tile/0/001", "/log/tile/0/001.p/7", "/log/tile/0/002.p/188"];
    let others = ["/log/tile/1/000.p/2", "/log/tile/entries/001", "/log/tile/entries/002.p/188"];
    for path in tiles.into_iter().chain(others) {
        assert!(caching(path).await.ends_with("immutable"), "{path}");
    }
    let bend = |level: i32, index: i32| {
        format!(
            "UPDATE tiles SET hashes = set_byte(hashes, 33, get_byte(hashes, 33) # 1) \
              WHERE level = {level} AND tile_index = {index}"
        )
    };
    let entry = "UPDATE leaves SET leaf = set_byte(leaf, 2, get_byte(leaf, 2) # 1) WHERE leaf_index = 300";
    for (change, kept_by_none) in [
        (bend(0, 1), &["/log/tile/0/001", "/log/tile/0/001.p/7"][..]),
        (bend(0, 2), &["/log/tile/0/002.p/188"]),
        (bend(1, 0), &["/log/tile/1/000.p/2"]),
        (entry.to_owned(), &["/log/tile/entries/001", "/log/tile/entries/001.p/45"]),
    ] {
        for (times, expected) in [(1, "no-store"), (2, "public, max-age=31536000, immutable")] {
            sqlx::query(sqlx::AssertSqlSafe(change.clone())).execute(db).await.unwrap();
            for path in kept_by_none {
                assert_eq!(caching(path).await, expected, "{path} after {change}, {times}");
            }
        }
    }
    house.stop().await;
}

#[tokio::test]
async fn a_log_that_lost_a_leaf_or_a_hash_says_so_and_makes_nothing_up() {
    let house = begun().await;
    grow(&house, 300).await;
    let database = &house.house.platform.db;
    sqlx::query("DELETE FROM leaves WHERE leaf_index = 5").execute(database).await.unwrap();
    sqlx::query(
        "UPDATE tiles SET hashes = substring(hashes FROM 1 FOR 32) WHERE level = 0 AND tile_index = 1",
    )
    .execute(database)
    .await
    .unwrap();
    for address in [
        "/log/tile/entries/000",
        "/log/tile/0/001.p/44",
        "/log/proof/inclusion?leaf_index=5",
        "/log/proof/inclusion?leaf_index=299",
        "/log/proof/consistency?old_size=257",
    ] {
        let broken = get(&house, address).await;
        assert_eq!(broken.status, 500, "{address}");
        assert!(broken.json()["error"]["problem"].as_str().unwrap().contains("not as it was written"));
    }
    assert_eq!(get(&house, "/log/tile/entries/000.p/5").await.status, 200);
    assert_eq!(get(&house, "/log/tile/0/001.p/1").await.status, 200);
    house.stop().await;
}
