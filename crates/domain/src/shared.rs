//! Things that all who name the same have in common, for as long as somebody has them.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// One `T` for each key that anybody has at present.
#[derive(Debug)]
pub(crate) struct Shared<K, T>(Mutex<HashMap<K, Arc<T>>>);

impl<K, T> Default for Shared<K, T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<K: Eq + Hash, T> Shared<K, T> {
    /// That of `key`, which `make` makes when nobody has it.
    pub(crate) fn of(&self, key: K, make: impl FnOnce() -> T) -> Arc<T> {
        let mut known = self.held();
        Arc::clone(known.entry(key).or_insert_with(|| Arc::new(make())))
    }

    /// How many have one, all keys together.
    pub(crate) fn holders(&self) -> usize {
        // The map has each of them, too.
        let holders = |one: &Arc<T>| Arc::strong_count(one) - 1;
        self.held().values().map(holders).sum()
    }

    /// All that somebody has; the rest goes.
    fn held(&self) -> MutexGuard<'_, HashMap<K, Arc<T>>> {
        // A map is whole after every call on it, so a panic spoils nothing.
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.retain(|_, one| Arc::strong_count(one) > 1);
        known
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nobody_has_is_made_anew() {
        let shared: Shared<u8, usize> = Shared::default();
        let first = shared.of(1, || 10);
        let same = shared.of(1, || 11);
        assert!(Arc::ptr_eq(&first, &same));
        assert_eq!(*shared.of(2, || 20), 20);
        assert_eq!(shared.holders(), 2);
        drop((first, same));
        assert_eq!(*shared.of(1, || 12), 12);
        assert_eq!(shared.holders(), 0);
        assert!(shared.held().is_empty());
    }
}
