//! Tries once to deliver a callback.

use runnel_domain::Services;
use runnel_domain::deliveries::Attempted;
use runnel_domain::runs::Lease;
use runnel_types::{DeliveryId, Fault, OrgId};

use crate::dispatch::Outcome;

pub(crate) async fn handle(
    services: &Services,
    org: OrgId,
    id: DeliveryId,
    lease: &Lease,
) -> Result<Outcome, Fault> {
    Ok(match services.attempt_delivery(org, id, lease).await? {
        Attempted::Recorded => Outcome::Recorded,
        Attempted::Stale => Outcome::Remove,
    })
}
