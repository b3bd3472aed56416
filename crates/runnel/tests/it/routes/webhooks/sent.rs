//! How events are sent: signed by the webhook's own secret, tried again, sent once
//! more when somebody asks, and all of it to be read.

use std::time::Duration;

use runnel_domain::signatures::{Message, Verdict};
use runnel_testkit::{Db, Receiver, TestApp, on_both_databases};
use serde_json::{Value, json};

use super::{WEBHOOKS, at, bodies, deliveries, echo, id, shown, start, webhook};

on_both_databases!(
    a_webhook_signs_with_its_own_secret,
    a_test_is_sent_whatever_the_webhook_hears_of,
    attempts_tell_how_they_went_and_when_the_next_one_comes,
    an_event_is_sent_again_once_its_delivery_has_ended,
    a_name_that_leads_home_is_refused_on_the_record,
    deliveries_are_found_by_what_they_are,
);

/// What the last message's signatures are worth to somebody with `secret`.
fn verdicts(receiver: &Receiver, secret: &str) -> (Verdict, Verdict) {
    let (head, body) = receiver.received_exactly().pop().unwrap();
    let header = |wanted: &str| {
        head.lines().find_map(|line| {
            let (name, value) = line.split_once(": ")?;
            name.eq_ignore_ascii_case(wanted).then_some(value)
        })
    };
    let timestamp = header("webhook-timestamp");
    let message = Message {
        id: header("webhook-id"),
        timestamp,
        standard: header("webhook-signature"),
        plain: header("runflow-signature"),
        body: std::str::from_utf8(&body).unwrap(),
    };
    let now = timestamp.unwrap().parse().unwrap();
    let secrets = [secret.to_owned()];
    (
        message.verify_plain(&secrets),
        message.verify_standard(&secrets, now),
    )
}

async fn a_webhook_signs_with_its_own_secret(db: Db) {
    let app = start(db).await;
    let receiver = Receiver::start(&[500]).await;
    let callback_secret = app.post("/v1/callback-secrets", &json!({}));
    let callback_secret = callback_secret.send().await.assert(201).json();
    let made = webhook(&app, &receiver, &[]).await;
    echo(&app, json!({"input": {"text": "größer"}})).await;
    let genuine = (Verdict::Genuine, Verdict::Genuine);
    let wrong = (Verdict::Wrong, Verdict::Wrong);
    let plain = made["plain_secret"].as_str().unwrap();
    assert_eq!(verdicts(&receiver, plain), genuine);
    let of_callbacks = callback_secret["plain_secret"].as_str().unwrap();
    assert_eq!(verdicts(&receiver, of_callbacks), wrong);
    let secrets = app
        .get("/v1/callback-secrets")
        .send()
        .await
        .assert(200)
        .json();
    assert_eq!(secrets["items"][0]["last_used_at"], Value::Null);

    // The next attempt has the secret, and the place, of then.
    let moved = Receiver::start(&[]).await;
    let own = "no base64 at all, but long";
    let change = json!({"secret": own, "url": moved.url()});
    app.patch(&at(&made), &change).send().await.assert(200);
    app.advance(Duration::from_secs(6));
    app.run_jobs().await;
    assert_eq!(receiver.received().len(), 1);
    assert_eq!(verdicts(&moved, own), genuine);
    assert_eq!(verdicts(&moved, plain), wrong);
    assert_eq!(bodies(&moved), bodies(&receiver), "the body is frozen");
    app.stop().await;
}

async fn a_test_is_sent_whatever_the_webhook_hears_of(db: Db) {
    let app = start(db).await;
    let receiver = Receiver::start(&[]).await;
    let made = webhook(&app, &receiver, &["run.failed"]).await;
    let test = || app.post(&format!("{}/test", at(&made)), &json!({}));
    let delivery = test().send().await.assert(201).json();
    assert_eq!(delivery["event_type_code"], "webhook.test");
    assert_eq!(delivery["status_code"], "pending");
    assert_eq!(delivery["is_automatic"], false);
    assert_eq!(delivery["attempts"], json!([]));
    app.run_jobs().await;
    let body = &bodies(&receiver)[0];
    assert_eq!(body, &delivery["payload"]);
    assert_eq!(
        (&body["event"], &body["webhook_id"]),
        (&json!("webhook.test"), &made["id"])
    );
    let after = shown(&app, &made).await;
    assert!(after["last_triggered_at"].is_string(), "{after}");
    let once = test().header("idempotency-key", "k");
    let first = once.clone().send().await.assert(201).json();
    assert_eq!(once.send().await.assert(201).json(), first);
    app.run_jobs().await;
    assert_eq!(receiver.received().len(), 2);
    app.patch(&at(&made), &json!({"disabled_at": "2026-05-06T10:00:00Z"}))
        .send()
        .await
        .assert(200);
    let told = test().send().await.assert_error(409, "CONFLICT");
    assert!(told["message"].as_str().unwrap().contains("enable it"));
    app.stop().await;
}

