//! How many bodies of an upload are on their way in to this process.
//!
//! The last complete one becomes the upload's, whatever became of others. So a
//! client whose connection broke without a word sends again at once, beside what
//! looks alive for a while. But one URL must not fill the disk.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use runnel_types::AssetId;

/// The most bodies of one upload at once.
const MOST: usize = 2;

/// The bodies that are arriving, by upload.
#[derive(Debug, Clone, Default)]
pub struct Arrivals(Arc<Mutex<HashMap<AssetId, usize>>>);

/// A body that is arriving, until this is dropped.
#[derive(Debug)]
pub(super) struct Arrival {
    arrivals: Arrivals,
    id: AssetId,
}

impl Arrivals {
    /// Counts one more; `None` when there are as many as may be.
    pub(super) fn begin(&self, id: AssetId) -> Option<Arrival> {
        let mut entries = self.entries();
        let count = entries.entry(id).or_default();
        if *count == MOST {
            return None;
        }
        *count += 1;
        Some(Arrival {
            arrivals: self.clone(),
            id,
        })
    }

    fn entries(&self) -> MutexGuard<'_, HashMap<AssetId, usize>> {
        // A map is whole after every call on it, so a panic spoils nothing.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Arrival {
    fn drop(&mut self) {
        let mut entries = self.arrivals.entries();
        if let Some(count) = entries.get_mut(&self.id) {
            *count -= 1;
            if *count == 0 {
                entries.remove(&self.id);
            }
        }
    }
}
