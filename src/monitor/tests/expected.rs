//! Certificates that should be served, and what is named and missing.

use jiff::SignedDuration;

use super::life::*;
use crate::{api::*, monitor::*, probe::*};

const END: &str = "2026-06-01T00:00:00Z";
const LATER: &str = "2026-09-01T00:00:00Z";

fn expecting(expect: ExpectSpec) -> Life {
    let mut life = life();
    life.monitor.spec.expect = Some(expect);
    life
}

fn by_secret() -> ExpectSpec {
    ExpectSpec { secret_ref: Some(SecretRef { name: "web-tls".to_owned() }), ..ExpectSpec::default() }
}

fn in_secret(fingerprint: &str, begin: &str, end: &str) -> ExpectedCertificate {
    ExpectedCertificate { fingerprint: fingerprint.to_owned(), not_before: at(begin), not_after: at(end) }
}

fn matches(life: &Life) -> String {
    life.condition(ConditionType::ServedCertificateMatches)
}

fn message(life: &Life, kind: ConditionType) -> String {
    find_condition(&life.status().conditions, kind).unwrap().message.clone()
}

#[test]
fn a_renewed_certificate_that_is_not_reloaded_is_told_until_it_is() {
    let begin = "2025-12-01T00:00:00Z";
    let mut life = expecting(by_secret());
    life.expected = Some(in_secret("F1", begin, END));
    life.seen();
    assert_eq!(matches(&life), "Unknown/Progressing");
    life.probed(&served("F1", at(END)));
    assert_eq!((matches(&life), life.summary()), ("True/Matches".to_owned(), "Valid"));
    assert_eq!(life.announced(), ["Normal Valid"]);

    life.expected = Some(in_secret("F2", "2026-01-01T00:00:00Z", LATER));
    life.wait(SignedDuration::from_hours(1)).probed(&served("F1", at(END)));
    assert_eq!((matches(&life), life.summary()), ("False/NotReloaded".to_owned(), "NotReloaded"));
    assert_eq!(life.announced(), ["Warning NotReloaded"]);
    assert_eq!(
        message(&life, ConditionType::ServedCertificateMatches),
        "renewed but not reloaded: the Secret web-tls holds a certificate valid until 2026-09-01T00:00:00Z (F2), the server still \
         serves one valid until 2026-06-01T00:00:00Z (F1); reload or restart what serves it"
    );
    assert_eq!(life.condition(ConditionType::CertificateValid), "True/Valid");
    assert_eq!(life.status().expected_certificate.as_ref().unwrap().fingerprint, "F2");

    life.probed(&failed(FailureReason::ConnectTimedOut));
    assert_eq!(matches(&life), "False/NotReloaded", "the last word stands");
    life.probed(&served("F1", at(END)));
    assert_eq!(life.announced(), ["Normal Connected"], "told once");
    life.probed(&served("F2", at(LATER)));
    assert_eq!(
        (matches(&life), life.announced()),
        ("True/Matches".to_owned(), vec!["Normal Matches".to_owned(), "Normal CertificateChanged".to_owned()])
    );
}

#[test]
fn what_is_newer_is_told_by_the_dates() {
    // The served one is valid from 2025-12-01 to END.
    for (expected, reason) in [
        (in_secret("F2", "2025-12-02T00:00:00Z", END), "NotReloaded"),
        (in_secret("F2", "2025-12-01T00:00:00Z", LATER), "NotReloaded"),
        (in_secret("F2", "2026-01-01T00:00:00Z", "2026-02-01T00:00:00Z"), "NotReloaded"),
        (in_secret("F2", "2025-11-01T00:00:00Z", LATER), "SecretOutdated"),
        (in_secret("F2", "2025-12-01T00:00:00Z", "2026-02-01T00:00:00Z"), "SecretOutdated"),
        (in_secret("F2", "2025-12-01T00:00:00Z", END), "UnexpectedCertificate"),
    ] {
        let mut life = expecting(by_secret());
        life.expected = Some(expected.clone());
        life.seen().probed(&served("F1", at(END)));
        assert_eq!(matches(&life), format!("False/{reason}"), "{expected:?}");
        assert_eq!(
            (life.summary(), life.announced()),
            (reason, vec!["Normal Valid".to_owned(), format!("Warning {reason}")])
        );
    }
}

#[test]
fn a_half_reloaded_set_names_the_stale_addresses() {
    let endpoint = |address: &str, fingerprint: &str, end: &str| Endpoint {
        not_before: None,
        ..endpoint(address, fingerprint, end)
    };
    let endpoints =
        vec![endpoint("192.0.2.1", "F2", LATER), endpoint("192.0.2.2", "F1", END), endpoint("192.0.2.3", "F1", END)];
    let mut life = expecting(by_secret());
    life.expected = Some(in_secret("F2", "2026-01-01T00:00:00Z", LATER));
    life.seen().probed(&Observation { endpoints, ..served("F1", at(END)) });
    assert_eq!(matches(&life), "False/NotReloaded");
    let told = message(&life, ConditionType::ServedCertificateMatches);
    assert!(told.contains("192.0.2.2 and 192.0.2.3 still serve one valid until 2026-06-01T00:00:00Z (F1)"), "{told}");
    assert!(!told.contains("192.0.2.1"), "{told}");
}

