//! PostgreSQL: a pool of connections, and statements on them.

use std::borrow::Cow;

use sqlx::error::{DatabaseError, ErrorKind};
use sqlx::postgres::{PgArguments, PgConnectOptions, PgPoolOptions};
use sqlx::{
    Arguments, AssertSqlSafe, ConnectOptions, Connection, PgConnection, PgPool, Postgres,
    SqlSafeStr, Transaction,
};

use crate::column::{Args, Parameter, RawRow};
use crate::connect::PATIENCE;
use crate::error::StoreError;
use crate::migrate::migrate_postgres;
use crate::reader::Statement;

/// PostgreSQL allows 100 connections by default; a handful of processes fit.
const CONNECTIONS: u32 = 16;

/// Connects and migrates, to version `until` at most.
pub(crate) async fn open(url: &str, until: i64) -> Result<PgPool, StoreError> {
    let failed = |error| from_driver("connecting", error);
    let options: PgConnectOptions = url.parse().map_err(failed)?;
    let options = options.disable_statement_logging();
    let mut connection = options.connect().await.map_err(failed)?;
    migrate_postgres(&mut connection, until).await?;
    connection.close().await.map_err(failed)?;
    PgPoolOptions::new()
        .min_connections(1)
        .max_connections(CONNECTIONS)
        .acquire_timeout(PATIENCE)
        .connect_with(options)
        .await
        .map_err(failed)
}

/// Begins a transaction.
pub(crate) async fn begin(pool: &PgPool) -> Result<Transaction<'static, Postgres>, StoreError> {
    let begun = pool.begin().await;
    begun.map_err(|error| from_driver("beginning a transaction", error))
}

/// Ends it.
pub(crate) async fn commit(transaction: Transaction<'static, Postgres>) -> Result<(), StoreError> {
    let ended = transaction.commit().await;
    ended.map_err(|error| from_driver("committing", error))
}

/// Runs a statement on a connection that is free.
pub(crate) async fn read(pool: &PgPool, statement: Statement) -> Result<Vec<RawRow>, StoreError> {
    let acquired = pool.acquire().await;
    let mut connection = acquired.map_err(|error| from_driver(statement.table(), error))?;
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
