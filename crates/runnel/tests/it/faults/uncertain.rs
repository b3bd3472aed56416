//! A commit that was carried out and whose answer was lost: whoever waited is told
//! of a failure, and nothing that the rows name is removed.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use runnel_engines::Product;
use runnel_engines::engine::OutputContent;
use runnel_media::sample;
use runnel_testkit::{Db, Puppet, Request, TestApp, database_url};
use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use url::Url;

/// A wire to PostgreSQL that can be cut behind a commit.
struct Wire {
    url: String,
    cuts: Arc<AtomicBool>,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Wire {
    async fn to(database: &str) -> Self {
        let mut url = Url::parse(database).unwrap();
        let server = format!("{}:{}", url.host_str().unwrap(), url.port().unwrap_or(5432));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        url.set_host(Some("127.0.0.1")).unwrap();
        url.set_port(Some(listener.local_addr().unwrap().port()))
            .unwrap();
        let cuts = Arc::new(AtomicBool::new(false));
        let shared = Arc::clone(&cuts);
        let task = tokio::spawn(async move {
            let mut open = tokio::task::JoinSet::new();
            while let Ok((client, _)) = listener.accept().await {
                let server = TcpStream::connect(&server).await.unwrap();
                open.spawn(carry(client, server, Arc::clone(&shared)));
            }
        });
        Self {
            url: url.into(),
            cuts,
            task,
        }
    }

    /// From now on the answer to one COMMIT is lost.
    fn cut_behind_the_next_commit(&self) {
        self.cuts.store(true, Ordering::SeqCst);
    }
}

/// Carries what both say, until the answer to a COMMIT is to be lost.
async fn carry<C, S>(client: C, server: S, cuts: Arc<AtomicBool>)
where
    C: AsyncRead + AsyncWrite,
    S: AsyncRead + AsyncWrite,
{
    let (mut from_client, mut to_client) = tokio::io::split(client);
    let (mut from_server, mut to_server) = tokio::io::split(server);
    let (mut asked, mut told) = (vec![0; 64 * 1024], vec![0; 64 * 1024]);
    loop {
        tokio::select! {
            read = from_client.read(&mut asked) => {
                let Ok(1..) = read else { return };
                let bytes = &asked[..read.unwrap()];
                let commits = bytes.windows(6).any(|part| part == b"COMMIT");
                let is_cut = commits && cuts.swap(false, Ordering::SeqCst);
                if to_server.write_all(bytes).await.is_err() {
                    return;
                }
                if is_cut {
                    // The server has done it when it says so.
                    let _ = from_server.read(&mut told).await;
                    return;
                }
            }
            read = from_server.read(&mut told) => {
                let Ok(1..) = read else { return };
                if to_client.write_all(&told[..read.unwrap()]).await.is_err() {
                    return;
                }
            }
        }
    }
}

/// A server at such a wire, with a model that does what the test says.
async fn app() -> (TestApp, Puppet, Wire) {
    let wire = Wire::to(&database_url(Db::Postgres).await.unwrap()).await;
    let app = TestApp::start_with(Db::Sqlite, |settings| {
        settings.database_url = Some(wire.url.clone());
    })
    .await;
    let puppet = Puppet::new();
    app.add_model(puppet.entry(|_| {}));
    (app, puppet, wire)
}

async fn items(app: &TestApp, path: &str) -> Vec<Value> {
    let list = app.get(path).send().await.assert(200).json();
    list["items"].as_array().unwrap().clone()
}

/// Asserts that there is one asset, with `bytes` and a thumbnail.
async fn assert_kept(app: &TestApp, bytes: &[u8]) {
    let assets = items(app, "/v1/assets").await;
    assert_eq!(assets.len(), 1, "the commit was carried out: {assets:?}");
    let got = Request::new("GET", assets[0]["url"].as_str().unwrap());
    assert_eq!(got.send().await.assert(200).body, bytes);
    let small = Request::new("GET", assets[0]["thumbnail_url"].as_str().unwrap());
    small.send().await.assert(200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_run_made_stays() {
    let (app, puppet, wire) = app().await;
    let body = json!({"input": {"text": "x"}});
    app.post(Puppet::RUNS, &body).send().await.assert(201);
    let png = sample::gradient_png(40, 30);
    let made = ("a.png".to_owned(), OutputContent::Bytes(png.clone()));
    let steps = async {
        let call = puppet.call().await;
        wire.cut_behind_the_next_commit();
        call.answer(Ok(Product::of_files("images", vec![made])));
    };
    tokio::join!(app.run_jobs(), steps);
    assert!(!wire.cuts.load(Ordering::SeqCst), "it was cut");
    assert_kept(&app, &png).await;
    assert_eq!(items(&app, "/v1/runs").await[0]["status_code"], "succeeded");
    assert_eq!(app.run_jobs().await, 0);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_came_with_a_run_or_a_batch_stays() {
    for is_batch in [false, true] {
        let (app, puppet, wire) = app().await;
        let png = sample::gradient_png(40, 30);
        let uri = format!("data:image/png;base64,{}", STANDARD.encode(&png));
        let input = json!({"image_url": uri});
        let (path, body) = if is_batch {
            let path = Puppet::RUNS.replace("/runs", "/batches");
            (path, json!({"input": [input]}))
        } else {
            (Puppet::RUNS.to_owned(), json!({"input": input}))
        };
        wire.cut_behind_the_next_commit();
        let failed = app.post(&path, &body).send().await;
        failed.assert_error(503, "SERVICE_UNAVAILABLE");
        assert!(!wire.cuts.load(Ordering::SeqCst), "it was cut");
        assert_kept(&app, &png).await;
        tokio::join!(app.run_jobs(), async { puppet.call().await.succeed() });
        let runs = items(&app, "/v1/runs").await;
        assert_eq!(runs[0]["status_code"], "succeeded", "{runs:?}");
        app.stop().await;
    }
}
