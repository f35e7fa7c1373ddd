//! Rules of RFC 5280 that webpki does not look at, although clients refuse certificates that break them.
//!
//! Only what cannot be misread, what two or more widespread verifiers refuse (Go, OpenSSL, BoringSSL, Python's cryptography),
//! and what no public authority has issued is here; what is merely wrong is a finding.

use rustls::pki_types::CertificateDer;
use webpki::VerifiedPath;
use x509_parser::prelude::X509Certificate;

use crate::probe::{
    TrustStore,
    certificate::{self, Extensions},
};

/// The rule that this path breaks, if any: for people.
pub(super) fn refusal(path: &VerifiedPath<'_>, trust: &TrustStore) -> Option<String> {
    let intermediate = path.intermediate_certificates().find_map(|intermediate| of_ca(&intermediate.der()));
    intermediate.or_else(|| {
        // Of a system's root only name and key are known. Of several in the bundle, one that is good is enough.
        let refusals: Option<Vec<String>> = trust.bundled(path.anchor()).map(|(_, der)| of_ca(der)).collect();
        refusals.and_then(|refusals| refusals.into_iter().next())
    })
}

fn of_ca(der: &CertificateDer<'_>) -> Option<String> {
    let ca = certificate::parse(der)?;
    let broken = broken_by_any(&ca).or_else(|| broken_by_ca(&ca))?;
    let name = certificate::display_name(certificate::subject_name(&ca));
    Some(if name.is_empty() {
        format!("a CA certificate {broken}")
    } else {
        format!("the CA certificate {name} {broken}")
    })
}

/// What a certificate of any kind breaks, as the end of a sentence.
pub(super) fn broken_by_any(certificate: &X509Certificate<'_>) -> Option<&'static str> {
    let extensions = Extensions::of(certificate);
    if extensions.authority_key.is_some_and(|identifier| identifier.critical) {
        return Some("marks its authority key identifier as critical, which RFC 5280 §4.2.1.1 forbids");
    }
    if extensions.subject_key.is_some_and(|identifier| identifier.critical) {
        return Some("marks its subject key identifier as critical, which RFC 5280 §4.2.1.2 forbids");
    }
    if certificate.raw_serial().first().is_some_and(|byte| byte & 0x80 != 0) {
        return Some("has a negative serial number, which RFC 5280 §4.1.2.2 forbids");
    }
    extensions
        .has_broken_access
        .then_some("has an authority information access extension that is not readable (RFC 5280 §4.2.2.1)")
}

fn broken_by_ca(ca: &X509Certificate<'_>) -> Option<&'static str> {
    let extensions = Extensions::of(ca);
    if extensions.key_usage.is_some_and(|usage| !usage.key_cert_sign()) {
        return Some("has a key usage that does not allow it to sign certificates (RFC 5280 §4.2.1.3)");
    }
    let is_empty = |constraints: &x509_parser::extensions::NameConstraints<'_>| {
        let subtrees = [&constraints.permitted_subtrees, &constraints.excluded_subtrees];
        subtrees.iter().all(|subtrees| subtrees.as_ref().is_none_or(Vec::is_empty))
    };
    if extensions.name_constraints.is_some_and(is_empty) {
        return Some("has a name constraints extension without constraints, which RFC 5280 §4.2.1.10 forbids");
    }
    certificate::is_empty_name(certificate::subject_name(ca)).then_some("has no name, which RFC 5280 §4.1.2.6 forbids")
}
