//! The decision: from what is known to what the status says.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};

use super::{
    alerts::{self, Channels, Told, crossings, lifetime_of},
    certificate::status_of,
    clock::forgiven,
    conditions::{ConditionType, Reason, find},
    due::{next_check, next_look_for},
    endpoints::{broken, earliest_expiry, incomplete, is_sound, listed},
    events::{Announcement, announcements},
    findings::findings,
    history::remember,
    referents::{ExpectedCertificate, ProblemKind, Referent, ReferentProblem, expected_secret},
    statements::{conditions, notified::restate},
    target::Stall,
};
use crate::{
    api::{CertificateStatus, ExpectedCertificateStatus, SslMonitor, SslMonitorStatus, TlsStatus},
    probe::{Observation, Presented},
};

/// The schema's bound of `consecutiveFailures`.
const MAX_FAILURES: i32 = 1_000_000;
/// The schema's bound of `endpointCount`.
const MAX_COUNT: i32 = 100_000;
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
    /// What is wrong with what the monitor names; the first is the reason that is told.
    pub problems: &'a [ReferentProblem],
    /// The certificate that should be served, where a Secret says so and it was looked at.
    pub expected: Option<&'a ExpectedCertificate>,
    /// How the link to the Service stands.
    pub service: &'a ServiceLink,
    /// The channels that the monitor names.
    pub channels: Channels<'a>,
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
    /// It was not probed because something is missing without which that would be wrong: a proxy is a promise to go no other way.
    Withheld(&'a ReferentProblem),
    /// It can never be probed.
    Stalled(&'a Stall),
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
    /// When to decide anew without a probe, because there may be more to tell; `None` when only a change can bring that.
    pub tell: Option<Timestamp>,
}

/// Decide what the status says, what is announced, and when to look again. Total: whatever the input, there is a plan.
pub fn decide(input: Input<'_>) -> Plan {
    match input.outcome {
        Outcome::Probed(observation) => {
            let observation = forgiven(observation, input.now);
            plan(Input { outcome: Outcome::Probed(&observation), ..input })
        }
        _ => plan(input),
    }
}

fn plan(input: Input<'_>) -> Plan {
    let mut status = observed(&input);
    status.conditions = conditions(&input, &status);
    status.summary = Some(summary(&status.conditions));
    status.observed_generation = input.monitor.metadata.generation;
    status.port = Some(input.monitor.spec.port().into());
    let Told { notifications, wake: tell } = alerts::tell(&input, &status);
    status.notifications = notifications;
    restate(&input, &mut status);
    remember(&input, &mut status);
    let wake = wake(&input, &status);
    Plan { announcements: announcements(input.status, &status, input.now), wake, tell, status }
}

/// The fields that speak of the target: taken from the probe where there was one, kept otherwise.
fn observed(input: &Input<'_>) -> SslMonitorStatus {
    let old = input.status.cloned().unwrap_or_default();
    match input.outcome {
        _ if !input.monitor.spec.enabled => SslMonitorStatus { next_check_at: None, consecutive_failures: None, ..old },
        Outcome::Probed(observation) => probed(input, observation, old),
        Outcome::Withheld(_) => looked(input, old.consecutive_failures.unwrap_or(0), old),
        Outcome::Stalled(_) => SslMonitorStatus { next_check_at: None, ..old },
        Outcome::NotProbed => old,
    }
}

/// The fields that speak of a check that has ended, whatever it saw.
fn looked(input: &Input<'_>, failures: i32, old: SslMonitorStatus) -> SslMonitorStatus {
    let moments = moments(input, &old);
    SslMonitorStatus {
        last_checked_at: Some(Time(input.now)),
        next_check_at: Some(Time(next_check(input.monitor, failures, &moments, input.now))),
        consecutive_failures: (failures > 0).then_some(failures),
        last_handled_request_at: input.request.map(ToOwned::to_owned).or(old.last_handled_request_at),
        expected_certificate: expected_certificate(input, old.expected_certificate),
        ..old
    }
}

fn probed(input: &Input<'_>, observation: &Observation, mut old: SslMonitorStatus) -> SslMonitorStatus {
    let failures = match broken(observation) {
        Some(_) => old.consecutive_failures.unwrap_or(0).saturating_add(1).min(MAX_FAILURES),
        None => 0,
    };
    if let Some(presented) = shown(observation, old.certificate.as_ref()) {
        old.certificate = Some(status_of(presented, is_sound(observation), input.now));
        old.earliest_expiry = earliest_expiry(observation, old.earliest_expiry.as_ref());
        old.findings = findings(observation, presented);
    }
    let session = observation.session.as_ref().map(|session| TlsStatus {
        version: session.version.to_owned(),
        cipher_suite: session.cipher_suite.clone(),
        group: session.group.clone(),
    });
    let millis = i32::try_from(observation.timings.total.as_millis()).unwrap_or(MAX_RESPONSE_MS);
    let count = i32::try_from(observation.endpoint_count).unwrap_or(MAX_COUNT).min(MAX_COUNT);
    let old = SslMonitorStatus {
        response_time_ms: Some(millis.min(MAX_RESPONSE_MS)),
        address: observation.address.map(|address| address.to_string()),
        tls: session.or(old.tls),
        endpoints: listed(observation),
        endpoint_count: (count > 0).then_some(count),
        ..old
    };
    looked(input, failures, old)
}

/// The certificate to show, with the findings about it, unless that is the last one, because none was seen. One that was seen without
/// a fault in a handshake that then broke off is unproven, and does not replace a proven one.
fn shown<'a>(observation: &'a Observation, old: Option<&CertificateStatus>) -> Option<&'a Presented> {
    let presented = observation.presented.as_ref()?;
    let is_worth = incomplete(observation).is_none() || presented.verdict.is_faulty() || old.is_none();
    is_worth.then_some(presented)
}

