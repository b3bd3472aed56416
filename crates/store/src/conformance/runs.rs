//! Runs.

use runnel_types::{Cursor, OrgId, PageRequest, Run, RunId, RunStatus};
use serde_json::json;

use super::Db;
use super::fixtures::{at, failed_run, failure, nobody, queued_run, stored_run};
use crate::runs::Outcome;

async fn store(db: &Db, runs: &[Run]) {
    let mut tx = db.store.begin().await.unwrap();
    for run in runs {
        tx.runs().insert(run).await.unwrap();
    }
    tx.commit().await.unwrap();
}

fn request(limit: u32, cursor: Option<Cursor>, backward: bool) -> PageRequest {
    PageRequest {
        limit,
        cursor,
        backward,
    }
}

/// Every page from the first on, in one direction.
async fn walk(db: &Db, org: OrgId, limit: u32, backward: bool) -> Vec<Vec<RunId>> {
    let (mut pages, mut cursor) = (Vec::new(), None);
    loop {
        let page = db
            .store
            .read()
            .runs()
            .list(org, request(limit, cursor, backward))
            .await
            .unwrap();
        let behind = if backward { page.next } else { page.previous };
        assert_eq!(behind.is_some(), cursor.is_some());
        pages.push(page.items.iter().map(|run| run.id).collect());
        cursor = if backward { page.previous } else { page.next };
        if cursor.is_none() {
            return pages;
        }
    }
}

pub(super) async fn every_field_comes_back(db: Db) {
    let org = db.org("a").await.id;
    let queued = queued_run(&db, org);
    let failed = failed_run(&db, org);
    let bare = Run {
        client_ref: None,
        request_id: None,
        created_by: None,
        callback_url: None,
        metadata: None,
        ..queued_run(&db, org)
    };
    store(&db, &[queued.clone(), failed.clone(), bare.clone()]).await;
    for run in [queued, failed, bare] {
        assert_eq!(
            db.store.read().runs().get(org, run.id).await.unwrap(),
            Some(run)
        );
    }
}

pub(super) async fn pages_walk_both_ways_and_skip_nothing(db: Db) {
    let (org, other) = (db.org("a").await.id, db.org("b").await.id);
    // Three runs to an instant, so that ids decide.
    let runs: Vec<Run> = (0..11)
        .map(|n| Run {
            created_at: at(n / 3),
            ..queued_run(&db, org)
        })
        .collect();
    store(&db, &runs).await;
    stored_run(&db, other).await;
    let newest_first: Vec<RunId> = runs.iter().rev().map(|run| run.id).collect();
    for limit in [1, 3, 10, 11, 12] {
        let forward = walk(&db, org, limit, false).await;
        assert_eq!(forward.concat(), newest_first, "limit {limit}");
        let mut backward = walk(&db, org, limit, true).await;
        backward.reverse();
        assert_eq!(backward.concat(), newest_first, "limit {limit}");
    }
    let empty = db
        .store
        .read()
        .runs()
        .list(nobody(&db).0, request(5, None, false))
        .await
        .unwrap();
    assert_eq!(
        (empty.items.len(), empty.next, empty.previous),
        (0, None, None)
    );
}

pub(super) async fn pages_are_stable_under_inserts(db: Db) {
    let org = db.org("a").await.id;
    let runs: Vec<Run> = (0..4)
        .map(|n| Run {
            created_at: at(n),
            ..queued_run(&db, org)
        })
        .collect();
    store(&db, &runs).await;
    let list = async |cursor, backward| {
        db.store
            .read()
            .runs()
            .list(org, request(2, cursor, backward))
            .await
            .unwrap()
    };
    let first = list(None, false).await;
    store(
        &db,
        &[Run {
            created_at: at(10),
            ..queued_run(&db, org)
        }],
    )
    .await;
    let second = list(first.next, false).await;
    assert_eq!(
        second.items.iter().map(|run| run.id).collect::<Vec<_>>(),
        [runs[1].id, runs[0].id]
    );
    assert_eq!(second.next, None);
    assert_eq!(list(second.previous, true).await.items, first.items);
}

