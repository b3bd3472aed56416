//! For tests: a server that answers as a test says, and pieces of work to send
//! to it.
//!
//! It speaks HTTP by hand, one request a connection, so that it can also break
//! off, fall silent, lie and go on for ever.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use runnel_egress::{Egress, EgressConfig, Policy};
use runnel_types::RunId;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::engine::{
    Engine, EngineError, EngineErrorKind, InputContent, InputFile, OutputContent, Product, Report,
    Reporter, Work,
};
use crate::settings::build;

/// A request as it arrived.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub(crate) method: String,
    pub(crate) path: String,
    /// In lower case.
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Seen {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

/// What is answered.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    bytes: Vec<u8>,
    then: Then,
}

#[derive(Debug, Clone, Copy)]
enum Then {
    Close,
    Hang,
    Repeat,
}

impl Answer {
    pub(crate) fn new(status: u16, headers: &str, body: impl AsRef<[u8]>) -> Self {
        let body = body.as_ref();
        let length = body.len();
        let head = format!(
            "HTTP/1.1 {status} x\r\n{headers}content-length: {length}\r\nconnection: close\r\n\r\n"
        );
        Self::raw([head.as_bytes(), body].concat())
    }

    pub(crate) fn json(status: u16, body: &Value) -> Self {
        Self::new(
            status,
            "content-type: application/json\r\n",
            body.to_string(),
        )
    }

    /// Exactly these bytes.
    pub(crate) fn raw(bytes: impl Into<Vec<u8>>) -> Self {
        Self {
            bytes: bytes.into(),
            then: Then::Close,
        }
    }

    /// Falls silent after the bytes, with the connection open.
    pub(crate) fn then_silence(mut self) -> Self {
        self.then = Then::Hang;
        self
    }

    /// Goes on with zeros for as long as somebody reads.
    pub(crate) fn then_endless(mut self) -> Self {
        self.then = Then::Repeat;
        self
    }
}

/// The server; it ends with the test.
#[derive(Debug)]
pub(crate) struct Stub {
    pub(crate) url: String,
    seen: Arc<Mutex<Vec<Seen>>>,
    task: tokio::task::JoinHandle<()>,
}

