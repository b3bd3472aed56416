//! An S3-compatible server in this process, over a temporary folder.
//!
//! It is `s3s-fs`: it checks every signature, of headers and of URLs, against
//! one test key, and by its own clock, so an app that signs for it begins with
//! the time of the machine.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use runnel_blobs::Variables;
use s3s::Body;
use s3s::auth::SimpleAuth;
use s3s::config::{S3Config, StaticConfigProvider};
use s3s::service::{S3Service, S3ServiceBuilder};
use s3s_fs::FileSystem;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::app::files;
use crate::chaos::{Mood, in_mood};

/// The bucket that is there from the start.
const BUCKET: &str = "media";
/// What the names of the app's objects begin with in it: short, since `s3s-fs`
/// makes file names of whole keys, and a file's name has 255 bytes at most.
const PREFIX: &str = "lib";
const KEY_ID: &str = "TESTKEY";
const SECRET: &str = "a-secret-of-the-tests";

/// A running S3-compatible server.
#[derive(Debug)]
pub struct S3Server {
    address: SocketAddr,
    root: TempDir,
    mood: watch::Sender<Mood>,
    serving: JoinHandle<()>,
}

impl Drop for S3Server {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl S3Server {
    /// Starts a server with one empty bucket.
    pub async fn start() -> Self {
        let root = tempfile::tempdir().unwrap();
        std::fs::create_dir(root.path().join(BUCKET)).unwrap();
        let mut builder = S3ServiceBuilder::new(FileSystem::new(root.path()).unwrap());
        builder.set_auth(SimpleAuth::from_single(KEY_ID, SECRET));
        // A test moves the app's clock on; URLs signed then are of the future.
        let mut config = S3Config::default();
        config.presigned_url_max_skew_time_secs = u32::MAX;
        builder.set_config(Arc::new(StaticConfigProvider::new(Arc::new(config))));
        let service = builder.build();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (mood, moods) = watch::channel(Mood::Well);
        let serving = tokio::spawn(serve(listener, service, moods, Ok));
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

    /// The storage URL of the bucket; the store may be silent for two seconds.
    pub fn storage_url(&self) -> String {
        self.url_of(BUCKET)
    }

    /// The storage URL of some bucket.
    pub fn url_of(&self, bucket: &str) -> String {
        format!(
            "s3://{bucket}/{PREFIX}?endpoint={}&timeout=2",
            self.endpoint()
        )
    }

    /// The names and values of the credentials.
    pub fn credentials(&self) -> [(String, String); 2] {
        credentials_with(SECRET)
    }

    /// The credentials, as an environment has them.
    pub fn variables(&self) -> Variables {
        Variables::of(self.credentials())
    }

    /// Credentials with another secret.
    pub fn variables_with(secret: &str) -> Variables {
        Variables::of(credentials_with(secret))
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
        parts_in(self.root.path())
    }

    /// The folder of the app's objects.
    pub fn folder(&self) -> PathBuf {
        self.root.path().join(BUCKET).join(PREFIX)
    }

    /// What `boto3`, the official client for Python, answers to `script`, which
    /// has a client `s3`, the `bucket` and the `prefix`, and prints.
    pub async fn ask_boto3(&self, script: &str) -> String {
        let python = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../../target/test-tools/python/bin/python"
        );
        let whole = format!(
            "import boto3\nfrom botocore.config import Config\n\
             s3 = boto3.client('s3', endpoint_url='{}', aws_access_key_id='{KEY_ID}', aws_secret_access_key='{SECRET}', region_name='us-east-1', config=Config(s3={{'addressing_style': 'path'}}))\n\
             bucket, prefix = '{BUCKET}', '{PREFIX}/'\n{script}\n",
            self.endpoint()
        );
        let output = tokio::process::Command::new(python)
            .args(["-c", &whole])
            .kill_on_drop(true)
            .output()
            .await
            .unwrap_or_else(|error| {
                panic!("{python}: {error}; run `scripts/setup.sh test`, which makes it")
            });
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "boto3 fails: {said}");
        String::from_utf8(output.stdout).unwrap()
    }
}

fn credentials_with(secret: &str) -> [(String, String); 2] {
    let pairs = [
        ("AWS_ACCESS_KEY_ID", KEY_ID),
        ("AWS_SECRET_ACCESS_KEY", secret),
    ];
    pairs.map(|(name, value)| (name.to_owned(), value.to_owned()))
}

/// How many bodies have parts in a root of `s3s-fs`.
pub(crate) fn parts_in(root: &Path) -> usize {
    let entries = std::fs::read_dir(root).unwrap();
    entries
        .filter(|entry| {
            let name = entry.as_ref().unwrap().file_name();
            name.to_string_lossy().starts_with(".upload-")
        })
        .count()
}

/// Serves `service` in the mood that it is in; `gate` looks at each request
/// first, and may change or answer it.
pub(crate) async fn serve<G>(
    listener: TcpListener,
    service: S3Service,
    moods: watch::Receiver<Mood>,
    gate: G,
) where
    G: Fn(hyper::Request<Body>) -> Result<hyper::Request<Body>, Box<hyper::Response<Body>>>
        + Copy
        + Send
        + Sync
        + 'static,
{
    loop {
        let (socket, _) = listener.accept().await.unwrap();
        let (service, moods) = (service.clone(), moods.clone());
        let answer = service_fn(move |request: hyper::Request<Incoming>| {
            let (service, moods) = (service.clone(), moods.clone());
            async move {
                let request = request.map(Body::from);
                let well = || async move {
                    let request = match gate(request) {
                        Ok(request) => request,
                        Err(answer) => return Ok(*answer),
                    };
                    let answer = service.call(request).await;
                    answer.map_err(|error| std::io::Error::other(format!("{error:?}")))
                };
                in_mood(moods, well).await
            }
        });
        tokio::spawn(async move {
            let builder = Builder::new(TokioExecutor::new());
            let _ = builder.serve_connection(TokioIo::new(socket), answer).await;
        });
    }
}
