//! Transactions a second, on a real file; run by hand:
//! `cargo test --release -p runnel-store speed -- --ignored --nocapture`.

use std::time::Instant;

use runnel_types::Queue;

use super::fixtures::{PLACE, at, stored_jobs};
use super::{Db, NOW};
use crate::Store;
use crate::jobs::{Room, Stretch};

async fn write(store: &Store, count: usize, db: &Db) {
    for _ in 0..count {
        let (id, job) = super::fixtures::job(db);
        let mut tx = store.begin().await.unwrap();
        tx.jobs().enqueue(id, &job, PLACE, NOW, NOW).await.unwrap();
        tx.commit().await.unwrap();
    }
}

async fn writers(db: Db, name: &str) {
    for (writers, each) in [(1, 1000), (8, 500), (64, 200)] {
        let db = std::sync::Arc::new(Db {
            folder: None,
            store: db.store.clone(),
            url: db.url.clone(),
            ids: db.ids.clone(),
        });
        let began = Instant::now();
        let tasks: Vec<_> = (0..writers)
            .map(|_| {
                let db = std::sync::Arc::clone(&db);
                tokio::spawn(async move { write(&db.store, each, &db).await })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
        let rate = (writers * each) as f64 / began.elapsed().as_secs_f64();
        println!("{name}: {writers} writers: {rate:.0} transactions/s");
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "prints figures"]
async fn speed_of_transactions_on_sqlite() {
    writers(Db::sqlite().await, "SQLite").await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "prints figures"]
async fn speed_of_transactions_on_postgres() {
    writers(Db::postgres("speed").await, "PostgreSQL without sync").await;
}

/// Jobs that are not due, or that stand behind, must not cost a claim anything.
async fn claims(db: Db, name: &str) {
    let mut tx = db.store.begin().await.unwrap();
    for _ in 0..100_000 {
        let (id, job) = super::fixtures::job(&db);
        tx.jobs()
            .enqueue(id, &job, PLACE, at(3600), NOW)
            .await
            .unwrap();
    }
    tx.commit().await.unwrap();
    stored_jobs(&db, 20_000).await;
    let began = Instant::now();
    for _ in 0..500 {
        let mut tx = db.store.begin().await.unwrap();
        let room = Room {
            places: 4,
            limit: None,
            since: None,
        };
        tx.jobs().wake(NOW).await.unwrap();
        let all = Stretch::all(Queue::Work);
        let lanes = tx.jobs().lanes(all, "", 256).await.unwrap();
        let lane = &lanes[0];
        let mut jobs = tx.jobs();
        let claim = jobs.claim(Queue::Work, lane, room, "w", NOW, at(60)).await;
        let claimed = claim.unwrap();
        assert_eq!(claimed.len(), 4);
        tx.commit().await.unwrap();
    }
    println!(
        "{name}: claim of 4 among 120,000 jobs: {:.3} ms",
        began.elapsed().as_secs_f64() * 1000.0 / 500.0
    );
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "prints figures"]
async fn speed_of_claims_on_sqlite() {
    claims(Db::sqlite().await, "SQLite").await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "prints figures"]
async fn speed_of_claims_on_postgres() {
    claims(Db::postgres("claims").await, "PostgreSQL without sync").await;
}
