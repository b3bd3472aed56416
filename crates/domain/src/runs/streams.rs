//! How many streams of events are open, and how many may be.
//!
//! A stream costs a connection and a look at the database now and then, so
//! there may be many; but not without end, and not all of one organization's.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use runnel_types::OrgId;

/// Streams of all organizations together.
const MAX_ALL: usize = 1000;

/// Streams of one organization.
const MAX_EACH: usize = 500;

/// The streams that are open in this process.
#[derive(Debug, Clone, Default)]
pub struct Streams(Arc<Mutex<HashMap<OrgId, usize>>>);

/// The place of an open stream; free again when it is dropped.
#[derive(Debug)]
pub(super) struct StreamPlace {
    streams: Streams,
    org: OrgId,
}

impl Streams {
    fn open(&self) -> MutexGuard<'_, HashMap<OrgId, usize>> {
        // Each change under the lock is whole: a poisoned one guards good counts.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many are open.
    pub fn count(&self) -> usize {
        self.open().values().sum()
    }

    /// Takes a place; `None` when there is none left.
    pub(super) fn take(&self, org: OrgId) -> Option<StreamPlace> {
        let mut open = self.open();
        let all: usize = open.values().sum();
        let mine = open.get(&org).copied().unwrap_or(0);
        if all >= MAX_ALL || mine >= MAX_EACH {
            return None;
        }
        open.insert(org, mine + 1);
        Some(StreamPlace {
            streams: self.clone(),
            org,
        })
    }
}

impl Drop for StreamPlace {
    fn drop(&mut self) {
        let mut open = self.streams.open();
        let left = open.get(&self.org).copied().unwrap_or(1) - 1;
        if left == 0 {
            open.remove(&self.org);
        } else {
            open.insert(self.org, left);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_bounded_for_each_and_for_all_and_come_back() {
        let streams = Streams::default();
        let orgs = [1, 2, 3].map(OrgId::from_u128);
        let mut held: Vec<_> = std::iter::from_fn(|| streams.take(orgs[0])).collect();
        assert_eq!(held.len(), MAX_EACH);
        held.extend(std::iter::from_fn(|| streams.take(orgs[1])));
        assert_eq!((held.len(), streams.count()), (MAX_ALL, MAX_ALL));
        assert!(streams.take(orgs[2]).is_none());
        held.pop();
        assert!(streams.take(orgs[0]).is_none(), "it has its share");
        assert!(streams.take(orgs[2]).is_some());
        drop(held);
        assert_eq!(streams.count(), 0);
    }
}
