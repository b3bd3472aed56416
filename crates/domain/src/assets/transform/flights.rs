//! Work that many may ask for at once and that is done once.
//!
//! Whoever asks first starts it on a task of its own; who asks meanwhile waits
//! for the same outcome, holding nothing but a place in the queue. A client
//! that goes away does not stop it for the others; when all have gone before
//! it began, it does not begin. However the task ends, the next who asks finds
//! the way free.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use runnel_types::Fault;
use tokio::sync::watch;

type Outcome = Option<Result<(), Fault>>;
type Running = HashMap<String, Arc<watch::Sender<Outcome>>>;

/// The work that is going on, by name.
#[derive(Debug, Clone, Default)]
pub struct Flights {
    running: Arc<Mutex<Running>>,
}

/// A piece of work under way, held by the task that does it.
#[derive(Debug)]
pub(crate) struct Flight {
    flights: Flights,
    name: String,
    outcome: Arc<watch::Sender<Outcome>>,
}

impl Flights {
    /// How many pieces of work are under way.
    pub fn count(&self) -> usize {
        self.running().len()
    }

    /// How many wait for them.
    pub fn waiting(&self) -> usize {
        let running = self.running();
        running
            .values()
            .map(|outcome| outcome.receiver_count())
            .sum()
    }

    /// Waits for the work called `name`; `start` is called when nobody does it
    /// yet, and has to spawn it.
    pub(crate) async fn join(&self, name: &str, start: impl FnOnce(Flight)) -> Result<(), Fault> {
        let mut waiting = self.subscribe(name, start);
        let outcome = waiting.wait_for(Option::is_some).await;
        match outcome.as_deref() {
            Ok(Some(outcome)) => outcome.clone(),
            // Its task panicked or was stopped.
            _ => Err(Fault::internal(format!("{name} ended without an outcome"))),
        }
    }

    fn subscribe(&self, name: &str, start: impl FnOnce(Flight)) -> watch::Receiver<Outcome> {
        let mut running = self.running();
        if let Some(outcome) = running.get(name) {
            return outcome.subscribe();
        }
        let (outcome, waiting) = watch::channel(None);
        let outcome = Arc::new(outcome);
        running.insert(name.to_owned(), Arc::clone(&outcome));
        drop(running);
        start(Flight {
            flights: self.clone(),
            name: name.to_owned(),
            outcome,
        });
        waiting
    }

    fn running(&self) -> MutexGuard<'_, Running> {
        // Nothing that holds the lock can leave the map half changed.
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Flight {
    /// What the work is called.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Returns once nobody waits any more; nobody can join from then on.
    pub(crate) async fn abandoned(&self) {
        loop {
            self.outcome.closed().await;
            let mut running = self.flights.running();
            // Somebody may have joined before the lock was had.
            if self.outcome.is_closed() {
                running.remove(&self.name);
                return;
            }
        }
    }

    /// Tells the outcome to all who wait.
    pub(crate) fn land(self, outcome: Result<(), Fault>) {
        self.outcome.send_replace(Some(outcome));
    }
}

impl Drop for Flight {
    fn drop(&mut self) {
        let mut running = self.flights.running();
        let is_own = |known: &Arc<_>| Arc::ptr_eq(known, &self.outcome);
        if running.get(&self.name).is_some_and(is_own) {
            running.remove(&self.name);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use tokio::sync::Semaphore;

    use super::*;

    #[tokio::test]
    async fn many_who_ask_get_the_outcome_of_one() {
        let flights = Flights::default();
        let (begun, gate) = (Arc::new(AtomicUsize::new(0)), Arc::new(Semaphore::new(0)));
        let ask = || {
            let (flights, begun, gate) = (flights.clone(), Arc::clone(&begun), Arc::clone(&gate));
            tokio::spawn(async move {
                let start = |flight: Flight| {
                    begun.fetch_add(1, Ordering::SeqCst);
                    tokio::spawn(async move {
                        let opened = gate.acquire().await;
                        opened.unwrap().forget();
                        flight.land(Err(Fault::conflict("as told")));
                    });
                };
                flights.join("a", start).await
            })
        };
        let asked: Vec<_> = (0..100).map(|_| ask()).collect();
        while flights.waiting() < 100 {
            tokio::task::yield_now().await;
        }
        gate.add_permits(1);
        for asked in asked {
            assert_eq!(asked.await.unwrap(), Err(Fault::conflict("as told")));
        }
        assert_eq!(begun.load(Ordering::SeqCst), 1);
        assert!(flights.running().is_empty());
    }

    #[tokio::test]
    async fn a_panic_is_told_and_leaves_the_way_free() {
        let flights = Flights::default();
        let start = |flight: Flight| {
            drop(tokio::spawn(async move {
                let _flight = flight;
                panic!("on purpose");
            }));
        };
        assert!(flights.join("a", start).await.is_err());
        let start = |flight: Flight| flight.land(Ok(()));
        assert_eq!(flights.join("a", start).await, Ok(()));
    }

    #[tokio::test]
    async fn work_that_everybody_left_is_given_up() {
        let flights = Flights::default();
        let (told, mut heard) = tokio::sync::mpsc::channel(1);
        let start = |flight: Flight| {
            drop(tokio::spawn(async move {
                flight.abandoned().await;
                told.send(()).await.unwrap();
            }));
        };
        drop(flights.subscribe("a", start));
        heard.recv().await.unwrap();
        assert!(flights.running().is_empty());
        assert_eq!(
            flights.join("a", |flight| flight.land(Ok(()))).await,
            Ok(())
        );
    }
}
