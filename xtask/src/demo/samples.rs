//! What the demo watches: one TLS server, one monitor and one expected word for each kind of certificate.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    io,
    net::{Ipv4Addr, SocketAddr},
};

use ssl_monitor_operator::api::SslMonitor;
use tokio::net::TcpSocket;

use crate::farm::{Authority, Issued, Leaf, ServerOptions, TlsServer, self_signed};

/// How many days the certificate that expires soon has left.
const FEW_DAYS: i32 = 10;

/// The samples: name of the monitor, its domain, the word that its STATUS must come to, and what is served there.
const SAMPLES: [(&str, &str, &str, Served); 7] = [
    ("valid", "web.demo.test", "Valid", Served::Valid),
    ("expiring", "shop.demo.test", "ExpiringSoon", Served::Expiring),
    ("expired", "old.demo.test", "Expired", Served::Expired),
    ("wrong-name", "api.demo.test", "HostnameMismatch", Served::WrongName),
    ("self-signed", "nas.demo.test", "SelfSigned", Served::SelfSigned),
    ("unknown-ca", "partner.demo.test", "UnknownIssuer", Served::UnknownCa),
    ("refused", "down.demo.test", "ConnectionRefused", Served::Nothing),
];

#[derive(Clone, Copy)]
enum Served {
    Valid,
    Expiring,
    Expired,
    WrongName,
    SelfSigned,
    UnknownCa,
    Nothing,
}

/// The running servers behind the samples.
pub(super) struct Samples {
    authority: Authority,
    addresses: Vec<SocketAddr>,
    // Held for as long as the demo runs.
    _servers: Vec<TlsServer>,
    _refusing: TcpSocket,
}

impl Samples {
    /// Start a server on a loopback address of its own for each sample.
    pub(super) async fn start() -> io::Result<Self> {
        let (authority, stranger) = (Authority::new("Demo"), Authority::new("Partner"));
        // Bound and not listening: nobody else gets the port, and connections are refused.
        let refusing = TcpSocket::new_v4()?;
        let mut addresses = Vec::new();
        let mut servers = Vec::new();
        for (host, (_, domain, _, served)) in (2..).zip(SAMPLES) {
            let free = SocketAddr::from((Ipv4Addr::new(127, 0, 0, host), 0));
            if let Some(issued) = served.issue(domain, &authority, &stranger) {
                let server = TlsServer::start(free, issued, ServerOptions::default()).await?;
                addresses.push(server.address());
                servers.push(server);
            } else {
                refusing.bind(free)?;
                addresses.push(refusing.local_addr()?);
            }
        }
        Ok(Self { authority, addresses, _servers: servers, _refusing: refusing })
    }

    /// Where the servers are, for people.
    pub(super) fn addresses(&self) -> String {
        let ends = (self.addresses.first(), self.addresses.last());
        let (Some(first), Some(last)) = ends else { return String::new() };
        format!("{} on {} … {}", self.addresses.len(), first.ip(), last.ip())
    }

    /// Everything that is applied for the samples, as YAML.
    pub(super) fn manifests(&self) -> String {
        let mut text = String::from("# The authority that the samples trust.\n");
        text += "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: demo-ca\ndata:\n  ca.crt: |\n";
        for line in self.authority.root_pem().lines() {
            // Writing to a String cannot fail.
            let _ = writeln!(text, "    {line}");
        }
        text += "---\n# Carries the verdict of the monitor that names it.\n";
        text += "apiVersion: v1\nkind: Service\nmetadata:\n  name: web\nspec:\n  ports:\n  - port: 443\n";
        for ((name, domain, expected, _), address) in SAMPLES.iter().zip(&self.addresses) {
            text += &monitor(name, domain, expected, *address);
        }
        text
    }

    /// What is not as it should be, one line each; empty when every monitor has come to its word.
    pub(super) fn differences(monitors: &[SslMonitor]) -> Vec<String> {
        let status = |monitor: &SslMonitor| monitor.status.as_ref().and_then(|status| status.summary.clone());
        let found: BTreeMap<&str, String> =
            monitors.iter().filter_map(|m| Some((m.metadata.name.as_deref()?, status(m)?))).collect();
        let difference = |(name, _, expected, _): &(&str, &str, &str, Served)| match found.get(name) {
            Some(status) if status == expected => None,
            Some(status) => Some(format!("{name}: STATUS is {status}, and should be {expected}")),
            None => Some(format!("{name}: STATUS is empty, and should be {expected}")),
        };
        SAMPLES.iter().filter_map(difference).collect()
    }
}

impl Served {
    fn issue(self, domain: &str, authority: &Authority, stranger: &Authority) -> Option<Issued> {
        let leaf = Leaf::new([domain]);
        match self {
            Self::Valid => Some(authority.issue(&leaf)),
            Self::Expiring => Some(authority.issue(&leaf.expires_in_days(FEW_DAYS))),
            Self::Expired => Some(authority.issue(&leaf.expired())),
            Self::WrongName => Some(authority.issue(&Leaf::new(["other.demo.test"]))),
            Self::SelfSigned => Some(self_signed(&leaf)),
            Self::UnknownCa => Some(stranger.issue(&leaf)),
            Self::Nothing => None,
        }
    }
}

fn monitor(name: &str, domain: &str, expected: &str, address: SocketAddr) -> String {
    let service = if name == "valid" { "  serviceRef:\n    name: web\n" } else { "" };
    format!(
        "---\n# Comes to {expected}.\napiVersion: sslmonitor.io/v1\nkind: SslMonitor\nmetadata:\n  name: {name}\nspec:\n  \
         domain: {domain}\n  address: {}\n  port: {}\n  interval: 1m\n  timeout: 5s\n{service}  tls:\n    caBundle:\n      \
         configMap:\n        name: demo-ca\n",
        address.ip(),
        address.port()
    )
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use ssl_monitor_operator::api::{SslMonitorSpec, SslMonitorStatus};

    use super::*;

    fn monitors() -> Vec<SslMonitor> {
        let monitor = |(name, domain, expected, _): (&str, &str, &str, Served)| {
            let mut monitor = SslMonitor::new(name, SslMonitorSpec::new(domain));
            monitor.status = Some(SslMonitorStatus { summary: Some(expected.into()), ..SslMonitorStatus::default() });
            monitor
        };
        SAMPLES.map(monitor).into()
    }

    #[test]
    fn every_monitor_must_come_to_its_word() {
        let mut monitors = monitors();
        assert_eq!(Samples::differences(&monitors), [""; 0]);
        monitors[1].status.as_mut().unwrap().summary = Some("Valid".into());
        monitors[2].status = None;
        let expected = [
            "expiring: STATUS is Valid, and should be ExpiringSoon",
            "expired: STATUS is empty, and should be Expired",
        ];
        assert_eq!(Samples::differences(&monitors), expected);
    }
}
