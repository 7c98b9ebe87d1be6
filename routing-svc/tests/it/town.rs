//! A small town, its citizens' submissions, and its offices' calls, for every test.

use huying_platform::{
    ids::{CaseId, EventId},
    status::{micros, timestamp_to_proto},
    testkit::TestHouse,
};
use huying_proto::{
    events::v1::{
        Actor, ActorRole, Addressee, CaseHeader, CaseKind, CaseSubmitted, Event, Picture, Publication,
        RegionPath, addressee::To, event::Body,
    },
    routing::v1::{
        self as proto, CommandOutcome, DirectoryFile, ImportDirectoryRequest, ImportDirectoryResponse,
        case_service_client::CaseServiceClient, directory_service_client::DirectoryServiceClient,
        rule_service_client::RuleServiceClient,
    },
};
use huying_routing_svc::{
    MIGRATIONS,
    config::FeedBounds,
    consumers,
    domain::submission::Submission,
    grpc,
    service::Service,
    use_cases::{
        take_up_submissions::{Arrived, take_up_submissions},
        watch_assignments::keep_hearing,
    },
};
use tonic::{Request, Status, metadata::MetadataValue, transport::Channel};
use uuid::Uuid;

pub(crate) const REGIONS: &str = "code,name,tier,parent\n150800,巴彦淖尔市,municipal,\n150802,临河区,district,150800\n\
    150821,五原县,district,150800\n150802001,团结街道,township,150802\n150802002,车站街道,township,150802\n";
pub(crate) const UNITS: &str = "code,name,region,kind,functions\n\
    150800-office,市人大,150800,office,\n150800-housing,市住建局,150800,department,housing\n\
    150802-office,临河区人大,150802,office,\n150802-housing,区住建局,150802,department,housing\n\
    150802-roads,区交通局,150802,department,roads\n\
    150821-office,五原县人大,150821,office,\n150821-housing,县住建局,150821,department,housing\n\
    150802001-office,团结街道人大,150802001,office,\n150802001-housing,团结街道城建办,150802001,department,housing\n\
    150802002-office,车站街道人大,150802002,office,\n";
pub(crate) const STATIONS: &str =
    "code,name,region,longitude,latitude\n150802001-s1,团结街道代表之家,150802001,107.40992,40.75755\n";
pub(crate) const REPRESENTATIVES: &str = "code,designation,region,level,station\n\
    r-150802001-001,团结街道第1号代表,150802001,district,150802001-s1\n";
pub(crate) const CATEGORIES: &str = "level1,level2,level3\n城乡建设,供热,\n交通运输,公交,\n";
pub(crate) const RULES: &str =
    "region,kind,category,tier,function\n150800,message,城乡建设,township,housing\n";
/// Limits in seconds, far enough apart that no step of one falls on one of another.
pub(crate) const POLICIES: &str = "kind,category,tier,step,limit\n*,*,*,register,1000s\n*,*,*,assign,2000s\n\
    *,*,*,accept,500s\n*,*,*,reply,10000s\n*,*,*,re_answer,5000s\n*,*,*,rate,700s\n*,*,*,extension,10000s\n\
    *,*,*,urge,100s\n*,*,*,supervise,200s\n*,*,*,criticise,300s\n";

/// A town with its service running.
pub(crate) struct Town {
    pub(crate) house: TestHouse,
    pub(crate) service: Service,
    channel: Channel,
}

impl Town {
    /// A town that knows its reference data and answers over gRPC, but hears nothing yet.
    pub(crate) async fn start() -> Self {
        let town = Self::empty().await;
        town.import(&[
            (DirectoryFile::Regions, REGIONS),
            (DirectoryFile::Units, UNITS),
            (DirectoryFile::Stations, STATIONS),
            (DirectoryFile::Representatives, REPRESENTATIVES),
            (DirectoryFile::Categories, CATEGORIES),
            (DirectoryFile::Rules, RULES),
        ])
        .await
        .unwrap();
        town
    }

    /// A town without reference data.
    pub(crate) async fn empty() -> Self {
        let house = TestHouse::start("routing", MIGRATIONS).await;
        let service = Service::new(&house.platform, FeedBounds::default());
        let channel = house.grpc_channel(grpc::routes(&house.platform, &service)).await;
        house.platform.spawn("feed", keep_hearing(service.clone()));
        Self { house, service, channel }
    }

