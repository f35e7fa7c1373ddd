//! The decision: from what is known to what the status says.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};

use super::{
    certificate::status_of,
    conditions::{ConditionType, Reason, find, message},
    due::{next_bundle_look, next_check},
    events::{Announcement, announcements},
    statements::{broken, conditions},
    target::Stall,
};
use crate::{
    api::{CertificateStatus, HistoryEntry, MAX_HISTORY, SslMonitor, SslMonitorStatus, TlsStatus},
    probe::Observation,
};

/// The schema's bound of `consecutiveFailures`.
const MAX_FAILURES: i32 = 1_000_000;
/// The schema's bound of `responseTimeMs`.
const MAX_RESPONSE_MS: i32 = 600_000;

/// Everything that a decision depends on.
#[derive(Debug, Clone, Copy)]
pub struct Input<'a> {
    /// The monitor: metadata and spec. Its own status is not looked at.
    pub monitor: &'a SslMonitor,
    /// The newest status that is known, which may be newer than the one in `monitor`.
    pub status: Option<&'a SslMonitorStatus>,
    /// What came of looking at the target.
    pub outcome: Outcome<'a>,
    /// What is wrong with the CA bundle, if anything.
    pub bundle: Option<&'a BundleProblem>,
    /// How the link to the Service stands.
    pub service: &'a ServiceLink,
    /// The request that the probe was made for: the annotation as it was before. A later one asks for another probe.
    pub request: Option<&'a str>,
    /// The time, in whole seconds.
    pub now: Timestamp,
}

/// What came of looking at the target.
#[derive(Debug, Clone, Copy)]
pub enum Outcome<'a> {
    /// It was not looked at: the spec was just seen, the monitor is disabled, or only something beside the target changed.
    NotProbed,
    /// It was probed.
    Probed(&'a Observation),
    /// It can never be probed.
    Stalled(&'a Stall),
}

/// What is wrong with the CA bundle that a monitor names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BundleProblem {
    /// Which kind of problem.
    pub kind: BundleProblemKind,
    /// What is wrong and what to do, in one sentence.
    pub message: String,
}

/// The kinds of problems with a CA bundle.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum BundleProblemKind {
    /// The ConfigMap or Secret does not exist.
    NotFound,
    /// It has no such key.
    KeyNotFound,
    /// The value is empty, or is no list of PEM certificates.
    Invalid,
    /// The Secret lacks the label that allows its use.
    NotAllowed,
    /// The operator may not read it.
    Forbidden,
    /// It could not be read for a passing reason.
    Unavailable,
}

/// How the link to the Service of `serviceRef` stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ServiceLink {
    /// The monitor names no Service, or Services are not looked at (`sslmonitor check`).
    None,
    /// It is not known yet.
    Unknown,
    /// The Service exists.
    Found,
    /// The Service does not exist.
    Missing,
    /// The Service exists, and may not be written to; the text says why.
    Forbidden(String),
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// The status to write.
    pub status: SslMonitorStatus,
    /// What to announce once the status is written.
    pub announcements: Vec<Announcement>,
    /// When to look at the monitor again; `None` when only a change of it can bring it back.
    pub wake: Option<Timestamp>,
}

/// Decide what the status says, what is announced, and when to look again. Total: whatever the input, there is a plan.
pub fn decide(input: Input<'_>) -> Plan {
    let mut status = observed(&input);
    status.conditions = conditions(&input, &status);
    status.summary = Some(summary(&status.conditions));
    status.observed_generation = input.monitor.metadata.generation;
    status.port = Some(input.monitor.spec.port().into());
    remember(&input, &mut status);
    let wake = wake(&input, &status);
    Plan { announcements: announcements(input.status, &status), wake, status }
}

/// The fields that speak of the target: taken from the probe where there was one, kept otherwise.
fn observed(input: &Input<'_>) -> SslMonitorStatus {
    let old = input.status.cloned().unwrap_or_default();
    match input.outcome {
        Outcome::Probed(observation) if input.monitor.spec.enabled => probed(input, observation, old),
        _ if !input.monitor.spec.enabled => SslMonitorStatus { next_check_at: None, consecutive_failures: None, ..old },
        Outcome::Stalled(_) => SslMonitorStatus { next_check_at: None, ..old },
        _ => old,
    }
}

fn probed(input: &Input<'_>, observation: &Observation, old: SslMonitorStatus) -> SslMonitorStatus {
    let failures = match broken(observation) {
        Some(_) => old.consecutive_failures.unwrap_or(0).saturating_add(1).min(MAX_FAILURES),
        None => 0,
    };
    let certificate = certificate(input, observation, old.certificate);
    let not_after = certificate.as_ref().and_then(|certificate| certificate.valid_to.as_ref()).map(|end| end.0);
    let session = observation.session.as_ref().map(|session| TlsStatus {
        version: session.version.to_owned(),
        cipher_suite: session.cipher_suite.clone(),
        group: session.group.clone(),
    });
    let millis = i32::try_from(observation.timings.total.as_millis()).unwrap_or(MAX_RESPONSE_MS);
    SslMonitorStatus {
        last_checked_at: Some(Time(input.now)),
        next_check_at: Some(Time(next_check(input.monitor, failures, not_after, input.now))),
        response_time_ms: Some(millis.min(MAX_RESPONSE_MS)),
        address: observation.address.map(|address| address.to_string()),
        tls: session.or(old.tls),
        consecutive_failures: (failures > 0).then_some(failures),
        last_handled_request_at: input.request.map(ToOwned::to_owned).or(old.last_handled_request_at),
        certificate,
        ..old
    }
}

