//! Batches, and the runs that are their items.

use std::time::Duration;

use runnel_types::list::{ListRequest, Listed, parse_filter, parse_sort};
use runnel_types::{Batch, BatchItem, BatchStatus, ItemCounts, Run, RunId, RunStatus};

use super::Db;
use super::fixtures::{at, failure, nobody, queued_batch, stored_batch, stored_run};
use crate::batches::Outcome;
use crate::dialect::Dialect;
use crate::runs;

/// How long a statement may take that is not held up.
const NOT_HELD_UP: Duration = Duration::from_millis(300);

async fn get(db: &Db, batch: &Batch) -> Batch {
    let read = db.store.read();
    let found = read.batches().get(batch.org_id, batch.id).await.unwrap();
    found.unwrap()
}

fn ended(status: BatchStatus) -> Outcome {
    Outcome {
        status,
        failure: None,
        at: at(9),
    }
}

pub(super) async fn every_field_comes_back(db: Db) {
    let org = db.org("a").await.id;
    let bare = Batch {
        request_id: None,
        created_by: None,
        callback_url: None,
        metadata: None,
        ..queued_batch(&db, org, 1)
    };
    let full = Batch {
        status: BatchStatus::Failed,
        counts: ItemCounts {
            succeeded: 0,
            failed: 2,
            canceled: 98,
        },
        failure: Some(failure()),
        started_at: Some(at(1)),
        completed_at: Some(at(2)),
        ..queued_batch(&db, org, 100)
    };
    let mut tx = db.store.begin().await.unwrap();
    for batch in [&bare, &full] {
        tx.batches().insert(batch).await.unwrap();
    }
    tx.commit().await.unwrap();
    for batch in [bare, full] {
        assert_eq!(get(&db, &batch).await, batch);
    }
}

pub(super) async fn a_batch_is_begun_once_and_ends_once(db: Db) {
    let (batch, _) = stored_batch(&db, db.org("a").await.id, 3).await;
    let (org, id) = (batch.org_id, batch.id);
    let mut tx = db.store.begin().await.unwrap();
    assert!(tx.batches().mark_running(org, id, at(1)).await.unwrap());
    assert!(!tx.batches().mark_running(org, id, at(2)).await.unwrap());
    for status in [RunStatus::Succeeded, RunStatus::Failed, RunStatus::Canceled] {
        tx.batches().count_end(org, id, status).await.unwrap();
    }
    let outcome = Outcome {
        failure: Some(failure()),
        ..ended(BatchStatus::PartialSucceeded)
    };
    let end = tx.batches().finish(org, id, &outcome).await.unwrap();
    tx.commit().await.unwrap();
    let expected = Batch {
        status: BatchStatus::PartialSucceeded,
        counts: ItemCounts {
            succeeded: 1,
            failed: 1,
            canceled: 1,
        },
        failure: Some(failure()),
        started_at: Some(at(1)),
        completed_at: Some(at(9)),
        ..batch.clone()
    };
    assert_eq!(end.map(|end| end.row).as_ref(), Some(&expected));
    // What comes after the end changes nothing.
    let mut tx = db.store.begin().await.unwrap();
    assert!(!tx.batches().mark_running(org, id, at(3)).await.unwrap());
    let late = tx.batches().count_end(org, id, RunStatus::Failed).await;
    assert_eq!(late.unwrap(), None);
    let late = tx
        .batches()
        .finish(org, id, &ended(BatchStatus::Failed))
        .await;
    assert_eq!(late.unwrap(), None);
    tx.commit().await.unwrap();
    assert_eq!(get(&db, &batch).await, expected);
}

/// Each counts one end and looks; `None` is for who saw that it was not the last.
async fn count(db: &Db, batch: &Batch) -> Option<BatchStatus> {
    let mut tx = db.store.begin().await.unwrap();
    let counted = tx
        .batches()
        .count_end(batch.org_id, batch.id, RunStatus::Succeeded)
        .await
        .unwrap()
        .unwrap();
    // Others get their chance to look between the count and the commit.
    tokio::task::yield_now().await;
    tx.commit().await.unwrap();
    counted.counts.outcome(batch.items_total)
}

pub(super) async fn of_two_who_end_the_last_items_at_once_one_sees_the_end(db: Db) {
    let org = db.org("a").await.id;
    let (batch, _) = stored_batch(&db, org, 2).await;
    if db.store.dialect() == Dialect::Postgres {
        let mut first = db.store.begin().await.unwrap();
        let status = RunStatus::Succeeded;
        let counted = first.batches().count_end(org, batch.id, status).await;
        assert_eq!(counted.unwrap().unwrap().counts.ended(), 1);
        let second = count(&db, &batch);
        tokio::pin!(second);
        let early = tokio::time::timeout(NOT_HELD_UP, &mut second).await;
        assert!(early.is_err(), "the second did not wait for the first");
        first.commit().await.unwrap();
        assert_eq!(second.await, Some(BatchStatus::Succeeded));
    }
    for _ in 0..20 {
        let (batch, _) = stored_batch(&db, org, 4).await;
        let (a, b, c, d) = tokio::join!(
            count(&db, &batch),
            count(&db, &batch),
            count(&db, &batch),
            count(&db, &batch)
        );
        let seen = [a, b, c, d].into_iter().flatten().count();
        assert_eq!(seen, 1);
        assert_eq!(get(&db, &batch).await.counts.succeeded, 4);
    }
}