    /// A town whose limits are seconds.
    pub(crate) async fn hasty() -> Self {
        let town = Self::start().await;
        town.import(&[(DirectoryFile::Policies, POLICIES)]).await.unwrap();
        town
    }

    /// Starts the consumer.
    pub(crate) fn listen(&self) {
        consumers::spawn(&self.house.platform, self.service.clone());
    }

    /// A call in the name of somebody.
    pub(crate) fn call<M>(&self, role: &str, code: &str, message: M) -> Request<M> {
        self.call_with(&self.house.token(role, code, ""), message)
    }

    pub(crate) fn call_with<M>(&self, token: &str, message: M) -> Request<M> {
        let mut request = Request::new(message);
        let value: MetadataValue<_> = format!("Bearer {token}").parse().unwrap();
        request.metadata_mut().insert("authorization", value);
        request
    }

    pub(crate) fn cases(&self) -> CaseServiceClient<Channel> {
        CaseServiceClient::new(self.channel.clone())
    }

    pub(crate) fn directory(&self) -> DirectoryServiceClient<Channel> {
        DirectoryServiceClient::new(self.channel.clone())
    }

    pub(crate) fn rules(&self) -> RuleServiceClient<Channel> {
        RuleServiceClient::new(self.channel.clone())
    }

    /// Imports files as an operator.
    pub(crate) async fn import(
        &self,
        files: &[(DirectoryFile, &str)],
    ) -> Result<ImportDirectoryResponse, Status> {
        let chunks: Vec<ImportDirectoryRequest> = files
            .iter()
            .flat_map(|(file, text)| {
                text.as_bytes()
                    .chunks(512 * 1024)
                    .map(|chunk| ImportDirectoryRequest { file: (*file).into(), chunk: chunk.to_vec() })
            })
            .collect();
        let request = self.call("operator", "", futures_util::stream::iter(chunks));
        self.directory().import_directory(request).await.map(tonic::Response::into_inner)
    }

    /// A submission in a township.
    pub(crate) fn submitted(&self, category: &str) -> Event {
        let now = self.house.platform.clock.now();
        Event {
            event_id: EventId::new_v7().to_string(),
            case_id: CaseId::new_v7().to_string(),
            case_version: 1,
            occurred_at: Some(timestamp_to_proto(now)),
            header: Some(CaseHeader {
                kind: CaseKind::Message.into(),
                region: Some(RegionPath {
                    municipal: "150800".into(),
                    district: "150802".into(),
                    township: "150802001".into(),
                }),
                addressee: Some(Addressee { to: Some(To::RepresentativeCode("r-150802001-001".into())) }),
                title: "暖气不热".into(),
                category: category.into(),
                publication: Publication::Public.into(),
                submitted_at_us: micros(now),
                representative_codes: vec!["r-150802001-001".into()],
            }),
            actor: Some(Actor { role: ActorRole::Citizen.into(), code: String::new() }),
            standing: None,
            body: Some(Body::CaseSubmitted(CaseSubmitted {
                body: "家里只有十四度。".into(),
                pictures: vec![picture()],
            })),
        }
    }

    /// Takes a submission up without the broker. Returns the case.
    pub(crate) async fn take_up(&self, event: &Event) -> String {
        let arrived = Arrived { submission: Submission::parse(event).unwrap(), traceparent: None };
        take_up_submissions(&self.service, vec![arrived]).await.unwrap();
        event.case_id.clone()
    }

    /// Takes many up at once.
    pub(crate) async fn take_up_all(&self, events: &[Event]) {
        let arrived = |event| Arrived { submission: Submission::parse(event).unwrap(), traceparent: None };
        take_up_submissions(&self.service, events.iter().map(arrived).collect()).await.unwrap();
    }

    /// A case that waits at the office of the township.
    pub(crate) async fn queued(&self) -> String {
        self.take_up(&self.submitted("")).await
    }

    /// A case that the rules have assigned to the department of the township.
    pub(crate) async fn assigned(&self) -> String {
        self.take_up(&self.submitted("城乡建设/供热")).await
    }

