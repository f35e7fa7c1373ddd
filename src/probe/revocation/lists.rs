//! Lists that were fetched, and those that could not be: each is fetched once for all probes, and kept while it counts.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use futures::future::join_all;
use jiff::{SignedDuration, Timestamp};
use tokio::{
    sync::{Mutex as Gate, Semaphore},
    time::{Instant, timeout_at},
};

use super::{
    RevocationState,
    issuer::Issuer,
    list::{List, ListError, Subject},
    points::Query,
};
use crate::probe::{
    fetch::{Allowance, FetchError, Web, shown},
    trust::digest_of,
};

/// The longest list that is read. The longest of public authorities have about 10 MiB.
const MAX_LIST: usize = 16 * 1024 * 1024;
/// How much is fetched at once for all probes, in MiB.
const FETCHED: usize = 64;
/// How much is kept.
const MAX_KEPT: usize = 64 * 1024 * 1024;
/// How many places are remembered.
const MAX_SLOTS: usize = 4096;
/// What a place takes beside its list, roughly.
const SLOT: usize = 256;
/// How long one list may take, out of the probe's time.
const LIMIT: Duration = Duration::from_secs(5);
/// How long a failure is remembered.
const PAUSE: SignedDuration = SignedDuration::from_mins(5);
/// After this time a list that still counts is fetched anew: authorities tell of a revocation within a day (CA/Browser Forum
/// Baseline Requirements §4.9.7), and date lists of intermediates a year ahead. Where that fails, the old one goes on counting.
const REFRESH: SignedDuration = SignedDuration::from_hours(24);

/// What a list says of a certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::probe) struct Listed {
    /// Which certificate; `None` for the leaf.
    pub name: Option<String>,
    /// `Good` or `Revoked`; else why nothing is known, in words.
    pub state: Result<RevocationState, String>,
}

/// Fetches lists, and keeps them.
#[derive(Debug)]
pub(in crate::probe) struct Lists {
    shelf: Mutex<Shelf>,
    budget: Arc<Semaphore>,
}

/// What is known of each place, by digest of URL and issuer.
#[derive(Debug, Default)]
struct Shelf {
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
struct Miss {
    why: String,
    /// Whether that is the place's own fault, and worth remembering.
    lasts: bool,
}

// === impl Lists ===

impl Default for Lists {
    fn default() -> Self {
        Self { shelf: Mutex::default(), budget: Arc::new(Semaphore::new(FETCHED)) }
    }
}

impl Lists {
    /// What lists say of the certificates of a verified path, the leaf first. Intermediates that name no list are left out.
    pub(in crate::probe) async fn gather(
        &self,
        queries: Option<&[Query]>,
        web: Web<'_>,
        now: Timestamp,
        deadline: Instant,
    ) -> Vec<Listed> {
        let Some(queries) = queries else {
            let why = "no path to a trusted certificate could be verified, so that its CRLs are not fetched".to_owned();
            return vec![Listed { name: None, state: Err(why) }];
        };
        let asked = queries.iter().filter(|query| query.name.is_none() || !query.subject.urls.is_empty());
        join_all(asked.map(|query| self.ask(query, web, now, deadline))).await
    }

    /// The first list that says something decides.
    async fn ask(&self, query: &Query, web: Web<'_>, now: Timestamp, deadline: Instant) -> Listed {
        let mut state = Err("the certificate names no CRL that can be fetched by http".to_owned());
        if query.issuer.may_sign_lists {
            for url in &query.subject.urls {
                state = self.consult(url, query, web, now, deadline).await;
                if state.is_ok() {
                    break;
                }
            }
        } else {
            state = Err("the key usage of the certificate's issuer does not allow it to sign CRLs".to_owned());
        }
        Listed { name: query.name.clone(), state }
    }

    async fn consult(
        &self,
        url: &str,
        query: &Query,
        web: Web<'_>,
        now: Timestamp,
        deadline: Instant,
    ) -> Result<RevocationState, String> {
        let list = self.list(url, &query.issuer, web, now, deadline).await?;
        says(url, &list, &query.subject)
    }

