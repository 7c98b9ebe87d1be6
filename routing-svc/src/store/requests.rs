//! Requests that were acted on, with their answers.

use huying_proto::routing::v1::CommandOutcome;
use jiff::Timestamp;
use jiff_sqlx::ToSqlx as _;
use prost::Message as _;
use sqlx::{PgConnection, Row as _};

use super::rows::corrupt;

/// What makes a request the same request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestKey {
    /// Who asked: the subject of the token.
    pub caller: String,
    /// The id they chose.
    pub request_id: String,
    /// Name of the RPC.
    pub command: &'static str,
    /// SHA-256 of the request as encoded.
    pub body_hash: [u8; 32],
}

/// What is known of a request.
#[derive(Debug, Clone, PartialEq)]
pub enum Known {
    /// Nothing.
    New,
    /// It was acted on, with this answer.
    Answered(CommandOutcome),
    /// Its id was used for another request.
    IdReused,
}

/// Looks a request up.
///
/// # Errors
/// When the statement fails or the row cannot be read.
pub async fn find(connection: &mut PgConnection, key: &RequestKey) -> sqlx::Result<Known> {
    let row = sqlx::query(
        "SELECT command, body_hash, response FROM command_requests WHERE caller = $1 AND request_id = $2",
    )
    .bind(&key.caller)
    .bind(&key.request_id)
    .fetch_optional(connection)
    .await?;
    let Some(row) = row else { return Ok(Known::New) };
    let command: &str = row.try_get("command")?;
    let body_hash: &[u8] = row.try_get("body_hash")?;
    if command != key.command || body_hash != key.body_hash {
        return Ok(Known::IdReused);
    }
    let response: &[u8] = row.try_get("response")?;
    CommandOutcome::decode(response).map(Known::Answered).map_err(|_| corrupt("the answer"))
}

/// Keeps a request and its answer. False when its id has been used in the meantime.
///
/// # Errors
/// When the statement fails.
pub async fn insert(
    transaction: &mut PgConnection,
    key: &RequestKey,
    response: &CommandOutcome,
    made_at: Timestamp,
) -> sqlx::Result<bool> {
    let result = sqlx::query(
        "INSERT INTO command_requests (caller, request_id, command, body_hash, response, made_at) \
         VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT ON CONSTRAINT command_requests_act_once DO NOTHING",
    )
    .bind(&key.caller)
    .bind(&key.request_id)
    .bind(key.command)
    .bind(key.body_hash.as_slice())
    .bind(response.encode_to_vec())
    .bind(made_at.to_sqlx())
    .execute(transaction)
    .await?;
    Ok(result.rows_affected() == 1)
}
