//! How answers are kept: sealed, each in its place, and those of before as well.

use runnel_domain::{Caller, Services};
use runnel_testkit::{Db, Response, TestApp, on_both_databases};
use runnel_types::Answer;
use serde_json::json;

use super::{KEY, caller, is_replayed, used};

on_both_databases!(
    an_answer_with_a_secret_is_given_again_and_never_stored_in_the_open,
    an_answer_that_was_kept_in_the_open_is_given_again,
    an_answer_in_the_place_of_another_is_not_given,
);

async fn an_answer_with_a_secret_is_given_again_and_never_stored_in_the_open(db: Db) {
    let app = TestApp::start(db).await;
    let made = [
        app.post("/v1/callback-secrets", &json!({"label": "readable"})),
        app.post(
            "/v1/webhooks",
            &json!({"url": "https://example.com/hook", "name": "readable too"}),
        ),
    ];
    for (request, key) in made.into_iter().zip(["secret", "webhook"]) {
        let request = request.header(KEY, key);
        let first = request.clone().send().await.assert(201);
        let plain = first.json()["plain_secret"].as_str().unwrap().to_owned();
        assert!(plain.starts_with("whsec_"), "{plain}");
        assert!(!app.stores(&plain), "{key}");
        assert!(!app.stores(plain.trim_start_matches("whsec_")), "{key}");
        let again = request.send().await.assert(201);
        assert!(is_replayed(&again));
        assert_eq!(again.body, first.body);
        assert_eq!(again.header("content-type"), first.header("content-type"));
    }
    // It would be found if it were there.
    assert!(app.stores("readable") && app.stores("readable too"));
    app.stop().await;
}

/// Who made a request, by its answer.
async fn caller_of(app: &TestApp, answer: &Response) -> Caller {
    let request = answer.header("runflow-request-id").unwrap();
    caller(app, request.parse().unwrap()).await
}

/// The body of an answer as it is kept.
async fn body(app: &TestApp, caller: &Caller, key: &str) -> String {
    let used = used(app.services(), caller, key).await.unwrap();
    used.answer.unwrap().body
}

/// Writes `body` over what is kept of the answer to the caller's request.
async fn overwrite(services: &Services, caller: &Caller, key: &str, body: &str) {
    let used = used(services, caller, key).await.unwrap();
    let answer = Answer {
        body: body.to_owned(),
        ..used.answer.unwrap()
    };
    let mut tx = services.store.begin().await.unwrap();
    tx.idempotency_keys()
        .keep_answer(
            caller.org_id,
            key,
            caller.request_id,
            &used.fingerprint,
            &answer,
        )
        .await
        .unwrap();
    tx.commit().await.unwrap();
}

async fn an_answer_that_was_kept_in_the_open_is_given_again(db: Db) {
    let app = TestApp::start(db).await;
    let make = || {
        app.post("/v1/asset-folders", &json!({"name": "a"}))
            .header(KEY, "old")
    };
    let first = make().send().await.assert(201);
    let caller = caller_of(&app, &first).await;
    let kept = body(&app, &caller, "old").await;
    assert_ne!(kept.as_bytes(), first.body, "it is sealed by now");
    let open = String::from_utf8(first.body.clone()).unwrap();
    overwrite(app.services(), &caller, "old", &open).await;
    let again = make().send().await.assert(201);
    assert!(is_replayed(&again));
    assert_eq!(again.body, first.body);
    app.stop().await;
}

async fn an_answer_in_the_place_of_another_is_not_given(db: Db) {
    let app = TestApp::start(db).await;
    let make = |name: &str| {
        app.post("/v1/asset-folders", &json!({"name": name}))
            .header(KEY, name)
            .send()
    };
    let first = make("a").await.assert(201);
    let moved = body(&app, &caller_of(&app, &first).await, "a").await;
    let second = make("b").await.assert(201);
    let caller = caller_of(&app, &second).await;
    let whole = body(&app, &caller, "b").await;
    for wrong in [moved.as_str(), &whole[..whole.len() - 4], &whole[..3]] {
        overwrite(app.services(), &caller, "b", wrong).await;
        make("b").await.assert_error(500, "INTERNAL_ERROR");
    }
    overwrite(app.services(), &caller, "b", &whole).await;
    let again = make("b").await.assert(201);
    assert_eq!(again.body, second.body);
    app.stop().await;
}
