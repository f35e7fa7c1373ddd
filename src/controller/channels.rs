//! What the operator knows of every NotificationChannel between its jobs, and how its deliveries went.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::{Resource, ResourceExt};
use tokio::time::Instant;

use super::{
    context::whole,
    registry::{Source, version_of},
    watch::Scope,
};
use crate::{
    api::{DeliveryError, NotificationChannel, NotificationChannelSpec},
    monitor::{Reason, Tally, TestResult, unready},
    notify::Outcome,
    schedule::{Group, Lane, Runner, Schedule, Settings as Slots},
};

/// Jobs of channels at once: they wait for the API server, or, for a minute at most, for the receiver of a test.
const JOBS: usize = 64;
/// The shortest time between two writes of a channel's numbers.
const PACE: Duration = Duration::from_secs(1);

/// A NotificationChannel.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ChannelKey {
    /// Its namespace.
    pub namespace: Arc<str>,
    /// Its name.
    pub name: Arc<str>,
}

/// What is known of one channel.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct KnownChannel {
    /// Which object it is: a channel of the same name may be another one.
    pub(super) uid: Arc<str>,
    /// The generation of its spec.
    pub(super) generation: i64,
    /// What it says.
    pub(super) spec: Arc<NotificationChannelSpec>,
    /// Why it is not ready, in one sentence; `None` when it is, or when that is not known yet. A suspended one is ready.
    pub(super) problem: Option<String>,
}

/// The channels that are known, and the queue of their jobs. The lock is never held across an await.
#[derive(Debug)]
pub(super) struct Channels {
    known: Mutex<Known>,
    jobs: Schedule<ChannelKey>,
}

#[derive(Debug, Default)]
struct Known {
    channels: HashMap<ChannelKey, Entry>,
    is_listed: bool,
}

#[derive(Debug)]
struct Entry {
    channel: KnownChannel,
    /// The resource version that this was read at; 0 when it is no number.
    version: u64,
    tally: Tally,
    /// Whether its numbers are to be written by a job that has been ordered.
    is_ordered: bool,
    /// When its numbers were last written.
    written: Option<Instant>,
}

// === impl ChannelKey ===

impl ChannelKey {
    /// The key of a channel.
    pub(super) fn of(channel: &impl Resource) -> Self {
        Self { namespace: channel.namespace().unwrap_or_default().into(), name: channel.name_any().into() }
    }
}

// === impl KnownChannel ===

impl KnownChannel {
    /// What is to be known of a channel.
    pub(super) fn of(channel: &NotificationChannel) -> Self {
        Self {
            uid: channel.metadata.uid.as_deref().unwrap_or_default().into(),
            generation: channel.metadata.generation.unwrap_or(0),
            spec: Arc::new(channel.spec.clone()),
            problem: unready(channel).map(ToOwned::to_owned),
        }
    }
}

// === impl Channels ===

impl Channels {
    /// No channels yet, and the runner of their jobs.
    pub(super) fn new() -> (Self, Runner<ChannelKey>) {
        let (jobs, runner) = Schedule::new(Slots { concurrency: JOBS, reserved: 0 });
        (Self { known: Mutex::default(), jobs }, runner)
    }

    /// Whether the first list of channels is in: before, one that is not known may exist all the same.
    pub(super) fn is_listed(&self) -> bool {
        self.lock().is_listed
    }

    /// What is known of a channel.
    pub(super) fn get(&self, key: &ChannelKey) -> Option<KnownChannel> {
        self.lock().channels.get(key).map(|entry| entry.channel.clone())
    }

    /// Note what came of a delivery, and have it written to the status: at once, or a second after the last time.
    pub(super) fn note(&self, key: &ChannelKey, outcome: &Outcome, at: Timestamp) {
        let mut known = self.lock();
        let Some(entry) = known.channels.get_mut(key) else { return };
        entry.tally.count(whole(at), error_of(outcome, at));
        if !entry.is_ordered {
            entry.is_ordered = true;
            let wait = entry.written.map_or(Duration::ZERO, |written| PACE.saturating_sub(written.elapsed()));
            self.jobs.upsert(key.clone(), Group::of(key), Lane::Periodic, wait);
        }
    }

