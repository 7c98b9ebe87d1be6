//! An intake-svc for one test, and what tests send to it.

use std::{path::PathBuf, sync::Arc};

use huying_intake_svc::{
    CommitSettings, MIGRATIONS, Means,
    app::App,
    assemble,
    consumers::{FollowCases, follow_cases_config},
    grpc_routes,
    picture_store::PictureStore,
    picture_works::PictureSettings,
    sealing::Sealer,
    web,
};
use huying_platform::{ids::EventId, status::timestamp_to_proto, testkit::TestHouse};
use huying_proto::{
    events::v1::{
        Actor, ActorRole, CaseKind, CaseState, Category, DirectoryEntry, Event, Publication, Region,
        Representative, Standing, Station, Unit, UnitKind, directory_entry::Entry, event::Body,
    },
    intake::v1::{
        Petitioner, SubmitCaseRequest, SubmitCaseResponse, TrackCaseRequest, TrackCaseResponse,
        intake_service_client::IntakeServiceClient,
    },
};
use jiff::Timestamp;
use tonic::{Request, transport::Channel};
use tonic_types::StatusExt as _;
use uuid::Uuid;

pub(crate) const PHONE: &str = "13812345678";
pub(crate) const NAME: &str = "王建国";
/// A turn of phrase that stands in the text as written, at the place where the phone is.
pub(crate) const RAW_TEXT: &str = "我的电话是13812345678";

pub(crate) const COMMITS: CommitSettings =
    CommitSettings { lanes: 2, batch_max: 256, queue_max: 1_000, queue_kib_max: 64 * 1_024 };

pub(crate) const PICTURES: PictureSettings = PictureSettings { workers: 2, calls_max: 64, mib_max: 64 };

pub(crate) struct Intake {
    pub(crate) house: TestHouse,
    pub(crate) app: Arc<App>,
    pub(crate) client: IntakeServiceClient<Channel>,
    pub(crate) folder: PictureFolder,
}

/// The folder that a test's pictures are in; it goes with the test.
pub(crate) struct PictureFolder(pub(crate) PathBuf);

impl PictureFolder {
    fn new() -> Self {
        Self(std::env::temp_dir().join(format!("huying-pictures-{}", Uuid::now_v7())))
    }

    /// Files in it.
    pub(crate) fn files(&self) -> Vec<PathBuf> {
        let entries = |folder: &PathBuf| {
            let entries = std::fs::read_dir(folder).unwrap();
            entries.map(|entry| entry.unwrap().path()).collect::<Vec<_>>()
        };
        entries(&self.0).iter().flat_map(entries).collect()
    }
}

impl Drop for PictureFolder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// What an intake of these tests is made of.
pub(crate) fn means(commits: CommitSettings, pictures: PictureSettings, folder: &PictureFolder) -> Means {
    let place = folder.0.to_str().unwrap();
    Means {
        sealer: Sealer::new(&[7; 32]),
        commits,
        picture_store: PictureStore::open(place, std::iter::empty()).unwrap(),
        pictures,
        ledger_url: Some("https://ledger.example".parse().unwrap()),
    }
}

impl Intake {
    pub(crate) async fn start() -> Self {
        Self::start_with(COMMITS).await
    }

    pub(crate) async fn start_with(commits: CommitSettings) -> Self {
        Self::start_with_both(commits, PICTURES).await
    }

    pub(crate) async fn start_with_both(commits: CommitSettings, pictures: PictureSettings) -> Self {
        let folder = PictureFolder::new();
        let house = TestHouse::start("intake", MIGRATIONS).await;
        house.set_directory(&directory()).await;
        let app = assemble(&house.platform, means(commits, pictures, &folder));
        let channel = house.grpc_channel(grpc_routes(&app)).await;
        Self { house, app, client: IntakeServiceClient::new(channel), folder }
    }

    /// Starts to follow routing's events.
    pub(crate) fn follow(&self) {
        let handler = FollowCases { db: self.house.platform.db.clone() };
        self.house.platform.spawn_consumer(follow_cases_config(), handler);
    }

    pub(crate) async fn submit(
        &self,
        request: &SubmitCaseRequest,
    ) -> Result<SubmitCaseResponse, tonic::Status> {
        self.client.clone().submit_case(request.clone()).await.map(tonic::Response::into_inner)
    }

    pub(crate) async fn track(&self, receipt_code: &str) -> Result<TrackCaseResponse, tonic::Status> {
        let request = TrackCaseRequest { receipt_code: receipt_code.into() };
        self.client.clone().track_case(request).await.map(tonic::Response::into_inner)
    }

    pub(crate) async fn web(&self) -> String {
        self.house.http_base(web::router(Arc::clone(&self.app))).await
    }

    /// A call with a token.
    pub(crate) fn called_by<T>(&self, role: &str, code: &str, message: T) -> Request<T> {
        let mut request = Request::new(message);
        let token = format!("Bearer {}", self.house.token(role, code, ""));
        request.metadata_mut().insert("authorization", token.parse().unwrap());
        request
    }

