//! Messages that could not be processed: recorded with their reason, listed and replayed by operators.

use std::sync::Arc;

use huying_proto::operations::v1::{
    DeadLetter, ListDeadLettersRequest, ListDeadLettersResponse, ReplayDeadLetterRequest,
    ReplayDeadLetterResponse, dead_letter_service_server::DeadLetterService,
};
use jiff_sqlx::ToSqlx as _;
use sqlx::{PgConnection, PgPool, Row as _, postgres::PgRow};
use tonic::{Code, Request, Response, Status};
use uuid::Uuid;

use crate::{
    auth::{Authenticator, Principal, Role},
    ids::{CaseId, DeadLetterId},
    status::{self, Violations, micros, timestamp_to_proto},
    subjects::Namespace,
};

/// A message that failed.
#[derive(Debug)]
pub(crate) struct Failed<'a> {
    pub(crate) consumer: &'a str,
    pub(crate) stream: &'a str,
    pub(crate) subject: &'a str,
    pub(crate) message_id: &'a str,
    pub(crate) traceparent: Option<&'a str>,
    pub(crate) payload: &'a [u8],
    pub(crate) reason: &'a str,
}

pub(crate) async fn record(pool: &PgPool, failed: &Failed<'_>) -> sqlx::Result<()> {
    sqlx::query(
        "INSERT INTO dead_letters \
         (dead_letter_id, consumer, stream, subject, message_id, traceparent, payload, reason) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
    )
    .bind(DeadLetterId::new_v7())
    .bind(failed.consumer)
    .bind(failed.stream)
    .bind(failed.subject)
    .bind(failed.message_id)
    .bind(failed.traceparent)
    .bind(failed.payload)
    .bind(failed.reason)
    .execute(pool)
    .await?;
    Ok(())
}

/// Events that say what a citizen wrote.
const CITIZENS_EVENTS: [&str; 5] =
    ["CaseSubmitted", "RatingRequested", "CaseRated", "WithdrawalRequested", "CaseWithdrawn"];

/// Forgets the dead letters of cases that say what the citizen wrote, in the transaction in which that is erased elsewhere.
/// They are told by their subjects, `case.<municipal>.<district>.<township>.<event>.<case_id>`.
///
/// # Errors
/// When the statement fails.
pub async fn forget_citizens_words(connection: &mut PgConnection, case_ids: &[CaseId]) -> sqlx::Result<()> {
    let case_ids: Vec<String> = case_ids.iter().map(CaseId::to_string).collect();
    sqlx::query(
        "DELETE FROM dead_letters WHERE split_part(subject, '.', 5) = ANY($1) AND split_part(subject, '.', 6) = ANY($2)",
    )
    .bind(&CITIZENS_EVENTS[..])
    .bind(case_ids)
    .execute(connection)
    .await?;
    Ok(())
}

/// How many dead letters nobody has replayed.
pub(crate) async fn count(pool: &PgPool) -> sqlx::Result<i64> {
    sqlx::query_scalar("SELECT count(*) FROM dead_letters WHERE replayed_at IS NULL").fetch_one(pool).await
}

/// The operators' service, mounted by every service over its own dead letters.
#[derive(Debug)]
pub(crate) struct DeadLetters {
    pub(crate) db: PgPool,
    pub(crate) nats: async_nats::Client,
    pub(crate) namespace: Namespace,
    pub(crate) auth: Arc<Authenticator>,
}