#[test]
fn each_list_has_a_reason_of_its_own_and_all_must_agree() {
    let digest = "SHA256:".to_owned() + &["AB"; 32].join(":");
    let pin = format!("sha256//{}=", "A".repeat(43));
    let mut observation = served(&digest, at(END));
    observation.presented.as_mut().unwrap().public_key = Some(pin.clone());
    let leaf = observation.presented.as_mut().unwrap().leaf.as_mut().unwrap();
    leaf.issuer_dn = "CN=Test CA,O=Test\\, Inc.".to_owned();
    let (good, other) = (vec![digest.to_lowercase().replace("sha256:", "")], vec!["CD".repeat(32)]);
    let (key, other_key) = (vec![pin.replace("//", "/")], vec![format!("sha256//{}=", "B".repeat(43))]);
    let lists = |fingerprints: &[String], public_keys: &[String], issuers: &[&str]| ExpectSpec {
        fingerprints: fingerprints.to_vec(),
        public_keys: public_keys.to_vec(),
        issuers: issuers.iter().map(ToString::to_string).collect(),
        secret_ref: None,
    };
    for (expect, expected) in [
        (lists(&good, &[], &[]), "True/Matches"),
        (lists(&[other[0].clone(), good[0].clone()], &[], &[]), "True/Matches"),
        (lists(&other, &[], &[]), "False/UnexpectedCertificate"),
        (lists(&[], &key, &[]), "True/Matches"),
        (lists(&[], &other_key, &[]), "False/UnexpectedPublicKey"),
        (lists(&[], &[], &["Test CA"]), "True/Matches"),
        (lists(&[], &[], &["Test, Inc."]), "True/Matches"),
        (lists(&[], &[], &["CN=Test CA,O=Test\\, Inc."]), "True/Matches"),
        (lists(&[], &[], &["Test"]), "False/UnexpectedIssuer"),
        (lists(&good, &key, &["Other", "Test CA"]), "True/Matches"),
        (lists(&good, &key, &["Other"]), "False/UnexpectedIssuer"),
        (lists(&good, &other_key, &["Other"]), "False/UnexpectedPublicKey"),
    ] {
        let mut life = expecting(expect.clone());
        life.seen().probed(&observation);
        assert_eq!(matches(&life), expected, "{expect:?}");
    }
}

#[test]
fn every_list_is_held_against_every_address_that_answered() {
    let issued = |by: &str| Some(Issuer { name: by.to_owned(), dn: format!("CN={by}") });
    let mut other = endpoint("192.0.2.1", "SHA256:F2", END);
    (other.public_key, other.issuer) = (Some("sha256//other".to_owned()), issued("Other CA"));
    let mut broken = endpoint("192.0.2.4", "SHA256:F3", END);
    broken.failure = failed(FailureReason::ConnectionClosed).failure;
    let good = |address: &str| Endpoint {
        public_key: Some("sha256//good".to_owned()),
        ..endpoint(address, "SHA256:F1", LATER)
    };
    let mut observation = faulty("SHA256:F1", at(LATER), &[FaultKind::HostnameMismatch]);
    observation.presented.as_mut().unwrap().public_key = Some("sha256//good".to_owned());
    observation.endpoints = vec![good("192.0.2.3"), other, good("192.0.2.2"), broken];

    let only = |list: &str, wanted: &[&str]| -> ExpectSpec {
        serde_json::from_value(serde_json::json!({ list: wanted })).unwrap()
    };
    for (list, wanted, expected, told) in [
        (
            "fingerprints",
            ["F1"].as_slice(),
            "False/UnexpectedCertificate",
            "192.0.2.1 serves one valid until 2026-06-01T00:00:00Z (SHA256:F2), which is not among expect.fingerprints",
        ),
        (
            "publicKeys",
            &["sha256//good"],
            "False/UnexpectedPublicKey",
            "192.0.2.1 serves one with the public key sha256//other, which is not among expect.publicKeys",
        ),
        (
            "publicKeys",
            &["sha256//none"],
            "False/UnexpectedPublicKey",
            "192.0.2.1 serves one with the public key sha256//other, 192.0.2.2 and 192.0.2.3 serve one with the public key \
             sha256//good, which are not among expect.publicKeys",
        ),
        (
            "issuers",
            &["Test CA"],
            "False/UnexpectedIssuer",
            "192.0.2.1 serves one issued by CN=Other CA, which is not among expect.issuers",
        ),
        ("fingerprints", &["F1", "F2"], "True/Matches", "SHA256:F2 and SHA256:F1 are served, as they should be"),
        (
            "publicKeys",
            &["sha256//good", "sha256//other"],
            "True/Matches",
            "SHA256:F2 and SHA256:F1 are served, as they should be",
        ),
        (
            "issuers",
            &["Test CA", "CN=Other CA"],
            "True/Matches",
            "SHA256:F2 and SHA256:F1 are served, as they should be",
        ),
    ] {
        let mut life = expecting(only(list, wanted));
        life.seen().probed(&observation);
        let found = (matches(&life), message(&life, ConditionType::ServedCertificateMatches));
        assert_eq!(found, (expected.to_owned(), told.to_owned()), "{list} {wanted:?}");
    }
}

