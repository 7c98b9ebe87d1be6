//! What the search finds: a row a case, drawn from its public texts, and how far that has come.

use std::collections::HashMap;

use huying_platform::ids::CaseId;
use jiff::Timestamp;
use jiff_sqlx::ToSqlx as _;
use sqlx::{PgConnection, Postgres, Row as _, postgres::PgArguments, query::Query};
use uuid::Uuid;

use super::{signed, unsigned};
use crate::domain::{
    leaf::PICTURE_NAME,
    search_document::{CaseText, SearchDocument},
};

mod finding;

pub use finding::{Checking, Matches, Stretch, documents, matches, matching};

/// How far the leaves have been followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cursor {
    /// Format of the rows.
    pub format: i32,
    /// The first leaf that has not been followed.
    pub next_leaf: u64,
}

/// A row as it is to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SearchRow {
    /// The case.
    pub case_id: CaseId,
    /// When it was submitted.
    pub submitted_at: Timestamp,
    /// What of it is public, as [`crate::domain::search_document::publicity_number`] says.
    pub publicity: u8,
    /// Version of its latest erasure.
    pub erased_before: u64,
    /// What it was drawn from, in short.
    pub drawn_from: [u8; 32],
    /// What is ranked.
    pub document: SearchDocument,
    /// What it is found by: lexemes, separated by spaces.
    pub lexemes: String,
}

/// What a row says of itself: a [`SearchRow`] without what is found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EntryHead {
    /// The case.
    pub case_id: CaseId,
    /// When it was submitted.
    pub submitted_at: Timestamp,
    /// What of it is public.
    pub publicity: u8,
    /// Version of its latest erasure.
    pub erased_before: u64,
    /// What it was drawn from, in short.
    pub drawn_from: [u8; 32],
}

/// A row beside what it should say of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Entry {
    /// There is none.
    Missing,
    /// It says that.
    AsItShould,
    /// It says something else.
    Otherwise,
}

/// Locks the cursor until the end of the transaction; `None` when another transaction has it.
pub async fn try_lock_cursor(connection: &mut PgConnection) -> sqlx::Result<Option<Cursor>> {
    let row = sqlx::query("SELECT format, next_leaf FROM search_cursor FOR UPDATE SKIP LOCKED")
        .fetch_optional(connection)
        .await?;
    row.map(|row| Ok(Cursor { format: row.try_get(0)?, next_leaf: unsigned(row.try_get(1)?) })).transpose()
}

/// The same, when its turn has come.
pub async fn lock_cursor(connection: &mut PgConnection) -> sqlx::Result<Cursor> {
    let row =
        sqlx::query("SELECT format, next_leaf FROM search_cursor FOR UPDATE").fetch_one(connection).await?;
    Ok(Cursor { format: row.try_get(0)?, next_leaf: unsigned(row.try_get(1)?) })
}

/// Notes how far the leaves have been followed.
pub async fn set_cursor(connection: &mut PgConnection, cursor: Cursor) -> sqlx::Result<()> {
    sqlx::query("UPDATE search_cursor SET format = $1, next_leaf = $2")
        .bind(cursor.format)
        .bind(signed(cursor.next_leaf))
        .execute(connection)
        .await?;
    Ok(())
}

/// How far the leaves have been followed, and whether the row of a case is there and says of itself what it should say:
/// everything but its document and words.
pub async fn entry_says(connection: &mut PgConnection, head: &EntryHead) -> sqlx::Result<(Cursor, Entry)> {
    let row = sqlx::query(
        "SELECT format, next_leaf, kept.case_id IS NOT NULL, \
                kept.submitted_at = $2 AND kept.publicity = $3 AND kept.erased_before = $4 AND kept.drawn_from = $5 \
         FROM search_cursor LEFT JOIN case_search AS kept ON kept.case_id = $1",
    )
    .bind(head.case_id)
    .bind(head.submitted_at.to_sqlx())
    .bind(i16::from(head.publicity))
    .bind(signed(head.erased_before))
    .bind(&head.drawn_from[..])
    .fetch_one(connection)
    .await?;
    let cursor = Cursor { format: row.try_get(0)?, next_leaf: unsigned(row.try_get(1)?) };
    let entry = match (row.try_get(2)?, row.try_get::<Option<bool>, _>(3)?) {
        (false, _) => Entry::Missing,
        (true, Some(true)) => Entry::AsItShould,
        (true, Some(false) | None) => Entry::Otherwise,
    };
    Ok((cursor, entry))
}

