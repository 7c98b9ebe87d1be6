//! The versions of the routing rules and their activations.

use jiff::Timestamp;
use jiff_sqlx::ToSqlx as _;
use sqlx::{AssertSqlSafe, PgConnection, PgPool, Row as _, postgres::PgRow};

use super::rows::to_bigint;

/// What [`read`] needs, of [`TABLES`].
const COLUMNS: &str = "s.version, s.note, s.rules, s.proposed_by, s.proposed_at, last.activated_at, \
     last.activated_by, s.version IS NOT DISTINCT FROM active.version AS active";
/// The versions, each with its last activation and with the last one of all.
const TABLES: &str = "rule_sets s \
     LEFT JOIN LATERAL (SELECT activated_at, activated_by FROM rule_set_activations \
         WHERE version = s.version ORDER BY directory_revision DESC LIMIT 1) last ON true \
     LEFT JOIN LATERAL (SELECT version FROM rule_set_activations ORDER BY directory_revision DESC LIMIT 1) active \
         ON true";

/// A version that is to be kept.
#[derive(Debug, Clone)]
pub struct NewRuleSet {
    /// rules.csv, as it was sent.
    pub csv: Vec<u8>,
    /// What it is for.
    pub note: String,
    /// Subject of the token that sent it.
    pub by: String,
    /// When.
    pub at: Timestamp,
    /// How many rules it has.
    pub rules: u32,
    /// Whether the directory has these rules already, so that the version is active from now on.
    pub activate: bool,
}

/// What is known of a version besides its rules.
#[derive(Debug, Clone, PartialEq)]
pub struct RuleSet {
    /// 1, 2, 3 …
    pub version: u64,
    /// What it is for.
    pub note: String,
    /// How many rules it has.
    pub rules: u32,
    /// Subject of the token that sent it.
    pub proposed_by: String,
    /// When.
    pub proposed_at: Timestamp,
    /// When, and by whom, it was made active last; None when it never was.
    pub activated: Option<(Timestamp, String)>,
    /// Whether it is active now.
    pub active: bool,
}

/// Keeps a version and returns its number. The caller holds the lock of imports, so that numbers have no gaps.
///
/// # Errors
/// When a statement fails.
pub async fn record(transaction: &mut PgConnection, new: &NewRuleSet) -> sqlx::Result<u64> {
    let version: i64 = sqlx::query_scalar(
        "INSERT INTO rule_sets (version, csv, note, rules, proposed_by, proposed_at) \
         SELECT coalesce(max(version), 0) + 1, $1, $2, $3, $4, $5 FROM rule_sets RETURNING version",
    )
    .bind(&new.csv)
    .bind(&new.note)
    .bind(i32::try_from(new.rules).unwrap_or(i32::MAX))
    .bind(&new.by)
    .bind(new.at.to_sqlx())
    .fetch_one(&mut *transaction)
    .await?;
    let version = to_version(version)?;
    if new.activate {
        activate(transaction, version, &new.by, new.at).await?;
    }
    Ok(version)
}

/// Notes that a version is the active one from the directory's present revision on. The transaction has put its rules
/// into the directory and given it a new revision before.
///
/// # Errors
/// When the statement fails, also because no such version is kept or the revision has one already.
pub async fn activate(
    transaction: &mut PgConnection,
    version: u64,
    by: &str,
    at: Timestamp,
) -> sqlx::Result<()> {
    sqlx::query(
        "INSERT INTO rule_set_activations (directory_revision, version, activated_by, activated_at) \
         SELECT revision, $1, $2, $3 FROM directory_revision",
    )
    .bind(to_bigint(version))
    .bind(by)
    .bind(at.to_sqlx())
    .execute(transaction)
    .await?;
    Ok(())
}

/// The version whose rules a revision of the directory has; 0 when its rules never were a version.
///
/// # Errors
/// When it cannot be read.
pub async fn version_of(connection: &mut PgConnection, directory_revision: u64) -> sqlx::Result<u64> {
    let version: Option<i64> = sqlx::query_scalar(
        "SELECT version FROM rule_set_activations WHERE directory_revision <= $1 \
         ORDER BY directory_revision DESC LIMIT 1",
    )
    .bind(to_bigint(directory_revision))
    .fetch_optional(connection)
    .await?;
    version.map_or(Ok(0), to_version)
}

/// One version with its rules.csv; None when there is no such version.
///
/// # Errors
/// When it cannot be read.
pub async fn find(connection: &mut PgConnection, version: u64) -> sqlx::Result<Option<(RuleSet, Vec<u8>)>> {
    let sql = format!("SELECT {COLUMNS}, s.csv FROM {TABLES} WHERE s.version = $1");
    let row = sqlx::query(AssertSqlSafe(sql)).bind(to_bigint(version)).fetch_optional(connection).await?;
    row.map(|row| Ok((read(&row)?, row.try_get("csv")?))).transpose()
}

/// Versions below one, or the newest, newest first.
///
/// # Errors
/// When they cannot be read.
pub async fn list(pool: &PgPool, below: Option<u64>, limit: u32) -> sqlx::Result<Vec<RuleSet>> {
    let sql = format!("SELECT {COLUMNS} FROM {TABLES} WHERE s.version < $1 ORDER BY s.version DESC LIMIT $2");
    let rows = sqlx::query(AssertSqlSafe(sql))
        .bind(below.map_or(i64::MAX, to_bigint))
        .bind(i64::from(limit))
        .fetch_all(pool)
        .await?;
    rows.iter().map(read).collect()
}

fn read(row: &PgRow) -> sqlx::Result<RuleSet> {
    let activated_at: Option<jiff_sqlx::Timestamp> = row.try_get("activated_at")?;
    let activated_by: Option<String> = row.try_get("activated_by")?;
    Ok(RuleSet {
        version: to_version(row.try_get("version")?)?,
        note: row.try_get("note")?,
        rules: u32::try_from(row.try_get::<i32, _>("rules")?).map_err(|_| negative("the size"))?,
        proposed_by: row.try_get("proposed_by")?,
        proposed_at: row.try_get::<jiff_sqlx::Timestamp, _>("proposed_at")?.to_jiff(),
        activated: activated_at.map(jiff_sqlx::Timestamp::to_jiff).zip(activated_by),
        active: row.try_get("active")?,
    })
}

fn to_version(number: i64) -> sqlx::Result<u64> {
    u64::try_from(number).map_err(|_| negative("the version"))
}

/// A row that was edited by hand.
fn negative(what: &str) -> sqlx::Error {
    sqlx::Error::Decode(format!("{what} of a rule set is negative").into())
}
