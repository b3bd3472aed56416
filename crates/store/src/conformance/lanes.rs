//! The lanes of the queue: who shares one, what is looked at, and how much of one
//! may be in hand.

use std::collections::HashSet;
use std::time::Duration;

use runnel_types::{JobId, Queue, Timestamp};

use super::fixtures::{PLACE, at, stored_jobs};
use super::jobs::{claim, complete, ids, lanes, stored};
use super::{Db, NOW};
use crate::Store;
use crate::jobs::{Room, Stretch};

async fn lanes_of(db: &Db, stretch: Stretch<'_>, from: &str, most: usize) -> Vec<String> {
    let read = db.store.read();
    read.jobs().lanes(stretch, from, most).await.unwrap()
}

/// A claim of one lane of which so many may be in hand.
async fn claim_limited(
    store: &Store,
    limit: u32,
    places: usize,
    worker: &str,
    now: Timestamp,
) -> usize {
    let mut tx = store.begin().await.unwrap();
    tx.jobs().wake(now).await.unwrap();
    if !tx.jobs().lock_lane(PLACE.lane).await.unwrap() {
        return 0;
    }
    let room = Room {
        places,
        limit: Some(limit),
        since: None,
    };
    let until = now.plus(Duration::from_secs(30));
    let claimed = tx
        .jobs()
        .claim(Queue::Work, PLACE.lane, room, worker, now, until)
        .await;
    tx.commit().await.unwrap();
    claimed.unwrap().len()
}

pub(super) async fn flows_of_a_lane_share_it(db: Db) {
    let mut made = Vec::new();
    for flow in ["a", "a", "a", "a", "b", "b", "c"] {
        made.push(stored(&db, "m/m", flow).await);
    }
    assert_eq!(db.store.read().jobs().count_due(NOW).await.unwrap(), 7);
    let turns = [0, 4, 6, 1].map(|nth: usize| made[nth]);
    assert_eq!(ids(&claim(&db.store, 4, "w", NOW).await), turns);
    // Who comes now stands beside the lane's first, not before it.
    let late = stored(&db, "m/m", "d").await;
    let turns = [made[5], late, made[2], made[3]];
    assert_eq!(ids(&claim(&db.store, 9, "w", NOW).await), turns);
    assert_eq!(claim(&db.store, 9, "w", NOW).await, []);
    assert_eq!(db.store.read().jobs().count_due(NOW).await.unwrap(), 0);
    assert_eq!(db.store.read().jobs().count_all().await.unwrap(), 8);
}

pub(super) async fn no_flow_is_passed_over_for_ever(db: Db) {
    let patient: HashSet<JobId> = {
        let mut made = HashSet::new();
        for _ in 0..5 {
            made.insert(stored(&db, "m/m", "batch").await);
        }
        made
    };
    // Each time one is taken another flow has brought one more.
    let mut seen = 0;
    for turn in 0..12 {
        stored(&db, "m/m", "busy").await;
        let taken = claim(&db.store, 1, "w", NOW).await;
        seen += usize::from(patient.contains(&taken[0].id));
        assert!(complete(&db, taken[0].id, "w").await);
        assert!(
            seen + 2 > turn / 2,
            "after {turn} turns {seen} of the batch"
        );
    }
    assert_eq!(seen, 5);
}

pub(super) async fn lanes_stand_apart(db: Db) {
    assert_eq!(lanes(&db, "").await, Vec::<String>::new());
    let slow = stored(&db, "a/slow", "a").await;
    stored(&db, "a/slow", "a").await;
    let quick = stored(&db, "b/quick", "a").await;
    assert_eq!(lanes(&db, "").await, ["a/slow", "b/quick"]);
    assert_eq!(lanes(&db, "b/quick").await, ["b/quick", "a/slow"]);
    assert_eq!(lanes(&db, "c").await, ["a/slow", "b/quick"]);
    let mut tx = db.store.begin().await.unwrap();
    let room = Room {
        places: 9,
        limit: Some(1),
        since: None,
    };
    for (lane, expected) in [
        ("a/slow", vec![slow]),
        ("b/quick", vec![quick]),
        ("c", vec![]),
    ] {
        let claimed = tx
            .jobs()
            .claim(Queue::Work, lane, room, "w", NOW, at(30))
            .await
            .unwrap();
        assert_eq!(ids(&claimed), expected, "{lane}");
    }
    tx.commit().await.unwrap();
    assert_eq!(
        lanes(&db, "").await,
        ["a/slow"],
        "a lane with nobody in it is not looked at"
    );
}

