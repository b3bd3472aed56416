//! Folders: made, filed into, moved, deleted; each wrong way refused.

use runnel_media::sample;
use runnel_testkit::{Db, Request, TestApp, on_both_databases};
use serde_json::{Value, json};

on_both_databases!(
    a_tree_is_built_moved_and_deleted,
    wrong_folders_are_refused,
    names_of_every_script_come_back_as_they_were_sent,
    no_path_grows_without_end,
    circles_are_refused_whoever_comes_first,
    a_folder_is_its_organizations_alone,
);

fn at(folder: &Value) -> String {
    format!("/v1/asset-folders/{}", folder["id"].as_str().unwrap())
}

async fn a_tree_is_built_moved_and_deleted(db: Db) {
    let app = TestApp::start(db).await;
    let top = app.folder("shoes", None).await;
    assert_eq!(top["path"], "/shoes");
    assert_eq!(
        (&top["parent_id"], &top["asset_count"]),
        (&json!(null), &json!(0))
    );
    let mut deepest = app.folder("2026", Some(&top)).await;
    let middle = deepest.clone();
    for level in 0..60 {
        deepest = app
            .folder(&format!("level {level} 👟"), Some(&deepest))
            .await;
    }
    assert!(
        deepest["path"]
            .as_str()
            .unwrap()
            .starts_with("/shoes/2026/level 0 👟/level 1")
    );

    let png = sample::gradient_png(8, 8);
    let id = app.upload("image/png", &png).await;
    let confirm = format!("/v1/asset-uploads/{id}/confirmations");
    let body = json!({"folder_id": deepest["id"]});
    let asset = app.post(&confirm, &body).send().await.assert(201).json();
    assert_eq!(asset["folder_id"], deepest["id"]);
    let read = app.get(&at(&deepest)).send().await.assert(200).json();
    assert_eq!(read["asset_count"], 1);

    let moved = app.patch(&at(&middle), &json!({"parent_id": null, "name": "archive"}));
    let moved = moved.send().await.assert(200).json();
    assert_eq!(
        (&moved["path"], &moved["parent_id"]),
        (&json!("/archive"), &json!(null))
    );
    let read = app.get(&at(&deepest)).send().await.assert(200).json();
    assert!(
        read["path"]
            .as_str()
            .unwrap()
            .starts_with("/archive/level 0 👟")
    );
    let unchanged = app
        .patch(&at(&middle), &json!({}))
        .send()
        .await
        .assert(200)
        .json();
    assert_eq!(unchanged["path"], "/archive");
    let roots = app.get("/v1/asset-folders?parent_id=null&sort_by=name&fields=name");
    let roots = roots.send().await.assert(200).json();
    assert_eq!(
        roots["items"],
        json!([{"name": "archive"}, {"name": "shoes"}])
    );

    let refused = app.delete(&at(&middle)).send().await;
    let error = refused.assert_error(409, "CONFLICT");
    assert!(
        error["message"]
            .as_str()
            .unwrap()
            .contains("recursive=true")
    );
    app.delete(&format!("{}?recursive=true", at(&middle)))
        .send()
        .await
        .assert(204);
    app.get(&at(&deepest))
        .send()
        .await
        .assert_error(404, "FOLDER_NOT_FOUND");
    let gone = format!("/v1/assets/{id}");
    app.get(&gone)
        .send()
        .await
        .assert_error(404, "ASSET_NOT_FOUND");
    let url = asset["url"].as_str().unwrap();
    Request::new("GET", url)
        .send()
        .await
        .assert_error(404, "ASSET_NOT_FOUND");
    app.delete(&at(&top)).send().await.assert(204);
    app.delete(&at(&top))
        .send()
        .await
        .assert_error(404, "FOLDER_NOT_FOUND");

    let restored = app.post(&format!("{gone}/restorations"), &json!({}));
    let restored = restored.send().await.assert(201).json();
    assert_eq!(restored["folder_id"], json!(null), "its folder is gone");
    Request::new("GET", restored["url"].as_str().unwrap())
        .send()
        .await
        .assert(200);
    app.stop().await;
}

