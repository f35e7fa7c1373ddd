//! Which monitors have something for which channel: an index of their ledgers, so that a channel's job reads none in vain.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use jiff::Timestamp;

use super::ChannelKey;
use crate::{
    api::{ChannelLedger, SslMonitor},
    metrics::MonitorKey,
    monitor::next_delivery,
};

/// What one monitor has for one channel.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Link {
    /// When the first of its messages is to be sent; `None` when none waits.
    pub(super) due: Option<Timestamp>,
    /// Since when the oldest of them waits.
    pub(super) oldest: Option<Timestamp>,
    /// Whether the channel has refused one of them.
    pub(super) was_refused: bool,
    /// How many of them there are.
    pub(super) pending: usize,
    /// Whether the channel was told of a problem that stands.
    pub(super) stands: bool,
}

/// A monitor that has a message for a channel.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Due {
    /// When it is to be sent.
    pub(super) at: Timestamp,
    pub(super) monitor: MonitorKey,
    /// Whether the channel has refused one.
    pub(super) was_refused: bool,
}

/// What is waiting in all lines together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Waiting {
    /// How many messages.
    pub(super) messages: usize,
    /// Since when the oldest.
    pub(super) oldest: Option<Timestamp>,
}

/// The index, behind one lock that is never held across an await.
#[derive(Debug, Default)]
pub(super) struct Lines(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    links: HashMap<ChannelKey, BTreeMap<Arc<str>, Link>>,
    /// The channels that a monitor names or has told something.
    channels: HashMap<MonitorKey, Vec<ChannelKey>>,
}

/// What a monitor has for the channels that it names or has told something.
pub(super) fn links(monitor: &SslMonitor, key: &MonitorKey) -> BTreeMap<ChannelKey, Link> {
    let ledgers = monitor.status.iter().flat_map(|status| &status.notifications);
    let channel = |name: &str| ChannelKey { namespace: Arc::clone(&key.namespace), name: name.into() };
    let named = monitor.spec.notification_channels.iter().map(|named| (channel(&named.name), Link::default()));
    named.chain(ledgers.map(|ledger| (channel(&ledger.channel), link(ledger)))).collect()
}

fn link(ledger: &ChannelLedger) -> Link {
    Link {
        due: next_delivery(ledger),
        oldest: ledger.pending.iter().map(|notice| notice.at.0).min(),
        was_refused: ledger.pending.iter().any(|notice| notice.refused_by.is_some()),
        pending: ledger.pending.len(),
        stands: ledger.problems.iter().any(|problem| problem.taken),
    }
}

// === impl Lines ===

impl Lines {
    /// Take in what a monitor has. Returns the channels for which that is another thing than before, and which have something to do.
    pub(super) fn put(&self, key: &MonitorKey, links: BTreeMap<ChannelKey, Link>) -> Vec<ChannelKey> {
        let mut known = self.lock();
        let before = known.take(key);
        let has_work = |(channel, link): &(&ChannelKey, &Link)| {
            (link.due.is_some() || link.stands) && before.get(*channel) != Some(*link)
        };
        let changed: Vec<ChannelKey> = links.iter().filter(has_work).map(|(channel, _)| channel.clone()).collect();
        if !links.is_empty() {
            known.channels.insert(key.clone(), links.keys().cloned().collect());
        }
        for (channel, link) in links {
            known.links.entry(channel).or_default().insert(Arc::clone(&key.name), link);
        }
        changed
    }

    /// Forget a monitor.
    pub(super) fn remove(&self, key: &MonitorKey) {
        self.lock().take(key);
    }

    /// The monitors that name a channel, or have told it something.
    pub(super) fn monitors(&self, channel: &ChannelKey) -> Vec<MonitorKey> {
        self.select(channel, |_| true)
    }

    /// The monitors that name a channel at all, or have told one something.
    pub(super) fn all_monitors(&self) -> Vec<MonitorKey> {
        self.lock().channels.keys().cloned().collect()
    }

    /// The monitors that have told a channel of a problem that stands.
    pub(super) fn standing(&self, channel: &ChannelKey) -> Vec<MonitorKey> {
        self.select(channel, |link| link.stands)
    }

    /// The monitors with messages for a channel, the one whose message is due first in front.
    pub(super) fn due(&self, channel: &ChannelKey) -> BTreeSet<Due> {
        let known = self.lock();
        let links = known.links.get(channel).into_iter().flatten();
        let due = links.filter_map(|(name, link)| {
            Some(Due { at: link.due?, monitor: monitor(channel, name), was_refused: link.was_refused })
        });
        due.collect()
    }

