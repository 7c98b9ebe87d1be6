//! The events of cases, one row a decision.

use huying_platform::ids::CaseId;
use huying_proto::events::v1::Event;
use prost::Message;
use sqlx::{PgConnection, PgPool, Row as _};
use uuid::Uuid;

use super::rows::{corrupt, to_bigint};

/// How many events a history shows at most.
pub const EVENTS_MAX: usize = 1_000;

/// How many bytes they have at most, with the header that each of them is shown with; gRPC clients take answers of 4 MiB
/// unless told otherwise.
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

/// The latest events of a case by version, at most [`EVENTS_MAX`], without headers; so many that all of them, each with a
/// header of `header_bytes`, take 2 MiB at most.
///
/// # Errors
/// When the statement fails or a row cannot be read.
pub async fn latest(pool: &PgPool, case_id: CaseId, header_bytes: usize) -> sqlx::Result<Vec<Event>> {
    // A decision has at least one event, so as many rows are always enough, and those past the bytes are not even sent.
    let rows = sqlx::query(
        "SELECT events FROM ( \
             SELECT from_version, events, \
                 sum(octet_length(events) + $4) OVER (ORDER BY from_version DESC ROWS UNBOUNDED PRECEDING) AS bytes \
             FROM case_history WHERE case_id = $1 ORDER BY from_version DESC LIMIT $2) AS latest \
         WHERE bytes <= $3 ORDER BY from_version DESC",
    )
    .bind(case_id)
    .bind(i64::try_from(EVENTS_MAX).unwrap_or(i64::MAX))
    .bind(i64::try_from(BYTES_MAX).unwrap_or(i64::MAX))
    .bind(i64::try_from(header_bytes).unwrap_or(i64::MAX))
    .fetch_all(pool)
    .await?;
    let mut newest_first = Vec::new();
    let mut bytes = 0;
    for row in &rows {
        let encoded: &[u8] = row.try_get("events")?;
        let episode = Episode::decode(encoded).map_err(|_| corrupt("history"))?;
        bytes += encoded.len() + episode.events.len() * header_bytes;
        if newest_first.len() >= EVENTS_MAX || bytes > BYTES_MAX {
            break;
        }
        newest_first.extend(episode.events.into_iter().rev());
    }
    newest_first.truncate(EVENTS_MAX);
    newest_first.reverse();
    Ok(newest_first)
}
