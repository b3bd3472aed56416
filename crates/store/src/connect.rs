//! From a URL to open connections: pools, pragmas, the file and its folder.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Once;
use std::time::Duration;

use fs_err::os::unix::fs::OpenOptionsExt;
use sqlx::any::{AnyConnectOptions, AnyPoolOptions};
use sqlx::{AnyConnection, AnyPool, ConnectOptions, Connection};

use crate::dialect::Dialect;
use crate::error::StoreError;
use crate::group_commit::Writer;
use crate::migrate::migrate;

/// How long a caller waits for a connection before it is told that there is none.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// SQLite readers: more than the cores that a server of one file has, yet few
/// enough that their page caches (2 MiB each) do not count.
const SQLITE_READERS: u32 = 8;
/// PostgreSQL allows 100 connections by default; a handful of processes fit.
const POSTGRES_CONNECTIONS: u32 = 16;

/// `synchronous = FULL` is what makes an answered commit durable: in WAL mode
/// the lesser setting syncs only at checkpoints. SQLite's lock between processes
/// is not fair, so a command beside a busy server gets 20 s to get it.
const WRITER_PRAGMAS: &str = "PRAGMA busy_timeout = 20000;
    PRAGMA journal_mode = WAL;
    PRAGMA synchronous = FULL;
    PRAGMA foreign_keys = ON;";
const READER_PRAGMAS: &str = "PRAGMA busy_timeout = 5000;
    PRAGMA query_only = ON;";

/// Where a database is.
#[derive(Clone, PartialEq, Eq)]
pub struct DatabaseUrl(Target);

#[derive(Clone, PartialEq, Eq)]
enum Target {
    /// The absolute path of a file.
    Sqlite(PathBuf),
    /// A URL as the driver takes it.
    Postgres(String),
}

impl DatabaseUrl {
    /// The database in the file at `path`.
    pub fn sqlite(path: impl Into<PathBuf>) -> Self {
        Self(Target::Sqlite(path.into()))
    }

    /// Which engine serves it.
    pub const fn dialect(&self) -> Dialect {
        match self.0 {
            Target::Sqlite(_) => Dialect::Sqlite,
            Target::Postgres(_) => Dialect::Postgres,
        }
    }

    /// The URL as the driver takes it.
    pub(crate) fn for_driver(&self) -> Result<String, StoreError> {
        match &self.0 {
            Target::Postgres(url) => Ok(url.clone()),
            Target::Sqlite(path) => {
                let absolute = std::path::absolute(path).ok();
                let text = absolute.as_deref().and_then(Path::to_str);
                let text = text.ok_or_else(|| self.bad("the path must be UTF-8"))?;
                Ok(format!("sqlite://{}", percent_encoded(text)))
            }
        }
    }

    fn bad(&self, reason: &str) -> StoreError {
        StoreError::BadUrl {
            given: self.to_string(),
            reason: reason.to_owned(),
        }
    }
}

impl FromStr for DatabaseUrl {
    type Err = StoreError;

    fn from_str(url: &str) -> Result<Self, StoreError> {
        let bad = |reason: &str| StoreError::BadUrl {
            given: without_password(url),
            reason: reason.to_owned(),
        };
        if url.starts_with("postgres://") || url.starts_with("postgresql://") {
            let options: Result<AnyConnectOptions, _> = url.parse();
            options.map_err(|error| bad(&error.to_string()))?;
            return Ok(Self(Target::Postgres(url.to_owned())));
        }
        if url == "sqlite::memory:" || url.starts_with("sqlite://:memory:") {
            return Err(bad(
                "a database in memory would lose what was answered; name a file",
            ));
        }
        let Some(path) = url.strip_prefix("sqlite://") else {
            return Err(bad("it begins with neither sqlite:// nor postgres://"));
        };
        if path.is_empty() || path.ends_with('/') {
            return Err(bad("it names no file"));
        }
        if path.contains('?') {
            return Err(bad("an SQLite URL takes no parameters"));
        }
        let path = percent_decoded(path)
            .ok_or_else(|| bad("a percent sign in it begins no UTF-8 character"))?;
        if path.contains('\0') {
            return Err(bad("a path cannot contain NUL"));
        }
        Ok(Self(Target::Sqlite(PathBuf::from(path))))
    }
}

impl fmt::Display for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Target::Sqlite(path) => write!(f, "sqlite://{}", path.display()),
            Target::Postgres(url) => f.write_str(&without_password(url)),
        }
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DatabaseUrl({self})")
    }
}

/// `postgres://user:secret@host/db?password=secret` → `postgres://user:…@host/db`.
fn without_password(url: &str) -> String {
    let url = url.split('?').next().unwrap_or_default();
    let Some((scheme, rest)) = url.split_once("://") else {
        return url.to_owned();
    };
    // The last @ ends the credentials: a password that is not encoded may hold one.
    match rest.rsplit_once('@') {
        Some((credentials, place)) => {
            let user = credentials.split(':').next().unwrap_or_default();
            format!("{scheme}://{user}:…@{place}")
        }
        None => url.to_owned(),
    }
}

