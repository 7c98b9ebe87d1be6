//! A ledger of two cases over a real connection: honest, and changed in every way that must be found.

use super::*;
use crate::{
    context::Service,
    failure::Exit,
    verify::{
        leaf::commitment,
        merkle::tests::{naive_path, naive_root},
        note::tests::{ORIGIN, signed, signing_key, verifier_key},
    },
};
use data_encoding::HEXLOWER;
use futures_util::stream::BoxStream;
use huying_proto::{
    events::v1::Actor,
    ledger::v1::{
        CaseSummary, Discrepancy, GetCaseRequest, GetCheckpointRequest, GetCheckpointResponse,
        GetInclusionProofRequest, GetInclusionProofResponse, GetUnitFiguresRequest, GetUnitFiguresResponse,
        ListCasesResponse, ProveConsistencyRequest, ProveConsistencyResponse, ProveInclusionRequest,
        ProveInclusionResponse, Text, WatchEntriesRequest, WatchEntriesResponse,
        ledger_service_server::{LedgerService, LedgerServiceServer},
        log_service_server::{LogService, LogServiceServer},
    },
};
use tokio::net::TcpListener;
use tonic::{
    Request, Response, Status,
    transport::{Server, server::TcpIncoming},
};

const CASE_A: &str = "0197a3f0-5d1e-7c3a-8000-00000000000a";
const CASE_B: &str = "0197a3f0-5d1e-7c3a-8000-00000000000b";
const AT: &str = "2026-03-01T02:01:00.123456Z";
const SALT: [u8; 32] = [1; 32];

/// A ledger of two cases whose leaves alternate. Tests change what it shows.
#[derive(Clone)]
struct Ledger {
    cases: Vec<(String, Vec<Line>)>,
    tree: Vec<String>,
    note: String,
    discrepancies: Vec<Discrepancy>,
    /// Version at which cases are said to stand, when that is not that of their last line.
    stands_at: Option<u64>,
    /// Another history that lines from this one on are proved in, with its own checkpoint.
    fork: Option<(u64, Vec<String>)>,
}

impl Ledger {
    fn honest() -> Self {
        let order = [(CASE_A, 1), (CASE_B, 1), (CASE_A, 2), (CASE_A, 3), (CASE_B, 2)];
        let lines: Vec<(String, Line)> = (0..)
            .zip(order)
            .map(|(index, (case, version))| (case.to_owned(), line(case, version, index)))
            .collect();
        let cases = [CASE_A, CASE_B].map(|case| {
            let of_case = lines.iter().filter(|(id, _)| id == case).map(|(_, line)| line.clone());
            (case.to_owned(), of_case.collect())
        });
        let tree: Vec<String> = lines.into_iter().map(|(_, line)| line.leaf).collect();
        let note = note_over(&tree);
        Self { cases: cases.to_vec(), tree, note, discrepancies: Vec::new(), stands_at: None, fork: None }
    }

    fn line(&mut self, case: usize, version: usize) -> &mut Line {
        &mut self.cases[case].1[version - 1]
    }

    async fn serve(self) -> Context {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let server = Server::builder()
            .add_service(LedgerServiceServer::new(self.clone()))
            .add_service(LogServiceServer::new(self));
        tokio::spawn(server.serve_with_incoming(TcpIncoming::from(listener)));
        let vkey = verifier_key().to_text();
        Context::of(Service::Ledger, &address, &[("HUYING_LEDGER_VKEY", &vkey)])
    }

    async fn verify(self, case_id: Option<&str>) -> Result<(), Failure> {
        let arguments =
            VerifyArgs { what: case_id.map(str::to_owned), all: case_id.is_none(), ..VerifyArgs::default() };
        run(&self.serve().await, &arguments).await
    }
}

fn line(case: &str, version: u64, leaf_index: u64) -> Line {
    let text = format!("正文 {version}");
    let commitment = HEXLOWER.encode(&commitment(&SALT, &text));
    let leaf = format!(
        r#"{{"actor":{{"code":"u","role":"office"}},"case_id":"{case}","case_version":{version},"commitments":{{"body":"{commitment}"}},"occurred_at":"{AT}","type":"CaseClosed"}}"#
    );
    let at: jiff::Timestamp = AT.parse().unwrap();
    Line {
        case_version: version,
        event_type: "CaseClosed".into(),
        occurred_at: Some(prost_types::Timestamp { seconds: at.as_second(), nanos: at.subsec_nanosecond() }),
        actor: Some(Actor { role: 2, code: "u".into() }),
        leaf_index,
        leaf,
        texts: vec![Text {
            name: "body".into(),
            text,
            commitment,
            salt: HEXLOWER.encode(&SALT),
            erased: false,
        }],
    }
}

fn note_over(tree: &[String]) -> String {
    let hashes: Vec<Hash> = tree.iter().map(|leaf| leaf_hash(leaf.as_bytes())).collect();
    let root = BASE64.encode(&naive_root(&hashes));
    signed(&format!("{ORIGIN}\n{}\n{root}\n", tree.len()), &signing_key(), ORIGIN)
}

