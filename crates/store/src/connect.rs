//! From a URL to an open database: the file and its folder, or the server.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use fs_err::os::unix::fs::OpenOptionsExt;
use sqlx::postgres::PgConnectOptions;

use crate::dialect::Dialect;
use crate::error::StoreError;
use crate::sqlite::{Connection, Purpose, Readers, Writer, elsewhere};
use crate::{opening, postgres};

/// How long a caller waits for SQLite before it is told that it has no room.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// The way to the database.
#[derive(Debug)]
pub(crate) enum Engine {
    /// A file.
    Sqlite {
        /// What reads.
        readers: Readers,
        /// The one that writes.
        writer: Writer,
    },
    /// A server.
    Postgres(postgres::Pool),
}

impl Engine {
    /// Which one it is.
    pub(crate) const fn dialect(&self) -> Dialect {
        match self {
            Self::Sqlite { .. } => Dialect::Sqlite,
            Self::Postgres(_) => Dialect::Postgres,
        }
    }
}

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

    /// The file that it is in, if it is SQLite's.
    pub fn file(&self) -> Option<&Path> {
        match &self.0 {
            Target::Sqlite(path) => Some(path),
            Target::Postgres(_) => None,
        }
    }

    /// The URL of the server, if it is one.
    pub(crate) const fn server(&self) -> Option<&String> {
        match &self.0 {
            Target::Postgres(url) => Some(url),
            Target::Sqlite(_) => None,
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
            let options: Result<PgConnectOptions, _> = url.parse();
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

/// Connects and migrates, to version `until` at most.
pub(crate) async fn open(url: &DatabaseUrl, until: i64) -> Result<Engine, StoreError> {
    let opened = match &url.0 {
        Target::Sqlite(path) => open_sqlite(path.clone(), until).await,
        Target::Postgres(url) => postgres::open(url, until).await.map(Engine::Postgres),
    };
    opened.map_err(|error| opening::told(url, error))
}

async fn open_sqlite(path: PathBuf, until: i64) -> Result<Engine, StoreError> {
    let (path, writer) = elsewhere("connecting", move || {
        let created = std::path::absolute(&path).and_then(|path| create_file(&path).map(|()| path));
        let path = created.map_err(|error| StoreError::unavailable("creating its file", error))?;
        let mut writer = Connection::open(&path, Purpose::Writing)?;
        writer.migrate(until)?;
        Ok((path, writer))
    })
    .await?;
    Ok(Engine::Sqlite {
        readers: Readers::new(&path),
        writer: Writer::start(writer, &path),
    })
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
