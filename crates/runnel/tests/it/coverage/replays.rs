//! Every POST takes an `Idempotency-Key`: asked twice it answers the same bytes
//! and does its work once. A POST that is new fails here until it is added.

use std::time::Duration;

use runnel_media::sample;
use runnel_testkit::{Db, Receiver, Request, TestApp, on_both_databases};
use serde_json::{Value, json};

use super::{Operation, document, operations};

on_both_databases!(every_post_is_done_once_and_answered_alike);

/// What operations need to find.
struct There {
    receiver: Receiver,
    /// A picture that was sent and not confirmed.
    sent: Value,
    deleted: Value,
    asset: Value,
    /// Ended, their callbacks delivered.
    run: Value,
    batch: Value,
    webhook: Value,
    delivery: Value,
    /// These still wait to be executed.
    waiting: [Value; 2],
    waiting_batch: Value,
}

async fn made(app: &TestApp, path: &str, body: Value) -> Value {
    let made = app.post(path, &body).send().await.assert(201).json();
    made["id"].clone()
}

impl There {
    async fn make(app: &TestApp) -> Self {
        let receiver = Receiver::start(&[]).await;
        let png = sample::gradient_png(40, 30);
        let deleted = app.asset("image/png", &png).await["id"].clone();
        let path = format!("/v1/assets/{}", deleted.as_str().unwrap());
        app.delete(&path).send().await.assert(204);
        let url = receiver.url();
        let webhook = json!({"url": url, "event_types": ["run.completed"]});
        let webhook = made(app, "/v1/webhooks", webhook).await;
        let run = json!({"input": {"text": "a"}, "callback_url": url});
        let run = made(app, "/v1/models/runnel/echo/runs", run).await;
        let batch = json!({"input": [{"text": "b"}], "callback_url": url});
        let batch = made(app, "/v1/models/runnel/echo/batches", batch).await;
        app.run_jobs().await;
        let told = app.get(&deliveries(&webhook)).send().await.assert(200);
        let delivery = told.json()["items"][0]["id"].clone();
        let queued = async || made(app, "/v1/models/runnel/echo/runs", json!({"input": {}})).await;
        let waiting = [queued().await, queued().await];
        let waiting_batch = json!({"input": [{"text": "c"}]});
        Self {
            sent: json!(app.upload("image/png", &png).await),
            asset: app.asset("image/png", &png).await["id"].clone(),
            waiting_batch: made(app, "/v1/models/runnel/echo/batches", waiting_batch).await,
            receiver,
            deleted,
            run,
            batch,
            webhook,
            delivery,
            waiting,
        }
    }

    /// How an operation is asked, and the list that is one longer when it was
    /// done, where there is one.
    fn ask(&self, app: &TestApp, operation: &Operation) -> (Request, Option<String>) {
        let nothing = Value::Null;
        let bare = |id: &Value| {
            let id = id.as_str().unwrap_or(super::UNKNOWN);
            operation.request(app, id).key(app.key())
        };
        let with = |body: Value| bare(&nothing).json(&body);
        let callbacks = |of: &str, id: &Value| {
            let id = id.as_str().unwrap();
            Some(format!("/v1/{of}/{id}/callback"))
        };
        let list = Some(match operation.id.split_once('.').unwrap().0 {
            "assets" | "uploads" => "/v1/assets".to_owned(),
            "folders" => "/v1/asset-folders".to_owned(),
            "callback_secrets" => "/v1/callback-secrets".to_owned(),
            resource => format!("/v1/{resource}"),
        });
        match operation.id.as_str() {
            "assets.create" => {
                let png = sample::gradient_png(8, 8);
                (bare(&nothing).file("a.png", "image/png", &png), list)
            }
            "assets.restore" => (bare(&self.deleted), list),
            "assets.sign" => (bare(&self.asset), None),
            "batches.cancel" => (bare(&self.waiting_batch), None),
            "batches.create" => (with(json!({"input": [{}]})), list),
            "batches.redeliver" => (bare(&self.batch), callbacks("batches", &self.batch)),
            "callback_secrets.create" => (with(json!({})), list),
            "folders.create" => (with(json!({"name": "a"})), list),
            "runs.cancel" => (bare(&self.waiting[0]), None),
            "runs.cancel_admin" => (bare(&self.waiting[1]), None),
            "runs.create" => (with(json!({"input": {}})), list),
            "runs.redeliver" => (bare(&self.run), callbacks("runs", &self.run)),
            "runs.rerun" => (bare(&self.run), list),
            "uploads.confirm" => (bare(&self.sent), list),
            "uploads.create" => {
                let file = json!({"filename": "a.png", "mime_type": "image/png", "size_bytes": 9});
                (with(file), None)
            }
            "webhooks.create" => (with(json!({"url": self.receiver.url()})), list),
            "webhooks.redeliver" => (bare(&self.delivery), Some(deliveries(&self.webhook))),
            "webhooks.test" => (bare(&self.webhook), Some(deliveries(&self.webhook))),
            new => panic!("{new} is a POST: say here how it is asked and where its effect shows"),
        }
    }
}

fn deliveries(webhook: &Value) -> String {
    format!("/v1/webhooks/{}/deliveries", webhook.as_str().unwrap())
}

async fn length(app: &TestApp, list: Option<&String>) -> usize {
    let Some(path) = list else { return 0 };
    let list = app.get(path).send().await.assert(200).json();
    let items = list.as_array().or(list["items"].as_array());
    items.unwrap().len()
}

async fn every_post_is_done_once_and_answered_alike(db: Db) {
    let app = TestApp::start_with(db, |settings| {
        "127.0.0.0/8".clone_into(&mut settings.egress_allow);
    })
    .await;
    let there = There::make(&app).await;
    let all = operations(&document(&app).await);
    for operation in all.iter().filter(|operation| operation.method == "POST") {
        let (request, list) = there.ask(&app, operation);
        let request = request.header("idempotency-key", &operation.id);
        let before = length(&app, list.as_ref()).await;
        let first = request.clone().send().await.assert(201);
        assert_eq!(first.header("idempotent-replayed"), None);
        let after = before + usize::from(list.is_some());
        assert_eq!(length(&app, list.as_ref()).await, after, "{}", operation.id);
        // Times and signed URLs would be others if it were answered anew, and of a
        // cancellation the status.
        app.advance(Duration::from_secs(5));
        let again = request.send().await.assert(201);
        assert_eq!(
            (again.header("idempotent-replayed"), &again.body),
            (Some("true"), &first.body),
            "{}",
            operation.id
        );
        assert_eq!(again.header("content-type"), first.header("content-type"));
        assert_eq!(length(&app, list.as_ref()).await, after, "{}", operation.id);
    }
    app.stop().await;
}
