//! What stays the trouble of one sender, and of one receiver.

use std::time::Duration;

use runnel_media::sample;
use runnel_testkit::{Db, Receiver, Request, on_both_databases};
use runnel_types::CallbackSecret;
use serde_json::json;

use super::{allowing, delivery, echo_with_callback, owe};

on_both_databases!(
    a_webhook_that_moved_to_one_that_is_away_waits_for_it,
    secrets_that_cannot_be_read_delay_nobody_else,
);

/// Its delivery stands in the lane of the receiver that it was made for.
async fn a_webhook_that_moved_to_one_that_is_away_waits_for_it(db: Db) {
    let app = allowing(db).await;
    let before = Receiver::start(&[500]).await;
    let after = Receiver::start(&[503; 5]).await;
    let hook = json!({"url": before.url(), "event_types": ["asset.created"]});
    let hook = app.post("/v1/webhooks", &hook).send().await.assert(201);
    let hook = format!("/v1/webhooks/{}", hook.json()["id"].as_str().unwrap());
    app.asset("image/png", &sample::gradient_png(4, 4)).await;
    assert_eq!(app.run_jobs().await, 1);
    let moved = app.patch(&hook, &json!({"url": after.url()})).send().await;
    moved.assert(200);
    app.advance(Duration::from_secs(3));
    for _ in 0..5 {
        owe(&app, after.url()).await;
    }
    assert_eq!(app.run_jobs().await, 5, "the circuit opens for 5 s");
    app.advance(Duration::from_secs(3));
    assert_eq!(app.run_jobs().await, 0, "it is due, and not sent");
    let listed = app.get(&format!("{hook}/deliveries")).send().await;
    let waiting = listed.assert(200).json()["items"][0].clone();
    assert_eq!(
        (
            &waiting["status_code"],
            waiting["attempts"].as_array().unwrap().len()
        ),
        (&json!("pending"), 1),
        "{waiting}"
    );
    app.advance(Duration::from_secs(2));
    app.run_jobs().await;
    let told = after.received();
    assert!(
        told.iter()
            .any(|(_, body)| body.starts_with(b"{\"event\":\"asset.created\"")),
        "{told:?}"
    );
    assert_eq!(before.received().len(), 1);
    app.stop().await;
}

async fn secrets_that_cannot_be_read_delay_nobody_else(db: Db) {
    let app = allowing(db).await;
    let receiver = Receiver::start(&[]).await;
    let key = app.foreign_key().await;
    let theirs = |method: &str, path: &str| Request::new(method, &app.url(path)).key(&key);
    let secrets = theirs("POST", "/v1/callback-secrets");
    let made = secrets.json(&json!({})).send().await.assert(201).json();
    let secret = made["id"].as_str().unwrap().to_owned();
    let org = made["org_id"].as_str().unwrap().parse().unwrap();
    // As it would be after a row was damaged.
    let store = &app.services().store;
    let read = store.read();
    let live = read.callback_secrets().live(org).await.unwrap();
    let damaged = CallbackSecret {
        id: app.services().ids.next(),
        is_current: false,
        ..live[0].0.clone()
    };
    let mut tx = store.begin().await.unwrap();
    let inserted = tx.callback_secrets().insert(&damaged, "no secret").await;
    inserted.unwrap();
    tx.commit().await.unwrap();
    let body = json!({"input": {"text": "hi"}, "callback_url": receiver.url()});
    let run = theirs("POST", "/v1/models/runnel/echo/runs").json(&body);
    run.send().await.assert(201);
    let ours = echo_with_callback(&app, receiver.url()).await;
    app.run_jobs().await;
    let told = delivery(&app, &ours).await;
    assert_eq!(told["status_code"], "succeeded", "{told}");
    assert_eq!(receiver.received().len(), 1, "nothing is sent unsigned");
    // It goes when what signs can be read again.
    for id in [secret, damaged.id.to_string()] {
        let retired = theirs("DELETE", &format!("/v1/callback-secrets/{id}"));
        retired.send().await.assert(204);
    }
    app.advance(Duration::from_secs(5));
    assert_eq!(app.run_jobs().await, 1);
    assert_eq!(receiver.received().len(), 2);
    app.stop().await;
}
