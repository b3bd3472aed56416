//! What becomes of a run whose execution failed: another one, or the end.
//!
//! A failure that may pass is followed by another execution after a pause that
//! doubles; meanwhile the run's status stays, and its log says what happened and
//! what follows. An engine without room is no failure, and neither is a storage
//! that is away before the engine has worked: the run is `queued` again, and the
//! execution does not count. Either is one commit with the job's new due time, and
//! only while the lease is held. A crash before it leaves the job leased: the next
//! worker executes the run, and the execution counts.

use std::time::Duration;

use runnel_engines::{EngineError, EngineErrorKind};
use runnel_store::Tx;
use runnel_types::{
    FailureCode, FailureStage, Fault, LogLevel, ModelSpec, Run, RunFailure, Timestamp,
};

use super::execute::{Execution, Lease, failure};
use super::inputs::InputFailure;
use crate::{Services, faults};

/// The pause after the first execution.
const FIRST_PAUSE: Duration = Duration::from_secs(2);

/// The longest pause of our own choice.
const MAX_PAUSE: Duration = Duration::from_mins(2);

/// The longest pause that an engine may ask for.
const MAX_ASKED: Duration = Duration::from_hours(1);

/// The shortest and the longest pause of a run whose engine has no room.
const BUSY_PAUSE: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(10));

/// Up to how many lines of its log a run notes that it waits for something else than
/// before.
const LINES_WHILE_WAITING: i64 = 50;

/// How the line begins that says what a run waits for.
const WAITING: &str = "waiting: ";

/// Why an execution did not come to an output.
#[derive(Debug)]
pub(super) struct Setback {
    /// What the run fails with, if it does.
    pub(super) failure: RunFailure,
    /// Whether another execution may end better.
    pub(super) is_passing: bool,
    /// The engine has no room; nothing failed.
    pub(super) is_busy: bool,
    /// What the other side asked to wait.
    pub(super) retry_after: Option<Duration>,
}

impl Setback {
    /// What the engine made could not be stored, or its end not recorded.
    pub(super) fn of_storage(fault: &Fault) -> Self {
        let told = format!("what the model made could not be stored: {}", fault.message);
        Self {
            failure: failure(FailureCode::WorkerLost, FailureStage::Postprocess, told),
            is_passing: true,
            is_busy: false,
            retry_after: None,
        }
    }
}

impl From<RunFailure> for Setback {
    /// A failure that another execution would not mend.
    fn from(failure: RunFailure) -> Self {
        Self {
            failure,
            is_passing: false,
            is_busy: false,
            retry_after: None,
        }
    }
}

impl From<InputFailure> for Setback {
    fn from(failed: InputFailure) -> Self {
        let (code, stage) = (FailureCode::InputFetchFailed, FailureStage::Preprocess);
        Self {
            failure: failure(code, stage, failed.message),
            is_passing: failed.is_passing,
            is_busy: false,
            retry_after: failed.retry_after,
        }
    }
}

impl From<EngineError> for Setback {
    fn from(error: EngineError) -> Self {
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
            EngineErrorKind::OutputInvalid => {
                (FailureCode::OutputInvalid, FailureStage::Postprocess)
            }
        };
        Self {
            failure: failure(code, stage, error.message),
            is_passing: error.is_passing,
            is_busy: error.kind == EngineErrorKind::Busy,
            retry_after: error.retry_after,
        }
    }
}

impl Services {
    /// Has the run executed again, or ends it.
    pub(super) async fn set_back(
        &self,
        run: &Run,
        spec: &ModelSpec,
        setback: Setback,
        lease: &Lease,
    ) -> Result<Execution, Fault> {
        if setback.is_busy {
            let told = &setback.failure.message;
            return self
                .wait_for_room(run, told, setback.retry_after, lease)
                .await;
        }
        if !setback.is_passing {
            return self.fail(run, setback.failure, lease).await;
        }
        if lease.attempt < spec.max_attempts {
            return self.try_again(run, spec, &setback, lease).await;
        }
        let told = format!(
            "{} (attempt {} of {})",
            setback.failure.message, lease.attempt, spec.max_attempts
        );
        let failure = RunFailure {
            message: told,
            ..setback.failure
        };
        self.fail(run, failure, lease).await
    }

    async fn try_again(
        &self,
        run: &Run,
        spec: &ModelSpec,
        setback: &Setback,
        lease: &Lease,
    ) -> Result<Execution, Fault> {
        let pause = pause_after(lease.attempt, self.random(), setback.retry_after);
        let line = format!(
            "attempt {} of {} in {} s: {}",
            lease.attempt + 1,
            spec.max_attempts,
            pause.as_secs_f64().round(),
            setback.failure.message
        );
        let now = self.now();
        let mut tx = self.store.begin().await.map_err(faults::store)?;
        let is_held = tx
            .jobs()
            .retry_at(lease.job_id, &lease.worker, now.plus(pause))
            .await
            .map_err(faults::store)?;
        if !is_held {
            return Ok(Execution::Stale);
        }
        tx.run_logs()
            .append(
                run.org_id,
                run.id,
                self.ids.next(),
                LogLevel::Warning,
                &line,
                now,
            )
            .await
            .map_err(faults::store)?;
        tx.commit().await.map_err(faults::store)?;
        Ok(Execution::Recorded)
    }

