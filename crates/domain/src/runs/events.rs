//! What happens to a run, as a stream that can be resumed.
//!
//! No event is stored: what a reader has not heard of follows from the run's row
//! and its log, given the [`Place`] up to which it has. So following a run costs
//! nothing when nobody does, any process can go on where another stopped, and a
//! reader that is slow is simply told later, with no buffer in between. Each
//! status is told once and each line of the log once; progress is told as it is
//! now. A wait for room that came and went between two looks is not told.

use std::collections::VecDeque;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use runnel_store::RunWatch;
use runnel_store::runs::Pulse;
use runnel_types::{Fault, OrgId, RunId, RunLog, RunStatus, Scope, Timestamp};
use tokio::time::{Instant, sleep_until};

use super::streams::StreamPlace;
use super::{POLL, RunView};
use crate::{Caller, Services, faults};

/// A reader that hears of nothing gets a sign of life this often: connections
/// on which nothing happens are closed by those in between.
const SIGN_OF_LIFE: Duration = Duration::from_secs(15);

/// Lines of the log that are read at once.
const LINES: u32 = 50;

/// Up to where a reader has heard of a run; the id of an event.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Place {
    /// The status told last.
    status: Option<RunStatus>,
    /// The line told last, by its sequence.
    line: i64,
    /// The progress told last, in millionths.
    progress: Option<i64>,
}

/// Text that is no place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("it is not the id of an event of this server")]
pub struct BadPlace;

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let status = self.status.map_or("-", RunStatus::as_str);
        write!(f, "{status}.{}.", self.line)?;
        match self.progress {
            Some(progress) => write!(f, "{progress}"),
            None => f.write_str("-"),
        }
    }
}

impl FromStr for Place {
    type Err = BadPlace;

    fn from_str(text: &str) -> Result<Self, BadPlace> {
        let mut parts = text.split('.');
        let mut part = || parts.next().ok_or(BadPlace);
        let number = |text: &str| {
            text.parse()
                .ok()
                .filter(|number| *number >= 0)
                .ok_or(BadPlace)
        };
        let place = Self {
            status: match part()? {
                "-" => None,
                word => Some(word.parse().map_err(|_| BadPlace)?),
            },
            line: number(part()?)?,
            progress: match part()? {
                "-" => None,
                text => Some(number(text)?),
            },
        };
        parts.next().is_none().then_some(place).ok_or(BadPlace)
    }
}

/// Something that happened to a run.
#[derive(Debug)]
pub enum RunEvent {
    /// It stands somewhere else.
    Status {
        /// Where.
        status: RunStatus,
        /// Since when.
        at: Timestamp,
        /// The run, when it has ended.
        ended: Option<Box<RunView>>,
    },
    /// It is this far, from 0 to 1.
    Progress(f64),
    /// Its log has one line more.
    Log(RunLog),
}

/// What a reader is to hear next.
#[derive(Debug)]
pub enum Heard {
    /// An event, with the place up to which everything has been told by it.
    Event(Place, RunEvent),
    /// Nothing happened, and the connection is alive.
    SignOfLife,
}

/// Follows one run for one reader.
#[derive(Debug)]
pub struct Follower {
    services: Arc<Services>,
    org: OrgId,
    run: RunId,
    watch: RunWatch,
    told: Place,
    ready: VecDeque<RunEvent>,
    quiet_since: Instant,
    _place: StreamPlace,
}

impl Services {
    /// Follows a run from where its reader stopped, or from its beginning.
    /// `None` when the reader has heard of its end.
    ///
    /// # Errors
    /// `RUN_NOT_FOUND`, `BAD_REQUEST` for a place that is none, and
    /// `SERVICE_UNAVAILABLE` when too many are being followed.
    pub async fn follow_run(
        self: &Arc<Self>,
        caller: &Caller,
        id: RunId,
        last: Option<&str>,
    ) -> Result<Option<Follower>, Fault> {
        caller.require(Scope::RunsRead)?;
        let run = self.read_run(caller.org_id, id).await?;
        let told: Place = match last.filter(|last| !last.is_empty()) {
            None => Place::default(),
            Some(last) => last.parse().map_err(|error| {
                let message = format!("Last-Event-ID: {error}; leave it out to hear everything");
                Fault::bad_request(message)
            })?,
        };
        if told.status.is_some_and(RunStatus::is_terminal) {
            if run.status.is_terminal() {
                return Ok(None);
            }
            return Err(Fault::bad_request(
                "Last-Event-ID: it is the end of another run, this one is not over; leave it out to hear everything",
            ));
        }
        let place = self.streams.take(caller.org_id).ok_or_else(|| {
            Fault::unavailable(
                "too many streams of events are open; close some, or read the run from time to time",
            )
        })?;
        Ok(Some(Follower {
            services: Arc::clone(self),
            org: caller.org_id,
            run: id,
            watch: self.store.watch_run(id),
            told,
            ready: VecDeque::new(),
            quiet_since: Instant::now(),
            _place: place,
        }))
    }
}

