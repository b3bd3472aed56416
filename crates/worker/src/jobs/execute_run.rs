//! Executes a run.

use runnel_domain::Services;
use runnel_domain::runs::{Execution, Lease};
use runnel_types::{Fault, OrgId, RunId};
use tokio_util::sync::CancellationToken;

use crate::dispatch::Outcome;

pub(crate) async fn handle(
    services: &Services,
    org: OrgId,
    id: RunId,
    lease: &Lease,
    stop: &CancellationToken,
) -> Result<Outcome, Fault> {
    Ok(match services.execute_run(org, id, lease, stop).await? {
        Execution::Recorded => Outcome::Recorded,
        Execution::Stale => Outcome::Remove,
        Execution::Interrupted => Outcome::HandBack,
    })
}
