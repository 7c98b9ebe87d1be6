//! Requests that were acted on, with their answers.

use std::collections::{HashMap, HashSet};

use huying_proto::routing::v1::CommandOutcome;
use jiff::Timestamp;
use jiff_sqlx::ToSqlx as _;
use prost::Message as _;
use sqlx::{PgConnection, PgPool, Row as _};

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

/// The requests of a batch that were acted on before.
#[derive(Debug, Default)]
pub struct Answers(HashMap<(String, String), Answer>);

#[derive(Debug)]
struct Answer {
    command: String,
    body_hash: Vec<u8>,
    response: CommandOutcome,
}

impl Answers {
    /// What is known of one of the requests that were looked up.
    #[must_use]
    pub fn of(&self, key: &RequestKey) -> Known {
        match self.0.get(&(key.caller.clone(), key.request_id.clone())) {
            None => Known::New,
            Some(answer) if answer.command != key.command || answer.body_hash != key.body_hash => {
                Known::IdReused
            }
            Some(answer) => Known::Answered(answer.response.clone()),
        }
    }
}

/// Looks requests up.
///
/// # Errors
/// When the statement fails or a row cannot be read.
pub async fn find(connection: &mut PgConnection, keys: &[&RequestKey]) -> sqlx::Result<Answers> {
    let callers: Vec<&str> = keys.iter().map(|key| key.caller.as_str()).collect();
    let request_ids: Vec<&str> = keys.iter().map(|key| key.request_id.as_str()).collect();
    // LATERAL with OFFSET 0 keeps the planner to one look at the primary key for each.
    let rows = sqlx::query(
        "SELECT r.caller, r.request_id, r.command, r.body_hash, r.response \
         FROM unnest($1::text[], $2::text[]) AS k (caller, request_id) \
         CROSS JOIN LATERAL (SELECT * FROM command_requests AS c \
             WHERE c.caller = k.caller AND c.request_id = k.request_id OFFSET 0) AS r",
    )
    .bind(&callers)
    .bind(&request_ids)
    .fetch_all(connection)
    .await?;
    let mut answers = Answers::default();
    for row in &rows {
        let response: &[u8] = row.try_get("response")?;
        let answer = Answer {
            command: row.try_get("command")?,
            body_hash: row.try_get("body_hash")?,
            response: CommandOutcome::decode(response).map_err(|_| corrupt("the answer"))?,
        };
        answers.0.insert((row.try_get("caller")?, row.try_get("request_id")?), answer);
    }
    Ok(answers)
}

/// Keeps requests and their answers. False when the id of one has been used in the meantime.
///
/// # Errors
/// When the statement fails.
pub async fn insert(
    transaction: &mut PgConnection,
    answered: &[(&RequestKey, CommandOutcome)],
    made_at: Timestamp,
) -> sqlx::Result<bool> {
    // In one order everywhere, so that two transactions with the same ids wait for each other and never deadlock.
    let mut ordered: Vec<&(&RequestKey, CommandOutcome)> = answered.iter().collect();
    ordered.sort_unstable_by_key(|(key, _)| (&key.caller, &key.request_id));
    let distinct: HashSet<_> = ordered.iter().map(|(key, _)| (&key.caller, &key.request_id)).collect();
    let mut callers = Vec::with_capacity(ordered.len());
    let mut request_ids = Vec::with_capacity(ordered.len());
    let mut commands = Vec::with_capacity(ordered.len());
    let mut hashes = Vec::with_capacity(ordered.len());
    let mut responses = Vec::with_capacity(ordered.len());
    for (key, response) in &ordered {
        callers.push(key.caller.as_str());
        request_ids.push(key.request_id.as_str());
        commands.push(key.command);
        hashes.push(key.body_hash.as_slice());
        responses.push(response.encode_to_vec());
    }
    let result = sqlx::query(
        "INSERT INTO command_requests (caller, request_id, command, body_hash, response, made_at) \
         SELECT caller, request_id, command, body_hash, response, $6 \
         FROM unnest($1::text[], $2::text[], $3::text[], $4::bytea[], $5::bytea[]) \
             AS r (caller, request_id, command, body_hash, response) \
         ON CONFLICT ON CONSTRAINT command_requests_act_once DO NOTHING",
    )
    .bind(&callers)
    .bind(&request_ids)
    .bind(&commands)
    .bind(&hashes)
    .bind(&responses)
    .bind(made_at.to_sqlx())
    .execute(transaction)
    .await?;
    Ok(result.rows_affected() == distinct.len() as u64)
}

/// Forgets requests made before a time, at most `limit` at once. Returns how many. Those that another replica has at hand
/// are passed over.
///
/// # Errors
/// When the statement fails.
pub async fn forget(pool: &PgPool, before: Timestamp, limit: i64) -> sqlx::Result<u64> {
    let result = sqlx::query(
        "DELETE FROM command_requests WHERE ctid = ANY(ARRAY( \
             SELECT ctid FROM command_requests WHERE made_at < $1 LIMIT $2 FOR UPDATE SKIP LOCKED))",
    )
    .bind(before.to_sqlx())
    .bind(limit)
    .execute(pool)
    .await?;
    Ok(result.rows_affected())
}
