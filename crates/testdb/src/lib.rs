//! PostgreSQL for tests: a fresh, empty database for every test that asks; and
//! [`rename_table`], for what befalls a database of either kind, and [`dump()`], for
//! what lies in one.
//!
//! A database orders text as English does, as most out there do in some language:
//! `a`, `B`, `é`, `Z`.
//!
//! [`url_for`] takes the server that `RUNNEL_TEST_POSTGRES_URL` names, where it
//! is set; else it makes a private cluster in a temporary folder from the
//! machine's PostgreSQL programs, once per test process. Both are cleaned up by
//! a small shell process that waits for the end of its standard input: that end
//! comes when the test process ends, however it ends.

mod cluster;
mod dump;
mod guard;
mod programs;
mod rename;
mod url;

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};

use crate::cluster::Server;

pub use self::dump::dump;
pub use self::rename::{Place, rename_table};

/// The variable that names a server to use instead of a private one. Its user
/// must be allowed to create databases.
pub const VARIABLE: &str = "RUNNEL_TEST_POSTGRES_URL";

static SERVER: OnceLock<Mutex<Server>> = OnceLock::new();
static MADE: AtomicU32 = AtomicU32::new(0);

/// Makes an empty database for the test `name` and gives its URL.
///
/// Two calls never get the same database, whatever their names. The database is
/// dropped when the test process ends. Blocks while the first call of a process
/// makes the cluster, about two seconds.
///
/// # Panics
/// When there is no server and none can be made; the message says what to install.
pub fn url_for(name: &str) -> String {
    let server = SERVER.get_or_init(|| Mutex::new(Server::find_or_make()));
    let number = MADE.fetch_add(1, Ordering::Relaxed);
    let database = database_name(name, std::process::id(), number);
    let mut server = server.lock().unwrap_or_else(PoisonError::into_inner);
    server.create(&database)
}

/// Readable in a log, unique on the machine, within PostgreSQL's 63 bytes.
fn database_name(test: &str, process: u32, number: u32) -> String {
    let readable: String = test
        .chars()
        .map(|c| {
            if c.is_ascii_alphanumeric() {
                c.to_ascii_lowercase()
            } else {
                '_'
            }
        })
        .take(32)
        .collect();
    format!("runnel_{process}_{number}_{readable}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_fit_and_need_no_quoting() {
        let name = database_name(&"Ünïcode::test name".repeat(9), u32::MAX, u32::MAX);
        assert!(name.len() <= 63, "{name}");
        assert!(
            name.bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_'),
            "{name}"
        );
    }

    /// What a database answers.
    fn ask(url: &str, sql: &str) -> String {
        let said = programs::run(programs::command("psql").args(["-XAtc", sql, "-d", url]));
        said.trim().to_owned()
    }

    #[test]
    fn every_caller_gets_a_database_of_its_own() {
        let (one, two) = (url_for("same"), url_for("same"));
        assert_ne!(one, two);
        for url in [&one, &two] {
            let said = ask(url, "SELECT current_database()");
            assert!(url.contains(&said), "{said} is not in {url}");
        }
    }

    #[test]
    fn a_database_orders_text_as_a_language_does() {
        let sql = "SELECT string_agg(word, ' ' ORDER BY word) FROM (VALUES ('Z'), ('é'), ('B'), ('a')) AS words (word)";
        assert_eq!(ask(&url_for("words"), sql), "a B é Z");
    }
}
