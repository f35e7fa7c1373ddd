//! A monitor living through time: what the tests of the core stand on.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::{
    api::{SslMonitor, SslMonitorSpec, SslMonitorStatus},
    monitor::*,
    probe::{
        Certificate, Endpoint, Failure, FailureReason, Fault, FaultKind, KeyAlgorithm, Observation, Presented, Stage,
        Timings, Verdict,
    },
};

pub(super) const START: &str = "2026-01-01T00:00:00Z";

/// A monitor living through time.
pub(super) struct Life {
    pub(super) monitor: SslMonitor,
    pub(super) status: Option<SslMonitorStatus>,
    pub(super) now: Timestamp,
    pub(super) problems: Vec<ReferentProblem>,
    pub(super) expected: Option<ExpectedCertificate>,
    pub(super) service: ServiceLink,
    /// `None`: channels are not looked at.
    pub(super) channels: Option<Vec<ChannelFacts>>,
    pub(super) plan: Option<Plan>,
}

pub(super) fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

pub(super) fn days(days: i64) -> SignedDuration {
    SignedDuration::from_hours(24 * days)
}

pub(super) fn life() -> Life {
    let mut monitor = SslMonitor::new("web", SslMonitorSpec::new("a.test"));
    monitor.metadata.generation = Some(1);
    monitor.metadata.uid = Some("uid-1".to_owned());
    let (problems, service) = (Vec::new(), ServiceLink::None);
    Life { monitor, status: None, now: at(START), problems, expected: None, service, channels: None, plan: None }
}

/// A complete handshake, and a certificate without fault.
pub(super) fn served(fingerprint: &str, not_after: Timestamp) -> Observation {
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
            public_key: None,
            proven: true,
            revocation: None,
            findings: Vec::new(),
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

pub(super) fn faulty(fingerprint: &str, not_after: Timestamp, faults: &[FaultKind]) -> Observation {
    let mut observation = served(fingerprint, not_after);
    let fault = |kind: &FaultKind| Fault { kind: *kind, detail: format!("it is {}", kind.as_str()) };
    let presented = observation.presented.as_mut().unwrap();
    presented.verdict = Verdict::of(faults.iter().map(fault).collect());
    if faults.contains(&FaultKind::NotYetValid) {
        presented.leaf.as_mut().unwrap().not_before = at("2030-01-01T00:00:00Z");
    }
    observation
}

/// What one address shows: a certificate without fault, whose key is `key of …` its fingerprint.
pub(super) fn endpoint(address: &str, fingerprint: &str, end: &str) -> Endpoint {
    Endpoint {
        address: format!("{address}:443").parse().or_else(|_| format!("[{address}]:443").parse()).unwrap(),
        fingerprint: Some(fingerprint.to_owned()),
        not_before: Some(at("2025-12-01T00:00:00Z")),
        not_after: Some(at(end)),
        public_key: Some(format!("key of {fingerprint}")),
        issuer: served(fingerprint, at(end)).presented.unwrap().leaf.map(|leaf| leaf.issued_by()),
        verdict: Verdict::default(),
        failure: None,
        took: Duration::from_millis(7),
    }
}

pub(super) fn failed(reason: FailureReason) -> Observation {
    let failure = Failure { reason, stage: Stage::Connect, detail: "192.0.2.1:443 refused".to_owned() };
    Observation { failure: Some(failure), ..Observation::default() }
}

impl Life {
    pub(super) fn input<'a>(&'a self, outcome: Outcome<'a>) -> Input<'a> {
        Input {
            monitor: &self.monitor,
            status: self.status.as_ref(),
            outcome,
            problems: &self.problems,
            expected: self.expected.as_ref(),
            service: &self.service,
            channels: self.channels(),
            request: requested_at(&self.monitor),
            now: self.now,
        }
    }

    pub(super) fn decide(&mut self, outcome: Outcome<'_>) -> &mut Self {
        let plan = decide(self.input(outcome));
        self.status = Some(plan.status.clone());
        self.plan = Some(plan);
        self.hold_invariants();
        self
    }

    fn channels(&self) -> Channels<'_> {
        self.channels.as_deref().map_or(Channels::None, Channels::Known)
    }

    pub(super) fn seen(&mut self) -> &mut Self {
        self.decide(Outcome::NotProbed)
    }

    pub(super) fn probed(&mut self, observation: &Observation) -> &mut Self {
        self.decide(Outcome::Probed(observation))
    }

    pub(super) fn wait(&mut self, time: SignedDuration) -> &mut Self {
        self.now = self.now.saturating_add(time).unwrap();
        self
    }

    pub(super) fn edited(&mut self, edit: impl FnOnce(&mut SslMonitorSpec)) -> &mut Self {
        edit(&mut self.monitor.spec);
        self.monitor.metadata.generation = self.monitor.metadata.generation.map(|generation| generation + 1);
        self
    }

    pub(super) fn status(&self) -> &SslMonitorStatus {
        self.status.as_ref().unwrap()
    }

    /// `Type=Status/Reason` of every condition, in order.
    pub(super) fn conditions(&self) -> Vec<String> {
        let conditions = &self.status().conditions;
        conditions.iter().map(|c| format!("{}={}/{}", c.type_, c.status, c.reason)).collect()
    }

    pub(super) fn condition(&self, kind: ConditionType) -> String {
        let condition = find_condition(&self.status().conditions, kind).unwrap();
        format!("{}/{}", condition.status, condition.reason)
    }

    pub(super) fn since(&self, kind: ConditionType) -> Timestamp {
        find_condition(&self.status().conditions, kind).unwrap().last_transition_time.0
    }

    pub(super) fn announced(&self) -> Vec<String> {
        let all = &self.plan.as_ref().unwrap().announcements;
        all.iter().map(|a| format!("{:?} {}", a.severity, a.reason)).collect()
    }

    pub(super) fn summary(&self) -> &str {
        self.status().summary.as_deref().unwrap()
    }

    pub(super) fn due(&self) -> Due {
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
