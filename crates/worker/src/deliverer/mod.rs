//! The loop of deliveries: claim what is due of many receivers, send much at once,
//! record in bunches.
//!
//! # Players
//! - The **loop** claims, and hands each delivery to a task of its own.
//! - A **task** waits for one of its receiver's places, of which there are
//!   [`AT_ONCE`] whatever waits for it, and sends.
//! - The **recorder** writes what has ended, all of it in one commit, while the
//!   next ones are on their way.
//! - The **hand** knows what is in hand, for as long as its ticket lives: until it
//!   is recorded, or its task died.
//!
//! A process that dies leaves its claims, which are due again when their leases end.

mod hand;
mod record;

use std::sync::Arc;
use std::time::Duration;

use runnel_domain::Services;
use runnel_domain::deliveries::{DueClaims, Finished};
use runnel_domain::jobs::{Claim, Cursor, Pool, Rooms};
use runnel_domain::runs::Lease;
use tokio::sync::mpsc::{self, Sender};
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

use self::hand::{Hand, Ticket};
use crate::lease::{HEARTBEAT, LEASE};
use crate::looks::Looks;
use crate::outage::Outage;
use crate::run_loop::Drained;

/// Deliveries in hand, of all receivers.
const IN_HAND: usize = 1024;
/// Deliveries in hand of one receiver: some are sent, the others are next.
const OF_ONE: usize = 128;
/// Requests to one receiver at a time.
const AT_ONCE: usize = 32;
/// How many must have ended for a claim of more of the same.
const WORTH_A_CLAIM: usize = 64;

/// Delivers callbacks.
#[derive(Debug)]
pub struct Deliverer {
    services: Arc<Services>,
    name: String,
    turn: usize,
    cursor: Cursor,
    looks: Looks,
    outage: Outage,
}

/// When the next claim is to be made, unless something happens before.
#[derive(Debug, Clone, Copy)]
struct Next {
    pause: Duration,
    /// More may be due of what there was no room for.
    has_backlog: bool,
}

impl Deliverer {
    /// Makes a deliverer. `name` tells it from every other worker, of other
    /// processes too.
    pub fn new(services: Arc<Services>, name: String) -> Self {
        Self {
            services,
            name,
            turn: 0,
            cursor: Cursor::default(),
            looks: Looks::default(),
            outage: Outage::default(),
        }
    }

    /// Claims and delivers until `stop`. What waits for its turn then is given back,
    /// and what is on its way gets `grace` to end.
    pub async fn run(mut self, stop: CancellationToken, grace: Duration) -> Drained {
        let hand = Arc::new(Hand::new(
            Rooms::of([(Pool::Callbacks, IN_HAND)], OF_ONE).leaving_room(Pool::Callbacks, 4),
            AT_ONCE,
        ));
        let (ended, to_record) = mpsc::channel(IN_HAND);
        let recorder = tokio::spawn(record::run(Arc::clone(&self.services), to_record));
        let mut heartbeat = tokio::time::interval(HEARTBEAT);
        heartbeat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut woken = Box::pin(self.services.job_signal().notified_owned());
        let mut is_due = true;
        let mut next = Next {
            pause: Duration::ZERO,
            has_backlog: false,
        };
        while !stop.is_cancelled() {
            if is_due {
                // Registered before the look, so that what is committed between the
                // look and the wait is not missed.
                woken = Box::pin(self.services.job_signal().notified_owned());
                woken.as_mut().enable();
                next = self.look(&hand, &ended, &stop).await;
            }
            is_due = tokio::select! {
                () = stop.cancelled() => false,
                () = &mut woken => true,
                () = hand.has_ended(WORTH_A_CLAIM), if next.has_backlog => true,
                () = tokio::time::sleep(next.pause) => true,
                _ = heartbeat.tick() => {
                    self.keep_alive(&hand).await;
                    false
                }
            };
        }
        drop(ended);
        let drained = tokio::time::timeout(grace, async {
            tokio::select! {
                _ = recorder => {}
                () = self.keep_all_alive(&hand, heartbeat) => {}
            }
        });
        Drained {
            is_clean: drained.await.is_ok(),
        }
    }

    /// Claims what there is room for, and sends it on its way.
    async fn look(
        &mut self,
        hand: &Arc<Hand>,
        ended: &Sender<(Finished, Ticket)>,
        stop: &CancellationToken,
    ) -> Next {
        let claims = self.claim(&mut hand.rooms(), || hand.leases()).await;
        let found = !claims.due.is_empty();
        let next_look = self.looks.next(claims.is_cut, found || claims.has_idle);
        for due in claims.due {
            let (ticket, places) = hand.take(&due);
            let services = Arc::clone(&self.services);
            let (ended, stop) = (ended.clone(), stop.clone());
            tokio::spawn(async move {
                let finished = tokio::select! {
                    // First: a place that comes free after the stop is not taken.
                    biased;
                    () = stop.cancelled() => Finished::put_back(due.clone(), services.now()),
                    Ok(_place) = places.acquire() => services.attempt(due.clone()).await,
                };
                // Nobody records any more when the process has ended; the lease ends too.
                let _ = ended.send((finished, ticket)).await;
            });
        }
        let pause = if claims.is_cut && found {
            Duration::ZERO
        } else {
            let due = self.services.until_next_job().await;
            let trial = self.services.until_next_trial();
            due.into_iter()
                .chain(trial)
                .min()
                .map_or(next_look, |due| due.min(next_look))
        };
        Next {
            pause,
            has_backlog: claims.is_limited,
        }
    }

    async fn claim(
        &mut self,
        rooms: &mut Rooms,
        in_hand: impl Fn() -> Vec<Lease> + Send,
    ) -> DueClaims {
        self.turn += 1;
        // A name for each claim: a job whose lease ended and that is taken again is
        // another's for whatever is still at work on it here.
        let worker = format!("{}/{}", self.name, self.turn);
        let claim = Claim {
            worker: &worker,
            lease: LEASE,
            turn: self.turn,
        };
        let cursor = &mut self.cursor;
        let services = &self.services;
        let claiming = services.claim_deliveries(rooms, claim, cursor, in_hand);
        self.outage.claimed("deliveries", claiming.await)
    }

    async fn keep_alive(&self, hand: &Hand) {
        let leases = hand.leases();
        if leases.is_empty() {
            return;
        }
        // The database may be away for a moment; the next beat tells.
        if let Err(fault) = self.services.extend_leases(&leases, LEASE).await {
            tracing::warn!(%fault, "the leases of deliveries could not be renewed");
        }
    }

    async fn keep_all_alive(&self, hand: &Hand, mut heartbeat: tokio::time::Interval) {
        loop {
            heartbeat.tick().await;
            self.keep_alive(hand).await;
        }
    }

    /// Delivers what is due at the injected clock's present, one after the other;
    /// answers with how many were sent or ended. For tests, which move the clock
    /// instead of waiting.
    pub async fn run_due(&mut self) -> usize {
        let mut made = 0;
        loop {
            let mut claims = self.claim(&mut Rooms::any(1), Vec::new).await;
            let Some(due) = claims.due.pop() else {
                if claims.is_cut {
                    continue;
                }
                return made;
            };
            let finished = self.services.attempt(due).await;
            made += usize::from(finished.is_progress());
            if let Err(fault) = self.services.record_attempts(&[finished]).await {
                tracing::error!(%fault, "an attempt could not be recorded");
                return made;
            }
        }
    }
}
