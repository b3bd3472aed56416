//! What fails in a way that may pass is executed again, so often and no more;
//! an engine without room is waited for.

use std::time::Duration;

use runnel_engines::EngineError;
use runnel_testkit::{Db, Puppet, Receiver, TestApp, on_both_databases};
use serde_json::{Value, json};

use super::{id, log, read, start, told, with_puppet};

on_both_databases!(
    what_may_pass_is_tried_again_after_growing_pauses,
    what_does_not_pass_ends_at_once,
    the_last_attempt_ends_with_its_reason,
    an_engine_without_room_is_waited_for,
    a_wait_after_something_else_is_told_again,
    a_time_limit_ends_the_run,
);

/// Lets one execution end as `result` says; answers with its number.
async fn execute(app: &TestApp, puppet: &Puppet, result: Result<(), EngineError>) -> u32 {
    let steps = async {
        let call = puppet.call().await;
        let attempt = call.work.attempt;
        match result {
            Ok(()) => call.succeed(),
            Err(error) => call.answer(Err(error)),
        }
        attempt
    };
    tokio::join!(app.run_jobs(), steps).1
}

fn away() -> EngineError {
    EngineError::unavailable("the engine does not answer")
}

async fn what_may_pass_is_tried_again_after_growing_pauses(db: Db) {
    let (app, puppet) = with_puppet(db).await;
    let id = start(&app).await;
    let steps = async {
        let call = puppet.call().await;
        call.work.reporter.progress(0.7);
        call.answer(Err(away()));
    };
    tokio::join!(app.run_jobs(), steps);
    let waiting = read(&app, &id).await;
    assert_eq!(waiting["status_code"], "running");
    assert_eq!(waiting["failure_code"], Value::Null);
    // Not before the pause is over: 2 s and at most a quarter more.
    app.advance(Duration::from_millis(1999));
    assert_eq!(app.run_jobs().await, 0);
    app.advance(Duration::from_millis(502));
    let asks_for_time = EngineError::failed("too many requests")
        .passing()
        .after(Some(Duration::from_secs(30)));
    assert_eq!(execute(&app, &puppet, Err(asks_for_time)).await, 2);
    assert_eq!(
        read(&app, &id).await["progress"],
        Value::Null,
        "it begins again"
    );
    app.advance(Duration::from_millis(29_999));
    assert_eq!(app.run_jobs().await, 0);
    app.advance(Duration::from_millis(1));
    assert_eq!(execute(&app, &puppet, Ok(())).await, 3);
    let ended = read(&app, &id).await;
    assert_eq!(ended["status_code"], "succeeded");
    assert_eq!(ended["started_at"], waiting["started_at"]);
    let lines = log(&app, &id).await;
    let warning = |text: &str| ("warning".to_owned(), text.to_owned());
    assert_eq!(
        lines,
        [
            warning("attempt 2 of 3 in 2 s: the engine does not answer"),
            warning("attempt 3 of 3 in 30 s: too many requests"),
        ]
    );
    app.stop().await;
}

async fn what_does_not_pass_ends_at_once(db: Db) {
    let (app, puppet) = with_puppet(db).await;
    for (error, code, stage) in [
        (EngineError::failed("no"), "ENGINE_ERROR", "inference"),
        (
            EngineError::invalid_input("no"),
            "INPUT_VALIDATION_FAILED",
            "preprocess",
        ),
        (
            EngineError::output_invalid("no"),
            "OUTPUT_INVALID",
            "postprocess",
        ),
    ] {
        let id = start(&app).await;
        assert_eq!(execute(&app, &puppet, Err(error)).await, 1);
        let ended = read(&app, &id).await;
        assert_eq!(ended["status_code"], "failed");
        assert_eq!(
            (&ended["failure_code"], &ended["failure_stage_code"]),
            (&json!(code), &json!(stage))
        );
        assert_eq!(ended["failure_message"], "no");
    }
    app.advance(Duration::from_hours(1));
    assert_eq!(app.run_jobs().await, 0);
    app.stop().await;
}

