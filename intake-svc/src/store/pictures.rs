//! The table `pictures`: what is in the picture store, whose it is, and who may see it.

use huying_platform::ids::CaseId;
use jiff::Timestamp;
use jiff_sqlx::ToSqlx as _;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::domain::picture::{PictureId, PreparedPicture};

/// Where a picture is kept: an object of its own, also for a picture that somebody else sent before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PictureObject {
    /// Its name.
    pub object_id: Uuid,
    /// What is in it.
    pub picture_id: PictureId,
}

/// Whom a picture comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// A citizen's submission.
    Submission {
        /// The case it becomes, if it is committed.
        case_id: CaseId,
        /// Whether the public may see it once the case is registered.
        shown_with_text: bool,
    },
    /// An office, a department or a representative.
    Uploader(String),
}

/// A picture that may be shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShownPicture {
    /// Where it is.
    pub object: PictureObject,
    /// As in Content-Type.
    pub media_type: String,
    /// Size in bytes.
    pub size_bytes: u64,
}

/// Notes what is about to be stored. Before the first byte is written, so that nothing is stored that nobody knows of.
pub async fn insert(
    transaction: &mut PgConnection,
    origin: &Origin,
    pictures: &[(PictureObject, &PreparedPicture)],
    now: Timestamp,
) -> sqlx::Result<()> {
    let mut objects = Vec::with_capacity(pictures.len());
    let mut ids: Vec<&[u8]> = Vec::with_capacity(pictures.len());
    let mut media_types = Vec::with_capacity(pictures.len());
    let mut widths = Vec::with_capacity(pictures.len());
    let mut heights = Vec::with_capacity(pictures.len());
    let mut sizes = Vec::with_capacity(pictures.len());
    for (object, picture) in pictures {
        objects.push(object.object_id);
        ids.push(picture.id.as_bytes());
        media_types.push(picture.media_type.as_str());
        widths.push(integer(picture.width_px)?);
        heights.push(integer(picture.height_px)?);
        sizes.push(integer(picture.bytes.len())?);
    }
    let (case_id, uploader, shown_with_text) = match origin {
        Origin::Submission { case_id, shown_with_text } => (Some(*case_id), None, *shown_with_text),
        Origin::Uploader(uploader) => (None, Some(uploader.as_str()), true),
    };
    sqlx::query(
        "INSERT INTO pictures (object_id, picture_id, media_type, width_px, height_px, size_bytes, \
            stored_at, case_id, uploader, shown_with_text) \
         SELECT t.*, $7, $8, $9, $10 \
         FROM unnest($1::uuid[], $2::bytea[], $3::text[], $4::integer[], $5::integer[], $6::integer[]) AS t",
    )
    .bind(objects)
    .bind(ids)
    .bind(media_types)
    .bind(widths)
    .bind(heights)
    .bind(sizes)
    .bind(now.to_sqlx())
    .bind(case_id)
    .bind(uploader)
    .bind(shown_with_text)
    .execute(transaction)
    .await?;
    Ok(())
}

/// Whether somebody has uploaded this picture before, completely.
pub async fn is_uploaded(connection: &mut PgConnection, picture_id: PictureId) -> sqlx::Result<bool> {
    sqlx::query_scalar(
        "SELECT EXISTS (SELECT 1 FROM pictures \
            WHERE picture_id = $1 AND uploader IS NOT NULL AND settled AND doomed_at IS NULL)",
    )
    .bind(picture_id.as_bytes().as_slice())
    .fetch_one(connection)
    .await
}

/// Notes that an upload is complete.
pub async fn settle(transaction: &mut PgConnection, object: PictureObject) -> sqlx::Result<()> {
    sqlx::query("UPDATE pictures SET settled = true WHERE object_id = $1")
        .bind(object.object_id)
        .execute(transaction)
        .await?;
    Ok(())
}

/// An object with this picture that everybody may see: one that was uploaded, or one of a registered case whose
/// citizen allowed it.
pub async fn find_public(
    connection: &mut PgConnection,
    picture_id: PictureId,
) -> sqlx::Result<Option<ShownPicture>> {
    let row: Option<(Uuid, String, i32)> = sqlx::query_as(
        "SELECT picture.object_id, picture.media_type, picture.size_bytes \
         FROM pictures picture LEFT JOIN case_status status ON status.case_id = picture.case_id \
         WHERE picture.picture_id = $1 AND picture.doomed_at IS NULL \
            AND (picture.uploader IS NOT NULL AND picture.settled \
                 OR picture.shown_with_text AND status.registered) \
         LIMIT 1",
    )
    .bind(picture_id.as_bytes().as_slice())
    .fetch_optional(connection)
    .await?;
    Ok(row.map(|(object_id, media_type, size_bytes)| ShownPicture {
        object: PictureObject { object_id, picture_id },
        media_type,
        size_bytes: u64::try_from(size_bytes).unwrap_or(0),
    }))
}

