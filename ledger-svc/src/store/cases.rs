//! How the cases stand: the fold over their leaves.

use std::collections::HashMap;

use huying_platform::{
    codes::{RegionCode, RegionPath, Tier},
    ids::CaseId,
};
use huying_proto::events::v1::{self as proto, CaseKind, CaseState, Publication};
use jiff::Timestamp;
use jiff_sqlx::ToSqlx as _;
use sqlx::{PgConnection, Postgres, QueryBuilder, Row as _, postgres::PgRow};

use super::{corrupt, from_sql, signed, small, small_from_sql, unsigned};
use crate::domain::account::Account;

/// Which cases are asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CaseFilter {
    /// In the subtree of this region.
    pub region: Option<RegionCode>,
    /// Held by this unit, or its to act on.
    pub unit: Option<String>,
    /// In one of these states; empty means any.
    pub states: Vec<CaseState>,
    /// Overdue ones only.
    pub overdue_only: bool,
}

/// Where a page ended: the last case's place in the order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
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

const COLUMNS: &str = "case_id, case_version, kind, publication, municipal, district, township, category, \
     submitted_at, updated_at, state, holder_office, responsible_unit, deadline_at, overdue, registered, \
     replied_unit, replied_holder, erased_before, case_deadline_at, open_parts, petitioner_count, merged_into";

/// The accounts of cases that are in the log.
pub async fn load(
    connection: &mut PgConnection,
    case_ids: &[CaseId],
) -> sqlx::Result<HashMap<CaseId, Account>> {
    let rows = QueryBuilder::<Postgres>::new("SELECT ")
        .push(COLUMNS)
        .push(" FROM cases WHERE case_id = ANY(")
        .push_bind(CaseId::as_uuids(case_ids))
        .push(")")
        .build()
        .fetch_all(connection)
        .await?;
    rows.iter().map(|row| account(row).map(|account| (account.case_id, account))).collect()
}

/// Writes accounts.
pub async fn save(connection: &mut PgConnection, accounts: &[&Account]) -> sqlx::Result<()> {
    fn column<'a, T>(accounts: &[&'a Account], value: impl Fn(&'a Account) -> T) -> Vec<T> {
        accounts.iter().map(|account| value(account)).collect()
    }
    fn code(code: Option<&RegionCode>) -> &str {
        code.map_or("", RegionCode::as_str)
    }
    sqlx::query(
        "INSERT INTO cases (case_id, case_version, kind, publication, municipal, district, township, category, \
                            submitted_at, updated_at, state, holder_office, responsible_unit, deadline_at, overdue, \
                            registered, replied_unit, replied_holder, erased_before, case_deadline_at, open_parts, \
                            petitioner_count, merged_into) \
         SELECT * FROM unnest($1::uuid[], $2::bigint[], $3::smallint[], $4::smallint[], $5::text[], $6::text[], \
                              $7::text[], $8::text[], $9::timestamptz[], $10::timestamptz[], $11::smallint[], \
                              $12::text[], $13::text[], $14::timestamptz[], $15::boolean[], $16::boolean[], \
                              $17::text[], $18::text[], $19::bigint[], $20::timestamptz[], $21::integer[], \
                              $22::integer[], $23::uuid[]) \
         ON CONFLICT (case_id) DO UPDATE SET \
             case_version = excluded.case_version, updated_at = excluded.updated_at, state = excluded.state, \
             category = excluded.category, \
             holder_office = excluded.holder_office, responsible_unit = excluded.responsible_unit, \
             deadline_at = excluded.deadline_at, overdue = excluded.overdue, registered = excluded.registered, \
             replied_unit = excluded.replied_unit, replied_holder = excluded.replied_holder, \
             erased_before = excluded.erased_before, case_deadline_at = excluded.case_deadline_at, \
             open_parts = excluded.open_parts, petitioner_count = excluded.petitioner_count, \
             merged_into = excluded.merged_into",
    )
    .bind(column(accounts, |account| account.case_id.as_uuid()))
    .bind(column(accounts, |account| signed(account.version)))
    .bind(column(accounts, |account| account.kind as i16))
    .bind(column(accounts, |account| account.publication as i16))
    .bind(column(accounts, |account| account.region.municipal.as_str()))
    .bind(column(accounts, |account| code(account.region.district.as_ref())))
    .bind(column(accounts, |account| code(account.region.township.as_ref())))
    .bind(column(accounts, |account| account.category.as_str()))
    .bind(column(accounts, |account| account.submitted_at.to_sqlx()))
    .bind(column(accounts, |account| account.updated_at.to_sqlx()))
    .bind(column(accounts, |account| account.state as i16))
    .bind(column(accounts, |account| account.holder_office.as_str()))
    .bind(column(accounts, |account| account.responsible_unit.as_str()))
    .bind(column(accounts, |account| account.deadline_at.map(|time| time.to_sqlx())))
    .bind(column(accounts, |account| account.overdue))
    .bind(column(accounts, |account| account.registered))
    .bind(column(accounts, |account| account.replied_unit.as_str()))
    .bind(column(accounts, |account| account.replied_holder.as_str()))
    .bind(column(accounts, |account| signed(account.erased_before)))
    .bind(column(accounts, |account| account.case_deadline_at.map(|time| time.to_sqlx())))
    .bind(column(accounts, |account| small(account.open_parts)))
    .bind(column(accounts, |account| small(account.petitioner_count)))
    .bind(column(accounts, |account| account.merged_into.map(CaseId::as_uuid)))
    .execute(connection)
    .await?;
    Ok(())
}

