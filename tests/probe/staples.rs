//! Stapled OCSP answers over real handshakes: which count, and what they do to the verdict.

use std::{fs, process::Command};

use jiff::{SignedDuration, Timestamp};
use rcgen::{ExtendedKeyUsagePurpose, IsCa, KeyPair};
use ssl_monitor_operator::probe::{
    FaultKind, FindingKind, Means, Observation, Presented, Revocation, RevocationCheck, RevocationSource,
    RevocationState, Target, TrustStore,
};
use tempfile::TempDir;
use xtask::farm::{Answer, AnswerFlaw, AnswerStatus, Authority, Issued, Leaf, ServerOptions, pem};

use crate::support::{PATIENCE, faults, prober, serve, serve_with, target, trust};

const HOUR: SignedDuration = SignedDuration::from_hours(1);
const DAY: SignedDuration = SignedDuration::from_hours(24);
const GOOD: AnswerStatus = AnswerStatus::Good;

/// An authority and a leaf of its for `a.test`.
fn cast() -> (Authority, Issued) {
    let authority = Authority::new("Farm");
    let issued = authority.issue(&Leaf::new(["a.test"]));
    (authority, issued)
}

fn revoked() -> AnswerStatus {
    AnswerStatus::Revoked { at: "2026-01-02T03:04:05Z".parse().unwrap(), reason: Some(1) }
}

/// What is seen of a server with this answer stapled, and what it is asked for changed.
async fn see(
    issued: &Issued,
    staple: Option<Vec<u8>>,
    trust: &TrustStore,
    change: impl FnOnce(&mut Target),
) -> Presented {
    let server = serve(Issued { staple, ..issued.clone() }).await;
    let mut target = target("a.test", server.address());
    target.revocation = RevocationCheck::Staple;
    change(&mut target);
    let seen = prober().probe(&target, &Means::trusting(trust.clone()), PATIENCE, Timestamp::now()).await;
    presented(seen)
}

fn presented(seen: Observation) -> Presented {
    assert_eq!(seen.failure, None);
    seen.presented.unwrap()
}

/// What is told of a staple that does not count.
async fn complaint(authority: &Authority, issued: &Issued, staple: Vec<u8>) -> String {
    let seen = see(issued, Some(staple), &trust(authority), |_| {}).await;
    let unknown = Revocation { state: RevocationState::Unknown, source: None };
    assert_eq!((seen.verdict.faults, seen.revocation), (vec![], Some(unknown)));
    let kinds: Vec<_> = seen.findings.iter().map(|finding| finding.kind).collect();
    // What does not belong into the chain is told, too.
    let is_spare = issued.chain.len() > 2;
    let spare: &[_] = if is_spare { &[FindingKind::ChainOrder, FindingKind::Superfluous] } else { &[] };
    assert_eq!(kinds, [&[FindingKind::StapleInvalid, FindingKind::RevocationUnknown], spare].concat());
    let expected = "it could not be found out whether the certificate has been revoked: the OCSP answer that the server \
                    stapled is not valid";
    assert_eq!(seen.findings[1].detail, expected);
    seen.findings[0].detail.clone()
}

fn known(state: RevocationState) -> Revocation {
    Revocation { state, source: Some(RevocationSource::Staple) }
}

#[tokio::test]
async fn a_good_staple_says_that_the_certificate_has_not_been_revoked() {
    let (authority, issued) = cast();
    let leaf = &issued.chain[0];
    for answer in [
        Answer::new(GOOD),
        Answer { sha256: true, ..Answer::new(GOOD) },
        Answer { by_key: true, ..Answer::new(GOOD) },
        Answer { next_update: None, this_update: Timestamp::now() - DAY * 9, ..Answer::new(GOOD) },
        Answer { this_update: Timestamp::now() + HOUR / 15, ..Answer::new(GOOD) },
    ] {
        let staple = authority.answer(leaf, &answer);
        let seen = see(&issued, Some(staple), &trust(&authority), |target| target.needs_revocation_state = true).await;
        assert_eq!((seen.verdict.faults, seen.findings), (vec![], vec![]), "{answer:?}");
        assert_eq!(seen.revocation, Some(known(RevocationState::Good)));
    }
}