/// The certificate to show: the one just seen; the last one when none was seen. One that was seen without a fault in a handshake
/// that then broke off is unproven, and does not replace a proven one.
fn certificate(
    input: &Input<'_>,
    observation: &Observation,
    old: Option<CertificateStatus>,
) -> Option<CertificateStatus> {
    let Some(presented) = &observation.presented else { return old };
    let is_proven = broken(observation).is_none();
    if !is_proven && !presented.verdict.is_faulty() && old.is_some() {
        return old;
    }
    Some(status_of(presented, is_proven && presented.verdict.is_valid(), input.now))
}

/// The worst of the conditions in one word.
fn summary(conditions: &[Condition]) -> String {
    use ConditionType::{CertificateExpiring, CertificateValid, Reachable, Ready, Stalled};
    let reason = |kind: ConditionType, status: &str| {
        find(conditions, kind).filter(|condition| condition.status == status).map(|condition| condition.reason.clone())
    };
    let disabled = reason(Ready, "True").filter(|reason| reason == Reason::Disabled.as_str());
    let current = reason(Stalled, "True").or(disabled).or_else(|| reason(Reachable, "False"));
    let result = current.or_else(|| reason(CertificateValid, "False")).or_else(|| reason(Ready, "False"));
    let lesser = result.or_else(|| reason(CertificateValid, "Unknown")).or_else(|| reason(CertificateExpiring, "True"));
    lesser.or_else(|| reason(CertificateValid, "True")).unwrap_or_else(|| Reason::Progressing.as_str().to_owned())
}

/// Note a change of the result in the history.
fn remember(input: &Input<'_>, status: &mut SslMonitorStatus) {
    let (Outcome::Probed(observation), true) = (input.outcome, input.monitor.spec.enabled) else { return };
    let valid = find(&status.conditions, ConditionType::CertificateValid).map(|condition| condition.status.as_str());
    let certificate = status.certificate.as_ref().filter(|_| observation.presented.is_some());
    let entry = HistoryEntry {
        checked_at: Time(input.now),
        summary: status.summary.clone().unwrap_or_default(),
        is_valid: valid.filter(|status| *status != "Unknown").map(|status| status == "True"),
        days_until_expiry: certificate.and_then(|certificate| certificate.days_until_expiry),
        fingerprint: certificate.and_then(|certificate| certificate.fingerprint.clone()),
    };
    let is_change = status.history.first().is_none_or(|last| {
        (&last.summary, &last.fingerprint, last.is_valid) != (&entry.summary, &entry.fingerprint, entry.is_valid)
    });
    if is_change {
        status.history.insert(0, entry);
        status.history.truncate(MAX_HISTORY);
    }
}

/// When to look again: at the next check, or earlier where something is missing.
fn wake(input: &Input<'_>, status: &SslMonitorStatus) -> Option<Timestamp> {
    if !input.monitor.spec.enabled || matches!(input.outcome, Outcome::Stalled(_)) {
        return None;
    }
    let next = status.next_check_at.as_ref().map(|next| next.0);
    next.into_iter().chain(next_bundle_look(status, input.now)).min().or(Some(input.now))
}

// === impl BundleProblem ===

impl BundleProblem {
    /// Whether it is the same problem; told messages may have been cut.
    pub fn is_same(&self, told: &Self) -> bool {
        self.kind == told.kind && message(self.message.clone()) == message(told.message.clone())
    }
}

// === impl BundleProblemKind ===

impl BundleProblemKind {
    /// Every kind.
    pub const ALL: [Self; 6] =
        [Self::NotFound, Self::KeyNotFound, Self::Invalid, Self::NotAllowed, Self::Forbidden, Self::Unavailable];
}

impl From<BundleProblemKind> for Reason {
    fn from(kind: BundleProblemKind) -> Self {
        match kind {
            BundleProblemKind::NotFound => Self::CaBundleNotFound,
            BundleProblemKind::KeyNotFound => Self::CaBundleKeyNotFound,
            BundleProblemKind::Invalid => Self::CaBundleInvalid,
            BundleProblemKind::NotAllowed => Self::CaBundleNotAllowed,
            BundleProblemKind::Forbidden => Self::Forbidden,
            BundleProblemKind::Unavailable => Self::CaBundleUnavailable,
        }
    }
}
