//! What each representative has had to do with each case.

use std::collections::BTreeMap;

use huying_platform::ids::CaseId;
use jiff::Timestamp;
use jiff_sqlx::ToSqlx as _;
use sqlx::{PgConnection, Row as _, postgres::PgRow};
use uuid::Uuid;

use super::{count_from_sql, from_sql, small};
use crate::domain::facts::{RepresentativeFact, RepresentativeFacts};

/// Adds facts to what is known.
pub async fn add(connection: &mut PgConnection, facts: &RepresentativeFacts) -> sqlx::Result<()> {
    fn column<T>(facts: &RepresentativeFacts, value: impl Fn(&RepresentativeFact) -> T) -> Vec<T> {
        facts.0.values().map(value).collect()
    }
    fn times(
        facts: &RepresentativeFacts,
        time: impl Fn(&RepresentativeFact) -> Option<Timestamp>,
    ) -> Vec<Option<jiff_sqlx::Timestamp>> {
        column(facts, |fact| time(fact).map(|time| time.to_sqlx()))
    }
    let representatives: Vec<&str> = facts.0.keys().map(|(code, _)| code.as_str()).collect();
    let case_ids: Vec<Uuid> = facts.0.keys().map(|(_, case_id)| CaseId::as_uuid(*case_id)).collect();
    // What was first stays; greatest() passes over what is null.
    sqlx::query(
        "INSERT INTO case_representatives AS known (representative, case_id, received_at, claimed_at, \
             first_answered_at, answered, urged, progress_reported, last_act_at) \
         SELECT * FROM unnest($1::text[], $2::uuid[], $3::timestamptz[], $4::timestamptz[], $5::timestamptz[], \
                              $6::boolean[], $7::integer[], $8::integer[], $9::timestamptz[]) \
         ON CONFLICT (representative, case_id) DO UPDATE SET \
             received_at = coalesce(known.received_at, excluded.received_at), \
             claimed_at = coalesce(known.claimed_at, excluded.claimed_at), \
             first_answered_at = coalesce(known.first_answered_at, excluded.first_answered_at), \
             answered = known.answered OR excluded.answered, \
             urged = known.urged + excluded.urged, \
             progress_reported = known.progress_reported + excluded.progress_reported, \
             last_act_at = greatest(known.last_act_at, excluded.last_act_at)",
    )
    .bind(&representatives)
    .bind(&case_ids)
    .bind(times(facts, |fact| fact.received_at))
    .bind(times(facts, |fact| fact.claimed_at))
    .bind(times(facts, |fact| fact.first_answered_at))
    .bind(column(facts, |fact| fact.first_answered_at.is_some()))
    .bind(column(facts, |fact| small(fact.urged)))
    .bind(column(facts, |fact| small(fact.progress_reported)))
    .bind(times(facts, |fact| fact.last_act_at))
    .execute(connection)
    .await?;
    Ok(())
}

/// What is kept of these cases; `None` for a row that contradicts itself.
pub async fn of_cases(
    connection: &mut PgConnection,
    case_ids: &[CaseId],
) -> sqlx::Result<BTreeMap<(String, CaseId), Option<RepresentativeFact>>> {
    let rows = sqlx::query(
        "SELECT representative, case_id, received_at, claimed_at, first_answered_at, answered, urged, \
                progress_reported, last_act_at \
         FROM case_representatives WHERE case_id = ANY($1)",
    )
    .bind(CaseId::as_uuids(case_ids))
    .fetch_all(connection)
    .await?;
    rows.iter()
        .map(|row| Ok(((row.try_get("representative")?, row.try_get("case_id")?), fact(row)?)))
        .collect()
}

fn fact(row: &PgRow) -> sqlx::Result<Option<RepresentativeFact>> {
    let time =
        |column: &str| row.try_get::<Option<jiff_sqlx::Timestamp>, _>(column).map(|time| time.map(from_sql));
    let fact = RepresentativeFact {
        received_at: time("received_at")?,
        claimed_at: time("claimed_at")?,
        first_answered_at: time("first_answered_at")?,
        urged: count_from_sql(row.try_get("urged")?),
        progress_reported: count_from_sql(row.try_get("progress_reported")?),
        last_act_at: time("last_act_at")?,
    };
    let answered: bool = row.try_get("answered")?;
    Ok((answered == fact.first_answered_at.is_some()).then_some(fact))
}

/// Forgets what is kept of these cases.
pub async fn forget(connection: &mut PgConnection, case_ids: &[CaseId]) -> sqlx::Result<()> {
    sqlx::query("DELETE FROM case_representatives WHERE case_id = ANY($1)")
        .bind(CaseId::as_uuids(case_ids))
        .execute(connection)
        .await?;
    Ok(())
}
