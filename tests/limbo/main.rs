//! The engine's verdicts beside those of a corpus that others made: x509-limbo (see `tests/data/limbo/README.md`).
//!
//! A case that carries the leaf's key is served by a real TLS server and probed; the chain of any other is judged from PEM text, as
//! `sslmonitor check --pem` does. The certificates that a case trusts stand for roots of the system and of a bundle at once, so that
//! rules for public authorities are looked at, too.
#![allow(clippy::unwrap_used, clippy::panic)]

mod corpus;
mod deviations;

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use ssl_monitor_operator::probe::{
    AddressPolicy, FaultKind, FindingSeverity, Host, Means, Presented, Prober, ProberSettings, Target, TrustStore,
    judge_pem,
};
use tokio::{sync::OnceCell, task::JoinSet};
use xtask::farm::{ServerOptions, TlsServer};

use corpus::{Case, Class};
use deviations::{Deviation, Why};

/// Long enough never to matter.
const PATIENCE: Duration = Duration::from_mins(1);
/// How far a certificate's beginning may lie ahead, since clocks differ.
const SKEW: SignedDuration = SignedDuration::from_mins(5);

/// What came of a case.
struct Outcome {
    case: Case,
    /// The verdict as the corpus words it.
    result: &'static str,
    /// The verdict on the same chain from a file, where it was served.
    from_file: Option<&'static str>,
    /// What was presented; `None` when the case's certificates or name were refused before, or nothing arrived.
    presented: Option<Presented>,
}

/// What came of every case; they are looked at once.
async fn outcomes() -> &'static [Outcome] {
    static OUTCOMES: OnceCell<Vec<Outcome>> = OnceCell::const_new();
    OUTCOMES
        .get_or_init(|| async {
            let running: JoinSet<Outcome> = corpus::cases().into_iter().map(look_at).collect();
            let mut outcomes = running.join_all().await;
            outcomes.sort_by(|one, other| one.case.id.cmp(&other.case.id));
            outcomes
        })
        .await
}

async fn look_at(case: Case) -> Outcome {
    let Some(trust) = case.trust() else {
        return Outcome { case, result: "FAILURE", from_file: None, presented: None };
    };
    let host = case.host();
    let filed = judge_pem(case.chain_pem().as_bytes(), &host, &trust, case.now()).ok();
    match serve(&case).await {
        Some(server) => {
            let presented = probe(&server, host, trust, case.now()).await;
            let from_file = Some(result(filed.as_ref()));
            Outcome { result: result(presented.as_ref()), case, from_file, presented }
        }
        None => Outcome { result: result(filed.as_ref()), case, from_file: None, presented: filed },
    }
}

/// A server of the case's chain, where the leaf's key is known and of a kind that can sign.
async fn serve(case: &Case) -> Option<TlsServer> {
    TlsServer::start(([127, 0, 0, 1], 0).into(), case.issued()?, ServerOptions::default()).await.ok()
}

async fn probe(server: &TlsServer, host: Host, trust: TrustStore, now: Timestamp) -> Option<Presented> {
    let policy = AddressPolicy { allow: vec!["127.0.0.0/8".parse().unwrap()], ..AddressPolicy::default() };
    let prober = Prober::new(ProberSettings { policy, ..ProberSettings::default() }).unwrap();
    let mut target = Target::new(host, server.address().port());
    target.connect_host = Some(Host::Address(server.address().ip()));
    prober.probe(&target, &Means::trusting(trust), PATIENCE, now).await.presented
}

fn result(presented: Option<&Presented>) -> &'static str {
    if presented.is_some_and(|presented| presented.verdict.is_valid()) { "SUCCESS" } else { "FAILURE" }
}

// === impl Outcome ===

impl Outcome {
    fn deviates(&self) -> bool {
        self.result != self.case.expected_result
    }

    fn is_too_lenient(&self) -> bool {
        self.deviates() && self.result == "SUCCESS"
    }

