//! Connections whose clients say nothing, or nothing more: each is closed, so
//! that none holds a place for ever.

use std::time::Duration;

use runnel_testkit::{Db, TestApp};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::http2::{Client, PING, PREFACE};

/// Far less than what hyper waits for by itself.
const SOON: Duration = Duration::from_secs(15);

/// Long enough for a busy machine to greet whoever is there.
const SHORT: Duration = Duration::from_secs(2);

async fn app_with(head: Duration, idle: Duration, is_tls: bool) -> TestApp {
    TestApp::start_in(
        Db::Sqlite,
        runnel_testkit::Storage::Disk,
        |settings, environment| {
            settings.tls_self_signed = is_tls;
            environment.patience.head = head;
            environment.patience.idle = idle;
        },
    )
    .await
}

fn host(app: &TestApp) -> String {
    let url = app.url("");
    url.split_once("://").unwrap().1.to_owned()
}

/// Sends `bytes`, keeps the connection open, and answers with all that comes
/// until the server closes it.
async fn until_closed(host: &str, bytes: &[u8]) -> Vec<u8> {
    let mut stream = TcpStream::connect(host).await.unwrap();
    stream.write_all(bytes).await.unwrap();
    let mut answer = Vec::new();
    let reading = stream.read_to_end(&mut answer);
    let shown = String::from_utf8_lossy(bytes);
    let _ = tokio::time::timeout(SOON, reading)
        .await
        .unwrap_or_else(|_| panic!("{shown:?} and then nothing kept its connection"));
    answer
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_begins_no_request_is_hung_up_on() {
    let app = app_with(SHORT, Duration::from_mins(1), false).await;
    let host = host(&app);
    let begun = [
        &b""[..],
        b"P",
        &PREFACE[..9],
        &PREFACE[..PREFACE.len() - 1],
        b"PRI * HTTP/1.1\r\n",
        b"G",
        b"GET /v1/health HTTP/1.1\r\nhost: x\r\n",
    ];
    let closing = begun.map(|bytes| until_closed(&host, bytes));
    for answer in futures_util::future::join_all(closing).await {
        let answer = String::from_utf8_lossy(&answer).into_owned();
        assert!(
            answer.is_empty() || answer.starts_with("HTTP/1.1 4"),
            "{answer}"
        );
    }
    let once = b"GET /v1/health HTTP/1.1\r\nhost: x\r\n\r\n";
    let answer = until_closed(&host, once).await;
    assert!(answer.starts_with(b"HTTP/1.1 200 OK\r\n"), "served first");
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_does_not_greet_is_hung_up_on() {
    let app = app_with(SHORT, Duration::from_mins(1), true).await;
    let host = host(&app);
    // Nothing, and the first bytes of a greeting of 512 bytes.
    for bytes in [&b""[..], &[22, 3, 1, 2, 0, 1]] {
        until_closed(&host, bytes).await;
    }
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_only_answers_pings_is_sent_away() {
    let app = app_with(SHORT, SHORT, false).await;
    let mut client = Client::connect(&host(&app)).await;
    client.get("/v1/health").await;
    let staying = async { while client.next().await.is_some() {} };
    tokio::time::timeout(SOON, staying)
        .await
        .expect("a connection without requests was kept");
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_only_sends_pings_is_sent_away() {
    let app = app_with(SHORT, SHORT, false).await;
    let mut client = Client::connect(&host(&app)).await;
    let mut answered = 0;
    let staying = async {
        client.ping().await;
        while let Some(frame) = client.next().await {
            if frame.kind == PING {
                answered += 1;
                client.ping().await;
            }
        }
    };
    tokio::time::timeout(SOON, staying)
        .await
        .expect("a connection without requests was kept");
    assert!(answered > 10, "{answered} pings were answered");
    app.stop().await;
}
