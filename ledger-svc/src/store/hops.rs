//! How cases went from one unit to another.

use std::collections::BTreeMap;

use huying_platform::ids::CaseId;
use jiff_sqlx::ToSqlx as _;
use sqlx::{PgConnection, Row as _, postgres::PgRow};
use uuid::Uuid;

use super::{corrupt, from_sql, signed, unsigned};
use crate::domain::facts::{Hop, HopKind};

/// Writes hops.
pub async fn save(connection: &mut PgConnection, hops: &BTreeMap<(CaseId, u64), Hop>) -> sqlx::Result<()> {
    let case_ids: Vec<Uuid> = hops.keys().map(|(case_id, _)| CaseId::as_uuid(*case_id)).collect();
    let versions: Vec<i64> = hops.keys().map(|(_, version)| signed(*version)).collect();
    let kinds: Vec<i16> = hops.values().map(|hop| hop.kind as i16).collect();
    let from_units: Vec<&str> = hops.values().map(|hop| hop.from_unit.as_str()).collect();
    let to_units: Vec<&str> = hops.values().map(|hop| hop.to_unit.as_str()).collect();
    let times: Vec<_> = hops.values().map(|hop| hop.at.to_sqlx()).collect();
    sqlx::query(
        "INSERT INTO case_hops (case_id, case_version, kind, from_unit, to_unit, at) \
         SELECT * FROM unnest($1::uuid[], $2::bigint[], $3::smallint[], $4::text[], $5::text[], $6::timestamptz[]) \
         ON CONFLICT (case_id, case_version) DO UPDATE SET \
             kind = excluded.kind, from_unit = excluded.from_unit, to_unit = excluded.to_unit, at = excluded.at",
    )
    .bind(&case_ids)
    .bind(&versions)
    .bind(&kinds)
    .bind(&from_units)
    .bind(&to_units)
    .bind(&times)
    .execute(connection)
    .await?;
    Ok(())
}

/// What is kept of these cases.
pub async fn of_cases(
    connection: &mut PgConnection,
    case_ids: &[CaseId],
) -> sqlx::Result<BTreeMap<(CaseId, u64), Hop>> {
    let rows = sqlx::query(
        "SELECT case_id, case_version, kind, from_unit, to_unit, at FROM case_hops WHERE case_id = ANY($1)",
    )
    .bind(CaseId::as_uuids(case_ids))
    .fetch_all(connection)
    .await?;
    rows.iter()
        .map(|row| Ok(((row.try_get("case_id")?, unsigned(row.try_get("case_version")?)), hop(row)?)))
        .collect()
}

fn hop(row: &PgRow) -> sqlx::Result<Hop> {
    let kind = match row.try_get::<i16, _>("kind")? {
        1 => HopKind::Delegated,
        2 => HopKind::Escalated,
        3 => HopKind::Transferred,
        4 => HopKind::Returned,
        _ => return Err(corrupt("a hop of no kind")),
    };
    let at: jiff_sqlx::Timestamp = row.try_get("at")?;
    Ok(Hop { kind, from_unit: row.try_get("from_unit")?, to_unit: row.try_get("to_unit")?, at: from_sql(at) })
}

/// Forgets what is kept of these cases.
pub async fn forget(connection: &mut PgConnection, case_ids: &[CaseId]) -> sqlx::Result<()> {
    sqlx::query("DELETE FROM case_hops WHERE case_id = ANY($1)")
        .bind(CaseId::as_uuids(case_ids))
        .execute(connection)
        .await?;
    Ok(())
}