    /// Note what came of a test of this very channel: of the delivery, or why there was none.
    pub(super) fn note_test(
        &self,
        key: &ChannelKey,
        uid: &str,
        request: &str,
        result: Result<(Outcome, Timestamp), Reason>,
    ) {
        let mut known = self.lock();
        let Some(entry) = known.channels.get_mut(key).filter(|entry| &*entry.channel.uid == uid) else { return };
        let result = match result {
            Ok((outcome, at)) => {
                let error = error_of(&outcome, at);
                entry.tally.count(whole(at), error.clone());
                error.map_or(TestResult::Delivered, |error| TestResult::Failed {
                    reason: error.reason,
                    code: error.code,
                })
            }
            Err(reason) => TestResult::Failed { reason: reason.as_str().to_owned(), code: None },
        };
        entry.tally.note_test(request, result);
    }

    /// Have the job of a channel done now.
    pub(super) fn order(&self, key: &ChannelKey) {
        self.jobs.upsert(key.clone(), Group::of(key), Lane::New, Duration::ZERO);
    }

    /// The numbers of this very channel, for a job that is about to write them; `None` when it is not, or no longer, known.
    pub(super) fn tally(&self, key: &ChannelKey, uid: &str) -> Option<Tally> {
        let mut known = self.lock();
        let entry = known.channels.get_mut(key).filter(|entry| &*entry.channel.uid == uid)?;
        entry.is_ordered = false;
        Some(entry.tally.clone())
    }

    /// The status of a channel was written.
    pub(super) fn set_written(&self, key: &ChannelKey) {
        if let Some(entry) = self.lock().channels.get_mut(key) {
            entry.written = Some(Instant::now());
        }
    }

    /// Take a channel in, or what is new about it. Returns whether anything is new for those who send to it; `None` when the view is
    /// not to be taken (see [`Source::takes`]).
    pub(super) fn put(&self, key: &ChannelKey, channel: &NotificationChannel, source: Source) -> Option<bool> {
        let mut known = self.lock();
        let (uid, version) = (channel.metadata.uid.as_deref().unwrap_or_default(), version_of(&channel.metadata));
        let same = known.channels.get(key).map(|before| (&*before.channel.uid, before.version));
        if !source.takes(same, uid, version) {
            return None;
        }
        let before = known.channels.remove(key);
        let after = KnownChannel::of(channel);
        let is_news = before.as_ref().is_none_or(|before| before.channel != after);
        let same = before.filter(|before| before.channel.uid == after.uid);
        let mut entry = same.unwrap_or_else(|| Entry::new(after.clone(), Tally::of(channel.status.as_ref())));
        (entry.channel, entry.version) = (after, version);
        known.channels.insert(key.clone(), entry);
        Some(is_news)
    }

    /// Forget a channel, and its job. Returns whether it was known.
    pub(super) fn remove(&self, key: &ChannelKey) -> bool {
        self.jobs.remove(key);
        self.lock().channels.remove(key).is_some()
    }

    /// The list of this scope is in: returns its channels that are known and not in it, which went while nobody was watching.
    pub(super) fn finish_list(&self, listed: &HashSet<ChannelKey>, scope: &Scope) -> Vec<ChannelKey> {
        let mut known = self.lock();
        known.is_listed = true;
        let missing = |key: &&ChannelKey| scope.covers(&key.namespace) && !listed.contains(*key);
        known.channels.keys().filter(missing).cloned().collect()
    }

    /// When the queue of their jobs last made progress.
    pub(super) fn last_progress(&self) -> Instant {
        self.jobs.stats().last_progress
    }

    /// Nothing panics while the lock is held; if it did, the map would still be whole.
    fn lock(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl Entry ===

impl Entry {
    fn new(channel: KnownChannel, tally: Tally) -> Self {
        Self { channel, version: 0, tally, is_ordered: false, written: None }
    }
}

/// What of a failure is shown: nothing that the receiver said but its status.
fn error_of(outcome: &Outcome, at: Timestamp) -> Option<DeliveryError> {
    match *outcome {
        Outcome::Delivered => None,
        Outcome::Refused { code, why } | Outcome::Later { code, why, .. } => {
            Some(DeliveryError { reason: why.category().to_owned(), code: code.map(i32::from), at: Time(whole(at)) })
        }
    }
}

#[cfg(test)]
mod tests;
