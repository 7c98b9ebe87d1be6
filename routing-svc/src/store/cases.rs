//! The table of cases: inserting new ones, locking, updating, and finding those that are due.

use std::collections::HashSet;

use huying_platform::ids::CaseId;
use jiff::Timestamp;
use jiff_sqlx::ToSqlx as _;
use prost::Message as _;
use sqlx::{AssertSqlSafe, PgConnection, PgPool, Row as _};
use uuid::Uuid;

use super::rows::{COLUMNS, Columns, Stored, read, to_smallint};
use crate::domain::{case::Case, submission::Submission};

/// Inserts cases that are not there yet and returns their ids; a case that is there stays as it is.
///
/// # Errors
/// When the statement fails.
pub async fn insert_new(
    transaction: &mut PgConnection,
    cases: &[(&Submission, &Case)],
) -> sqlx::Result<HashSet<Uuid>> {
    // In one order everywhere, so that two transactions with the same cases wait for each other and never deadlock.
    let mut ordered: Vec<&(&Submission, &Case)> = cases.iter().collect();
    ordered.sort_unstable_by_key(|(_, case)| case.id);
    let mut columns = Columns::default();
    let mut kinds = Vec::with_capacity(cases.len());
    let mut municipals = Vec::with_capacity(cases.len());
    let mut districts = Vec::with_capacity(cases.len());
    let mut townships = Vec::with_capacity(cases.len());
    let mut headers = Vec::with_capacity(cases.len());
    let mut bodies = Vec::with_capacity(cases.len());
    for (submission, case) in ordered {
        columns.push(case);
        kinds.push(to_smallint(submission.kind.into()));
        municipals.push(submission.path.municipal.as_str());
        districts.push(submission.path.district.as_ref().map(|code| code.as_str()));
        townships.push(submission.path.township.as_ref().map(|code| code.as_str()));
        headers.push(submission.header.encode_to_vec());
        bodies.push(submission.body.as_str());
    }
    let inserted: Vec<Uuid> = sqlx::query_scalar(
        "INSERT INTO cases (case_id, version, kind, municipal, district, township, header, body, state, \
             holder_office, responsible_unit, department, stage, due_at, expiries, overdue, return_count, reply_count, \
             rated_reply, units, updated_at) \
         SELECT case_id, version, kind, municipal, district, township, header, body, state, \
             holder_office, responsible_unit, department, stage, coalesce(due_at, 'infinity'), 0, false, 0, 0, \
             0, string_to_array(units, ','), updated_at \
         FROM unnest($1::uuid[], $2::bigint[], $3::smallint[], $4::text[], $5::text[], $6::text[], $7::bytea[], \
             $8::text[], $9::smallint[], $10::text[], $11::text[], $12::text[], $13::smallint[], $14::timestamptz[], \
             $15::text[], $16::timestamptz[]) \
             AS c (case_id, version, kind, municipal, district, township, header, body, state, \
             holder_office, responsible_unit, department, stage, due_at, units, updated_at) \
         ON CONFLICT ON CONSTRAINT cases_pk DO NOTHING RETURNING case_id",
    )
    .bind(&columns.case_ids)
    .bind(&columns.versions)
    .bind(&kinds)
    .bind(&municipals)
    .bind(&districts)
    .bind(&townships)
    .bind(&headers)
    .bind(&bodies)
    .bind(&columns.states)
    .bind(&columns.holders)
    .bind(&columns.responsible)
    .bind(&columns.departments)
    .bind(&columns.stages)
    .bind(&columns.due)
    .bind(&columns.units)
    .bind(&columns.updated)
    .fetch_all(transaction)
    .await?;
    Ok(inserted.into_iter().collect())
}

/// Loads cases and keeps them from being changed by others until the transaction ends. Unknown ones are left out.
///
/// # Errors
/// When the statement fails or a row cannot be read.
pub async fn lock(transaction: &mut PgConnection, case_ids: &[CaseId]) -> sqlx::Result<Vec<Stored>> {
    let sql = format!("SELECT {COLUMNS} FROM cases WHERE case_id = ANY($1) ORDER BY case_id FOR UPDATE");
    let rows =
        sqlx::query(AssertSqlSafe(sql)).bind(CaseId::as_uuids(case_ids)).fetch_all(transaction).await?;
    rows.iter().map(read).collect()
}

