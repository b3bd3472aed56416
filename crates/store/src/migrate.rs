//! Migrations: the files of `migrations/`, run at start under a lock.
//!
//! The rules for writing them are in `migrations/README.md`.

use std::error::Error;
use std::sync::Arc;

use rusqlite::TransactionBehavior;
use sqlx::{AssertSqlSafe, Connection as _, PgConnection};

use crate::dialect::Dialect;
use crate::error::StoreError;
use crate::{postgres, sqlite};

struct Migration {
    version: i64,
    name: &'static str,
    sql: Sql,
}

/// The text of a migration.
enum Sql {
    /// One for both engines.
    Both(&'static str),
    /// One for each, where they cannot be asked alike.
    Each {
        sqlite: &'static str,
        postgres: &'static str,
    },
}

impl Sql {
    const fn on(&self, dialect: Dialect) -> &'static str {
        match (self, dialect) {
            (Self::Both(sql), _)
            | (Self::Each { sqlite: sql, .. }, Dialect::Sqlite)
            | (Self::Each { postgres: sql, .. }, Dialect::Postgres) => sql,
        }
    }
}

/// A text as PostgreSQL is given it: each column of the type `TEXT` is compared by
/// its bytes there, as SQLite does by itself, and not by the database's locale.
/// SQLite would refuse the name of that order, so no file can have it.
fn by_bytes(sql: &str) -> AssertSqlSafe<String> {
    AssertSqlSafe(sql.replace(" TEXT", " TEXT COLLATE \"C\""))
}

/// Every migration, ascending.
const MIGRATIONS: &[Migration] = &[
    Migration {
        version: 1,
        name: "0001_start",
        sql: Sql::Both(include_str!("../migrations/0001_start.sql")),
    },
    Migration {
        version: 2,
        name: "0002_library",
        sql: Sql::Both(include_str!("../migrations/0002_library.sql")),
    },
    Migration {
        version: 3,
        name: "0003_idempotency",
        sql: Sql::Both(include_str!("../migrations/0003_idempotency.sql")),
    },
    Migration {
        version: 4,
        name: "0004_resumable_uploads",
        sql: Sql::Both(include_str!("../migrations/0004_resumable_uploads.sql")),
    },
    Migration {
        version: 5,
        name: "0005_folder_and_type",
        sql: Sql::Both(include_str!("../migrations/0005_folder_and_type.sql")),
    },
    Migration {
        version: 6,
        name: "0006_lanes",
        sql: Sql::Both(include_str!("../migrations/0006_lanes.sql")),
    },
    Migration {
        version: 7,
        name: "0007_batches",
        sql: Sql::Both(include_str!("../migrations/0007_batches.sql")),
    },
    Migration {
        version: 8,
        name: "0008_deliveries_of_batches",
        sql: Sql::Each {
            sqlite: include_str!("../migrations/0008_deliveries_of_batches.sqlite.sql"),
            postgres: include_str!("../migrations/0008_deliveries_of_batches.postgres.sql"),
        },
    },
    Migration {
        version: 9,
        name: "0009_callback_secrets",
        sql: Sql::Both(include_str!("../migrations/0009_callback_secrets.sql")),
    },
    Migration {
        version: 10,
        name: "0010_delivery_queue",
        sql: Sql::Both(include_str!("../migrations/0010_delivery_queue.sql")),
    },
    Migration {
        version: 11,
        name: "0011_webhooks",
        sql: Sql::Both(include_str!("../migrations/0011_webhooks.sql")),
    },
    Migration {
        version: 12,
        name: "0012_texts_by_bytes",
        sql: Sql::Each {
            sqlite: include_str!("../migrations/0012_texts_by_bytes.sqlite.sql"),
            postgres: include_str!("../migrations/0012_texts_by_bytes.postgres.sql"),
        },
    },
    Migration {
        version: 13,
        name: "0013_assets_at_the_top",
        sql: Sql::Both(include_str!("../migrations/0013_assets_at_the_top.sql")),
    },
    Migration {
        version: 14,
        name: "0014_codec_and_frames",
        sql: Sql::Both(include_str!("../migrations/0014_codec_and_frames.sql")),
    },
    Migration {
        version: 15,
        name: "0015_assets_by_mime_type",
        sql: Sql::Both(include_str!("../migrations/0015_assets_by_mime_type.sql")),
    },
    Migration {
        version: 16,
        name: "0016_thumbnail_crc32",
        sql: Sql::Both(include_str!("../migrations/0016_thumbnail_crc32.sql")),
    },
];

