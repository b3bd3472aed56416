//! References: found at any depth, in every form, and resolved for the engine.

use std::time::Duration;

use runnel_engines::{InputContent, InputForm};
use runnel_media::sample;
use runnel_testkit::{Db, Request, Storage, TestApp, on_both_databases};
use serde_json::{Value, json};

use super::{assets, create, data_uri, refusal, run, start, start_in, work};

on_both_databases!(
    files_are_found_wherever_they_stand,
    a_reference_that_leads_nowhere_is_named_by_its_place,
    a_url_of_this_server_is_the_asset_that_it_names,
    every_form_of_a_data_uri_becomes_an_asset,
);

async fn get(url: &Value) -> Vec<u8> {
    let request = Request::new("GET", url.as_str().unwrap());
    request.send().await.assert(200).body
}

async fn files_are_found_wherever_they_stand(db: Db) {
    let (app, puppet) = start(db).await;
    let (red, blue) = (sample::gradient_png(10, 10), sample::gradient_png(20, 10));
    let asset = app.asset("image/png", &red).await;
    let reference = format!("runflow://assets/{}", asset["id"].as_str().unwrap());
    let input = json!({
        "image_url": asset["url"],
        "asset_id": asset["id"],
        "images": [reference, data_uri("image/png", &blue), reference],
        "prompt": "runflow is a word",
        "scene": {
            "mask_asset_id": asset["id"],
            "title": "http://example.com/ stays a text here",
            "layers": [{"picture": reference}, 7, [reference, "x"], data_uri("image/png", &blue)],
            "key.with.dots/and~more": {"it": reference},
        },
    });
    let id = create(&app, &input).await;
    let shown = run(&app, &id).await["input"].clone();
    for pointer in [
        "/image_url",
        "/images/0",
        "/scene/layers/0/picture",
        "/scene/layers/2/0",
        "/scene/key.with.dots~1and~0more/it",
    ] {
        assert_eq!(get(shown.pointer(pointer).unwrap()).await, red, "{pointer}");
    }
    for pointer in ["/images/1", "/scene/layers/3"] {
        assert_eq!(
            get(shown.pointer(pointer).unwrap()).await,
            blue,
            "{pointer}"
        );
    }
    assert_eq!(shown["asset_id"], asset["id"]);
    assert_eq!(shown["scene"]["title"], input["scene"]["title"]);
    assert_eq!(
        assets(&app).await.len(),
        3,
        "the picture, and two data: URIs"
    );

    work(&app, &puppet, |call| {
        let places: Vec<&str> = call.work.files.keys().map(String::as_str).collect();
        let expected = [
            "asset_id",
            "image_url",
            "images.0",
            "images.1",
            "images.2",
            "scene.key.with.dots/and~more.it",
            "scene.layers.0.picture",
            "scene.layers.2.0",
            "scene.layers.3",
            "scene.mask_asset_id",
        ];
        assert_eq!(places, expected);
        for (place, file) in &call.work.files {
            let InputContent::Bytes(bytes) = &file.content else {
                panic!("{place} is no bytes");
            };
            let is_blue = ["images.1", "scene.layers.3"].contains(&place.as_str());
            assert_eq!(bytes, if is_blue { &blue } else { &red }, "{place}");
        }
        let told = call.work.input_with(|file| json!(file.size_bytes));
        assert_eq!(told["scene"]["layers"][2], json!([red.len(), "x"]));
        call.succeed();
    })
    .await;
    let ended = run(&app, &id).await;
    assert_eq!(ended["status_code"], "succeeded", "{ended}");
    app.stop().await;
}

async fn a_reference_that_leads_nowhere_is_named_by_its_place(db: Db) {
    let (app, _puppet) = start(db).await;
    let asset = app.asset("image/png", &sample::gradient_png(10, 10)).await;
    let reference = format!("runflow://assets/{}", asset["id"].as_str().unwrap());
    let missing = "runflow://assets/018f4e1a-0000-7000-8000-000000000001";
    let cases = [
        (
            json!({"scene": {"layers": [1, 2, missing]}}),
            "input.scene.layers.2",
        ),
        (json!({"images": [reference, missing]}), "input.images.1"),
        (json!({"prompt": missing}), "input.prompt"),
        (json!({"video_url": missing}), "input.video_url"),
        (json!({"zip_url": missing}), "input.zip_url"),
    ];
    for (input, field) in cases {
        let told = format!("asset not found or expired: {missing}");
        assert_eq!(refusal(&app, &input).await, [(field.to_owned(), told)]);
    }
    let malformed = json!({"scene": ["runflow://assets/x"]});
    assert_eq!(refusal(&app, &malformed).await[0].0, "input.scene.0");

    // Another organization's asset is one that does not exist, at any depth.
    let foreign = app.foreign_key().await;
    let input = json!({"scene": {"deep": [{"er": reference}]}});
    let theirs = Request::new("POST", &app.url(runnel_testkit::Puppet::RUNS)).key(&foreign);
    let error = theirs.json(&json!({"input": input})).send().await;
    let error = error.assert_error(422, "VALIDATION_ERROR");
    assert_eq!(error["errors"][0]["field"], "input.scene.deep.0.er");
    assert_eq!(
        error["errors"][0]["message"],
        format!("asset not found or expired: {reference}")
    );

    let wrong_type = json!({"video_url": reference});
    let (field, message) = refusal(&app, &wrong_type).await.remove(0);
    assert_eq!(field, "input.video_url");
    assert!(
        message.contains("image/png") && message.contains("a video"),
        "{message}"
    );

    let one_name = json!({"scene": {"a.b": reference, "a": {"b": reference}}});
    assert_eq!(refusal(&app, &one_name).await[0].0, "input.scene.a.b");
    let many: Vec<&str> = std::iter::repeat_n(reference.as_str(), 257).collect();
    let (field, message) = refusal(&app, &json!({"scene": many})).await.remove(0);
    assert!(field == "input" && message.contains("256"), "{message}");
    assert_eq!(app.run_jobs().await, 0);
    app.stop().await;
}

