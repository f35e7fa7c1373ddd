//! Exponential back-off per object, after failures at the API server.

use std::{
    collections::HashMap,
    hash::Hash,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

/// The wait after the first failure; it doubles with each further one in a row.
const FIRST: Duration = Duration::from_secs(1);
/// The longest wait.
const LONGEST: Duration = Duration::from_mins(5);

/// How often in a row the jobs of each object failed. Only failing objects take memory.
#[derive(Debug)]
pub(super) struct Backoff<K>(Mutex<HashMap<K, u32>>);

impl<K> Default for Backoff<K> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<K: Clone + Eq + Hash> Backoff<K> {
    /// A job of this object failed once more: how long to wait before the next.
    pub(super) fn failed(&self, key: &K) -> Duration {
        let mut counts = self.lock();
        let count = counts.entry(key.clone()).or_default();
        let wait = FIRST.saturating_mul(2u32.saturating_pow(*count)).min(LONGEST);
        *count = count.saturating_add(1);
        wait
    }

    /// How often in a row the jobs of this object failed.
    pub(super) fn count(&self, key: &K) -> u32 {
        self.lock().get(key).copied().unwrap_or(0)
    }

    /// A job of this object succeeded, or the object is gone.
    pub(super) fn forget(&self, key: &K) {
        self.lock().remove(key);
    }

    /// Nothing panics while the lock is held; if it did, the map would still be whole.
    fn lock(&self) -> MutexGuard<'_, HashMap<K, u32>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_five_minutes_and_start_anew_after_a_success() {
        let backoff = Backoff::default();
        let waits: Vec<u64> = (0..12).map(|_| backoff.failed(&"a").as_secs()).collect();
        assert_eq!(waits, [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300]);
        assert_eq!(backoff.failed(&"b").as_secs(), 1, "each object for itself");
        backoff.forget(&"a");
        assert_eq!(backoff.failed(&"a").as_secs(), 1);
    }
}