pub(super) async fn lanes_are_looked_at_stretch_by_stretch(db: Db) {
    // The release before knows no lanes.
    for lane in ["~x/b", "", "z/Z", "~x/é", "a/a", "~x/a", "m/m"] {
        stored(&db, lane, "a").await;
    }
    let others = Stretch::before(Queue::Work, "~x/");
    let last = Stretch::since(Queue::Work, "~x/");
    for (stretch, from, most, expected) in [
        (others, "", 9, vec!["", "a/a", "m/m", "z/Z"]),
        (others, "m/m", 9, vec!["m/m", "z/Z", "", "a/a"]),
        (others, "m/m", 3, vec!["m/m", "z/Z", ""]),
        (others, "n", 1, vec!["z/Z"]),
        (others, "zz", 2, vec!["", "a/a"]),
        (last, "", 9, vec!["~x/a", "~x/b", "~x/é"]),
        (last, "~x/b", 9, vec!["~x/b", "~x/é", "~x/a"]),
        (last, "~x/c", 2, vec!["~x/é", "~x/a"]),
        (last, "~x/ê", 2, vec!["~x/a", "~x/b"]),
        (Stretch::all(Queue::Deliveries), "", 9, vec![]),
    ] {
        let found = lanes_of(&db, stretch, from, most).await;
        assert_eq!(found, expected, "{stretch:?} from {from:?}, {most} at most");
    }
}

pub(super) async fn a_lane_is_never_over_its_limit(db: Db) {
    stored_jobs(&db, 100).await;
    let other = db.another().await;
    for limit in [3, 5] {
        let (one, two) = tokio::join!(
            claim_limited(&db.store, limit, 4, "one", NOW),
            claim_limited(&other, limit, 4, "two", NOW)
        );
        // At first three of three, then the two that a greater limit gives.
        assert_eq!(one + two, if limit == 3 { 3 } else { 2 });
    }
    assert_eq!(claim_limited(&other, 4, 9, "two", NOW).await, 0);
    let unlocked = claim(&db.store, 1, "w", NOW).await;
    assert_eq!(unlocked.len(), 1, "without a limit it goes on");
    assert!(complete(&db, unlocked[0].id, "w").await);
    // Leases that end give their places free, to whoever has the jobs now.
    assert_eq!(claim_limited(&other, 5, 9, "two", at(29)).await, 0);
    assert_eq!(claim_limited(&other, 5, 9, "two", at(30)).await, 5);
}

pub(super) async fn a_place_is_free_when_its_job_is_done_or_put_off(db: Db) {
    stored_jobs(&db, 5).await;
    let first = claim(&db.store, 2, "w", NOW).await;
    assert_eq!(claim_limited(&db.store, 2, 9, "w", NOW).await, 0);
    assert!(complete(&db, first[0].id, "w").await);
    assert_eq!(claim_limited(&db.store, 2, 9, "w", NOW).await, 1);
    let mut tx = db.store.begin().await.unwrap();
    assert!(tx.jobs().retry_at(first[1].id, "w", at(20)).await.unwrap());
    tx.commit().await.unwrap();
    assert_eq!(claim_limited(&db.store, 2, 9, "w", NOW).await, 1);
    // It has kept its seat: the next place is its own.
    assert_eq!(claim_limited(&db.store, 3, 9, "w", at(20)).await, 1);
    let mut tx = db.store.begin().await.unwrap();
    assert!(tx.jobs().complete(first[1].id, "w").await.unwrap());
}
