//! What the import needs of the tables of reference data beyond [`huying_platform::directory`].

use sqlx::PgConnection;

/// Any number, as long as nothing else in this database takes the same: "routing" in ASCII.
const IMPORT_LOCK: i64 = 0x0072_6f75_7469_6e67;

/// Waits until no other import is under way, and keeps others waiting until the transaction ends.
///
/// # Errors
/// When the statement fails, also because the wait was too long.
pub async fn lock_import(transaction: &mut PgConnection) -> sqlx::Result<()> {
    sqlx::query("SELECT pg_advisory_xact_lock($1)").bind(IMPORT_LOCK).execute(transaction).await?;
    Ok(())
}
