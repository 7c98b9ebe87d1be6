//! The keys of the log.

use jiff::Timestamp;
use jiff_sqlx::ToSqlx as _;
use sqlx::{PgConnection, Row as _, postgres::PgRow};

use super::{from_sql, signed, unsigned};
use crate::domain::log_keys::LogKey;

/// A key as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptKey {
    /// The key, and which trees it signed.
    pub key: LogKey,
    /// When it signed first.
    pub since: Timestamp,
    /// When it was retired; `None` while it is in force.
    pub until: Option<Timestamp>,
}

/// Every key that the log has or had, as the database says; what may be made known of them says the key file: those in force first, foremost first, then the retired, the latest first.
pub async fn all(connection: &mut PgConnection) -> sqlx::Result<Vec<KeptKey>> {
    let rows = sqlx::query(
        "SELECT verifier_key, signs_from, since, stopped_at, until FROM log_keys \
         ORDER BY until DESC NULLS FIRST, place, verifier_key",
    )
    .fetch_all(connection)
    .await?;
    rows.iter().map(kept_key).collect()
}

fn kept_key(row: &PgRow) -> sqlx::Result<KeptKey> {
    let key = LogKey {
        verifier_key: row.try_get(0)?,
        signs_from: unsigned(row.try_get(1)?),
        stopped_at: row.try_get::<Option<i64>, _>(3)?.map(unsigned),
    };
    let until: Option<jiff_sqlx::Timestamp> = row.try_get(4)?;
    Ok(KeptKey { key, since: from_sql(row.try_get(2)?), until: until.map(from_sql) })
}

/// Adds keys that sign from the tree of this size on. Their places are those of [`put_in_order`].
pub async fn add(
    connection: &mut PgConnection,
    verifier_keys: &[String],
    tree_size: u64,
    now: Timestamp,
) -> sqlx::Result<()> {
    sqlx::query(
        "INSERT INTO log_keys (verifier_key, place, signs_from, since) SELECT key, 0, $2, $3 FROM unnest($1::text[]) AS key",
    )
    .bind(verifier_keys)
    .bind(signed(tree_size))
    .bind(now.to_sqlx())
    .execute(connection)
    .await?;
    Ok(())
}

/// Retires keys: none of them signs a tree larger than this.
pub async fn retire(
    connection: &mut PgConnection,
    verifier_keys: &[String],
    tree_size: u64,
    now: Timestamp,
) -> sqlx::Result<()> {
    sqlx::query(
        "UPDATE log_keys SET stopped_at = $2, until = $3 WHERE verifier_key = ANY($1) AND stopped_at IS NULL",
    )
    .bind(verifier_keys)
    .bind(signed(tree_size))
    .bind(now.to_sqlx())
    .execute(connection)
    .await?;
    Ok(())
}

/// Notes in which order keys sign.
pub async fn put_in_order(connection: &mut PgConnection, verifier_keys: &[String]) -> sqlx::Result<()> {
    sqlx::query(
        "UPDATE log_keys SET place = o.place \
         FROM unnest($1::text[]) WITH ORDINALITY AS o (verifier_key, place) \
         WHERE log_keys.verifier_key = o.verifier_key AND log_keys.place <> o.place",
    )
    .bind(verifier_keys)
    .execute(connection)
    .await?;
    Ok(())
}