/// Leaves that have been followed: the search stays as it is until this changes.
pub async fn next_leaf(connection: &mut PgConnection) -> sqlx::Result<u64> {
    sqlx::query_scalar("SELECT next_leaf FROM search_cursor").fetch_one(connection).await.map(unsigned)
}

/// Leaves that have not been followed.
pub async fn leaves_behind(connection: &mut PgConnection) -> sqlx::Result<u64> {
    sqlx::query_scalar("SELECT tree_size - next_leaf FROM log_state, search_cursor")
        .fetch_one(connection)
        .await
        .map(unsigned)
}

/// The cases of leaves from `first` on and before `end`, each once.
pub async fn cases_of_leaves(
    connection: &mut PgConnection,
    first: u64,
    end: u64,
) -> sqlx::Result<Vec<CaseId>> {
    let case_ids: Vec<Uuid> = sqlx::query_scalar(
        "SELECT DISTINCT case_id FROM leaves WHERE leaf_index >= $1 AND leaf_index < $2 ORDER BY case_id",
    )
    .bind(signed(first))
    .bind(signed(end))
    .fetch_all(connection)
    .await?;
    Ok(case_ids.into_iter().map(CaseId::from_uuid).collect())
}

/// Those of the cases that have leaves at or after this one.
pub async fn cases_with_leaves_from(
    connection: &mut PgConnection,
    case_ids: &[CaseId],
    first: u64,
) -> sqlx::Result<Vec<CaseId>> {
    let case_ids: Vec<Uuid> = sqlx::query_scalar(
        "SELECT DISTINCT case_id FROM leaves WHERE case_id = ANY($1) AND leaf_index >= $2",
    )
    .bind(CaseId::as_uuids(case_ids))
    .bind(signed(first))
    .fetch_all(connection)
    .await?;
    Ok(case_ids.into_iter().map(CaseId::from_uuid).collect())
}

/// The texts of cases, shown or not, by version and name: the caller judges which may be. All of the submission, and of
/// what was said later the latest, as long as what comes after it has fewer bytes than these. Ids of pictures are none.
pub async fn texts(
    connection: &mut PgConnection,
    case_ids: &[CaseId],
    later_max_bytes: usize,
) -> sqlx::Result<HashMap<CaseId, Vec<CaseText>>> {
    // How long a text is can be told without reading it.
    let rows = sqlx::query(
        "SELECT case_id, case_version, name, text FROM ( \
             SELECT case_id, case_version, name, text, octet_length(text) AS size, \
                    sum(octet_length(text)) OVER (PARTITION BY case_id \
                        ORDER BY case_version DESC, name COLLATE \"C\") AS size_from_here \
             FROM texts WHERE case_id = ANY($1) AND NOT starts_with(name, $3)) AS sized \
         WHERE case_version = 1 OR size_from_here - size < $2 \
         ORDER BY case_id, case_version, name COLLATE \"C\"",
    )
    .bind(CaseId::as_uuids(case_ids))
    .bind(signed(later_max_bytes as u64))
    .bind(PICTURE_NAME)
    .fetch_all(connection)
    .await?;
    let mut texts: HashMap<CaseId, Vec<CaseText>> = HashMap::new();
    for row in rows {
        texts.entry(CaseId::from_uuid(row.try_get(0)?)).or_default().push(CaseText {
            case_version: unsigned(row.try_get(1)?),
            name: row.try_get(2)?,
            text: row.try_get(3)?,
        });
    }
    Ok(texts)
}

/// What the rows of cases were drawn from, of those that have one.
pub async fn drawn_from(
    connection: &mut PgConnection,
    case_ids: &[CaseId],
) -> sqlx::Result<HashMap<CaseId, Vec<u8>>> {
    let rows: Vec<(Uuid, Vec<u8>)> =
        sqlx::query_as("SELECT case_id, drawn_from FROM case_search WHERE case_id = ANY($1)")
            .bind(CaseId::as_uuids(case_ids))
            .fetch_all(connection)
            .await?;
    Ok(rows.into_iter().map(|(case_id, digest)| (CaseId::from_uuid(case_id), digest)).collect())
}