#[tokio::test]
async fn a_staple_that_says_revoked_makes_the_certificate_invalid_with_date_and_reason() {
    let (authority, issued) = cast();
    let at: Timestamp = "2026-01-02T03:04:05Z".parse().unwrap();
    for (number, reason, text) in [
        (Some(1), Some("keyCompromise"), "the certificate was revoked at 2026-01-02T03:04:05Z: keyCompromise"),
        (Some(6), Some("certificateHold"), "the certificate was revoked at 2026-01-02T03:04:05Z: certificateHold"),
        (None, None, "the certificate was revoked at 2026-01-02T03:04:05Z; no reason was given"),
        (Some(99), None, "the certificate was revoked at 2026-01-02T03:04:05Z; no reason was given"),
    ] {
        let answer = Answer::new(AnswerStatus::Revoked { at, reason: number });
        let staple = authority.answer(&issued.chain[0], &answer);
        let seen = see(&issued, Some(staple), &trust(&authority), |_| {}).await;
        let told: Vec<_> = seen.verdict.faults.iter().map(|fault| (fault.kind, fault.detail.as_str())).collect();
        assert_eq!(told, [(FaultKind::Revoked, text)]);
        assert_eq!((seen.findings, seen.revocation), (vec![], Some(known(RevocationState::Revoked { at, reason }))));
    }
}

#[tokio::test]
async fn tls_1_2_staples_too() {
    let (authority, issued) = cast();
    let staple = authority.answer(&issued.chain[0], &Answer::new(revoked()));
    let server = serve_with(issued.stapled(staple), ServerOptions::default().tls12()).await;
    let mut target = target("a.test", server.address());
    target.revocation = RevocationCheck::Staple;
    let seen = prober().probe(&target, &Means::trusting(trust(&authority)), PATIENCE, Timestamp::now()).await;
    assert_eq!(faults(&seen), [FaultKind::Revoked]);
}

#[tokio::test]
async fn revoked_goes_before_expired_and_both_are_told() {
    let authority = Authority::new("Farm");
    let issued = authority.issue(&Leaf::new(["a.test"]).expired());
    let staple = authority.answer(&issued.chain[0], &Answer::new(revoked()));
    let seen = see(&issued, Some(staple), &trust(&authority), |_| {}).await;
    let kinds: Vec<_> = seen.verdict.faults.iter().map(|fault| fault.kind).collect();
    assert_eq!(kinds, [FaultKind::Revoked, FaultKind::Expired]);
}

#[tokio::test]
async fn the_issuer_need_not_be_sent_when_it_is_trusted() {
    let authority = Authority::new("Farm");
    let issued = authority.issue_without_intermediate(&Leaf::new(["a.test"]));
    let staple = authority.answer(&issued.chain[0], &Answer::new(revoked()));
    let trusted = TrustStore::new(None, Some(pem(&[authority.intermediate()]).as_bytes())).unwrap();
    let seen = see(&issued, Some(staple.clone()), &trusted, |_| {}).await;
    assert_eq!(seen.verdict.worst().map(|fault| fault.kind), Some(FaultKind::Revoked));
    let seen = see(&issued, Some(staple), &trust(&authority), |_| {}).await;
    let unknown = "the stapled OCSP answer cannot be verified: the certificate's issuer was not sent and is not among the \
                   trusted certificates";
    assert_eq!(seen.findings[0].detail, unknown);
}

#[tokio::test]
async fn an_answer_out_of_its_time_does_not_count() {
    let (authority, issued) = cast();
    let now = Timestamp::from_second(Timestamp::now().as_second()).unwrap();
    let about = |from, until| {
        authority.answer(&issued.chain[0], &Answer { this_update: from, next_update: until, ..Answer::new(revoked()) })
    };
    let told = complaint(&authority, &issued, about(now - DAY * 8, Some(now - HOUR))).await;
    assert_eq!(told, format!("the stapled OCSP answer is out of date since {}", now - HOUR));
    let told = complaint(&authority, &issued, about(now - DAY * 11, None)).await;
    assert_eq!(told, format!("the stapled OCSP answer is out of date since {}", now - DAY));
    let told = complaint(&authority, &issued, about(now + HOUR, Some(now + DAY))).await;
    assert_eq!(told, format!("the stapled OCSP answer is dated {}, in the future", now + HOUR));
}

#[tokio::test]
async fn an_answer_about_another_certificate_does_not_count() {
    let (authority, issued) = cast();
    let expected = "the stapled OCSP answer is about another certificate";
    let other_serial = Answer { serial: Some(vec![7]), ..Answer::new(revoked()) };
    let staple = authority.answer(&issued.chain[0], &other_serial);
    assert_eq!(complaint(&authority, &issued, staple).await, expected);
    // The same number of another authority of the same name.
    let staple = Authority::new("Farm").answer(&issued.chain[0], &Answer::new(revoked()));
    assert_eq!(complaint(&authority, &issued, staple).await, expected);
}

