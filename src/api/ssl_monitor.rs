//! `SslMonitor`: what to watch.

#![allow(unreachable_pub)] // the derive makes a private twin of each type, with the type's own visibility

use std::time::Duration;

use kube::{CustomResource, KubeSchema};
use serde::{Deserialize, Serialize};

use super::{
    AddressSelection, AlertThreshold, AlertsSpec, CaBundle, ChannelRef, ExpectSpec, IpFamily, ProxyProtocol, ProxySpec,
    SslMonitorStatus, StartTls, TlsSpec, parse_duration,
};

/// TCP port when none is given, and no STARTTLS protocol that has another.
pub const DEFAULT_PORT: u16 = 443;
/// Days before expiry at which a certificate counts as expiring, when none are given.
pub const DEFAULT_ALERT_DAYS: u16 = 30;
/// Time between two checks when none is given.
pub const DEFAULT_INTERVAL: &str = "1h";
/// Time limit of one check when none is given.
pub const DEFAULT_TIMEOUT: &str = "10s";
/// Shortest time between two checks.
pub const MIN_INTERVAL: Duration = Duration::from_mins(1);
/// Longest time between two checks: a week.
pub const MAX_INTERVAL: Duration = Duration::from_hours(168);
/// Shortest time limit of one check.
pub const MIN_TIMEOUT: Duration = Duration::from_secs(1);
/// Longest time limit of one check.
pub const MAX_TIMEOUT: Duration = Duration::from_mins(2);
/// The annotation that asks for a check now: any new value.
pub const REQUESTED_AT_ANNOTATION: &str = "sslmonitor.io/requestedAt";

