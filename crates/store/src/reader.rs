//! Running statements: on the pool, or within a transaction.

use std::borrow::Cow;
use std::sync::Arc;

use crate::column::{Args, RawRow, Row};
use crate::connect::Engine;
use crate::dialect::Dialect;
use crate::error::StoreError;
use crate::postgres;

/// A statement on one table, with its parameters.
pub struct Statement {
    table: &'static str,
    sql: Cow<'static, str>,
    args: Args,
    is_lengthy: bool,
}

impl Statement {
    /// A statement that is written out in full.
    pub(crate) const fn new(table: &'static str, sql: &'static str, args: Args) -> Self {
        Self {
            table,
            sql: Cow::Borrowed(sql),
            args,
            is_lengthy: false,
        }
    }

    /// A statement put together from constants of this crate: never from what
    /// somebody gave, which goes into `args`.
    pub(crate) const fn composed(table: &'static str, sql: String, args: Args) -> Self {
        Self {
            table,
            sql: Cow::Owned(sql),
            args,
            is_lengthy: false,
        }
    }

    /// Says of a statement that writes that it may change many rows, so that it
    /// must not keep a thread which serves requests. Of statements that only
    /// read the engine finds out by itself.
    pub(crate) const fn lengthy(mut self) -> Self {
        self.is_lengthy = true;
        self
    }

    /// The same statement behind a word such as `EXPLAIN`.
    #[cfg(test)]
    pub(crate) fn explained(self, word: &str, table: &'static str) -> Self {
        Self::composed(table, format!("{word} {}", self.sql), self.args)
    }

    /// The table, for messages.
    pub(crate) const fn table(&self) -> &'static str {
        self.table
    }

    /// The text.
    pub(crate) fn sql(&self) -> &str {
        &self.sql
    }

    /// The parameters.
    pub(crate) const fn args(&self) -> &Args {
        &self.args
    }

    /// Whether [`Self::lengthy`] was said.
    pub(crate) const fn is_lengthy(&self) -> bool {
        self.is_lengthy
    }

    /// Its text and its parameters.
    pub(crate) fn into_parts(self) -> (Cow<'static, str>, Args) {
        (self.sql, self.args)
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
    ) -> impl Future<Output = Result<Vec<RawRow>, StoreError>> + Send;
}

/// What is committed, each statement for itself.
#[derive(Debug, Clone)]
pub struct Read(Arc<Engine>);

impl Read {
    pub(crate) const fn new(engine: Arc<Engine>) -> Self {
        Self(engine)
    }
}

impl Reader for &Read {
    fn dialect(&self) -> Dialect {
        self.0.dialect()
    }

    async fn rows(&mut self, statement: Statement) -> Result<Vec<RawRow>, StoreError> {
        match &*self.0 {
            Engine::Sqlite { readers, .. } => readers.run(statement).await,
            Engine::Postgres(pool) => postgres::read(pool, statement).await,
        }
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
    let table = statement.table();
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
    let table = statement.table();
    let first = on.rows(statement).await?.into_iter().next();
    first.map(|row| decode(&Row::new(table, row))).transpose()
}

/// The row of a statement that always has one.
pub(crate) async fn one<T>(
    on: &mut impl Reader,
    statement: Statement,
    decode: Decode<T>,
) -> Result<T, StoreError> {
    let table = statement.table();
    let found = optional(on, statement, decode).await?;
    found.ok_or_else(|| StoreError::other(table, "a statement that always has a row had none"))
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
    changed(on, Statement::new("looking at it", "SELECT 1", Args::new()))
        .await
        .map(drop)
}
