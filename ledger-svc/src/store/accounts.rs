//! How each case stands: the fold over its leaves, a row a case.

use std::collections::HashMap;

use huying_platform::{
    codes::{RegionCode, RegionPath},
    ids::CaseId,
};
use huying_proto::events::v1::{self as proto, CaseKind, CaseState, Publication};
use jiff_sqlx::ToSqlx as _;
use sqlx::{PgConnection, Postgres, QueryBuilder, Row as _, postgres::PgRow};

use super::{corrupt, count_from_sql, from_sql, makes_no_sense, signed, small, unsigned};
use crate::domain::{
    account::{Account, Addressee, AddresseeKind},
    facts::{FirstReply, Rating},
};

/// What [`account`] reads.
pub(super) const COLUMNS: &str = "case_id, case_version, kind, publication, municipal, district, township, category, \
     submitted_at, updated_at, state, holder_office, responsible_unit, deadline_at, overdue, registered, \
     replied_unit, replied_holder, erased_before, case_deadline_at, open_parts, petitioner_count, merged_into, \
     addressee_kind, addressee_code, first_replied_at, replied_in_time, rated, resolved, satisfied, returned, \
     extensions_granted, supervised, criticised, closed_at";

/// The accounts of cases that are in the log; without those that make no sense ([`makes_no_sense`]).
pub async fn load(
    connection: &mut PgConnection,
    case_ids: &[CaseId],
) -> sqlx::Result<HashMap<CaseId, Account>> {
    let mut accounts = HashMap::with_capacity(case_ids.len());
    for row in rows(connection, case_ids).await? {
        match account(&row) {
            Ok(account) => drop(accounts.insert(account.case_id, account)),
            Err(error) if makes_no_sense(&error) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(accounts)
}

async fn rows(connection: &mut PgConnection, case_ids: &[CaseId]) -> sqlx::Result<Vec<PgRow>> {
    QueryBuilder::<Postgres>::new("SELECT ")
        .push(COLUMNS)
        .push(" FROM cases WHERE case_id = ANY(")
        .push_bind(CaseId::as_uuids(case_ids))
        .push(")")
        .build()
        .fetch_all(connection)
        .await
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
                            petitioner_count, merged_into, addressee_kind, addressee_code, first_replied_at, \
                            replied_in_time, rated, resolved, satisfied, returned, extensions_granted, supervised, \
                            criticised, closed_at) \
         SELECT * FROM unnest($1::uuid[], $2::bigint[], $3::smallint[], $4::smallint[], $5::text[], $6::text[], \
                              $7::text[], $8::text[], $9::timestamptz[], $10::timestamptz[], $11::smallint[], \
                              $12::text[], $13::text[], $14::timestamptz[], $15::boolean[], $16::boolean[], \
                              $17::text[], $18::text[], $19::bigint[], $20::timestamptz[], $21::integer[], \
                              $22::integer[], $23::uuid[], $24::text[], $25::text[], $26::timestamptz[], \
                              $27::boolean[], $28::boolean[], $29::boolean[], $30::boolean[], $31::integer[], \
                              $32::integer[], $33::integer[], $34::integer[], $35::timestamptz[]) \
         ON CONFLICT (case_id) DO UPDATE SET \
             case_version = excluded.case_version, kind = excluded.kind, publication = excluded.publication, \
             municipal = excluded.municipal, district = excluded.district, township = excluded.township, \
             submitted_at = excluded.submitted_at, addressee_kind = excluded.addressee_kind, \
             addressee_code = excluded.addressee_code, updated_at = excluded.updated_at, state = excluded.state, \
             category = excluded.category, \
             holder_office = excluded.holder_office, responsible_unit = excluded.responsible_unit, \
             deadline_at = excluded.deadline_at, overdue = excluded.overdue, registered = excluded.registered, \
             replied_unit = excluded.replied_unit, replied_holder = excluded.replied_holder, \
             erased_before = excluded.erased_before, case_deadline_at = excluded.case_deadline_at, \
             open_parts = excluded.open_parts, petitioner_count = excluded.petitioner_count, \
             merged_into = excluded.merged_into, first_replied_at = excluded.first_replied_at, \
             replied_in_time = excluded.replied_in_time, rated = excluded.rated, resolved = excluded.resolved, \
             satisfied = excluded.satisfied, returned = excluded.returned, \
             extensions_granted = excluded.extensions_granted, supervised = excluded.supervised, \
             criticised = excluded.criticised, closed_at = excluded.closed_at",
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
    .bind(column(accounts, |account| account.addressee.as_ref().map(|addressee| addressee.kind.word())))
    .bind(column(accounts, |account| account.addressee.as_ref().map(|addressee| addressee.code.as_str())))
    .bind(column(accounts, |account| account.first_reply.map(|reply| reply.at.to_sqlx())))
    .bind(column(accounts, |account| account.first_reply.is_some_and(|reply| reply.in_time)))
    .bind(column(accounts, |account| account.rating.is_some()))
    .bind(column(accounts, |account| account.rating.is_some_and(|rating| rating.resolved)))
    .bind(column(accounts, |account| account.rating.is_some_and(|rating| rating.satisfied)))
    .bind(column(accounts, |account| small(account.returned)))
    .bind(column(accounts, |account| small(account.extensions_granted)))
    .bind(column(accounts, |account| small(account.supervised)))
    .bind(column(accounts, |account| small(account.criticised)))
    .bind(column(accounts, |account| account.closed_at.map(|time| time.to_sqlx())))
    .execute(connection)
    .await?;
    Ok(())
}

/// Forgets how these cases stand.
pub async fn forget(connection: &mut PgConnection, case_ids: &[CaseId]) -> sqlx::Result<()> {
    sqlx::query("DELETE FROM cases WHERE case_id = ANY($1)")
        .bind(CaseId::as_uuids(case_ids))
        .execute(connection)
        .await?;
    Ok(())
}

/// One case. An error that [`makes_no_sense`] means that it is there, and is not as it can ever have been written.
pub async fn get(connection: &mut PgConnection, case_id: CaseId) -> sqlx::Result<Option<Account>> {
    rows(connection, &[case_id]).await?.first().map(account).transpose()
}

/// Reads a row of [`COLUMNS`].
pub(super) fn account(row: &PgRow) -> sqlx::Result<Account> {
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
        open_parts: count_from_sql(row.try_get("open_parts")?),
        petitioner_count: count_from_sql(row.try_get("petitioner_count")?),
        merged_into: row.try_get("merged_into")?,
        registered: row.try_get("registered")?,
        replied_unit: row.try_get("replied_unit")?,
        replied_holder: row.try_get("replied_holder")?,
        erased_before: u64::try_from(row.try_get::<i64, _>("erased_before")?).unwrap_or(u64::MAX),
        addressee: addressee(row)?,
        first_reply: first_reply(row)?,
        rating: rating(row)?,
        returned: count_from_sql(row.try_get("returned")?),
        extensions_granted: count_from_sql(row.try_get("extensions_granted")?),
        supervised: count_from_sql(row.try_get("supervised")?),
        criticised: count_from_sql(row.try_get("criticised")?),
        closed_at: deadline("closed_at")?,
    })
}

