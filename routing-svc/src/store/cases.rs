//! The table of cases: inserting new ones, locking, updating, and finding one.

use std::collections::HashSet;

use huying_platform::ids::CaseId;
use huying_proto::events::v1::Picture;
use prost::Message as _;
use sqlx::{AssertSqlSafe, PgConnection, PgPool, Row as _, postgres::PgRow};
use uuid::Uuid;

use super::rows::{COLUMNS, Columns, Pictures, Stored, corrupt, read, to_smallint};
use crate::domain::{case::Case, submission::Submission};

/// A case that is to be inserted.
#[derive(Debug, Clone, Copy)]
pub struct NewCase<'a> {
    /// What came.
    pub submission: &'a Submission,
    /// What was decided.
    pub case: &'a Case,
}

/// One case with what is shown of it alone.
#[derive(Debug, Clone, PartialEq)]
pub struct Whole {
    /// The case.
    pub stored: Stored,
    /// Text with personal data masked; empty when it was erased.
    pub body: String,
    /// The citizen's pictures; none when they were erased.
    pub pictures: Vec<Picture>,
}

/// Inserts cases that are not there yet and returns their ids; a case that is there stays as it is.
///
/// # Errors
/// When the statement fails.
pub async fn insert_new(
    transaction: &mut PgConnection,
    cases: &[NewCase<'_>],
) -> sqlx::Result<HashSet<Uuid>> {
    // In one order everywhere, so that two transactions with the same cases wait for each other and never deadlock.
    let mut ordered: Vec<&NewCase<'_>> = cases.iter().collect();
    ordered.sort_unstable_by_key(|new| new.case.id);
    let mut columns = Columns::default();
    let mut kinds = Vec::with_capacity(cases.len());
    let mut municipals = Vec::with_capacity(cases.len());
    let mut districts = Vec::with_capacity(cases.len());
    let mut townships = Vec::with_capacity(cases.len());
    let mut headers = Vec::with_capacity(cases.len());
    let mut bodies = Vec::with_capacity(cases.len());
    let mut pictures = Vec::with_capacity(cases.len());
    for NewCase { submission, case } in ordered {
        columns.push(case, &submission.header);
        kinds.push(to_smallint(submission.kind.into()));
        municipals.push(submission.path.municipal.as_str());
        districts.push(submission.path.district.as_ref().map(|code| code.as_str()));
        townships.push(submission.path.township.as_ref().map(|code| code.as_str()));
        headers.push(submission.header.encode_to_vec());
        bodies.push(submission.body.as_str());
        let shown = &submission.pictures;
        pictures.push((!shown.is_empty()).then(|| Pictures { pictures: shown.clone() }.encode_to_vec()));
    }
    let inserted: Vec<Uuid> = sqlx::query_scalar(
        "INSERT INTO cases (case_id, version, kind, municipal, district, township, header, body, pictures, state, \
             holder_office, responsible_unit, department, stage, due_at, alarm_at, overdue, return_count, reply_count, \
             rated_reply, units, updated_at, category, addressee, submitted_at, detail) \
         SELECT case_id, version, kind, municipal, district, township, header, body, pictures, state, \
             holder_office, responsible_unit, department, stage, coalesce(due_at, 'infinity'), \
             coalesce(alarm_at, 'infinity'), overdue, 0, 0, 0, string_to_array(units, ','), updated_at, category, \
             addressee, submitted_at, detail \
         FROM unnest($1::uuid[], $2::bigint[], $3::smallint[], $4::text[], $5::text[], $6::text[], $7::bytea[], \
             $8::text[], $9::bytea[], $10::smallint[], $11::text[], $12::text[], $13::text[], $14::smallint[], \
             $15::timestamptz[], $16::timestamptz[], $17::boolean[], $18::text[], $19::timestamptz[], $20::text[], \
             $21::text[], $22::timestamptz[], $23::bytea[]) \
             AS c (case_id, version, kind, municipal, district, township, header, body, pictures, state, \
             holder_office, responsible_unit, department, stage, due_at, alarm_at, overdue, units, updated_at, \
             category, addressee, submitted_at, detail) \
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
    .bind(&pictures)
    .bind(&columns.states)
    .bind(&columns.holders)
    .bind(&columns.responsible)
    .bind(&columns.departments)
    .bind(&columns.stages)
    .bind(&columns.due)
    .bind(&columns.alarms)
    .bind(&columns.overdue)
    .bind(&columns.units)
    .bind(&columns.updated)
    .bind(&columns.categories)
    .bind(&columns.addressees)
    .bind(&columns.submitted)
    .bind(&columns.details)
    .fetch_all(transaction)
    .await?;
    Ok(inserted.into_iter().collect())
}

/// Loads cases and keeps them from being changed by others until the transaction ends. Unknown ones are left out.
///
/// # Errors
/// When the statement fails or a row cannot be read.
pub async fn lock(transaction: &mut PgConnection, case_ids: &[CaseId]) -> sqlx::Result<Vec<Stored>> {
    // In one order everywhere: the rows are locked as they come out of the sort.
    let sql = format!("SELECT {COLUMNS} FROM cases WHERE case_id = ANY($1) ORDER BY case_id FOR UPDATE");
    let rows =
        sqlx::query(AssertSqlSafe(sql)).bind(CaseId::as_uuids(case_ids)).fetch_all(transaction).await?;
    rows.iter().map(read).collect()
}

/// Writes cases that were locked before.
///
/// # Errors
/// When the statement fails.
pub async fn update(transaction: &mut PgConnection, cases: &[&Stored]) -> sqlx::Result<()> {
    let mut columns = Columns::default();
    for stored in cases {
        columns.push(&stored.case, &stored.header);
    }
    sqlx::query(
        "UPDATE cases SET version = c.version, state = c.state, holder_office = c.holder_office, \
             responsible_unit = c.responsible_unit, department = c.department, stage = c.stage, \
             due_at = coalesce(c.due_at, 'infinity'), alarm_at = coalesce(c.alarm_at, 'infinity'), overdue = c.overdue, \
             return_count = c.return_count, reply_count = c.reply_count, rated_reply = c.rated_reply, \
             units = string_to_array(c.units, ','), updated_at = c.updated_at, category = c.category, \
             addressee = c.addressee, submitted_at = c.submitted_at, merged_into = c.merged_into, detail = c.detail \
         FROM unnest($1::uuid[], $2::bigint[], $3::smallint[], $4::text[], $5::text[], $6::text[], $7::smallint[], \
             $8::timestamptz[], $9::timestamptz[], $10::boolean[], $11::integer[], $12::integer[], $13::integer[], \
             $14::text[], $15::timestamptz[], $16::text[], $17::text[], $18::timestamptz[], $19::uuid[], $20::bytea[]) \
             AS c (case_id, version, state, holder_office, responsible_unit, department, stage, due_at, alarm_at, \
             overdue, return_count, reply_count, rated_reply, units, updated_at, category, addressee, submitted_at, \
             merged_into, detail) \
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
    .bind(&columns.alarms)
    .bind(&columns.overdue)
    .bind(&columns.returns)
    .bind(&columns.replies)
    .bind(&columns.rated)
    .bind(&columns.units)
    .bind(&columns.updated)
    .bind(&columns.categories)
    .bind(&columns.addressees)
    .bind(&columns.submitted)
    .bind(&columns.merged_into)
    .bind(&columns.details)
    .execute(transaction)
    .await?;
    Ok(())
}

/// Removes the texts and pictures of cases whose private part was erased: they are masked, but say what the citizen
/// wrote.
///
/// # Errors
/// When the statement fails.
pub async fn erase_texts(transaction: &mut PgConnection, case_ids: &[CaseId]) -> sqlx::Result<()> {
    sqlx::query("UPDATE cases SET body = '', pictures = NULL WHERE case_id = ANY($1)")
        .bind(CaseId::as_uuids(case_ids))
        .execute(transaction)
        .await?;
    Ok(())
}

/// One case with its text and pictures; None when it is unknown.
///
/// # Errors
/// When the statement fails or the row cannot be read.
pub async fn find(pool: &PgPool, case_id: CaseId) -> sqlx::Result<Option<Whole>> {
    let sql = format!("SELECT {COLUMNS}, body, pictures FROM cases WHERE case_id = $1");
    let row = sqlx::query(AssertSqlSafe(sql)).bind(case_id).fetch_optional(pool).await?;
    row.map(|row| {
        Ok(Whole { stored: read(&row)?, body: row.try_get("body")?, pictures: read_pictures(&row)? })
    })
    .transpose()
}

fn read_pictures(row: &PgRow) -> sqlx::Result<Vec<Picture>> {
    let encoded: Option<&[u8]> = row.try_get("pictures")?;
    let Some(encoded) = encoded else { return Ok(Vec::new()) };
    let message = Pictures::decode(encoded).map_err(|_| corrupt("pictures"))?;
    Ok(message.pictures)
}
