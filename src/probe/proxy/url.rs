//! Proxies as users write them: a URL, and the list of hosts that are reached without.

use std::{net::IpAddr, str::FromStr};

use ipnet::IpNet;

use crate::probe::{Host, Proxy, ProxyKind};

/// Why a text is no proxy; the display text tells people what one looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ParseProxyError {
    /// The scheme is missing, or another one.
    #[error("must start with http://, socks5:// or socks5h://")]
    Scheme,
    /// The host is none.
    #[error("must name the proxy's host, fully qualified, for example http://proxy.example.com:3128")]
    Host,
    /// The port is missing, or none.
    #[error("must name the proxy's port, from 1 to 65535, for example http://proxy.example.com:3128")]
    Port,
    /// User name and password are not readable, or cannot be sent.
    #[error("must give credentials as user:password@ before the host, with %3A, %40, %2F and %25 for :, @, / and %")]
    Credentials,
    /// Something follows the port.
    #[error("must end with the proxy's port")]
    Rest,
}

/// Hosts that are reached without the operator's proxy.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct NoProxy(Vec<Exception>);

/// Why a text is no list of exceptions.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no host name, .suffix, IP address, CIDR or *")]
pub struct ParseNoProxyError(String);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Exception {
    Everything,
    /// A name, and what is below it.
    Domain(String),
    /// What is below this name; it starts with a dot.
    Below(String),
    Network(IpNet),
}

// === impl Proxy ===

impl Proxy {
    /// Its URL, without user name and password.
    pub fn url(&self) -> String {
        let scheme = match self.kind {
            ProxyKind::Http => "http",
            ProxyKind::Socks5 => "socks5",
            ProxyKind::Socks5h => "socks5h",
        };
        format!("{scheme}://{}", super::at(&self.host.to_string(), self.port))
    }
}

impl FromStr for Proxy {
    type Err = ParseProxyError;

    /// Read `http|socks5|socks5h://[user:password@]host:port`; credentials are percent-encoded (RFC 3986 §2.1).
    ///
    /// # Errors
    /// [`ParseProxyError`] says which part cannot be read. The text itself, which may hold a password, is not in it.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (scheme, rest) = text.split_once("://").ok_or(ParseProxyError::Scheme)?;
        let kind = match scheme.to_ascii_lowercase().as_str() {
            "http" => ProxyKind::Http,
            "socks5" => ProxyKind::Socks5,
            "socks5h" => ProxyKind::Socks5h,
            _ => return Err(ParseProxyError::Scheme),
        };
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        if rest.contains(['/', '?', '#']) {
            return Err(ParseProxyError::Rest);
        }
        let (credentials, place) = match rest.rsplit_once('@') {
            Some((credentials, place)) => (Some(parse_credentials(kind, credentials)?), place),
            None => (None, rest),
        };
        let (host, port) = place.rsplit_once(':').ok_or(ParseProxyError::Port)?;
        let digits = !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
        let port = port.parse().ok().filter(|port| digits && *port != 0).ok_or(ParseProxyError::Port)?;
        Ok(Self { kind, host: parse_host(host)?, port, credentials })
    }
}

/// A host of a URL: IPv6 addresses stand in brackets.
fn parse_host(text: &str) -> Result<Host, ParseProxyError> {
    let inner = text.strip_prefix('[').and_then(|text| text.strip_suffix(']'));
    let host = Host::from_str(&inner.unwrap_or(text).to_ascii_lowercase()).map_err(|_| ParseProxyError::Host)?;
    let is_v6 = matches!(host, Host::Address(IpAddr::V6(_)));
    if is_v6 == inner.is_some() { Ok(host) } else { Err(ParseProxyError::Host) }
}

fn parse_credentials(kind: ProxyKind, text: &str) -> Result<(String, String), ParseProxyError> {
    let (user, password) = text.split_once(':').ok_or(ParseProxyError::Credentials)?;
    let (user, password) = (decode(user)?, decode(password)?);
    // Basic authentication ends the name at the first colon (RFC 7617 §2); SOCKS counts in one byte (RFC 1929 §2).
    let sendable = match kind {
        ProxyKind::Http => !user.contains(':'),
        ProxyKind::Socks5 | ProxyKind::Socks5h => [&user, &password].iter().all(|text| (1..=255).contains(&text.len())),
    };
    let visible = ![&user, &password].iter().any(|text| text.contains(char::is_control));
    if sendable && visible { Ok((user, password)) } else { Err(ParseProxyError::Credentials) }
}

fn decode(text: &str) -> Result<String, ParseProxyError> {
    let mut parts = text.split('%');
    let mut bytes = parts.next().unwrap_or_default().as_bytes().to_vec();
    for part in parts {
        let digits = part.get(..2).filter(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()));
        let byte = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok());
        bytes.push(byte.ok_or(ParseProxyError::Credentials)?);
        bytes.extend_from_slice(&part.as_bytes()[2..]);
    }
    String::from_utf8(bytes).map_err(|_| ParseProxyError::Credentials)
}

// === impl NoProxy ===

impl NoProxy {
    /// Whether this host is reached without the proxy. Networks are for hosts that are addresses: names are not resolved for
    /// this.
    pub fn contains(&self, host: &Host) -> bool {
        self.0.iter().any(|exception| match (exception, host) {
            (Exception::Everything, _) => true,
            (Exception::Domain(domain), Host::Name(name)) => {
                name.strip_suffix(domain.as_str()).is_some_and(|before| before.is_empty() || before.ends_with('.'))
            }
            (Exception::Below(suffix), Host::Name(name)) => name.ends_with(suffix.as_str()),
            (Exception::Network(network), Host::Address(address)) => network.contains(address),
            _ => false,
        })
    }
}

