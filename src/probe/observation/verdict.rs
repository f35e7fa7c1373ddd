//! What is wrong with a presented chain.

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
    /// The certificate has expired.
    Expired,
    /// The validity of the certificate has not begun, to the second; that clocks differ by five minutes is forgiven elsewhere.
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
