//! Distinguished names for people: RFC 4514 with every string type that certificates use.

use std::fmt::Write as _;

use x509_parser::{
    asn1_rs::{Any, Class, Oid, oid},
    der_parser::asn1_rs::ToDer as _,
    prelude::{AttributeTypeAndValue, FromDer as _, X509Certificate},
};

use super::text;
use crate::probe::der::{INTEGER, Reader, SEQUENCE, SET, context};

/// Object identifiers of common attributes and their names (RFC 4514 §3, RFC 4519, CA/Browser Forum EV guidelines).
static ATTRIBUTES: [(Oid<'static>, &str); 27] = [
    (oid!(2.5.4.3), "CN"),
    (oid!(2.5.4.4), "SN"),
    (oid!(2.5.4.5), "serialNumber"),
    (oid!(2.5.4.6), "C"),
    (oid!(2.5.4.7), "L"),
    (oid!(2.5.4.8), "ST"),
    (oid!(2.5.4.9), "street"),
    (oid!(2.5.4.10), "O"),
    (oid!(2.5.4.11), "OU"),
    (oid!(2.5.4.12), "title"),
    (oid!(2.5.4.13), "description"),
    (oid!(2.5.4.15), "businessCategory"),
    (oid!(2.5.4.17), "postalCode"),
    (oid!(2.5.4.18), "postOfficeBox"),
    (oid!(2.5.4.20), "telephoneNumber"),
    (oid!(2.5.4.42), "GN"),
    (oid!(2.5.4.43), "initials"),
    (oid!(2.5.4.44), "generationQualifier"),
    (oid!(2.5.4.46), "dnQualifier"),
    (oid!(2.5.4.65), "pseudonym"),
    (oid!(2.5.4.97), "organizationIdentifier"),
    (oid!(0.9.2342.19200300.100.1.1), "UID"),
    (oid!(0.9.2342.19200300.100.1.25), "DC"),
    (oid!(1.2.840.113549.1.9.1), "emailAddress"),
    (oid!(1.3.6.1.4.1.311.60.2.1.1), "jurisdictionL"),
    (oid!(1.3.6.1.4.1.311.60.2.1.2), "jurisdictionST"),
    (oid!(1.3.6.1.4.1.311.60.2.1.3), "jurisdictionC"),
];
const COMMON_NAME: Oid<'static> = oid!(2.5.4.3);
const ORGANIZATION: Oid<'static> = oid!(2.5.4.10);

/// A part of a name.
enum Part<'a> {
    Attribute(AttributeTypeAndValue<'a>),
    /// What cannot be read.
    Broken(&'a [u8]),
}

/// The DER of the subject.
pub(in crate::probe) fn subject<'a>(certificate: &'a X509Certificate<'_>) -> &'a [u8] {
    whole(certificate).map_or_else(|| certificate.subject().as_raw(), |[_, subject]| subject)
}

/// The DER of the issuer.
pub(in crate::probe) fn issuer<'a>(certificate: &'a X509Certificate<'_>) -> &'a [u8] {
    whole(certificate).map_or_else(|| certificate.issuer().as_raw(), |[issuer, _]| issuer)
}

/// Issuer and subject as they stand in the certificate. What the parser keeps of a name ends, without a word, where an RDN is
/// empty or broken: what follows would be hidden, and different names would be alike.
fn whole<'a>(certificate: &'a X509Certificate<'_>) -> Option<[&'a [u8]; 2]> {
    let mut fields = Reader::new(certificate.tbs_certificate.as_ref()).inside(SEQUENCE)?;
    fields.optional(context(0))?; // version
    fields.read(INTEGER)?; // serial number
    fields.read(SEQUENCE)?; // signature algorithm
    let issuer = fields.element(SEQUENCE)?.raw;
    fields.read(SEQUENCE)?; // validity
    Some([issuer, fields.element(SEQUENCE)?.raw])
}

/// Whether a name has no parts, readable or not.
pub(in crate::probe) fn is_empty(name: &[u8]) -> bool {
    rdns(name).iter().all(Vec::is_empty)
}

/// The parts of a name by RDN, in the order of the certificate.
fn rdns(name: &[u8]) -> Vec<Vec<Part<'_>>> {
    let mut rest = content(name);
    let mut rdns = Vec::new();
    while !rest.is_empty() {
        let mut reader = Reader::new(rest);
        let Some(set) = reader.read(SET) else {
            rdns.push(vec![Part::Broken(rest)]);
            break;
        };
        rdns.push(parts(set));
        rest = reader.rest();
    }
    rdns
}

/// What stands behind the header, also of a name that is cut off.
fn content(name: &[u8]) -> &[u8] {
    let header = match name {
        [_, first @ 0x81..=0x84, ..] => 2 + usize::from(first & 0x7f),
        _ => 2,
    };
    name.get(header..).unwrap_or_default()
}

