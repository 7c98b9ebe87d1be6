//! Which cases there are, and how many: lists and counts over the accounts.

use huying_platform::{codes::Tier, ids::CaseId};
use huying_proto::events::v1::CaseState;
use jiff::Timestamp;
use jiff_sqlx::ToSqlx as _;
use sqlx::{PgConnection, Postgres, QueryBuilder, Row as _, postgres::PgRow};
use uuid::Uuid;

use super::{
    accounts::{self, COLUMNS, account, state},
    from_sql, makes_no_sense,
    search::{self, Checking, Stretch},
    signed, unsigned,
};
use crate::domain::{
    account::Account,
    case_filter::{CaseFilter, Conditions},
    figures::STATES_TO_ACT_ON,
};

/// The place of a case where the latest submission comes first. A later place is greater.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct LatestPlace {
    /// When it was submitted.
    pub submitted_at: Timestamp,
    /// Which it is, among those of the same moment.
    pub case_id: CaseId,
}

/// A case in its place in a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Placed {
    /// The case.
    pub case_id: CaseId,
    /// Its place; `None` where the time of its submission makes no sense.
    pub place: Option<LatestPlace>,
    /// How it stands; `None` where what is kept of that makes no sense ([`makes_no_sense`]).
    pub account: Option<Account>,
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
/// ([`search::matches`]). A case whose account makes no sense is among them: whoever leaves it out has to say so.
pub async fn list(
    connection: &mut PgConnection,
    filter: &CaseFilter,
    after: Option<LatestPlace>,
    count_max: u32,
) -> sqlx::Result<Vec<Placed>> {
    let (query, conditions) = filter.split();
    if let Some(query) = query {
        let stretch = Stretch { after, until: None, count_max: u64::from(count_max) };
        let matches = search::matches(connection, query, conditions, stretch, Checking::Here).await?;
        let case_ids: Vec<CaseId> = matches.places.iter().map(|place| place.case_id).collect();
        let mut accounts = accounts::load(connection, &case_ids).await?;
        let placed = matches.places.into_iter().map(|place| Placed {
            case_id: place.case_id,
            place: Some(place),
            account: accounts.remove(&place.case_id),
        });
        return Ok(placed.collect());
    }
    let meant = meant(connection, conditions).await?;
    let mut statement = QueryBuilder::<Postgres>::new("SELECT ");
    statement.push(COLUMNS).push(" FROM cases WHERE true");
    meant.push(&mut statement);
    if let Some(place) = after {
        statement
            .push(" AND (submitted_at, case_id) < (")
            .push_bind(place.submitted_at.to_sqlx())
            .push(", ")
            .push_bind(place.case_id)
            .push(")");
    }
    statement.push(" ORDER BY submitted_at DESC, case_id DESC LIMIT ").push_bind(i64::from(count_max));
    statement.build().fetch_all(connection).await?.iter().map(placed).collect()
}

/// Reads a row of [`COLUMNS`], as far as it makes sense.
pub(super) fn placed(row: &PgRow) -> sqlx::Result<Placed> {
    let case_id = row.try_get("case_id")?;
    let submitted_at = row.try_get::<jiff_sqlx::Timestamp, _>("submitted_at");
    let place = submitted_at.map(|time| LatestPlace { submitted_at: from_sql(time), case_id });
    Ok(Placed { case_id, place: sensible(place)?, account: sensible(account(row))? })
}

fn sensible<T>(read: sqlx::Result<T>) -> sqlx::Result<Option<T>> {
    match read {
        Ok(value) => Ok(Some(value)),
        Err(error) if makes_no_sense(&error) => Ok(None),
        Err(error) => Err(error),
    }
}

/// How many cases a filter matches, counted no further than [`COUNTED_MAX`]. With a query, in a transaction.
pub async fn count(connection: &mut PgConnection, filter: &CaseFilter) -> sqlx::Result<u64> {
    let (query, conditions) = filter.split();
    if let Some(query) = query {
        let stretch = Stretch::default();
        return Ok(search::matches(connection, query, conditions, stretch, Checking::Here).await?.total);
    }
    let meant = meant(connection, conditions).await?;
    let mut statement = QueryBuilder::<Postgres>::new("SELECT count(*) FROM (SELECT 1 FROM cases WHERE true");
    meant.push(&mut statement);
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

/// Conditions of a filter on `cases`, ready to be written into a statement.
#[derive(Debug)]
pub(super) struct Meant<'a> {
    filter: &'a CaseFilter,
    /// All cases of the filter's unit, where these are few.
    few_of_unit: Option<Vec<Uuid>>,
}

/// A unit has few cases when it has no more than this. They are looked up one by one; of more, the latest are soon found
/// by looking through the latest cases. The planner knows how many a unit has on average, and takes either for cheap.
const FEW_MAX: usize = 2_000;

/// Looks up what has to be known to ask for conditions. A query beside them is for [`search`].
pub(super) async fn meant<'a>(
    connection: &mut PgConnection,
    conditions: Conditions<'a>,
) -> sqlx::Result<Meant<'a>> {
    let filter = conditions.filter();
    let Some(unit) = &filter.unit else { return Ok(Meant { filter, few_of_unit: None }) };
    let case_ids: Vec<Uuid> = sqlx::query_scalar("SELECT case_id FROM case_units WHERE unit = $1 LIMIT $2")
        .bind(unit)
        .bind(signed(FEW_MAX as u64 + 1))
        .fetch_all(connection)
        .await?;
    Ok(Meant { filter, few_of_unit: (case_ids.len() <= FEW_MAX).then_some(case_ids) })
}

impl Meant<'_> {
    /// Writes the conditions, each after "AND".
    pub(super) fn push(&self, query: &mut QueryBuilder<Postgres>) {
        let CaseFilter {
            query: _,
            region,
            unit,
            waiting_for,
            kinds,
            category,
            states,
            overdue_only,
            submitted_from,
            submitted_before,
            representative,
        } = self.filter;
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
        match (unit, &self.few_of_unit) {
            (None, _) => {}
            (Some(_), Some(case_ids)) => {
                query.push(" AND case_id = ANY(").push_bind(case_ids.clone()).push(")");
            }
            (Some(unit), None) => {
                query
                    .push(" AND case_id IN (SELECT case_id FROM case_units WHERE unit = ")
                    .push_bind(unit.clone())
                    .push(")");
            }
        }
        if let Some(unit) = waiting_for {
            // The states stand in the statement itself, for an index has only cases in these.
            let states = STATES_TO_ACT_ON.map(|state| (state as i16).to_string()).join(", ");
            query
                .push(" AND responsible_unit = ")
                .push_bind(unit.clone())
                .push(format!(" AND state IN ({states})"));
        }
        if !kinds.is_empty() {
            let kinds: Vec<i16> = kinds.iter().map(|kind| *kind as i16).collect();
            query.push(" AND kind = ANY(").push_bind(kinds).push(")");
        }
        if let Some(category) = category {
            // What is below a path begins with it and a slash, and the next character is 0.
            query
                .push(" AND (category COLLATE \"C\" = ")
                .push_bind(category.clone())
                .push(" OR category COLLATE \"C\" >= ")
                .push_bind(format!("{category}/"))
                .push(" AND category COLLATE \"C\" < ")
                .push_bind(format!("{category}0"))
                .push(")");
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
}
