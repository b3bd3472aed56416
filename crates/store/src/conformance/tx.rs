//! Transactions: all or nothing, durable once answered, and nobody held up.

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use runnel_types::Org;

use super::Db;
use super::fixtures::{api_key, org};
use crate::StoreError;
use crate::column::Args;
use crate::reader::{Statement, changed};

async fn slugs(db: &Db) -> Vec<String> {
    db.store
        .read()
        .orgs()
        .list()
        .await
        .unwrap()
        .into_iter()
        .map(|org| org.slug)
        .collect()
}

/// Polls `future` once and drops it; says whether it was done.
pub(super) async fn poll_once<T>(future: impl Future<Output = T>) -> bool {
    let mut future = pin!(future);
    poll_fn(|context| Poll::Ready(future.as_mut().poll(context).is_ready())).await
}

pub(super) async fn a_dropped_transaction_leaves_nothing(db: Db) {
    let mut tx = db.store.begin().await.unwrap();
    tx.orgs().insert(&org(&db, "lost")).await.unwrap();
    drop(tx);
    db.org("kept").await;
    assert_eq!(slugs(&db).await, ["kept"]);
    let mut tx = db.store.begin().await.unwrap();
    tx.orgs().insert(&org(&db, "lost")).await.unwrap();
    drop(tx);
    assert_eq!(slugs(&db).await, ["kept"]);
}

pub(super) async fn a_transaction_reads_its_own_writes_and_others_do_not(db: Db) {
    let mine = org(&db, "mine");
    let mut tx = db.store.begin().await.unwrap();
    tx.orgs().insert(&mine).await.unwrap();
    assert_eq!(tx.orgs().get(mine.id).await.unwrap().as_ref(), Some(&mine));
    assert_eq!(db.store.read().orgs().get(mine.id).await.unwrap(), None);
    tx.commit().await.unwrap();
    assert_eq!(
        db.store.read().orgs().get(mine.id).await.unwrap(),
        Some(mine)
    );
}

pub(super) async fn after_a_failed_statement_nothing_can_be_committed(db: Db) {
    let known = db.org("known").await;
    let mut tx = db.store.begin().await.unwrap();
    tx.orgs().insert(&org(&db, "before")).await.unwrap();
    tx.orgs().insert(&known).await.unwrap_err();
    let error = tx.orgs().insert(&org(&db, "after")).await.unwrap_err();
    assert!(matches!(error, StoreError::Broken), "{error:?}");
    let error = tx.commit().await.unwrap_err();
    assert!(matches!(error, StoreError::Broken), "{error:?}");
    assert_eq!(slugs(&db).await, ["known"]);
}

pub(super) async fn after_a_cancelled_statement_nothing_can_be_committed(db: Db) {
    let mut tx = db.store.begin().await.unwrap();
    tx.orgs().insert(&org(&db, "half")).await.unwrap();
    // Slow enough that it cannot be done at the first look.
    let slow = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 300000)
        SELECT COUNT(*) AS n FROM n";
    let statement = Statement::new("none", slow, Args::new());
    assert!(!poll_once(changed(&mut &mut tx, statement)).await);
    let error = tx.commit().await.unwrap_err();
    assert!(matches!(error, StoreError::Broken), "{error:?}");
    db.org("next").await;
    assert_eq!(slugs(&db).await, ["next"]);
}

pub(super) async fn a_conflict_names_its_constraint(db: Db) {
    let known = db.org("known").await;
    let same_id = Org {
        slug: "another".to_owned(),
        ..known.clone()
    };
    let same_slug = Org {
        id: db.ids.next(),
        ..known
    };
    let cases = [(same_id, "orgs_pkey"), (same_slug, "orgs_slug_key")];
    for (org, expected) in cases {
        let mut tx = db.store.begin().await.unwrap();
        let error = tx.orgs().insert(&org).await.unwrap_err();
        assert!(
            matches!(&error, StoreError::Conflict { constraint } if constraint == expected),
            "{error:?}"
        );
    }
    let homeless = api_key(&db, db.ids.next());
    let mut tx = db.store.begin().await.unwrap();
    let error = tx.api_keys().insert(&homeless, "hash").await.unwrap_err();
    assert!(
        matches!(error, StoreError::Conflict { .. }),
        "a key needs its organization: {error:?}"
    );
}

/// The store is not closed, as when the process is killed; what SQLite has not
/// folded into its file is in its log.
pub(super) async fn what_is_committed_survives_without_a_close(db: Db) {
    let many = (0..50).map(|n| {
        let org = org(&db, &format!("o{n}"));
        let store = db.store.clone();
        tokio::spawn(async move {
            let mut tx = store.begin().await.unwrap();
            tx.orgs().insert(&org).await.unwrap();
            tx.commit().await.unwrap();
        })
    });
    for task in many.collect::<Vec<_>>() {
        task.await.unwrap();
    }
    let mut open = db.store.begin().await.unwrap();
    open.orgs().insert(&org(&db, "open")).await.unwrap();
    let another = db.copy_as_after_a_crash().await;
    assert_eq!(another.read().orgs().list().await.unwrap().len(), 50);
}

pub(super) async fn a_panic_leaves_nothing_and_holds_nobody_up(db: Db) {
    let store = db.store.clone();
    let lost = org(&db, "lost");
    let task = tokio::spawn(async move {
        let mut tx = store.begin().await.unwrap();
        tx.orgs().insert(&lost).await.unwrap();
        panic!("as a defect would");
    });
    assert!(task.await.unwrap_err().is_panic());
    db.org("next").await;
    assert_eq!(slugs(&db).await, ["next"]);
}

pub(super) async fn many_transactions_at_once_all_succeed(db: Db) {
    let tasks: Vec<_> = (0..200)
        .map(|n| {
            let org = org(&db, &format!("o{n}"));
            let store = db.store.clone();
            tokio::spawn(async move {
                let mut tx = store.begin().await.unwrap();
                tx.orgs().insert(&org).await.unwrap();
                // Every third changes its mind.
                if n % 3 == 0 {
                    drop(tx);
                } else {
                    tx.commit().await.unwrap();
                }
            })
        })
        .collect();
    for task in tasks {
        tokio::time::timeout(Duration::from_mins(1), task)
            .await
            .unwrap()
            .unwrap();
    }
    let slugs = slugs(&db).await;
    assert_eq!(slugs.len(), 133);
    assert!(!slugs.contains(&"o0".to_owned()));
}
