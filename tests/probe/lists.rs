//! CRLs, fetched from real web servers: which count, what they do to the verdict, and that each is fetched once.

use futures::future::join_all;
use jiff::{SignedDuration, Timestamp};
use rcgen::{
    CertificateParams, CertificateRevocationListParams, CrlDistributionPoint, CrlIssuingDistributionPoint, CrlScope,
    KeyUsagePurpose, SerialNumber,
};
use ssl_monitor_operator::probe::{
    FaultKind, FindingKind, Means, Presented, Prober, Revocation, RevocationCheck, RevocationSource, RevocationState,
    Target, TrustStore, judge_pem_with_lists,
};
use xtask::farm::{Answer, AnswerFlaw, AnswerStatus, Authority, TlsServer};

use crate::support::{
    PATIENCE,
    crl::{DAY, INTERMEDIATE, LEAF, at, by_list, leaf, list, revoked, set_time, told},
    prober, serve, target, trust,
    web::{Page, Web},
};

/// An authority whose certificates name lists on a web server of its own.
struct Scene {
    web: Web,
    authority: Authority,
    server: TlsServer,
    trust: TrustStore,
    prober: Prober,
}

/// What to change before the scene is set.
#[derive(Default)]
struct Plot {
    /// Where the leaf's list is; `None` for `/leaf.crl` of the web server.
    urls: Option<Vec<String>>,
    /// Whether the intermediate names a list, `/ca.crl`.
    listed_intermediate: bool,
    /// What else to change of the intermediate.
    intermediate: Option<fn(&mut CertificateParams)>,
}

async fn scene() -> Scene {
    Scene::of(Plot::default()).await
}

impl Scene {
    async fn of(plot: Plot) -> Self {
        let web = Web::start().await;
        let authority = Authority::with("Farm", |params| {
            params.serial_number = Some(SerialNumber::from(INTERMEDIATE));
            if plot.listed_intermediate {
                params.crl_distribution_points = at(vec![web.url("/ca.crl")]);
            }
            plot.intermediate.into_iter().for_each(|change| change(params));
        });
        let urls = plot.urls.unwrap_or_else(|| vec![web.url("/leaf.crl")]);
        let server = serve(leaf(&authority, urls)).await;
        let trust = trust(&authority);
        Self { web, authority, server, trust, prober: prober() }
    }

    fn target(&self) -> Target {
        let mut target = target("a.test", self.server.address());
        target.revocation = RevocationCheck::Crl;
        target
    }

    async fn see(&self) -> Presented {
        self.see_as(&self.target(), Timestamp::now()).await
    }

    async fn see_as(&self, target: &Target, now: Timestamp) -> Presented {
        let seen = self.prober.probe(target, &Means::trusting(self.trust.clone()), PATIENCE, now).await;
        assert_eq!(seen.failure, None);
        seen.presented.unwrap()
    }

    /// Serve this list of the intermediate's.
    fn put(&self, list: &CertificateRevocationListParams) {
        self.web.put_body("/leaf.crl", &self.authority.list(list));
    }

    /// What is told when the list does not count, after `… has been revoked: `; the same with the state needed.
    async fn complaint(&self) -> String {
        let seen = self.see().await;
        let prefix = "it could not be found out whether the certificate has been revoked: the server stapled no OCSP \
                      answer, and ";
        let (faults, findings) = told(&seen);
        assert_eq!((faults, findings.len()), (vec![], 1), "{findings:?}");
        let (kind, detail) = findings[0];
        assert_eq!(kind, FindingKind::RevocationUnknown);
        let unknown = Revocation { state: RevocationState::Unknown, source: None };
        assert_eq!(seen.revocation, Some(unknown.clone()));
        let target = Target { needs_revocation_state: true, ..self.target() };
        let hard = self.see_as(&target, Timestamp::now()).await;
        assert_eq!(told(&hard), (vec![(FaultKind::RevocationUnknown, detail)], vec![]));
        assert_eq!(hard.revocation, Some(unknown));
        detail.strip_prefix(prefix).unwrap_or_else(|| panic!("{detail}")).to_owned()
    }
}

