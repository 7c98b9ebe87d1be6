//! What the tests share: a service in a house of its own, events to tell, and a client to listen with.

use std::{sync::Arc, time::Duration};

use huying_notify_svc::{
    MIGRATIONS, deliver_events,
    domain::{delivery::Announcement, recipient::Recipient, window::WindowBounds},
    hub::{Hub, HubBounds},
    routes,
    use_cases::deliver_events::DeliverEvents,
    wake::Wake,
};
use huying_platform::{Platform, ids, testkit::TestHouse};
use huying_proto::{
    events::v1::{
        CaseHeader, CaseReplied, DirectoryEntry, Event, RegionPath, Representative, Standing, Unit,
        directory_entry::Entry, event::Body,
    },
    notify::v1::{
        self as proto, AcknowledgeRequest, SubscribeRequest, SubscribeResponse,
        notification_service_client::NotificationServiceClient,
    },
};
use tonic::{Request, Status, Streaming, transport::Channel};

/// Bounds that no test reaches by accident.
pub(crate) const ROOMY: HubBounds = HubBounds {
    subscribers: 100,
    subscribers_per_recipient: 100,
    window: WindowBounds { notifications: 1_000, bytes: 512 * 1024 },
    stall_max: Duration::from_secs(60),
};

/// One replica: a hub, a handler of events, a client of its gRPC server.
pub(crate) struct Replica {
    pub(crate) hub: Arc<Hub>,
    pub(crate) handler: Arc<DeliverEvents>,
    pub(crate) client: NotificationServiceClient<Channel>,
}

impl Replica {
    /// A replica without loops: what is to wake subscribers, the test does.
    pub(crate) async fn start(house: &TestHouse, platform: &Platform, bounds: HubBounds) -> Self {
        let hub = Hub::new(bounds, platform.shutdown());
        let wake = Wake::new(platform.nats.clone(), &platform.namespace);
        let handler = Arc::new(deliver_events(platform, &hub, &wake));
        let channel = house.grpc_channel(routes(platform, &hub)).await;
        Self { hub, handler, client: NotificationServiceClient::new(channel) }
    }

    pub(crate) async fn subscribe(
        &self,
        token: &str,
        recipient: &Recipient,
        after_position: Option<u64>,
    ) -> Result<Streaming<SubscribeResponse>, Status> {
        let request = SubscribeRequest { recipient: Some(to_proto(recipient)), after_position };
        Ok(self.client.clone().subscribe(with_token(request, token)).await?.into_inner())
    }

    pub(crate) async fn acknowledge(
        &self,
        token: &str,
        recipient: &Recipient,
        position: u64,
    ) -> Result<(), Status> {
        let request = AcknowledgeRequest { recipient: Some(to_proto(recipient)), position };
        self.client.clone().acknowledge(with_token(request, token)).await.map(|_| ())
    }
}

/// A house whose directory knows representatives r-0 to r-39 and unit 150802-office.
pub(crate) async fn house() -> TestHouse {
    let house = TestHouse::start("notify", MIGRATIONS).await;
    let entry = |entry| DirectoryEntry { entry: Some(entry), ..DirectoryEntry::default() };
    let mut entries: Vec<DirectoryEntry> = (0..40)
        .map(|number| {
            entry(Entry::Representative(Representative {
                code: format!("r-{number}"),
                ..Representative::default()
            }))
        })
        .collect();
    entries.push(entry(Entry::Unit(Unit { code: "150802-office".into(), ..Unit::default() })));
    house.set_directory(&entries).await;
    house
}

/// A house with one replica and its operator's token.
pub(crate) async fn house_with_replica() -> (TestHouse, Replica, String) {
    let house = house().await;
    let replica = Replica::start(&house, &house.platform, ROOMY).await;
    let token = house.token("operator", "", "");
    (house, replica, token)
}

pub(crate) fn representative(number: usize) -> Recipient {
    Recipient::representative(&format!("r-{number}")).unwrap()
}

/// A reply in a case of its own.
pub(crate) fn event(representatives: &[usize]) -> Event {
    event_of(&ids::CaseId::new_v7().to_string(), 1, representatives)
}

pub(crate) fn event_of(case_id: &str, case_version: u64, representatives: &[usize]) -> Event {
    Event {
        event_id: ids::EventId::new_v7().to_string(),
        case_id: case_id.to_owned(),
        case_version,
        header: Some(CaseHeader {
            region: Some(RegionPath {
                municipal: "150800".into(),
                district: "150802".into(),
                township: String::new(),
            }),
            representative_codes: representatives.iter().map(|number| format!("r-{number}")).collect(),
            ..CaseHeader::default()
        }),
        standing: Some(Standing { holder_office: "150802-office".into(), ..Standing::default() }),
        body: Some(Body::CaseReplied(CaseReplied { text: "答复".into(), ..CaseReplied::default() })),
        ..Event::default()
    }
}

pub(crate) fn announced<'a>(events: impl IntoIterator<Item = &'a Event>) -> Vec<Announcement> {
    events.into_iter().filter_map(|event| Announcement::of(event).unwrap()).collect()
}

/// The next `count` notifications: position and event id of each.
pub(crate) async fn next(stream: &mut Streaming<SubscribeResponse>, count: usize) -> Vec<(u64, String)> {
    let read = async {
        let mut seen = Vec::with_capacity(count);
        while seen.len() < count {
            let response = stream.message().await.unwrap().expect("the stream goes on");
            seen.push((response.position, response.event.unwrap().event_id));
        }
        seen
    };
    tokio::time::timeout(huying_platform::testkit::DEADLINE, read).await.expect("notifications come")
}

/// How a stream ends, what comes before put aside.
pub(crate) async fn end_of(stream: &mut Streaming<SubscribeResponse>) -> Status {
    let read = async {
        loop {
            match stream.message().await {
                Ok(Some(_)) => {}
                Ok(None) => panic!("a stream ends with a status"),
                Err(status) => return status,
            }
        }
    };
    tokio::time::timeout(huying_platform::testkit::DEADLINE, read).await.expect("the stream ends")
}

pub(crate) fn positions(seen: &[(u64, String)]) -> Vec<u64> {
    seen.iter().map(|(position, _)| *position).collect()
}

/// The reason in a refusal's ErrorInfo.
pub(crate) fn reason(status: &Status) -> String {
    use tonic_types::StatusExt as _;
    status.get_details_error_info().map(|info| info.reason).unwrap_or_default()
}

/// What is in a mailbox: positions and event ids.
pub(crate) async fn mailbox(house: &TestHouse, recipient: &Recipient) -> Vec<(u64, String)> {
    let rows: Vec<(i64, uuid::Uuid)> =
        sqlx::query_as("SELECT position, event_id FROM notifications WHERE recipient = $1 ORDER BY position")
            .bind(recipient.key())
            .fetch_all(&house.platform.db)
            .await
            .unwrap();
    rows.into_iter()
        .map(|(position, event_id)| (u64::try_from(position).unwrap(), event_id.to_string()))
        .collect()
}

pub(crate) fn with_token<T>(message: T, token: &str) -> Request<T> {
    let mut request = Request::new(message);
    request.metadata_mut().insert("authorization", format!("Bearer {token}").parse().unwrap());
    request
}

fn to_proto(recipient: &Recipient) -> proto::Recipient {
    use proto::recipient::Recipient as OneOf;
    let recipient = match recipient {
        Recipient::Representative(code) => OneOf::RepresentativeCode(code.to_string()),
        Recipient::Unit(code) => OneOf::UnitCode(code.to_string()),
    };
    proto::Recipient { recipient: Some(recipient) }
}