/// What to watch, and how.
#[allow(clippy::duplicated_attributes)] // each printcolumn has a type and a path of its own
#[derive(CustomResource, KubeSchema, Serialize, Deserialize, Debug, Clone, PartialEq)]
#[kube(
    group = "sslmonitor.io",
    version = "v1",
    kind = "SslMonitor",
    plural = "sslmonitors",
    singular = "sslmonitor",
    shortname = "sslmon",
    category = "monitoring",
    namespaced,
    status = "SslMonitorStatus",
    derive = "PartialEq",
    doc = "SslMonitor watches the certificate that is really served at a domain, and says in its status what it saw.",
    printcolumn(name = "Domain", type_ = "string", json_path = ".spec.domain", description = "The watched host."),
    printcolumn(
        name = "Status",
        type_ = "string",
        json_path = ".status.summary",
        description = "The worst of the conditions, for people."
    ),
    printcolumn(
        name = "Days",
        type_ = "integer",
        json_path = ".status.certificate.daysUntilExpiry",
        description = "Whole days until the certificate expires, at the last check; negative once it has."
    ),
    printcolumn(
        name = "Expires",
        type_ = "string",
        json_path = ".status.certificate.validTo",
        description = "When the certificate expires."
    ),
    printcolumn(
        name = "Checked",
        type_ = "date",
        json_path = ".status.lastCheckedAt",
        description = "How long ago the last check was."
    ),
    printcolumn(
        name = "Age",
        type_ = "date",
        json_path = ".metadata.creationTimestamp",
        description = "How long ago the monitor was created."
    ),
    printcolumn(
        name = "Issuer",
        type_ = "string",
        json_path = ".status.certificate.issuer",
        priority = "1",
        description = "Who issued the certificate."
    ),
    printcolumn(
        name = "Port",
        type_ = "integer",
        json_path = ".status.port",
        priority = "1",
        description = "The watched TCP port."
    ),
    printcolumn(
        name = "Ready",
        type_ = "string",
        json_path = ".status.conditions[?(@.type==\"Ready\")].status",
        priority = "1",
        description = "Whether the monitor is configured and observing."
    )
)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("!self.interval.matches('^([0-9]{1,5}(h|m|s|ms)){1,4}$') || !self.timeout.matches('^([0-9]{1,5}(h|m|s|ms)){1,4}$') || duration(self.timeout) < duration(self.interval)")
        .message("timeout must be shorter than interval").field_path(".timeout"),
    validation = Rule::new("(has(self.port) ? self.port : has(self.tls) && has(self.tls.startTLS) ? {'smtp': 25, 'lmtp': 24, 'imap': 143, 'pop3': 110, 'ftp': 21, 'ldap': 389, 'postgresql': 5432, 'mysql': 3306, 'xmpp-client': 5222, 'xmpp-server': 5269, 'sieve': 4190, 'nntp': 119}[self.tls.startTLS] : 443) == (has(oldSelf.port) ? oldSelf.port : has(oldSelf.tls) && has(oldSelf.tls.startTLS) ? {'smtp': 25, 'lmtp': 24, 'imap': 143, 'pop3': 110, 'ftp': 21, 'ldap': 389, 'postgresql': 5432, 'mysql': 3306, 'xmpp-client': 5222, 'xmpp-server': 5269, 'sieve': 4190, 'nntp': 119}[oldSelf.tls.startTLS] : 443)")
        .message("port is immutable; create another monitor for another port").field_path(".port").reason(Reason::FieldValueForbidden)
)]
pub struct SslMonitorSpec {
    /// The host whose certificate is watched: a fully qualified DNS name in lower case (international names in their
    /// xn-- form) or an IP address, without scheme, port or path, for example api.example.com. In-cluster names are
    /// written in full (web.shop.svc.cluster.local). Immutable: watch another domain with another monitor.
    #[schemars(length(min = 1, max = 253))]
    #[x_kube(
        validation = Rule::new(r"self.matches('^([a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?\\.)+[a-z]([-a-z0-9]{0,61}[a-z0-9])?$') || (isIP(self) && ip.isCanonical(self))")
            .message("domain must be a host name without scheme, port or path, for example api.example.com"),
        validation = Rule::new("self == oldSelf").message("domain is immutable; create another monitor for another domain").reason(Reason::FieldValueForbidden)
    )]
    pub domain: String,

    /// The TCP port. When it is not given: the usual one of tls.startTLS, else 443. Immutable, also when it is not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 65535))]
    pub port: Option<u16>,

    /// Days before its expiry from which on a certificate counts as expiring (condition CertificateExpiring). 30 suits
    /// production, 14 staging.
    #[serde(default = "default_alert_days")]
    #[schemars(range(min = 1, max = 365))]
    pub alert_days: u16,

    /// Whether to watch at all. A disabled monitor keeps what it last saw, makes no network connection, and does not
    /// count on its Service.
    #[serde(default = "default_true")]
    pub enabled: bool,

    /// A Service in the same namespace that is to carry the result as its condition sslmonitor.io/CertificateValid:
    /// the worst of all monitors that name it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service_ref: Option<ServiceRef>,

    /// NotificationChannels in the same namespace that are alerted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"]))]
    pub notification_channels: Vec<ChannelRef>,

    /// At which steps before its end channels are alerted of a certificate. Without any: a warning at alertDays, and a critical
    /// alert at a quarter of that, at most 7 days before the end.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 8), extend("x-kubernetes-list-type" = "atomic"))]
    pub alert_thresholds: Vec<AlertThreshold>,

    /// When channels are not alerted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alerts: Option<AlertsSpec>,

    /// Time between two checks, from 60s to 168h, for example 1h or 30m. Units: h, m, s, ms. Each check is moved by up to a
    /// tenth of it, so that many monitors do not check all at once.
    #[serde(default = "default_interval")]
    #[schemars(length(min = 2, max = 24))]
    #[x_kube(validation = Rule::new("self.matches('^([0-9]{1,5}(h|m|s|ms)){1,4}$') && duration(self) >= duration('60s') && duration(self) <= duration('168h')")
        .message("interval must be a duration from 60s to 168h, for example 1h or 30m"))]
    pub interval: String,

    /// Time limit of one check in all, from name resolution to the end of the TLS handshake, from 1s to 2m and shorter than
    /// the interval, for example 10s.
    #[serde(default = "default_timeout")]
    #[schemars(length(min = 2, max = 24))]
    #[x_kube(validation = Rule::new("self.matches('^([0-9]{1,5}(h|m|s|ms)){1,4}$') && duration(self) >= duration('1s') && duration(self) <= duration('2m')")
        .message("timeout must be a duration from 1s to 2m, for example 10s"))]
    pub timeout: String,

    /// Connect to this host name or IP address instead of the domain, and still verify the certificate for the domain: to
    /// watch one backend behind a name, or a name that DNS does not show here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253))]
    #[x_kube(validation = Rule::new(r"self.matches('^([a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?\\.)+[a-z]([-a-z0-9]{0,61}[a-z0-9])?$') || (isIP(self) && ip.isCanonical(self))")
        .message("address must be an IP address or a host name without scheme, port or path, for example 192.0.2.10 or lb.example.com"))]
    pub address: Option<String>,

    /// Which of the addresses behind the name are looked at: All, each with a connection of its own, so that one backend with
    /// another certificate is found; or Any, the first that answers.
    #[serde(default)]
    pub addresses: AddressSelection,

    /// Look at addresses of this IP family only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ip_family: Option<IpFamily>,

    /// Go through this proxy instead of connecting directly; it comes before the operator's own (flag --proxy).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proxy: Option<ProxySpec>,

    /// Send a PROXY protocol header first, for a server that closes connections without one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proxy_protocol: Option<ProxyProtocol>,

    /// How to speak TLS, and whom to trust.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<TlsSpec>,

    /// Which certificate should be served, by every address that answers (condition ServedCertificateMatches).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expect: Option<ExpectSpec>,
}

