//! Several addresses behind one name, and certificates that should be served: rows, and sequences over time.

use jiff::SignedDuration;

use super::life::*;
use crate::{api::*, monitor::*, probe::*};

const END: &str = "2026-06-01T00:00:00Z";
const LATER: &str = "2026-09-01T00:00:00Z";

fn dead(address: &str, reason: FailureReason) -> Endpoint {
    dead_at(Stage::Connect, address, reason)
}

fn dead_at(stage: Stage, address: &str, reason: FailureReason) -> Endpoint {
    let failure = Failure { reason, stage, detail: format!("{address}:443: {}", reason.as_str()) };
    let nothing = Endpoint { fingerprint: None, not_before: None, not_after: None, ..endpoint(address, "", END) };
    Endpoint { public_key: None, issuer: None, failure: Some(failure), ..nothing }
}

/// An observation whose deciding certificate is this one.
fn seen(fingerprint: &str, end: &str, endpoints: Vec<Endpoint>) -> Observation {
    Observation { endpoint_count: endpoints.len(), endpoints, ..served(fingerprint, at(end)) }
}

fn message(life: &Life, kind: ConditionType) -> String {
    find_condition(&life.status().conditions, kind).unwrap().message.clone()
}

#[test]
fn addresses_that_show_the_same_are_consistent_and_listed_in_their_order() {
    let mut life = life();
    let both = vec![endpoint("192.0.2.2", "F1", END), endpoint("192.0.2.1", "F1", END)];
    life.seen().probed(&seen("F1", END, both.clone()));
    assert_eq!(
        life.conditions(),
        [
            "Ready=True/Monitoring",
            "Reachable=True/Connected",
            "CertificateValid=True/Valid",
            "CertificateExpiring=False/NotExpiring",
            "EndpointsConsistent=True/Consistent"
        ]
    );
    assert_eq!((life.summary(), life.announced()), ("Valid", vec!["Normal Valid".to_owned()]));
    let listed = |address: &str| EndpointStatus {
        address: address.to_owned(),
        result: "Valid".to_owned(),
        fingerprint: Some("F1".to_owned()),
        valid_to: Some(k8s_openapi::apimachinery::pkg::apis::meta::v1::Time(at(END))),
        response_time_ms: Some(7),
    };
    assert_eq!(life.status().endpoints, [listed("192.0.2.1:443"), listed("192.0.2.2:443")]);
    assert_eq!((life.status().endpoint_count, life.status().port), (Some(2), Some(443)));

    let before = life.status().clone();
    let turned = both.into_iter().rev().collect();
    life.probed(&seen("F1", END, turned));
    assert_eq!(life.status(), &before, "the order of a DNS answer changes nothing");
}

#[test]
fn of_very_many_addresses_it_is_said_how_many_were_looked_at() {
    let endpoints = (1..=16).map(|n| endpoint(&format!("192.0.2.{n}"), "F1", END)).collect();
    let mut life = life();
    life.seen().probed(&Observation { endpoint_count: 20, ..seen("F1", END, endpoints) });
    let told = "all 16 addresses that were looked at serve F1; there are 20";
    assert_eq!(message(&life, ConditionType::EndpointsConsistent), told);
    assert_eq!((life.status().endpoints.len(), life.status().endpoint_count), (16, Some(20)));
}

