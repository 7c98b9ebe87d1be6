//! What was given to units and taken from them.
//!
//! A unit's positions are taken from its counter, whose row stays locked until the commit. So they commit in order, and
//! whoever reads past a cursor never misses one that was committed late.

use std::collections::HashMap;

use huying_platform::{codes::UnitCode, ids::CaseId, status::micros};
use huying_proto::routing::v1::Assignment;
use jiff_sqlx::{Timestamp, ToSqlx as _};
use sqlx::{AssertSqlSafe, PgConnection, PgPool, Row as _};
use uuid::Uuid;

use super::rows::{COLUMNS, corrupt, read, to_bigint, to_integer, to_smallint};
use crate::domain::assignments::Given;

/// Appends what decisions gave and took, in order. To be called last before the commit, because units are locked from
/// here on.
///
/// # Errors
/// When the statement fails.
pub async fn append(transaction: &mut PgConnection, given: &[(CaseId, Given)]) -> sqlx::Result<()> {
    if given.is_empty() {
        return Ok(());
    }
    let mut units = Vec::with_capacity(given.len());
    let mut kinds = Vec::with_capacity(given.len());
    let mut case_ids: Vec<Uuid> = Vec::with_capacity(given.len());
    let mut versions = Vec::with_capacity(given.len());
    let mut parts = Vec::with_capacity(given.len());
    let mut times = Vec::with_capacity(given.len());
    let mut deadlines: Vec<Option<Timestamp>> = Vec::with_capacity(given.len());
    for (case_id, one) in given {
        units.push(one.unit.as_str());
        kinds.push(to_smallint(one.kind.to_proto().into()));
        case_ids.push(case_id.as_uuid());
        versions.push(to_bigint(one.version));
        parts.push(to_integer(one.part.unwrap_or(0)));
        times.push(one.occurred_at.to_sqlx());
        deadlines.push(one.deadline_at.map(jiff::Timestamp::to_sqlx));
    }
    // Counters are locked in one order everywhere, so that two transactions wait for each other and never deadlock.
    sqlx::query(
        "WITH given AS ( \
             SELECT * FROM unnest($1::text[], $2::smallint[], $3::uuid[], $4::bigint[], $5::integer[], \
                 $6::timestamptz[], $7::timestamptz[]) WITH ORDINALITY \
                 AS g (unit, kind, case_id, case_version, part_number, occurred_at, deadline_at, n)), \
         counts AS (SELECT unit, count(*) AS new FROM given GROUP BY unit), \
         counters AS ( \
             INSERT INTO assignment_counters AS c (unit, last) SELECT unit, new FROM counts ORDER BY unit \
             ON CONFLICT ON CONSTRAINT assignment_counters_pk DO UPDATE SET last = c.last + excluded.last \
             RETURNING unit, last) \
         INSERT INTO assignments (unit, position, kind, case_id, case_version, part_number, occurred_at, deadline_at) \
         SELECT unit, last - new + row_number() OVER (PARTITION BY unit ORDER BY n), kind, case_id, case_version, \
             part_number, occurred_at, deadline_at \
         FROM given JOIN counts USING (unit) JOIN counters USING (unit)",
    )
    .bind(&units)
    .bind(&kinds)
    .bind(&case_ids)
    .bind(&versions)
    .bind(&parts)
    .bind(&times)
    .bind(&deadlines)
    .execute(transaction)
    .await?;
    Ok(())
}

/// The assignments of a unit after a position, in order, at most `limit`; each with the header that its case has now.
///
/// # Errors
/// When the statement fails or a row cannot be read.
pub async fn page(pool: &PgPool, unit: &UnitCode, after: u64, limit: i64) -> sqlx::Result<Vec<Assignment>> {
    let sql = format!(
        "SELECT position, given_kind, case_version, part_number, occurred_at, deadline_at, {COLUMNS} \
         FROM (SELECT position, kind AS given_kind, case_id, case_version, part_number, occurred_at, deadline_at \
             FROM assignments WHERE unit = $1 AND position > $2 ORDER BY position LIMIT $3) AS a \
         JOIN cases ON cases.case_id = a.case_id ORDER BY position"
    );
    let rows = sqlx::query(AssertSqlSafe(sql))
        .bind(unit.as_str())
        .bind(to_bigint(after))
        .bind(limit)
        .fetch_all(pool)
        .await?;
    rows.iter()
        .map(|row| {
            let stored = read(row)?;
            let deadline_at: Option<Timestamp> = row.try_get("deadline_at")?;
            Ok(Assignment {
                cursor: number(row.try_get("position")?, "a position")?,
                kind: row.try_get::<i16, _>("given_kind")?.into(),
                case_id: stored.case.id.to_string(),
                case_version: number(row.try_get("case_version")?, "case_version")?,
                part_number: u32::try_from(row.try_get::<i32, _>("part_number")?)
                    .map_err(|_| corrupt("part_number"))?,
                occurred_at_us: micros(row.try_get::<Timestamp, _>("occurred_at")?.to_jiff()),
                deadline_at_us: deadline_at.map_or(0, |deadline_at| micros(deadline_at.to_jiff())),
                header: Some(stored.case.header(&stored.header)),
            })
        })
        .collect()
}

/// The last position of each of these units; those that were never given anything are left out.
///
/// # Errors
/// When the statement fails or a row cannot be read.
pub async fn last_positions(pool: &PgPool, units: &[String]) -> sqlx::Result<HashMap<String, u64>> {
    let rows: Vec<(String, i64)> =
        sqlx::query_as("SELECT unit, last FROM assignment_counters WHERE unit = ANY($1)")
            .bind(units)
            .fetch_all(pool)
            .await?;
    rows.into_iter().map(|(unit, last)| Ok((unit, number(last, "a position")?))).collect()
}

fn number(stored: i64, what: &str) -> sqlx::Result<u64> {
    u64::try_from(stored).map_err(|_| corrupt(what))
}
