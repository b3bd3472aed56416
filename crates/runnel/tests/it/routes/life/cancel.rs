//! `POST /v1/runs/{id}/cancellation`: a run that is cancelled has one end.

use std::time::Duration;

use futures_util::{StreamExt, stream};
use runnel_engines::{EngineError, OutputContent, Product};
use runnel_media::sample;
use runnel_testkit::{Db, Puppet, Receiver, Response, TestApp, on_both_databases};
use serde_json::{Value, json};

use super::{id, log, read, start, told, with_puppet};

on_both_databases!(
    a_queued_run_never_starts,
    a_running_run_is_called_off_and_its_result_is_dropped,
    what_was_stored_of_its_outputs_goes,
    a_run_in_another_process_is_stopped,
    reasons_that_are_none_change_nothing,
    cancelled_while_it_ends_it_has_one_end,
    two_cancellations_at_once_are_one,
    in_the_pause_before_another_attempt_it_ends_too,
    a_run_that_has_ended_is_left_as_it_is,
);

async fn cancel(app: &TestApp, id: &str, body: &Value) -> Response {
    let path = format!("/v1/runs/{id}/cancellation");
    app.post(&path, body).send().await
}

async fn a_queued_run_never_starts(db: Db) {
    let (app, puppet) = with_puppet(db).await;
    let receiver = Receiver::start(&[]).await;
    let body = json!({"input": {}, "callback_url": receiver.url(), "metadata": {"a": 1}});
    let made = app.post(Puppet::RUNS, &body).send().await.assert(201);
    let id = id(&made.json());
    let path = format!("/v1/admin/runs/{id}/cancellation");
    let request = app.post(&path, &json!({"reason": "no longer needed"}));
    let ended = request.send().await.assert(201).json();
    assert_eq!(ended["status_code"], "canceled");
    assert_eq!(ended["output"], Value::Null);
    assert_eq!(ended["failure_code"], Value::Null);
    assert_eq!(ended["started_at"], Value::Null);
    assert!(ended["completed_at"].is_string());
    assert_eq!(ended, read(&app, &id).await);
    let again = cancel(&app, &id, &json!({})).await.assert(200).json();
    assert_eq!(again, ended);
    assert_eq!(app.run_jobs().await, 1, "the callback alone");
    assert!(!puppet.is_called().await);
    let told = told(&receiver);
    assert_eq!(told.len(), 1);
    assert_eq!(
        (&told[0]["event"], &told[0]["status"], &told[0]["output"]),
        (&json!("run.cancelled"), &json!("cancelled"), &Value::Null)
    );
    assert_eq!(told[0]["metadata"], json!({"a": 1}));
    let line = ("info".to_owned(), "cancelled: no longer needed".to_owned());
    assert_eq!(log(&app, &id).await, [line]);
    app.stop().await;
}

async fn a_running_run_is_called_off_and_its_result_is_dropped(db: Db) {
    let (app, puppet) = with_puppet(db).await;
    let picture = app.asset("image/png", &sample::gradient_png(8, 8)).await;
    let body = json!({"input": {"image_url": format!("runflow://assets/{}", picture["id"].as_str().unwrap())}});
    let made = app.post(Puppet::RUNS, &body).send().await.assert(201);
    let id = id(&made.json());
    let before = app.objects();
    let steps = async {
        let call = puppet.call().await;
        assert_eq!(read(&app, &id).await["status_code"], "running");
        let ended = cancel(&app, &id, &json!({"reason": "a mistake"})).await;
        assert_eq!(ended.assert(201).json()["status_code"], "canceled");
        call.told_to_stop().await;
        // What it made all the same is late.
        call.work.reporter.progress(0.9);
        call.succeed();
    };
    tokio::join!(app.run_jobs(), steps);
    let ended = read(&app, &id).await;
    assert_eq!(
        (&ended["status_code"], &ended["output"], &ended["progress"]),
        (&json!("canceled"), &Value::Null, &Value::Null)
    );
    assert!(ended["started_at"].is_string());
    app.advance(Duration::from_hours(1));
    assert_eq!(app.run_jobs().await, 0, "nothing is left to do");
    assert_eq!(app.objects(), before);
    app.stop().await;
}

/// The engine is done, and its output still comes.
async fn what_was_stored_of_its_outputs_goes(db: Db) {
    let (app, puppet) = with_puppet(db).await;
    let id = start(&app).await;
    let file = |content| ("made.png".to_owned(), content);
    let png = sample::gradient_png(8, 8);
    let steps = async {
        let call = puppet.call().await;
        let (began, begun) = tokio::sync::oneshot::channel();
        let first = stream::once(async move {
            began.send(()).unwrap();
            Ok(png.into())
        });
        let endless = first.chain(stream::pending()).boxed();
        call.answer(Ok(Product::of_files(
            "image_urls",
            vec![
                file(OutputContent::Bytes(sample::gradient_png(9, 9))),
                file(OutputContent::Stream(endless)),
            ],
        )));
        begun.await.unwrap();
        cancel(&app, &id, &json!({})).await.assert(201);
    };
    tokio::join!(app.run_jobs(), steps);
    assert_eq!(read(&app, &id).await["output"], Value::Null);
    assert!(app.objects().is_empty(), "{:?}", app.objects());
    app.stop().await;
}

