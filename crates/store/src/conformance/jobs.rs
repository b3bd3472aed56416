//! The queue.

use std::collections::HashSet;
use std::time::Duration;

use runnel_types::{Job, JobId, Queue, Timestamp};
use tokio::time::timeout;

use super::fixtures::{PLACE, at, job, queued_run, stored_jobs, stored_run};
use super::plans::plan;
use super::{Db, NOW};
use crate::column::Args;
use crate::jobs::{BACKLOG, Backlog, Claimed, Held, Place, Room, Stretch};
use crate::reader::{Statement, changed};
use crate::{Dialect, Store};

/// Claims of every lane, one after the other.
pub(super) async fn claim(
    store: &Store,
    limit: usize,
    worker: &str,
    now: Timestamp,
) -> Vec<Claimed> {
    let mut tx = store.begin().await.unwrap();
    tx.jobs().wake(now).await.unwrap();
    let mut claimed = Vec::new();
    let all = Stretch::all(Queue::Work);
    for lane in tx.jobs().lanes(all, "", 256).await.unwrap() {
        let room = Room {
            places: limit - claimed.len(),
            limit: None,
            since: None,
        };
        let until = now.plus(Duration::from_secs(30));
        let of_lane = tx
            .jobs()
            .claim(Queue::Work, &lane, room, worker, now, until)
            .await;
        claimed.extend(of_lane.unwrap());
    }
    tx.commit().await.unwrap();
    claimed
}

pub(super) async fn lanes(db: &Db, from: &str) -> Vec<String> {
    let read = db.store.read();
    let all = Stretch::all(Queue::Work);
    read.jobs().lanes(all, from, 256).await.unwrap()
}

/// A job that is due at `NOW`, committed.
pub(super) async fn stored(db: &Db, lane: &str, flow: &str) -> JobId {
    let (id, job) = job(db);
    let mut tx = db.store.begin().await.unwrap();
    let place = Place { lane, flow };
    let enqueued = tx.jobs().enqueue(id, &job, place, NOW, NOW).await;
    enqueued.unwrap();
    tx.commit().await.unwrap();
    id
}

pub(super) fn ids(claimed: &[Claimed]) -> Vec<JobId> {
    claimed.iter().map(|claimed| claimed.id).collect()
}

pub(super) async fn complete(db: &Db, id: JobId, worker: &str) -> bool {
    let mut tx = db.store.begin().await.unwrap();
    let done = tx.jobs().complete(id, worker).await.unwrap();
    tx.commit().await.unwrap();
    done
}

