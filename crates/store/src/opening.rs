//! What is told when the database cannot be opened.
//!
//! Whoever starts the program can mend it, so the message names the place, the
//! reason that the driver gave, and what to do. Those who ask a running server
//! something hear none of it.

use std::error::Error;
use std::io;

use rusqlite::ErrorCode;

use crate::connect::DatabaseUrl;
use crate::error::{Cause, StoreError};

/// A database of a server that keeps its text in something else than UTF-8.
#[derive(Debug, thiserror::Error)]
#[error("its encoding is {0}, and it must be UTF8")]
pub(crate) struct WrongEncoding(pub(crate) String);

/// What went wrong while the database at `url` was opened, for its operator.
pub(crate) fn told(url: &DatabaseUrl, error: StoreError) -> StoreError {
    let (StoreError::Unavailable { source, .. } | StoreError::Other { source, .. }) = &error else {
        return error;
    };
    let (reason, advice) = explain(source);
    StoreError::CannotOpen {
        place: url.to_string(),
        reason,
        advice,
    }
}

fn explain(source: &Cause) -> (String, &'static str) {
    let source: &(dyn Error + Send + Sync + 'static) = &**source;
    let own_words = source.to_string();
    if let Some(error) = source.downcast_ref::<io::Error>() {
        return (own_words, of_file(error.kind()));
    }
    if let Some(error) = source.downcast_ref::<rusqlite::Error>() {
        return (own_words, of_sqlite(error.sqlite_error_code()));
    }
    if source.is::<WrongEncoding>() {
        return (
            own_words,
            "make another one with CREATE DATABASE name ENCODING 'UTF8' TEMPLATE template0, and name that in --database-url",
        );
    }
    match source.downcast_ref::<sqlx::Error>() {
        Some(sqlx::Error::Database(told)) => (
            told.message().to_owned(),
            of_server(told.code().as_deref().unwrap_or_default()),
        ),
        Some(sqlx::Error::Io(error)) => (error.to_string(), UNREACHED),
        Some(sqlx::Error::Tls(error)) => (
            error.to_string(),
            "see that the server speaks TLS with a certificate that this machine trusts, or say ?sslmode= in --database-url",
        ),
        _ => (own_words, UNREACHED),
    }
}

const UNREACHED: &str = "see that the server runs, and that --database-url names its host and port";

fn of_file(kind: io::ErrorKind) -> &'static str {
    match kind {
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => UNWRITABLE,
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => NO_ROOM,
        io::ErrorKind::AlreadyExists | io::ErrorKind::NotADirectory => {
            "a file stands where a folder should be; name a folder with --data-dir, or a file in one with --database-url"
        }
        io::ErrorKind::IsADirectory => "name a file in --database-url, not a folder",
        _ => ANOTHER_PLACE,
    }
}

const UNWRITABLE: &str =
    "let the user that runs runnel write there, or name another folder with --data-dir";
const NO_ROOM: &str = "free some space there, or name another folder with --data-dir";
const ANOTHER_PLACE: &str =
    "see that --data-dir or --database-url names a place on a disk that works";

fn of_sqlite(code: Option<ErrorCode>) -> &'static str {
    match code {
        Some(ErrorCode::NotADatabase) => {
            "name a file that SQLite made in --database-url; if it was one, restore it from a backup"
        }
        Some(ErrorCode::DatabaseCorrupt) => {
            "keep the file as it is and restore the database from a backup"
        }
        Some(ErrorCode::DiskFull) => NO_ROOM,
        Some(ErrorCode::ReadOnly | ErrorCode::CannotOpen | ErrorCode::PermissionDenied) => {
            UNWRITABLE
        }
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
            "another program holds the file; end it, or wait until it is done"
        }
        _ => ANOTHER_PLACE,
    }
}

/// By the codes of PostgreSQL.
fn of_server(code: &str) -> &'static str {
    match code {
        "28P01" | "28000" => {
            "see that --database-url has the right user and password, and that the server lets that user in from here"
        }
        "3D000" => {
            "make it with CREATE DATABASE name ENCODING 'UTF8' TEMPLATE template0, or name another in --database-url"
        }
        "42501" => {
            "give the user of --database-url the right to create tables there, such as by making it the owner of the database"
        }
        "53300" => "end other programs that use the server, or raise its max_connections",
        "57P03" => "wait until the server has started",
        _ if code.starts_with("53") => "see that the server has disk and memory left",
        _ => "the server's log says more",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_server_refuses_is_told_with_a_way_out() {
        for (code, advice) in [
            ("28P01", "password"),
            ("3D000", "TEMPLATE template0"),
            ("42501", "right to create tables"),
            ("53300", "max_connections"),
            ("53100", "disk"),
            ("XX000", "log"),
        ] {
            assert!(of_server(code).contains(advice), "{code}");
        }
    }
}
