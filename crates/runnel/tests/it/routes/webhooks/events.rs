//! The ends of runs and batches, told to whoever hears of them.

use runnel_testkit::{Db, Receiver, on_both_databases};
use serde_json::{Value, json};

use super::{bodies, deliveries, echo, events, id, start, webhook};

on_both_databases!(
    a_run_with_a_callback_is_told_to_both_in_the_same_bytes,
    each_webhook_hears_of_what_it_subscribed_to,
    the_items_of_a_batch_and_the_batch_are_told,
    another_organization_hears_of_nothing,
);

async fn a_run_with_a_callback_is_told_to_both_in_the_same_bytes(db: Db) {
    let app = start(db).await;
    let (callback, receiver) = (Receiver::start(&[]).await, Receiver::start(&[]).await);
    let webhook = webhook(&app, &receiver, &[]).await;
    let body =
        json!({"input": {"text": "hi"}, "metadata": {"a": 1}, "callback_url": callback.url()});
    let run = echo(&app, body).await;
    let [(_, called)] = &callback.received_exactly()[..] else {
        panic!("one callback");
    };
    let [(head, heard)] = &receiver.received()[..] else {
        panic!("one event");
    };
    assert_eq!(called, heard);
    assert_eq!(bodies(&receiver)[0]["run_id"], run["id"]);
    let sent = deliveries(&app, id(&webhook), "").await;
    assert_eq!(sent.len(), 1);
    assert_eq!(sent[0]["event_type_code"], "run.completed");
    assert_eq!(sent[0]["payload"], bodies(&receiver)[0]);
    assert_eq!(sent[0]["status_code"], "succeeded");
    assert_eq!(sent[0]["webhook_id"], webhook["id"]);
    assert!(head.contains(&format!("webhook-id: {}", id(&sent[0]))));

    // Neither list shows what belongs to the other.
    let path = format!("/v1/runs/{}/callback", id(&run));
    let of_run = app.get(&path).send().await.assert(200).json();
    assert_eq!(of_run.as_array().unwrap().len(), 1);
    assert_ne!(of_run[0]["id"], sent[0]["id"]);
    let stray = format!("/v1/webhooks/any/deliveries/{}", id(&of_run[0]));
    let stray = app.get(&stray).send().await;
    stray.assert_error(404, "DELIVERY_NOT_FOUND");
    assert_eq!(deliveries(&app, "any", "").await, sent);
    // A webhook's delivery holds up no callback.
    let again = format!("/v1/runs/{}/callback-redeliveries", id(&run));
    app.post(&again, &json!({})).send().await.assert(201);
    app.run_jobs().await;
    assert_eq!(callback.received().len(), 2);
    assert_eq!(receiver.received().len(), 1);
    app.stop().await;
}

async fn each_webhook_hears_of_what_it_subscribed_to(db: Db) {
    let app = start(db).await;
    let [all, ends, cancelled, assets] = [
        Receiver::start(&[]).await,
        Receiver::start(&[]).await,
        Receiver::start(&[]).await,
        Receiver::start(&[]).await,
    ];
    webhook(&app, &all, &[]).await;
    webhook(&app, &ends, &["run.completed", "run.failed"]).await;
    webhook(&app, &cancelled, &["run.cancelled"]).await;
    webhook(&app, &assets, &["asset.created"]).await;
    echo(&app, json!({"input": {"text": "hi"}})).await;
    let doomed = app.post("/v1/models/runnel/echo/runs", &json!({"input": {}}));
    let doomed = doomed.send().await.assert(201).json();
    let cancel = format!("/v1/runs/{}/cancellation", id(&doomed));
    app.post(&cancel, &json!({})).send().await.assert(201);
    app.run_jobs().await;
    assert_eq!(events(&all), ["run.cancelled", "run.completed"]);
    assert_eq!(events(&ends), ["run.completed"]);
    assert_eq!(events(&cancelled), ["run.cancelled"]);
    assert_eq!(events(&assets), [] as [String; 0]);
    let body = &bodies(&cancelled)[0];
    assert_eq!(
        (&body["status"], &body["output"]),
        (&json!("cancelled"), &Value::Null)
    );
    app.stop().await;
}

async fn the_items_of_a_batch_and_the_batch_are_told(db: Db) {
    let app = start(db).await;
    let (callback, receiver) = (Receiver::start(&[]).await, Receiver::start(&[]).await);
    webhook(&app, &receiver, &[]).await;
    let batch = json!({"input": [{"text": "a"}, {"text": "b"}], "callback_url": callback.url()});
    let path = "/v1/models/runnel/echo/batches";
    let batch = app.post(path, &batch).send().await.assert(201).json();
    app.run_jobs().await;
    assert_eq!(
        events(&receiver),
        ["batch.succeeded", "run.completed", "run.completed"]
    );
    let told = bodies(&receiver);
    let told = told.iter().find(|body| body["event"] == "batch.succeeded");
    assert_eq!(told.unwrap()["batch_id"], batch["id"]);
    assert_eq!(told, bodies(&callback).first());
    app.stop().await;
}

async fn another_organization_hears_of_nothing(db: Db) {
    let app = start(db).await;
    let receiver = Receiver::start(&[]).await;
    let foreign = app.foreign_key().await;
    let theirs = runnel_testkit::Request::new("POST", &app.url("/v1/webhooks"))
        .key(&foreign)
        .json(&json!({"url": receiver.url()}));
    theirs.send().await.assert(201);
    echo(&app, json!({"input": {"text": "hi"}})).await;
    assert_eq!(receiver.received().len(), 0);
    assert_eq!(deliveries(&app, "any", "").await, [] as [Value; 0]);
    app.stop().await;
}
