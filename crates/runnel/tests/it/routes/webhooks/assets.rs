//! Assets that come and go, told one by one, however they come and go.

use std::collections::BTreeSet;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use runnel_domain::runs::Lease;
use runnel_media::sample;
use runnel_testkit::{Db, FileServer, Receiver, Request, Sent, TestApp, on_both_databases};
use runnel_types::{Asset, FolderId, Job, SourceType};
use serde_json::{Value, json};

use super::{bodies, deliveries, events, id, org, start, webhook};

on_both_databases!(
    an_asset_is_told_however_it_came_to_be,
    a_deleted_asset_is_told_once,
    every_asset_of_a_folder_is_told_once,
    a_worker_that_comes_late_tells_nothing_again,
);

const REMOVAL: &str = "/v1/models/runflow/background-removal/runs";

async fn an_asset_is_told_however_it_came_to_be(db: Db) {
    let app = start(db).await;
    let receiver = Receiver::start(&[]).await;
    webhook(&app, &receiver, &["asset.created"]).await;
    let png = sample::gradient_png(40, 30);
    let confirmed = app.asset("image/png", &png).await;
    let again = app.confirm(id(&confirmed)).await;
    assert_eq!(again.assert(201).json()["id"], confirmed["id"]);
    let at_once = Request::new("POST", &app.url("/v1/assets"))
        .key(app.key())
        .file("a.png", "image/png", &png);
    let at_once = at_once.send().await.assert(201).json();
    app.run_jobs().await;
    let told = bodies(&receiver);
    assert_eq!(told.len(), 2, "confirming again tells nothing");
    for asset in [&confirmed, &at_once] {
        let body = told.iter().find(|body| body["asset_id"] == asset["id"]);
        let body = body.unwrap();
        assert_eq!(body["event"], "asset.created");
        assert!(body["created_at"].as_str().unwrap().ends_with("+00:00"));
        assert_eq!(body.get("deleted_at"), None);
        // The record as it is read, but for the moment at which it is signed.
        let path = format!("/v1/assets/{}", id(asset));
        let read = app.get(&path).send().await.assert(200).json();
        let names = |record: &Value| {
            record
                .as_object()
                .unwrap()
                .keys()
                .cloned()
                .collect::<Vec<_>>()
        };
        assert_eq!(names(&body["asset"]), names(&read));
        for (name, value) in read.as_object().unwrap() {
            if !name.ends_with("url") {
                assert_eq!(&body["asset"][name], value, "{name}");
            }
        }
        let url = body["asset"]["url"].as_str().unwrap();
        assert_eq!(Request::new("GET", url).send().await.assert(200).body, png);
        assert!(body["asset"]["thumbnail_url"].is_string());
    }

    let server =
        FileServer::start(|_, _| Sent::File("image/png", sample::gradient_png(40, 30))).await;
    let uri = format!("data:image/png;base64,{}", STANDARD.encode(&png));
    for image in [uri, server.url("/photo.png")] {
        let run = app.post(REMOVAL, &json!({"input": {"image_url": image}}));
        run.send().await.assert(201);
        app.run_jobs().await;
    }
    let sources: BTreeSet<(String, usize)> = ["upload", "inline", "url_import", "run_output"]
        .map(|source| {
            let all = bodies(&receiver);
            let of = all
                .iter()
                .filter(|body| body["asset"]["source_type"] == source);
            (source.to_owned(), of.count())
        })
        .into();
    let expected = [
        ("inline", 1),
        ("run_output", 2),
        ("upload", 2),
        ("url_import", 1),
    ];
    let expected = expected.map(|(source, count)| (source.to_owned(), count));
    assert_eq!(sources, expected.into());
    app.stop().await;
}

async fn a_deleted_asset_is_told_once(db: Db) {
    let app = start(db).await;
    let receiver = Receiver::start(&[]).await;
    webhook(&app, &receiver, &["asset.deleted"]).await;
    let asset = app.asset("image/png", &sample::gradient_png(9, 9)).await;
    let path = format!("/v1/assets/{}", id(&asset));
    app.delete(&path).send().await.assert(204);
    app.delete(&path).send().await.assert(404);
    app.run_jobs().await;
    let [body] = &bodies(&receiver)[..] else {
        panic!("one event");
    };
    assert_eq!(body["event"], "asset.deleted");
    assert_eq!(body["asset_id"], asset["id"]);
    assert!(body["deleted_at"].as_str().unwrap().ends_with("+00:00"));
    assert!(body["asset"]["deleted_at"].is_string());
    assert_eq!(body["asset"]["url"], Value::Null);
    assert_eq!(body["asset"]["thumbnail_url"], Value::Null);
    // One that comes back and goes again goes a second time.
    let restore = format!("{path}/restorations");
    app.post(&restore, &json!({})).send().await.assert(201);
    app.delete(&path).send().await.assert(204);
    app.run_jobs().await;
    assert_eq!(events(&receiver), ["asset.deleted", "asset.deleted"]);
    app.stop().await;
}

