//! A running ledger for one test.

use std::sync::Arc;

use axum::{Router, body::to_bytes, http::Request};
use huying_ledger_svc::{
    LogIdentity, MIGRATIONS,
    config::Serving,
    domain::{
        checkpoint::Checkpoint,
        log_keys::Keyring,
        merkle::{Hash, leaf_hash, verify_inclusion},
        note::{Signer, Verifier},
    },
    signed_mark::SignedMark,
};
use huying_platform::testkit::TestHouse;
use huying_proto::{
    events::v1::{
        DirectoryEntry, Event, Region, Representative, Station, Tier, Unit, UnitKind, directory_entry::Entry,
    },
    ledger::v1::{
        GetCaseRequest, GetCaseResponse, GetCheckpointRequest, GetInclusionProofRequest, ListCasesRequest,
        figures_service_client::FiguresServiceClient, ledger_admin_service_client::LedgerAdminServiceClient,
        ledger_service_client::LedgerServiceClient, log_service_client::LogServiceClient,
    },
};
use tonic::transport::Channel;
use tower::ServiceExt as _;

pub(crate) const ORIGIN: &str = "ledger.test/150800";

/// The ledger of a test.
pub(crate) struct House {
    pub(crate) house: TestHouse,
    pub(crate) client: LedgerServiceClient<Channel>,
    pub(crate) figures: FiguresServiceClient<Channel>,
    pub(crate) log: LogServiceClient<Channel>,
    pub(crate) admin: LedgerAdminServiceClient<Channel>,
    pub(crate) pages: Router,
}

/// An answer of the pages.
pub(crate) struct Page {
    pub(crate) status: u16,
    pub(crate) headers: axum::http::HeaderMap,
    pub(crate) body: String,
}

pub(crate) fn identity(seed: u8) -> Arc<LogIdentity> {
    Arc::new(LogIdentity {
        origin: ORIGIN.to_owned(),
        keys: Keyring::of(Signer::from_seed(ORIGIN, &[seed; 32]).unwrap()),
        witnesses: Vec::new(),
        mark: Arc::new(SignedMark::new(ORIGIN, None)),
    })
}

impl House {
    pub(crate) async fn start() -> Self {
        Self::start_with_pictures_at(None).await
    }

    /// A ledger whose pages show pictures from there.
    pub(crate) async fn start_with_pictures_at(pictures_at: Option<&str>) -> Self {
        let pictures_at = pictures_at.map(|url| url.parse().unwrap());
        Self::start_serving(Serving { pictures_at, ..Serving::default() }).await
    }

    /// A ledger that serves in this way.
    pub(crate) async fn start_serving(serving: Serving) -> Self {
        Self::start_as(identity(1), serving).await
    }

    /// A ledger of this log that serves in this way.
    pub(crate) async fn start_as(log: Arc<LogIdentity>, serving: Serving) -> Self {
        let house = TestHouse::start("ledger", MIGRATIONS).await;
        house.set_directory(&directory()).await;
        let (routes, pages) = huying_ledger_svc::start(&house.platform, log, serving).await.unwrap();
        let channel = house.grpc_channel(routes).await;
        let client = LedgerServiceClient::new(channel.clone());
        let figures = FiguresServiceClient::new(channel.clone());
        let log = LogServiceClient::new(channel.clone());
        let admin = LedgerAdminServiceClient::new(channel);
        Self { house, client, figures, log, admin, pages }
    }

    pub(crate) async fn publish(&self, events: &[Event]) {
        for event in events {
            self.house.publish_case_event(event).await;
        }
    }

    /// Publishes, and waits until the tree has this many leaves.
    pub(crate) async fn publish_until(&self, events: &[Event], tree_size: u64) {
        self.publish(events).await;
        self.until_tree_size(tree_size).await;
    }

    pub(crate) async fn until_tree_size(&self, tree_size: u64) {
        self.house
            .until(&format!("the tree has {tree_size} leaves"), || async {
                let size: i64 = sqlx::query_scalar("SELECT tree_size FROM log_state")
                    .fetch_one(&self.house.platform.db)
                    .await
                    .unwrap();
                assert!(size as u64 <= tree_size, "the tree has {size} leaves, more than {tree_size}");
                size as u64 == tree_size
            })
            .await;
    }

    /// Waits until the leader has found that the tables beside the log are drawn by the present rules.
    pub(crate) async fn until_drawn(&self) {
        self.house
            .until("the tables are drawn", || async {
                sqlx::query_scalar("SELECT p.format > 0 AND p.epoch = s.epoch FROM projection p, log_state s")
                    .fetch_one(&self.house.platform.db)
                    .await
                    .unwrap()
            })
            .await;
    }

