//! From a monitor and its status to what `/metrics` says of it.

use std::net::SocketAddr;

use crate::{
    api::{CertificateStatus, FindingStatus, RevocationStatus, SslMonitor, SslMonitorStatus},
    metrics::{CertificateDetails, Details, Sample, Staple},
    monitor::{ConditionType, find_condition, finding_kinds},
};

/// What `/metrics` says of a monitor, with or without details for the names of others.
pub(super) fn sample(monitor: &SslMonitor, with_details: bool) -> Sample {
    let status = monitor.status.as_ref();
    let conditions = status.map(|status| status.conditions.as_slice()).unwrap_or_default();
    let is = |kind| match find_condition(conditions, kind)?.status.as_str() {
        "True" => Some(true),
        "False" => Some(false),
        _ => None,
    };
    let certificate = status.and_then(|status| status.certificate.as_ref()).filter(|_| monitor.spec.enabled);
    let chain = certificate.and_then(|c| c.verified_chain_valid_to.as_ref().or(c.presented_chain_valid_to.as_ref()));
    Sample {
        domain: monitor.spec.domain.as_str().into(),
        port: monitor.spec.port(),
        up: is(ConditionType::Reachable),
        valid: is(ConditionType::CertificateValid),
        expiring: is(ConditionType::CertificateExpiring),
        not_after: certificate.and_then(|c| Some(c.valid_to.as_ref()?.0.as_second())),
        not_before: certificate.and_then(|c| Some(c.valid_from.as_ref()?.0.as_second())),
        chain_not_after: chain.map(|end| end.0.as_second()),
        last_check: status.and_then(|status| Some(status.last_checked_at.as_ref()?.0.as_second())),
        interval: monitor.spec.enabled.then(|| monitor.spec.interval().as_secs_f64()),
        probe_duration: status.and_then(|status| status.response_time_ms).map(|ms| f64::from(ms) / 1000.0),
        endpoints: status.and_then(|status| u32::try_from(status.endpoint_count?).ok()),
        consistent: is(ConditionType::EndpointsConsistent),
        matches: is(ConditionType::ServedCertificateMatches),
        revoked: certificate.and_then(|c| match c.revocation.as_ref()?.state.as_str() {
            "Revoked" => Some(true),
            "Good" => Some(false),
            _ => None,
        }),
        findings: status.filter(|_| monitor.spec.enabled).map_or(0, |status| bits(&status.findings)),
        details: status.filter(|_| with_details && monitor.spec.enabled).map(|status| Box::new(details(status))),
    }
}

/// Findings by the positions of their kinds.
fn bits(findings: &[FindingStatus]) -> u64 {
    let kinds = finding_kinds();
    let position =
        |it: &FindingStatus| kinds.iter().position(|kind| *kind == (it.type_.as_str(), it.severity.as_str()));
    findings.iter().filter_map(position).fold(0, |bits, position| bits | 1 << position)
}

fn details(status: &SslMonitorStatus) -> Details {
    let certificate = status.certificate.as_ref();
    let dialled = status.address.as_ref().and_then(|address| address.parse::<SocketAddr>().ok());
    Details {
        address: dialled.map(|dialled| dialled.ip()),
        tls_version: status.tls.as_ref().map(|tls| tls.version.clone()),
        cipher_suite: status.tls.as_ref().map(|tls| tls.cipher_suite.clone()),
        certificate: certificate.map(certificate_details),
        presented_not_after: certificate.and_then(|c| Some(c.presented_chain_valid_to.as_ref()?.0.as_second())),
        verified_not_after: certificate.and_then(|c| Some(c.verified_chain_valid_to.as_ref()?.0.as_second())),
        staple: certificate.and_then(|c| staple(c.revocation.as_ref()?)),
    }
}

fn certificate_details(certificate: &CertificateStatus) -> CertificateDetails {
    let text = |field: &Option<String>| field.clone().unwrap_or_default();
    CertificateDetails {
        subject: text(&certificate.subject),
        issuer: text(&certificate.issuer),
        subject_dn: text(&certificate.subject_dn),
        issuer_dn: text(&certificate.issuer_dn),
        serial_number: text(&certificate.serial_number),
        fingerprint: text(&certificate.fingerprint),
        sans: certificate.sans.clone(),
    }
}

/// What is known of the stapled answer; nothing where a list has decided.
fn staple(revocation: &RevocationStatus) -> Option<Staple> {
    match (revocation.source.as_deref(), revocation.state.as_str()) {
        (None, _) => Some(Staple::None),
        (Some("Staple"), "Good") => Some(Staple::Good),
        (Some("Staple"), "Revoked") => Some(Staple::Revoked(revocation.revoked_at.as_ref().map(|at| at.0.as_second()))),
        (Some("Staple"), _) => Some(Staple::Unknown),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use k8s_openapi::{apimachinery::pkg::apis::meta::v1::Time, jiff::Timestamp};

    use super::*;

    #[test]
    fn only_what_is_stapled_is_told_of_as_stapled() {
        let at = |source: Option<&str>, state: &str| {
            staple(&RevocationStatus {
                state: state.to_owned(),
                source: source.map(ToOwned::to_owned),
                revoked_at: (state == "Revoked").then_some(Time(Timestamp::UNIX_EPOCH)),
                reason: None,
            })
        };
        assert_eq!(at(None, "Unknown"), Some(Staple::None));
        assert_eq!(at(Some("Staple"), "Good"), Some(Staple::Good));
        assert_eq!(at(Some("Staple"), "Revoked"), Some(Staple::Revoked(Some(0))));
        assert_eq!(at(Some("Staple"), "Unknown"), Some(Staple::Unknown));
        assert_eq!(at(Some("CRL"), "Revoked"), None);
    }
}
