//! Which cases a query finds: by the words of their rows, and by all else that is asked of them.

use std::collections::HashMap;

use huying_platform::ids::CaseId;
use jiff_sqlx::ToSqlx as _;
use sqlx::{PgConnection, Postgres, QueryBuilder, Row as _};
use uuid::Uuid;

use crate::{
    domain::{case_filter::Conditions, search_query::SearchQuery, segmentation::Lookup},
    store::{
        accounts::COLUMNS,
        cases::{COUNTED_MAX, LatestPlace, Meant, Placed, meant, placed},
        from_sql, signed, unsigned,
    },
};

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
    query: &SearchQuery,
    conditions: Conditions<'_>,
    stretch: Stretch,
    checking: Checking,
) -> sqlx::Result<Matches> {
    tell_planner(connection).await?;
    let meant = match checking == Checking::Here || !conditions.are_none() {
        true => Some(meant(connection, conditions).await?),
        false => None,
    };
    let sorted_max = if meant.is_some() { COUNTED_MAX } else { SORTED_MAX };
    let Matches { total, mut places } =
        look_up(connection, query, meant.as_ref(), stretch, sorted_max).await?;
    if total == sorted_max && stretch.count_max > 0 {
        places = look_through(connection, query, meant.as_ref(), stretch).await?;
    }
    Ok(Matches { total: total.min(COUNTED_MAX), places })
}

/// Those of these cases that match a query and conditions, the latest update first. In a transaction, as [`matches`].
pub async fn matching(
    connection: &mut PgConnection,
    query: &SearchQuery,
    conditions: Conditions<'_>,
    case_ids: &[CaseId],
    count_max: u32,
) -> sqlx::Result<Vec<Placed>> {
    tell_planner(connection).await?;
    let meant = meant(connection, conditions).await?;
    let mut statement = QueryBuilder::<Postgres>::new(
        "WITH found AS MATERIALIZED (SELECT case_id, publicity, erased_before FROM case_search WHERE words @@ ",
    );
    statement
        .push_bind(tsquery(query))
        .push("::tsquery) SELECT ")
        .push(COLUMNS)
        .push(" FROM cases WHERE case_id = ANY(")
        .push_bind(CaseId::as_uuids(case_ids))
        .push(") AND EXISTS (SELECT FROM found WHERE true")
        .push(STILL_SHOWN)
        .push(")");
    meant.push(&mut statement);
    statement.push(" ORDER BY updated_at DESC, case_id DESC LIMIT ").push_bind(i64::from(count_max));
    statement.build().persistent(false).fetch_all(connection).await?.iter().map(placed).collect()
}

/// For the rest of the transaction: unpacking the words of each row, or reading all rows in another order, is what the
/// planner takes for cheap.
async fn tell_planner(connection: &mut PgConnection) -> sqlx::Result<()> {
    sqlx::query(
        "SELECT set_config('enable_seqscan', 'off', true), set_config('enable_mergejoin', 'off', true), \
                set_config('random_page_cost', '1.1', true), set_config('jit', 'off', true), \
                set_config('max_parallel_workers_per_gather', '0', true)",
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Without a filter the cases themselves are not looked at.
async fn look_up(
    connection: &mut PgConnection,
    query: &SearchQuery,
    meant: Option<&Meant<'_>>,
    stretch: Stretch,
    sorted_max: u64,
) -> sqlx::Result<Matches> {
    let mut statement = QueryBuilder::<Postgres>::new(
        "WITH found AS MATERIALIZED (SELECT submitted_at, case_id, publicity, erased_before FROM case_search \
             WHERE words @@ ",
    );
    statement.push_bind(tsquery(query)).push("::tsquery");
    if let Some(meant) = meant {
        statement.push("), matches AS MATERIALIZED (SELECT submitted_at, case_id FROM found");
        statement.push(" WHERE EXISTS (SELECT FROM cases WHERE true").push(STILL_SHOWN);
        meant.push(&mut statement);
        statement.push(")");
    }
    statement.push(" LIMIT ").push_bind(signed(sorted_max));
    let matches = if meant.is_some() { "matches" } else { "found" };
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
    query: &SearchQuery,
    meant: Option<&Meant<'_>>,
    stretch: Stretch,
) -> sqlx::Result<Vec<LatestPlace>> {
    sqlx::query("SELECT set_config('enable_hashjoin', 'off', true)").execute(&mut *connection).await?;
    let mut statement = QueryBuilder::<Postgres>::new("SELECT submitted_at, case_id FROM ");
    match meant {
        None => {
            statement.push("case_search WHERE words @@ ").push_bind(tsquery(query)).push("::tsquery");
        }
        Some(meant) => {
            statement.push("cases WHERE true");
            meant.push(&mut statement);
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
