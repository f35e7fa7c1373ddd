//! What is to be told: the same for all kinds of channels.

use jiff::Timestamp;

/// One thing to tell. Every text is plain, in one line unless said otherwise, and already cut; each payload escapes it for its medium.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// The same for every attempt to deliver this message, and for no other message: receivers that know it drop doubles.
    pub id: String,
    /// The same for everything that is told of one problem of one monitor: what opens an incident, and what closes it.
    pub incident: String,
    /// What kind of news it is.
    pub kind: Kind,
    /// How bad it is; of a recovery, how bad it was.
    pub level: Level,
    /// What it is about.
    pub subject: Subject,
    /// The problem in one CamelCase word, for example `Expired`, `ExpiringSoon` or `ConnectionRefused`; of a recovery, the one that ended.
    pub reason: String,
    /// The headline: what, and of which domain.
    pub title: String,
    /// What was found, in one or two sentences.
    pub detail: String,
    /// What to do about it, in a sentence; empty where there is nothing to do.
    pub advice: String,
    /// Since when the problem stands.
    pub since: Timestamp,
    /// When this message was made.
    pub at: Timestamp,
    /// Until when the message holds if it is not told again (Alertmanager's `endsAt`); `None` where nothing lapses.
    pub lapses: Option<Timestamp>,
    /// The certificate that was last seen.
    pub certificate: Option<Certificate>,
    /// The messages that this one stands for, where many are told at once; empty for an ordinary message.
    pub parts: Vec<Self>,
}

/// What kind of news a message is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A problem has come, or has become worse.
    Problem,
    /// A problem still stands.
    Reminder,
    /// A problem has ended.
    Recovery,
    /// Something changed that is no problem by itself, such as the issuer.
    Change,
    /// Somebody wants to see whether the channel works.
    Test,
}

/// How bad a problem is, the worst last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Level {
    /// Good to know.
    Info,
    /// Needs attention.
    Warning,
    /// Clients fail, or will within days.
    Critical,
}

/// What a message is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subject {
    /// The monitor's namespace.
    pub namespace: String,
    /// The monitor's name; empty where the message stands for those of several monitors.
    pub name: String,
    /// The monitor's uid; empty where the message stands for those of several monitors.
    pub uid: String,
    /// The watched host; where the message stands for those of several monitors, words for all hosts, such as `a.test and 2 more`.
    pub domain: String,
    /// The watched TCP port; 0 where the message stands for those of several monitors.
    pub port: u16,
    /// The cluster, as the operator's flag names it.
    pub cluster: Option<String>,
}

/// The certificate that a message tells of; texts are escaped already.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certificate {
    /// Whom it is for.
    pub subject: String,
    /// Who issued it.
    pub issuer: String,
    /// `SHA256:` and the digest.
    pub fingerprint: String,
    /// The end of its validity.
    pub valid_to: Timestamp,
    /// Whole days until then, rounded down, at the time of the message.
    pub days: i32,
}
