//! Which cases there are, and how many: lists and counts over the accounts.

use huying_platform::{codes::Tier, ids::CaseId};
use huying_proto::events::v1::CaseState;
use jiff::Timestamp;
use jiff_sqlx::ToSqlx as _;
use sqlx::{PgConnection, Postgres, QueryBuilder, Row as _};

use super::{
    accounts::{self, COLUMNS, account, state},
    search::{self, Checking, Stretch},
    signed, unsigned,
};
use crate::domain::{account::Account, case_filter::CaseFilter};

/// The place of a case where the latest submission comes first. A later place is greater.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct LatestPlace {
    /// When it was submitted.
    pub submitted_at: Timestamp,
    /// Which it is, among those of the same moment.
    pub case_id: CaseId,
}

/// How many cases stand alike.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// Office that holds them; empty before routing has decided.
    pub holder_office: String,
    /// Unit that has to act.
    pub responsible_unit: String,
    /// Their state.
    pub state: CaseState,
    /// Overdue or not.
    pub overdue: bool,
    /// The most specific region of the case, for those nobody holds yet; empty otherwise.
    pub region: String,
    /// How many.
    pub cases: u64,
}

/// How far matching cases are counted: one more than anybody is told exactly. Counting all of them would cost every
/// reader a walk through the table.
pub const COUNTED_MAX: u64 = 10_001;

/// Cases, latest submission first, from after a place on, whatever the filter has. With a query, in a transaction
/// ([`search::matches`]).
pub async fn list(
    connection: &mut PgConnection,
    filter: &CaseFilter,
    after: Option<LatestPlace>,
    count_max: u32,
) -> sqlx::Result<Vec<Account>> {
    if let Some(query) = &filter.query {
        let stretch = Stretch { after, until: None, count_max: u64::from(count_max) };
        let matches = search::matches(connection, filter, query, stretch, Checking::Here).await?;
        let case_ids: Vec<CaseId> = matches.places.iter().map(|place| place.case_id).collect();
        let mut accounts = accounts::load(connection, &case_ids).await?;
        return Ok(case_ids.iter().filter_map(|case_id| accounts.remove(case_id)).collect());
    }
    let mut statement = QueryBuilder::<Postgres>::new("SELECT ");
    statement.push(COLUMNS).push(" FROM cases WHERE true");
    push_filter(&mut statement, filter);
    if let Some(place) = after {
        statement
            .push(" AND (submitted_at, case_id) < (")
            .push_bind(place.submitted_at.to_sqlx())
            .push(", ")
            .push_bind(place.case_id)
            .push(")");
    }
    statement.push(" ORDER BY submitted_at DESC, case_id DESC LIMIT ").push_bind(i64::from(count_max));
    statement.build().fetch_all(connection).await?.iter().map(account).collect()
}

/// How many cases a filter matches, counted no further than [`COUNTED_MAX`]. With a query, in a transaction.
pub async fn count(connection: &mut PgConnection, filter: &CaseFilter) -> sqlx::Result<u64> {
    if let Some(query) = &filter.query {
        let matches = search::matches(connection, filter, query, Stretch::default(), Checking::Here).await?;
        return Ok(matches.total);
    }
    let mut statement = QueryBuilder::<Postgres>::new("SELECT count(*) FROM (SELECT 1 FROM cases WHERE true");
    push_filter(&mut statement, filter);
    statement.push(" LIMIT ").push_bind(signed(COUNTED_MAX)).push(") AS counted");
    statement.build_query_scalar().fetch_one(connection).await.map(unsigned)
}

/// All cases, counted by how they stand.
pub async fn standings(connection: &mut PgConnection) -> sqlx::Result<Vec<Standing>> {
    let rows = sqlx::query(
        "SELECT holder_office, responsible_unit, state, overdue, \
                CASE WHEN holder_office <> '' THEN '' WHEN township <> '' THEN township \
                     WHEN district <> '' THEN district ELSE municipal END AS region, \
                count(*) \
         FROM cases GROUP BY 1, 2, 3, 4, 5",
    )
    .fetch_all(connection)
    .await?;
    rows.iter()
        .map(|row| {
            Ok(Standing {
                holder_office: row.try_get(0)?,
                responsible_unit: row.try_get(1)?,
                state: state(row.try_get(2)?)?,
                overdue: row.try_get(3)?,
                region: row.try_get(4)?,
                cases: unsigned(row.try_get(5)?),
            })
        })
        .collect()
}

/// The conditions of a filter on `cases`, but for its query, which is for [`search::matches`].
pub(super) fn push_filter(query: &mut QueryBuilder<Postgres>, filter: &CaseFilter) {
    let CaseFilter {
        query: _,
        region,
        unit,
        kinds,
        category,
        states,
        overdue_only,
        submitted_from,
        submitted_before,
        representative,
    } = filter;
    if let Some(region) = region {
        let column = match region.tier() {
            Tier::Municipal => "municipal",
            Tier::District => "district",
            // A township's code begins with its district's, if it has one, and the index with the district.
            Tier::Township => {
                query.push(" AND district IN ('', ").push_bind(region.as_str()[..6].to_owned()).push(")");
                "township"
            }
        };
        query.push(" AND ").push(column).push(" = ").push_bind(region.as_str().to_owned());
    }
    if let Some(unit) = unit {
        query
            .push(" AND case_id IN (SELECT case_id FROM case_units WHERE unit = ")
            .push_bind(unit.clone())
            .push(") AND (holder_office = ")
            .push_bind(unit.clone())
            .push(" OR responsible_unit = ")
            .push_bind(unit.clone())
            .push(")");
    }
    if !kinds.is_empty() {
        let kinds: Vec<i16> = kinds.iter().map(|kind| *kind as i16).collect();
        query.push(" AND kind = ANY(").push_bind(kinds).push(")");
    }
    if let Some(category) = category {
        query
            .push(" AND (category = ")
            .push_bind(category.clone())
            .push(" OR starts_with(category, ")
            .push_bind(format!("{category}/"))
            .push("))");
    }
    if !states.is_empty() {
        let states: Vec<i16> = states.iter().map(|state| *state as i16).collect();
        query.push(" AND state = ANY(").push_bind(states).push(")");
    }
    if *overdue_only {
        query.push(" AND overdue");
    }
    if let Some(from) = submitted_from {
        query.push(" AND submitted_at >= ").push_bind(from.to_sqlx());
    }
    if let Some(before) = submitted_before {
        query.push(" AND submitted_at < ").push_bind(before.to_sqlx());
    }
    if let Some(representative) = representative {
        query
            .push(" AND case_id IN (SELECT case_id FROM case_representatives WHERE representative = ")
            .push_bind(representative.clone())
            .push(" AND (received_at IS NOT NULL OR claimed_at IS NOT NULL))");
    }
}