pub(super) async fn a_delayed_job_is_not_due_before_its_time(db: Db) {
    assert_eq!(db.store.read().jobs().next_due_at(NOW).await.unwrap(), None);
    let (id, job) = job(&db);
    let mut tx = db.store.begin().await.unwrap();
    tx.jobs()
        .enqueue(id, &job, PLACE, at(60), NOW)
        .await
        .unwrap();
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

pub(super) async fn what_was_never_put_off_is_ready_by_a_clock_that_stepped_back(db: Db) {
    let made = stored_jobs(&db, 1).await;
    let before = NOW.minus(Duration::from_hours(1));
    let claimed = claim(&db.store, 1, "one", before).await;
    assert_eq!(ids(&claimed), made);
    let mut tx = db.store.begin().await.unwrap();
    assert!(tx.jobs().retry_at(made[0], "one", at(5)).await.unwrap());
    tx.commit().await.unwrap();
    assert_eq!(claim(&db.store, 1, "two", before).await, [], "put off");
    assert_eq!(ids(&claim(&db.store, 1, "two", at(5)).await), made);
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

pub(super) async fn what_was_put_off_can_be_due_before_its_time(db: Db) {
    let run = stored_run(&db, db.org("a").await.id).await;
    let made = JobId::from(run.id.as_uuid());
    let (_, job) = job(&db);
    let mut tx = db.store.begin().await.unwrap();
    let enqueued = tx.jobs().enqueue(made, &job, PLACE, NOW, NOW).await;
    enqueued.unwrap();
    tx.commit().await.unwrap();
    let hasten = async || {
        let mut tx = db.store.begin().await.unwrap();
        let found = tx.jobs().hasten(made, at(1)).await.unwrap();
        tx.commit().await.unwrap();
        found
    };
    assert!(!hasten().await, "it is ready");
    assert_eq!(ids(&claim(&db.store, 1, "one", NOW).await), [made]);
    assert!(!hasten().await, "a worker has it");
    let mut tx = db.store.begin().await.unwrap();
    assert!(tx.jobs().hand_back(made, "one", at(100)).await.unwrap());
    tx.commit().await.unwrap();
    assert_eq!(claim(&db.store, 1, "two", at(1)).await, []);
    let mut tx = db.store.begin().await.unwrap();
    let running = tx.runs().mark_running(run.org_id, run.id, at(1)).await;
    assert!(running.unwrap().is_some());
    tx.commit().await.unwrap();
    assert!(!hasten().await, "it pauses between attempts");
    let mut tx = db.store.begin().await.unwrap();
    assert!(tx.runs().mark_queued(run.org_id, run.id).await.unwrap());
    tx.commit().await.unwrap();
    assert!(hasten().await);
    assert!(!hasten().await, "it is due");
    assert_eq!(ids(&claim(&db.store, 1, "two", at(1)).await), [made]);
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

/// Deliveries that are due at `NOW`, committed.
async fn stored_deliveries(db: &Db, lane: &str, count: usize) -> Vec<JobId> {
    let mut tx = db.store.begin().await.unwrap();
    let mut made = Vec::new();
    for _ in 0..count {
        let id = db.ids.next();
        let job = Job::AttemptDelivery {
            org_id: db.ids.next(),
            delivery_id: db.ids.next(),
        };
        let place = Place { lane, flow: "" };
        let enqueued = tx.jobs().enqueue(id, &job, place, NOW, NOW).await;
        enqueued.unwrap();
        made.push(id);
    }
    tx.commit().await.unwrap();
    made
}

async fn claim_deliveries(db: &Db, lane: &str, worker: &str, now: Timestamp) -> Vec<JobId> {
    let mut tx = db.store.begin().await.unwrap();
    tx.jobs().wake(now).await.unwrap();
    let room = Room {
        places: 1000,
        limit: None,
        since: None,
    };
    let claimed = tx
        .jobs()
        .claim(Queue::Deliveries, lane, room, worker, now, at(30))
        .await
        .unwrap();
    tx.commit().await.unwrap();
    ids(&claimed)
}

pub(super) async fn deliveries_are_a_queue_of_their_own(db: Db) {
    let run = stored(&db, "m/m", "a").await;
    let here = stored_deliveries(&db, "org/https://here.example", 2).await;
    let there = stored_deliveries(&db, "org/https://there.example", 1).await;
    assert_eq!(db.store.read().jobs().count_due(NOW).await.unwrap(), 4);
    assert_eq!(lanes(&db, "").await, ["m/m"]);
    let read = db.store.read();
    let all = Stretch::all(Queue::Deliveries);
    let receivers = read.jobs().lanes(all, "", 256).await.unwrap();
    assert_eq!(
        receivers,
        ["org/https://here.example", "org/https://there.example"]
    );
    assert_eq!(claim_deliveries(&db, "m/m", "w", NOW).await, []);
    assert_eq!(claim_deliveries(&db, &receivers[0], "w", NOW).await, here);
    // One whose worker died is a delivery again, not work for others.
    assert_eq!(ids(&claim(&db.store, 9, "w", at(31)).await), [run]);
    assert_eq!(
        claim_deliveries(&db, &receivers[0], "x", at(31)).await,
        here
    );
    assert_eq!(
        claim_deliveries(&db, &receivers[1], "x", at(31)).await,
        there
    );
}

pub(super) async fn what_there_is_to_do_is_counted_by_where_it_stands(db: Db) {
    for flow in ["a", "b", "c", "d"] {
        stored(&db, "m/m", flow).await;
    }
    stored_deliveries(&db, "org/https://here.example", 2).await;
    let taken = claim(&db.store, 3, "w", NOW).await;
    let mut tx = db.store.begin().await.unwrap();
    let put_off = tx.jobs().retry_at(taken[0].id, "w", at(5)).await;
    assert!(put_off.unwrap());
    tx.commit().await.unwrap();
    let counted = Backlog {
        ready: 1,
        deliverable: 2,
        working: 2,
        delayed: 1,
    };
    assert_eq!(db.store.read().jobs().backlog().await.unwrap(), counted);
    if db.store.dialect() == Dialect::Sqlite {
        let statement = Statement::new("plan", BACKLOG, Args::new());
        let plan = plan(&db, statement).await;
        let by_index = plan.matches("INDEX jobs_").count();
        assert_eq!(
            (by_index, plan.matches("SCAN jobs").count()),
            (4, 4),
            "{plan}"
        );
    }
}

pub(super) async fn many_are_kept_given_back_and_completed_at_once(db: Db) {
    let lane = "org/https://here.example";
    let made = stored_deliveries(&db, lane, 150).await;
    assert_eq!(claim_deliveries(&db, lane, "one", NOW).await, made);
    let held = |worker, ids| Held { worker, ids };
    let mut tx = db.store.begin().await.unwrap();
    let kept = tx.jobs().extend_leases(held("one", &made), at(60)).await;
    assert_eq!(kept.unwrap().len(), 150);
    for stale in [
        tx.jobs().extend_leases(held("two", &made), at(90)).await,
        tx.jobs().hand_back_all(held("two", &made), NOW).await,
        tx.jobs().complete_all(held("two", &made)).await,
    ] {
        assert!(stale.unwrap().is_empty(), "another one has them");
    }
    let given = tx
        .jobs()
        .hand_back_all(held("one", &made[..10]), at(1))
        .await;
    assert_eq!(given.unwrap(), made[..10].iter().copied().collect());
    let done = tx.jobs().complete_all(held("one", &made)).await;
    assert_eq!(done.unwrap(), made[10..].iter().copied().collect());
    tx.commit().await.unwrap();
    assert_eq!(claim_deliveries(&db, lane, "two", NOW).await, []);
    assert_eq!(claim_deliveries(&db, lane, "two", at(1)).await, made[..10]);
}

/// A heartbeat and a record take the same rows, each in its own order.
pub(super) async fn who_keeps_leases_waits_for_nobody_who_ends_them(db: Db) {
    let lane = "org/https://here.example";
    let other = db.another().await;
    for _ in 0..20 {
        let made = stored_deliveries(&db, lane, 100).await;
        claim_deliveries(&db, lane, "one", NOW).await;
        let mut turned = made.clone();
        turned.reverse();
        let keeping = async {
            let ids = &turned;
            let mut tx = other.begin().await.unwrap();
            let held = Held { worker: "one", ids };
            tx.jobs().extend_leases(held, at(60)).await.unwrap();
            tx.commit().await.unwrap();
        };
        let ending = async {
            let mut tx = db.store.begin().await.unwrap();
            // Some at a time, so that the two meet in the middle.
            for ids in made.chunks(10) {
                let held = Held { worker: "one", ids };
                let done = tx.jobs().complete_all(held).await.unwrap();
                assert_eq!(done.len(), 10);
            }
            tx.commit().await.unwrap();
        };
        tokio::join!(keeping, ending);
    }
    assert_eq!(db.store.read().jobs().count_all().await.unwrap(), 0);
}

pub(super) async fn a_job_and_its_state_are_written_together_or_not_at_all(db: Db) {
    let run = queued_run(&db, db.org("a").await.id);
    let (id, job) = job(&db);
    for commit in [false, true] {
        let mut tx = db.store.begin().await.unwrap();
        tx.runs().insert(&run).await.unwrap();
        tx.jobs().enqueue(id, &job, PLACE, NOW, NOW).await.unwrap();
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