async fn attempts_tell_how_they_went_and_when_the_next_one_comes(db: Db) {
    let app = start(db).await;
    let receiver = Receiver::start(&[500, 503]).await;
    let made = webhook(&app, &receiver, &[]).await;
    echo(&app, json!({"input": {}})).await;
    let delivery = deliveries(&app, id(&made), "").await.remove(0);
    let first = &delivery["attempts"][0];
    assert_eq!(
        (&first["status_code"], &first["succeeded"]),
        (&json!(500), &json!(false))
    );
    assert_eq!(first["response_body"], "seen");
    assert_eq!(first["next_retry_at"], delivery["next_attempt_at"]);
    assert_eq!(delivery["status_code"], "pending");
    for _ in 0..2 {
        app.advance(Duration::from_mins(1));
        app.run_jobs().await;
    }
    let base = format!("{WEBHOOKS}/any/deliveries/{}", id(&delivery));
    let delivery = app.get(&base).send().await.assert(200).json();
    assert_eq!(delivery["status_code"], "succeeded");
    let attempts = delivery["attempts"].as_array().unwrap();
    let told: Vec<_> = attempts
        .iter()
        .map(|one| {
            (
                &one["attempt_number"],
                &one["status_code"],
                &one["succeeded"],
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            (&json!(1), &json!(500), &json!(false)),
            (&json!(2), &json!(503), &json!(false)),
            (&json!(3), &json!(200), &json!(true)),
        ]
    );
    assert_eq!(attempts[0]["next_retry_at"], attempts[1]["created_at"]);
    assert_eq!(attempts[2]["next_retry_at"], Value::Null);
    let get = async |rest: &str| {
        let answer = app.get(&format!("{base}/attempts{rest}")).send().await;
        answer.assert(200).json()
    };
    let list = get("").await;
    assert_eq!(list["items"].as_array().unwrap(), attempts);
    let page = get("?limit=2&sort_by=attempt_number:desc").await;
    assert_eq!(page["items"], json!([attempts[2], attempts[1]]));
    let next = page["next"].as_str().unwrap();
    let rest = get(&format!("?sort_by=attempt_number:desc&pq={next}")).await;
    assert_eq!(rest["items"], json!([attempts[0]]));
    assert_eq!(get("?status_code=503").await["items"], json!([attempts[1]]));
    for attempt in attempts {
        assert_eq!(&get(&format!("/{}", id(attempt))).await, attempt);
    }
    let other = id(&delivery).to_owned();
    let missing = app.get(&format!("{base}/attempts/{other}")).send().await;
    missing.assert_error(404, "ATTEMPT_NOT_FOUND");
    app.stop().await;
}

async fn an_event_is_sent_again_once_its_delivery_has_ended(db: Db) {
    let app = start(db).await;
    let receiver = Receiver::start(&[500]).await;
    let made = webhook(&app, &receiver, &[]).await;
    echo(&app, json!({"input": {}})).await;
    let first = deliveries(&app, id(&made), "").await.remove(0);
    let again = |delivery: &Value| {
        let path = format!("{}/deliveries/{}/redeliveries", at(&made), id(delivery));
        app.post(&path, &json!({}))
    };
    let told = again(&first).send().await;
    let told = told.assert_error(422, "VALIDATION_ERROR");
    assert_eq!(told["errors"][0]["type"], "delivery_under_way");
    app.advance(Duration::from_secs(6));
    app.run_jobs().await;
    let second = again(&first).send().await.assert(201).json();
    assert_ne!(second["id"], first["id"]);
    assert_eq!(second["redelivery_of"], first["id"]);
    assert_eq!(second["payload"], first["payload"]);
    assert_eq!(second["event_type_code"], first["event_type_code"]);
    // On its way once more, whichever of the two is named.
    for delivery in [&first, &second] {
        let refused = again(delivery).send().await;
        refused.assert_error(422, "VALIDATION_ERROR");
    }
    app.run_jobs().await;
    let third = again(&second).send().await.assert(201).json();
    assert_eq!(third["redelivery_of"], first["id"]);
    app.run_jobs().await;
    let arrived = bodies(&receiver);
    assert_eq!(arrived.len(), 4);
    assert!(arrived.iter().all(|body| *body == arrived[0]));
    // Of two who ask at once one is refused.
    let (one, other) = tokio::join!(again(&first).send(), again(&first).send());
    let mut statuses = [one.status, other.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [201, 422]);
    app.run_jobs().await;
    app.patch(&at(&made), &json!({"disabled_at": "2026-05-06T10:00:00Z"}))
        .send()
        .await
        .assert(200);
    again(&first).send().await.assert_error(409, "CONFLICT");
    app.delete(&at(&made)).send().await.assert(204);
    let path = format!("{WEBHOOKS}/any/deliveries/{}/redeliveries", id(&first));
    let told = app.post(&path, &json!({})).send().await;
    let told = told.assert_error(409, "CONFLICT");
    assert!(told["message"].as_str().unwrap().contains("was deleted"));
    app.stop().await;
}

async fn a_name_that_leads_home_is_refused_on_the_record(db: Db) {
    let app = TestApp::start(db).await;
    let receiver = Receiver::start(&[]).await;
    let url = receiver.url().replace("127.0.0.1", "localhost");
    let made = app.post(WEBHOOKS, &json!({"url": url})).send().await;
    let made = made.assert(201).json();
    echo(&app, json!({"input": {}})).await;
    let delivery = deliveries(&app, id(&made), "").await.remove(0);
    let attempt = &delivery["attempts"][0];
    let message = attempt["error_message"].as_str().unwrap();
    assert!(message.contains("webhook to"), "{message}");
    assert!(message.contains("RUNNEL_EGRESS_ALLOW"), "{message}");
    assert_eq!(
        (&attempt["status_code"], &attempt["succeeded"]),
        (&Value::Null, &json!(false))
    );
    assert_eq!(receiver.received().len(), 0);
    app.stop().await;
}

async fn deliveries_are_found_by_what_they_are(db: Db) {
    let app = start(db).await;
    let (good, bad) = (Receiver::start(&[]).await, Receiver::start(&[410]).await);
    let good = webhook(&app, &good, &[]).await;
    let bad = webhook(&app, &bad, &[]).await;
    echo(&app, json!({"input": {}})).await;
    app.advance(Duration::from_hours(48));
    let test = app.post(&format!("{}/test", at(&good)), &json!({}));
    let test = test.send().await.assert(201).json();
    let count = async |webhook: &str, query: &str| deliveries(&app, webhook, query).await.len();
    assert_eq!(count("any", "").await, 3);
    assert_eq!(count(id(&good), "").await, 2);
    assert_eq!(count("any", "status_code=failed").await, 1);
    assert_eq!(count(id(&bad), "status_code=failed").await, 1);
    assert_eq!(count(id(&good), "status_code=failed").await, 0);
    assert_eq!(count("any", "event_type_code=run.completed").await, 2);
    // One webhook's is not another's, of the same organization neither.
    let of_bad = deliveries(&app, id(&bad), "").await.remove(0);
    for (webhook, status) in [(id(&bad), 200), ("any", 200), (id(&good), 404)] {
        let path = format!("{WEBHOOKS}/{webhook}/deliveries/{}", id(&of_bad));
        app.get(&path).send().await.assert(status);
    }
    let since = &test["created_at"].as_str().unwrap()[..10];
    assert_eq!(count("any", &format!("q=created_at%3E%3D{since}")).await, 1);
    assert_eq!(count("any", &format!("q=created_at%3C{since}")).await, 2);
    let both = "q=event_type_code:run.completed%20AND%20status_code:succeeded";
    assert_eq!(count("any", both).await, 1);
    let page = app
        .get(&format!("{WEBHOOKS}/any/deliveries?limit=2"))
        .send();
    let page = page.await.assert(200).json();
    let next = page["next"].as_str().unwrap();
    assert_eq!(count("any", &format!("limit=2&pq={next}")).await, 1);
    for query in ["q=payload:x", "status_code=lost", "sort_by=status_code"] {
        let path = format!("{WEBHOOKS}/any/deliveries?{query}");
        let refused = app.get(&path).send().await;
        refused.assert_error(400, "BAD_REQUEST");
    }
    let projected = deliveries(&app, id(&bad), "fields=status_code").await;
    assert_eq!(projected, [json!({"status_code": "failed"})]);
    app.stop().await;
}
