//! Who in this process is appending to which upload.
//!
//! A connection that broke without a word looks alive for a while. So a client
//! that comes back may end the turn of its own earlier request.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use runnel_types::AssetId;
use tokio_util::sync::CancellationToken;

/// How long somebody who was asked to end is waited for: a last sync.
const PATIENCE: Duration = Duration::from_secs(10);

/// The uploads that are being appended to.
#[derive(Debug, Clone, Default)]
pub struct Turns(Arc<Mutex<HashMap<AssetId, Taken>>>);

#[derive(Debug, Clone)]
struct Taken {
    stop: CancellationToken,
    over: CancellationToken,
}

/// The right to append to one upload, until it is dropped.
#[derive(Debug)]
pub(super) struct Turn {
    turns: Turns,
    id: AssetId,
    taken: Taken,
}

impl Turns {
    /// Takes the turn; `None` while another has it.
    pub(super) fn take(&self, id: AssetId) -> Option<Turn> {
        let mut entries = self.entries();
        if entries.contains_key(&id) {
            return None;
        }
        let taken = Taken {
            stop: CancellationToken::new(),
            over: CancellationToken::new(),
        };
        entries.insert(id, taken.clone());
        Some(Turn {
            turns: self.clone(),
            id,
            taken,
        })
    }

    /// Asks whoever has the turn to end it, and waits a while for that.
    pub(super) async fn interrupt(&self, id: AssetId) {
        let Some(taken) = self.entries().get(&id).cloned() else {
            return;
        };
        taken.stop.cancel();
        // In vain: then the upload is locked, and the caller says so.
        let _ = tokio::time::timeout(PATIENCE, taken.over.cancelled()).await;
    }

    fn entries(&self) -> MutexGuard<'_, HashMap<AssetId, Taken>> {
        // A map is whole after every call on it, so a panic spoils nothing.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Turn {
    /// Returns when somebody wants the turn to end.
    pub(super) async fn interrupted(&self) {
        self.taken.stop.cancelled().await;
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.turns.entries().remove(&self.id);
        self.taken.over.cancel();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    #[tokio::test]
    async fn one_at_a_time_until_it_ends() {
        let turns = Turns::default();
        let id = AssetId::from(Uuid::from_u128(1));
        let first = turns.take(id).unwrap();
        assert!(turns.take(id).is_none());
        assert!(turns.take(AssetId::from(Uuid::from_u128(2))).is_some());
        drop(first);
        assert!(turns.take(id).is_some());
    }

    #[tokio::test]
    async fn who_is_asked_to_end_is_waited_for() {
        let turns = Turns::default();
        let id = AssetId::from(Uuid::from_u128(1));
        turns.interrupt(id).await;
        let turn = turns.take(id).unwrap();
        let other = turns.clone();
        let at_work = tokio::spawn(async move {
            turn.interrupted().await;
            drop(turn);
        });
        other.interrupt(id).await;
        assert!(turns.take(id).is_some());
        at_work.await.unwrap();
    }
}
