//! Connections to the database: opened when they are needed, again when they broke, and never waited for without end.

use std::error::Error;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use sqlx::mysql::{MySqlConnectOptions, MySqlPoolOptions};
use sqlx::pool::PoolOptions;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions};
use sqlx::{ConnectOptions, Connection, MySqlPool, PgPool, SqlitePool};
use tokio::time::{sleep, timeout};
use tracing::log::LevelFilter;

use super::file::{self, Identity};
use super::migrations;
use super::statements::{MYSQL, POSTGRES, SQLITE, Statements};
use crate::server::auth::location::Database;
use crate::server::auth::{AuthError, Location};

/// How long reaching a database and bringing it up to date may take. Another server may be at the latter.
pub(super) const OPEN_LIMIT: Duration = Duration::from_secs(20);

/// How long a request waits for a connection. A database that is being restarted may be back by then.
const ACQUIRE_LIMIT: Duration = Duration::from_secs(3);

/// How long a database may take to answer.
pub(super) const ANSWER_LIMIT: Duration = Duration::from_secs(5);

/// How long SQLite waits for others that write to the file. Shorter than [`ANSWER_LIMIT`], so that it is SQLite who says
/// what it waited for.
const WRITE_LIMIT: Duration = Duration::from_secs(3);

/// A connection that nobody used for so long is asked whether it still is one. That costs a round trip.
const TRUSTED: Duration = Duration::from_secs(1);

/// Between two tries to open a SQLite file that somebody else is opening for the first time.
const PAUSE: Duration = Duration::from_millis(20);

/// Connections to a database server. Each request needs one for about a millisecond.
const SERVER_CONNECTIONS: u32 = 8;

/// Connections to a SQLite file. Each has a thread.
const FILE_CONNECTIONS: u32 = 4;

type Cause = Box<dyn Error + Send + Sync>;

/// The connections of a store.
#[derive(Debug)]
pub(super) enum Connections {
    Sqlite(SqlitePool),
    Postgres(PgPool),
    MySql(MySqlPool),
}

impl Connections {
    /// Reaches the database, and brings it up to date.
    pub(super) async fn open(location: &Location) -> Result<Self, AuthError> {
        if let Database::Sqlite(path) = &location.database {
            file::prepare(path)?;
        }
        let opened = async {
            Ok::<_, Cause>(match &location.database {
                Database::Sqlite(path) => Self::Sqlite(sqlite(path).await?),
                Database::Postgres(options) => Self::Postgres(postgres(options.as_ref().clone()).await?),
                Database::MySql(options) => Self::MySql(mysql(options.as_ref().clone()).await?),
            })
        };
        let opened = timeout(OPEN_LIMIT, opened).await.unwrap_or_else(|_| Err(Fault::Late(OPEN_LIMIT).into()));
        opened.map_err(|source| AuthError::Open { shown: location.to_string(), source: source.into() })
    }

    /// How this kind of database is spoken to.
    pub(super) fn statements(&self) -> &'static Statements {
        match self {
            Self::Sqlite(_) => &SQLITE,
            Self::Postgres(_) => &POSTGRES,
            Self::MySql(_) => &MYSQL,
        }
    }

    /// Ends them, once they have nothing to do.
    pub(super) async fn close(&self) {
        match self {
            Self::Sqlite(pool) => pool.close().await,
            Self::Postgres(pool) => pool.close().await,
            Self::MySql(pool) => pool.close().await,
        }
    }
}

async fn sqlite(path: &Path) -> Result<SqlitePool, Cause> {
    let options = SqliteConnectOptions::new()
        .filename(path)
        .journal_mode(SqliteJournalMode::Wal)
        .busy_timeout(WRITE_LIMIT)
        .disable_statement_logging();
    let mut connection = loop {
        match options.connect().await {
            // Nobody can wait for the lock that the first change to WAL takes.
            Err(sqlx::Error::Database(error)) if is_busy(error.code().as_deref()) => sleep(PAUSE).await,
            other => break other?,
        }
    };
    migrations::sqlite(&mut connection).await?;
    connection.close().await?;

    let identity = Arc::new(Identity::of(path.to_owned()));
    let pool = limited(SqlitePoolOptions::new(), FILE_CONNECTIONS).before_acquire(move |_, connection| {
        let is_current = identity.is_that_of(connection.age);
        Box::pin(async move { Ok(is_current) })
    });
    Ok(pool.connect_lazy_with(options))
}

