//! Whatever a peer sends, the status that is made of it fits its schema: one field out of bounds would keep the API server
//! from taking the whole status, and the old, good one would stay.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;
use ssl_monitor_operator::{
    api::{REQUESTED_AT_ANNOTATION, SslMonitor, SslMonitorSpec, SslMonitorStatus, ssl_monitor_crd},
    monitor::{Channels, Input, Outcome, ServiceLink, decide, requested_at},
    probe::{Failure, FailureReason, Fault, FaultKind, Observation, Presented, Session, Stage, Timings, Verdict},
};
use xtask::farm::Authority;

use crate::support::{
    der::{COMMON_NAME, Draft, UTF8, dns, extension, name, san, sequence, tlv},
    trust,
};

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// The content of an OID of this many arcs, each of the greatest value that is shown in decimal.
fn giant_oid(arcs: usize) -> Vec<u8> {
    let arc = [0x81, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f];
    [vec![0x2a], arc.repeat(arcs)].concat()
}

/// Chains that are as long, as many and as large as one certificate of less than 64 KiB can be.
fn hostile() -> Vec<Draft> {
    let long = "n".repeat(10_000);
    let key = sequence(&[sequence(&[tlv(6, giant_oid(2000))]), tlv(3, [0, 1, 2, 3])]);
    let names: Vec<_> = (0..200).map(|number| dns(&format!("{number}.{}", "x".repeat(200)))).collect();
    let access = sequence(&[sequence(&[tlv(6, [0x2b, 6, 1, 5, 5, 7, 0x30, 2]), tlv(0x86, format!("http://{long}"))])]);
    let authority_access = sequence(&[tlv(6, [0x2b, 6, 1, 5, 5, 7, 1, 1]), tlv(4, access)]);
    let many_oids =
        name(&[(&giant_oid(2000), UTF8, long.as_bytes()), (COMMON_NAME, UTF8, "\u{1b}".repeat(9_000).as_bytes())]);
    vec![
        Draft { public_key: key, ..Draft::new() },
        Draft { signature_algorithm: giant_oid(2000), ..Draft::new() },
        Draft { serial: vec![0x7f; 40_000], ..Draft::new() },
        Draft { extensions: vec![san(&names), authority_access], ..Draft::new() },
        Draft { subject: many_oids, extensions: vec![extension(17, false, &[4; 30_000])], ..Draft::new() },
        Draft { not_before: tlv(0x18, "00000101000000Z"), not_after: tlv(0x18, "99991231235959Z"), ..Draft::new() },
    ]
}

/// The verdict about a draft, by somebody who trusts its issuer or not.
fn judge(draft: &Draft, trusted: bool) -> Presented {
    let farm = Authority::with_intermediate("Farm", at("2000-01-01T00:00:00Z"), at("9999-01-01T00:00:00Z"));
    let mut issued = draft.issue(&farm, "Farm Intermediate");
    issued.chain.truncate(if trusted { 2 } else { 1 });
    let text = xtask::farm::pem(&issued.chain);
    let host = "a.test".parse().unwrap();
    ssl_monitor_operator::probe::judge_pem(text.as_bytes(), &host, &trust(&farm), at("2030-01-01T00:00:00Z")).unwrap()
}

/// Seen after a long time, in a session of the longest words, at the longest address, with a failure besides or without.
fn observed(presented: Presented, failure: Option<Failure>) -> Observation {
    Observation {
        address: Some("[ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255]:65535".parse().unwrap()),
        timings: Timings { total: Duration::MAX, ..Timings::default() },
        session: Some(Session {
            group: Some("X25519".to_owned()),
            version: "TLS1.3",
            cipher_suite: "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256".into(),
        }),
        presented: Some(presented),
        failure,
        ..Observation::default()
    }
}

fn status_after(old: Option<&SslMonitorStatus>, observation: &Observation) -> SslMonitorStatus {
    let mut monitor = SslMonitor::new("web", SslMonitorSpec::new(&["a".repeat(61).as_str(); 4].join(".")));
    monitor.metadata.generation = Some(i64::MAX);
    monitor.metadata.annotations = Some([(REQUESTED_AT_ANNOTATION.to_owned(), "ü".repeat(100_000))].into());
    let input = Input {
        monitor: &monitor,
        status: old,
        outcome: Outcome::Probed(observation),
        problems: &[],
        expected: None,
        request: requested_at(&monitor),
        service: &ServiceLink::Found,
        channels: Channels::None,
        now: at("2030-01-01T00:00:00Z"),
    };
    decide(input).status
}