#[tokio::test]
async fn an_answer_with_a_wrong_signature_does_not_count() {
    let (authority, issued) = cast();
    let staple =
        authority.answer(&issued.chain[0], &Answer { flaw: Some(AnswerFlaw::Forged), ..Answer::new(revoked()) });
    let told = complaint(&authority, &issued, staple).await;
    assert_eq!(told, "the stapled OCSP answer has a wrong signature");
}

#[tokio::test]
async fn an_answer_that_is_none_does_not_count() {
    let (authority, issued) = cast();
    let answer = |answer: Answer| authority.answer(&issued.chain[0], &answer);
    let told = complaint(&authority, &issued, answer(Answer::new(AnswerStatus::Unknown))).await;
    assert_eq!(told, "the stapled OCSP answer says that the responder does not know the certificate");
    let told =
        complaint(&authority, &issued, answer(Answer { flaw: Some(AnswerFlaw::Critical), ..Answer::new(GOOD) })).await;
    assert_eq!(told, "the stapled OCSP answer has a critical extension that is not understood");
    let told = complaint(&authority, &issued, vec![0x30, 3, 0x0a, 1, 3]).await;
    assert_eq!(told, "the stapled OCSP answer is the responder's error \"try later\"");
    let told = complaint(&authority, &issued, b"HTTP/1.1 200 OK".to_vec()).await;
    assert_eq!(told, "the stapled OCSP answer is not readable");
    let mut trailing = answer(Answer::new(GOOD));
    trailing.push(0);
    let told = complaint(&authority, &issued, trailing).await;
    assert_eq!(told, "the stapled OCSP answer is not readable");
}

/// A responder with a certificate of the authority's for these purposes, valid between these days from now.
fn delegate(authority: &Authority, purposes: &[ExtendedKeyUsagePurpose], days: [i32; 2]) -> Issued {
    let now = Timestamp::now();
    let mut params = Leaf::new(["ocsp.farm.test"]).valid(now + DAY * days[0], now + DAY * days[1]).params();
    params.extended_key_usages = purposes.to_vec();
    params.is_ca = IsCa::NoCa;
    authority.issue_from(&params, &KeyPair::generate().unwrap())
}

#[tokio::test]
async fn a_delegate_may_answer_when_the_issuer_says_so_and_while_its_certificate_is_valid() {
    let (authority, issued) = cast();
    let leaf = &issued.chain[0];
    let signing = [ExtendedKeyUsagePurpose::OcspSigning];
    let good = delegate(&authority, &signing, [-1, 1]);
    for answer in [Answer::new(revoked()), Answer { by_key: true, ..Answer::new(revoked()) }] {
        let seen = see(&issued, Some(authority.answer_by(&good, leaf, &answer)), &trust(&authority), |_| {}).await;
        assert_eq!(seen.verdict.worst().map(|fault| fault.kind), Some(FaultKind::Revoked));
    }
    let forged = Answer { flaw: Some(AnswerFlaw::Forged), ..Answer::new(revoked()) };
    let told = complaint(&authority, &issued, authority.answer_by(&good, leaf, &forged)).await;
    assert_eq!(told, "the stapled OCSP answer has a wrong signature");
    let stranger = Authority::new("Farm");
    for bad in [
        delegate(&authority, &[ExtendedKeyUsagePurpose::ServerAuth], [-1, 1]),
        delegate(&authority, &[], [-1, 1]),
        delegate(&authority, &signing, [-2, -1]),
        delegate(&authority, &signing, [1, 2]),
        delegate(&stranger, &signing, [-1, 1]),
    ] {
        let staple = authority.answer_by(&bad, leaf, &Answer::new(revoked()));
        let told = complaint(&authority, &issued, staple).await;
        let expected = "the stapled OCSP answer is not signed by the certificate's issuer, nor by anyone whom the issuer \
                        allows to answer";
        assert_eq!(told, expected);
    }
}

#[tokio::test]
async fn nobody_vouches_for_a_certificate_by_an_issuer_of_the_same_name() {
    let (authority, mut issued) = cast();
    let impostor = Authority::new("Farm");
    issued.chain.insert(1, impostor.intermediate());
    let staple = impostor.answer(&issued.chain[0], &Answer::new(GOOD));
    let told = complaint(&authority, &issued, staple).await;
    assert_eq!(told, "the stapled OCSP answer is about another certificate");
}