#[tokio::test]
async fn a_certificate_that_is_not_listed_has_not_been_revoked() {
    let scene = scene().await;
    scene.put(&list(&[LEAF + 1, 1, 0xffff]));
    let seen = scene.see().await;
    assert_eq!((told(&seen), seen.revocation.clone()), ((vec![], vec![]), Some(by_list(RevocationState::Good))));
    let place = scene.web.url("/leaf.crl");
    let host = place.strip_prefix("http://").unwrap().strip_suffix("/leaf.crl").unwrap();
    let head =
        format!("GET /leaf.crl HTTP/1.1\r\nhost: {host}\r\nuser-agent: sslmonitor/0.1.0\r\nconnection: close\r\n\r\n");
    assert_eq!(scene.web.heads(), [head]);
}

#[tokio::test]
async fn a_listed_certificate_has_been_revoked() {
    let scene = scene().await;
    scene.put(&list(&[1, LEAF, LEAF + 1]));
    let seen = scene.see().await;
    let fault = (FaultKind::Revoked, "the certificate was revoked at 2026-01-02T00:00:00Z: keyCompromise");
    assert_eq!((told(&seen), seen.revocation.clone()), ((vec![fault], vec![]), Some(by_list(revoked()))));
}

#[tokio::test]
async fn a_listed_intermediate_makes_the_certificate_invalid_and_is_named() {
    let scene = Scene::of(Plot { listed_intermediate: true, ..Plot::default() }).await;
    scene.put(&list(&[]));
    scene.web.put_body("/ca.crl", &scene.authority.list_by_root(&list(&[INTERMEDIATE])));
    let seen = scene.see().await;
    let detail = "the intermediate CN=Farm Intermediate was revoked at 2026-01-02T00:00:00Z: keyCompromise";
    assert_eq!(told(&seen), (vec![(FaultKind::Revoked, detail)], vec![]));
    assert_eq!(seen.revocation, Some(by_list(RevocationState::Good)));
}

#[tokio::test]
async fn an_intermediate_of_which_nothing_is_known_is_named_too() {
    let scene = Scene::of(Plot { listed_intermediate: true, ..Plot::default() }).await;
    scene.put(&list(&[]));
    // The leaf's issuer does not speak for itself.
    scene.web.put_body("/ca.crl", &scene.authority.list(&list(&[])));
    let detail = format!(
        "it could not be found out whether the intermediate CN=Farm Intermediate has been revoked: the list at {} is not by \
         the certificate's issuer",
        scene.web.url("/ca.crl")
    );
    assert_eq!(told(&scene.see().await), (vec![], vec![(FindingKind::RevocationUnknown, detail.as_str())]));
    let target = Target { needs_revocation_state: true, ..scene.target() };
    let seen = scene.see_as(&target, Timestamp::now()).await;
    assert_eq!(told(&seen), (vec![(FaultKind::RevocationUnknown, detail.as_str())], vec![]));
}

#[tokio::test]
async fn a_list_out_of_its_time_or_by_someone_else_does_not_count() {
    let now = Timestamp::from_second(Timestamp::now().as_second()).unwrap();
    let mut scene = scene().await;
    let at = |from, until| {
        let mut list = list(&[LEAF]);
        set_time(&mut list, from, until);
        scene.authority.list(&list)
    };
    let mut elsewhere = list(&[]);
    let distribution_point = CrlDistributionPoint { uris: vec!["http://c.test/other.crl".to_owned()] };
    elsewhere.issuing_distribution_point = Some(CrlIssuingDistributionPoint { distribution_point, scope: None });
    let table = [
        (at(now - DAY * 2, now - DAY), format!("is out of date since {}", now - DAY)),
        (at(now + DAY, now + DAY * 2), format!("is dated {}, in the future", now + DAY)),
        (Authority::new("Stranger").list(&list(&[LEAF])), "is not by the certificate's issuer".to_owned()),
        (Authority::new("Farm").list(&list(&[LEAF])), "has a wrong signature".to_owned()),
        (scene.authority.list(&elsewhere), "is another one of its issuer's".to_owned()),
        (b"-----BEGIN X509 CRL-----".to_vec(), "is not readable as a CRL".to_owned()),
    ];
    for (count, (list, expected)) in table.into_iter().enumerate() {
        scene.prober = prober();
        scene.web.put_body("/leaf.crl", &list);
        assert_eq!(scene.complaint().await, format!("the list at {} {expected}", scene.web.url("/leaf.crl")));
        assert_eq!(scene.web.paths().len(), count + 1, "once: also a failure is remembered");
    }
}

