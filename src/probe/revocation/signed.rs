//! What issuers sign, certificates, lists and answers alike, and the keys that they sign with.

use rustls::pki_types::{AlgorithmIdentifier, SignatureVerificationAlgorithm};

use crate::probe::der::{Reader, SEQUENCE};

/// Something signed: `SEQUENCE { toBeSigned, algorithm, signature, … }` (RFC 5280 §4.1).
#[derive(Debug, Clone, Copy)]
pub(super) struct Signed<'a> {
    /// What is signed, with its header.
    pub(super) message: &'a [u8],
    algorithm: &'a [u8],
    signature: &'a [u8],
    /// What follows the signature; nothing in certificates and lists.
    pub(super) rest: Reader<'a>,
}

/// A public key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct PublicKey<'a> {
    /// The content of its SubjectPublicKeyInfo, without header.
    pub(super) content: &'a [u8],
    algorithm: &'a [u8],
    /// The bits of the key: what an OCSP answer's hashes of keys are taken over (RFC 6960 §4.1.1).
    pub(super) bits: &'a [u8],
}

// === impl Signed ===

impl<'a> Signed<'a> {
    pub(super) fn read(der: &'a [u8]) -> Option<Self> {
        let mut outer = Reader::new(der);
        let mut inner = outer.inside(SEQUENCE)?;
        outer.end()?;
        let message = inner.element(SEQUENCE)?.raw;
        let algorithm = inner.read(SEQUENCE)?;
        let signature = inner.bits()?;
        Some(Self { message, algorithm, signature, rest: inner })
    }

    /// Whether the signature is this key's. The algorithms are those that chains may be signed with; SHA-1 is not among them.
    pub(super) fn is_by(&self, key: PublicKey<'_>) -> bool {
        let fits = |algorithm: &&dyn SignatureVerificationAlgorithm| {
            is(algorithm.signature_alg_id(), self.algorithm) && is(algorithm.public_key_alg_id(), key.algorithm)
        };
        let mut algorithms = webpki::ALL_VERIFICATION_ALGS.iter().copied().filter(|algorithm| fits(algorithm));
        algorithms.any(|algorithm| algorithm.verify_signature(key.bits, self.message, self.signature).is_ok())
    }
}

fn is(known: AlgorithmIdentifier, found: &[u8]) -> bool {
    *known == *found
}

// === impl PublicKey ===

impl<'a> PublicKey<'a> {
    /// A key from the SubjectPublicKeyInfo of a certificate, with its header.
    pub(super) fn read(info: &'a [u8]) -> Option<Self> {
        let mut outer = Reader::new(info);
        let content = outer.read(SEQUENCE)?;
        outer.end()?;
        Self::of_content(content)
    }

    /// A key from the SubjectPublicKeyInfo of a trust anchor, which comes without header.
    pub(super) fn of_content(content: &'a [u8]) -> Option<Self> {
        let mut inner = Reader::new(content);
        let key = Self { content, algorithm: inner.read(SEQUENCE)?, bits: inner.bits()? };
        inner.end()?;
        Some(key)
    }
}
