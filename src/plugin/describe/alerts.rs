//! Who has been told what, and what still waits.

use jiff::{SignedDuration, Timestamp};

use super::{Section, time};
use crate::{
    alerting::how_long,
    api::{AlertsSpec, ChannelLedger, MutedWindow, NoticeKind, PendingNotice, SslMonitor, ToldProblem},
};

/// What each channel has been told, and what waits for it.
pub(super) fn alerts(monitor: &SslMonitor, now: Timestamp) -> Section {
    let mut section = Section::new("Alerts");
    let ledgers = monitor.status.as_ref().map(|status| status.notifications.as_slice()).unwrap_or_default();
    let named: Vec<&str> = monitor.spec.notification_channels.iter().map(|channel| channel.name.as_str()).collect();
    for channel in &named {
        let ledger = ledgers.iter().find(|ledger| ledger.channel == *channel);
        add(&mut section, channel, ledger, now);
    }
    // What was told to a channel that is not named any more still has to be ended there.
    for ledger in ledgers.iter().filter(|ledger| !named.contains(&ledger.channel.as_str())) {
        add(&mut section, &ledger.channel, Some(ledger), now);
    }
    if named.is_empty() {
        section.add("Nobody", "is alerted: name NotificationChannels in spec.notificationChannels.");
    }
    monitor.spec.alerts.iter().flat_map(|alerts| silences(alerts, now)).for_each(|text| section.add("Silence", &text));
    section
}

fn add(section: &mut Section, channel: &str, ledger: Option<&ChannelLedger>, now: Timestamp) {
    let told = ledger.map(|ledger| ledger.problems.as_slice()).unwrap_or_default();
    let pending = ledger.map(|ledger| ledger.pending.as_slice()).unwrap_or_default();
    if told.is_empty() && pending.is_empty() {
        section.add(channel, "has nothing to be told of.");
    }
    told.iter().filter(|problem| problem.taken).for_each(|problem| section.add(channel, &alerted(problem, now)));
    for notice in pending {
        section.add(channel, &waiting(notice, now));
    }
}

/// `was told of Expired (critical) 3 hours ago, a problem since …`.
fn alerted(problem: &ToldProblem, now: Timestamp) -> String {
    let ago = how_long(now.duration_since(problem.told_at.0));
    let (reason, severity) = (&problem.reason, problem.severity.as_str());
    format!("was told of {reason} ({severity}) {ago} ago; a problem since {}", time(&problem.since))
}

/// `has not taken the end of Expired, for 3 hours: ServerError (503) at 4 attempts; the next is in 5 minutes`.
fn waiting(notice: &PendingNotice, now: Timestamp) -> String {
    let what = match notice.kind {
        NoticeKind::Problem => format!("the alert {} ({})", notice.reason, notice.severity.as_str()),
        NoticeKind::Reminder => format!("the reminder of {}", notice.reason),
        NoticeKind::Recovery => format!("the end of {}", notice.reason),
        NoticeKind::Change => format!("the news {}", notice.reason),
    };
    let for_long = how_long(now.duration_since(notice.at.0));
    format!("has not taken {what} for {for_long}{}", trouble(notice, now))
}

/// What hinders its delivery.
fn trouble(notice: &PendingNotice, now: Timestamp) -> String {
    let code = notice.code.map(|code| format!(", {code}")).unwrap_or_default();
    let why = notice.failure.as_ref().map(|failure| format!(" ({failure}{code})")).unwrap_or_default();
    if notice.refused_by.is_some() {
        return format!(": it was refused for good{why}; correct the channel or its Secret");
    }
    let tries = match notice.attempts {
        None => return String::new(),
        Some(1) => "1 attempt has failed".to_owned(),
        Some(count) => format!("{count} attempts have failed"),
    };
    let next = notice.next_try_at.as_ref().map(|next| next.0.duration_since(now)).filter(SignedDuration::is_positive);
    let next = next.map_or_else(|| "now".to_owned(), |wait| format!("in {}", how_long(wait)));
    format!(": {tries}{why}, the next comes {next}")
}

/// When channels are not alerted.
fn silences(alerts: &AlertsSpec, now: Timestamp) -> Vec<String> {
    let suspended = alerts.suspend_until.as_ref().filter(|until| until.0 > now);
    let suspended = suspended.map(|until| format!("nothing is told until {}.", time(until)));
    let muted = |MutedWindow { cron, duration, time_zone }: &MutedWindow| {
        format!("nothing is told for {duration} from {cron} ({time_zone}).")
    };
    suspended.into_iter().chain(alerts.muted.iter().map(muted)).collect()
}
