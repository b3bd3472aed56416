//! A table that is not where a server looks for it, and then is again.

use std::path::Path;

use crate::programs;

/// Where a database is.
#[derive(Debug, Clone, Copy)]
pub enum Place<'a> {
    /// A PostgreSQL URL.
    Postgres(&'a str),
    /// A SQLite file. Needs python3, which brings SQLite.
    Sqlite(&'a Path),
}

/// Renames a table, past whichever server uses it: until it has its name back, that
/// one's statements on it fail.
///
/// # Panics
/// When the database refuses.
pub fn rename_table(place: Place<'_>, from: &str, to: &str) {
    let statement = format!("ALTER TABLE {from} RENAME TO {to}");
    let mut command;
    match place {
        Place::Postgres(url) => {
            command = programs::command("psql");
            command.args(["-Xqc", &statement, "-d", url]);
        }
        Place::Sqlite(file) => {
            let script = "import sqlite3, sys; sqlite3.connect(sys.argv[1]).execute(sys.argv[2])";
            command = std::process::Command::new("python3");
            command.args(["-c", script]).arg(file).arg(&statement);
        }
    }
    programs::run(&mut command);
}
