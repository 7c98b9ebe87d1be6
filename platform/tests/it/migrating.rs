//! What a failed migration leaves behind: nothing.

use huying_platform::{
    migrate::{self, MigrationSource},
    testkit::TestHouse,
};
use sqlx::{PgPool, migrate::MigrateError};

#[tokio::test(flavor = "multi_thread")]
async fn a_migration_that_failed_keeps_nobody_from_the_next() {
    let house = TestHouse::start("migrating", &[]).await;
    let broken =
        MigrationSource { version: 900, name: "broken", sql: "CREATE TABLE halfway (); SELECT nowhere" };
    let error = migrate::run(&house.platform.db, &[broken]).await.unwrap_err();
    assert!(matches!(error, MigrateError::ExecuteMigration(_, 900)), "{error}");

    // Another replica, whose wait for the lock would end with an error.
    let options = house.platform.db.connect_options();
    let other = PgPool::connect_with((*options).clone()).await.unwrap();
    let whole = MigrationSource { version: 900, name: "whole", sql: "CREATE TABLE halfway ()" };
    migrate::run(&other, &[whole]).await.unwrap();
    other.close().await;
    house.stop().await;
}
