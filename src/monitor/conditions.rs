//! Condition types and reasons, as closed enums; and the rule by which a condition's transition time moves.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};

use crate::probe::{FailureReason, FaultKind};

/// The longest message of a condition that we write, in bytes; metav1.Condition allows 32,768, people read less.
const MAX_MESSAGE: usize = 2048;

/// The types of conditions of a monitor, in the order in which they are listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ConditionType {
    /// The monitor is configured and observing; says nothing about what it observes.
    Ready,
    /// A new spec is being taken up, or something that the spec names is missing. Present only while true.
    Reconciling,
    /// The monitor can never work as it is configured. Present only while true.
    Stalled,
    /// A TLS handshake with the target came about.
    Reachable,
    /// The served certificate has no fault.
    CertificateValid,
    /// A served certificate expires within alertDays, or has expired. (Negative: true is bad.)
    CertificateExpiring,
    /// All addresses behind the name show the same. Present only when several were looked at.
    EndpointsConsistent,
    /// Every address that answers serves a certificate that should be served. Present only with expect.
    ServedCertificateMatches,
    /// The Service of serviceRef exists and carries the result. Present only with a serviceRef.
    ServiceLinked,
    /// The channels have been told what there was to tell. Present only with notificationChannels.
    NotificationsDelivered,
}

/// The status of a condition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ConditionStatus {
    /// It is so.
    True,
    /// It is not so.
    False,
    /// It is not known.
    Unknown,
}

/// Why a condition has its status: every reason there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reason {
    /// The spec has been seen, and the first check of it has not ended yet.
    Progressing,
    /// The monitor checks its target regularly.
    Monitoring,
    /// `enabled` is false.
    Disabled,
    /// The spec contradicts itself, or was stored before a rule that now refuses it.
    InvalidSpec,
    /// The Service of serviceRef does not exist.
    ServiceNotFound,
    /// The operator may not read or write what the spec asks for (RBAC, or an admission policy refuses it).
    Forbidden,
    /// The ConfigMap or Secret of the CA bundle does not exist.
    CaBundleNotFound,
    /// The ConfigMap or Secret of the CA bundle has no such key.
    CaBundleKeyNotFound,
    /// The CA bundle is empty, or is no list of PEM certificates.
    CaBundleInvalid,
    /// The Secret of the CA bundle lacks the label that allows its use.
    CaBundleNotAllowed,
    /// The CA bundle could not be read for a passing reason (the API server did not answer).
    CaBundleUnavailable,
    /// A Secret that the spec names does not exist.
    SecretNotFound,
    /// A Secret that the spec names has no such key.
    SecretKeyNotFound,
    /// A Secret that the spec names does not hold what it should.
    SecretInvalid,
    /// A Secret that the spec names lacks the label that allows its use.
    SecretNotAllowed,
    /// A Secret that the spec names could not be read for a passing reason (the API server did not answer).
    SecretUnavailable,
    /// The TLS handshake completed.
    Connected,
    /// Some of the addresses behind the name could not be reached.
    PartlyReachable,
    /// The certificate has no fault.
    Valid,
    /// Three checks in a row, or all that there were, saw no certificate.
    ProbeFailed,
    /// The certificate, or that of another address, expires within alertDays.
    ExpiringSoon,
    /// No certificate that is served expires within alertDays.
    NotExpiring,
    /// All addresses show the same.
    Consistent,
    /// The addresses serve different certificates.
    CertificatesDiffer,
    /// The addresses serve the same certificate, and it is not valid at all of them.
    VerdictsDiffer,
    /// Some addresses could not be reached while others answered.
    SomeUnreachable,
    /// What is served is what should be served.
    Matches,
    /// The Secret of expect holds a newer certificate than the one that is served.
    NotReloaded,
    /// The served certificate is newer than the one in the Secret of expect.
    SecretOutdated,
    /// Another certificate is served than those of expect.
    UnexpectedCertificate,
    /// A certificate is served with another public key than those of expect.
    UnexpectedPublicKey,
    /// A certificate is served that has another issuer than those of expect.
    UnexpectedIssuer,
    /// The Service exists and carries the result.
    Linked,
    /// A NotificationChannel that the monitor names does not exist.
    ChannelNotFound,
    /// A NotificationChannel that the monitor names cannot be used as it is.
    ChannelNotReady,
    /// All channels have been told what there is to tell.
    Delivered,
    /// A channel does not take messages at the moment; they are sent again.
    DeliveryFailing,
    /// A channel has refused a message for good.
    DeliveryRefused,
    /// A fault of the certificate.
    Fault(FaultKind),
    /// A failure to complete a handshake.
    Failure(FailureReason),
    /// Of a channel: messages can be sent.
    Configured,
    /// Of a channel: `suspend` is true.
    Suspended,
}

