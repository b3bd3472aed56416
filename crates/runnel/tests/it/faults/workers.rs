//! Workers that die or come late: every run ends, and ends once.

use std::time::Duration;

use runnel_domain::jobs::{Claim, Claimed, Cursor, Rooms};
use runnel_domain::runs::{Execution, Lease};
use runnel_store::runs::Outcome;
use runnel_testkit::{Db, Receiver, TestApp, on_both_databases};
use runnel_types::{Job, OrgId, RunId, RunStatus};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

on_both_databases!(
    a_run_whose_workers_keep_dying_ends_and_says_so,
    a_worker_that_comes_late_changes_nothing,
    a_job_in_hand_is_nobody_elses,
    a_job_goes_with_the_end_of_its_run_alone,
    a_worker_that_stood_still_keeps_what_it_has_in_hand,
);

/// The lease that a claim of these tests asks for.
const LEASE: Duration = Duration::from_secs(10);

async fn start_echo(app: &TestApp, callback_url: Option<&str>) -> String {
    let body = json!({"input": {"text": "hi"}, "callback_url": callback_url});
    let run = app.post("/v1/models/runnel/echo/runs", &body).send().await;
    run.assert(201).json()["id"].as_str().unwrap().to_owned()
}

async fn run(app: &TestApp, id: &str) -> Value {
    let run = app.get(&format!("/v1/runs/{id}")).send().await;
    run.assert(200).json()
}

/// What a worker does first.
async fn claim(app: &TestApp, worker: &str) -> Option<Claimed> {
    let mut claimed = app.services().claim_jobs(1, worker, LEASE).await.unwrap();
    claimed.pop()
}

/// The run of a job.
fn run_of(claimed: &Claimed) -> (OrgId, RunId) {
    let Job::ExecuteRun { org_id, run_id } = claimed.job else {
        panic!("{claimed:?} is no run");
    };
    (org_id, run_id)
}

fn lease(worker: &str, claimed: &Claimed) -> Lease {
    Lease {
        job_id: claimed.id,
        worker: worker.to_owned(),
        attempt: claimed.attempt,
    }
}

/// What a worker does next.
async fn execute(app: &TestApp, worker: &str, claimed: &Claimed) -> Execution {
    let (org, id) = run_of(claimed);
    app.services()
        .execute_run(org, id, &lease(worker, claimed), &CancellationToken::new())
        .await
        .unwrap()
}

async fn a_run_whose_workers_keep_dying_ends_and_says_so(db: Db) {
    let app = TestApp::start_with(db, |settings| {
        "127.0.0.0/8".clone_into(&mut settings.egress_allow);
    })
    .await;
    let receiver = Receiver::start(&[]).await;
    let id = start_echo(&app, Some(receiver.url())).await;
    let mut lost = 0;
    // Each of these takes the job and is never heard of again.
    while run(&app, &id).await["status_code"] != "failed" {
        assert!(lost < 10, "it goes on for ever");
        let claimed = claim(&app, &format!("worker-{lost}")).await.unwrap();
        assert_eq!(claimed.attempt, lost + 1);
        lost += 1;
        app.advance(LEASE + Duration::from_millis(1));
        if lost == 3 {
            app.run_jobs().await;
        }
    }
    let failed = run(&app, &id).await;
    assert_eq!(lost, 3);
    assert_eq!(failed["failure_code"], "WORKER_LOST");
    assert_eq!(failed["error"]["code"], "WORKER_LOST");
    let message = failed["failure_message"].as_str().unwrap();
    assert!(message.contains("in 3 attempts"), "{message}");
    let told: Value = serde_json::from_slice(&receiver.received()[0].1).unwrap();
    assert_eq!(told["event"], "run.failed");
    assert_eq!(told["output"]["error"]["code"], "WORKER_LOST");
    app.stop().await;
}

