//! The proxy of a monitor: from its URL and its user to what the engine takes.

use crate::probe::Proxy;

/// The longest user name and password, in bytes (RFC 1929 §2).
const MAX_CREDENTIAL: usize = 255;
/// What a proxy's URL looks like.
pub(super) const RULE: &str =
    "must be http://HOST:PORT, socks5://HOST:PORT or socks5h://HOST:PORT, without user name or password";

/// Read the URL of a proxy; `None` when it breaks [`RULE`]: what anybody may read who reads the monitor is no place for a password.
pub(super) fn parse(url: &str) -> Option<Proxy> {
    url.parse().ok().filter(|proxy: &Proxy| proxy.credentials.is_none())
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
    use super::*;

    #[test]
    fn a_url_has_no_password() {
        let url = |url| parse(url).map(|proxy| proxy.url());
        assert_eq!(url("socks5://[2001:db8::1]:1080/").as_deref(), Some("socks5://[2001:db8::1]:1080"));
        for text in ["", "http://proxy.test", "http://user:password@proxy.test:3128", "http://:@proxy.test:3128"] {
            assert_eq!(url(text), None, "{text:?}");
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
