//! The queue.

use std::collections::HashSet;
use std::time::Duration;

use runnel_types::{JobId, Timestamp};
use tokio::time::timeout;

use super::fixtures::{at, job, queued_run, stored_jobs};
use super::{Db, NOW};
use crate::Store;
use crate::column::Args;
use crate::jobs::{Claimed, HIGH, LOW, NORMAL};
use crate::reader::{Statement, changed};

async fn claim(store: &Store, limit: usize, worker: &str, now: Timestamp) -> Vec<Claimed> {
    let mut tx = store.begin().await.unwrap();
    let until = now.plus(Duration::from_secs(30));
    let claimed = tx.jobs().claim(limit, worker, now, until).await.unwrap();
    tx.commit().await.unwrap();
    claimed
}

fn ids(claimed: &[Claimed]) -> Vec<JobId> {
    claimed.iter().map(|claimed| claimed.id).collect()
}

async fn complete(db: &Db, id: JobId, worker: &str) -> bool {
    let mut tx = db.store.begin().await.unwrap();
    let done = tx.jobs().complete(id, worker).await.unwrap();
    tx.commit().await.unwrap();
    done
}

pub(super) async fn priority_comes_first_then_age(db: Db) {
    let mut tx = db.store.begin().await.unwrap();
    let mut made = Vec::new();
    for (priority, seconds) in [
        (LOW, -90),
        (NORMAL, -10),
        (NORMAL, -20),
        (HIGH, -1),
        (99, -2),
    ] {
        let (id, job) = job(&db);
        tx.jobs()
            .enqueue(id, &job, at(seconds), priority)
            .await
            .unwrap();
        made.push(id);
    }
    tx.commit().await.unwrap();
    assert_eq!(db.store.read().jobs().count_due(NOW).await.unwrap(), 5);
    assert_eq!(
        ids(&claim(&db.store, 2, "w", NOW).await),
        [made[4], made[3]]
    );
    assert_eq!(
        ids(&claim(&db.store, 10, "w", NOW).await),
        [made[2], made[1], made[0]]
    );
    assert_eq!(claim(&db.store, 10, "w", NOW).await, []);
    assert_eq!(db.store.read().jobs().count_due(NOW).await.unwrap(), 0);
    assert_eq!(db.store.read().jobs().count_all().await.unwrap(), 5);
}

pub(super) async fn a_delayed_job_is_not_due_before_its_time(db: Db) {
    assert_eq!(db.store.read().jobs().next_due_at(NOW).await.unwrap(), None);
    let (id, job) = job(&db);
    let mut tx = db.store.begin().await.unwrap();
    tx.jobs().enqueue(id, &job, at(60), NORMAL).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(claim(&db.store, 1, "w", at(59)).await, []);
    assert_eq!(
        db.store.read().jobs().next_due_at(NOW).await.unwrap(),
        Some(at(60))
    );
    let claimed = claim(&db.store, 1, "w", at(60)).await;
    let expected = Claimed {
        id,
        job: Ok(job),
        attempt: 1,
        lease_until: at(90),
        first_due_at: at(60),
    };
    assert_eq!(claimed, [expected]);
    assert_eq!(
        db.store.read().jobs().next_due_at(at(60)).await.unwrap(),
        Some(at(90)),
        "the lease's end"
    );
}

pub(super) async fn two_workers_never_share_a_job(db: Db) {
    let made: HashSet<JobId> = stored_jobs(&db, 1000).await.into_iter().collect();
    let other = db.another().await;
    // Half of them each: SQLite's lock between processes is not fair, and one
    // that never waits would take all.
    let work = async |store: &Store, worker: &str| {
        let mut mine = Vec::new();
        while mine.len() < 500 {
            mine.extend(ids(&claim(store, 50, worker, NOW).await));
        }
        mine
    };
    let both = async { tokio::join!(work(&db.store, "one"), work(&other, "two")) };
    let (one, two) = timeout(Duration::from_mins(1), both).await.unwrap();
    assert_eq!((one.len(), two.len()), (500, 500));
    let both: HashSet<JobId> = one.into_iter().chain(two).collect();
    assert_eq!(both, made);
}

pub(super) async fn an_expired_lease_is_claimed_again_and_counted(db: Db) {
    let made = stored_jobs(&db, 1).await;
    assert_eq!(claim(&db.store, 1, "one", NOW).await[0].attempt, 1);
    assert_eq!(claim(&db.store, 1, "two", at(29)).await, []);
    let again = claim(&db.store, 1, "two", at(30)).await;
    assert_eq!((ids(&again), again[0].attempt), (made, 2));
}

