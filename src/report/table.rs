//! `-o table` and `-o wide`: aligned columns as `kubectl get` prints them.

use std::io::{self, Write};

use super::{
    Report,
    result::{sentence, status, summary},
};
use crate::{
    api::{EndpointStatus, SslMonitor, SslMonitorStatus},
    output::aligned,
};

/// What stands for something that is not known.
pub const NONE: &str = "-";

/// Aligned columns, as `kubectl get` prints them.
#[derive(Debug)]
pub struct Table<W> {
    out: W,
    is_wide: bool,
    rows: Vec<Vec<String>>,
}

// === impl Table ===

impl<W: Write> Table<W> {
    /// Domain, status and expiry.
    pub fn narrow(out: W) -> Self {
        Self { out, is_wide: false, rows: vec![texts(&["DOMAIN", "STATUS", "DAYS", "EXPIRES"])] }
    }

    /// All there is to say in one row.
    pub fn wide(out: W) -> Self {
        let heads = [
            "DOMAIN",
            "PORT",
            "STATUS",
            "DAYS",
            "EXPIRES",
            "ISSUER",
            "ADDRESS",
            "ADDRESSES",
            "TLS",
            "FINDINGS",
            "MESSAGE",
        ];
        Self { out, is_wide: true, rows: vec![texts(&heads)] }
    }
}

impl<W: Write> Report for Table<W> {
    fn add(&mut self, monitor: SslMonitor) -> io::Result<()> {
        self.rows.push(if self.is_wide { wide_row(&monitor) } else { narrow_row(&monitor) });
        Ok(())
    }

    fn finish(&mut self) -> io::Result<()> {
        // The heading alone says nothing.
        if self.rows.len() > 1 {
            aligned(&self.rows).try_for_each(|line| writeln!(self.out, "{line}"))?;
        }
        self.out.flush()
    }
}

fn narrow_row(monitor: &SslMonitor) -> Vec<String> {
    let [days, expires] = expiry(monitor);
    vec![monitor.spec.place(), summary(monitor).to_owned(), days, expires]
}

fn wide_row(monitor: &SslMonitor) -> Vec<String> {
    let [days, expires] = expiry(monitor);
    let status = status(monitor);
    let certificate = status.and_then(|status| status.certificate.as_ref());
    let issuer = certificate.and_then(|certificate| certificate.issuer.clone());
    let address = status.and_then(|status| status.address.clone());
    let version = status.and_then(|status| status.tls.as_ref()).map(|tls| tls.version.clone());
    vec![
        monitor.spec.domain.clone(),
        monitor.spec.port().to_string(),
        summary(monitor).to_owned(),
        days,
        expires,
        or_none(issuer),
        or_none(address),
        or_none(status.and_then(addresses)),
        or_none(version),
        or_none(status.and_then(findings)),
        sentence(monitor).to_owned(),
    ]
}

/// How many addresses there are, and how many show something else than most do.
pub fn addresses(status: &SslMonitorStatus) -> Option<String> {
    let count = status.endpoint_count?;
    let shown = |one: &EndpointStatus| (one.result.clone(), one.fingerprint.clone());
    let alike = |one: &EndpointStatus| status.endpoints.iter().filter(|other| shown(other) == shown(one)).count();
    let most = status.endpoints.iter().map(alike).max().unwrap_or(0);
    Some(match status.endpoints.len().saturating_sub(most) {
        0 => count.to_string(),
        1 => format!("{count}, 1 differs"),
        others => format!("{count}, {others} differ"),
    })
}

/// The worst finding, and how many more there are.
pub fn findings(status: &SslMonitorStatus) -> Option<String> {
    let (worst, others) = status.findings.split_first()?;
    let more = if others.is_empty() { String::new() } else { format!(" +{}", others.len()) };
    Some(format!("{} {}{more}", worst.severity, worst.type_))
}

/// Days until the certificate ends at the last check, and when it ends.
pub fn expiry(monitor: &SslMonitor) -> [String; 2] {
    let certificate = status(monitor).and_then(|status| status.certificate.as_ref());
    let days = certificate.and_then(|certificate| certificate.days_until_expiry).map(|days| days.to_string());
    let end = certificate.and_then(|certificate| certificate.valid_to.as_ref()).map(|end| end.0.to_string());
    [or_none(days), or_none(end)]
}

/// The text, or what stands for none.
pub fn or_none(text: Option<String>) -> String {
    text.filter(|text| !text.is_empty()).unwrap_or_else(|| NONE.to_owned())
}

fn texts(heads: &[&str]) -> Vec<String> {
    heads.iter().map(ToString::to_string).collect()
}
