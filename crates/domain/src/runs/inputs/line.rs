//! The line for memory in which files of runs lie, while its runs are `queued`.
//!
//! A run that waited at its engine's place would keep others from it, and one that
//! only looked again from time to time would find what others left: a large one
//! perhaps never. So a task stands in the line for it, as long as the run comes back
//! to ask, and has its job due when there is room.

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::FutureExt;
use runnel_store::Store;
use runnel_types::{Clock, Fault, JobId, Run, RunId};
use tokio::time::{Instant, sleep, sleep_until};

use crate::{Memory, Room, Services, faults};

/// When a run comes back to ask whose job was not made due before.
pub(in crate::runs) const ASK_AGAIN: Duration = Duration::from_secs(10);

/// How long its place in the line is kept for a run that does not come back, and the
/// room that it has got.
const KEPT: Duration = Duration::from_secs(30);

/// How often, and how soon, the job of a run is looked for that is just being put off.
const TRIES: (u32, Duration) = (10, Duration::from_millis(100));

type Taking = Pin<Box<dyn Future<Output = Result<Room, Fault>> + Send>>;

/// The runs that wait for memory in this process.
#[derive(Debug, Clone, Default)]
pub struct MemoryLine(Arc<Mutex<HashMap<RunId, Waiting>>>);

#[derive(Debug)]
struct Waiting {
    asked: Instant,
    /// What it has got.
    room: Option<Room>,
}

impl Services {
    /// Room for files of a run; `None` when it is waited for.
    pub(super) fn room_for(&self, run: &Run, bytes: u64) -> Result<Option<Room>, Fault> {
        let mut waiting = self.memory_line.waiting();
        if let Some(known) = waiting.get_mut(&run.id) {
            known.asked = Instant::now();
            let room = known.room.take();
            if room.is_some() {
                waiting.remove(&run.id);
            }
            return Ok(room);
        }
        let (memory, org): (Arc<Memory>, _) = (Arc::clone(&self.input_memory), run.org_id);
        let mut taking: Taking = Box::pin(async move { memory.take(org, bytes).await });
        if let Some(room) = (&mut taking).now_or_never() {
            return room.map(Some);
        }
        let asked = Instant::now();
        waiting.insert(run.id, Waiting { asked, room: None });
        let (store, clock) = (self.store.clone(), Arc::clone(&self.clock));
        tokio::spawn(self.memory_line.clone().stand(run.id, taking, store, clock));
        Ok(None)
    }
}

impl MemoryLine {
    fn waiting(&self) -> MutexGuard<'_, HashMap<RunId, Waiting>> {
        // A map is whole after every call on it, so a panic spoils nothing.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Until when the place of a run is kept; `None` when it waits no more.
    fn kept_until(&self, run: RunId) -> Option<Instant> {
        Some(self.waiting().get(&run)?.asked + KEPT)
    }

    /// Stands in the line for a run, then keeps for a while what it has got.
    async fn stand(self, run: RunId, mut taking: Taking, store: Store, clock: Arc<dyn Clock>) {
        while let Some(until) = self.kept_until(run).filter(|until| *until > Instant::now()) {
            tokio::select! {
                room = &mut taking => {
                    if let (Ok(room), Some(waiting)) = (room, self.waiting().get_mut(&run)) {
                        waiting.room = Some(room);
                    }
                    self.tell(run, &store, clock.as_ref()).await;
                    break;
                }
                () = sleep_until(until) => {}
            }
        }
        while let Some(until) = self.kept_until(run).filter(|until| *until > Instant::now()) {
            sleep_until(until).await;
        }
        self.waiting().remove(&run);
    }

    /// Has the run's job be due. One that is not found is just being put off, or in
    /// another's hands; it comes back by itself.
    async fn tell(&self, run: RunId, store: &Store, clock: &dyn Clock) {
        let (tries, pause) = TRIES;
        for _ in 0..tries {
            match hasten(run, store, clock).await {
                Ok(true) => return,
                Ok(false) => sleep(pause).await,
                Err(fault) => {
                    tracing::warn!(run.id = %run, %fault, "a run has memory for its files and could not be told");
                    return;
                }
            }
            if self.kept_until(run).is_none() {
                return;
            }
        }
    }
}

async fn hasten(run: RunId, store: &Store, clock: &dyn Clock) -> Result<bool, Fault> {
    let mut tx = store.begin().await.map_err(faults::store)?;
    let job = JobId::from(run.as_uuid());
    let hastened = tx.jobs().hasten(job, clock.now()).await;
    let hastened = hastened.map_err(faults::store)?;
    tx.commit().await.map_err(faults::store)?;
    Ok(hastened)
}
