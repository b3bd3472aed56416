//! One confirmation of an upload at a time in this process.
//!
//! A client that asks again does so beside its first request, which goes on. Where
//! the store takes bodies itself, each would take away the copy that the other
//! works on.

use std::sync::Arc;

use runnel_types::{AssetId, Fault, OrgId};
use tokio::sync::{Mutex, OwnedMutexGuard};

use crate::shared::Shared;

/// The most confirmations of one upload that are under way or waited for.
const MOST: usize = 8;

/// The uploads that are being confirmed, each as somebody names it: another
/// organization's is another one.
#[derive(Debug, Default)]
pub struct Confirmations(Shared<(OrgId, AssetId), Mutex<()>>);

/// A confirmation that is under way, until this is dropped.
pub(super) type Confirming = OwnedMutexGuard<()>;

impl Confirmations {
    /// Waits until no other confirmation of the upload is under way.
    ///
    /// # Errors
    /// `SERVICE_UNAVAILABLE` when many wait for that.
    ///
    /// # Cancel safety
    /// Dropping the future leaves the line.
    pub(super) async fn begin(&self, org: OrgId, id: AssetId) -> Result<Confirming, Fault> {
        let turn = self.0.of((org, id), Mutex::default);
        // One is the map's.
        if Arc::strong_count(&turn) - 1 > MOST {
            return Err(Fault::unavailable(
                "this upload is being confirmed already; ask again in some seconds",
            ));
        }
        Ok(turn.lock_owned().await)
    }

    /// How many are under way or waited for.
    pub fn asked_for(&self) -> usize {
        self.0.holders()
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;
    use uuid::Uuid;

    use super::*;

    #[tokio::test]
    async fn the_next_begins_when_one_has_ended_and_few_wait_for_that() {
        let confirmations = Confirmations::default();
        let [org, other] = [1, 2].map(OrgId::from_u128);
        let id = AssetId::from(Uuid::from_u128(1));
        let first = confirmations.begin(org, id).await.unwrap();
        drop(confirmations.begin(other, id).await.unwrap());
        let mut waiting: Vec<_> = (1..MOST)
            .map(|_| Box::pin(confirmations.begin(org, id)))
            .collect();
        for one in &mut waiting {
            assert!(one.now_or_never().is_none(), "the first is under way");
        }
        assert_eq!(confirmations.asked_for(), MOST);
        let refused = confirmations.begin(org, id).now_or_never();
        assert!(refused.unwrap().is_err());
        // Who leaves makes room for another.
        drop(waiting.pop());
        let mut late = Box::pin(confirmations.begin(org, id));
        assert!((&mut late).now_or_never().is_none());
        drop(first);
        drop(waiting.remove(0).await.unwrap());
        drop((waiting, late));
        assert_eq!(confirmations.asked_for(), 0);
    }
}
