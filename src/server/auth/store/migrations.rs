//! Bringing a database up to date: any number of times, and by several servers at once.
//!
//! The scripts are in `migrations/`, a folder for each kind of database. A script that was once released is never
//! changed; what is to be different goes into another one.

use std::error::Error;

use sqlx::migrate::{Migrate, MigrateError, Migration, MigrationType, Migrator};
use sqlx::mysql::MySqlConnection;
use sqlx::postgres::PgConnection;
use sqlx::sqlite::SqliteConnection;
use sqlx::{Connection, SqlSafeStr};

use super::connections::OPEN_LIMIT;

/// Which scripts were run. Others may keep theirs in the same database.
const TABLE: &str = "isol8_migrations";

/// How long MySQL waits for another server to be done. Opening a store takes no longer in all.
const LOCK_SECONDS: u64 = OPEN_LIMIT.as_secs();

type Cause = Box<dyn Error + Send + Sync>;

/// SQLite knows no locks but those of transactions, so all is done in one that has the right to write from its start.
pub(super) async fn sqlite(connection: &mut SqliteConnection) -> Result<(), Cause> {
    let scripts = migrator(&[("api keys", include_str!("../migrations/sqlite/1_api_keys.sql"))]);
    let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await?;
    run(&scripts, &mut *transaction).await.map_err(told)?;
    transaction.commit().await?;
    Ok(())
}

/// One server at a time, by a lock that goes with the connection.
pub(super) async fn postgres(connection: &mut PgConnection) -> Result<(), Cause> {
    let scripts = migrator(&[("api keys", include_str!("../migrations/postgres/1_api_keys.sql"))]);
    run(&scripts, connection).await.map_err(told)
}

/// One server at a time, by a lock that goes with the connection. A script that was cut off, perhaps with its server, is
/// run again, as all scripts for MySQL can be.
pub(super) async fn mysql(connection: &mut MySqlConnection) -> Result<(), Cause> {
    // Ours and not the library's, which asks for it as MySQL would have it: MariaDB answers that at once, without a lock.
    let lock = "SELECT GET_LOCK(CONCAT('isol8_migrations_', MD5(DATABASE())), ?)";
    let locked: Option<i64> = sqlx::query_scalar(lock).bind(LOCK_SECONDS).fetch_one(&mut *connection).await?;
    if locked != Some(1) {
        return Err("another server has been bringing it up to date for too long".into());
    }
    let mut scripts = migrator(&[("api keys", include_str!("../migrations/mysql/1_api_keys.sql"))]);
    scripts.set_locking(false);
    match run(&scripts, connection).await {
        Err(MigrateError::Dirty(_)) => {
            sqlx::query("DELETE FROM isol8_migrations WHERE success = FALSE").execute(&mut *connection).await?;
            run(&scripts, connection).await.map_err(told)
        }
        other => other.map_err(told),
    }
}

/// The scripts in the order in which they are run.
fn migrator(scripts: &[(&'static str, &'static str)]) -> Migrator {
    let migrations = (1..).zip(scripts).map(|(version, (description, sql))| {
        Migration::new(version, (*description).into(), MigrationType::Simple, sql.into_sql_str(), false)
    });
    let mut migrator = Migrator::with_migrations(migrations.collect());
    migrator.dangerous_set_table_name(TABLE);
    migrator
}

async fn run<C: Migrate>(scripts: &Migrator, connection: &mut C) -> Result<(), MigrateError> {
    scripts.run_direct(None, connection, false).await
}

/// The database has a migration that we do not know.
#[derive(Debug, thiserror::Error)]
#[error("it was brought up to date by a newer isol8 (migration {0})")]
struct Newer(i64);

/// In words of ours, where those of the library would leave people wondering.
fn told(error: MigrateError) -> Cause {
    match error {
        MigrateError::VersionMissing(version) => Newer(version).into(),
        other => other.into(),
    }
}