async fn a_worker_that_comes_late_changes_nothing(db: Db) {
    let app = TestApp::start(db).await;
    let id = start_echo(&app, None).await;
    let late = claim(&app, "late").await.unwrap();
    app.advance(LEASE + Duration::from_millis(1));
    let second = claim(&app, "second").await.unwrap();
    assert_eq!((late.id, second.attempt), (second.id, 2));
    // The first one ends its work after its lease is another's: nothing of it
    // is written.
    assert_eq!(execute(&app, "late", &late).await, Execution::Stale);
    assert_eq!(run(&app, &id).await["status_code"], "queued");
    assert_eq!(execute(&app, "second", &second).await, Execution::Recorded);
    let ended = run(&app, &id).await;
    assert_eq!(ended["status_code"], "succeeded");
    // And after the end there is nothing left to do or to change.
    assert_eq!(execute(&app, "late", &late).await, Execution::Stale);
    app.advance(LEASE * 2);
    assert_eq!(app.run_jobs().await, 0);
    assert_eq!(run(&app, &id).await, ended);
    app.stop().await;
}

/// A worker that believes a run to be over may have seen what was never committed.
async fn a_job_goes_with_the_end_of_its_run_alone(db: Db) {
    let app = TestApp::start(db).await;
    start_echo(&app, None).await;
    let settle = async |worker: &str, claimed: &Claimed| {
        let (org, run) = run_of(claimed);
        let lease = lease(worker, claimed);
        let settled = app.services().settle_stale_run(org, run, &lease).await;
        settled.unwrap();
    };
    let first = claim(&app, "first").await.unwrap();
    settle("first", &first).await;
    let second = claim(&app, "second").await.unwrap();
    assert_eq!((second.id, second.attempt), (first.id, 2));
    // Who lost it has no say.
    settle("first", &first).await;
    assert!(claim(&app, "third").await.is_none());
    // The run alone ends.
    let (org, run) = run_of(&second);
    let outcome = Outcome {
        status: RunStatus::Canceled,
        output: None,
        failure: None,
        at: app.services().now(),
    };
    let mut tx = app.services().store.begin().await.unwrap();
    let ended = tx.runs().finish(org, run, &outcome).await.unwrap();
    assert!(ended.is_some());
    tx.commit().await.unwrap();
    settle("second", &second).await;
    app.advance(LEASE * 2);
    assert!(claim(&app, "fourth").await.is_none());
    app.stop().await;
}

/// It claims before its heartbeats come, and finds its own leases run out.
async fn a_worker_that_stood_still_keeps_what_it_has_in_hand(db: Db) {
    let app = TestApp::start(db).await;
    let id = start_echo(&app, None).await;
    let (mut rooms, mut cursor) = (Rooms::any(9), Cursor::default());
    let mut look = async |worker: &str, in_hand: Vec<Lease>| {
        let claim = Claim {
            worker,
            lease: LEASE,
            turn: 0,
        };
        let services = app.services();
        let in_hand = move || in_hand.clone();
        let claims = services.claim_within(&mut rooms, claim, &mut cursor, in_hand);
        claims.await.unwrap().jobs
    };
    let claimed = look("w/1", Vec::new()).await;
    let [job] = &claimed[..] else {
        panic!("one job: {claimed:?}");
    };
    app.advance(LEASE * 3);
    assert!(look("w/2", vec![lease("w/1", job)]).await.is_empty());
    assert!(claim(&app, "other").await.is_none());
    assert_eq!(execute(&app, "w/1", job).await, Execution::Recorded);
    assert_eq!(run(&app, &id).await["status_code"], "succeeded");
    app.stop().await;
}

async fn a_job_in_hand_is_nobody_elses(db: Db) {
    let app = TestApp::start(db).await;
    let id = start_echo(&app, None).await;
    let held = claim(&app, "first").await.unwrap();
    app.advance(LEASE.checked_sub(Duration::from_millis(1)).unwrap());
    assert!(claim(&app, "second").await.is_none());
    let lease = Lease {
        job_id: held.id,
        worker: "first".to_owned(),
        attempt: held.attempt,
    };
    assert!(app.services().extend_lease(&lease, LEASE).await.unwrap());
    app.advance(LEASE.checked_sub(Duration::from_millis(1)).unwrap());
    assert!(
        claim(&app, "second").await.is_none(),
        "the heartbeat keeps it"
    );
    // Handed back, it may be taken at once, and the attempt does not count.
    app.services().hand_back_job(&lease).await.unwrap();
    let again = claim(&app, "second").await.unwrap();
    assert_eq!(again.attempt, 1);
    assert!(!app.services().extend_lease(&lease, LEASE).await.unwrap());
    assert_eq!(execute(&app, "second", &again).await, Execution::Recorded);
    assert_eq!(run(&app, &id).await["status_code"], "succeeded");
    app.stop().await;
}
