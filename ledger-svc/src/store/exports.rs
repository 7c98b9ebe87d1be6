//! What exports read: a page at a time, each from after the last row of the page before.

use std::time::Duration;

use huying_platform::ids::CaseId;
use sqlx::{PgConnection, Postgres, QueryBuilder, Row as _};
use uuid::Uuid;

use super::{
    accounts::COLUMNS,
    cases::{Placed, meant, placed},
    search, signed,
    texts::KeptText,
    unsigned,
};
use crate::domain::case_filter::CaseFilter;

/// How long a statement for an export may take. More than other readers have: a filter that few cases match is a walk
/// through the whole table.
pub const STATEMENT_MAX: Duration = Duration::from_secs(20);

/// Which text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TextKey {
    /// Case it belongs to.
    pub case_id: CaseId,
    /// Version whose leaf commits to it.
    pub case_version: u64,
    /// Its name there.
    pub name: String,
}

/// Begins the view of one page, on a fresh transaction.
pub async fn begin_page(connection: &mut PgConnection) -> sqlx::Result<()> {
    sqlx::query("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        .execute(&mut *connection)
        .await?;
    sqlx::query("SELECT set_config('statement_timeout', $1, true)")
        .bind(STATEMENT_MAX.as_millis().to_string())
        .execute(connection)
        .await?;
    Ok(())
}

/// Keys of the texts behind a case, or behind a text, with the size of each in bytes.
pub async fn text_keys(
    connection: &mut PgConnection,
    after: Option<&TextKey>,
    count_max: u32,
) -> sqlx::Result<Vec<(TextKey, usize)>> {
    let mut query =
        QueryBuilder::<Postgres>::new("SELECT case_id, case_version, name, octet_length(text) FROM texts");
    if let Some(after) = after {
        query
            .push(" WHERE (case_id, case_version, name) > (")
            .push_bind(after.case_id)
            .push(", ")
            .push_bind(signed(after.case_version))
            .push(", ")
            .push_bind(after.name.clone())
            .push(")");
    }
    query.push(" ORDER BY case_id, case_version, name LIMIT ").push_bind(i64::from(count_max));
    let rows = query.build().fetch_all(connection).await?;
    rows.iter()
        .map(|row| {
            let key = TextKey {
                case_id: row.try_get(0)?,
                case_version: unsigned(row.try_get(1)?),
                name: row.try_get(2)?,
            };
            Ok((key, usize::try_from(row.try_get::<i32, _>(3)?).unwrap_or(0)))
        })
        .collect()
}

/// These texts, in the order of their keys.
pub async fn texts(connection: &mut PgConnection, keys: &[TextKey]) -> sqlx::Result<Vec<(CaseId, KeptText)>> {
    let case_ids: Vec<Uuid> = keys.iter().map(|key| key.case_id.as_uuid()).collect();
    let versions: Vec<i64> = keys.iter().map(|key| signed(key.case_version)).collect();
    let names: Vec<&str> = keys.iter().map(|key| key.name.as_str()).collect();
    let rows = sqlx::query(
        "SELECT case_id, case_version, name, text, salt FROM texts \
         JOIN unnest($1::uuid[], $2::bigint[], $3::text[]) AS asked (case_id, case_version, name) \
           USING (case_id, case_version, name) \
         ORDER BY case_id, case_version, name",
    )
    .bind(&case_ids)
    .bind(&versions)
    .bind(&names)
    .fetch_all(connection)
    .await?;
    rows.iter()
        .map(|row| {
            let text = KeptText {
                case_version: unsigned(row.try_get(1)?),
                name: row.try_get(2)?,
                text: row.try_get(3)?,
                salt: row.try_get(4)?,
            };
            Ok((row.try_get(0)?, text))
        })
        .collect()
}

/// Those of these cases that a filter matches, latest update first. With a query, in a transaction ([`search::matching`]).
pub async fn matching(
    connection: &mut PgConnection,
    filter: &CaseFilter,
    case_ids: &[CaseId],
    count_max: u32,
) -> sqlx::Result<Vec<Placed>> {
    let (query, conditions) = filter.split();
    if let Some(query) = query {
        return search::matching(connection, query, conditions, case_ids, count_max).await;
    }
    let meant = meant(connection, conditions).await?;
    let mut statement = QueryBuilder::<Postgres>::new("SELECT ");
    statement
        .push(COLUMNS)
        .push(" FROM cases WHERE case_id = ANY(")
        .push_bind(CaseId::as_uuids(case_ids))
        .push(")");
    meant.push(&mut statement);
    statement.push(" ORDER BY updated_at DESC, case_id DESC LIMIT ").push_bind(i64::from(count_max));
    statement.build().fetch_all(connection).await?.iter().map(placed).collect()
}
