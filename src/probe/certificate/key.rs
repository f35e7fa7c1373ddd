//! Names and sizes of keys and signatures.

use x509_parser::{
    asn1_rs::Oid,
    prelude::{SubjectPublicKeyInfo, X509Certificate},
    public_key::PublicKey,
};

use crate::probe::KeyAlgorithm;

/// The least size of an RSA key that is accepted, in bits (CA/Browser Forum Baseline Requirements §6.1.5).
const MIN_RSA_BITS: u32 = 2048;

/// The least public exponent of an RSA key (Baseline Requirements §6.1.6).
const MIN_EXPONENT: u64 = 3;
/// The least size of a curve: NIST SP 800-131A allows none below 224 bits since 2014.
const MIN_CURVE_BITS: u32 = 224;

/// Signatures with MD2, MD5 and SHA-1: collisions of all three have been shown.
const BROKEN_SIGNATURES: [&str; 5] =
    ["md2WithRSAEncryption", "md5WithRSAEncryption", "sha1WithRSAEncryption", "dsaWithSHA1", "ecdsa-with-SHA1"];

const RSA: [&str; 2] = ["1.2.840.113549.1.1.1", "1.2.840.113549.1.1.10"];
const EC: &str = "1.2.840.10045.2.1";

/// Sizes of named curves in bits.
const CURVES: [(&str, u32); 8] = [
    ("1.2.840.10045.3.1.1", 192),
    ("1.3.132.0.33", 224),
    ("1.2.840.10045.3.1.7", 256),
    ("1.3.132.0.10", 256),
    ("1.3.36.3.3.2.8.1.1.7", 256),
    ("1.3.132.0.34", 384),
    ("1.3.36.3.3.2.8.1.1.11", 384),
    ("1.3.132.0.35", 521),
];

/// P-256, P-384 and P-521.
const SUPPORTED_CURVES: [&str; 3] = ["1.2.840.10045.3.1.7", "1.3.132.0.34", "1.3.132.0.35"];

/// Signature algorithms as OpenSSL names them.
const SIGNATURES: [(&str, &str); 19] = [
    ("1.2.840.113549.1.1.2", "md2WithRSAEncryption"),
    ("1.2.840.113549.1.1.4", "md5WithRSAEncryption"),
    ("1.2.840.113549.1.1.5", "sha1WithRSAEncryption"),
    ("1.2.840.113549.1.1.10", "rsassaPss"),
    ("1.2.840.113549.1.1.11", "sha256WithRSAEncryption"),
    ("1.2.840.113549.1.1.12", "sha384WithRSAEncryption"),
    ("1.2.840.113549.1.1.13", "sha512WithRSAEncryption"),
    ("1.2.840.113549.1.1.14", "sha224WithRSAEncryption"),
    ("1.2.840.10040.4.3", "dsaWithSHA1"),
    ("2.16.840.1.101.3.4.3.2", "dsa_with_SHA256"),
    ("1.2.840.10045.4.1", "ecdsa-with-SHA1"),
    ("1.2.840.10045.4.3.1", "ecdsa-with-SHA224"),
    ("1.2.840.10045.4.3.2", "ecdsa-with-SHA256"),
    ("1.2.840.10045.4.3.3", "ecdsa-with-SHA384"),
    ("1.2.840.10045.4.3.4", "ecdsa-with-SHA512"),
    ("1.3.101.112", "ED25519"),
    ("1.3.101.113", "ED448"),
    ("2.16.840.1.101.3.4.3.17", "ML-DSA-44"),
    ("2.16.840.1.101.3.4.3.18", "ML-DSA-65"),
];

/// Algorithm and size of a public key.
pub(super) fn algorithm(key: &SubjectPublicKeyInfo<'_>) -> KeyAlgorithm {
    let oid = key.algorithm.algorithm.to_id_string();
    let (name, bits) = match oid.as_str() {
        oid if RSA.contains(&oid) => ("RSA", modulus_bits(key)),
        EC => ("ECDSA", curve_bits(key)),
        "1.3.101.112" => ("Ed25519", None),
        "1.3.101.113" => ("Ed448", None),
        "1.2.840.10040.4.1" => ("DSA", None),
        oid => return KeyAlgorithm { name: super::text::clean(oid), bits: None },
    };
    KeyAlgorithm { name: name.to_owned(), bits }
}

