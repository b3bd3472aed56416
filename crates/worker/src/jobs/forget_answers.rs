//! Forgets answers that were kept for callers who ask again.

use runnel_domain::Services;
use runnel_types::Fault;

use crate::dispatch::{Outcome, SWEEP_PAUSE};

pub(crate) async fn handle(services: &Services) -> Result<Outcome, Fault> {
    services.forget_answers().await?;
    Ok(Outcome::Again(SWEEP_PAUSE))
}
