//! The names and labels by which blackbox_exporter and ssl_exporter tell of a target, for rules and dashboards that were made for them.
//!
//! Series of both have the labels `namespace`, `name` and `instance`, which is `domain:port`: where the exporters are asked for one target
//! at a time and Prometheus adds the target, here all targets come at once. What is unknown has no sample, unlike with blackbox_exporter.

mod labels;

use std::{
    borrow::Cow,
    fmt::{self, Debug},
    net::IpAddr,
};

use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeMetric as _},
    metrics::gauge::ConstGauge,
};

use super::{Monitors, Number, Sample, lock};

/// Whose names there are besides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Compat {
    /// Those of blackbox_exporter.
    Blackbox,
    /// Those of ssl_exporter.
    SslExporter,
}

/// What is told of a monitor by those names alone.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Details {
    /// The address that was connected to.
    pub address: Option<IpAddr>,
    /// The protocol version of the TLS session, for example `TLS1.3`.
    pub tls_version: Option<String>,
    /// Its cipher suite, by its IANA name.
    pub cipher_suite: Option<String>,
    /// The certificate that was seen.
    pub certificate: Option<CertificateDetails>,
    /// Earliest end of validity of all certificates that were presented, Unix seconds.
    pub presented_not_after: Option<i64>,
    /// Earliest end of validity on the path that was verified, Unix seconds.
    pub verified_not_after: Option<i64>,
    /// What the stapled OCSP answer says.
    pub staple: Option<Staple>,
}

/// What stands in a certificate.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CertificateDetails {
    /// Whom it is for, in short.
    pub subject: String,
    /// Who issued it, in short.
    pub issuer: String,
    /// The subject's whole name (RFC 4514).
    pub subject_dn: String,
    /// The issuer's whole name.
    pub issuer_dn: String,
    /// The serial number in hexadecimal digits, after a sign if it is negative.
    pub serial_number: String,
    /// `SHA256:` and the digest in hexadecimal digits with colons.
    pub fingerprint: String,
    /// The names it is for: host names and addresses as they are, all others with their kind before a colon.
    pub sans: Vec<String>,
}

/// What is known of the OCSP answer that is stapled to a certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Staple {
    /// There is none that counts.
    None,
    /// The certificate is good.
    Good,
    /// The certificate has been revoked, at this time if that is known (Unix seconds).
    Revoked(Option<i64>),
    /// The responder does not know the certificate.
    Unknown,
}

/// A gauge: its name, what it means, and its series of a monitor.
type Gauge = (&'static str, &'static str, for<'a> fn(&'a Sample, &'a Details) -> Option<Series<'a>>);

/// The labels of a series beside those that all have, and its value.
type Series<'a> = (Vec<Label<'a>>, Number);

type Label<'a> = (&'static str, Cow<'a, str>);

const BLACKBOX: [Gauge; 8] = [
    ("probe_success", "Whether the last probe got a valid certificate (1) or not (0).", |s, _| success(s)),
    ("probe_duration_seconds", "How long the last probe took.", |s, _| plain(s.probe_duration.map(Number::Real))),
    ("probe_ip_protocol", "The IP version of the address that was connected to: 4 or 6.", |_, d| {
        whole(d.address.map(|address| if address.is_ipv4() { 4 } else { 6 }))
    }),
    (
        "probe_ssl_earliest_cert_expiry",
        "The earliest end of the certificates that were presented, as Unix time.",
        |s, d| whole(d.presented_not_after.or(s.not_after)),
    ),
    (
        "probe_ssl_last_chain_expiry_timestamp_seconds",
        "The earliest end of the chain that was verified, as Unix time; no sample when none was.",
        |_, d| whole(d.verified_not_after),
    ),
    ("probe_ssl_last_chain_info", "What stands in the served certificate.", |_, d| {
        Some((labels::chain_info(d.certificate.as_ref()?), Number::Whole(1)))
    }),
    ("probe_tls_version_info", "The protocol version of the TLS session.", |_, d| version(d)),
    ("probe_tls_cipher_info", "The cipher suite of the TLS session.", |_, d| {
        Some((vec![("cipher", d.cipher_suite.as_deref()?.into())], Number::Whole(1)))
    }),
];

