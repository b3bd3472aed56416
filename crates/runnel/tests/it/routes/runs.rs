//! Runs: refused before anything is stored, listed, executed, told.

use base64::Engine;
use runnel_media::sample;
use runnel_testkit::{Db, Request, TestApp, on_both_databases};
use serde_json::{Value, json};

on_both_databases!(
    wrong_runs_are_refused_and_store_nothing,
    references_lead_to_ones_own_assets_alone,
    a_data_uri_becomes_an_asset,
    runs_are_listed_newest_first_in_stable_pages,
);

const REPLACE: &str = "/v1/models/runflow/background-replace/runs";
const ECHO: &str = "/v1/models/runnel/echo/runs";

async fn count(app: &TestApp) -> usize {
    app.get("/v1/runs").send().await.assert(200).json()["items"]
        .as_array()
        .unwrap()
        .len()
}

async fn wrong_runs_are_refused_and_store_nothing(db: Db) {
    let app = TestApp::start(db).await;
    let asset = app.asset("image/png", &sample::gradient_png(10, 10)).await;
    let before = app.objects();
    for path in [
        "/v1/models/runflow/nothing/runs",
        "/v1/models/runflow/object-removal/prompt/runs",
        "/v1/models/../x/runs",
    ] {
        app.post(path, &json!({"input": {}}))
            .send()
            .await
            .assert_error(404, "MODEL_NOT_FOUND");
    }
    let input = |more: Value| {
        let mut input = json!({"asset_id": asset["id"], "prompt": "white studio"});
        input
            .as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        json!({"input": input})
    };
    let cases = [
        (json!({}), "input"),
        (json!({"input": 3}), "input"),
        (
            json!({"input": {"prompt": "white studio"}}),
            "input.asset_id",
        ),
        (json!({"input": {"asset_id": asset["id"]}}), "input.prompt"),
        (input(json!({"prompt": 7})), "input.prompt"),
        (input(json!({"prompt": ""})), "input.prompt"),
        (
            input(json!({"prompt": "a beach at sunset"})),
            "input.prompt",
        ),
        (input(json!({"asset_id": "x"})), "input.asset_id"),
        (input(json!({"colour": 1})), "input.colour"),
        (
            input(json!({"image_url": "data:image/png;base64,***"})),
            "input.image_url",
        ),
        (
            input(json!({"image_url": "data:image/png,plain"})),
            "input.image_url",
        ),
        (
            input(json!({"image_url": "data:text/html;base64,aGk="})),
            "input.image_url",
        ),
        (
            input(json!({"image_url": "data:image/png;base64,aGk="})),
            "input.image_url",
        ),
        (
            input(json!({"image_url": "runflow://assets/../x"})),
            "input.image_url",
        ),
        (
            json!({"input": input(json!({}))["input"], "metadata": {"k": "x".repeat(101 * 1024)}}),
            "metadata",
        ),
        (
            json!({"input": input(json!({}))["input"], "metadata": []}),
            "metadata",
        ),
        (
            json!({"input": input(json!({}))["input"], "client_ref": "x".repeat(256)}),
            "client_ref",
        ),
        (
            json!({"input": input(json!({}))["input"], "callback_url": "ftp://example.com/"}),
            "callback_url",
        ),
        (
            json!({"input": input(json!({}))["input"], "callback_url": "x".repeat(2049)}),
            "callback_url",
        ),
    ];
    for (body, field) in cases {
        let error = app
            .post(REPLACE, &body)
            .send()
            .await
            .assert_error(422, "VALIDATION_ERROR");
        assert_eq!(error["errors"][0]["field"], field, "{error}");
    }
    let refused =
        json!({"input": input(json!({}))["input"], "callback_url": "http://127.0.0.1:9/x"});
    let error = app
        .post(REPLACE, &refused)
        .send()
        .await
        .assert_error(422, "VALIDATION_ERROR");
    assert!(
        error["errors"][0]["msg"]
            .as_str()
            .is_some_and(|message| message.contains("RUNNEL_EGRESS_ALLOW")),
        "{error}"
    );
    assert_eq!(count(&app).await, 0);
    assert_eq!(app.run_jobs().await, 0);
    assert_eq!(app.objects(), before);
    app.stop().await;
}

