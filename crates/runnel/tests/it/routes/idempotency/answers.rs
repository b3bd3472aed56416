//! `Idempotency-Key`: the first answer is given again, and nothing is done twice.

use std::time::Duration;

use runnel_media::sample;
use runnel_testkit::{Db, Request, TestApp, on_both_databases, wait_until};
use runnel_types::{RequestId, Scope};
use serde_json::{Value, json};

use super::{KEY, is_replayed};

on_both_databases!(
    the_first_answer_is_given_again_for_a_day,
    a_key_stands_for_one_request,
    refusals_of_what_was_asked_are_answers_too,
    what_may_pass_is_tried_again,
    two_at_once_do_it_once,
    a_form_is_known_by_its_parts,
    a_key_of_a_dead_process_is_taken_over_or_told_of,
);

async fn folders(app: &TestApp) -> usize {
    let list = app.get("/v1/asset-folders").send().await.assert(200);
    list.json()["items"].as_array().unwrap().len()
}

async fn the_first_answer_is_given_again_for_a_day(db: Db) {
    let app = TestApp::start(db).await;
    let make = || app.post("/v1/asset-folders", &json!({"name": "shoes"}));
    let first = make().header(KEY, "a").send().await.assert(201);
    assert!(!is_replayed(&first));
    let app_ref = &app;
    app_ref.advance(Duration::from_hours(23));
    app.run_jobs().await;
    let again = make().header(KEY, "a").send().await.assert(201);
    assert!(is_replayed(&again));
    assert_eq!(again.body, first.body);
    assert_eq!(again.header("content-type"), first.header("content-type"));
    assert_ne!(
        again.header("runflow-request-id"),
        first.header("runflow-request-id")
    );
    let run = json!({"input": {"text": "x"}, "client_ref": "one"});
    let run = || app.post("/v1/models/runnel/echo/runs", &run);
    let one = run().header(KEY, "run 1").send().await.assert(201).json();
    app.run_jobs().await;
    let two = run().header(KEY, "run 1").send().await.assert(201).json();
    assert_eq!(one, two, "the answer of then, not the state of now");
    app.advance(Duration::from_mins(61));
    app.run_jobs().await;
    // A day is over: the name is taken by now, and nobody remembers by whom.
    let late = make().header(KEY, "a").send().await;
    late.assert_error(409, "CONFLICT");
    assert_eq!(folders(&app).await, 1);
    app.stop().await;
}

async fn a_key_stands_for_one_request(db: Db) {
    let app = TestApp::start(db).await;
    let make = |name: &str| app.post("/v1/asset-folders", &json!({"name": name}));
    make("a").header(KEY, "k").send().await.assert(201);
    for other in [
        make("b"),
        app.post("/v1/asset-folders?x=1", &json!({"name": "a"})),
        app.post(
            "/v1/asset-uploads",
            &json!({"filename": "a.png", "mime_type": "image/png", "size_bytes": 1}),
        ),
    ] {
        let error = other.header(KEY, "k").send().await;
        let error = error.assert_error(409, "CONFLICT");
        assert!(
            error["message"]
                .as_str()
                .unwrap()
                .contains("Idempotency-Key")
        );
    }
    // Another key to the API, which may not see such answers.
    let narrow = app.key_with(&[Scope::AssetsRead]).await;
    let request = Request::new("POST", &app.url("/v1/asset-folders"))
        .key(&narrow)
        .json(&json!({"name": "a"}));
    request
        .header(KEY, "k")
        .send()
        .await
        .assert_error(409, "CONFLICT");
    // Another organization has keys of its own.
    let foreign = app.foreign_key().await;
    let request = Request::new("POST", &app.url("/v1/asset-folders"))
        .key(&foreign)
        .json(&json!({"name": "z"}));
    let made = request.header(KEY, "k").send().await.assert(201);
    assert!(!is_replayed(&made));

    for wrong in ["", &"k".repeat(256), "schlüssel"] {
        let error = make("c").header(KEY, wrong).send().await;
        let error = error.assert_error(422, "VALIDATION_ERROR");
        assert_eq!(error["errors"][0]["loc"][1], "Idempotency-Key", "{error}");
    }
    let two = make("c").header(KEY, "one").header(KEY, "two").send().await;
    two.assert_error(422, "VALIDATION_ERROR");
    let longest = "k".repeat(255);
    make("c").header(KEY, &longest).send().await.assert(201);
    let unknown = Request::new("POST", &app.url("/v1/asset-folders"))
        .key("rf_live_nobody")
        .json(&json!({"name": "d"}));
    let unknown = unknown.header(KEY, "new").send().await;
    unknown.assert_error(401, "UNAUTHORIZED");
    assert_eq!(folders(&app).await, 2);
    app.stop().await;
}

async fn refusals_of_what_was_asked_are_answers_too(db: Db) {
    let app = TestApp::start(db).await;
    let make = || app.post("/v1/asset-folders", &json!({"name": "a/b"}));
    let first = make().header(KEY, "k").send().await.assert(422);
    let again = make().header(KEY, "k").send().await.assert(422);
    assert!(is_replayed(&again));
    assert_eq!(again.body, first.body);
    app.stop().await;
}

