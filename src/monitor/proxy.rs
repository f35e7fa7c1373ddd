//! The proxy of a monitor: from its URL and its user to what the engine takes.

use crate::probe::{Host, Proxy, ProxyKind};

/// The longest user name and password, in bytes (RFC 1929 §2).
const MAX_CREDENTIAL: usize = 255;
/// What a proxy's URL looks like.
pub(super) const RULE: &str =
    "must be http://HOST:PORT, socks5://HOST:PORT or socks5h://HOST:PORT, without user name or password";

/// Read the URL of a proxy; `None` when it breaks [`RULE`].
pub(super) fn parse(url: &str) -> Option<Proxy> {
    let (scheme, rest) = url.split_once("://")?;
    let kind = match scheme {
        "http" => ProxyKind::Http,
        "socks5" => ProxyKind::Socks5,
        "socks5h" => ProxyKind::Socks5h,
        _ => return None,
    };
    let (host, port) = rest.strip_suffix('/').unwrap_or(rest).rsplit_once(':')?;
    let host = match host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
        Some(address) => address.parse().ok().filter(|host| matches!(host, Host::Address(it) if it.is_ipv6()))?,
        None => host.parse().ok().filter(|host| !matches!(host, Host::Address(it) if it.is_ipv6()))?,
    };
    let is_number = port.bytes().all(|byte| byte.is_ascii_digit());
    let port = port.parse().ok().filter(|port| is_number && *port > 0)?;
    Some(Proxy { kind, host, port, credentials: None })
}

/// User name and password, if a proxy can be told them: text of at most 255 bytes each, without control characters, and no colon
/// in the name (RFC 7617 §2).
pub(super) fn credentials(username: &[u8], password: &[u8]) -> Option<(String, String)> {
    let text = |bytes: &[u8]| {
        let text = str::from_utf8(bytes).ok()?;
        (text.len() <= MAX_CREDENTIAL && !text.chars().any(char::is_control)).then(|| text.to_owned())
    };
    let username = text(username).filter(|name| !name.is_empty() && !name.contains(':'))?;
    Some((username, text(password)?))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_proxy_has_a_scheme_a_host_and_a_port() {
        let table = [
            ("http://proxy.test:3128", ProxyKind::Http, "proxy.test", 3128),
            ("http://192.0.2.1:8080/", ProxyKind::Http, "192.0.2.1", 8080),
            ("socks5://[2001:db8::1]:1080", ProxyKind::Socks5, "2001:db8::1", 1080),
            ("socks5h://proxy.test:65535", ProxyKind::Socks5h, "proxy.test", 65535),
        ];
        for (url, kind, host, port) in table {
            let expected = Proxy { kind, host: host.parse().unwrap(), port, credentials: None };
            assert_eq!(parse(url), Some(expected), "{url}");
        }
    }

    #[test]
    fn everything_else_is_none() {
        for url in [
            "",
            "proxy.test:3128",
            "https://proxy.test:3128",
            "http://proxy.test",
            "http://proxy.test:",
            "http://proxy.test:0",
            "http://proxy.test:+80",
            "http://proxy.test:65536",
            "http://user:password@proxy.test:3128",
            "http://proxy.test:3128/path",
            "http://2001:db8::1:3128",
            "http://[192.0.2.1]:3128",
            "socks5://[proxy.test]:1080",
            "http://proxy.test:3128\n",
        ] {
            assert_eq!(parse(url), None, "{url:?}");
        }
    }

    #[test]
    fn names_and_passwords_are_short_text() {
        let pair = |name: &str, password: &str| Some((name.to_owned(), password.to_owned()));
        assert_eq!(credentials(b"user", b"pass:word"), pair("user", "pass:word"));
        assert_eq!(credentials(b"user", b""), pair("user", ""));
        let long = [b'a'; 256];
        for (name, password) in [
            (&b""[..], &b"p"[..]),
            (b"a:b", b"p"),
            (b"user\n", b"p"),
            (b"user", b"p\r\nHost: x"),
            (&[0xff], b"p"),
            (&long, b"p"),
            (b"user", &long),
        ] {
            assert_eq!(credentials(name, password), None, "{name:?} {password:?}");
        }
    }
}
