//! `runnel serve`: the server.

use crate::config::{LogFormat, Settings};
use crate::lifecycle::{Asked, Signals};
use crate::wire::{App, Environment};
use crate::{Failure, first_start, printer};

/// Serves until a signal asks to stop.
pub(super) async fn run(settings: Settings, format: LogFormat) -> Result<(), Failure> {
    let signals = signals(&settings)?;
    let app = App::start(settings, Environment::system()).await?;
    match format {
        LogFormat::Text => greet(&app).await?,
        LogFormat::Json => first_start::log(&app).await?,
    }
    until_stopped(app, signals).await
}

/// Catches signals. Called before anything else, and long before the line that says
/// that the process listens: whoever reads it may ask it to stop at once.
pub(super) fn signals(settings: &Settings) -> Result<Signals, Failure> {
    Signals::catch()
        .and_then(|signals| signals.and_hang_ups(settings.models.is_some()))
        .map_err(|error| Failure::new(format!("signals cannot be received: {error}")))
}

/// Says where it listens, and works until a signal asks to stop.
pub(super) async fn until_stopped(app: App, mut signals: Signals) -> Result<(), Failure> {
    printer::data(&format!("listening on {}", app.base_url()));
    while let Asked::ToReload = signals.asked().await {
        reload(&app).await;
    }
    tracing::info!(
        "stopping: open requests and jobs in hand get time to end; a second signal ends at once"
    );
    tokio::select! {
        () = app.stop() => Ok(()),
        () = signals.asked_to_stop() => Err(Failure::new("ended at the second signal; jobs in hand are taken up at the next start")),
    }
}

/// Says what a person at the terminal needs.
async fn greet(app: &App) -> Result<(), Failure> {
    if let Some(key) = app.services().create_first_key().await? {
        first_start::greet(&app.base_url(), app.ca_path(), &key);
    }
    if let Some(ca) = app.ca_path() {
        printer::note(&format!(
            "clients must trust this certificate: {}",
            ca.display()
        ));
    }
    Ok(())
}

/// Reads the model file again; a mistake in it is no reason to stop.
async fn reload(app: &App) {
    match app.reload_models().await {
        Ok(changes) => changes.tell(),
        Err(failure) => {
            tracing::error!(
                "{failure}\nthe models stay as they were; mend the file and send SIGHUP again"
            );
        }
    }
}
