//! Batches are made as a whole, or refused as a whole with every fault.

use base64::Engine;
use runnel_media::sample;
use runnel_testkit::{Db, Request, TestApp, on_both_databases};
use serde_json::{Value, json};

use super::{ECHO, column, count, create, get, path_of};

on_both_databases!(
    both_forms_make_a_run_of_each_item,
    one_wrong_item_is_named_and_nothing_is_made,
    a_body_that_asks_for_too_much_is_refused_in_bounds,
    data_uris_become_assets_of_all_items_or_of_none,
    the_same_key_makes_one_batch,
);

const COLOUR: &str = "/v1/models/runflow/background-color/batches";
const REMOVAL: &str = "/v1/models/runflow/background-removal/batches";

async fn both_forms_make_a_run_of_each_item(db: Db) {
    let app = TestApp::start(db).await;
    let flat = json!({
        "input": [{"text": "a", "client_ref": "first"}, {"text": "b"}, {"client_ref": null}],
        "metadata": {"order": 7},
    });
    let nested = json!({
        "items": [
            {"input": {"text": "a"}, "client_ref": "first"},
            {"input": {"text": "b"}},
            {"input": {}, "client_ref": null},
        ],
        "metadata": {"order": 7},
    });
    for body in [flat, nested] {
        let batch = create(&app, ECHO, &body).await;
        assert_eq!(batch["status_code"], "queued");
        assert_eq!(
            (&batch["items_total"], &batch["items_succeeded"]),
            (&json!(3), &json!(0))
        );
        assert_eq!(column(&batch, "sequence_index"), json!([0, 1, 2]));
        assert_eq!(column(&batch, "client_ref"), json!(["first", null, null]));
        assert_eq!(
            batch["input"],
            json!([{"text": "a"}, {"text": "b"}, {"text": ""}])
        );
        for null in [
            "output",
            "started_at",
            "completed_at",
            "duration_ms",
            "cost",
        ] {
            assert!(batch[null].is_null(), "{null}: {batch}");
        }
        let run_id = batch["items"][0]["run_id"].as_str().unwrap();
        let run = get(&app, &format!("/v1/runs/{run_id}")).await;
        assert_eq!(
            (&run["source_code"], &run["batch_id"], &run["client_ref"]),
            (&json!("batch"), &batch["id"], &json!("first"))
        );
        assert!(run["callback_url"].is_null() && run["metadata"].is_null());
        app.advance(std::time::Duration::from_secs(1));
        assert_eq!(app.run_jobs().await, 3);
        let ended = get(&app, &path_of(&batch, "")).await;
        assert_eq!(ended["status_code"], "succeeded", "{ended}");
        assert_eq!(ended["items_succeeded"], 3);
        assert_eq!(
            column(&ended["output"], "output"),
            json!([{"text": "a"}, {"text": "b"}, {"text": ""}])
        );
        assert_eq!(ended["output"]["total"], 3);
        assert_eq!(ended["metadata"], json!({"order": 7}));
        assert_eq!(
            column(&ended, "status_code"),
            json!(["succeeded", "succeeded", "succeeded"])
        );
        assert_eq!(ended["duration_ms"], 0, "the clock stood still");
        assert!(ended["started_at"].is_string() && ended["completed_at"].is_string());
        assert!(ended["failure_code"].is_null());
    }
    app.stop().await;
}

async fn one_wrong_item_is_named_and_nothing_is_made(db: Db) {
    let app = TestApp::start(db).await;
    let asset = app.asset("image/png", &sample::gradient_png(10, 10)).await;
    let before = app.objects();
    let good = json!({"asset_id": asset["id"], "color_red": 1, "color_green": 2, "color_blue": 3});
    let with = |field: &str, value: Value| {
        let mut item = good.clone();
        item[field] = value;
        item
    };
    let long = "x".repeat(256);
    let cases: [(Value, &[&str]); 18] = [
        (json!({}), &["input"]),
        (json!({"input": null}), &["input"]),
        (json!({"input": {}}), &["input"]),
        (json!({"input": []}), &["input"]),
        (json!({"input": vec![&good; 101]}), &["input"]),
        (json!({"items": []}), &["items"]),
        (json!({"items": "x"}), &["items"]),
        (
            json!({"input": [good], "items": [{"input": good}]}),
            &["items"],
        ),
        (json!({"input": [good, 7, good]}), &["input.1"]),
        (
            json!({"input": [good, with("color_red", json!(256)), with("colour", json!(1))]}),
            &["input.1.color_red", "input.2.colour"],
        ),
        (
            json!({"items": [{"input": with("color_red", json!(-1))}, {}, 5]}),
            &["items.0.input.color_red", "items.1.input", "items.2"],
        ),
        (
            json!({"items": [{"input": good}, {"input": good, "client_ref": long}]}),
            &["items.1.client_ref"],
        ),
        (
            json!({"input": [with("client_ref", json!(7))]}),
            &["input.0.client_ref"],
        ),
        (
            json!({"input": [good, with("asset_id", json!("018f4e1a-0000-7000-8000-000000000001"))]}),
            &["input.1.asset_id"],
        ),
        (json!({"input": [good], "metadata": []}), &["metadata"]),
        (
            json!({"input": [good], "callback_url": "ftp://example.com/"}),
            &["callback_url"],
        ),
        (
            json!({"input": [7], "callback_url": 7, "metadata": 7}),
            &["metadata", "callback_url", "input.0"],
        ),
        (
            json!({"items": [{"input": with("client_ref", json!("x"))}]}),
            &["items.0.input.client_ref"],
        ),
    ];
    for (body, fields) in cases {
        let error = app.post(COLOUR, &body).send().await;
        let error = error.assert_error(422, "VALIDATION_ERROR");
        let found: Vec<&str> = error["errors"]
            .as_array()
            .unwrap()
            .iter()
            .map(|fault| fault["field"].as_str().unwrap())
            .collect();
        assert_eq!(found, fields, "{error}");
    }
    let error = app.post(COLOUR, &json!({"input": [good, {}]})).send().await;
    let error = error.assert_error(422, "VALIDATION_ERROR");
    assert_eq!(
        error["errors"][0]["loc"],
        json!(["body", "input", "1", "color_red"])
    );
    for path in [
        "/v1/models/runflow/nothing/batches",
        "/v1/models/runflow/a/b/c/batches",
    ] {
        let answer = app.post(path, &json!({"input": [good]})).send().await;
        answer.assert_error(404, "MODEL_NOT_FOUND");
    }
    assert_eq!(count(&app, "/v1/batches").await, 0);
    assert_eq!(count(&app, "/v1/runs").await, 0);
    assert_eq!(app.objects(), before);
    assert_eq!(app.run_jobs().await, 0);
    app.stop().await;
}

