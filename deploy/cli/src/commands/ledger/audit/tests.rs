//! A ledger of public files over a real connection: honest, and changed in every way that must be found.
//!
//! What the files must say is written down here by hand, so that the audit is not held against itself.

use super::*;
use crate::{
    context::Service,
    failure::Exit,
    verify::{
        leaf::commitment,
        merkle::{Hash, leaf_hash, tests::naive_root},
        note::tests::{ORIGIN, cosigned, signed, signing_key, verifier_key, witness_key},
        proof_file::tests::proof_of,
        told::tests::{leaf, standing},
    },
};
use axum::{
    Router,
    extract::State,
    http::{StatusCode, Uri},
};
use data_encoding::HEXLOWER;
use std::{
    collections::BTreeMap,
    path::Path,
    sync::{Arc, Mutex},
};
use tokio::net::TcpListener;

mod damage;
mod growth;

const CASE_A: &str = "0197a3f0-5d1e-7c3a-8000-00000000000a";
const CASE_B: &str = "0197a3f0-5d1e-7c3a-8000-00000000000b";
const SALT: [u8; 32] = [1; 32];
/// Leaves before the fillers.
const STORY: usize = 9;
/// More than a tile has.
const FILLERS: usize = 300;

/// A ledger's files as they are made from. Tests change them.
#[derive(Clone)]
struct Ledger {
    leaves: Vec<String>,
    /// What is said to be in the tree, when that is not the leaves.
    notes: Vec<String>,
    cases: Vec<Value>,
    texts: Vec<Value>,
    units: Vec<Value>,
    regions: Vec<Value>,
    representatives: Vec<Value>,
    flows: Vec<Value>,
    vkeys: String,
    /// Files that are served instead, by path.
    instead: BTreeMap<String, Result<Vec<u8>, StatusCode>>,
}

/// A text that a leaf commits to, as it is exported.
fn text(case_id: &str, version: u32, name: &str, text: &str) -> Value {
    json!({
        "case_id": case_id,
        "case_version": version,
        "name": name,
        "text": text,
        "salt": HEXLOWER.encode(&SALT),
    })
}

fn committed(texts: &[(&str, &str)]) -> Value {
    let commitments = texts
        .iter()
        .map(|(name, text)| ((*name).to_owned(), json!(HEXLOWER.encode(&commitment(&SALT, text)))));
    Value::Object(commitments.collect())
}

/// A leaf with some of it changed.
fn with(mut leaf: Value, changes: &[(&str, Value)]) -> String {
    for (place, value) in changes {
        *leaf.pointer_mut(place).unwrap() = value.clone();
    }
    leaf.to_string()
}

