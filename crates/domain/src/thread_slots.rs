//! Slots in which threads work, so many at once: who is done hands its slot on.
//!
//! A semaphore wakes a task, which has a thread woken for its work, and under load
//! each piece of work costs both. Here work itself stands in line, and the thread that
//! is done with one piece goes on with the next. Tasks that want a slot to keep stand
//! in the same line: who came first is next.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use runnel_types::Fault;
use tokio::runtime::Handle;
use tokio::sync::oneshot;

/// Slots, and what waits for one.
#[derive(Debug, Clone)]
pub struct ThreadSlots(Arc<Mutex<State>>);

/// A slot; dropping it hands it on.
#[derive(Debug)]
pub struct ThreadSlot {
    /// `None` once it was handed on.
    of: Option<ThreadSlots>,
}

#[derive(Debug)]
struct State {
    free: usize,
    line: VecDeque<Next>,
}

/// What is next in line.
enum Next {
    /// Work that a thread is to do in the slot.
    Work(Work),
    /// A task that wants the slot.
    Task(oneshot::Sender<ThreadSlot>),
}

/// Work that hands its slot on when it is done, and answers with what is next there.
struct Work(Box<InSlot>);

type InSlot = dyn FnOnce(&mut ThreadSlot) -> Option<Work> + Send;

impl std::fmt::Debug for Next {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Work(_) => "Work",
            Self::Task(_) => "Task",
        })
    }
}

impl ThreadSlots {
    /// So many of them.
    pub fn new(count: usize) -> Self {
        Self(Arc::new(Mutex::new(State {
            free: count,
            line: VecDeque::new(),
        })))
    }

    /// How many are free.
    pub fn free(&self) -> usize {
        self.state().free
    }

    /// A slot, if one is free.
    pub fn try_take(&self) -> Option<ThreadSlot> {
        let mut state = self.state();
        state.free = state.free.checked_sub(1)?;
        Some(self.slot())
    }

    /// All slots that are free.
    pub fn take_all_free(&self) -> Vec<ThreadSlot> {
        std::iter::from_fn(|| self.try_take()).collect()
    }

    /// Waits for a slot.
    ///
    /// # Cancel safety
    /// Dropping the future gives up the slot, or one's turn in the line.
    pub(crate) async fn take(&self) -> ThreadSlot {
        let waiting = {
            let mut state = self.state();
            if let Some(left) = state.free.checked_sub(1) {
                state.free = left;
                return self.slot();
            }
            let (slot, waiting) = oneshot::channel();
            state.line.push_back(Next::Task(slot));
            waiting
        };
        // INVARIANT: who takes the sender out of the line sends, and `self` keeps the line.
        waiting.await.expect("a slot is handed on")
    }

