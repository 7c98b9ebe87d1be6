//! What witnesses have said of the log's checkpoints.

use jiff::Timestamp;
use jiff_sqlx::ToSqlx as _;
use sqlx::PgConnection;

use super::{from_sql, signed, unsigned};

/// A tree that a witness has cosigned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cosigned {
    /// Leaves in it.
    pub tree_size: u64,
    /// When, as the witness says.
    pub cosigned_at: Timestamp,
}

/// Keeps a verified cosignature and appends its line to the checkpoint's note. Does nothing when the witness has
/// cosigned that checkpoint before.
pub async fn keep(
    connection: &mut PgConnection,
    witness: &str,
    tree_size: u64,
    line: &str,
    cosigned_at: Timestamp,
) -> sqlx::Result<()> {
    let kept = sqlx::query(
        "INSERT INTO cosignatures (witness, tree_size, cosigned_at) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
    )
    .bind(witness)
    .bind(signed(tree_size))
    .bind(cosigned_at.to_sqlx())
    .execute(&mut *connection)
    .await?;
    if kept.rows_affected() == 0 {
        return Ok(());
    }
    let cosigned_by: i32 = sqlx::query_scalar(
        "UPDATE checkpoints SET note = note || $2, cosigned_by = cosigned_by + 1 WHERE tree_size = $1 \
         RETURNING cosigned_by",
    )
    .bind(signed(tree_size))
    .bind(line)
    .fetch_one(&mut *connection)
    .await?;
    sqlx::query(
        "INSERT INTO newest_cosigned AS kept (cosigned_by, tree_size) VALUES ($1, $2) \
         ON CONFLICT (cosigned_by) DO UPDATE SET tree_size = greatest(kept.tree_size, excluded.tree_size)",
    )
    .bind(cosigned_by)
    .bind(signed(tree_size))
    .execute(connection)
    .await?;
    Ok(())
}

/// The newest tree that a witness has cosigned.
pub async fn latest_of(connection: &mut PgConnection, witness: &str) -> sqlx::Result<Option<Cosigned>> {
    let row: Option<(i64, jiff_sqlx::Timestamp)> = sqlx::query_as(
        "SELECT tree_size, cosigned_at FROM cosignatures WHERE witness = $1 ORDER BY tree_size DESC LIMIT 1",
    )
    .bind(witness)
    .fetch_optional(connection)
    .await?;
    Ok(row.map(|(tree_size, at)| Cosigned { tree_size: unsigned(tree_size), cosigned_at: from_sql(at) }))
}

/// Size and note of checkpoints with the cosignatures of so many witnesses, or more, newest first: of all witnesses that
/// there ever were, as the rows say. They begin with the newest there is, and are those among `looked_at` in a row.
pub async fn candidates(
    connection: &mut PgConnection,
    at_least: u32,
    looked_at: i64,
) -> sqlx::Result<Vec<(u64, String)>> {
    let rows: Vec<(i64, String)> = sqlx::query_as(
        "SELECT tree_size, note \
           FROM (SELECT tree_size, note, cosigned_by FROM checkpoints \
                  WHERE tree_size <= (SELECT max(tree_size) FROM newest_cosigned WHERE cosigned_by >= $1) \
                  ORDER BY tree_size DESC LIMIT $2) AS newest \
          WHERE cosigned_by >= $1 ORDER BY tree_size DESC",
    )
    .bind(i32::try_from(at_least).unwrap_or(i32::MAX))
    .bind(looked_at)
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().map(|(tree_size, note)| (unsigned(tree_size), note)).collect())
}
