//! The record of a webhook: made, listed, changed, deleted; its secret shown once.

use runnel_testkit::{Db, Receiver, Request, TestApp, on_both_databases};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::{WEBHOOKS, at, deliveries, id, shown, start, webhook};

on_both_databases!(
    a_secret_is_shown_once_when_it_was_made_here_and_never_otherwise,
    every_wrong_field_is_told,
    what_a_change_names_changes_and_the_rest_stays,
    a_hundred_is_the_most,
    a_list_has_cursors_of_its_own,
    event_types_tell_what_they_mean,
    a_webhook_in_a_path_is_an_id_or_any,
    what_another_organization_has_is_not_there,
);

const UNKNOWN: &str = "018f4e1a-0000-7000-8000-000000000001";

fn fingerprint(secret: &str) -> String {
    hex::encode(Sha256::digest(secret.as_bytes()))[..16].to_owned()
}

async fn a_secret_is_shown_once_when_it_was_made_here_and_never_otherwise(db: Db) {
    let app = TestApp::start(db).await;
    let body = json!({"url": "https://example.com/hook", "name": "shop"});
    let made = app.post(WEBHOOKS, &body).send().await.assert(201).json();
    let plain = made["plain_secret"].as_str().unwrap();
    assert!(plain.starts_with("whsec_") && plain.len() == 50, "{plain}");
    assert_eq!(made["secret_fingerprint"], fingerprint(plain));
    assert_eq!(made["name"], "shop");
    assert_eq!(made["event_subscriptions"], json!([]), "everything");
    for field in ["disabled_at", "disabled_reason", "last_triggered_at"] {
        assert_eq!(made[field], Value::Null, "{field}");
    }
    let own = "mine: 16 or more";
    let body = json!({
        "url": "http://example.com:8080/hook?a=b",
        "secret": own,
        "event_subscriptions": [{"event_type_code": "run.failed"}],
    });
    let given = app.post(WEBHOOKS, &body).send().await.assert(201).json();
    assert_eq!(given["plain_secret"], Value::Null);
    assert_eq!(given["secret_fingerprint"], fingerprint(own));
    let subscription = json!({"webhook_id": given["id"], "event_type_code": "run.failed"});
    assert_eq!(given["event_subscriptions"], json!([subscription]));
    let list = app.get(WEBHOOKS).send().await.assert(200).json();
    assert_eq!(list["items"].as_array().unwrap().len(), 2);
    for shown in [shown(&app, &made).await, list] {
        let text = shown.to_string();
        assert!(!text.contains("plain_secret") && !text.contains(plain));
        assert!(!text.contains(own), "{text}");
    }
    if db == Db::Sqlite {
        for file in std::fs::read_dir(app.data_dir()).unwrap() {
            let Ok(bytes) = std::fs::read(file.unwrap().path()) else {
                continue;
            };
            for secret in [&plain.as_bytes()[10..30], own.as_bytes()] {
                let holds = bytes.windows(secret.len()).any(|window| window == secret);
                assert!(!holds, "a secret lies in the open");
            }
        }
    }
    app.stop().await;
}

