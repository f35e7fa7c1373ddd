//! Why a chain is not trusted, in people's words: webpki names one rule, this finds the certificate it is about.

use webpki::Error;
use x509_parser::{
    error::X509Error,
    prelude::{GeneralName, ParsedExtension, X509Certificate},
};

use super::{Case, Leaf, certificate, text};
use crate::probe::FaultKind;

pub(super) const WRONG_PURPOSE: &str = "the certificate's extended key usage does not allow TLS servers";

/// The intermediate whose dates are the matter, where it cannot be told which one.
const SOME_INTERMEDIATE: &str = "an intermediate of the chain";

/// How many of the sent certificates are tried by signature to find where a chain ends.
const MAX_WALKED: usize = 15;

/// Signature algorithms that chains may use; the list is webpki's.
const ACCEPTED: [&str; 8] = [
    "sha256WithRSAEncryption",
    "sha384WithRSAEncryption",
    "sha512WithRSAEncryption",
    "rsassaPss",
    "ecdsa-with-SHA256",
    "ecdsa-with-SHA384",
    "ecdsa-with-SHA512",
    "ED25519",
];

/// The largest certificate that webpki reads, in bytes: no field of a larger one may be longer.
const MAX_READABLE: usize = 0xffff;

/// Critical extensions that webpki knows: key usage, alternative names, basic and name constraints, CRL distribution points and
/// extended key usage (RFC 5280 §4.2.1).
const KNOWN: [&str; 6] = ["2.5.29.15", "2.5.29.17", "2.5.29.19", "2.5.29.30", "2.5.29.31", "2.5.29.37"];

/// Names of those that it does not know, and authorities use (RFC 5280 §4.2.1): governments and large firms have policies.
const UNKNOWN: [(&str, &str); 4] = [
    ("2.5.29.32", "certificatePolicies"),
    ("2.5.29.33", "policyMappings"),
    ("2.5.29.36", "policyConstraints"),
    ("2.5.29.54", "inhibitAnyPolicy"),
];

/// The fault of a leaf that webpki cannot read.
pub(super) fn unreadable(error: &Error, leaf: &Leaf<'_>) -> (FaultKind, String) {
    let size = leaf.der.len();
    if size > MAX_READABLE {
        let detail =
            format!("the certificate is too large to verify: it has {size} bytes, at most {MAX_READABLE} are read");
        return (FaultKind::NotVerifiable, detail);
    }
    rule(error, leaf)
}

/// The fault behind a failed search for a path; `None` when it is the leaf's own dates, which are judged apart.
pub(super) fn distrust(error: &Error, case: &Case, leaf: &Leaf<'_>) -> Option<(FaultKind, String)> {
    if is_self_signed(leaf.parsed) {
        let detail = "the certificate is signed by its own key and is not among the trusted certificates";
        return Some((FaultKind::SelfSigned, detail.to_owned()));
    }
    let (leaf_from, leaf_until) = (seconds(leaf.facts.not_before), seconds(leaf.facts.not_after));
    Some(match error {
        Error::CertExpired { not_after, .. } => {
            let culprit = culprit(leaf, |_, until| until == not_after.as_secs());
            if culprit.is_none() && not_after.as_secs() == leaf_until {
                return None;
            }
            (FaultKind::IntermediateExpired, format!("{} has expired", culprit.as_deref().unwrap_or(SOME_INTERMEDIATE)))
        }
        Error::CertNotValidYet { not_before, .. } => {
            let culprit = culprit(leaf, |from, _| from == not_before.as_secs());
            if culprit.is_none() && not_before.as_secs() == leaf_from {
                return None;
            }
            let culprit = culprit.as_deref().unwrap_or(SOME_INTERMEDIATE);
            (FaultKind::IntermediateNotYetValid, format!("{culprit} is not valid yet"))
        }
        Error::UnknownIssuer => unknown_issuer(case, leaf),
        Error::InvalidSignatureForPublicKey => bad_signature(case, leaf),
        Error::UnsupportedSignatureAlgorithmContext(_)
        | Error::UnsupportedSignatureAlgorithmForPublicKeyContext(_)
        | Error::SignatureAlgorithmMismatch => (FaultKind::UnsupportedAlgorithm, unsupported_algorithm(leaf)),
        error => rule(error, leaf),
    })
}

