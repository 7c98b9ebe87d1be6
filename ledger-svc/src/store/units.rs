//! What each unit has had to do with each case.

use std::collections::BTreeMap;

use huying_platform::ids::CaseId;
use jiff_sqlx::ToSqlx as _;
use sqlx::{PgConnection, Row as _, postgres::PgRow};
use uuid::Uuid;

use super::{
    accounts::{first_reply, rating},
    count_from_sql, from_sql, small,
};
use crate::domain::facts::{FirstReply, UnitFact, UnitFacts};

/// Adds facts to what is known.
pub async fn add(connection: &mut PgConnection, facts: &UnitFacts) -> sqlx::Result<()> {
    fn column<T>(facts: &UnitFacts, value: impl Fn(&UnitFact) -> T) -> Vec<T> {
        facts.0.values().map(value).collect()
    }
    let units: Vec<&str> = facts.0.keys().map(|(unit, _)| unit.as_str()).collect();
    let case_ids: Vec<Uuid> = facts.0.keys().map(|(_, case_id)| CaseId::as_uuid(*case_id)).collect();
    // The latest rating replaces the one before, and what was first stays; everything else only ever grows. Whoever had
    // received the case before has replied to it, even where this stretch does not know of that.
    sqlx::query(
        "INSERT INTO case_units AS known (unit, case_id, received, replied, rated, resolved, satisfied, returned, \
                                          expired, parts, parts_answered, transferred, extensions_requested, \
                                          extensions_granted, urged, supervised, criticised, received_at, \
                                          first_replied_at, replied_in_time, answered_along_at, \
                                          answered_along_in_time) \
         SELECT * FROM unnest($1::text[], $2::uuid[], $3::boolean[], $4::boolean[], $5::boolean[], $6::boolean[], \
                              $7::boolean[], $8::integer[], $9::integer[], $10::integer[], $11::integer[], \
                              $12::integer[], $13::integer[], $14::integer[], $15::integer[], $16::integer[], \
                              $17::integer[], $18::timestamptz[], $19::timestamptz[], $20::boolean[], \
                              $21::timestamptz[], $22::boolean[]) \
         ON CONFLICT (unit, case_id) DO UPDATE SET \
             received = known.received OR excluded.received, \
             replied = known.replied OR excluded.replied \
                       OR (known.received AND excluded.answered_along_at IS NOT NULL), \
             rated = known.rated OR excluded.rated, \
             resolved = CASE WHEN excluded.rated THEN excluded.resolved ELSE known.resolved END, \
             satisfied = CASE WHEN excluded.rated THEN excluded.satisfied ELSE known.satisfied END, \
             returned = known.returned + excluded.returned, \
             expired = known.expired + excluded.expired, \
             parts = known.parts + excluded.parts, \
             parts_answered = known.parts_answered + excluded.parts_answered, \
             transferred = known.transferred + excluded.transferred, \
             extensions_requested = known.extensions_requested + excluded.extensions_requested, \
             extensions_granted = known.extensions_granted + excluded.extensions_granted, \
             urged = known.urged + excluded.urged, \
             supervised = known.supervised + excluded.supervised, \
             criticised = known.criticised + excluded.criticised, \
             received_at = coalesce(known.received_at, excluded.received_at), \
             first_replied_at = CASE WHEN known.first_replied_at IS NOT NULL THEN known.first_replied_at \
                                     WHEN known.received AND excluded.answered_along_at IS NOT NULL \
                                     THEN excluded.answered_along_at \
                                     ELSE excluded.first_replied_at END, \
             replied_in_time = CASE WHEN known.first_replied_at IS NOT NULL THEN known.replied_in_time \
                                    WHEN known.received AND excluded.answered_along_at IS NOT NULL \
                                    THEN excluded.answered_along_in_time \
                                    ELSE excluded.replied_in_time END, \
             answered_along_at = CASE WHEN known.received OR known.answered_along_at IS NOT NULL \
                                      THEN known.answered_along_at \
                                      ELSE excluded.answered_along_at END, \
             answered_along_in_time = CASE WHEN known.received OR known.answered_along_at IS NOT NULL \
                                           THEN known.answered_along_in_time \
                                           ELSE excluded.answered_along_in_time END \
         WHERE excluded.received > known.received OR excluded.replied OR excluded.rated \
            OR excluded.answered_along_at IS NOT NULL \
            OR excluded.returned + excluded.expired + excluded.parts + excluded.parts_answered \
               + excluded.transferred + excluded.extensions_requested + excluded.extensions_granted \
               + excluded.urged + excluded.supervised + excluded.criticised > 0",
    )
    .bind(&units)
    .bind(&case_ids)
    .bind(column(facts, |fact| fact.received_at.is_some()))
    .bind(column(facts, |fact| fact.first_reply.is_some()))
    .bind(column(facts, |fact| fact.rating.is_some()))
    .bind(column(facts, |fact| fact.rating.is_some_and(|rating| rating.resolved)))
    .bind(column(facts, |fact| fact.rating.is_some_and(|rating| rating.satisfied)))
    .bind(column(facts, |fact| small(fact.returned)))
    .bind(column(facts, |fact| small(fact.expired)))
    .bind(column(facts, |fact| small(fact.parts)))
    .bind(column(facts, |fact| small(fact.parts_answered)))
    .bind(column(facts, |fact| small(fact.transferred)))
    .bind(column(facts, |fact| small(fact.extensions_requested)))
    .bind(column(facts, |fact| small(fact.extensions_granted)))
    .bind(column(facts, |fact| small(fact.urged)))
    .bind(column(facts, |fact| small(fact.supervised)))
    .bind(column(facts, |fact| small(fact.criticised)))
    .bind(column(facts, |fact| fact.received_at.map(|time| time.to_sqlx())))
    .bind(column(facts, |fact| fact.first_reply.map(|reply| reply.at.to_sqlx())))
    .bind(column(facts, |fact| fact.first_reply.is_some_and(|reply| reply.in_time)))
    .bind(column(facts, |fact| fact.answered_along.map(|reply| reply.at.to_sqlx())))
    .bind(column(facts, |fact| fact.answered_along.is_some_and(|reply| reply.in_time)))
    .execute(connection)
    .await?;
    Ok(())
}

