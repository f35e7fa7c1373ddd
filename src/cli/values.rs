//! The values of arguments that are more than a number or a word.

use std::{ffi::OsStr, net::IpAddr, str::FromStr, time::Duration};

use clap::{
    Arg, Command, Error,
    builder::{PossibleValuesParser, TypedValueParser},
    error::ErrorKind,
};
use jiff::Timestamp;

use crate::{
    api::{MAX_TIMEOUT, MIN_TIMEOUT, StartTls, parse_duration},
    probe::{Host, ParseProxyError, Proxy, is_label},
};

/// A domain or address to check, and its port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DomainPort {
    /// The domain, by the rule of `spec.domain`.
    pub host: Host,
    /// The TCP port; `None` for the usual one of the protocol.
    pub port: Option<u16>,
}

/// Where to connect instead of the domain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConnectTo {
    /// The address.
    pub address: IpAddr,
    /// The TCP port; `None` for the target's own.
    pub port: Option<u16>,
}

// === impl DomainPort ===

impl FromStr for DomainPort {
    type Err = String;

    /// `DOMAIN`, `DOMAIN:PORT`, an address, `IPV4:PORT` or `[IPV6]:PORT`.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (host, port) = split_port(text);
        let host = host_named("domain", host)?;
        Ok(Self { host, port: port.map(port_number).transpose()? })
    }
}

// === impl ConnectTo ===

impl FromStr for ConnectTo {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (address, port) = split_port(text);
        let address = address
            .parse()
            .map_err(|_| "must be an IP address, with or without a port, for example 192.0.2.10:8443".to_owned())?;
        Ok(Self { address, port: port.map(port_number).transpose()? })
    }
}

impl DomainPort {
    /// The same of a text that was not written for us: also in capitals, with international labels, or with a final dot.
    ///
    /// # Errors
    /// A sentence about what is wrong with it.
    pub fn loosely(text: &str) -> Result<Self, String> {
        let (host, port) = split_port(text);
        let host = other_spelling(host).unwrap_or_else(|| host.to_owned());
        Ok(Self { host: host_named("domain", &host)?, port: port.map(port_number).transpose()? })
    }
}

/// Split a port off. An IPv6 address has one only when it stands in brackets.
fn split_port(text: &str) -> (&str, Option<&str>) {
    if text.parse::<IpAddr>().is_ok() {
        return (text, None);
    }
    if let Some((address, rest)) = text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        return match rest.strip_prefix(':') {
            Some(port) => (address, Some(port)),
            None if rest.is_empty() => (address, None),
            None => (text, None),
        };
    }
    // Something with a scheme or a path shall be named whole in the error.
    match text.rsplit_once(':') {
        Some((host, port)) if !text.contains('/') => (host, Some(port)),
        _ => (text, None),
    }
}

fn port_number(text: &str) -> Result<u16, String> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    let port = text.parse().ok().filter(|port| digits && *port > 0);
    port.ok_or_else(|| format!("port must be a number from 1 to 65535, not {text:?}"))
}

/// Read a host by the rule of the API, with a hint where another spelling of the same name would be accepted.
fn host_named(what: &str, text: &str) -> Result<Host, String> {
    text.parse::<Host>().map_err(|error| {
        let hint = other_spelling(text).map(|other| format!("; write it as {other}")).unwrap_or_default();
        format!("{what} {error}{hint}")
    })
}

/// The same name in lower case, with international labels in their xn-- form and without final dot.
fn other_spelling(text: &str) -> Option<String> {
    let ascii = idna::domain_to_ascii(text.trim_end_matches('.')).ok()?;
    let differs = ascii != text && ascii.parse::<Host>().is_ok();
    differs.then_some(ascii)
}

/// Read `--server-name`.
pub(super) fn server_name(text: &str) -> Result<Host, String> {
    host_named("the name", text)
}

/// Read `--cluster-name`.
pub(super) fn cluster_name(text: &str) -> Result<String, String> {
    let is_name = (1..=128).contains(&text.chars().count()) && !text.chars().any(char::is_control);
    let name = Some(text).filter(|text| is_name && !text.trim().is_empty());
    name.map(ToOwned::to_owned).ok_or_else(|| "the name must be one line of 1 to 128 characters".to_owned())
}

/// Reads the URL of a proxy. What is wrong with it is told without it: it may hold a password.
#[derive(Debug, Clone, Copy)]
pub(super) struct ProxyParser;

impl TypedValueParser for ProxyParser {
    type Value = Proxy;

    fn parse_ref(&self, command: &Command, _: Option<&Arg>, value: &OsStr) -> Result<Proxy, Error> {
        let read = value.to_str().map_or(Err(ParseProxyError::Scheme), str::parse);
        read.map_err(|rule| {
            Error::raw(ErrorKind::ValueValidation, format!("the value of --proxy {rule}\n")).with_cmd(command)
        })
    }
}

