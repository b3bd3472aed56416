//! Webhooks that are deleted or disabled, and what was on its way to them.

use std::time::Duration;

use runnel_testkit::{Db, Receiver, TestApp, on_both_databases};
use runnel_types::{Delivery, DeliveryStatus, DeliverySubject, EventType, WebhookEvent};
use serde_json::{Value, json};

use super::{WEBHOOKS, at, deliveries, echo, id, org, start, webhook};

on_both_databases!(
    what_waits_for_a_deleted_webhook_ends_and_stays_to_be_read,
    much_that_waits_is_ended_some_at_a_time,
    what_a_dead_worker_left_is_not_sent_to_a_deleted_webhook,
);

async fn what_waits_for_a_deleted_webhook_ends_and_stays_to_be_read(db: Db) {
    let app = start(db).await;
    let receiver = Receiver::start(&[500; 9]).await;
    let made = webhook(&app, &receiver, &[]).await;
    let other = webhook(&app, &receiver, &["run.failed"]).await;
    echo(&app, json!({"input": {}})).await;
    app.delete(&at(&made)).send().await.assert(204);
    let list = app.get(WEBHOOKS).send().await.assert(200).json();
    assert_eq!(list["items"].as_array().unwrap().len(), 1);
    assert_eq!(list["items"][0]["id"], other["id"]);
    let [delivery] = &deliveries(&app, "any", "").await[..] else {
        panic!("one delivery");
    };
    assert_eq!(delivery["webhook_id"], made["id"]);
    assert_eq!(delivery["status_code"], "failed");
    assert_eq!(delivery["failure_reason_code"], "WEBHOOK_DELETED");
    assert_eq!(delivery["attempts"].as_array().unwrap().len(), 1);
    let one = format!("{WEBHOOKS}/any/deliveries/{}", id(delivery));
    let one = app.get(&one).send().await.assert(200).json();
    assert_eq!(&one, delivery);
    app.advance(Duration::from_hours(24));
    app.run_jobs().await;
    assert_eq!(receiver.received().len(), 1, "nothing more is sent");
    app.stop().await;
}

/// Deliveries to a webhook, without jobs.
async fn stored(app: &TestApp, webhook: &Value, status: DeliveryStatus, count: usize) {
    let services = app.services();
    let now = services.now();
    let org_id = org(app).await;
    let mut tx = services.store.begin().await.unwrap();
    for _ in 0..count {
        let delivery = Delivery {
            id: services.ids.next(),
            org_id,
            subject: DeliverySubject::Webhook(WebhookEvent {
                webhook_id: id(webhook).parse().unwrap(),
                event_type: EventType::RunFailed,
                redelivery_of: None,
            }),
            callback_url: webhook["url"].as_str().unwrap().to_owned(),
            payload: "{}".to_owned(),
            signing_secret_id: None,
            is_automatic: true,
            status,
            failure_reason_code: None,
            failure_detail: None,
            attempt_count: 0,
            max_attempts: 8,
            next_attempt_at: Some(now),
            created_at: now,
            updated_at: now,
            completed_at: None,
        };
        tx.deliveries().insert(&delivery).await.unwrap();
    }
    tx.commit().await.unwrap();
}

async fn much_that_waits_is_ended_some_at_a_time(db: Db) {
    let app = start(db).await;
    let receiver = Receiver::start(&[]).await;
    let pending = async |webhook: &Value| {
        let query = "limit=500&status_code=pending&fields=id";
        deliveries(&app, id(webhook), query).await.len()
    };
    let made = webhook(&app, &receiver, &[]).await;
    let other = webhook(&app, &receiver, &[]).await;
    stored(&app, &made, DeliveryStatus::Pending, 1200).await;
    stored(&app, &other, DeliveryStatus::Pending, 3).await;
    let off = json!({"disabled_at": "2026-05-06T10:00:00Z"});
    app.patch(&at(&made), &off).send().await.assert(200);
    assert!(pending(&made).await > 0, "the rest is left to a job");
    assert_eq!(app.run_jobs().await, 2);
    assert_eq!(pending(&made).await, 0);
    assert_eq!(pending(&other).await, 3);

    // One that is enabled before the job comes keeps what is left.
    app.patch(&at(&made), &json!({"disabled_at": null}))
        .send()
        .await
        .assert(200);
    stored(&app, &made, DeliveryStatus::Pending, 600).await;
    app.patch(&at(&made), &off).send().await.assert(200);
    app.patch(&at(&made), &json!({"disabled_at": null}))
        .send()
        .await
        .assert(200);
    app.run_jobs().await;
    assert_eq!(pending(&made).await, 100);
    app.stop().await;
}

async fn what_a_dead_worker_left_is_not_sent_to_a_deleted_webhook(db: Db) {
    let app = start(db).await;
    let receiver = Receiver::start(&[]).await;
    let made = webhook(&app, &receiver, &[]).await;
    let test = app.post(&format!("{}/test", at(&made)), &json!({}));
    let test = test.send().await.assert(201).json();
    // A worker marked it and died.
    let services = app.services();
    let mut tx = services.store.begin().await.unwrap();
    let marked = tx
        .deliveries()
        .take_up(&[id(&test).parse().unwrap()], services.now())
        .await;
    assert_eq!(marked.unwrap().len(), 1);
    tx.commit().await.unwrap();
    app.delete(&at(&made)).send().await.assert(204);
    let of = async || deliveries(&app, "any", "").await.remove(0);
    assert_eq!(of().await["status_code"], "delivering");
    app.run_jobs().await;
    let ended = of().await;
    assert_eq!(ended["failure_reason_code"], "WEBHOOK_DELETED");
    assert_eq!(ended["attempts"], json!([]));
    assert_eq!(receiver.received().len(), 0);
    app.stop().await;
}
