//! `runnel demo`: the whole promise on a real photo, step by step.
//!
//! Everything is done as a client would do it, over HTTP: a session, a PUT
//! without a key, a confirmation, a run, polling, and a callback that this
//! command receives itself. Each step is checked; one that is not as promised
//! ends the demo with a failure.

mod client;
mod outcome;
mod receiver;
mod steps;

use std::path::Path;
use std::time::{Duration, Instant};

use super::DemoFlags;
use super::client::{Client as Inner, authority};
use crate::config::Settings;
use crate::wire::{App, Environment};
use crate::{Failure, printer};
use client::Client;
use receiver::Receiver;
use steps::Story;

/// The photo that ships: an espresso cup on a dark wooden table.
const PHOTO: &[u8] = include_bytes!("../../../../../photos/coffee.png");

/// How long the run may take, with its callback.
const PATIENCE: Duration = Duration::from_mins(2);

/// Shows the whole way.
pub(super) async fn run(flags: DemoFlags) -> Result<(), Failure> {
    let started = Instant::now();
    let (name, photo) = match &flags.photo {
        Some(path) => (
            file_name(path),
            fs_err::read(path).map_err(|error| Failure::new(error.to_string()))?,
        ),
        None => ("coffee.png".to_owned(), PHOTO.to_vec()),
    };
    let authority = authority(flags.tls_ca.as_deref())?;
    fs_err::create_dir_all(&flags.output).map_err(|error| Failure::new(error.to_string()))?;
    let receiver = Receiver::start().await?;
    let own = match (&flags.base_url, &flags.api_key) {
        (Some(_), Some(_)) => None,
        _ => Some(OwnServer::start().await?),
    };
    let (base_url, key) = match (&own, flags.base_url, flags.api_key) {
        (Some(own), _, _) => (own.app.base_url(), own.key.clone()),
        (None, Some(base_url), Some(key)) => (base_url.trim_end_matches('/').to_owned(), key),
        _ => return Err(Failure::new("--base-url and --api-key go together")),
    };
    printer::note(&format!("Runnel demo on {base_url}\n"));
    let client = Client(Inner::new(base_url, key, authority)?);
    let story = Story {
        client: &client,
        receiver: &receiver,
        prompt: &flags.prompt,
        patience: PATIENCE,
    };
    let told = story.tell(&name, photo.clone()).await;
    let outcome = match told {
        Ok(outcome) => outcome,
        Err(failure) => {
            stop(own).await;
            return Err(failure);
        }
    };
    let written = outcome.write(&flags.output, &name, &photo);
    stop(own).await;
    written?;
    outcome.summarize(&flags.output, &name, started.elapsed());
    Ok(())
}

fn file_name(path: &Path) -> String {
    path.file_name().map_or_else(
        || "photo".to_owned(),
        |name| name.to_string_lossy().into_owned(),
    )
}

async fn stop(own: Option<OwnServer>) {
    if let Some(own) = own {
        own.app.stop().await;
    }
}

/// A server of the demo's own, in a folder that goes with it.
struct OwnServer {
    app: App,
    key: String,
    _folder: tempfile::TempDir,
}

impl OwnServer {
    async fn start() -> Result<Self, Failure> {
        let folder = tempfile::Builder::new()
            .prefix("runnel-demo-")
            .tempdir()
            .map_err(|error| Failure::new(format!("no temporary folder could be made: {error}")))?;
        let settings = Settings {
            // The demo's own receiver listens on this machine.
            egress_allow: receiver::RECEIVED_AT.to_owned(),
            ..Settings::for_data_dir(folder.path())
        };
        let app = App::start(settings, Environment::system()).await?;
        let key = app
            .services()
            .create_first_key()
            .await?
            .ok_or_else(|| Failure::new("a fresh server has a key already"))?;
        Ok(Self {
            app,
            key: key.plain,
            _folder: folder,
        })
    }
}
