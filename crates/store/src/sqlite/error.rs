//! What SQLite calls its errors, in our words.

use rusqlite::ffi::{
    SQLITE_BUSY, SQLITE_CANTOPEN, SQLITE_CONSTRAINT_CHECK, SQLITE_CONSTRAINT_FOREIGNKEY,
    SQLITE_CONSTRAINT_PRIMARYKEY, SQLITE_CONSTRAINT_UNIQUE, SQLITE_FULL, SQLITE_IOERR,
    SQLITE_LOCKED,
};

use crate::error::StoreError;

/// Sorts the driver's errors into ours.
pub(crate) fn from_driver(what: &'static str, error: rusqlite::Error) -> StoreError {
    let rusqlite::Error::SqliteFailure(failure, message) = &error else {
        return StoreError::other(what, error);
    };
    match failure.extended_code {
        code @ (SQLITE_CONSTRAINT_PRIMARYKEY
        | SQLITE_CONSTRAINT_UNIQUE
        | SQLITE_CONSTRAINT_FOREIGNKEY
        | SQLITE_CONSTRAINT_CHECK) => StoreError::Conflict {
            constraint: constraint(message.as_deref().unwrap_or_default(), code),
        },
        code if is_passing(code) => StoreError::unavailable(what, error),
        _ => StoreError::other(what, error),
    }
}

/// Whether the trouble may pass by itself: no space, a lock that was not to be
/// had. The lowest byte of an extended code is the primary one.
fn is_passing(code: i32) -> bool {
    matches!(
        code & 0xFF,
        SQLITE_BUSY | SQLITE_LOCKED | SQLITE_IOERR | SQLITE_FULL | SQLITE_CANTOPEN
    )
}

/// The constraint's name as PostgreSQL makes it:
/// `UNIQUE constraint failed: runs.id, runs.x` → `runs_pkey` or `runs_id_x_key`.
fn constraint(message: &str, code: i32) -> String {
    let Some((_, columns)) = message.split_once("constraint failed: ") else {
        return "foreign_key".to_owned();
    };
    let table = columns.split('.').next().unwrap_or_default();
    if code == SQLITE_CONSTRAINT_PRIMARYKEY {
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
    fn constraints_get_the_names_that_postgres_makes() {
        let cases = [
            ("UNIQUE constraint failed: orgs.id", 1555, "orgs_pkey"),
            ("UNIQUE constraint failed: orgs.slug", 2067, "orgs_slug_key"),
            (
                "UNIQUE constraint failed: run_logs.run_id, run_logs.sequence",
                2067,
                "run_logs_run_id_sequence_key",
            ),
            ("FOREIGN KEY constraint failed", 787, "foreign_key"),
        ];
        for (message, code, expected) in cases {
            assert_eq!(constraint(message, code), expected);
        }
    }

    #[test]
    fn trouble_that_passes_is_told_from_defects() {
        for (code, passes) in [(5, true), (261, true), (13, true), (1, false), (11, false)] {
            assert_eq!(is_passing(code), passes, "{code}");
        }
    }
}