fn status_schema() -> Value {
    ssl_monitor_crd()["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["status"].clone()
}

/// Where a value breaks a schema; a field that is missing from the schema, or that nothing bounds, breaks it, too.
fn breaches(path: &str, value: &Value, schema: &Value) -> Vec<String> {
    let limit = |key: &str| schema[key].as_i64().unwrap_or_else(|| panic!("{path} has no {key}"));
    let size = |length: usize| i64::try_from(length).unwrap();
    let breach = |holds: bool, what: &str| if holds { Vec::new() } else { vec![format!("{path}: {what}")] };
    match (schema["type"].as_str(), value) {
        (Some("object"), Value::Object(fields)) => {
            let of = |(key, value): (&String, &Value)| {
                breaches(&format!("{path}.{key}"), value, &schema["properties"][key.as_str()])
            };
            fields.iter().flat_map(of).collect()
        }
        (Some("array"), Value::Array(items)) => {
            let of = |(index, item)| breaches(&format!("{path}[{index}]"), item, &schema["items"]);
            let within = breach(size(items.len()) <= limit("maxItems"), "too many items");
            within.into_iter().chain(items.iter().enumerate().flat_map(of)).collect()
        }
        (Some("string"), Value::String(_)) if schema["enum"].is_array() => {
            breach(schema["enum"].as_array().unwrap().contains(value), "none of the words")
        }
        (Some("string"), Value::String(text)) if schema["format"] == "date-time" => {
            breach(text.len() <= 30 && text.bytes().take(4).all(|byte| byte.is_ascii_digit()), "no RFC 3339 time")
        }
        (Some("string"), Value::String(text)) => breach(size(text.chars().count()) <= limit("maxLength"), "too long"),
        (Some("integer"), Value::Number(number)) => {
            let number = number.as_i64().unwrap();
            // A generation is counted by the API server: nothing above bounds it but its type.
            let most = if path.ends_with("bservedGeneration") { i64::MAX } else { limit("maximum") };
            breach((limit("minimum")..=most).contains(&number), "out of range")
        }
        (Some("boolean"), Value::Bool(_)) => Vec::new(),
        (kind, value) => vec![format!("{path}: {kind:?} is expected, not {value:.40}")],
    }
}

#[test]
fn the_status_of_a_hostile_certificate_fits_its_schema() {
    let schema = status_schema();
    for (draft, trusted) in hostile().iter().flat_map(|draft| [(draft, false), (draft, true)]) {
        let presented = judge(draft, trusted);
        assert!(presented.leaf.is_some(), "what cannot be read tests nothing");
        let every = FaultKind::ALL.map(|kind| {
            let found = presented.verdict.faults.iter().find(|fault| fault.kind == kind).cloned();
            found.unwrap_or_else(|| Fault { kind, detail: "d".repeat(4 * 256) })
        });
        let worst = Presented { verdict: Verdict::of(every.into()), chain_length: usize::MAX, ..presented.clone() };
        let failures =
            FailureReason::ALL.map(|reason| Failure { reason, stage: Stage::Handshake, detail: "d".repeat(1024) });
        let mut status = None;
        for failure in std::iter::once(None).chain(failures.map(Some)) {
            for presented in [&presented, &worst] {
                let next = status_after(status.as_ref(), &observed(presented.clone(), failure.clone()));
                let found = breaches("status", &serde_json::to_value(&next).unwrap(), &schema);
                assert_eq!(found, [""; 0]);
                status = Some(next);
            }
        }
        assert_eq!(status.unwrap().history.len(), 10, "the history is full");
    }
}

#[test]
fn a_value_out_of_bounds_is_found_wherever_it_stands() {
    let schema = status_schema();
    let condition = |message: String| serde_json::json!({"conditions": [{"type": "Ready", "message": message}]});
    for (status, expected) in [
        (
            serde_json::json!({"certificate": {"keyAlgorithm": "x".repeat(513)}}),
            "status.certificate.keyAlgorithm: too long",
        ),
        (serde_json::json!({"certificate": {"keyBits": 1_000_001}}), "status.certificate.keyBits: out of range"),
        (serde_json::json!({"certificate": {"sans": vec!["a"; 33]}}), "status.certificate.sans: too many items"),
        (serde_json::json!({"certificate": {"sans": ["a", "x".repeat(513)]}}), "status.certificate.sans[1]: too long"),
        (condition("x".repeat(32_769)), "status.conditions[0].message: too long"),
        (serde_json::json!({"lastCheckedAt": "-009999-01-01T00:00:00Z"}), "status.lastCheckedAt: no RFC 3339 time"),
    ] {
        assert_eq!(breaches("status", &status, &schema), [expected]);
    }
}
