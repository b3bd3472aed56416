//! Executes a run: prepares its input, lets the engine work, records the end.

use runnel_engines::{Entry, Product};
use runnel_types::{
    FailureCode, FailureStage, Fault, Kind, LogLevel, ModelSpec, OrgId, Run, RunFailure, RunId,
};
use tokio_util::sync::CancellationToken;

use super::attend::{Ending, Stops};
use super::inputs::Prepared;
use super::outputs::{Outputs, Stored};
use crate::{Services, faults};

/// How the execution of a run went, for whoever keeps the job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Execution {
    /// What came of it is recorded, and the job's row settled with it: the run's
    /// end, or when it is tried again.
    Recorded,
    /// The run has ended, or another worker has it; only the job is left to be
    /// removed.
    Stale,
    /// The work was stopped before its end and can be done again.
    Interrupted,
}

/// The job on whose behalf a rule works. Its row goes in the same commit as
/// what the rule records, and only while this worker still holds its lease.
#[derive(Debug, Clone)]
pub struct Lease {
    /// The job.
    pub job_id: runnel_types::JobId,
    /// The worker that holds it.
    pub worker: String,
    /// How often it was taken, this time included.
    pub attempt: u32,
}

impl Services {
    /// Executes a run on behalf of a job.
    ///
    /// While the storage is away the run waits, and nothing is counted.
    ///
    /// # Errors
    /// When the database or the storage fails; the job is then tried again.
    ///
    /// # Cancel safety
    /// Dropping the future, or cancelling `stop`, leaves the run as `running`
    /// and its job leased: the next worker executes it again.
    pub async fn execute_run(
        &self,
        org: OrgId,
        id: RunId,
        lease: &Lease,
        stop: &CancellationToken,
    ) -> Result<Execution, Fault> {
        // ORDER: watched first, so that no end after the look at the row is missed.
        let mut watch = self.store.watch_run(id);
        let stops = Stops {
            worker: stop,
            watch: &mut watch,
        };
        let Some(run) = self.start(org, id).await? else {
            return Ok(Execution::Stale);
        };
        match self.execute_started(run.clone(), lease, stops).await {
            Err(fault) if fault.kind == Kind::Unavailable => {
                tracing::warn!(run.id = %id, %fault, "a run waits for what is away");
                self.wait_for_room(&run, &fault.message, None, lease).await
            }
            executed => executed,
        }
    }

    async fn execute_started(
        &self,
        mut run: Run,
        lease: &Lease,
        mut stops: Stops<'_>,
    ) -> Result<Execution, Fault> {
        let Ok(Entry { spec, engine }) = self.model(&run.model) else {
            let message = format!("the model {} is no longer in the catalogue", run.model);
            return self
                .fail(
                    &run,
                    failure(
                        FailureCode::EngineUnavailable,
                        FailureStage::Dispatch,
                        message,
                    ),
                    lease,
                )
                .await;
        };
        if lease.attempt > spec.max_attempts {
            let message = format!(
                "no worker came to an end with this run in {} attempts; the log of the server says why",
                spec.max_attempts
            );
            return self
                .fail(
                    &run,
                    failure(FailureCode::WorkerLost, FailureStage::Inference, message),
                    lease,
                )
                .await;
        }
        let prepared = tokio::select! {
            prepared = self.prepare(&mut run, &spec, engine.as_ref(), lease) => prepared?,
            ending = stops.wait() => return Ok(unfinished(&ending)),
        };
        let ready = match prepared {
            Prepared::Ready(ready) => ready,
            Prepared::Lost => return Ok(Execution::Stale),
            Prepared::Failed(failed) => {
                return self.set_back(&run, &spec, failed.into(), lease).await;
            }
        };
        let engine = engine.as_ref();
        let attending = self.attend(&run, &spec, engine, ready, lease, &mut stops);
        match attending.await {
            Ending::Made(product) => self.succeed(&run, &spec, product, lease, &mut stops).await,
            Ending::Failed(error) => self.set_back(&run, &spec, error.into(), lease).await,
            Ending::OutOfTime => {
                let limit = spec.time_limit_s;
                let message = format!("the model did not end within its limit of {limit} s");
                let failure = failure(FailureCode::Timeout, FailureStage::Inference, message);
                self.fail(&run, failure, lease).await
            }
            ending @ (Ending::Overtaken | Ending::Stopped) => Ok(unfinished(&ending)),
        }
    }

    /// Marks the run as running; `None` when it has ended.
    async fn start(&self, org: OrgId, id: RunId) -> Result<Option<Run>, Fault> {
        let mut tx = self.store.begin().await.map_err(faults::store)?;
        let run = tx
            .runs()
            .mark_running(org, id, self.now())
            .await
            .map_err(faults::store)?;
        if let Some(run) = &run {
            self.note_batch_start(&mut tx, run).await?;
        }
        tx.commit().await.map_err(faults::store)?;
        Ok(run)
    }

    /// Stores what the engine made and ends the run with it.
    async fn succeed(
        &self,
        run: &Run,
        spec: &ModelSpec,
        product: Product,
        lease: &Lease,
        stops: &mut Stops<'_>,
    ) -> Result<Execution, Fault> {
        match self.store_outputs(run, spec, product, stops).await? {
            Stored::All(Outputs { output, files }) => {
                self.finish_run(run, Ok(output), files, None, lease).await
            }
            Stored::Failed(error) => self.set_back(run, spec, error.into(), lease).await,
            Stored::Ended(ending) => Ok(unfinished(&ending)),
        }
    }

    pub(super) async fn fail(
        &self,
        run: &Run,
        failure: RunFailure,
        lease: &Lease,
    ) -> Result<Execution, Fault> {
        let line = (LogLevel::Error, failure.message.clone());
        self.finish_run(run, Err(failure), Vec::new(), Some(line), lease)
            .await
    }
}

pub(super) fn failure(
    code: FailureCode,
    stage: FailureStage,
    message: impl Into<String>,
) -> RunFailure {
    RunFailure {
        code,
        stage,
        message: message.into(),
    }
}

/// What becomes of a job whose work was ended from outside.
fn unfinished(ending: &Ending) -> Execution {
    match ending {
        Ending::Overtaken => Execution::Stale,
        _ => Execution::Interrupted,
    }
}
