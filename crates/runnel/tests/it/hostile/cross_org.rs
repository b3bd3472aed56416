//! One organization asks for what another has: nothing is seen, counted or
//! guessed. The answer is the one for what does not exist, word for word.

use runnel_media::sample;
use runnel_testkit::{Db, Request, Response, TestApp, on_both_databases};
use serde_json::{Value, json};

on_both_databases!(
    what_another_has_is_answered_like_what_does_not_exist,
    the_header_of_another_organization_opens_nothing,
);

const UNKNOWN: &str = "018f4e1a-0000-7000-8000-000000000001";

struct Theirs {
    asset: String,
    upload: String,
    run: String,
    batch: String,
}

async fn theirs(app: &TestApp) -> Theirs {
    let png = sample::gradient_png(12, 12);
    let asset = app.asset("image/png", &png).await;
    let run = json!({"input": {"text": "secret"}, "client_ref": "secret"});
    let run = app.post("/v1/models/runnel/echo/runs", &run);
    let run = run.send().await.assert(201).json();
    let batch = json!({"input": [{"text": "secret", "client_ref": "secret"}]});
    let batch = app.post("/v1/models/runnel/echo/batches", &batch);
    let batch = batch.send().await.assert(201).json();
    app.run_jobs().await;
    Theirs {
        batch: batch["id"].as_str().unwrap().to_owned(),
        asset: asset["id"].as_str().unwrap().to_owned(),
        upload: app.upload("image/png", &png).await,
        run: run["id"].as_str().unwrap().to_owned(),
    }
}

/// What a client can tell answers apart by, with the id taken out.
fn face(answer: &Response, id: &str) -> (u16, String) {
    let body = String::from_utf8_lossy(&answer.body).replace(id, "ID");
    (answer.status, body)
}

