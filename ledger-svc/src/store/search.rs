//! What the search finds: a row a case, drawn from its public texts, and how far that has come.

use std::collections::HashMap;

use huying_platform::ids::CaseId;
use jiff::Timestamp;
use jiff_sqlx::ToSqlx as _;
use sqlx::{PgConnection, Postgres, QueryBuilder, Row as _, postgres::PgArguments, query::Query};
use uuid::Uuid;

use super::{
    cases::{COUNTED_MAX, LatestPlace, push_filter},
    from_sql, signed, unsigned,
};
use crate::domain::{
    case_filter::CaseFilter,
    search_document::{CaseText, SearchDocument},
    search_query::SearchQuery,
    segmentation::Lookup,
};

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

/// The rows of `case_search AS found` of which the case still shows what it showed when they were drawn. The numbers are
/// those of the contract: publication 1 is public, state 7 is declined. A test holds this against the rule itself,
/// `Account::publicity`. Written as functions because the planner takes them to be true now and then, and equality with
/// what it cannot know to be true next to never.
const STILL_SHOWN: &str = " AND found.case_id = cases.case_id AND int8eq(found.erased_before, cases.erased_before) \
     AND int2eq(found.publicity, CASE WHEN cases.publication <> 1 THEN 0 WHEN cases.state = 7 THEN 2 \
                                      WHEN cases.registered THEN 1 ELSE 0 END::smallint)";

/// How many matches are sorted to find the latest. Of more, the latest are sooner found by looking through the latest
/// cases, even where that takes four times as many.
const SORTED_MAX: u64 = 25_000;

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

/// The texts of cases, shown or not, by version and name: the caller judges which may be.
pub async fn texts(
    connection: &mut PgConnection,
    case_ids: &[CaseId],
) -> sqlx::Result<HashMap<CaseId, Vec<CaseText>>> {
    let rows = sqlx::query(
        "SELECT case_id, case_version, name, text FROM texts WHERE case_id = ANY($1) \
         ORDER BY case_id, case_version, name COLLATE \"C\"",
    )
    .bind(CaseId::as_uuids(case_ids))
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

/// Which part of a list is wanted, in the order in which the latest submission comes first.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Stretch {
    /// Only what is older than this.
    pub after: Option<LatestPlace>,
    /// Only what is not older than this.
    pub until: Option<LatestPlace>,
    /// How many at most.
    pub count_max: u64,
}

/// Who asks of each case whether it still shows what it showed when its row was drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Checking {
    /// [`matches`].
    Here,
    /// The caller does, by [`documents`]. It saves looking at ten thousand cases to count them.
    ByCaller,
}

/// Cases that have all the words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Matches {
    /// How many there are, counted no further than [`COUNTED_MAX`].
    pub total: u64,
    /// Those of the stretch, the latest first.
    pub places: Vec<LatestPlace>,
}

/// The cases that match a filter with a query: how many, and the latest of a stretch. In a transaction, for it sets what
/// the planner cannot know.
///
/// Words that not too many cases have are looked up in the index, and what is found is sorted. Of words that more have, the
/// latest cases with them are soon found by looking through the latest cases.
pub async fn matches(
    connection: &mut PgConnection,
    filter: &CaseFilter,
    query: &SearchQuery,
    stretch: Stretch,
    checking: Checking,
) -> sqlx::Result<Matches> {
    // Unpacking the words of each row, or reading all rows in another order, is what the planner takes for cheap.
    sqlx::query(
        "SELECT set_config('enable_seqscan', 'off', true), set_config('enable_mergejoin', 'off', true), \
                set_config('random_page_cost', '1.1', true), set_config('jit', 'off', true), \
                set_config('max_parallel_workers_per_gather', '0', true)",
    )
    .execute(&mut *connection)
    .await?;
    let filter = (checking == Checking::Here || !filter.is_query_alone()).then_some(filter);
    let sorted_max = if filter.is_some() { COUNTED_MAX } else { SORTED_MAX };
    let Matches { total, mut places } = look_up(connection, filter, query, stretch, sorted_max).await?;
    if total == sorted_max && stretch.count_max > 0 {
        places = look_through(connection, filter, query, stretch).await?;
    }
    Ok(Matches { total: total.min(COUNTED_MAX), places })
}

