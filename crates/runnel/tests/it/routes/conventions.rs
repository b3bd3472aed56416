//! What holds everywhere: keys, the envelope, ids of requests, the service's own routes.

use std::collections::BTreeSet;

use runnel_testkit::{Db, Request, TestApp, on_both_databases};
use runnel_types::Scope;
use serde_json::json;

on_both_databases!(
    keys_are_asked_for,
    every_error_has_the_envelope,
    the_service_tells_of_itself
);

async fn keys_are_asked_for(db: Db) {
    let app = TestApp::start(db).await;
    let bare = || Request::new("GET", &app.url("/v1/runs"));
    bare().send().await.assert_error(401, "UNAUTHORIZED");
    for wrong in [
        "",
        "x",
        "rf_live_0123456789abcdefghij",
        "rf_live_",
        &"k".repeat(5000),
    ] {
        bare()
            .key(wrong)
            .send()
            .await
            .assert_error(401, "UNAUTHORIZED");
    }
    bare()
        .header("authorization", "Basic abc")
        .send()
        .await
        .assert_error(401, "UNAUTHORIZED");
    let narrow = app.key_with(&[Scope::AssetsRead]).await;
    let error = bare()
        .key(&narrow)
        .send()
        .await
        .assert_error(403, "PERMISSION_DENIED");
    assert!(
        error["message"]
            .as_str()
            .is_some_and(|message| message.contains("runs:read")),
        "{error}"
    );
    let create = Request::new("POST", &app.url("/v1/asset-uploads"))
        .key(&narrow)
        .json(&json!({}));
    create.send().await.assert_error(403, "PERMISSION_DENIED");
    let me = app.get("/v1/auth/me").send().await.assert(200).json();
    let org = me["memberships"][0]["org"]["id"].as_str().unwrap();
    app.get("/v1/runs")
        .header("x-organization-id", org)
        .send()
        .await
        .assert(200);
    let other = app
        .get("/v1/runs")
        .header("x-organization-id", "018f4e1a-0000-7000-8000-000000000001");
    other.send().await.assert_error(403, "PERMISSION_DENIED");
    let revoked = app
        .services()
        .create_key(None, "old", Scope::ALL)
        .await
        .unwrap();
    bare().key(&revoked.plain).send().await.assert(200);
    app.services()
        .revoke_key(&revoked.record.id.to_string())
        .await
        .unwrap();
    bare()
        .key(&revoked.plain)
        .send()
        .await
        .assert_error(401, "UNAUTHORIZED");
    app.stop().await;
}

async fn every_error_has_the_envelope(db: Db) {
    let app = TestApp::start(db).await;
    app.get("/v1/nothing")
        .send()
        .await
        .assert_error(404, "NOT_FOUND");
    app.get("/").send().await.assert_error(404, "NOT_FOUND");
    app.get("/v1/asset-uploads")
        .send()
        .await
        .assert_error(405, "METHOD_NOT_ALLOWED");
    let post = |body: Vec<u8>| {
        Request::new("POST", &app.url("/v1/asset-uploads"))
            .key(app.key())
            .header("content-type", "application/json")
            .body(body)
    };
    post(b"{".to_vec())
        .send()
        .await
        .assert_error(400, "BAD_REQUEST");
    post(b"\xff\xfe".to_vec())
        .send()
        .await
        .assert_error(400, "BAD_REQUEST");
    let whole = post(b"[1]".to_vec()).send().await;
    let whole = whole.assert_error(422, "VALIDATION_ERROR");
    let told = "the body must be a JSON object, not a list";
    assert_eq!(whole["message"], told);
    assert_eq!(whole["errors"][0]["field"], "body");
    post(vec![b'['; 100_000])
        .send()
        .await
        .assert_error(400, "BAD_REQUEST");
    post(vec![b' '; 20 * 1024 * 1024])
        .send()
        .await
        .assert_error(413, "PAYLOAD_TOO_LARGE");
    let chunked = Request::new("POST", &app.url("/v1/asset-uploads"))
        .key(app.key())
        .chunked(vec![b' '; 11 * 1024 * 1024]);
    chunked.send().await.assert_error(413, "PAYLOAD_TOO_LARGE");
    let form = Request::new("POST", &app.url("/v1/asset-uploads"))
        .key(app.key())
        .header("content-type", "text/plain")
        .body("{}");
    form.send()
        .await
        .assert_error(415, "UNSUPPORTED_MEDIA_TYPE");
    let echoed = app
        .get("/v1/nothing")
        .header("x-request-id", "mine-7")
        .send()
        .await;
    assert_eq!(echoed.header("x-request-id"), Some("mine-7"));
    for query in [
        "limit=0",
        "limit=501",
        "limit=-1",
        "limit=x",
        "from_prev=maybe",
    ] {
        app.get(&format!("/v1/runs?{query}"))
            .send()
            .await
            .assert_error(422, "VALIDATION_ERROR");
    }
    // Python's requests sends `True`; a form sends fields that were left empty.
    for query in [
        "from_prev=True",
        "from_prev=FALSE",
        "from_prev=1",
        "limit=",
        "pq=&q=&status_code=",
    ] {
        app.get(&format!("/v1/runs?{query}"))
            .send()
            .await
            .assert(200);
    }
    for (path, name) in [
        ("/v1/assets?folder_id=x", "folder_id"),
        ("/v1/asset-folders?parent_id=7", "parent_id"),
    ] {
        let error = app.get(path).send().await;
        let error = error.assert_error(422, "VALIDATION_ERROR");
        assert_eq!(error["errors"][0]["loc"], json!(["query", name]), "{error}");
    }
    for path in [
        "/v1/assets?folder_id=&asset_type=&limit=&embed=&fields=&sort_by=",
        "/v1/assets?folder_id=null",
        "/v1/asset-folders?parent_id=",
    ] {
        app.get(path).send().await.assert(200);
    }
    for query in [
        "pq=nonsense",
        "q=status_code",
        "sort_by=x",
        "fields=x",
        "embed=x",
    ] {
        app.get(&format!("/v1/runs?{query}"))
            .send()
            .await
            .assert_error(400, "BAD_REQUEST");
    }
    app.stop().await;
}

