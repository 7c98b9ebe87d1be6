//! Database migrations: numbered, forward-only, run at start.
//!
//! Several replicas may start at once: sqlx takes an advisory lock on the database, so one migrates and the rest wait.

use std::borrow::Cow;

use sqlx::{
    Connection as _, PgPool,
    migrate::{MigrateError, Migration, MigrationType, Migrator},
};

/// One migration: number, name, SQL.
#[derive(Debug, Clone, Copy)]
pub struct MigrationSource {
    /// Order; the platform's are below 100, a service's begin at 101.
    pub version: i64,
    /// What it does.
    pub name: &'static str,
    /// The statements.
    pub sql: &'static str,
}

/// Lists a service's migrations: `migrations![(101, "submissions", "../migrations/0101_submissions.sql")]`.
#[macro_export]
macro_rules! migrations {
    ($(($version:literal, $name:literal, $path:literal)),* $(,)?) => {{
        const SOURCES: &[$crate::migrate::MigrationSource] = &[$($crate::migrate::MigrationSource {
            version: $version,
            name: $name,
            sql: include_str!($path),
        }),*];
        SOURCES
    }};
}

const PLATFORM: &[MigrationSource] =
    &[MigrationSource { version: 1, name: "platform", sql: include_str!("../migrations/0001_platform.sql") }];

/// Brings a database up to date.
///
/// # Errors
/// When a statement fails, or the database was migrated by a newer or an edited version.
pub async fn run(pool: &PgPool, service: &[MigrationSource]) -> Result<(), MigrateError> {
    let migrations = PLATFORM
        .iter()
        .chain(service)
        .map(|source| {
            let sql = sqlx::SqlSafeStr::into_sql_str(source.sql);
            Migration::new(source.version, Cow::Borrowed(source.name), MigrationType::Simple, sql, false)
        })
        .collect();
    // sqlx lets go of its lock only where all went well, so it is taken over a connection that ends with this.
    let mut connection = pool.acquire().await?.detach();
    let outcome = Migrator::with_migrations(migrations).run(&mut connection).await;
    connection.close().await.ok();
    outcome
}
