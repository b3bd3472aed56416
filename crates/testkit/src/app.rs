//! A whole server in this process, with a clock and randomness of the test's own.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use runnel::config::Settings;
use runnel::wire::{App, Environment};
use runnel_engines::Entry;
use runnel_types::{Clock, ManualClock, Scope, SeededEntropy, SystemClock, Timestamp};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::bucket::{Bucket, Storage};
use crate::http::Request;

/// Which database a server stands on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Db {
    /// A file in the test's folder.
    Sqlite,
    /// A fresh database of a PostgreSQL server.
    Postgres,
}

/// What a server stands on: rows and objects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Setup {
    /// Where the rows are.
    pub db: Db,
    /// Where the objects are.
    pub storage: Storage,
}

impl Setup {
    /// Rows in a file, objects in a bucket.
    pub const BUCKET: Self = Self {
        db: Db::Sqlite,
        storage: Storage::S3,
    };

    /// The same, and the server sends the files.
    pub const SERVED: Self = Self {
        db: Db::Sqlite,
        storage: Storage::S3Served,
    };
}

impl From<Db> for Setup {
    /// With the objects on the disk.
    fn from(db: Db) -> Self {
        let storage = Storage::Disk;
        Self { db, storage }
    }
}

/// The URL of a fresh database, where the data folder does not hold it.
pub async fn database_url(db: Db) -> Option<String> {
    match db {
        Db::Sqlite => None,
        Db::Postgres => {
            let made = tokio::task::spawn_blocking(|| runnel_testdb::url_for("it"));
            Some(made.await.unwrap())
        }
    }
}

/// A server under test. No workers run: [`TestApp::run_jobs`] works them off.
#[derive(Debug)]
pub struct TestApp {
    app: App,
    settings: Settings,
    /// The clock that everything asks.
    pub clock: Arc<ManualClock>,
    environment: Environment,
    key: String,
    folder: Arc<TempDir>,
    pub(crate) bucket: Option<Bucket>,
}

impl TestApp {
    /// Starts a server on an empty database.
    pub async fn start(setup: impl Into<Setup>) -> Self {
        Self::start_with(setup, |_| {}).await
    }

    /// Starts a server with settings of the test's own.
    pub async fn start_with(setup: impl Into<Setup>, change: impl FnOnce(&mut Settings)) -> Self {
        let Setup { db, storage } = setup.into();
        Self::start_on(db, storage, change).await
    }

    /// Starts a server on an empty storage of some kind.
    pub async fn start_on(db: Db, storage: Storage, change: impl FnOnce(&mut Settings)) -> Self {
        Self::start_in(db, storage, |settings, _| change(settings)).await
    }

