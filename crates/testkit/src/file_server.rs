//! A server of files that does what the test says, and what no server should do.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// What is sent for a path.
#[derive(Debug, Clone)]
pub enum Sent {
    /// A file, with the type that it claims to have.
    File(&'static str, Vec<u8>),
    /// A status without a file.
    Status(u16),
    /// A redirect.
    Redirect(String),
    /// These bytes, head and all; then the connection is closed.
    Raw(Vec<u8>),
    /// A file of this type that begins like this and never ends.
    Endless(&'static str, Vec<u8>),
    /// A file that begins like this and then comes byte by byte.
    Trickle(&'static str, Vec<u8>),
    /// Nothing, and the connection stays open.
    Silence,
}

/// Listens on the loopback until it is dropped.
#[derive(Debug)]
pub struct FileServer {
    port: u16,
    asked: Arc<Mutex<Vec<String>>>,
    task: tokio::task::JoinHandle<()>,
}

impl FileServer {
    /// Answers with what `answer` makes of a path and of how often it was asked
    /// for before.
    pub async fn start(answer: impl Fn(&str, usize) -> Sent + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let (shared, answer) = (Arc::clone(&asked), Arc::new(answer));
        let task = tokio::spawn(async move {
            // The connections end with the server.
            let mut open = tokio::task::JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let (asked, answer) = (Arc::clone(&shared), Arc::clone(&answer));
                open.spawn(async move { serve(stream, &asked, &*answer).await });
            }
        });
        Self { port, asked, task }
    }

    /// The URL of a path, by address.
    pub fn url(&self, path: &str) -> String {
        self.url_of("127.0.0.1", path)
    }

    /// The URL of a path at a name that the test resolves.
    pub fn url_of(&self, host: &str, path: &str) -> String {
        format!("http://{host}:{}{path}", self.port)
    }

    /// The paths that were asked for, in order.
    pub fn asked(&self) -> Vec<String> {
        let asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        asked.clone()
    }
}

impl Drop for FileServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(
    mut stream: TcpStream,
    asked: &Mutex<Vec<String>>,
    answer: &(impl Fn(&str, usize) -> Sent + Sync),
) {
    let mut request = Vec::new();
    let mut chunk = [0; 4096];
    while !request.windows(4).any(|window| window == b"\r\n\r\n") {
        match stream.read(&mut chunk).await {
            Ok(0) | Err(_) => return,
            Ok(read) => request.extend_from_slice(&chunk[..read]),
        }
    }
    let request = String::from_utf8_lossy(&request).into_owned();
    let path = request.split(' ').nth(1).unwrap_or_default().to_owned();
    let before = {
        let mut asked = asked.lock().unwrap_or_else(PoisonError::into_inner);
        let before = asked.iter().filter(|known| **known == path).count();
        asked.push(path.clone());
        before
    };
    let sent = answer(&path, before);
    // A client that has gone is no fault of the server.
    let _ = send(&mut stream, sent).await;
}

async fn send(stream: &mut TcpStream, sent: Sent) -> std::io::Result<()> {
    match sent {
        Sent::File(mime_type, bytes) => {
            let length = format!("content-length: {}\r\n", bytes.len());
            stream.write_all(&head(200, mime_type, &length)).await?;
            stream.write_all(&bytes).await?;
        }
        Sent::Status(status) => {
            let head = head(status, "text/plain", "content-length: 4\r\n");
            stream.write_all(&head).await?;
            stream.write_all(b"none").await?;
        }
        Sent::Redirect(to) => {
            let location = format!("location: {to}\r\ncontent-length: 0\r\n");
            stream
                .write_all(&head(302, "text/plain", &location))
                .await?;
        }
        Sent::Raw(bytes) => stream.write_all(&bytes).await?,
        Sent::Endless(mime_type, begin) => {
            stream.write_all(&head(200, mime_type, "")).await?;
            stream.write_all(&begin).await?;
            let more = vec![0; 64 * 1024];
            loop {
                stream.write_all(&more).await?;
            }
        }
        Sent::Trickle(mime_type, begin) => {
            stream.write_all(&head(200, mime_type, "")).await?;
            stream.write_all(&begin).await?;
            let mut tick = tokio::time::interval(Duration::from_millis(20));
            loop {
                tick.tick().await;
                stream.write_all(b"x").await?;
            }
        }
        Sent::Silence => std::future::pending().await,
    }
    stream.shutdown().await
}

fn head(status: u16, mime_type: &str, more: &str) -> Vec<u8> {
    format!("HTTP/1.1 {status} x\r\ncontent-type: {mime_type}\r\n{more}connection: close\r\n\r\n")
        .into_bytes()
}
