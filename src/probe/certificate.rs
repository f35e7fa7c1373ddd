//! DER → facts of one certificate. Lenient: only dates that are no dates and broken structure make it unreadable.

mod extensions;
mod key;
mod name;
mod san;

use std::fmt::Write as _;

use aws_lc_rs::digest;
use base64::prelude::{BASE64_STANDARD, Engine as _};
use jiff::Timestamp;
use x509_parser::prelude::{ASN1Time, FromDer as _, X509Certificate};

use super::{Certificate, text};

pub(super) use extensions::Extensions;
pub(super) use key::{is_supported, is_weak, rsa_bits, signature_weakness, weakness};
pub(super) use name::{
    display as display_name, is_empty as is_empty_name, issuer as issuer_name, subject as subject_name,
};
pub(super) use san::{address as ip_address, first_dns_name, matches, presented};

/// Parse a certificate leniently; `None` when its structure or one of its dates is broken.
pub(super) fn parse(der: &[u8]) -> Option<X509Certificate<'_>> {
    X509Certificate::from_der(der).ok().map(|(_, certificate)| certificate)
}

/// Start and end of validity, both inclusive. What `Timestamp` cannot hold is moved to its end: 99991231235959Z, which
/// means "no end" (RFC 5280 §4.1.2.5), becomes 9999-12-30T22:00:00Z.
pub(super) fn validity(certificate: &X509Certificate<'_>) -> (Timestamp, Timestamp) {
    let (first, last) = (Timestamp::MIN.as_second(), Timestamp::MAX.as_second());
    let time = |at: ASN1Time| Timestamp::from_second(at.timestamp().clamp(first, last)).unwrap_or_default();
    (time(certificate.validity().not_before), time(certificate.validity().not_after))
}

/// `SHA256:` and the digest as `openssl x509 -fingerprint -sha256` prints it.
pub(super) fn fingerprint(der: &[u8]) -> String {
    let bytes: Vec<String> =
        digest::digest(&digest::SHA256, der).as_ref().iter().map(|byte| format!("{byte:02X}")).collect();
    format!("SHA256:{}", bytes.join(":"))
}

/// `sha256//` and the digest of the public key (SPKI) in base64, as `curl --pinnedpubkey` takes it.
pub(super) fn public_key_pin(certificate: &X509Certificate<'_>) -> String {
    let digest = digest::digest(&digest::SHA256, certificate.public_key().raw);
    format!("sha256//{}", BASE64_STANDARD.encode(digest.as_ref()))
}

/// The facts that people ask for.
pub(super) fn facts(certificate: &X509Certificate<'_>) -> Certificate {
    let (not_before, not_after) = validity(certificate);
    let (sans, san_count) = san::list(certificate);
    let (issuer, subject) = (issuer_name(certificate), subject_name(certificate));
    Certificate {
        subject: name::short(subject, first_dns_name(certificate).as_deref()),
        issuer: name::short(issuer, None),
        subject_dn: name::display(subject),
        issuer_dn: name::display(issuer),
        serial_number: serial(certificate.raw_serial()),
        sans,
        san_count,
        not_before,
        not_after,
        key: key::algorithm(certificate.public_key()),
        signature_algorithm: key::signature_name(&certificate.signature_algorithm.algorithm),
        version: certificate.version().0.saturating_add(1),
    }
}

/// The number in two's complement as `openssl x509 -serial` prints it: sign, then upper-case hex of the magnitude.
fn serial(raw: &[u8]) -> String {
    let negative = raw.first().is_some_and(|byte| byte & 0x80 != 0);
    let mut magnitude = raw.to_vec();
    if negative {
        let mut carry = true;
        for byte in magnitude.iter_mut().rev() {
            (*byte, carry) = (!*byte).overflowing_add(u8::from(carry));
        }
    }
    let zeros = magnitude.iter().take_while(|byte| **byte == 0).count().min(magnitude.len().saturating_sub(1));
    // Two digits a byte: more than this is cut anyway.
    let digits = magnitude[zeros..].iter().take(text::MAX);
    text::cut(digits.fold(String::from(if negative { "-" } else { "" }), |mut hex, byte| {
        let _ = write!(hex, "{byte:02X}");
        hex
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn serials_read_as_openssl_prints_them() {
        for (raw, expected) in [
            (&[0x01][..], "01"),
            (&[0x00], "00"),
            (&[0x00, 0xff], "FF"),
            (&[0x0a, 0xbc], "0ABC"),
            (&[0xff], "-01"),
            (&[0x80], "-80"),
            (&[0xff, 0x00], "-0100"),
            (&[], ""),
        ] {
            assert_eq!(serial(raw), expected, "{raw:?}");
        }
        assert_eq!(serial(&[0x11; 10_000]).len(), 256);
    }
}