#[test]
fn no_message_grows_beyond_what_is_read_however_many_servers_say_how_much() {
    let long = |n: usize| format!("{n}{}", "é".repeat(127));
    let shown = |n: usize| {
        let fault = |kind| Fault { kind, detail: long(n).repeat(20) };
        Endpoint {
            fingerprint: Some(format!("SHA256:{n}{}", "AB:".repeat(30))),
            issuer: Some(Issuer { name: long(n), dn: long(n) }),
            verdict: Verdict::of(FaultKind::ALL.map(fault).into()),
            ..endpoint(&format!("2001:db8::{n}"), "", END)
        }
    };
    let missed = |n: usize| {
        let failure = Failure { reason: FailureReason::NotTls, stage: Stage::Handshake, detail: long(n).repeat(20) };
        Endpoint { failure: Some(failure), ..dead(&format!("192.0.2.{n}"), FailureReason::NotTls) }
    };
    let endpoints: Vec<_> = (0..8).map(shown).chain((0..8).map(missed)).collect();
    let mut observation = faulty("F1", at(END), &FaultKind::ALL);
    observation.presented.as_mut().unwrap().verdict = endpoints[0].verdict.clone();
    (observation.endpoints, observation.endpoint_count) = (endpoints, usize::MAX);
    let mut life = life();
    for expect in [serde_json::json!({"issuers": ["none"]}), serde_json::json!({"publicKeys": ["sha256//none"]})] {
        life.monitor.spec.expect = Some(serde_json::from_value(expect).unwrap());
        life.seen().probed(&observation);
        for condition in &life.status().conditions {
            assert!(condition.message.len() <= 2048, "{condition:?}");
        }
        assert!(message(&life, ConditionType::CertificateValid).ends_with('…'));
        let plan = life.plan.as_ref().unwrap();
        assert!(plan.announcements.iter().all(|announcement| announcement.note.len() <= 1024));
    }
    assert_eq!(life.status().endpoint_count, Some(100_000));
}

#[test]
fn one_address_or_the_first_that_answers_is_compared_with_nothing() {
    for (selection, endpoints) in [
        (AddressSelection::All, vec![endpoint("192.0.2.1", "F1", END)]),
        (AddressSelection::All, vec![]),
        (
            AddressSelection::Any,
            vec![dead("192.0.2.1", FailureReason::ConnectionRefused), endpoint("192.0.2.2", "F1", END)],
        ),
    ] {
        let mut life = life();
        life.monitor.spec.addresses = selection;
        life.seen().probed(&seen("F1", END, endpoints));
        assert_eq!(life.conditions().len(), 4, "{:?}", life.conditions());
        assert_eq!(life.condition(ConditionType::Reachable), "True/Connected");
    }
}

#[test]
fn different_certificates_are_told_with_who_serves_what() {
    let (old, new) = ("SHA256:".to_owned() + &["AA"; 32].join(":"), "SHA256:".to_owned() + &["BB"; 32].join(":"));
    let endpoints =
        vec![endpoint("192.0.2.3", &old, END), endpoint("192.0.2.1", &new, LATER), endpoint("192.0.2.2", &new, LATER)];
    let mut life = life();
    life.seen().probed(&seen(&old, END, endpoints));
    assert_eq!(life.condition(ConditionType::EndpointsConsistent), "False/CertificatesDiffer");
    assert_eq!(
        message(&life, ConditionType::EndpointsConsistent),
        "192.0.2.1 and 192.0.2.2 serve SHA256:BB:BB:BB:BB:BB:BB:BB:BB…, valid until 2026-09-01T00:00:00Z; \
         192.0.2.3 serves SHA256:AA:AA:AA:AA:AA:AA:AA:AA…, valid until 2026-06-01T00:00:00Z"
    );
    assert_eq!(life.condition(ConditionType::CertificateValid), "True/Valid");
    assert_eq!(
        (life.summary(), life.announced()),
        ("CertificatesDiffer", vec!["Normal Valid".to_owned(), "Warning CertificatesDiffer".to_owned()])
    );
}

#[test]
fn the_same_certificate_may_be_good_at_one_address_and_not_at_another() {
    let fault = Fault { kind: FaultKind::IncompleteChain, detail: "the intermediate is not sent".to_owned() };
    let bad = Endpoint { verdict: Verdict::of(vec![fault]), ..endpoint("192.0.2.2", "F1", END) };
    let mut observation = faulty("F1", at(END), &[FaultKind::IncompleteChain]);
    observation.endpoints = vec![endpoint("192.0.2.1", "F1", END), bad];
    let mut life = life();
    life.seen().probed(&observation);
    assert_eq!(life.condition(ConditionType::CertificateValid), "False/IncompleteChain");
    assert_eq!(life.condition(ConditionType::EndpointsConsistent), "False/VerdictsDiffer");
    let told = "192.0.2.1: valid; 192.0.2.2: the intermediate is not sent";
    assert_eq!(
        (message(&life, ConditionType::EndpointsConsistent), life.summary()),
        (told.to_owned(), "IncompleteChain")
    );
}