async fn a_body_that_asks_for_too_much_is_refused_in_bounds(db: Db) {
    let app = TestApp::start(db).await;
    // Pictures of ten megabytes within the items.
    let picture = format!("data:image/png;base64,{}", "A".repeat(10 * 1024 * 1024));
    let large = json!({"input": vec![json!({"image_url": picture}); 4]});
    let error = app.post(REMOVAL, &large).send().await;
    let error = error.assert_error(413, "PAYLOAD_TOO_LARGE");
    assert!(
        error["message"].as_str().unwrap().contains("asset-uploads"),
        "{error}"
    );
    // Each of very many unknown inputs would be told with the names of all inputs.
    let inputs: serde_json::Map<String, Value> =
        (0..5_000).map(|n| (format!("n{n}"), json!(1))).collect();
    let answer = app
        .post(ECHO, &json!({"input": vec![inputs; 20]}))
        .send()
        .await;
    let error = answer.assert_error(422, "VALIDATION_ERROR");
    let errors = error["errors"].as_array().unwrap();
    assert_eq!(errors.len(), 1001);
    assert_eq!(errors[1000]["type"], "too_many_faults");
    assert_eq!(count(&app, "/v1/batches").await, 0);
    app.stop().await;
}

async fn data_uris_become_assets_of_all_items_or_of_none(db: Db) {
    let app = TestApp::start(db).await;
    let uri = |bytes: &[u8]| {
        let encoded = base64::engine::general_purpose::STANDARD.encode(bytes);
        json!({"image_url": format!("data:image/png;base64,{encoded}")})
    };
    let (red, blue) = (sample::gradient_png(20, 10), sample::gradient_png(30, 10));
    let broken = json!({"input": [uri(&red), uri(&blue), uri(b"no picture")]});
    let error = app.post(REMOVAL, &broken).send().await;
    let error = error.assert_error(422, "VALIDATION_ERROR");
    assert_eq!(error["errors"][0]["field"], "input.2.image_url", "{error}");
    assert_eq!(count(&app, "/v1/assets").await, 0);
    assert!(app.objects().is_empty(), "{:?}", app.objects());

    let batch = create(
        &app,
        REMOVAL,
        &json!({"items": [{"input": uri(&red)}, {"input": uri(&blue)}]}),
    )
    .await;
    let assets = get(&app, "/v1/assets?sort_by=width").await;
    assert_eq!(column(&assets, "width"), json!([20, 30]));
    assert_eq!(column(&assets, "source_type"), json!(["inline", "inline"]));
    for (index, bytes) in [(0, &red), (1, &blue)] {
        let url = batch["input"][index]["image_url"].as_str().unwrap();
        let found = Request::new("GET", url).send().await;
        assert_eq!(&found.assert(200).body, bytes);
    }
    app.run_jobs().await;
    let ended = get(&app, &path_of(&batch, "")).await;
    assert_eq!(ended["status_code"], "succeeded", "{ended}");
    let url = ended["output"]["items"][1]["output"]["image_urls"][0].clone();
    let cut = Request::new("GET", url.as_str().unwrap());
    cut.send().await.assert(200);
    app.stop().await;
}

async fn the_same_key_makes_one_batch(db: Db) {
    let app = TestApp::start(db).await;
    let body = json!({"input": [{"text": "a"}, {"text": "b"}]});
    let make = || app.post(ECHO, &body).header("idempotency-key", "once");
    let first = make().send().await.assert(201);
    let again = make().send().await.assert(201);
    assert_eq!(first.body, again.body);
    assert_eq!(again.header("idempotent-replayed"), Some("true"));
    let other = app
        .post(ECHO, &json!({"input": [{}]}))
        .header("idempotency-key", "once");
    other.send().await.assert_error(409, "CONFLICT");
    assert_eq!(count(&app, "/v1/batches").await, 1);
    assert_eq!(app.run_jobs().await, 2);
    app.stop().await;
}
