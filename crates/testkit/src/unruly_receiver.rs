//! A receiver of callbacks that does what no receiver should.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

use crate::receiver::read;

/// What becomes of a request that has arrived.
#[derive(Debug, Clone)]
pub enum Conduct {
    /// These bytes are sent, head and all; then the connection is closed.
    Raw(Vec<u8>),
    /// These bytes are sent; then the connection is reset.
    Reset(Vec<u8>),
    /// These bytes are sent, then the others again and again.
    Endless(Vec<u8>, Vec<u8>),
    /// These bytes are sent, then the others every few milliseconds.
    Trickle(Vec<u8>, Vec<u8>),
    /// Nothing is sent until the receiver is told to conduct itself otherwise,
    /// or whoever asks has gone.
    Hold,
}

impl Conduct {
    /// A short answer as any receiver gives it.
    pub fn answer(status: u16, body: &str) -> Self {
        let length = body.len();
        let text = format!(
            "HTTP/1.1 {status} x\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
        );
        Self::Raw(text.into_bytes())
    }
}

/// Listens on the loopback until it is dropped; takes many requests at once.
#[derive(Debug)]
pub struct UnrulyReceiver {
    port: u16,
    seen: Arc<Mutex<Seen>>,
    conduct: watch::Sender<Conduct>,
    task: JoinHandle<()>,
}

#[derive(Debug, Default)]
struct Seen {
    connections: usize,
    open: usize,
    /// Heads in lower case, and bodies.
    received: Vec<(String, Vec<u8>)>,
    sent: u64,
}

impl UnrulyReceiver {
    /// Listens, and conducts itself like this.
    pub async fn start(conduct: Conduct) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let seen = Arc::new(Mutex::new(Seen::default()));
        let (conduct, conducts) = watch::channel(conduct);
        let shared = Arc::clone(&seen);
        let task = tokio::spawn(async move {
            // The connections end with the receiver.
            let mut open = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let (seen, conducts) = (Arc::clone(&shared), conducts.clone());
                open.spawn(async move {
                    note(&seen, |seen| {
                        seen.connections += 1;
                        seen.open += 1;
                    });
                    // A sender that has gone is no fault of the receiver.
                    let _ = serve(stream, &seen, conducts).await;
                    note(&seen, |seen| seen.open -= 1);
                });
            }
        });
        Self {
            port,
            seen,
            conduct,
            task,
        }
    }

    /// Where it listens, by address.
    pub fn url(&self) -> String {
        self.url_at("127.0.0.1")
    }

    /// Where it listens, at a host that leads to this machine.
    pub fn url_at(&self, host: &str) -> String {
        format!("http://{host}:{}/hook", self.port)
    }

    /// Conducts itself otherwise, towards whoever is held too.
    pub fn conduct(&self, conduct: Conduct) {
        self.conduct.send_replace(conduct);
    }

    /// The requests that have arrived: the head in lower case, and the body.
    pub fn received(&self) -> Vec<(String, Vec<u8>)> {
        note(&self.seen, |seen| seen.received.clone())
    }

    /// How many connections there were.
    pub fn connections(&self) -> usize {
        note(&self.seen, |seen| seen.connections)
    }

    /// How many of them are open still.
    pub fn open(&self) -> usize {
        note(&self.seen, |seen| seen.open)
    }

    /// How many bytes it has got rid of, over all connections.
    pub fn sent(&self) -> u64 {
        note(&self.seen, |seen| seen.sent)
    }
}

impl Drop for UnrulyReceiver {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn note<T>(seen: &Mutex<Seen>, look: impl FnOnce(&mut Seen) -> T) -> T {
    look(&mut seen.lock().unwrap_or_else(PoisonError::into_inner))
}

async fn serve(
    mut stream: TcpStream,
    seen: &Mutex<Seen>,
    mut conducts: watch::Receiver<Conduct>,
) -> io::Result<()> {
    let (head, body) = read(&mut stream).await;
    note(seen, |seen| {
        seen.received.push((head.to_lowercase(), body));
    });
    let mut more = [0];
    let mut conduct = conducts.borrow_and_update().clone();
    while matches!(conduct, Conduct::Hold) {
        tokio::select! {
            changed = conducts.changed() => changed.map_err(io::Error::other)?,
            _ = stream.read(&mut more) => return Ok(()),
        }
        conduct = conducts.borrow_and_update().clone();
    }
    match conduct {
        Conduct::Raw(bytes) => {
            send(&mut stream, seen, &bytes).await?;
            stream.shutdown().await
        }
        Conduct::Reset(bytes) => {
            send(&mut stream, seen, &bytes).await?;
            stream.set_zero_linger()
        }
        Conduct::Endless(begin, more) => {
            send(&mut stream, seen, &begin).await?;
            loop {
                send(&mut stream, seen, &more).await?;
            }
        }
        Conduct::Trickle(begin, more) => {
            send(&mut stream, seen, &begin).await?;
            let mut tick = tokio::time::interval(Duration::from_millis(20));
            loop {
                tick.tick().await;
                send(&mut stream, seen, &more).await?;
            }
        }
        Conduct::Hold => Ok(()),
    }
}

async fn send(stream: &mut TcpStream, seen: &Mutex<Seen>, bytes: &[u8]) -> io::Result<()> {
    stream.write_all(bytes).await?;
    note(seen, |seen| seen.sent += bytes.len() as u64);
    Ok(())
}
