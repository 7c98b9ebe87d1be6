//! The events of cases, one row a decision.

use huying_platform::ids::CaseId;
use huying_proto::events::v1::Event;
use prost::Message;
use sqlx::{PgConnection, PgPool, Row as _};
use uuid::Uuid;

use super::rows::{corrupt, to_bigint};

/// How many events a history shows at most.
pub const EVENTS_MAX: usize = 1_000;

/// How many bytes they have at most; gRPC clients take answers of 4 MiB unless told otherwise.
const BYTES_MAX: usize = 2 * 1024 * 1024;

/// The events of one decision as they are stored: without the header, which the case keeps.
#[derive(Clone, PartialEq, Message)]
pub struct Episode {
    /// The events, by version.
    #[prost(message, repeated, tag = "1")]
    pub events: Vec<Event>,
}

/// Appends the events of decisions.
///
/// # Errors
/// When the statement fails, also because a version is there already.
pub async fn append(transaction: &mut PgConnection, episodes: &[(CaseId, Episode)]) -> sqlx::Result<()> {
    let mut case_ids: Vec<Uuid> = Vec::with_capacity(episodes.len());
    let mut versions = Vec::with_capacity(episodes.len());
    let mut encoded = Vec::with_capacity(episodes.len());
    for (case_id, episode) in episodes {
        let Some(first) = episode.events.first() else { continue };
        case_ids.push(case_id.as_uuid());
        versions.push(to_bigint(first.case_version));
        encoded.push(episode.encode_to_vec());
    }
    sqlx::query(
        "INSERT INTO case_history (case_id, from_version, events) \
         SELECT * FROM unnest($1::uuid[], $2::bigint[], $3::bytea[])",
    )
    .bind(&case_ids)
    .bind(&versions)
    .bind(&encoded)
    .execute(transaction)
    .await?;
    Ok(())
}

/// The latest events of a case by version, at most [`EVENTS_MAX`] and 2 MiB, without headers.
///
/// # Errors
/// When the statement fails or a row cannot be read.
pub async fn latest(pool: &PgPool, case_id: CaseId) -> sqlx::Result<Vec<Event>> {
    // A decision has at least one event, so as many rows are always enough.
    let rows =
        sqlx::query("SELECT events FROM case_history WHERE case_id = $1 ORDER BY from_version DESC LIMIT $2")
            .bind(case_id)
            .bind(i64::try_from(EVENTS_MAX).unwrap_or(i64::MAX))
            .fetch_all(pool)
            .await?;
    let mut newest_first = Vec::new();
    let mut bytes = 0;
    for row in &rows {
        let encoded: &[u8] = row.try_get("events")?;
        bytes += encoded.len();
        if newest_first.len() >= EVENTS_MAX || bytes > BYTES_MAX {
            break;
        }
        let episode = Episode::decode(encoded).map_err(|_| corrupt("history"))?;
        newest_first.extend(episode.events.into_iter().rev());
    }
    newest_first.truncate(EVENTS_MAX);
    newest_first.reverse();
    Ok(newest_first)
}
