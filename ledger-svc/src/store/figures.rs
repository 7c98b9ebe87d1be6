//! Cases counted by unit, region, representative and month, for the figures.
//!
//! Guaranteed: every count is one pass that groups by the finest key, and brings the times along that medians are of, so
//! that totals are sums and cannot contradict their months. With one unit or one representative only their own rows
//! and the cases of these are read, by the primary keys.

use futures_util::TryStreamExt as _;
use huying_proto::events::v1::CaseState;
use sqlx::{PgConnection, Postgres, QueryBuilder, Row as _, postgres::PgRow};

use super::{corrupt, from_sql, unsigned};
use crate::domain::{
    counts::{Counts, DutyCounts, Month, Tally},
    facts::HopKind,
    figures::{STATES_OVER, STATES_TO_ACT_ON},
};

/// Cases of one place, month and category.
#[derive(Debug)]
pub struct CaseGroup {
    /// Municipality, district and township of the cases, those that apply, from the top down.
    pub regions: Vec<String>,
    /// When they were submitted.
    pub month: Month,
    /// First level of their category; empty for those not yet classified.
    pub category: String,
    /// What is counted of them.
    pub tally: Tally<Counts>,
}

/// Cases of one unit and month.
#[derive(Debug)]
pub struct UnitGroup {
    /// The unit.
    pub unit: String,
    /// When it received them; `None` for those of which it had a part only.
    pub month: Option<Month>,
    /// What is counted of them.
    pub tally: Tally<Counts>,
}

/// Cases of one representative and month.
#[derive(Debug)]
pub struct RepresentativeGroup {
    /// The representative.
    pub representative: String,
    /// When they were addressed to them, or else claimed; `None` for those that they only did something about.
    pub month: Option<Month>,
    /// What is counted of them.
    pub tally: Tally<DutyCounts>,
}

/// Times that cases went from one unit to another in one month.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HopGroup {
    /// How.
    pub kind: HopKind,
    /// From which.
    pub from_unit: String,
    /// To which.
    pub to_unit: String,
    /// When they went.
    pub month: Month,
    /// How often.
    pub times: u64,
}

