//! Settings: what the flags and `RUNNEL_*` variables say, checked and complete.

mod flags;
mod values;

use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::time::Duration;

use runnel_api::Cors;
use runnel_blobs::Variables;
use runnel_engines::model_file;

use crate::Failure;
pub use flags::{LogFormat, Places, ServeFlags};
pub(crate) use values::{listen_address, log_filter};

/// The most that `--max-resumable-bytes` may be: an object store takes ten
/// thousand parts, and each is held in memory while it arrives.
const MAX_RESUMABLE_BYTES: u64 = 64 * 1024 * 1024 * 1024;

/// Everything a server needs to know before it starts.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where to listen.
    pub listen: SocketAddr,
    /// The folder of everything that has no other place.
    pub data_dir: PathBuf,
    /// What signed URLs begin with; the address listened on when absent.
    pub public_url: Option<String>,
    /// Where the rows are; SQLite in the data folder when absent.
    pub database_url: Option<String>,
    /// Where the objects are; the data folder when absent.
    pub storage_url: Option<String>,
    /// Where the credentials of a bucket come from.
    pub storage_variables: Variables,
    /// Certificate chain, PEM.
    pub tls_cert: Option<PathBuf>,
    /// Private key, PEM.
    pub tls_key: Option<PathBuf>,
    /// Serve TLS with a certificate of our own.
    pub tls_self_signed: bool,
    /// Workers in this process.
    pub workers: usize,
    /// The model file.
    pub models: Option<PathBuf>,
    /// What `${NAME}` stands for in the model file.
    pub model_variables: model_file::Variables,
    /// Ranges that outgoing requests may reach although private.
    pub egress_allow: String,
    /// A key that is to exist from the start.
    pub bootstrap_api_key: Option<String>,
    /// The key that encrypts secrets in the database; in a file of the data
    /// folder when absent.
    pub secret_key: Option<String>,
    /// The largest upload, in bytes.
    pub max_upload_bytes: u64,
    /// The largest upload whose bytes arrive in pieces, in bytes.
    pub max_resumable_bytes: u64,
    /// The largest file that is fetched from a URL in a run's input, in bytes.
    pub max_fetch_bytes: u64,
    /// The largest file of a run's output, in bytes.
    pub max_output_bytes: u64,
    /// How many bytes of the inputs of runs may lie in memory.
    pub input_memory_bytes: u64,
    /// How long a PUT to an upload URL may begin.
    pub upload_url_ttl: Duration,
    /// How long a signed URL of an asset works.
    pub asset_url_ttl: Duration,
    /// How long after its URL expired an unconfirmed upload is kept.
    pub upload_kept_for: Duration,
    /// How long a deleted asset can be restored.
    pub asset_kept_for: Duration,
    /// How many requests an organization may make a minute; any number when absent.
    pub rate_limit: Option<NonZeroU32>,
    /// Whose pages may call this server.
    pub cors: Cors,
}

impl Settings {
    /// The defaults, with everything kept in `data_dir`, on a free port.
    pub fn for_data_dir(data_dir: impl Into<PathBuf>) -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            data_dir: data_dir.into(),
            public_url: None,
            database_url: None,
            storage_url: None,
            storage_variables: Variables::default(),
            tls_cert: None,
            tls_key: None,
            tls_self_signed: false,
            workers: 1,
            models: None,
            model_variables: model_file::Variables::default(),
            egress_allow: String::new(),
            bootstrap_api_key: None,
            secret_key: None,
            max_upload_bytes: 52_428_800,
            max_resumable_bytes: 5_368_709_120,
            max_fetch_bytes: 2_147_483_648,
            max_output_bytes: 2_147_483_648,
            input_memory_bytes: 536_870_912,
            upload_url_ttl: Duration::from_hours(1),
            asset_url_ttl: Duration::from_hours(24),
            upload_kept_for: Duration::from_hours(24),
            asset_kept_for: Duration::from_hours(7 * 24),
            rate_limit: None,
            cors: Cors::default(),
        }
    }

    /// Whether the server speaks TLS.
    pub const fn is_tls(&self) -> bool {
        self.tls_self_signed || self.tls_cert.is_some()
    }

    /// The URL of the database.
    pub fn database_url(&self) -> String {
        self.database_url
            .clone()
            .unwrap_or_else(|| format!("sqlite://{}", self.data_dir.join("runnel.db").display()))
    }

    /// The same with the objects in `folder`.
    ///
    /// # Errors
    /// When the path cannot be made absolute.
    pub fn with_storage_in(self, folder: &Path) -> Result<Self, Failure> {
        Ok(Self {
            storage_url: Some(file_url(folder)?),
            ..self
        })
    }

    /// The URL of the storage.
    ///
    /// # Errors
    /// When the data folder's path cannot be made absolute.
    pub fn storage_url(&self) -> Result<String, Failure> {
        match &self.storage_url {
            Some(url) => Ok(url.clone()),
            None => file_url(&self.data_dir.join("objects")),
        }
    }
}

