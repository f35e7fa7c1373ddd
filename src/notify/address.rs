//! Addresses: text to what is dialled.

use std::net::IpAddr;

use http::Uri;
use rustls::pki_types::ServerName;
use secrecy::{ExposeSecret as _, SecretString};

/// The longest address that is read, in bytes.
const MAX: usize = 2048;

/// Where a connection goes. What follows the host in the address is secret with many kinds of channel.
#[derive(Debug, Clone)]
pub(super) struct Endpoint {
    pub(super) security: Security,
    pub(super) host: ServerName<'static>,
    pub(super) port: u16,
    /// Path and query as they were written.
    pub(super) path: SecretString,
    /// `USER:PASSWORD`, where an address may have it.
    pub(super) login: Option<SecretString>,
}

/// When TLS begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Security {
    /// Never.
    Clear,
    /// At once.
    Tls,
    /// After STARTTLS, before anything else is said.
    StartTls,
}

/// A scheme that an address may have.
pub(super) struct Scheme {
    name: &'static str,
    security: Security,
    port: u16,
    login: bool,
}

/// Why an address is none: what was found, and what to do. Neither has anything of the address but its scheme.
pub(super) type Objection = (String, &'static str);

pub(super) const HTTPS: Scheme = Scheme { name: "https", security: Security::Tls, port: 443, login: false };
pub(super) const HTTP: Scheme = Scheme { name: "http", security: Security::Clear, port: 80, login: false };
pub(super) const SMTP: Scheme = Scheme { name: "smtp", security: Security::StartTls, port: 587, login: false };
pub(super) const SMTPS: Scheme = Scheme { name: "smtps", security: Security::Tls, port: 465, login: false };
pub(super) const PROXY: Scheme = Scheme { name: "http", security: Security::Clear, port: 8080, login: true };

// === impl Endpoint ===

impl Endpoint {
    /// Read an address that has one of these schemes.
    pub(super) fn parse(text: &str, schemes: &[Scheme]) -> Result<Self, Objection> {
        let text = text.trim();
        if text.len() > MAX {
            return Err((format!("it has {} bytes", text.len()), "give at most 2048"));
        }
        let uri: Uri = text.parse().map_err(|_| ("it is no URL".to_owned(), "write SCHEME://HOST[:PORT][/PATH]"))?;
        let scheme = scheme(&uri, schemes)?;
        let authority = uri.authority().ok_or_else(|| ("it has no host".to_owned(), "write SCHEME://HOST[:PORT]"))?;
        let login = authority.as_str().rsplit_once('@').map(|(login, _)| SecretString::from(login));
        if login.is_some() && !scheme.login {
            return Err((
                "it has a user name or password".to_owned(),
                "put them into the secret's username and password",
            ));
        }
        let path = uri.path_and_query().map_or("/", |path| path.as_str());
        let path = if path.starts_with('?') { format!("/{path}") } else { path.to_owned() };
        Ok(Self {
            security: scheme.security,
            host: host(authority.host())?,
            port: port(&uri, authority.as_str())?.unwrap_or(scheme.port),
            path: SecretString::from(path),
            login,
        })
    }

    /// The same place as what paths of ours are put behind: without `end`, which many write, and without slash.
    pub(super) fn base(mut self, end: &str) -> Self {
        let path = self.path.expose_secret().trim_end_matches('/');
        self.path = SecretString::from(path.strip_suffix(end).unwrap_or(path));
        self
    }

    /// The host's address, where it is none that has to be resolved.
    pub(super) fn ip(&self) -> Option<IpAddr> {
        match &self.host {
            ServerName::IpAddress(address) => Some(IpAddr::from(*address)),
            _ => None,
        }
    }

    /// `HOST:PORT`, as in a request line.
    pub(super) fn authority(&self) -> String {
        match self.ip() {
            Some(IpAddr::V6(address)) => format!("[{address}]:{}", self.port),
            _ => format!("{}:{}", self.host.to_str(), self.port),
        }
    }
}

fn scheme<'a>(uri: &Uri, schemes: &'a [Scheme]) -> Result<&'a Scheme, Objection> {
    let found = uri.scheme_str().unwrap_or_default().to_ascii_lowercase();
    schemes.iter().find(|scheme| scheme.name == found).ok_or_else(|| {
        let found = match found.as_str() {
            "http" => "it begins with http://, where everybody on the way reads along".to_owned(),
            _ => "its scheme is another one".to_owned(),
        };
        let remedy = match schemes.first().map(|scheme| scheme.name) {
            Some("smtp") => "begin it with smtp:// (STARTTLS) or smtps://",
            Some("http") => "begin it with http://",
            _ => "begin it with https://",
        };
        (found, remedy)
    })
}

