//! What can go wrong between Runnel and its database.
//!
//! Sources are kept for the log and never repeated in the message;
//! [`StoreError::with_causes`] prints the whole chain, once, at the boundary.
//! Something that is not there is no error: reads answer `Ok(None)`.

use std::error::Error;
use std::fmt::Write;
use std::sync::Arc;

/// What lies under an error; shared, because one failed commit may concern many.
pub type Cause = Arc<dyn Error + Send + Sync>;

/// What went wrong with the database.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreError {
    /// The URL names no database that this program can use.
    #[error(
        "{given:?} is not a database URL that can be used: {reason}; give sqlite:///path/to/file.db or postgres://user:password@host/database"
    )]
    BadUrl {
        /// The URL, without its password.
        given: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The database cannot be opened: for whoever starts the program, and never
    /// for those who ask it something.
    #[error("the database {place} cannot be opened: {reason}")]
    CannotOpen {
        /// Where it is, without its password.
        place: String,
        /// What the system, the server or SQLite said.
        reason: String,
        /// What to do about it.
        advice: &'static str,
    },
    /// The database does not answer for the moment; the same call may work later.
    #[error(
        "the database does not answer ({what}); check that it runs, can be reached and has space left, then try again"
    )]
    Unavailable {
        /// What was tried.
        what: &'static str,
        /// What the driver said.
        source: Cause,
    },
    /// A row holds something that no version of this program writes.
    #[error(
        "the column {column} of the row {row} in table {table} cannot be read: {reason}; restore the row from a backup or mend it by hand"
    )]
    Corrupt {
        /// The table.
        table: &'static str,
        /// The column.
        column: &'static str,
        /// The row's key.
        row: String,
        /// What is wrong with the value.
        reason: String,
    },
    /// A row breaks a rule of the schema, such as a key that exists already.
    #[error("the row conflicts with another one under the constraint {constraint}")]
    Conflict {
        /// `table_pkey`, `table_column_key`, or the name of a foreign key.
        constraint: String,
    },
    /// The database was migrated by a newer version of this program.
    #[error(
        "the database has schema version {found} and this program knows versions up to {known}; start the newer version of runnel that was used on it before"
    )]
    NewerSchema {
        /// The newest version that the database has.
        found: i64,
        /// The newest version that this program knows.
        known: i64,
    },
    /// A migration failed; the database is as it was.
    #[error(
        "migration {name} of the database failed and was undone; keep the database as it is and report this with the cause"
    )]
    Migration {
        /// The migration's file.
        name: &'static str,
        /// What the database said.
        source: Cause,
    },
    /// An earlier statement of the transaction failed, so it cannot be committed.
    #[error(
        "the transaction was given up because one of its statements failed or was cancelled; begin another one"
    )]
    Broken,
    /// Anything else: a defect, or a database that misbehaves.
    #[error("the database refused a statement ({what})")]
    Other {
        /// What was tried.
        what: &'static str,
        /// What the driver said.
        source: Cause,
    },
}

impl StoreError {
    /// The message with the messages of all its causes, for a log line.
    pub fn with_causes(&self) -> String {
        let mut text = self.to_string();
        let mut cause = self.source();
        while let Some(error) = cause {
            let told = error.to_string();
            // The driver's errors end with their own source's words.
            if !text.ends_with(&told) {
                let _ = write!(text, ": {told}");
            }
            cause = error.source();
        }
        text
    }

    /// What to do about it, where the message does not say so itself.
    pub const fn advice(&self) -> Option<&'static str> {
        match self {
            Self::CannotOpen { advice, .. } => Some(advice),
            _ => None,
        }
    }

    pub(crate) fn other(
        what: &'static str,
        source: impl Into<Box<dyn Error + Send + Sync>>,
    ) -> Self {
        Self::Other {
            what,
            source: Arc::from(source.into()),
        }
    }

    pub(crate) fn unavailable(
        what: &'static str,
        source: impl Into<Box<dyn Error + Send + Sync>>,
    ) -> Self {
        Self::Unavailable {
            what,
            source: Arc::from(source.into()),
        }
    }
}
