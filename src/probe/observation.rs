//! What a probe saw: plain data, no sockets, no Kubernetes.
//!
//! Every text that came from the peer has been escaped and cut at the border (see `probe::text`), so it may be shown,
//! logged and stored as it is.

use std::{net::SocketAddr, time::Duration};

use jiff::Timestamp;

use super::{Finding, Revocation};

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
    /// What is wrong with the certificate; nothing when none was seen.
    pub verdict: Verdict,
    /// What went wrong on the way.
    pub failure: Option<Failure>,
    /// From the first packet to the end of the handshake, or to the failure.
    pub took: Duration,
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

/// What the verification of a presented chain found: nothing, or faults with the worst first.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Verdict {
    /// All faults, judged apart, in the order of [`FaultKind`] (worst first).
    pub faults: Vec<Fault>,
}

/// One thing that is wrong with a presented chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Which kind of fault.
    pub kind: FaultKind,
    /// One sentence for people, without final full stop: what was found, and what was expected.
    pub detail: String,
}

/// The kinds of faults, worst first: the first of several is the reason that is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum FaultKind {
    /// The leaf is not a readable X.509 certificate.
    CertificateUnparsable,
    /// The server could not prove that it holds the certificate's key.
    KeyMismatch,
    /// The certificate, or an intermediate of its path, has been revoked.
    Revoked,
    /// The leaf's `notAfter` has passed.
    Expired,
    /// The leaf's `notBefore` has not come yet, to the second: what is made of differing clocks is not decided here.
    NotYetValid,
    /// The certificate is not for the verified name.
    HostnameMismatch,
    /// The leaf is signed by its own key and is not a trust anchor.
    SelfSigned,
    /// A signature in the chain is wrong.
    BadSignature,
    /// The chain ends at a root that is not trusted, or at an issuer nobody knows.
    UnknownIssuer,
    /// An intermediate certificate was not sent.
    IncompleteChain,
    /// An intermediate on the only path has expired.
    IntermediateExpired,
    /// An intermediate on the only path is not valid yet.
    IntermediateNotYetValid,
    /// The leaf is a CA certificate.
    LeafIsCa,
    /// The certificate may not be used for TLS servers.
    WrongPurpose,
    /// The key is too weak to be accepted.
    WeakKey,
    /// The chain uses an algorithm that is not accepted.
    UnsupportedAlgorithm,
    /// The chain breaks another rule of RFC 5280 (version, critical extension, name constraint, path length…).
    NotVerifiable,
    /// It could not be found out whether the certificate has been revoked, and that was to be a fault.
    RevocationUnknown,
    /// The connection ended before the server could prove that it holds the certificate's key: nothing is wrong with what
    /// was seen, but anyone could have sent it.
    Unproven,
}

/// Why no, or no complete, handshake came about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// Which kind of failure.
    pub reason: FailureReason,
    /// Where it happened.
    pub stage: Stage,
    /// One sentence for people, without final full stop: what was tried and what came of it.
    pub detail: String,
}

/// The stages of a probe, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Stage {
    /// Name resolution.
    Resolve,
    /// Address policy.
    Policy,
    /// TCP connection.
    Connect,
    /// The way through the proxy.
    Proxy,
    /// The dialogue in the clear that asks for TLS.
    StartTls,
    /// TLS handshake.
    Handshake,
}

/// The kinds of failure; the name of a variant is the reason that users see.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum FailureReason {
    /// The name does not exist, or has no address.
    NameNotFound,
    /// The name could not be resolved: the resolver failed, refused or answered nonsense.
    ResolveFailed,
    /// The resolver did not answer in time.
    ResolveTimedOut,
    /// Every address of the target is denied by the address policy; nothing was sent.
    TargetDenied,
    /// The TCP connection was refused.
    ConnectionRefused,
    /// No route to the host or network.
    HostUnreachable,
    /// The TCP connection was not established in time.
    ConnectTimedOut,
    /// The proxy could not be reached, or refused.
    ProxyFailed,
    /// The server does not offer STARTTLS, or refuses it.
    StartTlsUnavailable,
    /// The server sent bytes after its go-ahead and before TLS, which a client might take for protected ones (CVE-2011-0411).
    StartTlsInjection,
    /// The dialogue before STARTTLS was broken off, or is not that of the protocol.
    StartTlsFailed,
    /// The peer reset the connection.
    ConnectionReset,
    /// The peer closed the connection during the handshake.
    ConnectionClosed,
    /// The handshake did not complete in time.
    HandshakeTimedOut,
    /// What answered does not speak TLS.
    NotTls,
    /// The server speaks only protocol versions older than TLS 1.2.
    ProtocolTooOld,
    /// The server accepts none of the cipher suites, groups or signature algorithms offered.
    NoCommonCipher,
    /// The server knows no such name (SNI).
    ServerNameRejected,
    /// The server refused to go on without a client certificate.
    ClientCertificateRequired,
    /// The server reported an internal error by alert.
    ServerInternalError,
    /// The server ended the handshake with another alert, named in the detail.
    HandshakeRefused,
    /// The server presented no certificate.
    NoCertificate,
    /// The server's handshake exceeds what is read (certificates beyond 64 KiB, or 128 KiB in all).
    CertificateTooLarge,
    /// The peer broke the TLS protocol.
    ProtocolViolation,
    /// The probe could not be made for a reason on our side, for example no free socket.
    ProbeError,
}

// === impl Session ===

