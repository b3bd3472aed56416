//! The flags of the command line and their `RUNNEL_*` variables.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::builder::RangedU64ValueParser;
use clap::{Args, ValueEnum};

use super::values::{LONGEST_KEPT, LONGEST_URL, MOST_WORKERS, listen_address};

/// How logs are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// The flags of `runnel serve`; each has its `RUNNEL_*` variable.
#[derive(Debug, Clone, Args)]
pub struct ServeFlags {
    /// Address and port to listen on; port 0 picks a free one
    #[arg(
        long,
        env = "RUNNEL_LISTEN",
        value_name = "ADDRESS",
        default_value = "127.0.0.1:8080",
        value_parser = listen_address
    )]
    pub listen: SocketAddr,
    /// What clients see in front of this server; signed URLs begin with it [default: the address listened on]
    #[arg(long, env = "RUNNEL_PUBLIC_URL", value_name = "URL")]
    pub public_url: Option<String>,
    /// Certificate chain, PEM
    #[arg(
        long,
        env = "RUNNEL_TLS_CERT",
        value_name = "FILE",
        requires = "tls_key"
    )]
    pub tls_cert: Option<PathBuf>,
    /// Private key of the certificate, PEM
    #[arg(
        long,
        env = "RUNNEL_TLS_KEY",
        value_name = "FILE",
        requires = "tls_cert"
    )]
    pub tls_key: Option<PathBuf>,
    /// Serve TLS with a certificate of an authority made in the data folder
    #[arg(long, env = "RUNNEL_TLS_SELF_SIGNED", conflicts_with = "tls_cert")]
    pub tls_self_signed: bool,
    /// Workers in this process; 0 serves the API alone
    #[arg(
        long,
        env = "RUNNEL_WORKERS",
        value_name = "N",
        default_value_t = 1,
        value_parser = RangedU64ValueParser::<usize>::new().range(..=MOST_WORKERS as u64)
    )]
    pub workers: usize,
    /// File of models beside those that ship, in TOML; read again at SIGHUP
    #[arg(long, env = "RUNNEL_MODELS", value_name = "FILE")]
    pub models: Option<PathBuf>,
    /// Ranges that outgoing requests may reach although private, such as 127.0.0.0/8
    #[arg(
        long,
        env = "RUNNEL_EGRESS_ALLOW",
        value_name = "RANGES",
        default_value = ""
    )]
    pub egress_allow: String,
    /// A key that is to exist from the start, with all scopes
    #[arg(
        long,
        env = "RUNNEL_BOOTSTRAP_API_KEY",
        value_name = "KEY",
        hide_env_values = true
    )]
    pub bootstrap_api_key: Option<String>,
    /// The key that encrypts secrets in the database, 64 hex digits [default: `secret.key` in the data folder]
    #[arg(
        long,
        env = "RUNNEL_SECRET_KEY",
        value_name = "KEY",
        hide_env_values = true
    )]
    pub secret_key: Option<String>,
    /// The largest upload, in bytes
    #[arg(
        long,
        env = "RUNNEL_MAX_UPLOAD_BYTES",
        value_name = "BYTES",
        default_value_t = 52_428_800
    )]
    pub max_upload_bytes: u64,
    /// The largest upload whose bytes arrive in pieces ("resumable"), in bytes
    #[arg(
        long,
        env = "RUNNEL_MAX_RESUMABLE_BYTES",
        value_name = "BYTES",
        default_value_t = 5_368_709_120
    )]
    pub max_resumable_bytes: u64,
    /// The largest file that is fetched from a URL in a run's input, in bytes
    #[arg(
        long,
        env = "RUNNEL_MAX_FETCH_BYTES",
        value_name = "BYTES",
        default_value_t = 2_147_483_648
    )]
    pub max_fetch_bytes: u64,
    /// The largest file of a run's output, in bytes
    #[arg(
        long,
        env = "RUNNEL_MAX_OUTPUT_BYTES",
        value_name = "BYTES",
        default_value_t = 2_147_483_648
    )]
    pub max_output_bytes: u64,
    /// How many bytes of the inputs of runs may lie in memory, for engines that take no URLs
    #[arg(
        long,
        env = "RUNNEL_INPUT_MEMORY_BYTES",
        value_name = "BYTES",
        default_value_t = 536_870_912
    )]
    pub input_memory_bytes: u64,
    /// How long a PUT to an upload URL may begin, in seconds
    #[arg(
        long,
        env = "RUNNEL_UPLOAD_URL_TTL",
        value_name = "SECONDS",
        default_value_t = 3600,
        value_parser = clap::value_parser!(u64).range(1..=LONGEST_URL)
    )]
    pub upload_url_ttl: u64,
    /// How long a signed URL of an asset works, in seconds
    #[arg(
        long,
        env = "RUNNEL_ASSET_URL_TTL",
        value_name = "SECONDS",
        default_value_t = 86_400,
        value_parser = clap::value_parser!(u64).range(1..=LONGEST_URL)
    )]
    pub asset_url_ttl: u64,
    /// How long after its URL expired an unconfirmed upload is kept, in seconds
    #[arg(
        long,
        env = "RUNNEL_UPLOAD_KEPT_FOR",
        value_name = "SECONDS",
        default_value_t = 86_400,
        value_parser = clap::value_parser!(u64).range(..=LONGEST_KEPT)
    )]
    pub upload_kept_for: u64,
    /// How long a deleted asset can be restored before its bytes go, in seconds
    #[arg(
        long,
        env = "RUNNEL_ASSET_KEPT_FOR",
        value_name = "SECONDS",
        default_value_t = 604_800,
        value_parser = clap::value_parser!(u64).range(..=LONGEST_KEPT)
    )]
    pub asset_kept_for: u64,
    /// How many requests an organization may make a minute at this server; 0: any number
    #[arg(
        long,
        env = "RUNNEL_RATE_LIMIT",
        value_name = "N",
        default_value_t = 0,
        value_parser = clap::value_parser!(u32).range(..=1_000_000)
    )]
    pub rate_limit: u32,
    /// Origins whose pages may call this server, such as `https://app.example.com`, or *
    #[arg(
        long,
        env = "RUNNEL_CORS_ORIGINS",
        value_name = "ORIGINS",
        default_value = ""
    )]
    pub cors_origins: String,
    /// Where rows and objects are
    #[command(flatten)]
    pub places: Places,
}

/// Where rows and objects are; every command that works on them takes these.
#[derive(Debug, Clone, Args)]
pub struct Places {
    /// Folder of the database, the objects and the certificates, where no other place is named
    #[arg(
        long,
        env = "RUNNEL_DATA_DIR",
        value_name = "DIR",
        default_value = "./runnel-data"
    )]
    pub data_dir: PathBuf,
    /// `sqlite://…` or `postgres://…` [default: `runnel.db` in the data folder]
    #[arg(
        long,
        env = "RUNNEL_DATABASE_URL",
        value_name = "URL",
        hide_env_values = true
    )]
    pub database_url: Option<String>,
    /// `file:///…`, `s3://bucket/prefix`, `gs://…` or `az://…` [default: `objects` in the data folder]
    #[arg(long, env = "RUNNEL_STORAGE_URL", value_name = "URL")]
    pub storage_url: Option<String>,
}
