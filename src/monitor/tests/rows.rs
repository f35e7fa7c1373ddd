//! The conditions table, row by row.

use jiff::SignedDuration;

use super::life::*;
use crate::{api::*, monitor::*, probe::*};

#[test]
fn at_first_sight_everything_is_unknown() {
    let mut life = life();
    life.seen();
    assert_eq!(
        life.conditions(),
        [
            "Ready=Unknown/Progressing",
            "Reconciling=True/Progressing",
            "Reachable=Unknown/Progressing",
            "CertificateValid=Unknown/Progressing",
            "CertificateExpiring=Unknown/Progressing"
        ]
    );
    assert_eq!(
        (life.summary(), life.announced().len(), life.due()),
        ("Progressing", 0, Due::Now(Cause::NewGeneration))
    );
}

#[test]
fn a_valid_certificate() {
    let mut life = life();
    life.seen().wait(SignedDuration::from_secs(1)).probed(&served("F1", at("2026-06-01T00:00:00Z")));
    assert_eq!(
        life.conditions(),
        [
            "Ready=True/Monitoring",
            "Reachable=True/Connected",
            "CertificateValid=True/Valid",
            "CertificateExpiring=False/NotExpiring"
        ]
    );
    assert_eq!((life.summary(), life.announced()), ("Valid", vec!["Normal Valid".to_owned()]));
    let certificate = life.status().certificate.clone().unwrap();
    assert_eq!((certificate.days_until_expiry, certificate.is_valid), (Some(150), true));
    assert_eq!(life.status().history.len(), 1);
}

#[test]
fn what_is_checked_is_written_as_in_a_url() {
    for (domain, port, told) in [
        ("a.test", None, "a.test:443 is checked every 1h"),
        ("192.0.2.1", Some(8443), "192.0.2.1:8443 is checked every 1h"),
        ("2001:db8::1", None, "[2001:db8::1]:443 is checked every 1h"),
    ] {
        let mut life = life();
        (life.monitor.spec.domain, life.monitor.spec.port) = (domain.to_owned(), port);
        life.seen().probed(&served("F1", at("2026-06-01T00:00:00Z")));
        assert_eq!(find_condition(&life.status().conditions, ConditionType::Ready).unwrap().message, told);
    }
}

#[test]
fn on_its_last_day_a_certificate_is_valid_for_no_whole_day() {
    let end = at(START).saturating_add(SignedDuration::from_hours(23)).unwrap();
    for alert_days in [0, 30] {
        let mut life = life();
        life.monitor.spec.alert_days = alert_days;
        life.seen().probed(&served("F1", end));
        let certificate = life.status().certificate.clone().unwrap();
        assert_eq!((certificate.days_until_expiry, certificate.is_valid), (Some(0), true));
        assert_eq!(life.condition(ConditionType::CertificateValid), "True/Valid");
        assert_eq!(life.condition(ConditionType::CertificateExpiring), "True/ExpiringSoon");
        assert_eq!(life.summary(), "ExpiringSoon");
    }
}

#[test]
fn every_fault_makes_the_certificate_invalid_for_its_own_reason() {
    for kind in FaultKind::ALL {
        let mut life = life();
        life.seen().probed(&faulty("F1", at("2026-06-01T00:00:00Z"), &[kind]));
        let name = kind.as_str();
        assert_eq!(life.condition(ConditionType::CertificateValid), format!("False/{name}"));
        assert_eq!((life.summary(), life.announced()), (name, vec![format!("Warning {name}")]));
        assert!(!life.status().certificate.as_ref().unwrap().is_valid);
        assert_eq!(life.condition(ConditionType::Reachable), "True/Connected");
    }
}

#[test]
fn every_failure_makes_the_target_unreachable_for_its_own_reason() {
    for reason in FailureReason::ALL {
        let mut life = life();
        life.seen().probed(&failed(reason));
        let name = reason.as_str();
        assert_eq!(
            life.conditions()[..3],
            [
                "Ready=True/Monitoring".to_owned(),
                format!("Reachable=False/{name}"),
                "CertificateValid=Unknown/ProbeFailed".to_owned()
            ]
        );
        assert_eq!((life.summary(), life.announced()), (name, vec![format!("Warning {name}")]));
    }
}

