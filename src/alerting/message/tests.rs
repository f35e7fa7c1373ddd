#![allow(clippy::unwrap_used)]
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};

use super::*;
use crate::{
    api::{EarliestExpiryStatus, SslMonitorSpec},
    monitor::Reason,
};

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn time(text: &str) -> Time {
    Time(at(text))
}

/// The monitor `web` of a.test with a certificate F1 until the end of June.
fn monitor() -> SslMonitor {
    let mut monitor = SslMonitor::new("web", SslMonitorSpec::new("a.test"));
    monitor.metadata.namespace = Some("shop".to_owned());
    monitor.metadata.uid = Some("u-1".to_owned());
    monitor.status = Some(SslMonitorStatus {
        certificate: Some(CertificateStatus {
            subject: Some("a.test".to_owned()),
            issuer: Some("Example CA".to_owned()),
            fingerprint: Some("F1".to_owned()),
            valid_to: Some(time("2026-06-30T12:00:00Z")),
            days_until_expiry: Some(99),
            ..CertificateStatus::default()
        }),
        ..SslMonitorStatus::default()
    });
    monitor
}

/// The same, and nothing is wrong with it.
fn well() -> SslMonitor {
    let mut monitor = monitor();
    let condition = |kind: ConditionType| Condition {
        type_: kind.as_str().to_owned(),
        status: if kind == ConditionType::CertificateExpiring { "False" } else { "True" }.to_owned(),
        reason: "Whatever".to_owned(),
        message: String::new(),
        observed_generation: None,
        last_transition_time: time("2026-06-20T12:00:00Z"),
    };
    monitor.status.as_mut().unwrap().conditions = ConditionType::ALL.map(condition).to_vec();
    monitor
}

fn entry(checked_at: &str, fingerprint: Option<&str>) -> HistoryEntry {
    HistoryEntry {
        checked_at: time(checked_at),
        summary: "Valid".to_owned(),
        is_valid: Some(true),
        days_until_expiry: None,
        fingerprint: fingerprint.map(ToOwned::to_owned),
    }
}

fn notice(kind: NoticeKind, about: Aspect, reason: &str) -> PendingNotice {
    PendingNotice {
        id: "n-1".to_owned(),
        incident: "i-1".to_owned(),
        kind,
        about,
        reason: reason.to_owned(),
        severity: AlertSeverity::Critical,
        since: time("2026-06-10T00:00:00Z"),
        at: time("2026-06-20T12:00:00Z"),
        message: "found this".to_owned(),
        fingerprint: Some("F1".to_owned()),
        attempts: Some(3),
        next_try_at: None,
        failure: None,
        code: None,
        refused_by: None,
    }
}

fn expiring() -> PendingNotice {
    notice(NoticeKind::Problem, Aspect::Certificate, "ExpiringSoon")
}

fn told(monitor: &SslMonitor, notice: &PendingNotice) -> Message {
    message(monitor, notice, Circumstances::default())
}

#[test]
fn a_problem_is_told_in_full() {
    let circumstances = Circumstances { cluster: Some("prod"), lapses: Some(at("2026-06-20T13:00:00Z")) };
    let expected = Message {
        id: "n-1".to_owned(),
        incident: "i-1".to_owned(),
        kind: Kind::Problem,
        level: Level::Critical,
        subject: Subject {
            namespace: "shop".to_owned(),
            name: "web".to_owned(),
            uid: "u-1".to_owned(),
            domain: "a.test".to_owned(),
            port: 443,
            cluster: Some("prod".to_owned()),
        },
        reason: "ExpiringSoon".to_owned(),
        title: "the certificate of a.test expires in 10 days".to_owned(),
        detail: "found this".to_owned(),
        advice: "Renew and install it and reload the server; where that is automatic, find out why it did not happen."
            .to_owned(),
        since: at("2026-06-10T00:00:00Z"),
        at: at("2026-06-20T12:00:00Z"),
        lapses: Some(at("2026-06-20T13:00:00Z")),
        certificate: Some(Certificate {
            subject: "a.test".to_owned(),
            issuer: "Example CA".to_owned(),
            fingerprint: "F1".to_owned(),
            valid_to: at("2026-06-30T12:00:00Z"),
            days: 10,
        }),
        parts: Vec::new(),
    };
    assert_eq!(message(&monitor(), &expiring(), circumstances), expected);
}

#[test]
fn a_certificate_is_told_of_only_while_it_is_the_one_of_the_notice() {
    let of = |fingerprint: Option<&str>| {
        let fingerprint = fingerprint.map(ToOwned::to_owned);
        let message = told(&monitor(), &PendingNotice { fingerprint, ..expiring() });
        (message.certificate.is_some(), message.title)
    };
    assert_eq!(of(Some("F1")), (true, "the certificate of a.test expires in 10 days".to_owned()));
    for other in [Some("F2"), None] {
        assert_eq!(of(other), (false, "the certificate of a.test expires soon".to_owned()));
    }
    let unseen = SslMonitor { status: None, ..monitor() };
    let message = told(&unseen, &PendingNotice { fingerprint: None, ..expiring() });
    assert_eq!((message.certificate, message.title), (None, "the certificate of a.test expires soon".to_owned()));
}

