//! A receiver of callbacks: records what arrives, answers as it is told.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

/// Listens on the loopback until it is dropped.
#[derive(Debug)]
pub struct Receiver {
    url: String,
    state: Arc<Mutex<State>>,
    task: tokio::task::JoinHandle<()>,
}

#[derive(Debug, Default)]
struct State {
    /// Heads as they came, and bodies.
    received: Vec<(String, Vec<u8>)>,
    answers: VecDeque<u16>,
}

impl Receiver {
    /// Answers with `answers`, one after the other, and with 200 after that.
    pub async fn start(answers: &[u16]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/hook", listener.local_addr().unwrap());
        let state = Arc::new(Mutex::new(State {
            answers: answers.iter().copied().collect(),
            ..State::default()
        }));
        let shared = Arc::clone(&state);
        let task = tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let (head, body) = read(&mut stream).await;
                let status = {
                    let mut state = shared.lock().unwrap_or_else(PoisonError::into_inner);
                    state.received.push((head, body));
                    state.answers.pop_front().unwrap_or(200)
                };
                let location = if status == 302 {
                    "location: http://127.0.0.1:1/\r\n"
                } else {
                    ""
                };
                let answer = format!(
                    "HTTP/1.1 {status} x\r\n{location}content-length: 4\r\nconnection: close\r\n\r\nseen"
                );
                let _ = stream.write_all(answer.as_bytes()).await;
                let _ = stream.shutdown().await;
            }
        });
        Self { url, state, task }
    }

    /// Where it listens.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// What has arrived: the head in lower case, and the body.
    pub fn received(&self) -> Vec<(String, Vec<u8>)> {
        let lower = |(head, body): (String, Vec<u8>)| (head.to_lowercase(), body);
        self.received_exactly().into_iter().map(lower).collect()
    }

    /// What has arrived: the head as it came, and the body.
    pub fn received_exactly(&self) -> Vec<(String, Vec<u8>)> {
        self.state
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .received
            .clone()
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Reads a request: its head, and its body as long as it says it is.
pub(crate) async fn read(stream: &mut tokio::net::TcpStream) -> (String, Vec<u8>) {
    let mut raw = Vec::new();
    let mut chunk = [0; 4096];
    loop {
        if let Some(end) = raw.windows(4).position(|window| window == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&raw[..end]).into_owned();
            let lower = head.to_lowercase();
            let length = lower
                .lines()
                .find_map(|line| {
                    line.strip_prefix("content-length:")?
                        .trim()
                        .parse::<usize>()
                        .ok()
                })
                .unwrap_or(0);
            if raw.len() >= end + 4 + length {
                return (head, raw[end + 4..].to_vec());
            }
        }
        match stream.read(&mut chunk).await {
            Ok(0) | Err(_) => return (String::from_utf8_lossy(&raw).into_owned(), Vec::new()),
            Ok(read) => raw.extend_from_slice(&chunk[..read]),
        }
    }
}