async fn the_last_attempt_ends_with_its_reason(db: Db) {
    let (app, puppet) = with_puppet(db).await;
    let receiver = Receiver::start(&[]).await;
    let body = json!({"input": {}, "callback_url": receiver.url()});
    let made = app.post(Puppet::RUNS, &body).send().await.assert(201);
    let id = id(&made.json());
    for attempt in 1..=3 {
        assert_eq!(execute(&app, &puppet, Err(away())).await, attempt);
        app.advance(Duration::from_mins(1));
    }
    let ended = read(&app, &id).await;
    assert_eq!(ended["status_code"], "failed");
    assert_eq!(ended["failure_code"], "ENGINE_UNAVAILABLE");
    assert_eq!(ended["failure_stage_code"], "dispatch");
    assert_eq!(
        ended["failure_message"],
        "the engine does not answer (attempt 3 of 3)"
    );
    app.run_jobs().await;
    assert!(!puppet.is_called().await);
    let told = told(&receiver);
    assert_eq!(told.len(), 1);
    assert_eq!(told[0]["output"]["error"]["code"], "ENGINE_UNAVAILABLE");
    app.stop().await;
}

async fn an_engine_without_room_is_waited_for(db: Db) {
    let (app, puppet) = with_puppet(db).await;
    let id = start(&app).await;
    // Far more often than a run is executed.
    for _ in 0..10 {
        let busy = EngineError::busy("its one slot is taken");
        assert_eq!(execute(&app, &puppet, Err(busy)).await, 1);
        let waiting = read(&app, &id).await;
        assert_eq!(waiting["status_code"], "queued");
        assert_eq!(waiting["started_at"], Value::Null);
        app.advance(Duration::from_millis(249));
        assert_eq!(app.run_jobs().await, 0, "not at once");
        app.advance(Duration::from_secs(13));
    }
    let for_a_minute = EngineError::busy("overloaded").after(Some(Duration::from_mins(1)));
    assert_eq!(execute(&app, &puppet, Err(for_a_minute)).await, 1);
    app.advance(Duration::from_secs(59));
    assert_eq!(app.run_jobs().await, 0, "it asked for a minute");
    app.advance(Duration::from_secs(1));
    assert_eq!(execute(&app, &puppet, Ok(())).await, 1);
    assert_eq!(read(&app, &id).await["status_code"], "succeeded");
    let waits = |reason: &str| ("info".to_owned(), format!("waiting: {reason}"));
    assert_eq!(
        log(&app, &id).await,
        [waits("its one slot is taken"), waits("overloaded")],
        "each reason once"
    );
    app.stop().await;
}

async fn a_wait_after_something_else_is_told_again(db: Db) {
    let (app, puppet) = with_puppet(db).await;
    let id = start(&app).await;
    let busy = || Err(EngineError::busy("its one slot is taken"));
    for answer in [busy(), busy(), Err(away()), busy(), busy(), Ok(())] {
        execute(&app, &puppet, answer).await;
        app.advance(Duration::from_mins(1));
    }
    assert_eq!(read(&app, &id).await["status_code"], "succeeded");
    let lines = log(&app, &id).await;
    let begins: Vec<&str> = lines.iter().map(|(_, line)| &line[..9]).collect();
    assert_eq!(begins, ["waiting: ", "attempt 2", "waiting: "]);
    app.stop().await;
}

async fn a_time_limit_ends_the_run(db: Db) {
    let (app, puppet) = with_puppet(db).await;
    app.add_model(puppet.entry(|spec| spec.time_limit_s = 1));
    let id = start(&app).await;
    let steps = async {
        let call = puppet.call().await;
        call.told_to_stop().await;
        // Late is late, even in the moment that it gets to clean up.
        call.succeed();
    };
    tokio::join!(app.run_jobs(), steps);
    let ended = read(&app, &id).await;
    assert_eq!(
        (&ended["failure_code"], &ended["failure_stage_code"]),
        (&json!("TIMEOUT"), &json!("inference"))
    );
    assert_eq!(
        ended["failure_message"],
        "the model did not end within its limit of 1 s"
    );
    app.stop().await;
}