/// Reads `--starttls`.
pub(super) fn starttls() -> impl TypedValueParser<Value = StartTls> {
    PossibleValuesParser::new(StartTls::ALL.map(StartTls::as_str))
        .try_map(|name| StartTls::ALL.into_iter().find(|protocol| protocol.as_str() == name).ok_or("unknown protocol"))
}

/// Read `--timeout`, by the rule of `spec.timeout`.
pub(super) fn timeout(text: &str) -> Result<Duration, String> {
    let duration = parse_duration(text).ok().filter(|duration| (MIN_TIMEOUT..=MAX_TIMEOUT).contains(duration));
    duration.ok_or_else(|| "timeout must be a duration from 1s to 2m, for example 10s".to_owned())
}

/// Read `--alert-resend-interval`.
pub(super) fn resend_interval(text: &str) -> Result<Duration, String> {
    let allowed = Duration::from_secs(1)..=Duration::from_hours(1);
    let duration = parse_duration(text).ok().filter(|duration| allowed.contains(duration));
    duration.ok_or_else(|| "must be a duration from 1s to 1h, for example 5m".to_owned())
}

/// Read a time of the election of a leader. How they go together is looked at when all are known.
pub(super) fn lease_time(text: &str) -> Result<Duration, String> {
    let allowed = Duration::from_millis(1)..=Duration::from_hours(1);
    let duration = parse_duration(text).ok().filter(|duration| allowed.contains(duration));
    duration.ok_or_else(|| "must be a duration of up to 1h, for example 15s".to_owned())
}

/// Read the name of a Lease, or that of its namespace.
pub(super) fn object_name(text: &str) -> Result<String, String> {
    let is_name = text.len() <= 253 && text.split('.').all(is_label);
    is_name.then(|| text.to_owned()).ok_or_else(|| {
        "must be the name of an object: lower case letters, digits, - and ., for example sslmonitor".to_owned()
    })
}

/// Read one name of `--namespaces`.
pub(super) fn namespace(text: &str) -> Result<String, String> {
    let rule = "must be the name of a namespace: up to 63 lower case letters, digits and -, for example shop";
    is_label(text).then(|| text.to_owned()).ok_or_else(|| rule.to_owned())
}

/// Read a time span of `--expiring`: numbers of weeks, days, hours or minutes.
pub(super) fn span(text: &str) -> Result<Duration, String> {
    let wrong = || "must be a time such as 30d, 2w or 12h".to_owned();
    let (mut seconds, mut rest) = (0_u64, text);
    while !rest.is_empty() {
        let end = rest.find(|character: char| !character.is_ascii_digit()).ok_or_else(wrong)?;
        let unit = match rest.as_bytes()[end] {
            b'w' => 604_800,
            b'd' => 86_400,
            b'h' => 3600,
            b'm' => 60,
            _ => return Err(wrong()),
        };
        let count: u64 = rest[..end].parse().map_err(|_| wrong())?;
        seconds = count.checked_mul(unit).and_then(|more| seconds.checked_add(more)).ok_or_else(wrong)?;
        rest = &rest[end + 1..];
    }
    // A century: beyond that no clock goes.
    let is_some = !text.is_empty() && seconds <= 100 * 366 * 86_400;
    is_some.then_some(Duration::from_secs(seconds)).ok_or_else(wrong)
}

/// Read the `--timeout` of the plugin.
pub(super) fn wait_limit(text: &str) -> Result<Duration, String> {
    let allowed = Duration::from_secs(1)..=Duration::from_mins(10);
    let duration = parse_duration(text).ok().filter(|duration| allowed.contains(duration));
    duration.ok_or_else(|| "timeout must be a duration from 1s to 10m, for example 90s".to_owned())
}

/// Read `ID=NAME`.
pub(super) fn renamed(text: &str) -> Result<(String, String), String> {
    let pair = text.split_once('=').filter(|(id, name)| !id.is_empty() && !name.is_empty());
    let wrong = || "must be ID=NAME, for example ch_4f2a=slack".to_owned();
    pair.map(|(id, name)| (id.to_owned(), name.to_owned())).ok_or_else(wrong)
}

