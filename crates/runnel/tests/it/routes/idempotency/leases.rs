//! Whose a key is while its request is at work, and after it was overtaken.

use std::time::Duration;

use runnel_media::sample;
use runnel_testkit::{Begun, Db, Request, Storage, TestApp, on_both_databases, wait_until};
use runnel_types::Timestamp;

use super::{KEY, caller, is_replayed, used};

on_both_databases!(
    a_request_at_work_keeps_its_key_however_long_it_takes,
    a_request_that_was_overtaken_does_nothing,
);

async fn start(db: Db, lease: Duration) -> TestApp {
    TestApp::start_in(db, Storage::Disk, |_, environment| {
        environment.key_lease = lease;
    })
    .await
}

/// A file in one request: the kind of request that may take long.
fn file(app: &TestApp) -> Request {
    Request::new("POST", &app.url("/v1/assets"))
        .key(app.key())
        .header(KEY, "slow")
        .file("a.png", "image/png", &sample::gradient_png(40, 30))
}

/// Until when the key is its request's, once that has begun.
async fn lease_until(app: &TestApp) -> Option<Timestamp> {
    let caller = caller(app, app.services().ids.next()).await;
    let used = used(app.services(), &caller, "slow").await;
    used.map(|used| used.lease_until)
}

/// Begins to send the file, and waits until the server is at it.
async fn begin(app: &TestApp) -> Begun {
    let slow = file(app).begin(200).await;
    wait_until("the key to be taken", || lease_until(app)).await;
    slow
}

async fn assets(app: &TestApp) -> usize {
    let list = app.get("/v1/assets").send().await.assert(200).json();
    list["items"].as_array().unwrap().len()
}

async fn a_request_at_work_keeps_its_key_however_long_it_takes(db: Db) {
    // Its end comes by the clock of the test, its heartbeat by that of the machine.
    let lease = Duration::from_millis(60);
    let app = start(db, lease).await;
    let slow = begin(&app).await;
    for _ in 0..3 {
        app.advance(lease * 2);
        let renewed = app.services().now().plus(lease);
        let app = &app;
        wait_until("the lease to be renewed", || async move {
            (lease_until(app).await == Some(renewed)).then_some(())
        })
        .await;
    }
    let busy = file(&app).send().await.assert_error(409, "CONFLICT");
    assert!(busy["message"].as_str().unwrap().contains("still at work"));
    let first = slow.finish().await.assert(201);
    let again = file(&app).send().await.assert(201);
    assert!(is_replayed(&again));
    assert_eq!(again.body, first.body);
    assert_eq!(assets(&app).await, 1);
    app.stop().await;
}

async fn a_request_that_was_overtaken_does_nothing(db: Db) {
    // So long that no heartbeat comes while the test runs: the process stands still.
    let lease = Duration::from_hours(1);
    let app = start(db, lease).await;
    let slow = begin(&app).await;
    app.advance(lease);
    let busy = file(&app).send().await.assert_error(409, "CONFLICT");
    assert!(busy["message"].as_str().unwrap().contains("still at work"));
    app.advance(Duration::from_micros(1));
    let second = file(&app).send().await.assert(201);
    assert!(!is_replayed(&second));
    let late = slow.finish().await.assert_error(409, "CONFLICT");
    assert!(late["message"].as_str().unwrap().contains("came first"));
    let again = file(&app).send().await.assert(201);
    assert!(is_replayed(&again));
    assert_eq!(again.body, second.body);
    assert_eq!(assets(&app).await, 1);
    app.stop().await;
}
