//! The trees of other logs that this ledger has cosigned.

use jiff::Timestamp;
use jiff_sqlx::ToSqlx as _;
use sqlx::{PgConnection, Row as _, postgres::PgRow};

use super::{corrupt, from_sql, signed, unsigned};
use crate::domain::{merkle::Hash, witness::Seen};

/// A log, and its tree that was cosigned last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Witnessed {
    /// The log's name.
    pub origin: String,
    /// Leaves in the tree.
    pub tree_size: u64,
    /// When it was cosigned.
    pub cosigned_at: Timestamp,
}

/// Locks what is kept of a log until the end of the transaction: the tree seen last, and when. Begins with the tree
/// without leaves.
pub async fn lock(
    connection: &mut PgConnection,
    origin: &str,
    now: Timestamp,
) -> sqlx::Result<(Seen, Timestamp)> {
    let nothing = Seen::default();
    sqlx::query(
        "INSERT INTO witnessed (origin, tree_size, root, cosigned_at) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING",
    )
    .bind(origin)
    .bind(signed(nothing.tree_size))
    .bind(&nothing.root[..])
    .bind(now.to_sqlx())
    .execute(&mut *connection)
    .await?;
    let row = sqlx::query("SELECT tree_size, root, cosigned_at FROM witnessed WHERE origin = $1 FOR UPDATE")
        .bind(origin)
        .fetch_one(connection)
        .await?;
    seen(&row)
}

fn seen(row: &PgRow) -> sqlx::Result<(Seen, Timestamp)> {
    let root = Hash::try_from(row.try_get::<&[u8], _>(1)?).map_err(|_| corrupt("a root that is no hash"))?;
    Ok((Seen { tree_size: unsigned(row.try_get(0)?), root }, from_sql(row.try_get(2)?)))
}

/// The tree of a log that was cosigned last, and when; `None` before the first. Without waiting for anybody.
pub async fn latest(connection: &mut PgConnection, origin: &str) -> sqlx::Result<Option<(Seen, Timestamp)>> {
    let row = sqlx::query(
        "SELECT tree_size, root, cosigned_at FROM witnessed WHERE origin = $1 AND note IS NOT NULL",
    )
    .bind(origin)
    .fetch_optional(connection)
    .await?;
    row.as_ref().map(seen).transpose()
}

/// Leaves in the tree of a log that was cosigned last; 0 before the first.
pub async fn tree_size(connection: &mut PgConnection, origin: &str) -> sqlx::Result<u64> {
    let tree_size: Option<i64> = sqlx::query_scalar("SELECT tree_size FROM witnessed WHERE origin = $1")
        .bind(origin)
        .fetch_optional(connection)
        .await?;
    Ok(tree_size.map_or(0, unsigned))
}

/// Carries a log on. Its row must be locked.
pub async fn save(
    connection: &mut PgConnection,
    origin: &str,
    seen: &Seen,
    note: &str,
    cosigned_at: Timestamp,
) -> sqlx::Result<()> {
    sqlx::query(
        "UPDATE witnessed SET tree_size = $2, root = $3, note = $4, cosigned_at = $5 WHERE origin = $1",
    )
    .bind(origin)
    .bind(signed(seen.tree_size))
    .bind(&seen.root[..])
    .bind(note)
    .bind(cosigned_at.to_sqlx())
    .execute(connection)
    .await?;
    Ok(())
}

/// Every log that was ever cosigned, by name.
pub async fn all(connection: &mut PgConnection) -> sqlx::Result<Vec<Witnessed>> {
    let rows = sqlx::query(
        "SELECT origin, tree_size, cosigned_at FROM witnessed WHERE note IS NOT NULL ORDER BY origin",
    )
    .fetch_all(connection)
    .await?;
    rows.iter()
        .map(|row| {
            Ok(Witnessed {
                origin: row.try_get(0)?,
                tree_size: unsigned(row.try_get(1)?),
                cosigned_at: from_sql(row.try_get(2)?),
            })
        })
        .collect()
}
