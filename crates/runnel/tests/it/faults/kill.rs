//! The server killed in the middle of things: what was answered is there, and
//! what was begun is done again.

use std::path::Path;

use runnel_media::sample;
use runnel_testkit::{Process, Request, wait_until};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

const KEY: &str = "rf_live_0123456789abcdefghijKILL";

fn serve(data_dir: &Path) -> Process {
    Process::serve(
        env!("CARGO_BIN_EXE_runnel"),
        data_dir,
        &[("RUNNEL_BOOTSTRAP_API_KEY", KEY), ("RUNNEL_LOG", "error")],
    )
}

async fn post(server: &Process, path: &str, body: &Value) -> Value {
    Request::new("POST", &format!("{}{path}", server.base_url))
        .key(KEY)
        .json(body)
        .send()
        .await
        .assert(201)
        .json()
}

async fn create(server: &Process, bytes: &[u8]) -> (String, String) {
    let body = json!({"filename": "a.jpg", "mime_type": "image/jpeg", "size_bytes": bytes.len()});
    let session = post(server, "/v1/asset-uploads", &body).await;
    (
        session["asset_id"].as_str().unwrap().to_owned(),
        session["upload_url"].as_str().unwrap().to_owned(),
    )
}

fn put(server: &Process, url: &str, bytes: &[u8]) -> Request {
    // The port changes with each start; the path and the signature do not.
    let rest = url.split_once("/storage/").unwrap().1;
    Request::new("PUT", &format!("{}/storage/{rest}", server.base_url))
        .header("content-type", "image/jpeg")
        .body(bytes)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_during_a_put_and_a_confirmation_it_keeps_what_it_answered() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let jpeg = sample::noise_jpeg(1500, 1000);

    let mut server = serve(&data);
    let (answered, answered_url) = create(&server, &jpeg).await;
    put(&server, &answered_url, &jpeg).send().await.assert(200);
    let (halfway, halfway_url) = create(&server, &jpeg).await;
    let open = put(&server, &halfway_url, &jpeg)
        .begin(jpeg.len() / 2)
        .await;
    server.kill();
    drop(open);

    let mut server = serve(&data);
    let path = |id: &str| format!("/v1/asset-uploads/{id}/confirmations");
    let conflict = Request::new("POST", &format!("{}{}", server.base_url, path(&halfway)))
        .key(KEY)
        .send()
        .await;
    conflict.assert_error(409, "CONFLICT");
    put(&server, &halfway_url, &jpeg).send().await.assert(200);
    // Killed while the confirmation is at work: answered or not, the next one
    // makes the asset, and there is only one.
    let base_url = server.base_url.clone();
    let confirming = tokio::spawn({
        let url = format!("{base_url}{}", path(&answered));
        async move { Request::new("POST", &url).key(KEY).begin(0).await }
    });
    let connection = confirming.await.unwrap();
    server.kill();
    drop(connection);

    let server = serve(&data);
    for id in [&answered, &halfway] {
        let asset = post(&server, &path(id), &json!({})).await;
        assert_eq!((&asset["id"], &asset["width"]), (&json!(id), &json!(1500)));
        let url = asset["url"].as_str().unwrap();
        assert_eq!(Request::new("GET", url).send().await.assert(200).body, jpeg);
    }
    let staging = std::fs::read_dir(data.join("objects/.staging"))
        .unwrap()
        .count();
    assert_eq!(staging, 0, "what the dead process left is removed");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_during_a_run_it_executes_the_run_again() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let jpeg = sample::noise_jpeg(300, 200);
    let mut server = serve(&data);
    let (id, url) = create(&server, &jpeg).await;
    put(&server, &url, &jpeg).send().await.assert(200);
    post(
        &server,
        &format!("/v1/asset-uploads/{id}/confirmations"),
        &json!({}),
    )
    .await;
    let body = json!({"input": {"asset_id": id}});
    let run = post(&server, "/v1/models/runflow/background-removal/runs", &body).await;
    let path = format!("/v1/runs/{}", run["id"].as_str().unwrap());
    let status = |base_url: String| {
        let path = path.clone();
        async move {
            let run = Request::new("GET", &format!("{base_url}{path}"))
                .key(KEY)
                .send()
                .await
                .assert(200)
                .json();
            run["status_code"].as_str().unwrap().to_owned()
        }
    };
    let base_url = server.base_url.clone();
    wait_until("the run to be taken", || async {
        (status(base_url.clone()).await == "running").then_some(())
    })
    .await;
    server.kill();

    let server = serve(&data);
    let base_url = server.base_url.clone();
    wait_until("the run to be done again", || async {
        (status(base_url.clone()).await == "succeeded").then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn asked_to_stop_it_ends_cleanly() {
    let folder = tempfile::tempdir().unwrap();
    let server = serve(&folder.path().join("data"));
    let (status, _) = server.terminate();
    assert_eq!(status.code(), Some(0));
}

/// An append of a resumable upload: what was answered is there, what was
/// recorded on the way too, and what came after that does not get in the way.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_during_an_append_it_goes_on_from_what_it_recorded() {
    const MIB: usize = 1024 * 1024;
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let mut whole = sample::noise_jpeg(300, 200);
    // What follows a picture's end belongs to nobody.
    whole.extend((whole.len()..40 * MIB).map(|at| (at * at / 3) as u8));

    let mut server = serve(&data);
    let body = json!({
        "filename": "a.jpg", "mime_type": "image/jpeg", "size_bytes": whole.len(), "resumable": true,
    });
    let session = post(&server, "/v1/asset-uploads", &body).await;
    let id = session["asset_id"].as_str().unwrap();
    let url = session["upload_url"].as_str().unwrap();
    patch(&server, url, 0, &whole[..MIB])
        .send()
        .await
        .assert(204);
    assert_eq!(offset(&server, url).await, MIB);
    let open = patch(&server, url, MIB, &whole[MIB..])
        .begin(30 * MIB)
        .await;
    // More than was recorded on the way, and not all that was sent.
    wait_until("the bytes to be on the disk", || async {
        (piece_length(&data.join("objects")) > 25 * MIB as u64).then_some(())
    })
    .await;
    server.kill();
    drop(open);

    let server = serve(&data);
    let at = offset(&server, url).await;
    assert!((17 * MIB..=31 * MIB).contains(&at), "{at}");
    patch(&server, url, at, &whole[at..])
        .send()
        .await
        .assert(204);
    let path = format!("/v1/asset-uploads/{id}/confirmations");
    let asset = post(&server, &path, &json!({})).await;
    assert_eq!(asset["sha256"], hex::encode(Sha256::digest(&whole)));
    let kept = Request::new("GET", asset["url"].as_str().unwrap())
        .send()
        .await;
    assert!(kept.assert(200).body == whole);
}

fn tus(server: &Process, method: &str, url: &str) -> Request {
    let rest = url.split_once("/storage/").unwrap().1;
    Request::new(method, &format!("{}/storage/{rest}", server.base_url))
        .header("tus-resumable", "1.0.0")
}

fn patch(server: &Process, url: &str, offset: usize, bytes: &[u8]) -> Request {
    tus(server, "PATCH", url)
        .header("content-type", "application/offset+octet-stream")
        .header("upload-offset", &offset.to_string())
        .body(bytes)
}

async fn offset(server: &Process, url: &str) -> usize {
    let head = tus(server, "HEAD", url).send().await.assert(200);
    head.header("upload-offset").unwrap().parse().unwrap()
}

/// The length of the longest file below a folder.
fn piece_length(folder: &Path) -> u64 {
    let entries = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap());
    let lengths = entries.map(|entry| match entry.metadata() {
        Ok(found) if found.is_dir() => piece_length(&entry.path()),
        Ok(found) => found.len(),
        Err(_) => 0,
    });
    lengths.max().unwrap_or(0)
}
