//! OCSP answers (RFC 6960), good ones and bad ones: what a server staples.

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, SHA256, digest};
use jiff::{SignedDuration, Timestamp, tz::TimeZone};
use rcgen::{KeyPair, PublicKeyData as _, SigningKey as _};

use super::Issued;

const HOUR: SignedDuration = SignedDuration::from_hours(1);
const ECDSA_WITH_SHA256: [u8; 8] = [0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 2];
const BASIC: [u8; 9] = [0x2b, 6, 1, 5, 5, 7, 0x30, 1, 1];
const SHA1: [u8; 5] = [0x2b, 0x0e, 3, 2, 0x1a];
const SHA_256: [u8; 9] = [0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 1];

/// What an OCSP answer shall say of a certificate.
#[derive(Debug, Clone)]
pub struct Answer {
    /// What is known of it.
    pub status: AnswerStatus,
    /// From when the answer counts.
    pub this_update: Timestamp,
    /// Until when the answer counts; `None` for an answer that does not say so.
    pub next_update: Option<Timestamp>,
    /// The serial number that it is about, instead of the certificate's.
    pub serial: Option<Vec<u8>>,
    /// Name the certificate by SHA-256 digests instead of SHA-1.
    pub sha256: bool,
    /// Name the responder by its key instead of its name.
    pub by_key: bool,
    /// What is wrong with it.
    pub flaw: Option<AnswerFlaw>,
}

/// What may be wrong with an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AnswerFlaw {
    /// Its signature is one over something else.
    Forged,
    /// It has a critical extension that nobody knows.
    Critical,
}

/// What a responder knows of a certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AnswerStatus {
    /// It has not been revoked.
    Good,
    /// It has.
    Revoked {
        /// Since when.
        at: Timestamp,
        /// Why, by its number in RFC 5280 §5.3.1.
        reason: Option<u8>,
    },
    /// It does not know the certificate.
    Unknown,
}

/// Who signs an answer.
pub(super) struct Responder<'a> {
    pub(super) name: Vec<u8>,
    pub(super) key: &'a KeyPair,
    /// Sent with the answer.
    pub(super) certificate: Option<&'a [u8]>,
}

// === impl Answer ===

impl Answer {
    /// An answer that counts from an hour ago for a week.
    pub fn new(status: AnswerStatus) -> Self {
        let this_update = Timestamp::now() - HOUR;
        let next_update = Some(this_update + HOUR * (24 * 7));
        Self { status, this_update, next_update, serial: None, sha256: false, by_key: false, flaw: None }
    }

    /// The answer as DER, about this certificate, whose issuer has this key.
    pub(super) fn sign(&self, certificate: &[u8], issuer_key: &KeyPair, responder: &Responder<'_>) -> Vec<u8> {
        let id = if self.by_key {
            tlv(0xa2, tlv(4, digest(&SHA1_FOR_LEGACY_USE_ONLY, responder.key.der_bytes())))
        } else {
            tlv(0xa1, &responder.name)
        };
        let statements = sequence(&[self.statement(certificate, issuer_key)]);
        let data = sequence(&[id, generalized(self.this_update), statements]);
        let mut signature = responder.key.sign(&data).expect("an ECDSA key signs every message");
        if self.flaw == Some(AnswerFlaw::Forged) {
            signature = responder.key.sign(b"something else").expect("an ECDSA key signs every message");
        }
        let algorithm = sequence(&[tlv(6, ECDSA_WITH_SHA256)]);
        let certificates = responder.certificate.map_or_else(Vec::new, |der| tlv(0xa0, tlv(0x30, der)));
        let basic = sequence(&[data, algorithm, tlv(3, [&[0][..], &signature].concat()), certificates]);
        sequence(&[tlv(0x0a, [0]), tlv(0xa0, sequence(&[tlv(6, BASIC), tlv(4, basic)]))])
    }