const SSL_EXPORTER: [Gauge; 10] = [
    ("ssl_probe_success", "Whether the last probe got a valid certificate (1) or not (0).", |s, _| success(s)),
    ("ssl_prober", "How it is probed: always tcp.", |s, _| {
        success(s).map(|_| (vec![("prober", "tcp".into())], Number::Whole(1)))
    }),
    ("ssl_tls_version_info", "The protocol version of the TLS session.", |_, d| version(d)),
    ("ssl_cert_not_after", "When the served certificate expires, as Unix time.", |s, d| {
        Some((labels::certificate(d.certificate.as_ref()?), Number::Whole(s.not_after?)))
    }),
    ("ssl_cert_not_before", "When the validity of the served certificate begins, as Unix time.", |s, d| {
        Some((labels::certificate(d.certificate.as_ref()?), Number::Whole(s.not_before?)))
    }),
    (
        "ssl_verified_cert_not_after",
        "When the served certificate expires, as Unix time; no sample when its chain was not verified.",
        |s, d| Some((labels::verified(d)?, Number::Whole(s.not_after?))),
    ),
    (
        "ssl_verified_cert_not_before",
        "When the validity of the served certificate begins, as Unix time; no sample when its chain was not verified.",
        |s, d| Some((labels::verified(d)?, Number::Whole(s.not_before?))),
    ),
    ("ssl_ocsp_response_stapled", "Whether an OCSP answer is stapled to the certificate (1) or not (0).", |_, d| {
        whole(d.staple.map(|staple| (staple != Staple::None).into()))
    }),
    ("ssl_ocsp_response_status", "What it says: good (0), revoked (1) or unknown (2).", |_, d| {
        whole(match d.staple? {
            Staple::None => None,
            Staple::Good => Some(0),
            Staple::Revoked(_) => Some(1),
            Staple::Unknown => Some(2),
        })
    }),
    ("ssl_ocsp_response_revoked_at", "Since when the certificate has been revoked, as Unix time.", |_, d| {
        match d.staple? {
            Staple::Revoked(at) => whole(at),
            _ => None,
        }
    }),
];

/// One of those gauges, of all monitors.
pub(super) struct CompatGauge {
    gauge: Gauge,
    monitors: Monitors,
}

// === impl Compat ===

impl Compat {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Blackbox, Self::SslExporter];

    /// What it is called on the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Blackbox => "blackbox",
            Self::SslExporter => "ssl-exporter",
        }
    }

    pub(super) fn collectors(self, monitors: &Monitors) -> impl Iterator<Item = CompatGauge> {
        let gauges = match self {
            Self::Blackbox => BLACKBOX.as_slice(),
            Self::SslExporter => &SSL_EXPORTER,
        };
        gauges.iter().map(|&gauge| CompatGauge { gauge, monitors: Monitors::clone(monitors) })
    }
}

fn whole<'a>(value: Option<i64>) -> Option<Series<'a>> {
    plain(value.map(Number::Whole))
}

fn plain<'a>(value: Option<Number>) -> Option<Series<'a>> {
    value.map(|value| (Vec::new(), value))
}

/// Both exporters verify the certificate, and fail when it is not valid.
fn success<'a>(sample: &Sample) -> Option<Series<'a>> {
    whole(match (sample.up?, sample.valid) {
        (false, _) => Some(0),
        (true, valid) => valid.map(i64::from),
    })
}

fn version(details: &Details) -> Option<Series<'_>> {
    let version = labels::tls_version(details.tls_version.as_deref()?);
    Some((vec![("version", version.into())], Number::Whole(1)))
}

// === impl CompatGauge ===

impl Collector for CompatGauge {
    fn encode(&self, mut encoder: DescriptorEncoder) -> fmt::Result {
        let (name, help, series) = self.gauge;
        let mut encoder = encoder.encode_descriptor(name, help, None, ConstGauge::new(0_i64).metric_type())?;
        for (key, sample) in &*lock(&self.monitors) {
            let Some((labels, value)) = sample.details.as_ref().and_then(|details| series(sample, details)) else {
                continue;
            };
            let instance = labels::instance(&sample.domain, sample.port);
            let names = [("namespace", &*key.namespace), ("name", &*key.name), ("instance", &*instance)];
            let labels = (names, labels);
            let mut series = encoder.encode_family(&labels)?;
            match value {
                Number::Whole(value) => series.encode_gauge(&value)?,
                Number::Real(value) => series.encode_gauge(&value)?,
            }
        }
        Ok(())
    }
}

impl Debug for CompatGauge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CompatGauge").field("name", &self.gauge.0).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
