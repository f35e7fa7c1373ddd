//! The conditions table, row by row, and sequences over time: each step feeds the status back in.
#![allow(clippy::unwrap_used)]

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::*;
use crate::{
    api::{REQUESTED_AT_ANNOTATION, ServiceRef, SslMonitor, SslMonitorSpec, SslMonitorStatus},
    probe::{
        AddressPolicy, Certificate, ClientCertificate, Failure, FailureReason, Fault, FaultKind, KeyAlgorithm,
        Observation, Presented, Stage, Timings, Verdict,
    },
};

const START: &str = "2026-01-01T00:00:00Z";

/// A monitor living through time.
struct Life {
    monitor: SslMonitor,
    status: Option<SslMonitorStatus>,
    now: Timestamp,
    bundle: Option<BundleProblem>,
    service: ServiceLink,
    plan: Option<Plan>,
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn days(days: i64) -> SignedDuration {
    SignedDuration::from_hours(24 * days)
}

fn life() -> Life {
    let mut monitor = SslMonitor::new("web", SslMonitorSpec::new("a.test"));
    monitor.metadata.generation = Some(1);
    monitor.metadata.uid = Some("uid-1".to_owned());
    Life { monitor, status: None, now: at(START), bundle: None, service: ServiceLink::None, plan: None }
}

/// A complete handshake, and a certificate without fault.
fn served(fingerprint: &str, not_after: Timestamp) -> Observation {
    let leaf = Certificate {
        subject: "a.test".to_owned(),
        issuer: "Test CA".to_owned(),
        subject_dn: "CN=a.test".to_owned(),
        issuer_dn: "CN=Test CA".to_owned(),
        serial_number: "0A".to_owned(),
        sans: vec!["a.test".to_owned()],
        san_count: 1,
        not_before: at("2025-12-01T00:00:00Z"),
        not_after,
        key: KeyAlgorithm { name: "ECDSA".to_owned(), bits: Some(256) },
        signature_algorithm: "ecdsa-with-SHA256".to_owned(),
        version: 3,
    };
    Observation {
        address: Some("192.0.2.1:443".parse().unwrap()),
        timings: Timings { total: Duration::from_millis(12), ..Timings::default() },
        presented: Some(Presented {
            fingerprint: fingerprint.to_owned(),
            leaf: Some(leaf),
            chain_length: 2,
            presented_not_after: Some(not_after),
            verified_not_after: Some(not_after),
            verdict: Verdict::default(),
        }),
        ..Observation::default()
    }
}

fn faulty(fingerprint: &str, not_after: Timestamp, faults: &[FaultKind]) -> Observation {
    let mut observation = served(fingerprint, not_after);
    let fault = |kind: &FaultKind| Fault { kind: *kind, detail: format!("it is {}", kind.as_str()) };
    observation.presented.as_mut().unwrap().verdict = Verdict::of(faults.iter().map(fault).collect());
    observation
}

fn failed(reason: FailureReason) -> Observation {
    let failure = Failure { reason, stage: Stage::Connect, detail: "192.0.2.1:443 refused".to_owned() };
    Observation { failure: Some(failure), ..Observation::default() }
}

impl Life {
    fn decide(&mut self, outcome: Outcome<'_>) -> &mut Self {
        let plan = decide(Input {
            monitor: &self.monitor,
            status: self.status.as_ref(),
            outcome,
            bundle: self.bundle.as_ref(),
            service: &self.service,
            now: self.now,
        });
        self.status = Some(plan.status.clone());
        self.plan = Some(plan);
        self.hold_invariants();
        self
    }

    fn seen(&mut self) -> &mut Self {
        self.decide(Outcome::NotProbed)
    }

    fn probed(&mut self, observation: &Observation) -> &mut Self {
        self.decide(Outcome::Probed(observation))
    }

    fn wait(&mut self, time: SignedDuration) -> &mut Self {
        self.now = self.now.saturating_add(time).unwrap();
        self
    }