async fn references_lead_to_ones_own_assets_alone(db: Db) {
    let app = TestApp::start(db).await;
    let asset = app.asset("image/png", &sample::gradient_png(10, 10)).await;
    let id = asset["id"].as_str().unwrap();
    let missing = "018f4e1a-0000-7000-8000-000000000001";
    let foreign = app.foreign_key().await;
    let told = format!("asset not found or expired: runflow://assets/{missing}");
    for input in [
        json!({"asset_id": missing}),
        json!({"image_url": format!("runflow://assets/{missing}")}),
    ] {
        let error = app
            .post(
                "/v1/models/runflow/background-removal/runs",
                &json!({"input": input}),
            )
            .send()
            .await;
        assert_eq!(
            error.assert_error(422, "VALIDATION_ERROR")["errors"][0]["msg"],
            told
        );
    }
    let theirs = Request::new(
        "POST",
        &app.url("/v1/models/runflow/background-removal/runs"),
    )
    .key(&foreign);
    let error = theirs
        .json(&json!({"input": {"asset_id": id}}))
        .send()
        .await
        .assert_error(422, "VALIDATION_ERROR");
    assert_eq!(
        error["errors"][0]["msg"],
        format!("asset not found or expired: runflow://assets/{id}")
    );

    let services = app.services();
    let me = app.get("/v1/auth/me").send().await.assert(200).json();
    let org = me["memberships"][0]["org"]["id"]
        .as_str()
        .unwrap()
        .parse()
        .unwrap();
    let mut tx = services.store.begin().await.unwrap();
    tx.assets()
        .soft_delete(org, id.parse().unwrap(), None, services.now())
        .await
        .unwrap();
    tx.commit().await.unwrap();
    let error = app
        .post(
            "/v1/models/runflow/background-removal/runs",
            &json!({"input": {"asset_id": id}}),
        )
        .send()
        .await;
    error.assert_error(422, "VALIDATION_ERROR");
    Request::new("GET", asset["url"].as_str().unwrap())
        .send()
        .await
        .assert_error(404, "ASSET_NOT_FOUND");
    app.stop().await;
}

async fn a_data_uri_becomes_an_asset(db: Db) {
    let app = TestApp::start(db).await;
    let png = sample::gradient_png(40, 30);
    let uri = format!(
        "data:image/png;base64,{}",
        base64::engine::general_purpose::STANDARD.encode(&png)
    );
    let run = app
        .post(
            "/v1/models/runflow/background-removal/runs",
            &json!({"input": {"image_url": uri}}),
        )
        .send()
        .await;
    let run = run.assert(201).json();
    let shown = run["input"]["image_url"].as_str().unwrap();
    assert_eq!(
        Request::new("GET", shown).send().await.assert(200).body,
        png
    );
    let id = shown
        .split("/assets/")
        .nth(1)
        .and_then(|rest| rest.split('/').next())
        .unwrap();
    let asset = app
        .get(&format!("/v1/assets/{id}"))
        .send()
        .await
        .assert(200)
        .json();
    assert_eq!(
        (&asset["source_type"], &asset["width"]),
        (&json!("inline"), &json!(40))
    );
    assert_eq!(app.run_jobs().await, 1);
    let ended = app
        .get(&format!("/v1/runs/{}", run["id"].as_str().unwrap()))
        .send()
        .await
        .assert(200)
        .json();
    assert_eq!(ended["status_code"], "succeeded", "{ended}");
    app.stop().await;
}

async fn runs_are_listed_newest_first_in_stable_pages(db: Db) {
    let app = TestApp::start(db).await;
    for number in 0..7 {
        app.post(ECHO, &json!({"input": {"text": number.to_string()}}))
            .send()
            .await
            .assert(201);
    }
    let page = |query: String| {
        let request = app.get(&format!("/v1/runs?limit=3{query}"));
        async { request.send().await.assert(200).json() }
    };
    let texts = |page: &Value| -> Vec<String> {
        page["items"]
            .as_array()
            .unwrap()
            .iter()
            .map(|run| run["input"]["text"].as_str().unwrap().to_owned())
            .collect()
    };
    let first = page(String::new()).await;
    assert_eq!(texts(&first), ["6", "5", "4"]);
    assert_eq!(
        (&first["next"], &first["prev_pq"]),
        (&first["next_pq"], &first["previous"])
    );
    app.post(ECHO, &json!({"input": {"text": "new"}}))
        .send()
        .await
        .assert(201);
    let second = page(format!("&pq={}", first["next"].as_str().unwrap())).await;
    assert_eq!(texts(&second), ["3", "2", "1"]);
    let last = page(format!("&pq={}", second["next"].as_str().unwrap())).await;
    assert_eq!(
        (texts(&last), &last["next"]),
        (vec!["0".to_owned()], &Value::Null)
    );
    let back = page(format!(
        "&from_prev=true&pq={}",
        last["previous"].as_str().unwrap()
    ))
    .await;
    assert_eq!(texts(&back), texts(&second));
    let foreign = app.foreign_key().await;
    let theirs = Request::new("GET", &app.url("/v1/runs"))
        .key(&foreign)
        .send()
        .await
        .assert(200)
        .json();
    assert_eq!(theirs["items"], json!([]));
    app.stop().await;
}