#[test]
fn the_days_are_those_at_the_notice() {
    for (time_of, title, days) in [
        ("2026-05-31T12:00:00Z", "the certificate of a.test expires in 30 days", 30),
        ("2026-06-29T12:00:00Z", "the certificate of a.test expires in 1 day", 1),
        ("2026-06-29T12:00:01Z", "the certificate of a.test expires in less than a day", 0),
        ("2026-06-30T12:00:01Z", "the certificate of a.test expires soon", -1),
    ] {
        let message = told(&monitor(), &PendingNotice { at: time(time_of), ..expiring() });
        assert_eq!((message.title.as_str(), message.certificate.unwrap().days), (title, days), "{time_of}");
    }
}

#[test]
fn an_end_at_another_address_is_not_mixed_with_the_certificate_shown() {
    let mut monitor = monitor();
    let status = monitor.status.as_mut().unwrap();
    status.earliest_expiry =
        Some(EarliestExpiryStatus { address: "192.0.2.2:443".to_owned(), valid_to: time("2026-06-23T12:00:00Z") });
    let message = told(&monitor, &expiring());
    assert_eq!(message.title, "a certificate of a.test expires in 3 days");
    assert_eq!(message.certificate, None);
    let ended = PendingNotice {
        at: time("2026-06-24T00:00:00Z"),
        ..notice(NoticeKind::Reminder, Aspect::Certificate, "Expired")
    };
    let message = told(&monitor, &ended);
    assert_eq!((message.title.as_str(), message.certificate), ("a certificate of a.test has expired", None));
    let both = told(&monitor, &PendingNotice { at: time("2026-07-02T00:00:00Z"), ..ended });
    assert_eq!(both.title, "the certificate of a.test has expired");
    assert_eq!(both.certificate.unwrap().days, -2);
    let revoked = told(&monitor, &notice(NoticeKind::Problem, Aspect::Certificate, "Revoked"));
    assert_eq!(revoked.certificate.unwrap().fingerprint, "F1");
}

#[test]
fn the_port_is_told_where_it_is_not_the_usual_one() {
    let mut monitor = monitor();
    monitor.spec.port = Some(8443);
    let message = told(&monitor, &notice(NoticeKind::Problem, Aspect::Certificate, "Expired"));
    assert_eq!(message.title, "the certificate of a.test:8443 has expired");
    assert_eq!((message.subject.domain.as_str(), message.subject.port), ("a.test", 8443));
}

#[test]
fn every_reason_of_a_problem_is_a_headline_with_its_place_and_has_advice() {
    let mut count = 0;
    for reason in Reason::all().filter(|reason| advice(reason.as_str()).is_some()) {
        for kind in [NoticeKind::Problem, NoticeKind::Reminder] {
            let message = told(&monitor(), &notice(kind, Aspect::Reachability, reason.as_str()));
            assert!(message.title.contains("a.test") && !message.title.contains('{'), "{}", message.title);
            assert!(message.advice.ends_with('.'), "{}", message.advice);
            assert_eq!((message.reason.as_str(), message.detail.as_str()), (reason.as_str(), "found this"));
            count += 1;
        }
    }
    assert_eq!(count, 2 * (Reason::all().count() - 13));
}

#[test]
fn a_reason_of_another_version_is_told_as_it_is() {
    let message = told(&monitor(), &notice(NoticeKind::Problem, Aspect::Monitor, "Unheard"));
    assert_eq!(message.title, "a.test: Unheard");
    assert_eq!(message.advice, "See what the conditions of the monitor say: kubectl describe sslmonitor.");
}

#[test]
fn a_recovery_says_what_ended_and_what_is_so_now() {
    let renewed = [entry("2026-06-20T12:00:00Z", Some("F1")), entry("2026-06-10T00:00:00Z", Some("F0"))];
    let same = [entry("2026-06-10T00:00:00Z", Some("F1")), entry("2026-01-01T00:00:00Z", Some("F0"))];
    for (about, reason, history, title) in [
        (
            Aspect::Certificate,
            "ExpiringSoon",
            &renewed,
            "the certificate of a.test was renewed: valid until 2026-06-30",
        ),
        (Aspect::Certificate, "Expired", &renewed, "the certificate of a.test was renewed: valid until 2026-06-30"),
        (Aspect::Certificate, "Revoked", &renewed, "the certificate of a.test was replaced: valid until 2026-06-30"),
        (
            Aspect::Certificate,
            "ExpiringSoon",
            &same,
            "the certificate of a.test does not expire soon any more: valid until 2026-06-30",
        ),
        (
            Aspect::Certificate,
            "UnknownIssuer",
            &same,
            "the certificate of a.test is valid again: valid until 2026-06-30",
        ),
        (Aspect::Reachability, "ConnectionRefused", &same, "a.test can be reached again"),
        (Aspect::Expectation, "NotReloaded", &same, "a.test serves the certificate that it should again"),
        (Aspect::Consistency, "CertificatesDiffer", &same, "all addresses of a.test show the same again"),
        (Aspect::Monitor, "SecretNotFound", &same, "the monitor of a.test works again"),
    ] {
        let mut monitor = well();
        monitor.status.as_mut().unwrap().history = history.to_vec();
        let message = told(&monitor, &notice(NoticeKind::Recovery, about, reason));
        assert_eq!(message.title, title, "{reason}");
        assert_eq!(message.detail, format!("{reason} ended after 10 days; now: found this"));
        assert_eq!((message.kind, message.advice.as_str(), message.reason.as_str()), (Kind::Recovery, "", reason));
    }
}