async fn wrong_folders_are_refused(db: Db) {
    let app = TestApp::start(db).await;
    let top = app.folder("top", None).await;
    app.folder("inner", Some(&top)).await;
    let nobody = "018f4e1a-0000-7000-8000-000000000001";
    for (body, field) in [
        (json!({}), "name"),
        (json!({"name": ""}), "name"),
        (json!({"name": "x".repeat(256)}), "name"),
        (json!({"name": "a/b"}), "name"),
        (json!({"name": 7}), "name"),
        (json!({"name": "a", "parent_id": "top"}), "parent_id"),
        (json!({"name": "a", "parent_id": 7}), "parent_id"),
    ] {
        let error = app.post("/v1/asset-folders", &body).send().await;
        let error = error.assert_error(422, "VALIDATION_ERROR");
        assert_eq!(error["errors"][0]["field"], field, "{body}");
    }
    for body in [json!({"name": null}), json!({"name": "a/b"})] {
        let error = app.patch(&at(&top), &body).send().await;
        error.assert_error(422, "VALIDATION_ERROR");
    }
    for body in [
        json!({"name": "top"}),
        json!({"name": "inner", "parent_id": top["id"]}),
    ] {
        let error = app.post("/v1/asset-folders", &body).send().await;
        error.assert_error(409, "CONFLICT");
    }
    let orphan = json!({"name": "a", "parent_id": nobody});
    let error = app.post("/v1/asset-folders", &orphan).send().await;
    error.assert_error(404, "FOLDER_NOT_FOUND");
    let id = app.upload("image/png", &sample::gradient_png(8, 8)).await;
    let confirm = format!("/v1/asset-uploads/{id}/confirmations");
    let error = app
        .post(&confirm, &json!({"folder_id": nobody}))
        .send()
        .await;
    error.assert_error(404, "FOLDER_NOT_FOUND");
    let long = app.folder(&"é".repeat(255), None).await;
    assert_eq!(
        long["name"].as_str().map(|name| name.chars().count()),
        Some(255)
    );
    app.stop().await;
}

async fn names_of_every_script_come_back_as_they_were_sent(db: Db) {
    let app = TestApp::start(db).await;
    let names = [
        "обувь",
        "靴",
        "鞋子",
        "أحذية",
        "נעליים",
        "जूते",
        "รองเท้า",
        "신발",
        "👟",
        "\u{1f468}\u{200d}\u{1f467}",
        "a\0b",
        "\t",
        "two\nlines",
        "\u{202e}gnp",
        ".",
        "..",
        " ",
        "a\\b",
        "it's \"so\"",
        "*",
        "100%_[x]?",
        "null",
        "\u{fffe}0",
        // Unicode calls the two forms of each the same; here they are two names.
        "\u{e9}",
        "e\u{301}",
        "\u{ac00}",
        "\u{1100}\u{1161}",
        "Shoe",
        "shoe",
    ];
    for name in names {
        let folder = app.folder(name, None).await;
        assert_eq!(
            (&folder["name"], &folder["path"]),
            (&json!(name), &json!(format!("/{name}")))
        );
        let again = app.post("/v1/asset-folders", &json!({"name": name}));
        again.send().await.assert_error(409, "CONFLICT");
        let quoted = name.replace('\\', "\\\\").replace('\'', "''");
        let q: String =
            url::form_urlencoded::byte_serialize(format!("name:'{quoted}'").as_bytes()).collect();
        let found = app.get(&format!("/v1/asset-folders?q={q}")).send().await;
        let found = found.assert(200).json();
        assert_eq!(found["items"], json!([folder]), "{name:?}");
    }
    // In the order of names, page by page, each once.
    let mut path = "/v1/asset-folders?limit=3&sort_by=name".to_owned();
    let mut seen: Vec<String> = Vec::new();
    loop {
        let page = app.get(&path).send().await.assert(200).json();
        for item in page["items"].as_array().unwrap() {
            seen.push(item["name"].as_str().unwrap().to_owned());
        }
        match page["next"].as_str() {
            Some(next) => path = format!("/v1/asset-folders?limit=3&sort_by=name&pq={next}"),
            None => break,
        }
    }
    let mut sorted = names.map(str::to_owned).to_vec();
    seen.sort_unstable();
    sorted.sort_unstable();
    assert_eq!(seen, sorted);
    for (length, status) in [(255, 201), (256, 422)] {
        let body = json!({"name": "👟".repeat(length)});
        let answer = app.post("/v1/asset-folders", &body).send().await;
        answer.assert(status);
    }
    app.stop().await;
}