/// A Service in the monitor's namespace.
#[derive(KubeSchema, Serialize, Deserialize, Debug, Clone, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct ServiceRef {
    /// Name of the Service.
    #[schemars(length(min = 1, max = 63))]
    #[x_kube(validation = Rule::new("self.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?$')")
        .message("serviceRef.name must be the name of a Service: lower-case letters, digits and '-'"))]
    pub name: String,
}

fn default_alert_days() -> u16 {
    DEFAULT_ALERT_DAYS
}

fn default_true() -> bool {
    true
}

fn default_interval() -> String {
    DEFAULT_INTERVAL.to_owned()
}

fn default_timeout() -> String {
    DEFAULT_TIMEOUT.to_owned()
}

// === impl SslMonitorSpec ===

impl SslMonitorSpec {
    /// A spec with every default, for this domain.
    pub fn new(domain: &str) -> Self {
        Self {
            domain: domain.to_owned(),
            port: None,
            alert_days: DEFAULT_ALERT_DAYS,
            enabled: true,
            service_ref: None,
            notification_channels: Vec::new(),
            alert_thresholds: Vec::new(),
            alerts: None,
            interval: default_interval(),
            timeout: default_timeout(),
            address: None,
            addresses: AddressSelection::All,
            ip_family: None,
            proxy: None,
            proxy_protocol: None,
            tls: None,
            expect: None,
        }
    }

    /// The TCP port that is watched: the one given, else the usual one of the STARTTLS protocol, else 443.
    pub fn port(&self) -> u16 {
        let usual = || self.tls.as_ref()?.start_tls.map(StartTls::port);
        self.port.or_else(usual).unwrap_or(DEFAULT_PORT)
    }

    /// The target as people write it: the port only where it is not 443.
    pub fn place(&self) -> String {
        match (self.port(), self.domain.contains(':')) {
            (DEFAULT_PORT, _) => self.domain.clone(),
            // As in a URL, an IPv6 address needs brackets before a port.
            (port, true) => format!("[{}]:{port}", self.domain),
            (port, false) => format!("{}:{port}", self.domain),
        }
    }

    /// Time between two checks. A stored value that today's rules would refuse is brought into their bounds, or replaced by
    /// the default when it is no duration at all: an old object must not stop the operator.
    pub fn interval(&self) -> Duration {
        parse_duration(&self.interval).map_or(Duration::from_hours(1), |d| d.clamp(MIN_INTERVAL, MAX_INTERVAL))
    }

    /// Time limit of one check, brought into bounds like [`SslMonitorSpec::interval`].
    pub fn timeout(&self) -> Duration {
        parse_duration(&self.timeout).map_or(Duration::from_secs(10), |d| d.clamp(MIN_TIMEOUT, MAX_TIMEOUT))
    }

    /// Whether the system's roots are trusted.
    pub fn use_system_roots(&self) -> bool {
        self.tls.as_ref().is_none_or(|tls| tls.use_system_roots)
    }

    /// Where the CA bundle is, if one is named.
    pub fn ca_bundle(&self) -> Option<&CaBundle> {
        self.tls.as_ref()?.ca_bundle.as_ref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_texts_are_the_fallbacks() {
        let spec =
            SslMonitorSpec { interval: "soon".to_owned(), timeout: String::new(), ..SslMonitorSpec::new("a.test") };
        assert_eq!((spec.interval(), spec.timeout()), (Duration::from_hours(1), Duration::from_secs(10)));
        let defaults = SslMonitorSpec::new("a.test");
        assert_eq!((defaults.interval(), defaults.timeout()), (spec.interval(), spec.timeout()));
    }

    #[test]
    fn a_place_has_its_port_where_that_is_not_the_usual_one() {
        for (domain, port, place) in [
            ("a.test", None, "a.test"),
            ("a.test", Some(443), "a.test"),
            ("a.test", Some(8443), "a.test:8443"),
            ("2001:db8::1", None, "2001:db8::1"),
            ("2001:db8::1", Some(25), "[2001:db8::1]:25"),
        ] {
            assert_eq!(SslMonitorSpec { port, ..SslMonitorSpec::new(domain) }.place(), place);
        }
    }

    #[test]
    fn stored_values_out_of_bounds_are_brought_into_them() {
        let spec =
            SslMonitorSpec { interval: "1s".to_owned(), timeout: "9h".to_owned(), ..SslMonitorSpec::new("a.test") };
        assert_eq!((spec.interval(), spec.timeout()), (MIN_INTERVAL, MAX_TIMEOUT));
    }
}
