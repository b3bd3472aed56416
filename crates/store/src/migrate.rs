//! Migrations: the files of `migrations/`, run at start under a lock.
//!
//! The rules for writing them are in `migrations/README.md`.

use std::sync::Arc;

use sqlx::{AnyConnection, Row};

use crate::dialect::Dialect;
use crate::error::StoreError;

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
];

const TABLE: &str = "CREATE TABLE IF NOT EXISTS schema_migrations (
    version BIGINT NOT NULL PRIMARY KEY,
    name    TEXT   NOT NULL
)";

/// Brings the schema to the newest version, all of it or nothing.
pub(crate) async fn migrate(
    connection: &mut AnyConnection,
    dialect: Dialect,
) -> Result<(), StoreError> {
    migrate_to(connection, dialect, i64::MAX).await
}

/// The same up to `version`, as an older program did.
pub(crate) async fn migrate_to(
    connection: &mut AnyConnection,
    dialect: Dialect,
    version: i64,
) -> Result<(), StoreError> {
    let failed = |error| dialect.error("migrating", error);
    sqlx::raw_sql(dialect.begin_exclusively())
        .execute(&mut *connection)
        .await
        .map_err(failed)?;
    let done = run_missing(connection, dialect, version).await;
    let end = if done.is_ok() { "COMMIT" } else { "ROLLBACK" };
    let ended = sqlx::raw_sql(end)
        .execute(&mut *connection)
        .await
        .map_err(failed);
    done.and(ended.map(drop))
}

async fn run_missing(
    connection: &mut AnyConnection,
    dialect: Dialect,
    until: i64,
) -> Result<(), StoreError> {
    let failed = |error| dialect.error("migrating", error);
    sqlx::raw_sql(TABLE)
        .execute(&mut *connection)
        .await
        .map_err(failed)?;
    let sql = "SELECT COALESCE(MAX(version), 0) FROM schema_migrations";
    let row = sqlx::query(sql)
        .fetch_one(&mut *connection)
        .await
        .map_err(failed)?;
    let found: i64 = row.try_get(0).map_err(failed)?;
    let known = MIGRATIONS.last().map_or(0, |migration| migration.version);
    if found > known {
        return Err(StoreError::NewerSchema { found, known });
    }
    for migration in MIGRATIONS
        .iter()
        .filter(|migration| migration.version > found && migration.version <= until)
    {
        let failed = |error| StoreError::Migration {
            name: migration.name,
            source: Arc::new(error),
        };
        sqlx::raw_sql(migration.sql.on(dialect))
            .execute(&mut *connection)
            .await
            .map_err(failed)?;
        sqlx::query("INSERT INTO schema_migrations (version, name) VALUES ($1, $2)")
            .bind(migration.version)
            .bind(migration.name)
            .execute(&mut *connection)
            .await
            .map_err(failed)?;
        tracing::info!(migration = migration.name, "database migrated");
    }
    Ok(())
}
