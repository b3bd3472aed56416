//! Which thread SQLite's statements run on, and what becomes of those that
//! nobody waits for.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::task::coop::unconstrained;
use tokio::time::timeout;

use super::Db;
use super::fixtures::org;
use super::tx::poll_once;
use crate::column::Args;
use crate::reader::{Statement, changed, one};
use crate::{Reader, StoreError};

const SOON: Duration = Duration::from_secs(20);

/// Counts up to `$1`, which may take as long as one likes.
const COUNT: &str = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < $1)
    SELECT COUNT(*) AS n FROM n";
/// Longer than the patience of a test.
const ENDLESS: i64 = 500_000_000;

async fn counted(mut on: impl Reader, until: i64) -> Result<i64, StoreError> {
    let statement = Statement::new("none", COUNT, Args::new().int(until));
    one(&mut on, statement, |row| row.int("n")).await
}

/// Writes so many rows.
fn fill(rows: i64) -> Statement {
    let sql = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < $1)
        INSERT INTO settings (name, value) SELECT 'n' || i, 'v' FROM n";
    Statement::new("settings", sql, Args::new().int(rows))
}

async fn settings(db: &Db) -> i64 {
    let sql = "SELECT COUNT(*) AS n FROM settings";
    let statement = Statement::new("settings", sql, Args::new());
    one(&mut &db.store.read(), statement, |row| row.int("n"))
        .await
        .unwrap()
}

#[tokio::test]
async fn short_statements_are_done_at_the_first_look() {
    let db = Db::sqlite().await;
    let known = db.org("known").await;
    let read = db.store.read();
    // The first one opens the connection.
    read.orgs().get(known.id).await.unwrap();
    // Often enough that a count of steps that goes on would have run out.
    for _ in 0..2000 {
        assert!(poll_once(unconstrained(read.orgs().get(known.id))).await);
    }
    let mut tx = db.store.begin().await.unwrap();
    let another = org(&db, "another");
    assert!(poll_once(tx.orgs().insert(&another)).await);
    assert!(poll_once(tx.orgs().get(another.id)).await);
    tx.commit().await.unwrap();
}

#[tokio::test]
async fn a_task_of_short_statements_lets_others_have_a_turn() {
    let db = Db::sqlite().await;
    let known = db.org("known").await;
    let mut tx = db.store.begin().await.unwrap();
    let had_its_turn = Arc::new(AtomicBool::new(false));
    let other = tokio::spawn({
        let had_its_turn = Arc::clone(&had_its_turn);
        async move { had_its_turn.store(true, Ordering::Relaxed) }
    });
    for _ in 0..1000 {
        tx.orgs().get(known.id).await.unwrap();
    }
    assert!(had_its_turn.load(Ordering::Relaxed));
    other.await.unwrap();
}

#[tokio::test]
async fn a_long_read_keeps_no_task_waiting_and_costs_its_transaction_nothing() {
    let db = Db::sqlite().await;
    let read = db.store.read();
    assert!(!poll_once(counted(&read, 300_000)).await);
    assert_eq!(counted(&read, 300_000).await.unwrap(), 300_000);
    let mut tx = db.store.begin().await.unwrap();
    tx.orgs().insert(&org(&db, "kept")).await.unwrap();
    assert_eq!(counted(&mut tx, 300_000).await.unwrap(), 300_000);
    tx.commit().await.unwrap();
    assert_eq!(read.orgs().list().await.unwrap().len(), 1);
}

/// Stopping it would undo its whole transaction, and its group's.
#[tokio::test]
async fn a_write_is_not_stopped_however_long_it_takes() {
    let db = Db::sqlite().await;
    let mut tx = db.store.begin().await.unwrap();
    tx.orgs().insert(&org(&db, "kept")).await.unwrap();
    changed(&mut &mut tx, fill(20_000)).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(settings(&db).await, 20_000);
    assert_eq!(db.store.read().orgs().list().await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_long_read_that_nobody_waits_for_is_stopped() {
    let db = Db::sqlite().await;
    let read = db.store.read();
    // More than there are connections.
    for _ in 0..20 {
        let patience = Duration::from_millis(1);
        let _ = timeout(patience, counted(&read, ENDLESS)).await;
    }
    timeout(SOON, read.orgs().list()).await.unwrap().unwrap();
    let mut tx = db.store.begin().await.unwrap();
    let patience = Duration::from_millis(1);
    assert!(timeout(patience, counted(&mut tx, ENDLESS)).await.is_err());
    drop(tx);
    timeout(SOON, db.org("next")).await.unwrap();
    timeout(SOON, db.store.close()).await.unwrap();
}

#[tokio::test]
async fn a_long_write_that_nobody_waits_for_leaves_nothing() {
    let db = Db::sqlite().await;
    let mut first = db.store.begin().await.unwrap();
    first.orgs().insert(&org(&db, "first")).await.unwrap();
    // In line before the first commits, so that it joins its group.
    let second = tokio::spawn({
        let store = db.store.clone();
        async move {
            let mut tx = store.begin().await.unwrap();
            let sql =
                "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 50000)
                INSERT INTO settings (name, value) SELECT 'n' || i, 'v' FROM n";
            let statement = Statement::new("settings", sql, Args::new()).lengthy();
            assert!(!poll_once(changed(&mut &mut tx, statement)).await);
            assert!(matches!(tx.commit().await, Err(StoreError::Broken)));
        }
    });
    tokio::task::yield_now().await;
    let (first, second) = tokio::join!(first.commit(), second);
    first.unwrap();
    second.unwrap();
    assert_eq!(settings(&db).await, 0);
    assert_eq!(db.store.read().orgs().list().await.unwrap().len(), 1);
}
