//! Everything that a database holds, to be searched for what must not be in it.

use crate::programs::{command, run};

/// The rows of every table of a PostgreSQL database, as text.
///
/// # Panics
/// When the database cannot be read.
pub fn dump(url: &str) -> String {
    let ask = |statements: &[String]| {
        let mut psql = command("psql");
        psql.args(["-XAtq", "-v", "ON_ERROR_STOP=1", "-d", url]);
        for statement in statements {
            psql.args(["-c", statement]);
        }
        run(&mut psql)
    };
    // pg_dump would refuse a server that is newer than the machine's programs.
    let tables =
        "SELECT tablename FROM pg_tables WHERE schemaname = current_schema() ORDER BY tablename";
    let copies: Vec<String> = ask(&[tables.to_owned()])
        .lines()
        .map(|table| format!("COPY {table} TO STDOUT"))
        .collect();
    assert!(!copies.is_empty(), "there is no table at {url}");
    ask(&copies)
}