async fn postgres(options: PgConnectOptions) -> Result<PgPool, Cause> {
    let options = options.disable_statement_logging();
    let mut connection = options.connect().await?;
    migrations::postgres(&mut connection).await?;
    // Whether it is told of our leaving makes no difference any more.
    let _ = connection.close().await;
    Ok(checked(limited(PgPoolOptions::new(), SERVER_CONNECTIONS)).connect_lazy_with(options))
}

async fn mysql(options: MySqlConnectOptions) -> Result<MySqlPool, Cause> {
    let options = options.disable_statement_logging();
    let mut connection = options.connect().await?;
    migrations::mysql(&mut connection).await?;
    let _ = connection.close().await;
    Ok(checked(limited(MySqlPoolOptions::new(), SERVER_CONNECTIONS)).connect_lazy_with(options))
}

fn limited<DB: sqlx::Database>(options: PoolOptions<DB>, connections: u32) -> PoolOptions<DB> {
    options
        .max_connections(connections)
        .acquire_timeout(ACQUIRE_LIMIT)
        .acquire_slow_level(LevelFilter::Off)
        .test_before_acquire(false)
}

/// Asks connections that were idle whether they still are, instead of all of them each time.
fn checked<DB: sqlx::Database>(options: PoolOptions<DB>) -> PoolOptions<DB> {
    options.before_acquire(|connection, since| {
        Box::pin(async move {
            if since.idle_for >= TRUSTED {
                connection.ping().await?;
            }
            Ok(true)
        })
    })
}

/// `SQLITE_BUSY`, whatever is busy.
fn is_busy(code: Option<&str>) -> bool {
    code.and_then(|code| code.parse::<u32>().ok()).is_some_and(|code| code & 0xff == 5)
}

/// Why a database did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub(super) enum Fault {
    #[error(transparent)]
    Refused(#[from] sqlx::Error),
    #[error("no answer within {0:?}")]
    Late(Duration),
}

impl Fault {
    /// Whether the connection is to blame, and another may well do. Not so when none could be had.
    pub(super) fn is_of_the_connection(&self) -> bool {
        match self {
            Self::Refused(sqlx::Error::Io(_) | sqlx::Error::Tls(_) | sqlx::Error::Protocol(_)) => true,
            // Last words of a server that is being stopped: `admin_shutdown` and the like, and class 08 of SQLSTATE.
            Self::Refused(sqlx::Error::Database(error)) => {
                error.code().is_some_and(|code| code.starts_with("57P") || code.starts_with("08"))
            }
            _ => false,
        }
    }
}

/// Has one connection of a store do something, for as long as that may take. `$connection` is of the type that belongs to
/// the kind of database: the expression is compiled for each.
///
/// A connection that turns out to be broken is replaced, and the expression evaluated again: after a restart of a database,
/// and after somebody on the way has cut what was idle, all may be broken at once. So it may be done twice what was done
/// once already and not told of.
macro_rules! ask {
    ($connections:expr, $connection:ident => $query:expr) => {
        match $connections {
            Connections::Sqlite(pool) => ask!(@one pool, $connection => $query),
            Connections::Postgres(pool) => ask!(@one pool, $connection => $query),
            Connections::MySql(pool) => ask!(@one pool, $connection => $query),
        }
    };
    (@one $pool:ident, $connection:ident => $query:expr) => {{
        let mut broken = 0;
        loop {
            let mut held = match $pool.acquire().await {
                Err(error) => break Err(Fault::from(error)),
                Ok(held) => held,
            };
            let $connection = &mut *held;
            let asked = tokio::time::timeout(ANSWER_LIMIT, $query).await;
            let answer = asked.map_or(Err(Fault::Late(ANSWER_LIMIT)), |answer| answer.map_err(Fault::from));
            let Err(fault) = &answer else { break answer };
            if fault.is_of_the_connection() || matches!(fault, Fault::Late(_)) {
                held.close_on_drop();
            }
            if !fault.is_of_the_connection() || broken == $pool.options().get_max_connections() {
                break answer;
            }
            broken += 1;
        }
    }};
}
pub(super) use ask;
