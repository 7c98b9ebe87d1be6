//! Many cases at once, for what only shows with many.
//!
//! They go to routing-svc the way every case does, as `CaseSubmitted` events on the stream, but from its own outbox, so
//! that neither intake-svc nor a citizen for each is needed. The relay publishes them in batches.

use huying_platform::{
    ids::{CaseId, EventId},
    outbox::{Outbox, OutgoingEvent},
    status::{micros, timestamp_to_proto},
};
use huying_proto::events::v1::{
    Actor, ActorRole, Addressee, CaseHeader, CaseKind, CaseSubmitted, Event, Publication, RegionPath,
    addressee::To, event::Body,
};
use jiff::Timestamp;
use sqlx::{ConnectOptions as _, Connection as _};

use crate::{installation::Installation, until};

/// Cases that one transaction submits.
const BATCH: usize = 1_000;

/// Version 1 of a case at a place, by a citizen who wrote to a representative.
#[must_use]
pub fn submitted(region: RegionPath, representative: &str, category: &str, title: &str) -> Event {
    let now = Timestamp::now();
    Event {
        event_id: EventId::new_v7().to_string(),
        case_id: CaseId::new_v7().to_string(),
        case_version: 1,
        occurred_at: Some(timestamp_to_proto(now)),
        header: Some(CaseHeader {
            kind: CaseKind::Message.into(),
            region: Some(region),
            addressee: Some(Addressee { to: Some(To::RepresentativeCode(representative.to_owned())) }),
            title: title.to_owned(),
            category: category.to_owned(),
            publication: Publication::Public.into(),
            submitted_at_us: micros(now),
            representative_codes: vec![representative.to_owned()],
        }),
        actor: Some(Actor { role: ActorRole::Citizen.into(), code: String::new() }),
        standing: None,
        body: Some(Body::CaseSubmitted(CaseSubmitted {
            body: "路灯坏了三天，晚上接孩子看不清路。".to_owned(),
            ..CaseSubmitted::default()
        })),
    }
}

/// Submits `count` cases that `make` makes, and waits until routing-svc has taken all of them up. Returns how many cases it
/// has now.
pub async fn submit(installation: &Installation, count: usize, make: impl Fn(usize) -> Event) -> i64 {
    let mut routing = installation.database_options("routing").connect().await.unwrap();
    let before: i64 = sqlx::query_scalar("SELECT count(*) FROM cases").fetch_one(&mut routing).await.unwrap();
    let outbox = Outbox::default();
    let mut made = 0;
    while made < count {
        let batch: Vec<_> =
            (made..count.min(made + BATCH)).map(|n| OutgoingEvent::case(&make(n), None)).collect();
        made += batch.len();
        let mut transaction = routing.begin().await.unwrap();
        outbox.append(&mut transaction, &batch).await.unwrap();
        transaction.commit().await.unwrap();
    }
    let expected = before + i64::try_from(count).unwrap();
    let connection = tokio::sync::Mutex::new(routing);
    until("all cases are taken up", async || {
        let mut connection = connection.lock().await;
        let now: i64 =
            sqlx::query_scalar("SELECT count(*) FROM cases").fetch_one(&mut *connection).await.unwrap();
        (now >= expected).then_some(now)
    })
    .await
}
