//! Findings: what is to be said of a server beside what is plainly wrong.

/// Something to be said of a certificate, its chain or the TLS session that is no fault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Which kind of finding.
    pub kind: FindingKind,
    /// One sentence for people, without final full stop: what was found, and what it may lead to. At most 512 bytes.
    pub detail: String,
}

/// How much a finding matters, the worst first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum FindingSeverity {
    /// Clients fail, or will.
    Critical,
    /// Some clients fail, or may.
    Warning,
    /// Good to know.
    Info,
}

/// The kinds of findings, the worst first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum FindingKind {
    /// The server speaks no version of TLS newer than 1.1.
    OldProtocol,
    /// The certificate demands a stapled OCSP answer (RFC 7633), and none was sent.
    MustStapleMissing,
    /// The stapled OCSP answer is not valid: old, of another certificate, or not signed by whom it must be.
    StapleInvalid,
    /// It could not be found out whether the certificate has been revoked.
    RevocationUnknown,
    /// The chain is not in order: certificates are not followed by their issuers, or the leaf is not first.
    ChainOrder,
    /// A certificate of the chain has a key that clients begin to refuse: RSA below 2048 bits, P-192…
    WeakKey,
    /// A certificate of the chain is signed with SHA-1 or MD5.
    WeakSignature,
    /// The certificate is valid for longer than the CA/Browser Forum allows for its date (Baseline Requirements §6.3.2). Only said
    /// of certificates that lead to a root of the system: private authorities are free.
    ValidityTooLong,
    /// The certificate has no subject alternative name; its common name is not looked at by clients.
    NoSubjectAltName,
    /// The certificate, or a CA's on its path, breaks a rule of RFC 5280 that some clients enforce, or one of the Baseline
    /// Requirements where it leads to a root of the system.
    Malformed,
    /// The server takes only a small ClientHello: one with a post-quantum key share, as browsers send, is dropped or refused.
    LargeHelloIntolerant,
    /// The server does not know the name, and answered with a certificate all the same.
    NameNotRecognized,
    /// The chain holds an expired certificate that is not needed.
    UnusedExpired,
    /// The chain holds certificates that are not needed.
    Superfluous,
    /// The key exchange is not protected against quantum computers.
    ClassicalKeyExchange,
    /// The server asks for a client certificate, and goes on without.
    ClientCertificateRequested,
    /// The certificate itself is among the trusted ones.
    PinnedLeaf,
}

// === impl FindingSeverity ===

impl FindingSeverity {
    /// The severity as users see it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Critical => "critical",
            Self::Warning => "warning",
            Self::Info => "info",
        }
    }
}

// === impl FindingKind ===

impl FindingKind {
    /// Every kind, the worst first.
    pub const ALL: [Self; 17] = [
        Self::OldProtocol,
        Self::MustStapleMissing,
        Self::StapleInvalid,
        Self::RevocationUnknown,
        Self::ChainOrder,
        Self::WeakKey,
        Self::WeakSignature,
        Self::ValidityTooLong,
        Self::NoSubjectAltName,
        Self::Malformed,
        Self::LargeHelloIntolerant,
        Self::NameNotRecognized,
        Self::UnusedExpired,
        Self::Superfluous,
        Self::ClassicalKeyExchange,
        Self::ClientCertificateRequested,
        Self::PinnedLeaf,
    ];

    /// How much it matters.
    pub fn severity(self) -> FindingSeverity {
        match self {
            Self::OldProtocol | Self::MustStapleMissing => FindingSeverity::Critical,
            Self::UnusedExpired
            | Self::Superfluous
            | Self::ClassicalKeyExchange
            | Self::ClientCertificateRequested
            | Self::PinnedLeaf => FindingSeverity::Info,
            _ => FindingSeverity::Warning,
        }
    }

    /// The kind's name as users see it, for example `ValidityTooLong`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::OldProtocol => "OldProtocol",
            Self::MustStapleMissing => "MustStapleMissing",
            Self::StapleInvalid => "StapleInvalid",
            Self::RevocationUnknown => "RevocationUnknown",
            Self::ChainOrder => "ChainOrder",
            Self::WeakKey => "WeakKey",
            Self::WeakSignature => "WeakSignature",
            Self::ValidityTooLong => "ValidityTooLong",
            Self::NoSubjectAltName => "NoSubjectAltName",
            Self::Malformed => "Malformed",
            Self::LargeHelloIntolerant => "LargeHelloIntolerant",
            Self::NameNotRecognized => "NameNotRecognized",
            Self::UnusedExpired => "UnusedExpired",
            Self::Superfluous => "Superfluous",
            Self::ClassicalKeyExchange => "ClassicalKeyExchange",
            Self::ClientCertificateRequested => "ClientCertificateRequested",
            Self::PinnedLeaf => "PinnedLeaf",
        }
    }
}
