//! The state of a schedule and its rules, as a plain value: no task, no clock, `now` is an argument.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    fmt::Debug,
    hash::Hash,
    time::Duration,
};

use tokio::time::Instant;

use super::{Group, Lane, Next, Settings, Stats};

/// The longest delay that is kept; a longer one is as good as this one, and `Instant` would overflow.
const LONGEST_DELAY: Duration = Duration::from_hours(10 * 365 * 24);

/// What the caller wants of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Order {
    group: Group,
    lane: Lane,
    due: Instant,
}

/// Keys on their way to a run. A key is in `queued` or in `in_flight`, never in both.
#[derive(Debug)]
pub(super) struct Queue<K> {
    settings: Settings,
    queued: HashMap<K, Queued>,
    in_flight: HashMap<K, Run>,
    /// The queued keys whose time has not come, next one first.
    waiting: BTreeMap<(Instant, u64), K>,
    /// The queued keys whose time has come. Ordered by group, so that the first of a group is found at once.
    ready: BTreeMap<(Group, Lane, u64), K>,
    /// The first ready key of every group that has nothing in flight: what could start, best one first.
    heads: BTreeSet<(Lane, u64, Group)>,
    /// The groups that have something in flight.
    busy: HashSet<Group>,
    /// How many keys are ready, by lane.
    ready_by_lane: [usize; Lane::ALL.len()],
    /// How many of the keys in flight are of lanes that may not use the reserved slots.
    patient_in_flight: usize,
    last_number: u64,
    last_progress: Instant,
}

#[derive(Debug, Clone, Copy)]
struct Queued {
    order: Order,
    /// The place in `waiting` or `ready`; smaller is earlier.
    number: u64,
    ready: bool,
}

#[derive(Debug)]
struct Run {
    group: Group,
    lane: Lane,
    ending: Ending,
}

/// What happens when a run ends.
#[derive(Debug, Clone, Copy)]
enum Ending {
    /// As the run itself says.
    ByNext,
    /// It was ordered again in the meantime.
    Again(Order),
    /// It was removed in the meantime.
    Gone,
}

// === impl Order ===

impl Order {
    pub(super) fn new(group: Group, lane: Lane, now: Instant, delay: Duration) -> Self {
        Self { group, lane, due: now + delay.min(LONGEST_DELAY) }
    }

    /// The order that stands when `newer` arrives before this one has run: the newer one, except that an urgent order
    /// is neither put into a later lane nor put off.
    fn replaced_by(self, newer: Self) -> Self {
        if self.lane.is_urgent() {
            Self { group: newer.group, lane: self.lane.min(newer.lane), due: self.due.min(newer.due) }
        } else {
            newer
        }
    }
}

// === impl Queue ===

impl<K: Clone + Eq + Hash + Debug> Queue<K> {
    pub(super) fn new(settings: Settings, now: Instant) -> Self {
        Self {
            settings: settings.sane(),
            queued: HashMap::new(),
            in_flight: HashMap::new(),
            waiting: BTreeMap::new(),
            ready: BTreeMap::new(),
            heads: BTreeSet::new(),
            busy: HashSet::new(),
            ready_by_lane: [0; Lane::ALL.len()],
            patient_in_flight: 0,
            last_number: 0,
            last_progress: now,
        }
    }

    /// Register a key, or change what is wanted of it.
    pub(super) fn upsert(&mut self, key: K, order: Order, now: Instant) {
        if let Some(run) = self.in_flight.get_mut(&key) {
            run.ending = match run.ending {
                Ending::Again(earlier) => Ending::Again(earlier.replaced_by(order)),
                Ending::ByNext | Ending::Gone => Ending::Again(order),
            };
            return;
        }
        match self.take(&key) {
            None => self.enqueue(key, order, now, None),
            Some(earlier) => {
                let order = earlier.order.replaced_by(order);
                // Who asks twice does not go back to the end of the line.
                let keeps_place = earlier.ready && earlier.order.lane == order.lane;
                self.enqueue(key, order, now, keeps_place.then_some(earlier.number));
            }
        }
    }

    /// Forget a key. A run in flight goes on, and is the last.
    pub(super) fn remove(&mut self, key: &K) {
        match self.in_flight.get_mut(key) {
            Some(run) => run.ending = Ending::Gone,
            None => drop(self.take(key)),
        }
    }

