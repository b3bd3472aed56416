//! Ends what waits for a webhook that hears of nothing any more.

use runnel_domain::Services;
use runnel_domain::runs::Lease;
use runnel_types::{Fault, OrgId, WebhookId};

use crate::dispatch::Outcome;

pub(crate) async fn handle(
    services: &Services,
    org: OrgId,
    id: WebhookId,
    lease: &Lease,
) -> Result<Outcome, Fault> {
    services.end_deliveries(org, id, lease).await?;
    Ok(Outcome::Recorded)
}
