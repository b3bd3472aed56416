//! A clock that steps back an hour: what is due stays due, what was planned by
//! the later clock waits for it, and nothing is lost or sent again and again.

use std::time::Duration;

use runnel_testkit::{Conduct, Db, TestApp, UnrulyReceiver, on_both_databases, wait_until};
use runnel_types::Clock;
use serde_json::{Value, json};

use super::{allowing, delivery, echo_with_callback};

on_both_databases!(
    a_callback_that_is_due_does_not_wait_for_the_clock,
    a_retry_waits_for_the_clock_and_comes_once,
    an_attempt_that_the_clock_steps_back_under_is_recorded_and_retried_by_it,
);

const HOUR: Duration = Duration::from_hours(1);

fn step_back(app: &TestApp) {
    app.clock.set(app.clock.now().minus(HOUR));
}

/// Ends a run without a worker, so that its callback is planned and not attempted.
async fn canceled_with_callback(app: &TestApp, url: &str) -> String {
    let path = echo_with_callback(app, url).await;
    let cancellation = path.replace("/callback", "/cancellation");
    let ended = app.post(&cancellation, &json!({})).send().await;
    assert_eq!(ended.assert(201).json()["status_code"], "canceled");
    path
}

fn told(delivery: &Value) -> (&str, u64) {
    (
        delivery["status_code"].as_str().unwrap(),
        delivery["attempt_count"].as_u64().unwrap(),
    )
}

async fn a_callback_that_is_due_does_not_wait_for_the_clock(db: Db) {
    let app = allowing(db).await;
    let receiver = UnrulyReceiver::start(Conduct::answer(200, "")).await;
    let path = canceled_with_callback(&app, &receiver.url()).await;
    step_back(&app);
    app.run_jobs().await;
    let taken = delivery(&app, &path).await;
    assert_eq!(told(&taken), ("succeeded", 1), "{taken}");
    // Neither then nor when the clock is right again.
    app.advance(HOUR * 30);
    app.run_jobs().await;
    assert_eq!(receiver.received().len(), 1);
    app.stop().await;
}

async fn a_retry_waits_for_the_clock_and_comes_once(db: Db) {
    let app = allowing(db).await;
    let receiver = UnrulyReceiver::start(Conduct::answer(500, "")).await;
    let path = echo_with_callback(&app, &receiver.url()).await;
    app.run_jobs().await;
    assert_eq!(told(&delivery(&app, &path).await), ("pending", 1));
    step_back(&app);
    for _ in 0..10 {
        app.advance(Duration::from_secs(6));
        assert_eq!(app.run_jobs().await, 0, "it was planned for later");
    }
    receiver.conduct(Conduct::answer(200, ""));
    app.advance(HOUR);
    app.run_jobs().await;
    let taken = delivery(&app, &path).await;
    assert_eq!(told(&taken), ("succeeded", 2), "{taken}");
    assert_eq!(receiver.received().len(), 2);
    app.stop().await;
}

async fn an_attempt_that_the_clock_steps_back_under_is_recorded_and_retried_by_it(db: Db) {
    let app = allowing(db).await;
    let receiver = UnrulyReceiver::start(Conduct::Hold).await;
    let path = echo_with_callback(&app, &receiver.url()).await;
    let stepping = async {
        wait_until("the attempt to be under way", || async {
            (receiver.received().len() == 1).then_some(())
        })
        .await;
        step_back(&app);
        receiver.conduct(Conduct::answer(503, "later"));
    };
    tokio::join!(app.run_jobs(), stepping);
    let pending = delivery(&app, &path).await;
    assert_eq!(told(&pending), ("pending", 1), "{pending}");
    assert_eq!(pending["attempts"][0]["response_body"], "later");
    assert_eq!(app.run_jobs().await, 0);
    receiver.conduct(Conduct::answer(200, ""));
    // The pause of five seconds and its jitter, by the clock as it is now.
    app.advance(Duration::from_secs(6));
    app.run_jobs().await;
    let taken = delivery(&app, &path).await;
    assert_eq!(told(&taken), ("succeeded", 2), "{taken}");
    app.advance(HOUR * 30);
    assert_eq!(app.run_jobs().await, 0);
    assert_eq!(receiver.received().len(), 2);
    app.stop().await;
}
