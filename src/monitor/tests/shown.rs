//! What is shown beside the verdict: servers that speak nothing of today, findings, revocation.

use super::life::*;
use crate::{
    api::*,
    monitor::*,
    probe::{Revocation, *},
};

const END: &str = "2026-06-01T00:00:00Z";

fn message(life: &Life, kind: ConditionType) -> String {
    find_condition(&life.status().conditions, kind).unwrap().message.clone()
}

#[test]
fn a_certificate_of_a_server_of_yesterday_is_shown_and_not_valid() {
    for reason in [FailureReason::ProtocolTooOld, FailureReason::NoCommonCipher] {
        let mut observation = faulty("F1", at(END), &[FaultKind::HostnameMismatch, FaultKind::Unproven]);
        observation.presented.as_mut().unwrap().proven = false;
        let detail = "the server speaks TLS 1.0 with TLS_RSA_WITH_3DES_EDE_CBC_SHA".to_owned();
        observation.failure = Some(Failure { reason, stage: Stage::Handshake, detail: detail.clone() });
        let mut life = life();
        life.seen().probed(&served("F0", at(END))).probed(&observation);
        let name = reason.as_str();
        assert_eq!(
            life.conditions()[1..],
            [
                format!("Reachable=True/{name}"),
                format!("CertificateValid=False/{name}"),
                "CertificateExpiring=False/NotExpiring".to_owned()
            ]
        );
        let told = message(&life, ConditionType::CertificateValid);
        assert_eq!(told, format!("{detail}; it is HostnameMismatch"));
        let certificate = life.status().certificate.clone().unwrap();
        assert_eq!((certificate.fingerprint.as_deref(), certificate.is_valid), (Some("F1"), false));
        assert_eq!((certificate.proven, life.summary()), (Some(false), name));
        assert_eq!(life.announced(), [format!("Warning {name}"), "Normal CertificateChanged".to_owned()]);
        assert_eq!(life.status().consecutive_failures, None);

        observation.presented.as_mut().unwrap().proven = true;
        observation.presented.as_mut().unwrap().verdict = Verdict::default();
        life.probed(&observation);
        let certificate = life.status().certificate.clone().unwrap();
        assert_eq!((certificate.proven, certificate.is_valid), (None, false), "too old for this monitor");
        assert_eq!(message(&life, ConditionType::CertificateValid), detail);
    }
}

#[test]
fn findings_are_few_the_worst_first_and_stay_with_their_certificate() {
    let finding = |kind: FindingKind| Finding { kind, detail: format!("found {}", kind.as_str()) };
    let mut observation = faulty("F1", at(END), &[FaultKind::Expired, FaultKind::WeakKey]);
    observation.findings = vec![finding(FindingKind::ClassicalKeyExchange), finding(FindingKind::OldProtocol)];
    let presented = observation.presented.as_mut().unwrap();
    presented.findings = vec![
        finding(FindingKind::PinnedLeaf),
        finding(FindingKind::WeakKey),
        finding(FindingKind::ChainOrder),
        Finding { kind: FindingKind::ChainOrder, detail: "again".to_owned() },
    ];
    let mut life = life();
    life.seen().probed(&observation);
    let listed = |life: &Life| -> Vec<String> {
        life.status().findings.iter().map(|it| format!("{} {}: {}", it.severity, it.type_, it.message)).collect()
    };
    let expected = [
        "critical Expired: it is Expired",
        "critical WeakKey: it is WeakKey",
        "critical OldProtocol: found OldProtocol",
        "warning ChainOrder: found ChainOrder",
        "info ClassicalKeyExchange: found ClassicalKeyExchange",
        "info PinnedLeaf: found PinnedLeaf",
    ];
    assert_eq!(listed(&life), expected);
    life.probed(&failed(FailureReason::ConnectTimedOut));
    assert_eq!(listed(&life), expected, "no certificate was seen");

    observation.presented.as_mut().unwrap().findings = FindingKind::ALL.map(finding).into();
    observation.presented.as_mut().unwrap().findings[3].detail = "é".repeat(1000);
    life.probed(&observation);
    assert_eq!(life.status().findings.len(), MAX_FINDINGS);
    assert!(life.status().findings.iter().all(|finding| finding.message.len() <= 512));
    life.probed(&served("F2", at(END)));
    assert_eq!(life.status().findings, []);
    let kinds = finding_kinds();
    assert_eq!((kinds.len(), kinds[0], kinds[35]), (36, ("CertificateUnparsable", "critical"), ("PinnedLeaf", "info")));
}

#[test]
fn revocation_is_shown_as_it_is_known() {
    let mut life = life();
    life.seen();
    let since = at("2026-01-01T00:00:00Z");
    let revoked = RevocationState::Revoked { at: since, reason: Some("keyCompromise") };
    for (state, source, told) in [
        (RevocationState::Good, Some(RevocationSource::Staple), "Good Some(\"Staple\") None None"),
        (RevocationState::Unknown, None, "Unknown None None None"),
        (
            revoked,
            Some(RevocationSource::Crl),
            "Revoked Some(\"CRL\") Some(2026-01-01T00:00:00Z) Some(\"keyCompromise\")",
        ),
    ] {
        let mut observation = served("F1", at(END));
        observation.presented.as_mut().unwrap().revocation = Some(Revocation { state, source });
        life.probed(&observation);
        let shown = life.status().certificate.clone().unwrap().revocation.unwrap();
        let since = shown.revoked_at.map(|since| since.0);
        assert_eq!(format!("{} {:?} {since:?} {:?}", shown.state, shown.source, shown.reason), told);
    }
}
