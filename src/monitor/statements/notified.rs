//! `NotificationsDelivered`: whether the channels have been told what there was to tell.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;

use super::{
    super::{
        alerts::{ChannelFacts, Channels},
        conditions::{ConditionStatus, ConditionType, Reason, Statement, find},
        decide::Input,
        endpoints::listing,
    },
    old_conditions,
};
use crate::api::{ChannelLedger, PendingNotice, SslMonitorStatus};

const KIND: ConditionType = ConditionType::NotificationsDelivered;

type Finding = (Reason, String);

pub(in crate::monitor) fn notified(input: &Input<'_>, status: &SslMonitorStatus) -> Option<Condition> {
    if input.monitor.spec.notification_channels.is_empty() {
        return None;
    }
    let known = match input.channels {
        Channels::None => return None,
        Channels::Unknown => return Some(not_known(input)),
        Channels::Known(known) => known,
    };
    let named = input.monitor.spec.notification_channels.iter().map(|channel| channel.name.as_str());
    let mut findings: Vec<Finding> = named.filter_map(|name| finding(name, known, &status.notifications)).collect();
    findings.sort_by_key(|(reason, _)| SEVEREST_FIRST.iter().position(|it| it == reason));
    let (status, reason, message) = match findings.first() {
        None => (ConditionStatus::True, Reason::Delivered, all_told(known)),
        Some((reason, _)) => {
            let all: Vec<&str> = findings.iter().map(|(_, message)| message.as_str()).collect();
            (ConditionStatus::False, *reason, all.join("; "))
        }
    };
    Some(Statement { kind: KIND, status, reason, message }.condition(input))
}

/// State the condition anew in a status of which only the ledger has changed.
pub(in crate::monitor) fn restate(input: &Input<'_>, status: &mut SslMonitorStatus) {
    let condition = notified(input, status);
    status.conditions.retain(|condition| condition.type_ != KIND.as_str());
    status.conditions.extend(condition);
}

/// The channels that the monitor names and that do not exist, in a sentence.
pub(super) fn missing(input: &Input<'_>) -> Option<String> {
    let Channels::Known(known) = input.channels else { return None };
    let named = input.monitor.spec.notification_channels.iter().map(|channel| channel.name.clone());
    let missing: Vec<String> = named.filter(|name| known.iter().all(|facts| facts.name != *name)).collect();
    (!missing.is_empty()).then(|| not_there(&missing))
}

const SEVEREST_FIRST: [Reason; 4] =
    [Reason::ChannelNotFound, Reason::ChannelNotReady, Reason::DeliveryRefused, Reason::DeliveryFailing];

/// Where it is not known which channels exist, what was told of them for this spec still holds.
fn not_known(input: &Input<'_>) -> Condition {
    let told = find(old_conditions(input), KIND);
    let told = told.filter(|told| told.observed_generation == input.monitor.metadata.generation);
    told.cloned().unwrap_or_else(|| {
        let message = "the channels have not been looked up yet".to_owned();
        Statement { kind: KIND, status: ConditionStatus::Unknown, reason: Reason::Progressing, message }
            .condition(input)
    })
}

/// What keeps a channel from being told.
fn finding(name: &str, known: &[ChannelFacts], ledgers: &[ChannelLedger]) -> Option<Finding> {
    let Some(facts) = known.iter().find(|facts| facts.name == name) else {
        return Some((Reason::ChannelNotFound, not_there(&[name.to_owned()])));
    };
    if let Some(problem) = &facts.problem {
        return Some((Reason::ChannelNotReady, format!("NotificationChannel {name} cannot be used: {problem}")));
    }
    let pending = ledgers.iter().find(|ledger| ledger.channel == name).map(|ledger| ledger.pending.as_slice())?;
    let refused = pending.iter().find(|notice| notice.refused_by.is_some());
    let failing = pending.iter().find(|notice| notice.attempts.is_some());
    match (refused, failing) {
        (Some(notice), _) => {
            let message =
                format!("NotificationChannel {name} has refused a message ({}); correct the channel", why(notice));
            Some((Reason::DeliveryRefused, message))
        }
        (None, Some(notice)) => {
            let message = format!("NotificationChannel {name} does not take messages at the moment ({})", why(notice));
            Some((Reason::DeliveryFailing, format!("{message}; they are sent again")))
        }
        (None, None) => None,
    }
}

/// `RateLimited, 429`.
fn why(notice: &PendingNotice) -> String {
    let reason = notice.failure.as_deref().unwrap_or("no reason was given");
    notice.code.map_or_else(|| reason.to_owned(), |code| format!("{reason}, {code}"))
}

fn all_told(known: &[ChannelFacts]) -> String {
    let suspended: Vec<String> =
        known.iter().filter(|facts| facts.is_suspended).map(|facts| facts.name.clone()).collect();
    match suspended.len() {
        0 => "all channels have been told what there is to tell".to_owned(),
        1 => format!("NotificationChannel {} is suspended", listing(&suspended)),
        _ => format!("NotificationChannels {} are suspended", listing(&suspended)),
    }
}

fn not_there(names: &[String]) -> String {
    let (kind, verb) = if names.len() == 1 { ("NotificationChannel", "does") } else { ("NotificationChannels", "do") };
    let names = listing(names);
    format!(
        "{kind} {names} {verb} not exist in this namespace: create what is missing, or correct notificationChannels"
    )
}
