//! The extensions that rules ask for, found in one pass.

use x509_parser::{
    extensions::{AuthorityKeyIdentifier, BasicConstraints, ExtendedKeyUsage, KeyUsage, NameConstraints},
    prelude::{GeneralName, ParsedExtension, X509Certificate},
};

/// `status_request` as the TLS feature extension numbers it (RFC 7633 §4.2.3.1; RFC 6066 §8).
const STATUS_REQUEST: [u8; 3] = [2, 1, 5];
const TLS_FEATURE: &str = "1.3.6.1.5.5.7.1.24";
const AUTHORITY_INFO_ACCESS: [u8; 8] = [0x2b, 6, 1, 5, 5, 7, 1, 1];

/// An extension, and whether it is critical.
#[derive(Debug, Clone, Copy)]
pub(in crate::probe) struct Marked<T> {
    pub critical: bool,
    pub value: T,
}

/// The first of each kind; `None` where there is none, or it is not readable.
#[derive(Debug, Default)]
pub(in crate::probe) struct Extensions<'a> {
    pub authority_key: Option<Marked<&'a AuthorityKeyIdentifier<'a>>>,
    pub subject_key: Option<Marked<&'a [u8]>>,
    pub key_usage: Option<&'a KeyUsage>,
    pub basic_constraints: Option<Marked<&'a BasicConstraints>>,
    pub name_constraints: Option<&'a NameConstraints<'a>>,
    pub purposes: Option<&'a ExtendedKeyUsage<'a>>,
    pub names: Option<Marked<&'a [GeneralName<'a>]>>,
    /// Whether the authority information access is there and cannot be read.
    pub has_broken_access: bool,
    /// Whether a stapled OCSP answer is demanded (RFC 7633).
    pub must_staple: bool,
}

// === impl Extensions ===

impl<'a> Extensions<'a> {
    pub(in crate::probe) fn of(certificate: &'a X509Certificate<'_>) -> Self {
        let mut found = Self::default();
        for extension in certificate.extensions() {
            let critical = extension.critical;
            match extension.parsed_extension() {
                ParsedExtension::AuthorityKeyIdentifier(value) => {
                    found.authority_key.get_or_insert(Marked { critical, value });
                }
                ParsedExtension::SubjectKeyIdentifier(key) => {
                    found.subject_key.get_or_insert(Marked { critical, value: key.0 });
                }
                ParsedExtension::KeyUsage(usage) => {
                    found.key_usage.get_or_insert(usage);
                }
                ParsedExtension::BasicConstraints(value) => {
                    found.basic_constraints.get_or_insert(Marked { critical, value });
                }
                ParsedExtension::NameConstraints(constraints) => {
                    found.name_constraints.get_or_insert(constraints);
                }
                ParsedExtension::ExtendedKeyUsage(purposes) => {
                    found.purposes.get_or_insert(purposes);
                }
                ParsedExtension::SubjectAlternativeName(names) => {
                    found.names.get_or_insert(Marked { critical, value: &names.general_names });
                }
                ParsedExtension::ParseError { .. } => {
                    found.has_broken_access |= extension.oid.as_bytes() == AUTHORITY_INFO_ACCESS;
                }
                ParsedExtension::UnsupportedExtension { oid } if oid.to_id_string() == TLS_FEATURE => {
                    found.must_staple |= demands_status(extension.value);
                }
                _ => {}
            }
        }
        found
    }

    /// Whether the certificate says that it is a CA's.
    pub(in crate::probe) fn is_ca(&self) -> bool {
        self.basic_constraints.is_some_and(|constraints| constraints.value.ca)
    }
}

/// A short sequence of integers of one byte each: that is what the registered features need.
fn demands_status(features: &[u8]) -> bool {
    features.get(2..).is_some_and(|features| features.chunks(3).any(|feature| feature == STATUS_REQUEST))
}