    /// Make ready what is due.
    pub(super) fn promote(&mut self, now: Instant) {
        while self.next_due().is_some_and(|due| due <= now) {
            if let Some((_, key)) = self.waiting.pop_first()
                && let Some(queued) = self.queued.remove(&key)
            {
                self.enqueue(key, queued.order, now, None);
            }
        }
    }

    /// The next key that may run now, which is in flight from here on.
    pub(super) fn start(&mut self, now: Instant) -> Option<(K, Lane)> {
        let Some(&(lane, number, group)) = self.heads.first() else {
            self.last_progress = now;
            return None;
        };
        if !self.has_slot(lane) {
            return None;
        }
        let key = self.ready.get(&(group, lane, number)).expect("every head is ready").clone();
        // Busy first: then taking the key out makes no other key of the group a head.
        self.busy.insert(group);
        self.take(&key);
        self.patient_in_flight += usize::from(!lane.is_urgent());
        self.in_flight.insert(key.clone(), Run { group, lane, ending: Ending::ByNext });
        self.last_progress = now;
        Some((key, lane))
    }

    /// A run has ended.
    pub(super) fn finish(&mut self, key: K, next: Next, now: Instant) {
        let Some(run) = self.in_flight.remove(&key) else { return };
        self.patient_in_flight -= usize::from(!run.lane.is_urgent());
        self.busy.remove(&run.group);
        self.set_head(run.group);
        self.last_progress = now;
        match (run.ending, next) {
            (Ending::Again(order), _) => self.enqueue(key, order, now, None),
            (Ending::ByNext, Next::In(delay)) => {
                self.enqueue(key, Order::new(run.group, Lane::Periodic, now, delay), now, None);
            }
            (Ending::ByNext, Next::Never) | (Ending::Gone, _) => {}
        }
    }

    /// When [`promote`](Self::promote) will next find something.
    pub(super) fn next_due(&self) -> Option<Instant> {
        self.waiting.first_key_value().map(|((due, _), _)| *due)
    }

    pub(super) fn stats(&self) -> Stats {
        Stats {
            waiting: self.waiting.len(),
            ready: self.ready_by_lane,
            in_flight: self.in_flight.len(),
            last_progress: self.last_progress,
        }
    }

    fn has_slot(&self, lane: Lane) -> bool {
        let Settings { concurrency, reserved } = self.settings;
        self.in_flight.len() < concurrency && (lane.is_urgent() || self.patient_in_flight < concurrency - reserved)
    }

    fn enqueue(&mut self, key: K, order: Order, now: Instant, number: Option<u64>) {
        self.last_number += 1;
        let number = number.unwrap_or(self.last_number);
        let ready = order.due <= now;
        self.queued.insert(key.clone(), Queued { order, number, ready });
        if ready {
            self.clear_head(order.group);
            self.ready.insert((order.group, order.lane, number), key);
            self.ready_by_lane[order.lane as usize] += 1;
            self.set_head(order.group);
        } else {
            self.waiting.insert((order.due, number), key);
        }
    }

    /// Take a queued key out of the line.
    fn take(&mut self, key: &K) -> Option<Queued> {
        let queued = self.queued.remove(key)?;
        let Queued { order, number, ready } = queued;
        if ready {
            self.clear_head(order.group);
            self.ready.remove(&(order.group, order.lane, number));
            self.ready_by_lane[order.lane as usize] -= 1;
            self.set_head(order.group);
        } else {
            self.waiting.remove(&(order.due, number));
        }
        Some(queued)
    }

    fn clear_head(&mut self, group: Group) {
        if let Some((lane, number)) = self.first_of(group) {
            self.heads.remove(&(lane, number, group));
        }
    }

    fn set_head(&mut self, group: Group) {
        if let Some((lane, number)) = self.first_of(group)
            && !self.busy.contains(&group)
        {
            self.heads.insert((lane, number, group));
        }
    }

    fn first_of(&self, group: Group) -> Option<(Lane, u64)> {
        let from = (group, Lane::New, 0);
        let to = (group, Lane::Periodic, u64::MAX);
        self.ready.range(from..=to).next().map(|((_, lane, number), _)| (*lane, *number))
    }
}

#[cfg(test)]
mod tests;