/// The name of a signature algorithm, or its OID.
pub(super) fn signature_name(oid: &Oid<'_>) -> String {
    let oid = oid.to_id_string();
    match SIGNATURES.iter().find(|(known, _)| *known == oid) {
        Some((_, name)) => (*name).to_owned(),
        None => super::text::clean(&oid),
    }
}

/// The size of an RSA key; `None` for other keys.
pub(in crate::probe) fn rsa_bits(certificate: &X509Certificate<'_>) -> Option<u32> {
    modulus_bits(certificate.public_key())
}

/// Why nobody should rely on the key, as the end of "the key of … is"; `None` where nothing is known against it.
pub(in crate::probe) fn weakness(certificate: &X509Certificate<'_>) -> Option<String> {
    let key = certificate.public_key();
    let KeyAlgorithm { name, bits } = algorithm(key);
    match (name.as_str(), bits) {
        ("RSA", Some(bits)) if bits < MIN_RSA_BITS => {
            Some(format!("RSA with {bits} bits; at least {MIN_RSA_BITS} are needed"))
        }
        ("RSA", _) if exponent(key).is_some_and(|exponent| exponent < MIN_EXPONENT) => {
            Some(format!("RSA with an exponent below {MIN_EXPONENT}: anyone can forge its signatures"))
        }
        ("ECDSA", Some(bits)) if bits < MIN_CURVE_BITS => {
            Some(format!("ECDSA on a curve of {bits} bits; at least {MIN_CURVE_BITS} are needed"))
        }
        ("DSA", _) => Some("a DSA key, which no client accepts any more".to_owned()),
        _ => None,
    }
}

/// Whether the key is of a kind for which every signature scheme of TLS is supported here: RSA (not RSASSA-PSS alone), Ed25519, or
/// ECDSA on P-256, P-384 or P-521.
pub(in crate::probe) fn is_supported(certificate: &X509Certificate<'_>) -> bool {
    let key = certificate.public_key();
    match key.algorithm.algorithm.to_id_string().as_str() {
        "1.2.840.113549.1.1.1" | "1.3.101.112" => true,
        EC => curve(key).is_some_and(|curve| SUPPORTED_CURVES.contains(&curve.as_str())),
        _ => false,
    }
}

/// The name of the certificate's signature algorithm where it rests on a broken hash.
pub(in crate::probe) fn signature_weakness(certificate: &X509Certificate<'_>) -> Option<String> {
    let name = signature_name(&certificate.signature_algorithm.algorithm);
    BROKEN_SIGNATURES.contains(&name.as_str()).then_some(name)
}

fn exponent(key: &SubjectPublicKeyInfo<'_>) -> Option<u64> {
    match key.parsed() {
        Ok(PublicKey::RSA(rsa)) => rsa.try_exponent().ok(),
        _ => None,
    }
}

/// Whether the key is an RSA key below what is accepted.
pub(in crate::probe) fn is_weak(certificate: &X509Certificate<'_>) -> bool {
    rsa_bits(certificate).is_some_and(|bits| bits < MIN_RSA_BITS)
}

/// The bits of the modulus, counted: x509-parser's own figure is rounded down to whole bytes.
fn modulus_bits(key: &SubjectPublicKeyInfo<'_>) -> Option<u32> {
    let Ok(PublicKey::RSA(rsa)) = key.parsed() else { return None };
    let zeros = rsa.modulus.iter().take_while(|byte| **byte == 0).count();
    let significant = &rsa.modulus[zeros..];
    let leading = significant.first().map_or(0, |byte| byte.leading_zeros());
    u32::try_from(significant.len()).ok()?.checked_mul(8)?.checked_sub(leading)
}

fn curve_bits(key: &SubjectPublicKeyInfo<'_>) -> Option<u32> {
    let curve = curve(key)?;
    CURVES.iter().find(|(known, _)| *known == curve).map(|(_, bits)| *bits)
}

/// The OID of a named curve.
fn curve(key: &SubjectPublicKeyInfo<'_>) -> Option<String> {
    Some(key.algorithm.parameters.as_ref()?.as_oid().ok()?.to_id_string())
}
