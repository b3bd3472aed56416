//! One connection of SQLite, and how long a statement may keep its thread.

use std::ffi::c_int;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use rusqlite::{ErrorCode, OpenFlags};

use super::error::from_driver;
use super::row::SqliteRow;
use crate::column::{Args, Parameter, RawRow};
use crate::error::StoreError;
use crate::migrate::migrate_sqlite;
use crate::reader::Statement;

/// Prepared statements that a connection keeps: all that are written out.
const KEPT_STATEMENTS: usize = 128;
/// Steps of SQLite's machine between two looks at how many are left; a step
/// takes some tens of nanoseconds.
const STEPS: c_int = 1000;
/// Looks in a statement on the spot: about a tenth of a millisecond, a page of
/// a list. The first may come early, since a kept statement goes on counting.
const LOOKS: u32 = 5;
/// For a statement that may take as long as it takes.
const UNLIMITED: u32 = u32::MAX;

/// `synchronous = FULL` is what makes an answered commit durable: in WAL mode
/// the lesser setting syncs only at checkpoints.
const WRITER_PRAGMAS: &str = "PRAGMA journal_mode = WAL;
    PRAGMA synchronous = FULL;
    PRAGMA foreign_keys = ON;";
const READER_PRAGMAS: &str = "PRAGMA query_only = ON;";
/// SQLite's lock between processes is not fair, so a command beside a busy
/// server gets 20 s to get it.
const WRITER_PATIENCE: Duration = Duration::from_secs(20);
/// Readers wait only while another process opens or closes the file.
const READER_PATIENCE: Duration = Duration::from_secs(5);

/// What a connection is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// The only one of the process that writes.
    Writing,
    /// One of several that read.
    Reading,
}

/// What became of a statement on the spot.
pub(crate) enum Spot {
    /// It is done.
    Done(Result<Vec<RawRow>, StoreError>),
    /// It reads, and was stopped.
    TooLong,
    /// It may change many rows, or the file is locked; nothing was done.
    Elsewhere,
}

/// An open connection.
pub(crate) struct Connection {
    sqlite: rusqlite::Connection,
    looks: Arc<AtomicU32>,
    patience: Duration,
}

impl std::fmt::Debug for Connection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Connection").finish_non_exhaustive()
    }
}

impl Connection {
    /// Opens the file at `path`, which exists. May wait for the disk.
    pub(crate) fn open(path: &Path, purpose: Purpose) -> Result<Self, StoreError> {
        let (pragmas, patience) = match purpose {
            Purpose::Writing => (WRITER_PRAGMAS, WRITER_PATIENCE),
            Purpose::Reading => (READER_PRAGMAS, READER_PATIENCE),
        };
        let opened = || {
            // One thread at a time has the connection: it needs no lock of its own.
            let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
            let sqlite = rusqlite::Connection::open_with_flags(path, flags)?;
            sqlite.set_prepared_statement_cache_capacity(KEPT_STATEMENTS);
            let looks = Arc::new(AtomicU32::new(UNLIMITED));
            let left = Arc::clone(&looks);
            sqlite.progress_handler(STEPS, Some(move || is_used_up(&left)))?;
            let mut connection = Self {
                sqlite,
                looks,
                patience,
            };
            connection.patiently(|connection| connection.sqlite.execute_batch(pragmas))?;
            Ok(connection)
        };
        opened().map_err(|error| from_driver("connecting", error))
    }

    /// Runs a statement if it is done in no time.
    pub(crate) fn on_the_spot(&mut self, statement: &Statement) -> Spot {
        if statement.is_lengthy() {
            return Spot::Elsewhere;
        }
        // Preparing counts steps too.
        self.looks.store(UNLIMITED, Ordering::Relaxed);
        let rows = self.rows(statement, Some(LOOKS));
        match rows.as_ref().map_err(rusqlite::Error::sqlite_error_code) {
            Err(Some(ErrorCode::OperationInterrupted)) => Spot::TooLong,
            Err(Some(ErrorCode::DatabaseBusy)) => Spot::Elsewhere,
            _ => Spot::Done(told(statement, rows)),
        }
    }

    /// Runs a statement however long it takes, after [`Self::unhurried`].
    pub(crate) fn finish(&mut self, statement: &Statement) -> Result<Vec<RawRow>, StoreError> {
        let rows = self.patiently(|connection| connection.rows(statement, None));
        told(statement, rows)
    }

