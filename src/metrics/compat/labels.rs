//! The forms that values have in the labels of the exporters, both of which are written in Go.

use std::{borrow::Cow, net::IpAddr};

use super::{CertificateDetails, Details, Label};

/// Digits that a limb holds: the largest power of ten in 32 bits.
const LIMB_DIGITS: usize = 9;
const LIMB: u64 = 1_000_000_000;

/// The target, as `host:port`.
pub(super) fn instance(domain: &str, port: u16) -> String {
    match domain.parse() {
        Ok(IpAddr::V6(address)) => format!("[{address}]:{port}"),
        _ => format!("{domain}:{port}"),
    }
}

/// `TLS 1.3` of `TLS1.3`.
pub(super) fn tls_version(version: &str) -> String {
    version.strip_prefix("TLS").map_or_else(|| version.to_owned(), |number| format!("TLS {number}"))
}

/// The labels of blackbox_exporter about a certificate.
pub(super) fn chain_info(certificate: &CertificateDetails) -> Vec<Label<'_>> {
    vec![
        ("fingerprint_sha256", fingerprint(&certificate.fingerprint).into()),
        ("subject", certificate.subject_dn.as_str().into()),
        ("issuer", certificate.issuer_dn.as_str().into()),
        ("subjectalternative", Names::of(&certificate.sans).dns.join(",").into()),
        ("serialnumber", hexadecimal(&certificate.serial_number).into()),
    ]
}

/// The labels of ssl_exporter about a certificate. Organisational units are not known.
pub(super) fn certificate(certificate: &CertificateDetails) -> Vec<Label<'_>> {
    let names = Names::of(&certificate.sans);
    vec![
        ("serial_no", decimal(&certificate.serial_number).unwrap_or_default().into()),
        ("issuer_cn", certificate.issuer.as_str().into()),
        ("cn", certificate.subject.as_str().into()),
        ("dnsnames", wrapped(&names.dns)),
        ("ips", wrapped(&names.addresses)),
        ("emails", wrapped(&names.emails)),
        ("ou", "".into()),
    ]
}

/// The same for a certificate whose chain was verified; `None` when it was not. There is one chain.
pub(super) fn verified(details: &Details) -> Option<Vec<Label<'_>>> {
    details.verified_not_after?;
    let mut labels = vec![("chain_no", "0".into())];
    labels.extend(certificate(details.certificate.as_ref()?));
    Some(labels)
}

/// The names of a certificate by their kind.
#[derive(Default)]
struct Names<'a> {
    dns: Vec<&'a str>,
    addresses: Vec<&'a str>,
    emails: Vec<&'a str>,
}

impl<'a> Names<'a> {
    fn of(sans: &'a [String]) -> Self {
        let mut names = Self::default();
        for name in sans {
            if name.parse::<IpAddr>().is_ok() {
                names.addresses.push(name);
            } else if let Some(email) = name.strip_prefix("email:") {
                names.emails.push(email);
            } else if !name.contains(':') {
                names.dns.push(name);
            }
        }
        names
    }
}

/// A list in commas, so that each entry has one before and one behind; nothing of no entries.
fn wrapped(entries: &[&str]) -> Cow<'static, str> {
    if entries.is_empty() { "".into() } else { format!(",{},", entries.join(",")).into() }
}

/// Lower-case digits without colons.
fn fingerprint(fingerprint: &str) -> String {
    fingerprint.trim_start_matches("SHA256:").replace(':', "").to_ascii_lowercase()
}

/// Lower-case digits without zeros in front.
fn hexadecimal(serial: &str) -> String {
    let (sign, digits) = signed(serial);
    let digits = digits.trim_start_matches('0').to_ascii_lowercase();
    if digits.is_empty() { "0".to_owned() } else { format!("{sign}{digits}") }
}

/// A number in decimal digits; `None` when it is no hexadecimal one, for example because it was cut.
fn decimal(serial: &str) -> Option<String> {
    let (sign, digits) = signed(serial);
    // The number in base 10⁹, its lowest limb first.
    let mut limbs: Vec<u64> = vec![0];
    for digit in digits.chars() {
        let mut carry = u64::from(digit.to_digit(16)?);
        for limb in &mut limbs {
            let value = *limb * 16 + carry;
            (*limb, carry) = (value % LIMB, value / LIMB);
        }
        if carry > 0 {
            limbs.push(carry);
        }
    }
    let (highest, rest) = limbs.split_last()?;
    let start = format!("{sign}{highest}");
    Some(rest.iter().rev().fold(start, |text, limb| format!("{text}{limb:0LIMB_DIGITS$}")))
}

fn signed(serial: &str) -> (&str, &str) {
    serial.strip_prefix('-').map_or(("", serial), |digits| ("-", digits))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn serial_numbers_are_written_as_go_writes_them() {
        for (serial, hex, dec) in [
            ("00", "0", Some("0")),
            ("0ABC", "abc", Some("2748")),
            ("-0100", "-100", Some("-256")),
            ("3B9ACA00", "3b9aca00", Some("1000000000")),
            ("FFFFFFFFFFFFFFFF", "ffffffffffffffff", Some("18446744073709551615")),
            (
                "FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF",
                "ffffffffffffffffffffffffffffffffffffffff",
                Some("1461501637330902918203684832716283019655932542975"),
            ),
            ("ABC…", "abc…", None),
        ] {
            assert_eq!((hexadecimal(serial).as_str(), decimal(serial).as_deref()), (hex, dec), "{serial}");
        }
    }

    #[test]
    fn an_instance_is_a_target_that_can_be_dialled() {
        let instances =
            [("web.test", 443), ("192.0.2.1", 8443), ("2001:db8::1", 443)].map(|(host, port)| instance(host, port));
        assert_eq!(instances, ["web.test:443", "192.0.2.1:8443", "[2001:db8::1]:443"]);
    }

    #[test]
    fn versions_are_written_as_go_writes_them() {
        assert_eq!(["TLS1.3", "TLS1.0", "other"].map(tls_version), ["TLS 1.3", "TLS 1.0", "other"]);
    }
}