    fn statement(&self, certificate: &[u8], issuer_key: &KeyPair) -> Vec<u8> {
        let (serial, name) = serial_and_issuer(certificate);
        let (oid, algorithm) =
            if self.sha256 { (&SHA_256[..], &SHA256) } else { (&SHA1[..], &SHA1_FOR_LEGACY_USE_ONLY) };
        let id = sequence(&[
            sequence(&[tlv(6, oid)]),
            tlv(4, digest(algorithm, name)),
            tlv(4, digest(algorithm, issuer_key.der_bytes())),
            tlv(2, self.serial.as_deref().unwrap_or(serial)),
        ]);
        let status = match self.status {
            AnswerStatus::Good => tlv(0x80, []),
            AnswerStatus::Unknown => tlv(0x82, []),
            AnswerStatus::Revoked { at, reason } => {
                let reason = reason.map_or_else(Vec::new, |reason| tlv(0xa0, tlv(0x0a, [reason])));
                tlv(0xa1, [generalized(at), reason].concat())
            }
        };
        let next = self.next_update.map_or_else(Vec::new, |until| tlv(0xa0, generalized(until)));
        let unknown = sequence(&[tlv(6, [0x2a, 3]), tlv(1, [0xff]), tlv(4, [])]);
        let extensions =
            if self.flaw == Some(AnswerFlaw::Critical) { tlv(0xa1, sequence(&[unknown])) } else { Vec::new() };
        sequence(&[id, status, generalized(self.this_update), next, extensions])
    }
}

/// The serial number and the issuer's name (with its header) of a certificate of our own making.
fn serial_and_issuer(certificate: &[u8]) -> (&[u8], &[u8]) {
    let (_, inner, _) = split(certificate);
    let (_, to_be_signed, _) = split(inner);
    let (_, _, rest) = split(to_be_signed);
    let (_, serial, rest) = split(rest);
    let (_, _, rest) = split(rest);
    let (name, _, _) = split(rest);
    (serial, name)
}

/// The subject's name (with its header) of a certificate of our own making.
pub(super) fn subject(certificate: &[u8]) -> &[u8] {
    let (_, inner, _) = split(certificate);
    let (_, mut rest, _) = split(inner);
    for _ in 0..5 {
        (_, _, rest) = split(rest);
    }
    split(rest).0
}

/// The first element with its header, its content, and what follows.
fn split(der: &[u8]) -> (&[u8], &[u8], &[u8]) {
    let digits = if der[1] < 0x80 { 0 } else { usize::from(der[1] & 0x7f) };
    let long = der[2..2 + digits].iter().fold(0, |length, digit| length << 8 | usize::from(*digit));
    let length = if digits == 0 { usize::from(der[1]) } else { long };
    let (element, rest) = der.split_at(2 + digits + length);
    (element, &element[2 + digits..], rest)
}

fn generalized(at: Timestamp) -> Vec<u8> {
    tlv(0x18, at.to_zoned(TimeZone::UTC).strftime("%Y%m%d%H%M%SZ").to_string())
}

fn sequence(parts: &[Vec<u8>]) -> Vec<u8> {
    tlv(0x30, parts.concat())
}

fn tlv(tag: u8, content: impl AsRef<[u8]>) -> Vec<u8> {
    let content = content.as_ref();
    let length = u16::try_from(content.len()).expect("answers are small").to_be_bytes();
    let header = match (content.len(), length) {
        (0..0x80, [_, low]) => vec![tag, low],
        (0x80..0x100, [_, low]) => vec![tag, 0x81, low],
        (_, [high, low]) => vec![tag, 0x82, high, low],
    };
    [&header[..], content].concat()
}

// === impl Issued ===

impl Issued {
    /// With this OCSP answer stapled to it.
    #[must_use]
    pub fn stapled(self, answer: Vec<u8>) -> Self {
        Self { staple: Some(answer), ..self }
    }
}