impl Session {
    /// Whether the key exchange withstands quantum computers (ML-KEM, FIPS 203, alone or in a hybrid).
    pub fn is_post_quantum(&self) -> bool {
        self.group.as_ref().is_some_and(|group| group.contains("MLKEM"))
    }
}

// === impl Verdict ===

impl Verdict {
    /// A verdict from faults found in any order.
    pub fn of(mut faults: Vec<Fault>) -> Self {
        faults.sort_by_key(|fault| fault.kind);
        Self { faults }
    }

    /// Whether nothing is wrong.
    pub fn is_valid(&self) -> bool {
        self.faults.is_empty()
    }

    /// Whether a fault was found that holds whoever sent the chain: one besides the missing proof.
    pub fn is_faulty(&self) -> bool {
        self.faults.iter().any(|fault| fault.kind != FaultKind::Unproven)
    }

    /// The worst fault, if any.
    pub fn worst(&self) -> Option<&Fault> {
        self.faults.first()
    }
}

// === impl FaultKind ===

impl FaultKind {
    /// Every kind, worst first.
    pub const ALL: [Self; 19] = [
        Self::CertificateUnparsable,
        Self::KeyMismatch,
        Self::Revoked,
        Self::Expired,
        Self::NotYetValid,
        Self::HostnameMismatch,
        Self::SelfSigned,
        Self::BadSignature,
        Self::UnknownIssuer,
        Self::IncompleteChain,
        Self::IntermediateExpired,
        Self::IntermediateNotYetValid,
        Self::LeafIsCa,
        Self::WrongPurpose,
        Self::WeakKey,
        Self::UnsupportedAlgorithm,
        Self::NotVerifiable,
        Self::RevocationUnknown,
        Self::Unproven,
    ];

    /// Whether the fault says that the chain does not lead to a trusted root, so that more trust anchors could mend it.
    pub fn is_about_trust(self) -> bool {
        matches!(self, Self::SelfSigned | Self::UnknownIssuer | Self::IncompleteChain)
    }

    /// The kind's name as users see it, for example `HostnameMismatch`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::CertificateUnparsable => "CertificateUnparsable",
            Self::KeyMismatch => "KeyMismatch",
            Self::Revoked => "Revoked",
            Self::Expired => "Expired",
            Self::NotYetValid => "NotYetValid",
            Self::HostnameMismatch => "HostnameMismatch",
            Self::SelfSigned => "SelfSigned",
            Self::BadSignature => "BadSignature",
            Self::UnknownIssuer => "UnknownIssuer",
            Self::IncompleteChain => "IncompleteChain",
            Self::IntermediateExpired => "IntermediateExpired",
            Self::IntermediateNotYetValid => "IntermediateNotYetValid",
            Self::LeafIsCa => "LeafIsCa",
            Self::WrongPurpose => "WrongPurpose",
            Self::WeakKey => "WeakKey",
            Self::UnsupportedAlgorithm => "UnsupportedAlgorithm",
            Self::NotVerifiable => "NotVerifiable",
            Self::RevocationUnknown => "RevocationUnknown",
            Self::Unproven => "Unproven",
        }
    }
}

// === impl FailureReason ===

impl FailureReason {
    /// Every reason, in the order of the stages.
    pub const ALL: [Self; 25] = [
        Self::NameNotFound,
        Self::ResolveFailed,
        Self::ResolveTimedOut,
        Self::TargetDenied,
        Self::ConnectionRefused,
        Self::HostUnreachable,
        Self::ConnectTimedOut,
        Self::ProxyFailed,
        Self::StartTlsUnavailable,
        Self::StartTlsInjection,
        Self::StartTlsFailed,
        Self::ConnectionReset,
        Self::ConnectionClosed,
        Self::HandshakeTimedOut,
        Self::NotTls,
        Self::ProtocolTooOld,
        Self::NoCommonCipher,
        Self::ServerNameRejected,
        Self::ClientCertificateRequired,
        Self::ServerInternalError,
        Self::HandshakeRefused,
        Self::NoCertificate,
        Self::CertificateTooLarge,
        Self::ProtocolViolation,
        Self::ProbeError,
    ];

    /// The reason's name as users see it, for example `ConnectionRefused`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NameNotFound => "NameNotFound",
            Self::ResolveFailed => "ResolveFailed",
            Self::ResolveTimedOut => "ResolveTimedOut",
            Self::TargetDenied => "TargetDenied",
            Self::ConnectionRefused => "ConnectionRefused",
            Self::HostUnreachable => "HostUnreachable",
            Self::ConnectTimedOut => "ConnectTimedOut",
            Self::ProxyFailed => "ProxyFailed",
            Self::StartTlsUnavailable => "STARTTLSUnavailable",
            Self::StartTlsInjection => "STARTTLSInjection",
            Self::StartTlsFailed => "STARTTLSFailed",
            Self::ConnectionReset => "ConnectionReset",
            Self::ConnectionClosed => "ConnectionClosed",
            Self::HandshakeTimedOut => "HandshakeTimedOut",
            Self::NotTls => "NotTls",
            Self::ProtocolTooOld => "ProtocolTooOld",
            Self::NoCommonCipher => "NoCommonCipher",
            Self::ServerNameRejected => "ServerNameRejected",
            Self::ClientCertificateRequired => "ClientCertificateRequired",
            Self::ServerInternalError => "ServerInternalError",
            Self::HandshakeRefused => "HandshakeRefused",
            Self::NoCertificate => "NoCertificate",
            Self::CertificateTooLarge => "CertificateTooLarge",
            Self::ProtocolViolation => "ProtocolViolation",
            Self::ProbeError => "ProbeError",
        }
    }
}
