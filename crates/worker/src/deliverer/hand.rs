//! What the deliverer has in hand: the room that is left, the leases to be kept,
//! and the places at each receiver.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use runnel_domain::deliveries::Due;
use runnel_domain::jobs::{Pool, Rooms};
use runnel_domain::runs::Lease;
use runnel_types::JobId;
use tokio::sync::{Notify, Semaphore};

/// What is in hand.
#[derive(Debug)]
pub(super) struct Hand {
    books: Mutex<Books>,
    /// Wakes when enough has ended.
    ended: Notify,
    at_once: usize,
}

#[derive(Debug)]
struct Books {
    rooms: Rooms,
    leases: HashMap<JobId, Lease>,
    lines: HashMap<String, Line>,
    /// How many have ended since the last claim.
    ended: usize,
}

/// What is in hand for one receiver.
#[derive(Debug)]
struct Line {
    places: Arc<Semaphore>,
    in_hand: usize,
}

/// A delivery's place in the hand, given back when it is dropped.
#[derive(Debug)]
pub(super) struct Ticket {
    hand: Arc<Hand>,
    lease: Lease,
    lane: String,
    receiver: String,
}

impl Hand {
    /// An empty hand with `rooms`, and `at_once` places at each receiver.
    pub(super) fn new(rooms: Rooms, at_once: usize) -> Self {
        Self {
            books: Mutex::new(Books {
                rooms,
                leases: HashMap::new(),
                lines: HashMap::new(),
                ended: 0,
            }),
            ended: Notify::new(),
            at_once,
        }
    }

    /// The room that is left, for a claim.
    pub(super) fn rooms(&self) -> Rooms {
        let mut books = self.lock();
        books.ended = 0;
        books.rooms.clone()
    }

    /// Takes a delivery into the hand; answers with its ticket and the places at its
    /// receiver.
    pub(super) fn take(self: &Arc<Self>, due: &Due) -> (Ticket, Arc<Semaphore>) {
        let receiver = due.receiver();
        let mut books = self.lock();
        books.rooms.take(Pool::Callbacks, &due.lane);
        books.leases.insert(due.lease.job_id, due.lease.clone());
        let line = books.lines.entry(receiver.clone()).or_insert_with(|| Line {
            places: Arc::new(Semaphore::new(self.at_once)),
            in_hand: 0,
        });
        line.in_hand += 1;
        let places = Arc::clone(&line.places);
        drop(books);
        let ticket = Ticket {
            hand: Arc::clone(self),
            lease: due.lease.clone(),
            lane: due.lane.clone(),
            receiver,
        };
        (ticket, places)
    }

    /// The leases of all that is in hand.
    pub(super) fn leases(&self) -> Vec<Lease> {
        self.lock().leases.values().cloned().collect()
    }

    /// Waits until `count` have ended since the last claim, or nothing is in hand.
    pub(super) async fn has_ended(&self, count: usize) {
        loop {
            let ended = self.ended.notified();
            tokio::pin!(ended);
            ended.as_mut().enable();
            {
                let books = self.lock();
                if books.ended >= count || books.leases.is_empty() {
                    return;
                }
            }
            ended.await;
        }
    }

    fn give_back(&self, ticket: &Ticket) {
        let mut books = self.lock();
        books.rooms.give_back(Pool::Callbacks, &ticket.lane);
        // One that was lost and taken again is kept under its new lease.
        let job = ticket.lease.job_id;
        if (books.leases.get(&job)).is_some_and(|lease| lease.worker == ticket.lease.worker) {
            books.leases.remove(&job);
        }
        if let Some(line) = books.lines.get_mut(&ticket.receiver) {
            line.in_hand -= 1;
            if line.in_hand == 0 {
                books.lines.remove(&ticket.receiver);
            }
        }
        books.ended += 1;
        drop(books);
        self.ended.notify_waiters();
    }

    fn lock(&self) -> MutexGuard<'_, Books> {
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let hand = Arc::clone(&self.hand);
        hand.give_back(self);
    }
}
