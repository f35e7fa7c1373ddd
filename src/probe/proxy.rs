//! The way through a proxy: HTTP CONNECT (RFC 9110 §9.3.6) and SOCKS 5 (RFC 1928, RFC 1929).
//!
//! Nothing is read beyond the proxy's own words: what the target says first is left to the next stage.

mod socks;
mod url;

use std::{io, net::SocketAddr};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::{Instant, timeout_at},
};

use super::{Failure, FailureReason, Proxy, ProxyKind, Stage, text};

pub use url::{NoProxy, ParseNoProxyError, ParseProxyError};

/// The most bytes of the head of an answer to CONNECT.
const MAX_HEAD: usize = 8 * 1024;
/// How much of an answer is shown.
const SHOWN: usize = 64;

/// Where a proxy is to connect to.
#[derive(Debug, Clone, Copy)]
pub(super) enum Destination<'a> {
    /// To this address, which was vetted.
    Address(SocketAddr),
    /// To this name, which the proxy resolves, and this port.
    Name(&'a str, u16),
}

/// Why there is no tunnel.
enum Refusal {
    /// The connection to the proxy broke.
    Broken(io::Error),
    /// What the proxy did, in words that continue its name.
    Said(String),
}

/// Ask the proxy at the other end of this connection for a tunnel.
pub(super) async fn tunnel(
    mut stream: TcpStream,
    proxy: &Proxy,
    to: Destination<'_>,
    deadline: Instant,
) -> Result<TcpStream, Failure> {
    let dialogue = async {
        match proxy.kind {
            ProxyKind::Http => connect(&mut stream, proxy, to).await,
            ProxyKind::Socks5 | ProxyKind::Socks5h => socks::connect(&mut stream, proxy, to).await,
        }
    };
    match timeout_at(deadline, dialogue).await {
        Err(_) => Err(failure(proxy, "did not answer in time")),
        Ok(Err(Refusal::Broken(error))) => Err(failure(proxy, &broken(&error))),
        Ok(Err(Refusal::Said(what))) => Err(failure(proxy, &what)),
        Ok(Ok(())) => Ok(stream),
    }
}

/// A failure of this proxy.
pub(super) fn failure(proxy: &Proxy, what: &str) -> Failure {
    let detail = format!("the proxy {} {what}", at(&text::clean(&proxy.host.to_string()), proxy.port));
    Failure { reason: FailureReason::ProxyFailed, stage: Stage::Proxy, detail }
}

fn broken(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => "closed the connection before the tunnel was open".to_owned(),
        io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe => {
            "reset the connection before the tunnel was open".to_owned()
        }
        _ => format!("could not be talked to: {error}"),
    }
}

fn at(host: &str, port: u16) -> String {
    if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
}

async fn connect(stream: &mut TcpStream, proxy: &Proxy, to: Destination<'_>) -> Result<(), Refusal> {
    let to = match to {
        Destination::Address(address) => address.to_string(),
        Destination::Name(name, port) => at(plain(name)?, port),
    };
    let authorization = proxy.credentials.as_ref().map(|(user, password)| {
        format!("Proxy-Authorization: Basic {}\r\n", BASE64_STANDARD.encode(format!("{user}:{password}")))
    });
    let request = format!("CONNECT {to} HTTP/1.1\r\nHost: {to}\r\n{}\r\n", authorization.unwrap_or_default());
    stream.write_all(request.as_bytes()).await?;
    judge(&read_head(stream).await?, proxy.credentials.is_some())
}

/// A name that cannot be mistaken for anything else in a request.
fn plain(name: &str) -> Result<&str, Refusal> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
    if name.bytes().all(is_plain) { Ok(name) } else { Err("cannot be asked for such a name".into()) }
}

/// Read until the empty line, and nothing behind it.
async fn read_head(stream: &mut TcpStream) -> Result<Vec<u8>, Refusal> {
    let mut head = Vec::new();
    let mut part = [0; 512];
    loop {
        let seen = stream.peek(&mut part).await?;
        if seen == 0 {
            return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
        }
        let before = head.len();
        head.extend_from_slice(&part[..seen]);
        let end = end_of_head(&head);
        head.truncate(end.unwrap_or(head.len()));
        stream.read_exact(&mut part[..head.len() - before]).await?;
        if end.is_some() {
            return Ok(head);
        }
        if head.len() > MAX_HEAD {
            return Err(format!("answered with more than {} KiB", MAX_HEAD / 1024).into());
        }
        if !b"HTTP/".starts_with(&head[..head.len().min(5)]) {
            return Err(foreign(&head).into());
        }
    }
}

