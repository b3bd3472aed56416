//! The line for memory in which files of runs lie, while its runs are `queued`.
//!
//! A run that waited at its engine's place would keep others from it, and one that
//! only looked again from time to time would find what others left: a large one
//! perhaps never. So a task stands in the line for it, and has its job due when there
//! is room. The longer the line, the more rarely its runs ask by themselves.

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::FutureExt;
use runnel_store::Store;
use runnel_types::{Clock, JobId, OrgId, Run, RunId, RunStatus};
use tokio::time::{sleep, timeout};

use crate::{Room, Services, faults};

/// When a run asks again whose job was not made due before, in a short line.
const ASK_AGAIN: Duration = Duration::from_secs(10);

/// How many have to wait for the time until a run asks again to grow by [`ASK_AGAIN`].
const SHORT: usize = 64;

/// The most that stand in the line; others come to ask.
const MOST: usize = 4096;

/// How often it is looked whether a run still waits.
const LOOK: Duration = Duration::from_secs(30);

/// How long the room that a run has got is kept for it, and how often its job is made
/// due in that time: another process, which has no room for it, may take the job.
const KEPT: (u32, Duration) = (30, Duration::from_secs(1));

type Taking = Pin<Box<dyn Future<Output = Room> + Send>>;

/// The runs that wait for memory in this process.
#[derive(Debug, Clone, Default)]
pub struct MemoryLine(Arc<Mutex<Line>>);

#[derive(Debug, Default)]
struct Line {
    waiting: HashMap<RunId, Waiting>,
    next: u64,
}

#[derive(Debug)]
struct Waiting {
    /// No other entry ever has it.
    ticket: u64,
    /// What the run has got.
    room: Option<Room>,
}

/// One that stands in the line for a run.
struct Stand {
    line: MemoryLine,
    org: OrgId,
    run: RunId,
    ticket: u64,
    store: Store,
    clock: Arc<dyn Clock>,
}

impl Services {
    /// Asks for room for files of a run.
    ///
    /// # Errors
    /// After how long the run is to ask again, unless it is told before.
    pub(super) fn room_for(&self, run: &Run, bytes: u64) -> Result<Room, Duration> {
        let mut line = self.memory_line.line();
        if let Some(known) = line.waiting.get_mut(&run.id) {
            let room = known.room.take().ok_or_else(|| line.ask_again())?;
            line.waiting.remove(&run.id);
            return Ok(room);
        }
        let (memory, org) = (Arc::clone(&self.input_memory), run.org_id);
        let mut taking: Taking = Box::pin(async move { memory.take(org, bytes).await });
        if let Some(room) = (&mut taking).now_or_never() {
            return Ok(room);
        }
        if line.waiting.len() < MOST {
            let ticket = line.next;
            line.next += 1;
            line.waiting.insert(run.id, Waiting { ticket, room: None });
            let stand = Stand {
                line: self.memory_line.clone(),
                org,
                run: run.id,
                ticket,
                store: self.store.clone(),
                clock: Arc::clone(&self.clock),
            };
            tokio::spawn(stand.until_taken(taking));
        }
        Err(line.ask_again())
    }
}

impl Line {
    fn ask_again(&self) -> Duration {
        let times = 1 + self.waiting.len() / SHORT;
        ASK_AGAIN.saturating_mul(u32::try_from(times).unwrap_or(u32::MAX))
    }
}

impl MemoryLine {
    fn line(&self) -> MutexGuard<'_, Line> {
        // Nothing that holds the lock can leave the line half changed.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Stand {
    /// Waits for room, and keeps it for a while for its run to come.
    async fn until_taken(self, mut taking: Taking) {
        let room = loop {
            match timeout(LOOK, &mut taking).await {
                Ok(room) => break Some(room),
                Err(_elapsed) if self.still_waits().await => {}
                // It was cancelled, or another process has it.
                Err(_elapsed) => break None,
            }
        };
        if let Some(room) = room {
            self.with_entry(|waiting| waiting.room = Some(room));
            let (times, pause) = KEPT;
            for _ in 0..times {
                if !self.still_waits().await {
                    break;
                }
                self.tell().await;
                sleep(pause).await;
                if self.with_entry(|_| ()).is_none() {
                    return;
                }
            }
        }
        let mut line = self.line.line();
        if let Some(waiting) = line.waiting.get(&self.run)
            && waiting.ticket == self.ticket
        {
            line.waiting.remove(&self.run);
        }
    }

    /// Does something with its entry; `None` when the run has taken what it had.
    fn with_entry<T>(&self, act: impl FnOnce(&mut Waiting) -> T) -> Option<T> {
        let mut line = self.line.line();
        let waiting = line.waiting.get_mut(&self.run)?;
        (waiting.ticket == self.ticket).then(|| act(waiting))
    }

    /// Whether the run is queued; so is one of which nobody can say.
    async fn still_waits(&self) -> bool {
        match self.store.read().runs().get(self.org, self.run).await {
            Ok(run) => run.is_some_and(|run| run.status == RunStatus::Queued),
            Err(_) => true,
        }
    }

    /// Has the run's job be due, unless a worker has it.
    async fn tell(&self) {
        let told = async {
            let mut tx = self.store.begin().await?;
            let job = JobId::from(self.run.as_uuid());
            tx.jobs().hasten(job, self.clock.now()).await?;
            tx.commit().await
        };
        if let Err(error) = told.await {
            let fault = faults::store(error);
            tracing::warn!(run.id = %self.run, %fault, "a run has memory for its files and could not be told");
        }
    }
}