    fn edited(&mut self, edit: impl FnOnce(&mut SslMonitorSpec)) -> &mut Self {
        edit(&mut self.monitor.spec);
        self.monitor.metadata.generation = self.monitor.metadata.generation.map(|generation| generation + 1);
        self
    }

    fn status(&self) -> &SslMonitorStatus {
        self.status.as_ref().unwrap()
    }

    /// `Type=Status/Reason` of every condition, in order.
    fn conditions(&self) -> Vec<String> {
        let conditions = &self.status().conditions;
        conditions.iter().map(|c| format!("{}={}/{}", c.type_, c.status, c.reason)).collect()
    }

    fn condition(&self, kind: ConditionType) -> String {
        let condition = find_condition(&self.status().conditions, kind).unwrap();
        format!("{}/{}", condition.status, condition.reason)
    }

    fn since(&self, kind: ConditionType) -> Timestamp {
        find_condition(&self.status().conditions, kind).unwrap().last_transition_time.0
    }

    fn announced(&self) -> Vec<String> {
        let all = &self.plan.as_ref().unwrap().announcements;
        all.iter().map(|a| format!("{:?} {}", a.severity, a.reason)).collect()
    }

    fn summary(&self) -> &str {
        self.status().summary.as_deref().unwrap()
    }

    fn due(&self) -> Due {
        due(&self.monitor, self.status.as_ref(), self.now)
    }

