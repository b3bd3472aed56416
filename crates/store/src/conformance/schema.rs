//! The schema: the same on both engines, migrated once, never by an older program.

use std::collections::BTreeSet;

use super::Db;
use crate::column::Args;
use crate::dialect::Dialect;
use crate::reader::{Statement, all, changed};
use crate::{Store, StoreError};

pub(super) async fn a_second_start_changes_nothing(db: Db) {
    let org = db.org("a").await;
    let before = columns(&db.store).await;
    let again = db.another().await;
    assert_eq!(again.read().orgs().get(org.id).await.unwrap(), Some(org));
    assert_eq!(columns(&again).await, before);
}

pub(super) async fn starts_at_once_migrate_once(db: Db) {
    let drop_all = [
        "idempotency_keys",
        "folders",
        "settings",
        "jobs",
        "delivery_attempts",
        "deliveries",
        "run_logs",
        "runs",
        "batches",
        "assets",
        "resumable_uploads",
        "uploads",
        "api_keys",
        "orgs",
        "schema_migrations",
    ];
    let mut tx = db.store.begin().await.unwrap();
    for table in drop_all {
        let statement = Statement::composed("none", format!("DROP TABLE {table}"), Args::new());
        changed(&mut &mut tx, statement).await.unwrap();
    }
    tx.commit().await.unwrap();
    db.store.close().await;
    let (one, two, three) = tokio::join!(db.another(), db.another(), db.another());
    for store in [one, two, three] {
        assert_eq!(store.read().orgs().list().await.unwrap(), []);
    }
}

pub(super) async fn a_newer_schema_is_refused(db: Db) {
    let mut tx = db.store.begin().await.unwrap();
    let sql = "INSERT INTO schema_migrations (version, name) VALUES (999, 'from the future')";
    changed(&mut &mut tx, Statement::new("none", sql, Args::new()))
        .await
        .unwrap();
    tx.commit().await.unwrap();
    let error = Store::open(&db.url).await.unwrap_err();
    assert!(
        matches!(error, StoreError::NewerSchema { found: 999, .. }),
        "{error:?}"
    );
    assert!(
        error.to_string().contains("start the newer version"),
        "{error}"
    );
}

pub(super) async fn a_broken_row_names_its_place(db: Db) {
    let org = db.org("a").await;
    let run = super::fixtures::stored_run(&db, org.id).await;
    for (column, value) in [("status", "paused"), ("input", "{"), ("model_id", "seven")] {
        let mut tx = db.store.begin().await.unwrap();
        let sql = format!("UPDATE runs SET {column} = $2 WHERE id = $1");
        let args = Args::new().word(run.id).text(value);
        changed(&mut &mut tx, Statement::composed("runs", sql, args))
            .await
            .unwrap();
        let error = tx.runs().get(org.id, run.id).await.unwrap_err();
        let StoreError::Corrupt {
            table,
            column: named,
            row,
            reason,
        } = &error
        else {
            panic!("{error:?}");
        };
        assert_eq!(
            (*table, *named, row),
            ("runs", column, &run.id.to_string()),
            "{reason}"
        );
    }
}

/// Every column as `table.column type nullable`, and every index.
async fn columns(store: &Store) -> BTreeSet<String> {
    let sql = match store.dialect() {
        Dialect::Sqlite => {
            "SELECT m.name || '.' || p.name || ' ' || lower(p.type) || CASE p.\"notnull\" WHEN 1 THEN '' ELSE ' null' END AS found
            FROM sqlite_master AS m JOIN pragma_table_info(m.name) AS p
            WHERE m.type = 'table'
            UNION ALL SELECT 'index ' || name FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL"
        }
        Dialect::Postgres => {
            "SELECT CAST(table_name || '.' || column_name || ' ' || data_type
                || CASE is_nullable WHEN 'NO' THEN '' ELSE ' null' END AS TEXT) AS found
            FROM information_schema.columns WHERE table_schema = current_schema()
            UNION ALL SELECT CAST('index ' || indexname AS TEXT) FROM pg_indexes
            WHERE schemaname = current_schema() AND indexname NOT LIKE '%_pkey' AND indexname NOT LIKE '%_key'"
        }
    };
    let statement = Statement::new("none", sql, Args::new());
    all(&mut &store.read(), statement, |row| row.text("found"))
        .await
        .unwrap()
        .into_iter()
        .collect()
}

#[tokio::test]
async fn both_engines_have_the_same_schema() {
    let (sqlite, postgres) = (Db::sqlite().await, Db::postgres("same_schema").await);
    let (sqlite, postgres) = (columns(&sqlite.store).await, columns(&postgres.store).await);
    assert_eq!(sqlite, postgres);
    assert!(
        sqlite.contains("runs.input text") && sqlite.contains("index jobs_by_due"),
        "{sqlite:?}"
    );
}
