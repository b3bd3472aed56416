//! Lines of runs' logs.

use runnel_types::{Cursor, LogLevel, OrgId, PageRequest, Run, RunStatus};

use super::Db;
use super::fixtures::{NASTY, at, nobody, stored_run};
use crate::run_logs::NewLine;
use crate::runs::Outcome;

async fn append(db: &Db, run: &Run, message: &str) -> Option<i64> {
    let mut tx = db.store.begin().await.unwrap();
    let level = LogLevel::Warning;
    let sequence = tx
        .run_logs()
        .append(run.org_id, run.id, db.ids.next(), level, message, at(1))
        .await
        .unwrap();
    tx.commit().await.unwrap();
    sequence
}

async fn last(db: &Db, org: OrgId, run: &Run) -> Option<String> {
    let read = db.store.read();
    let line = read.run_logs().last(org, run.id).await.unwrap();
    line.map(|line| line.message)
}

async fn sequences(db: &Db, org: OrgId, run: &Run) -> Vec<i64> {
    let lines = db
        .store
        .read()
        .run_logs()
        .list_after(org, run.id, 0, 500)
        .await
        .unwrap();
    lines.iter().map(|line| line.sequence).collect()
}

pub(super) async fn lines_are_numbered_from_one_without_gaps(db: Db) {
    let run = stored_run(&db, db.org("a").await.id).await;
    assert_eq!(last(&db, run.org_id, &run).await, None);
    assert_eq!(append(&db, &run, NASTY).await, Some(1));
    assert_eq!(last(&db, run.org_id, &run).await.as_deref(), Some(NASTY));
    let mut tx = db.store.begin().await.unwrap();
    let id = db.ids.next();
    assert_eq!(
        tx.run_logs()
            .append(run.org_id, run.id, id, LogLevel::Info, "lost", at(1))
            .await
            .unwrap(),
        Some(2)
    );
    drop(tx);
    assert_eq!(append(&db, &run, "two").await, Some(2));
    assert_eq!(last(&db, run.org_id, &run).await.as_deref(), Some("two"));
    let lines = db
        .store
        .read()
        .run_logs()
        .list_after(run.org_id, run.id, 0, 10)
        .await
        .unwrap();
    assert_eq!(
        (
            lines[0].message.as_str(),
            lines[0].level,
            lines[0].created_at
        ),
        (NASTY, LogLevel::Warning, at(1))
    );
    assert_eq!(sequences(&db, run.org_id, &run).await, [1, 2]);
    assert!(
        db.store
            .read()
            .runs()
            .get(run.org_id, run.id)
            .await
            .unwrap()
            .unwrap()
            .has_logs
    );
}

pub(super) async fn writers_at_once_leave_no_gap(db: Db) {
    let run = stored_run(&db, db.org("a").await.id).await;
    let writers = async || {
        for _ in 0..10 {
            append(&db, &run, "line").await.unwrap();
        }
    };
    tokio::join!(writers(), writers(), writers(), writers());
    assert_eq!(
        sequences(&db, run.org_id, &run).await,
        (1..=40).collect::<Vec<_>>()
    );
}

pub(super) async fn a_log_is_bounded_and_ends_with_its_run(db: Db) {
    let run = stored_run(&db, db.org("a").await.id).await;
    let within = async |most| {
        let mut tx = db.store.begin().await.unwrap();
        let line = NewLine {
            id: db.ids.next(),
            level: LogLevel::Info,
            message: "line",
            at: at(1),
        };
        let mut logs = tx.run_logs();
        let appended = logs.append_within(most, run.org_id, run.id, line).await;
        tx.commit().await.unwrap();
        appended.unwrap()
    };
    assert_eq!(within(2).await, Some(1));
    assert_eq!(within(2).await, Some(2));
    assert_eq!(within(2).await, None);
    assert_eq!(append(&db, &run, "of our own").await, Some(3));
    let canceled = Outcome {
        status: RunStatus::Canceled,
        output: None,
        failure: None,
        at: at(2),
    };
    let mut tx = db.store.begin().await.unwrap();
    tx.runs()
        .finish(run.org_id, run.id, &canceled)
        .await
        .unwrap()
        .unwrap();
    tx.commit().await.unwrap();
    assert_eq!(append(&db, &run, "late").await, None);
    assert_eq!(within(100).await, None);
    assert_eq!(sequences(&db, run.org_id, &run).await, [1, 2, 3]);
}

pub(super) async fn pages_walk_both_ways(db: Db) {
    let run = stored_run(&db, db.org("a").await.id).await;
    for _ in 0..5 {
        append(&db, &run, "line").await;
    }
    let list = async |cursor: Option<Cursor>, backward| {
        let request = PageRequest {
            limit: 2,
            cursor,
            backward,
        };
        let page = db
            .store
            .read()
            .run_logs()
            .list(run.org_id, run.id, request)
            .await
            .unwrap();
        let sequences: Vec<i64> = page.items.iter().map(|line| line.sequence).collect();
        (sequences, page.previous, page.next)
    };
    let (first, previous, next) = list(None, false).await;
    assert_eq!((first, previous), (vec![1, 2], None));
    let (second, _, next) = list(next, false).await;
    assert_eq!(second, [3, 4]);
    let (third, previous, next) = list(next, false).await;
    assert_eq!((third, next), (vec![5], None));
    let (back, previous, _) = list(previous, true).await;
    assert_eq!(back, [3, 4]);
    let (back, previous, next) = list(previous, true).await;
    assert_eq!((back, previous, next.is_some()), (vec![1, 2], None, true));
}

pub(super) async fn a_log_of_another_organization_is_empty(db: Db) {
    let run = stored_run(&db, db.org("a").await.id).await;
    append(&db, &run, "line").await;
    let stranger = nobody(&db).0;
    assert_eq!(
        append(
            &db,
            &Run {
                org_id: stranger,
                ..run.clone()
            },
            "line"
        )
        .await,
        None
    );
    assert!(sequences(&db, stranger, &run).await.is_empty());
    assert_eq!(last(&db, stranger, &run).await, None);
    assert_eq!(sequences(&db, run.org_id, &run).await, [1]);
}