    /// What the engine says, for people.
    fn words(&self) -> String {
        let faults = self.presented.iter().flat_map(|presented| &presented.verdict.faults).map(|fault| &fault.detail);
        let findings = self.presented.iter().flat_map(|presented| &presented.findings).map(|finding| &finding.detail);
        faults.chain(findings).cloned().collect::<Vec<_>>().join("; ")
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_deviation_from_the_corpus_is_listed_and_nothing_else_is() {
    let listed = deviations::all();
    let found: Vec<&Outcome> = outcomes().await.iter().filter(|outcome| outcome.deviates()).collect();
    let stands = |outcome: &Outcome, row: &Deviation| {
        (row.expected.as_str(), row.ours.as_str(), row.class)
            == (&outcome.case.expected_result, outcome.result, outcome.case.class)
    };
    for outcome in &found {
        let row = listed.iter().find(|row| row.id == outcome.case.id);
        let (id, class) = (&outcome.case.id, outcome.case.class);
        let is_listed = row.is_some_and(|row| stands(outcome, row));
        assert!(
            is_listed,
            "{id},{},{},{class:?} is not listed: {}",
            outcome.case.expected_result,
            outcome.result,
            outcome.words()
        );
    }
    for row in &listed {
        assert!(found.iter().any(|outcome| outcome.case.id == row.id), "{} does not deviate any more", row.id);
    }
    assert_eq!(listed.len(), found.len(), "each deviation stands once");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_bad_chain_is_called_valid_but_for_the_listed_reasons() {
    let listed = deviations::all();
    for outcome in outcomes().await.iter().filter(|outcome| outcome.is_too_lenient()) {
        let (id, class) = (&outcome.case.id, outcome.case.class);
        let why = listed.iter().find(|row| row.id == *id).unwrap().why;
        let allowed: &[Why] =
            if class == Class::Agree { &[Why::Clock, Why::Crl] } else { &[Why::Lint, Why::Real, Why::Crl] };
        assert!(allowed.contains(&why), "{id} is {class:?}, and called valid: {why:?}");
    }
    let stricter = listed.iter().filter(|row| row.why == Why::Stricter);
    assert!(stricter.clone().all(|row| row.ours == "FAILURE" && row.class == Class::Strict));
    assert_eq!(stricter.count(), listed.iter().filter(|row| row.ours == "FAILURE").count());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_accepted_against_the_corpus_is_warned_of() {
    let listed = deviations::all();
    let is_warned_of = |row: &&Deviation| matches!(row.why, Why::Lint | Why::Real);
    for row in listed.iter().filter(is_warned_of) {
        let outcome = outcomes().await.iter().find(|outcome| outcome.case.id == row.id).unwrap();
        let findings = &outcome.presented.as_ref().unwrap().findings;
        let warnings = findings.iter().filter(|finding| finding.kind.severity() <= FindingSeverity::Warning);
        assert!(warnings.count() > 0, "{}: {findings:?}", row.id);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_good_beyond_doubt_is_not_warned_of() {
    // Chains of public sites, which keep every rule that is looked at.
    let public = outcomes().await.iter().filter(|outcome| outcome.case.id.starts_with("online::"));
    let mut count = 0;
    for outcome in public {
        let presented = outcome.presented.as_ref().unwrap();
        let warned = presented.findings.iter().any(|finding| finding.kind.severity() <= FindingSeverity::Warning);
        assert!(!warned, "{}: {}", outcome.case.id, outcome.words());
        count += 1;
    }
    assert_eq!(count, 7);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_clock_forgives_is_a_fault_beyond_its_tolerance() {
    for row in deviations::all().iter().filter(|row| row.why == Why::Clock) {
        let case = &outcomes().await.iter().find(|outcome| outcome.case.id == row.id).unwrap().case;
        let server = serve(case).await.unwrap();
        let presented = probe(&server, case.host(), case.trust().unwrap(), case.now() - SKEW).await.unwrap();
        assert_eq!(presented.verdict.worst().unwrap().kind, FaultKind::NotYetValid, "{}", row.id);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_chain_is_judged_alike_from_a_server_and_from_a_file() {
    let served: Vec<&Outcome> = outcomes().await.iter().filter(|outcome| outcome.from_file.is_some()).collect();
    for outcome in &served {
        assert_eq!(outcome.from_file, Some(outcome.result), "{}", outcome.case.id);
    }
    // All but three of those with a key: nobody signs with P-192 or with RSA of 1024 bits, and a trusted certificate as large
    // as that of `pathological::nc-dos-2` is refused.
    assert_eq!((served.len(), outcomes().await.len()), (83, 340));
}
