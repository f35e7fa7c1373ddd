//! Certificates of servers with which no handshake comes about: up to TLS 1.2 they cross the wire in the clear.
//!
//! Nobody has proved to hold the key of such a certificate. It is shown, never taken for valid.

mod flight;
mod hello;
mod suites;

use std::io;

use aws_lc_rs::rand;
use rustls::pki_types::CertificateDer;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::{Instant, timeout, timeout_at},
};

use super::{
    Failure, FailureReason, Finding, FindingKind, Host, Session, Stage, handshake::GOODBYE, route::share, text,
};
use flight::Reader;
use hello::Hello;

/// What a server showed in the clear.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Cleartext {
    /// `SSLv3`, `TLS1.0`, `TLS1.1` or `TLS1.2`: what the server chose.
    pub version: &'static str,
    /// The chosen suite's IANA name, else its number as `0xXXXX`.
    pub cipher_suite: String,
    /// The chain as it was presented, leaf first; never empty. What broke off after the leaf is left out.
    pub chain: Vec<CertificateDer<'static>>,
    /// The stapled OCSP answer.
    pub staple: Option<Vec<u8>>,
    /// Whether the server asked for a client certificate.
    pub client_certificate_requested: bool,
}

/// What the received part of a broken handshake shows; `None` when no certificate was in it, or it was encrypted.
pub(super) fn read(received: &[u8]) -> Option<Cleartext> {
    let mut reader = Reader::default();
    reader.push(received);
    reader.finish()
}

/// Whether the server warned before its ServerHello that it does not know the name, which clients pass over in silence.
pub(super) fn warns_of_name(received: &[u8]) -> bool {
    let mut reader = Reader::default();
    reader.push(received);
    reader.seen.warned_of_name
}

/// What is to be said of a server that [warns of the name](warns_of_name).
pub(super) fn name_not_recognized(name: &Host) -> Finding {
    let name = text::clean(&name.to_string());
    let detail =
        format!("the server does not know the name {name} (alert unrecognized_name as a warning), and goes on");
    Finding { kind: FindingKind::NameNotRecognized, detail }
}

/// Ask for the certificate in the words of older and older versions, each on a connection of its own, until one is understood
/// or there is no connection. Each has a fair share of the time that is left: a server that hangs at one may understand the next.
pub(super) async fn ask<D>(name: &Host, mut dial: impl FnMut() -> D, deadline: Instant) -> Option<Cleartext>
where
    D: Future<Output = Result<TcpStream, Failure>>,
{
    for (position, hello) in Hello::LADDER.into_iter().enumerate() {
        let share = share(Instant::now(), deadline, Hello::LADDER.len() - position);
        let Ok(dialled) = timeout_at(share, dial()).await else { continue };
        let seen = converse(dialled.ok()?, hello, name, share).await;
        if seen.is_some() {
            return seen;
        }
    }
    None
}

/// Say hello, read the flight, and take leave.
async fn converse(mut stream: TcpStream, hello: Hello, name: &Host, deadline: Instant) -> Option<Cleartext> {
    let mut random = [0; 32];
    rand::fill(&mut random).ok()?;
    let mut reader = Reader::default();
    // A connection that breaks or hangs has brought what it has brought.
    let _ = timeout_at(deadline, exchange(&mut stream, &hello.record(name, &random), &mut reader)).await;
    let seen = reader.finish();
    let _ = timeout(GOODBYE, take_leave(&mut stream, seen.as_ref())).await;
    seen
}

async fn take_leave(stream: &mut TcpStream, seen: Option<&Cleartext>) -> io::Result<()> {
    if let Some(seen) = seen {
        stream.write_all(&goodbye(seen.version)).await?;
    }
    stream.shutdown().await
}

async fn exchange(stream: &mut TcpStream, hello: &[u8], reader: &mut Reader) -> io::Result<()> {
    stream.write_all(hello).await?;
    let mut buffer = vec![0; 16 * 1024];
    while !reader.has_ended() {
        let read = stream.read(&mut buffer).await?;
        if read == 0 {
            break;
        }
        reader.push(&buffer[..read]);
    }
    Ok(())
}

/// The warnings `user_canceled` and `close_notify`: nothing is wrong, we only wanted to look (RFC 5246 §7.2).
fn goodbye(version: &str) -> Vec<u8> {
    let minor = match version {
        "SSLv3" => 0,
        "TLS1.0" => 1,
        "TLS1.1" => 2,
        _ => 3,
    };
    [[21, 3, minor, 0, 2, 1, 90], [21, 3, minor, 0, 2, 1, 0]].concat()
}

// === impl Cleartext ===

impl Cleartext {
    /// The session that was begun.
    pub(super) fn session(&self) -> Session {
        Session { version: self.version, cipher_suite: self.cipher_suite.clone(), group: None }
    }

    /// What is to be said of a version older than TLS 1.2.
    pub(super) fn finding(&self) -> Option<Finding> {
        let detail =
            || format!("the server speaks {}; clients of today accept TLS 1.2 and 1.3 only", self.spaced_version());
        self.is_old().then(|| Finding { kind: FindingKind::OldProtocol, detail: detail() })
    }

    /// Whether the server chose a version older than TLS 1.2.
    fn is_old(&self) -> bool {
        self.version != "TLS1.2"
    }

    fn spaced_version(&self) -> String {
        self.version.replacen("TLS", "TLS ", 1)
    }

    /// What is to be said of the handshake now that it is known what the server would have chosen; `asked` when the certificate
    /// came only on another connection, by an older hello.
    pub(super) fn explain(&self, own: Failure, asked: bool) -> Failure {
        let refused = matches!(own.reason, FailureReason::ProtocolTooOld | FailureReason::NoCommonCipher);
        let broken = matches!(own.reason, FailureReason::ProtocolViolation | FailureReason::CertificateTooLarge);
        let (version, suite) = (self.spaced_version(), &self.cipher_suite);
        let read = "its certificate was read in the clear, without proof of its key";
        let (reason, what) = if self.is_old() && (refused || asked) {
            (FailureReason::ProtocolTooOld, format!("the server speaks {version} with {suite}, and nothing newer"))
        } else if refused || (asked && !broken && !suites::is_of_today(suite)) {
            let what = if suites::is_of_today(suite) {
                format!("{}; to an older hello it answers {version} with {suite}", own.detail)
            } else {
                format!("the server chooses {suite} in {version}, which is not accepted")
            };
            (FailureReason::NoCommonCipher, what)
        } else {
            return own;
        };
        Failure { reason, stage: Stage::Handshake, detail: format!("{what}; {read}") }
    }
}

#[cfg(test)]
mod tests;
