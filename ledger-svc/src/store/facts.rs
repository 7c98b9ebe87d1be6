//! What cases mean for those who had to do with them: the three tables that figures are counted from, together.

use huying_platform::ids::CaseId;
use sqlx::PgConnection;

use super::{hops, representatives, units};
use crate::domain::facts::{Facts, KeptFacts};

/// Adds what a stretch of history says to what is known.
pub async fn add(connection: &mut PgConnection, facts: &Facts) -> sqlx::Result<()> {
    if !facts.units.0.is_empty() {
        units::add(connection, &facts.units).await?;
    }
    if !facts.representatives.0.is_empty() {
        representatives::add(connection, &facts.representatives).await?;
    }
    if !facts.hops.is_empty() {
        hops::save(connection, &facts.hops).await?;
    }
    Ok(())
}

/// What is kept of these cases.
pub async fn of_cases(connection: &mut PgConnection, case_ids: &[CaseId]) -> sqlx::Result<KeptFacts> {
    Ok(KeptFacts {
        units: units::of_cases(connection, case_ids).await?,
        representatives: representatives::of_cases(connection, case_ids).await?,
        hops: hops::of_cases(connection, case_ids).await?,
    })
}

/// Forgets what is kept of these cases.
pub async fn forget(connection: &mut PgConnection, case_ids: &[CaseId]) -> sqlx::Result<()> {
    units::forget(connection, case_ids).await?;
    representatives::forget(connection, case_ids).await?;
    hops::forget(connection, case_ids).await
}