    /// A case that the department has replied to.
    pub(crate) async fn replied(&self) -> String {
        let case_id = self.assigned().await;
        self.accept(&case_id).await.unwrap();
        self.reply(&case_id).await.unwrap();
        case_id
    }

    pub(crate) async fn register(&self, office: &str, case_id: &str) -> Result<CommandOutcome, Status> {
        let request = proto::RegisterCaseRequest { command: command(case_id) };
        let response = self.cases().register_case(self.call("office", office, request)).await?;
        Ok(response.into_inner().outcome.unwrap())
    }

    pub(crate) async fn assign(
        &self,
        office: &str,
        case_id: &str,
        unit: &str,
    ) -> Result<CommandOutcome, Status> {
        let request = proto::AssignCaseRequest {
            command: command(case_id),
            unit: unit.into(),
            note: "请尽快".into(),
            ..proto::AssignCaseRequest::default()
        };
        let response = self.cases().assign_case(self.call("office", office, request)).await?;
        Ok(response.into_inner().outcome.unwrap())
    }

    pub(crate) async fn accept(&self, case_id: &str) -> Result<CommandOutcome, Status> {
        let request = proto::AcceptCaseRequest { command: command(case_id) };
        let response =
            self.cases().accept_case(self.call("department", "150802001-housing", request)).await?;
        Ok(response.into_inner().outcome.unwrap())
    }

    pub(crate) async fn reply(&self, case_id: &str) -> Result<CommandOutcome, Status> {
        let request = proto::ReplyCaseRequest {
            command: command(case_id),
            text: "管网已修复。".into(),
            pictures: vec![picture()],
        };
        let response = self.cases().reply_case(self.call("department", "150802001-housing", request)).await?;
        Ok(response.into_inner().outcome.unwrap())
    }

    pub(crate) async fn get(
        &self,
        role: &str,
        code: &str,
        case_id: &str,
    ) -> Result<proto::GetCaseResponse, Status> {
        let request = proto::GetCaseRequest { case_id: case_id.into() };
        Ok(self.cases().get_case(self.call(role, code, request)).await?.into_inner())
    }

    /// The names of a case's events in the outbox, and that their versions have no gap.
    pub(crate) async fn events_of(&self, case_id: &str) -> Vec<Event> {
        let mut events = self.house.outbox_events().await;
        events.retain(|event| event.case_id == case_id);
        let versions: Vec<u64> =
            events.iter().map(|event| event.case_version).filter(|&version| version > 0).collect();
        let expected: Vec<u64> = (2..).take(versions.len()).collect();
        assert_eq!(versions, expected, "versions of {case_id}");
        events
    }

    pub(crate) async fn event_names_of(&self, case_id: &str) -> Vec<&'static str> {
        let events = self.events_of(case_id).await;
        events.iter().map(|event| huying_platform::subjects::event_name(event).unwrap()).collect()
    }

    pub(crate) async fn count(&self, sql: &'static str) -> i64 {
        sqlx::query_scalar(sql).fetch_one(&self.house.platform.db).await.unwrap()
    }
}

/// A picture as intake-svc gives it back.
pub(crate) fn picture() -> Picture {
    Picture {
        picture_id: "5e".repeat(32),
        media_type: "image/webp".into(),
        width_px: 640,
        height_px: 480,
        size_bytes: 12_345,
    }
}

/// The envelope of a new command.
pub(crate) fn command(case_id: &str) -> Option<proto::Command> {
    Some(proto::Command {
        request_id: Uuid::now_v7().to_string(),
        case_id: case_id.into(),
        expected_version: None,
    })
}

/// The reason and the metadata of a refusal.
pub(crate) fn reason(status: &Status) -> (String, std::collections::HashMap<String, String>) {
    use tonic_types::StatusExt as _;
    let info = status.get_details_error_info().unwrap_or_else(|| panic!("no ErrorInfo: {status:?}"));
    (info.reason, info.metadata)
}

/// The fields that a refusal names.
pub(crate) fn fields(status: &Status) -> Vec<String> {
    use tonic_types::StatusExt as _;
    assert_eq!(status.code(), tonic::Code::InvalidArgument, "{status:?}");
    let bad_request = status.get_details_bad_request().unwrap_or_else(|| panic!("no BadRequest: {status:?}"));
    bad_request.field_violations.into_iter().map(|violation| violation.field).collect()
}