/// Objects with this picture that came with submissions, and their cases, newest first; at most `limit`.
pub async fn find_of_cases(
    connection: &mut PgConnection,
    picture_id: PictureId,
    limit: i64,
) -> sqlx::Result<Vec<(CaseId, ShownPicture)>> {
    let rows: Vec<(CaseId, Uuid, String, i32)> = sqlx::query_as(
        "SELECT picture.case_id, picture.object_id, picture.media_type, picture.size_bytes \
         FROM pictures picture JOIN submissions submission ON submission.case_id = picture.case_id \
         WHERE picture.picture_id = $1 AND picture.doomed_at IS NULL \
         ORDER BY picture.object_id DESC LIMIT $2",
    )
    .bind(picture_id.as_bytes().as_slice())
    .bind(limit)
    .fetch_all(connection)
    .await?;
    let shown = |(case_id, object_id, media_type, size_bytes): (CaseId, Uuid, String, i32)| {
        let object = PictureObject { object_id, picture_id };
        (case_id, ShownPicture { object, media_type, size_bytes: u64::try_from(size_bytes).unwrap_or(0) })
    };
    Ok(rows.into_iter().map(shown).collect())
}

/// Dooms the pictures of a case. How many there were.
pub async fn doom_case(transaction: &mut PgConnection, case_id: CaseId, now: Timestamp) -> sqlx::Result<u64> {
    let done = sqlx::query("UPDATE pictures SET doomed_at = $2 WHERE case_id = $1 AND doomed_at IS NULL")
        .bind(case_id)
        .bind(now.to_sqlx())
        .execute(transaction)
        .await?;
    Ok(done.rows_affected())
}

/// Settles what was stored before `stored_before` and belongs to a submission, and dooms the rest of it: uploads that
/// were not completed and pictures whose submission was never committed. At most `limit`; how many were looked at.
pub async fn settle_or_doom(
    transaction: &mut PgConnection,
    stored_before: Timestamp,
    now: Timestamp,
    limit: i64,
) -> sqlx::Result<u64> {
    let done = sqlx::query(
        "WITH old AS ( \
            SELECT picture.object_id, submission.case_id IS NOT NULL AS wanted \
            FROM pictures picture LEFT JOIN submissions submission ON submission.case_id = picture.case_id \
            WHERE NOT picture.settled AND picture.doomed_at IS NULL AND picture.stored_at < $1 \
            ORDER BY picture.stored_at LIMIT $3 FOR UPDATE OF picture SKIP LOCKED) \
         UPDATE pictures SET settled = old.wanted, doomed_at = CASE WHEN old.wanted THEN NULL ELSE $2 END \
         FROM old WHERE pictures.object_id = old.object_id",
    )
    .bind(stored_before.to_sqlx())
    .bind(now.to_sqlx())
    .bind(limit)
    .execute(transaction)
    .await?;
    Ok(done.rows_affected())
}

/// What is to be deleted, longest doomed first; at most `limit`.
pub async fn doomed(connection: &mut PgConnection, limit: i64) -> sqlx::Result<Vec<PictureObject>> {
    let rows: Vec<(Uuid, Vec<u8>)> = sqlx::query_as(
        "SELECT object_id, picture_id FROM pictures WHERE doomed_at IS NOT NULL ORDER BY doomed_at LIMIT $1",
    )
    .bind(limit)
    .fetch_all(connection)
    .await?;
    rows.into_iter()
        .map(|(object_id, picture_id)| {
            let picture_id =
                PictureId::from_bytes(&picture_id).map_err(|error| sqlx::Error::Decode(Box::new(error)))?;
            Ok(PictureObject { object_id, picture_id })
        })
        .collect()
}

/// How many are to be deleted.
pub async fn count_doomed(connection: &mut PgConnection) -> sqlx::Result<i64> {
    sqlx::query_scalar("SELECT count(*) FROM pictures WHERE doomed_at IS NOT NULL")
        .fetch_one(connection)
        .await
}

/// Forgets objects that are gone.
pub async fn delete(transaction: &mut PgConnection, objects: &[Uuid]) -> sqlx::Result<()> {
    sqlx::query("DELETE FROM pictures WHERE object_id = ANY($1) AND doomed_at IS NOT NULL")
        .bind(objects)
        .execute(transaction)
        .await?;
    Ok(())
}

/// Puts objects that could not be deleted behind the others, so that these get their turn.
pub async fn postpone(transaction: &mut PgConnection, objects: &[Uuid], now: Timestamp) -> sqlx::Result<()> {
    sqlx::query("UPDATE pictures SET doomed_at = $2 WHERE object_id = ANY($1) AND doomed_at IS NOT NULL")
        .bind(objects)
        .bind(now.to_sqlx())
        .execute(transaction)
        .await?;
    Ok(())
}

/// Bounds of a picture are far below those of the column.
fn integer<T>(value: T) -> sqlx::Result<i32>
where
    i32: TryFrom<T>,
    <i32 as TryFrom<T>>::Error: std::error::Error + Send + Sync + 'static,
{
    i32::try_from(value).map_err(|error| sqlx::Error::Encode(Box::new(error)))
}
