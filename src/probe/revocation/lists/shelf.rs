//! What is known of each place: the list that was fetched there, and whether that failed of late.

use std::{collections::HashMap, sync::Arc};

use jiff::{SignedDuration, Timestamp};
use tokio::sync::Mutex as Gate;

use crate::probe::revocation::list::List;

/// How much is kept.
const MAX_KEPT: usize = 64 * 1024 * 1024;
/// How many places are remembered.
const MAX_SLOTS: usize = 4096;
/// What a place takes beside its list, roughly.
const SLOT: usize = 256;
/// How long a failure is remembered.
const PAUSE: SignedDuration = SignedDuration::from_mins(5);
/// After this time a list that still counts is fetched anew: authorities tell of a revocation within a day (CA/Browser Forum
/// Baseline Requirements §4.9.7), and date lists of intermediates a year ahead. Where that fails, the old one goes on counting.
const REFRESH: SignedDuration = SignedDuration::from_hours(24);

/// What is known of each place, by digest of URL and issuer.
#[derive(Debug, Default)]
pub(super) struct Shelf {
    slots: HashMap<[u8; 32], Slot>,
    /// Counts uses.
    clock: u64,
}

#[derive(Debug, Default)]
struct Slot {
    list: Option<(Timestamp, Arc<List>)>,
    failed: Option<(Timestamp, String)>,
    /// Held by who fetches.
    gate: Arc<Gate<()>>,
    used: u64,
}

/// Why a list could not be had.
pub(super) struct Miss {
    pub(super) why: String,
    /// Whether that is the place's own fault, and worth remembering.
    pub(super) lasts: bool,
}

// === impl Shelf ===

impl Shelf {
    /// What is known of a place, else the gate at which to wait for one's turn to find out.
    pub(super) fn look(&mut self, key: [u8; 32], now: Timestamp) -> Result<Result<Arc<List>, String>, Arc<Gate<()>>> {
        self.clock += 1;
        let used = self.clock;
        let slot = self.slots.entry(key).or_default();
        slot.used = used;
        let known = slot.known(now).ok_or_else(|| slot.gate.clone());
        self.tidy();
        known
    }

    /// Keep what came of fetching, and tell what is known now.
    pub(super) fn keep(
        &mut self,
        key: [u8; 32],
        outcome: Result<Arc<List>, Miss>,
        now: Timestamp,
    ) -> Result<Arc<List>, String> {
        let slot = self.slots.entry(key).or_default();
        let told = match outcome {
            Ok(list) => {
                slot.list = Some((now, list.clone()));
                slot.failed = None;
                Ok(list)
            }
            Err(Miss { why, lasts }) => {
                slot.failed = lasts.then(|| (now, why.clone()));
                slot.current(now).ok_or(why)
            }
        };
        self.tidy();
        told
    }

    /// Forget what was not used for longest, until the rest is not too much.
    fn tidy(&mut self) {
        let mut size: usize = self.slots.values().map(Slot::size).sum();
        while size > MAX_KEPT || self.slots.len() > MAX_SLOTS {
            let Some(key) = self.slots.iter().min_by_key(|(_, slot)| slot.used).map(|(key, _)| *key) else { return };
            size -= self.slots.remove(&key).map_or(0, |slot| slot.size());
        }
    }
}

// === impl Slot ===

impl Slot {
    fn known(&self, now: Timestamp) -> Option<Result<Arc<List>, String>> {
        let current = self.current(now);
        let is_within = |since: Timestamp, limit| now.duration_since(since).abs() < limit;
        let is_fresh = self.list.as_ref().is_some_and(|(fetched, _)| is_within(*fetched, REFRESH));
        match (&self.failed, current) {
            (_, Some(list)) if is_fresh => Some(Ok(list)),
            (Some((at, why)), current) if is_within(*at, PAUSE) => Some(current.ok_or_else(|| why.clone())),
            _ => None,
        }
    }

    /// The list that is kept, if it counts.
    fn current(&self, now: Timestamp) -> Option<Arc<List>> {
        self.list.as_ref().filter(|(_, list)| list.is_current(now).is_ok()).map(|(_, list)| list.clone())
    }

    fn size(&self) -> usize {
        let failed = self.failed.as_ref().map_or(0, |(_, why)| why.len());
        SLOT + failed + self.list.as_ref().map_or(0, |(_, list)| list.size())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::probe::trust::digest_of;

    fn key(number: usize) -> [u8; 32] {
        digest_of([&number.to_be_bytes()[..]])
    }

    fn miss(why: String, lasts: bool) -> Result<Arc<List>, Miss> {
        Err(Miss { why, lasts })
    }

    #[test]
    fn what_is_used_stays_and_the_rest_is_forgotten() {
        let now = Timestamp::UNIX_EPOCH;
        let mut shelf = Shelf::default();
        for number in 0..MAX_SLOTS + 10 {
            drop(shelf.look(key(number), now));
            assert_eq!(shelf.keep(key(number), miss("broken".to_owned(), true), now), Err("broken".to_owned()));
            assert!(shelf.look(key(0), now).is_ok(), "used all the time");
        }
        assert_eq!(shelf.slots.len(), MAX_SLOTS);
        assert!(shelf.look(key(1), now).is_err() && shelf.look(key(MAX_SLOTS), now).is_ok());
    }

    #[test]
    fn no_more_is_kept_than_may_be() {
        let now = Timestamp::UNIX_EPOCH;
        let mut shelf = Shelf::default();
        for number in 0..20 {
            drop(shelf.look(key(number), now));
            let _ = shelf.keep(key(number), miss("x".repeat(MAX_KEPT / 8), true), now);
            let size: usize = shelf.slots.values().map(Slot::size).sum();
            assert!(size <= MAX_KEPT);
        }
        assert_eq!(shelf.slots.len(), 7);
        assert!(shelf.slots.contains_key(&key(19)) && !shelf.slots.contains_key(&key(12)));
    }

    #[test]
    fn what_was_not_the_places_fault_is_not_remembered() {
        let now = Timestamp::UNIX_EPOCH;
        let mut shelf = Shelf::default();
        assert_eq!(shelf.keep(key(0), miss("late".to_owned(), false), now), Err("late".to_owned()));
        assert!(shelf.look(key(0), now).is_err());
    }
}
