//! What a probe saw: plain data, no sockets, no Kubernetes.
//!
//! Every text that came from the peer has been escaped and cut at the border (see `probe::text`), so it may be shown,
//! logged and stored as it is.

mod failure;
mod verdict;

use std::{net::SocketAddr, time::Duration};

use jiff::Timestamp;

use super::{Finding, Revocation};

pub use failure::{Failure, FailureReason, Stage};
pub use verdict::{Fault, FaultKind, Verdict};

/// Everything one probe saw. Where several addresses were looked at, all but the endpoints speaks of the one that decides: of
/// those that showed a certificate the one with the worst verdict, where a missing proof counts least and a validity that has yet to
/// begin less than any fault that does not pass by itself, at equal verdicts the one
/// whose certificate ends first; when none did, the one whose failure tells most. The failure is an exception, see there.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Observation {
    /// The vetted address that was connected to, else the one that the failure is about; `None` when none was dialled, or when a
    /// proxy resolved the name.
    pub address: Option<SocketAddr>,
    /// How long each stage took; the total is that of the whole probe.
    pub timings: Timings,
    /// The negotiated TLS session; `None` when no version and suite were agreed on.
    pub session: Option<Session>,
    /// Whether the server asked for a client certificate.
    pub client_certificate: ClientCertificate,
    /// The certificate chain that was presented, whatever the verdict; `None` when none was received.
    pub presented: Option<Presented>,
    /// What went wrong on the way; `None` when the handshake completed, with any of the addresses. When none did, but some showed a
    /// certificate, of those the failure of the one that came furthest: a demand for a client certificate or too old a protocol
    /// goes before a broken connection. A certificate may have been seen all the same.
    pub failure: Option<Failure>,
    /// What is to be said beside faults and failure, the worst first.
    pub findings: Vec<Finding>,
    /// What each address that was looked at showed, in the order of the addresses; at most [`MAX_ENDPOINTS`]. Empty when no address
    /// was found or allowed.
    pub endpoints: Vec<Endpoint>,
    /// How many addresses are behind the name, also those that were not looked at.
    pub endpoint_count: usize,
}

/// The most addresses that one probe looks at.
pub const MAX_ENDPOINTS: usize = 16;

/// What one address showed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// The vetted address that was dialled.
    pub address: SocketAddr,
    /// The fingerprint of the leaf, as in [`Presented`]; `None` when no certificate was seen.
    pub fingerprint: Option<String>,
    /// The beginning of the leaf's validity, where it can be read.
    pub not_before: Option<Timestamp>,
    /// The end of the leaf's validity, where it can be read.
    pub not_after: Option<Timestamp>,
    /// The pin of the leaf's public key, as in [`Presented`]; `None` when no certificate was seen or it cannot be read.
    pub public_key: Option<String>,
    /// The leaf's issuer, where it can be read.
    pub issuer: Option<Issuer>,
    /// What is wrong with the certificate; nothing when none was seen.
    pub verdict: Verdict,
    /// What went wrong on the way.
    pub failure: Option<Failure>,
    /// From the first packet to the end of the handshake, or to the failure.
    pub took: Duration,
}

/// Who issued a certificate, twice as in [`Certificate`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Issuer {
    /// Common name, else organisation, else the whole name.
    pub name: String,
    /// The whole name in RFC 4514 form.
    pub dn: String,
}

/// How long each stage took; `None` for stages that were not reached or not completed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Timings {
    /// Name resolution.
    pub resolve: Option<Duration>,
    /// TCP connection to the dialled address.
    pub connect: Option<Duration>,
    /// TLS handshake.
    pub handshake: Option<Duration>,
    /// All stages together, also when the probe failed.
    pub total: Duration,
}

/// The negotiated TLS session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// `TLS1.2` or `TLS1.3`; of a certificate that was read in the clear what the server chose, down to `SSLv3`.
    pub version: &'static str,
    /// The cipher suite's IANA name, for example `TLS_AES_128_GCM_SHA256`.
    pub cipher_suite: String,
    /// The key exchange group that the server chooses when the post-quantum one is on offer, which is asked once a day; for example
    /// `X25519MLKEM768`. `None` where there was none or it is not known.
    pub group: Option<String>,
}