pub(super) async fn its_runs_come_in_the_order_of_its_items(db: Db) {
    let org = db.org("a").await.id;
    let (batch, runs) = stored_batch(&db, org, 12).await;
    stored_batch(&db, org, 2).await;
    stored_run(&db, org).await;
    let read = db.store.read();
    let found = read.runs().list_batch(org, batch.id).await.unwrap();
    assert_eq!(found, runs);
    let mut request = ListRequest {
        limit: 5,
        sort: parse_sort(BatchItem::DEFAULT_SORT, BatchItem::FIELDS).unwrap(),
        filter: None,
        place: None,
        backward: false,
    };
    let mut found = Vec::new();
    loop {
        let page = read.runs().list_items(org, batch.id, &request).await;
        let page = page.unwrap();
        found.extend(page.items);
        request.place = page.next;
        if request.place.is_none() {
            break;
        }
    }
    assert_eq!(found, runs);
    // The same by the filter of all runs, the newest first.
    let filter = parse_filter(&format!("batch_id:{}", batch.id), Run::FIELDS).unwrap();
    let request = ListRequest {
        limit: 50,
        sort: parse_sort(Run::DEFAULT_SORT, Run::FIELDS).unwrap(),
        filter,
        place: None,
        backward: false,
    };
    let page = read.runs().list(org, &request).await.unwrap();
    let newest: Vec<RunId> = page.items.iter().map(|run| run.id).rev().collect();
    let expected: Vec<RunId> = runs.iter().map(|run| run.id).collect();
    assert_eq!(newest, expected);
}

pub(super) async fn open_runs_wait_for_whoever_holds_them(db: Db) {
    let org = db.org("a").await.id;
    let (batch, runs) = stored_batch(&db, org, 3).await;
    let mut tx = db.store.begin().await.unwrap();
    let canceled = runs::Outcome {
        status: RunStatus::Canceled,
        output: None,
        failure: None,
        at: at(1),
    };
    let ended = tx.runs().finish(org, runs[1].id, &canceled).await.unwrap();
    assert_eq!(ended.unwrap().row.batch, runs[1].batch);
    tx.commit().await.unwrap();

    let mut holder = db.store.begin().await.unwrap();
    let open = holder.runs().lock_open_of_batch(org, batch.id).await;
    let open: Vec<RunId> = open.unwrap().iter().map(|run| run.id).collect();
    assert_eq!(open, [runs[0].id, runs[2].id]);
    let begin = async {
        let mut tx = db.store.begin().await.unwrap();
        let begun = tx.runs().mark_running(org, runs[2].id, at(2)).await;
        tx.commit().await.unwrap();
        begun.unwrap()
    };
    tokio::pin!(begin);
    let early = tokio::time::timeout(NOT_HELD_UP, &mut begin).await;
    assert!(early.is_err(), "a run was begun that somebody held");
    holder
        .runs()
        .finish(org, runs[2].id, &canceled)
        .await
        .unwrap();
    holder.commit().await.unwrap();
    assert_eq!(begin.await, None, "it had ended when its turn came");
}

pub(super) async fn a_batch_of_another_organization_is_not_there(db: Db) {
    let (batch, runs) = stored_batch(&db, db.org("a").await.id, 1).await;
    let (stranger, id) = (nobody(&db).0, batch.id);
    let mut tx = db.store.begin().await.unwrap();
    assert_eq!(tx.batches().get(stranger, id).await.unwrap(), None);
    assert!(!tx.batches().lock(stranger, id).await.unwrap());
    assert!(!tx.runs().lock(stranger, runs[0].id).await.unwrap());
    assert!(
        !tx.batches()
            .mark_running(stranger, id, at(1))
            .await
            .unwrap()
    );
    let counted = tx
        .batches()
        .count_end(stranger, id, RunStatus::Failed)
        .await;
    assert_eq!(counted.unwrap(), None);
    let end = ended(BatchStatus::Failed);
    let ended = tx.batches().finish(stranger, id, &end).await;
    assert_eq!(ended.unwrap(), None);
    assert_eq!(tx.runs().list_batch(stranger, id).await.unwrap(), []);
    let open = tx.runs().lock_open_of_batch(stranger, id).await;
    assert_eq!(open.unwrap(), []);
    assert!(tx.batches().lock(batch.org_id, id).await.unwrap());
    assert!(tx.runs().lock(batch.org_id, runs[0].id).await.unwrap());
    tx.commit().await.unwrap();
    assert_eq!(get(&db, &batch).await, batch);
}
