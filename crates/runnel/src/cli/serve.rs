//! `runnel serve`: the server.

use crate::config::Settings;
use crate::wire::{App, Environment};
use crate::{Failure, first_start, lifecycle, printer};

/// Serves until a signal asks to stop.
pub(super) async fn run(settings: Settings) -> Result<(), Failure> {
    let app = App::start(settings, Environment::system()).await?;
    if let Some(key) = app.services().create_first_key().await? {
        first_start::greet(&app.base_url(), app.ca_path(), &key);
    }
    if let Some(ca) = app.ca_path() {
        printer::note(&format!(
            "clients must trust this certificate: {}",
            ca.display()
        ));
    }
    printer::data(&format!("listening on {}", app.base_url()));
    lifecycle::asked_to_stop()
        .await
        .map_err(|error| Failure::new(format!("signals cannot be received: {error}")))?;
    tracing::info!(
        "stopping: open requests and jobs in hand get time to end; a second signal ends at once"
    );
    tokio::select! {
        () = app.stop() => Ok(()),
        _ = lifecycle::asked_to_stop() => Err(Failure::new("ended at the second signal; jobs in hand are taken up at the next start")),
    }
}
