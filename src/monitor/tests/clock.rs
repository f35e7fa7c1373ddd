//! Five minutes between two clocks: a certificate that begins within them is valid, whatever the strict verdict of the engine.

use jiff::{SignedDuration, Timestamp};

use super::life::*;
use crate::{monitor::*, probe::*};

const END: &str = "2026-06-01T00:00:00Z";

fn after(seconds: i64) -> Timestamp {
    at(START).saturating_add(SignedDuration::from_secs(seconds)).unwrap()
}

/// A certificate that begins in so many seconds, as the engine judges it.
fn beginning_in(seconds: i64, others: &[FaultKind]) -> Observation {
    let not_yet = (seconds > 0).then_some(FaultKind::NotYetValid);
    let kinds: Vec<FaultKind> = not_yet.into_iter().chain(others.iter().copied()).collect();
    let mut observation = faulty("F1", at(END), &kinds);
    observation.presented.as_mut().unwrap().leaf.as_mut().unwrap().not_before = after(seconds);
    observation
}

/// The same at one address of two; the other has been there for long.
fn at_one_of_two(seconds: i64) -> Observation {
    let observation = beginning_in(seconds, &[]);
    let presented = observation.presented.clone().unwrap();
    let endpoint = |address: &str, not_before, verdict| Endpoint {
        not_before: Some(not_before),
        verdict,
        ..endpoint(address, "F1", END)
    };
    let endpoints = vec![
        endpoint("192.0.2.1", after(seconds), presented.verdict),
        endpoint("192.0.2.2", after(0), Verdict::default()),
    ];
    Observation { endpoints, endpoint_count: 2, ..observation }
}

#[test]
fn a_beginning_within_five_minutes_is_forgiven_and_nothing_else_is() {
    use FaultKind::{HostnameMismatch, IntermediateNotYetValid, NotVerifiable};
    let table: [(i64, &[FaultKind], &str, &[&str]); 10] = [
        (0, &[], "True/Valid", &[]),
        (1, &[], "True/Valid", &[]),
        (120, &[], "True/Valid", &[]),
        (300, &[], "True/Valid", &[]),
        (301, &[], "False/NotYetValid", &["NotYetValid"]),
        (172_800, &[], "False/NotYetValid", &["NotYetValid"]),
        (300, &[HostnameMismatch], "False/HostnameMismatch", &["HostnameMismatch"]),
        (301, &[HostnameMismatch], "False/NotYetValid", &["NotYetValid", "HostnameMismatch"]),
        (300, &[IntermediateNotYetValid], "False/IntermediateNotYetValid", &["IntermediateNotYetValid"]),
        (300, &[NotVerifiable], "False/NotVerifiable", &["NotVerifiable"]), // it ends before it begins
    ];
    for (seconds, others, expected, findings) in table {
        let observation = beginning_in(seconds, others);
        let mut life = life();
        life.seen().probed(&observation);
        let valid = expected == "True/Valid";
        assert_eq!(life.condition(ConditionType::CertificateValid), expected, "{seconds} {others:?}");
        assert_eq!(life.status().certificate.as_ref().unwrap().is_valid, valid, "{seconds} {others:?}");
        assert_eq!(is_valid(&observation, at(START)), valid, "{seconds} {others:?}");
        let told: Vec<&str> = life.status().findings.iter().map(|finding| finding.type_.as_str()).collect();
        assert_eq!(told, findings, "{seconds} {others:?}");
        assert_eq!(life.status().history[0].is_valid, Some(valid));
    }
}

#[test]
fn every_address_is_forgiven_alike() {
    for (seconds, result, valid, consistent) in [
        (300, "Valid", "True/Valid", "True/Consistent"),
        (301, "NotYetValid", "False/NotYetValid", "False/VerdictsDiffer"),
    ] {
        let mut life = life();
        life.seen().probed(&at_one_of_two(seconds));
        let results: Vec<&str> = life.status().endpoints.iter().map(|endpoint| endpoint.result.as_str()).collect();
        assert_eq!(results, [result, "Valid"]);
        assert_eq!(life.condition(ConditionType::CertificateValid), valid);
        assert_eq!(life.condition(ConditionType::EndpointsConsistent), consistent);
    }
}

#[test]
fn what_is_not_known_to_begin_soon_is_not_forgiven() {
    let mut observation = beginning_in(1, &[]);
    observation.presented.as_mut().unwrap().leaf = None;
    assert!(!is_valid(&observation, at(START)));
    assert!(!is_valid(&beginning_in(172_800, &[]), at(START)));
    assert!(is_valid(&beginning_in(172_800, &[]), Timestamp::MAX), "no overflow at the end of time");
}