    /// The list at this place: a kept one, else it is fetched, by one for all who want it.
    async fn list(
        &self,
        url: &str,
        issuer: &Issuer,
        web: Web<'_>,
        now: Timestamp,
        deadline: Instant,
    ) -> Result<Arc<List>, String> {
        let key = digest_of([url.as_bytes(), &issuer.name, &issuer.key]);
        let gate = match self.shelf().look(key, now) {
            Ok(known) => return known,
            Err(gate) => gate,
        };
        let late = || format!("the list at {} was not fetched in time", shown(url));
        let _turn = timeout_at(deadline, gate.lock()).await.map_err(|_| late())?;
        if let Ok(known) = self.shelf().look(key, now) {
            return known;
        }
        let limit = Instant::now() + LIMIT;
        let fetched = timeout_at(limit.min(deadline), self.fetch(url, issuer, web, now, limit.min(deadline))).await;
        // A probe that has little time left must not spoil the list for the others.
        let outcome = fetched.unwrap_or_else(|_| Err(Miss { why: late(), lasts: limit <= deadline }));
        self.shelf().keep(key, outcome, now)
    }

    async fn fetch(
        &self,
        url: &str,
        issuer: &Issuer,
        web: Web<'_>,
        now: Timestamp,
        deadline: Instant,
    ) -> Result<Arc<List>, Miss> {
        let allowance = Allowance { limit: MAX_LIST, budget: self.budget.clone() };
        let fetched = web.get(url, &allowance, deadline).await.map_err(|error| {
            let lasts = error != FetchError::Busy;
            Miss { why: format!("the list at {} {error}", shown(url)), lasts }
        })?;
        let issuer = issuer.clone();
        // What was fetched is held, and counts against the budget, until it has been read.
        let read = tokio::task::spawn_blocking(move || read(&fetched.bytes, &issuer, now)).await;
        let read = read.unwrap_or(Err(ListError::Unreadable));
        read.map(Arc::new).map_err(|error| Miss { why: format!("the list at {} {error}", shown(url)), lasts: true })
    }

    fn shelf(&self) -> MutexGuard<'_, Shelf> {
        self.shelf.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What lists that are at hand say of the certificates of a verified path. Intermediates that none speaks of are left out.
pub(in crate::probe) fn consult(queries: &[Query], lists: &[&[u8]], now: Timestamp) -> Vec<Listed> {
    let listed = queries.iter().map(|query| {
        let mut state = Err("none of the CRLs is about it".to_owned());
        for der in lists.iter().filter(|_| query.issuer.may_sign_lists) {
            match read(der, &query.issuer, now).and_then(|list| list.says(&query.subject)) {
                // Of several the worse counts.
                Ok(found) if state.is_err() || found != RevocationState::Good => state = Ok(found),
                Ok(_) | Err(ListError::OtherIssuer) => {}
                Err(error) => state = state.map_err(|_| format!("a CRL {error}")),
            }
        }
        Listed { name: query.name.clone(), state }
    });
    listed.filter(|listed| listed.name.is_none() || listed.state.is_ok()).collect()
}

fn read(der: &[u8], issuer: &Issuer, now: Timestamp) -> Result<List, ListError> {
    let list = List::read(der, issuer)?;
    list.is_current(now)?;
    Ok(list)
}

fn says(url: &str, list: &List, subject: &Subject) -> Result<RevocationState, String> {
    list.says(subject).map_err(|error| format!("the list at {} {error}", shown(url)))
}

// === impl Shelf ===

impl Shelf {
    /// What is known of a place, else the gate at which to wait for one's turn to find out.
    fn look(&mut self, key: [u8; 32], now: Timestamp) -> Result<Result<Arc<List>, String>, Arc<Gate<()>>> {
        self.clock += 1;
        let used = self.clock;
        let slot = self.slots.entry(key).or_default();
        slot.used = used;
        let known = slot.known(now).ok_or_else(|| slot.gate.clone());
        self.tidy();
        known
    }

    /// Keep what came of fetching, and tell what is known now.
    fn keep(&mut self, key: [u8; 32], outcome: Result<Arc<List>, Miss>, now: Timestamp) -> Result<Arc<List>, String> {
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
