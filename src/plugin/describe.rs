//! `kubectl sslmonitor describe`: all that is known of a monitor, in words, for somebody who was just woken.

mod alerts;
mod certificate;
mod page;

use std::collections::BTreeSet;

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};

use self::page::{Page, Section};
use super::{
    care::{Care, care, condition, days_left, end, overdue, word},
    ls::{OPERATOR, style},
};
use crate::{
    alerting::{advise, how_long},
    api::{HistoryEntry, SslMonitor, SslMonitorStatus},
    monitor::{ConditionType, Reason, days_text, find_condition},
    report::sentence,
};

/// Conditions and the status of each that is a problem, by their weight.
const PROBLEMS: [(ConditionType, &str); 8] = [
    (ConditionType::Stalled, "True"),
    (ConditionType::CertificateValid, "False"),
    (ConditionType::Reachable, "False"),
    (ConditionType::Ready, "False"),
    (ConditionType::ServedCertificateMatches, "False"),
    (ConditionType::EndpointsConsistent, "False"),
    (ConditionType::CertificateExpiring, "True"),
    (ConditionType::NotificationsDelivered, "False"),
];

/// The page about a monitor, in lines of at most `width` columns where that is limited.
pub(super) fn describe(monitor: &SslMonitor, width: Option<usize>, now: Timestamp) -> String {
    let nothing = SslMonitorStatus::default();
    let status = monitor.status.as_ref().unwrap_or(&nothing);
    let mut page = Page::new(&headline(monitor, now), style(care(monitor, now)));
    page.add(summary(monitor, now));
    page.add(certificate::served(status, now));
    page.add(certificate::connection(monitor, now));
    page.add(certificate::addresses(status, now));
    page.add(findings(status));
    page.add(conditions(status, now));
    page.add(alerts::alerts(monitor, now));
    page.add(history(status));
    page.render(width)
}

/// `shop/web: the certificate of web.example.com has expired`.
fn headline(monitor: &SslMonitor, now: Timestamp) -> String {
    let place = monitor.spec.place();
    let days = days_left(monitor, now).map(days_text).unwrap_or_default();
    let word = word(monitor, now);
    let news = match care(monitor, now) {
        Care::Off => format!("nobody watches {place}: the monitor is disabled"),
        Care::Pending if word == Reason::Progressing.as_str() => format!("{place} has not been checked yet"),
        Care::Expiring => format!("the certificate of {place} expires in {days}"),
        Care::Well => format!("the certificate of {place} is valid for another {days}"),
        Care::Untold => {
            format!("the certificate of {place} is valid for another {days}, but not all alerts are delivered")
        }
        _ => advise(&word, &place).map_or_else(|| format!("{place}: {word}"), |(headline, _)| headline),
    };
    format!("{}: {news}", object(monitor))
}

/// `shop/web`.
fn object(monitor: &SslMonitor) -> String {
    let [namespace, name] =
        [&monitor.metadata.namespace, &monitor.metadata.name].map(|text| text.as_deref().unwrap_or_default());
    format!("{namespace}/{name}")
}

/// What is wrong, and what to do.
fn summary(monitor: &SslMonitor, now: Timestamp) -> Section {
    let mut section = Section::new("");
    section.add("Because", &because(monitor, now));
    for text in to_do(monitor, now) {
        section.add("To do", &text);
    }
    section.add_some(
        "Stale",
        overdue(monitor, now).map(|late| {
            let late = how_long(late);
            format!("The check that was due {late} ago has not been made: see whether the operator runs ({OPERATOR}).")
        }),
    );
    section
}

fn because(monitor: &SslMonitor, now: Timestamp) -> String {
    let summary = monitor.status.as_ref().and_then(|status| status.summary.as_deref());
    match end(monitor) {
        Some(end) if summary.is_some_and(|summary| summary != word(monitor, now)) => {
            format!("it ended on {}, after the last check", time(&Time(end)))
        }
        _ => sentence(monitor).to_owned(),
    }
}

