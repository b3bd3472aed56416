//! Callback secrets: shown once, one of them current, retired for good.

use runnel_testkit::{Db, Request, TestApp, on_both_databases};
use serde_json::{Value, json};

on_both_databases!(
    a_secret_is_shown_once_and_never_stored_in_the_open,
    one_secret_at_most_is_current,
    wrong_changes_are_refused,
    a_secret_is_its_organizations_alone,
);

const SECRETS: &str = "/v1/callback-secrets";

fn at(secret: &Value) -> String {
    format!("{SECRETS}/{}", secret["id"].as_str().unwrap())
}

async fn made(app: &TestApp, label: &Value) -> Value {
    let answer = app.post(SECRETS, &json!({"label": label})).send().await;
    answer.assert(201).json()
}

async fn listed(app: &TestApp) -> Vec<Value> {
    let list = app
        .get(&format!("{SECRETS}?sort_by=created_at"))
        .send()
        .await;
    list.assert(200).json()["items"].as_array().unwrap().clone()
}

async fn a_secret_is_shown_once_and_never_stored_in_the_open(db: Db) {
    let app = TestApp::start(db).await;
    let secret = made(&app, &json!("shop")).await;
    let plain = secret["plain_secret"].as_str().unwrap();
    assert!(plain.starts_with("whsec_") && plain.len() == 50, "{plain}");
    assert!(plain.starts_with(secret["key_prefix"].as_str().unwrap()));
    assert_eq!(
        (&secret["label"], &secret["is_current"]),
        (&json!("shop"), &json!(true))
    );
    for field in ["disabled_at", "last_used_at"] {
        assert_eq!(secret[field], Value::Null, "{field}");
    }
    let other = made(&app, &json!(null)).await;
    assert_ne!(other["plain_secret"], secret["plain_secret"]);
    for shown in listed(&app).await {
        assert!(!shown.to_string().contains("plain_secret"), "{shown}");
    }
    assert!(app.stores("shop"), "what is there is found");
    assert!(!app.stores(&plain[10..30]));
    app.stop().await;
}

async fn one_secret_at_most_is_current(db: Db) {
    let app = TestApp::start(db).await;
    let first = made(&app, &json!("first")).await;
    let second = made(&app, &json!("second")).await;
    assert_eq!(second["is_current"], false);
    let current = |secrets: Vec<Value>| -> Vec<Value> {
        let all = secrets
            .into_iter()
            .filter(|secret| secret["is_current"] == true);
        all.map(|secret| secret["label"].clone()).collect()
    };
    assert_eq!(current(listed(&app).await), [json!("first")]);
    for _ in 0..2 {
        let promoted = app.patch(&at(&second), &json!({"is_current": true}));
        promoted.send().await.assert(200);
        assert_eq!(current(listed(&app).await), [json!("second")]);
    }
    for _ in 0..2 {
        app.delete(&at(&second)).send().await.assert(204);
        assert_eq!(current(listed(&app).await), [] as [Value; 0]);
    }
    // The next one takes the empty place at once; the first keeps signing.
    let third = made(&app, &json!("third")).await;
    assert_eq!(third["is_current"], true);
    let relabelled = app.patch(&at(&first), &json!({"label": null}));
    assert_eq!(
        relabelled.send().await.assert(200).json()["label"],
        Value::Null
    );
    let secrets = listed(&app).await;
    assert_eq!(secrets.len(), 3);
    assert!(secrets[1]["disabled_at"].is_string());
    app.stop().await;
}

async fn wrong_changes_are_refused(db: Db) {
    let app = TestApp::start(db).await;
    let secret = made(&app, &json!("x".repeat(255))).await;
    let refused = app.post(SECRETS, &json!({"label": "x".repeat(256)}));
    refused.send().await.assert_error(422, "VALIDATION_ERROR");
    for body in [
        json!({"is_current": false}),
        json!({"is_current": 1}),
        json!({"label": 1}),
    ] {
        let refused = app.patch(&at(&secret), &body).send().await;
        refused.assert_error(422, "VALIDATION_ERROR");
    }
    app.delete(&at(&secret)).send().await.assert(204);
    let refused = app
        .patch(&at(&secret), &json!({"is_current": true}))
        .send()
        .await;
    refused.assert_error(409, "CONFLICT");
    let nobody = json!({"id": "018f4e1a-0000-7000-8000-000000000001"});
    let refused = app
        .patch(&at(&nobody), &json!({"is_current": true}))
        .send()
        .await;
    refused.assert_error(404, "CALLBACK_SECRET_NOT_FOUND");
    // A header has room for so many signatures and no more.
    for _ in 0..10 {
        made(&app, &json!(null)).await;
    }
    let refused = app.post(SECRETS, &json!({})).send().await;
    refused.assert_error(409, "CONFLICT");
    app.stop().await;
}

async fn a_secret_is_its_organizations_alone(db: Db) {
    let app = TestApp::start(db).await;
    let secret = made(&app, &json!(null)).await;
    let foreign = app.foreign_key().await;
    let ask = |method: &str, path: &str| Request::new(method, &app.url(path)).key(&foreign);
    let list = ask("GET", SECRETS).send().await.assert(200).json();
    assert_eq!(list["items"], json!([]));
    let patch = ask("PATCH", &at(&secret)).json(&json!({"is_current": true}));
    let refused = patch.send().await;
    refused.assert_error(404, "CALLBACK_SECRET_NOT_FOUND");
    let refused = ask("DELETE", &at(&secret)).send().await;
    refused.assert_error(404, "CALLBACK_SECRET_NOT_FOUND");
    assert_eq!(listed(&app).await[0]["disabled_at"], Value::Null);
    app.stop().await;
}
