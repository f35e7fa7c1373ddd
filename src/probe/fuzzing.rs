//! Ways in for the fuzzer to what the engine keeps to itself. They are compiled only with `--cfg fuzzing`, and each is as
//! narrow as can be: bytes in, what the engine makes of them out.

use std::net::{IpAddr, SocketAddr};

use hickory_resolver::proto::op::Message;
use jiff::Timestamp;
use rustls::pki_types::CertificateDer;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    time::Instant,
};

use super::{
    AddressPolicy, Failure, Host, Presented, RevocationCheck, StartTls, Target, TrustStore, legacy, offline, prober,
    resolve, revocation, starttls,
    verify::{self, Case, PathCache},
};

/// A memory of paths, as a prober has one.
#[derive(Debug, Default)]
pub struct Paths(PathCache);

/// Judge a chain of certificates in DER form, leaf first and not empty, as if it came from a file.
pub fn judge(chain: &[Vec<u8>], name: &Host, trust: &TrustStore, now: Timestamp, paths: Option<&Paths>) -> Presented {
    let chain = certificates(chain);
    verify::judge(&offline::case(chain, name, trust, now), paths.map(|paths| &paths.0))
}

/// Somebody's word on whether a certificate has been revoked.
#[derive(Debug, Clone, Copy)]
pub enum Word<'a> {
    /// An OCSP answer, stapled to a handshake.
    Staple(&'a [u8]),
    /// A CRL.
    List(&'a [u8]),
}

/// [`judge`], by this word on the revocation, which has to be known.
pub fn judge_with(chain: &[Vec<u8>], name: &Host, trust: &TrustStore, now: Timestamp, word: Word<'_>) -> Presented {
    let chain = certificates(chain);
    let case = offline::case(chain, name, trust, now);
    let (staple, lists) = match word {
        Word::Staple(answer) => (Some(answer.to_vec()), Vec::new()),
        Word::List(list) => {
            (None, revocation::consult(&verify::queries(&case, None).unwrap_or_default(), &[list], now))
        }
    };
    let case = Case { staple, lists, revocation: RevocationCheck::Crl, needs_revocation_state: true, ..case };
    verify::judge(&case, None)
}

fn certificates(chain: &[Vec<u8>]) -> Vec<CertificateDer<'static>> {
    chain.iter().map(|der| CertificateDer::from(der.clone())).collect()
}

/// The addresses that a resolver's answer gives; `None` when it is no DNS message.
pub fn addresses(answer: &[u8]) -> Option<Vec<IpAddr>> {
    let message = Message::from_vec(answer).ok()?;
    Some(resolve::addresses(message.answers.iter().map(|record| &record.data)))
}

/// Those of the addresses that are dialled for this target.
///
/// # Errors
/// What denies them, when all are denied.
pub fn vet(policy: &AddressPolicy, target: &Target, found: &[IpAddr]) -> Result<Vec<SocketAddr>, String> {
    prober::vet(policy, target.dialled_host(), target.dialled_port(), found.iter().copied())
}

/// What a server showed in the clear.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown {
    /// Version and suite.
    pub chosen: (&'static str, String),
    /// The certificates, leaf first.
    pub chain: Vec<Vec<u8>>,
    /// The stapled OCSP answer.
    pub staple: Option<Vec<u8>>,
    /// Whether a client certificate was asked for.
    pub asked: bool,
}

/// What the received part of a handshake shows, if anything.
pub fn flight(received: &[u8]) -> Option<Shown> {
    legacy::read(received).map(|shown| Shown {
        chosen: (shown.version, shown.cipher_suite),
        chain: shown.chain.iter().map(|der| der.to_vec()).collect(),
        staple: shown.staple,
        asked: shown.client_certificate_requested,
    })
}

/// Hold the dialogue of this protocol on a fresh connection, after which the server awaits a ClientHello.
///
/// # Errors
/// When the server has no TLS, refuses it, or breaks the protocol.
pub async fn upgrade<S: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut S,
    protocol: StartTls,
    name: &Host,
    deadline: Instant,
) -> Result<(), Failure> {
    starttls::upgrade(stream, protocol, name, deadline).await
}
