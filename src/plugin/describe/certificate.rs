//! The certificate, how it was come by, and what each address serves.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use super::{Section, left, short, time};
use crate::{
    alerting::how_long,
    api::{CertificateStatus, EndpointStatus, RevocationStatus, SslMonitor, SslMonitorStatus},
    monitor::days_until,
};

/// So many names are listed; the others are counted.
const NAMES: usize = 6;

/// The certificate that was last seen.
pub(super) fn served(status: &SslMonitorStatus, now: Timestamp) -> Section {
    let mut section = Section::new("Certificate");
    let Some(certificate) = &status.certificate else { return section };
    section.add_some("For", named(certificate.subject.as_ref(), certificate.subject_dn.as_ref()));
    section.add_some("Names", names(certificate));
    section.add_some("Issuer", named(certificate.issuer.as_ref(), certificate.issuer_dn.as_ref()));
    section.add_some("Begins", certificate.valid_from.as_ref().map(time));
    section.add_some("Ends", certificate.valid_to.as_ref().map(|end| ends(end, now)));
    section.add_some("Key", key(certificate));
    section.add_some("Chain", chain(certificate, now));
    section.add_some("Revocation", certificate.revocation.as_ref().map(revocation));
    section.add_some("Serial", certificate.serial_number.clone());
    section.add_some("Fingerprint", certificate.fingerprint.clone());
    section.add_some("Public key", certificate.public_key.clone());
    if certificate.proven == Some(false) {
        section.add("Unproven", "The server has not proved that it holds the key of this certificate.");
    }
    if let Some(expected) = &status.expected_certificate {
        let text = format!("{}, which ends {}", expected.fingerprint, ends(&expected.valid_to, now));
        section.add("Expected", &text);
    }
    section
}

/// `R11 (CN=R11,O=Let's Encrypt,C=US)`.
fn named(name: Option<&String>, whole: Option<&String>) -> Option<String> {
    match (name?, whole) {
        (name, Some(whole)) if whole != name => Some(format!("{name} ({whole})")),
        (name, _) => Some(name.clone()),
    }
}

fn names(certificate: &CertificateStatus) -> Option<String> {
    let listed = certificate.sans.iter().take(NAMES).cloned().collect::<Vec<_>>().join(", ");
    let count = usize::try_from(certificate.san_count.unwrap_or(0)).unwrap_or(0).max(certificate.sans.len());
    let others = count.saturating_sub(certificate.sans.len().min(NAMES));
    let more = if others == 0 { String::new() } else { format!(" and {others} more") };
    (!listed.is_empty()).then(|| format!("{listed}{more}"))
}

/// `2026-06-03 12:00 UTC: 2 days left`.
fn ends(end: &Time, now: Timestamp) -> String {
    format!("{}: {}", time(end), left(days_until(end.0, now)))
}

fn key(certificate: &CertificateStatus) -> Option<String> {
    let algorithm = certificate.key_algorithm.as_ref()?;
    let bits = certificate.key_bits.map(|bits| format!(" {bits} bits")).unwrap_or_default();
    let signature =
        certificate.signature_algorithm.as_ref().map(|name| format!(", signed with {name}")).unwrap_or_default();
    Some(format!("{algorithm}{bits}{signature}"))
}

/// How long the chain is, and which end in it comes first, where that is not the certificate's own.
fn chain(certificate: &CertificateStatus, now: Timestamp) -> Option<String> {
    let length = certificate.chain_length?;
    let length = if length == 1 { "1 certificate".to_owned() } else { format!("{length} certificates") };
    let earlier =
        |end: &Option<Time>| end.clone().filter(|end| certificate.valid_to.as_ref().is_some_and(|own| end.0 < own.0));
    let verified = earlier(&certificate.verified_chain_valid_to)
        .map(|end| format!("; the verified path ends {}", ends(&end, now)));
    let presented = || {
        earlier(&certificate.presented_chain_valid_to)
            .map(|end| format!("; the first of them ends {}", ends(&end, now)))
    };
    let is_unverified = certificate.verified_chain_valid_to.is_none();
    let path = if is_unverified { "; no trusted path was found" } else { "" };
    Some(format!("{length} presented{}{path}", verified.or_else(presented).unwrap_or_default()))
}

fn revocation(revocation: &RevocationStatus) -> String {
    let RevocationStatus { state, source, revoked_at, reason } = revocation;
    let source = source.as_ref().map(|source| format!(" ({source})")).unwrap_or_default();
    let when = revoked_at.as_ref().map(|at| format!(", since {}", time(at))).unwrap_or_default();
    let why = reason.as_ref().map(|reason| format!(", {reason}")).unwrap_or_default();
    format!("{state}{source}{when}{why}")
}

/// How the certificate was come by, and when that is done again.
pub(super) fn connection(monitor: &SslMonitor, now: Timestamp) -> Section {
    let mut section = Section::new("Check");
    let Some(status) = &monitor.status else { return section };
    let millis = status.response_time_ms.map(|millis| format!(", in {millis} ms")).unwrap_or_default();
    let last = status.last_checked_at.as_ref();
    section.add_some(
        "Last",
        last.map(|last| format!("{} ago, {}{millis}", how_long(now.duration_since(last.0)), time(last))),
    );
    section.add_some("Next", status.next_check_at.as_ref().map(time));
    section.add_some("Address", status.address.clone());
    section.add_some(
        "TLS",
        status.tls.as_ref().map(|tls| {
            let group = tls.group.as_ref().map(|group| format!(", {group}")).unwrap_or_default();
            format!("{}, {}{group}", tls.version, tls.cipher_suite)
        }),
    );
    section.add_some(
        "Failed",
        status.consecutive_failures.map(|count| match count {
            1 => "the last check".to_owned(),
            count => format!("the last {count} checks"),
        }),
    );
    section.add_some("Service", monitor.spec.service_ref.as_ref().map(|service| service.name.clone()));
    section
}

/// What each address served, where there is more than one.
pub(super) fn addresses(status: &SslMonitorStatus, now: Timestamp) -> Section {
    let mut section = Section::new("Addresses");
    if status.endpoints.len() < 2 {
        return section;
    }
    status.endpoints.iter().for_each(|endpoint| section.add(&endpoint.address, &address(endpoint, now)));
    let count = usize::try_from(status.endpoint_count.unwrap_or(0)).unwrap_or(0);
    let others = count.saturating_sub(status.endpoints.len());
    section.add_some("Others", (others > 0).then(|| format!("{others} more, not listed here")));
    section
}

fn address(endpoint: &EndpointStatus, now: Timestamp) -> String {
    let EndpointStatus { result, fingerprint, valid_to, response_time_ms, .. } = endpoint;
    let which = fingerprint.as_deref().map(|fingerprint| format!(", {}", short(fingerprint)));
    let end = valid_to.as_ref().map(|end| format!(", ends {}", ends(end, now)));
    let millis = response_time_ms.map(|millis| format!(", {millis} ms"));
    [Some(result.clone()), which, end, millis].into_iter().flatten().collect()
}
