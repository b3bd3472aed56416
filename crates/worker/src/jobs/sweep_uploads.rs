//! Removes uploads that nobody confirmed.

use runnel_domain::Services;
use runnel_types::Fault;

use crate::dispatch::{Outcome, SWEEP_PAUSE};

pub(crate) async fn handle(services: &Services) -> Result<Outcome, Fault> {
    let count = services.sweep_uploads().await?;
    if count > 0 {
        tracing::info!(count, "removed uploads that were never confirmed");
    }
    Ok(Outcome::Again(SWEEP_PAUSE))
}
