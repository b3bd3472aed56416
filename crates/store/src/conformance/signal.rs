//! Wake-ups, and what a closed store says.

use std::pin::pin;
use std::time::Duration;

use tokio::time::timeout;

use super::fixtures::{PLACE, job, stored_jobs};
use super::{Db, NOW};
use crate::StoreError;

pub(super) async fn a_commit_that_enqueues_wakes_and_others_do_not(db: Db) {
    let signal = db.store.job_signal();
    let mut woken = pin!(signal.notified());
    woken.as_mut().enable();
    db.org("a").await;
    let (id, unborn) = job(&db);
    let mut tx = db.store.begin().await.unwrap();
    tx.jobs()
        .enqueue(id, &unborn, PLACE, NOW, NOW)
        .await
        .unwrap();
    drop(tx);
    assert!(!woken.as_mut().enable(), "no job was committed");
    stored_jobs(&db, 1).await;
    timeout(Duration::from_secs(10), woken).await.unwrap();
}

pub(super) async fn a_closed_store_answers_unavailable(db: Db) {
    db.org("a").await;
    db.store.ping().await.unwrap();
    db.store.close().await;
    db.store.close().await;
    let unavailable = |error: &StoreError| matches!(error, StoreError::Unavailable { .. });
    assert!(unavailable(&db.store.begin().await.unwrap_err()));
    assert!(unavailable(
        &db.store.read().orgs().list().await.unwrap_err()
    ));
    assert!(unavailable(&db.store.ping().await.unwrap_err()));
    assert_eq!(
        db.another().await.read().orgs().list().await.unwrap().len(),
        1
    );
}

#[tokio::test]
async fn another_process_is_woken_through_postgres() {
    let db = Db::postgres("another_process_is_woken").await;
    let other = db.another().await;
    let signal = other.job_signal();
    let listening = pin!(signal.notified());
    other.listen();
    // It says so itself once it listens, because what was before is lost.
    timeout(Duration::from_secs(10), listening).await.unwrap();
    let woken = pin!(signal.notified());
    stored_jobs(&db, 1).await;
    timeout(Duration::from_secs(10), woken).await.unwrap();
}