    pub(crate) async fn case(&self, case_id: &str) -> GetCaseResponse {
        let request = GetCaseRequest { case_id: case_id.to_owned(), ..GetCaseRequest::default() };
        self.client.clone().get_case(request).await.unwrap().into_inner()
    }

    pub(crate) async fn list(&self, request: ListCasesRequest) -> Vec<String> {
        let answer = self.client.clone().list_cases(request).await.unwrap().into_inner();
        answer.cases.into_iter().map(|case| case.case_id).collect()
    }

    /// The latest checkpoint, its signature verified.
    pub(crate) async fn checkpoint(&self) -> Checkpoint {
        let answer = self.client.clone().get_checkpoint(GetCheckpointRequest {}).await.unwrap().into_inner();
        opened(&answer.checkpoint, &answer.verifier_key)
    }

    /// Verifies every leaf against a signed checkpoint, as an auditor would, and returns the leaves.
    pub(crate) async fn audit(&self) -> Vec<String> {
        let checkpoint = self.checkpoint().await;
        let key = identity(1).foremost_verifier_key();
        let mut leaves = Vec::new();
        for leaf_index in 0..checkpoint.tree_size {
            let request = GetInclusionProofRequest { leaf_index };
            let proof = self.client.clone().get_inclusion_proof(request).await.unwrap().into_inner();
            let signed = opened(&proof.checkpoint, &key);
            assert_eq!(signed, checkpoint);
            let path: Vec<Hash> = proof.path.iter().map(|hash| hash[..].try_into().unwrap()).collect();
            let leaf = leaf_hash(proof.leaf.as_bytes());
            assert!(
                verify_inclusion(&leaf, leaf_index, signed.tree_size, &path, &signed.root),
                "leaf {leaf_index} is not proved"
            );
            leaves.push(proof.leaf);
        }
        leaves
    }

    pub(crate) async fn get(&self, address: &str) -> Page {
        self.get_with(address, None).await
    }

    pub(crate) async fn get_with(&self, address: &str, known: Option<&str>) -> Page {
        let mut request = Request::get(address);
        if let Some(known) = known {
            request = request.header("if-none-match", known);
        }
        let request = request.body(axum::body::Body::empty()).unwrap();
        let response = self.pages.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = String::from_utf8(to_bytes(body, 50_000_000).await.unwrap().to_vec()).unwrap();
        Page { status: parts.status.as_u16(), headers: parts.headers, body }
    }

    /// A metric of the ledger's own, by its name without the prefix.
    pub(crate) fn metric(&self, name: &str) -> u64 {
        let all = self.house.platform.metrics.render();
        let line = all.lines().find_map(|line| line.strip_prefix("huying_")?.strip_prefix(name));
        line.unwrap_or_else(|| panic!("no {name} in {all}")).trim().parse().unwrap()
    }

    pub(crate) async fn stop(self) {
        self.house.stop().await;
    }
}

fn opened(note: &str, key: &str) -> Checkpoint {
    Checkpoint::parse(Verifier::parse(key).unwrap().open(note).unwrap()).unwrap()
}

fn directory() -> Vec<DirectoryEntry> {
    let region = |code: &str, name: &str, tier: Tier, parent: &str| {
        Entry::Region(Region {
            code: code.into(),
            name: name.into(),
            tier: tier.into(),
            parent: parent.into(),
            ..Region::default()
        })
    };
    let unit = |code: &str, name: &str, region: &str, kind: UnitKind| {
        Entry::Unit(Unit {
            code: code.into(),
            name: name.into(),
            region: region.into(),
            kind: kind.into(),
            ..Unit::default()
        })
    };
    let entries = [
        region("150800", "巴彦淖尔市", Tier::Municipal, ""),
        region("150802", "临河区", Tier::District, "150800"),
        region("150821", "五原县", Tier::District, "150800"),
        region("150802001", "团结街道", Tier::Township, "150802"),
        unit("150800-office", "巴彦淖尔市人大常委会", "150800", UnitKind::Office),
        unit("150802-office", "临河区人大常委会", "150802", UnitKind::Office),
        unit("150802001-office", "团结街道人大工委", "150802001", UnitKind::Office),
        unit("150802-housing", "临河区住房和城乡建设局", "150802", UnitKind::Department),
        unit("150802001-general", "团结街道综合办", "150802001", UnitKind::Department),
        Entry::Representative(Representative {
            code: "r-150802001-003".into(),
            designation: "团结街道第3号代表".into(),
            region: "150802001".into(),
            ..Representative::default()
        }),
        Entry::Station(Station {
            code: "150802001-s1".into(),
            name: "团结街道代表联络站".into(),
            region: "150802001".into(),
            ..Station::default()
        }),
    ];
    entries
        .into_iter()
        .map(|entry| DirectoryEntry { entry: Some(entry), ..DirectoryEntry::default() })
        .collect()
}