async fn a_url_of_this_server_is_the_asset_that_it_names(db: Db) {
    let (app, puppet) = start(db).await;
    let asset = app.asset("image/png", &sample::gradient_png(10, 10)).await;
    let url = asset["url"].as_str().unwrap();
    // A client may keep what it was shown for longer than the URL works.
    app.advance(Duration::from_hours(48));
    let input = json!({"image_url": url, "images": [url], "scene": {"a": url}, "asset_id": url});
    let id = create(&app, &input).await;
    work(&app, &puppet, |call| {
        assert_eq!(call.work.files.len(), 4);
        let told = serde_json::Value::Object(call.work.input.clone()).to_string();
        assert!(!told.contains("signature"), "{told}");
        call.succeed();
    })
    .await;
    assert_eq!(run(&app, &id).await["status_code"], "succeeded");
    assert_eq!(assets(&app).await.len(), 1, "nothing was copied");

    let forged = url.replace("signature=", "signature=0");
    let (field, message) = refusal(&app, &json!({"image_url": forged})).await.remove(0);
    assert!(
        field == "input.image_url" && message.contains("signed"),
        "{message}"
    );
    // Elsewhere it is a text like any other.
    create(&app, &json!({"scene": [forged]})).await;
    app.stop().await;

    // Whose server may not fetch from itself sees that it is no asset of theirs.
    let app = TestApp::start(db).await;
    let asset = app.asset("image/png", &sample::gradient_png(10, 10)).await;
    let foreign = app.foreign_key().await;
    let path = app.url("/v1/models/runflow/background-removal/runs");
    let theirs = Request::new("POST", &path).key(&foreign);
    let body = json!({"input": {"image_url": asset["url"]}});
    let error = theirs.json(&body).send().await;
    let error = error.assert_error(422, "VALIDATION_ERROR");
    let message = error["errors"][0]["message"].as_str().unwrap();
    assert!(message.contains("RUNNEL_EGRESS_ALLOW"), "{message}");
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_url_of_the_bucket_is_the_asset_that_it_names() {
    let (app, puppet) = start_in(Db::Sqlite, Storage::S3, InputForm::Url, |settings, _| {
        settings.egress_allow = String::new();
    })
    .await;
    let png = sample::gradient_png(10, 10);
    let asset = app.asset("image/png", &png).await;
    let url = asset["url"].as_str().unwrap();
    assert!(url.contains("X-Amz-Signature="), "{url}");
    create(&app, &json!({"image_url": url})).await;
    let mut given = String::new();
    work(&app, &puppet, |call| {
        let InputContent::Url(url) = &call.work.files["image_url"].content else {
            panic!("the engine wants a URL");
        };
        given.clone_from(url);
        call.succeed();
    })
    .await;
    assert_eq!(get(&json!(given)).await, png);
    assert_eq!(assets(&app).await.len(), 1, "nothing was copied");
    let changed = url.replace("X-Amz-Signature=", "X-Amz-Signature=0");
    let (_, message) = refusal(&app, &json!({"image_url": changed}))
        .await
        .remove(0);
    assert!(message.contains("RUNNEL_EGRESS_ALLOW"), "{message}");
    app.stop().await;
}

async fn every_form_of_a_data_uri_becomes_an_asset(db: Db) {
    let (app, puppet) = start(db).await;
    let png = sample::gradient_png(10, 10);
    let svg = "<svg xmlns='http://www.w3.org/2000/svg' width='9' height='9'><rect width='9' height='9'/></svg>";
    let pdf = runnel_testkit::samples::pdf(false);
    let base64 = data_uri("image/png", &png);
    let escaped = png
        .iter()
        .fold(String::new(), |text, byte| text + &format!("%{byte:02x}"));
    let input = json!({
        "images": [
            base64.trim_end_matches('=').replace("data:image/png;", "DATA:image/png;name=x.png;"),
            format!("data:image/png,{escaped}"),
            format!("data:image/svg+xml;charset=utf-8,{svg}"),
        ],
        "zip_url": data_uri("application/pdf", &pdf),
        "scene": [base64, "data: a word about it", "data:text/plain,hello"],
    });
    let id = create(&app, &input).await;
    let shown = run(&app, &id).await["input"].clone();
    for pointer in ["/images/0", "/images/1", "/scene/0"] {
        assert_eq!(get(shown.pointer(pointer).unwrap()).await, png, "{pointer}");
    }
    assert_eq!(get(&shown["images"][2]).await, svg.as_bytes());
    assert_eq!(shown["scene"][1], "data: a word about it");
    assert_eq!(shown["scene"][2], "data:text/plain,hello");
    let kept = assets(&app).await;
    assert_eq!(kept.len(), 5);
    assert!(kept.iter().all(|asset| asset["source_type"] == "inline"));
    let org = kept[0]["org_id"].as_str().unwrap().parse().unwrap();
    let read = app.services().store.read();
    let stored = read.runs().get(org, id.parse().unwrap()).await.unwrap();
    let row = stored.unwrap().input.to_string();
    assert!(!row.contains("base64"), "{row}");
    work(&app, &puppet, |call| {
        assert_eq!(call.work.files.len(), 5);
        call.succeed();
    })
    .await;
    app.stop().await;
}
