//! Which hello a server is greeted with, and what is remembered of its answer.
//!
//! A hello with a post-quantum key share, as browsers send it, does not fit one packet: some servers, and boxes on the way to
//! them, drop it. It also costs more than the handshake around it. So it is sent once a day, and the small one between.

use std::{
    collections::{HashMap, hash_map::RandomState},
    hash::{BuildHasher as _, Hash},
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

/// How many servers are remembered; those that were not asked about for longest are forgotten first.
const CAPACITY: usize = 16_384;
/// How long an answer to the large hello holds.
const FRESH: Duration = Duration::from_hours(24);
/// When the large hello is tried again where nothing was learnt from it.
const FRESH_UNTOLD: Duration = Duration::from_hours(1);

/// The size of a hello.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Hello {
    /// A key share of X25519; the post-quantum hybrid is on offer.
    Small,
    /// Key shares of X25519MLKEM768 and X25519.
    Large,
}

/// What a server made of the large hello.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Known {
    /// Nothing is known: it did not complete a handshake with either hello.
    Untold,
    /// It answers the small hello only.
    Intolerant,
    /// It took it, and chose a group that does not withstand quantum computers.
    Classical,
    /// It took it, and chose a post-quantum group.
    PostQuantum,
}

/// What is remembered of servers; bounded, for all clones of a prober.
#[derive(Debug)]
pub(super) struct Hellos {
    start: Instant,
    hasher: RandomState,
    generations: Mutex<Generations>,
}

/// A server that is remembered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Key(u64);

/// When it was learnt, in seconds after the start, and what.
type Entry = (u32, Known);

/// Two halves: what is asked about moves to the young one, and when that is full, the old one is forgotten.
#[derive(Debug, Default)]
struct Generations {
    young: HashMap<u64, Entry>,
    old: HashMap<u64, Entry>,
}

// === impl Hellos ===

impl Hellos {
    pub(super) fn new() -> Self {
        Self { start: Instant::now(), hasher: RandomState::new(), generations: Mutex::default() }
    }

    /// The key of a server, from all that tells it from others.
    pub(super) fn key(&self, server: impl Hash) -> Key {
        Key(self.hasher.hash_one(server))
    }

    /// What is known of a server; `None` when the large hello is due.
    pub(super) fn recall(&self, key: Key) -> Option<Known> {
        let (at, known) = self.generations().get(key.0)?;
        let fresh = if known == Known::Untold { FRESH_UNTOLD } else { FRESH };
        (self.now().saturating_sub(at) < u32::try_from(fresh.as_secs()).unwrap_or(u32::MAX)).then_some(known)
    }

    /// Remember what a server made of the large hello.
    pub(super) fn note(&self, key: Key, known: Known) {
        let now = self.now();
        self.generations().put(key.0, (now, known));
    }

    fn now(&self) -> u32 {
        u32::try_from(self.start.elapsed().as_secs()).unwrap_or(u32::MAX)
    }

    fn generations(&self) -> MutexGuard<'_, Generations> {
        self.generations.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl Generations ===

impl Generations {
    fn get(&mut self, key: u64) -> Option<Entry> {
        if let Some(entry) = self.young.get(&key) {
            return Some(*entry);
        }
        let entry = self.old.remove(&key)?;
        self.put(key, entry);
        Some(entry)
    }

    fn put(&mut self, key: u64, entry: Entry) {
        self.old.remove(&key);
        if self.young.len() >= CAPACITY / 2 && !self.young.contains_key(&key) {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(key, entry);
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn what_was_learnt_holds_for_a_day_and_what_was_not_for_an_hour() {
        for (known, hours) in
            [(Known::Untold, 1), (Known::Intolerant, 24), (Known::Classical, 24), (Known::PostQuantum, 24)]
        {
            let hellos = Hellos::new();
            let key = hellos.key("a.test");
            assert_eq!(hellos.recall(key), None);
            hellos.note(key, known);
            advance(Duration::from_secs(hours * 3600 - 1)).await;
            assert_eq!(hellos.recall(key), Some(known));
            // That it was asked about makes it no younger.
            advance(Duration::from_secs(1)).await;
            assert_eq!(hellos.recall(key), None);
        }
    }

    #[tokio::test]
    async fn memory_is_bounded_and_keeps_what_is_asked_about() {
        let hellos = Hellos::new();
        let kept = hellos.key("kept");
        hellos.note(kept, Known::Classical);
        let first = hellos.key(0);
        for server in 0..3 * CAPACITY {
            hellos.note(hellos.key(server), Known::PostQuantum);
            assert_eq!(hellos.recall(kept), Some(Known::Classical));
        }
        assert_eq!(hellos.recall(first), None);
        let generations = hellos.generations();
        assert!(generations.young.len() + generations.old.len() <= CAPACITY);
        assert!(generations.young.len() + generations.old.len() > CAPACITY / 2);
    }
}