fn host(text: &str) -> Result<ServerName<'static>, Objection> {
    let bare = text.trim_start_matches('[').trim_end_matches(']');
    let name = bare.trim_end_matches('.').to_owned();
    ServerName::try_from(name).map_err(|_| {
        ("its host is no DNS name and no IP address".to_owned(), "write international names in their xn-- form")
    })
}

/// The port, if one is written.
fn port(uri: &Uri, authority: &str) -> Result<Option<u16>, Objection> {
    let written = authority.rsplit_once(':').is_some_and(|(_, port)| !port.contains([']', '@']));
    match uri.port_u16() {
        Some(0) => Err(("its port is 0".to_owned(), "write a port from 1 to 65535")),
        None if written => Err(("its port is no number".to_owned(), "write a port from 1 to 65535")),
        port => Ok(port),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn read(text: &str, schemes: &[Scheme]) -> Result<String, String> {
        let endpoint = Endpoint::parse(text, schemes).map_err(|(found, _)| found)?;
        let login = endpoint.login.as_ref().map(|login| format!(" as {}", login.expose_secret())).unwrap_or_default();
        Ok(format!("{:?} {} {}{login}", endpoint.security, endpoint.authority(), endpoint.path.expose_secret()))
    }

    #[test]
    fn addresses_are_read_as_they_are_written() {
        for (text, expected) in [
            ("https://hooks.test/services/T/B/x?y=z", "Tls hooks.test:443 /services/T/B/x?y=z"),
            (" https://hooks.test:8443/a/ ", "Tls hooks.test:8443 /a/"),
            ("HTTPS://Hooks.test", "Tls Hooks.test:443 /"),
            ("https://[2001:db8::1]:444/a#b", "Tls [2001:db8::1]:444 /a"),
            ("https://192.0.2.1?a=/", "Tls 192.0.2.1:443 /?a=/"),
        ] {
            assert_eq!(read(text, &[HTTPS]).as_deref(), Ok(expected), "{text}");
        }
        assert_eq!(read("smtp://mail.test", &[SMTP, SMTPS]).as_deref(), Ok("StartTls mail.test:587 /"));
        assert_eq!(read("smtps://mail.test:25", &[SMTP, SMTPS]).as_deref(), Ok("Tls mail.test:25 /"));
        assert_eq!(read("http://u:p@proxy.test:3128", &[PROXY]).as_deref(), Ok("Clear proxy.test:3128 / as u:p"));
    }

    #[test]
    fn what_is_no_address_is_refused_without_being_repeated() {
        for (text, found) in [
            ("", "it is no URL"),
            ("https://", "it is no URL"),
            ("hooks.test/secret", "it is no URL"),
            ("/secret", "its scheme is another one"),
            ("http://hooks.test/secret", "it begins with http://, where everybody on the way reads along"),
            ("ftp://hooks.test/secret", "its scheme is another one"),
            ("https://u:secret@hooks.test", "it has a user name or password"),
            ("https://hooks.test:0/secret", "its port is 0"),
            ("https://ho_oks!.test/secret", "its host is no DNS name and no IP address"),
            ("https://hooks.test/se\r\ncret", "it is no URL"),
        ] {
            let error = read(text, &[HTTPS]).unwrap_err();
            assert_eq!(error, found, "{text}");
            assert!(!error.contains("secret"));
        }
        assert_eq!(read(&format!("https://a.test/{}", "x".repeat(MAX)), &[HTTPS]), Err("it has 2063 bytes".to_owned()));
    }
}
