//! Removes assets whose time to be restored is over; their bytes go by jobs of
//! their own.

use runnel_domain::Services;
use runnel_types::Fault;

use crate::dispatch::{Outcome, SWEEP_PAUSE};

pub(crate) async fn handle(services: &Services) -> Result<Outcome, Fault> {
    let count = services.purge_assets().await?;
    if count > 0 {
        tracing::info!(count, "removed assets whose time to be restored is over");
    }
    Ok(Outcome::Again(SWEEP_PAUSE))
}
