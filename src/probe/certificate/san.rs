//! Subject alternative names: shown, and matched where webpki cannot read the certificate.

use std::{
    fmt::Write as _,
    net::{IpAddr, Ipv6Addr},
};

use x509_parser::prelude::{GeneralName, ParsedExtension, X509Certificate};

use super::text;
use crate::probe::Host;

/// How many names are listed; all are counted.
const MAX_LISTED: usize = 32;
/// How many names a verdict tells.
const MAX_TOLD: usize = 4;

/// The first names for display, and how many there are in all.
pub(super) fn list(certificate: &X509Certificate<'_>) -> (Vec<String>, usize) {
    match names(certificate) {
        Names::None => (Vec::new(), 0),
        Names::Unreadable(bytes) => (vec![format!("invalid:{}", hex(bytes))], 1),
        Names::Some(names) => (names.iter().take(MAX_LISTED).map(display).collect(), names.len()),
    }
}

/// The first DNS name, as it stands in the certificate.
pub(in crate::probe) fn first_dns_name(certificate: &X509Certificate<'_>) -> Option<String> {
    match names(certificate) {
        Names::Some(names) => names.iter().find_map(|name| match name {
            GeneralName::DNSName(name) => Some((*name).to_owned()),
            _ => None,
        }),
        _ => None,
    }
}

/// The names for a sentence: `a.test, b.test and 3 more`; `None` when there are none.
pub(in crate::probe) fn presented(certificate: &X509Certificate<'_>) -> Option<String> {
    let (listed, count) = list(certificate);
    let told: Vec<String> = listed.iter().take(MAX_TOLD).map(|name| text::clean_to(name, 64)).collect();
    match count - told.len() {
        _ if count == 0 => None,
        0 => Some(told.join(", ")),
        more => Some(format!("{} and {more} more", told.join(", "))),
    }
}

/// Whether the certificate is for this host: exact, or a wildcard for exactly the left-most label (RFC 9525 §6.3).
pub(in crate::probe) fn matches(certificate: &X509Certificate<'_>, host: &Host) -> bool {
    let Names::Some(names) = names(certificate) else { return false };
    names.iter().any(|name| match (name, host) {
        (GeneralName::DNSName(pattern), Host::Name(host)) => matches_name(&pattern.to_ascii_lowercase(), host),
        (GeneralName::IPAddress(bytes), Host::Address(host)) => address(bytes) == Some(*host),
        _ => false,
    })
}

fn matches_name(pattern: &str, host: &str) -> bool {
    match pattern.strip_prefix("*.") {
        Some(parent) => host.split_once('.').is_some_and(|(_, rest)| rest == parent),
        None => pattern == host,
    }
}

enum Names<'a> {
    None,
    Unreadable(&'a [u8]),
    Some(&'a [GeneralName<'a>]),
}

/// The first such extension decides; x509-parser's own accessor gives up where there are two.
fn names<'a>(certificate: &'a X509Certificate<'_>) -> Names<'a> {
    const SUBJECT_ALTERNATIVE_NAME: [u8; 3] = [0x55, 0x1d, 0x11];
    let mut extensions = certificate.extensions().iter();
    match extensions.find(|extension| extension.oid.as_bytes() == SUBJECT_ALTERNATIVE_NAME) {
        None => Names::None,
        Some(extension) => match extension.parsed_extension() {
            ParsedExtension::SubjectAlternativeName(names) => Names::Some(&names.general_names),
            _ => Names::Unreadable(extension.value),
        },
    }
}

fn display(name: &GeneralName<'_>) -> String {
    match name {
        GeneralName::DNSName(name) => text::clean(name),
        GeneralName::IPAddress(bytes) => {
            address(bytes).map_or_else(|| format!("invalid:{}", hex(bytes)), |address| address.to_string())
        }
        GeneralName::URI(uri) => text::clean(&format!("URI:{uri}")),
        GeneralName::RFC822Name(mail) => text::clean(&format!("email:{mail}")),
        GeneralName::OtherName(oid, _) | GeneralName::RegisteredID(oid) => text::clean(&format!("other:{oid}")),
        GeneralName::DirectoryName(name) => text::cut(format!("other:{}", super::display_name(name.as_raw()))),
        GeneralName::X400Address(any) | GeneralName::EDIPartyName(any) => format!("other:{}", hex(any.data)),
        GeneralName::Invalid(_, bytes) => format!("invalid:{}", hex(bytes)),
    }
}

/// The address of an iPAddress name; `None` when it has neither 4 nor 16 bytes.
pub(in crate::probe) fn address(bytes: &[u8]) -> Option<IpAddr> {
    match bytes.len() {
        4 => <[u8; 4]>::try_from(bytes).ok().map(IpAddr::from),
        16 => <[u8; 16]>::try_from(bytes).ok().map(|bytes| IpAddr::V6(Ipv6Addr::from(bytes))),
        _ => None,
    }
}

/// `#` and the hex of the first 32 bytes.
fn hex(bytes: &[u8]) -> String {
    let mut hex = bytes.iter().take(32).fold("#".to_owned(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    });
    if bytes.len() > 32 {
        hex.push('…');
    }
    hex
}