fn parts(mut rdn: &[u8]) -> Vec<Part<'_>> {
    let mut parts = Vec::new();
    while !rdn.is_empty() {
        let Ok((rest, attribute)) = AttributeTypeAndValue::from_der(rdn) else {
            parts.push(Part::Broken(rdn));
            break;
        };
        parts.push(Part::Attribute(attribute));
        rdn = rest;
    }
    parts
}

/// The name in RFC 4514 form (last RDN first), escaped and cut. Of what cannot be read the bytes are shown; empty RDNs are left out.
pub(in crate::probe) fn display(name: &[u8]) -> String {
    let mut written = String::new();
    for rdn in rdns(name).iter().rev().filter(|rdn| !rdn.is_empty()) {
        written += if written.is_empty() { "" } else { "," };
        for (position, part) in rdn.iter().enumerate() {
            written += if position > 0 { "+" } else { "" };
            match part {
                Part::Attribute(attribute) => write_attribute(&mut written, attribute),
                Part::Broken(bytes) => written.extend(["invalid=", &hex(bytes)]),
            }
        }
        // A name may have thousands of parts: what is cut anyway is not written.
        if written.len() > text::MAX {
            break;
        }
    }
    text::cut(written)
}

/// What people call it: the common name, else `or`, else the organisation, else the whole name.
pub(super) fn short(name: &[u8], or: Option<&str>) -> String {
    let parts: Vec<Part<'_>> = rdns(name).into_iter().flatten().collect();
    let find = |oid| {
        let value = |part: &Part<'_>| match part {
            Part::Attribute(attribute) if *attribute.attr_type() == oid => decode(attribute.attr_value()),
            _ => None,
        };
        parts.iter().filter_map(value).find(|value| !value.is_empty()).map(|value| text::clean(&value))
    };
    find(COMMON_NAME).or_else(|| or.map(text::clean)).or_else(|| find(ORGANIZATION)).unwrap_or_else(|| display(name))
}

fn write_attribute(written: &mut String, attribute: &AttributeTypeAndValue<'_>) {
    let oid = attribute.attr_type();
    let known = ATTRIBUTES.iter().find(|(known, _)| known == oid).map(|(_, name)| *name);
    let value = known.and_then(|_| decode(attribute.attr_value()));
    match known {
        Some(name) => written.extend([name, "="]),
        None => written.extend([oid.to_id_string().as_str(), "="]),
    }
    match value {
        Some(value) => written.push_str(&escape(&value)),
        None => written.push_str(&hex(&der(attribute.attr_value()))),
    }
}

/// RFC 4514 §2.4, then the border's own escaping; what is cut anyway is not written.
fn escape(value: &str) -> String {
    let mut escaped = String::new();
    let last = value.chars().count().saturating_sub(1);
    for (position, character) in value.chars().enumerate().take(text::MAX + 1) {
        match character {
            ',' | '+' | '"' | '\\' | '<' | '>' | ';' => escaped.extend(['\\', character]),
            '#' if position == 0 => escaped.push_str("\\#"),
            ' ' if position == 0 || position == last => escaped.push_str("\\ "),
            '\0' => escaped.push_str("\\00"),
            character => escaped.push_str(&text::escape(character.encode_utf8(&mut [0; 4]))),
        }
    }
    escaped
}

/// The value as text; `None` when it is no valid string of its type.
fn decode(value: &Any<'_>) -> Option<String> {
    const UTF8: u32 = 12;
    const NUMERIC: u32 = 18;
    const PRINTABLE: u32 = 19;
    const TELETEX: u32 = 20;
    const IA5: u32 = 22;
    const VISIBLE: u32 = 26;
    const UNIVERSAL: u32 = 28;
    const BMP: u32 = 30;
    if value.header.class() != Class::Universal {
        return None;
    }
    let bytes = value.data;
    match value.header.tag().0 {
        UTF8 | NUMERIC | PRINTABLE | IA5 | VISIBLE => String::from_utf8(bytes.to_vec()).ok(),
        // T.61 in theory, Latin-1 in practice: that is what those certificates mean.
        TELETEX => Some(bytes.iter().map(|byte| char::from(*byte)).collect()),
        BMP => {
            let (units, rest) = bytes.as_chunks::<2>();
            let units: Vec<u16> = units.iter().map(|unit| u16::from_be_bytes(*unit)).collect();
            rest.is_empty().then(|| String::from_utf16(&units).ok())?
        }
        UNIVERSAL => {
            let (points, rest) = bytes.as_chunks::<4>();
            rest.is_empty().then_some(())?;
            points.iter().map(|point| char::from_u32(u32::from_be_bytes(*point))).collect()
        }
        _ => None,
    }
}

fn der(value: &Any<'_>) -> Vec<u8> {
    value.to_der_vec().unwrap_or_else(|_| value.data.to_vec())
}

/// `#` and the hex of a value's DER (RFC 4514 §2.4).
fn hex(der: &[u8]) -> String {
    der.iter().take(text::MAX).fold("#".to_owned(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}
