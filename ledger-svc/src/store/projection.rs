//! By which rules the tables beside the log were drawn, and what stands in them of cases that are in no log.

use huying_platform::ids::CaseId;
use sqlx::PgConnection;
use uuid::Uuid;

macro_rules! unlogged {
    ($table:literal) => {
        concat!(
            "DELETE FROM ",
            $table,
            " AS t WHERE t.case_id > $1 AND t.case_id <= $2 \
               AND NOT EXISTS (SELECT FROM leaves AS l WHERE l.case_id = t.case_id) RETURNING t.case_id"
        )
    };
}

/// What is known of the tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Projection {
    /// Number of the rules they were drawn by; 0 when they have to be drawn anew.
    pub format: i32,
    /// The latest term of lead of a leader that goes by such rules.
    pub epoch: i64,
}

/// What is known, for as long as the transaction lasts.
pub async fn lock(connection: &mut PgConnection) -> sqlx::Result<Projection> {
    let (format, epoch) =
        sqlx::query_as("SELECT format, epoch FROM projection FOR UPDATE").fetch_one(connection).await?;
    Ok(Projection { format, epoch })
}

/// Notes it.
pub async fn set(connection: &mut PgConnection, projection: Projection) -> sqlx::Result<()> {
    sqlx::query("UPDATE projection SET format = $1, epoch = $2")
        .bind(projection.format)
        .bind(projection.epoch)
        .execute(connection)
        .await?;
    Ok(())
}

/// Have the tables been drawn by rules of this number, and does a leader that goes by them lead now?
pub async fn is_of(connection: &mut PgConnection, format: i32) -> sqlx::Result<bool> {
    sqlx::query_scalar("SELECT p.format = $1 AND p.epoch = s.epoch FROM projection p, log_state s")
        .bind(format)
        .fetch_one(connection)
        .await
}

/// Number of the rules the tables were drawn by.
pub async fn format(connection: &mut PgConnection) -> sqlx::Result<i32> {
    sqlx::query_scalar("SELECT format FROM projection").fetch_one(connection).await
}

/// Deletes what stands of cases after one, up to another if that is given, that have no line in the log. Returns which.
pub async fn forget_unlogged(
    connection: &mut PgConnection,
    after: Option<CaseId>,
    through: Option<CaseId>,
) -> sqlx::Result<Vec<CaseId>> {
    let mut forgotten = Vec::new();
    for statement in [
        unlogged!("cases"),
        unlogged!("case_units"),
        unlogged!("case_representatives"),
        unlogged!("case_hops"),
        unlogged!("case_search"),
    ] {
        let mut of_table: Vec<CaseId> = sqlx::query_scalar(statement)
            .bind(after.map_or(Uuid::nil(), CaseId::as_uuid))
            .bind(through.map_or(Uuid::max(), CaseId::as_uuid))
            .fetch_all(&mut *connection)
            .await?;
        forgotten.append(&mut of_table);
    }
    forgotten.sort_unstable();
    forgotten.dedup();
    Ok(forgotten)
}