async fn what_another_has_is_answered_like_what_does_not_exist(db: Db) {
    let app = TestApp::start(db).await;
    let theirs = theirs(&app).await;
    let key = app.foreign_key().await;
    let ask = |method: &str, path: String, body: Option<Value>| {
        let request = Request::new(method, &app.url(&path)).key(&key);
        match body {
            Some(body) => request.json(&body),
            None => request,
        }
    };
    let removal = "/v1/models/runflow/background-removal/runs";
    type Ask = (&'static str, fn(&str) -> String, fn(&str) -> Option<Value>);
    let cases: [(&str, Ask); 18] = [
        (
            &theirs.asset,
            ("GET", |id| format!("/v1/assets/{id}"), |_| None),
        ),
        (
            &theirs.run,
            ("GET", |id| format!("/v1/runs/{id}"), |_| None),
        ),
        (
            &theirs.run,
            ("GET", |id| format!("/v1/runs/{id}/logs"), |_| None),
        ),
        (
            &theirs.run,
            ("GET", |id| format!("/v1/runs/{id}/callback"), |_| None),
        ),
        (
            &theirs.run,
            ("GET", |id| format!("/v1/runs/{id}/events"), |_| None),
        ),
        (
            &theirs.run,
            ("GET", |id| format!("/v1/runs/{id}/node-runs"), |_| None),
        ),
        (
            &theirs.run,
            (
                "POST",
                |id| format!("/v1/runs/{id}/cancellation"),
                |_| Some(json!({"reason": "not mine"})),
            ),
        ),
        (
            &theirs.run,
            (
                "POST",
                |id| format!("/v1/admin/runs/{id}/cancellation"),
                |_| None,
            ),
        ),
        (
            &theirs.run,
            (
                "POST",
                |id| format!("/v1/runs/{id}/callback-redeliveries"),
                |_| None,
            ),
        ),
        (
            &theirs.run,
            (
                "POST",
                |id| format!("/v1/runs/{id}/reruns"),
                |_| Some(json!({"client_ref": "mine"})),
            ),
        ),
        (
            &theirs.batch,
            ("GET", |id| format!("/v1/batches/{id}"), |_| None),
        ),
        (
            &theirs.batch,
            ("GET", |id| format!("/v1/batches/{id}/items"), |_| None),
        ),
        (
            &theirs.batch,
            ("GET", |id| format!("/v1/batches/{id}/callback"), |_| None),
        ),
        (
            &theirs.batch,
            (
                "POST",
                |id| format!("/v1/batches/{id}/callback-redeliveries"),
                |_| None,
            ),
        ),
        (
            &theirs.batch,
            (
                "POST",
                |id| format!("/v1/batches/{id}/cancellation"),
                |_| None,
            ),
        ),
        (
            &theirs.upload,
            (
                "POST",
                |id| format!("/v1/asset-uploads/{id}/confirmations"),
                |_| None,
            ),
        ),
        // An upload that is confirmed is no less another's.
        (
            &theirs.asset,
            (
                "POST",
                |id| format!("/v1/asset-uploads/{id}/confirmations"),
                |_| Some(json!({})),
            ),
        ),
        // A run's id is no asset's id, theirs or not.
        (
            &theirs.run,
            ("GET", |id| format!("/v1/assets/{id}"), |_| None),
        ),
    ];
    for (id, (method, path, body)) in cases {
        let foreign = ask(method, path(id), body(id)).send().await.assert(404);
        let missing = ask(method, path(UNKNOWN), body(UNKNOWN)).send().await;
        assert_eq!(face(&foreign, id), face(&missing, UNKNOWN), "{}", path(id));
    }
    for input in [
        |id: &str| json!({"input": {"asset_id": id}}),
        |id: &str| json!({"input": {"image_url": format!("runflow://assets/{id}")}}),
    ] {
        let foreign = ask("POST", removal.to_owned(), Some(input(&theirs.asset)));
        let missing = ask("POST", removal.to_owned(), Some(input(UNKNOWN)));
        let (foreign, missing) = (foreign.send().await.assert(422), missing.send().await);
        assert_eq!(face(&foreign, &theirs.asset), face(&missing, UNKNOWN));
    }
    for path in [
        "/v1/runs".to_owned(),
        "/v1/batches".to_owned(),
        format!("/v1/runs?q=batch_id:{}", theirs.batch),
    ] {
        let list = ask("GET", path, None).send().await.assert(200);
        let list = list.json();
        assert_eq!(
            (&list["items"], &list["next"]),
            (&json!([]), &Value::Null),
            "{list}"
        );
    }

    // A cursor of theirs leads into one's own list alone.
    app.post("/v1/models/runnel/echo/runs", &json!({"input": {}}))
        .send()
        .await
        .assert(201);
    let cursor = app.get("/v1/runs?limit=1").send().await.assert(200).json();
    let cursor = cursor["next"].as_str().unwrap().to_owned();
    let list = ask("GET", format!("/v1/runs?pq={cursor}"), None)
        .send()
        .await;
    assert_eq!(list.assert(200).json()["items"], json!([]));

    // Nothing of this touched what they have.
    app.confirm(&theirs.upload).await.assert(201);
    app.run_jobs().await;
    app.stop().await;
}

async fn the_header_of_another_organization_opens_nothing(db: Db) {
    let app = TestApp::start(db).await;
    let theirs = theirs(&app).await;
    let org_of = |key: String| {
        let request = Request::new("GET", &app.url("/v1/auth/me")).key(&key);
        async {
            let me = request.send().await.assert(200).json();
            me["memberships"][0]["org"]["id"]
                .as_str()
                .unwrap()
                .to_owned()
        }
    };
    let key = app.foreign_key().await;
    let (own, other) = (
        org_of(key.clone()).await,
        org_of(app.key().to_owned()).await,
    );
    assert_ne!(own, other);
    let path = app.url(&format!("/v1/assets/{}", theirs.asset));
    let ask = |org: &str| {
        Request::new("GET", &path)
            .key(&key)
            .header("x-organization-id", org)
    };
    let mut faces = Vec::new();
    for org in [
        other.as_str(),
        UNKNOWN,
        "default",
        "*",
        &format!("{own},{other}"),
    ] {
        let answer = ask(org).send().await;
        faces.push(answer.assert_error(403, "PERMISSION_DENIED"));
    }
    assert!(
        faces.iter().all(|face| *face == faces[0]),
        "whether an organization exists is not told: {faces:?}"
    );
    ask(&own).send().await.assert_error(404, "ASSET_NOT_FOUND");
    app.confirm(&theirs.upload).await.assert(201);
    app.stop().await;
}