    /// Runs a word such as `SAVEPOINT`. `false` when another process holds the file.
    pub(crate) fn try_word(&mut self, sql: &'static str) -> Result<bool, StoreError> {
        match self.word(sql) {
            Ok(()) => Ok(true),
            Err(error) if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy) => Ok(false),
            Err(error) => Err(from_driver("writing", error)),
        }
    }

    /// The same, waiting for other processes.
    pub(crate) fn patient_word(&mut self, sql: &'static str) -> Result<(), StoreError> {
        self.patiently(|connection| connection.word(sql))
            .map_err(|error| from_driver("writing", error))
    }

    /// Brings the schema to version `until` at most.
    pub(crate) fn migrate(&mut self, until: i64) -> Result<(), StoreError> {
        self.patiently(|connection| migrate_sqlite(&mut connection.sqlite, until))
    }

    fn patiently<T>(&mut self, work: impl FnOnce(&mut Self) -> T) -> T {
        self.wait_for_others(self.patience);
        let done = work(self);
        self.wait_for_others(Duration::ZERO);
        done
    }

    fn wait_for_others(&self, patience: Duration) {
        // SQLite sets a field and has nothing that could fail.
        let _ = self.sqlite.busy_timeout(patience);
    }

    /// Lets the next statement take its time, which is to run to the end; what
    /// is returned stops it, from any thread and even before it has begun.
    pub(crate) fn unhurried(&mut self) -> Stop {
        self.looks.store(UNLIMITED, Ordering::Relaxed);
        Stop(Arc::clone(&self.looks))
    }

    fn word(&self, sql: &'static str) -> rusqlite::Result<()> {
        self.looks.store(UNLIMITED, Ordering::Relaxed);
        let mut word = self.sqlite.prepare_cached(sql)?;
        let mut rows = word.raw_query();
        while rows.next()?.is_some() {}
        Ok(())
    }

    /// Runs a statement; one that reads within so many looks.
    fn rows(&self, statement: &Statement, looks: Option<u32>) -> rusqlite::Result<Vec<RawRow>> {
        let mut prepared = self.sqlite.prepare_cached(statement.sql())?;
        bind(&mut prepared, statement.args())?;
        if let Some(looks) = looks.filter(|_| prepared.readonly()) {
            self.looks.store(looks, Ordering::Relaxed);
        }
        let mut names = None;
        let mut found = Vec::new();
        let mut rows = prepared.raw_query();
        while let Some(row) = rows.next()? {
            let names = names.get_or_insert_with(|| SqliteRow::names(row));
            found.push(RawRow::Sqlite(SqliteRow::read(names, row)?));
        }
        Ok(found)
    }
}

/// Stops a statement.
pub(crate) struct Stop(Arc<AtomicU32>);

impl Stop {
    /// Leaves it no more looks.
    pub(crate) fn stop(&self) {
        self.0.store(0, Ordering::Relaxed);
    }
}

fn told(
    statement: &Statement,
    rows: rusqlite::Result<Vec<RawRow>>,
) -> Result<Vec<RawRow>, StoreError> {
    rows.map_err(|error| from_driver(statement.table(), error))
}

/// Counts a look; says whether there were none left.
fn is_used_up(looks: &AtomicU32) -> bool {
    // One thread at a time has the connection, so nobody counts between.
    match looks.load(Ordering::Relaxed) {
        UNLIMITED => false,
        0 => true,
        left => {
            looks.store(left - 1, Ordering::Relaxed);
            false
        }
    }
}

/// Binds each parameter by the number in its name: to SQLite, `$2` is a name,
/// and names are numbered in the order of their first use.
fn bind(prepared: &mut rusqlite::Statement<'_>, args: &Args) -> rusqlite::Result<()> {
    for index in 1..=prepared.parameter_count() {
        let number: Option<usize> = prepared
            .parameter_name(index)
            .and_then(|name| name.strip_prefix('$')?.parse().ok());
        let value = number.and_then(|number| args.0.get(number.checked_sub(1)?));
        match value {
            Some(Parameter::Int(value)) => prepared.raw_bind_parameter(index, value)?,
            Some(Parameter::Text(value)) => prepared.raw_bind_parameter(index, value)?,
            None => return Err(rusqlite::Error::InvalidParameterCount(args.0.len(), index)),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    /// What SQLite was built with, which `.cargo/config.toml` adds to.
    fn compile_options() -> Vec<String> {
        let sqlite = rusqlite::Connection::open_in_memory().unwrap();
        let mut options = sqlite.prepare("PRAGMA compile_options").unwrap();
        let names = options.query_map([], |row| row.get(0)).unwrap();
        names.map(Result::unwrap).collect()
    }

    /// An ordinary statement needs no file in a folder for temporary ones, which a
    /// container may not have.
    #[test]
    fn what_a_statement_may_have_to_undo_stays_in_memory() {
        let limit = format!("STMTJRNL_SPILL={}", 127 << 10);
        assert!(compile_options().contains(&limit), "{limit}");
    }

    #[test]
    fn connections_take_no_turns_at_counting_memory() {
        let options = compile_options();
        assert!(options.contains(&"DEFAULT_MEMSTATUS=0".to_owned()));
        assert!(!options.contains(&"ENABLE_MEMORY_MANAGEMENT".to_owned()));
    }
}
