//! What routing-svc refused of the requests of citizens, in the tables `ratings` and `withdrawals`.

use huying_platform::ids::{CaseId, EventId};
use sqlx::PgConnection;
use uuid::Uuid;

/// Why the last request of a case was refused; none when it was not, or there was none.
pub async fn last_refusal(connection: &mut PgConnection, case_id: CaseId) -> sqlx::Result<Option<String>> {
    let last: Option<Option<String>> = sqlx::query_scalar(
        "SELECT refusal FROM ( \
            SELECT refusal, requested_at, event_id FROM ratings WHERE case_id = $1 \
            UNION ALL \
            SELECT refusal, requested_at, event_id FROM withdrawals WHERE case_id = $1) AS asked \
         ORDER BY requested_at DESC, event_id DESC LIMIT 1",
    )
    .bind(case_id)
    .fetch_optional(connection)
    .await?;
    Ok(last.flatten())
}

/// Notes refusals: id of the refused request, and why. Requests of handlers, which no citizen made, are passed over.
pub async fn note_refusals(
    transaction: &mut PgConnection,
    refusals: &[(EventId, String)],
) -> sqlx::Result<()> {
    if refusals.is_empty() {
        return Ok(());
    }
    let event_ids: Vec<Uuid> = refusals.iter().map(|(event_id, _)| event_id.as_uuid()).collect();
    let messages: Vec<&str> = refusals.iter().map(|(_, message)| message.as_str()).collect();
    for statement in [
        "UPDATE ratings SET refusal = refused.message \
         FROM unnest($1::uuid[], $2::text[]) AS refused (event_id, message) \
         WHERE ratings.event_id = refused.event_id AND ratings.refusal IS NULL",
        "UPDATE withdrawals SET refusal = refused.message \
         FROM unnest($1::uuid[], $2::text[]) AS refused (event_id, message) \
         WHERE withdrawals.event_id = refused.event_id AND withdrawals.refusal IS NULL",
    ] {
        sqlx::query(statement).bind(&event_ids).bind(&messages).execute(&mut *transaction).await?;
    }
    Ok(())
}