impl Stub {
    pub(crate) async fn start(answer: impl Fn(&Seen) -> Answer + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let seen = Arc::new(Mutex::new(Vec::new()));
        let shared = Arc::clone(&seen);
        let answer = Arc::new(answer);
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (shared, answer) = (Arc::clone(&shared), Arc::clone(&answer));
                tokio::spawn(async move {
                    let mut stream = stream;
                    if let Some(seen) = read(&mut stream).await {
                        let answer = answer(&seen);
                        shared
                            .lock()
                            .unwrap_or_else(PoisonError::into_inner)
                            .push(seen);
                        write(&mut stream, answer).await;
                    }
                });
            }
        });
        Self { url, seen, task }
    }

    /// What arrived so far.
    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Method and path of what arrived so far.
    pub(crate) fn asked(&self) -> Vec<String> {
        let line = |seen: Seen| format!("{} {}", seen.method, seen.path);
        self.seen().into_iter().map(line).collect()
    }

    /// Waits until something that fits was asked.
    pub(crate) async fn wait_for(&self, what: &str) {
        let asked = async {
            while !self.asked().iter().any(|line| line.contains(what)) {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        let waited = tokio::time::timeout(Duration::from_secs(20), asked).await;
        assert!(waited.is_ok(), "{what} was not asked: {:?}", self.asked());
    }
}

impl Stub {
    /// Lets an engine work until something that fits was asked, and calls it off.
    pub(crate) async fn call_off(&self, engine: Arc<dyn Engine>, what: &str) {
        let (work, _, cancel) = cancellable_work(&json!({}));
        let working = tokio::spawn(async move { engine.execute(work).await });
        self.wait_for(what).await;
        assert!(!working.is_finished());
        cancel.cancel();
        let error = working.await.unwrap().unwrap_err();
        assert_eq!(error.kind, EngineErrorKind::Cancelled, "{error}");
    }
}

impl Drop for Stub {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn read(stream: &mut TcpStream) -> Option<Seen> {
    let mut raw = Vec::new();
    let mut chunk = vec![0; 65536];
    loop {
        if let Some(end) = raw.windows(4).position(|window| window == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&raw[..end]).into_owned();
            let lower = head.to_lowercase();
            let length = lower
                .lines()
                .find_map(|line| line.strip_prefix("content-length:")?.trim().parse().ok())
                .unwrap_or(0);
            if raw.len() >= end + 4 + length {
                let mut words = head.split(' ');
                return Some(Seen {
                    method: words.next()?.to_owned(),
                    path: words.next()?.to_owned(),
                    head: lower,
                    body: raw[end + 4..].to_vec(),
                });
            }
        }
        match stream.read(&mut chunk).await {
            Ok(0) | Err(_) => return None,
            Ok(read) => raw.extend_from_slice(&chunk[..read]),
        }
    }
}

async fn write(stream: &mut TcpStream, answer: Answer) {
    let _ = stream.write_all(&answer.bytes).await;
    match answer.then {
        Then::Close => {}
        Then::Hang => {
            // Open until the other side goes.
            let _ = stream.read(&mut [0; 16]).await;
        }
        Then::Repeat => {
            let zeros = vec![0; 65536];
            while stream.write_all(&zeros).await.is_ok() {}
        }
    }
    let _ = stream.shutdown().await;
}

/// Bytes that begin as a PNG does; nothing here looks further.
pub(crate) fn png() -> Vec<u8> {
    let mut bytes = b"\x89PNG\r\n\x1a\n".to_vec();
    bytes.extend((0..200).map(|n: u8| n.wrapping_mul(31)));
    bytes
}

/// A door with the policy of a server that was set up with nothing.
pub(crate) fn door() -> Egress {
    Egress::new(EgressConfig::new(Policy::default())).unwrap()
}

/// An engine with these settings.
pub(crate) fn engine(name: &str, settings: &str) -> Arc<dyn Engine> {
    let table = settings.parse().unwrap();
    build(name, "acme/it", &table, &door()).unwrap()
}

/// Work with that input and no files, and what the engine tells meanwhile.
pub(crate) fn work(input: &Value) -> (Work, mpsc::Receiver<Report>) {
    let (work, reports, _) = cancellable_work(input);
    (work, reports)
}

/// The same, with the way to call it off.
pub(crate) fn cancellable_work(input: &Value) -> (Work, mpsc::Receiver<Report>, CancellationToken) {
    let cancel = CancellationToken::new();
    let (reporter, reports) = Reporter::new(cancel.clone());
    let work = Work {
        run_id: RunId::from_u128(7),
        attempt: 1,
        model: "acme/it".to_owned(),
        input: input.as_object().unwrap().clone(),
        files: BTreeMap::new(),
        reporter,
    };
    (work, reports, cancel)
}

/// The same work with a picture as its input of this name.
pub(crate) fn with_file(mut work: Work, input: &str, content: InputContent) -> Work {
    let size_bytes = match &content {
        InputContent::Bytes(bytes) => bytes.len() as u64,
        InputContent::Url(_) => 2,
    };
    let file = InputFile {
        mime_type: "image/png".to_owned(),
        name: "a.png".to_owned(),
        size_bytes,
        content,
    };
    work.files.insert(input.to_owned(), file);
    work
}

/// What was told so far.
pub(crate) fn told(reports: &mut mpsc::Receiver<Report>) -> Vec<Report> {
    std::iter::from_fn(|| reports.try_recv().ok()).collect()
}

/// The bytes of each file of a product, read to the end.
pub(crate) async fn bytes(product: Product) -> Result<Vec<Vec<u8>>, EngineError> {
    use futures_util::TryStreamExt;
    let mut all = Vec::new();
    for file in product.files {
        all.push(match file.content {
            OutputContent::Bytes(bytes) => bytes,
            OutputContent::Stream(chunks) => chunks.try_collect::<Vec<_>>().await?.concat(),
        });
    }
    Ok(all)
}
