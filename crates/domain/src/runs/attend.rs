//! Attends to an engine while it works: its time limit, whoever wants it to
//! stop, and what it tells meanwhile.
//!
//! An engine that is to stop is told so and gets a moment to call off what it
//! began elsewhere; then its future is dropped.

use std::time::Duration;

use runnel_engines::{Engine, EngineError, Product, Reporter, Work};
use runnel_store::RunWatch;
use runnel_types::{ModelSpec, Run};
use tokio_util::sync::CancellationToken;

use super::execute::Lease;
use super::inputs::Ready;
use crate::Services;

/// How long an engine that is to stop gets to call off what it began elsewhere.
/// Less than a worker waits for its jobs when the server stops.
pub(super) const CALL_OFF: Duration = Duration::from_secs(2);

/// How an engine's work came to its end.
#[derive(Debug)]
pub(super) enum Ending {
    /// It is done.
    Made(Product),
    /// It failed.
    Failed(EngineError),
    /// The time limit passed.
    OutOfTime,
    /// The run was ended by somebody else: it was cancelled, most likely.
    Overtaken,
    /// The worker is to stop.
    Stopped,
}

/// Who may end an engine's work.
pub(super) struct Stops<'a> {
    /// The worker, when it stops or has lost the job.
    pub(super) worker: &'a CancellationToken,
    /// Whoever ends the run.
    pub(super) watch: &'a mut RunWatch,
}

impl Stops<'_> {
    /// Resolves when the work is to stop, with what becomes of it then.
    pub(super) async fn wait(&mut self) -> Ending {
        tokio::select! {
            () = self.watch.ended() => Ending::Overtaken,
            () = self.worker.cancelled() => Ending::Stopped,
        }
    }
}

impl Services {
    /// Lets `engine` work on the run until it ends or is ended.
    ///
    /// # Cancel safety
    /// Dropping the future abandons the work.
    pub(super) async fn attend(
        &self,
        run: &Run,
        spec: &ModelSpec,
        engine: &dyn Engine,
        ready: Ready,
        lease: &Lease,
        stops: &mut Stops<'_>,
    ) -> Ending {
        let Ready {
            input,
            files,
            memory: _memory,
        } = ready;
        let told_to_stop = CancellationToken::new();
        // A dropped future must not leave an engine's thread at work for long.
        let _abandon = told_to_stop.clone().drop_guard();
        let (reporter, reports) = Reporter::new(told_to_stop.clone());
        let work = Work {
            run_id: run.id,
            attempt: lease.attempt,
            model: run.model.clone(),
            input,
            files,
            reporter,
        };
        let is_over = CancellationToken::new();
        let limit = Duration::from_secs(spec.time_limit_s);
        let working = async {
            let ending = work_until(engine, work, limit, stops, &told_to_stop).await;
            // Threads of the engine may outlive it and hold the reporter: their
            // reports are not waited for.
            is_over.cancel();
            ending
        };
        let recording = self.record_reports(run, lease, reports, &is_over);
        let (ending, ()) = tokio::join!(working, recording);
        ending
    }
}

async fn work_until(
    engine: &dyn Engine,
    work: Work,
    limit: Duration,
    stops: &mut Stops<'_>,
    told_to_stop: &CancellationToken,
) -> Ending {
    let mut working = engine.execute(work);
    let stopped = tokio::select! {
        result = &mut working => return result.map_or_else(Ending::Failed, Ending::Made),
        stopped = stops.wait() => stopped,
        () = tokio::time::sleep(limit) => Ending::OutOfTime,
    };
    told_to_stop.cancel();
    match tokio::time::timeout(CALL_OFF, working).await {
        // Of a worker that stops, what is done in the last moment counts.
        Ok(Ok(product)) if matches!(stopped, Ending::Stopped) => Ending::Made(product),
        _ => stopped,
    }
}