#[test]
fn a_recovery_of_which_nothing_more_is_known_is_told_all_the_same() {
    let bare = PendingNotice {
        message: String::new(),
        fingerprint: None,
        ..notice(NoticeKind::Recovery, Aspect::Certificate, "Expired")
    };
    let message = told(&well(), &bare);
    assert_eq!(message.title, "the certificate of a.test is valid again");
    assert_eq!((message.detail.as_str(), message.certificate), ("Expired ended after 10 days", None));
}

#[test]
fn an_alert_that_ended_while_nothing_is_well_is_not_told_as_if_it_were() {
    const ASPECTS: [(Aspect, &str); 6] = [
        (Aspect::Certificate, "Expired"),
        (Aspect::Certificate, "ExpiringSoon"),
        (Aspect::Reachability, "ConnectionRefused"),
        (Aspect::Expectation, "NotReloaded"),
        (Aspect::Consistency, "CertificatesDiffer"),
        (Aspect::Monitor, "SecretNotFound"),
    ];
    let mut disabled = well();
    disabled.spec.enabled = false;
    let mut wrong = well();
    for condition in &mut wrong.status.as_mut().unwrap().conditions {
        condition.status = if condition.type_ == "CertificateExpiring" { "True" } else { "False" }.to_owned();
    }
    for monitor in [disabled, wrong, monitor()] {
        for (about, reason) in ASPECTS {
            let message = told(&monitor, &notice(NoticeKind::Recovery, about, reason));
            assert_eq!(message.title, format!("a.test: the alert {reason} has ended"));
        }
    }
}

#[test]
fn a_certificate_is_new_only_where_the_history_says_so() {
    let first = "2026-06-20T12:00:00Z";
    for (name, history, expected) in [
        ("nothing is known", vec![], false),
        ("it is the first that was seen", vec![entry(first, Some("F1"))], false),
        ("nothing was seen before", vec![entry(first, Some("F1")), entry("2026-06-01T00:00:00Z", None)], false),
        ("it is not there", vec![entry(first, Some("F2")), entry("2026-06-01T00:00:00Z", Some("F0"))], false),
        (
            "it was away for a while",
            vec![
                entry(first, Some("F1")),
                entry("2026-06-15T00:00:00Z", Some("F2")),
                entry("2026-06-01T00:00:00Z", Some("F1")),
                entry("2026-05-01T00:00:00Z", Some("F0")),
            ],
            false,
        ),
        (
            "it came with other news since",
            vec![
                entry("2026-06-21T00:00:00Z", Some("F1")),
                entry(first, Some("F1")),
                entry("2026-06-19T00:00:00Z", None),
                entry("2026-06-01T00:00:00Z", Some("F0")),
            ],
            true,
        ),
    ] {
        let mut monitor = well();
        monitor.status.as_mut().unwrap().history = history;
        let message = told(&monitor, &notice(NoticeKind::Recovery, Aspect::Certificate, "Expired"));
        assert_eq!(message.title.contains("was renewed"), expected, "{name}: {}", message.title);
    }
}

#[test]
fn a_change_says_what_there_is_now() {
    for (reason, title, advice) in [
        (
            "IssuerChanged",
            "the certificate of a.test is from another issuer now: valid until 2026-06-30",
            "If nobody meant to change the authority, find out who ordered the certificate.",
        ),
        ("CertificateChanged", "the certificate of a.test was replaced: valid until 2026-06-30", ""),
    ] {
        let change =
            PendingNotice { severity: AlertSeverity::Info, ..notice(NoticeKind::Change, Aspect::Certificate, reason) };
        let message = told(&monitor(), &change);
        assert_eq!((message.title.as_str(), message.advice.as_str()), (title, advice));
        assert_eq!((message.kind, message.level, message.detail.as_str()), (Kind::Change, Level::Info, "found this"));
    }
}

#[test]
fn times_are_told_in_the_largest_unit() {
    let table = [
        (-5, "less than a minute"),
        (59, "less than a minute"),
        (60, "1 minute"),
        (3599, "59 minutes"),
        (3600, "1 hour"),
        (86_399, "23 hours"),
        (86_400, "1 day"),
        (172_800, "2 days"),
    ];
    for (seconds, expected) in table {
        assert_eq!(how_long(SignedDuration::from_secs(seconds)), expected);
    }
}
