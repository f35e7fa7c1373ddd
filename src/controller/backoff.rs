//! Exponential back-off per object, after failures at the API server.

use std::{
    collections::HashMap,
    hash::Hash,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

/// The wait after the first failure; it doubles with each further one in a row.
const FIRST: Duration = Duration::from_secs(1);
/// The longest wait.
const LONGEST: Duration = Duration::from_mins(5);

/// How often in a row the jobs of each object failed, and how long each is to wait. Only failing objects take memory.
#[derive(Debug)]
pub(super) struct Backoff<K>(Mutex<HashMap<K, Failures>>);

#[derive(Debug, Clone, Copy)]
struct Failures {
    count: u32,
    not_before: Instant,
}

impl<K> Default for Backoff<K> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<K: Clone + Eq + Hash> Backoff<K> {
    /// A job of this object failed once more: how long to wait before the next, and at least this long.
    pub(super) fn failed(&self, key: &K, at_least: Duration) -> Duration {
        let now = Instant::now();
        let mut known = self.lock();
        let failures = known.entry(key.clone()).or_insert(Failures { count: 0, not_before: now });
        let wait = FIRST.saturating_mul(2u32.saturating_pow(failures.count)).min(LONGEST).max(at_least);
        *failures = Failures { count: failures.count.saturating_add(1), not_before: now + wait };
        wait
    }

    /// How often in a row the jobs of this object failed.
    pub(super) fn count(&self, key: &K) -> u32 {
        self.lock().get(key).map_or(0, |failures| failures.count)
    }

    /// How long this object still has to wait, whoever orders its job meanwhile.
    pub(super) fn remaining(&self, key: &K) -> Duration {
        let not_before = self.lock().get(key).map(|failures| failures.not_before);
        not_before.map_or(Duration::ZERO, |time| time.saturating_duration_since(Instant::now()))
    }

    /// A job of this object succeeded, or the object is gone.
    pub(super) fn forget(&self, key: &K) {
        self.lock().remove(key);
    }

    /// Nothing panics while the lock is held; if it did, the map would still be whole.
    fn lock(&self) -> MutexGuard<'_, HashMap<K, Failures>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_five_minutes_and_start_anew_after_a_success() {
        let backoff = Backoff::default();
        let waits: Vec<u64> = (0..12).map(|_| backoff.failed(&"a", Duration::ZERO).as_secs()).collect();
        assert_eq!(waits, [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300]);
        assert_eq!(backoff.failed(&"b", Duration::ZERO).as_secs(), 1, "each object for itself");
        backoff.forget(&"a");
        assert_eq!(backoff.failed(&"a", Duration::ZERO).as_secs(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_orders_the_job_the_wait_holds() {
        let backoff = Backoff::default();
        assert_eq!(backoff.remaining(&"a"), Duration::ZERO);
        assert_eq!(backoff.failed(&"a", Duration::from_mins(1)), Duration::from_mins(1));
        tokio::time::advance(Duration::from_secs(20)).await;
        assert_eq!(backoff.remaining(&"a"), Duration::from_secs(40));
        backoff.forget(&"a");
        assert_eq!(backoff.remaining(&"a"), Duration::ZERO);
    }
}