/// Without a filter the cases themselves are not looked at.
async fn look_up(
    connection: &mut PgConnection,
    filter: Option<&CaseFilter>,
    query: &SearchQuery,
    stretch: Stretch,
    sorted_max: u64,
) -> sqlx::Result<Matches> {
    let mut statement = QueryBuilder::<Postgres>::new(
        "WITH found AS MATERIALIZED (SELECT submitted_at, case_id, publicity, erased_before FROM case_search \
             WHERE words @@ ",
    );
    statement.push_bind(tsquery(query)).push("::tsquery");
    if let Some(filter) = filter {
        statement.push("), matches AS MATERIALIZED (SELECT submitted_at, case_id FROM found");
        statement.push(" WHERE EXISTS (SELECT FROM cases WHERE true").push(STILL_SHOWN);
        push_filter(&mut statement, filter);
        statement.push(")");
    }
    statement.push(" LIMIT ").push_bind(signed(sorted_max));
    let matches = if filter.is_some() { "matches" } else { "found" };
    statement
        .push(
            ") SELECT counted.total, place.submitted_at, place.case_id FROM (SELECT count(*) AS total FROM ",
        )
        .push(matches)
        .push(") AS counted LEFT JOIN (SELECT submitted_at, case_id FROM ")
        .push(matches)
        .push(" WHERE true");
    push_stretch(&mut statement, stretch);
    // Whether the join keeps their order is not promised.
    statement.push(") AS place ON true ORDER BY place.submitted_at DESC, place.case_id DESC");
    // Planned for these words and no others.
    let rows = statement.build().persistent(false).fetch_all(connection).await?;
    let mut matches = Matches { total: 0, places: Vec::with_capacity(rows.len()) };
    for row in &rows {
        matches.total = unsigned(row.try_get("total")?);
        if row.try_get::<Option<Uuid>, _>("case_id")?.is_some() {
            matches.places.push(place(row)?);
        }
    }
    Ok(matches)
}

async fn look_through(
    connection: &mut PgConnection,
    filter: Option<&CaseFilter>,
    query: &SearchQuery,
    stretch: Stretch,
) -> sqlx::Result<Vec<LatestPlace>> {
    sqlx::query("SELECT set_config('enable_hashjoin', 'off', true)").execute(&mut *connection).await?;
    let mut statement = QueryBuilder::<Postgres>::new("SELECT submitted_at, case_id FROM ");
    match filter {
        None => {
            statement.push("case_search WHERE words @@ ").push_bind(tsquery(query)).push("::tsquery");
        }
        Some(filter) => {
            statement.push("cases WHERE true");
            push_filter(&mut statement, filter);
            statement.push(" AND EXISTS (SELECT FROM case_search AS found WHERE true").push(STILL_SHOWN);
            statement.push(" AND found.words @@ ").push_bind(tsquery(query)).push("::tsquery)");
        }
    }
    push_stretch(&mut statement, stretch);
    let rows = statement.build().persistent(false).fetch_all(connection).await?;
    rows.iter().map(place).collect()
}

fn push_stretch(statement: &mut QueryBuilder<Postgres>, stretch: Stretch) {
    for (bound, place) in [(" < (", stretch.after), (" >= (", stretch.until)] {
        if let Some(place) = place {
            statement
                .push(" AND (submitted_at, case_id)")
                .push(bound)
                .push_bind(place.submitted_at.to_sqlx())
                .push(", ")
                .push_bind(place.case_id)
                .push(")");
        }
    }
    statement.push(" ORDER BY submitted_at DESC, case_id DESC LIMIT ").push_bind(signed(stretch.count_max));
}

/// The documents, as [`SearchDocument::joined`], of those of the cases that still show what they showed when these were drawn.
pub async fn documents(
    connection: &mut PgConnection,
    case_ids: &[CaseId],
) -> sqlx::Result<HashMap<CaseId, String>> {
    let rows = QueryBuilder::<Postgres>::new(
        "SELECT found.case_id, found.document FROM case_search AS found, cases WHERE found.case_id = ANY(",
    )
    .push_bind(CaseId::as_uuids(case_ids))
    .push(")")
    .push(STILL_SHOWN)
    .build()
    .fetch_all(connection)
    .await?;
    rows.iter().map(|row| Ok((CaseId::from_uuid(row.try_get(0)?), row.try_get(1)?))).collect()
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

/// The query in PostgreSQL's own form. What is looked up is made of letters and digits alone; it is quoted all the same.
fn tsquery(query: &SearchQuery) -> String {
    let quoted = |lexeme: &str| format!("'{}'", lexeme.replace('\\', "\\\\").replace('\'', "''"));
    let lookups: Vec<String> = query
        .lookups()
        .iter()
        .map(|lookup| match lookup {
            Lookup::Lexeme(lexeme) => quoted(lexeme),
            Lookup::Beginning(beginning) => format!("{}:*", quoted(beginning)),
        })
        .collect();
    lookups.join(" & ")
}

fn place(row: &sqlx::postgres::PgRow) -> sqlx::Result<LatestPlace> {
    Ok(LatestPlace { submitted_at: from_sql(row.try_get("submitted_at")?), case_id: row.try_get("case_id")? })
}
