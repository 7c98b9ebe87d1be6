//! Pages of cases in the order of their deadlines, by office, department or subtree.
//!
//! Each list is one ordered range of one index, or two of them merged, from where the last page ended; so a page costs
//! the same wherever it is.

use huying_platform::{
    codes::{RegionCode, Tier},
    ids::CaseId,
};
use jiff::Timestamp;
use jiff_sqlx::ToSqlx as _;
use sqlx::{PgPool, Postgres, QueryBuilder};

use super::rows::{COLUMNS, Stored, read, to_smallint};
use crate::domain::case::State;

/// The index a list goes along.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Along {
    /// All cases.
    Everything,
    /// Cases an office holds.
    HeldBy(String),
    /// Cases a department is responsible for.
    ResponsibilityOf(String),
    /// Cases that were assigned to a department last, whether it still has them or not.
    AssignedTo(String),
    /// Cases in the subtree of a region.
    Within(RegionCode),
}

/// Where a page ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    /// Deadline of its last case; None when that was closed.
    pub due_at: Option<Timestamp>,
    /// Its last case.
    pub case_id: CaseId,
}

/// What a page shows.
#[derive(Debug, Clone)]
pub struct Page {
    /// Where its cases come from; a case in two of them is shown once.
    pub ranges: Vec<Along>,
    /// Only cases in these states.
    pub states: Vec<State>,
    /// Only cases in the subtree of this region.
    pub within: Option<RegionCode>,
    /// Only those whose deadline had passed by then.
    pub overdue_at: Option<Timestamp>,
    /// Only what comes after this.
    pub after: Option<Position>,
    /// How many at most.
    pub limit: i64,
}

/// Reads a page, by deadline and case id; closed cases come last.
///
/// # Errors
/// When the statement fails or a row cannot be read.
pub async fn read_page(pool: &PgPool, page: &Page) -> sqlx::Result<Vec<Stored>> {
    let rows = statement("", page).build().fetch_all(pool).await?;
    rows.iter().map(read).collect()
}

/// How PostgreSQL would read a page, one line a step: what shows that no list goes through the whole table.
///
/// # Errors
/// When the statement fails.
pub async fn explain_page(pool: &PgPool, page: &Page) -> sqlx::Result<Vec<String>> {
    statement("EXPLAIN ", page).build_query_scalar().fetch_all(pool).await
}

/// The first cases of all ranges together are among the first of each.
fn statement(verb: &str, page: &Page) -> QueryBuilder<Postgres> {
    let mut query = QueryBuilder::new(format!("{verb}SELECT DISTINCT ON (sort_key, case_id) * FROM ("));
    for (number, along) in page.ranges.iter().enumerate() {
        query.push(if number == 0 { "(" } else { " UNION ALL (" });
        push_range(&mut query, page, along);
        query.push(")");
    }
    query.push(") AS merged ORDER BY sort_key, case_id LIMIT ").push_bind(page.limit);
    query
}

/// One ordered range of one index.
fn push_range(query: &mut QueryBuilder<Postgres>, page: &Page, along: &Along) {
    query.push("SELECT ").push(COLUMNS).push(", cases.due_at AS sort_key FROM cases WHERE true");
    match along {
        Along::Everything => {}
        Along::HeldBy(office) => {
            query.push(" AND holder_office = ").push_bind(office.clone());
        }
        Along::ResponsibilityOf(department) => {
            query.push(" AND department = ").push_bind(department.clone());
            query.push(" AND responsible_unit = department");
        }
        Along::AssignedTo(department) => {
            query.push(" AND department = ").push_bind(department.clone());
        }
        Along::Within(region) => push_subtree(query, region),
    }
    if let Some(region) = &page.within {
        push_subtree(query, region);
    }
    if !page.states.contains(&State::Closed) {
        // Ends the range before the closed cases, which are many and all at the end.
        query.push(" AND cases.due_at < 'infinity'");
    }
    // Left out where the deadline says it already: the planner would multiply the two and expect next to nothing.
    if !State::OPEN.iter().all(|state| page.states.contains(state)) {
        let states: Vec<i16> = page.states.iter().map(|state| to_smallint(state.to_proto().into())).collect();
        query.push(" AND state = ANY(").push_bind(states).push(")");
    }
    if let Some(now) = page.overdue_at {
        query.push(" AND (overdue OR cases.due_at <= ").push_bind(now.to_sqlx()).push(")");
    }
    if let Some(after) = page.after {
        let due_at = after.due_at.map_or_else(|| "infinity".to_owned(), |due_at| due_at.to_string());
        query.push(" AND (cases.due_at, case_id) > (").push_bind(due_at).push("::text::timestamptz, ");
        query.push_bind(after.case_id).push(")");
    }
    query.push(" ORDER BY cases.due_at, case_id LIMIT ").push_bind(page.limit);
}

fn push_subtree(query: &mut QueryBuilder<Postgres>, region: &RegionCode) {
    query.push(" AND ").push(column_of(region.tier())).push(" = ").push_bind(region.to_string());
}

const fn column_of(tier: Tier) -> &'static str {
    match tier {
        Tier::Municipal => "municipal",
        Tier::District => "district",
        Tier::Township => "township",
    }
}