impl Follower {
    /// What is to be heard next; `None` at the end, after the run's own, or when
    /// the server stops.
    ///
    /// # Errors
    /// When the database fails. The reader may resume from the last event.
    ///
    /// # Cancel safety
    /// Nothing is lost when the future is dropped.
    pub async fn next(&mut self) -> Result<Option<Heard>, Fault> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                self.quiet_since = Instant::now();
                self.note(&event);
                return Ok(Some(Heard::Event(self.told, event)));
            }
            if self.told.status.is_some_and(RunStatus::is_terminal) {
                return Ok(None);
            }
            if !self.look().await? {
                return Ok(None);
            }
            if !self.ready.is_empty() {
                continue;
            }
            let sign = self.quiet_since + SIGN_OF_LIFE;
            tokio::select! {
                () = self.watch.changed() => {}
                () = self.services.stopping.cancelled() => return Ok(None),
                () = sleep_until(sign) => {
                    self.quiet_since = Instant::now();
                    return Ok(Some(Heard::SignOfLife));
                }
                // Another process may have changed it without our hearing of it.
                () = tokio::time::sleep(POLL) => {}
            }
        }
    }

    /// Looks for what is new; `false` when the run is gone.
    async fn look(&mut self) -> Result<bool, Fault> {
        let services = Arc::clone(&self.services);
        let read = services.store.read();
        // ORDER: the row before the log: the lines of a run that has ended are
        // all there when the row says so.
        let pulse = read.runs().pulse(self.org, self.run).await;
        let Some(pulse) = pulse.map_err(faults::store)? else {
            return Ok(false);
        };
        if !self.is_news(&pulse) {
            return Ok(true);
        }
        let Some(run) = read
            .runs()
            .get(self.org, self.run)
            .await
            .map_err(faults::store)?
        else {
            return Ok(false);
        };
        let lines = if pulse.log_lines > self.told.line {
            read.run_logs()
                .list_after(self.org, self.run, self.told.line, LINES)
                .await
                .map_err(faults::store)?
        } else {
            Vec::new()
        };
        // What is between the pulse and the run is left to the next look, which
        // the change that made the difference causes.
        self.ready
            .extend(begun(self.told.status, pulse.status, &run));
        let has_more = lines.len() == LINES as usize;
        self.ready.extend(lines.into_iter().map(RunEvent::Log));
        let progress = pulse
            .progress
            .filter(|now| Some(millionths(*now)) != self.told.progress);
        self.ready.extend(progress.map(RunEvent::Progress));
        if pulse.status.is_terminal() && !has_more {
            let at = run.completed_at.unwrap_or(run.created_at);
            let view = services.show_run(run).await?;
            self.ready.push_back(RunEvent::Status {
                status: pulse.status,
                at,
                ended: Some(Box::new(view)),
            });
        }
        Ok(true)
    }

    fn is_news(&self, pulse: &Pulse) -> bool {
        self.told.status != Some(pulse.status)
            || pulse.log_lines > self.told.line
            || pulse
                .progress
                .is_some_and(|progress| Some(millionths(progress)) != self.told.progress)
    }

    /// Remembers that the event has been told.
    fn note(&mut self, event: &RunEvent) {
        match event {
            RunEvent::Status { status, .. } => self.told.status = Some(*status),
            RunEvent::Progress(progress) => self.told.progress = Some(millionths(*progress)),
            RunEvent::Log(line) => self.told.line = line.sequence,
        }
    }
}

fn millionths(progress: f64) -> i64 {
    (progress * 1_000_000.0).round() as i64
}

/// The statuses before the end that a reader who heard `told` last has not
/// heard of, now that the run is at `now`.
fn begun(
    told: Option<RunStatus>,
    now: RunStatus,
    run: &runnel_types::Run,
) -> impl Iterator<Item = RunEvent> {
    let queued = (told.is_none() || (now == RunStatus::Queued && told != Some(now)))
        .then_some((RunStatus::Queued, run.created_at));
    let running = run
        .started_at
        .filter(|_| now != RunStatus::Queued && told != Some(RunStatus::Running))
        .map(|at| (RunStatus::Running, at));
    queued
        .into_iter()
        .chain(running)
        .map(|(status, at)| RunEvent::Status {
            status,
            at,
            ended: None,
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_comes_back_as_it_was_told() {
        for (status, line, progress) in [
            (None, 0, None),
            (Some(RunStatus::Running), 17, Some(350_000)),
            (Some(RunStatus::Canceled), i64::MAX, Some(0)),
        ] {
            let place = Place {
                status,
                line,
                progress,
            };
            assert_eq!(place.to_string().parse(), Ok(place));
        }
        for wrong in [
            "",
            "7",
            "running.1",
            "running.1.2.3",
            "gone.1.-",
            "running.-1.-",
            "running.1.-5",
            "running..",
            "running.9223372036854775808.-",
            "RUNNING.1.-",
            "running.1.2\n",
        ] {
            assert_eq!(wrong.parse::<Place>(), Err(BadPlace), "{wrong:?}");
        }
    }
}