/// The certificate in the Secret of `expect`; the last one where that could not be read for a passing reason.
fn expected_certificate(
    input: &Input<'_>,
    old: Option<ExpectedCertificateStatus>,
) -> Option<ExpectedCertificateStatus> {
    expected_secret(&input.monitor.spec)?;
    let is_passing = |problem: &ReferentProblem| {
        problem.what == Referent::ExpectedCertificate && problem.kind == ProblemKind::Unavailable
    };
    let found = input.expected.map(|expected| ExpectedCertificateStatus {
        fingerprint: expected.fingerprint.clone(),
        valid_from: Time(expected.not_before),
        valid_to: Time(expected.not_after),
    });
    found.or_else(|| old.filter(|_| input.problems.iter().any(is_passing)))
}

/// The moments from which on something else is to be said of a certificate: of the one that is shown, and of the one that ends first.
fn moments(input: &Input<'_>, status: &SslMonitorStatus) -> Vec<Timestamp> {
    let shown = status.certificate.as_ref().and_then(|certificate| certificate.valid_to.as_ref());
    let first = status.earliest_expiry.as_ref().map(|earliest| &earliest.valid_to);
    let lifetime = lifetime_of(status.certificate.as_ref());
    shown.into_iter().chain(first).flat_map(|end| crossings(&input.monitor.spec, lifetime, end.0)).collect()
}

/// The worst of the conditions in one word.
fn summary(conditions: &[Condition]) -> String {
    use ConditionType::{
        CertificateExpiring, CertificateValid, EndpointsConsistent, Reachable, Ready, ServedCertificateMatches, Stalled,
    };
    let reason = |kind: ConditionType, status: &str| {
        find(conditions, kind).filter(|condition| condition.status == status).map(|condition| condition.reason.clone())
    };
    let disabled = reason(Ready, "True").filter(|reason| reason == Reason::Disabled.as_str());
    let current = reason(Stalled, "True").or(disabled).or_else(|| reason(Reachable, "False"));
    let result = current.or_else(|| reason(CertificateValid, "False")).or_else(|| reason(Ready, "False"));
    let unknown = result.or_else(|| reason(CertificateValid, "Unknown"));
    let other = unknown.or_else(|| reason(ServedCertificateMatches, "False"));
    let differing = other.or_else(|| reason(EndpointsConsistent, "False"));
    let lesser = differing.or_else(|| reason(CertificateExpiring, "True"));
    lesser.or_else(|| reason(CertificateValid, "True")).unwrap_or_else(|| Reason::Progressing.as_str().to_owned())
}

/// When to look again: at the next check, or earlier where something is missing.
fn wake(input: &Input<'_>, status: &SslMonitorStatus) -> Option<Timestamp> {
    if !input.monitor.spec.enabled || matches!(input.outcome, Outcome::Stalled(_)) {
        return None;
    }
    let next = status.next_check_at.as_ref().map(|next| next.0);
    next.into_iter().chain(next_look_for(status, input.now)).min().or(Some(input.now))
}
