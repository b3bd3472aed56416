//! Lines of runs' logs.

use runnel_types::{Cursor, LogLevel, OrgId, PageRequest, Run};

use super::Db;
use super::fixtures::{NASTY, at, nobody, stored_run};

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
    assert_eq!(append(&db, &run, NASTY).await, Some(1));
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
    assert_eq!(sequences(&db, run.org_id, &run).await, [1]);
}
