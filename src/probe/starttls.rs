//! STARTTLS: ask a server for TLS in the protocol that it speaks, and take nothing from it but its go-ahead.
//!
//! All that is read is bounded, and read to the byte: what a server sends after its go-ahead came in the clear, and whoever
//! takes it for protected is deceived (CVE-2011-0411). Such bytes end the probe.

mod ftp;
mod imap;
mod ldap;
mod mysql;
mod nntp;
mod pop3;
mod postgresql;
mod reply;
mod sieve;
mod smtp;
#[cfg(test)]
mod tests;
mod wire;
mod xmpp;

use tokio::{
    io::{AsyncRead, AsyncWrite},
    time::Instant,
};

use super::{Failure, FailureReason, Host, Stage, StartTls, text};
use wire::Wire;

/// How much of what a server said is quoted, in bytes.
const QUOTED: usize = 64;

/// Hold the dialogue of this protocol on a fresh connection, until the deadline. After it the server awaits a ClientHello.
/// `name` is the domain that XMPP servers are told.
///
/// # Errors
/// `StartTlsUnavailable` when the server does not offer TLS or refuses, `StartTlsInjection` when it sent more than its
/// go-ahead, and `StartTlsFailed` when the dialogue broke off, exceeds the limits, or is not that of the protocol.
pub(super) async fn upgrade<S: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut S,
    protocol: StartTls,
    name: &Host,
    deadline: Instant,
) -> Result<(), Failure> {
    let mut wire = Wire::new(stream, label(protocol), deadline);
    match protocol {
        StartTls::Smtp => smtp::ask(&mut wire, smtp::Hello::Ehlo).await,
        StartTls::Lmtp => smtp::ask(&mut wire, smtp::Hello::Lhlo).await,
        StartTls::Imap => imap::ask(&mut wire).await,
        StartTls::Pop3 => pop3::ask(&mut wire).await,
        StartTls::Ftp => ftp::ask(&mut wire).await,
        StartTls::Ldap => ldap::ask(&mut wire).await,
        StartTls::Postgresql => postgresql::ask(&mut wire).await,
        StartTls::Mysql => mysql::ask(&mut wire).await,
        StartTls::XmppClient => xmpp::ask(&mut wire, "jabber:client", name).await,
        StartTls::XmppServer => xmpp::ask(&mut wire, "jabber:server", name).await,
        StartTls::Sieve => sieve::ask(&mut wire).await,
        StartTls::Nntp => nntp::ask(&mut wire).await,
    }
}

/// The protocol as people write it.
fn label(protocol: StartTls) -> &'static str {
    match protocol {
        StartTls::Smtp => "SMTP",
        StartTls::Lmtp => "LMTP",
        StartTls::Imap => "IMAP",
        StartTls::Pop3 => "POP3",
        StartTls::Ftp => "FTP",
        StartTls::Ldap => "LDAP",
        StartTls::Postgresql => "PostgreSQL",
        StartTls::Mysql => "MySQL",
        StartTls::XmppClient | StartTls::XmppServer => "XMPP",
        StartTls::Sieve => "ManageSieve",
        StartTls::Nntp => "NNTP",
    }
}

fn failure(reason: FailureReason, detail: String) -> Failure {
    Failure { reason, stage: Stage::StartTls, detail }
}

/// The server does not offer TLS at a place where it would.
fn absent(place: &str) -> Failure {
    failure(FailureReason::StartTlsUnavailable, format!("the server does not offer STARTTLS {place}"))
}

/// The server refuses what it was asked for, in these words.
fn refused(what: &str, reply: &[u8]) -> Failure {
    failure(FailureReason::StartTlsUnavailable, format!("the server refuses {what}: {}", quote(reply)))
}

/// What a server said, fit to be shown: cleaned and cut.
fn quote(bytes: &[u8]) -> String {
    match bytes.split(|byte| matches!(byte, b'\r' | b'\n')).next() {
        None | Some([]) => "(an empty line)".to_owned(),
        Some(line) => text::clean_to(&String::from_utf8_lossy(line), QUOTED),
    }
}

/// Whether a word of a protocol is this one; case does not matter in any of them.
fn is_word(word: &[u8], expected: &str) -> bool {
    word.eq_ignore_ascii_case(expected.as_bytes())
}

/// The words of a line.
fn words(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    line.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty())
}