/// Makes the transaction one snapshot that nothing is written to and that takes a minute at most a statement, and lets it
/// group in memory: PostgreSQL takes every row for a group of its own, and would sort whole tables on disk.
pub async fn begin_counting(connection: &mut PgConnection) -> sqlx::Result<()> {
    sqlx::raw_sql(
        "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY; \
         SET LOCAL statement_timeout = '60s'; SET LOCAL enable_sort = off; SET LOCAL work_mem = '64MB'; \
         SET LOCAL jit = off",
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Makes the transaction one snapshot that nothing is written to, and lets it look up the case of each row of one unit or
/// one representative by itself: PostgreSQL would sooner read the whole table of cases than some thousands of them.
pub async fn begin_looking_up(connection: &mut PgConnection) -> sqlx::Result<()> {
    sqlx::raw_sql(
        "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY; \
         SET LOCAL enable_hashjoin = off; SET LOCAL enable_mergejoin = off; \
         SET LOCAL max_parallel_workers_per_gather = 0; SET LOCAL jit = off",
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Counts all cases, a walk through the table.
pub async fn count_cases(connection: &mut PgConnection, mut take: impl FnMut(CaseGroup)) -> sqlx::Result<()> {
    let mut rows = sqlx::query(
        "SELECT municipal, district, township, \
                date_trunc('month', submitted_at AT TIME ZONE 'Asia/Shanghai')::date, \
                split_part(category, '/', 1), \
                count(*), \
                count(first_replied_at), \
                count(*) FILTER (WHERE first_replied_at IS NOT NULL AND replied_in_time), \
                0::bigint, \
                count(*) FILTER (WHERE first_replied_at IS NOT NULL AND rated), \
                count(*) FILTER (WHERE first_replied_at IS NOT NULL AND rated AND resolved), \
                count(*) FILTER (WHERE first_replied_at IS NOT NULL AND rated AND satisfied), \
                count(*) FILTER (WHERE first_replied_at IS NOT NULL AND NOT rated AND state <> ALL($2)), \
                count(*) FILTER (WHERE state = ANY($1)), \
                count(*) FILTER (WHERE state = ANY($1) AND overdue), \
                count(*) FILTER (WHERE state = $3), \
                count(*) FILTER (WHERE state = $4), \
                sum(returned), sum(extensions_granted), sum(supervised), sum(criticised), \
                0::bigint, 0::bigint, 0::bigint, 0::bigint, 0::bigint, 0::bigint, \
                array_agg(greatest(0, ceil(date_part('epoch', first_replied_at - submitted_at)))::integer) \
                    FILTER (WHERE first_replied_at IS NOT NULL) \
         FROM cases GROUP BY 1, 2, 3, 4, 5",
    )
    .bind(numbers(STATES_TO_ACT_ON))
    .bind(numbers(STATES_OVER))
    .bind(CaseState::Declined as i16)
    .bind(CaseState::Withdrawn as i16)
    .fetch(connection);
    while let Some(row) = rows.try_next().await? {
        let mut regions: Vec<String> = vec![row.try_get(0)?, row.try_get(1)?, row.try_get(2)?];
        regions.retain(|code| !code.is_empty());
        take(CaseGroup {
            regions,
            month: month(&row, 3)?.ok_or_else(|| corrupt("a case that was never submitted"))?,
            category: row.try_get(4)?,
            tally: tally(&row, 5)?,
        });
    }
    Ok(())
}

/// Counts the cases of one unit, or of all units: then it is a walk through the table.
pub async fn count_units(
    connection: &mut PgConnection,
    unit: Option<&str>,
    mut take: impl FnMut(UnitGroup),
) -> sqlx::Result<()> {
    // `answered`: by a reply to the case that the unit had, or to one that the case goes on as part of.
    let mut query = QueryBuilder::<Postgres>::new(
        "SELECT u.unit, \
                date_trunc('month', u.received_at AT TIME ZONE 'Asia/Shanghai')::date, \
                count(*) FILTER (WHERE u.received), \
                count(*) FILTER (WHERE u.replied), \
                count(*) FILTER (WHERE u.replied AND u.replied_in_time), \
                count(*) FILTER (WHERE u.answered AND NOT u.replied), \
                count(*) FILTER (WHERE u.answered AND u.rated), \
                count(*) FILTER (WHERE u.answered AND u.resolved), \
                count(*) FILTER (WHERE u.answered AND u.satisfied), \
                count(*) FILTER (WHERE u.answered AND NOT u.rated AND c.state <> ALL(",
    );
    query.push_bind(numbers(STATES_OVER)).push(
        ")), \
                count(*) FILTER (WHERE c.responsible_unit = u.unit AND c.state = ANY(",
    );
    query.push_bind(numbers(STATES_TO_ACT_ON)).push(
        ")), \
                count(*) FILTER (WHERE c.responsible_unit = u.unit AND c.overdue AND c.state = ANY(",
    );
    query.push_bind(numbers(STATES_TO_ACT_ON)).push(
        ")), \
                count(*) FILTER (WHERE u.received AND c.state = ",
    );
    query.push_bind(CaseState::Declined as i16).push(
        "), \
                count(*) FILTER (WHERE u.received AND c.state = ",
    );
    query.push_bind(CaseState::Withdrawn as i16).push(
        "), \
                sum(u.returned), sum(u.extensions_granted), sum(u.supervised), sum(u.criticised), \
                sum(u.expired), sum(u.parts), sum(u.parts_answered), sum(u.transferred), \
                sum(u.extensions_requested), sum(u.urged), \
                array_agg(greatest(0, ceil(date_part('epoch', u.first_replied_at - u.received_at)))::integer) \
                    FILTER (WHERE u.replied AND u.first_replied_at IS NOT NULL AND u.received_at IS NOT NULL) \
         FROM (SELECT *, replied OR answered_along_at IS NOT NULL AS answered FROM case_units) u \
              JOIN cases c USING (case_id)",
    );
    if let Some(unit) = unit {
        query.push(" WHERE u.unit = ").push_bind(unit.to_owned());
    }
    query.push(" GROUP BY 1, 2");
    let query = query.build();
    let mut rows = query.fetch(connection);
    while let Some(row) = rows.try_next().await? {
        take(UnitGroup { unit: row.try_get(0)?, month: month(&row, 1)?, tally: tally(&row, 2)? });
    }
    Ok(())
}

/// Counts the cases of one representative, or of all of them: then it is a walk through the table.
pub async fn count_representatives(
    connection: &mut PgConnection,
    representative: Option<&str>,
    mut take: impl FnMut(RepresentativeGroup),
) -> sqlx::Result<()> {
    let mut query = QueryBuilder::<Postgres>::new(
        "SELECT r.representative, \
                date_trunc('month', r.taken_on_at AT TIME ZONE 'Asia/Shanghai')::date, \
                count(r.received_at), \
                count(r.claimed_at), \
                count(r.taken_on_at), \
                count(r.taken_on_at) FILTER (WHERE r.answered), \
                count(r.taken_on_at) FILTER (WHERE c.first_replied_at IS NOT NULL), \
                sum(r.urged), \
                sum(r.progress_reported), \
                count(r.taken_on_at) FILTER (WHERE c.first_replied_at IS NOT NULL AND c.rated), \
                count(r.taken_on_at) FILTER (WHERE c.first_replied_at IS NOT NULL AND c.rated AND c.resolved), \
                count(r.taken_on_at) FILTER (WHERE c.first_replied_at IS NOT NULL AND c.rated AND c.satisfied), \
                array_agg(greatest(0, ceil(date_part('epoch', \
                        r.first_answered_at - coalesce(r.received_at, r.claimed_at))))::integer) \
                    FILTER (WHERE r.answered AND r.first_answered_at IS NOT NULL AND r.taken_on_at IS NOT NULL), \
                max(r.last_act_at) \
         FROM (SELECT *, least(received_at, claimed_at) AS taken_on_at FROM case_representatives) r \
              JOIN cases c USING (case_id)",
    );
    if let Some(representative) = representative {
        query.push(" WHERE r.representative = ").push_bind(representative.to_owned());
    }
    query.push(" GROUP BY 1, 2");
    let query = query.build();
    let mut rows = query.fetch(connection);
    while let Some(row) = rows.try_next().await? {
        let count = |place: usize| row.try_get::<i64, _>(place).map(unsigned);
        let counts = DutyCounts {
            received: count(2)?,
            claimed: count(3)?,
            taken_on: count(4)?,
            answered: count(5)?,
            replied: count(6)?,
            urged: count(7)?,
            progress_reported: count(8)?,
            rated: count(9)?,
            resolved: count(10)?,
            satisfied: count(11)?,
            median_answer_seconds: None,
            last_act_at: row.try_get::<Option<jiff_sqlx::Timestamp>, _>(13)?.map(from_sql),
        };
        take(RepresentativeGroup {
            representative: row.try_get(0)?,
            month: month(&row, 1)?,
            tally: Tally { counts, seconds: seconds(&row, 12)? },
        });
    }
    Ok(())
}

/// Counts what went from unit to unit: a walk through the table.
pub async fn count_hops(connection: &mut PgConnection) -> sqlx::Result<Vec<HopGroup>> {
    let rows = sqlx::query(
        "SELECT kind, from_unit, to_unit, date_trunc('month', at AT TIME ZONE 'Asia/Shanghai')::date, count(*) \
         FROM case_hops GROUP BY 1, 2, 3, 4",
    )
    .fetch_all(connection)
    .await?;
    rows.iter()
        .map(|row| {
            Ok(HopGroup {
                kind: match row.try_get::<i16, _>(0)? {
                    1 => HopKind::Delegated,
                    2 => HopKind::Escalated,
                    3 => HopKind::Transferred,
                    4 => HopKind::Returned,
                    _ => return Err(corrupt("a hop of no kind")),
                },
                from_unit: row.try_get(1)?,
                to_unit: row.try_get(2)?,
                month: month(row, 3)?.ok_or_else(|| corrupt("a hop at no time"))?,
                times: unsigned(row.try_get(4)?),
            })
        })
        .collect()
}

/// Reads 23 columns from a place on: 22 counts, and the seconds.
fn tally(row: &PgRow, first: usize) -> sqlx::Result<Tally<Counts>> {
    let count = |place: usize| row.try_get::<i64, _>(first + place).map(unsigned);
    let counts = Counts {
        received: count(0)?,
        replied: count(1)?,
        replied_in_time: count(2)?,
        answered_along: count(3)?,
        rated: count(4)?,
        resolved: count(5)?,
        satisfied: count(6)?,
        awaiting_rating: count(7)?,
        open: count(8)?,
        overdue: count(9)?,
        declined: count(10)?,
        withdrawn: count(11)?,
        returned: count(12)?,
        extensions_granted: count(13)?,
        supervised: count(14)?,
        criticised: count(15)?,
        expired: count(16)?,
        parts: count(17)?,
        parts_answered: count(18)?,
        transferred: count(19)?,
        extensions_requested: count(20)?,
        urged: count(21)?,
        median_reply_seconds: None,
    };
    Ok(Tally { counts, seconds: seconds(row, first + 22)? })
}

fn numbers<const N: usize>(states: [CaseState; N]) -> Vec<i16> {
    states.map(|state| state as i16).to_vec()
}

fn seconds(row: &PgRow, place: usize) -> sqlx::Result<Vec<u32>> {
    let seconds: Option<Vec<i32>> = row.try_get(place)?;
    Ok(seconds.unwrap_or_default().into_iter().map(super::small_from_sql).collect())
}

fn month(row: &PgRow, place: usize) -> sqlx::Result<Option<Month>> {
    let first_day: Option<jiff_sqlx::Date> = row.try_get(place)?;
    Ok(first_day.map(|day| Month::of(day.to_jiff())))
}
