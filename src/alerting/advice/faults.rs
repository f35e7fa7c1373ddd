//! What is wrong with a certificate.

use super::Advice;
use crate::probe::FaultKind;

pub(super) fn of(kind: FaultKind) -> Advice {
    match kind {
        FaultKind::CertificateUnparsable => (
            "the certificate of {place} cannot be read",
            "Install a certificate that is one: see with openssl x509 what the server has been given.",
        ),
        FaultKind::KeyMismatch => (
            "{place} does not hold the key of its certificate",
            "Install the private key that belongs to the certificate, and reload the server.",
        ),
        FaultKind::Revoked => (
            "the certificate of {place} has been revoked",
            "Order a new certificate with a new key and install it; ask the issuer why the old one was revoked.",
        ),
        FaultKind::Expired => (
            "the certificate of {place} has expired",
            "Renew and install it with its chain, and reload the server: clients refuse to connect until then.",
        ),
        FaultKind::NotYetValid => (
            "the certificate of {place} is not valid yet",
            "Install the certificate that is valid now, or set the clocks right.",
        ),
        FaultKind::HostnameMismatch => (
            "the certificate of {place} is for another name",
            "Install a certificate that has this name, and see that the server picks it for this name (SNI).",
        ),
        FaultKind::SelfSigned => (
            "the certificate of {place} is self-signed",
            "Install one of an authority that clients trust; if they trust this one, name it in tls.caBundle.",
        ),
        FaultKind::BadSignature => (
            "the certificate of {place} has a wrong signature in its chain",
            "Install the certificate anew with the chain that its issuer gave: what is served was not signed so.",
        ),
        FaultKind::UnknownIssuer => (
            "the certificate of {place} is from an issuer that is not trusted",
            "Install one of an authority that clients trust; if they trust this authority, name it in tls.caBundle.",
        ),
        FaultKind::IncompleteChain => (
            "{place} does not send its intermediate certificate",
            "Install it with the intermediates that its issuer gave (the full chain), and reload the server.",
        ),
        FaultKind::IntermediateExpired => (
            "an intermediate certificate of {place} has expired",
            "Install the present intermediate certificate of the issuer, or renew the certificate to get one.",
        ),
        FaultKind::IntermediateNotYetValid => (
            "an intermediate certificate of {place} is not valid yet",
            "Install the intermediate certificate that is valid now, or set the clocks right.",
        ),
        FaultKind::LeafIsCa => (
            "{place} serves the certificate of a CA as its own",
            "Install a certificate for servers first in the chain: what is there now is the authority's.",
        ),
        FaultKind::WrongPurpose => (
            "the certificate of {place} may not be used for TLS servers",
            "Order a certificate with the purpose serverAuth, and install it.",
        ),
        FaultKind::WeakKey => (
            "the key of the certificate of {place} is too weak",
            "Order a certificate for a new key (ECDSA P-256, or RSA with 2048 bits or more), and install both.",
        ),
        FaultKind::UnsupportedAlgorithm => (
            "the certificate of {place} uses an algorithm that clients do not accept",
            "Order a certificate with a present-day signature (SHA-256 or better), and install it with its chain.",
        ),
        FaultKind::NotVerifiable => (
            "the certificate of {place} breaks the rules for certificates",
            "Show the message to the issuer, and order a certificate without that fault.",
        ),
        FaultKind::RevocationUnknown => (
            "whether the certificate of {place} has been revoked could not be found out",
            "See that the server staples OCSP answers, or that the operator reaches the servers of the CRLs.",
        ),
        FaultKind::Unproven => (
            "{place} did not prove that it holds the key of its certificate",
            "Find out why the server breaks off the handshake after it has sent its certificate.",
        ),
    }
}
