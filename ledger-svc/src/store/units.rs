//! What each unit has had to do with each case, and the figures counted from it.

use sqlx::{PgConnection, Row as _};

use super::unsigned;
use crate::domain::account::{Figures, STATES_TO_ACT_ON, UnitFacts};

/// Adds facts to what is known.
pub async fn add(connection: &mut PgConnection, facts: &UnitFacts) -> sqlx::Result<()> {
    let count = facts.0.len();
    let mut units = Vec::with_capacity(count);
    let mut case_ids = Vec::with_capacity(count);
    let mut replied = Vec::with_capacity(count);
    let mut rated = Vec::with_capacity(count);
    let mut resolved = Vec::with_capacity(count);
    let mut satisfied = Vec::with_capacity(count);
    let mut returned = Vec::with_capacity(count);
    let mut expired = Vec::with_capacity(count);
    for ((unit, case_id), fact) in &facts.0 {
        units.push(unit.as_str());
        case_ids.push(case_id.as_uuid());
        replied.push(fact.replied);
        rated.push(fact.rating.is_some());
        resolved.push(fact.rating.is_some_and(|rating| rating.resolved));
        satisfied.push(fact.rating.is_some_and(|rating| rating.satisfied));
        returned.push(i32::try_from(fact.returned).unwrap_or(i32::MAX));
        expired.push(i32::try_from(fact.expired).unwrap_or(i32::MAX));
    }
    // The latest rating replaces the one before; everything else only ever grows.
    sqlx::query(
        "INSERT INTO case_units AS known (unit, case_id, replied, rated, resolved, satisfied, returned, expired) \
         SELECT * FROM unnest($1::text[], $2::uuid[], $3::boolean[], $4::boolean[], $5::boolean[], $6::boolean[], \
                              $7::integer[], $8::integer[]) \
         ON CONFLICT (unit, case_id) DO UPDATE SET \
             replied = known.replied OR excluded.replied, \
             rated = known.rated OR excluded.rated, \
             resolved = CASE WHEN excluded.rated THEN excluded.resolved ELSE known.resolved END, \
             satisfied = CASE WHEN excluded.rated THEN excluded.satisfied ELSE known.satisfied END, \
             returned = known.returned + excluded.returned, \
             expired = known.expired + excluded.expired \
         WHERE excluded.replied OR excluded.rated OR excluded.returned > 0 OR excluded.expired > 0",
    )
    .bind(&units)
    .bind(&case_ids)
    .bind(&replied)
    .bind(&rated)
    .bind(&resolved)
    .bind(&satisfied)
    .bind(&returned)
    .bind(&expired)
    .execute(connection)
    .await?;
    Ok(())
}

/// The figures of a unit, and the size of the tree they were drawn from: one statement, so one view.
pub async fn figures(connection: &mut PgConnection, unit: &str) -> sqlx::Result<Figures> {
    let row = sqlx::query(
        "SELECT count(*), \
                count(*) FILTER (WHERE c.responsible_unit = u.unit AND c.state = ANY($2)), \
                count(*) FILTER (WHERE c.responsible_unit = u.unit AND c.state = ANY($2) AND c.overdue), \
                count(*) FILTER (WHERE u.replied), \
                count(*) FILTER (WHERE u.replied AND u.rated), \
                count(*) FILTER (WHERE u.replied AND u.resolved), \
                count(*) FILTER (WHERE u.replied AND u.satisfied), \
                coalesce(sum(u.returned), 0), \
                coalesce(sum(u.expired), 0), \
                (SELECT tree_size FROM log_state) \
         FROM case_units u JOIN cases c USING (case_id) WHERE u.unit = $1",
    )
    .bind(unit)
    .bind(STATES_TO_ACT_ON.map(|state| state as i16).to_vec())
    .fetch_one(connection)
    .await?;
    let count = |place: usize| row.try_get::<i64, _>(place).map(unsigned);
    Ok(Figures {
        received: count(0)?,
        open: count(1)?,
        overdue: count(2)?,
        replied: count(3)?,
        rated: count(4)?,
        resolved: count(5)?,
        satisfied: count(6)?,
        returned: count(7)?,
        expired: count(8)?,
        tree_size: count(9)?,
    })
}