async fn the_service_tells_of_itself(db: Db) {
    let app = TestApp::start(db).await;
    let bare = |path: &str| Request::new("GET", &app.url(path));
    let health = bare("/v1/health").send().await.assert(200);
    assert_eq!(
        (health.json()["status"].clone(), health.json()["ok"].clone()),
        (json!("ok"), json!(true))
    );
    assert!(
        health
            .header("runflow-request-id")
            .is_some_and(|id| id.len() == 36)
    );
    let ready = bare("/v1/readiness").send().await.assert(200).json();
    for component in ["database", "storage", "engines"] {
        assert_eq!(ready["components"][component]["status"], "ok", "{ready}");
    }
    let api = bare("/v1/openapi.json").send().await.assert(200).json();
    assert!(
        api["openapi"]
            .as_str()
            .is_some_and(|version| version.starts_with("3.1")),
        "{}",
        api["openapi"]
    );
    for (path, method) in [
        ("/v1/asset-uploads", "post"),
        ("/v1/asset-uploads/{id}/confirmations", "post"),
        ("/v1/assets/{id}", "get"),
        ("/v1/models/{owner}/{slug}/runs", "post"),
        ("/v1/runs", "get"),
        ("/v1/runs/{id}", "get"),
        ("/v1/runs/{id}/logs", "get"),
        ("/v1/runs/{id}/callback", "get"),
        ("/v1/health", "get"),
        ("/v1/readiness", "get"),
        ("/v1/auth/me", "get"),
    ] {
        assert!(
            api["paths"][path][method].is_object(),
            "{method} {path} in {}",
            api["paths"]
        );
    }
    let tags = api["tags"].as_array().unwrap().iter();
    let described: BTreeSet<String> = tags
        .map(|tag| tag["name"].as_str().unwrap().to_owned())
        .collect();
    let operations = api["paths"].as_object().unwrap().values();
    let used: BTreeSet<String> = operations
        .flat_map(|path| path.as_object().unwrap().values())
        .flat_map(|operation| operation["tags"].as_array().unwrap())
        .map(|tag| tag.as_str().unwrap().to_owned())
        .collect();
    assert_eq!(used, described, "each part of the API is described");
    let docs = bare("/docs").send().await.assert(200);
    let policy = docs.header("content-security-policy").unwrap();
    assert!(
        policy.contains("default-src 'none'")
            && policy.contains("script-src 'self';")
            && !policy.contains("unsafe-eval"),
        "{policy}"
    );
    let me = app.get("/v1/auth/me").send().await.assert(200).json();
    assert!(
        me["id"].is_string()
            && me["email"].is_null()
            && me["api_key"]["prefix"]
                .as_str()
                .is_some_and(|prefix| prefix.starts_with("rf_live_"))
    );
    assert!(!me.to_string().contains(app.key()));
    app.stop().await;
}
