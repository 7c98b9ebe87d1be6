//! What each unit has had to do with each case, and the figures counted from it.

use huying_platform::ids::CaseId;
use sqlx::{PgConnection, Row as _};
use uuid::Uuid;

use super::{small, unsigned};
use crate::domain::figures::{Figures, STATES_TO_ACT_ON, UnitFact, UnitFacts};

/// Adds facts to what is known.
pub async fn add(connection: &mut PgConnection, facts: &UnitFacts) -> sqlx::Result<()> {
    fn column<T>(facts: &UnitFacts, value: impl Fn(&UnitFact) -> T) -> Vec<T> {
        facts.0.values().map(value).collect()
    }
    let units: Vec<&str> = facts.0.keys().map(|(unit, _)| unit.as_str()).collect();
    let case_ids: Vec<Uuid> = facts.0.keys().map(|(_, case_id)| CaseId::as_uuid(*case_id)).collect();
    // The latest rating replaces the one before; everything else only ever grows.
    sqlx::query(
        "INSERT INTO case_units AS known (unit, case_id, received, replied, rated, resolved, satisfied, returned, \
                                          expired, parts, parts_answered, transferred, extensions_requested, \
                                          extensions_granted, urged, supervised, criticised) \
         SELECT * FROM unnest($1::text[], $2::uuid[], $3::boolean[], $4::boolean[], $5::boolean[], $6::boolean[], \
                              $7::boolean[], $8::integer[], $9::integer[], $10::integer[], $11::integer[], \
                              $12::integer[], $13::integer[], $14::integer[], $15::integer[], $16::integer[], \
                              $17::integer[]) \
         ON CONFLICT (unit, case_id) DO UPDATE SET \
             received = known.received OR excluded.received, \
             replied = known.replied OR excluded.replied, \
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
             criticised = known.criticised + excluded.criticised \
         WHERE excluded.received > known.received OR excluded.replied OR excluded.rated \
            OR excluded.returned + excluded.expired + excluded.parts + excluded.parts_answered \
               + excluded.transferred + excluded.extensions_requested + excluded.extensions_granted \
               + excluded.urged + excluded.supervised + excluded.criticised > 0",
    )
    .bind(&units)
    .bind(&case_ids)
    .bind(column(facts, |fact| fact.received))
    .bind(column(facts, |fact| fact.replied))
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
    .execute(connection)
    .await?;
    Ok(())
}

/// The figures of a unit, and the size of the tree they were drawn from: one statement, so one view.
pub async fn figures(connection: &mut PgConnection, unit: &str) -> sqlx::Result<Figures> {
    let row = sqlx::query(
        "SELECT count(*) FILTER (WHERE u.received), \
                count(*) FILTER (WHERE c.responsible_unit = u.unit AND c.state = ANY($2)), \
                count(*) FILTER (WHERE c.responsible_unit = u.unit AND c.state = ANY($2) AND c.overdue), \
                count(*) FILTER (WHERE u.replied), \
                count(*) FILTER (WHERE u.replied AND u.rated), \
                count(*) FILTER (WHERE u.replied AND u.resolved), \
                count(*) FILTER (WHERE u.replied AND u.satisfied), \
                coalesce(sum(u.returned), 0), \
                coalesce(sum(u.expired), 0), \
                coalesce(sum(u.parts), 0), \
                coalesce(sum(u.parts_answered), 0), \
                coalesce(sum(u.transferred), 0), \
                coalesce(sum(u.extensions_requested), 0), \
                coalesce(sum(u.extensions_granted), 0), \
                coalesce(sum(u.urged), 0), \
                coalesce(sum(u.supervised), 0), \
                coalesce(sum(u.criticised), 0), \
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
        parts: count(9)?,
        parts_answered: count(10)?,
        transferred: count(11)?,
        extensions_requested: count(12)?,
        extensions_granted: count(13)?,
        urged: count(14)?,
        supervised: count(15)?,
        criticised: count(16)?,
        tree_size: count(17)?,
    })
}