/// What is kept of these cases; `None` for a row that contradicts itself.
pub async fn of_cases(
    connection: &mut PgConnection,
    case_ids: &[CaseId],
) -> sqlx::Result<BTreeMap<(String, CaseId), Option<UnitFact>>> {
    let rows = sqlx::query(
        "SELECT unit, case_id, received, replied, rated, resolved, satisfied, returned, expired, parts, \
                parts_answered, transferred, extensions_requested, extensions_granted, urged, supervised, \
                criticised, received_at, first_replied_at, replied_in_time, answered_along_at, \
                answered_along_in_time \
         FROM case_units WHERE case_id = ANY($1)",
    )
    .bind(CaseId::as_uuids(case_ids))
    .fetch_all(connection)
    .await?;
    rows.iter().map(|row| Ok(((row.try_get("unit")?, row.try_get("case_id")?), fact(row)?))).collect()
}

fn fact(row: &PgRow) -> sqlx::Result<Option<UnitFact>> {
    let count = |column: &str| row.try_get::<i32, _>(column).map(count_from_sql);
    let received_at: Option<jiff_sqlx::Timestamp> = row.try_get("received_at")?;
    let along_at: Option<jiff_sqlx::Timestamp> = row.try_get("answered_along_at")?;
    let in_time: bool = row.try_get("answered_along_in_time")?;
    let fact = UnitFact {
        received_at: received_at.map(from_sql),
        first_reply: first_reply(row)?,
        answered_along: along_at.map(|at| FirstReply { at: from_sql(at), in_time }),
        rating: rating(row)?,
        returned: count("returned")?,
        expired: count("expired")?,
        parts: count("parts")?,
        parts_answered: count("parts_answered")?,
        transferred: count("transferred")?,
        extensions_requested: count("extensions_requested")?,
        extensions_granted: count("extensions_granted")?,
        urged: count("urged")?,
        supervised: count("supervised")?,
        criticised: count("criticised")?,
    };
    let received: bool = row.try_get("received")?;
    let replied: bool = row.try_get("replied")?;
    let agrees = received == fact.received_at.is_some()
        && replied == fact.first_reply.is_some()
        && (fact.answered_along.is_some() || !in_time);
    Ok(agrees.then_some(fact))
}

/// Forgets what is kept of these cases.
pub async fn forget(connection: &mut PgConnection, case_ids: &[CaseId]) -> sqlx::Result<()> {
    sqlx::query("DELETE FROM case_units WHERE case_id = ANY($1)")
        .bind(CaseId::as_uuids(case_ids))
        .execute(connection)
        .await?;
    Ok(())
}