/// Read `--at`.
pub(super) fn timestamp(text: &str) -> Result<Timestamp, String> {
    text.parse().map_err(|_| "must be a time with an offset (RFC 3339), for example 2027-01-31T00:00:00Z".to_owned())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_domain_may_have_a_port() {
        let table = [
            ("a.test", "a.test", None),
            ("a.test:8443", "a.test", Some(8443)),
            ("xn--bcher-kva.de", "xn--bcher-kva.de", None),
            ("192.0.2.1", "192.0.2.1", None),
            ("192.0.2.1:1", "192.0.2.1", Some(1)),
            ("2001:db8::1", "2001:db8::1", None),
            ("[2001:db8::1]", "2001:db8::1", None),
            ("[2001:db8::1]:65535", "2001:db8::1", Some(65535)),
        ];
        for (text, host, port) in table {
            assert_eq!(text.parse(), Ok(DomainPort { host: host.parse().unwrap(), port }), "{text}");
        }
    }

    #[test]
    fn every_other_domain_is_refused_with_one_sentence() {
        const DOMAIN: &str = "domain must be a host name without scheme, port or path, for example api.example.com";
        let hinted = |other: &str| format!("{DOMAIN}; write it as {other}");
        let port = |text: &str| format!("port must be a number from 1 to 65535, not {text:?}");
        let table = [
            ("https://x.test", DOMAIN.to_owned()),
            ("https://x.test:443", DOMAIN.to_owned()),
            ("x.test/path", DOMAIN.to_owned()),
            ("x.test:443/path", DOMAIN.to_owned()),
            ("*.x.test", DOMAIN.to_owned()),
            ("x:443", DOMAIN.to_owned()),
            ("localhost", DOMAIN.to_owned()),
            ("", DOMAIN.to_owned()),
            (":443", DOMAIN.to_owned()),
            ("x.test:443\n", port("443\n")),
            ("x.test\n", DOMAIN.to_owned()),
            ("[2001:db8::1]443", DOMAIN.to_owned()),
            ("[2001:db8::1", DOMAIN.to_owned()),
            ("2001:DB8::1", hinted("2001:db8::1")),
            ("Api.Example.com", hinted("api.example.com")),
            ("bücher.de", hinted("xn--bcher-kva.de")),
            ("bücher.de:8443", hinted("xn--bcher-kva.de")),
            ("x.test.", hinted("x.test")),
            ("x.test:0", port("0")),
            ("x.test:65536", port("65536")),
            ("x.test:", port("")),
            ("x.test:+1", port("+1")),
            ("x.test:https", port("https")),
        ];
        for (text, expected) in table {
            assert_eq!(text.parse::<DomainPort>(), Err(expected), "{text:?}");
        }
    }

    #[test]
    fn what_others_wrote_is_read_in_any_spelling() {
        let table = [("Api.Example.com:8443", "api.example.com", Some(8443)), ("bücher.de.", "xn--bcher-kva.de", None)];
        for (text, host, port) in table.into_iter().chain([("a.test", "a.test", None)]) {
            assert_eq!(DomainPort::loosely(text), Ok(DomainPort { host: host.parse().unwrap(), port }), "{text}");
        }
        for text in ["*.x.test", "https://x.test", "localhost", ""] {
            assert_eq!(DomainPort::loosely(text), text.parse::<DomainPort>(), "{text}");
        }
    }

    #[test]
    fn one_connects_to_addresses_only() {
        let read = |text: &str| text.parse::<ConnectTo>().map(|to| (to.address.to_string(), to.port));
        assert_eq!(read("192.0.2.1"), Ok(("192.0.2.1".to_owned(), None)));
        assert_eq!(read("192.0.2.1:8443"), Ok(("192.0.2.1".to_owned(), Some(8443))));
        assert_eq!(read("[::1]:8443"), Ok(("::1".to_owned(), Some(8443))));
        for text in ["lb.test", "192.0.2.1:0", "", "192.0.2.1:x"] {
            assert!(read(text).is_err(), "{text}");
        }
    }

    #[test]
    fn spans_are_read_in_the_units_of_people() {
        for (text, hours) in [("30d", 720), ("2w", 336), ("12h", 12), ("1d12h", 36), ("120m", 2), ("0d", 0)] {
            assert_eq!(span(text), Ok(Duration::from_hours(hours)), "{text}");
        }
        for text in ["", "30", "d", "-1d", "1.5d", "1y", "99999999999999999999d", "9999999w", "1dé"] {
            assert!(span(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_name_stands_for_another() {
        assert_eq!(renamed("ch_1=slack"), Ok(("ch_1".to_owned(), "slack".to_owned())));
        for text in ["", "=", "a=", "=b", "ab"] {
            assert!(renamed(text).is_err(), "{text}");
        }
    }

    #[test]
    fn times_and_limits_are_read() {
        assert_eq!(timeout("10s"), Ok(Duration::from_secs(10)));
        assert_eq!(timestamp("2027-01-31T01:00:00+01:00"), timestamp("2027-01-31T00:00:00Z"));
        for text in ["10", "500ms", "3m", ""] {
            assert!(timeout(text).is_err(), "{text}");
        }
        for text in ["2027-01-31", "tomorrow", "2027-01-31T00:00:00", ""] {
            assert!(timestamp(text).is_err(), "{text}");
        }
    }
}