#[test]
fn a_missing_bundle_is_told_and_the_target_still_probed() {
    let end = at("2026-06-01T00:00:00Z");
    let mut life = life();
    let message = "ConfigMap corp-ca does not exist".to_owned();
    life.problems = vec![Referent::CaBundle.problem(ProblemKind::NotFound, message)];
    life.seen().probed(&faulty("F1", end, &[FaultKind::UnknownIssuer]));
    assert_eq!(
        life.conditions(),
        [
            "Ready=False/CABundleNotFound",
            "Reconciling=True/CABundleNotFound",
            "Reachable=True/Connected",
            "CertificateValid=Unknown/CABundleNotFound",
            "CertificateExpiring=False/NotExpiring"
        ]
    );
    assert_eq!((life.summary(), life.announced()), ("CABundleNotFound", vec!["Warning CABundleNotFound".to_owned()]));
    assert_eq!(life.plan.as_ref().unwrap().wake, Some(at("2026-01-01T00:00:30Z")), "soon at first");

    life.wait(SignedDuration::from_mins(6)).probed(&faulty("F1", end, &[FaultKind::UnknownIssuer]));
    assert_eq!(life.plan.as_ref().unwrap().wake, Some(at("2026-01-01T00:11:00Z")), "at leisure later");

    life.probed(&faulty("F1", end, &[FaultKind::HostnameMismatch, FaultKind::UnknownIssuer]));
    assert_eq!(life.condition(ConditionType::CertificateValid), "False/HostnameMismatch", "no bundle would mend that");

    life.problems.clear();
    life.probed(&served("F1", end));
    assert_eq!((life.summary(), life.condition(ConditionType::Ready)), ("Valid", "True/Monitoring".to_owned()));
    assert_eq!(life.announced(), ["Normal Monitoring", "Normal Valid"]);
}

#[test]
fn a_missing_service_is_told_and_healed_without_a_probe() {
    let mut life = life();
    life.monitor.spec.service_ref = Some(ServiceRef { name: "web".to_owned() });
    life.service = ServiceLink::Missing;
    life.seen().probed(&served("F1", at("2026-06-01T00:00:00Z")));
    assert_eq!(
        life.conditions(),
        [
            "Ready=False/ServiceNotFound",
            "Reconciling=True/ServiceNotFound",
            "Reachable=True/Connected",
            "CertificateValid=True/Valid",
            "CertificateExpiring=False/NotExpiring",
            "ServiceLinked=False/ServiceNotFound"
        ]
    );
    let checked = life.status().last_checked_at.clone();
    life.service = ServiceLink::Found;
    life.wait(SignedDuration::from_secs(5)).seen();
    assert_eq!(life.conditions()[0], "Ready=True/Monitoring");
    assert_eq!(life.conditions().last().unwrap(), "ServiceLinked=True/Linked");
    assert_eq!((life.summary(), &life.status().last_checked_at), ("Valid", &checked));

    life.service = ServiceLink::Forbidden("services/status may not be patched".to_owned());
    life.seen();
    assert_eq!(life.conditions()[0], "Ready=False/Forbidden");
    assert_eq!(next_look_for(life.status(), life.now), None, "no bundle is missing");

    let message = "ConfigMap corp-ca may not be read".to_owned();
    life.problems = vec![Referent::CaBundle.problem(ProblemKind::Forbidden, message)];
    life.seen();
    assert_eq!(next_look_for(life.status(), life.now), Some(at("2026-01-01T00:00:35Z")), "half a minute from now");
}

#[test]
fn a_denied_literal_address_stalls_at_once_and_an_allowed_one_heals() {
    let mut life = life();
    life.monitor.spec.domain = "169.254.169.254".to_owned();
    let stall = target(&life.monitor.spec, &AddressPolicy::default()).unwrap_err();
    assert_eq!(stall.reason, StallReason::TargetDenied);
    life.decide(Outcome::Stalled(&stall));
    assert_eq!(
        life.conditions(),
        [
            "Ready=False/TargetDenied",
            "Stalled=True/TargetDenied",
            "Reachable=Unknown/TargetDenied",
            "CertificateValid=Unknown/TargetDenied",
            "CertificateExpiring=Unknown/TargetDenied"
        ]
    );
    assert_eq!((life.summary(), life.due(), life.plan.as_ref().unwrap().wake), ("TargetDenied", Due::Never, None));

    life.seen(); // the operator was started with another policy
    assert_eq!(
        (life.condition(ConditionType::Ready), life.due()),
        ("Unknown/Progressing".to_owned(), Due::Now(Cause::NewGeneration))
    );
}