/// Two cases: one is registered, assigned, claimed, answered and rated; of the other the citizen allows the status alone.
fn story() -> Vec<String> {
    let submitted = |case_id: &str, at: &str, publication: &str, township: &str| {
        let leaf = leaf("CaseSubmitted", 1, Value::Null, json!({}));
        with(
            leaf,
            &[
                ("/actor", json!({ "code": "", "role": "citizen" })),
                ("/case_id", json!(case_id)),
                ("/category", json!("")),
                ("/commitments", committed(&[("title", "暖气"), ("body", "暖气不热")])),
                ("/occurred_at", json!(at)),
                ("/submitted_at", json!(at)),
                ("/publication", json!(publication)),
                ("/region/township", json!(township)),
            ],
        )
    };
    let of_a = |leaf: Value, at: &str, commitments: Value| {
        with(
            leaf,
            &[
                ("/occurred_at", json!(at)),
                ("/submitted_at", json!("2026-10-31T15:00:00.000000Z")),
                ("/commitments", commitments),
            ],
        )
    };
    let of_b = |leaf: Value, at: &str| {
        with(
            leaf,
            &[
                ("/case_id", json!(CASE_B)),
                ("/addressee", json!(null)),
                ("/category", json!("")),
                ("/region/township", json!("")),
                ("/publication", json!("status_only")),
                ("/occurred_at", json!(at)),
                ("/submitted_at", json!("2026-11-01T02:00:00.000000Z")),
            ],
        )
    };
    let mut assigned = standing("assigned");
    assigned["deadline_at"] = json!("2026-11-10T09:00:00.000000Z");
    let mut registered = standing("registered");
    registered["responsible_unit"] = json!("150802-office");
    let mut late = registered.clone();
    late["overdue"] = json!(true);
    let none = committed(&[]);
    let claim = json!({ "representative_code": "r-2" });
    let reply = json!({ "reply_number": 1, "unit": "150802-housing" });
    let rating = json!({ "resolved": true, "satisfied": false });
    let expiry = json!({
        "due_at": "2026-11-02T02:00:00.000000Z", "expiry_number": 1, "kind": "assign", "unit": "150802-office",
    });
    let mut submitted_b = submitted(CASE_B, "2026-11-01T02:00:00.000000Z", "status_only", "");
    submitted_b =
        submitted_b.replace(r#""addressee":{"code":"r-1","kind":"representative"}"#, r#""addressee":null"#);
    vec![
        submitted(CASE_A, "2026-10-31T15:00:00.000000Z", "public", "150802001"),
        submitted_b,
        of_a(
            leaf("CaseRegistered", 2, registered.clone(), json!({})),
            "2026-10-31T16:30:00.000000Z",
            none.clone(),
        ),
        of_a(
            leaf("CaseAssigned", 3, assigned.clone(), json!({ "unit": "150802-housing" })),
            "2026-11-01T01:00:00.000000Z",
            committed(&[("note", "请办理")]),
        ),
        of_b(leaf("CaseRegistered", 2, registered, json!({})), "2026-11-01T03:00:00.000000Z"),
        of_a(leaf("CaseClaimed", 4, assigned, claim), "2026-11-01T04:00:00.000000Z", none.clone()),
        of_a(
            leaf("CaseReplied", 5, standing("replied"), reply),
            "2026-11-10T09:00:00.000000Z",
            committed(&[("text", "已修好")]),
        ),
        of_a(leaf("CaseRated", 6, standing("closed"), rating), "2026-11-11T00:00:00.000000Z", none),
        of_b(leaf("DeadlineExpired", 3, late, expiry), "2026-11-02T02:00:00.000001Z"),
    ]
}

fn filler_id(number: usize) -> String {
    format!("0197a3f0-5d1e-7c3a-9000-{number:012x}")
}

/// A case of which there is nothing but the submission, in another municipality.
fn filler(number: usize) -> String {
    let at = "2026-11-05T00:00:00.000000Z";
    with(
        leaf("CaseSubmitted", 1, Value::Null, json!({})),
        &[
            ("/case_id", json!(filler_id(number))),
            ("/addressee", json!({ "code": "150900", "kind": "region" })),
            ("/category", json!("")),
            ("/commitments", committed(&[("title", "路灯")])),
            ("/occurred_at", json!(at)),
            ("/submitted_at", json!(at)),
            ("/region", json!({ "district": "", "municipal": "150900", "township": "" })),
        ],
    )
}

/// How a case stands, with what most have in common.
#[allow(clippy::needless_pass_by_value)] // The changes are written as literals.
fn case_row(case_id: &str, version: u32, submitted_at: &str, updated_at: &str, changes: Value) -> Value {
    let mut row = json!({
        "case_id": case_id, "case_version": version, "submitted_at": submitted_at, "updated_at": updated_at,
        "kind": "message", "state": "submitted", "publication": "public", "title": null, "category": null,
        "municipal": "150800", "municipal_name": "某市", "district": "150802", "township": null,
        "addressee_kind": null, "addressee": null, "holder_office": null, "responsible_unit": null,
        "deadline_at": null, "case_deadline_at": null, "overdue": false, "registered": false, "open_parts": 0,
        "petitioner_count": 1, "merged_into": null, "first_replied_at": null, "replied_in_time": null,
        "replied_unit": null, "replied_holder": null, "resolved": null, "satisfied": null, "returned": 0,
        "extensions_granted": 0, "supervised": 0, "criticised": 0, "closed_at": null,
        "erased_before_version": null,
    });
    for (name, value) in changes.as_object().unwrap() {
        row[name] = value.clone();
    }
    row
}

/// How the cases stand, latest submission first.
fn case_rows() -> Vec<Value> {
    let at = "2026-11-05T00:00:00Z";
    let of_filler = json!({
        "municipal": "150900", "district": null, "addressee_kind": "region", "addressee": "150900",
    });
    let mut rows: Vec<Value> =
        (0..FILLERS).map(|number| case_row(&filler_id(number), 1, at, at, of_filler.clone())).collect();
    rows.push(case_row(
        CASE_B,
        3,
        "2026-11-01T02:00:00Z",
        "2026-11-02T02:00:00.000001Z",
        json!({
            "publication": "status_only", "state": "registered", "holder_office": "150802-office",
            "responsible_unit": "150802-office", "overdue": true, "registered": true,
        }),
    ));
    rows.push(case_row(CASE_A, 6, "2026-10-31T15:00:00Z", "2026-11-11T00:00:00Z", json!({
        "state": "closed", "title": "暖气", "category": "城乡建设/供热", "township": "150802001",
        "addressee_kind": "representative", "addressee": "r-1", "holder_office": "150802-office",
        "responsible_unit": "150802-housing", "registered": true, "first_replied_at": "2026-11-10T09:00:00Z",
        "replied_in_time": true, "replied_unit": "150802-housing", "replied_holder": "150802-office",
        "resolved": true, "satisfied": false, "closed_at": "2026-11-11T00:00:00Z",
    })));
    rows
}

/// A row of counts: received, replied, in time, rated, resolved, satisfied, open, overdue; then the median.
fn counts(column: &str, code: &str, counted: [u64; 8], median: Option<u64>, month: Option<&str>) -> Value {
    let [received, replied, replied_in_time, rated, resolved, satisfied, open, overdue] = counted;
    let rate =
        |count: u64, of: u64| if of == 0 { Value::Null } else { json!(100.0 * count as f64 / of as f64) };
    json!({
        column: code, "name": "某某", "received": received, "replied": replied,
        "replied_in_time": replied_in_time, "rated": rated, "resolved": resolved, "satisfied": satisfied,
        "silent": replied - rated, "awaiting_rating": 0, "open": open, "overdue": overdue, "declined": 0,
        "withdrawn": 0, "returned": 0, "extensions_granted": 0, "supervised": 0, "criticised": 0,
        "answered_along": 0, "expired": 0, "parts": 0, "parts_answered": 0, "transferred": 0,
        "extensions_requested": 0, "urged": 0, "median_reply_seconds": median,
        "response_rate_percent": rate(replied, received), "timeliness_rate_percent": rate(replied_in_time, replied),
        "resolution_rate_percent": rate(resolved, rated), "satisfaction_rate_percent": rate(satisfied, rated),
        "month": month, "tree_size": STORY + FILLERS,
    })
}

/// A row of a duty archive: received, claimed, taken on, answered, replied, rated, resolved, satisfied.
fn duty(code: &str, counted: [u64; 8], last_act_at: Option<&str>, month: Option<&str>) -> Value {
    let [received, claimed, taken_on, answered, replied, rated, resolved, satisfied] = counted;
    json!({
        "representative": code, "designation": "代表", "received": received, "claimed": claimed,
        "taken_on": taken_on, "answered": answered, "replied": replied, "urged": 0, "progress_reported": 0,
        "rated": rated, "resolved": resolved, "satisfied": satisfied, "median_answer_seconds": null,
        "last_act_at": last_act_at,
        "answer_rate_percent": if taken_on == 0 { Value::Null } else { json!(0.0) },
        "month": month, "tree_size": STORY + FILLERS,
    })
}

impl Ledger {
    fn honest() -> Self {
        let mut leaves = story();
        leaves.extend((0..FILLERS).map(filler));
        let (oct, nov) = (Some("2026-10"), Some("2026-11"));
        let a_and_b = [2, 1, 1, 1, 1, 0, 1, 1];
        let (a, b) = ([1, 1, 1, 1, 1, 0, 0, 0], [1, 0, 0, 0, 0, 0, 1, 1]);
        // From the end of October to the reply, from the registration, and from the assignment.
        let (since_submission, since_holding, since_assignment) =
            (Some(842_400), Some(837_000), Some(806_400));
        let region = |code, counted, median, month| counts("region", code, counted, median, month);
        let unit = |code, counted, median, month| {
            let mut row = counts("unit", code, counted, median, month);
            // What is late was told to be, once, when its time was over.
            row["expired"] = row["overdue"].clone();
            row
        };
        let many = [FILLERS as u64, 0, 0, 0, 0, 0, FILLERS as u64, 0];
        let claimed_at = Some("2026-11-01T04:00:00Z");
        Self {
            leaves,
            notes: Vec::new(),
            cases: case_rows(),
            texts: vec![
                text(CASE_A, 1, "body", "暖气不热"),
                text(CASE_A, 1, "title", "暖气"),
                text(CASE_A, 3, "note", "请办理"),
                text(CASE_A, 5, "text", "已修好"),
            ],
            units: vec![
                unit("150802-housing", a, since_assignment, None),
                unit("150802-idle", [0; 8], None, None),
                unit("150802-office", a_and_b, since_holding, None),
                // Received in November in Shanghai, submitted in October.
                unit("150802-housing", a, since_assignment, nov),
                unit("150802-office", a_and_b, since_holding, nov),
            ],
            regions: vec![
                region("150800", a_and_b, since_submission, None),
                region("150802", a_and_b, since_submission, None),
                region("150802001", a, since_submission, None),
                region("150900", many, None, None),
                region("150800", a, since_submission, oct),
                region("150802", a, since_submission, oct),
                region("150802001", a, since_submission, oct),
                region("150800", b, None, nov),
                region("150802", b, None, nov),
                region("150900", many, None, nov),
            ],
            representatives: vec![
                duty("r-1", [1, 0, 1, 0, 1, 1, 1, 0], None, None),
                duty("r-2", [0, 1, 1, 0, 1, 1, 1, 0], claimed_at, None),
                duty("r-1", [1, 0, 1, 0, 1, 1, 1, 0], None, oct),
                duty("r-2", [0, 1, 1, 0, 1, 1, 1, 0], claimed_at, nov),
            ],
            flows: Vec::new(),
            vkeys: format!("{}\n", verifier_key().to_text()),
            instead: BTreeMap::new(),
        }
    }

    fn hashes(&self) -> Vec<Hash> {
        self.leaves.iter().map(|leaf| leaf_hash(leaf.as_bytes())).collect()
    }

    /// The checkpoint of the first so many leaves.
    fn note(&self, size: usize) -> String {
        let root = BASE64.encode(&naive_root(&self.hashes()[..size]));
        signed(&format!("{ORIGIN}\n{size}\n{root}\n"), &signing_key(), ORIGIN)
    }

    fn file(&self, path: &str, notes_read: usize) -> Result<Vec<u8>, StatusCode> {
        if let Some(instead) = self.instead.get(path) {
            return instead.clone();
        }
        let rows = |rows: &[Value], month: Option<&str>| {
            let rows = rows.iter().filter(|row| month.is_none_or(|month| row["month"] == month));
            let rows: Vec<String> = rows.map(|row| format!("{row}\n")).collect();
            Ok(format!("{}{{\"end\":true,\"rows\":{}}}\n", rows.concat(), rows.len()).into_bytes())
        };
        let figures = |all: &[Value], query: Option<&str>| {
            let month = query.map_or(Value::Null, |month| json!(month));
            let of_month: Vec<Value> = all.iter().filter(|row| row["month"] == month).cloned().collect();
            rows(&of_month, None)
        };
        let (name, month) =
            path.split_once("?month=").map_or((path, None), |(name, month)| (name, Some(month)));
        match name {
            "/log/checkpoint" if self.notes.is_empty() => Ok(self.note(self.leaves.len()).into_bytes()),
            "/log/checkpoint" => {
                let note = self.notes.get(notes_read).or_else(|| self.notes.last());
                Ok(note.unwrap().clone().into_bytes())
            }
            "/log/vkey" => Ok(self.vkeys.clone().into_bytes()),
            "/cases.jsonl" => rows(&self.cases, None),
            "/texts.jsonl" => rows(&self.texts, None),
            "/units.jsonl" => figures(&self.units, month),
            "/regions.jsonl" => figures(&self.regions, month),
            "/representatives.jsonl" => figures(&self.representatives, month),
            "/flows.jsonl" => rows(&self.flows, None),
            _ => self.tile(path).ok_or(StatusCode::NOT_FOUND),
        }
    }

    /// Tiles of as many leaves as a test ever has: two levels.
    fn tile(&self, path: &str) -> Option<Vec<u8>> {
        let (kind, place) = path.strip_prefix("/log/tile/")?.split_once('/')?;
        let (index, width) = place.split_once(".p/").unwrap_or((place, "256"));
        let (index, width): (usize, usize) = (index.parse().ok()?, width.parse().ok()?);
        let span = index * 256..index * 256 + width;
        match kind {
            "entries" => {
                let entries = self.leaves.get(span)?.iter();
                let bytes = entries.flat_map(|leaf| {
                    [&u16::try_from(leaf.len()).unwrap().to_be_bytes()[..], leaf.as_bytes()].concat()
                });
                Some(bytes.collect())
            }
            "0" => Some(self.hashes().get(span)?.concat()),
            "1" => {
                let roots: Vec<Hash> = self.hashes().chunks_exact(256).map(naive_root).collect();
                Some(roots.get(span)?.concat())
            }
            _ => None,
        }
    }

    /// Serves the files; the address.
    async fn serve(self) -> String {
        type Shared = Arc<(Ledger, Mutex<usize>)>;
        async fn answer(State(shared): State<Shared>, uri: Uri) -> Result<Vec<u8>, StatusCode> {
            let (ledger, notes_read) = &*shared;
            let path = uri.path_and_query().unwrap().as_str();
            let mut notes_read = notes_read.lock().unwrap();
            let file = ledger.file(path, *notes_read);
            *notes_read += usize::from(path == "/log/checkpoint");
            file
        }
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let router = Router::new().fallback(answer).with_state(Arc::new((self, Mutex::new(0))));
        tokio::spawn(async { axum::serve(listener, router).await.unwrap() });
        address
    }

    async fn audit(self, change: impl FnOnce(&mut AuditArgs)) -> Result<(), Failure> {
        let mut arguments = arguments(self.serve().await);
        change(&mut arguments);
        run(&context(), &arguments).await
    }

    /// What an audit finds.
    async fn findings(self) -> Vec<String> {
        self.findings_of(|_| {}).await
    }

    async fn findings_of(self, change: impl FnOnce(&mut AuditArgs)) -> Vec<String> {
        let mut arguments = arguments(self.serve().await);
        change(&mut arguments);
        let audited = audit(&context(), &arguments).await.unwrap();
        audited.findings.kept.iter().map(ToString::to_string).collect()
    }
}

fn arguments(url: String) -> AuditArgs {
    AuditArgs {
        url: Some(url),
        vkey: None,
        witness: Vec::new(),
        witness_age_max: None,
        since: Vec::new(),
        remember: None,
        memory_max: 1 << 30,
    }
}

fn context() -> Context {
    Context::of(Service::Ledger, "http://127.0.0.1:1", &[("HUYING_LEDGER_VKEY", &verifier_key().to_text())])
}

/// A folder of a test.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("huying-audit-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.0.join(name);
        std::fs::write(&path, text).unwrap();
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[tokio::test]
async fn an_honest_ledger_has_no_discrepancy_and_everything_is_compared() {
    let address = Ledger::honest().serve().await;
    let audited = audit(&context(), &arguments(address)).await.unwrap();
    let found: Vec<String> = audited.findings.kept.iter().map(ToString::to_string).collect();
    assert_eq!(found, [""; 0]);
    let leaves = (STORY + FILLERS) as u64;
    assert_eq!(
        audited.checked,
        Checked {
            leaves,
            checkpoints: 1,
            cases: 2 + FILLERS as u64,
            accounts: 2 + FILLERS as u64,
            texts: 4,
            withheld: 2 + FILLERS as u64,
            figures: 19,
        }
    );
    // Two tiles of leaves, one above them.
    assert_eq!(audited.walked, Walked { bundles: 2, tiles: 3, is_whole: true });
    assert_eq!(audited.figure_files, 10);
    assert!(audited.for_people().contains("discrepancies  none"));
    assert_eq!(audited.to_json()["verified"], true);
}

#[tokio::test]
async fn an_empty_ledger_has_no_discrepancy() {
    let empty = Ledger {
        leaves: vec![],
        cases: vec![],
        texts: vec![],
        units: vec![],
        regions: vec![],
        representatives: vec![],
        ..Ledger::honest()
    };
    assert_eq!(empty.findings().await, [""; 0]);
}

#[tokio::test]
async fn a_discrepancy_is_told_and_ends_with_its_exit_code() {
    let mut ledger = Ledger::honest();
    ledger.regions[3]["received"] = json!(299);
    let failure = ledger.audit(|_| {}).await.unwrap_err();
    assert_eq!(failure.exit(), Exit::VerificationFailed);
    assert!(failure.in_one_line().starts_with("1 discrepancy in the ledger at http://127.0.0.1:"));
}

#[tokio::test]
async fn a_ledger_that_is_not_there_is_no_finding() {
    let arguments = arguments("http://127.0.0.1:1".into());
    assert_eq!(run(&context(), &arguments).await.unwrap_err().exit(), Exit::Unexpected);
    let nowhere = AuditArgs { url: None, ..arguments };
    assert_eq!(run(&context(), &nowhere).await.unwrap_err().exit(), Exit::Usage);
}

#[tokio::test]
async fn a_ledger_without_end_does_not_fill_the_memory() {
    let small = |arguments: &mut AuditArgs| arguments.memory_max = 1 << 20;
    Ledger::honest().audit(small).await.unwrap();
    // Texts that no leaf commits to, each under a long name of its own.
    let mut endless = Ledger::honest();
    let made_up = |number: usize| text(CASE_A, 1, &format!("{number}{}", "x".repeat(10_000)), "x");
    endless.texts.extend((0..5_000).map(made_up));
    let failure = endless.audit(small).await.unwrap_err();
    assert!(failure.in_one_line().contains("/texts.jsonl: ") && failure.exit() == Exit::Usage, "{failure:?}");
    // Rows of figures, each as long as a row may be.
    let mut endless = Ledger::honest();
    endless.units.extend((0..10).map(|number| {
        let mut row = counts("unit", &format!("u-{number}"), [1, 0, 0, 0, 0, 0, 0, 0], None, None);
        row["name"] = json!("x".repeat(200_000));
        row
    }));
    let failure = endless.audit(small).await.unwrap_err();
    assert!(failure.in_one_line().contains("/units.jsonl: "), "{failure:?}");
    // Leaves, each of another case, in a tree that is signed.
    let mut endless = Ledger::honest();
    endless.leaves.extend((FILLERS..4_000).map(filler));
    let failure = endless.audit(small).await.unwrap_err();
    assert!(failure.in_one_line().contains("the log: "), "{failure:?}");
}
