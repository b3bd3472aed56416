//! What an engine tells: bounded, in order, and of the worker alone that has
//! the run.

use std::time::Duration;

use runnel_domain::runs::{Execution, Lease};
use runnel_engines::EngineError;
use runnel_testkit::{Db, TestApp, on_both_databases, wait_until};
use runnel_types::{Job, LogLevel};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::{log, read, start, with_puppet};

on_both_databases!(
    a_chatty_engine_fills_no_database,
    progress_goes_forward_alone,
    a_worker_that_lost_its_run_tells_nothing,
    a_run_has_no_steps_and_says_where_to_read_on,
);

/// How many lines a run's log has.
async fn lines(app: &TestApp, id: &str) -> i64 {
    let org = read(app, id).await["org_id"].as_str().unwrap().to_owned();
    let read = app.services().store.read();
    let mut runs = read.runs();
    let pulse = runs.pulse(org.parse().unwrap(), id.parse().unwrap()).await;
    pulse.unwrap().unwrap().log_lines
}

async fn a_chatty_engine_fills_no_database(db: Db) {
    let (app, puppet) = with_puppet(db).await;
    let id = start(&app).await;
    let steps = async {
        let call = puppet.call().await;
        let mut last = 0;
        while last < 1001 {
            for _ in 0..64 {
                let message = "x".repeat(5000);
                call.work.reporter.log(LogLevel::Info, message);
            }
            last = wait_until("more lines", || async {
                let now = lines(&app, &id).await;
                (now > last).then_some(now)
            })
            .await;
        }
        for _ in 0..64 {
            call.work.reporter.log(LogLevel::Info, "and more");
        }
        call.work.reporter.progress(1.0);
        call.answer(Err(EngineError::failed("enough")));
    };
    tokio::join!(app.run_jobs(), steps);
    // The reason of the end is there all the same.
    assert_eq!(lines(&app, &id).await, 1002);
    let first = &log(&app, &id).await[0].1;
    assert_eq!(first.chars().count(), 4097);
    let path = format!("/v1/runs/{id}/logs?limit=2&from_prev=true");
    let page = app.get(&path).send().await.assert(200).json();
    let last: Vec<&Value> = page["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|line| &line["message"])
        .collect();
    assert!(
        last[0]
            .as_str()
            .unwrap()
            .starts_with("the log has 1000 lines"),
        "{last:?}"
    );
    assert_eq!(last[1], "enough");
    app.stop().await;
}

async fn progress_goes_forward_alone(db: Db) {
    let (app, puppet) = with_puppet(db).await;
    let id = start(&app).await;
    let steps = async {
        let call = puppet.call().await;
        for (told, shown) in [(0.25, 0.25), (0.125, 0.25), (0.75, 0.75), (7.0, 1.0)] {
            call.work.reporter.progress(told);
            // A line behind it says when it has been recorded.
            let before = lines(&app, &id).await;
            call.work.reporter.log(LogLevel::Debug, "told");
            wait_until("the report", || async {
                (lines(&app, &id).await > before).then_some(())
            })
            .await;
            assert_eq!(read(&app, &id).await["progress"], json!(shown));
        }
        call.succeed();
    };
    tokio::join!(app.run_jobs(), steps);
    app.stop().await;
}

/// A lease that ends while its worker lives: another one has the run then.
async fn a_worker_that_lost_its_run_tells_nothing(db: Db) {
    let (app, puppet) = with_puppet(db).await;
    let id = start(&app).await;
    let lease = Duration::from_secs(10);
    let claim = async |worker: &str| {
        let mut claimed = app.services().claim_jobs(1, worker, lease).await.unwrap();
        let claimed = claimed.pop().unwrap();
        let Job::ExecuteRun { org_id, run_id } = claimed.job else {
            panic!("{claimed:?} is no run");
        };
        let lease = Lease {
            job_id: claimed.id,
            worker: worker.to_owned(),
            attempt: claimed.attempt,
        };
        (org_id, run_id, lease)
    };
    let execute = async |(org, run, lease)| {
        let stop = CancellationToken::new();
        let services = app.services();
        services.execute_run(org, run, &lease, &stop).await.unwrap()
    };
    let first = claim("first").await;
    let story = async {
        let late = puppet.call().await;
        late.work.reporter.log(LogLevel::Info, "first");
        wait_until("its line", || async {
            (lines(&app, &id).await == 1).then_some(())
        })
        .await;
        app.advance(lease + Duration::from_millis(1));
        let second = claim("second").await;
        let steps = async {
            let call = puppet.call().await;
            assert_eq!(call.work.attempt, 2);
            late.work.reporter.log(LogLevel::Info, "late");
            late.work.reporter.progress(0.9);
            late.succeed();
            call.work.reporter.log(LogLevel::Info, "second");
            call.work.reporter.progress(0.5);
            // It would be passed over if the late one's were there.
            wait_until("its progress", || async {
                (read(&app, &id).await["progress"] == 0.5).then_some(())
            })
            .await;
            call.succeed();
        };
        tokio::join!(execute(second), steps).0
    };
    let (late, second) = tokio::join!(execute(first), story);
    assert_eq!(late, Execution::Stale);
    assert_eq!(second, Execution::Recorded);
    let ended = read(&app, &id).await;
    assert_eq!(
        (&ended["status_code"], &ended["progress"]),
        (&json!("succeeded"), &json!(1.0))
    );
    let messages: Vec<String> = log(&app, &id)
        .await
        .into_iter()
        .map(|line| line.1)
        .collect();
    assert_eq!(messages, ["first", "second"]);
    app.stop().await;
}

async fn a_run_has_no_steps_and_says_where_to_read_on(db: Db) {
    let (app, _puppet) = with_puppet(db).await;
    let id = start(&app).await;
    let run = read(&app, &id).await;
    assert_eq!(run["has_node_runs"], false);
    for (name, end) in [
        ("self", ""),
        ("logs", "/logs"),
        ("events", "/events"),
        ("node_runs", "/node-runs"),
        ("callback", "/callback"),
    ] {
        assert_eq!(run["links"][name], format!("/v1/runs/{id}{end}"));
    }
    let path = run["links"]["node_runs"].as_str().unwrap();
    let steps = app.get(path).send().await.assert(200).json();
    assert_eq!(
        (&steps["items"], &steps["next"]),
        (&json!([]), &Value::Null)
    );
    app.stop().await;
}