/// Writes rows, and has the index take them up at once.
pub async fn save(connection: &mut PgConnection, rows: &[SearchRow]) -> sqlx::Result<()> {
    let columns = Columns::of(rows);
    let statement = columns.bound(
        "INSERT INTO case_search (case_id, submitted_at, publicity, erased_before, drawn_from, document, words) \
         SELECT case_id, submitted_at, publicity, erased_before, drawn_from, document, \
                array_to_tsvector(string_to_array(lexemes, ' ')) \
         FROM unnest($1::uuid[], $2::timestamptz[], $3::smallint[], $4::bigint[], $5::bytea[], $6::text[], $7::text[]) \
              AS r (case_id, submitted_at, publicity, erased_before, drawn_from, document, lexemes) \
         ON CONFLICT (case_id) DO UPDATE SET \
             submitted_at = excluded.submitted_at, publicity = excluded.publicity, \
             erased_before = excluded.erased_before, drawn_from = excluded.drawn_from, \
             document = excluded.document, words = excluded.words",
    );
    statement.execute(&mut *connection).await?;
    sqlx::query("SELECT gin_clean_pending_list('case_search_words'::regclass)").execute(connection).await?;
    Ok(())
}

/// Takes cases out of the search.
pub async fn remove(connection: &mut PgConnection, case_ids: &[CaseId]) -> sqlx::Result<()> {
    sqlx::query("DELETE FROM case_search WHERE case_id = ANY($1)")
        .bind(CaseId::as_uuids(case_ids))
        .execute(connection)
        .await?;
    Ok(())
}

/// Those of these rows that the table has exactly so.
pub async fn same(connection: &mut PgConnection, rows: &[SearchRow]) -> sqlx::Result<Vec<CaseId>> {
    let columns = Columns::of(rows);
    let same: Vec<Uuid> = columns
        .bound(
            "SELECT r.case_id \
             FROM unnest($1::uuid[], $2::timestamptz[], $3::smallint[], $4::bigint[], $5::bytea[], $6::text[], $7::text[]) \
                  AS r (case_id, submitted_at, publicity, erased_before, drawn_from, document, lexemes) \
             JOIN case_search AS kept USING (case_id) \
             WHERE kept.submitted_at = r.submitted_at AND kept.publicity = r.publicity \
               AND kept.erased_before = r.erased_before AND kept.drawn_from = r.drawn_from \
               AND kept.document = r.document AND kept.words = array_to_tsvector(string_to_array(r.lexemes, ' '))",
        )
        .fetch_all(connection)
        .await?
        .iter()
        .map(|row| row.try_get(0))
        .collect::<sqlx::Result<_>>()?;
    Ok(same.into_iter().map(CaseId::from_uuid).collect())
}

/// Rows column by column, as they are handed to PostgreSQL.
struct Columns<'a> {
    case_ids: Vec<Uuid>,
    submitted_at: Vec<jiff_sqlx::Timestamp>,
    publicity: Vec<i16>,
    erased_before: Vec<i64>,
    drawn_from: Vec<&'a [u8]>,
    documents: Vec<String>,
    lexemes: Vec<&'a str>,
}

impl<'a> Columns<'a> {
    fn of(rows: &'a [SearchRow]) -> Self {
        Self {
            case_ids: rows.iter().map(|row| row.case_id.as_uuid()).collect(),
            submitted_at: rows.iter().map(|row| row.submitted_at.to_sqlx()).collect(),
            publicity: rows.iter().map(|row| i16::from(row.publicity)).collect(),
            erased_before: rows.iter().map(|row| signed(row.erased_before)).collect(),
            drawn_from: rows.iter().map(|row| &row.drawn_from[..]).collect(),
            documents: rows.iter().map(|row| row.document.joined()).collect(),
            lexemes: rows.iter().map(|row| row.lexemes.as_str()).collect(),
        }
    }

    /// The statement with the columns as $1 to $7.
    fn bound<'q>(&'q self, statement: &'static str) -> Query<'q, Postgres, PgArguments> {
        sqlx::query(statement)
            .bind(&self.case_ids)
            .bind(&self.submitted_at)
            .bind(&self.publicity)
            .bind(&self.erased_before)
            .bind(&self.drawn_from)
            .bind(&self.documents)
            .bind(&self.lexemes)
    }
}