async fn no_path_grows_without_end(db: Db) {
    let app = TestApp::start(db).await;
    // 17 levels of 1,021 bytes each: two such trees are over 32 KiB together.
    let mut ends = Vec::new();
    for first in ["a", "b"] {
        let top = app.folder(first, None).await;
        let mut end = top.clone();
        for _ in 0..17 {
            end = app.folder(&"👟".repeat(255), Some(&end)).await;
        }
        ends.push((top, end));
    }
    let under = json!({"parent_id": ends[1].1["id"]});
    let refused = app.patch(&at(&ends[0].0), &under).send().await;
    let error = refused.assert_error(422, "VALIDATION_ERROR");
    let message = error["errors"][0]["message"].as_str().unwrap();
    assert!(message.contains("limit is 32768"), "{message}");
    let unmoved = app.get(&at(&ends[0].0)).send().await.assert(200).json();
    assert_eq!(unmoved["parent_id"], json!(null));
    // Two levels less, and there is room.
    let end = app.get(&at(&ends[0].1)).send().await.assert(200).json();
    let parent = end["parent_id"].as_str().unwrap();
    app.delete(&format!("/v1/asset-folders/{parent}?recursive=true"))
        .send()
        .await
        .assert(204);
    let moved = app.patch(&at(&ends[0].0), &under).send().await;
    let moved = moved.assert(200).json();
    assert!(moved["path"].as_str().unwrap().len() > 17_000);
    app.stop().await;
}

async fn circles_are_refused_whoever_comes_first(db: Db) {
    let app = TestApp::start(db).await;
    let (one, two) = (app.folder("one", None).await, app.folder("two", None).await);
    let inner = app.folder("inner", Some(&one)).await;
    for target in [&one, &inner] {
        let error = app
            .patch(&at(&one), &json!({"parent_id": target["id"]}))
            .send()
            .await;
        let error = error.assert_error(422, "VALIDATION_ERROR");
        assert_eq!(error["errors"][0]["field"], "parent_id");
    }
    for _ in 0..10 {
        let (first, second) = tokio::join!(
            app.patch(&at(&one), &json!({"parent_id": two["id"]}))
                .send(),
            app.patch(&at(&two), &json!({"parent_id": one["id"]}))
                .send(),
        );
        let mut statuses = [first.status, second.status];
        statuses.sort_unstable();
        assert_eq!(statuses, [200, 422], "one of both");
        for folder in [&one, &two] {
            app.patch(&at(folder), &json!({"parent_id": null}))
                .send()
                .await
                .assert(200);
        }
    }
    app.stop().await;
}

async fn a_folder_is_its_organizations_alone(db: Db) {
    let app = TestApp::start(db).await;
    let folder = app.folder("mine", None).await;
    let foreign = app.foreign_key().await;
    let ask = |method: &str, path: &str| Request::new(method, &app.url(path)).key(&foreign);
    for method in ["GET", "PATCH", "DELETE"] {
        let answer = ask(method, &at(&folder)).send().await;
        answer.assert_error(404, "FOLDER_NOT_FOUND");
    }
    let answer =
        ask("POST", "/v1/asset-folders").json(&json!({"name": "x", "parent_id": folder["id"]}));
    answer.send().await.assert_error(404, "FOLDER_NOT_FOUND");
    let list = ask("GET", "/v1/asset-folders")
        .send()
        .await
        .assert(200)
        .json();
    assert_eq!(list["items"], json!([]));
    ask("POST", "/v1/asset-folders")
        .json(&json!({"name": "mine"}))
        .send()
        .await
        .assert(201);
    app.stop().await;
}
