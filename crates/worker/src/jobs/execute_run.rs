//! Executes a run: the fetching of its files, or the work of its engine, by the
//! lane in which its job stood.

use runnel_domain::Services;
use runnel_domain::jobs::Pool;
use runnel_domain::runs::{Execution, Lease};
use runnel_types::{Fault, OrgId, RunId};
use tokio_util::sync::CancellationToken;

use crate::dispatch::Outcome;

pub(crate) async fn handle(
    services: &Services,
    (org, id): (OrgId, RunId),
    pool: Pool,
    lease: &Lease,
    stop: &CancellationToken,
) -> Result<Outcome, Fault> {
    let execution = match pool {
        Pool::Fetches => services.fetch_run_inputs(org, id, lease, stop).await?,
        _ => services.execute_run(org, id, lease, stop).await?,
    };
    Ok(match execution {
        Execution::Recorded => Outcome::Recorded,
        Execution::Stale => {
            services.settle_stale_run(org, id, lease).await?;
            Outcome::Recorded
        }
        Execution::Interrupted => Outcome::HandBack,
    })
}