impl Places {
    /// The settings of a command that serves nothing.
    pub fn settings(&self) -> Settings {
        Settings {
            database_url: self.database_url.clone(),
            storage_url: self.storage_url.clone(),
            storage_variables: Variables::of(environment()),
            ..Settings::for_data_dir(&self.data_dir)
        }
    }
}

/// The environment, without what is no text.
fn environment() -> impl Iterator<Item = (String, String)> {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
}

impl TryFrom<ServeFlags> for Settings {
    type Error = Failure;

    fn try_from(flags: ServeFlags) -> Result<Self, Failure> {
        if flags.max_upload_bytes == 0 {
            return Err(Failure::new(
                "--max-upload-bytes is 0, so nothing could be uploaded",
            ));
        }
        if !(1..=MAX_RESUMABLE_BYTES).contains(&flags.max_resumable_bytes) {
            return Err(Failure::new(format!(
                "--max-resumable-bytes is {}, it must be from 1 to {MAX_RESUMABLE_BYTES}",
                flags.max_resumable_bytes
            ))
            .hint("5368709120 is 5 GiB, the default"));
        }
        for (flag, bytes) in [
            ("--max-fetch-bytes", flags.max_fetch_bytes),
            ("--max-output-bytes", flags.max_output_bytes),
            ("--input-memory-bytes", flags.input_memory_bytes),
        ] {
            if bytes == 0 {
                return Err(
                    Failure::new(format!("{flag} is 0, so no run could work on a file"))
                        .hint("2147483648 is 2 GiB"),
                );
            }
        }
        Ok(Self {
            listen: flags.listen,
            public_url: flags
                .public_url
                .as_deref()
                .map(checked_public_url)
                .transpose()?,
            tls_cert: flags.tls_cert,
            tls_key: flags.tls_key,
            tls_self_signed: flags.tls_self_signed,
            workers: flags.workers,
            models: flags.models,
            model_variables: model_file::Variables::of(environment()),
            egress_allow: flags.egress_allow,
            bootstrap_api_key: flags.bootstrap_api_key,
            secret_key: flags.secret_key,
            max_upload_bytes: flags.max_upload_bytes,
            max_resumable_bytes: flags.max_resumable_bytes,
            max_fetch_bytes: flags.max_fetch_bytes,
            max_output_bytes: flags.max_output_bytes,
            input_memory_bytes: flags.input_memory_bytes,
            upload_url_ttl: Duration::from_secs(flags.upload_url_ttl),
            asset_url_ttl: Duration::from_secs(flags.asset_url_ttl),
            upload_kept_for: Duration::from_secs(flags.upload_kept_for),
            asset_kept_for: Duration::from_secs(flags.asset_kept_for),
            rate_limit: NonZeroU32::new(flags.rate_limit),
            cors: flags.cors_origins.parse().map_err(|error| {
                Failure::new(format!("--cors-origins: {error}"))
                    .hint("give origins such as https://app.example.com,http://localhost:3000, or * for every page")
            })?,
            ..flags.places.settings()
        })
    }
}

fn checked_public_url(url: &str) -> Result<String, Failure> {
    let wrong = |why: &str| {
        Failure::new(format!("--public-url {url}: {why}"))
            .hint("give something like https://media.example.com")
    };
    let parsed = url::Url::parse(url).map_err(|error| wrong(&error.to_string()))?;
    if !matches!(parsed.scheme(), "http" | "https") || parsed.host().is_none() {
        return Err(wrong("must begin with http:// or https:// and a host"));
    }
    if parsed.path() != "/" || parsed.query().is_some() || parsed.fragment().is_some() {
        return Err(wrong("must end after the host and port"));
    }
    Ok(url.trim_end_matches('/').to_owned())
}

fn file_url(path: &Path) -> Result<String, Failure> {
    let absolute = std::path::absolute(path)
        .map_err(|error| Failure::new(format!("{}: {error}", path.display())))?;
    url::Url::from_file_path(&absolute)
        .map(Into::into)
        .map_err(|()| {
            Failure::new(format!(
                "{} is no path that can be stored in",
                absolute.display()
            ))
        })
}
