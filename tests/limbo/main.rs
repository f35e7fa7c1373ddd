//! The engine's verdicts beside those of a corpus that others made: x509-limbo (see `tests/data/limbo/README.md`).
//!
//! A case that carries the leaf's key is served by a real TLS server and probed; the chain of any other is judged from PEM text, as
//! `sslmonitor check --pem` does, by its revocation lists where the case has some. The certificates that a case trusts stand for roots of the system and of a bundle at once, so that
//! rules for public authorities are looked at, too.
#![allow(clippy::unwrap_used, clippy::panic)]

mod corpus;
mod deviations;

use std::time::Duration;

use jiff::Timestamp;
use ssl_monitor_operator::probe::{
    AddressPolicy, FaultKind, FindingSeverity, Host, Means, Presented, Prober, ProberSettings, Target, TrustStore,
    judge_pem, judge_pem_with_lists,
};
use tokio::{sync::OnceCell, task::JoinSet};
use xtask::farm::{ServerOptions, TlsServer};

use corpus::{Case, Class};
use deviations::{Deviation, Why};

/// Long enough never to matter.
const PATIENCE: Duration = Duration::from_mins(1);

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
    let lists = case.lists();
    if !lists.is_empty() {
        let presented = judge_by(&lists, &case, &host, &trust);
        return Outcome { result: result(presented.as_ref()), case, from_file: None, presented };
    }
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

/// The verdict where the case has revocation lists: they are at hand, and its certificate names no place to fetch them from.
fn judge_by(lists: &[Vec<u8>], case: &Case, host: &Host, trust: &TrustStore) -> Option<Presented> {
    let lists: Vec<&[u8]> = lists.iter().map(Vec::as_slice).collect();
    judge_pem_with_lists(case.chain_pem().as_bytes(), host, trust, case.now(), &lists).ok()
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
        assert!(class == Class::Lenient && matches!(why, Why::Lint | Why::Real), "{id} is {class:?}: {why:?}");
    }
    let stricter = listed.iter().filter(|row| row.why == Why::Stricter);
    assert!(stricter.clone().all(|row| row.ours == "FAILURE" && row.class == Class::Strict));
    assert_eq!(stricter.count(), listed.iter().filter(|row| row.ours == "FAILURE").count());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_accepted_against_the_corpus_is_warned_of() {
    let listed = deviations::all();
    for row in listed.iter().filter(|row| row.why != Why::Stricter) {
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
async fn where_webpki_agrees_with_the_corpus_so_does_every_verdict() {
    let agreed: Vec<&Outcome> = outcomes().await.iter().filter(|outcome| outcome.case.class == Class::Agree).collect();
    let deviating: Vec<&str> =
        agreed.iter().filter(|outcome| outcome.deviates()).map(|outcome| outcome.case.id.as_str()).collect();
    assert_eq!(deviating, [""; 0]);
    assert!(deviations::all().iter().all(|row| row.class != Class::Agree));
    assert_eq!(agreed.len(), 313);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revocation_list_is_judged_by_and_without_it_the_verdict_is_another() {
    let with_lists: Vec<&Outcome> =
        outcomes().await.iter().filter(|outcome| !outcome.case.lists().is_empty()).collect();
    let worst = |presented: &Presented| presented.verdict.worst().map(|fault| fault.kind);
    let told: Vec<(&str, Option<FaultKind>)> = with_lists
        .iter()
        .map(|outcome| (outcome.case.id.as_str(), worst(outcome.presented.as_ref().unwrap())))
        .collect();
    let expected = [
        ("crl::crlnumber-critical", Some(FaultKind::RevocationUnknown)),
        ("crl::issuer-no-keyusage-extension", None),
        ("crl::issuer-valid-crlsign-and-keycertsign", None),
        ("crl::revoked-certificate-with-crl", Some(FaultKind::Revoked)),
    ];
    assert_eq!(told, expected);
    for Outcome { case, .. } in with_lists {
        let trust = case.trust().unwrap();
        let unlisted = judge_pem(case.chain_pem().as_bytes(), &case.host(), &trust, case.now()).unwrap();
        assert_eq!(unlisted.verdict.faults, [], "{}", case.id);
        let without = judge_by(&[vec![0x30, 0]], case, &case.host(), &trust).unwrap();
        assert_eq!(worst(&without), Some(FaultKind::RevocationUnknown), "{}", case.id);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_chain_is_judged_alike_from_a_server_and_from_a_file() {
    let served: Vec<&Outcome> = outcomes().await.iter().filter(|outcome| outcome.from_file.is_some()).collect();
    for outcome in &served {
        assert_eq!(outcome.from_file, Some(outcome.result), "{}", outcome.case.id);
    }
    // All but seven of those with a key: four are judged by lists; nobody signs with P-192 or with RSA of 1024 bits, and a trusted certificate as large
    // as that of `pathological::nc-dos-2` is refused.
    assert_eq!((served.len(), outcomes().await.len()), (79, 340));
}