#[test]
fn a_dead_address_beside_a_live_one_is_no_outage() {
    let endpoints = vec![endpoint("192.0.2.1", "F1", END), dead("2001:db8::1", FailureReason::ConnectTimedOut)];
    let mut life = life();
    life.seen().probed(&seen("F1", END, endpoints));
    assert_eq!(
        life.conditions()[1..],
        [
            "Reachable=True/PartlyReachable",
            "CertificateValid=True/Valid",
            "CertificateExpiring=False/NotExpiring",
            "EndpointsConsistent=False/SomeUnreachable"
        ]
    );
    let told = "2001:db8::1 did not: 2001:db8::1:443: ConnectTimedOut";
    assert_eq!(message(&life, ConditionType::Reachable), format!("1 of 2 addresses answered; {told}"));
    assert_eq!(message(&life, ConditionType::EndpointsConsistent), format!("192.0.2.1 answered; {told}"));
    assert_eq!((life.summary(), life.status().consecutive_failures), ("SomeUnreachable", None));
}

#[test]
fn an_address_whose_handshake_broke_off_makes_no_outage_of_the_others() {
    let mut observation = faulty("F1", at(END), &[FaultKind::Unproven]);
    observation.failure = failed(FailureReason::ConnectionClosed).failure;
    let broken = Endpoint { failure: observation.failure.clone(), ..endpoint("192.0.2.2", "F1", END) };
    observation.endpoints = vec![endpoint("192.0.2.1", "F1", END), broken];
    let mut life = life();
    life.seen().probed(&observation);
    assert_eq!(life.condition(ConditionType::Reachable), "True/PartlyReachable");
    assert_eq!((life.status().consecutive_failures, is_reached(&observation)), (None, true));
}

#[test]
fn a_family_that_this_machine_has_no_way_to_is_listed_and_changes_nothing() {
    let no_way = |address: &str| dead_at(Stage::Route, address, FailureReason::HostUnreachable);
    let mut life = life();
    life.seen().probed(&seen("F1", END, vec![endpoint("192.0.2.1", "F1", END), no_way("2001:db8::1")]));
    assert_eq!((life.conditions().len(), life.condition(ConditionType::Reachable)), (4, "True/Connected".to_owned()));
    let results: Vec<_> = life.status().endpoints.iter().map(|endpoint| endpoint.result.as_str()).collect();
    assert_eq!((results, life.summary()), (vec!["Valid", "HostUnreachable"], "Valid"));

    let one_of_two = vec![endpoint("192.0.2.1", "F1", END), no_way("2001:db8::1"), endpoint("2001:db8::2", "F1", END)];
    life.probed(&seen("F1", END, one_of_two));
    assert_eq!(life.condition(ConditionType::EndpointsConsistent), "False/SomeUnreachable", "there is a way");
    let down = dead("2001:db8::1", FailureReason::HostUnreachable);
    life.probed(&seen("F1", END, vec![endpoint("192.0.2.1", "F1", END), down]));
    assert_eq!(
        life.condition(ConditionType::EndpointsConsistent),
        "False/SomeUnreachable",
        "it is the host that is down"
    );
}