/// Whether the server asked for a client certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ClientCertificate {
    /// It did not ask.
    #[default]
    NotRequested,
    /// It asked, and went on without one.
    Optional,
    /// It asked, and went on with the one that it was shown.
    Shown,
    /// It asked, and refused to go on without one, or with the one that it was shown.
    Required,
}

/// The chain as it was presented, and what is to be said of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Presented {
    /// `SHA256:` and the upper-case hex of the leaf's digest with colons, as `openssl x509 -fingerprint -sha256` prints it.
    pub fingerprint: String,
    /// `sha256//` and the digest of the leaf's public key (SPKI) in base64, as `curl --pinnedpubkey` takes it; `None` when the leaf
    /// cannot be parsed.
    pub public_key: Option<String>,
    /// Whether the server has proved that it holds the leaf's key, or there is no server (a chain from a file). Not so when the
    /// chain was read in the clear, or the connection broke off before.
    pub proven: bool,
    /// Facts of the leaf; `None` when it cannot be parsed (the verdict then says so).
    pub leaf: Option<Certificate>,
    /// Number of certificates presented, leaf included.
    pub chain_length: usize,
    /// Earliest `notAfter` of all presented certificates that could be parsed.
    pub presented_not_after: Option<Timestamp>,
    /// Earliest `notAfter` on the verified path, leaf included and trust anchor excluded; `None` when no path was found.
    pub verified_not_after: Option<Timestamp>,
    /// What is known of the leaf's revocation; `None` when that was not asked for.
    pub revocation: Option<Revocation>,
    /// What the verification found.
    pub verdict: Verdict,
    /// What is to be said of the chain beside its faults, the worst first.
    pub findings: Vec<Finding>,
}

/// Facts of one certificate. Every text is escaped and cut to 256 bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certificate {
    /// Common name, else first DNS SAN, else organisation, else the whole name.
    pub subject: String,
    /// Common name, else organisation, else the whole name.
    pub issuer: String,
    /// The subject in RFC 4514 form.
    pub subject_dn: String,
    /// The issuer in RFC 4514 form.
    pub issuer_dn: String,
    /// Upper-case hex as `openssl x509 -serial` prints it; a leading `-` marks a negative number.
    pub serial_number: String,
    /// Subject alternative names in the order of the certificate: DNS names and IP addresses plain, others as `URI:…`,
    /// `email:…`, `other:…`, `invalid:…`; at most the first 32.
    pub sans: Vec<String>,
    /// Number of subject alternative names in the certificate, also beyond the first 32.
    pub san_count: usize,
    /// Start of validity (inclusive).
    pub not_before: Timestamp,
    /// End of validity (inclusive).
    pub not_after: Timestamp,
    /// The public key's algorithm and size.
    pub key: KeyAlgorithm,
    /// Name of the signature algorithm, for example `ecdsa-with-SHA256`, or its OID when unknown.
    pub signature_algorithm: String,
    /// X.509 version as people count it: 3 for version 3.
    pub version: u32,
}

/// A public key's algorithm and size.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyAlgorithm {
    /// `RSA`, `ECDSA`, `Ed25519`, `Ed448`, `DSA`, or the OID when unknown.
    pub name: String,
    /// Size in bits (RSA modulus, curve field); `None` where the algorithm fixes it or it is unknown.
    pub bits: Option<u32>,
}

// === impl Certificate ===

impl Certificate {
    /// Who issued it.
    pub fn issued_by(&self) -> Issuer {
        Issuer { name: self.issuer.clone(), dn: self.issuer_dn.clone() }
    }
}

// === impl Session ===

impl Session {
    /// Whether the key exchange withstands quantum computers (ML-KEM, FIPS 203, alone or in a hybrid).
    pub fn is_post_quantum(&self) -> bool {
        self.group.as_ref().is_some_and(|group| group.contains("MLKEM"))
    }
}