async fn every_wrong_field_is_told(db: Db) {
    let app = TestApp::start(db).await;
    let url = "https://example.com/hook";
    let long = "x".repeat(10_000);
    let cases = [
        (json!({}), "url", "required"),
        (json!({"url": null}), "url", "string"),
        (json!({"url": "ftp://example.com"}), "url", "http"),
        (json!({"url": "example.com"}), "url", ""),
        (json!({"url": format!("{url}?{long}")}), "url", "2048"),
        (
            json!({"url": "http://169.254.169.254/latest"}),
            "url",
            "webhook to 169.254.169.254 refused",
        ),
        (json!({"url": url, "name": long}), "name", "255"),
        (
            json!({"url": url, "secret": "x".repeat(15)}),
            "secret",
            "at least 16",
        ),
        (
            json!({"url": url, "secret": "x".repeat(256)}),
            "secret",
            "255",
        ),
        (
            json!({"url": url, "event_types": ["run.*"]}),
            "event_types.0",
            "no wildcards",
        ),
        (
            json!({"url": url, "event_types": ["*"]}),
            "event_types.0",
            "leave event_types out",
        ),
        (
            json!({"url": url, "event_types": ["asset.create"]}),
            "event_types.0",
            "did you mean \"asset.created\"",
        ),
        (
            json!({"url": url, "event_types": [long]}),
            "event_types.0",
            "run.completed",
        ),
        (
            json!({"url": url, "event_types": {}}),
            "event_types",
            "must be a list",
        ),
        (
            json!({"url": url, "event_types": ["run.failed"],
                "event_subscriptions": [{"event_type_code": "run.completed"}]}),
            "event_types",
            "another thing",
        ),
    ];
    for (body, field, words) in cases {
        let refused = app.post(WEBHOOKS, &body).send().await;
        let told = refused.assert_error(422, "VALIDATION_ERROR");
        let error = &told["errors"][0];
        assert_eq!(error["field"], field, "{told}");
        let message = error["msg"].as_str().unwrap();
        assert!(message.contains(words), "{field}: {message}");
        assert!(message.len() < 600, "{field}: {message}");
    }
    let all = json!({"name": 1, "secret": [], "event_types": [1, 2]});
    let told = app.post(WEBHOOKS, &all).send().await;
    let told = told.assert_error(422, "VALIDATION_ERROR");
    assert_eq!(told["errors"].as_array().unwrap().len(), 5, "{told}");
    let list = app.get(WEBHOOKS).send().await.assert(200).json();
    assert_eq!(list["items"], json!([]));

    let body = json!({"url": url, "event_types": ["run.failed"],
        "event_subscriptions": [{"event_type_code": "run.failed"}]});
    let made = app.post(WEBHOOKS, &body).send().await.assert(201).json();
    for body in [
        json!({"url": null}),
        json!({"url": "http://10.0.0.1/"}),
        json!({"secret": null}),
        json!({"secret": "short"}),
        json!({"disabled_at": "soon"}),
        json!({"disabled_at": true}),
        json!({"event_types": ["nothing"]}),
    ] {
        let refused = app.patch(&at(&made), &body).send().await;
        refused.assert_error(422, "VALIDATION_ERROR");
    }
    app.stop().await;
}

