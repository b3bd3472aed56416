//! Cancels a run: whoever is at it learns of it, and its result is dropped.
//!
//! One transaction removes the job, ends the run and plans its callback, so a
//! queued run never starts, and a worker that has it has lost its lease and can
//! write nothing. The commit wakes that worker, in another process too; one that
//! is not reached finds out at its next heartbeat. It tells the engine to stop
//! and gives it a moment to do so.

use runnel_store::Tx;
use runnel_store::runs::Outcome;
use runnel_types::{Fault, JobId, LogLevel, OrgId, Run, RunId, RunStatus, Scope};
use serde_json::Value;

use super::RunView;
use crate::fields::Fields;
use crate::{Caller, Services, faults};

/// What a run is after somebody asked for its cancellation.
#[derive(Debug)]
pub struct Cancellation {
    /// The run.
    pub run: RunView,
    /// Whether it ended by this; otherwise it had ended before.
    pub is_new: bool,
}

impl Services {
    /// Cancels a run, unless it has ended.
    ///
    /// # Errors
    /// `RUN_NOT_FOUND`, or `VALIDATION_ERROR` for a reason that is none.
    pub async fn cancel_run(
        &self,
        caller: &Caller,
        id: RunId,
        body: &Value,
    ) -> Result<Cancellation, Fault> {
        caller.require(Scope::RunsEdit)?;
        let mut fields = Fields::of(body)?;
        let reason = fields.optional_text_of("reason", 3, 500);
        fields.finish()?;
        let run = self.read_run(caller.org_id, id).await?;
        if !run.status.is_terminal() {
            let mut tx = self.begin_once(caller).await?;
            let cancelled = self.cancel_in(&mut tx, run.org_id, id, reason).await?;
            // ORDER: committed either way, before anything is told: what ended the
            // run just now may be of the same group commit, and is durable and to
            // be read when this is.
            tx.commit().await.map_err(faults::store)?;
            if let Some(run) = cancelled {
                tracing::info!(run.id = %id, "a run was cancelled");
                self.count_end(&run);
                let run = self.show_run(run).await?;
                return Ok(Cancellation { run, is_new: true });
            }
        }
        let run = self.read_run(caller.org_id, id).await?;
        let run = self.show_run(run).await?;
        Ok(Cancellation { run, is_new: false })
    }

    /// Cancels a run of the organization, which is there, within the caller's
    /// transaction; `None` when it has ended. Then nothing is written but that its
    /// job, if it still has one, is gone.
    pub(crate) async fn cancel_in(
        &self,
        tx: &mut Tx,
        org: OrgId,
        id: RunId,
        reason: Option<&str>,
    ) -> Result<Option<Run>, Fault> {
        // ORDER: the job before the run, as a worker does that records an end:
        // two that wait for each other's rows would both fail.
        tx.jobs()
            .remove(JobId::from(id.as_uuid()))
            .await
            .map_err(faults::store)?;
        let line = match reason {
            Some(reason) => format!("cancelled: {reason}"),
            None => "cancelled".to_owned(),
        };
        let outcome = Outcome {
            status: RunStatus::Canceled,
            output: None,
            failure: None,
            at: self.now(),
        };
        self.end_in(tx, (org, id), &outcome, Some((LogLevel::Info, &line)), &[])
            .await
    }
}
