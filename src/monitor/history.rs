//! What was seen before: the changes of the result, and which certificates are no news.

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use super::{
    conditions::{ConditionType, find},
    decide::{Input, Outcome},
};
use crate::api::{HistoryEntry, MAX_HISTORY, SslMonitorStatus};

/// How long after it was replaced a certificate that comes back is no news: servers that differ take turns behind one name for as long
/// as nobody mends that. Later, somebody has put an old certificate back.
const KNOWN_FOR: SignedDuration = SignedDuration::from_hours(7 * 24);

/// Whether this certificate was seen lately: it is the last of the history, or was replaced in it within seven days before `now`.
pub(super) fn is_known(history: &[HistoryEntry], fingerprint: &str, now: Timestamp) -> bool {
    let is_it = |entry: &HistoryEntry| entry.fingerprint.as_deref() == Some(fingerprint);
    let Some(position) = history.iter().position(is_it) else { return false };
    let successor = history[..position].iter().rfind(|entry| entry.fingerprint.is_some());
    successor.is_none_or(|successor| now.duration_since(successor.checked_at.0) < KNOWN_FOR)
}

/// Note a change of the result in the history.
pub(super) fn remember(input: &Input<'_>, status: &mut SslMonitorStatus) {
    let has_seen = match input.outcome {
        _ if !input.monitor.spec.enabled => return,
        Outcome::Probed(observation) => observation.presented.is_some(),
        Outcome::Withheld(_) => false,
        Outcome::NotProbed | Outcome::Stalled(_) => return,
    };
    let entry = entry(status, has_seen, input.now);
    let is_same = |last: &HistoryEntry| {
        let is_known = || entry.fingerprint.as_deref().is_some_and(|it| is_known(&status.history, it, input.now));
        let has_same_result = (&last.summary, last.is_valid) == (&entry.summary, entry.is_valid);
        has_same_result && (last.fingerprint == entry.fingerprint || is_known())
    };
    if !status.history.first().is_some_and(is_same) {
        status.history.insert(0, entry);
        status.history.truncate(MAX_HISTORY);
    }
}

/// The result as it is now.
fn entry(status: &SslMonitorStatus, has_seen: bool, now: Timestamp) -> HistoryEntry {
    let valid = find(&status.conditions, ConditionType::CertificateValid).map(|condition| condition.status.as_str());
    let certificate = status.certificate.as_ref().filter(|_| has_seen);
    HistoryEntry {
        checked_at: Time(now),
        summary: status.summary.clone().unwrap_or_default(),
        is_valid: valid.filter(|status| *status != "Unknown").map(|status| status == "True"),
        days_until_expiry: certificate.and_then(|certificate| certificate.days_until_expiry),
        fingerprint: certificate.and_then(|certificate| certificate.fingerprint.clone()),
    }
}