#[test]
fn a_spec_that_can_never_work_says_which_field() {
    let policy = AddressPolicy::default();
    let message = |edit: fn(&mut SslMonitorSpec)| {
        let mut spec = SslMonitorSpec::new("a.test");
        edit(&mut spec);
        target(&spec, &policy).unwrap_err().to_string()
    };
    let rule = "must be a host name without scheme, port or path, for example api.example.com";
    assert_eq!(message(|spec| spec.domain = "https://a.test".to_owned()), format!("domain {rule}"));
    assert_eq!(message(|spec| spec.address = Some("a.test:1".to_owned())), format!("address {rule}"));
    let alone = |spec: &mut SslMonitorSpec| {
        spec.tls = Some(TlsSpec { use_system_roots: false, ..TlsSpec::default() });
    };
    assert_eq!(message(alone), "tls.useSystemRoots is false and there is no tls.caBundle: nothing could be trusted");
}

#[test]
fn a_server_that_demands_a_client_certificate_is_reached() {
    let mut observation = served("F1", at("2026-06-01T00:00:00Z"));
    observation.client_certificate = ClientCertificate::Required;
    observation.failure = failed(FailureReason::ClientCertificateRequired).failure;
    let mut life = life();
    life.seen().probed(&observation);
    assert_eq!(life.condition(ConditionType::Reachable), "True/ClientCertificateRequired");
    assert_eq!((life.summary(), life.condition(ConditionType::CertificateValid)), ("Valid", "True/Valid".to_owned()));
    assert_eq!(life.status().consecutive_failures, None);
}

#[test]
fn a_certificate_of_a_broken_handshake_is_shown_and_not_called_valid() {
    let mut observation = faulty("F1", at("2026-06-01T00:00:00Z"), &[FaultKind::Unproven]);
    observation.failure = failed(FailureReason::ConnectionClosed).failure;
    let mut life = life();
    life.seen().probed(&observation);
    assert_eq!(life.condition(ConditionType::Reachable), "False/ConnectionClosed");
    assert_eq!(life.condition(ConditionType::CertificateValid), "Unknown/ProbeFailed");
    assert_eq!(life.condition(ConditionType::CertificateExpiring), "False/NotExpiring");
    assert!(!life.status().certificate.as_ref().unwrap().is_valid);

    life.probed(&served("F2", at("2026-06-01T00:00:00Z")));
    let proven = life.status().certificate.clone();
    life.probed(&observation);
    assert_eq!(life.status().certificate, proven, "an unproven one does not replace a proven one");
}

#[test]
fn an_unreadable_certificate_is_shown_by_its_fingerprint() {
    let mut observation = faulty("F1", at("2026-06-01T00:00:00Z"), &[FaultKind::CertificateUnparsable]);
    observation.presented.as_mut().unwrap().leaf = None;
    let mut life = life();
    life.seen().probed(&observation);
    let certificate = life.status().certificate.clone().unwrap();
    assert_eq!(
        (certificate.fingerprint.as_deref(), certificate.valid_to, certificate.is_valid),
        (Some("F1"), None, false)
    );
    assert_eq!(life.condition(ConditionType::CertificateExpiring), "Unknown/CertificateUnparsable");
}

#[test]
fn while_the_link_to_the_service_is_not_known_what_was_told_of_it_holds() {
    let seen = served("F1", at("2026-06-01T00:00:00Z"));
    for (service, ready) in [
        (ServiceLink::Missing, "False/ServiceNotFound"),
        (ServiceLink::Forbidden("no".to_owned()), "False/Forbidden"),
        (ServiceLink::Found, "True/Monitoring"),
    ] {
        let mut life = life();
        life.monitor.spec.service_ref = Some(ServiceRef { name: "web".to_owned() });
        life.service = service;
        life.seen().probed(&seen);
        let before = life.conditions();
        assert_eq!(before[0], format!("Ready={ready}"));
        life.service = ServiceLink::Unknown;
        life.probed(&seen);
        assert_eq!((life.conditions(), life.announced().len()), (before, 0));
    }
}

#[test]
fn a_disabled_monitor_does_not_say_that_its_service_carries_its_result() {
    let mut life = life();
    life.monitor.spec.service_ref = Some(ServiceRef { name: "web".to_owned() });
    life.service = ServiceLink::Found;
    life.edited(|spec| spec.enabled = false).seen();
    assert_eq!(life.condition(ConditionType::ServiceLinked), "Unknown/Disabled");
    assert_eq!(life.condition(ConditionType::Ready), "True/Disabled");
}
