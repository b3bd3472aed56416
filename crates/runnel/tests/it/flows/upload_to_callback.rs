//! The whole promise: a photo goes up, a run uses it, the result comes back by
//! polling and by callback.

use runnel_testkit::{Db, Receiver, Request, TestApp, on_both_databases};
use serde_json::{Value, json};

on_both_databases!(
    a_photo_becomes_a_product_picture,
    what_was_answered_survives_a_restart
);

fn coffee() -> Vec<u8> {
    std::fs::read(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../photos/coffee.png"
    ))
    .unwrap()
}

async fn a_photo_becomes_a_product_picture(db: Db) {
    let app = TestApp::start_with(db, |settings| {
        "127.0.0.0/8".clone_into(&mut settings.egress_allow);
    })
    .await;
    let receiver = Receiver::start(&[]).await;
    let photo = coffee();
    let asset = app.asset("image/png", &photo).await;
    assert_eq!(
        (asset["width"].as_u64(), asset["height"].as_u64()),
        (Some(600), Some(400))
    );
    assert_eq!(asset["size_bytes"], photo.len());
    assert_eq!(asset["source_type"], "upload");
    assert_eq!(asset["asset_type"], "image");
    for field in [
        "folder_id",
        "deleted_at",
        "deleted_by",
        "created_by_user",
        "duration_ms",
        "metadata",
        "source_id",
    ] {
        assert!(
            asset.get(field).is_some_and(Value::is_null),
            "{field} is there and null: {asset}"
        );
    }
    let thumbnail = Request::new("GET", asset["thumbnail_url"].as_str().unwrap())
        .send()
        .await
        .assert(200);
    assert_eq!(thumbnail.header("content-type"), Some("image/webp"));
    let body = Request::new("GET", asset["url"].as_str().unwrap())
        .send()
        .await
        .assert(200)
        .body;
    assert_eq!(body, photo);

    let run = json!({
        "input": {"asset_id": asset["id"], "prompt": "white studio"},
        "callback_url": receiver.url(),
        "metadata": {"order": 7},
        "client_ref": "mine",
    });
    let run = app
        .post("/v1/models/runflow/background-replace/runs", &run)
        .send()
        .await
        .assert(201)
        .json();
    assert_eq!(run["status_code"], "queued");
    assert_eq!(app.run_jobs().await, 2, "the run, and its callback");

    let path = format!("/v1/runs/{}", run["id"].as_str().unwrap());
    let ended = app.get(&path).send().await.assert(200).json();
    assert_eq!(ended["status_code"], "succeeded", "{ended}");
    assert_eq!(
        (&ended["finished_at"], &ended["client_ref"]),
        (&ended["completed_at"], &json!("mine"))
    );
    let picture = ended["output"]["image_urls"][0].as_str().unwrap();
    let picture = Request::new("GET", picture).send().await.assert(200);
    assert_eq!(picture.header("content-type"), Some("image/png"));
    let logs = app
        .get(&format!("{path}/logs"))
        .send()
        .await
        .assert(200)
        .json();
    assert!(
        logs["items"]
            .as_array()
            .is_some_and(|lines| !lines.is_empty()),
        "{logs}"
    );

    let received = receiver.received();
    assert_eq!(received.len(), 1);
    let (head, body) = &received[0];
    assert!(
        head.contains("content-type: application/json") && head.contains("webhook-id: "),
        "{head}"
    );
    let callback: Value = serde_json::from_slice(body).unwrap();
    let fields: Vec<&str> = callback
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    for field in [
        "event",
        "run_id",
        "status",
        "output",
        "duration_ms",
        "created_at",
        "completed_at",
        "metadata",
    ] {
        assert!(fields.contains(&field), "{field} in {callback}");
    }
    assert_eq!(fields.len(), 8);
    assert_eq!(
        (&callback["event"], &callback["status"]),
        (&json!("run.completed"), &json!("succeeded"))
    );
    assert_eq!(
        (&callback["run_id"], &callback["metadata"]),
        (&run["id"], &json!({"order": 7}))
    );
    assert!(
        callback["completed_at"]
            .as_str()
            .is_some_and(|time| time.ends_with("+00:00") && time.len() == 29),
        "{callback}"
    );
    let shown = callback["output"]["image_urls"][0].as_str().unwrap();
    Request::new("GET", shown).send().await.assert(200);

    let deliveries = app
        .get(&format!("{path}/callback"))
        .send()
        .await
        .assert(200)
        .json();
    assert_eq!(deliveries[0]["status_code"], "succeeded", "{deliveries}");
    assert_eq!(deliveries[0]["attempts"][0]["status_code"], 200);
    assert_eq!(deliveries[0]["attempts"][0]["response_body"], "seen");
    assert_eq!(deliveries[0]["payload_bytes"], body.len());
    app.stop().await;
}

async fn what_was_answered_survives_a_restart(db: Db) {
    let app = TestApp::start(db).await;
    let png = runnel_media::sample::gradient_png(64, 48);
    let asset = app.asset("image/png", &png).await;
    let (waiting, url) = app.create_upload("image/png", png.len()).await;
    Request::new("PUT", &url)
        .header("content-type", "image/png")
        .body(png.as_slice())
        .send()
        .await
        .assert(200);
    let run = app
        .post(
            "/v1/models/runnel/echo/runs",
            &json!({"input": {"text": "hi"}}),
        )
        .send()
        .await
        .assert(201)
        .json();
    let app = app.restart().await;
    app.get(&format!("/v1/assets/{}", asset["id"].as_str().unwrap()))
        .send()
        .await
        .assert(200);
    app.confirm(&waiting).await.assert(201);
    assert_eq!(app.run_jobs().await, 1);
    let ended = app
        .get(&format!("/v1/runs/{}", run["id"].as_str().unwrap()))
        .send()
        .await
        .assert(200)
        .json();
    assert_eq!(
        (&ended["status_code"], &ended["output"]),
        (&json!("succeeded"), &json!({"text": "hi"}))
    );
    app.stop().await;
}
