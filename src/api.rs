//! WIRE: the types that users write and read, their defaults and their validation; nothing of ours is imported here.
//!
//! The custom resource definitions in `crds/` are generated from these types ([`crd_files`]); the API server enforces
//! their rules at admission, and [`validate`] applies the same rules without a cluster.

mod duration;
mod expect;
mod reach;
mod schema;
mod ssl_monitor;
mod status;
mod tls;
mod validation;

pub use duration::{ParseDurationError, format_duration, parse_duration};
pub use expect::ExpectSpec;
pub use reach::{AddressSelection, IpFamily, ProxyProtocol, ProxySpec};
pub use schema::{crd_files, ssl_monitor_crd};
pub use ssl_monitor::{
    DEFAULT_ALERT_DAYS, DEFAULT_INTERVAL, DEFAULT_PORT, DEFAULT_TIMEOUT, MAX_INTERVAL, MAX_TIMEOUT, MIN_INTERVAL,
    MIN_TIMEOUT, REQUESTED_AT_ANNOTATION, ServiceRef, SslMonitor, SslMonitorSpec,
};
pub use status::{
    CertificateStatus, EarliestExpiryStatus, EndpointStatus, ExpectedCertificateStatus, FindingStatus, HistoryEntry,
    MAX_ENDPOINTS, MAX_FINDINGS, MAX_HISTORY, MAX_SANS, RevocationStatus, SslMonitorStatus, TlsStatus,
};
pub use tls::{CaBundle, DEFAULT_KEY, KeyRef, Revocation, RevocationFailure, SecretRef, StartTls, TlsSpec, TlsVersion};
pub use validation::{FieldError, validate};

/// The API group of every kind of ours.
pub const GROUP: &str = "sslmonitor.io";
/// The version of the API.
pub const VERSION: &str = "v1";
/// The label that a Secret must carry with the value `true` before it is read for a monitor.
pub const ALLOWED_LABEL: &str = "sslmonitor.io/allowed";