#[test]
fn without_its_secret_the_expectation_is_unknown_and_everything_else_is_judged() {
    let mut life = expecting(by_secret());
    let problem = Referent::ExpectedCertificate.missing("Secret", "web-tls");
    life.problems = vec![problem.clone()];
    life.seen().probed(&served("F1", at(END)));
    assert_eq!(
        life.conditions(),
        [
            "Ready=False/SecretNotFound",
            "Reconciling=True/SecretNotFound",
            "Reachable=True/Connected",
            "CertificateValid=True/Valid",
            "CertificateExpiring=False/NotExpiring",
            "ServedCertificateMatches=Unknown/SecretNotFound"
        ]
    );
    assert_eq!(
        problem.message,
        "Secret web-tls does not exist in this namespace: create it, or correct expect.secretRef"
    );
    assert_eq!(message(&life, ConditionType::Ready), problem.message);
    assert_eq!(life.plan.as_ref().unwrap().wake, Some(at("2026-01-01T00:00:30Z")), "it is looked for");
    assert!(is_told(life.status(), &life.problems) && !is_told(life.status(), &[]));

    life.monitor.spec.expect.as_mut().unwrap().fingerprints = vec!["CD".repeat(32)];
    life.probed(&served("F1", at(END)));
    assert_eq!(matches(&life), "False/UnexpectedCertificate", "no Secret would mend that");
}

#[test]
fn a_missing_client_certificate_keeps_nobody_from_looking() {
    for kind in ProblemKind::ALL {
        let mut life = life();
        life.problems = vec![Referent::ClientCertificate.problem(kind, "no certificate".to_owned())];
        life.seen().probed(&served("F1", at(END)));
        let reason = life.problems[0].reason().as_str();
        assert_eq!(life.conditions()[0], format!("Ready=False/{reason}"));
        assert_eq!(life.condition(ConditionType::CertificateValid), "True/Valid");
        let told = told_problem(life.status()).unwrap();
        assert_eq!((told.reason().as_str(), told.message.as_str()), (reason, "no certificate"));
        life.problems = vec![told];
        let before = life.conditions();
        life.seen();
        assert_eq!((life.conditions(), life.announced().len()), (before, 0), "a review tells the same");
    }
}

#[test]
fn several_problems_are_told_together_and_the_first_is_the_reason() {
    let mut life = expecting(by_secret());
    life.problems = vec![
        Referent::CaBundle.missing("ConfigMap", "ca"),
        Referent::ClientCertificate.missing("Secret", "client"),
        Referent::ExpectedCertificate.missing("Secret", "web-tls"),
    ];
    life.seen().probed(&served("F1", at(END)));
    assert_eq!(life.condition(ConditionType::Ready), "False/CABundleNotFound");
    let told = message(&life, ConditionType::Ready);
    assert!(life.problems.iter().all(|problem| told.contains(&problem.message)), "{told}");
    assert!(is_told(life.status(), &life.problems) && !is_told(life.status(), &life.problems[..2]));
}

#[test]
fn without_its_proxy_nothing_is_looked_at_and_nothing_is_forgotten() {
    let mut life = expecting(by_secret());
    life.expected = Some(in_secret("F1", "2025-12-01T00:00:00Z", END));
    life.seen().probed(&served("F1", at(END)));
    let seen = life.status().certificate.clone();
    let problem = Referent::Proxy.missing("Secret", "proxy");
    life.problems = vec![problem.clone()];
    life.wait(SignedDuration::from_hours(1)).decide(Outcome::Withheld(&problem));
    assert_eq!(
        life.conditions(),
        [
            "Ready=False/SecretNotFound",
            "Reconciling=True/SecretNotFound",
            "Reachable=Unknown/SecretNotFound",
            "CertificateValid=Unknown/SecretNotFound",
            "CertificateExpiring=False/NotExpiring",
            "ServedCertificateMatches=Unknown/SecretNotFound"
        ]
    );
    assert_eq!((&life.status().certificate, life.summary()), (&seen, "SecretNotFound"));
    assert_eq!(
        (life.announced(), withholding(&life.problems)),
        (vec!["Warning SecretNotFound".to_owned()], Some(&problem))
    );
    assert!(matches!(life.due(), Due::At(_)), "not again at once");
    assert_eq!(life.plan.as_ref().unwrap().wake, Some(at("2026-01-01T01:00:30Z")));

    life.problems.clear();
    life.probed(&served("F1", at(END)));
    assert_eq!(
        (life.summary(), life.announced()),
        ("Valid", vec!["Normal Monitoring".to_owned(), "Normal Valid".to_owned()])
    );
}