    /// Puts the run back among those that wait, because of what `told` says; the
    /// execution does not count.
    pub(super) async fn wait_for_room(
        &self,
        run: &Run,
        told: &str,
        retry_after: Option<Duration>,
        lease: &Lease,
    ) -> Result<Execution, Fault> {
        let now = self.now();
        let pause = busy_pause(run.created_at, now, self.random(), retry_after);
        let mut tx = self.store.begin().await.map_err(faults::store)?;
        let is_held = tx
            .jobs()
            .hand_back(lease.job_id, &lease.worker, now.plus(pause))
            .await
            .map_err(faults::store)?;
        if !is_held {
            return Ok(Execution::Stale);
        }
        let line = format!("{WAITING}{told}");
        let mut logs = tx.run_logs();
        let last = logs.last(run.org_id, run.id).await.map_err(faults::store)?;
        // Said once: a run may wait for long, and looks often. What it waits for may
        // change, or an engine word it in ever other ways.
        let is_said = last.is_some_and(|last| {
            let is_other = last.message != line && last.sequence < LINES_WHILE_WAITING;
            last.message.starts_with(WAITING) && !is_other
        });
        if !is_said {
            tx.run_logs()
                .append(
                    run.org_id,
                    run.id,
                    self.ids.next(),
                    LogLevel::Info,
                    &line,
                    now,
                )
                .await
                .map_err(faults::store)?;
        }
        commit_queued(tx, run).await
    }

    fn random(&self) -> u8 {
        let mut random = [0];
        self.ids.fill(&mut random);
        random[0]
    }
}

/// Commits what leaves the run waiting once more.
pub(super) async fn commit_queued(mut tx: Tx, run: &Run) -> Result<Execution, Fault> {
    // SPEC: a run waits in `queued`, whatever it waits for.
    tx.runs()
        .mark_queued(run.org_id, run.id)
        .await
        .map_err(faults::store)?;
    tx.commit().await.map_err(faults::store)?;
    Ok(Execution::Recorded)
}

/// The pause after execution `number` (from 1): it doubles, `random` stretches
/// it by up to a quarter, and what was asked for is the least.
fn pause_after(number: u32, random: u8, asked: Option<Duration>) -> Duration {
    let doublings = number.saturating_sub(1).min(16);
    let pause = (FIRST_PAUSE * 2_u32.pow(doublings)).min(MAX_PAUSE);
    stretched(pause, random).max(asked.unwrap_or_default().min(MAX_ASKED))
}

/// The pause of a run whose engine has no room: a tenth of the time that it has
/// waited so far, which grows as doubling does and needs no count.
fn busy_pause(since: Timestamp, now: Timestamp, random: u8, asked: Option<Duration>) -> Duration {
    let waited = Duration::from_millis(u64::try_from(now.millis_since(since)).unwrap_or(0));
    let pause = (waited / 10).clamp(BUSY_PAUSE.0, BUSY_PAUSE.1);
    stretched(pause, random).max(asked.unwrap_or_default().min(MAX_ASKED))
}

fn stretched(pause: Duration, random: u8) -> Duration {
    pause + pause / 4 * u32::from(random) / 255
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_and_stay_within_bounds() {
        let least: Vec<u64> = (1..=8)
            .map(|number| pause_after(number, 0, None).as_secs())
            .collect();
        assert_eq!(least, [2, 4, 8, 16, 32, 64, 120, 120]);
        assert_eq!(pause_after(u32::MAX, 255, None), MAX_PAUSE + MAX_PAUSE / 4);
        let asked = |seconds| Some(Duration::from_secs(seconds));
        assert_eq!(pause_after(1, 0, asked(1)).as_secs(), 2);
        assert_eq!(pause_after(1, 255, asked(30)).as_secs(), 30);
        assert_eq!(pause_after(1, 0, asked(u64::MAX)), MAX_ASKED);
    }

    #[test]
    fn a_run_looks_for_room_ever_less_often() {
        let since = Timestamp::from_micros(0);
        let pause = |seconds| {
            let now = since.plus(Duration::from_secs(seconds));
            busy_pause(since, now, 0, None).as_millis()
        };
        assert_eq!([0, 10, 60, 86_400].map(pause), [250, 1000, 6000, 10_000]);
        let back = busy_pause(Timestamp::from_micros(5_000_000), since, 0, None);
        assert_eq!(back, BUSY_PAUSE.0, "the clock stepped back");
    }
}