/// What a condition is to say, before it is merged into the list.
pub(super) struct Statement {
    pub(super) kind: ConditionType,
    pub(super) status: ConditionStatus,
    pub(super) reason: Reason,
    pub(super) message: String,
}

/// The condition of this type, if there is one.
pub fn find(conditions: &[Condition], kind: ConditionType) -> Option<&Condition> {
    conditions.iter().find(|condition| condition.type_ == kind.as_str())
}

/// The condition that a statement makes: its transition time is that of the old condition unless the status changes
/// (Kubernetes API conventions, "Typical status properties").
pub(super) fn state(statement: Statement, old: &[Condition], generation: Option<i64>, now: Timestamp) -> Condition {
    let status = statement.status.as_str();
    let since = find(old, statement.kind)
        .filter(|condition| condition.status == status)
        .map_or(Time(now), |condition| condition.last_transition_time.clone());
    Condition {
        type_: statement.kind.as_str().to_owned(),
        status: status.to_owned(),
        reason: statement.reason.as_str().to_owned(),
        message: message(statement.message),
        observed_generation: generation,
        last_transition_time: since,
    }
}

/// A text as the message of a condition.
pub(super) fn message(text: String) -> String {
    cut(text, MAX_MESSAGE)
}

/// Cut a text to at most `max` bytes on a character boundary, with an ellipsis where something was cut.
pub(super) fn cut(mut text: String, max: usize) -> String {
    const ELLIPSIS: &str = "…";
    if text.len() > max {
        text.truncate(text.floor_char_boundary(max - ELLIPSIS.len()));
        text.push_str(ELLIPSIS);
    }
    text
}

// === impl ConditionType ===

impl ConditionType {
    /// Every type, in the order in which they are listed.
    pub const ALL: [Self; 10] = [
        Self::Ready,
        Self::Reconciling,
        Self::Stalled,
        Self::Reachable,
        Self::CertificateValid,
        Self::CertificateExpiring,
        Self::EndpointsConsistent,
        Self::ServedCertificateMatches,
        Self::ServiceLinked,
        Self::NotificationsDelivered,
    ];

    /// The type's name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ready => "Ready",
            Self::Reconciling => "Reconciling",
            Self::Stalled => "Stalled",
            Self::Reachable => "Reachable",
            Self::CertificateValid => "CertificateValid",
            Self::CertificateExpiring => "CertificateExpiring",
            Self::EndpointsConsistent => "EndpointsConsistent",
            Self::ServedCertificateMatches => "ServedCertificateMatches",
            Self::ServiceLinked => "ServiceLinked",
            Self::NotificationsDelivered => "NotificationsDelivered",
        }
    }
}

// === impl ConditionStatus ===

impl ConditionStatus {
    /// The status on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::True => "True",
            Self::False => "False",
            Self::Unknown => "Unknown",
        }
    }
}

// === impl Reason ===