async fn a_run_in_another_process_is_stopped(db: Db) {
    let (app, puppet) = with_puppet(db).await;
    let other = app.another().await;
    other.add_model(puppet.entry(|_| {}));
    let id = start(&app).await;
    let steps = async {
        let mut call = puppet.call().await;
        cancel(&app, &id, &json!({})).await.assert(201);
        call.told_to_stop().await;
        // An engine that does not listen is left alone after a moment.
        call.dropped().await;
    };
    tokio::join!(other.run_jobs(), steps);
    assert_eq!(read(&app, &id).await["status_code"], "canceled");
    other.stop().await;
    app.stop().await;
}

async fn reasons_that_are_none_change_nothing(db: Db) {
    let (app, _puppet) = with_puppet(db).await;
    let id = start(&app).await;
    for reason in [
        json!("ab"),
        json!(""),
        json!("x".repeat(501)),
        json!(7),
        json!(["no"]),
    ] {
        let error = cancel(&app, &id, &json!({"reason": reason})).await;
        let error = error.assert_error(422, "VALIDATION_ERROR");
        assert_eq!(error["errors"][0]["field"], "reason", "{error}");
    }
    assert_eq!(read(&app, &id).await["status_code"], "queued");
    let just_inside = json!({"reason": "é".repeat(500)});
    cancel(&app, &id, &just_inside).await.assert(201);
    let second = start(&app).await;
    let nothing = json!({"reason": null});
    cancel(&app, &second, &nothing).await.assert(201);
    app.stop().await;
}

async fn cancelled_while_it_ends_it_has_one_end(db: Db) {
    let (app, puppet) = with_puppet(db).await;
    let receiver = Receiver::start(&[]).await;
    let mut ends = Vec::new();
    for round in 0..12 {
        let body = json!({"input": {}, "callback_url": receiver.url()});
        let made = app.post(Puppet::RUNS, &body).send().await.assert(201);
        let id = id(&made.json());
        let steps = async {
            let call = puppet.call().await;
            if round % 2 == 0 {
                call.succeed();
                cancel(&app, &id, &json!({})).await
            } else {
                let nothing = json!({});
                let cancelling = cancel(&app, &id, &nothing);
                let ending = async { call.succeed() };
                tokio::join!(cancelling, ending).0
            }
        };
        let (_, answer) = tokio::join!(app.run_jobs(), steps);
        let ended = read(&app, &id).await;
        let (status, event) = match answer.status {
            201 => ("canceled", "run.cancelled"),
            _ => ("succeeded", "run.completed"),
        };
        assert_eq!(ended["status_code"], status);
        // The answer tells the run as it ended.
        assert_eq!(answer.json(), ended);
        app.run_jobs().await;
        ends.push(event);
    }
    let told: Vec<Value> = told(&receiver)
        .iter()
        .map(|told| told["event"].clone())
        .collect();
    assert_eq!(told, ends, "each end is told once");
    app.stop().await;
}

async fn two_cancellations_at_once_are_one(db: Db) {
    let (app, _puppet) = with_puppet(db).await;
    for _ in 0..5 {
        let id = start(&app).await;
        let nothing = json!({});
        let (one, two, three) = tokio::join!(
            cancel(&app, &id, &nothing),
            cancel(&app, &id, &nothing),
            cancel(&app, &id, &nothing),
        );
        let mut statuses = [one.status, two.status, three.status];
        statuses.sort_unstable();
        assert_eq!(statuses, [200, 200, 201]);
        assert_eq!(one.json(), two.json());
        assert_eq!(log(&app, &id).await.len(), 1);
    }
    // Asked again under the same key, the answer is the first one.
    let id = start(&app).await;
    let path = format!("/v1/runs/{id}/cancellation");
    let ask = || app.post(&path, &json!({})).header("idempotency-key", "k");
    let first = ask().send().await.assert(201);
    let again = ask().send().await.assert(201);
    assert_eq!(first.body, again.body);
    app.stop().await;
}

async fn in_the_pause_before_another_attempt_it_ends_too(db: Db) {
    let (app, puppet) = with_puppet(db).await;
    let id = start(&app).await;
    let steps = async {
        let call = puppet.call().await;
        call.answer(Err(EngineError::unavailable("the engine is away")));
    };
    tokio::join!(app.run_jobs(), steps);
    assert_eq!(read(&app, &id).await["status_code"], "running");
    let ended = cancel(&app, &id, &json!({})).await.assert(201).json();
    assert_eq!(ended["status_code"], "canceled");
    app.advance(Duration::from_hours(1));
    assert_eq!(app.run_jobs().await, 0);
    assert!(!puppet.is_called().await);
    app.stop().await;
}

async fn a_run_that_has_ended_is_left_as_it_is(db: Db) {
    let (app, puppet) = with_puppet(db).await;
    let id = start(&app).await;
    let steps = async { puppet.call().await.succeed() };
    tokio::join!(app.run_jobs(), steps);
    let ended = read(&app, &id).await;
    assert_eq!(ended["status_code"], "succeeded");
    let reason = json!({"reason": "too late"});
    let answer = cancel(&app, &id, &reason).await.assert(200).json();
    assert_eq!(answer, ended);
    assert!(log(&app, &id).await.is_empty());
    app.stop().await;
}
