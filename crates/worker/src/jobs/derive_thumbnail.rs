//! Draws a thumbnail that was not waited for.

use runnel_domain::Services;
use runnel_domain::runs::Lease;
use runnel_domain::thumbnails::Derivation;
use runnel_types::{AssetId, Fault, OrgId};
use tokio_util::sync::CancellationToken;

use crate::dispatch::Outcome;

pub(crate) async fn handle(
    services: &Services,
    org: OrgId,
    id: AssetId,
    lease: &Lease,
    stop: &CancellationToken,
) -> Result<Outcome, Fault> {
    let derived = services.derive_thumbnail(org, id, lease, stop).await?;
    Ok(match derived {
        Derivation::Recorded => Outcome::Recorded,
        Derivation::Stale => Outcome::Remove,
        Derivation::Interrupted => Outcome::HandBack,
    })
}