/// One case.
pub async fn get(connection: &mut PgConnection, case_id: CaseId) -> sqlx::Result<Option<Account>> {
    Ok(load(connection, &[case_id]).await?.remove(&case_id))
}

/// Cases, latest submission first, from after a place on.
pub async fn list(
    connection: &mut PgConnection,
    filter: &CaseFilter,
    after: Option<Place>,
    count_max: u32,
) -> sqlx::Result<Vec<Account>> {
    let mut query = QueryBuilder::<Postgres>::new("SELECT ");
    query.push(COLUMNS).push(" FROM cases WHERE true");
    push_filter(&mut query, filter);
    if let Some(place) = after {
        query
            .push(" AND (submitted_at, case_id) < (")
            .push_bind(place.submitted_at.to_sqlx())
            .push(", ")
            .push_bind(place.case_id)
            .push(")");
    }
    query.push(" ORDER BY submitted_at DESC, case_id DESC LIMIT ").push_bind(i64::from(count_max));
    query.build().fetch_all(connection).await?.iter().map(account).collect()
}

/// How many cases a filter matches, counted no further than [`COUNTED_MAX`].
pub async fn count(connection: &mut PgConnection, filter: &CaseFilter) -> sqlx::Result<u64> {
    let mut query = QueryBuilder::<Postgres>::new("SELECT count(*) FROM (SELECT 1 FROM cases WHERE true");
    push_filter(&mut query, filter);
    query.push(" LIMIT ").push_bind(signed(COUNTED_MAX)).push(") AS counted");
    query.build_query_scalar().fetch_one(connection).await.map(unsigned)
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

fn push_filter(query: &mut QueryBuilder<Postgres>, filter: &CaseFilter) {
    if let Some(region) = &filter.region {
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
    if let Some(unit) = &filter.unit {
        query
            .push(" AND case_id IN (SELECT case_id FROM case_units WHERE unit = ")
            .push_bind(unit.clone())
            .push(") AND (holder_office = ")
            .push_bind(unit.clone())
            .push(" OR responsible_unit = ")
            .push_bind(unit.clone())
            .push(")");
    }
    if !filter.states.is_empty() {
        let states: Vec<i16> = filter.states.iter().map(|state| *state as i16).collect();
        query.push(" AND state = ANY(").push_bind(states).push(")");
    }
    if filter.overdue_only {
        query.push(" AND overdue");
    }
}

fn account(row: &PgRow) -> sqlx::Result<Account> {
    let kind: i16 = row.try_get("kind")?;
    let publication: i16 = row.try_get("publication")?;
    let region = proto::RegionPath {
        municipal: row.try_get("municipal")?,
        district: row.try_get("district")?,
        township: row.try_get("township")?,
    };
    let time = |column: &str| row.try_get::<jiff_sqlx::Timestamp, _>(column).map(from_sql);
    let deadline =
        |column: &str| row.try_get::<Option<jiff_sqlx::Timestamp>, _>(column).map(|time| time.map(from_sql));
    Ok(Account {
        case_id: row.try_get("case_id")?,
        version: unsigned(row.try_get("case_version")?),
        kind: CaseKind::try_from(i32::from(kind)).map_err(|_| corrupt("a case of no kind"))?,
        publication: Publication::try_from(i32::from(publication))
            .map_err(|_| corrupt("a case of no publication"))?,
        region: RegionPath::from_proto(&region).map_err(|_| corrupt("a case without a region"))?,
        category: row.try_get("category")?,
        submitted_at: time("submitted_at")?,
        updated_at: time("updated_at")?,
        state: state(row.try_get("state")?)?,
        holder_office: row.try_get("holder_office")?,
        responsible_unit: row.try_get("responsible_unit")?,
        deadline_at: deadline("deadline_at")?,
        case_deadline_at: deadline("case_deadline_at")?,
        overdue: row.try_get("overdue")?,
        open_parts: small_from_sql(row.try_get("open_parts")?),
        petitioner_count: small_from_sql(row.try_get("petitioner_count")?),
        merged_into: row.try_get("merged_into")?,
        registered: row.try_get("registered")?,
        replied_unit: row.try_get("replied_unit")?,
        replied_holder: row.try_get("replied_holder")?,
        erased_before: unsigned(row.try_get("erased_before")?),
    })
}

fn state(number: i16) -> sqlx::Result<CaseState> {
    CaseState::try_from(i32::from(number)).map_err(|_| corrupt("a case of no state"))
}