    /// What is waiting in the lines before these channels.
    pub(super) fn waiting(&self, is_meant: impl Fn(&ChannelKey) -> bool) -> Waiting {
        let known = self.lock();
        let meant = known.links.iter().filter(|(channel, _)| is_meant(channel));
        meant.flat_map(|(_, links)| links.values()).fold(Waiting::default(), |sum, link| Waiting {
            messages: sum.messages + link.pending,
            oldest: sum.oldest.into_iter().chain(link.oldest).min(),
        })
    }

    fn select(&self, channel: &ChannelKey, is_meant: impl Fn(&Link) -> bool) -> Vec<MonitorKey> {
        let known = self.lock();
        let links = known.links.get(channel).into_iter().flatten();
        links.filter(|(_, link)| is_meant(link)).map(|(name, _)| monitor(channel, name)).collect()
    }

    /// Nothing panics while the lock is held; if it did, the maps would still be whole.
    fn lock(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl Known ===

impl Known {
    /// Take out what a monitor has.
    fn take(&mut self, key: &MonitorKey) -> BTreeMap<ChannelKey, Link> {
        let mut taken = BTreeMap::new();
        for channel in self.channels.remove(key).unwrap_or_default() {
            let Some(links) = self.links.get_mut(&channel) else { continue };
            let link = links.remove(&key.name);
            if links.is_empty() {
                self.links.remove(&channel);
            }
            taken.extend(link.map(|link| (channel, link)));
        }
        taken
    }
}

fn monitor(channel: &ChannelKey, name: &Arc<str>) -> MonitorKey {
    MonitorKey { namespace: Arc::clone(&channel.namespace), name: Arc::clone(name) }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn channel(name: &str) -> ChannelKey {
        ChannelKey { namespace: "shop".into(), name: name.into() }
    }

    fn key(name: &str) -> MonitorKey {
        MonitorKey { namespace: "shop".into(), name: name.into() }
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn waiting(due: i64) -> Link {
        Link { due: Some(at(due)), oldest: Some(at(due)), pending: 1, ..Link::default() }
    }

    fn put(lines: &Lines, monitor: &str, has: &[(&str, Link)]) -> Vec<ChannelKey> {
        lines.put(&key(monitor), has.iter().map(|(name, link)| (channel(name), link.clone())).collect())
    }

    #[test]
    fn a_channel_hears_of_what_is_new_for_it_and_of_nothing_else() {
        let lines = Lines::default();
        assert_eq!(put(&lines, "m", &[("a", Link::default()), ("b", waiting(5))]), [channel("b")]);
        assert_eq!(put(&lines, "m", &[("a", Link::default()), ("b", waiting(5))]), []);
        assert_eq!(put(&lines, "m", &[("a", waiting(3)), ("b", waiting(5))]), [channel("a")]);
        assert_eq!(put(&lines, "m", &[("b", Link::default())]), []);
        assert_eq!(put(&lines, "m", &[("b", Link { stands: true, ..Link::default() })]), [channel("b")]);
        assert_eq!((lines.monitors(&channel("a")), lines.monitors(&channel("b"))), (vec![], vec![key("m")]));
    }

    #[test]
    fn what_is_due_first_comes_first() {
        let lines = Lines::default();
        put(&lines, "late", &[("a", waiting(9))]);
        put(&lines, "soon", &[("a", waiting(1)), ("b", waiting(2))]);
        put(&lines, "idle", &[("a", Link { stands: true, ..Link::default() })]);
        let due: Vec<_> = lines.due(&channel("a")).into_iter().map(|due| (due.at, due.monitor)).collect();
        assert_eq!(due, [(at(1), key("soon")), (at(9), key("late"))]);
        assert_eq!(lines.standing(&channel("a")), [key("idle")]);
        assert_eq!(lines.waiting(|_| true), Waiting { messages: 3, oldest: Some(at(1)) });
        assert_eq!(lines.waiting(|it| *it == channel("b")), Waiting { messages: 1, oldest: Some(at(2)) });
    }

    #[test]
    fn nothing_is_kept_of_a_monitor_that_is_gone() {
        let lines = Lines::default();
        put(&lines, "m", &[("a", waiting(1))]);
        lines.remove(&key("m"));
        assert_eq!((lines.due(&channel("a")).len(), lines.waiting(|_| true)), (0, Waiting::default()));
        let known = lines.lock();
        assert!(known.links.is_empty() && known.channels.is_empty());
    }
}
