//! When something happens to cases by itself: finding those whose time has come, and what stands in the way.

use huying_platform::ids::CaseId;
use jiff::Timestamp;
use jiff_sqlx::ToSqlx as _;
use sqlx::{AssertSqlSafe, PgConnection, PgPool, Row as _};
use uuid::Uuid;

use super::rows::{COLUMNS, Stored, read};

/// Cases whose alarm has come, locked.
#[derive(Debug, Default)]
pub struct Due {
    /// Those that can be read.
    pub cases: Vec<Stored>,
    /// Those that cannot, with what is wrong.
    pub unreadable: Vec<(CaseId, sqlx::Error)>,
}

/// Loads and locks cases whose alarm has come, the oldest first. Those that another replica has at hand are passed over,
/// so this never waits for anybody.
///
/// # Errors
/// When the statement fails.
pub async fn lock_due(transaction: &mut PgConnection, now: Timestamp, limit: i64) -> sqlx::Result<Due> {
    let sql = due_statement("");
    let rows = sqlx::query(AssertSqlSafe(sql)).bind(now.to_sqlx()).bind(limit).fetch_all(transaction).await?;
    let mut due = Due::default();
    for row in &rows {
        match read(row) {
            Ok(stored) => due.cases.push(stored),
            Err(error) => due.unreadable.push((row.try_get("case_id")?, error)),
        }
    }
    Ok(due)
}

/// How PostgreSQL would find them, one line a step: what shows that it does not go through the whole table.
///
/// # Errors
/// When the statement fails.
pub async fn explain_due(pool: &PgPool, now: Timestamp, limit: i64) -> sqlx::Result<Vec<String>> {
    let sql = due_statement("EXPLAIN ");
    sqlx::query_scalar(AssertSqlSafe(sql)).bind(now.to_sqlx()).bind(limit).fetch_all(pool).await
}

/// When something happens by itself next; None when nothing does.
///
/// # Errors
/// When the statement fails.
pub async fn next(connection: &mut PgConnection) -> sqlx::Result<Option<Timestamp>> {
    let alarm_at: Option<jiff_sqlx::Timestamp> = sqlx::query_scalar(
        "SELECT coalesce(alarm_at, due_at) FROM cases WHERE coalesce(alarm_at, due_at) < 'infinity' \
         ORDER BY coalesce(alarm_at, due_at), case_id LIMIT 1",
    )
    .fetch_optional(connection)
    .await?;
    Ok(alarm_at.map(jiff_sqlx::Timestamp::to_jiff))
}

/// Sets the alarms of cases that were locked before, and nothing else; None is never.
///
/// # Errors
/// When the statement fails.
pub async fn set(transaction: &mut PgConnection, alarms: &[(CaseId, Option<Timestamp>)]) -> sqlx::Result<()> {
    let case_ids: Vec<Uuid> = alarms.iter().map(|(case_id, _)| case_id.as_uuid()).collect();
    let instants: Vec<Option<jiff_sqlx::Timestamp>> =
        alarms.iter().map(|(_, alarm_at)| alarm_at.map(Timestamp::to_sqlx)).collect();
    sqlx::query(
        "UPDATE cases SET alarm_at = coalesce(a.alarm_at, 'infinity') \
         FROM unnest($1::uuid[], $2::timestamptz[]) AS a (case_id, alarm_at) WHERE cases.case_id = a.case_id",
    )
    .bind(&case_ids)
    .bind(&instants)
    .execute(transaction)
    .await?;
    Ok(())
}

/// How many events wait for the broker, counted up to `limit`.
///
/// # Errors
/// When the statement fails.
pub async fn count_waiting_events(connection: &mut PgConnection, limit: i64) -> sqlx::Result<i64> {
    sqlx::query_scalar("SELECT count(*) FROM (SELECT FROM outbox_pending LIMIT $1) AS waiting")
        .bind(limit)
        .fetch_one(connection)
        .await
}

/// How many open cases nobody is responsible for or have no deadline. Anything but 0 is a defect.
///
/// # Errors
/// When the statement fails.
pub async fn count_standing_still(pool: &PgPool) -> sqlx::Result<i64> {
    sqlx::query_scalar(
        "SELECT count(*) FROM cases WHERE state < 6 AND (due_at = 'infinity' OR responsible_unit IS NULL)",
    )
    .fetch_one(pool)
    .await
}

fn due_statement(verb: &str) -> String {
    format!(
        "{verb}SELECT {COLUMNS} FROM cases WHERE coalesce(alarm_at, cases.due_at) <= $1 \
         ORDER BY coalesce(alarm_at, cases.due_at), case_id LIMIT $2 FOR UPDATE SKIP LOCKED"
    )
}