/// Rows of assets without bytes, in a folder.
async fn fill(app: &TestApp, folder: FolderId, count: usize) {
    let services = app.services();
    let org_id = org(app).await;
    let mut tx = services.store.begin().await.unwrap();
    for _ in 0..count {
        let asset = Asset {
            id: services.ids.next(),
            org_id,
            folder_id: Some(folder),
            name: "row".to_owned(),
            storage_key: format!("{org_id}/assets/x"),
            mime_type: "image/png".to_owned(),
            ..Asset::new(SourceType::Upload, services.now())
        };
        tx.assets().insert(&asset).await.unwrap();
    }
    tx.commit().await.unwrap();
}

/// What was told of, each as often as it was.
async fn told(app: &TestApp, webhook: &Value) -> Vec<String> {
    let (mut told, mut cursor) = (Vec::new(), String::new());
    loop {
        let query = format!("limit=500&pq={cursor}");
        let path = format!("/v1/webhooks/{}/deliveries?{query}", id(webhook));
        let page = app.get(&path).send().await.assert(200).json();
        let items = page["items"].as_array().unwrap().iter();
        told.extend(items.map(|item| item["payload"]["asset_id"].as_str().unwrap().to_owned()));
        match page["next"].as_str() {
            Some(next) => next.clone_into(&mut cursor),
            None => return told,
        }
    }
}

async fn every_asset_of_a_folder_is_told_once(db: Db) {
    let app = start(db).await;
    // Before anybody listens, nothing is written for it.
    let unheard = app.folder("unheard", None).await;
    fill(&app, id(&unheard).parse().unwrap(), 3).await;
    let delete = async |folder: &Value| {
        let path = format!("/v1/asset-folders/{}?recursive=true", id(folder));
        app.delete(&path).send().await.assert(204);
    };
    delete(&unheard).await;
    assert_eq!(app.run_jobs().await, 0);

    let receiver = Receiver::start(&[]).await;
    let [one, other] = [
        webhook(&app, &receiver, &["asset.deleted"]).await,
        webhook(&app, &receiver, &[]).await,
    ];
    let outer = app.folder("outer", None).await;
    let inner = app.folder("inner", Some(&outer)).await;
    fill(&app, id(&outer).parse().unwrap(), 300).await;
    // More than go in one transaction.
    fill(&app, id(&inner).parse().unwrap(), 900).await;
    // Gone in the same moment, but by itself.
    let alone = app.asset("image/png", &sample::gradient_png(9, 9)).await;
    let moved = json!({"folder_id": inner["id"]});
    let path = format!("/v1/assets/{}", id(&alone));
    app.patch(&path, &moved).send().await.assert(200);
    app.run_jobs().await;
    app.delete(&path).send().await.assert(204);
    delete(&outer).await;
    // A page of two webhooks is 250 assets; a thousand were deleted, and two hundred.
    let worker = app.services();
    let mut pages = 0;
    loop {
        let claimed = worker.claim_jobs(64, "w", Duration::from_secs(9)).await;
        let claimed = claimed.unwrap();
        if claimed.is_empty() {
            break;
        }
        for job in claimed {
            let lease = Lease {
                job_id: job.id,
                worker: job.worker,
                attempt: job.attempt,
            };
            // What is to be sent stays with this worker.
            if let Job::TellDeletion {
                org_id,
                deletion_id,
                after,
            } = job.job
            {
                let told = worker.tell_deletion((org_id, deletion_id), after, &lease);
                told.await.unwrap();
                pages += 1;
            }
        }
    }
    assert_eq!(pages, 5 + 1);
    for (webhook, others) in [(&one, 0), (&other, 1)] {
        let told = told(&app, webhook).await;
        let each: BTreeSet<&String> = told.iter().collect();
        assert_eq!(told.len(), 1201 + others, "each once");
        assert_eq!(each.len(), 1201);
    }
    app.stop().await;
}

async fn a_worker_that_comes_late_tells_nothing_again(db: Db) {
    let app = start(db).await;
    let receiver = Receiver::start(&[]).await;
    let webhook = webhook(&app, &receiver, &["asset.deleted"]).await;
    let folder = app.folder("doomed", None).await;
    fill(&app, id(&folder).parse().unwrap(), 3).await;
    let path = format!("/v1/asset-folders/{}?recursive=true", id(&folder));
    app.delete(&path).send().await.assert(204);
    let services = app.services();
    let lease = Duration::from_secs(9);
    let claimed = services.claim_jobs(64, "dead", lease).await.unwrap();
    let [job] = &claimed[..] else {
        panic!("one job: {claimed:?}");
    };
    let Job::TellDeletion {
        org_id,
        deletion_id,
        after,
    } = job.job
    else {
        panic!("{:?}", job.job);
    };
    // It died, so to say; the next one does it.
    app.advance(Duration::from_secs(10));
    app.run_jobs().await;
    assert_eq!(events(&receiver), ["asset.deleted"; 3]);
    let late = Lease {
        job_id: job.id,
        worker: job.worker.clone(),
        attempt: job.attempt,
    };
    services
        .tell_deletion((org_id, deletion_id), after, &late)
        .await
        .unwrap();
    app.run_jobs().await;
    assert_eq!(deliveries(&app, id(&webhook), "").await.len(), 3);
    app.stop().await;
}