/// Where the empty line ends; a line may end without CR (RFC 9112 §2.2).
fn end_of_head(head: &[u8]) -> Option<usize> {
    let of = |end: &[u8]| head.windows(end.len()).position(|window| window == end).map(|at| at + end.len());
    [of(b"\n\r\n"), of(b"\n\n")].into_iter().flatten().min()
}

fn judge(head: &[u8], with_credentials: bool) -> Result<(), Refusal> {
    let line = first_line(head);
    let Some(status) = line.strip_prefix("HTTP/1.").and_then(|rest| rest.split(' ').nth(1)) else {
        return Err(foreign(head).into());
    };
    match status.as_bytes() {
        [b'2', b'0'..=b'9', b'0'..=b'9'] => Ok(()),
        b"407" if with_credentials => Err(format!("does not take the credentials: {}", shown(line)).into()),
        b"407" => Err(format!("asks for credentials: {}", shown(line)).into()),
        _ => Err(format!("refused to connect: {}", shown(line)).into()),
    }
}

fn foreign(head: &[u8]) -> String {
    format!("does not speak HTTP: {}", shown(first_line(head)))
}

/// The first line as far as it is text.
fn first_line(head: &[u8]) -> &str {
    let line = head.split(|byte| matches!(byte, b'\r' | b'\n')).next().unwrap_or_default();
    match str::from_utf8(line) {
        Ok(text) => text,
        Err(error) => str::from_utf8(&line[..error.valid_up_to()]).unwrap_or_default(),
    }
}

fn shown(line: &str) -> String {
    text::clean_to(line, SHOWN)
}

// === impl Refusal ===

impl From<io::Error> for Refusal {
    fn from(error: io::Error) -> Self {
        Self::Broken(error)
    }
}

impl From<String> for Refusal {
    fn from(what: String) -> Self {
        Self::Said(what)
    }
}

impl From<&str> for Refusal {
    fn from(what: &str) -> Self {
        Self::Said(what.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_2xx_opens_a_tunnel() {
        let said = |head: &str, with_credentials| match judge(head.as_bytes(), with_credentials) {
            Ok(()) => "open".to_owned(),
            Err(Refusal::Said(what)) => what,
            Err(Refusal::Broken(error)) => error.to_string(),
        };
        for (head, expected) in [
            ("HTTP/1.1 200 Connection established\r\n\r\n", "open"),
            ("HTTP/1.0 299\r\n\r\n", "open"),
            ("HTTP/1.1 100 Continue\r\n\r\n", "refused to connect: HTTP/1.1 100 Continue"),
            ("HTTP/1.1 403 For\u{1b}bidden\r\n\r\n", "refused to connect: HTTP/1.1 403 For\\u{1b}bidden"),
            ("HTTP/1.1 407 No\r\n\r\n", "asks for credentials: HTTP/1.1 407 No"),
            ("HTTP/1.1 2000 OK\r\n\r\n", "refused to connect: HTTP/1.1 2000 OK"),
            ("HTTP/1.1\r\n\r\n", "does not speak HTTP: HTTP/1.1"),
            ("SSH-2.0-x\r\n\r\n", "does not speak HTTP: SSH-2.0-x"),
            ("\r\n\r\n", "does not speak HTTP: "),
        ] {
            assert_eq!(said(head, false), expected);
        }
        assert_eq!(said("HTTP/1.1 407 No\r\n", true), "does not take the credentials: HTTP/1.1 407 No");
    }

    #[test]
    fn the_head_ends_at_the_first_empty_line() {
        assert_eq!(end_of_head(b"HTTP/1.1 200\r\nA: b\r\n\r\n220 \r\n\r\n"), Some(22));
        assert_eq!(end_of_head(b"HTTP/1.1 200\nA: b\n\n220"), Some(19));
        assert_eq!(end_of_head(b"HTTP/1.1 200\r\nA: b\r\n"), None);
    }
}
