//! Running statements: on the pool, or within a transaction.

use std::sync::Arc;

use sqlx::any::AnyRow;
use sqlx::{AnyConnection, AnyPool, AssertSqlSafe, SqlSafeStr, SqlStr};

use crate::column::{Args, Row};
use crate::dialect::Dialect;
use crate::error::StoreError;

/// A statement on one table, with its parameters.
pub struct Statement {
    table: &'static str,
    sql: SqlStr,
    args: Args,
}

impl Statement {
    /// A statement that is written out in full.
    pub(crate) fn new(table: &'static str, sql: &'static str, args: Args) -> Self {
        Self {
            table,
            sql: sql.into_sql_str(),
            args,
        }
    }

    /// A statement put together from constants of this crate: never from what
    /// somebody gave, which goes into `args`.
    pub(crate) fn composed(table: &'static str, sql: String, args: Args) -> Self {
        Self {
            table,
            sql: AssertSqlSafe(sql).into_sql_str(),
            args,
        }
    }

    /// The same statement behind a word such as `EXPLAIN`.
    #[cfg(test)]
    pub(crate) fn explained(self, word: &str, table: &'static str) -> Self {
        Self::composed(table, format!("{word} {}", self.sql.as_str()), self.args)
    }

    pub(crate) async fn run(
        self,
        connection: &mut AnyConnection,
    ) -> Result<Vec<AnyRow>, sqlx::Error> {
        sqlx::query_with(self.sql, self.args.0)
            .fetch_all(connection)
            .await
    }
}

impl std::fmt::Debug for Statement {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Parameters may be secrets.
        f.debug_struct("Statement")
            .field("sql", &self.sql)
            .finish_non_exhaustive()
    }
}

/// What statements that read can run on: [`Read`] and [`crate::Tx`].
pub trait Reader: Send {
    /// Which engine this is.
    #[doc(hidden)]
    fn dialect(&self) -> Dialect;

    /// Runs a statement to its end.
    #[doc(hidden)]
    fn rows(
        &mut self,
        statement: Statement,
    ) -> impl Future<Output = Result<Vec<AnyRow>, StoreError>> + Send;
}

/// What is committed, each statement for itself.
#[derive(Debug, Clone)]
pub struct Read {
    dialect: Dialect,
    pool: AnyPool,
}

impl Read {
    pub(crate) const fn new(dialect: Dialect, pool: AnyPool) -> Self {
        Self { dialect, pool }
    }
}

impl Reader for &Read {
    fn dialect(&self) -> Dialect {
        self.dialect
    }

    async fn rows(&mut self, statement: Statement) -> Result<Vec<AnyRow>, StoreError> {
        let table = statement.table;
        let failed = |error| self.dialect.error(table, error);
        let mut connection = self.pool.acquire().await.map_err(failed)?;
        statement.run(&mut connection).await.map_err(failed)
    }
}

impl Statement {
    /// The table, for messages.
    pub(crate) const fn table(&self) -> &'static str {
        self.table
    }
}

/// How a row becomes a record.
pub(crate) type Decode<T> = fn(&Row) -> Result<T, StoreError>;

/// Every row.
pub(crate) async fn all<T>(
    on: &mut impl Reader,
    statement: Statement,
    decode: Decode<T>,
) -> Result<Vec<T>, StoreError> {
    let table = statement.table;
    let rows = on.rows(statement).await?;
    rows.into_iter()
        .map(|row| decode(&Row::new(table, row)))
        .collect()
}

/// The row, if there is one.
pub(crate) async fn optional<T>(
    on: &mut impl Reader,
    statement: Statement,
    decode: Decode<T>,
) -> Result<Option<T>, StoreError> {
    let table = statement.table;
    let first = on.rows(statement).await?.into_iter().next();
    first.map(|row| decode(&Row::new(table, row))).transpose()
}

/// The row of a statement that always has one.
pub(crate) async fn one<T>(
    on: &mut impl Reader,
    statement: Statement,
    decode: Decode<T>,
) -> Result<T, StoreError> {
    let table = statement.table;
    let found = optional(on, statement, decode).await?;
    found.ok_or_else(|| StoreError::Other {
        what: table,
        source: Arc::new(sqlx::Error::RowNotFound),
    })
}

/// How many rows a statement with `RETURNING` changed.
pub(crate) async fn changed(
    on: &mut impl Reader,
    statement: Statement,
) -> Result<usize, StoreError> {
    on.rows(statement).await.map(|rows| rows.len())
}

/// Asks whether the database answers.
pub(crate) async fn ping(on: &mut impl Reader) -> Result<(), StoreError> {
    changed(on, Statement::new("none", "SELECT 1", Args::new()))
        .await
        .map(drop)
}