pub(super) async fn a_terminal_status_never_changes(db: Db) {
    let org = db.org("a").await.id;
    let run = stored_run(&db, org).await;
    let mut tx = db.store.begin().await.unwrap();
    let running = Run {
        status: RunStatus::Running,
        started_at: Some(at(1)),
        ..run.clone()
    };
    assert_eq!(
        tx.runs()
            .mark_running(org, run.id, at(1))
            .await
            .unwrap()
            .as_ref(),
        Some(&running)
    );
    // Taken again after its worker died, it still started when it first did.
    assert_eq!(
        tx.runs()
            .mark_running(org, run.id, at(2))
            .await
            .unwrap()
            .as_ref(),
        Some(&running)
    );
    let succeeded = Outcome {
        status: RunStatus::Succeeded,
        output: Some(json!({"n": 1})),
        failure: None,
        at: at(3),
    };
    let ended = tx
        .runs()
        .finish(org, run.id, &succeeded)
        .await
        .unwrap()
        .unwrap();
    let expected = Run {
        status: RunStatus::Succeeded,
        output: succeeded.output.clone(),
        completed_at: Some(at(3)),
        ..running
    };
    assert_eq!(ended, expected);
    let failed = Outcome {
        status: RunStatus::Failed,
        output: None,
        failure: Some(failure()),
        at: at(4),
    };
    assert_eq!(tx.runs().finish(org, run.id, &failed).await.unwrap(), None);
    assert_eq!(
        tx.runs().mark_running(org, run.id, at(5)).await.unwrap(),
        None
    );
    assert!(!tx.runs().record_progress(org, run.id, 0.5).await.unwrap());
    tx.commit().await.unwrap();
    assert_eq!(
        db.store.read().runs().get(org, run.id).await.unwrap(),
        Some(ended)
    );

    let doomed = stored_run(&db, org).await;
    let mut tx = db.store.begin().await.unwrap();
    let ended = tx
        .runs()
        .finish(org, doomed.id, &failed)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        (ended.status, ended.failure),
        (RunStatus::Failed, failed.failure)
    );
}

pub(super) async fn a_run_of_another_organization_is_not_there(db: Db) {
    let run = stored_run(&db, db.org("a").await.id).await;
    let stranger = db.org("b").await.id;
    let outcome = Outcome {
        status: RunStatus::Canceled,
        output: None,
        failure: None,
        at: at(1),
    };
    let mut tx = db.store.begin().await.unwrap();
    assert_eq!(tx.runs().get(stranger, run.id).await.unwrap(), None);
    assert_eq!(
        tx.runs()
            .mark_running(stranger, run.id, at(1))
            .await
            .unwrap(),
        None
    );
    assert_eq!(
        tx.runs().finish(stranger, run.id, &outcome).await.unwrap(),
        None
    );
    assert!(
        !tx.runs()
            .record_progress(stranger, run.id, 1.0)
            .await
            .unwrap()
    );
    tx.commit().await.unwrap();
    assert_eq!(
        db.store
            .read()
            .runs()
            .get(run.org_id, run.id)
            .await
            .unwrap(),
        Some(run)
    );
}

pub(super) async fn statuses_are_counted(db: Db) {
    let org = db.org("a").await.id;
    store(
        &db,
        &[
            queued_run(&db, org),
            failed_run(&db, org),
            queued_run(&db, org),
        ],
    )
    .await;
    stored_run(&db, db.org("b").await.id).await;
    let counts = db.store.read().runs().count_by_status(org).await.unwrap();
    assert_eq!(counts, [(RunStatus::Failed, 1), (RunStatus::Queued, 2)]);
}

pub(super) async fn progress_is_kept_within_bounds(db: Db) {
    let org = db.org("a").await.id;
    let run = stored_run(&db, org).await;
    let mut tx = db.store.begin().await.unwrap();
    assert!(
        !tx.runs().record_progress(org, run.id, 0.5).await.unwrap(),
        "it is not running"
    );
    tx.runs().mark_running(org, run.id, at(1)).await.unwrap();
    for (told, kept) in [
        (0.333_333, 0.333_333),
        (-1.0, 0.0),
        (7.0, 1.0),
        (f64::NAN, 0.0),
        (f64::INFINITY, 1.0),
    ] {
        assert!(tx.runs().record_progress(org, run.id, told).await.unwrap());
        let progress = tx.runs().get(org, run.id).await.unwrap().unwrap().progress;
        assert_eq!(progress, Some(kept), "{told}");
    }
    tx.commit().await.unwrap();
}
