//! Executes a run: prepares its input, lets the engine work, records the end.

use std::collections::BTreeMap;
use std::time::Duration;

use runnel_engines::engine::Report;
use runnel_engines::{
    Engine, EngineError, EngineErrorKind, Entry, InputFile, Product, Reporter, Work,
};
use runnel_types::{
    FailureCode, FailureStage, Fault, LogLevel, ModelSpec, OrgId, Run, RunFailure, RunId,
};
use serde_json::Map;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::{Services, faults};

/// How the execution of a run went, for whoever keeps the job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Execution {
    /// The run's end is recorded, together with the end of the job.
    Recorded,
    /// The run had ended before; only the job is left to be removed.
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
        let Some(run) = self.start(org, id).await? else {
            return Ok(Execution::Stale);
        };
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
                "{} workers in a row were lost while they worked on this run",
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
        let files = match self.prepare(&run, &spec, engine.as_ref()).await? {
            Ok(files) => files,
            Err(message) => {
                return self
                    .fail(
                        &run,
                        failure(
                            FailureCode::InputFetchFailed,
                            FailureStage::Preprocess,
                            message,
                        ),
                        lease,
                    )
                    .await;
            }
        };
        let abandoned = CancellationToken::new();
        // A dropped future must not leave an engine's thread at work for long.
        let _abandon = abandoned.clone().drop_guard();
        let (reporter, reports) = Reporter::new(abandoned);
        let work = Work {
            run_id: run.id,
            attempt: lease.attempt,
            model: run.model.clone(),
            input: run.input.as_object().cloned().unwrap_or_else(Map::new),
            files,
            reporter,
        };
        let limit = Duration::from_secs(spec.time_limit_s);
        let working = tokio::time::timeout(limit, engine.execute(work));
        let told = self.record_reports(&run, reports, working);
        let result = tokio::select! {
            () = stop.cancelled() => return Ok(Execution::Interrupted),
            result = told => result,
        };
        match result {
            Ok(Ok(product)) => self.succeed(&run, product, lease).await,
            Ok(Err(error)) => self.fail(&run, engine_failure(&error), lease).await,
            Err(_elapsed) => {
                let message = format!(
                    "the model did not end within its limit of {} s",
                    spec.time_limit_s
                );
                self.fail(
                    &run,
                    failure(FailureCode::Timeout, FailureStage::Inference, message),
                    lease,
                )
                .await
            }
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
        tx.commit().await.map_err(faults::store)?;
        Ok(run)
    }

    async fn prepare(
        &self,
        run: &Run,
        spec: &ModelSpec,
        engine: &dyn Engine,
    ) -> Result<Result<BTreeMap<String, InputFile>, String>, Fault> {
        match run.input.as_object() {
            Some(input) => self.load_files(run.org_id, spec, engine, input).await,
            None => Ok(Ok(BTreeMap::new())),
        }
    }

    /// Drives `working` to its end and records what the engine tells meanwhile.
    async fn record_reports(
        &self,
        run: &Run,
        mut reports: mpsc::Receiver<Report>,
        working: impl Future<Output = Result<Result<Product, EngineError>, tokio::time::error::Elapsed>>,
    ) -> Result<Result<Product, EngineError>, tokio::time::error::Elapsed> {
        let recording = async {
            let mut batch = Vec::new();
            while reports.recv_many(&mut batch, 64).await > 0 {
                // Reports are a courtesy: losing one must not fail the run.
                if let Err(fault) = self.record(run, batch.drain(..)).await {
                    tracing::warn!(run.id = %run.id, %fault, "what the engine told could not be recorded");
                }
            }
        };
        tokio::pin!(working);
        tokio::pin!(recording);
        tokio::select! {
            result = &mut working => {
                // The engine has gone and its reporter with it, unless a thread
                // outlives the time limit: then the rest is not waited for.
                if result.is_ok() {
                    recording.await;
                }
                result
            }
            () = &mut recording => working.await,
        }
    }

    async fn record(
        &self,
        run: &Run,
        reports: impl Iterator<Item = Report> + Send,
    ) -> Result<(), Fault> {
        let now = self.now();
        let mut tx = self.store.begin().await.map_err(faults::store)?;
        let mut progress = None;
        for report in reports {
            match report {
                Report::Progress(fraction) => progress = Some(fraction),
                Report::Log(level, message) => {
                    tx.run_logs()
                        .append(run.org_id, run.id, self.ids.next(), level, &message, now)
                        .await
                        .map_err(faults::store)?;
                }
            }
        }
        if let Some(progress) = progress {
            tx.runs()
                .record_progress(run.org_id, run.id, progress)
                .await
                .map_err(faults::store)?;
        }
        tx.commit().await.map_err(faults::store)
    }

    async fn fail(
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

fn engine_failure(error: &EngineError) -> RunFailure {
    let (code, stage) = match error.kind {
        EngineErrorKind::InvalidInput => {
            (FailureCode::InputValidationFailed, FailureStage::Preprocess)
        }
        EngineErrorKind::Failed | EngineErrorKind::Cancelled => {
            (FailureCode::EngineError, FailureStage::Inference)
        }
        EngineErrorKind::Unavailable | EngineErrorKind::Busy => {
            (FailureCode::EngineUnavailable, FailureStage::Dispatch)
        }
        EngineErrorKind::OutputInvalid => (FailureCode::OutputInvalid, FailureStage::Postprocess),
    };
    failure(code, stage, error.to_string())
}
