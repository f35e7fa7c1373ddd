//! What came of a delivery, in the ledger.

use std::borrow::Cow;

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use crate::{
    api::{PendingNotice, SslMonitorStatus},
    monitor::{
        decide::Input,
        events::{Announcement, announcements},
        statements::notified,
    },
};

/// The schema's bound of `attempts`.
const MAX_ATTEMPTS: i32 = 1_000_000;

/// What came of an attempt to deliver a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Receipt {
    /// It was taken.
    Delivered,
    /// It was not taken, and is tried again.
    Later {
        /// Why, in one word.
        reason: Cow<'static, str>,
        /// The status that the receiver answered with.
        code: Option<u16>,
        /// When it is tried again.
        next_try: Timestamp,
    },
    /// It was refused for good.
    Refused {
        /// Why, in one word.
        reason: Cow<'static, str>,
        /// The status that the receiver answered with.
        code: Option<u16>,
        /// The channel as it was then: another one is tried again.
        revision: String,
        /// When it is looked at whether the channel is another one.
        next_look: Timestamp,
    },
}

/// A status in which a delivery is written down.
#[derive(Debug, Clone, PartialEq)]
pub struct Settled {
    /// The status to write.
    pub status: SslMonitorStatus,
    /// What to announce once it is written.
    pub announcements: Vec<Announcement>,
}

/// What is to be written after an attempt to deliver this message to this channel; `None` when the message no longer waits. Nothing is
/// put into line: that is up to the next decision.
pub fn settle(input: &Input<'_>, channel: &str, id: &str, receipt: &Receipt) -> Option<Settled> {
    let mut status = input.status?.clone();
    let ledger = status.notifications.iter_mut().find(|ledger| ledger.channel == channel)?;
    let position = ledger.pending.iter().position(|notice| notice.id == id)?;
    match receipt {
        Receipt::Delivered => {
            let notice = ledger.pending.remove(position);
            let known = ledger.problems.iter_mut().filter(|problem| problem.incident == notice.incident);
            known.for_each(|problem| problem.taken = true);
        }
        Receipt::Later { reason, code, next_try } => ledger.pending[position].fail(reason, *code, None, *next_try),
        Receipt::Refused { reason, code, revision, next_look } => {
            ledger.pending[position].fail(reason, *code, Some(revision), *next_look);
        }
    }
    status.notifications.retain(|ledger| !ledger.is_empty());
    notified::restate(input, &mut status);
    let announcements = announcements(input.status, &status, input.now);
    Some(Settled { status, announcements })
}

impl PendingNotice {
    fn fail(&mut self, reason: &str, code: Option<u16>, revision: Option<&String>, next: Timestamp) {
        self.attempts = Some(self.attempts.unwrap_or(0).saturating_add(1).min(MAX_ATTEMPTS));
        self.failure = Some(reason.to_owned());
        self.code = code.map(i32::from);
        self.refused_by = revision.cloned();
        self.next_try_at = Some(Time(next));
    }
}
