//! One match over every kind of job, and what becomes of the job afterwards.

use std::time::Duration;

use runnel_domain::Services;
use runnel_domain::jobs::Pool;
use runnel_domain::runs::Lease;
use runnel_types::{Fault, Job};
use tokio_util::sync::CancellationToken;

use crate::jobs::{
    derive_thumbnail, end_deliveries, execute_run, forget_answers, purge_assets, remove_objects,
    sweep_uploads, tell_deletion,
};

/// What is left to do with a job's row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Nothing: the rule recorded it.
    Recorded,
    /// There was nothing to do any more; the row goes.
    Remove,
    /// It is to be done again after a while.
    Again(Duration),
    /// The work was stopped; another worker may take it at once.
    HandBack,
}

/// How long a sweep waits for its next turn.
pub const SWEEP_PAUSE: Duration = Duration::from_mins(10);

/// How long a job that failed for a reason of ours waits for its next try.
const RETRY: Duration = Duration::from_secs(5);

/// Does a job and settles its row. Failures of ours are logged and tried again.
pub(crate) async fn work(
    services: &Services,
    job: &Job,
    pool: Pool,
    lease: &Lease,
    stop: &CancellationToken,
) {
    let outcome = match job {
        Job::ExecuteRun { org_id, run_id } => {
            execute_run::handle(services, (*org_id, *run_id), pool, lease, stop).await
        }
        // Of the release before, which had them among the others: the deliverer takes it.
        Job::AttemptDelivery { .. } => Ok(Outcome::HandBack),
        Job::DeriveThumbnail { org_id, asset_id } => {
            derive_thumbnail::handle(services, *org_id, *asset_id, lease, stop).await
        }
        Job::TellDeletion {
            org_id,
            deletion_id,
            after,
        } => tell_deletion::handle(services, (*org_id, *deletion_id), *after, lease).await,
        Job::EndDeliveries { org_id, webhook_id } => {
            end_deliveries::handle(services, *org_id, *webhook_id, lease).await
        }
        Job::RemoveObjects(left) => remove_objects::handle(services, left, lease).await,
        Job::SweepUploads {} => sweep_uploads::handle(services).await,
        Job::PurgeAssets {} => purge_assets::handle(services).await,
        Job::ForgetAnswers {} => forget_answers::handle(services).await,
    };
    let settled = match outcome {
        Ok(Outcome::Recorded) => return,
        Ok(Outcome::Remove) => services.remove_job(lease).await,
        Ok(Outcome::Again(pause)) => services.put_off_job(lease, pause).await,
        Ok(Outcome::HandBack) => services.hand_back_job(lease).await,
        Err(fault) => {
            tracing::error!(job.id = %lease.job_id, job.kind = job.kind(), attempt = lease.attempt, %fault, "job failed and is tried again");
            services.put_off_job(lease, RETRY).await
        }
    };
    if let Err(fault) = settled {
        log_unsettled(lease, &fault);
    }
}

/// A row that could not be settled is claimed again when its lease ends.
fn log_unsettled(lease: &Lease, fault: &Fault) {
    tracing::warn!(job.id = %lease.job_id, %fault, "the job's row could not be settled; it is claimed again when its lease ends");
}
