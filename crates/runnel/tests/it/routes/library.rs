//! A library of assets: listed, found, changed, deleted, restored, purged.

use std::time::Duration;

use runnel_media::sample;
use runnel_testkit::{
    Request, Setup, TestApp, on_both_databases, with_a_bucket_too, with_files_served_too,
};
use serde_json::{Value, json};

on_both_databases!(
    a_list_is_walked_filtered_ordered_and_projected,
    wrong_questions_are_refused_with_their_place,
    an_asset_is_renamed_filed_and_annotated,
    a_deletion_can_be_taken_back_for_seven_days,
    what_was_never_confirmed_is_swept,
    the_types_are_listed,
);

with_a_bucket_too!(
    an_asset_is_renamed_filed_and_annotated,
    a_list_is_walked_filtered_ordered_and_projected,
);

with_files_served_too!(a_deletion_can_be_taken_back_for_seven_days,);

fn at(asset: &Value) -> String {
    format!("/v1/assets/{}", asset["id"].as_str().unwrap())
}

fn encoded(text: &str) -> String {
    url::form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

async fn items(app: &TestApp, query: &str) -> Vec<Value> {
    let list = app.get(&format!("/v1/assets?{query}")).send().await;
    let mut list = list.assert(200).json();
    serde_json::from_value(list["items"].take()).unwrap()
}

async fn names(app: &TestApp, query: &str) -> Vec<String> {
    let found = items(app, &format!("{query}&limit=500")).await;
    let name = |item: &Value| item["name"].as_str().unwrap().to_owned();
    found.iter().map(name).collect()
}

/// Files in one step, one second apart.
async fn library(app: &TestApp, names: &[&str]) -> Vec<Value> {
    let mut assets = Vec::new();
    for (n, name) in names.iter().enumerate() {
        let png = sample::gradient_png(10 + n as u32, 8);
        let asset = Request::new("POST", &app.url("/v1/assets"))
            .key(app.key())
            .file(name, "image/png", &png);
        assets.push(asset.send().await.assert(201).json());
        app.advance(Duration::from_secs(1));
    }
    assets
}

async fn a_list_is_walked_filtered_ordered_and_projected(setup: Setup) {
    let app = TestApp::start(setup).await;
    let assets = library(&app, &["red shoe", "blue shoe", "hat", "belt", "scarf"]).await;
    let folder = app.folder("winter", None).await;
    for asset in &assets[3..] {
        let body = json!({"folder_id": folder["id"]});
        app.patch(&at(asset), &body).send().await.assert(200);
    }
    assert_eq!(
        names(&app, "").await,
        ["scarf", "belt", "hat", "blue shoe", "red shoe"]
    );
    assert_eq!(
        names(&app, "sort_by=width:asc").await,
        ["red shoe", "blue shoe", "hat", "belt", "scarf"]
    );
    let folder_id = folder["id"].as_str().unwrap();
    let created = assets[2]["created_at"].as_str().unwrap();
    for (q, expected) in [
        ("name:*shoe*", vec!["blue shoe", "red shoe"]),
        ("name:*shoe* AND NOT width:10", vec!["blue shoe"]),
        ("name.EQ:'hat' OR name.eq:'belt'", vec!["belt", "hat"]),
        ("asset_type:video", vec![]),
        ("folder_id:null", vec!["hat", "blue shoe", "red shoe"]),
        (
            &format!("folder_id:{folder_id} AND width>13"),
            vec!["scarf"],
        ),
        (
            &format!("created_at>={created}"),
            vec!["scarf", "belt", "hat"],
        ),
        (
            "source_type.IN:('upload','inline') AND width<=11",
            vec!["blue shoe", "red shoe"],
        ),
    ] {
        assert_eq!(
            names(&app, &format!("q={}", encoded(q))).await,
            expected,
            "{q}"
        );
    }
    let in_folder = format!("folder_id={folder_id}&asset_type=image");
    assert_eq!(names(&app, &in_folder).await, ["scarf", "belt"]);
    assert_eq!(names(&app, "folder_id=null&q=name:hat").await, ["hat"]);

    let projected = items(&app, "fields=name,width&sort_by=name&limit=1").await;
    assert_eq!(projected, [json!({"name": "belt", "width": 13})]);
    let embedded = items(&app, "embed=created_by_user&limit=1").await;
    assert_eq!(
        embedded[0]["created_by_user"]["id"],
        embedded[0]["created_by"]
    );
    assert_eq!(
        items(&app, "limit=1").await[0]["created_by_user"],
        Value::Null
    );

    // Forward page by page, then back again, in an order of our own.
    let mut path = "/v1/assets?limit=2&sort_by=name:desc".to_owned();
    let mut pages = Vec::new();
    loop {
        let page = app.get(&path).send().await.assert(200).json();
        assert_eq!(
            (&page["next"], &page["previous"]),
            (&page["next_pq"], &page["prev_pq"])
        );
        let next = page["next"].as_str().map(str::to_owned);
        pages.push(page);
        match next {
            Some(next) => path = format!("/v1/assets?limit=2&sort_by=name:desc&pq={next}"),
            None => break,
        }
    }
    let found: Vec<&str> = pages
        .iter()
        .flat_map(|page| page["items"].as_array().unwrap())
        .map(|item| item["name"].as_str().unwrap())
        .collect();
    assert_eq!(found, ["scarf", "red shoe", "hat", "blue shoe", "belt"]);
    let back = pages[1]["previous"].as_str().unwrap();
    let back = format!("/v1/assets?limit=2&sort_by=name:desc&from_prev=true&pq={back}");
    let back = app.get(&back).send().await.assert(200).json();
    assert_eq!(
        back["items"]
            .as_array()
            .unwrap()
            .iter()
            .map(|item| &item["id"])
            .collect::<Vec<_>>(),
        pages[0]["items"]
            .as_array()
            .unwrap()
            .iter()
            .map(|item| &item["id"])
            .collect::<Vec<_>>()
    );
    let stranger = Request::new("GET", &app.url("/v1/assets")).key(&app.foreign_key().await);
    assert_eq!(stranger.send().await.assert(200).json()["items"], json!([]));
    app.stop().await;
}

async fn wrong_questions_are_refused_with_their_place(setup: Setup) {
    let app = TestApp::start(setup).await;
    library(&app, &["a", "b", "c"]).await;
    let page = app
        .get("/v1/assets?limit=1")
        .send()
        .await
        .assert(200)
        .json();
    let cursor = page["next"].as_str().unwrap();
    let tampered = format!("{}x", &cursor[..cursor.len() - 1]);
    for (path, word) in [
        (
            format!("/v1/assets?q={}", encoded("name:a AND colour:red")),
            "character 12",
        ),
        (
            format!("/v1/assets?q={}", encoded(&"(".repeat(10_000))),
            "limit is 4096",
        ),
        (
            format!("/v1/assets?q={}", encoded(&"(".repeat(100))),
            "nested",
        ),
        ("/v1/assets?q=asset_type:picture".to_owned(), "image, video"),
        ("/v1/assets?asset_type=picture".to_owned(), "image, video"),
        ("/v1/assets?sort_by=colour".to_owned(), "no field"),
        ("/v1/assets?sort_by=name:up".to_owned(), "no direction"),
        ("/v1/assets?fields=id,colour".to_owned(), "no field"),
        ("/v1/assets?embed=runs".to_owned(), "created_by_user"),
        (
            format!("/v1/assets?sort_by=name&pq={cursor}"),
            "belongs to the order",
        ),
        (format!("/v1/runs?pq={cursor}"), "another list"),
        (
            format!("/v1/assets?pq={}", &cursor[4..]),
            "not one that this server made",
        ),
        (
            "/v1/assets?pq=%00%FF".to_owned(),
            "not one that this server made",
        ),
    ] {
        let error = app.get(&path).send().await.assert_error(400, "BAD_REQUEST");
        assert!(
            error["message"].as_str().unwrap().contains(word),
            "{path}: {error}"
        );
    }
    let answer = app.get(&format!("/v1/assets?pq={tampered}")).send().await;
    assert!(
        [200, 400].contains(&answer.status),
        "never more than the wrong page"
    );
    for limit in ["0", "501", "-1", "x"] {
        let answer = app.get(&format!("/v1/assets?limit={limit}")).send().await;
        answer.assert_error(422, "VALIDATION_ERROR");
    }
    app.stop().await;
}

async fn an_asset_is_renamed_filed_and_annotated(setup: Setup) {
    let app = TestApp::start(setup).await;
    let asset = library(&app, &["a.png"]).await.remove(0);
    let folder = app.folder("x", None).await;
    let body = json!({"name": "Schuh 👟.png", "folder_id": folder["id"], "metadata": {"sku": 7}});
    let changed = app
        .patch(&at(&asset), &body)
        .send()
        .await
        .assert(200)
        .json();
    for field in ["name", "folder_id", "metadata"] {
        assert_eq!(changed[field], body[field]);
    }
    assert_eq!(
        changed["r2_key"], asset["r2_key"],
        "the bytes stay where they are"
    );
    assert_ne!(changed["updated_at"], asset["updated_at"]);
    let body = json!({"metadata": null, "folder_id": null, "colour": "red"});
    let changed = app
        .patch(&at(&asset), &body)
        .send()
        .await
        .assert(200)
        .json();
    assert_eq!(
        (
            &changed["name"],
            &changed["metadata"],
            &changed["folder_id"]
        ),
        (&json!("Schuh 👟.png"), &Value::Null, &Value::Null)
    );
    for (body, field) in [
        (json!({"name": ""}), "name"),
        (json!({"name": null}), "name"),
        (json!({"name": "x".repeat(501)}), "name"),
        (json!({"folder_id": 7}), "folder_id"),
        (json!({"metadata": [1]}), "metadata"),
        (
            json!({"metadata": {"x": "y".repeat(101 * 1024)}}),
            "metadata",
        ),
    ] {
        let error = app.patch(&at(&asset), &body).send().await;
        let error = error.assert_error(422, "VALIDATION_ERROR");
        assert_eq!(error["errors"][0]["field"], field);
    }
    let nowhere = json!({"folder_id": "018f4e1a-0000-7000-8000-000000000001"});
    let error = app.patch(&at(&asset), &nowhere).send().await;
    error.assert_error(404, "FOLDER_NOT_FOUND");
    app.stop().await;
}

async fn a_deletion_can_be_taken_back_for_seven_days(setup: Setup) {
    let app = TestApp::start(setup).await;
    let assets = library(&app, &["kept", "restored", "purged"]).await;
    let restorations = |asset: &Value| app.post(&format!("{}/restorations", at(asset)), &json!({}));
    for asset in &assets[1..] {
        app.delete(&at(asset)).send().await.assert(204);
        app.delete(&at(asset))
            .send()
            .await
            .assert_error(404, "ASSET_NOT_FOUND");
        for url in ["url", "thumbnail_url"] {
            let answer = Request::new("GET", asset[url].as_str().unwrap())
                .send()
                .await;
            answer.assert_error(404, "ASSET_NOT_FOUND");
        }
        let run = json!({"input": {"asset_id": asset["id"]}});
        let run = app.post("/v1/models/runflow/background-removal/runs", &run);
        run.send().await.assert_error(422, "VALIDATION_ERROR");
    }
    assert_eq!(names(&app, "").await, ["kept"]);
    assert_eq!(app.objects().len(), 6, "the bytes are still there");

    app.advance(Duration::from_hours(7 * 24 - 1));
    app.run_jobs().await;
    let restored = restorations(&assets[1]).send().await.assert(201).json();
    assert_eq!(
        (&restored["deleted_at"], &restored["sha256"]),
        (&Value::Null, &assets[1]["sha256"])
    );
    restorations(&assets[1]).send().await.assert(201);
    Request::new("GET", restored["url"].as_str().unwrap())
        .send()
        .await
        .assert(200);

    app.advance(Duration::from_hours(2));
    restorations(&assets[2])
        .send()
        .await
        .assert_error(404, "ASSET_NOT_FOUND");
    app.run_jobs().await;
    assert_eq!(
        app.objects().len(),
        4,
        "one asset and its thumbnail are gone"
    );
    restorations(&assets[2])
        .send()
        .await
        .assert_error(404, "ASSET_NOT_FOUND");
    assert_eq!(names(&app, "").await, ["restored", "kept"]);
    let foreign = Request::new("DELETE", &app.url(&at(&assets[0]))).key(&app.foreign_key().await);
    foreign.send().await.assert_error(404, "ASSET_NOT_FOUND");
    app.stop().await;
}

async fn what_was_never_confirmed_is_swept(setup: Setup) {
    let app = TestApp::start(setup).await;
    let png = sample::gradient_png(8, 8);
    let left = app.upload("image/png", &png).await;
    let (never, _) = app.create_upload("image/png", 9).await;
    let kept = app.asset("image/png", &png).await;
    assert_eq!(app.objects().len(), 3);
    app.advance(Duration::from_hours(24));
    app.run_jobs().await;
    assert_eq!(app.objects().len(), 3, "the URL expired 23 hours ago");
    app.advance(Duration::from_mins(61));
    app.run_jobs().await;
    assert_eq!(app.objects().len(), 2);
    for id in [left, never] {
        app.confirm(&id)
            .await
            .assert_error(404, "ASSET_UPLOAD_NOT_FOUND");
    }
    let again = app.confirm(kept["id"].as_str().unwrap()).await;
    assert_eq!(again.assert(201).json()["id"], kept["id"]);
    app.stop().await;
}

async fn the_types_are_listed(setup: Setup) {
    let app = TestApp::start(setup).await;
    let types = app.get("/v1/assets/types").send().await.assert(200).json();
    let png = types["items"]
        .as_array()
        .unwrap()
        .iter()
        .find(|kind| kind["mime_type"] == "image/png");
    assert_eq!(
        png.unwrap(),
        &json!({
            "mime_type": "image/png", "asset_type": "image", "extensions": ["png", "apng"],
            "max_size_bytes": 52_428_800, "thumbnail": true,
        })
    );
    let sources = app
        .get("/v1/assets/source-types")
        .send()
        .await
        .assert(200)
        .json();
    assert_eq!(sources["items"].as_array().map(Vec::len), Some(4));
    let one = app
        .get("/v1/assets/source-types/run_output")
        .send()
        .await
        .assert(200)
        .json();
    assert_eq!(one["name"], "run_output");
    let none = app.get("/v1/assets/source-types/x").send().await;
    none.assert_error(404, "NOT_FOUND");
    app.stop().await;
}