#[tokio::test]
async fn no_staple_is_worth_a_word_only_where_the_state_is_needed() {
    let (authority, issued) = cast();
    let seen = see(&issued, None, &trust(&authority), |_| {}).await;
    assert_eq!((seen.verdict.faults, seen.findings, seen.revocation), (vec![], vec![], None));

    let seen = see(&issued, None, &trust(&authority), |target| target.needs_revocation_state = true).await;
    let told: Vec<_> = seen.verdict.faults.iter().map(|fault| (fault.kind, fault.detail.as_str())).collect();
    let expected =
        "it could not be found out whether the certificate has been revoked: the server stapled no OCSP answer";
    assert_eq!(told, [(FaultKind::RevocationUnknown, expected)]);
    let unknown = Revocation { state: RevocationState::Unknown, source: None };
    assert_eq!((seen.findings, seen.revocation), (vec![], Some(unknown)));

    let forged = authority.answer(&issued.chain[0], &Answer { flaw: Some(AnswerFlaw::Forged), ..Answer::new(GOOD) });
    let seen = see(&issued, Some(forged), &trust(&authority), |target| target.needs_revocation_state = true).await;
    assert_eq!(seen.verdict.worst().map(|fault| fault.kind), Some(FaultKind::RevocationUnknown));
    let kinds: Vec<_> = seen.findings.iter().map(|finding| finding.kind).collect();
    assert_eq!(kinds, [FindingKind::StapleInvalid]);
}

#[tokio::test]
async fn nothing_is_looked_at_unless_it_is_asked_for_and_a_pinned_leaf_is_above_it() {
    let (authority, issued) = cast();
    let staple = authority.answer(&issued.chain[0], &Answer::new(revoked()));
    let nothing = |target: &mut Target| {
        target.revocation = RevocationCheck::None;
        target.needs_revocation_state = true;
    };
    let seen = see(&issued, Some(staple.clone()), &trust(&authority), nothing).await;
    assert_eq!((seen.verdict.faults, seen.findings, seen.revocation), (vec![], vec![], None));

    let pinned = TrustStore::new(None, Some(pem(&issued.chain[..1]).as_bytes())).unwrap();
    let seen = see(&issued, Some(staple), &pinned, |target| target.needs_revocation_state = true).await;
    assert_eq!((seen.verdict.faults, seen.revocation), (vec![], None));
}

/// Not our own writing: what `openssl ocsp` answers counts, too, also when it signs with RSA and SHA-512, and not with SHA-1.
#[tokio::test]
async fn answers_of_openssl_count_unless_they_are_signed_with_sha_1() {
    let place = tempfile::tempdir().unwrap();
    let authority = Authority::new("Farm");
    let issued = authority.issue(&Leaf::new(["a.test"]));
    let mut params = Leaf::new(["ocsp.farm.test"]).rsa().params();
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::OcspSigning];
    let key = Leaf::new(["ocsp.farm.test"]).rsa().key();
    let responder = authority.issue_from(&params, &key);
    let file = |name: &str, text: &str| fs::write(place.path().join(name), text).unwrap();
    file("leaf.pem", &pem(&issued.chain[..1]));
    file("ca.pem", &pem(&[authority.intermediate()]));
    file("responder.pem", &pem(&responder.chain[..1]));
    file("responder.key", &key.serialize_pem());
    let serial = issued_serial(&place, "leaf.pem");
    file("index", &format!("R\t351231235959Z\t260102030405Z,keyCompromise\t{serial}\tunknown\t/CN=a.test\n"));
    for (digest, counts) in [("sha256", true), ("sha384", true), ("sha512", true), ("sha1", false)] {
        openssl(&place, &["ocsp", "-issuer", "ca.pem", "-cert", "leaf.pem", "-reqout", "request", "-no_nonce"]);
        let answer =
            ["ocsp", "-index", "index", "-CA", "ca.pem", "-rsigner", "responder.pem", "-rkey", "responder.key"];
        let rest = ["-reqin", "request", "-respout", "answer", "-ndays", "1", "-rmd", digest];
        openssl(&place, &[&answer[..], &rest].concat());
        let staple = fs::read(place.path().join("answer")).unwrap();
        if counts {
            let seen = see(&issued, Some(staple), &trust(&authority), |_| {}).await;
            let at = "2026-01-02T03:04:05Z".parse().unwrap();
            assert_eq!(seen.revocation, Some(known(RevocationState::Revoked { at, reason: Some("keyCompromise") })));
        } else {
            let told = complaint(&authority, &issued, staple).await;
            assert_eq!(told, "the stapled OCSP answer has a wrong signature");
        }
    }
}

fn issued_serial(place: &TempDir, file: &str) -> String {
    let told = openssl(place, &["x509", "-in", file, "-noout", "-serial"]);
    told.trim().strip_prefix("serial=").unwrap().to_owned()
}

fn openssl(place: &TempDir, arguments: &[&str]) -> String {
    let output = Command::new("openssl").args(arguments).current_dir(place.path()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}