    /// What must hold of every status (kstatus, and Flux's rules FAIL0001–0007).
    fn hold_invariants(&self) {
        let status = self.status();
        let is = |kind, value: &str| find_condition(&status.conditions, kind).is_some_and(|c| c.status == value);
        assert!(find_condition(&status.conditions, ConditionType::Ready).is_some(), "Ready is always there");
        let (reconciling, stalled) = (is(ConditionType::Reconciling, "True"), is(ConditionType::Stalled, "True"));
        assert!(!(reconciling && stalled), "never reconciling and stalled");
        assert_eq!(reconciling || stalled, !is(ConditionType::Ready, "True"), "either ready, or one of them");
        assert_eq!(status.observed_generation, self.monitor.metadata.generation);
        for condition in &status.conditions {
            assert!(condition.observed_generation <= self.monitor.metadata.generation, "{condition:?}");
            assert!(condition.last_transition_time.0 <= self.now.max(at(START)), "{condition:?}");
            assert!(!condition.message.is_empty() && !condition.reason.is_empty(), "{condition:?}");
        }
    }
}

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
fn from_valid_over_expiring_and_expired_to_renewed() {
    let end = at("2026-03-01T00:00:00Z");
    let mut life = life();
    life.seen().probed(&served("F1", end));
    assert_eq!(life.summary(), "Valid");

    life.wait(days(27)).probed(&served("F1", end)); // 32 days left
    assert_eq!((life.summary(), life.announced().len()), ("Valid", 0));

    life.wait(days(2)).probed(&served("F1", end)); // 30 days left
    assert_eq!((life.summary(), life.announced()), ("ExpiringSoon", vec!["Warning ExpiringSoon".to_owned()]));
    assert_eq!(life.condition(ConditionType::CertificateValid), "True/Valid");

    life.wait(days(5)).probed(&served("F1", end));
    assert_eq!((life.summary(), life.announced().len()), ("ExpiringSoon", 0), "told once");

    life.wait(days(26)).probed(&faulty("F1", end, &[FaultKind::Expired]));
    assert_eq!((life.summary(), life.announced()), ("Expired", vec!["Warning Expired".to_owned()]));
    assert_eq!(life.condition(ConditionType::CertificateExpiring), "True/Expired");
    assert_eq!(life.condition(ConditionType::Ready), "True/Monitoring", "an observer is ready whatever it observes");
    assert_eq!(life.status().certificate.as_ref().unwrap().days_until_expiry, Some(-1));

    life.wait(days(1)).probed(&served("F2", at("2026-06-01T00:00:00Z")));
    assert_eq!(
        (life.summary(), life.announced()),
        (
            "Valid",
            vec!["Normal Valid".to_owned(), "Normal NotExpiring".to_owned(), "Normal CertificateChanged".to_owned()]
        )
    );
    let history: Vec<_> = life.status().history.iter().map(|entry| entry.summary.as_str()).collect();
    assert_eq!(history, ["Valid", "Expired", "ExpiringSoon", "Valid"]);
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
fn unreachable_once_thrice_and_back() {
    let end = at("2026-06-01T00:00:00Z");
    let mut life = life();
    life.seen().probed(&served("F1", end));
    let good = life.status().certificate.clone();
    let valid_since = life.since(ConditionType::CertificateValid);

    for failures in 1..=2 {
        life.wait(SignedDuration::from_mins(1)).probed(&failed(FailureReason::ConnectionRefused));
        assert_eq!(life.condition(ConditionType::Reachable), "False/ConnectionRefused");
        assert_eq!(life.condition(ConditionType::CertificateValid), "True/Valid", "the last word stands");
        assert_eq!(life.status().consecutive_failures, Some(failures));
        assert_eq!((&life.status().certificate, life.summary()), (&good, "ConnectionRefused"));
    }
    assert_eq!(life.announced().len(), 0, "told at the first failure");

    life.wait(SignedDuration::from_mins(2)).probed(&failed(FailureReason::ConnectionRefused));
    assert_eq!(life.condition(ConditionType::CertificateValid), "Unknown/ProbeFailed");
    assert_eq!(life.condition(ConditionType::CertificateExpiring), "False/NotExpiring", "kept");
    assert_eq!((&life.status().certificate, life.announced()), (&good, vec!["Warning ProbeFailed".to_owned()]));

    life.wait(SignedDuration::from_mins(4)).probed(&served("F1", end));
    assert_eq!((life.summary(), life.status().consecutive_failures), ("Valid", None));
    assert_eq!(life.announced(), ["Normal Connected", "Normal Valid"]);
    assert!(life.since(ConditionType::CertificateValid) > valid_since);
    let history: Vec<_> = life.status().history.iter().map(|entry| entry.summary.as_str()).collect();
    assert_eq!(
        history,
        ["Valid", "ConnectionRefused", "ConnectionRefused", "Valid"],
        "the third failure changed isValid"
    );
}

#[test]
fn failures_back_off_up_to_the_interval() {
    let mut life = life();
    life.seen();
    let mut waits = Vec::new();
    for _ in 0..9 {
        life.probed(&failed(FailureReason::ConnectTimedOut));
        let next = life.status().next_check_at.as_ref().unwrap().0;
        waits.push(next.duration_since(life.now).as_secs());
        life.now = next;
    }
    assert_eq!(waits[..7], [30, 60, 120, 240, 480, 960, 1920]);
    assert!(waits[7] == waits[8] && (3240..=3960).contains(&waits[7]), "{waits:?}");
}

#[test]
fn the_interval_is_spread_by_uid_and_steady() {
    let end = at("2027-01-01T00:00:00Z");
    let wait = |uid: &str| {
        let mut life = life();
        life.monitor.metadata.uid = Some(uid.to_owned());
        life.seen().probed(&served("F1", end));
        life.status().next_check_at.as_ref().unwrap().0.duration_since(life.now).as_secs()
    };
    let waits: Vec<i64> = (0..200).map(|n| wait(&format!("uid-{n}"))).collect();
    assert!(waits.iter().all(|wait| (3240..=3960).contains(wait)), "{waits:?}");
    assert!(waits.iter().collect::<std::collections::BTreeSet<_>>().len() > 100, "spread out: {waits:?}");
    assert_eq!(wait("uid-7"), waits[7], "always the same for the same uid");
}

#[test]
fn the_next_check_does_not_miss_the_end_of_the_certificate() {
    let end = at("2026-01-01T00:10:00Z");
    let mut life = life();
    life.seen().probed(&served("F1", end));
    assert_eq!(life.status().next_check_at.as_ref().unwrap().0, at("2026-01-01T00:10:01Z"));
    assert_eq!(life.due(), Due::At(at("2026-01-01T00:10:01Z")));
    life.now = at("2026-01-01T00:10:01Z");
    assert_eq!(life.due(), Due::Now(Cause::Overdue));
}

#[test]
fn an_edited_spec_is_checked_anew_and_what_was_seen_stays_with_its_generation() {
    let end = at("2026-06-01T00:00:00Z");
    let mut life = life();
    life.seen().probed(&served("F1", end)).wait(SignedDuration::from_mins(1));
    life.edited(|spec| spec.alert_days = 200).seen();
    assert_eq!(
        life.conditions()[..4],
        [
            "Ready=Unknown/Progressing",
            "Reconciling=True/Progressing",
            "Reachable=True/Connected",
            "CertificateValid=True/Valid"
        ]
    );
    let generations: Vec<_> = life.status().conditions.iter().map(|c| c.observed_generation.unwrap()).collect();
    assert_eq!(generations, [2, 2, 1, 1, 1]);
    assert_eq!((life.due(), life.announced().len()), (Due::Now(Cause::NewGeneration), 0));

    life.probed(&served("F1", end));
    assert_eq!(
        (life.summary(), life.condition(ConditionType::CertificateValid)),
        ("ExpiringSoon", "True/Valid".to_owned())
    );
    assert_eq!(life.since(ConditionType::CertificateValid), at(START), "its status did not change");
    assert!(life.status().conditions.iter().all(|c| c.observed_generation == Some(2)));
}

#[test]
fn a_failed_first_check_of_an_edited_spec_does_not_vouch_with_old_evidence() {
    let mut life = life();
    life.seen().probed(&served("F1", at("2026-06-01T00:00:00Z")));
    life.edited(|spec| spec.address = Some("192.0.2.9".to_owned()))
        .seen()
        .probed(&failed(FailureReason::ConnectionRefused));
    assert_eq!(life.condition(ConditionType::CertificateValid), "Unknown/ProbeFailed");
}

#[test]
fn disabled_and_enabled_again() {
    let end = at("2026-06-01T00:00:00Z");
    let mut life = life();
    life.seen().probed(&served("F1", end));
    let good = life.status().certificate.clone();
    life.edited(|spec| spec.enabled = false).wait(SignedDuration::from_mins(1)).seen();
    assert_eq!(
        life.conditions(),
        [
            "Ready=True/Disabled",
            "Reachable=Unknown/Disabled",
            "CertificateValid=Unknown/Disabled",
            "CertificateExpiring=Unknown/Disabled"
        ]
    );
    assert_eq!((life.summary(), &life.status().certificate), ("Disabled", &good), "the data are kept");
    assert_eq!((life.due(), life.plan.as_ref().unwrap().wake), (Due::Never, None));
    assert_eq!(life.announced(), ["Normal Disabled"]);

    life.edited(|spec| spec.enabled = true).seen();
    assert_eq!(life.condition(ConditionType::CertificateValid), "Unknown/Progressing");
    assert_eq!(life.due(), Due::Now(Cause::NewGeneration));
    life.probed(&served("F1", end));
    assert_eq!((life.summary(), life.announced()), ("Valid", vec!["Normal Valid".to_owned()]));
}

#[test]
fn a_probe_that_ends_after_disabling_changes_nothing() {
    let mut life = life();
    life.seen().edited(|spec| spec.enabled = false).probed(&served("F1", at("2026-06-01T00:00:00Z")));
    assert_eq!((life.summary(), &life.status().certificate, life.status().history.len()), ("Disabled", &None, 0));
}

#[test]
fn a_clock_stepped_back_and_forth_leads_to_a_check_and_no_false_transition() {
    let end = at("2028-01-01T00:00:00Z");
    let mut life = life();
    life.seen().probed(&served("F1", end));
    let before = life.conditions();

    life.wait(-SignedDuration::from_mins(4));
    assert!(matches!(life.due(), Due::At(_)), "within tolerance");
    life.wait(-days(365));
    assert_eq!(life.due(), Due::Now(Cause::Overdue), "the last check lies in the future");
    life.now = at("2025-01-01T00:00:00Z");
    life.probed(&served("F1", end));
    assert_eq!((life.conditions(), life.announced().len()), (before.clone(), 0));
    assert_eq!(life.status().last_checked_at.as_ref().unwrap().0, life.now);

    life.now = at("2027-01-01T00:00:00Z");
    assert_eq!(life.due(), Due::Now(Cause::Overdue));
    life.probed(&served("F1", end));
    assert_eq!((life.conditions(), life.announced().len()), (before, 0));
}

#[test]
fn a_request_is_handled_once_and_echoed() {
    let end = at("2026-06-01T00:00:00Z");
    let mut life = life();
    life.seen().probed(&served("F1", end));
    let ask = |life: &mut Life, value: String| {
        life.monitor.metadata.annotations = Some([(REQUESTED_AT_ANNOTATION.to_owned(), value)].into());
    };
    ask(&mut life, "one".to_owned());
    assert_eq!(life.due(), Due::Now(Cause::Requested));
    life.probed(&failed(FailureReason::ConnectionReset));
    assert_eq!(life.status().last_handled_request_at.as_deref(), Some("one"));
    assert!(matches!(life.due(), Due::At(_)), "a failed check has handled it too");

    ask(&mut life, "é".repeat(5000));
    life.probed(&served("F1", end));
    assert_eq!(life.status().last_handled_request_at.as_ref().map(String::len), Some(256));
    assert!(matches!(life.due(), Due::At(_)), "the cut value counts as handled");
}

#[test]
fn a_missing_bundle_is_told_and_the_target_still_probed() {
    let end = at("2026-06-01T00:00:00Z");
    let mut life = life();
    let message = "ConfigMap corp-ca does not exist".to_owned();
    life.bundle = Some(BundleProblem { kind: BundleProblemKind::NotFound, message });
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

    life.bundle = None;
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
    assert_eq!(next_bundle_look(life.status(), life.now), None, "no bundle is missing");

    let message = "ConfigMap corp-ca may not be read".to_owned();
    life.bundle = Some(BundleProblem { kind: BundleProblemKind::Forbidden, message });
    life.seen();
    assert_eq!(next_bundle_look(life.status(), life.now), Some(at("2026-01-01T00:00:35Z")), "half a minute from now");
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
        spec.tls = Some(crate::api::TlsSpec { server_name: None, ca_bundle: None, use_system_roots: false });
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
fn someone_elses_edit_of_our_status_is_repaired() {
    let mut life = life();
    life.seen().probed(&served("F1", at("2026-06-01T00:00:00Z")));
    let mut robbed = life.status().clone();
    robbed.conditions.clear();
    assert!(!has_settled(&life.monitor, Some(&robbed)));
    life.status = Some(robbed);
    life.seen().probed(&served("F1", at("2026-06-01T00:00:00Z")));
    assert_eq!(life.conditions().len(), 4);
}

#[test]
fn history_keeps_the_last_ten_changes() {
    let mut life = life();
    life.seen();
    for n in 0..25 {
        life.wait(SignedDuration::from_mins(5)).probed(&served(&format!("F{n}"), at("2026-06-01T00:00:00Z")));
    }
    let prints: Vec<_> = life.status().history.iter().map(|entry| entry.fingerprint.clone().unwrap()).collect();
    assert_eq!(prints, ["F24", "F23", "F22", "F21", "F20", "F19", "F18", "F17", "F16", "F15"]);
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