    /// Has `work` done by a blocking thread when a slot is free.
    ///
    /// # Errors
    /// When it panics.
    ///
    /// # Cancel safety
    /// Work whose future was dropped before its turn is not done; once begun, it goes
    /// on to its end.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Fault> {
        let (done, outcome) = oneshot::channel();
        let work = move |slot: &mut ThreadSlot| {
            if done.is_closed() {
                return slot.hand_on();
            }
            let outcome = work();
            // ORDER: whoever hears of it finds the slot free, or somebody else in it.
            let next = slot.hand_on();
            // Nobody may wait for it any more.
            let _ = done.send(outcome);
            next
        };
        self.begin(Work(Box::new(work)));
        outcome
            .await
            .map_err(|_closed| Fault::internal("work on a thread ended without an outcome"))
    }

    /// Has the work done at once if a slot is free; puts it into the line otherwise.
    fn begin(&self, work: Work) {
        {
            let mut state = self.state();
            let Some(left) = state.free.checked_sub(1) else {
                return state.line.push_back(Next::Work(work));
            };
            state.free = left;
        }
        self.slot().work_on(&Handle::current(), work);
    }

    /// What is next; where there is nothing, one more slot is free.
    fn next(&self) -> Option<Next> {
        let mut state = self.state();
        let next = state.line.pop_front();
        if next.is_none() {
            state.free += 1;
        }
        next
    }

    /// A slot that was counted as taken.
    fn slot(&self) -> ThreadSlot {
        ThreadSlot {
            of: Some(self.clone()),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing that holds the lock can leave it half changed.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ThreadSlot {
    /// Has `work` done by a blocking thread, which keeps the slot until then.
    ///
    /// # Errors
    /// When it panics.
    pub(crate) async fn run<T: Send + 'static>(
        self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Fault> {
        let working = tokio::task::spawn_blocking(move || {
            let _slot = self;
            work()
        });
        working.await.map_err(Fault::internal)
    }

    /// Has a thread do this work in the slot, and what is next in line after it.
    fn work_on(self, runtime: &Handle, work: Work) {
        drop(runtime.spawn_blocking(move || {
            // If the work panics, dropping this hands the slot on.
            let mut slot = self;
            let mut next = Some(work);
            while let Some(Work(work)) = next {
                next = work(&mut slot);
            }
        }));
    }

    /// Hands the slot to the first in line that wants it. Where that is work, the
    /// slot stays, for whoever asked to do it.
    fn hand_on(&mut self) -> Option<Work> {
        loop {
            let slots = self.of.take()?;
            match slots.next()? {
                Next::Work(work) => {
                    self.of = Some(slots);
                    return Some(work);
                }
                Next::Task(task) => {
                    // One that has gone meanwhile gives it back.
                    let mut back = task.send(slots.slot()).err()?;
                    self.of = back.of.take();
                }
            }
        }
    }
}

impl Drop for ThreadSlot {
    fn drop(&mut self) {
        while let Some(work) = self.hand_on() {
            // Where there is no runtime any more nobody waits for the work.
            if let Ok(runtime) = Handle::try_current() {
                let of = self.of.take();
                return Self { of }.work_on(&runtime, work);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use futures_util::FutureExt;
    use futures_util::future::join_all;

    use super::*;

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn so_many_work_at_once_and_all_come_to_their_turn() {
        let slots = ThreadSlots::new(2);
        let (working, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let all = (0..200).map(|number| {
            let (working, most) = (Arc::clone(&working), Arc::clone(&most));
            let slots = slots.clone();
            async move {
                let work = move || {
                    most.fetch_max(working.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                    std::thread::yield_now();
                    working.fetch_sub(1, Ordering::SeqCst);
                    number
                };
                match number % 3 {
                    0 => slots.take().await.run(work).await.unwrap(),
                    _ => slots.run(work).await.unwrap(),
                }
            }
        });
        let done = join_all(all).await;
        assert_eq!(done, (0..200).collect::<Vec<_>>());
        assert!((1..=2).contains(&most.load(Ordering::SeqCst)));
        assert_eq!(slots.free(), 2);
    }

    #[tokio::test]
    async fn who_came_first_is_next() {
        let slots = ThreadSlots::new(1);
        let held = slots.try_take().unwrap();
        assert!(slots.try_take().is_none());
        let order = Arc::new(Mutex::new(Vec::new()));
        let note = |number: i32| {
            let order = Arc::clone(&order);
            move || order.lock().unwrap().push(number)
        };
        let mut first = Box::pin(slots.run(note(1)));
        let mut second = Box::pin(async { slots.take().await.run(note(2)).await });
        let mut left = Box::pin(slots.run(note(0)));
        let mut gone = Box::pin(slots.take());
        let mut third = Box::pin(slots.run(note(3)));
        // In the order in which they are asked for the first time.
        assert!((&mut first).now_or_never().is_none());
        assert!((&mut second).now_or_never().is_none());
        assert!((&mut left).now_or_never().is_none());
        assert!((&mut gone).now_or_never().is_none());
        assert!((&mut third).now_or_never().is_none());
        drop((left, gone));
        drop(held);
        let (first, second, third) = tokio::join!(first, second, third);
        assert!(first.is_ok() && second.is_ok() && third.is_ok());
        assert_eq!(*order.lock().unwrap(), [1, 2, 3]);
        assert_eq!(slots.free(), 1);
    }

    #[tokio::test]
    async fn work_that_panics_gives_its_place_on() {
        let slots = ThreadSlots::new(1);
        let held = slots.take_all_free();
        let bad = slots.run(|| panic!("as told"));
        let good = slots.run(|| 7);
        let all = async { tokio::join!(bad, good) };
        tokio::pin!(all);
        assert!((&mut all).now_or_never().is_none());
        drop(held);
        let (bad, good): (Result<(), _>, _) = all.await;
        assert!(bad.is_err());
        assert_eq!(good.unwrap(), 7);
        assert_eq!(slots.free(), 1);
    }
}
