//! PostgreSQL: a pool of connections, and statements on them.

use std::borrow::Cow;
use std::time::Duration;

use sqlx::error::{DatabaseError, ErrorKind};
use sqlx::postgres::{PgArguments, PgConnectOptions, PgPoolOptions};
use sqlx::{
    Arguments, AssertSqlSafe, ConnectOptions, Connection, PgConnection, PgPool, Postgres,
    SqlSafeStr, Transaction,
};
use tokio::time::timeout;

use crate::column::{Args, Parameter, RawRow};
use crate::error::StoreError;
use crate::health::Answer;
use crate::migrate::migrate_postgres;
use crate::opening::WrongEncoding;
use crate::reader::Statement;

/// PostgreSQL allows 100 connections by default; a handful of processes fit.
const CONNECTIONS: u32 = 16;
/// How long a caller waits for one of them: a server that is started again is
/// there by then, and whoever asks over HTTP still waits for the answer.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long the start waits for a server.
const FIRST_PATIENCE: Duration = Duration::from_secs(30);
/// Half of what a look at the server may take: one half for a connection that
/// is open, one for a new one.
const PROMPT: Duration = Duration::from_millis(900);

/// Connections to a server.
#[derive(Debug)]
pub(crate) struct Pool {
    connections: PgPool,
    /// What became of the last connection that was made to see why none is free.
    reached: Answer,
}

/// Connects and migrates, to version `until` at most.
pub(crate) async fn open(url: &str, until: i64) -> Result<Pool, StoreError> {
    let failed = |error| from_driver(CONNECTING, error);
    let options: PgConnectOptions = url.parse().map_err(failed)?;
    let options = options.disable_statement_logging();
    let mut connection = connect(&options, FIRST_PATIENCE).await?;
    check_encoding(&mut connection).await?;
    migrate_postgres(&mut connection, until).await?;
    connection.close().await.map_err(failed)?;
    let connections = PgPoolOptions::new()
        .min_connections(1)
        .max_connections(CONNECTIONS)
        .acquire_timeout(PATIENCE)
        .connect_with(options)
        .await
        .map_err(failed)?;
    Ok(Pool {
        connections,
        reached: Answer::default(),
    })
}

const CONNECTING: &str = "connecting";

async fn connect(
    options: &PgConnectOptions,
    patience: Duration,
) -> Result<PgConnection, StoreError> {
    match timeout(patience, options.connect()).await {
        Ok(connected) => connected.map_err(|error| from_driver(CONNECTING, error)),
        Err(_) => Err(StoreError::unavailable(
            CONNECTING,
            format!("no answer within {} s", patience.as_secs_f32()),
        )),
    }
}

/// In another encoding not every text can be kept, and lengths and orders are
/// not what this program takes them for.
async fn check_encoding(connection: &mut PgConnection) -> Result<(), StoreError> {
    let asked = sqlx::query_scalar("SHOW server_encoding");
    let encoding: String = asked
        .fetch_one(connection)
        .await
        .map_err(|error| from_driver(CONNECTING, error))?;
    if encoding == "UTF8" {
        return Ok(());
    }
    Err(StoreError::other(CONNECTING, WrongEncoding(encoding)))
}

impl Pool {
    /// Closes the connections when those at work are done.
    pub(crate) async fn close(&self) {
        self.connections.close().await;
    }

    /// Asks whether the server answers, in two seconds at most. When all
    /// connections are at work a new one is made: that is no sign of illness.
    pub(crate) async fn ping(&self) -> Result<(), StoreError> {
        let asked = async {
            let mut connection = self.connections.acquire().await?;
            connection.ping().await
        };
        match timeout(PROMPT, asked).await {
            Ok(answered) => answered.map_err(|error| from_driver("looking at it", error)),
            Err(_) => Box::pin(self.reach()).await,
        }
    }

    /// Makes a connection of its own. The pool keeps to itself why it has none.
    async fn reach(&self) -> Result<(), StoreError> {
        let connect = async {
            let options = self.connections.connect_options();
            let connection = connect(&options, PROMPT).await?;
            // It has served; how it ends is of no interest.
            let _ = connection.close().await;
            Ok(())
        };
        self.reached.recent_or(connect).await
    }