fn percent_encoded(path: &str) -> String {
    let keep = |byte: u8| byte.is_ascii_alphanumeric() || b"/-_.~".contains(&byte);
    path.bytes()
        .map(|byte| {
            if keep(byte) {
                char::from(byte).to_string()
            } else {
                format!("%{byte:02X}")
            }
        })
        .collect()
}

fn percent_decoded(path: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(path.len());
    let mut rest = path.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let high = char::from(rest.next()?).to_digit(16)?;
            let low = char::from(rest.next()?).to_digit(16)?;
            bytes.push((high * 16 + low) as u8);
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).ok()
}

/// Connects and migrates: the pool, and SQLite's writer.
pub(crate) async fn open(url: &DatabaseUrl) -> Result<(AnyPool, Option<Writer>), StoreError> {
    static DRIVERS: Once = Once::new();
    DRIVERS.call_once(sqlx::any::install_default_drivers);
    let options: AnyConnectOptions = url
        .for_driver()?
        .parse()
        .map_err(|error| url.dialect().error("connecting", error))?;
    let options = options.disable_statement_logging();
    match &url.0 {
        Target::Sqlite(path) => open_sqlite(path, options).await,
        Target::Postgres(_) => open_postgres(options).await,
    }
}

async fn open_sqlite(
    path: &Path,
    options: AnyConnectOptions,
) -> Result<(AnyPool, Option<Writer>), StoreError> {
    create_file(path).map_err(|error| StoreError::unavailable("creating its file", error))?;
    let failed = |error| Dialect::Sqlite.error("connecting", error);
    let mut connection = connect_writer(&options).await?;
    migrate(&mut connection, Dialect::Sqlite).await?;
    let pool = AnyPoolOptions::new()
        .min_connections(1)
        .max_connections(SQLITE_READERS)
        .acquire_timeout(PATIENCE)
        // A file does not go away as a server does; the question costs a
        // switch of threads for each read.
        .test_before_acquire(false)
        .after_connect(|connection, _| {
            Box::pin(async move {
                sqlx::raw_sql(READER_PRAGMAS)
                    .execute(connection)
                    .await
                    .map(drop)
            })
        })
        .connect_with(options.clone())
        .await
        .map_err(failed)?;
    Ok((pool, Some(Writer::start(connection, options))))
}

/// Opens SQLite's connection that writes.
pub(crate) async fn connect_writer(
    options: &AnyConnectOptions,
) -> Result<AnyConnection, StoreError> {
    let failed = |error| Dialect::Sqlite.error("connecting", error);
    let mut connection = AnyConnection::connect_with(options).await.map_err(failed)?;
    sqlx::raw_sql(WRITER_PRAGMAS)
        .execute(&mut connection)
        .await
        .map_err(failed)?;
    Ok(connection)
}

async fn open_postgres(
    options: AnyConnectOptions,
) -> Result<(AnyPool, Option<Writer>), StoreError> {
    let failed = |error| Dialect::Postgres.error("connecting", error);
    let mut connection = AnyConnection::connect_with(&options)
        .await
        .map_err(failed)?;
    migrate(&mut connection, Dialect::Postgres).await?;
    connection.close().await.map_err(failed)?;
    let pool = AnyPoolOptions::new()
        .min_connections(1)
        .max_connections(POSTGRES_CONNECTIONS)
        .acquire_timeout(PATIENCE)
        .connect_with(options)
        .await
        .map_err(failed)?;
    Ok((pool, None))
}

/// Makes the file, for its owner's eyes alone; SQLite gives its log the same mode.
fn create_file(path: &Path) -> std::io::Result<()> {
    if let Some(folder) = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
    {
        fs_err::create_dir_all(folder)?;
    }
    fs_err::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(path)
        .map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_that_are_taken() {
        for (url, shown) in [
            ("sqlite:///var/lib/runnel.db", "sqlite:///var/lib/runnel.db"),
            ("sqlite://data/a%20b.db", "sqlite://data/a b.db"),
            ("postgres://u:p@ss@h:1/d?password=x", "postgres://u:…@h:1/d"),
            ("postgresql://h/d", "postgresql://h/d"),
        ] {
            let url: DatabaseUrl = url.parse().unwrap();
            assert_eq!(url.to_string(), shown);
            assert!(!format!("{url:?}").contains("p@ss"));
        }
    }

    #[test]
    fn urls_that_are_refused_say_what_is_taken() {
        for url in [
            "",
            "runnel.db",
            "mysql://u:secret@h/d",
            "sqlite::memory:",
            "sqlite://:memory:",
            "sqlite://",
            "sqlite:///folder/",
            "sqlite:///a.db?mode=ro",
            "sqlite:///%ff",
            "sqlite:///a%00b",
            "postgres://[::1/d",
        ] {
            let message = url.parse::<DatabaseUrl>().unwrap_err().to_string();
            assert!(
                message.contains("postgres://user:password@host/database"),
                "{message}"
            );
            assert!(!message.contains("secret"), "{message}");
        }
    }
}