async fn what_a_change_names_changes_and_the_rest_stays(db: Db) {
    let app = TestApp::start(db).await;
    let body =
        json!({"url": "https://example.com/a", "name": "old", "event_types": ["run.failed"]});
    let made = app.post(WEBHOOKS, &body).send().await.assert(201).json();
    app.advance(std::time::Duration::from_secs(1));
    let change = async |body: Value| {
        let changed = app.patch(&at(&made), &body).send().await;
        let changed = changed.assert(200).json();
        assert_eq!(changed, shown(&app, &made).await);
        changed
    };
    let same = change(json!({})).await;
    for field in [
        "name",
        "url",
        "secret_fingerprint",
        "event_subscriptions",
        "created_at",
    ] {
        assert_eq!(same[field], made[field], "{field}");
    }
    let renamed = change(json!({"name": null, "url": "https://example.com/b"})).await;
    assert_eq!(renamed["name"], Value::Null);
    assert_eq!(renamed["url"], "https://example.com/b");
    let rotated = change(json!({"secret": "sixteen or more!"})).await;
    assert_eq!(
        rotated["secret_fingerprint"],
        fingerprint("sixteen or more!")
    );
    let all = change(json!({"event_types": []})).await;
    assert_eq!(all["event_subscriptions"], json!([]));
    let some = change(json!({"event_types": ["asset.deleted", "run.completed"]})).await;
    let codes: Vec<&Value> = some["event_subscriptions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| &one["event_type_code"])
        .collect();
    assert_eq!(codes, ["run.completed", "asset.deleted"]);
    let disabled = change(json!({"disabled_at": "2026-05-06T10:00:00Z"})).await;
    assert!(disabled["disabled_at"].is_string());
    assert_eq!(disabled["disabled_reason"], "a request disabled it");
    let enabled = change(json!({"disabled_at": null})).await;
    assert_eq!(enabled["disabled_at"], Value::Null);
    assert_eq!(enabled["disabled_reason"], Value::Null);
    app.delete(&at(&made)).send().await.assert(204);
    for gone in [
        app.get(&at(&made)),
        app.delete(&at(&made)),
        app.patch(&at(&made), &json!({"disabled_at": null})),
        app.post(&format!("{}/test", at(&made)), &json!({})),
        app.get(&format!("{}/deliveries", at(&made))),
    ] {
        gone.send().await.assert_error(404, "WEBHOOK_NOT_FOUND");
    }
    app.stop().await;
}

async fn a_hundred_is_the_most(db: Db) {
    let app = TestApp::start(db).await;
    let body = json!({"url": "https://example.com/hook"});
    let mut made = Value::Null;
    for _ in 0..100 {
        made = app.post(WEBHOOKS, &body).send().await.assert(201).json();
    }
    let refused = app.post(WEBHOOKS, &body).send().await;
    let told = refused.assert_error(409, "CONFLICT");
    assert!(told["message"].as_str().unwrap().contains("delete one"));
    app.delete(&at(&made)).send().await.assert(204);
    app.post(WEBHOOKS, &body).send().await.assert(201);
    app.stop().await;
}

async fn a_list_has_cursors_of_its_own(db: Db) {
    let app = TestApp::start(db).await;
    for name in ["a", "b", "c"] {
        let body = json!({"url": "https://example.com/hook", "name": name});
        app.post(WEBHOOKS, &body).send().await.assert(201);
        app.advance(std::time::Duration::from_secs(1));
    }
    let names = |page: &Value| -> Vec<Value> {
        let items = page["items"].as_array().unwrap().iter();
        items.map(|item| item["name"].clone()).collect()
    };
    let get = async |query: &str| {
        let page = app.get(&format!("{WEBHOOKS}?{query}")).send().await;
        page.assert(200).json()
    };
    let page = get("limit=2&fields=name").await;
    assert_eq!(page["items"], json!([{"name": "c"}, {"name": "b"}]));
    let next = page["next"].as_str().unwrap();
    assert_eq!(names(&get(&format!("pq={next}")).await), ["a"]);
    assert_eq!(
        names(&get("q=name:b%20AND%20disabled_at:null").await),
        ["b"]
    );
    for path in [
        format!("/v1/callback-secrets?pq={next}"),
        format!("{WEBHOOKS}/any/deliveries?pq={next}"),
    ] {
        let refused = app.get(&path).send().await;
        let told = refused.assert_error(400, "BAD_REQUEST");
        let message = told["message"].as_str().unwrap();
        assert!(message.contains("another list"), "{message}");
    }
    app.stop().await;
}

async fn event_types_tell_what_they_mean(db: Db) {
    let app = TestApp::start(db).await;
    let path = format!("{WEBHOOKS}/event-types");
    let list = app.get(&path).send().await.assert(200).json();
    let codes: Vec<&str> = list["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| item["code"].as_str().unwrap())
        .collect();
    assert_eq!(
        codes,
        [
            "asset.created",
            "asset.deleted",
            "batch.cancelled",
            "batch.failed",
            "batch.partial_succeeded",
            "batch.succeeded",
            "run.cancelled",
            "run.completed",
            "run.failed",
            "run.partial_succeeded",
            "webhook.test",
        ]
    );
    // A list like any other.
    let query = "limit=2&q=code!=webhook.test&sort_by=code:desc&fields=code";
    let first = app.get(&format!("{path}?{query}")).send().await;
    let first = first.assert(200).json();
    assert_eq!(first["items"][1], json!({"code": "run.failed"}));
    let cursor = first["next"].as_str().unwrap();
    let second = app.get(&format!("{path}?{query}&pq={cursor}")).send().await;
    assert_eq!(
        second.assert(200).json()["items"][0]["code"],
        "run.completed"
    );
    for wrong in [
        "limit=0",
        "pq=zzz",
        "q=nope:1",
        "fields=nope",
        "sort_by=nope",
    ] {
        let refused = app.get(&format!("{path}?{wrong}")).send().await;
        assert!(
            matches!(refused.status, 400 | 422),
            "{wrong}: {}",
            refused.status
        );
    }
    for item in list["items"].as_array().unwrap() {
        let code = item["code"].as_str().unwrap();
        let one = app.get(&format!("{path}/{code}")).send().await;
        assert_eq!(&one.assert(200).json(), item);
        assert!(item["description"].as_str().unwrap().len() > 10, "{item}");
    }
    let unknown = app.get(&format!("{path}/run.done")).send().await;
    let told = unknown.assert_error(404, "NOT_FOUND");
    assert!(told["message"].as_str().unwrap().contains("run.completed"));
    app.stop().await;
}

async fn a_webhook_in_a_path_is_an_id_or_any(db: Db) {
    let app = TestApp::start(db).await;
    for wrong in [
        "x",
        "ANY",
        "any%20",
        "%00",
        "%FF",
        &UNKNOWN.replace('-', ""),
    ] {
        for rest in ["", &format!("/{UNKNOWN}"), &format!("/{UNKNOWN}/attempts")] {
            let path = format!("{WEBHOOKS}/{wrong}/deliveries{rest}");
            let refused = app.get(&path).send().await;
            let error = refused.assert_error(422, "VALIDATION_ERROR");
            assert_eq!(error["errors"][0]["loc"], json!(["path", "webhook_id"]));
            assert!(error["message"].as_str().unwrap().contains("or any"));
        }
    }
    let attempt = format!("{WEBHOOKS}/any/deliveries/{UNKNOWN}/attempts/x");
    let error = app.get(&attempt).send().await;
    let error = error.assert_error(422, "VALIDATION_ERROR");
    assert_eq!(error["errors"][0]["loc"], json!(["path", "id"]));
    app.stop().await;
}

async fn what_another_organization_has_is_not_there(db: Db) {
    let app = start(db).await;
    let receiver = Receiver::start(&[]).await;
    let theirs = webhook(&app, &receiver, &[]).await;
    let test = app.post(&format!("{}/test", at(&theirs)), &json!({}));
    let delivery = test.send().await.assert(201).json();
    app.run_jobs().await;
    let delivery = &deliveries(&app, id(&theirs), &format!("q=id:{}", id(&delivery))).await[0];
    let attempt = id(&delivery["attempts"][0]);
    let key = app.foreign_key().await;
    let ask = |method: &str, path: &str| {
        let body = json!({"disabled_at": "2026-05-06T10:00:00Z"});
        let request = Request::new(method, &app.url(path)).key(&key);
        if method == "PATCH" {
            request.json(&body)
        } else {
            request
        }
    };
    let of_webhook = |id: &str| {
        [
            ("GET", format!("{WEBHOOKS}/{id}")),
            ("PATCH", format!("{WEBHOOKS}/{id}")),
            ("DELETE", format!("{WEBHOOKS}/{id}")),
            ("POST", format!("{WEBHOOKS}/{id}/test")),
            ("GET", format!("{WEBHOOKS}/{id}/deliveries")),
        ]
    };
    let of_delivery = |webhook: &str, delivery: &str, attempt: &str| {
        let base = format!("{WEBHOOKS}/{webhook}/deliveries/{delivery}");
        [
            ("GET", base.clone()),
            ("POST", format!("{base}/redeliveries")),
            ("GET", format!("{base}/attempts")),
            ("GET", format!("{base}/attempts/{attempt}")),
        ]
    };
    let face = |answer: runnel_testkit::Response, ids: [&str; 3]| {
        let mut body = String::from_utf8_lossy(&answer.body).into_owned();
        for id in ids {
            body = body.replace(id, "ID");
        }
        (answer.status, body)
    };
    let known = [id(&theirs), id(delivery), attempt];
    let foreign = of_webhook(known[0]).into_iter();
    let foreign = foreign
        .chain(of_delivery(known[0], known[1], known[2]))
        .chain(of_delivery("any", known[1], known[2]));
    let missing = of_webhook(UNKNOWN).into_iter();
    let missing = missing
        .chain(of_delivery(UNKNOWN, UNKNOWN, UNKNOWN))
        .chain(of_delivery("any", UNKNOWN, UNKNOWN));
    for ((method, foreign), (_, missing)) in foreign.zip(missing) {
        let answer = ask(method, &foreign).send().await.assert(404);
        let nothing = ask(method, &missing).send().await;
        assert_eq!(
            face(answer, known),
            face(nothing, [UNKNOWN; 3]),
            "{foreign}"
        );
    }
    for path in [WEBHOOKS.to_owned(), format!("{WEBHOOKS}/any/deliveries")] {
        let list = ask("GET", &path).send().await.assert(200).json();
        assert_eq!(list["items"], json!([]), "{path}");
    }
    let after = shown(&app, &theirs).await;
    assert_eq!(after["disabled_at"], Value::Null, "nothing was touched");
    app.run_jobs().await;
    assert_eq!(receiver.received().len(), 1);
    app.stop().await;
}
