//! WIRE: the types that users write and read, their defaults and their validation; nothing of ours is imported here.
//!
//! The custom resource definitions in `crds/` are generated from these types ([`crd_files`]); the API server enforces
//! their rules at admission, and [`validate`] applies the same rules without a cluster.

mod alerts;
mod duration;
mod expect;
mod ledger;
mod notification_channel;
mod reach;
mod schema;
mod ssl_monitor;
mod status;
mod tls;
mod validation;

pub use alerts::{AlertSeverity, AlertThreshold, AlertsSpec, ChannelRef, MAX_CHANNELS, MutedWindow};
pub use duration::{ParseDurationError, format_duration, parse_duration};
pub use expect::ExpectSpec;
pub use ledger::{
    Aspect, ChannelLedger, MAX_LEDGERS, MAX_PENDING, MAX_PROBLEMS, MAX_RECENT, NoticeKind, PendingNotice, RecentAlert,
    ToldProblem,
};
pub use notification_channel::{
    ChannelType, DEFAULT_CHANNEL_TIMEOUT, DeliveryError, MAX_CHANNEL_TIMEOUT, MAX_REMINDER_INTERVAL,
    MIN_CHANNEL_TIMEOUT, MIN_REMINDER_INTERVAL, NotificationChannel, NotificationChannelSpec,
    NotificationChannelStatus, TEST_REQUESTED_AT_ANNOTATION, TemplateSpec,
};
pub use reach::{AddressSelection, IpFamily, ProxyProtocol, ProxySpec};
pub use schema::{crd_files, notification_channel_crd, ssl_monitor_crd};
pub use ssl_monitor::{
    DEFAULT_ALERT_DAYS, DEFAULT_INTERVAL, DEFAULT_PORT, DEFAULT_TIMEOUT, MAX_INTERVAL, MAX_TIMEOUT, MIN_INTERVAL,
    MIN_TIMEOUT, REQUESTED_AT_ANNOTATION, ServiceRef, SslMonitor, SslMonitorSpec,
};
pub use status::{
    CertificateStatus, EarliestExpiryStatus, EndpointStatus, ExpectedCertificateStatus, FindingStatus, HistoryEntry,
    MAX_ENDPOINTS, MAX_FINDINGS, MAX_HISTORY, MAX_SANS, RevocationStatus, SslMonitorStatus, TlsStatus,
};
pub use tls::{CaBundle, DEFAULT_KEY, KeyRef, Revocation, RevocationFailure, SecretRef, StartTls, TlsSpec, TlsVersion};
pub use validation::{FieldError, validate, validate_channel};

/// The API group of every kind of ours.
pub const GROUP: &str = "sslmonitor.io";
/// The version of the API.
pub const VERSION: &str = "v1";
/// The label that a Secret must carry with the value `true` before it is read for a monitor.
pub const ALLOWED_LABEL: &str = "sslmonitor.io/allowed";
