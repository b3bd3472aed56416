//! The schema: the same on both engines, migrated once, never by an older program.

use std::collections::BTreeSet;

use runnel_types::{AttemptId, DeliveryId, DeliverySubject, OrgId, RunId};

use super::Db;
use super::fixtures::nobody;
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

/// Takes everything out of the database.
pub(super) async fn empty(store: &Store) {
    let drop_all = [
        "idempotency_keys",
        "folders",
        "settings",
        "jobs",
        "callback_secrets",
        "delivery_attempts",
        "deliveries",
        "webhooks",
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
    let mut tx = store.begin().await.unwrap();
    for table in drop_all {
        let statement = Statement::composed("none", format!("DROP TABLE {table}"), Args::new());
        changed(&mut &mut tx, statement).await.unwrap();
    }
    tx.commit().await.unwrap();
}

pub(super) async fn starts_at_once_migrate_once(db: Db) {
    empty(&db.store).await;
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

pub(super) async fn deliveries_stay_when_their_table_is_made_anew(db: Db) {
    let (org, run, _) = nobody(&db);
    let (waiting, tried, attempt): (DeliveryId, DeliveryId, AttemptId) =
        (db.ids.next(), db.ids.next(), db.ids.next());
    empty(&db.store).await;
    db.store.close().await;
    let old = Store::open_at(&db.url, 5).await.unwrap();
    let mut tx = old.begin().await.unwrap();
    for sql in [
        format!("INSERT INTO orgs (id, name, slug, created_at) VALUES ('{org}', 'a', 'a', 1)"),
        format!(
            "INSERT INTO runs (id, org_id, model_id, model, model_version, status, source, input, created_at, log_lines)
            VALUES ('{run}', '{org}', '{run}', 'a/b', '1', 'succeeded', 'api', '{{}}', 1, 0)"
        ),
        deliveries_of_old(waiting, org, run, 0),
        deliveries_of_old(tried, org, run, 1),
        format!(
            "INSERT INTO delivery_attempts (id, org_id, delivery_id, attempt_number, created_at)
            VALUES ('{attempt}', '{org}', '{tried}', 1, 7)"
        ),
    ] {
        let statement = Statement::composed("none", sql, Args::new());
        changed(&mut &mut tx, statement).await.unwrap();
    }
    tx.commit().await.unwrap();
    old.close().await;

    let store = db.another().await;
    let subject = DeliverySubject::Run(run);
    let read = store.read();
    let kept = read.deliveries().list_for(org, subject).await.unwrap();
    let found: Vec<_> = kept
        .iter()
        .map(|(delivery, attempts)| {
            let attempts: Vec<AttemptId> = attempts.iter().map(|made| made.id).collect();
            (delivery.id, delivery.attempt_count, attempts)
        })
        .collect();
    assert_eq!(found, [(waiting, 0, vec![]), (tried, 1, vec![attempt])]);
    // What refers to the table still does: an attempt of nothing is refused.
    let mut tx = store.begin().await.unwrap();
    let sql = format!(
        "INSERT INTO delivery_attempts (id, org_id, delivery_id, attempt_number, created_at)
        VALUES ('{run}', '{org}', '{run}', 1, 7)"
    );
    let stray = Statement::composed("none", sql, Args::new());
    let refused = changed(&mut &mut tx, stray).await;
    assert!(
        matches!(refused, Err(StoreError::Conflict { .. })),
        "{refused:?}"
    );
}

/// A delivery as the first version wrote it.
fn deliveries_of_old(id: DeliveryId, org: OrgId, run: RunId, attempts: u32) -> String {
    format!(
        "INSERT INTO deliveries (id, org_id, run_id, callback_url, payload, is_automatic, status,
            attempt_count, max_attempts, created_at, updated_at)
        VALUES ('{id}', '{org}', '{run}', 'http://127.0.0.1:1/', '{{}}', 1, 'pending', {attempts}, 8, 1, 1)"
    )
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