/// What to do about each problem, the worst first.
fn to_do(monitor: &SslMonitor, now: Timestamp) -> Vec<String> {
    let place = monitor.spec.place();
    let mut reasons: Vec<String> = std::iter::once(word(monitor, now)).chain(reasons(monitor, now)).collect();
    let mut seen = BTreeSet::new();
    reasons.retain(|reason| monitor.spec.enabled && seen.insert(reason.clone()));
    let advice = reasons.iter().filter_map(|reason| advise(reason, &place)).enumerate();
    let told = advice.map(|(index, (headline, advice))| match index {
        // The page has its headline already.
        0 => advice.to_owned(),
        _ => format!("{advice} ({headline})"),
    });
    told.collect()
}

/// The reasons of all conditions that are problems. That a certificate is about to end is none once it is bad anyway.
fn reasons(monitor: &SslMonitor, now: Timestamp) -> impl Iterator<Item = String> + '_ {
    let is_bad = care(monitor, now) == Care::Invalid;
    let problems = PROBLEMS.iter().filter(move |(kind, _)| !(is_bad && *kind == ConditionType::CertificateExpiring));
    let bad = |(kind, bad): &(ConditionType, &str)| condition(monitor, *kind).filter(|(status, _)| status == bad);
    problems.filter_map(bad).map(|(_, reason)| reason.to_owned())
}

fn findings(status: &SslMonitorStatus) -> Section {
    let mut section = Section::new("Findings");
    for finding in &status.findings {
        section.add(&finding.severity, &format!("{}: {}", finding.type_, finding.message));
    }
    section
}

fn conditions(status: &SslMonitorStatus, now: Timestamp) -> Section {
    let mut section = Section::new("Conditions");
    let known = ConditionType::ALL.iter().filter_map(|kind| find_condition(&status.conditions, *kind));
    for condition in known {
        section.add(&condition.type_, &stated(condition, now));
    }
    section
}

/// `False, Expired, for 3 hours: it expired on …`.
fn stated(condition: &Condition, now: Timestamp) -> String {
    let Condition { status, reason, message, last_transition_time, .. } = condition;
    let since = how_long(now.duration_since(last_transition_time.0));
    let message = if message.is_empty() { String::new() } else { format!(": {message}") };
    format!("{status}, {reason}, for {since}{message}")
}

fn history(status: &SslMonitorStatus) -> Section {
    let mut section = Section::new("History");
    for entry in &status.history {
        section.add(&time(&entry.checked_at), &became(entry));
    }
    section
}

/// `Expired, 2 days after its end, SHA256:5E:AC:2D:1F…`.
fn became(entry: &HistoryEntry) -> String {
    let left = entry.days_until_expiry.map(|days| format!(", {}", left(days)));
    let which = entry.fingerprint.as_deref().map(|fingerprint| format!(", {}", short(fingerprint)));
    [Some(entry.summary.clone()), left, which].into_iter().flatten().collect()
}

/// `10 days left`, or `ended 2 days ago`.
fn left(days: i32) -> String {
    match days {
        // Rounded down: the second day after the end has begun at -2.
        ..0 => format!("ended {} ago", days_text(days.saturating_add(1).saturating_abs())),
        days => format!("{} left", days_text(days)),
    }
}

/// The beginning of a fingerprint: enough to tell certificates apart at a glance.
fn short(fingerprint: &str) -> String {
    let prefix = "SHA256:".len() + "5E:AC:2D:1F:00:6C:9F:0B".len();
    fingerprint
        .char_indices()
        .nth(prefix)
        .map_or_else(|| fingerprint.to_owned(), |(end, _)| format!("{}…", &fingerprint[..end]))
}

/// In UTC, to the minute.
fn time(time: &Time) -> String {
    time.0.strftime("%Y-%m-%d %H:%M UTC").to_string()
}

#[cfg(test)]
mod tests;