/// A rule of RFC 5280 that does not concern trust.
fn rule(error: &Error, leaf: &Leaf<'_>) -> (FaultKind, String) {
    let (kind, detail) = match error {
        Error::CaUsedAsEndEntity => (FaultKind::LeafIsCa, "the server's certificate is a CA certificate"),
        Error::RequiredEkuNotFoundContext(_) | Error::EmptyEkuExtension => (FaultKind::WrongPurpose, WRONG_PURPOSE),
        Error::EndEntityUsedAsCa => {
            (FaultKind::NotVerifiable, "a certificate in the chain issued another without being a CA")
        }
        Error::UnsupportedCertVersion => (FaultKind::NotVerifiable, "only version 3 certificates are accepted"),
        Error::UnsupportedCriticalExtension => return (FaultKind::NotVerifiable, critical_extension(leaf)),
        Error::ExtensionValueInvalid => (FaultKind::NotVerifiable, "an extension is repeated or malformed"),
        Error::MalformedExtensions => (FaultKind::NotVerifiable, "the extensions are malformed"),
        Error::NameConstraintViolation => (FaultKind::NotVerifiable, "a CA of the chain may not issue for these names"),
        Error::PathLenConstraintViolated => {
            (FaultKind::NotVerifiable, "a CA of the chain may not have so many CAs below it")
        }
        Error::MaximumPathDepthExceeded => (FaultKind::NotVerifiable, "the chain has more than six intermediates"),
        Error::MaximumSignatureChecksExceeded
        | Error::MaximumPathBuildCallsExceeded
        | Error::MaximumNameConstraintComparisonsExceeded => {
            (FaultKind::NotVerifiable, "the chain takes too much work to verify")
        }
        Error::InvalidCertValidity => (FaultKind::NotVerifiable, "a certificate of the chain ends before it begins"),
        Error::TrailingData(_) => (FaultKind::NotVerifiable, "there are bytes after the end of the certificate"),
        error => return (FaultKind::NotVerifiable, format!("the chain breaks a rule of RFC 5280: {error:?}")),
    };
    (kind, detail.to_owned())
}

/// Signed by its own key. Where the signature cannot be checked, the equal names decide.
fn is_self_signed(certificate: &X509Certificate<'_>) -> bool {
    certificate::subject_name(certificate) == certificate::issuer_name(certificate)
        && (certificate::is_weak(certificate)
            || !matches!(certificate.verify_signature(None), Err(X509Error::SignatureVerificationError)))
}

fn is_signed_by(certificate: &X509Certificate<'_>, issuer: &X509Certificate<'_>) -> bool {
    certificate::issuer_name(certificate) == certificate::subject_name(issuer)
        && !matches!(
            certificate.verify_signature(Some(issuer.public_key())),
            Err(X509Error::SignatureVerificationError)
        )
}

/// The Unix time in webpki's terms: it knows none before 1970.
fn seconds(at: jiff::Timestamp) -> u64 {
    u64::try_from(at.as_second()).unwrap_or(0)
}

/// The name and dates of the sent certificate for which this holds of the Unix times of its validity.
fn culprit(leaf: &Leaf<'_>, holds: impl Fn(u64, u64) -> bool) -> Option<String> {
    leaf.others.iter().find_map(|other| {
        let (not_before, not_after) = certificate::validity(other);
        holds(seconds(not_before), seconds(not_after)).then(|| {
            format!(
                "the intermediate {} (valid from {not_before} to {not_after})",
                certificate::display_name(certificate::subject_name(other))
            )
        })
    })
}

/// The last certificate of the chain, followed by name and signature.
fn top<'a>(leaf: &'a Leaf<'_>) -> &'a X509Certificate<'a> {
    // A hostile chain may hold many certificates of one name: each is tried against each.
    let others = &leaf.others[..leaf.others.len().min(MAX_WALKED)];
    let mut top = leaf.parsed;
    for _ in others {
        match others.iter().find(|other| !is_self_issued(top) && is_signed_by(top, other)) {
            Some(issuer) => top = issuer,
            None => break,
        }
    }
    top
}

/// Say what is missing above the last certificate of the chain.
fn unknown_issuer(case: &Case, leaf: &Leaf<'_>) -> (FaultKind, String) {
    let top = top(leaf);
    let issuer = certificate::display_name(certificate::issuer_name(top));
    if is_self_issued(top) {
        return (FaultKind::UnknownIssuer, format!("the chain ends at the root {issuer}, which is not trusted"));
    }
    let sent = is_issuer_sent(top, leaf);
    if sent || case.trust.knows_name(certificate::issuer_name(top)) {
        let whose = if sent { "was sent" } else { "is trusted" };
        let detail = format!("a CA named {issuer} {whose}, but it has another key than the one that signed the chain");
        return (FaultKind::UnknownIssuer, detail);
    }
    // Above a certificate that was sent with the leaf there may well be nothing but a root, which needs no sending.
    let is_leaf = std::ptr::eq(top, leaf.parsed);
    match issuer_url(top) {
        Some(url) if is_leaf => (
            FaultKind::IncompleteChain,
            format!(
                "the issuer {issuer} is neither sent by the server nor trusted: let the server send it after its own \
                 certificate; it is to be had at {url}"
            ),
        ),
        Some(url) => (
            FaultKind::UnknownIssuer,
            format!(
                "the issuer {issuer} is not trusted; if it is an intermediate, the server does not send it: it is to be \
                 had at {url}, and belongs after {}",
                certificate::display_name(certificate::subject_name(top))
            ),
        ),
        None => (
            FaultKind::UnknownIssuer,
            format!("the issuer {issuer} is not trusted; if it is an intermediate, the server does not send it"),
        ),
    }
}

