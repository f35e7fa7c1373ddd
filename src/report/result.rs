//! What a status means to the one who asked: good or bad, and why.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;

use crate::{
    api::{SslMonitor, SslMonitorStatus},
    monitor::{ConditionType, find_condition},
};

/// What a status means to the one who asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The certificate is valid for long enough, and nothing else is wrong.
    Good,
    /// Something is wrong.
    Bad,
    /// The monitor is disabled.
    Skipped,
}

/// Conditions by how much they matter to people: the first that has the summary's reason explains it.
const BY_WEIGHT: [ConditionType; 7] = [
    ConditionType::Stalled,
    ConditionType::Reachable,
    ConditionType::CertificateValid,
    ConditionType::ServedCertificateMatches,
    ConditionType::EndpointsConsistent,
    ConditionType::CertificateExpiring,
    ConditionType::Ready,
];

/// Whether a checked monitor is good.
pub fn verdict(monitor: &SslMonitor) -> Verdict {
    if !monitor.spec.enabled {
        return Verdict::Skipped;
    }
    let status_of = |kind| find_condition(conditions(monitor), kind).map(|condition| condition.status.as_str());
    let wanted = [
        (ConditionType::Ready, "True"),
        (ConditionType::CertificateValid, "True"),
        (ConditionType::CertificateExpiring, "False"),
    ];
    // Those that are not always there.
    let others =
        [ConditionType::Reachable, ConditionType::EndpointsConsistent, ConditionType::ServedCertificateMatches];
    let is_rest_well = others.iter().all(|kind| status_of(*kind).is_none_or(|status| status == "True"));
    let is_good = is_rest_well && wanted.iter().all(|(kind, status)| status_of(*kind) == Some(*status));
    if is_good { Verdict::Good } else { Verdict::Bad }
}

/// The result in one word.
pub fn summary(monitor: &SslMonitor) -> &str {
    status(monitor).and_then(|status| status.summary.as_deref()).unwrap_or_default()
}

/// The result in one sentence: the message of the condition that the summary comes from.
pub fn sentence(monitor: &SslMonitor) -> &str {
    let conditions = conditions(monitor);
    let of_summary = |kind: &ConditionType| {
        find_condition(conditions, *kind).filter(|condition| condition.reason == summary(monitor))
    };
    BY_WEIGHT.iter().find_map(of_summary).map(|condition| condition.message.as_str()).unwrap_or_default()
}

pub(super) fn status(monitor: &SslMonitor) -> Option<&SslMonitorStatus> {
    monitor.status.as_ref()
}

fn conditions(monitor: &SslMonitor) -> &[Condition] {
    status(monitor).map(|status| status.conditions.as_slice()).unwrap_or_default()
}
