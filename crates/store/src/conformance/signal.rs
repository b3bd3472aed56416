//! Wake-ups, and what a closed store says.

use std::pin::pin;
use std::time::Duration;

use runnel_types::RunStatus;
use tokio::time::timeout;

use super::fixtures::{PLACE, job, stored_jobs, stored_run};
use super::{Db, NOW};
use crate::StoreError;
use crate::runs::Outcome;

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

/// Whether a future has resolved already.
async fn is_ready(future: impl Future<Output = ()>) -> bool {
    timeout(Duration::ZERO, future).await.is_ok()
}

pub(super) async fn a_commit_that_changes_a_run_wakes_those_who_watch_it(db: Db) {
    let org = db.org("a").await.id;
    let (run, other) = (stored_run(&db, org).await, stored_run(&db, org).await);
    let mut watch = db.store.watch_run(run.id);
    let mut same = db.store.watch_run(run.id);
    let mut others = db.store.watch_run(other.id);
    assert_eq!(db.store.count_watched_runs(), 2);
    let mut tx = db.store.begin().await.unwrap();
    tx.runs().mark_running(org, run.id, NOW).await.unwrap();
    drop(tx);
    assert!(!is_ready(watch.changed()).await, "nothing was committed");
    let mut tx = db.store.begin().await.unwrap();
    tx.runs().mark_running(org, run.id, NOW).await.unwrap();
    tx.commit().await.unwrap();
    assert!(is_ready(watch.changed()).await);
    assert!(!is_ready(watch.changed()).await, "told once");
    assert!(!is_ready(watch.ended()).await);
    assert!(is_ready(same.changed()).await);
    let ended = Outcome {
        status: RunStatus::Canceled,
        output: None,
        failure: None,
        at: NOW,
    };
    let mut tx = db.store.begin().await.unwrap();
    tx.runs().finish(org, run.id, &ended).await.unwrap();
    tx.commit().await.unwrap();
    assert!(is_ready(watch.ended()).await);
    assert!(is_ready(watch.ended()).await, "it stays ended");
    assert!(!is_ready(others.changed()).await);
    drop((watch, others));
    assert_eq!(db.store.count_watched_runs(), 1);
    drop(same);
    assert_eq!(db.store.count_watched_runs(), 0);
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

#[tokio::test]
async fn another_process_hears_of_runs_through_postgres() {
    let db = Db::postgres("another_process_hears_of_runs").await;
    let org = db.org("a").await.id;
    let run = stored_run(&db, org).await;
    let other = db.another().await;
    let mut watch = other.watch_run(run.id);
    db.store.listen();
    other.listen();
    // It says so itself once it listens, because what was before is lost.
    timeout(Duration::from_secs(10), watch.changed())
        .await
        .unwrap();
    let mut tx = db.store.begin().await.unwrap();
    tx.runs().mark_running(org, run.id, NOW).await.unwrap();
    tx.commit().await.unwrap();
    timeout(Duration::from_secs(10), watch.changed())
        .await
        .unwrap();
    assert!(!is_ready(watch.ended()).await);
    let ended = Outcome {
        status: RunStatus::Canceled,
        output: None,
        failure: None,
        at: NOW,
    };
    let mut tx = db.store.begin().await.unwrap();
    tx.runs().finish(org, run.id, &ended).await.unwrap();
    tx.commit().await.unwrap();
    timeout(Duration::from_secs(10), watch.ended())
        .await
        .unwrap();
}