fn is_issuer_sent(certificate: &X509Certificate<'_>, leaf: &Leaf<'_>) -> bool {
    leaf.others.iter().any(|other| certificate::subject_name(other) == certificate::issuer_name(certificate))
}

fn is_self_issued(certificate: &X509Certificate<'_>) -> bool {
    certificate::subject_name(certificate) == certificate::issuer_name(certificate)
}

/// Where the issuer's certificate is to be had over HTTP (authority information access, RFC 5280 §4.2.2.1).
fn issuer_url(certificate: &X509Certificate<'_>) -> Option<String> {
    const CA_ISSUERS: &str = "1.3.6.1.5.5.7.48.2";
    certificate.extensions().iter().find_map(|extension| match extension.parsed_extension() {
        ParsedExtension::AuthorityInfoAccess(access) => {
            access.accessdescs.iter().find_map(|description| match &description.access_location {
                GeneralName::URI(url) if is_http(url) && description.access_method.to_id_string() == CA_ISSUERS => {
                    Some(text::clean(url))
                }
                _ => None,
            })
        }
        _ => None,
    })
}

fn is_http(url: &str) -> bool {
    let scheme = url.split_once("://").map(|(scheme, _)| scheme.to_ascii_lowercase());
    matches!(scheme.as_deref(), Some("http" | "https"))
}

/// The library refuses weak keys as bad signatures. A trusted CA that got a new key under its old name is the usual cause
/// where the issuer was not sent.
fn bad_signature(case: &Case, leaf: &Leaf<'_>) -> (FaultKind, String) {
    let top = top(leaf);
    if is_self_issued(top) || (case.trust.knows_name(certificate::issuer_name(top)) && !is_issuer_sent(top, leaf)) {
        return unknown_issuer(case, leaf);
    }
    match leaf.others.iter().find(|other| certificate::is_weak(other)) {
        Some(weak) => {
            let bits = certificate::rsa_bits(weak).unwrap_or_default();
            let name = certificate::display_name(certificate::subject_name(weak));
            (
                FaultKind::WeakKey,
                format!("the key of the intermediate {name} is RSA with {bits} bits; at least 2048 are needed"),
            )
        }
        None => (FaultKind::BadSignature, "a signature in the chain does not verify by its issuer's key".to_owned()),
    }
}

fn critical_extension(leaf: &Leaf<'_>) -> String {
    let found = std::iter::once(leaf.parsed).chain(leaf.others).find_map(|certificate| {
        let critical = certificate.extensions().iter().filter(|extension| extension.critical);
        let oid = critical.map(|it| it.oid.to_id_string()).find(|oid| !KNOWN.contains(&oid.as_str()))?;
        Some((certificate::display_name(certificate::subject_name(certificate)), oid))
    });
    let Some((name, oid)) = found else { return "the chain has an unknown critical extension".to_owned() };
    let known = UNKNOWN.iter().find(|(known, _)| *known == oid);
    let oid = known.map_or_else(|| oid.clone(), |(_, name)| format!("{name} ({oid})"));
    format!(
        "the certificate of {name} has the critical extension {oid}, which is not processed here, so that the chain has to be \
         refused (RFC 5280 §4.2); clients that process it may accept the chain"
    )
}

fn unsupported_algorithm(leaf: &Leaf<'_>) -> String {
    let chain = std::iter::once(leaf.parsed).chain(leaf.others);
    let algorithm = chain
        .map(|certificate| (certificate, certificate::facts(certificate).signature_algorithm))
        .find(|(_, algorithm)| !ACCEPTED.contains(&algorithm.as_str()));
    match algorithm {
        Some((certificate, algorithm)) => {
            let name = certificate::display_name(certificate::subject_name(certificate));
            format!("the certificate of {name} is signed with {algorithm}, which is not accepted")
        }
        None => "the chain is signed with an algorithm that is not accepted for its key".to_owned(),
    }
}
