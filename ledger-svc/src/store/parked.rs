//! Events that wait for their predecessors.

use huying_platform::ids::CaseId;
use huying_proto::events::v1::Event;
use prost::Message as _;
use sqlx::{PgConnection, Row as _};

use super::{corrupt, signed};
use crate::domain::event::CaseEvent;

/// What waits of these cases.
pub async fn load(connection: &mut PgConnection, case_ids: &[CaseId]) -> sqlx::Result<Vec<CaseEvent>> {
    let rows = sqlx::query("SELECT event FROM parked_events WHERE case_id = ANY($1)")
        .bind(CaseId::as_uuids(case_ids))
        .fetch_all(connection)
        .await?;
    rows.iter()
        .map(|row| {
            let event = Event::decode(row.try_get::<&[u8], _>(0)?)
                .map_err(|error| sqlx::Error::Decode(error.into()))?;
            CaseEvent::parse(event).map_err(|_| corrupt("a parked event that was never valid"))
        })
        .collect()
}

/// Keeps events.
pub async fn park(connection: &mut PgConnection, events: &[CaseEvent]) -> sqlx::Result<()> {
    let case_ids: Vec<_> = events.iter().map(|event| event.case_id.as_uuid()).collect();
    let versions: Vec<_> = events.iter().map(|event| signed(event.version)).collect();
    let encoded: Vec<_> = events.iter().map(|event| event.to_proto().encode_to_vec()).collect();
    sqlx::query(
        "INSERT INTO parked_events (case_id, case_version, event) \
         SELECT case_id, case_version, event \
         FROM unnest($1::uuid[], $2::bigint[], $3::bytea[]) AS p (case_id, case_version, event) \
         ON CONFLICT DO NOTHING",
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

/// How many events wait.
pub async fn count(connection: &mut PgConnection) -> sqlx::Result<i64> {
    sqlx::query_scalar("SELECT count(*) FROM parked_events").fetch_one(connection).await
}
