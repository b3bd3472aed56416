//! `Prefer: wait=N`: the answer comes at the end, or when the time is over.

use std::time::{Duration, Instant};

use runnel_testkit::{Db, Puppet, Request, Response, TestApp, on_both_databases, wait_until};
use serde_json::{Value, json};
use tokio::sync::Notify;

use super::{id, read, with_puppet};

on_both_databases!(
    the_answer_comes_with_the_end,
    another_process_ends_it,
    when_the_time_is_over_the_answer_is_the_run_as_it_is,
    a_run_that_began_meanwhile_is_told_to_be_running,
    preferences_that_cannot_be_met,
    under_a_key_it_is_one_run_and_one_answer,
    a_client_that_leaves_costs_nothing,
    a_server_that_stops_answers_at_once,
);

fn request(app: &TestApp, prefer: &str) -> Request {
    let body = json!({"input": {"text": "hi"}});
    app.post(Puppet::RUNS, &body).header("prefer", prefer)
}

/// Executes what comes, which `puppet` ends well.
async fn execute(app: &TestApp, puppet: &Puppet) {
    let working = wait_until("a run", || async {
        (app.run_jobs().await > 0).then_some(())
    });
    tokio::join!(working, async { puppet.call().await.succeed() });
}

async fn the_answer_comes_with_the_end(db: Db) {
    let (app, puppet) = with_puppet(db).await;
    let (answer, ()) = tokio::join!(
        request(&app, "respond-async, wait=60").send(),
        execute(&app, &puppet)
    );
    let answer = answer.assert(201);
    assert_eq!(answer.header("preference-applied"), Some("wait=60"));
    let run = answer.json();
    assert_eq!(run["status_code"], "succeeded");
    assert_eq!(run["output"]["text"], "hi");
    assert_eq!(run, read(&app, &id(&run)).await);
    assert_eq!(app.services().store.count_watched_runs(), 0);
    app.stop().await;
}

async fn another_process_ends_it(db: Db) {
    let (app, puppet) = with_puppet(db).await;
    let other = app.another().await;
    other.add_model(puppet.entry(|_| {}));
    let (answer, ()) = tokio::join!(request(&app, "wait=60").send(), execute(&other, &puppet));
    assert_eq!(answer.assert(201).json()["status_code"], "succeeded");
    other.stop().await;
    app.stop().await;
}

async fn when_the_time_is_over_the_answer_is_the_run_as_it_is(db: Db) {
    let (app, _puppet) = with_puppet(db).await;
    let begun = Instant::now();
    let answer = request(&app, "wait=1").send().await.assert(201);
    assert!(begun.elapsed() >= Duration::from_secs(1));
    assert_eq!(answer.header("preference-applied"), Some("wait=1"));
    assert_eq!(answer.json()["status_code"], "queued");
    app.stop().await;
}

/// It is looked at when the time is over, not when somebody looked last.
async fn a_run_that_began_meanwhile_is_told_to_be_running(db: Db) {
    let (app, puppet) = with_puppet(db).await;
    let answered = Notify::new();
    let asking = async {
        let answer = request(&app, "wait=1").send().await;
        answered.notify_one();
        answer
    };
    let working = wait_until("a run", || async {
        (app.run_jobs().await > 0).then_some(())
    });
    let (answer, (), ()) = tokio::join!(asking, working, async {
        let call = puppet.call().await;
        answered.notified().await;
        call.succeed();
    });
    let run = answer.assert(201).json();
    assert_eq!(run["status_code"], "running", "{run}");
    assert_ne!(run["started_at"], Value::Null);
    app.stop().await;
}

async fn preferences_that_cannot_be_met(db: Db) {
    let (app, _puppet) = with_puppet(db).await;
    for outside in ["wait=0", "wait=61", "wait=-5"] {
        let error = request(&app, outside).send().await;
        let error = error.assert_error(422, "VALIDATION_ERROR");
        assert_eq!(error["errors"][0]["loc"], json!(["header", "Prefer"]));
    }
    let runs = app.get("/v1/runs").send().await.assert(200).json();
    assert_eq!(runs["items"], json!([]), "nothing was made");
    // RFC 7240: what is not known is passed over.
    for unknown in ["wait=soon", "wait", "return=minimal", "\"", ";;,,"] {
        let answer = request(&app, unknown).send().await.assert(201);
        assert_eq!(answer.header("preference-applied"), None, "{unknown}");
        assert_eq!(answer.json()["status_code"], "queued");
    }
    app.stop().await;
}

async fn under_a_key_it_is_one_run_and_one_answer(db: Db) {
    let (app, puppet) = with_puppet(db).await;
    let ask = || request(&app, "wait=60").header("idempotency-key", "k");
    let (first, (), meanwhile) = tokio::join!(ask().send(), execute(&app, &puppet), async {
        wait_until("a second request that comes too early", || async {
            let answer: Response = ask().send().await;
            // Before the first has its key it may be the first itself.
            (answer.status == 409 || answer.status == 201).then_some(answer)
        })
        .await
    });
    let answers = [first, meanwhile];
    let done: Vec<&Response> = answers.iter().filter(|one| one.status == 201).collect();
    assert!(!done.is_empty());
    let again = ask().send().await.assert(201);
    assert_eq!(again.header("idempotent-replayed"), Some("true"));
    for one in done {
        assert_eq!(one.body, again.body);
    }
    let runs = app.get("/v1/runs").send().await.assert(200).json();
    assert_eq!(runs["items"].as_array().unwrap().len(), 1);
    app.stop().await;
}

async fn a_client_that_leaves_costs_nothing(db: Db) {
    let (app, puppet) = with_puppet(db).await;
    let store = &app.services().store;
    let length = json!({"input": {"text": "hi"}}).to_string().len();
    let open = request(&app, "wait=60").begin(length).await;
    wait_until("the request to wait", || async {
        (store.count_watched_runs() == 1).then_some(())
    })
    .await;
    drop(open);
    wait_until("nobody to wait", || async {
        (store.count_watched_runs() == 0).then_some(())
    })
    .await;
    execute(&app, &puppet).await;
    let runs = app.get("/v1/runs").send().await.assert(200).json();
    let statuses: Vec<&Value> = runs["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|run| &run["status_code"])
        .collect();
    assert_eq!(statuses, ["succeeded"]);
    app.stop().await;
}

async fn a_server_that_stops_answers_at_once(db: Db) {
    let (app, _puppet) = with_puppet(db).await;
    let asking = tokio::spawn(request(&app, "wait=60").send());
    wait_until("the request to wait", || async {
        (app.services().store.count_watched_runs() == 1).then_some(())
    })
    .await;
    let begun = Instant::now();
    app.stop().await;
    assert!(begun.elapsed() < Duration::from_secs(10));
    let answer = asking.await.unwrap().assert(201);
    assert_eq!(answer.json()["status_code"], "queued");
}
