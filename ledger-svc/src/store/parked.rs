//! Events that wait for their predecessors.

use huying_platform::ids::CaseId;
use huying_proto::events::v1::Event;
use prost::Message as _;
use sqlx::{PgConnection, Row as _};

use super::signed;
use crate::domain::event::CaseEvent;

/// What waits of these cases. What cannot be read counts as not there, and what comes in its place replaces it.
pub async fn load(connection: &mut PgConnection, case_ids: &[CaseId]) -> sqlx::Result<Vec<CaseEvent>> {
    let rows = sqlx::query("SELECT event FROM parked_events WHERE case_id = ANY($1)")
        .bind(CaseId::as_uuids(case_ids))
        .fetch_all(connection)
        .await?;
    let mut events = Vec::with_capacity(rows.len());
    for row in &rows {
        let event =
            Event::decode(row.try_get::<&[u8], _>(0)?).ok().and_then(|event| CaseEvent::parse(event).ok());
        match event {
            Some(event) => events.push(event),
            None => tracing::error!("an event that waits for its predecessors cannot be read"),
        }
    }
    Ok(events)
}

/// Keeps events.
pub async fn park(connection: &mut PgConnection, events: &[&CaseEvent]) -> sqlx::Result<()> {
    let case_ids: Vec<_> = events.iter().map(|event| event.case_id.as_uuid()).collect();
    let versions: Vec<_> = events.iter().map(|event| signed(event.version)).collect();
    let encoded: Vec<_> = events.iter().map(|event| event.to_proto().encode_to_vec()).collect();
    sqlx::query(
        "INSERT INTO parked_events (case_id, case_version, event) \
         SELECT case_id, case_version, event \
         FROM unnest($1::uuid[], $2::bigint[], $3::bytea[]) AS p (case_id, case_version, event) \
         ON CONFLICT (case_id, case_version) DO UPDATE SET event = excluded.event",
    )
    .bind(&case_ids)
    .bind(&versions)
    .bind(&encoded)
    .execute(connection)
    .await?;
    Ok(())
}

/// Forgets events that have been appended.
pub async fn unpark(connection: &mut PgConnection, events: &[(CaseId, u64)]) -> sqlx::Result<()> {
    let case_ids: Vec<_> = events.iter().map(|(case_id, _)| case_id.as_uuid()).collect();
    let versions: Vec<_> = events.iter().map(|(_, version)| signed(*version)).collect();
    sqlx::query(
        "DELETE FROM parked_events USING unnest($1::uuid[], $2::bigint[]) AS gone (case_id, case_version) \
         WHERE parked_events.case_id = gone.case_id AND parked_events.case_version = gone.case_version",
    )
    .bind(&case_ids)
    .bind(&versions)
    .execute(connection)
    .await?;
    Ok(())
}

/// Events that are counted at most.
const COUNTED_MAX: i64 = 10_000;

/// How many events wait; [`COUNTED_MAX`] also when there are more.
pub async fn count(connection: &mut PgConnection) -> sqlx::Result<i64> {
    sqlx::query_scalar("SELECT count(*) FROM (SELECT FROM parked_events LIMIT $1) AS some")
        .bind(COUNTED_MAX)
        .fetch_one(connection)
        .await
}