#[tonic::async_trait]
impl DeadLetterService for DeadLetters {
    async fn list_dead_letters(
        &self,
        request: Request<ListDeadLettersRequest>,
    ) -> Result<Response<ListDeadLettersResponse>, Status> {
        operator(&self.auth, &request)?;
        let request = request.into_inner();
        let mut violations = Violations::new();
        if request.page_size > 500 {
            violations.add("page_size", "is more than 500; 1 to 500 would be right, 0 means 50");
        }
        let after = parse_token(&request.page_token, &mut violations);
        violations.check()?;
        let page_size = if request.page_size == 0 { 50 } else { request.page_size };

        let (after_at, after_id) = after.unwrap_or((i64::MAX, Uuid::max()));
        let rows = sqlx::query(
            "SELECT dead_letter_id, subject, message_id, reason, failed_at, replayed_at, length(payload) \
             FROM dead_letters WHERE (failed_at, dead_letter_id) < ($1, $2) \
             ORDER BY failed_at DESC, dead_letter_id DESC LIMIT $3",
        )
        .bind(status::from_micros(after_at).to_sqlx())
        .bind(after_id)
        .bind(i64::from(page_size))
        .try_map(|row: PgRow| {
            let length: i32 = row.try_get(6)?;
            Ok(DeadLetter {
                dead_letter_id: row.try_get::<DeadLetterId, _>(0)?.to_string(),
                subject: row.try_get(1)?,
                message_id: row.try_get(2)?,
                reason: row.try_get(3)?,
                failed_at: Some(timestamp_to_proto(row.try_get::<jiff_sqlx::Timestamp, _>(4)?.to_jiff())),
                replayed_at: row
                    .try_get::<Option<jiff_sqlx::Timestamp>, _>(5)?
                    .map(|time| timestamp_to_proto(time.to_jiff())),
                payload_bytes: u64::try_from(length).unwrap_or(0),
            })
        })
        .fetch_all(&self.db)
        .await
        .map_err(status::from_sqlx)?;

        let full = rows.len() == page_size as usize;
        let next_page_token = rows.last().filter(|_| full).map_or_else(String::new, |last| {
            let failed_at =
                last.failed_at.as_ref().and_then(status::timestamp_from_proto).unwrap_or_default();
            format!("{}_{}", micros(failed_at), last.dead_letter_id)
        });
        Ok(Response::new(ListDeadLettersResponse { dead_letters: rows, next_page_token }))
    }

    async fn replay_dead_letter(
        &self,
        request: Request<ReplayDeadLetterRequest>,
    ) -> Result<Response<ReplayDeadLetterResponse>, Status> {
        let principal = operator(&self.auth, &request)?;
        let id: DeadLetterId = request.into_inner().dead_letter_id.parse().map_err(|error| {
            let mut violations = Violations::new();
            violations.add("dead_letter_id", format!("{error}"));
            violations.into_status()
        })?;
        let row = sqlx::query(
            "SELECT subject, message_id, traceparent, payload FROM dead_letters WHERE dead_letter_id = $1",
        )
        .bind(id)
        .fetch_optional(&self.db)
        .await
        .map_err(status::from_sqlx)?;
        let Some(row) = row else {
            return Err(status::refused(
                Code::NotFound,
                "DEAD_LETTER_NOT_FOUND",
                "there is no such dead letter",
                &[],
            ));
        };
        let column = |error: sqlx::Error| status::internal(&error);
        let subject: String = row.try_get(0).map_err(column)?;
        let message_id: String = row.try_get(1).map_err(column)?;
        let traceparent: Option<String> = row.try_get(2).map_err(column)?;
        let payload: Vec<u8> = row.try_get(3).map_err(column)?;

        let mut headers = async_nats::HeaderMap::new();
        // A new broker id, or the broker would drop it as a duplicate; the event's own id stays in ce-id.
        headers.insert("Nats-Msg-Id", Uuid::now_v7().to_string());
        headers.insert("ce-id", message_id);
        if let Some(traceparent) = traceparent {
            headers.insert("traceparent", traceparent);
        }
        let context = async_nats::jetstream::new(self.nats.clone());
        let published = context
            .publish_with_headers(self.namespace.subject(&subject), headers, payload.into())
            .await
            .map_err(|error| status::unknown_outcome(format!("the broker did not take it: {error}")))?;
        published
            .await
            .map_err(|error| status::unknown_outcome(format!("the broker did not take it: {error}")))?;
        sqlx::query("UPDATE dead_letters SET replayed_at = now() WHERE dead_letter_id = $1")
            .bind(id)
            .execute(&self.db)
            .await
            .map_err(status::from_sqlx)?;
        tracing::info!(dead_letter = %id, by = principal.subject, "dead letter replayed");
        Ok(Response::new(ReplayDeadLetterResponse {}))
    }
}

/// Dead letters are of all regions, so an operator of one of them has no say.
#[allow(clippy::result_large_err)]
fn operator<T>(auth: &Authenticator, request: &Request<T>) -> Result<Principal, Status> {
    let principal = auth.authenticate(request.metadata())?;
    principal.require(&[Role::Operator])?;
    principal.require_unscoped()?;
    Ok(principal)
}

fn parse_token(token: &str, violations: &mut Violations) -> Option<(i64, Uuid)> {
    if token.is_empty() {
        return None;
    }
    let parsed =
        token.split_once('_').and_then(|(at, id)| Some((at.parse::<i64>().ok()?, Uuid::try_parse(id).ok()?)));
    if parsed.is_none() {
        violations
            .add("page_token", "is not a token of an earlier answer; leave it empty for the first page");
    }
    parsed
}
