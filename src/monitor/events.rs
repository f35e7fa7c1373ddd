//! What is announced: transitions between two lists of conditions, and a change of the served certificate.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;

use super::{
    conditions::{ConditionType, cut, find},
    history::is_known,
};
use crate::api::{CertificateStatus, SslMonitorStatus};

/// The longest note of an Event, in bytes (k8s.io/kubernetes pkg/apis/core/validation/events.go).
const MAX_NOTE: usize = 1024;

/// The Event of a certificate that was not seen lately.
pub const CERTIFICATE_CHANGED: &str = "CertificateChanged";
/// The Event of a test message that a channel's receiver took.
pub const TEST_DELIVERED: &str = "TestDelivered";
/// The Event of one that it did not take.
pub const TEST_FAILED: &str = "TestFailed";

/// Something worth telling: becomes one Event and one log line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Announcement {
    /// How bad it is.
    pub severity: Severity,
    /// The Event's reason: the condition's new reason, or one of the constants above.
    pub reason: String,
    /// What happened, in a sentence of at most 1024 bytes.
    pub note: String,
}

/// How bad an announcement is: the type of its Event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    /// Good or neutral news.
    Normal,
    /// Something needs attention.
    Warning,
}

impl Severity {
    /// The type of the Event.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Normal => "Normal",
            Self::Warning => "Warning",
        }
    }
}

/// What changed from the old status to the new one, in the order of the condition types.
pub(super) fn announcements(
    old: Option<&SslMonitorStatus>,
    new: &SslMonitorStatus,
    now: Timestamp,
) -> Vec<Announcement> {
    let before = old.map(|status| status.conditions.as_slice()).unwrap_or_default();
    let transitions = new.conditions.iter().filter_map(|condition| transition(before, condition));
    let renewal = old.and_then(|old| renewal(old, new.certificate.as_ref()?, now));
    let mut all: Vec<Announcement> = transitions.chain(renewal).collect();
    // The end of a certificate is told once: CertificateValid says Expired, and so does CertificateExpiring.
    let mut told: Vec<String> = Vec::new();
    all.retain(|announcement| {
        let is_new = !told.contains(&announcement.reason);
        told.push(announcement.reason.clone());
        is_new
    });
    all
}

/// The announcement of a condition that is not as it was, if it is one that is told.
pub(super) fn transition(before: &[Condition], condition: &Condition) -> Option<Announcement> {
    let kind = ConditionType::ALL.into_iter().find(|kind| kind.as_str() == condition.type_)?;
    let old = find(before, kind);
    let was = old.map_or("Unknown", |old| old.status.as_str());
    let is_same = old.is_some_and(|old| old.status == condition.status && old.reason == condition.reason);
    let severity = severity(kind, was, condition)?;
    (!is_same).then(|| Announcement {
        severity,
        reason: condition.reason.clone(),
        note: cut(condition.message.clone(), MAX_NOTE),
    })
}

/// Which new states are told, and how. Good news is told only where there was bad news, or where it is the first result.
fn severity(kind: ConditionType, was: &str, condition: &Condition) -> Option<Severity> {
    use ConditionType::{
        CertificateExpiring, CertificateValid, EndpointsConsistent, NotificationsDelivered, Reachable, Ready,
        ServedCertificateMatches,
    };
    match (kind, was, condition.status.as_str(), condition.reason.as_str()) {
        (_, _, _, "Progressing") => None,
        (Ready, _, "True", "Disabled" | "Suspended")
        | (CertificateValid, _, "True", _)
        | (
            Ready | Reachable | EndpointsConsistent | ServedCertificateMatches | NotificationsDelivered,
            "False",
            "True",
            _,
        )
        | (CertificateExpiring, "True", "False", _) => Some(Severity::Normal),
        (
            Ready
            | Reachable
            | CertificateValid
            | EndpointsConsistent
            | ServedCertificateMatches
            | NotificationsDelivered,
            _,
            "False",
            _,
        )
        | (CertificateExpiring, _, "True", _) => Some(Severity::Warning),
        (CertificateValid, "True" | "False", "Unknown", reason) if reason != "Disabled" => Some(Severity::Warning),
        _ => None,
    }
}

/// The announcement of a certificate that was not seen lately.
fn renewal(old: &SslMonitorStatus, new: &CertificateStatus, now: Timestamp) -> Option<Announcement> {
    let (before, after) = (old.certificate.as_ref()?.fingerprint.as_ref()?, new.fingerprint.as_ref()?);
    let until = new.valid_to.as_ref().map_or(String::new(), |end| format!(", valid until {}", end.0));
    let issuer = new.issuer.as_ref().map_or(String::new(), |issuer| format!(", issued by {issuer}"));
    (before != after && !is_known(&old.history, after, now)).then(|| Announcement {
        severity: Severity::Normal,
        reason: CERTIFICATE_CHANGED.to_owned(),
        note: cut(format!("another certificate is served: {after}{issuer}{until}"), MAX_NOTE),
    })
}