impl FromStr for NoProxy {
    type Err = ParseNoProxyError;

    /// Read a list with commas: a name stands for itself and all below it, `.name` for all below it only, an address or a CIDR
    /// for itself, `*` for everything, as Go and curl read `NO_PROXY`.
    ///
    /// # Errors
    /// [`ParseNoProxyError`] with the first entry that is none of these.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let entries = text.split(',').map(str::trim).filter(|entry| !entry.is_empty());
        Ok(Self(entries.map(Exception::from_str).collect::<Result<_, _>>()?))
    }
}

impl FromStr for Exception {
    type Err = ParseNoProxyError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "*" {
            return Ok(Self::Everything);
        }
        if let Some(network) = text.parse().ok().or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from)) {
            return Ok(Self::Network(network));
        }
        let name = text.to_ascii_lowercase();
        let labels = name.strip_prefix('.').unwrap_or(&name);
        let inner = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
        if !labels.split('.').all(|label| !label.is_empty() && label.chars().all(inner)) {
            return Err(ParseNoProxyError(text.to_owned()));
        }
        Ok(if name.starts_with('.') { Self::Below(name) } else { Self::Domain(name) })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn urls_of_proxies_are_read() {
        let proxy = |kind, host: &str, port, credentials: Option<(&str, &str)>| Proxy {
            kind,
            host: host.parse().unwrap(),
            port,
            credentials: credentials.map(|(user, password)| (user.to_owned(), password.to_owned())),
        };
        for (text, expected) in [
            ("http://proxy.test:3128", proxy(ProxyKind::Http, "proxy.test", 3128, None)),
            ("HTTP://Proxy.Test:3128/", proxy(ProxyKind::Http, "proxy.test", 3128, None)),
            ("socks5://192.0.2.1:1080", proxy(ProxyKind::Socks5, "192.0.2.1", 1080, None)),
            ("socks5h://[2001:db8::1]:1", proxy(ProxyKind::Socks5h, "2001:db8::1", 1, None)),
            ("http://u:p@a.test:65535", proxy(ProxyKind::Http, "a.test", 65535, Some(("u", "p")))),
            ("http://u:@a.test:80", proxy(ProxyKind::Http, "a.test", 80, Some(("u", "")))),
            ("socks5://u%40x:%3A%2f%25%c3%a9@a.test:80", proxy(ProxyKind::Socks5, "a.test", 80, Some(("u@x", ":/%é")))),
        ] {
            assert_eq!(text.parse::<Proxy>().unwrap(), expected, "{text}");
            let plain = Proxy { credentials: None, ..expected };
            assert_eq!(plain.url().parse::<Proxy>().unwrap(), plain, "{text}");
        }
    }

    #[test]
    fn what_is_no_proxy_is_refused_part_by_part() {
        use ParseProxyError as Error;
        for (text, expected) in [
            ("", Error::Scheme),
            ("proxy.test:3128", Error::Scheme),
            ("https://proxy.test:3128", Error::Scheme),
            ("socks4://proxy.test:3128", Error::Scheme),
            ("http://proxy.test", Error::Port),
            ("http://proxy.test:", Error::Port),
            ("http://proxy.test:0", Error::Port),
            ("http://proxy.test:+80", Error::Port),
            ("http://proxy.test:65536", Error::Port),
            ("http://:3128", Error::Host),
            ("http://proxy:3128", Error::Host),
            ("http://2001:db8::1:3128", Error::Host),
            ("http://[192.0.2.1]:3128", Error::Host),
            ("http://[2001:db8::1:3128", Error::Host),
            ("http://a.test\r\n:80", Error::Host),
            ("http://proxy.test:3128/path", Error::Rest),
            ("http://proxy.test:3128?x", Error::Rest),
            ("http://user@proxy.test:3128", Error::Credentials),
            ("http://u%3A:p@proxy.test:3128", Error::Credentials),
            ("http://u%0d%0a:p@proxy.test:3128", Error::Credentials),
            ("http://u:%zz@proxy.test:3128", Error::Credentials),
            ("http://u:%+1@proxy.test:3128", Error::Credentials),
            ("http://u:%ff@proxy.test:3128", Error::Credentials),
            ("http://u:%é@proxy.test:3128", Error::Credentials),
            ("socks5://u:@proxy.test:3128", Error::Credentials),
        ] {
            assert_eq!(text.parse::<Proxy>(), Err(expected), "{text}");
        }
    }

    #[test]
    fn exceptions_are_names_suffixes_networks_and_everything() {
        let contains =
            |list: &str, host: &str| list.parse::<NoProxy>().unwrap().contains(&host.parse::<Host>().unwrap());
        let list = "a.test, .b.test,10.0.0.0/8,2001:db8::1,,SVC";
        for (host, expected) in [
            ("a.test", true),
            ("x.a.test", true),
            ("xa.test", false),
            ("b.test", false),
            ("x.b.test", true),
            ("web.shop.svc", true),
            ("web.shop.notsvc", false),
            ("10.1.2.3", true),
            ("11.1.2.3", false),
            ("2001:db8::1", true),
            ("2001:db8::2", false),
        ] {
            assert_eq!(contains(list, host), expected, "{host}");
        }
        assert!(contains("*", "a.test") && contains("*", "192.0.2.1"));
        assert!(!contains("", "a.test"));
        for entry in ["a..test", "http://a.test", "10.0.0.0/33", "*.a.test", ".", "a b"] {
            let error = format!("x.test,{entry}").parse::<NoProxy>().unwrap_err();
            assert_eq!(error.to_string(), format!("{entry:?} is no host name, .suffix, IP address, CIDR or *"));
        }
    }
}