pub(super) async fn a_lost_lease_can_neither_be_extended_nor_completed(db: Db) {
    let id = stored_jobs(&db, 1).await[0];
    claim(&db.store, 1, "one", NOW).await;
    let mut tx = db.store.begin().await.unwrap();
    assert!(tx.jobs().extend_lease(id, "one", at(100)).await.unwrap());
    tx.commit().await.unwrap();
    assert_eq!(
        claim(&db.store, 1, "two", at(99)).await,
        [],
        "the heartbeat holds it"
    );
    claim(&db.store, 1, "two", at(100)).await;
    let mut tx = db.store.begin().await.unwrap();
    assert!(!tx.jobs().extend_lease(id, "one", at(200)).await.unwrap());
    assert!(!tx.jobs().hold(id, "one").await.unwrap());
    assert!(tx.jobs().hold(id, "two").await.unwrap());
    assert!(!tx.jobs().retry_at(id, "one", at(1)).await.unwrap());
    assert!(!tx.jobs().hand_back(id, "one", at(1)).await.unwrap());
    assert!(!tx.jobs().complete(id, "one").await.unwrap());
    tx.commit().await.unwrap();
    assert!(complete(&db, id, "two").await);
    assert!(!complete(&db, id, "two").await);
    assert_eq!(db.store.read().jobs().count_all().await.unwrap(), 0);
}

pub(super) async fn a_job_handed_back_does_not_count_the_attempt(db: Db) {
    let id = stored_jobs(&db, 1).await[0];
    claim(&db.store, 1, "one", NOW).await;
    let mut tx = db.store.begin().await.unwrap();
    assert!(tx.jobs().hand_back(id, "one", at(1)).await.unwrap());
    tx.commit().await.unwrap();
    assert_eq!(claim(&db.store, 1, "two", at(1)).await[0].attempt, 1);
}

pub(super) async fn a_job_is_held_by_its_worker_and_removed_by_anybody(db: Db) {
    let id = stored_jobs(&db, 1).await[0];
    let hold = async |worker| {
        let mut tx = db.store.begin().await.unwrap();
        let held = tx.jobs().hold(id, worker).await.unwrap();
        tx.commit().await.unwrap();
        held
    };
    assert!(!hold("one").await);
    claim(&db.store, 1, "one", NOW).await;
    assert!(hold("one").await);
    assert!(!hold("two").await);
    for is_there in [true, false] {
        let mut tx = db.store.begin().await.unwrap();
        assert_eq!(tx.jobs().remove(id).await.unwrap(), is_there);
        tx.commit().await.unwrap();
    }
    assert!(!hold("one").await);
    assert!(!complete(&db, id, "one").await);
}

pub(super) async fn a_retry_waits_for_its_time(db: Db) {
    let id = stored_jobs(&db, 1).await[0];
    claim(&db.store, 1, "one", NOW).await;
    let mut tx = db.store.begin().await.unwrap();
    assert!(tx.jobs().retry_at(id, "one", at(500)).await.unwrap());
    tx.commit().await.unwrap();
    assert!(!complete(&db, id, "one").await, "it was given back");
    assert_eq!(claim(&db.store, 1, "two", at(499)).await, []);
    assert_eq!(claim(&db.store, 1, "two", at(500)).await[0].attempt, 2);
}

pub(super) async fn a_job_and_its_state_are_written_together_or_not_at_all(db: Db) {
    let run = queued_run(&db, db.org("a").await.id);
    let (id, job) = job(&db);
    for commit in [false, true] {
        let mut tx = db.store.begin().await.unwrap();
        tx.runs().insert(&run).await.unwrap();
        tx.jobs().enqueue(id, &job, NOW, NORMAL).await.unwrap();
        if commit {
            tx.commit().await.unwrap();
        } else {
            drop(tx);
        }
        let read = db.store.read();
        assert_eq!(
            read.runs().get(run.org_id, run.id).await.unwrap().is_some(),
            commit
        );
        assert_eq!(read.jobs().count_all().await.unwrap(), i64::from(commit));
    }
}

pub(super) async fn an_unknown_kind_is_handed_out_as_unknown(db: Db) {
    let id: JobId = db.ids.next();
    let mut tx = db.store.begin().await.unwrap();
    let sql = "INSERT INTO jobs (id, kind, payload, priority, due_at, attempts, first_due_at)
        VALUES ($1, 'paint_fence', '{\"colour\":\"white\"}', 0, $2, 0, $2)";
    let insert = Statement::new("jobs", sql, Args::new().word(id).time(NOW));
    changed(&mut &mut tx, insert).await.unwrap();
    tx.commit().await.unwrap();
    let claimed = claim(&db.store, 1, "w", NOW).await;
    let unknown = claimed[0].job.as_ref().unwrap_err();
    assert_eq!(
        (unknown.kind.as_str(), unknown.payload.as_str()),
        ("paint_fence", r#"{"colour":"white"}"#)
    );
    assert!(unknown.to_string().contains("paint_fence"), "{unknown}");
    assert!(complete(&db, id, "w").await, "the worker may drop it");
}
