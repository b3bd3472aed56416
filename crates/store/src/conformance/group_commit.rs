//! What SQLite's writer does when things go wrong.

use std::time::Duration;

use tokio::time::timeout;

use super::Db;
use super::fixtures::org;
use crate::column::Args;
use crate::reader::{Statement, changed};
use crate::{Store, StoreError, Tx};

const SOON: Duration = Duration::from_secs(20);

async fn raw(tx: &mut Tx, sql: &'static str) -> Result<usize, StoreError> {
    changed(&mut &mut *tx, Statement::new("none", sql, Args::new())).await
}

async fn count(store: &Store) -> usize {
    store.read().orgs().list().await.unwrap().len()
}

#[tokio::test]
async fn who_stops_waiting_for_the_writer_costs_nobody_anything() {
    let db = Db::sqlite().await;
    let held = db.store.begin().await.unwrap();
    for _ in 0..20 {
        assert!(
            timeout(Duration::from_millis(1), db.store.begin())
                .await
                .is_err()
        );
    }
    drop(held);
    timeout(SOON, db.org("next")).await.unwrap();
}

/// A statement that ends the whole group stands for a disk that is full: SQLite
/// then rolls everything back by itself.
#[tokio::test]
async fn a_group_that_is_lost_is_told_to_every_member() {
    let db = Db::sqlite().await;
    let mut first = db.store.begin().await.unwrap();
    first.orgs().insert(&org(&db, "first")).await.unwrap();
    // The second is in line before the first commits, so it joins its group.
    let second = tokio::spawn({
        let store = db.store.clone();
        async move {
            let mut tx = store.begin().await?;
            raw(&mut tx, "ROLLBACK").await?;
            tx.commit().await
        }
    });
    tokio::task::yield_now().await;
    let (first, second) = tokio::join!(first.commit(), second);
    assert!(
        matches!(
            first,
            Err(StoreError::Unavailable { .. } | StoreError::Other { .. })
        ),
        "{first:?}"
    );
    assert!(second.unwrap().is_err());
    assert_eq!(count(&db.store).await, 0);
    timeout(SOON, db.org("next")).await.unwrap();
    assert_eq!(count(&db.store).await, 1);
}

#[tokio::test]
async fn members_of_one_group_are_alone_with_their_failure() {
    let db = Db::sqlite().await;
    let mut first = db.store.begin().await.unwrap();
    first.orgs().insert(&org(&db, "first")).await.unwrap();
    let twin = org(&db, "first");
    let second = tokio::spawn({
        let store = db.store.clone();
        async move {
            let mut tx = store.begin().await.unwrap();
            tx.orgs().insert(&twin).await
        }
    });
    tokio::task::yield_now().await;
    let (first, second) = tokio::join!(first.commit(), second);
    first.unwrap();
    assert!(
        matches!(second.unwrap(), Err(StoreError::Conflict { .. })),
        "it sees what the first wrote"
    );
    assert_eq!(count(&db.store).await, 1);
}

#[tokio::test]
async fn another_process_that_writes_is_waited_for() {
    let db = Db::sqlite().await;
    let other = db.another().await;
    let mut theirs = other.begin().await.unwrap();
    theirs.orgs().insert(&org(&db, "theirs")).await.unwrap();
    let mine = tokio::spawn({
        let (store, org) = (db.store.clone(), org(&db, "mine"));
        async move {
            let mut tx = store.begin().await.unwrap();
            tx.orgs().insert(&org).await.unwrap();
            tx.commit().await.unwrap();
        }
    });
    theirs.commit().await.unwrap();
    timeout(SOON, mine).await.unwrap().unwrap();
    assert_eq!(count(&db.store).await, 2);
}

#[tokio::test]
async fn closing_waits_for_what_is_open_and_folds_the_log() {
    let db = Db::sqlite().await;
    let mut open = db.store.begin().await.unwrap();
    open.orgs().insert(&org(&db, "open")).await.unwrap();
    let closing = tokio::spawn({
        let store = db.store.clone();
        async move { store.close().await }
    });
    tokio::task::yield_now().await;
    open.commit().await.unwrap();
    timeout(SOON, closing).await.unwrap().unwrap();
    let log = db.sqlite_file("-wal");
    assert!(!log.exists() || log.metadata().unwrap().len() == 0);
}

#[tokio::test]
async fn the_file_is_for_its_owner_alone() {
    use std::os::unix::fs::PermissionsExt;
    let db = Db::sqlite().await;
    db.org("a").await;
    for suffix in ["", "-wal"] {
        let mode = db
            .sqlite_file(suffix)
            .metadata()
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600, "{suffix}");
    }
}

#[tokio::test]
async fn readers_cannot_write() {
    let db = Db::sqlite().await;
    let statement = Statement::new("none", "DELETE FROM orgs", Args::new());
    assert!(changed(&mut &db.store.read(), statement).await.is_err());
}