async fn what_may_pass_is_tried_again(db: Db) {
    let app = TestApp::start(db).await;
    let png = sample::gradient_png(8, 8);
    let (id, url) = app.create_upload("image/png", png.len()).await;
    let confirm = || {
        app.post(&format!("/v1/asset-uploads/{id}/confirmations"), &json!({}))
            .header(KEY, "confirm")
    };
    confirm().send().await.assert_error(409, "CONFLICT");
    Request::new("PUT", &url)
        .header("content-type", "image/png")
        .body(png)
        .send()
        .await
        .assert(200);
    let asset = confirm().send().await.assert(201);
    let again = confirm().send().await.assert(201);
    assert!(is_replayed(&again));
    assert_eq!(again.body, asset.body);

    // A body that broke off was never asked.
    let make = |name: &str| {
        app.post("/v1/asset-folders", &json!({"name": name}))
            .header(KEY, "cut")
    };
    drop(make("cut off").begin(5).await);
    make("whole").send().await.assert(201);
    app.stop().await;
}

async fn two_at_once_do_it_once(db: Db) {
    let app = TestApp::start(db).await;
    let run = || {
        app.post(
            "/v1/models/runnel/echo/runs",
            &json!({"input": {"text": "x"}}),
        )
        .header(KEY, "storm")
        .send()
    };
    let answers = futures_util::future::join_all((0..16).map(|_| run())).await;
    let mut made: Option<Value> = None;
    for answer in answers {
        match answer.status {
            201 => {
                let run = answer.json();
                assert_eq!(made.get_or_insert_with(|| run.clone()), &run);
            }
            _ => drop(answer.assert_error(409, "CONFLICT")),
        }
    }
    assert!(made.is_some());
    let list = app.get("/v1/runs").send().await.assert(200).json();
    assert_eq!(list["items"].as_array().unwrap().len(), 1);
    app.stop().await;
}

async fn a_form_is_known_by_its_parts(db: Db) {
    let app = TestApp::start_with(db, |settings| settings.max_upload_bytes = 16_000_000).await;
    let png = sample::gradient_png(1600, 1200);
    assert!(png.len() > 2_000_000, "larger than usual limits of forms");
    let send = |key: &str, name: &str, edge: &str| {
        let mut form = format!(
            "--{edge}\r\nContent-Disposition: form-data; name=\"file\"; filename=\"{name}\"\r\n\
             Content-Type: image/png\r\n\r\n"
        )
        .into_bytes();
        form.extend_from_slice(&png);
        form.extend_from_slice(format!("\r\n--{edge}--\r\n").as_bytes());
        Request::new("POST", &app.url("/v1/assets"))
            .key(app.key())
            .header(KEY, key)
            .header(
                "content-type",
                &format!("multipart/form-data; boundary={edge}"),
            )
            .body(form)
    };
    let first = send("form", "a.png", "one").send().await.assert(201);
    let again = send("form", "a.png", "two").send().await.assert(201);
    assert!(is_replayed(&again));
    assert_eq!(again.body, first.body);
    let other = send("form", "b.png", "one").send().await;
    other.assert_error(409, "CONFLICT");
    let list = app.get("/v1/assets").send().await.assert(200).json();
    assert_eq!(list["items"].as_array().unwrap().len(), 1);

    // While another is at work the whole of it is taken, and then refused.
    let busy = send("busy", "a.png", "one").begin(400_000).await;
    let app_ref = &app;
    wait_until("its file to be begun", || async move {
        (app_ref.objects().len() == 3).then_some(())
    })
    .await;
    let second = send("busy", "a.png", "two").send().await;
    second.assert_error(409, "CONFLICT");
    drop(busy);

    // One that breaks off gives its key free.
    let cut = send("x", "a.png", "one").begin(2000).await;
    drop(cut);
    wait_until("the half file to be gone", || async move {
        (app_ref.objects().len() == 2).then_some(())
    })
    .await;
    app.stop().await;
}

async fn a_key_of_a_dead_process_is_taken_over_or_told_of(db: Db) {
    let app = TestApp::start(db).await;
    let body = json!({"name": "a"});
    let make = || app.post("/v1/asset-folders", &body).header(KEY, "dead");
    // What a process leaves behind that dies after it took the key.
    let services = app.services();
    let dead: RequestId = services.ids.next();
    let key = app.key().to_owned();
    let caller = services.authenticate(&key, None, dead).await.unwrap();
    let taken = services.take_key(&caller, "dead", &"0".repeat(64)).await;
    assert!(matches!(taken, Ok(runnel_domain::Begun::Own)));
    let busy = make().send().await.assert_error(409, "CONFLICT");
    assert!(busy["message"].as_str().unwrap().contains("still at work"));
    app.advance(Duration::from_secs(61));
    make().send().await.assert(201);

    // And after what was asked was done, before the answer was kept.
    let caller = services.authenticate(&key, None, dead).await.unwrap();
    let taken = services.take_key(&caller, "done", &"0".repeat(64)).await;
    assert!(matches!(taken, Ok(runnel_domain::Begun::Own)));
    let caller = runnel_domain::Caller {
        idempotency_key: Some("done".to_owned()),
        ..caller
    };
    services
        .create_folder(&caller, &json!({"name": "b"}))
        .await
        .unwrap();
    let again = || {
        app.post("/v1/asset-folders", &json!({"name": "b"}))
            .header(KEY, "done")
            .send()
    };
    // For all that anybody knows, it is about to answer.
    let busy = again().await.assert_error(409, "CONFLICT");
    assert!(busy["message"].as_str().unwrap().contains("still at work"));
    app.advance(Duration::from_mins(10));
    let lost = again().await.assert_error(409, "CONFLICT");
    assert!(lost["message"].as_str().unwrap().contains("has been done"));
    assert_eq!(folders(&app).await, 2);
    app.stop().await;
}
