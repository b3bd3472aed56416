//! Executes a run: has its files fetched, lets the engine work, records the end.
//!
//! These are two jobs' worth of work by one job, which stands in two lanes one
//! after the other: where files are fetched a server that is slow to send them
//! keeps nothing busy but a connection, and whoever has a place at an engine has
//! all that the engine needs.

use runnel_engines::{Engine, Entry, Product};
use runnel_types::{
    FailureCode, FailureStage, Fault, Kind, LogLevel, ModelSpec, OrgId, Run, RunFailure, RunId,
};
use tokio_util::sync::CancellationToken;

use super::attend::{Ending, Stops};
use super::inputs::{Imported, InputFailure, Prepared};
use super::outputs::{Outputs, Stored};
use super::retry::{Setback, commit_queued};
use crate::{Services, faults};

/// What a job of a run is about at present.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    /// Files that are named by URL.
    Files,
    /// The engine's work.
    Engine,
}

impl Part {
    const fn stage(self) -> FailureStage {
        match self {
            Self::Files => FailureStage::Preprocess,
            Self::Engine => FailureStage::Inference,
        }
    }
}

/// How the execution of a run went, for whoever keeps the job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Execution {
    /// What came of it is recorded, and the job's row settled with it: the run's
    /// end, what is done next, or when it is tried again.
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
    /// Fetches what a run's input names by URL on behalf of a job, which then
    /// stands in the lane of the model.
    ///
    /// # Errors
    /// Those of [`Services::execute_run`].
    ///
    /// # Cancel safety
    /// That of [`Services::execute_run`].
    pub async fn fetch_run_inputs(
        &self,
        org: OrgId,
        id: RunId,
        lease: &Lease,
        stop: &CancellationToken,
    ) -> Result<Execution, Fault> {
        self.do_part(Part::Files, (org, id), lease, stop).await
    }

    /// Executes a run on behalf of a job. One whose files are still to be fetched
    /// is sent there instead.
    ///
    /// While the storage is away the run waits, and nothing is counted; but what the
    /// engine did for an output that could not be stored is.
    ///
    /// # Errors
    /// When the database or the storage fails; the job is then tried again.
    ///
    /// # Cancel safety
    /// Dropping the future, or cancelling `stop`, leaves the run as it is and its
    /// job leased: the next worker executes it again.
    pub async fn execute_run(
        &self,
        org: OrgId,
        id: RunId,
        lease: &Lease,
        stop: &CancellationToken,
    ) -> Result<Execution, Fault> {
        self.do_part(Part::Engine, (org, id), lease, stop).await
    }

    async fn do_part(
        &self,
        part: Part,
        (org, id): (OrgId, RunId),
        lease: &Lease,
        stop: &CancellationToken,
    ) -> Result<Execution, Fault> {
        // ORDER: watched first, so that no end after the look at the row is missed.
        let mut watch = self.store.watch_run(id);
        let stops = Stops {
            worker: stop,
            watch: &mut watch,
        };
        let Some(run) = self.unended(org, id).await? else {
            return Ok(Execution::Stale);
        };
        match self.do_run(part, run.clone(), lease, stops).await {
            Err(fault) if fault.kind == Kind::Unavailable => {
                tracing::warn!(run.id = %id, %fault, "a run waits for what is away");
                self.wait_for_room(&run, &fault.message, None, lease).await
            }
            executed => executed,
        }
    }

    async fn do_run(
        &self,
        part: Part,
        run: Run,
        lease: &Lease,
        stops: Stops<'_>,
    ) -> Result<Execution, Fault> {
        let Ok(Entry { spec, engine }) = self.model(&run.model) else {
            let message = format!("the model {} is no longer in the catalogue", run.model);
            let code = FailureCode::EngineUnavailable;
            let failure = failure(code, FailureStage::Dispatch, message);
            return self.fail(&run, failure, lease).await;
        };
        if lease.attempt > spec.max_attempts {
            let message = format!(
                "no worker came to an end with this run in {} attempts; the log of the server says why",
                spec.max_attempts
            );
            let failure = failure(FailureCode::WorkerLost, part.stage(), message);
            return self.fail(&run, failure, lease).await;
        }
        let engine = engine.as_ref();
        match part {
            Part::Files => self.fetch_files(run, &spec, engine, lease, stops).await,
            // Written by the release before, or for a model that took a text there.
            Part::Engine if self.names_urls(&run) => self.pass_on(&run, lease).await,
            Part::Engine => self.use_engine(run, &spec, engine, lease, stops).await,
        }
    }

    async fn fetch_files(
        &self,
        mut run: Run,
        spec: &ModelSpec,
        engine: &dyn Engine,
        lease: &Lease,
        mut stops: Stops<'_>,
    ) -> Result<Execution, Fault> {
        self.await_storage(lease).await?;
        let imported = tokio::select! {
            imported = self.import_urls(&mut run, spec, engine, lease) => imported,
            ending = stops.wait() => return Ok(unfinished(&ending)),
        };
        let imported = match imported {
            // Files may have come a long way, and would again and again.
            Err(fault) if fault.kind == Kind::Unavailable => {
                let told = format!("what was fetched could not be stored: {}", fault.message);
                let failed = InputFailure::passing(told);
                return self.set_back(&run, spec, failed.into(), lease).await;
            }
            imported => imported?,
        };
        match imported {
            Imported::All => self.pass_on(&run, lease).await,
            Imported::Failed(failed) => self.set_back(&run, spec, failed.into(), lease).await,
            Imported::Lost => Ok(Execution::Stale),
        }
    }

    /// Has the run's job stand in the lane of what is to be done next, as one that
    /// was never tried: the attempts of fetching are not those of the engine.
    async fn pass_on(&self, run: &Run, lease: &Lease) -> Result<Execution, Fault> {
        let mut tx = self.store.begin().await.map_err(faults::store)?;
        let held = tx.jobs().complete(lease.job_id, &lease.worker).await;
        if !held.map_err(faults::store)? {
            return Ok(Execution::Stale);
        }
        // A cancellation that looks for the job just now finds neither row, and
        // ends the run all the same; the new job is then found to be stale.
        self.enqueue_run(&mut tx, run).await?;
        commit_queued(tx, run).await
    }

    async fn use_engine(
        &self,
        run: Run,
        spec: &ModelSpec,
        engine: &dyn Engine,
        lease: &Lease,
        mut stops: Stops<'_>,
    ) -> Result<Execution, Fault> {
        let prepared = tokio::select! {
            prepared = self.prepare(&run, spec, engine) => prepared?,
            ending = stops.wait() => return Ok(unfinished(&ending)),
        };
        let ready = match prepared {
            Prepared::Ready(ready) => ready,
            Prepared::Failed(failed) => {
                return self.set_back(&run, spec, failed.into(), lease).await;
            }
            Prepared::NoRoom(pause) => {
                let told = "other runs have the memory for files";
                let waiting = self.wait_for_room(&run, told, Some(pause), lease);
                return waiting.await;
            }
        };
        self.await_storage(lease).await?;
        // SPEC: a run is `queued` until its engine begins.
        let Some(run) = self.start(run.org_id, run.id, lease).await? else {
            return Ok(Execution::Stale);
        };
        let attending = self.attend(&run, spec, engine, ready, lease, &mut stops);
        match attending.await {
            Ending::Made(product) => {
                let succeeding = self.succeed(&run, spec, product, lease, &mut stops);
                match succeeding.await {
                    // The engine has worked, and may cost: it is not asked without end.
                    Err(fault) if fault.kind == Kind::Unavailable => {
                        let setback = Setback::of_storage(&fault);
                        self.set_back(&run, spec, setback, lease).await
                    }
                    succeeded => succeeded,
                }
            }
            Ending::Failed(error) => self.set_back(&run, spec, error.into(), lease).await,
            Ending::OutOfTime => {
                let limit = spec.time_limit_s;
                let message = format!("the model did not end within its limit of {limit} s");
                let failure = failure(FailureCode::Timeout, FailureStage::Inference, message);
                self.fail(&run, failure, lease).await
            }
            ending @ (Ending::Overtaken | Ending::Stopped) => Ok(unfinished(&ending)),
        }
    }

    /// The run as it is; `None` when it has ended.
    async fn unended(&self, org: OrgId, id: RunId) -> Result<Option<Run>, Fault> {
        let run = self.store.read().runs().get(org, id).await;
        Ok(run
            .map_err(faults::store)?
            .filter(|run| !run.status.is_terminal()))
    }

    /// Makes sure, after an execution that failed, that the storage takes what this
    /// one is going to bring.
    async fn await_storage(&self, lease: &Lease) -> Result<(), Fault> {
        if lease.attempt > 1 {
            self.blobs.check().await.map_err(faults::blob)?;
        }
        Ok(())
    }

    /// Marks the run as running; `None` when it has ended, or another worker has it.
    async fn start(&self, org: OrgId, id: RunId, lease: &Lease) -> Result<Option<Run>, Fault> {
        let mut tx = self.store.begin().await.map_err(faults::store)?;
        let held = tx.jobs().hold(lease.job_id, &lease.worker).await;
        if !held.map_err(faults::store)? {
            return Ok(None);
        }
        let now = self.now();
        let run = tx
            .runs()
            .mark_running(org, id, now)
            .await
            .map_err(faults::store)?;
        if let Some(run) = &run {
            self.note_batch_start(&mut tx, run).await?;
        }
        tx.commit().await.map_err(faults::store)?;
        // An attempt before has begun it otherwise.
        if let Some(run) = run.as_ref().filter(|run| run.started_at == Some(now)) {
            self.meters.began(run);
        }
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
