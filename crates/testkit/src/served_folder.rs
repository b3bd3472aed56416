//! `s3s-fs`, S3 over a folder, in this process: what the S3 server is, and what
//! stands behind the stand-in for Google.

use std::net::SocketAddr;
use std::path::PathBuf;

use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use s3s::Body;
use s3s::service::{S3Service, S3ServiceBuilder};
use s3s_fs::FileSystem;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::app::files;
use crate::chaos::{Mood, Wish, in_mood};

/// The bucket that is there from the start.
pub(crate) const BUCKET: &str = "media";
/// What the names of the app's objects begin with in it: short, since `s3s-fs`
/// makes file names of whole keys, and a file's name has 255 bytes at most.
pub(crate) const PREFIX: &str = "lib";

/// Looks at a request first, and may change or answer it.
pub(crate) trait Gate:
    Fn(Request<Body>) -> Result<Request<Body>, Box<Response<Body>>> + Copy + Send + Sync + 'static
{
}

impl<F> Gate for F where
    F: Fn(Request<Body>) -> Result<Request<Body>, Box<Response<Body>>>
        + Copy
        + Send
        + Sync
        + 'static
{
}

/// A server over a temporary folder, which ends with it.
#[derive(Debug)]
pub struct ServedFolder {
    address: SocketAddr,
    root: TempDir,
    mood: watch::Sender<Mood>,
    serving: JoinHandle<()>,
}

impl Drop for ServedFolder {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl ServedFolder {
    /// Starts a server with one empty bucket; `set_up` completes its service.
    pub(crate) async fn start(set_up: impl FnOnce(&mut S3ServiceBuilder), gate: impl Gate) -> Self {
        let root = tempfile::tempdir().unwrap();
        std::fs::create_dir(root.path().join(BUCKET)).unwrap();
        let mut builder = S3ServiceBuilder::new(FileSystem::new(root.path()).unwrap());
        set_up(&mut builder);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (mood, moods) = watch::channel(Mood::Well);
        let serving = tokio::spawn(serve(listener, builder.build(), moods, gate));
        Self {
            address,
            root,
            mood,
            serving,
        }
    }

    /// Where the server listens.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// How the server behaves from now on.
    pub fn set_mood(&self, mood: Mood) {
        self.mood.send_replace(mood);
    }

    /// The files of the app's objects.
    pub fn objects(&self) -> Vec<PathBuf> {
        files(&self.folder())
    }

    /// How many bodies have parts in the store and are not complete.
    pub fn parts(&self) -> usize {
        let entries = std::fs::read_dir(self.root.path()).unwrap();
        entries
            .filter(|entry| {
                let name = entry.as_ref().unwrap().file_name();
                name.to_string_lossy().starts_with(".upload-")
            })
            .count()
    }

    /// The folder of the app's objects.
    pub fn folder(&self) -> PathBuf {
        self.root.path().join(BUCKET).join(PREFIX)
    }
}

/// What a request wants; things are removed alone or with others.
fn wish<B>(request: &Request<B>) -> Wish {
    let query = request.uri().query().unwrap_or_default();
    let mut names = query.split('&').map(|part| part.split('=').next());
    match *request.method() {
        hyper::Method::GET | hyper::Method::HEAD => Wish::Read,
        hyper::Method::DELETE => Wish::Remove,
        hyper::Method::POST if names.any(|name| name == Some("delete")) => Wish::Remove,
        _ => Wish::Write,
    }
}

/// Serves `service` in the mood that it is in.
async fn serve<G>(listener: TcpListener, service: S3Service, moods: watch::Receiver<Mood>, gate: G)
where
    G: Gate,
{
    loop {
        let (socket, _) = listener.accept().await.unwrap();
        let (service, moods) = (service.clone(), moods.clone());
        let answer = service_fn(move |request: Request<Incoming>| {
            let (service, moods) = (service.clone(), moods.clone());
            async move {
                let wish = wish(&request);
                let request = request.map(Body::from);
                let well = || async move {
                    let request = match gate(request) {
                        Ok(request) => request,
                        Err(answer) => return Ok(*answer),
                    };
                    let answer = service.call(request).await;
                    answer.map_err(|error| std::io::Error::other(format!("{error:?}")))
                };
                in_mood(moods, wish, well).await
            }
        });
        tokio::spawn(async move {
            let builder = Builder::new(TokioExecutor::new());
            let _ = builder.serve_connection(TokioIo::new(socket), answer).await;
        });
    }
}