#[tokio::test]
async fn a_list_says_which_certificates_it_is_about() {
    for (scope, expected) in [
        (CrlScope::UserCertsOnly, None),
        (CrlScope::CaCertsOnly, Some("is for some kinds of certificates or reasons only")),
    ] {
        let scene = scene().await;
        let mut scoped = list(&[LEAF]);
        let distribution_point = CrlDistributionPoint { uris: vec![scene.web.url("/leaf.crl")] };
        scoped.issuing_distribution_point =
            Some(CrlIssuingDistributionPoint { distribution_point, scope: Some(scope) });
        scene.put(&scoped);
        match expected {
            None => assert_eq!(scene.see().await.revocation, Some(by_list(revoked()))),
            Some(text) => {
                assert_eq!(scene.complaint().await, format!("the list at {} {text}", scene.web.url("/leaf.crl")));
            }
        }
    }
}

#[tokio::test]
async fn a_list_that_cannot_be_fetched_is_no_list() {
    let huge = 16 * 1024 * 1024 + 1;
    let announced = format!("HTTP/1.1 200 OK\r\nContent-Length: {huge}\r\n\r\n").into_bytes();
    let unannounced = [b"HTTP/1.1 200 OK\r\n\r\n".to_vec(), vec![0; huge]].concat();
    for (page, expected) in [
        (None, "could not be fetched: the server answered 404"),
        (
            Some(b"HTTP/1.1 302 Found\r\nLocation: /other.crl\r\n\r\n".to_vec()),
            "could not be fetched: the server answered 302, and redirects are not followed",
        ),
        (Some(announced), "is longer than 16 MiB"),
        (Some(unannounced), "is longer than 16 MiB"),
        (
            Some(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nshort".to_vec()),
            "could not be fetched: the server does not speak HTTP, or broke off",
        ),
        (
            Some(b"220 mail.test ESMTP\r\n".to_vec()),
            "could not be fetched: the server does not speak HTTP, or broke off",
        ),
        (
            Some([b"HTTP/1.1 200 OK\r\nX: ".to_vec(), vec![b'x'; 64 * 1024]].concat()),
            "could not be fetched: the server does not speak HTTP, or broke off",
        ),
    ] {
        let scene = scene().await;
        scene.web.put("/other.crl", Page::Raw(scene.authority.list(&list(&[]))));
        if let Some(page) = page {
            scene.web.put("/leaf.crl", Page::Raw(page));
        }
        assert_eq!(scene.complaint().await, format!("the list at {} {expected}", scene.web.url("/leaf.crl")));
        assert_eq!(scene.web.paths(), ["/leaf.crl"]);
    }
}

#[tokio::test]
async fn only_allowed_places_are_asked() {
    for (url, expected) in [
        (
            "http://169.254.169.254/latest",
            "the list at http://169.254.169.254/latest may not be fetched: 169.254.169.254 is the address of a cloud \
             metadata service",
        ),
        (
            "http://[::ffff:169.254.1.1]/a",
            "the list at http://[::ffff:169.254.1.1]/a may not be fetched: ::ffff:169.254.1.1 stands for 169.254.1.1, which \
             is a link-local address",
        ),
        ("http://user@c.test/", "the list at http://user@c.test/ has no http URL with a host"),
        ("https://c.test/a", "the certificate names no CRL that can be fetched by http"),
        ("ldap://c.test/a", "the certificate names no CRL that can be fetched by http"),
    ] {
        let scene = Scene::of(Plot { urls: Some(vec![url.to_owned()]), ..Plot::default() }).await;
        assert_eq!(scene.complaint().await, expected);
    }
    let scene = Scene::of(Plot { urls: Some(vec![]), ..Plot::default() }).await;
    assert_eq!(scene.complaint().await, "the certificate names no CRL that can be fetched by http");
}

#[tokio::test]
async fn an_issuer_that_may_not_sign_lists_is_not_asked() {
    let change = |params: &mut CertificateParams| params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    let scene = Scene::of(Plot { intermediate: Some(change), ..Plot::default() }).await;
    let expected = "the key usage of the certificate's issuer does not allow it to sign CRLs";
    assert_eq!(scene.complaint().await, expected);
    assert_eq!(scene.web.paths(), [""; 0]);
}

#[tokio::test]
async fn the_next_place_is_asked_when_one_fails() {
    let web = Web::start().await;
    let urls = ["/gone.crl", "/leaf.crl", "/spare.crl"].map(|path| web.url(path));
    let scene = Scene::of(Plot { urls: Some(urls.to_vec()), ..Plot::default() }).await;
    web.put_body("/leaf.crl", &scene.authority.list(&list(&[LEAF])));
    assert_eq!(scene.see().await.revocation, Some(by_list(revoked())));
    assert_eq!(web.paths(), ["/gone.crl", "/leaf.crl"]);
}

#[tokio::test]
async fn nothing_is_fetched_for_a_chain_that_is_not_trusted_nor_unless_it_is_asked_for() {
    let mut scene = scene().await;
    scene.put(&list(&[LEAF]));
    for check in [RevocationCheck::None, RevocationCheck::Staple] {
        let target = Target { revocation: check, ..scene.target() };
        let seen = scene.see_as(&target, Timestamp::now()).await;
        assert_eq!((told(&seen), seen.revocation.clone()), ((vec![], vec![]), None));
    }
    scene.trust = trust(&Authority::new("Other"));
    let seen = scene.see().await;
    let detail = "it could not be found out whether the certificate has been revoked: the server stapled no OCSP answer, \
                  and no path to a trusted certificate could be verified, so that its CRLs are not fetched";
    assert_eq!(told(&seen).1, [(FindingKind::RevocationUnknown, detail)]);
    assert_eq!(seen.verdict.faults.iter().map(|fault| fault.kind).collect::<Vec<_>>(), [FaultKind::UnknownIssuer]);
    assert_eq!(scene.web.paths(), [""; 0]);
}

#[tokio::test]
async fn of_staple_and_list_the_worse_counts() {
    let at = "2026-01-02T00:00:00Z".parse().unwrap();
    let good = Answer::new(AnswerStatus::Good);
    let bad = Answer::new(AnswerStatus::Revoked { at, reason: Some(1) });
    let forged = Answer { flaw: Some(AnswerFlaw::Forged), ..good.clone() };
    for (answer, listed, state, source) in [
        (&good, &[][..], RevocationState::Good, RevocationSource::Staple),
        (&good, &[LEAF][..], revoked(), RevocationSource::Crl),
        (&bad, &[][..], revoked(), RevocationSource::Staple),
        (&bad, &[LEAF][..], revoked(), RevocationSource::Staple),
        (&forged, &[][..], RevocationState::Good, RevocationSource::Crl),
        (&forged, &[LEAF][..], revoked(), RevocationSource::Crl),
    ] {
        let scene = scene().await;
        scene.put(&list(listed));
        let issued = leaf(&scene.authority, vec![scene.web.url("/leaf.crl")]);
        let staple = scene.authority.answer(&issued.chain[0], answer);
        scene.server.serve(issued.stapled(staple));
        let seen = scene.see().await;
        assert_eq!(seen.revocation, Some(Revocation { state, source: Some(source) }));
        let findings: Vec<_> = seen.findings.iter().map(|finding| finding.kind).collect();
        assert_eq!(findings, if answer.flaw.is_some() { vec![FindingKind::StapleInvalid] } else { vec![] });
    }
    // What the list lacks does not matter when the staple is good.
    let scene = scene().await;
    let issued = leaf(&scene.authority, vec![]);
    let staple = scene.authority.answer(&issued.chain[0], &good);
    scene.server.serve(issued.stapled(staple));
    assert_eq!(told(&scene.see().await), (vec![], vec![]));
}

#[tokio::test]
async fn a_list_is_fetched_once_while_it_counts_and_anew_when_it_does_not() {
    let scene = scene().await;
    let target = scene.target();
    let now = Timestamp::now();
    scene.put(&list(&[]));
    for _ in 0..2 {
        assert_eq!(scene.see_as(&target, now).await.revocation, Some(by_list(RevocationState::Good)));
    }
    assert_eq!(scene.web.paths(), ["/leaf.crl"]);
    let mut next = list(&[LEAF]);
    set_time(&mut next, now + DAY, now + DAY * 9);
    scene.put(&next);
    let later = now + DAY + DAY / 24;
    assert_eq!(scene.see_as(&target, later).await.revocation, Some(by_list(revoked())));
    assert_eq!(scene.see_as(&target, later + DAY / 24).await.revocation, Some(by_list(revoked())));
    assert_eq!(scene.web.paths(), ["/leaf.crl"; 2]);
    // After a day a list is fetched anew, although it counts; where that fails, the old one goes on counting.
    scene.web.put_body("/leaf.crl", b"gone");
    let tomorrow = later + DAY * 2;
    for _ in 0..2 {
        assert_eq!(scene.see_as(&target, tomorrow).await.revocation, Some(by_list(revoked())));
    }
    assert_eq!(scene.web.paths(), ["/leaf.crl"; 3]);
}

#[tokio::test]
async fn after_a_failure_a_place_is_left_alone_for_five_minutes() {
    let scene = scene().await;
    let target = scene.target();
    let now = Timestamp::now();
    for seconds in [0, 1, 299] {
        let seen = scene.see_as(&target, now + SignedDuration::from_secs(seconds)).await;
        assert_eq!(seen.revocation.unwrap().state, RevocationState::Unknown);
    }
    assert_eq!(scene.web.paths(), ["/leaf.crl"]);
    scene.put(&list(&[]));
    let seen = scene.see_as(&target, now + SignedDuration::from_secs(300)).await;
    assert_eq!(seen.revocation, Some(by_list(RevocationState::Good)));
    assert_eq!(scene.web.paths(), ["/leaf.crl"; 2]);
}

#[tokio::test]
async fn many_probes_at_once_fetch_a_list_once() {
    let scene = scene().await;
    scene.put(&list(&[LEAF]));
    for seen in join_all((0..16).map(|_| scene.see())).await {
        assert_eq!(seen.revocation, Some(by_list(revoked())));
    }
    assert_eq!(scene.web.paths(), ["/leaf.crl"]);
}

#[tokio::test]
async fn a_silent_web_server_costs_the_probe_no_more_than_its_time_and_spoils_nothing() {
    let scene = scene().await;
    scene.web.put("/leaf.crl", Page::Silence);
    let (target, means) = (scene.target(), Means::trusting(scene.trust.clone()));
    let limit = std::time::Duration::from_secs(2);
    let seen = scene.prober.probe(&target, &means, limit, Timestamp::now()).await;
    assert!(seen.timings.total >= limit && seen.timings.total < PATIENCE);
    assert_eq!(seen.failure, None);
    let detail = format!(
        "it could not be found out whether the certificate has been revoked: the server stapled no OCSP answer, and the \
         list at {} was not fetched in time",
        scene.web.url("/leaf.crl")
    );
    assert_eq!(told(&seen.presented.unwrap()), (vec![], vec![(FindingKind::RevocationUnknown, detail.as_str())]));
    // It had less time than a list may take: the next one tries again.
    scene.put(&list(&[]));
    assert_eq!(scene.see().await.revocation, Some(by_list(RevocationState::Good)));
}

#[test]
fn a_chain_from_a_file_is_judged_by_lists_at_hand() {
    let authority = Authority::with("Farm", |params| params.serial_number = Some(SerialNumber::from(INTERMEDIATE)));
    let (pem, name) = (leaf(&authority, vec![]).chain_pem(), "a.test".parse().unwrap());
    let by_root = |serials: &[u64]| authority.list_by_root(&list(serials));
    let good = authority.list(&list(&[]));
    let bad = authority.list(&list(&[LEAF]));
    let (namesake, trust) = (Authority::new("Farm").list(&list(&[])), trust(&authority));
    let prefix =
        "it could not be found out whether the certificate has been revoked: the server stapled no OCSP answer, and ";
    let unknown = |why: &str| vec![(FaultKind::RevocationUnknown, format!("{prefix}{why}"))];
    let revoked =
        |who: &str| vec![(FaultKind::Revoked, format!("the {who} was revoked at 2026-01-02T00:00:00Z: keyCompromise"))];
    for (lists, expected) in [
        (vec![&by_root(&[LEAF]), &good], vec![]),
        (vec![&good, &by_root(&[INTERMEDIATE])], revoked("intermediate CN=Farm Intermediate")),
        (vec![&bad], revoked("certificate")),
        (vec![&namesake, &bad, &good, &namesake], revoked("certificate")),
        (vec![&namesake], unknown("a CRL has a wrong signature")),
        (vec![&by_root(&[])], unknown("none of the CRLs is about it")),
        (vec![], unknown("none of the CRLs is about it")),
    ] {
        let lists: Vec<&[u8]> = lists.into_iter().map(Vec::as_slice).collect();
        let seen = judge_pem_with_lists(pem.as_bytes(), &name, &trust, Timestamp::now(), &lists).unwrap();
        let faults: Vec<_> = seen.verdict.faults.into_iter().map(|fault| (fault.kind, fault.detail)).collect();
        assert_eq!((faults, seen.findings), (expected, vec![]));
    }
}
