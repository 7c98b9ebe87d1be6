//! The table of reference data, the same in every service's database.

use huying_proto::events::v1::{DirectoryChanged, DirectoryEntry};
use prost::Message as _;
use sqlx::{PgConnection, Row as _};

use super::key_of;

/// The revision in the database.
///
/// # Errors
/// When it cannot be read.
pub async fn revision(connection: &mut PgConnection) -> sqlx::Result<u64> {
    let revision: i64 =
        sqlx::query_scalar("SELECT revision FROM directory_revision").fetch_one(connection).await?;
    Ok(u64::try_from(revision).unwrap_or(0))
}

/// How often a revision was completed.
pub(super) async fn completed(connection: &mut PgConnection) -> sqlx::Result<i64> {
    sqlx::query_scalar("SELECT completed FROM directory_revision").fetch_one(connection).await
}

/// Notes that a revision is complete, in the transaction that wrote its entries. The number never goes back.
///
/// # Errors
/// When the statement fails.
pub async fn set_revision(connection: &mut PgConnection, revision: u64) -> sqlx::Result<()> {
    sqlx::query("UPDATE directory_revision SET revision = greatest(revision, $1), completed = completed + 1")
        .bind(i64::try_from(revision).unwrap_or(i64::MAX))
        .execute(connection)
        .await?;
    Ok(())
}

/// Every entry in the database, retired ones included.
///
/// # Errors
/// When they cannot be read.
pub async fn load_all(connection: &mut PgConnection) -> sqlx::Result<Vec<DirectoryEntry>> {
    let rows =
        sqlx::query("SELECT entry FROM directory_entries ORDER BY kind, code").fetch_all(connection).await?;
    rows.iter()
        .map(|row| {
            let bytes: &[u8] = row.try_get(0)?;
            DirectoryEntry::decode(bytes).map_err(|error| sqlx::Error::Decode(Box::new(error)))
        })
        .collect()
}

/// Writes entries of a revision; one already written by a later revision stays. `retired` is part of the entry.
///
/// # Errors
/// When the statement fails.
pub async fn upsert(
    connection: &mut PgConnection,
    revision: u64,
    entries: &[DirectoryEntry],
) -> sqlx::Result<()> {
    let mut kinds = Vec::with_capacity(entries.len());
    let mut codes = Vec::with_capacity(entries.len());
    let mut retired = Vec::with_capacity(entries.len());
    let mut encoded = Vec::with_capacity(entries.len());
    for entry in entries {
        let Some((kind, code)) = key_of(entry) else { continue };
        kinds.push(kind as i16);
        codes.push(code);
        retired.push(entry.retired);
        encoded.push(entry.encode_to_vec());
    }
    sqlx::query(
        "INSERT INTO directory_entries (kind, code, revision, retired, entry) \
         SELECT kind, code, $1, retired, entry \
         FROM unnest($2::smallint[], $3::text[], $4::boolean[], $5::bytea[]) AS e (kind, code, retired, entry) \
         ON CONFLICT (kind, code) DO UPDATE \
         SET revision = excluded.revision, retired = excluded.retired, entry = excluded.entry \
         WHERE directory_entries.revision <= excluded.revision",
    )
    .bind(i64::try_from(revision).unwrap_or(i64::MAX))
    .bind(&kinds)
    .bind(&codes)
    .bind(&retired)
    .bind(&encoded)
    .execute(connection)
    .await?;
    Ok(())
}

/// Writes one part of a revision; the revision counts once all its parts are there. Safe to be called twice.
///
/// # Errors
/// When a statement fails.
pub async fn apply(connection: &mut PgConnection, change: &DirectoryChanged) -> sqlx::Result<()> {
    upsert(connection, change.revision, &change.entries).await?;
    let revision = i64::try_from(change.revision).unwrap_or(i64::MAX);
    sqlx::query("INSERT INTO directory_parts (revision, part_number) VALUES ($1, $2) ON CONFLICT DO NOTHING")
        .bind(revision)
        .bind(i32::try_from(change.part_number).unwrap_or(i32::MAX))
        .execute(&mut *connection)
        .await?;
    let arrived: i64 = sqlx::query_scalar("SELECT count(*) FROM directory_parts WHERE revision = $1")
        .bind(revision)
        .fetch_one(&mut *connection)
        .await?;
    if arrived >= i64::from(change.part_count) {
        set_revision(connection, change.revision).await?;
    }
    Ok(())
}
