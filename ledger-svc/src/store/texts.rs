//! The texts beside the leaves.

use std::collections::HashMap;

use huying_platform::ids::CaseId;
use sqlx::{PgConnection, Row as _};
use uuid::Uuid;

use super::{signed, unsigned};
use crate::domain::{account::CITIZENS_TEXTS, leaf::SaltedText, title::KeptTitle};

/// A text as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptText {
    /// Version whose leaf commits to it.
    pub case_version: u64,
    /// Its name there.
    pub name: String,
    /// The text.
    pub text: String,
    /// Key of the commitment, 32 bytes.
    pub salt: Vec<u8>,
}

/// Inserts the texts of appended leaves.
pub async fn insert(connection: &mut PgConnection, texts: &[(CaseId, u64, SaltedText)]) -> sqlx::Result<()> {
    let case_ids: Vec<_> = texts.iter().map(|(case_id, _, _)| case_id.as_uuid()).collect();
    let versions: Vec<_> = texts.iter().map(|(_, version, _)| signed(*version)).collect();
    let names: Vec<_> = texts.iter().map(|(_, _, text)| text.name.as_ref()).collect();
    let bodies: Vec<_> = texts.iter().map(|(_, _, text)| text.text.as_str()).collect();
    let salts: Vec<_> = texts.iter().map(|(_, _, text)| &text.salt[..]).collect();
    sqlx::query(
        "INSERT INTO texts (case_id, case_version, name, text, salt) \
         SELECT case_id, case_version, name, text, salt \
         FROM unnest($1::uuid[], $2::bigint[], $3::text[], $4::text[], $5::bytea[]) \
              AS t (case_id, case_version, name, text, salt)",
    )
    .bind(&case_ids)
    .bind(&versions)
    .bind(&names)
    .bind(&bodies)
    .bind(&salts)
    .execute(connection)
    .await?;
    Ok(())
}

/// Deletes what citizens wrote and showed in versions before these: all of a submission, and what is named so. Returns
/// the cases that had any of it.
pub async fn erase_before(
    connection: &mut PgConnection,
    erasures: &[(CaseId, u64)],
) -> sqlx::Result<Vec<CaseId>> {
    let case_ids: Vec<_> = erasures.iter().map(|(case_id, _)| case_id.as_uuid()).collect();
    let versions: Vec<_> = erasures.iter().map(|(_, version)| signed(*version)).collect();
    sqlx::query_scalar(
        "DELETE FROM texts USING unnest($1::uuid[], $2::bigint[]) AS erased (case_id, case_version) \
         WHERE texts.case_id = erased.case_id AND texts.case_version < erased.case_version \
           AND (texts.case_version = 1 OR texts.name = ANY($3)) \
         RETURNING texts.case_id",
    )
    .bind(&case_ids)
    .bind(&versions)
    .bind(&CITIZENS_TEXTS[..])
    .fetch_all(connection)
    .await
}

/// The texts of a case's lines from one version up to another, and its title whatever they are.
pub async fn of_lines(
    connection: &mut PgConnection,
    case_id: CaseId,
    first: u64,
    last: u64,
) -> sqlx::Result<Vec<KeptText>> {
    let rows = sqlx::query(
        "SELECT case_version, name, text, salt FROM texts \
          WHERE case_id = $1 AND (case_version BETWEEN $2 AND $3 OR case_version = 1 AND name = 'title')",
    )
    .bind(case_id)
    .bind(signed(first))
    .bind(signed(last))
    .fetch_all(connection)
    .await?;
    rows.iter()
        .map(|row| {
            Ok(KeptText {
                case_version: unsigned(row.try_get(0)?),
                name: row.try_get(1)?,
                text: row.try_get(2)?,
                salt: row.try_get(3)?,
            })
        })
        .collect()
}

/// The titles of cases, shown or not: the caller judges which may be.
pub async fn titles(
    connection: &mut PgConnection,
    case_ids: &[CaseId],
) -> sqlx::Result<HashMap<CaseId, String>> {
    let rows: Vec<(Uuid, String)> = sqlx::query_as(
        "SELECT case_id, text FROM texts WHERE case_id = ANY($1) AND case_version = 1 AND name = 'title'",
    )
    .bind(CaseId::as_uuids(case_ids))
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().map(|(case_id, title)| (CaseId::from_uuid(case_id), title)).collect())
}

/// The titles of cases, shown or not, each with the leaf that has committed to it.
pub async fn titles_beside_leaves(
    connection: &mut PgConnection,
    case_ids: &[CaseId],
) -> sqlx::Result<HashMap<CaseId, KeptTitle>> {
    let rows = sqlx::query(
        "SELECT case_id, text, salt, leaf FROM texts LEFT JOIN leaves USING (case_id, case_version) \
          WHERE case_id = ANY($1) AND case_version = 1 AND name = 'title'",
    )
    .bind(CaseId::as_uuids(case_ids))
    .fetch_all(connection)
    .await?;
    rows.iter()
        .map(|row| {
            let title = KeptTitle { text: row.try_get(1)?, salt: row.try_get(2)?, leaf: row.try_get(3)? };
            Ok((row.try_get(0)?, title))
        })
        .collect()
}