#[tonic::async_trait]
impl LedgerService for Ledger {
    async fn get_checkpoint(
        &self,
        _: Request<GetCheckpointRequest>,
    ) -> Result<Response<GetCheckpointResponse>, Status> {
        let verifier_key = verifier_key().to_text();
        Ok(Response::new(GetCheckpointResponse { checkpoint: self.note.clone(), verifier_key }))
    }

    /// Two lines a page.
    async fn get_case(&self, request: Request<GetCaseRequest>) -> Result<Response<GetCaseResponse>, Status> {
        let GetCaseRequest { case_id: wanted, first_version, .. } = request.into_inner();
        let found = self.cases.iter().find(|(id, _)| *id == wanted);
        let (_, all) = found.ok_or_else(|| Status::not_found("no such case"))?;
        let mut rest = all.iter().filter(|line| line.case_version >= first_version).cloned();
        let lines = rest.by_ref().take(2).collect();
        let next_version = rest.next().map_or(0, |line| line.case_version);
        let discrepancies = self.discrepancies.clone();
        let case_version = self.stands_at.or_else(|| Some(all.last()?.case_version)).unwrap_or(0);
        Ok(Response::new(GetCaseResponse {
            case: Some(CaseSummary { case_id: wanted, case_version, ..CaseSummary::default() }),
            lines,
            next_version,
            discrepancies,
            ..GetCaseResponse::default()
        }))
    }

    /// One case a page.
    async fn list_cases(
        &self,
        request: Request<ListCasesRequest>,
    ) -> Result<Response<ListCasesResponse>, Status> {
        let place: usize = request.into_inner().page_token.parse().unwrap_or(0);
        let cases = self
            .cases
            .get(place)
            .map(|(id, _)| CaseSummary { case_id: id.clone(), ..CaseSummary::default() });
        let next = if place + 1 < self.cases.len() { (place + 1).to_string() } else { String::new() };
        let cases = cases.into_iter().collect();
        Ok(Response::new(ListCasesResponse {
            cases,
            next_page_token: next,
            total: 2,
            ..ListCasesResponse::default()
        }))
    }

    async fn get_inclusion_proof(
        &self,
        _: Request<GetInclusionProofRequest>,
    ) -> Result<Response<GetInclusionProofResponse>, Status> {
        Err(Status::unimplemented("not needed here"))
    }

    async fn get_unit_figures(
        &self,
        _: Request<GetUnitFiguresRequest>,
    ) -> Result<Response<GetUnitFiguresResponse>, Status> {
        Err(Status::unimplemented("not needed here"))
    }
}

#[tonic::async_trait]
impl LogService for Ledger {
    type WatchEntriesStream = BoxStream<'static, Result<WatchEntriesResponse, Status>>;

    async fn prove_inclusion(
        &self,
        request: Request<ProveInclusionRequest>,
    ) -> Result<Response<ProveInclusionResponse>, Status> {
        let ProveInclusionRequest { leaf_index, tree_size } = request.into_inner();
        let of_fork = self.fork.as_ref().filter(|(from, _)| leaf_index >= *from);
        // A log with two histories proves in each what suits it, in the tree that it has of it.
        let (tree, note) = match of_fork {
            Some((_, tree)) => (tree.as_slice(), note_over(tree)),
            None => (self.tree.get(..tree_size as usize).unwrap_or_default(), self.note.clone()),
        };
        let hashes: Vec<Hash> = tree.iter().map(|leaf| leaf_hash(leaf.as_bytes())).collect();
        let leaf = tree.get(leaf_index as usize).cloned().ok_or_else(|| Status::not_found("no such leaf"))?;
        let path = naive_path(leaf_index as usize, &hashes).iter().map(|hash| hash.to_vec()).collect();
        Ok(Response::new(ProveInclusionResponse {
            leaf,
            path,
            tree_size: tree.len() as u64,
            root: naive_root(&hashes).to_vec(),
            checkpoint: note,
        }))
    }

    async fn prove_consistency(
        &self,
        _: Request<ProveConsistencyRequest>,
    ) -> Result<Response<ProveConsistencyResponse>, Status> {
        Err(Status::unimplemented("not needed here"))
    }

    async fn watch_entries(
        &self,
        _: Request<WatchEntriesRequest>,
    ) -> Result<Response<Self::WatchEntriesStream>, Status> {
        Err(Status::unimplemented("not needed here"))
    }
}

#[tokio::test]
async fn an_honest_ledger_proves_true() {
    Ledger::honest().verify(Some(CASE_A)).await.unwrap();
    Ledger::honest().verify(None).await.unwrap();
    let mut withheld = Ledger::honest();
    let text = &mut withheld.line(0, 1).texts[0];
    (text.text, text.salt) = (String::new(), String::new());
    withheld.verify(Some(CASE_A)).await.unwrap();
}

#[tokio::test]
async fn a_case_that_is_not_there_is_not_found_rather_than_false() {
    let failure = Ledger::honest().verify(Some("nothing")).await.unwrap_err();
    assert_eq!(failure.exit(), Exit::NotFound);
}

