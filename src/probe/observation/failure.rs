//! Why no handshake came about, or none that was completed.

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
    /// The way out of this machine and the network that it is in: nothing was learnt of the target.
    Route,
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
    /// No route to the host or network, or the network says that the host cannot be reached; the stage tells them apart.
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
    /// What answered does not speak TLS; the message says what it seems to be.
    NotTls,
    /// The server speaks only protocol versions older than TLS 1.2, or than `tls.minVersion`.
    ProtocolTooOld,
    /// The server accepts none of the cipher suites, groups or signature algorithms offered.
    NoCommonCipher,
    /// The server knows no such name (SNI).
    ServerNameRejected,
    /// The server refused to go on without a client certificate.
    ClientCertificateRequired,
    /// The server reported an internal error by alert.
    ServerInternalError,
    /// The server ended the handshake with another alert, named in the message.
    HandshakeRefused,
    /// The server presented no certificate.
    NoCertificate,
    /// The server's handshake exceeds what is read (64 KiB of certificates, 16 of them, 128 KiB in all).
    CertificateTooLarge,
    /// The peer broke the TLS protocol.
    ProtocolViolation,
    /// The probe could not be made for a reason on our side, for example no free socket.
    ProbeError,
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