/// Loads and locks open cases whose deadline has come, the oldest first. Those that another replica has at hand are
/// passed over.
///
/// # Errors
/// When the statement fails or a row cannot be read.
pub async fn lock_due(
    transaction: &mut PgConnection,
    now: Timestamp,
    limit: i64,
) -> sqlx::Result<Vec<Stored>> {
    let sql = format!(
        "SELECT {COLUMNS} FROM cases WHERE cases.due_at <= $1 ORDER BY cases.due_at, case_id LIMIT $2 \
         FOR UPDATE SKIP LOCKED"
    );
    let rows = sqlx::query(AssertSqlSafe(sql)).bind(now.to_sqlx()).bind(limit).fetch_all(transaction).await?;
    rows.iter().map(read).collect()
}

/// When the next deadline comes; None when no case is open.
///
/// # Errors
/// When the statement fails.
pub async fn next_due(pool: &PgPool) -> sqlx::Result<Option<Timestamp>> {
    let due: Option<jiff_sqlx::Timestamp> = sqlx::query_scalar(
        "SELECT due_at FROM cases WHERE due_at < 'infinity' ORDER BY cases.due_at, case_id LIMIT 1",
    )
    .fetch_optional(pool)
    .await?;
    Ok(due.map(jiff_sqlx::Timestamp::to_jiff))
}

/// Writes cases that were locked before.
///
/// # Errors
/// When the statement fails.
pub async fn update(transaction: &mut PgConnection, cases: &[&Case]) -> sqlx::Result<()> {
    let mut columns = Columns::default();
    for case in cases {
        columns.push(case);
    }
    sqlx::query(
        "UPDATE cases SET version = c.version, state = c.state, holder_office = c.holder_office, \
             responsible_unit = c.responsible_unit, department = c.department, stage = c.stage, \
             due_at = coalesce(c.due_at, 'infinity'), expiries = c.expiries, overdue = c.overdue, \
             return_count = c.return_count, reply_count = c.reply_count, rated_reply = c.rated_reply, \
             units = string_to_array(c.units, ','), updated_at = c.updated_at \
         FROM unnest($1::uuid[], $2::bigint[], $3::smallint[], $4::text[], $5::text[], $6::text[], $7::smallint[], \
             $8::timestamptz[], $9::integer[], $10::boolean[], $11::integer[], $12::integer[], $13::integer[], \
             $14::text[], $15::timestamptz[]) \
             AS c (case_id, version, state, holder_office, responsible_unit, department, stage, due_at, expiries, \
             overdue, return_count, reply_count, rated_reply, units, updated_at) \
         WHERE cases.case_id = c.case_id",
    )
    .bind(&columns.case_ids)
    .bind(&columns.versions)
    .bind(&columns.states)
    .bind(&columns.holders)
    .bind(&columns.responsible)
    .bind(&columns.departments)
    .bind(&columns.stages)
    .bind(&columns.due)
    .bind(&columns.expiries)
    .bind(&columns.overdue)
    .bind(&columns.returns)
    .bind(&columns.replies)
    .bind(&columns.rated)
    .bind(&columns.units)
    .bind(&columns.updated)
    .execute(transaction)
    .await?;
    Ok(())
}

/// Removes the texts of cases whose private part was erased: they are masked, but say what the citizen wrote.
///
/// # Errors
/// When the statement fails.
pub async fn erase_bodies(transaction: &mut PgConnection, case_ids: &[CaseId]) -> sqlx::Result<()> {
    sqlx::query("UPDATE cases SET body = '' WHERE case_id = ANY($1)")
        .bind(CaseId::as_uuids(case_ids))
        .execute(transaction)
        .await?;
    Ok(())
}

/// One case with its text; None when it is unknown.
///
/// # Errors
/// When the statement fails or the row cannot be read.
pub async fn find(pool: &PgPool, case_id: CaseId) -> sqlx::Result<Option<(Stored, String)>> {
    let sql = format!("SELECT {COLUMNS}, body FROM cases WHERE case_id = $1");
    let row = sqlx::query(AssertSqlSafe(sql)).bind(case_id).fetch_optional(pool).await?;
    row.map(|row| Ok((read(&row)?, row.try_get("body")?))).transpose()
}

/// How many open cases nobody is responsible for or have no deadline. Anything but 0 is a defect.
///
/// # Errors
/// When the statement fails.
pub async fn count_standing_still(pool: &PgPool) -> sqlx::Result<i64> {
    sqlx::query_scalar(
        "SELECT count(*) FROM cases WHERE state <> 6 AND (due_at = 'infinity' OR responsible_unit IS NULL)",
    )
    .fetch_one(pool)
    .await
}