    /// Puts an event of routing's on the stream and waits until it is taken in.
    pub(crate) async fn hears(
        &self,
        receipt: &SubmitCaseResponse,
        version: u64,
        state: CaseState,
        body: Body,
    ) {
        self.house.publish_case_event(&routing_event(receipt, version, state, body)).await;
        let what = format!("version {version} is taken in");
        let is_taken_in = || async {
            self.track(&receipt.receipt_code).await.is_ok_and(|tracked| tracked.case_version >= version)
        };
        self.house.until(&what, is_taken_in).await;
    }
}

/// An event as routing-svc would tell it.
pub(crate) fn routing_event(
    receipt: &SubmitCaseResponse,
    version: u64,
    state: CaseState,
    body: Body,
) -> Event {
    let ended = matches!(state, CaseState::Closed | CaseState::Declined | CaseState::Withdrawn);
    // A merged case has nothing of its own to do; what the other one does is done for it.
    let idle = ended || state == CaseState::Merged;
    Event {
        event_id: EventId::new_v7().to_string(),
        case_id: receipt.case_id.clone(),
        case_version: version,
        occurred_at: Some(timestamp_to_proto(occurred_at(version))),
        header: Some(huying_proto::events::v1::CaseHeader {
            region: receipt.region.clone(),
            ..Default::default()
        }),
        actor: Some(Actor { role: ActorRole::System.into(), code: String::new() }),
        standing: Some(Standing {
            state: state.into(),
            holder_office: "150802-office".into(),
            responsible_unit: if idle { String::new() } else { "150802-housing".into() },
            deadline_at_us: if idle { 0 } else { 2_000_000_000_000_000 },
            ..Standing::default()
        }),
        body: Some(body),
    }
}

/// When routing decided a version, in these tests.
pub(crate) fn occurred_at(version: u64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + i64::try_from(version).unwrap() * 60).unwrap()
}

/// An HTTP client that follows no redirects.
pub(crate) fn http_client() -> reqwest::Client {
    // Fails only when another test has installed it.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap()
}

pub(crate) fn new_key() -> String {
    Uuid::now_v7().to_string()
}

pub(crate) fn request() -> SubmitCaseRequest {
    SubmitCaseRequest {
        idempotency_key: new_key(),
        kind: CaseKind::Message.into(),
        region_code: "150802001".into(),
        category: "城乡建设/供热".into(),
        title: "暖气不热".into(),
        body: format!("三号楼已经一周没有暖气，{RAW_TEXT}，请尽快解决。"),
        petitioner: Some(Petitioner {
            name: NAME.into(),
            phone: PHONE.into(),
            address: "团结街道三号楼".into(),
        }),
        publication: Publication::Public.into(),
        ..SubmitCaseRequest::default()
    }
}

/// Reason of a refusal, as programs read it.
pub(crate) fn reason(status: &tonic::Status) -> String {
    status.get_details_error_info().map(|info| info.reason).unwrap_or_default()
}

/// Fields of a BadRequest.
pub(crate) fn fields(status: &tonic::Status) -> Vec<String> {
    let violations = status.get_details_bad_request().map(|bad| bad.field_violations).unwrap_or_default();
    violations.into_iter().map(|violation| violation.field).collect()
}

pub(crate) fn representative(code: &str, retired: bool) -> DirectoryEntry {
    let representative = Representative {
        code: code.into(),
        designation: format!("团结街道{code}代表"),
        region: "150802001".into(),
        station: "150802001-s1".into(),
        ..Representative::default()
    };
    DirectoryEntry {
        entry: Some(Entry::Representative(representative)),
        retired,
        ..DirectoryEntry::default()
    }
}

fn directory() -> Vec<DirectoryEntry> {
    let region = |code: &str, name: &str, parent: &str| {
        Entry::Region(Region {
            code: code.into(),
            name: name.into(),
            parent: parent.into(),
            ..Region::default()
        })
    };
    let unit = |code: &str, name: &str, kind: UnitKind| {
        Entry::Unit(Unit {
            code: code.into(),
            name: name.into(),
            region: "150802".into(),
            kind: kind.into(),
            functions: Vec::new(),
        })
    };
    let station = Station {
        code: "150802001-s1".into(),
        name: "团结街道代表之家".into(),
        region: "150802001".into(),
        ..Station::default()
    };
    let mut entries: Vec<DirectoryEntry> = [
        region("150800", "巴彦淖尔市", ""),
        region("150802", "临河区", "150800"),
        region("150802001", "团结街道", "150802"),
        region("150802002", "车站街道", "150802"),
        unit("150802-office", "临河区人大常委会", UnitKind::Office),
        unit("150802-housing", "临河区住建局", UnitKind::Department),
        Entry::Station(station),
        Entry::Category(Category { path: "城乡建设/供热".into(), ..Category::default() }),
    ]
    .into_iter()
    .map(|entry| DirectoryEntry { entry: Some(entry), ..DirectoryEntry::default() })
    .collect();
    entries.push(representative("r-150802001-001", false));
    entries.push(representative("r-150802001-002", false));
    entries
}
