//! Runs.

use runnel_types::list::{ListRequest, Listed, Place, parse_sort};
use runnel_types::{LogLevel, Run, RunStatus};
use serde_json::json;

use super::Db;
use super::fixtures::{at, failed_run, failure, nobody, queued_run, stored_run};
use crate::runs::{Outcome, Pulse};
use crate::tx::Tx;

async fn store(db: &Db, runs: &[Run]) {
    let mut tx = db.store.begin().await.unwrap();
    for run in runs {
        tx.runs().insert(run).await.unwrap();
    }
    tx.commit().await.unwrap();
}

fn request(limit: u32, place: Option<Place>, backward: bool) -> ListRequest {
    ListRequest {
        limit,
        sort: parse_sort("created_at:desc", Run::FIELDS).unwrap(),
        filter: None,
        place,
        backward,
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

pub(super) async fn pages_are_stable_under_inserts(db: Db) {
    let org = db.org("a").await.id;
    let runs: Vec<Run> = (0..4)
        .map(|n| Run {
            created_at: at(n),
            ..queued_run(&db, org)
        })
        .collect();
    store(&db, &runs).await;
    let list = async |place, backward| {
        db.store
            .read()
            .runs()
            .list(org, &request(2, place, backward))
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
        .unwrap()
        .row;
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
        .unwrap()
        .row;
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

pub(super) async fn the_input_of_a_run_can_be_put_in_other_words_until_it_ends(db: Db) {
    let org = db.org("a").await.id;
    let stranger = db.org("b").await.id;
    let run = stored_run(&db, org).await;
    let other =
        |word| json!({"image_url": "runflow://assets/x", "deep": [{"er": "\u{1f980}"}, word]});
    let mut tx = db.store.begin().await.unwrap();
    let input = async |tx: &mut Tx| tx.runs().get(org, run.id).await.unwrap().unwrap().input;
    let theirs = other("theirs");
    let mut runs = tx.runs();
    let recorded = runs.record_input(stranger, run.id, &theirs).await;
    assert!(!recorded.unwrap());
    assert_eq!(input(&mut tx).await, run.input);
    // Its files are fetched while it is queued.
    let queued = other("queued");
    assert!(tx.runs().record_input(org, run.id, &queued).await.unwrap());
    assert_eq!(input(&mut tx).await, queued);
    tx.runs().mark_running(org, run.id, at(1)).await.unwrap();
    let running = other("running");
    assert!(tx.runs().record_input(org, run.id, &running).await.unwrap());
    assert_eq!(input(&mut tx).await, running);
    let outcome = succeeded();
    tx.runs().finish(org, run.id, &outcome).await.unwrap();
    let late = other("late");
    assert!(!tx.runs().record_input(org, run.id, &late).await.unwrap());
    assert_eq!(input(&mut tx).await, running);
    tx.commit().await.unwrap();
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
    for (told, kept, is_new) in [
        (f64::NAN, 0.0, true),
        (-1.0, 0.0, false),
        (0.333_333, 0.333_333, true),
        (0.333_333, 0.333_333, false),
        (0.1, 0.333_333, false),
        (7.0, 1.0, true),
        (f64::INFINITY, 1.0, false),
    ] {
        let recorded = tx.runs().record_progress(org, run.id, told).await.unwrap();
        assert_eq!(recorded, is_new, "{told}");
        let progress = tx.runs().get(org, run.id).await.unwrap().unwrap().progress;
        assert_eq!(progress, Some(kept), "{told}");
    }
    // Executed again, it begins again.
    let again = tx.runs().mark_running(org, run.id, at(2)).await.unwrap();
    assert_eq!(again.unwrap().progress, None);
    assert!(tx.runs().record_progress(org, run.id, 0.1).await.unwrap());
    // One that succeeds is all done, however far it said that it was.
    let outcome = succeeded();
    let ended = tx.runs().finish(org, run.id, &outcome).await.unwrap();
    assert_eq!(ended.unwrap().row.progress, Some(1.0));
    tx.commit().await.unwrap();
    let silent = stored_run(&db, org).await;
    let mut tx = db.store.begin().await.unwrap();
    let ended = tx.runs().finish(org, silent.id, &outcome).await.unwrap();
    assert_eq!(ended.unwrap().row.progress, None, "it never said anything");
    tx.commit().await.unwrap();
}

fn succeeded() -> Outcome {
    Outcome {
        status: RunStatus::Succeeded,
        output: None,
        failure: None,
        at: at(9),
    }
}

pub(super) async fn a_run_that_waits_again_has_not_started(db: Db) {
    let org = db.org("a").await.id;
    let run = stored_run(&db, org).await;
    let mut tx = db.store.begin().await.unwrap();
    assert!(!tx.runs().mark_queued(org, run.id).await.unwrap());
    tx.runs().mark_running(org, run.id, at(1)).await.unwrap();
    tx.runs().record_progress(org, run.id, 0.5).await.unwrap();
    let stranger = nobody(&db).0;
    assert!(!tx.runs().mark_queued(stranger, run.id).await.unwrap());
    assert!(tx.runs().mark_queued(org, run.id).await.unwrap());
    assert_eq!(
        tx.runs().get(org, run.id).await.unwrap(),
        Some(run.clone()),
        "as if it had never been taken"
    );
    let started = tx.runs().mark_running(org, run.id, at(9)).await.unwrap();
    assert_eq!(started.unwrap().started_at, Some(at(9)));
    tx.commit().await.unwrap();
}

pub(super) async fn a_pulse_tells_what_is_new(db: Db) {
    let org = db.org("a").await.id;
    let run = stored_run(&db, org).await;
    let pulse = async || db.store.read().runs().pulse(org, run.id).await.unwrap();
    let expected = Pulse {
        status: RunStatus::Queued,
        progress: None,
        log_lines: 0,
    };
    assert_eq!(pulse().await, Some(expected));
    let mut tx = db.store.begin().await.unwrap();
    tx.runs().mark_running(org, run.id, at(1)).await.unwrap();
    tx.runs().record_progress(org, run.id, 0.5).await.unwrap();
    let line = db.ids.next();
    tx.run_logs()
        .append(org, run.id, line, LogLevel::Info, "line", at(1))
        .await
        .unwrap();
    tx.commit().await.unwrap();
    let expected = Pulse {
        status: RunStatus::Running,
        progress: Some(0.5),
        log_lines: 1,
    };
    assert_eq!(pulse().await, Some(expected));
    let stranger = nobody(&db).0;
    let theirs = db.store.read().runs().pulse(stranger, run.id).await;
    assert_eq!(theirs.unwrap(), None);
}
