//! When a monitor is to be checked: what is due now and why, and when the next check is.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use super::{
    conditions::{ConditionType, find},
    referents::told_of,
};
use crate::api::{REQUESTED_AT_ANNOTATION, SslMonitor, SslMonitorStatus};

/// The first back-off after a failed check; it doubles with each further one.
const FIRST_BACKOFF: Duration = Duration::from_secs(30);
/// A last check this far in the future means that the clock was stepped back: check now.
const CLOCK_TOLERANCE: SignedDuration = SignedDuration::from_mins(5);
/// How long something missing is looked for at the short pace.
const SHORT_RETRY_SPAN: SignedDuration = SignedDuration::from_mins(5);
/// The pace at which something missing is looked for at first.
const SHORT_RETRY: SignedDuration = SignedDuration::from_secs(30);
/// The pace at which something missing is looked for later.
const LONG_RETRY: SignedDuration = SignedDuration::from_mins(5);
/// The longest value of the request annotation that is echoed, in bytes.
const MAX_REQUEST: usize = 256;

/// Why a check is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Cause {
    /// The spec has not been checked yet.
    NewGeneration,
    /// The annotation `sslmonitor.io/requestedAt` asks for it.
    Requested,
    /// The time of the next check has passed, for example while the operator was away.
    Overdue,
}

/// When a monitor is to be checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Due {
    /// At once, for this cause.
    Now(Cause),
    /// At this time.
    At(Timestamp),
    /// Not until something changes: it is disabled or stalled.
    Never,
}

/// When this monitor is to be checked next, by its newest status.
pub fn due(monitor: &SslMonitor, status: Option<&SslMonitorStatus>, now: Timestamp) -> Due {
    let stalled = status.is_some_and(|status| find(&status.conditions, ConditionType::Stalled).is_some());
    if !monitor.spec.enabled || (stalled && has_settled(monitor, status)) {
        return Due::Never;
    }
    let Some(status) = status.filter(|_| has_settled(monitor, status)) else {
        return Due::Now(Cause::NewGeneration);
    };
    if requested_at(monitor).is_some_and(|request| status.last_handled_request_at.as_deref() != Some(request)) {
        return Due::Now(Cause::Requested);
    }
    match (&status.last_checked_at, &status.next_check_at) {
        (Some(last), _) if is_ahead(last.0, now) => Due::Now(Cause::Overdue),
        // Whoever edits the status cannot put the next check off beyond what the interval allows.
        (Some(last), Some(next)) if next.0.min(latest(monitor, last.0)) > now => {
            Due::At(next.0.min(latest(monitor, last.0)))
        }
        _ => Due::Now(Cause::Overdue),
    }
}

/// Whether a last check lies so far ahead that the clock must have been stepped back since.
pub fn is_ahead(last_check: Timestamp, now: Timestamp) -> bool {
    last_check > now.saturating_add(CLOCK_TOLERANCE).unwrap_or(now)
}

/// The latest time of the next check after one at `last`.
fn latest(monitor: &SslMonitor, last: Timestamp) -> Timestamp {
    after(last, monitor.spec.interval() * 11 / 10)
}

/// Whether the status speaks of the current generation and its first check has ended (or none is to be made).
pub fn has_settled(monitor: &SslMonitor, status: Option<&SslMonitorStatus>) -> bool {
    let progressing = |status: &SslMonitorStatus| {
        find(&status.conditions, ConditionType::Ready).is_none_or(|ready| ready.reason == "Progressing")
    };
    is_introduced(monitor, status) && status.is_some_and(|status| !progressing(status))
}

/// Whether the status speaks of the current generation at all, with every condition that is always there: what has to be
/// written before the target is looked at, and what is written anew when someone has removed it.
pub fn is_introduced(monitor: &SslMonitor, status: Option<&SslMonitorStatus>) -> bool {
    use ConditionType::{CertificateExpiring, CertificateValid, Reachable, Ready};
    let always = [Ready, Reachable, CertificateValid, CertificateExpiring];
    status.is_some_and(|status| {
        let is_complete = always.iter().all(|kind| find(&status.conditions, *kind).is_some());
        is_complete && status.observed_generation == monitor.metadata.generation
    })
}

/// When to look again for what the monitor names and is missing by this status; `None` when nothing is.
pub fn next_look_for(status: &SslMonitorStatus, now: Timestamp) -> Option<Timestamp> {
    told_of(status).map(|ready| next_look(ready.last_transition_time.0, now))
}

/// The value of the request annotation, cut to what is echoed.
pub fn requested_at(monitor: &SslMonitor) -> Option<&str> {
    annotated(&monitor.metadata, REQUESTED_AT_ANNOTATION)
}

/// The value of an annotation that asks for something, cut to what is echoed.
pub(super) fn annotated<'a>(metadata: &'a ObjectMeta, name: &str) -> Option<&'a str> {
    let value = metadata.annotations.as_ref()?.get(name)?;
    Some(&value[..value.floor_char_boundary(MAX_REQUEST)])
}

/// When the next check is due after one that ended `now`.
///
/// After a completed one: the interval moved by up to a tenth either way, by a hash of the uid, so that monitors created together
/// drift apart; or earlier, at the first of `moments` from which on something else is to be said. After a failure: 30 s, 1 m, 2 m…,
/// up to the interval.
pub(super) fn next_check(monitor: &SslMonitor, failures: i32, moments: &[Timestamp], now: Timestamp) -> Timestamp {
    let interval = spread(monitor.spec.interval(), monitor.metadata.uid.as_deref().unwrap_or_default());
    let wait = if failures > 0 { backoff(failures).min(interval) } else { interval };
    moments.iter().copied().filter(|moment| *moment > now).fold(after(now, wait), Timestamp::min)
}

/// When to look again for something that is missing since `since`: soon at first, later at leisure.
pub(super) fn next_look(since: Timestamp, now: Timestamp) -> Timestamp {
    let is_recent = now.duration_since(since) < SHORT_RETRY_SPAN;
    now.saturating_add(if is_recent { SHORT_RETRY } else { LONG_RETRY }).unwrap_or(Timestamp::MAX)
}

fn backoff(failures: i32) -> Duration {
    let doublings = u32::try_from(failures - 1).unwrap_or(0).min(16);
    FIRST_BACKOFF * 2u32.pow(doublings)
}

/// Move an interval by up to a tenth either way, always the same for the same uid.
fn spread(interval: Duration, uid: &str) -> Duration {
    let fraction = u32::try_from(hash(uid) % 2001).unwrap_or(0);
    interval * (9000 + fraction) / 10_000
}

/// FNV-1a, 64 bit: small, and the same in every release, unlike the standard library's hasher.
fn hash(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

pub(super) fn after(now: Timestamp, wait: Duration) -> Timestamp {
    let wait = SignedDuration::try_from(wait).unwrap_or(SignedDuration::MAX);
    now.saturating_add(wait).unwrap_or(Timestamp::MAX)
}
