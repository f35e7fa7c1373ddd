//! What is remembered of a channel between two messages: when the next may be sent, and what is still to be written down.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

use crate::{
    controller::ChannelKey,
    metrics::MonitorKey,
    monitor::Receipt,
    notify::{Message, Outcome, backoff},
    schedule::{Group, Lane, Runner, Schedule, Settings as Slots},
};

/// Channels that are sent to at once: each waits for its receiver most of the time.
const DELIVERIES: usize = 128;
/// The most messages about monitors that are gone that wait for one channel.
const MAX_FAREWELLS: usize = 1000;
/// The shortest time between two messages to a channel.
pub(super) const PACE: Duration = Duration::from_secs(1);

/// The queue of deliveries, and the gate of each channel.
#[derive(Debug)]
pub(in crate::controller) struct Deliveries {
    jobs: Schedule<ChannelKey>,
    /// What is to be told of monitors that are gone.
    farewells: Mutex<HashMap<ChannelKey, Vec<Message>>>,
    gates: Mutex<HashMap<ChannelKey, Gate>>,
}

/// What is remembered of one channel. Gone with the process: then one message may come early, and one a second time.
#[derive(Debug, Clone, Default)]
pub(super) struct Gate {
    /// When the next message may be sent.
    not_before: Option<Instant>,
    /// How many attempts in a row failed.
    failures: u32,
    /// A message for many was refused: one at a time until one is taken.
    pub(super) is_wary: bool,
    /// What came of messages, and could not be written down yet.
    pub(super) late: Vec<Late>,
    /// The revision of the channel for which everything that waits was refused.
    pub(super) refused_by: Option<String>,
    /// When the alerts that stand were last asserted.
    pub(super) asserted: Option<Instant>,
}

/// What came of a message.
#[derive(Debug, Clone)]
pub(super) struct Late {
    pub(super) monitor: MonitorKey,
    pub(super) id: String,
    pub(super) receipt: Receipt,
}

// === impl Deliveries ===

impl Deliveries {
    /// An empty queue, and its runner.
    pub(in crate::controller) fn new() -> (Self, Runner<ChannelKey>) {
        let (jobs, runner) = Schedule::new(Slots { concurrency: DELIVERIES, reserved: 0 });
        (Self { jobs, farewells: Mutex::default(), gates: Mutex::default() }, runner)
    }

    /// Have a channel told what waits for it.
    pub(in crate::controller) fn order(&self, key: ChannelKey) {
        let group = Group::of(&key);
        self.jobs.upsert(key, group, Lane::New, Duration::ZERO);
    }

    /// A channel is gone: so are its job and its gate.
    pub(in crate::controller) fn forget(&self, key: &ChannelKey) {
        self.jobs.remove(key);
        self.take(key);
        self.take_farewells(key);
    }

    /// When the queue last made progress.
    pub(in crate::controller) fn last_progress(&self) -> Instant {
        self.jobs.stats().last_progress
    }

    /// Have this told when nothing else is; of very much, what came first.
    pub(super) fn add_farewells(&self, key: &ChannelKey, messages: Vec<Message>) {
        let mut farewells = self.farewells.lock().unwrap_or_else(PoisonError::into_inner);
        let waiting = farewells.entry(key.clone()).or_default();
        waiting.extend(messages);
        waiting.truncate(MAX_FAREWELLS);
    }

    /// Take out what is to be told of monitors that are gone.
    pub(super) fn take_farewells(&self, key: &ChannelKey) -> Vec<Message> {
        self.farewells.lock().unwrap_or_else(PoisonError::into_inner).remove(key).unwrap_or_default()
    }

    pub(super) fn take(&self, key: &ChannelKey) -> Gate {
        self.gates.lock().unwrap_or_else(PoisonError::into_inner).remove(key).unwrap_or_default()
    }

    pub(super) fn keep(&self, key: ChannelKey, gate: Gate) {
        self.gates.lock().unwrap_or_else(PoisonError::into_inner).insert(key, gate);
    }
}

// === impl Gate ===

impl Gate {
    /// How long no message may be sent.
    pub(super) fn remaining(&self) -> Duration {
        self.not_before.map_or(Duration::ZERO, |time| time.saturating_duration_since(Instant::now()))
    }

    /// A message was sent: a second to the next; after a failure the back-off, or as long as the receiver wants.
    pub(super) fn note(&mut self, outcome: &Outcome) {
        let wait = match *outcome {
            Outcome::Delivered | Outcome::Refused { .. } => {
                self.failures = 0;
                PACE
            }
            Outcome::Later { after, .. } => {
                self.failures = self.failures.saturating_add(1);
                after.unwrap_or_default().max(backoff(self.failures))
            }
        };
        if *outcome == Outcome::Delivered {
            self.is_wary = false;
        }
        self.not_before = Some(Instant::now() + wait);
    }

    /// Whether something about this monitor was sent and is not written down: nothing more is sent about it before.
    pub(super) fn awaits(&self, monitor: &MonitorKey) -> bool {
        self.late.iter().any(|late| late.monitor == *monitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notify::Why;

    fn later(after: Option<u64>) -> Outcome {
        Outcome::Later { after: after.map(Duration::from_secs), code: None, why: Why::ServerError }
    }

    #[tokio::test(start_paused = true)]
    async fn a_channel_gets_one_message_a_second_and_is_left_alone_after_failures() {
        let mut gate = Gate::default();
        assert_eq!(gate.remaining(), Duration::ZERO);
        let waits = [
            Outcome::Delivered,
            later(None),
            later(None),
            later(Some(3)),
            later(Some(3000)),
            Outcome::Refused { code: Some(401), why: Why::Rejected },
            later(None),
        ]
        .map(|outcome| {
            gate.note(&outcome);
            gate.remaining().as_secs()
        });
        assert_eq!(waits, [1, 10, 20, 40, 3000, 1, 10]);
        tokio::time::advance(Duration::from_secs(4)).await;
        assert_eq!(gate.remaining().as_secs(), 6);
    }
}
