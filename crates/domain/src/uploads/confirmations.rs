//! One confirmation of an upload at a time in this process.
//!
//! A client that asks again does so beside its first request, which goes on. Where
//! the store takes bodies itself, each would take away the copy that the other
//! works on.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use runnel_types::{AssetId, Fault, OrgId};
use tokio::sync::OwnedMutexGuard;

type Turn = Arc<tokio::sync::Mutex<()>>;

/// The most confirmations of one upload that are under way or waited for.
const MOST: usize = 8;

/// The uploads that are being confirmed.
#[derive(Debug, Clone, Default)]
pub struct Confirmations(Arc<Mutex<HashMap<Upload, Turn>>>);

/// An upload, as somebody names it: another organization's is another one.
type Upload = (OrgId, AssetId);

/// A confirmation that is under way, until this is dropped.
#[derive(Debug)]
pub(super) struct Confirming {
    confirmations: Confirmations,
    upload: Upload,
    turn: Option<OwnedMutexGuard<()>>,
}

impl Confirmations {
    /// Waits until no other confirmation of the upload is under way.
    ///
    /// # Errors
    /// `SERVICE_UNAVAILABLE` when many wait for that.
    pub(super) async fn begin(&self, upload: Upload) -> Result<Confirming, Fault> {
        let turn = {
            let mut entries = self.entries();
            let turn = entries.entry(upload).or_default();
            // The map has one itself.
            if Arc::strong_count(turn) > MOST {
                return Err(Fault::unavailable(
                    "this upload is being confirmed already; ask again in some seconds",
                ));
            }
            Arc::clone(turn)
        };
        // There before the turn is had: its drop clears up for those who leave too.
        let mut confirming = Confirming {
            confirmations: self.clone(),
            upload,
            turn: None,
        };
        confirming.turn = Some(turn.lock_owned().await);
        Ok(confirming)
    }

    /// How many are under way or waited for.
    pub fn asked_for(&self) -> usize {
        let entries = self.entries();
        entries
            .values()
            .map(|turn| Arc::strong_count(turn) - 1)
            .sum()
    }

    fn entries(&self) -> MutexGuard<'_, HashMap<Upload, Turn>> {
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
            .get(&self.upload)
            .is_some_and(|turn| Arc::strong_count(turn) == 1)
        {
            entries.remove(&self.upload);
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;
    use uuid::Uuid;

    use super::*;

    #[tokio::test]
    async fn the_next_begins_when_one_has_ended_and_nothing_is_left() {
        let confirmations = Confirmations::default();
        let id = AssetId::from(Uuid::from_u128(1));
        let [id, other] = [1, 2].map(|org| (OrgId::from_u128(org), id));
        let first = confirmations.begin(id).await.unwrap();
        drop(confirmations.begin(other).await.unwrap());
        let mut second = Box::pin(confirmations.begin(id));
        let mut leaves = Box::pin(confirmations.begin(id));
        assert!(futures_util::poll!(&mut second).is_pending());
        assert!(futures_util::poll!(&mut leaves).is_pending());
        assert_eq!(confirmations.asked_for(), 3);
        drop(leaves);
        let mut many: Vec<_> = (0..MOST)
            .map(|_| Box::pin(confirmations.begin(id)))
            .collect();
        let answers: Vec<bool> = many
            .iter_mut()
            .map(|one| one.now_or_never().is_some())
            .collect();
        assert_eq!(answers.iter().filter(|answered| **answered).count(), 2);
        drop(many);
        drop(first);
        drop(second.await.unwrap());
        assert!(confirmations.entries().is_empty());
    }
}
