//! Alerts: what is to be told to whom, as the difference between the situation and what the ledger says was told.
//!
//! The ledger in the status is an outbox: a message is put into line by the same write that brings the news, with an id that never
//! changes, and leaves the line when its receiver has taken it. So a crash, a lost answer or another leader loses nothing, and
//! repeats at most the message that was under way, under the same id.

mod channel;
mod ids;
mod line;
mod notice;
mod receipt;
mod silence;
mod situation;
mod standing;
mod steps;

use std::collections::BTreeSet;

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;

pub use self::{
    channel::{ChannelFacts, Channels},
    ids::id,
    line::{due_notice, next_delivery},
    receipt::{Receipt, Settled, settle},
    standing::{farewell, standing},
};
use self::{
    line::{Line, Round},
    situation::{Situation, situation},
};
pub(super) use self::{
    silence::check as check_windows,
    steps::{Step, alert_step, crossings, lifetime_of},
};
use super::{
    conditions::{ConditionType, find},
    decide::{Input, Outcome},
    statements::notified::notified,
};
use crate::api::{ChannelLedger, MAX_LEDGERS, SslMonitorStatus};

/// What the ledger says from now on, and when there may be more to tell.
pub(super) struct Told {
    pub(super) notifications: Vec<ChannelLedger>,
    /// When to look again although nothing has changed until then; `None` when only a change can bring news.
    pub(super) wake: Option<Timestamp>,
}

/// Whether there is more to tell than a status says, without a probe.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outlook {
    /// There is: it is to be decided anew.
    News,
    /// There may be, from this time on.
    From(Timestamp),
    /// There is not, until something changes.
    Nothing,
}

/// Whether there is more to tell than the input's status says.
pub fn outlook(input: &Input<'_>) -> Outlook {
    let (Some(status), Channels::Known(_)) = (input.status, input.channels) else { return Outlook::Nothing };
    let told = tell(input, status);
    let said = find(&status.conditions, ConditionType::NotificationsDelivered);
    let to_say = notified(input, status);
    let words = |condition: &Condition| (condition.status.clone(), condition.reason.clone(), condition.message.clone());
    if told.notifications != status.notifications || said.map(words) != to_say.as_ref().map(words) {
        return Outlook::News;
    }
    told.wake.map_or(Outlook::Nothing, Outlook::From)
}

/// Bring the ledger up to the situation that this status shows.
pub(super) fn tell(input: &Input<'_>, status: &SslMonitorStatus) -> Told {
    let names = names(input, status);
    let Channels::Known(known) = input.channels else {
        return Told { notifications: status.notifications.clone(), wake: None };
    };
    if names.is_empty() {
        return Told { notifications: Vec::new(), wake: None };
    }
    let muted_until = silence::muted_until(input.monitor.spec.alerts.as_ref(), input.now);
    let situation = situation(input, status);
    let unnamed = Situation::unwatched("this channel is no longer alerted of the monitor");
    let mut wakes: Vec<Timestamp> = muted_until.into_iter().chain(situation.wake).collect();
    let mut notifications = Vec::new();
    for (name, is_named) in names {
        let old = status.notifications.iter().find(|ledger| ledger.channel == name);
        let Some(facts) = known.iter().find(|facts| facts.name == name) else {
            // It may come back, unless it is no longer named: then nobody is left to be told.
            notifications.extend(old.filter(|_| is_named).cloned());
            continue;
        };
        let round = Round {
            uid: input.monitor.metadata.uid.as_deref().unwrap_or_default(),
            facts,
            is_still: muted_until.is_some() || facts.is_suspended,
            tidies: matches!(input.outcome, Outcome::Probed(_) | Outcome::Withheld(_)),
            now: input.now,
        };
        let mut line = Line::new(name, old);
        wakes.extend(line.advance(&round, if is_named { &situation } else { &unnamed }));
        notifications.extend(line.into_ledger(&round));
    }
    notifications.truncate(MAX_LEDGERS);
    Told { notifications, wake: wakes.into_iter().min() }
}

/// Every channel that the monitor names, and after them those that it has told something and no longer names.
fn names<'a>(input: &Input<'a>, status: &'a SslMonitorStatus) -> Vec<(&'a str, bool)> {
    let named: BTreeSet<&str> =
        input.monitor.spec.notification_channels.iter().map(|channel| channel.name.as_str()).collect();
    let told: BTreeSet<&str> = status.notifications.iter().map(|ledger| ledger.channel.as_str()).collect();
    let others: Vec<&str> = told.difference(&named).copied().collect();
    named.into_iter().map(|name| (name, true)).chain(others.into_iter().map(|name| (name, false))).collect()
}