#[tokio::test]
async fn whatever_is_changed_afterwards_does_not_prove_true() {
    type Change = fn(&mut Ledger);
    let changes: [(&str, Change); 8] = [
        ("a text", |ledger| ledger.line(0, 2).texts[0].text = "别的".into()),
        ("a text left out", |ledger| ledger.line(0, 2).texts.clear()),
        ("who acted", |ledger| ledger.line(0, 2).actor = Some(Actor { role: 3, code: "v".into() })),
        ("when", |ledger| ledger.line(0, 2).occurred_at = None),
        ("a version left out", |ledger| drop(ledger.cases[0].1.remove(1))),
        ("the place in the tree", |ledger| ledger.line(0, 3).leaf_index = 4),
        ("a line that is not in the tree", |ledger| ledger.cases[0].1[2] = line(CASE_A, 3, 4)),
        ("a leaf after signing", |ledger| {
            let other = ledger.line(0, 2).leaf.replace("CaseClosed", "CaseRated");
            ledger.line(0, 2).event_type = "CaseRated".into();
            ledger.line(0, 2).leaf.clone_from(&other);
            ledger.tree[2] = other;
        }),
    ];
    for (what, change) in changes {
        for case_id in [Some(CASE_A), None] {
            let mut ledger = Ledger::honest();
            change(&mut ledger);
            let failure = ledger.verify(case_id).await.expect_err(what);
            assert_eq!(failure.exit(), Exit::VerificationFailed, "{what}: {failure:?}");
        }
    }
}

#[tokio::test]
async fn what_the_ledger_itself_finds_wrong_is_no_truth() {
    let mut ledger = Ledger::honest();
    ledger.discrepancies =
        vec![Discrepancy { case_version: 0, what: "account".into(), detail: "is another".into() }];
    let failure = ledger.verify(Some(CASE_A)).await.unwrap_err();
    assert_eq!(failure.exit(), Exit::VerificationFailed);
    assert!(failure.in_one_line().contains("account: is another"), "{failure:?}");
}

#[tokio::test]
async fn witnesses_and_texts_are_for_proofs_in_files() {
    let arguments =
        VerifyArgs { what: Some(CASE_A.into()), witness: vec!["w".into()], ..VerifyArgs::default() };
    let failure = run(&Ledger::honest().serve().await, &arguments).await.unwrap_err();
    assert_eq!(failure.exit(), Exit::Usage);
}

#[tokio::test]
async fn a_leaf_that_no_case_shows_is_found() {
    let mut ledger = Ledger::honest();
    ledger.cases.truncate(1);
    let failure = ledger.verify(None).await.unwrap_err();
    assert_eq!(failure.exit(), Exit::VerificationFailed);
    assert!(
        failure.in_one_line().contains("leaf 1") && failure.in_one_line().contains(CASE_B),
        "{failure:?}"
    );
}

#[tokio::test]
async fn a_checkpoint_of_another_key_does_not_prove_true() {
    let mut forged = Ledger::honest();
    let text = forged.note[..=forged.note.rfind("\n\n").unwrap()].to_owned();
    forged.note = signed(&text, &ed25519_dalek::SigningKey::from_bytes(&[8; 32]), ORIGIN);
    assert_eq!(forged.verify(None).await.unwrap_err().exit(), Exit::VerificationFailed);
}

#[tokio::test]
async fn leaves_younger_than_the_checkpoint_do_not_disturb_it() {
    let mut shorter = Ledger::honest();
    shorter.note = note_over(&shorter.tree[..4]);
    shorter.verify(None).await.unwrap();
}

#[tokio::test]
async fn lines_of_two_histories_do_not_prove_true() {
    // Another leaf 3, in a tree of one leaf more, properly signed.
    let mut forked = Ledger::honest();
    let other = line(CASE_A, 3, 3);
    let mut tree = forked.tree.clone();
    let leaf = other.leaf.replace("\"code\":\"u\"", "\"code\":\"w\"");
    tree[3].clone_from(&leaf);
    tree.push("{}".to_owned());
    forked.line(0, 3).leaf = leaf;
    forked.line(0, 3).actor = Some(Actor { role: 2, code: "w".into() });
    forked.fork = Some((3, tree));
    let failure = forked.verify(Some(CASE_A)).await.unwrap_err();
    assert_eq!(failure.exit(), Exit::VerificationFailed);
    assert!(
        failure
            .in_one_line()
            .contains("version 3: the audit path of leaf 3 does not lead to the root of 5 leaves"),
        "{failure:?}"
    );
}

#[tokio::test]
async fn a_case_that_stands_further_than_its_lines_go_does_not_prove_true() {
    let mut cut_off = Ledger::honest();
    cut_off.stands_at = Some(4);
    let failure = cut_off.verify(Some(CASE_A)).await.unwrap_err();
    assert_eq!(failure.exit(), Exit::VerificationFailed);
    assert!(failure.in_one_line().contains("at version 4, and its last line is version 3"), "{failure:?}");
}