    /// Why there is no connection, in words that say more than the time waited.
    /// What is rare is boxed: every statement carries room for it otherwise.
    async fn none_free(&self, what: &'static str, error: sqlx::Error) -> StoreError {
        if matches!(error, sqlx::Error::PoolTimedOut)
            && let Err(reason) = Box::pin(self.reach()).await
        {
            return reason;
        }
        from_driver(what, error)
    }
}

/// Begins a transaction.
pub(crate) async fn begin(pool: &Pool) -> Result<Transaction<'static, Postgres>, StoreError> {
    match pool.connections.begin().await {
        Ok(begun) => Ok(begun),
        Err(error) => Err(pool.none_free("beginning a transaction", error).await),
    }
}

/// Ends it.
pub(crate) async fn commit(transaction: Transaction<'static, Postgres>) -> Result<(), StoreError> {
    let ended = transaction.commit().await;
    ended.map_err(|error| from_driver("committing", error))
}

/// Runs a statement on a connection that is free.
pub(crate) async fn read(pool: &Pool, statement: Statement) -> Result<Vec<RawRow>, StoreError> {
    let mut connection = match pool.connections.acquire().await {
        Ok(connection) => connection,
        Err(error) => return Err(pool.none_free(statement.table(), error).await),
    };
    run(&mut connection, statement).await
}

/// Runs a statement.
pub(crate) async fn run(
    connection: &mut PgConnection,
    statement: Statement,
) -> Result<Vec<RawRow>, StoreError> {
    let table = statement.table();
    let (sql, args) = statement.into_parts();
    let sql = match sql {
        Cow::Borrowed(sql) => sql.into_sql_str(),
        Cow::Owned(sql) => AssertSqlSafe(sql).into_sql_str(),
    };
    let failed = |error| from_driver(table, error);
    let rows = sqlx::query_with(sql, arguments(args).map_err(failed)?)
        .fetch_all(connection)
        .await
        .map_err(failed)?;
    Ok(rows.into_iter().map(RawRow::Postgres).collect())
}

fn arguments(args: Args) -> Result<PgArguments, sqlx::Error> {
    let mut arguments = PgArguments::default();
    for parameter in args.0 {
        match parameter {
            Parameter::Int(value) => arguments.add(value),
            Parameter::Text(value) => arguments.add(value),
        }
        .map_err(sqlx::Error::Encode)?;
    }
    Ok(arguments)
}

/// Sorts the driver's errors into ours.
pub(crate) fn from_driver(what: &'static str, error: sqlx::Error) -> StoreError {
    match &error {
        sqlx::Error::Database(told) => match conflict(&**told) {
            Some(constraint) => StoreError::Conflict { constraint },
            None if told.code().is_some_and(|code| is_passing(&code)) => {
                StoreError::unavailable(what, error)
            }
            None => StoreError::other(what, error),
        },
        sqlx::Error::Io(_)
        | sqlx::Error::Tls(_)
        | sqlx::Error::PoolTimedOut
        | sqlx::Error::PoolClosed
        | sqlx::Error::WorkerCrashed => StoreError::unavailable(what, error),
        _ => StoreError::other(what, error),
    }
}

/// The constraint that a row breaks, if it is that.
fn conflict(error: &dyn DatabaseError) -> Option<String> {
    let is_conflict = matches!(
        error.kind(),
        ErrorKind::UniqueViolation | ErrorKind::ForeignKeyViolation | ErrorKind::CheckViolation
    );
    is_conflict.then(|| error.constraint().unwrap_or("unnamed").to_owned())
}

/// Whether the trouble may pass by itself: connection lost, transaction rolled
/// back, out of resources, operator intervention.
fn is_passing(code: &str) -> bool {
    ["08", "40", "53", "57P"]
        .iter()
        .any(|class| code.starts_with(class))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trouble_that_passes_is_told_from_defects() {
        for (code, passes) in [("57P01", true), ("53300", true), ("42601", false)] {
            assert_eq!(is_passing(code), passes, "{code}");
        }
    }
}