#[test]
fn the_certificate_that_ends_first_is_told_wherever_it_is_served() {
    let (soon, later) = ("2026-01-20T00:00:00Z", "2026-12-01T00:00:00Z");
    let decides = faulty("F1", at(later), &[FaultKind::HostnameMismatch]);
    let verdict = decides.presented.as_ref().unwrap().verdict.clone();
    let first = || Endpoint { verdict: verdict.clone(), ..endpoint("192.0.2.1", "F1", later) };
    let with = |others: Vec<Endpoint>| {
        let endpoints: Vec<_> = [first()].into_iter().chain(others).collect();
        Observation { endpoint_count: endpoints.len(), endpoints, ..decides.clone() }
    };
    let mut life = life();
    life.seen().probed(&with(vec![endpoint("192.0.2.3", "F3", soon), endpoint("192.0.2.2", "F2", soon)]));
    let expiring = |life: &Life| {
        let kind = ConditionType::CertificateExpiring;
        format!("{} {}", life.condition(kind), message(life, kind))
    };
    let told = "True/ExpiringSoon the certificate at 192.0.2.2:443 expires in 19 days, on 2026-01-20T00:00:00Z (alertDays: 30)";
    assert_eq!(expiring(&life), told);
    let time = |text: &str| k8s_openapi::apimachinery::pkg::apis::meta::v1::Time(at(text));
    let earliest = EarliestExpiryStatus { address: "192.0.2.2:443".to_owned(), valid_to: time(soon) };
    assert_eq!(life.status().earliest_expiry, Some(earliest));
    assert_eq!(life.status().certificate.as_ref().unwrap().days_until_expiry, Some(334), "of the one that is shown");
    assert_eq!(life.summary(), "HostnameMismatch");

    life.wait(SignedDuration::from_hours(1)).probed(&failed(FailureReason::ResolveTimedOut));
    let told = told.replace("19 days", "18 days");
    assert_eq!(
        (expiring(&life), life.announced()),
        (told, vec!["Warning ResolveTimedOut".to_owned()]),
        "not forgotten"
    );
    life.now = at("2026-01-19T23:59:50Z");
    life.probed(&with(vec![endpoint("192.0.2.2", "F2", soon)]));
    assert_eq!(life.status().next_check_at, Some(time("2026-01-20T00:00:01Z")), "looked at when it ends");
    life.now = at("2026-01-20T00:00:01Z");
    life.probed(&failed(FailureReason::ResolveTimedOut));
    assert_eq!(expiring(&life), "True/Expired the certificate at 192.0.2.2:443 expired on 2026-01-20T00:00:00Z");

    let broken =
        Endpoint { failure: failed(FailureReason::ConnectionClosed).failure, ..endpoint("192.0.2.2", "F2", soon) };
    for others in [vec![endpoint("192.0.2.2", "F2", later)], vec![broken], vec![]] {
        life.probed(&with(others));
        assert_eq!(expiring(&life), "False/NotExpiring expires on 2026-12-01T00:00:00Z (alertDays: 30)");
        assert_eq!(life.status().earliest_expiry, None, "all end with the one that is shown");
    }
}

#[test]
fn an_address_that_does_not_answer_any_more_still_has_the_certificate_that_ends_first() {
    let soon = "2026-01-20T00:00:00Z";
    let pair = |second: Endpoint, deciding: &str, end: &str| {
        seen(deciding, end, vec![endpoint("192.0.2.1", "F1", LATER), second])
    };
    let mut life = life();
    life.seen().probed(&pair(endpoint("192.0.2.2", "F2", soon), "F2", soon));
    let expiring = message(&life, ConditionType::CertificateExpiring);
    assert_eq!(
        expiring,
        "the certificate at 192.0.2.2:443 expires in 19 days, on 2026-01-20T00:00:00Z (alertDays: 30)"
    );
    for _ in 0..5 {
        life.probed(&pair(dead("192.0.2.2", FailureReason::ConnectTimedOut), "F1", LATER));
        assert_eq!(life.condition(ConditionType::CertificateExpiring), "True/ExpiringSoon");
        assert_eq!(message(&life, ConditionType::CertificateExpiring), expiring);
    }
    let until = |life: &Life| life.status().certificate.as_ref().unwrap().valid_to.as_ref().unwrap().0;
    assert_eq!((until(&life), life.status().endpoints[1].result.as_str()), (at(LATER), "ConnectTimedOut"));

    life.probed(&seen("F1", LATER, vec![endpoint("192.0.2.1", "F1", LATER)]));
    assert_eq!(life.condition(ConditionType::CertificateExpiring), "False/NotExpiring", "it is no address of the name");
    assert_eq!(life.status().earliest_expiry, None);
    life.probed(&pair(dead("192.0.2.2", FailureReason::ConnectTimedOut), "F1", LATER));
    assert_eq!(life.condition(ConditionType::CertificateExpiring), "False/NotExpiring", "nor is it remembered");
}

