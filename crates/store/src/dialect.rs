//! The few places where SQLite and PostgreSQL differ.
//!
//! Statements are written once, for both. What cannot be written once asks the
//! [`Dialect`]: locking of rows, the lock of migrations, and what an engine
//! calls its errors. Notifications are in `signal.rs`.

use std::sync::Arc;

use sqlx::error::{DatabaseError, ErrorKind};

use crate::error::StoreError;

/// Which engine speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// A file of our own.
    Sqlite,
    /// A server.
    Postgres,
}

impl Dialect {
    /// Ends a `SELECT` whose row is to stay as it is until the commit. SQLite
    /// has one writer at a time, so there every row stays as it is anyway.
    pub(crate) const fn for_update(self) -> &'static str {
        match self {
            Self::Sqlite => "",
            Self::Postgres => " FOR UPDATE",
        }
    }

    /// As [`Self::for_update`], while rows that refer to the row may be added.
    pub(crate) const fn for_no_key_update(self) -> &'static str {
        match self {
            Self::Sqlite => "",
            Self::Postgres => " FOR NO KEY UPDATE",
        }
    }

    /// As [`Self::for_update`], passing over rows that another transaction holds.
    pub(crate) const fn for_update_skip_locked(self) -> &'static str {
        match self {
            Self::Sqlite => "",
            Self::Postgres => " FOR UPDATE SKIP LOCKED",
        }
    }

    /// Holds a lane of jobs, `$1`, until the commit, unless another transaction
    /// does. SQLite has one writer at a time, so there no lane needs to be held.
    pub(crate) const fn lock_lane(self) -> Option<&'static str> {
        match self {
            Self::Sqlite => None,
            // The first number keeps these locks apart from others. Of two names
            // that share a hash one is passed over for a moment.
            Self::Postgres => Some(
                "SELECT CASE WHEN pg_try_advisory_xact_lock(788564, hashtext($1))
                    THEN 1::BIGINT ELSE 0::BIGINT END AS held",
            ),
        }
    }

    /// Begins the transaction of the migrations.
    pub(crate) const fn begin_exclusively(self) -> &'static str {
        match self {
            Self::Sqlite => "BEGIN IMMEDIATE",
            // The number is an arbitrary one that nothing else on the server uses.
            Self::Postgres => "BEGIN; SELECT pg_advisory_xact_lock(7885642096412301)",
        }
    }

    /// Sorts the driver's errors into ours.
    pub(crate) fn error(self, what: &'static str, error: sqlx::Error) -> StoreError {
        match error {
            sqlx::Error::Database(error) => self.database_error(what, error),
            sqlx::Error::Io(_)
            | sqlx::Error::Tls(_)
            | sqlx::Error::PoolTimedOut
            | sqlx::Error::PoolClosed
            | sqlx::Error::WorkerCrashed => StoreError::unavailable(what, error),
            other => StoreError::Other {
                what,
                source: Arc::new(other),
            },
        }
    }

    fn database_error(self, what: &'static str, error: Box<dyn DatabaseError>) -> StoreError {
        let is_conflict = matches!(
            error.kind(),
            ErrorKind::UniqueViolation | ErrorKind::ForeignKeyViolation | ErrorKind::CheckViolation
        );
        if is_conflict {
            return StoreError::Conflict {
                constraint: self.constraint(&*error),
            };
        }
        let code = error.code().unwrap_or_default().into_owned();
        let source = Arc::new(sqlx::Error::Database(error));
        if self.is_passing(&code) {
            StoreError::Unavailable { what, source }
        } else {
            StoreError::Other { what, source }
        }
    }

    /// The constraint's name as PostgreSQL makes it, on both engines.
    fn constraint(self, error: &dyn DatabaseError) -> String {
        match self {
            Self::Postgres => error.constraint().unwrap_or("unnamed").to_owned(),
            Self::Sqlite => sqlite_constraint(error.message(), error.code().as_deref()),
        }
    }

    /// Whether the trouble may pass by itself: no connection, no space, a lock
    /// that was not to be had.
    fn is_passing(self, code: &str) -> bool {
        match self {
            // The lowest byte of an extended code is the primary one:
            // BUSY, LOCKED, IOERR, FULL, CANTOPEN.
            Self::Sqlite => code
                .parse::<u32>()
                .is_ok_and(|code| matches!(code & 0xFF, 5 | 6 | 10 | 13 | 14)),
            // Connection lost, transaction rolled back, out of resources,
            // operator intervention.
            Self::Postgres => ["08", "40", "53", "57P"]
                .iter()
                .any(|class| code.starts_with(class)),
        }
    }
}

/// `UNIQUE constraint failed: runs.id, runs.x` → `runs_pkey` or `runs_id_x_key`.
fn sqlite_constraint(message: &str, code: Option<&str>) -> String {
    const PRIMARY_KEY: &str = "1555";
    let Some((_, columns)) = message.split_once("constraint failed: ") else {
        return "foreign_key".to_owned();
    };
    let table = columns.split('.').next().unwrap_or_default();
    if code == Some(PRIMARY_KEY) {
        return format!("{table}_pkey");
    }
    let names: Vec<&str> = columns
        .split(", ")
        .filter_map(|column| column.split('.').nth(1))
        .collect();
    format!("{table}_{}_key", names.join("_"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sqlite_constraints_get_the_names_that_postgres_makes() {
        let cases = [
            ("UNIQUE constraint failed: orgs.id", "1555", "orgs_pkey"),
            (
                "UNIQUE constraint failed: orgs.slug",
                "2067",
                "orgs_slug_key",
            ),
            (
                "UNIQUE constraint failed: run_logs.run_id, run_logs.sequence",
                "2067",
                "run_logs_run_id_sequence_key",
            ),
            ("FOREIGN KEY constraint failed", "787", "foreign_key"),
        ];
        for (message, code, expected) in cases {
            assert_eq!(sqlite_constraint(message, Some(code)), expected);
        }
    }

    #[test]
    fn trouble_that_passes_is_told_from_defects() {
        for (dialect, code, passes) in [
            (Dialect::Sqlite, "5", true),
            (Dialect::Sqlite, "261", true),
            (Dialect::Sqlite, "1", false),
            (Dialect::Postgres, "57P01", true),
            (Dialect::Postgres, "53300", true),
            (Dialect::Postgres, "42601", false),
        ] {
            assert_eq!(dialect.is_passing(code), passes, "{dialect:?} {code}");
        }
    }
}
