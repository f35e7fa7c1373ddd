//! Keys, signatures and certificates of every kind and size.

use ssl_monitor_operator::probe::{FailureReason as Reason, FaultKind as Fault};
use xtask::farm::{Leaf, ServerOptions};

use crate::{
    openssl::{ALL, P256, RSA},
    row::{Row, Stage},
};

const ECDSA: &str = "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256";
const ECDHE_RSA: &str = "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256";

/// A leaf with such a key, served by OpenSSL with these arguments.
fn key(on: &Stage, name: &'static str, key: &str, arguments: &str) -> Row {
    let files = on.openssl.issue(key, "int", "");
    Row::openssl(name, files.serve(&format!("{ALL} {arguments}")))
}

fn rsa(on: &Stage, name: &'static str, bits: u32, arguments: &str) -> Row {
    key(on, name, &format!("-algorithm RSA -pkeyopt rsa_keygen_bits:{bits}"), arguments)
}

fn curve(on: &Stage, name: &'static str, curve: &str, arguments: &str) -> Row {
    key(on, name, &format!("-algorithm EC -pkeyopt ec_paramgen_curve:{curve}"), arguments)
}

/// A leaf that is signed like this by an authority with that kind of key.
fn signed(on: &Stage, name: &'static str, issuer: &str, how: &str) -> Row {
    let key = if issuer == "rsa" { RSA } else { P256 };
    let files = on.openssl.issue(key, issuer, how);
    Row::openssl(name, files.serve(ALL))
}

fn signed_by(on: &Stage, name: &'static str, algorithm: &str, how: &str) -> Row {
    let issuer = name.replace([' ', ',', '-'], "");
    on.openssl.authority(&issuer, algorithm, Some("root"), "");
    signed(on, name, &issuer, how)
}

fn names(on: &Stage, name: &'static str, count: usize, options: ServerOptions) -> Row {
    let names = std::iter::once("a.test".to_owned()).chain((1..count).map(|number| format!("host-{number:05}.a.test")));
    Row::farm_with(name, on.farm.issue(&Leaf::new(names)), options)
}

fn too_large(row: Row) -> Row {
    row.reason(Reason::CertificateTooLarge).faults(&[Fault::NotVerifiable]).in_the_clear("TLS1.2", ECDSA)
}

/// The server finds no signature that it can make among those that can be verified; its certificate is shown by other means.
fn unverifiable(row: Row) -> Row {
    row.reason(Reason::NoCommonCipher).faults(&[Fault::UnsupportedAlgorithm])
}

