//! Tells webhooks of assets that were deleted at once.

use runnel_domain::Services;
use runnel_domain::runs::Lease;
use runnel_types::{AssetId, DeletionId, Fault, OrgId};

use crate::dispatch::Outcome;

pub(crate) async fn handle(
    services: &Services,
    deletion: (OrgId, DeletionId),
    after: Option<AssetId>,
    lease: &Lease,
) -> Result<Outcome, Fault> {
    services.tell_deletion(deletion, after, lease).await?;
    Ok(Outcome::Recorded)
}