#[test]
fn where_the_certificate_that_decides_cannot_be_read_another_ends_all_the_same() {
    let mut observation = faulty("F1", at(END), &[FaultKind::CertificateUnparsable]);
    observation.presented.as_mut().unwrap().leaf = None;
    let unreadable = Endpoint { not_before: None, not_after: None, issuer: None, ..endpoint("192.0.2.1", "F1", END) };
    observation.endpoints = vec![unreadable, endpoint("192.0.2.2", "F2", END)];
    let mut life = life();
    life.seen().probed(&observation);
    assert_eq!(life.condition(ConditionType::CertificateExpiring), "False/NotExpiring");
    let told = "the certificate at 192.0.2.2:443 expires on 2026-06-01T00:00:00Z (alertDays: 30)";
    assert_eq!(message(&life, ConditionType::CertificateExpiring), told);
}

#[test]
fn a_rolling_renewal_is_told_once_at_each_end() {
    let mut life = life();
    let pair = |one: &str, two: &str| {
        let end = |fingerprint: &str| if fingerprint == "F1" { END } else { LATER };
        let endpoints = vec![endpoint("192.0.2.1", one, end(one)), endpoint("192.0.2.2", two, end(two))];
        let deciding = if one == "F1" || two == "F1" { "F1" } else { "F2" };
        seen(deciding, end(deciding), endpoints)
    };
    life.seen().probed(&pair("F1", "F1"));
    let mut told = Vec::new();
    for step in [pair("F2", "F1"), pair("F2", "F1"), failed(FailureReason::ResolveTimedOut), pair("F2", "F1")] {
        life.wait(SignedDuration::from_mins(5)).probed(&step);
        told.extend(life.announced());
    }
    assert_eq!(told, ["Warning CertificatesDiffer", "Warning ResolveTimedOut", "Normal Connected"]);
    life.wait(SignedDuration::from_mins(5)).probed(&pair("F2", "F2"));
    assert_eq!(life.announced(), ["Normal Consistent", "Normal CertificateChanged"]);
    life.probed(&pair("F2", "F2"));
    assert_eq!(life.announced().len(), 0);
    let history: Vec<_> = life.status().history.iter().map(|entry| entry.summary.as_str()).collect();
    assert_eq!(history, ["Valid", "CertificatesDiffer", "ResolveTimedOut", "CertificatesDiffer", "Valid"]);
}

#[test]
fn consistency_is_unknown_after_three_failures_and_gone_with_the_second_address() {
    let mut life = life();
    let both = vec![endpoint("192.0.2.1", "F1", END), endpoint("192.0.2.2", "F2", END)];
    life.seen().probed(&seen("F1", END, both));
    for expected in ["False/CertificatesDiffer", "False/CertificatesDiffer", "Unknown/ProbeFailed"] {
        life.probed(&failed(FailureReason::NameNotFound));
        assert_eq!(life.condition(ConditionType::EndpointsConsistent), expected);
        assert_eq!((life.status().endpoints.len(), life.status().endpoint_count), (0, None), "of the last check");
    }
    life.edited(|spec| spec.enabled = false).seen();
    assert_eq!(life.condition(ConditionType::EndpointsConsistent), "Unknown/Disabled");
    life.edited(|spec| spec.enabled = true).seen().probed(&seen("F1", END, vec![endpoint("192.0.2.1", "F1", END)]));
    assert_eq!(life.conditions().len(), 4);
}

#[test]
fn a_service_hears_of_what_is_to_be_said_of_a_valid_certificate() {
    let mut life = life();
    let both = vec![endpoint("192.0.2.1", "F1", END), endpoint("192.0.2.2", "F2", END)];
    life.seen().probed(&seen("F1", END, both));
    let verdict = aggregate(LinkedMonitor::of(&life.monitor, life.status.as_ref()).into_iter().collect()).unwrap();
    let message = "1 of 1 SslMonitor valid: web CertificatesDiffer".to_owned();
    let expected = ServiceVerdict { status: ConditionStatus::True, reason: "CertificatesDiffer".to_owned(), message };
    assert_eq!(verdict, expected);
}
