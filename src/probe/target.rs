//! What to look at: a host, a port, and optionally another place to connect to or another name to verify.

use std::{fmt, net::IpAddr, str::FromStr};

use super::RevocationCheck;

/// The longest domain name, in bytes, without the trailing dot (RFC 1035 §2.3.4).
const MAX_NAME: usize = 253;
/// The longest label of a domain name, in bytes (RFC 1035 §2.3.4).
const MAX_LABEL: usize = 63;

/// A host as users write it: a fully qualified DNS name in lower-case A-label form, or an IP address.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Host {
    /// A fully qualified name without trailing dot, for example `api.example.com`.
    Name(String),
    /// An IPv4 or IPv6 address, in canonical form.
    Address(IpAddr),
}

/// Why a text is not a [`Host`]; the display text tells people what a host may look like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be a host name without scheme, port or path, for example api.example.com")]
pub struct ParseHostError;

/// One place to probe.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Target {
    /// The host that users know the service by; resolved and verified unless overridden below.
    pub host: Host,
    /// TCP port.
    pub port: u16,
    /// Connect to this host instead of resolving [`Target::host`]; a name here is resolved.
    pub connect_host: Option<Host>,
    /// Connect to this port instead of [`Target::port`].
    pub connect_port: Option<u16>,
    /// Send this name in the handshake (SNI) and verify the certificate for it, instead of [`Target::host`].
    pub server_name: Option<Host>,
    /// Look at every address behind the name, or at the first that answers.
    pub addresses: Addresses,
    /// Look at addresses of this family only.
    pub family: Option<Family>,
    /// Send a PROXY protocol header first.
    pub proxy_protocol: Option<ProxyProtocol>,
    /// Speak this protocol first, and ask it for TLS.
    pub starttls: Option<StartTls>,
    /// Whether TLS 1.2 is too old: a server that chooses it fails with `ProtocolTooOld`, and its certificate is shown.
    pub needs_tls13: bool,
    /// How revocation is looked into.
    pub revocation: RevocationCheck,
    /// Whether it is a fault when it cannot be found out whether the certificate has been revoked.
    pub needs_revocation_state: bool,
}

/// Which of the addresses behind a name are looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Addresses {
    /// All, each with a connection of its own.
    #[default]
    All,
    /// The first that answers (RFC 8305).
    Any,
}

/// A family of IP addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Family {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}

/// A version of the PROXY protocol (HAProxy, doc/proxy-protocol.txt).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ProxyProtocol {
    /// The line of text.
    V1,
    /// The binary header.
    V2,
}

/// A protocol that is asked for TLS after a dialogue in the clear.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs)] // the names of the protocols
pub enum StartTls {
    Smtp,
    Lmtp,
    Imap,
    Pop3,
    Ftp,
    Ldap,
    Postgresql,
    Mysql,
    XmppClient,
    XmppServer,
    Sieve,
    Nntp,
}

// === impl Host ===

impl FromStr for Host {
    type Err = ParseHostError;

    /// Accept lower-case A-label names of at least two labels whose last label starts with a letter, and canonical
    /// IP addresses: the rule of `spec.domain` (the last label's letter is what tells `10.1` from a name, WHATWG URL
    /// §3.5 "ends in a number").
    ///
    /// # Errors
    /// [`ParseHostError`] when the text is neither.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if let Ok(address) = text.parse::<IpAddr>() {
            let canonical = address.to_string() == text;
            return canonical.then_some(Self::Address(address)).ok_or(ParseHostError);
        }
        let labels: Vec<&str> = text.split('.').collect();
        let top = labels.last().is_some_and(|label| label.starts_with(|c: char| c.is_ascii_lowercase()));
        let fits = text.len() <= MAX_NAME && labels.len() >= 2;
        if top && fits && labels.iter().all(|label| is_label(label)) {
            Ok(Self::Name(text.to_owned()))
        } else {
            Err(ParseHostError)
        }
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name),
            Self::Address(address) => address.fmt(f),
        }
    }
}

/// Whether this is a label of a DNS name in lower case, as RFC 1123 and Kubernetes have them: up to 63 letters, digits and hyphens, and no
/// hyphen at either end.
pub fn is_label(label: &str) -> bool {
    let inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    !label.is_empty()
        && label.len() <= MAX_LABEL
        && label.chars().all(inner)
        && !label.starts_with('-')
        && !label.ends_with('-')
}

// === impl Target ===

impl Target {
    /// A target that is resolved, connected to and verified by its own host name.
    pub fn new(host: Host, port: u16) -> Self {
        Self {
            host,
            port,
            connect_host: None,
            connect_port: None,
            server_name: None,
            addresses: Addresses::default(),
            family: None,
            proxy_protocol: None,
            starttls: None,
            needs_tls13: false,
            revocation: RevocationCheck::default(),
            needs_revocation_state: false,
        }
    }

    /// The host that is resolved and dialled.
    pub fn dialled_host(&self) -> &Host {
        self.connect_host.as_ref().unwrap_or(&self.host)
    }

    /// The port that is dialled.
    pub fn dialled_port(&self) -> u16 {
        self.connect_port.unwrap_or(self.port)
    }

    /// The name that is sent as SNI (names only) and that the certificate must be for.
    pub fn verified_name(&self) -> &Host {
        self.server_name.as_ref().unwrap_or(&self.host)
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.host {
            Host::Address(IpAddr::V6(address)) => write!(f, "[{address}]:{}", self.port),
            host => write!(f, "{host}:{}", self.port),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn names_and_canonical_addresses_are_hosts() {
        for text in
            ["a.test", "api.example.com", "xn--bcher-kva.de", "192.0.2.1", "2001:db8::1", "web.shop.svc.cluster.local"]
        {
            assert_eq!(text.parse::<Host>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn everything_else_is_refused() {
        let long_label = format!("{}.test", "a".repeat(64));
        let long_name = format!("{}.test", "a.".repeat(125));
        for text in [
            "",
            ".",
            "test",
            "localhost",
            "Example.com",
            "example.com.",
            "https://x.test",
            "x.test:443",
            "x.test/",
            "*.x.test",
            "a_b.test",
            "x.test\n",
            " x.test",
            "bücher.de",
            "-a.test",
            "a-.test",
            "a..test",
            "0x7f.1",
            "2130706433",
            "017700000001",
            "10.1",
            "010.0.0.1",
            "::FFFF:1",
            "[::1]",
            "fe80::1%eth0",
            &long_label,
            &long_name,
        ] {
            assert_eq!(text.parse::<Host>(), Err(ParseHostError), "{text:?}");
        }
    }

    #[test]
    fn a_target_reads_as_host_and_port() {
        let target = |host: &str| Target::new(host.parse().unwrap(), 443).to_string();
        assert_eq!(target("a.test"), "a.test:443");
        assert_eq!(target("2001:db8::1"), "[2001:db8::1]:443");
    }
}