const TABLE: &str = "CREATE TABLE IF NOT EXISTS schema_migrations (
    version BIGINT NOT NULL PRIMARY KEY,
    name    TEXT   NOT NULL
)";

const NEWEST: &str = "SELECT COALESCE(MAX(version), 0) FROM schema_migrations";
const NOTE: &str = "INSERT INTO schema_migrations (version, name) VALUES ($1, $2)";
/// Held until the commit. The number is an arbitrary one that nothing else on
/// the server uses.
const LOCK: &str = "SELECT pg_advisory_xact_lock(7885642096412301)";

impl Migration {
    fn failed(&self, error: impl Error + Send + Sync + 'static) -> StoreError {
        StoreError::Migration {
            name: self.name,
            source: Arc::new(error),
        }
    }
}

/// What takes the schema from version `found` to `until`.
fn missing(found: i64, until: i64) -> Result<impl Iterator<Item = &'static Migration>, StoreError> {
    let known = MIGRATIONS.last().map_or(0, |migration| migration.version);
    if found > known {
        return Err(StoreError::NewerSchema { found, known });
    }
    Ok(MIGRATIONS
        .iter()
        .filter(move |migration| migration.version > found && migration.version <= until))
}

/// Brings the schema to version `until`, all of it or nothing. Waits for the disk.
pub(crate) fn migrate_sqlite(
    connection: &mut rusqlite::Connection,
    until: i64,
) -> Result<(), StoreError> {
    let failed = |error| sqlite::from_driver("migrating", error);
    let tx = connection
        .transaction_with_behavior(TransactionBehavior::Immediate)
        .map_err(failed)?;
    tx.execute_batch(TABLE).map_err(failed)?;
    let found = tx.query_row(NEWEST, [], |row| row.get(0)).map_err(failed)?;
    for migration in missing(found, until)? {
        tx.execute_batch(migration.sql.on(Dialect::Sqlite))
            .map_err(|error| migration.failed(error))?;
        tx.execute(NOTE, (migration.version, migration.name))
            .map_err(|error| migration.failed(error))?;
        tracing::info!(migration = migration.name, "database migrated");
    }
    tx.commit().map_err(failed)
}

/// The same on PostgreSQL.
pub(crate) async fn migrate_postgres(
    connection: &mut PgConnection,
    until: i64,
) -> Result<(), StoreError> {
    let failed = |error| postgres::from_driver("migrating", error);
    let mut tx = connection.begin().await.map_err(failed)?;
    for sql in [LOCK, TABLE] {
        sqlx::raw_sql(by_bytes(sql))
            .execute(&mut *tx)
            .await
            .map_err(failed)?;
    }
    let found: i64 = sqlx::query_scalar(NEWEST)
        .fetch_one(&mut *tx)
        .await
        .map_err(failed)?;
    for migration in missing(found, until)? {
        sqlx::raw_sql(by_bytes(migration.sql.on(Dialect::Postgres)))
            .execute(&mut *tx)
            .await
            .map_err(|error| migration.failed(error))?;
        sqlx::query(NOTE)
            .bind(migration.version)
            .bind(migration.name)
            .execute(&mut *tx)
            .await
            .map_err(|error| migration.failed(error))?;
        tracing::info!(migration = migration.name, "database migrated");
    }
    tx.commit().await.map_err(failed)
}
