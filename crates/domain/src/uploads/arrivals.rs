//! Which bodies of an upload are on their way in to this process.
//!
//! The last complete one becomes the upload's, whatever became of others. So a
//! client whose connection broke without a word sends again at once, beside what
//! looks alive for a while. But one URL must not fill the disk: there are two at a
//! time, and a third takes the place of one that has paused, if there is any.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use runnel_types::{AssetId, Timestamp};
use tokio_util::sync::CancellationToken;

/// The most bodies of one upload at once.
const MOST: usize = 2;

/// How long nothing of a body came when another one may take its place.
const PAUSED: Duration = Duration::from_secs(5);

/// The bodies that are arriving, by upload.
#[derive(Debug, Clone, Default)]
pub struct Arrivals(Arc<Mutex<Books>>);

#[derive(Debug, Default)]
struct Books {
    uploads: HashMap<AssetId, Vec<Body>>,
    next: u64,
}

#[derive(Debug)]
struct Body {
    /// No other one ever has it.
    number: u64,
    /// When something of it came last; `None` while it does not wait for its client.
    last: Option<Timestamp>,
    end: CancellationToken,
}

/// A body that is arriving, until this is dropped.
#[derive(Debug)]
pub(super) struct Arrival {
    arrivals: Arrivals,
    id: AssetId,
    number: u64,
    end: CancellationToken,
}

impl Arrivals {
    /// One more; `None` when there are as many as may be, and each of them comes.
    pub(super) fn begin(&self, id: AssetId, now: Timestamp) -> Option<Arrival> {
        let mut books = self.books();
        let number = books.next;
        books.next += 1;
        let bodies = books.uploads.entry(id).or_default();
        if bodies.len() >= MOST {
            let (at, _) = bodies
                .iter()
                .enumerate()
                .filter_map(|(at, body)| Some((at, body.last?)))
                .filter(|(_, last)| last.plus(PAUSED) <= now)
                .min_by_key(|(_, last)| *last)?;
            bodies.remove(at).end.cancel();
        }
        let end = CancellationToken::new();
        bodies.push(Body {
            number,
            last: Some(now),
            end: end.clone(),
        });
        Some(Arrival {
            arrivals: self.clone(),
            id,
            number,
            end,
        })
    }

    fn books(&self) -> MutexGuard<'_, Books> {
        // A map is whole after every call on it, so a panic spoils nothing.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Arrival {
    /// Its client is waited for from now on.
    pub(super) fn awaits_more(&self, now: Timestamp) {
        self.set_last(Some(now));
    }

    /// It waits for nothing that its client would send: no other takes its place.
    pub(super) fn awaits_nothing(&self) {
        self.set_last(None);
    }

    fn set_last(&self, last: Option<Timestamp>) {
        let mut books = self.arrivals.books();
        let bodies = books.uploads.get_mut(&self.id).into_iter().flatten();
        for body in bodies.filter(|body| body.number == self.number) {
            body.last = last;
        }
    }

    /// Resolves when another body has taken its place.
    pub(super) async fn overtaken(&self) {
        self.end.cancelled().await;
    }
}

impl Drop for Arrival {
    fn drop(&mut self) {
        let mut books = self.arrivals.books();
        if let Some(bodies) = books.uploads.get_mut(&self.id) {
            bodies.retain(|body| body.number != self.number);
            if bodies.is_empty() {
                books.uploads.remove(&self.id);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;
    use uuid::Uuid;

    use super::*;

    #[test]
    fn a_third_takes_the_place_of_the_one_that_paused_longest() {
        let arrivals = Arrivals::default();
        let id = AssetId::from(Uuid::from_u128(1));
        let at = |seconds| Timestamp::from_micros(0).plus(Duration::from_secs(seconds));
        let is_over = |arrival: &Arrival| arrival.overtaken().now_or_never().is_some();
        let first = arrivals.begin(id, at(0)).unwrap();
        let second = arrivals.begin(id, at(1)).unwrap();
        first.awaits_nothing();
        first.awaits_more(at(2));
        assert!(arrivals.begin(id, at(5)).is_none(), "both come");
        let third = arrivals.begin(id, at(6)).unwrap();
        assert!(is_over(&second) && !is_over(&first));
        // It leaves late, and takes nobody's place with it.
        drop(second);
        assert!(arrivals.begin(id, at(6)).is_none());
        first.awaits_nothing();
        let fourth = arrivals.begin(id, at(100)).unwrap();
        assert!(is_over(&third) && !is_over(&first));
        assert!(arrivals.begin(id, at(100)).is_none());
        drop((first, third, fourth));
        assert!(arrivals.books().uploads.is_empty());
    }
}
