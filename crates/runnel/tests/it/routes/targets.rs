//! Targets of requests with bytes that ought to be percent-encoded and that clients
//! send as they are: Go, Python and curl leave `>` in `q=created_at>2026-04-01`.

use runnel_media::sample;
use runnel_testkit::{Db, Request, TestApp, on_both_databases};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

on_both_databases!(
    signs_in_a_filter_need_no_encoding,
    a_connection_is_used_again_and_bodies_stay_as_they_are,
);

/// A connection that is kept open.
struct Talk {
    stream: TcpStream,
    key: String,
    have: Vec<u8>,
}

impl Talk {
    async fn open(app: &TestApp) -> Self {
        let url = app.url("");
        let host = url.trim_start_matches("http://");
        let stream = TcpStream::connect(host).await.unwrap();
        stream.set_nodelay(true).unwrap();
        Self {
            stream,
            key: app.key().to_owned(),
            have: Vec::new(),
        }
    }

    async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream.write_all(bytes.as_ref()).await.unwrap();
        self.stream.flush().await.unwrap();
    }

    fn head(&self, line: &str, fields: &str) -> String {
        let key = &self.key;
        format!("{line} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {key}\r\n{fields}\r\n")
    }

    async fn ask(&mut self, line: &str) -> (u16, Value) {
        let head = self.head(line, "");
        self.send(head).await;
        self.answer().await
    }

    /// The next answer: its status and what it says.
    async fn answer(&mut self) -> (u16, Value) {
        loop {
            let text = String::from_utf8_lossy(&self.have).into_owned();
            if let Some((head, body)) = text.split_once("\r\n\r\n") {
                let mut lines = head.lines();
                let status = lines.next().unwrap().split(' ').nth(1).unwrap();
                let length = lines.find_map(|line| line.strip_prefix("content-length: "));
                let length: usize = length.map_or(0, |length| length.parse().unwrap());
                if body.len() >= length {
                    let status = status.parse().unwrap();
                    self.have.drain(..head.len() + 4 + length);
                    let body = serde_json::from_str(&body[..length]);
                    return (status, body.unwrap_or_default());
                }
            }
            let count = self.stream.read_buf(&mut self.have).await.unwrap();
            assert!(count > 0, "an answer and not the end: {text}");
        }
    }
}

async fn signs_in_a_filter_need_no_encoding(db: Db) {
    let app = TestApp::start(db).await;
    for (width, name) in [(8, "small"), (90, "wide shoe"), (91, "caf\u{e9}")] {
        let png = sample::gradient_png(width, 8);
        let asset = Request::new("POST", &app.url("/v1/assets")).key(app.key());
        asset.file(name, "image/png", &png).send().await.assert(201);
    }
    let mut talk = Talk::open(&app).await;
    for (query, count) in [
        ("q=width>70", 2),
        ("q=width>=90", 2),
        ("q=width<90", 1),
        ("q=created_at>2026-04-01", 3),
        ("q=name:\"wide+shoe\"", 1),
        ("q=name:caf\u{e9}", 1),
        ("q=NOT+name:`<>\"^{|}\\`", 3),
    ] {
        let (status, page) = talk.ask(&format!("GET /v1/assets?{query}")).await;
        assert_eq!(status, 200, "{query}: {page}");
        let items = page["items"].as_array().unwrap();
        assert_eq!(items.len(), count, "{query}: {page}");
    }
    let (status, error) = talk.ask("GET /v1/assets/`<x>`").await;
    assert_eq!((status, &error["code"]), (422, &json!("VALIDATION_ERROR")));

    // A letter in Latin-1 is no UTF-8, and a route says so.
    let head = talk.head("GET /v1/webhooks/event-types/caf?", "");
    let latin = head
        .bytes()
        .map(|byte| if byte == b'?' { 0xe9 } else { byte });
    talk.send(latin.collect::<Vec<u8>>()).await;
    let (status, error) = talk.answer().await;
    assert_eq!((status, &error["code"]), (400, &json!("BAD_REQUEST")));

    // A letter at a time.
    for byte in talk.head("GET /v1/assets?q=width>70", "").bytes() {
        talk.send([byte]).await;
        tokio::task::yield_now().await;
    }
    let (status, page) = talk.answer().await;
    assert_eq!((status, page["items"].as_array().unwrap().len()), (200, 2));
    app.stop().await;
}

async fn a_connection_is_used_again_and_bodies_stay_as_they_are(db: Db) {
    let app = TestApp::start(db).await;
    let mut talk = Talk::open(&app).await;
    let text = "GET /x?q=a>b HTTP/1.1";
    let body = format!("\r\n\r\n{{\"label\":\r\n\"{text}\"}}");
    let line = "POST /v1/callback-secrets";
    let kind = "content-type: application/json\r\n";
    let (begin, rest) = body.split_at(body.find("GET").unwrap());
    let (in_line, end) = rest.split_at(rest.find('"').unwrap());
    let length = format!("{kind}content-length: {}\r\n", body.len());
    let chunked = format!("{kind}transfer-encoding: chunked\r\n");
    let chunk = |text: &str| format!("{:x}\r\n{text}\r\n", text.len());
    for (fields, pieces) in [
        (
            &length,
            vec![begin.to_owned(), in_line.to_owned(), end.to_owned()],
        ),
        (&length, vec![body.clone()]),
        (
            &chunked,
            vec![
                chunk(begin),
                format!("{:x}\r\n", in_line.len()),
                format!("{in_line}\r\n"),
                chunk(end),
                "0\r\n\r\n".to_owned(),
            ],
        ),
        (&chunked, vec![chunk(&body) + "0\r\n\r\n"]),
    ] {
        // At once and piece by piece.
        for is_whole in [false, true] {
            let head = talk.head(line, fields);
            if is_whole {
                talk.send(head + &pieces.concat()).await;
            } else {
                talk.send(head).await;
                for piece in &pieces {
                    talk.send(piece).await;
                    tokio::task::yield_now().await;
                }
            }
            let (status, secret) = talk.answer().await;
            assert_eq!(
                (status, &secret["label"]),
                (201, &json!(text)),
                "{pieces:?}"
            );
            // The connection is read as before.
            let (status, page) = talk
                .ask("GET /v1/callback-secrets?q=created_at>2020-01-01")
                .await;
            assert_eq!(status, 200, "{page}");
        }
    }
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_that_do_not_wait_harm_no_body() {
    let app = TestApp::start(Db::Sqlite).await;
    let mut talk = Talk::open(&app).await;
    let get = talk.head("GET /v1/assets?q=width>70", "");
    let body = "{\"label\": \"GET /x?q=a>b HTTP/1.1\"}";
    let fields = format!(
        "content-type: application/json\r\ncontent-length: {}\r\n",
        body.len()
    );
    let post = talk.head("POST /v1/callback-secrets", &fields);
    talk.send(get + &post + body).await;
    let (status, page) = talk.answer().await;
    assert_eq!(status, 200, "{page}");
    let (status, secret) = talk.answer().await;
    let label = json!("GET /x?q=a>b HTTP/1.1");
    assert_eq!((status, &secret["label"]), (201, &label), "{secret}");
    app.stop().await;
}
