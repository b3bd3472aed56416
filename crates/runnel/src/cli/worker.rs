//! `runnel worker`: works off the queue beside servers, without the API.

use clap::{Arg, Command};

use super::serve;
use crate::Failure;
use crate::config::Settings;
use crate::wire::{App, Environment};

/// The flags are those of `runnel serve`; two of them mean a little less.
pub(super) fn flags(command: Command) -> Command {
    command
        .mut_arg("listen", |listen: Arg| {
            listen
                .default_value("127.0.0.1:0")
                .help("Address and port of health, readiness and metrics; port 0 picks a free one")
        })
        .mut_arg("workers", |workers: Arg| {
            workers.help("Workers in this process, 1 at least")
        })
        .mut_arg("public_url", |url: Arg| {
            url.help("What clients see in front of the server; the URLs that this process signs begin with it")
        })
}

/// Works until a signal asks to stop.
pub(super) async fn run(settings: Settings) -> Result<(), Failure> {
    let signals = serve::signals(&settings)?;
    if settings.workers == 0 {
        return Err(Failure::new("--workers 0 leaves a worker nothing to do")
            .hint("give 1 or more; runnel serve --workers 0 serves the API alone"));
    }
    if settings.public_url.is_none() {
        return Err(Failure::new(
            "a worker needs --public-url: it signs URLs, and they lead to the server",
        )
        .hint("give what clients see in front of the server, such as https://media.example.com"));
    }
    let workers = settings.workers;
    let app = App::start_worker(settings, Environment::system()).await?;
    tracing::info!(workers, "working off the queue, without the API");
    serve::until_stopped(app, signals).await
}
