//! One confirmation of an upload at a time in this process.
//!
//! A client that asks again does so beside its first request, which goes on. Where
//! the store takes bodies itself, each would take away the copy that the other
//! works on.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use runnel_types::AssetId;
use tokio::sync::OwnedMutexGuard;

type Turn = Arc<tokio::sync::Mutex<()>>;

/// The uploads that are being confirmed.
#[derive(Debug, Clone, Default)]
pub struct Confirmations(Arc<Mutex<HashMap<AssetId, Turn>>>);

/// A confirmation that is under way, until this is dropped.
#[derive(Debug)]
pub(super) struct Confirming {
    confirmations: Confirmations,
    id: AssetId,
    turn: Option<OwnedMutexGuard<()>>,
}

impl Confirmations {
    /// Waits until no other confirmation of the upload is under way.
    pub(super) async fn begin(&self, id: AssetId) -> Confirming {
        let turn = Arc::clone(self.entries().entry(id).or_default());
        // There before the turn is had: its drop clears up for those who leave too.
        let mut confirming = Confirming {
            confirmations: self.clone(),
            id,
            turn: None,
        };
        confirming.turn = Some(turn.lock_owned().await);
        confirming
    }

    /// How many are under way or waited for.
    pub fn asked_for(&self) -> usize {
        let entries = self.entries();
        entries
            .values()
            .map(|turn| Arc::strong_count(turn) - 1)
            .sum()
    }

    fn entries(&self) -> MutexGuard<'_, HashMap<AssetId, Turn>> {
        // A map is whole after every call on it, so a panic spoils nothing.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Confirming {
    fn drop(&mut self) {
        self.turn = None;
        let mut entries = self.confirmations.entries();
        // Nobody joins while the map is held: what it alone holds, nobody has.
        if entries
            .get(&self.id)
            .is_some_and(|turn| Arc::strong_count(turn) == 1)
        {
            entries.remove(&self.id);
        }
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[tokio::test]
    async fn the_next_begins_when_one_has_ended_and_nothing_is_left() {
        let confirmations = Confirmations::default();
        let [id, other] = [1, 2].map(|number| AssetId::from(Uuid::from_u128(number)));
        let first = confirmations.begin(id).await;
        drop(confirmations.begin(other).await);
        let mut second = Box::pin(confirmations.begin(id));
        let mut leaves = Box::pin(confirmations.begin(id));
        assert!(futures_util::poll!(&mut second).is_pending());
        assert!(futures_util::poll!(&mut leaves).is_pending());
        assert_eq!(confirmations.asked_for(), 3);
        drop(leaves);
        drop(first);
        drop(second.await);
        assert!(confirmations.entries().is_empty());
    }
}
