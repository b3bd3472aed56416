//! The command line: its definitions, from which help and completions come.

mod arguments;
mod client;
mod demo;
mod doctor;
mod keys;
mod listen;
mod orgs;
mod run;
mod serve;
mod upload;
mod worker;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};

use crate::config::{LogFormat, Places, ServeFlags, log_filter};
use crate::{Failure, descriptors, memory, printer, telemetry};

/// How long threads that are still at work at the very end get.
const LAST_GRACE: Duration = Duration::from_secs(1);

/// Self-hosted server for media assets and model runs.
#[derive(Debug, Parser)]
#[command(name = "runnel", version, propagate_version = true)]
struct Cli {
    /// How logs are written, to stderr
    #[arg(long, global = true, env = "RUNNEL_LOG_FORMAT", value_enum, default_value_t = LogFormat::Text)]
    log_format: LogFormat,
    /// What is logged, such as `debug` or `info,runnel=debug`
    #[arg(
        long,
        global = true,
        env = "RUNNEL_LOG",
        value_name = "FILTER",
        value_parser = log_filter
    )]
    log: Option<String>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve the API and work off the queue
    Serve(Box<ServeFlags>),
    /// Work off the queue beside a server, without the API
    Worker(Box<ServeFlags>),
    /// Make, list and revoke API keys
    Keys(KeysFlags),
    /// Make and list organizations
    Orgs(OrgsFlags),
    /// Upload files to a server, and print the ids of their assets
    Upload(upload::UploadFlags),
    /// Run a model on a server, and print the id of the run or its output
    Run(run::RunFlags),
    /// Show the whole way on a photo: upload, run, callback
    Demo(DemoFlags),
    /// Receive callbacks on this machine and print them, for development
    Listen(listen::ListenFlags),
    /// Look whether everything is there, and whether objects and rows fit together
    Doctor(doctor::DoctorFlags),
}

/// The flags of `runnel keys`.
#[derive(Debug, Args)]
struct KeysFlags {
    #[command(subcommand)]
    command: KeysCommand,
}

#[derive(Debug, Subcommand)]
enum KeysCommand {
    /// Make a key; it is printed alone on stdout, this once
    Create {
        /// What to call it
        #[arg(long, default_value = "key")]
        name: String,
        /// What it may do, comma-separated [default: everything]
        #[arg(long, value_delimiter = ',', value_name = "SCOPES")]
        scopes: Vec<String>,
        /// The organization that it acts for; made when it does not exist
        #[arg(long, value_name = "NAME")]
        org: Option<String>,
        #[command(flatten)]
        places: Places,
    },
    /// List the keys, a line each
    List {
        #[command(flatten)]
        places: Places,
    },
    /// Revoke a key, at once
    Revoke {
        /// Its id or its shown prefix, as `runnel keys list` prints them
        key: String,
        #[command(flatten)]
        places: Places,
    },
}

/// The flags of `runnel orgs`.
#[derive(Debug, Args)]
struct OrgsFlags {
    #[command(subcommand)]
    command: OrgsCommand,
}

#[derive(Debug, Subcommand)]
enum OrgsCommand {
    /// Make an organization; its id is printed alone on stdout
    Create {
        /// What to call it
        name: String,
        #[command(flatten)]
        places: Places,
    },
    /// List the organizations, a line each
    List {
        #[command(flatten)]
        places: Places,
    },
}

/// The flags of `runnel demo`.
#[derive(Debug, Args)]
struct DemoFlags {
    /// The photo to work on [default: the one that ships]
    photo: Option<PathBuf>,
    /// A server that runs already on this machine, with `RUNNEL_EGRESS_ALLOW=127.0.0.1/32`,
    /// since the callback is received here [default: one is started in a temporary folder]
    #[arg(
        long,
        env = "RUNFLOW_API_BASE",
        value_name = "URL",
        requires = "api_key"
    )]
    base_url: Option<String>,
    /// A key of that server
    #[arg(
        long,
        env = "RUNFLOW_API_KEY",
        value_name = "KEY",
        hide_env_values = true
    )]
    api_key: Option<String>,
    /// The authority that the server's certificate is from, if no public one
    #[arg(long, env = "RUNNEL_TLS_CA", value_name = "FILE")]
    tls_ca: Option<PathBuf>,
    /// What the new background is to be
    #[arg(long, default_value = "white studio")]
    prompt: String,
    /// Where the pictures go
    #[arg(long, value_name = "DIR", default_value = "demo-output")]
    output: PathBuf,
}

/// Runs the command line.
pub fn main() -> ExitCode {
    let cli = arguments::read();
    let format = cli.log_format;
    memory::settle();
    descriptors::settle();
    telemetry::start(format, cli.log.as_deref().or(quiet(&cli.command)));
    let runtime = match tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => {
            let failure = Failure::new(format!("the runtime cannot start: {error}"));
            printer::failure(&failure, format);
            return ExitCode::FAILURE;
        }
    };
    let outcome = runtime.block_on(execute(cli.command, format));
    // What threads still work on, nobody waits for any more: an upload that was
    // not answered, or a frame of a film. None of it is worth a late exit.
    runtime.shutdown_timeout(LAST_GRACE);
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            printer::failure(&failure, format);
            ExitCode::FAILURE
        }
    }
}

/// Commands that talk to a person keep the server's log out of the way.
const fn quiet(command: &Command) -> Option<&'static str> {
    match command {
        Command::Serve(_) | Command::Worker(_) => None,
        _ => Some("warn"),
    }
}

async fn execute(command: Command, format: LogFormat) -> Result<(), Failure> {
    match command {
        Command::Serve(flags) => serve::run((*flags).try_into()?, format).await,
        Command::Keys(flags) => keys::run(flags.command).await,
        Command::Demo(flags) => demo::run(flags).await,
        Command::Listen(flags) => listen::run(flags).await,
        Command::Worker(flags) => worker::run((*flags).try_into()?).await,
        Command::Doctor(flags) => doctor::run(flags).await,
        Command::Orgs(flags) => orgs::run(flags.command).await,
        Command::Upload(flags) => upload::run(flags, format).await,
        Command::Run(flags) => run::run(flags).await,
    }
}
