//! Certificates put together by hand: what no decent library makes.

use rcgen::{KeyPair, PublicKeyData as _};
use rustls::pki_types::CertificateDer;
use xtask::farm::{Authority, Issued};

pub(crate) const UTF8: u8 = 12;
pub(crate) const PRINTABLE: u8 = 19;
pub(crate) const TELETEX: u8 = 20;
pub(crate) const UNIVERSAL: u8 = 28;
pub(crate) const BMP: u8 = 30;

pub(crate) const COMMON_NAME: &[u8] = &[0x55, 4, 3];
pub(crate) const ORGANIZATION: &[u8] = &[0x55, 4, 10];
const ECDSA_WITH_SHA256: [u8; 8] = [0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 2];

/// Tag, length and content.
pub(crate) fn tlv(tag: u8, content: impl AsRef<[u8]>) -> Vec<u8> {
    let content = content.as_ref();
    let length = content.len().to_be_bytes();
    let significant = &length[length.iter().take_while(|byte| **byte == 0).count()..];
    let mut der = vec![tag];
    if content.len() < 0x80 {
        der.push(u8::try_from(content.len()).unwrap());
    } else {
        der.push(0x80 | u8::try_from(significant.len()).unwrap());
        der.extend(significant);
    }
    der.extend(content);
    der
}

pub(crate) fn sequence(parts: &[Vec<u8>]) -> Vec<u8> {
    tlv(0x30, parts.concat())
}

/// A name of one attribute per RDN.
pub(crate) fn name(attributes: &[(&[u8], u8, &[u8])]) -> Vec<u8> {
    let rdn = |(oid, tag, value): &(&[u8], u8, &[u8])| tlv(0x31, sequence(&[tlv(6, oid), tlv(*tag, value)]));
    sequence(&attributes.iter().map(rdn).collect::<Vec<_>>())
}

pub(crate) fn utc(text: &str) -> Vec<u8> {
    tlv(0x17, text)
}

pub(crate) fn generalized(text: &str) -> Vec<u8> {
    tlv(0x18, text)
}

/// An extension by the last byte of its OID under 2.5.29.
pub(crate) fn extension(oid: u8, critical: bool, value: &[u8]) -> Vec<u8> {
    let flag = if critical { tlv(1, [0xff]) } else { Vec::new() };
    sequence(&[tlv(6, [0x55, 0x1d, oid]), flag, tlv(4, value)])
}

/// A subject alternative name extension of these general names.
pub(crate) fn san(names: &[Vec<u8>]) -> Vec<u8> {
    extension(17, false, &sequence(names))
}

pub(crate) fn dns(name: &str) -> Vec<u8> {
    tlv(0x82, name)
}

/// What a certificate shall say, each part as DER.
#[derive(Clone)]
pub(crate) struct Draft {
    /// The version field's number (2 is version 3), or no such field (version 1).
    pub version: Option<u8>,
    pub serial: Vec<u8>,
    pub subject: Vec<u8>,
    pub not_before: Vec<u8>,
    pub not_after: Vec<u8>,
    /// The subject's public key; of `key` when empty.
    pub public_key: Vec<u8>,
    /// The content of the OID that the certificate names as its signature's algorithm, whatever it is signed with.
    pub signature_algorithm: Vec<u8>,
    /// None of them: no such field.
    pub extensions: Vec<Vec<u8>>,
}

impl Draft {
    /// A certificate for `a.test`, valid from 2020 to 2120.
    pub(crate) fn new() -> Self {
        Self {
            version: Some(2),
            serial: vec![1],
            subject: name(&[(COMMON_NAME, UTF8, b"a.test")]),
            not_before: utc("200101000000Z"),
            not_after: generalized("21200101000000Z"),
            public_key: Vec::new(),
            signature_algorithm: ECDSA_WITH_SHA256.to_vec(),
            extensions: vec![san(&[dns("a.test")])],
        }
    }

    /// Signed by the authority's intermediate (ECDSA P-256 with SHA-256), which follows in the chain.
    pub(crate) fn issue(&self, authority: &Authority, issuer: &str) -> Issued {
        let algorithm = sequence(&[tlv(6, &self.signature_algorithm)]);
        let key = KeyPair::generate().unwrap();
        let public_key =
            if self.public_key.is_empty() { key.subject_public_key_info() } else { self.public_key.clone() };
        let extensions = match self.extensions.as_slice() {
            [] => Vec::new(),
            extensions => tlv(0xa3, sequence(extensions)),
        };
        let to_be_signed = sequence(&[
            self.version.map(|version| tlv(0xa0, tlv(2, [version]))).unwrap_or_default(),
            tlv(2, &self.serial),
            algorithm.clone(),
            name(&[(COMMON_NAME, UTF8, issuer.as_bytes())]),
            sequence(&[self.not_before.clone(), self.not_after.clone()]),
            self.subject.clone(),
            public_key,
            extensions,
        ]);
        let signature = [&[0][..], &authority.sign(&to_be_signed)].concat();
        let certificate = sequence(&[to_be_signed, algorithm, tlv(3, signature)]);
        Issued::new(vec![CertificateDer::from(certificate), authority.intermediate()], &key)
    }
}