pub(crate) const ROWS: &[fn(&Stage) -> Row] = &[
    |on| {
        rsa(on, "RSA-512", 512, "")
            .reason(Reason::NoCommonCipher)
            .faults(&[Fault::WeakKey])
            .in_the_clear("TLS1.2", ECDHE_RSA)
    },
    |on| rsa(on, "RSA-768", 768, "").faults(&[Fault::WeakKey]),
    |on| rsa(on, "RSA-1024", 1024, "").faults(&[Fault::WeakKey]),
    |on| rsa(on, "RSA-1024 TLS 1.2", 1024, "-tls1_2").faults(&[Fault::WeakKey]),
    |on| rsa(on, "RSA-2047", 2047, "").faults(&[Fault::WeakKey]),
    |on| rsa(on, "RSA-4096", 4096, ""),
    // Of five primes, which are found soon; the certificate does not tell.
    |on| key(on, "RSA-8192", "-algorithm RSA -pkeyopt rsa_keygen_bits:8192 -pkeyopt rsa_keygen_primes:5", ""),
    |on| key(on, "RSA e=3", "-algorithm RSA -pkeyopt rsa_keygen_bits:2048 -pkeyopt rsa_keygen_pubexp:3", ""),
    |on| {
        unverifiable(key(on, "RSA-PSS key (rsassaPss SPKI)", "-algorithm RSA-PSS -pkeyopt rsa_keygen_bits:2048", ""))
            .in_the_clear("TLS1.2", ECDHE_RSA)
    },
    |on| unverifiable(key(on, "RSA-PSS key TLS 1.3", "-algorithm RSA-PSS -pkeyopt rsa_keygen_bits:2048", "-tls1_3")),
    |on| {
        signed(on, "certificate signed with RSA-PSS", "rsa", "-sigopt rsa_padding_mode:pss")
            .faults(&[Fault::UnsupportedAlgorithm])
    },
    |on| signed(on, "certificate signed RSA-SHA1", "rsa", "-sha1").faults(&[Fault::UnsupportedAlgorithm]),
    |on| signed(on, "certificate signed RSA-MD5", "rsa", "-md5").faults(&[Fault::UnsupportedAlgorithm]),
    |on| signed(on, "certificate signed ECDSA-SHA1", "int", "-sha1").faults(&[Fault::UnsupportedAlgorithm]),
    |on| signed(on, "certificate signed RSA-SHA224", "rsa", "-sha224").faults(&[Fault::UnsupportedAlgorithm]),
    |on| signed(on, "certificate signed ECDSA-SHA224", "int", "-sha224").faults(&[Fault::UnsupportedAlgorithm]),
    |on| signed(on, "certificate signed P-256 + SHA-512", "int", "-sha512"),
    |on| key(on, "Ed25519 leaf", "-algorithm ED25519", ""),
    |on| unverifiable(key(on, "Ed448 leaf", "-algorithm ED448", "")).in_the_clear("TLS1.2", ECDSA),
    |on| unverifiable(key(on, "Ed448 leaf TLS 1.2", "-algorithm ED448", "-tls1_2")).in_the_clear("TLS1.2", ECDSA),
    |on| unverifiable(key(on, "Ed448 leaf TLS 1.3", "-algorithm ED448", "-tls1_3")),
    |on| signed_by(on, "Ed448 CA", "-algorithm ED448", "").faults(&[Fault::UnsupportedAlgorithm]),
    |on| curve(on, "P-384 leaf", "P-384", ""),
    |on| curve(on, "P-521 leaf", "P-521", ""),
    |on| {
        curve(on, "P-521 leaf TLS 1.2", "P-521", "-tls1_2").reason(Reason::NoCommonCipher).in_the_clear("TLS1.2", ECDSA)
    },
    |on| signed_by(on, "P-521 CA, SHA-512", "-algorithm EC -pkeyopt ec_paramgen_curve:P-521", "-sha512"),
    |on| signed_by(on, "P-521 CA, SHA-256", "-algorithm EC -pkeyopt ec_paramgen_curve:P-521", "-sha256"),
    |on| signed_by(on, "P-384 CA, SHA-256", "-algorithm EC -pkeyopt ec_paramgen_curve:P-384", "-sha256"),
    |on| unverifiable(curve(on, "secp256k1 leaf TLS 1.2", "secp256k1", "-tls1_2")).in_the_clear("TLS1.2", ECDSA),
    |on| curve(on, "secp256k1 leaf TLS 1.3", "secp256k1", "-tls1_3").hidden(Reason::ProtocolTooOld),
    |on| unverifiable(curve(on, "P-224 leaf TLS 1.2", "P-224", "-tls1_2")).in_the_clear("TLS1.2", ECDSA),
    |on| {
        unverifiable(curve(on, "brainpoolP256 leaf TLS 1.2", "brainpoolP256r1", "-tls1_2"))
            .in_the_clear("TLS1.2", ECDSA)
    },
    |on| {
        key(on, "explicit EC parameters", &format!("{P256} -pkeyopt ec_param_enc:explicit"), "")
            .faults(&[Fault::UnsupportedAlgorithm])
    },
    |on| too_large(names(on, "10,000 names (390 kB) TLS 1.3", 10_000, ServerOptions::default())),
    |on| too_large(names(on, "10,000 names TLS 1.2", 10_000, ServerOptions::default().tls12())),
    |on| names(on, "2,000 names (60 kB)", 2000, ServerOptions::default()),
    |on| {
        let files = on.openssl.issue_v1();
        Row::openssl("v1 certificate", files.serve(ALL)).faults(&[Fault::HostnameMismatch, Fault::NotVerifiable])
    },
    |on| {
        let files = on.openssl.issue_as("-subj /CN=a.test -addext extendedKeyUsage=serverAuth", P256, "int", "");
        Row::openssl("no SAN, CN only", files.serve(ALL)).faults(&[Fault::HostnameMismatch])
    },
    |on| {
        let files = on.openssl.issue_as("-subj / -addext subjectAltName=critical,DNS:a.test", P256, "int", "");
        Row::openssl("empty subject, SAN only", files.serve(ALL))
    },
];
