//! Past cases as they were submitted, newest first, for trying rules on them.

use huying_platform::{codes::RegionPath, ids::CaseId};
use huying_proto::events::v1::CaseHeader;
use prost::Message as _;
use sqlx::{PgPool, Row as _, postgres::PgRow};
use uuid::Uuid;

use super::rows::corrupt;
use crate::domain::routing_rules::PastCase;

/// Reads a page: the newest cases, or those that are older than one. Ids are in the order of submission.
///
/// # Errors
/// When they cannot be read.
pub async fn page(pool: &PgPool, older_than: Option<CaseId>, limit: u32) -> sqlx::Result<Vec<PastCase>> {
    let rows = sqlx::query(
        "SELECT case_id, header, body FROM cases WHERE case_id < $1 ORDER BY case_id DESC LIMIT $2",
    )
    .bind(older_than.map_or(Uuid::max(), |case_id| case_id.as_uuid()))
    .bind(i64::from(limit))
    .fetch_all(pool)
    .await?;
    rows.iter().map(read).collect()
}

fn read(row: &PgRow) -> sqlx::Result<PastCase> {
    // The header is as it came with the submission, whatever the category is now.
    let header = CaseHeader::decode(row.try_get::<&[u8], _>("header")?).map_err(|_| corrupt("header"))?;
    let path = header.region.as_ref().and_then(|path| RegionPath::from_proto(path).ok());
    Ok(PastCase {
        case_id: row.try_get("case_id")?,
        path: path.ok_or_else(|| corrupt("header.region"))?,
        kind: header.kind(),
        given_category: header.category,
        addressee: header.addressee,
        title: header.title,
        body: row.try_get("body")?,
    })
}