fn addressee(row: &PgRow) -> sqlx::Result<Option<Addressee>> {
    let kind: Option<&str> = row.try_get("addressee_kind")?;
    let Some(kind) = kind else { return Ok(None) };
    let kind = AddresseeKind::of_word(kind).ok_or_else(|| corrupt("an addressee of no kind"))?;
    Ok(Some(Addressee { kind, code: row.try_get("addressee_code")? }))
}

/// Reads the columns of a first reply.
pub(super) fn first_reply(row: &PgRow) -> sqlx::Result<Option<FirstReply>> {
    let at: Option<jiff_sqlx::Timestamp> = row.try_get("first_replied_at")?;
    let in_time = row.try_get("replied_in_time")?;
    Ok(at.map(|at| FirstReply { at: from_sql(at), in_time }))
}

/// Reads the columns of a rating.
pub(super) fn rating(row: &PgRow) -> sqlx::Result<Option<Rating>> {
    let rating = Rating { resolved: row.try_get("resolved")?, satisfied: row.try_get("satisfied")? };
    Ok(row.try_get::<bool, _>("rated")?.then_some(rating))
}

/// Reads a state.
pub(super) fn state(number: i16) -> sqlx::Result<CaseState> {
    CaseState::try_from(i32::from(number)).map_err(|_| corrupt("a case of no state"))
}