    /// Starts a server on a machine of the test's own: storage, settings,
    /// programs, and how long a confirmation waits for the thumbnail of a
    /// video, a minute if nothing is said.
    pub async fn start_in(
        db: Db,
        storage: Storage,
        change: impl FnOnce(&mut Settings, &mut Environment),
    ) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut settings = Settings {
            workers: 0,
            ..Settings::for_data_dir(folder.path().join("data"))
        };
        settings.database_url = database_url(db).await;
        let mut begin = Timestamp::from_micros(1_790_000_000_000_000);
        let bucket = Bucket::of(storage).await;
        if let Some(bucket) = &bucket {
            let (mut url, variables) = bucket.place();
            if storage == Storage::S3Served {
                url.push_str("&downloads=server");
            }
            settings.storage_url = Some(url);
            settings.storage_variables = variables;
            // The store looks at its own clock, of which URLs have whole seconds.
            begin = Timestamp::from_micros(SystemClock.now().as_seconds() * 1_000_000);
        }
        let clock = Arc::new(ManualClock::at(begin));
        let mut environment = Environment {
            clock: Arc::<ManualClock>::clone(&clock),
            entropy: Arc::new(SeededEntropy::new(7)),
            // A busy machine must not make another test of it.
            thumbnail_wait: Duration::from_mins(1),
            ..Environment::system()
        };
        change(&mut settings, &mut environment);
        let app = start(&settings, &environment).await;
        let key = app
            .services()
            .create_first_key()
            .await
            .unwrap()
            .unwrap()
            .plain;
        Self {
            app,
            settings,
            clock,
            environment,
            key,
            folder: Arc::new(folder),
            bucket,
        }
    }

    /// Another server on the same data, as a second process would be: it shares
    /// the rows and the objects, and no memory. The disk is its storage.
    pub async fn another(&self) -> Self {
        let app = start(&self.settings, &self.environment).await;
        Self {
            app,
            settings: self.settings.clone(),
            clock: Arc::clone(&self.clock),
            environment: self.environment.clone(),
            key: self.key.clone(),
            folder: Arc::clone(&self.folder),
            bucket: None,
        }
    }

    /// Adds a model to the catalogue of this server.
    pub fn add_model(&self, entry: Entry) {
        let models = &self.services().models;
        let known: Vec<Entry> = models.models().values().cloned().collect();
        models.replace(known.into_iter().chain([entry]));
    }

    /// Stops the server and starts it again on the same data.
    #[must_use]
    pub async fn restart(self) -> Self {
        let Self {
            app,
            settings,
            clock,
            environment,
            key,
            folder,
            bucket,
        } = self;
        app.stop().await;
        let app = start(&settings, &environment).await;
        Self {
            app,
            settings,
            clock,
            environment,
            key,
            folder,
            bucket,
        }
    }

    /// Where the server listens.
    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.app.base_url())
    }

    /// A key of the default organization with all scopes.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// Another key of the default organization.
    pub async fn key_with(&self, scopes: &[Scope]) -> String {
        self.app
            .services()
            .create_key(None, "narrow", scopes)
            .await
            .unwrap()
            .plain
    }

    /// A key of another organization, with all scopes.
    pub async fn foreign_key(&self) -> String {
        self.app
            .services()
            .create_key(Some("Other"), "foreign", Scope::ALL)
            .await
            .unwrap()
            .plain
    }

    /// What the server works with.
    pub fn services(&self) -> &runnel_domain::Services {
        self.app.services()
    }

    /// What another process works with on the same data, with the same clock.
    pub async fn beside(&self) -> Arc<runnel_domain::Services> {
        let url = self.app.base_url();
        let opened = runnel::wire::open_services(&self.settings, &self.environment, url).await;
        opened.unwrap_or_else(|failure| panic!("no second process: {failure}"))
    }

    /// A GET with the key.
    pub fn get(&self, path: &str) -> Request {
        Request::new("GET", &self.url(path)).key(&self.key)
    }

    /// A POST with the key.
    pub fn post(&self, path: &str, body: &Value) -> Request {
        Request::new("POST", &self.url(path))
            .key(&self.key)
            .json(body)
    }

    /// A PATCH with the key.
    pub fn patch(&self, path: &str, body: &Value) -> Request {
        Request::new("PATCH", &self.url(path))
            .key(&self.key)
            .json(body)
    }

    /// A DELETE with the key.
    pub fn delete(&self, path: &str) -> Request {
        Request::new("DELETE", &self.url(path)).key(&self.key)
    }

    /// Makes a folder.
    pub async fn folder(&self, name: &str, parent: Option<&Value>) -> Value {
        let body = json!({"name": name, "parent_id": parent.map(|parent| &parent["id"])});
        let answer = self.post("/v1/asset-folders", &body).send().await;
        answer.assert(201).json()
    }

    /// Moves the clock.
    pub fn advance(&self, by: Duration) {
        self.clock.advance(by);
    }

    /// Reads the model file again.
    ///
    /// # Errors
    /// What is wrong with it.
    pub async fn reload_models(&self) -> Result<runnel::models::Changes, runnel::Failure> {
        self.app.reload_models().await
    }

    /// Works off every job that is due by the clock; says how many there were,
    /// sweeps not counted.
    pub async fn run_jobs(&self) -> usize {
        self.app.run_due_jobs().await
    }

    /// Creates an upload session; answers with the asset's id and the URL.
    pub async fn create_upload(&self, mime_type: &str, size_bytes: usize) -> (String, String) {
        let body =
            json!({"filename": "photo.bin", "mime_type": mime_type, "size_bytes": size_bytes});
        let session = self
            .post("/v1/asset-uploads", &body)
            .send()
            .await
            .assert(201)
            .json();
        (
            session["asset_id"].as_str().unwrap().to_owned(),
            session["upload_url"].as_str().unwrap().to_owned(),
        )
    }

    /// Creates a session and sends the bytes; answers with the asset's id.
    pub async fn upload(&self, mime_type: &str, bytes: &[u8]) -> String {
        let (id, url) = self.create_upload(mime_type, bytes.len()).await;
        Request::new("PUT", &url)
            .header("content-type", mime_type)
            .body(bytes)
            .send()
            .await
            .assert(200);
        id
    }

    /// Confirms an upload, whatever comes of it.
    pub async fn confirm(&self, id: &str) -> crate::Response {
        Request::new(
            "POST",
            &self.url(&format!("/v1/asset-uploads/{id}/confirmations")),
        )
        .key(&self.key)
        .send()
        .await
    }

    /// Uploads and confirms; answers with the asset.
    pub async fn asset(&self, mime_type: &str, bytes: &[u8]) -> Value {
        let id = self.upload(mime_type, bytes).await;
        self.confirm(&id).await.assert(201).json()
    }

    /// Every object, and with a folder its temporary files too.
    pub fn objects(&self) -> Vec<PathBuf> {
        match &self.bucket {
            Some(bucket) => bucket.objects(),
            None => files(&self.settings.data_dir.join("objects")),
        }
    }

    /// The file of an asset's object, by its key.
    ///
    /// # Panics
    /// When there is none.
    pub fn object(&self, key: &str) -> PathBuf {
        // What are folders in a bucket are parts of the name on a disk.
        let (_, below) = key.split_once("/assets/").unwrap();
        let is_it = |path: &PathBuf| path.to_str().unwrap().replace('+', "/").ends_with(below);
        let found = self.objects().into_iter().find(is_it);
        found.unwrap_or_else(|| panic!("no object {key} in {:?}", self.objects()))
    }

    /// The folder of the server's data.
    pub fn data_dir(&self) -> &Path {
        &self.settings.data_dir
    }

    /// Whether `text` lies open in the database; in any file of the data folder,
    /// where the database is one of them.
    pub fn stores(&self, text: &str) -> bool {
        let kept = match &self.settings.database_url {
            Some(url) => runnel_testdb::dump(url).into_bytes(),
            // The database's file, its log, and whatever else was written.
            None => files(&self.settings.data_dir)
                .iter()
                .flat_map(|file| std::fs::read(file).unwrap())
                .collect(),
        };
        kept.windows(text.len())
            .any(|window| window == text.as_bytes())
    }

    /// Stops the server; no temporary file may be left behind.
    pub async fn stop(self) {
        let staging = self.settings.data_dir.join("objects/.staging");
        self.app.stop().await;
        assert_eq!(
            files(&staging),
            Vec::<PathBuf>::new(),
            "temporary files were left behind"
        );
        drop(self.folder);
    }
}

async fn start(settings: &Settings, environment: &Environment) -> App {
    App::start(settings.clone(), environment.clone())
        .await
        .unwrap_or_else(|failure| panic!("the server does not start: {failure}"))
}

/// Every file below a folder.
pub(crate) fn files(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return Vec::new();
    };
    let mut found: Vec<PathBuf> = entries
        .map(|entry| entry.unwrap().path())
        .flat_map(|path| {
            if path.is_dir() {
                files(&path)
            } else {
                vec![path]
            }
        })
        .collect();
    found.sort();
    found
}