impl Reason {
    /// Every reason that is neither a fault nor a failure.
    const OWN: [Self; 38] = [
        Self::Progressing,
        Self::Monitoring,
        Self::Disabled,
        Self::InvalidSpec,
        Self::ServiceNotFound,
        Self::Forbidden,
        Self::CaBundleNotFound,
        Self::CaBundleKeyNotFound,
        Self::CaBundleInvalid,
        Self::CaBundleNotAllowed,
        Self::CaBundleUnavailable,
        Self::SecretNotFound,
        Self::SecretKeyNotFound,
        Self::SecretInvalid,
        Self::SecretNotAllowed,
        Self::SecretUnavailable,
        Self::Connected,
        Self::PartlyReachable,
        Self::Valid,
        Self::ProbeFailed,
        Self::ExpiringSoon,
        Self::NotExpiring,
        Self::Consistent,
        Self::CertificatesDiffer,
        Self::VerdictsDiffer,
        Self::SomeUnreachable,
        Self::Matches,
        Self::NotReloaded,
        Self::SecretOutdated,
        Self::UnexpectedCertificate,
        Self::UnexpectedPublicKey,
        Self::UnexpectedIssuer,
        Self::Linked,
        Self::ChannelNotFound,
        Self::ChannelNotReady,
        Self::Delivered,
        Self::DeliveryFailing,
        Self::DeliveryRefused,
    ];

    /// The reasons of channels, which docs/reference lists.
    pub const OF_CHANNELS: [Self; 8] = [
        Self::Configured,
        Self::Suspended,
        Self::SecretNotFound,
        Self::SecretNotAllowed,
        Self::SecretInvalid,
        Self::SecretUnavailable,
        Self::Forbidden,
        Self::InvalidSpec,
    ];

    /// Every reason that monitors have, which docs/reference lists.
    pub fn all() -> impl Iterator<Item = Self> {
        let faults = FaultKind::ALL.into_iter().map(Self::Fault);
        let failures = FailureReason::ALL.into_iter().map(Self::Failure);
        Self::OWN.into_iter().chain(faults).chain(failures)
    }

    /// The reason's name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Progressing => "Progressing",
            Self::Monitoring => "Monitoring",
            Self::Disabled => "Disabled",
            Self::InvalidSpec => "InvalidSpec",
            Self::ServiceNotFound => "ServiceNotFound",
            Self::Forbidden => "Forbidden",
            Self::CaBundleNotFound => "CABundleNotFound",
            Self::CaBundleKeyNotFound => "CABundleKeyNotFound",
            Self::CaBundleInvalid => "CABundleInvalid",
            Self::CaBundleNotAllowed => "CABundleNotAllowed",
            Self::CaBundleUnavailable => "CABundleUnavailable",
            Self::SecretNotFound => "SecretNotFound",
            Self::SecretKeyNotFound => "SecretKeyNotFound",
            Self::SecretInvalid => "SecretInvalid",
            Self::SecretNotAllowed => "SecretNotAllowed",
            Self::SecretUnavailable => "SecretUnavailable",
            Self::Connected => "Connected",
            Self::PartlyReachable => "PartlyReachable",
            Self::Valid => "Valid",
            Self::ProbeFailed => "ProbeFailed",
            Self::ExpiringSoon => "ExpiringSoon",
            Self::NotExpiring => "NotExpiring",
            Self::Consistent => "Consistent",
            Self::CertificatesDiffer => "CertificatesDiffer",
            Self::VerdictsDiffer => "VerdictsDiffer",
            Self::SomeUnreachable => "SomeUnreachable",
            Self::Matches => "Matches",
            Self::NotReloaded => "NotReloaded",
            Self::SecretOutdated => "SecretOutdated",
            Self::UnexpectedCertificate => "UnexpectedCertificate",
            Self::UnexpectedPublicKey => "UnexpectedPublicKey",
            Self::UnexpectedIssuer => "UnexpectedIssuer",
            Self::Linked => "Linked",
            Self::ChannelNotFound => "ChannelNotFound",
            Self::ChannelNotReady => "ChannelNotReady",
            Self::Delivered => "Delivered",
            Self::DeliveryFailing => "DeliveryFailing",
            Self::DeliveryRefused => "DeliveryRefused",
            Self::Fault(kind) => kind.as_str(),
            Self::Failure(reason) => reason.as_str(),
            Self::Configured => "Configured",
            Self::Suspended => "Suspended",
        }
    }
}
